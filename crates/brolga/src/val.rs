//! Values whose types are known at run time only: [`Val`] and, for references alone, [`Ref`].

use brolga_runtime::Value;

use crate::{AsContext, ExternRef, Func, HeapType, RefType, Result, Rooted, V128, ValType};

/// A value of WebAssembly.
///
/// ```
/// use brolga::Val;
///
/// assert_eq!(Val::from(7).unwrap_i32(), 7);
/// assert_eq!(Val::from(0.5_f64).f64(), Some(0.5));
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Val {
    /// A 32-bit integer.
    I32(i32),
    /// A 64-bit integer.
    I64(i64),
    /// The bits of a 32-bit float.
    F32(u32),
    /// The bits of a 64-bit float.
    F64(u64),
    /// A 128-bit vector.
    V128(V128),
    /// A reference to a function, or null.
    FuncRef(Option<Func>),
    /// A reference to a host object, or null.
    ExternRef(Option<Rooted<ExternRef>>),
}

macro_rules! accessors {
    ($($variant:pat => $value:expr, $ty:ty, $get:ident, $unwrap:ident, $name:literal;)*) => {$(
        #[doc = concat!("The value, if it is ", $name, ".")]
        pub fn $get(&self) -> Option<$ty> {
            match *self {
                $variant => Some($value),
                _ => None,
            }
        }

        #[doc = concat!("The value.\n\n# Panics\nIf it is not ", $name, ".")]
        pub fn $unwrap(&self) -> $ty {
            self.$get().expect(concat!("expected ", $name))
        }
    )*};
}

impl Val {
    accessors! {
        Val::I32(value) => value, i32, i32, unwrap_i32, "an i32";
        Val::I64(value) => value, i64, i64, unwrap_i64, "an i64";
        Val::F32(bits) => f32::from_bits(bits), f32, f32, unwrap_f32, "an f32";
        Val::F64(bits) => f64::from_bits(bits), f64, f64, unwrap_f64, "an f64";
        Val::V128(value) => value, V128, v128, unwrap_v128, "a v128";
    }

    /// Null, of references to `heap_type`.
    pub fn null_ref(heap_type: &HeapType) -> Val {
        Ref::null(heap_type).into()
    }

    /// The null reference to a function.
    pub const fn null_func_ref() -> Val {
        Val::FuncRef(None)
    }

    /// The null reference to a host object.
    pub const fn null_extern_ref() -> Val {
        Val::ExternRef(None)
    }

    /// Zero or null; `None` for references that may not be null.
    pub fn default_for_ty(ty: &ValType) -> Option<Val> {
        Some(match ty {
            ValType::I32 => Val::I32(0),
            ValType::I64 => Val::I64(0),
            ValType::F32 => Val::F32(0),
            ValType::F64 => Val::F64(0),
            ValType::V128 => Val::V128(V128::from(0)),
            ValType::Ref(ty) => ty.default_value()?.into(),
        })
    }

    /// The smallest type that the value has.
    ///
    /// # Errors
    /// If it is a reference that belongs to another store.
    pub fn ty(&self, store: impl AsContext) -> Result<ValType> {
        Ok(match self {
            Val::I32(_) => ValType::I32,
            Val::I64(_) => ValType::I64,
            Val::F32(_) => ValType::F32,
            Val::F64(_) => ValType::F64,
            Val::V128(_) => ValType::V128,
            Val::FuncRef(func) => ValType::Ref(Ref::Func(*func).ty(store)?),
            Val::ExternRef(object) => ValType::Ref(Ref::Extern(*object).ty(store)?),
        })
    }

    /// Whether the value has type `ty`.
    ///
    /// # Errors
    /// If it is a reference that belongs to another store.
    pub fn matches_ty(&self, store: impl AsContext, ty: &ValType) -> Result<bool> {
        Ok(self.ty(store)?.matches(ty))
    }

    /// The reference, if it is one.
    pub fn ref_(self) -> Option<Ref> {
        match self {
            Val::FuncRef(func) => Some(Ref::Func(func)),
            Val::ExternRef(object) => Some(Ref::Extern(object)),
            _ => None,
        }
    }

    /// [`Val::funcref`] under the name that goes with the other accessors.
    pub fn func_ref(&self) -> Option<Option<&Func>> {
        self.funcref()
    }

    /// [`Val::unwrap_funcref`] under the name that goes with the other accessors.
    ///
    /// # Panics
    /// If it is none.
    pub fn unwrap_func_ref(&self) -> Option<&Func> {
        self.unwrap_funcref()
    }

    /// [`Val::externref`] under the name that goes with the other accessors.
    pub fn extern_ref(&self) -> Option<Option<&Rooted<ExternRef>>> {
        self.externref()
    }

    /// [`Val::unwrap_externref`] under the name that goes with the other accessors.
    ///
    /// # Panics
    /// If it is none.
    pub fn unwrap_extern_ref(&self) -> Option<&Rooted<ExternRef>> {
        self.unwrap_externref()
    }

    /// The reference to a function, if it is one; the inner `None` is null.
    pub fn funcref(&self) -> Option<Option<&Func>> {
        match self {
            Val::FuncRef(func) => Some(func.as_ref()),
            _ => None,
        }
    }

    /// The reference to a function; `None` is null.
    ///
    /// # Panics
    /// If it is none.
    pub fn unwrap_funcref(&self) -> Option<&Func> {
        self.funcref().expect("expected a funcref")
    }

    /// The reference to a host object, if it is one; the inner `None` is null.
    pub fn externref(&self) -> Option<Option<&Rooted<ExternRef>>> {
        match self {
            Val::ExternRef(object) => Some(object.as_ref()),
            _ => None,
        }
    }

    /// The reference to a host object; `None` is null.
    ///
    /// # Panics
    /// If it is none.
    pub fn unwrap_externref(&self) -> Option<&Rooted<ExternRef>> {
        self.externref().expect("expected an externref")
    }

    /// The value as the runtime takes it.
    pub(crate) fn to_value(self) -> Value {
        match self {
            Val::I32(value) => Value::I32(value as u32),
            Val::I64(value) => Value::I64(value as u64),
            Val::F32(bits) => Value::F32(bits),
            Val::F64(bits) => Value::F64(bits),
            Val::V128(vector) => Value::V128(vector.as_u128()),
            Val::FuncRef(func) => Value::Func(func.map(Func::id)),
            Val::ExternRef(object) => Value::Extern(object.map(|it| it.id())),
        }
    }

    /// The value as the runtime gives it.
    pub(crate) fn from_value(value: Value) -> Val {
        match value {
            Value::I32(bits) => Val::I32(bits as i32),
            Value::I64(bits) => Val::I64(bits as i64),
            Value::F32(bits) => Val::F32(bits),
            Value::F64(bits) => Val::F64(bits),
            Value::V128(bits) => Val::V128(bits.into()),
            Value::Func(func) => Val::FuncRef(func.map(Func::from_id)),
            Value::Extern(object) => Val::ExternRef(object.map(ExternRef::from_id)),
        }
    }
}

macro_rules! from {
    ($($ty:ty => |$value:ident| $val:expr;)*) => {$(
        impl From<$ty> for Val {
            fn from($value: $ty) -> Val {
                $val
            }
        }
    )*};
}

from! {
    i32 => |value| Val::I32(value);
    i64 => |value| Val::I64(value);
    f32 => |value| Val::F32(value.to_bits());
    f64 => |value| Val::F64(value.to_bits());
    u128 => |bits| Val::V128(bits.into());
    V128 => |vector| Val::V128(vector);
    Func => |func| Val::FuncRef(Some(func));
    Option<Func> => |func| Val::FuncRef(func);
    Rooted<ExternRef> => |object| Val::ExternRef(Some(object));
    Option<Rooted<ExternRef>> => |object| Val::ExternRef(object);
    Ref => |reference| match reference {
        Ref::Func(func) => Val::FuncRef(func),
        Ref::Extern(object) => Val::ExternRef(object),
    };
}

/// A reference: to a function, to a host object, or null.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Ref {
    /// A reference to a function, or null.
    Func(Option<Func>),
    /// A reference to a host object, or null.
    Extern(Option<Rooted<ExternRef>>),
}

impl Ref {
    /// Null, of references to `heap_type`.
    pub fn null(heap_type: &HeapType) -> Ref {
        match heap_type.top() {
            HeapType::Extern => Ref::Extern(None),
            _ => Ref::Func(None),
        }
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Ref::Func(None) | Ref::Extern(None))
    }

    /// Whether it is not null.
    pub fn is_non_null(&self) -> bool {
        !self.is_null()
    }

    /// Whether it is a reference to a function, or that kind of null.
    pub fn is_func(&self) -> bool {
        matches!(self, Ref::Func(_))
    }

    /// Whether it is a reference to a host object, or that kind of null.
    pub fn is_extern(&self) -> bool {
        matches!(self, Ref::Extern(_))
    }

    /// The reference to a function, if it is one; the inner `None` is null.
    pub fn as_func(&self) -> Option<Option<&Func>> {
        match self {
            Ref::Func(func) => Some(func.as_ref()),
            Ref::Extern(_) => None,
        }
    }

    /// The reference to a function; `None` is null.
    ///
    /// # Panics
    /// If it is none.
    pub fn unwrap_func(&self) -> Option<&Func> {
        self.as_func().expect("expected a reference to a function")
    }

    /// The reference to a host object, if it is one; the inner `None` is null.
    pub fn as_extern(&self) -> Option<Option<&Rooted<ExternRef>>> {
        match self {
            Ref::Extern(object) => Some(object.as_ref()),
            Ref::Func(_) => None,
        }
    }

    /// The reference to a host object; `None` is null.
    ///
    /// # Panics
    /// If it is none.
    pub fn unwrap_extern(&self) -> Option<&Rooted<ExternRef>> {
        self.as_extern().expect("expected a reference to a host object")
    }

    /// The smallest type that the reference has.
    ///
    /// # Errors
    /// If it belongs to another store.
    pub fn ty(&self, store: impl AsContext) -> Result<RefType> {
        Ok(match self {
            Ref::Func(None) => RefType::NULLFUNCREF,
            Ref::Func(Some(func)) => {
                RefType::new(false, HeapType::ConcreteFunc(func.try_ty(store)?))
            }
            Ref::Extern(None) => RefType::NULLEXTERNREF,
            Ref::Extern(Some(object)) => {
                object.check(store)?;
                RefType::new(false, HeapType::Extern)
            }
        })
    }

    /// Whether the reference has type `ty`.
    ///
    /// # Errors
    /// If it belongs to another store.
    pub fn matches_ty(&self, store: impl AsContext, ty: &RefType) -> Result<bool> {
        Ok(self.ty(store)?.matches(ty))
    }

    /// The reference as the runtime takes it.
    pub(crate) fn to_value(self) -> Value {
        Val::from(self).to_value()
    }

    /// The reference as the runtime gives it; a number would be null.
    pub(crate) fn from_value(value: Value) -> Ref {
        Val::from_value(value).ref_().unwrap_or(Ref::Func(None))
    }
}

impl From<Func> for Ref {
    fn from(func: Func) -> Ref {
        Ref::Func(Some(func))
    }
}

impl From<Option<Func>> for Ref {
    fn from(func: Option<Func>) -> Ref {
        Ref::Func(func)
    }
}

impl From<Rooted<ExternRef>> for Ref {
    fn from(object: Rooted<ExternRef>) -> Ref {
        Ref::Extern(Some(object))
    }
}

impl From<Option<Rooted<ExternRef>>> for Ref {
    fn from(object: Option<Rooted<ExternRef>>) -> Ref {
        Ref::Extern(object)
    }
}
