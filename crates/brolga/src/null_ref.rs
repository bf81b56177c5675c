//! Types that nothing is of, so that references to them are null: `Option<NoFunc>`,
//! `Option<NoExtern>`.

use core::convert::Infallible;

use crate::{Ref, Val};

macro_rules! nothing {
    ($($name:ident $variant:ident $val:ident $what:literal $wasm:literal;)*) => {$(
        #[doc = concat!("No ", $what, ". `Option<", stringify!($name), ">` stands for `", $wasm, "`, of which")]
        /// there is null only. It can be passed where the function takes any reference of its kind.
        ///
        /// ```
        /// # use brolga::*;
        /// # fn main() -> Result<()> {
        /// let mut store = Store::new(&Engine::default(), ());
        #[doc = concat!("let ty = FuncType::new(store.engine(), [ValType::from(Ref::null(&HeapType::",
            stringify!($variant), ").ty(&store)?)], []);")]
        /// let func = Func::new(&mut store, ty, |_, params, _| {
        ///     assert!(params[0].ref_().is_some_and(|it| it.is_null()));
        ///     Ok(())
        /// });
        #[doc = concat!("func.typed::<Option<", stringify!($name), ">, ()>(&store)?.call(&mut store, ",
            stringify!($name), "::null())?;")]
        /// # Ok(())
        /// # }
        /// ```
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub struct $name {
            never: Infallible,
        }

        impl $name {
            /// Null.
            pub fn null() -> Option<$name> {
                None
            }

            /// Null, as a [`Ref`].
            pub fn null_ref() -> Ref {
                Ref::$variant(None)
            }

            /// Null, as a [`Val`].
            pub fn null_val() -> Val {
                Val::$val(None)
            }

            /// Nobody has one to call this with.
            pub(crate) fn never(self) -> ! {
                match self.never {}
            }
        }
    )*};
}

nothing! {
    NoFunc Func FuncRef "function" "nullfuncref";
    NoExtern Extern ExternRef "host object" "nullexternref";
}
