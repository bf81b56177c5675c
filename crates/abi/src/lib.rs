//! The contract between generated code and the host.
//!
//! Generated code and the runtime meet only in memory: a [`VmContext`] for each instance, a
//! [`StoreContext`] for each store, views of memories and tables, [`FuncRef`]s. This crate says
//! how those are laid out, which builtins code may call and with what, which traps exist, and what
//! a finished [`CodeImage`] holds and how it is kept in a file ([`ImageFile`]). The compiler writes
//! code against it, the runtime fills it in; neither knows the other.
//!
//! **Invariants**
//! - Every struct that code reads is `#[repr(C)]`, and the compiler takes every offset from
//!   `offset_of!` or from [`ContextLayout`], never from a number.
//! - All supported targets are 64-bit and little or big endian alike: fields are read at their own
//!   width, so one layout serves them all.
//! - Nothing here dereferences a pointer.
#![forbid(unsafe_code)]

mod builtin;
mod context;
mod func;
mod global;
mod image;
mod image_file;
mod layout;
mod memory;
mod options;
mod table;
mod trap;

pub use builtin::{Builtin, BuiltinTable, BuiltinType};
pub use context::{HostCall, HostFunctionContext, StoreContext, VmContext};
pub use func::{FuncRef, FunctionTypeId, ImportedFunction};
pub use global::GlobalCell;
pub use image::{CodeImage, CodeRange, SourceSite, StaticTable, StaticTableEntry, TypedCode};
pub use image_file::{ImageFile, ImageFileError};
pub use layout::ContextLayout;
pub use memory::{BoundsCheck, MemoryPlan, MemorySlot, MemoryView};
pub use options::{CompileOptions, MemoryOptions, OptLevel};
pub use table::{ExternTableEntry, FuncTableEntry, TableSlot, TableView};
pub use trap::{TrapCode, TrapSite};
