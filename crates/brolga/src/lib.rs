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
//! # Whole programs
//!
//! Each is about one thing, is a test, and is run by `cargo run --example NAME`:
//! [hello](_examples::hello), [gcd](_examples::gcd), [memory](_examples::memory),
//! [multi_value](_examples::multi_value), [linking](_examples::linking),
//! [host_state](_examples::host_state), [externref](_examples::externref),
//! [fuel](_examples::fuel), [epochs](_examples::epochs), [limits](_examples::limits),
//! [serialize](_examples::serialize), [threads](_examples::threads).
//!
//! # How things are
//!
//! **What a guest can do.** Compute, use its own memory and call what it was given as imports;
//! nothing else. Whatever goes wrong in it is an [`Error`] of the call, and the store goes on
//! working. How much it may have is limited from the start ([`Limits`]); how long it may take is
//! not ([`Store::set_fuel`], [`Store::set_epoch_deadline`]).
//!
//! **Errors** are one type, a word wide, with a chain of causes inside. What is in it is asked for
//! by its type: `error.downcast_ref::<Trap>()`. An error of a call also has the functions that were
//! active ([`WasmBacktrace`]) and, where wasm has reached outside its memory, the place
//! ([`MemoryFault`]). What a host function returns as an error comes out of the call unchanged.
//!
//! **Source lines.** Backtraces name functions by the module's name section. Of modules that carry
//! DWARF sections (clang and rustc write them with `-g`) they also tell file and line, functions that
//! were inlined among them: [`FrameInfo::symbols`]. The sections are read when somebody looks, with
//! bounded effort; what is wrong with them is as if they were not there.
//! [`Config::wasm_backtrace_details`] switches that off.
//!
//! **Stacks.** Wasm does not run on the thread's stack but on one of the store's own, and has as
//! much of it as [`Config::max_wasm_stack`] says, whatever thread it runs on; more is
//! [`Trap::StackOverflow`]. Host functions run there too, and have a mebibyte besides, however deep
//! wasm was when it called them. A host function that may need more has to see to that itself
//! (another thread has a stack of its own): running off the end of it ends the process, as running
//! off the end of a thread's stack does.
//!
//! **Panics** of host functions go through wasm and on in whoever called it. The store can be used
//! afterwards. With `panic = "abort"` they end the process.
//!
//! **Threads.** Engines, modules, linkers and prepared instances are shared freely. A store is used
//! by one thread at a time, and can be sent to another if its data can.
//!
//! **Memory** is given back when an instance is [closed](Instance::close), not only with its store:
//! at once if no other instance uses it, else when none does any more.
//!
//! **Host objects** that wasm holds references to ([`ExternRef`]) are dropped when nothing leads to
//! them any more. What a host function is given and makes of them is its own until it returns; what
//! is to be good for longer is an [`OwnedRooted`], what is to be given up sooner is made in a
//! [`RootScope`].
//!
//! # Coming from wasmtime
//!
//! Names, signatures and semantics are those of the wasmtime crate's core, synchronous API: most
//! programs change `use wasmtime::` to `use brolga::`. What differs:
//!
//! - Handles of other stores, and of closed instances, are errors where a function returns one.
//! - [`Instance::close`], which gives memory back, [`Store::set_limits`], which are on from the
//!   start, and [`MemoryFault`] are ours.
//! - `Config::cranelift_flag_set` lets through what can do no harm, and is safe; so are
//!   [`Func::from_raw`], [`Val::from_raw`] and [`ValRaw`]'s methods.
//! - [`Instance::module`] gives the module, not a reference to it.
//! - Errors have the same kinds and chains and their own words; one of a call shows what went wrong
//!   first and the backtrace below. A frame of a function without a name has that of its export.
//! - What is too large for the engine's pool is refused when it is instantiated, not when it is
//!   compiled.
//! - Not there yet: components, async, shared memories, tags and exceptions, structs, arrays and
//!   other collected references. Modules that need them are refused.
//!
//! # Where next
//!
//! - Host functions: [`Func::wrap`], [`Linker::func_wrap`], [`Caller`].
//! - Reading what wasm wrote: [`Memory`].
//! - When wasm stops: [`Trap`], [`WasmBacktrace`], [`Error`], [`WasmCoreDump`].
//! - How much wasm may use: [`Limits`], [`Store::limiter`], [`Config::max_wasm_stack`],
//!   [`Config::allocation_strategy`].
//! - Stopping wasm from outside: [`Store::set_fuel`], [`Engine::increment_epoch`].
//! - Compiling once, running often: [`Module::serialize`], [`Module::deserialize`],
//!   [`Engine::precompile_module`]; or without thinking of it: [`Config::cache`].
//! - Giving memory back: [`Instance::close`], [`Engine::delete_compiled_module`], [`Store::gc`].
//! - Looking on: [`Store::call_hook`], [`WasmBacktrace::capture`], [`Config::profiler`], [`inspect`].
//! - The seam beneath, functions by index and values as bare slots: [`ModuleEngine`],
//!   [`CallEngine`]; values without types: [`Func::call_unchecked`].
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
pub mod error;
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
mod null_ref;
mod pooling;
mod proposals;
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
pub use config::{
    Config, ConfigError, OptLevel, ProfilingStrategy, Strategy, WasmBacktraceDetails,
};
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
pub use extern_ref::{
    ExternRef, GcHeapOutOfMemory, GcRef, OwnedRooted, RootScope, Rooted, RootedGcRef,
};
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
pub use null_ref::{NoExtern, NoFunc};
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
    FuncError, GlobalError, GrowError, HandleError, ImageFlaw, ImportError, InstantiateError,
    LimitError, Limits, LoadError, LookupError, OsError, OsErrorKind, PoolConcurrencyLimitError,
    PoolSizeError, StackError, TableError, ThunkError, TypeError, ValueError,
};
