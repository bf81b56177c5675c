//! Why a call into code did not return: what is thrown at the trap door, and what the caller gets.
//!
//! ```text
//!  Unwind ──leave──▶ Activation ──call──▶ Err(TrapRecord), or the panic goes on
//! ```
//!
//! **Invariants**
//! - A [`TrapRecord`] holds no address of code or stack: it may outlive both.

use std::any::Any;
use std::error::Error;
use std::fmt;

use brolga_abi::TrapCode;

use crate::StackError;
use crate::backtrace::Backtrace;

/// Why host code that wasm called gives up the wasm frames below it.
pub enum Unwind {
    /// A trap.
    Trap(TrapCode),
    /// An error of the host's own.
    Error(Box<dyn Error + Send + Sync>),
    /// A panic, to go on where the host called wasm.
    Panic(Box<dyn Any + Send>),
}

impl From<TrapCode> for Unwind {
    fn from(code: TrapCode) -> Self {
        Self::Trap(code)
    }
}

impl fmt::Debug for Unwind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trap(code) => f.debug_tuple("Trap").field(code).finish(),
            Self::Error(error) => f.debug_tuple("Error").field(error).finish(),
            Self::Panic(_) => f.write_str("Panic(..)"),
        }
    }
}

/// What a call ended with instead of results.
#[derive(Debug)]
pub struct TrapRecord {
    /// Why.
    pub failure: Failure,
    /// The wasm frames there were, innermost first.
    pub backtrace: Backtrace,
}

/// Why a call did not return.
#[derive(Debug)]
pub enum Failure {
    /// A trap.
    Trap {
        /// Which one.
        code: TrapCode,
        /// The address that could not be accessed, where the processor found the trap out.
        address: Option<usize>,
    },
    /// A host function's error.
    Host(Box<dyn Error + Send + Sync>),
    /// There was no stack to run on; nothing of the guest ran.
    NoStack(StackError),
}

impl TrapRecord {
    /// A record without frames.
    #[cold]
    pub(crate) fn without_frames(failure: Failure) -> Box<Self> {
        Box::new(Self { failure, backtrace: Backtrace::default() })
    }

    /// The trap, if it is one.
    pub fn trap_code(&self) -> Option<TrapCode> {
        match self.failure {
            Failure::Trap { code, .. } => Some(code),
            Failure::Host(_) | Failure::NoStack(_) => None,
        }
    }
}

impl fmt::Display for TrapRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.failure {
            Failure::Trap { code, .. } => code.fmt(f),
            Failure::Host(error) => error.fmt(f),
            Failure::NoStack(error) => error.fmt(f),
        }
    }
}

impl Error for TrapRecord {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.failure {
            Failure::Trap { .. } => None,
            Failure::Host(error) => error.source(),
            Failure::NoStack(error) => Some(error),
        }
    }
}
