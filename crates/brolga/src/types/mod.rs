//! The types of WebAssembly as embedders hold them.
//!
//! **Invariants**
//! - Types are values: two are equal when they say the same, whichever engine or module they come
//!   from. Engines number function types themselves when a function is made or looked at.

mod convert;
mod default;
mod external;
mod func;
mod value;

pub use external::{
    ExportType, ExternType, GlobalType, ImportType, MemoryType, MemoryTypeBuilder, TableType,
};
pub use func::{Finality, FuncType};
pub use value::{HeapType, Mutability, RefType, ValType};

pub(crate) use convert::{extern_type, func_type, global_type, table_type};
pub(crate) use external::{export_type, import_type};
