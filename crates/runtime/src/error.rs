//! What can go wrong in a store, but for calls: those end in a [`TrapRecord`](crate::TrapRecord).
//!
//! **Invariants**
//! - Messages are lower case and say what was expected, what was found and where.

use brolga_abi::TrapCode;

use crate::limits::{GrowError, LimitError};
use crate::{HandleError, PoolConcurrencyLimitError, ThunkError, TypeError, ValueError};

/// Any error of the embedder's.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A function that can't be made, or can't be called.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FuncError {
    /// The handle is no good.
    #[error(transparent)]
    Handle(#[from] HandleError),
    /// The code between host and wasm that its type needs can't be had.
    #[error(transparent)]
    Thunk(#[from] ThunkError),
    /// Its type can't be registered.
    #[error(transparent)]
    Type(#[from] TypeError),
    /// The store has too many functions.
    #[error(transparent)]
    Limit(#[from] LimitError),
}

/// A global that can't be made, or can't be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GlobalError {
    /// The handle is no good.
    #[error(transparent)]
    Handle(#[from] HandleError),
    /// The value is not of the global's type.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// The value is a function that code can't be given.
    #[error(transparent)]
    Func(#[from] FuncError),
    /// The store has too many globals.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// It never changes.
    #[error("the global is immutable")]
    Immutable,
}

/// A table operation of the host's that was refused. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The handle is no good.
    #[error(transparent)]
    Handle(#[from] HandleError),
    /// The value is not of the element type.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// The value is a function that code can't be given.
    #[error(transparent)]
    Func(#[from] FuncError),
    /// The positions are not all inside.
    #[error("{len} elements from position {position} on are not inside a table of {size}")]
    OutOfBounds {
        /// The first position.
        position: u64,
        /// How many positions.
        len: u64,
        /// The table's size.
        size: u64,
    },
    /// The two tables hold different types of references.
    #[error("the tables hold different types of elements")]
    ElementTypes,
    /// A table that is part of its module's image never changes.
    #[error("the table is fixed by its module")]
    StaticTable,
}

/// A function that was not found in a table.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// The handle is no good, or the table holds no functions.
    #[error(transparent)]
    Table(#[from] TableError),
    /// What `call_indirect` would have trapped with.
    #[error("{0}")]
    Trap(TrapCode),
}

/// An import that does not match.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The handle is no good.
    #[error(transparent)]
    Handle(#[from] HandleError),
    /// It has another type.
    #[error("incompatible import type: expected {expected}, found {found}")]
    Type {
        /// What the module asks for.
        expected: String,
        /// What was given.
        found: String,
    },
    /// The code between host and wasm that its type needs can't be had.
    #[error(transparent)]
    Func(#[from] FuncError),
}

/// An instance that could not be made.
///
/// Where a segment did not fit, what came before it stays written in imported memories and tables,
/// as the specification says; everything else is undone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstantiateError {
    /// The wrong number of imports.
    #[error("the module has {expected} imports, {found} were given")]
    ImportCount {
        /// How many the module has.
        expected: usize,
        /// How many were given.
        found: usize,
    },
    /// An import does not match.
    #[error("import `{module}::{name}`: {error}")]
    Import {
        /// The first of its two names.
        module: String,
        /// The second.
        name: String,
        /// Why; the message says it too.
        error: ImportError,
    },
    /// The module belongs to another engine: its types are numbered by another registry.
    #[error("the module was loaded by another engine than the store's")]
    OtherEngine,
    /// The code was made for another configuration than the store's.
    #[error("the module was compiled with other options than the store's")]
    Options,
    /// A limit of the store.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// All instances of the engine's pool are in use.
    #[error(transparent)]
    Pool(#[from] PoolConcurrencyLimitError),
    /// A memory can't be made.
    #[error("memory {index}: {error}")]
    Memory {
        /// Its index in the module.
        index: u32,
        /// Why; the message says it too.
        error: GrowError,
    },
    /// A table can't be made.
    #[error("table {index}: {error}")]
    Table {
        /// Its index in the module.
        index: u32,
        /// Why; the message says it too.
        error: GrowError,
    },
    /// No memory for the instance's context.
    #[error("no memory left for an instance's {bytes} bytes of context")]
    OutOfMemory {
        /// How many were asked for.
        bytes: usize,
    },
    /// A function of the module can't be referred to.
    #[error(transparent)]
    Func(FuncError),
    /// A segment does not fit; in the specification's words.
    #[error("{} segment {index}: {trap}", if *trap == TrapCode::MemoryOutOfBounds { "data" } else { "element" })]
    Segment {
        /// Its index in the module.
        index: u32,
        /// Which trap it is.
        trap: TrapCode,
    },
}

impl InstantiateError {
    /// What the engine's pool had no more of, if that is why.
    pub fn pool_limit(&self) -> Option<PoolConcurrencyLimitError> {
        match self {
            Self::Pool(full)
            | Self::Memory { error: GrowError::Pool(full), .. }
            | Self::Table { error: GrowError::Pool(full), .. } => Some(*full),
            _ => None,
        }
    }
}
