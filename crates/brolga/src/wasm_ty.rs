//! Rust types that stand for WebAssembly types: one at a time, as parameters, as results.
//!
//! | Rust | WebAssembly |
//! |---|---|
//! | `i32`, `u32` | `i32` |
//! | `i64`, `u64` | `i64` |
//! | `f32`, `f64` | `f32`, `f64` |
//! | [`V128`] | `v128` |
//! | [`Func`], `Option<Func>` | `(ref func)`, `funcref` |
//! | [`Rooted<ExternRef>`](Rooted), `Option<Rooted<ExternRef>>` | `(ref extern)`, `externref` |
//! | [`OwnedRooted<ExternRef>`](OwnedRooted), `Option<OwnedRooted<ExternRef>>` | the same |
//! | `Option<NoFunc>`, `Option<NoExtern>` | `nullfuncref`, `nullexternref` |
//!
//! **Invariants**
//! - A type takes from the slots and puts there what its `valtype` says: `SLOTS` of them.
//! - The traits are sealed, so the rows above are all there are.

use brolga_module as module;
use brolga_runtime::Value;

use crate::host_call::Slots;
use crate::{
    Error, ExternRef, Func, HeapType, NoExtern, NoFunc, OwnedRooted, RefType, Result, Rooted, V128,
    ValType,
};

mod sealed {
    pub trait Sealed {}
    /// Which registers a value travels in.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub enum Class {
        Int,
        Float,
        Vector,
    }
}

pub use sealed::Class;
use sealed::Sealed;

/// A Rust type that stands for a WebAssembly type. See the table of types in the
/// documentation of [`Func::wrap`].
pub trait WasmTy: Send + Sealed {
    /// The type it stands for.
    #[doc(hidden)]
    fn valtype() -> ValType;
    #[doc(hidden)]
    const SLOTS: usize;
    #[doc(hidden)]
    const CLASS: Class;
    /// What it travels as between wasm and host functions where it is a number; nothing otherwise.
    #[doc(hidden)]
    type Register: Copy + 'static;
    #[doc(hidden)]
    const IS_NUMBER: bool;
    /// Whether it keeps an object, which `store` uses up.
    #[doc(hidden)]
    const OWNS: bool = false;
    #[doc(hidden)]
    fn load(slots: &mut Slots<'_>) -> Self;
    #[doc(hidden)]
    fn store(self, slots: &mut Slots<'_>) -> Result<()>;
    #[doc(hidden)]
    fn from_register(register: Self::Register) -> Self;
    #[doc(hidden)]
    fn into_register(self) -> Self::Register;
}

/// What can be passed to a [`TypedFunc`](crate::TypedFunc): one value, or a tuple of up to 16.
pub trait WasmParams: Send + Sealed {
    #[doc(hidden)]
    const SLOTS: usize;
    #[doc(hidden)]
    const CLASSES: &'static [Class];
    /// Whether one of them [does](WasmTy::OWNS).
    #[doc(hidden)]
    const OWNS: bool;
    #[doc(hidden)]
    fn valtypes() -> Vec<ValType>;
    #[doc(hidden)]
    fn store(self, slots: &mut Slots<'_>) -> Result<()>;
}

/// What a [`TypedFunc`](crate::TypedFunc) can return: nothing, one value, or a tuple of up to
/// 16.
pub trait WasmResults: WasmParams {
    #[doc(hidden)]
    fn load(slots: &mut Slots<'_>) -> Self;
}

/// What a closure given to [`Func::wrap`] can take: up to 16 values, as a tuple.
pub trait WasmTyList: Sealed {
    /// The types of the values.
    fn valtypes() -> impl Iterator<Item = ValType>;
    #[doc(hidden)]
    const SLOTS: usize;
    #[doc(hidden)]
    fn load(slots: &mut Slots<'_>) -> Self;
}

/// What a closure given to [`Func::wrap`] can return: nothing, one value, a tuple of up to 16,
/// or a [`Result`] of these.
pub trait WasmRet: Sealed {
    #[doc(hidden)]
    const SLOTS: usize;
    /// What it travels as where it is nothing or a number.
    #[doc(hidden)]
    type Register: Copy + 'static;
    #[doc(hidden)]
    const IN_REGISTER: bool;
    #[doc(hidden)]
    fn valtypes() -> Vec<ValType>;
    #[doc(hidden)]
    fn store(self, slots: &mut Slots<'_>) -> Result<()>;
    #[doc(hidden)]
    fn into_register(self) -> Result<Self::Register>;
}

macro_rules! numbers {
    ($($rust:ty, $wasm:ident, $class:ident, |$value:ident| $to:expr, |$slot:ident| $from:expr,
       $register:ident, |$own:ident| $into:expr, |$passed:ident| $out:expr;)*) => {$(
        impl Sealed for $rust {}

        impl WasmTy for $rust {
            const SLOTS: usize = 1;
            const CLASS: Class = Class::$class;

            fn valtype() -> ValType {
                ValType::$wasm
            }

            #[inline(always)]
            fn load(slots: &mut Slots<'_>) -> Self {
                let $slot = slots.take();
                $from
            }

            #[inline(always)]
            fn store(self, slots: &mut Slots<'_>) -> Result<()> {
                let $value = self;
                slots.put($to);
                Ok(())
            }

            type Register = $register;
            const IS_NUMBER: bool = true;

            #[inline(always)]
            fn from_register($passed: $register) -> Self {
                $out
            }

            #[inline(always)]
            fn into_register(self) -> $register {
                let $own = self;
                $into
            }
        }
    )*};
}

numbers! {
    i32, I32, Int, |value| value as u32 as u64, |slot| slot as i32,
        u64, |value| value as u32 as u64, |register| register as i32;
    u32, I32, Int, |value| value as u64, |slot| slot as u32,
        u64, |value| value as u64, |register| register as u32;
    i64, I64, Int, |value| value as u64, |slot| slot as i64,
        u64, |value| value as u64, |register| register as i64;
    u64, I64, Int, |value| value, |slot| slot,
        u64, |value| value, |register| register;
    f32, F32, Float, |value| value.to_bits() as u64, |slot| f32::from_bits(slot as u32),
        f32, |value| value, |register| register;
    f64, F64, Float, |value| value.to_bits(), |slot| f64::from_bits(slot),
        f64, |value| value, |register| register;
}

/// The part of a type's [`WasmTy`] that only numbers have.
macro_rules! no_number {
    () => {
        type Register = ();
        const IS_NUMBER: bool = false;

        fn from_register((): ()) -> Self {
            unreachable!("only numbers travel in registers")
        }

        fn into_register(self) {
            unreachable!("only numbers travel in registers")
        }
    };
}

impl Sealed for V128 {}

impl WasmTy for V128 {
    const SLOTS: usize = 2;
    const CLASS: Class = Class::Vector;

    fn valtype() -> ValType {
        ValType::V128
    }

    #[inline(always)]
    fn load(slots: &mut Slots<'_>) -> Self {
        let (low, high) = (slots.take(), slots.take());
        V128::from_slots(low, high)
    }

    #[inline(always)]
    fn store(self, slots: &mut Slots<'_>) -> Result<()> {
        for half in self.to_slots() {
            slots.put(half);
        }
        Ok(())
    }

    no_number!();
}

macro_rules! references {
    ($($rust:ty, $nullable:literal, $heap:ident, |$value:ident| $to:expr, $pattern:pat => $from:expr;)*) => {$(
        impl Sealed for $rust {}

        impl WasmTy for $rust {
            const SLOTS: usize = 1;
            const CLASS: Class = Class::Int;

            fn valtype() -> ValType {
                ValType::Ref(RefType::new($nullable, HeapType::$heap))
            }

            fn load(slots: &mut Slots<'_>) -> Self {
                let heap = module::HeapType::$heap;
                let ty = module::RefType { nullable: $nullable, heap };
                match slots.take_value(module::ValType::Ref(ty)) {
                    $pattern => $from,
                    other => unreachable!("a {} where a reference was promised", other.kind()),
                }
            }

            fn store(self, slots: &mut Slots<'_>) -> Result<()> {
                let $value = self;
                slots.put_value($to)
            }

            no_number!();
        }
    )*};
}

references! {
    Func, false, Func,
        |func| Value::Func(Some(func.id())), Value::Func(Some(id)) => Func::from_id(id);
    Option<Func>, true, Func,
        |func| Value::Func(func.map(Func::id)), Value::Func(id) => id.map(Func::from_id);
    Option<NoFunc>, true, NoFunc,
        |null| null.map_or(Value::Func(None), |it| it.never()), Value::Func(None) => None;
    Option<NoExtern>, true, NoExtern,
        |null| null.map_or(Value::Extern(None), |it| it.never()), Value::Extern(None) => None;
    Rooted<ExternRef>, false, Extern,
        |object| Value::Extern(Some(object.id())), Value::Extern(Some(id)) => ExternRef::from_id(id);
    Option<Rooted<ExternRef>>, true, Extern,
        |object| Value::Extern(object.map(|it| it.id())),
        Value::Extern(id) => id.map(ExternRef::from_id);
}

macro_rules! owned_references {
    ($($rust:ty, $nullable:literal, |$value:ident| $to:expr, |$found:ident| $from:expr;)*) => {$(
        impl Sealed for $rust {}

        impl WasmTy for $rust {
            const SLOTS: usize = 1;
            const CLASS: Class = Class::Int;
            const OWNS: bool = true;

            fn valtype() -> ValType {
                ValType::Ref(RefType::new($nullable, HeapType::Extern))
            }

            fn load(slots: &mut Slots<'_>) -> Self {
                let $found = slots.take_owned();
                $from
            }

            fn store(self, slots: &mut Slots<'_>) -> Result<()> {
                let $value = self;
                slots.put_owned($to)
            }

            no_number!();
        }
    )*};
}

owned_references! {
    OwnedRooted<ExternRef>, false,
        |object| Some(object), |found| found.expect("the type has no null");
    Option<OwnedRooted<ExternRef>>, true,
        |object| object, |found| found;
}

impl<A: WasmTy> WasmParams for A {
    const SLOTS: usize = A::SLOTS;
    const CLASSES: &'static [Class] = &[A::CLASS];
    const OWNS: bool = A::OWNS;

    fn valtypes() -> Vec<ValType> {
        vec![A::valtype()]
    }

    #[inline(always)]
    fn store(self, slots: &mut Slots<'_>) -> Result<()> {
        WasmTy::store(self, slots)
    }
}

impl<A: WasmTy> WasmResults for A {
    #[inline(always)]
    fn load(slots: &mut Slots<'_>) -> Self {
        WasmTy::load(slots)
    }
}

impl<A: WasmTy> WasmRet for A {
    const SLOTS: usize = A::SLOTS;

    fn valtypes() -> Vec<ValType> {
        vec![A::valtype()]
    }

    #[inline(always)]
    fn store(self, slots: &mut Slots<'_>) -> Result<()> {
        WasmTy::store(self, slots)
    }

    type Register = A::Register;
    const IN_REGISTER: bool = A::IS_NUMBER;

    #[inline(always)]
    fn into_register(self) -> Result<Self::Register> {
        Ok(WasmTy::into_register(self))
    }
}

impl<R: Sealed> Sealed for Result<R, Error> {}

impl<R: WasmRet> WasmRet for Result<R, Error> {
    const SLOTS: usize = R::SLOTS;

    fn valtypes() -> Vec<ValType> {
        R::valtypes()
    }

    #[inline(always)]
    fn store(self, slots: &mut Slots<'_>) -> Result<()> {
        self?.store(slots)
    }

    type Register = R::Register;
    const IN_REGISTER: bool = R::IN_REGISTER;

    #[inline(always)]
    fn into_register(self) -> Result<Self::Register> {
        self?.into_register()
    }
}

macro_rules! tuples {
    ($($param:ident)*) => {
        impl<$($param: Sealed),*> Sealed for ($($param,)*) {}

        #[allow(non_snake_case, unused_variables, reason = "variables are named for their types")]
        impl<$($param: WasmTy),*> WasmParams for ($($param,)*) {
            const SLOTS: usize = 0 $(+ $param::SLOTS)*;
            const CLASSES: &'static [Class] = &[$($param::CLASS),*];
            const OWNS: bool = false $(|| $param::OWNS)*;

            fn valtypes() -> Vec<ValType> {
                vec![$($param::valtype()),*]
            }

            #[inline(always)]
            fn store(self, slots: &mut Slots<'_>) -> Result<()> {
                let ($($param,)*) = self;
                $(WasmTy::store($param, slots)?;)*
                Ok(())
            }
        }

        #[allow(unused_variables, clippy::unused_unit, reason = "the empty tuple")]
        impl<$($param: WasmTy),*> WasmResults for ($($param,)*) {
            #[inline(always)]
            fn load(slots: &mut Slots<'_>) -> Self {
                // Evaluated front to back, as the slots are filled.
                ($(<$param as WasmTy>::load(slots),)*)
            }
        }

        #[allow(unused_variables, clippy::unused_unit, reason = "the empty tuple")]
        impl<$($param: WasmTy),*> WasmTyList for ($($param,)*) {
            const SLOTS: usize = 0 $(+ $param::SLOTS)*;

            fn valtypes() -> impl Iterator<Item = ValType> {
                IntoIterator::into_iter([$($param::valtype()),*])
            }

            #[inline(always)]
            fn load(slots: &mut Slots<'_>) -> Self {
                ($(<$param as WasmTy>::load(slots),)*)
            }
        }

        #[allow(non_snake_case, unused_variables, reason = "variables are named for their types")]
        impl<$($param: WasmTy),*> WasmRet for ($($param,)*) {
            const SLOTS: usize = 0 $(+ $param::SLOTS)*;

            fn valtypes() -> Vec<ValType> {
                vec![$($param::valtype()),*]
            }

            #[inline(always)]
            fn store(self, slots: &mut Slots<'_>) -> Result<()> {
                let ($($param,)*) = self;
                $(WasmTy::store($param, slots)?;)*
                Ok(())
            }

            type Register = ();
            /// Of tuples only the empty one.
            const IN_REGISTER: bool = <Self as WasmRet>::SLOTS == 0;

            #[inline(always)]
            fn into_register(self) -> Result<()> {
                Ok(())
            }
        }
    };
}

/// Calls the macro `$rows` for every number of type parameters up to 16.
macro_rules! for_each_arity {
    ($rows:ident) => {
        $rows!();
        $rows!(A1);
        $rows!(A1 A2);
        $rows!(A1 A2 A3);
        $rows!(A1 A2 A3 A4);
        $rows!(A1 A2 A3 A4 A5);
        $rows!(A1 A2 A3 A4 A5 A6);
        $rows!(A1 A2 A3 A4 A5 A6 A7);
        $rows!(A1 A2 A3 A4 A5 A6 A7 A8);
        $rows!(A1 A2 A3 A4 A5 A6 A7 A8 A9);
        $rows!(A1 A2 A3 A4 A5 A6 A7 A8 A9 A10);
        $rows!(A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11);
        $rows!(A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12);
        $rows!(A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13);
        $rows!(A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14);
        $rows!(A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14 A15);
        $rows!(A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14 A15 A16);
    };
}

for_each_arity!(tuples);
pub(crate) use for_each_arity;
