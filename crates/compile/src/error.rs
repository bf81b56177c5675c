//! Why a module was not compiled.
//!
//! **Invariants**
//! - Functions are named by their index in the module's index space, imports counted, as names and
//!   tools count them; offsets are in bytes from the module's start.
//! - Of several functions that fail, the one with the smallest index is reported, whatever the
//!   number of threads.

use brolga_module::wasmparser::Error;
use brolga_module::{DefinedFuncIndex, FuncIndex, ModuleError, ParsedModule};

/// Why a module was not compiled.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// A function's body is malformed or does not validate; the error says which and where.
    #[error(transparent)]
    Module(#[from] ModuleError),
    /// A function uses what this compiler does not translate.
    #[error("function {function} uses {what}, which is not supported (at offset 0x{offset:x})")]
    Unsupported {
        /// Which function.
        function: FuncIndex,
        /// Where, in bytes from the module's start.
        offset: usize,
        /// What is not supported.
        what: String,
    },
    /// A function passes a limit of the code generator.
    #[error("function {function} is too large to compile: {what}")]
    FunctionTooLarge {
        /// Which function.
        function: FuncIndex,
        /// Which limit was passed.
        what: String,
    },
    /// The module's code does not fit an image of the target.
    #[error("the module needs {bytes} bytes of {what}, but an image has room for {limit_bytes}")]
    ImageTooLarge {
        /// What does not fit.
        what: &'static str,
        /// How much of it there is, in bytes.
        bytes: u64,
        /// How much of it there may be, in bytes.
        limit_bytes: u64,
    },
    /// The target is not one that code can be made for.
    #[error("cannot compile for {triple}: {reason}")]
    Target {
        /// The target's triple.
        triple: String,
        /// Why not.
        reason: String,
    },
    /// The observer asked to stop.
    #[error("compilation was cancelled")]
    Cancelled,
    /// The threads to compile on could not be started.
    #[error("cannot start {threads} compilation threads: {reason}")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// What the system answered.
        reason: String,
    },
    /// The code generator failed where it should not: a bug, contained to this error.
    #[error("internal error while compiling {what}: {message}")]
    Internal {
        /// What was being compiled.
        what: String,
        /// What went wrong.
        message: String,
    },
}

impl CompileError {
    /// What the validator found wrong with the body of `func`.
    pub(crate) fn invalid(module: &ParsedModule, func: DefinedFuncIndex, error: &Error) -> Self {
        Self::Module(module.body_error(func, error))
    }

    /// What `function` uses at `offset` is not translated.
    pub(crate) fn unsupported(function: FuncIndex, offset: usize, what: impl Into<String>) -> Self {
        Self::Unsupported { function, offset, what: what.into() }
    }
}
