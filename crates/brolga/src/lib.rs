//! A WebAssembly compiling runtime to embed.
//!
//! # First program
//!
//! ```
//! use brolga::*;
//!
//! fn main() -> Result<()> {
//!     let engine = Engine::default();
//!     let module = Module::new(&engine, r#"
//!         (module
//!             (import "host" "say" (func $say (param i32)))
//!             (func (export "run") (call $say (i32.const 42))))"#)?;
//!     let mut store = Store::new(&engine, ());
//!     let say = Func::wrap(&mut store, |number: i32| println!("wasm says {number}"));
//!     let instance = Instance::new(&mut store, &module, &[say.into()])?;
//!     let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
//!     run.call(&mut store, ())
//! }
//! ```
//!
//! # The things there are
//!
//! | type | what it is | how many |
//! |---|---|---|
//! | [`Engine`] | compiles modules and keeps what stores share; its [`Config`] is fixed when it is made | one a program |
//! | [`Module`] | a program, compiled | any number, shared by threads |
//! | [`Store`] | where instances live, and your data beside them | one a thread, a request, a tenant |
//! | [`Instance`] | a module with its imports, in a store | any number a store |
//! | [`Func`], [`TypedFunc`] | a function, called with [`Val`]s or with Rust values | |
//! | [`Memory`], [`Table`], [`Global`] | the other things that instances export and import | |
//! | [`Linker`] | names to host functions and instances, for modules with many imports | |
//! | [`Caller`] | the store, as a host function gets it | |
//! | [`Error`] | what went wrong; a [`Trap`] and its [`WasmBacktrace`] are found in it by type | |
//!
//! Handles ([`Func`], [`Memory`] and the like) are small and `Copy`. They belong to their store,
//! and everything done with one takes that store as first argument: `&mut store`, or the
//! [`Caller`] inside a host function. With another store they are an error.
//!
//! Names, signatures and semantics are those that users of the wasmtime crate know.
//!
//! # Whole programs
//!
//! [Twelve of them](_examples), each about one thing, are part
//! of this documentation and in the folder `examples`: hello, gcd, memory, multi_value, linking,
//! host_state, externref, fuel, epochs, limits, serialize, threads.
//!
//! # Where next
//!
//! - Host functions: [`Func::wrap`], [`Linker::func_wrap`], [`Caller`].
//! - Reading what wasm wrote: [`Memory`].
//! - When wasm stops: [`Trap`], [`WasmBacktrace`], [`Error`].
//! - How much wasm may use: [`Limits`], [`Store::limiter`], [`Config::max_wasm_stack`].
//! - Stopping wasm from outside: [`Store::set_fuel`], [`Engine::increment_epoch`].
//! - Compiling once, running often: [`Module::serialize`], [`Module::deserialize`],
//!   [`Engine::precompile_module`]; or without thinking of it: [`Config::cache`].
//! - Giving memory back: [`Instance::close`], [`Engine::delete_compiled_module`].
//! - The seam beneath, functions by index and values as bare slots: [`ModuleEngine`],
//!   [`CallEngine`].
//!
//! # Features
//!
//! - `compiler` (default): compile modules in this process. Without it, compiled ones are loaded:
//!   [`Module::deserialize`].
//! - `parallel-compilation` (default): on several threads.
//! - `wat` (default): accept the text format wherever bytes are accepted.
//! - `addr2line` (default): backtraces tell the source lines of modules with DWARF sections.
//! - `demangle` (default): backtraces show Rust's and C++'s names as they are written.
//! - `coredump` (default): [`WasmCoreDump`].
//! - `all-arch`: compile for every 64-bit target there is a code generator for.
//!
//! # Invariants
//!
//! - There is one path by which code is compiled, one by which an instance is made, one by which a
//!   function is called, whatever part of the API asks: those of [`Engine`], [`ModuleEngine`] and
//!   [`CallEngine`].
//! - Safe code that uses this crate in whatever way gets results, errors or documented panics, and
//!   never undefined behaviour.
//! - `unsafe` is in six files: `store_cell.rs`, `host_call.rs`, `host_call/unchecked.rs`,
//!   `engine/enter.rs`, `engine/compile.rs`, `serialize.rs`.
#![deny(unsafe_code)]

#[cfg(any(doc, doctest))]
pub mod _examples;
mod backtrace;
mod call_hook;
mod caller;
mod config;
mod context;
#[cfg(feature = "coredump")]
mod coredump;
mod cranelift_flags;
mod debug;
mod definition;
#[cfg(feature = "compiler")]
mod disk_cache;
mod engine;
mod error;
mod extern_ref;
mod external;
mod func;
mod global;
mod handle;
#[allow(unsafe_code, reason = "one of the rooms")]
mod host_call;
mod host_cpu;
#[cfg(feature = "compiler")]
pub mod inspect;
mod instance;
mod interrupt;
mod into_func;
mod limits;
mod linker;
#[doc(hidden)]
pub mod macros;
mod memory;
mod module;
mod module_info;
mod pooling;
#[allow(unsafe_code, reason = "one of the rooms")]
mod serialize;
#[cfg(feature = "compiler")]
mod source;
mod store;
#[allow(unsafe_code, reason = "one of the rooms")]
mod store_cell;
mod table;
mod trap;
mod typed;
mod types;
mod v128;
mod val;
mod val_raw;
mod wasm_ty;

pub use backtrace::{FrameInfo, WasmBacktrace};
pub use call_hook::CallHook;
pub use caller::Caller;
pub use config::{Config, ConfigError, OptLevel, ProfilingStrategy, WasmBacktraceDetails};
pub use context::{AsContext, AsContextMut};
#[cfg(feature = "coredump")]
pub use coredump::WasmCoreDump;
pub use debug::FrameSymbol;
pub use definition::{InstancePre, UnknownImportError};
#[cfg(feature = "compiler")]
pub use disk_cache::{Cache, CacheConfig, CacheError};
pub use engine::{
    CallEngine, ElementInstance, Engine, EngineError, EngineWeak, FunctionListenerFactory,
    ModuleEngine, SlotCountError,
};
pub use error::{Chain, Context, Error, Result};
pub use extern_ref::{ExternRef, GcHeapOutOfMemory, Rooted};
pub use external::{Export, Extern};
pub use func::Func;
pub use global::Global;
pub use host_cpu::HostError;
pub use instance::{Instance, ModuleExport};
pub use interrupt::{EpochWatch, UpdateDeadline};
pub use into_func::IntoFunc;
pub use limits::{ResourceLimiter, StoreLimits, StoreLimitsBuilder};
pub use linker::Linker;
pub use memory::{Memory, MemoryAccessError};
pub use module::Module;
pub use module_info::{ModuleFunction, ResourcesRequired};
pub use pooling::{InstanceAllocationStrategy, PoolingAllocationConfig};
pub use serialize::{DeserializeError, Precompiled};
pub use store_cell::{Store, StoreContext, StoreContextMut};
pub use table::Table;
pub use trap::{MemoryFault, Trap};
pub use typed::TypedFunc;
pub use types::{
    ExportType, ExternType, Finality, FuncType, GlobalType, HeapType, ImportType, MemoryType,
    MemoryTypeBuilder, Mutability, RefType, TableType, ValType,
};
pub use v128::V128;
pub use val::{Ref, Val};
pub use val_raw::ValRaw;
pub use wasm_ty::{WasmParams, WasmResults, WasmRet, WasmTy, WasmTyList};

// What the crates beneath call these things is part of this API.
#[cfg(feature = "compiler")]
pub use brolga_abi::CodeImage;
pub use brolga_abi::{FunctionTypeId, ImageFileError};
#[cfg(feature = "compiler")]
pub use brolga_compile::{CompileError, CompileObserver};
pub use brolga_module::{
    DefinedFuncIndex, Feature, Features, FuncIndex, ModuleError, TableIndex, TypeIndex,
};
pub use brolga_runtime::{
    FuncError, GlobalError, GrowError, HandleError, ImportError, InstantiateError, LimitError,
    Limits, LoadError, LookupError, PoolConcurrencyLimitError, PoolSizeError, TableError,
    ThunkError, TypeError, ValueError,
};
