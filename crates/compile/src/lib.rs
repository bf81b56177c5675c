//! From a [`ParsedModule`] and a [`Target`] to a [`CodeImage`], through Cranelift.
//!
//! ```text
//!  ParsedModule ─ analysis ─▶ ModuleFacts ─┐
//!       │                                  ▼
//!       └── bodies, in parallel ── translate ─▶ IR ─ emit ─▶ CompiledFunction ─ link ─▶ CodeImage
//!                                  entries ───▶ IR ─ emit ─▶ CompiledFunction ──▲
//! ```
//!
//! Start at [`compile`] (`pipeline.rs`). Each body is validated in the pass that translates it.
//!
//! **Invariants**
//! - The image depends on the module's bytes, the target and the options, never on the number of
//!   threads, on time or on addresses: two compilations give equal bytes.
//! - Knows nothing of instances, stores or the host's memory: what code may touch is said by
//!   `brolga-abi`.
//! - Whatever the module's bytes, an error is returned, typed; a panic below is contained and
//!   reported as [`CompileError::Internal`].
//! - Nothing here is executed or made executable.
#![deny(unsafe_code)]

mod analysis;
mod emit;
mod entries;
mod error;
mod func_env;
mod image;
mod link;
mod listing;
mod pipeline;
mod target;
mod translate;
mod workers;

pub use brolga_abi::{CodeImage, CompileOptions};
pub use brolga_module::ParsedModule;
pub use error::CompileError;
pub use listing::{FunctionListing, SourceRange, list_functions};
pub use pipeline::{CompileObserver, compile, function_asm, function_ir, host_thunk_image};
pub use target::Target;
