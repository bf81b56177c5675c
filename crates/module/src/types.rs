//! The types of the WebAssembly specification, as a module declares them.
//!
//! Source: WebAssembly core specification, section "Types".
//!
//! **Invariants**
//! - A type here is what the module says. Whether two types of different modules are the same
//!   is decided by the engine's type registry, not by comparing these.

use crate::TypeIndex;

/// A value type.
///
/// ```
/// use brolga_module::ValType;
/// assert_eq!(ValType::V128.slots(), 2);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
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
    /// The nullable reference to any function.
    pub const FUNCREF: ValType = ValType::Ref(RefType::FUNCREF);
    /// The nullable reference to any host object.
    pub const EXTERNREF: ValType = ValType::Ref(RefType::EXTERNREF);

    /// How many 64-bit slots a value of the type takes in an argument array.
    pub const fn slots(self) -> usize {
        match self {
            ValType::V128 => 2,
            _ => 1,
        }
    }
}

/// A reference type: what it points to, and whether it may be null.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RefType {
    /// Whether null belongs to the type.
    pub nullable: bool,
    /// What a reference that is not null points to.
    pub heap: HeapType,
}

impl RefType {
    /// `funcref`, that is `(ref null func)`.
    pub const FUNCREF: RefType = RefType { nullable: true, heap: HeapType::Func };
    /// `externref`, that is `(ref null extern)`.
    pub const EXTERNREF: RefType = RefType { nullable: true, heap: HeapType::Extern };

    /// Whether values of the type are pointers to a `FuncRef` (the other representation is a
    /// 32-bit index into the store's heap).
    pub const fn is_func(self) -> bool {
        matches!(self.heap, HeapType::Func | HeapType::NoFunc | HeapType::Concrete(_))
    }
}

/// What a reference points to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum HeapType {
    /// Any function.
    Func,
    /// Any host object.
    Extern,
    /// No function: only null.
    NoFunc,
    /// No host object: only null.
    NoExtern,
    /// A function of the module's type of this index.
    Concrete(TypeIndex),
}

/// A function type: what goes in and what comes out.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct FuncType {
    params: Box<[ValType]>,
    results: Box<[ValType]>,
}

impl FuncType {
    /// The type of functions that take `params` and return `results`.
    pub fn new(params: impl Into<Box<[ValType]>>, results: impl Into<Box<[ValType]>>) -> Self {
        Self { params: params.into(), results: results.into() }
    }

    /// The parameters' types, first to last.
    pub fn params(&self) -> &[ValType] {
        &self.params
    }

    /// The results' types, first to last.
    pub fn results(&self) -> &[ValType] {
        &self.results
    }

    /// How many 64-bit slots all parameters take in an argument array.
    pub fn param_slots(&self) -> usize {
        self.params.iter().map(|ty| ty.slots()).sum()
    }

    /// How many 64-bit slots all results take in an argument array.
    pub fn result_slots(&self) -> usize {
        self.results.iter().map(|ty| ty.slots()).sum()
    }
}

/// The type that indexes a memory or a table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum IndexType {
    /// Addresses are `i32`.
    I32,
    /// Addresses are `i64` (memory64, table64).
    I64,
}

impl IndexType {
    /// The value type of an address.
    pub const fn val_type(self) -> ValType {
        match self {
            IndexType::I32 => ValType::I32,
            IndexType::I64 => ValType::I64,
        }
    }
}

/// A linear memory's type. Sizes are in pages of `page_bytes()` bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MemoryType {
    /// Whether addresses are 32 or 64 bits wide.
    pub index: IndexType,
    /// The size at instantiation, in pages.
    pub min: u64,
    /// The size that growth may not pass, in pages.
    pub max: Option<u64>,
    /// Whether several threads may use the memory at once.
    pub shared: bool,
    /// The binary logarithm of a page's bytes: 16, or 0 with custom page sizes.
    pub page_size_log2: u8,
}

impl MemoryType {
    /// A page's size in bytes.
    pub const fn page_bytes(&self) -> u64 {
        1 << self.page_size_log2
    }
}

/// A table's type. Sizes are in elements.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TableType {
    /// Whether positions are 32 or 64 bits wide.
    pub index: IndexType,
    /// What the elements are.
    pub element: RefType,
    /// The size at instantiation, in elements.
    pub min: u64,
    /// The size that growth may not pass, in elements.
    pub max: Option<u64>,
}

/// A global variable's type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct GlobalType {
    /// The type of the value.
    pub content: ValType,
    /// Whether `global.set` may change it.
    pub mutable: bool,
}

/// The type of anything a module imports or exports.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ExternType {
    /// A function, by the index of its type.
    Func(TypeIndex),
    /// A table.
    Table(TableType),
    /// A memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
}
