//! Code images made live: stores, instances, memories, tables, calls, traps.
//!
//! ```text
//!  CodeImage ──load──▶ LoadedCode ──instantiate──▶ instance ──▶ FuncRef ──call──▶ results
//!                                       │                                   └──▶ TrapRecord
//!                                     Store: arenas of instances, memories, tables, globals,
//!                                            host functions, externrefs
//! ```
//!
//! Start at [`Store`]. Embedders use the crate `brolga`, which is built on this one.
//!
//! **Invariants**
//! - Knows nothing of the compiler: an image is what `brolga-abi` says it is.
//! - What embedders hold is a handle with the store's identity; with another store, or after its
//!   instance was closed, it is an error and never undefined behaviour.
//! - Nothing a guest does, by its bytes or at run time, panics or aborts.
//!
//! # Rooms of unsafe code
//! Generated code reads and writes the same memory as this crate, so parts of it are rooms where
//! `unsafe` is allowed. Each file states what it may rely on; together:
//!
//! **Trusts**
//! - That an image was made by `brolga-compile` for the options and the host it is loaded with, or
//!   is that, byte for byte, read back: code in it reads and writes what [`ContextLayout`] and
//!   [`MemoryPlan`] say and nothing else.
//! - `brolga-os` for mappings, sealed code and signals.
//!
//! **Promises**
//! - A safe function of this crate, called in any order with any arguments, keeps every invariant
//!   that code relies on: views hold what is mapped, entries of tables belong to one function,
//!   what code can reach stays where it is until nothing can reach it.
//!
//! **Tested by** the tests beside each room, and with code by the tests of `brolga` and the
//! specification's suites.
//!
//! [`ContextLayout`]: brolga_abi::ContextLayout
//! [`MemoryPlan`]: brolga_abi::MemoryPlan

// The store and what is in it.
mod arena;
mod builtin;
mod close;
mod const_expr;
mod context;
mod describe;
mod error;
mod extern_ref;
mod func;
mod global;
mod handle;
mod import;
mod initial_memory;
mod initial_table;
mod instance;
mod instantiate;
mod interrupt;
mod limits;
mod memory;
mod memory_room;
mod pool;
mod stable;
mod store;
mod table;
mod table_storage;
#[cfg(test)]
mod tests;
mod unfinished;
mod value;

// Code and calls.
mod activation;
mod arch;
mod backtrace;
mod code;
mod enter;
mod host;
mod image_check;
mod leave;
mod profile;
mod registry;
mod signal;
mod stack;
mod stack_words;
mod trap;
mod type_registry;

pub use error::{
    BoxError, FuncError, GlobalError, ImportError, InstantiateError, LookupError, TableError,
};
pub use extern_ref::{ExternObject, RootScope};
pub use func::{HostData, Thunk, ThunkError, ThunkProvider};
pub use handle::{
    Extern, ExternRefId, FuncId, GlobalId, HandleError, InstanceId, MemoryId, StoreId, TableId,
    Value,
};
pub use instance::{OwnStart, StartFunction};
pub use interrupt::EpochHook;
pub use limits::{GrowError, Growth, GrowthHook, LimitError, Limits};
pub use pool::{Pool, PoolConcurrencyLimitError, PoolLimits, PoolSizeError};
pub use store::{Store, StoreConfig};
pub use value::ValueError;

pub use activation::{IdleStack, idle, prepare_thread};
pub use arch::{RegisterArgs, RegisterResult, host_stub};
pub use backtrace::{Backtrace, Frame};
pub use code::{LoadError, LoadedCode};
pub use enter::{call, call_in_registers, call_on_idle, call_start};
pub use host::host_call_shim;
pub use image_check::ImageFlaw;
pub use leave::leave;
pub use profile::ProfileFormat;
pub use stack::{GuardCheck, StackError, StackOptions, StackPool, StoreStack};
pub use trap::{Failure, TrapRecord, Unwind};
pub use type_registry::{Registration, TypeError, TypeRegistry};

// Part of errors that embedders get.
pub use brolga_os::{OsError, OsErrorKind};
