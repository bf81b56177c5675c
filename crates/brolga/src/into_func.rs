//! Which closures can become host functions.

use crate::host_call::HostFunc;
use crate::wasm_ty::for_each_arity;
use crate::{Caller, Engine, Result, WasmRet, WasmTy};

/// A closure that can become a function of stores with data `T`: see
/// [`Func::wrap`](crate::Func::wrap). `Params` and `Results` keep closures with and without a
/// [`Caller`] apart.
pub trait IntoFunc<T, Params, Results>: Send + Sync + 'static {
    #[doc(hidden)]
    fn into_func(self, engine: &Engine) -> Result<HostFunc<T>>;
}

macro_rules! closures {
    ($($param:ident)*) => {
        #[allow(non_snake_case, reason = "variables are named for their types")]
        impl<T, F, $($param,)* R> IntoFunc<T, ($($param,)*), R> for F
        where
            T: 'static,
            F: Fn($($param),*) -> R + Send + Sync + 'static,
            $($param: WasmTy + 'static,)*
            R: WasmRet + 'static,
        {
            fn into_func(self, engine: &Engine) -> Result<HostFunc<T>> {
                HostFunc::wrap(engine, move |_: Caller<'_, T>, ($($param,)*): ($($param,)*)| {
                    self($($param),*)
                })
            }
        }

        #[allow(non_snake_case, reason = "variables are named for their types")]
        impl<T, F, $($param,)* R> IntoFunc<T, (Caller<'_, T>, $($param,)*), R> for F
        where
            T: 'static,
            F: Fn(Caller<'_, T>, $($param),*) -> R + Send + Sync + 'static,
            $($param: WasmTy + 'static,)*
            R: WasmRet + 'static,
        {
            fn into_func(self, engine: &Engine) -> Result<HostFunc<T>> {
                HostFunc::wrap(engine, move |caller: Caller<'_, T>, ($($param,)*): ($($param,)*)| {
                    self(caller, $($param),*)
                })
            }
        }
    };
}

for_each_arity!(closures);
