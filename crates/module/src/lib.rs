//! The WebAssembly binary format: bytes to a validated [`ParsedModule`].
//!
//! ```text
//!  bytes ─ decode ─▶ ParsedModule ─ body_reader, body_validator ─▶ (translation, elsewhere)
//!            │            │
//!         features      names (read when first asked for)
//!         limits
//! ```
//!
//! Start at [`ParsedModule::decode`]. Bodies of functions are not looked into there: whoever
//! translates one validates it in the same pass, and [`ParsedModule::validate_bodies`] does so
//! for callers that only want a verdict ([`validate`]).
//!
//! **Invariants**
//! - Knows nothing of code generation, instances or the host.
//! - Whatever the bytes, decoding neither panics nor recurses, and what it allocates is bounded
//!   by a small multiple of the bytes that are really there.
//! - A module is accepted exactly when wasmparser accepts it with the same features, our own
//!   [`limits`] aside.

#![forbid(unsafe_code)]

mod body;
mod convert;
mod decode;
mod error;
mod features;
mod index;
pub mod limits;
mod names;
mod parsed;
mod types;

pub use decode::validate;
pub use error::{ModuleError, Place};
pub use features::{Feature, Features};
pub use index::{
    DataIndex, DefinedFuncIndex, ElemIndex, FuncIndex, GlobalIndex, MemoryIndex, TableIndex,
    TypeIndex,
};
pub use limits::Limit;
pub use names::Names;
pub use parsed::{
    ConstExpr, ConstOp, CustomSection, DataMode, DataSegment, ElementItems, ElementMode,
    ElementSegment, Export, ExportItem, Import, ParsedModule,
};
pub use types::{
    ExternType, FuncType, GlobalType, HeapType, IndexType, MemoryType, RefType, TableType, ValType,
};

/// The reader and validator underneath, so that every crate uses the same version of it.
pub use wasmparser;
