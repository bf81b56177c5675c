//! The types of values: numbers, vectors, references.

use core::fmt;

use crate::{FuncType, Ref, Val};

/// Whether a global may change.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Mutability {
    /// It keeps its first value.
    Const,
    /// It can be set.
    Var,
}

impl Mutability {
    /// Whether this is [`Mutability::Const`].
    pub fn is_const(&self) -> bool {
        *self == Mutability::Const
    }

    /// Whether this is [`Mutability::Var`].
    pub fn is_var(&self) -> bool {
        *self == Mutability::Var
    }
}

/// The type of a value.
///
/// ```
/// use brolga::ValType;
/// assert_eq!(ValType::FUNCREF.to_string(), "funcref");
/// assert!(ValType::FUNCREF.matches(&ValType::FUNCREF));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum ValType {
    /// A 32-bit integer.
    I32,
    /// A 64-bit integer.
    I64,
    /// A 32-bit float.
    F32,
    /// A 64-bit float.
    F64,
    /// A 128-bit vector.
    V128,
    /// A reference.
    Ref(RefType),
}

impl ValType {
    /// The nullable reference to any host object.
    pub const EXTERNREF: ValType = ValType::Ref(RefType::EXTERNREF);
    /// The nullable reference to no host object: null.
    pub const NULLEXTERNREF: ValType = ValType::Ref(RefType::NULLEXTERNREF);
    /// The nullable reference to any function.
    pub const FUNCREF: ValType = ValType::Ref(RefType::FUNCREF);
    /// The nullable reference to no function: null.
    pub const NULLFUNCREF: ValType = ValType::Ref(RefType::NULLFUNCREF);

    /// Whether it is an integer or a float.
    pub fn is_num(&self) -> bool {
        matches!(self, ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64)
    }

    /// Whether it is `i32`.
    pub fn is_i32(&self) -> bool {
        matches!(self, ValType::I32)
    }

    /// Whether it is `i64`.
    pub fn is_i64(&self) -> bool {
        matches!(self, ValType::I64)
    }

    /// Whether it is `f32`.
    pub fn is_f32(&self) -> bool {
        matches!(self, ValType::F32)
    }

    /// Whether it is `f64`.
    pub fn is_f64(&self) -> bool {
        matches!(self, ValType::F64)
    }

    /// Whether it is `v128`.
    pub fn is_v128(&self) -> bool {
        matches!(self, ValType::V128)
    }

    /// Whether it is a reference.
    pub fn is_ref(&self) -> bool {
        matches!(self, ValType::Ref(_))
    }

    /// Whether it is `funcref`.
    pub fn is_funcref(&self) -> bool {
        *self == ValType::FUNCREF
    }

    /// Whether it is `externref`.
    pub fn is_externref(&self) -> bool {
        *self == ValType::EXTERNREF
    }

    /// The reference type, if it is one.
    pub fn as_ref(&self) -> Option<&RefType> {
        match self {
            ValType::Ref(ty) => Some(ty),
            _ => None,
        }
    }

    /// The reference type.
    ///
    /// # Panics
    /// If it is none.
    pub fn unwrap_ref(&self) -> &RefType {
        self.as_ref().expect("a reference type")
    }

    /// Whether every value of this type is one of `other`.
    pub fn matches(&self, other: &ValType) -> bool {
        match (self, other) {
            (ValType::Ref(actual), ValType::Ref(expected)) => actual.matches(expected),
            _ => self == other,
        }
    }

    /// Zero or null; `None` for references that may not be null.
    pub fn default_value(&self) -> Option<Val> {
        Val::default_for_ty(self)
    }
}

impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValType::I32 => f.write_str("i32"),
            ValType::I64 => f.write_str("i64"),
            ValType::F32 => f.write_str("f32"),
            ValType::F64 => f.write_str("f64"),
            ValType::V128 => f.write_str("v128"),
            ValType::Ref(ty) => ty.fmt(f),
        }
    }
}

impl fmt::Debug for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<RefType> for ValType {
    fn from(ty: RefType) -> ValType {
        ValType::Ref(ty)
    }
}

/// The type of a reference: what it points to, and whether it may be null.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RefType {
    is_nullable: bool,
    heap_type: HeapType,
}

impl RefType {
    /// The nullable reference to any host object.
    pub const EXTERNREF: RefType = RefType { is_nullable: true, heap_type: HeapType::Extern };
    /// The nullable reference to no host object: null.
    pub const NULLEXTERNREF: RefType = RefType { is_nullable: true, heap_type: HeapType::NoExtern };
    /// The nullable reference to any function.
    pub const FUNCREF: RefType = RefType { is_nullable: true, heap_type: HeapType::Func };
    /// The nullable reference to no function: null.
    pub const NULLFUNCREF: RefType = RefType { is_nullable: true, heap_type: HeapType::NoFunc };

    /// The type of references to `heap_type`.
    pub fn new(is_nullable: bool, heap_type: HeapType) -> RefType {
        RefType { is_nullable, heap_type }
    }

    /// Whether null belongs to the type.
    pub fn is_nullable(&self) -> bool {
        self.is_nullable
    }

    /// What references of the type point to.
    pub fn heap_type(&self) -> &HeapType {
        &self.heap_type
    }

    /// Whether every reference of this type is one of `other`.
    pub fn matches(&self, other: &RefType) -> bool {
        (other.is_nullable || !self.is_nullable) && self.heap_type.matches(&other.heap_type)
    }

    /// Null, if it belongs to the type.
    pub(crate) fn default_value(&self) -> Option<Ref> {
        self.is_nullable.then(|| Ref::null(&self.heap_type))
    }
}

impl fmt::Display for RefType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is_nullable, &self.heap_type) {
            (true, HeapType::Func) => f.write_str("funcref"),
            (true, HeapType::Extern) => f.write_str("externref"),
            (true, HeapType::NoFunc) => f.write_str("nullfuncref"),
            (true, HeapType::NoExtern) => f.write_str("nullexternref"),
            (true, heap) => write!(f, "(ref null {heap})"),
            (false, heap) => write!(f, "(ref {heap})"),
        }
    }
}

impl fmt::Debug for RefType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What references point to.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum HeapType {
    /// Any host object.
    Extern,
    /// No host object: only null is such a reference.
    NoExtern,
    /// Any function.
    Func,
    /// A function of a certain type.
    ConcreteFunc(FuncType),
    /// No function: only null is such a reference.
    NoFunc,
}

impl HeapType {
    /// Whether it is [`HeapType::Extern`].
    pub fn is_extern(&self) -> bool {
        matches!(self, HeapType::Extern)
    }

    /// Whether it is [`HeapType::Func`].
    pub fn is_func(&self) -> bool {
        matches!(self, HeapType::Func)
    }

    /// Whether it is [`HeapType::NoFunc`].
    pub fn is_no_func(&self) -> bool {
        matches!(self, HeapType::NoFunc)
    }

    /// Whether it is the type of anything declared.
    pub fn is_concrete(&self) -> bool {
        self.is_concrete_func()
    }

    /// Whether it is not [concrete](HeapType::is_concrete).
    pub fn is_abstract(&self) -> bool {
        !self.is_concrete()
    }

    /// Whether it is [`HeapType::ConcreteFunc`].
    pub fn is_concrete_func(&self) -> bool {
        matches!(self, HeapType::ConcreteFunc(_))
    }

    /// The function type, if it is one.
    pub fn as_concrete_func(&self) -> Option<&FuncType> {
        match self {
            HeapType::ConcreteFunc(ty) => Some(ty),
            _ => None,
        }
    }

    /// The function type.
    ///
    /// # Panics
    /// If it is none.
    pub fn unwrap_concrete_func(&self) -> &FuncType {
        self.as_concrete_func().expect("a concrete function type")
    }

    /// The type of everything related to it.
    pub fn top(&self) -> HeapType {
        match self {
            HeapType::Extern | HeapType::NoExtern => HeapType::Extern,
            HeapType::Func | HeapType::ConcreteFunc(_) | HeapType::NoFunc => HeapType::Func,
        }
    }

    /// Whether it is its own [`top`](HeapType::top).
    pub fn is_top(&self) -> bool {
        matches!(self, HeapType::Extern | HeapType::Func)
    }

    /// The type that nothing belongs to, of its kind.
    pub fn bottom(&self) -> HeapType {
        match self.top() {
            HeapType::Extern => HeapType::NoExtern,
            _ => HeapType::NoFunc,
        }
    }

    /// Whether it is its own [`bottom`](HeapType::bottom).
    pub fn is_bottom(&self) -> bool {
        matches!(self, HeapType::NoExtern | HeapType::NoFunc)
    }

    /// Whether everything of this type is of type `other`.
    pub fn matches(&self, other: &HeapType) -> bool {
        match (self, other) {
            (HeapType::NoExtern, HeapType::Extern | HeapType::NoExtern) => true,
            (HeapType::NoFunc, HeapType::Func | HeapType::ConcreteFunc(_) | HeapType::NoFunc) => {
                true
            }
            (HeapType::ConcreteFunc(_), HeapType::Func) => true,
            (HeapType::ConcreteFunc(actual), HeapType::ConcreteFunc(expected)) => {
                actual.matches(expected)
            }
            _ => self == other,
        }
    }
}

impl fmt::Display for HeapType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HeapType::Extern => f.write_str("extern"),
            HeapType::NoExtern => f.write_str("noextern"),
            HeapType::Func => f.write_str("func"),
            HeapType::NoFunc => f.write_str("nofunc"),
            HeapType::ConcreteFunc(ty) => write!(f, "{ty}"),
        }
    }
}

impl From<FuncType> for HeapType {
    fn from(ty: FuncType) -> HeapType {
        HeapType::ConcreteFunc(ty)
    }
}
