//! What went wrong, as the user reads it.

use std::fmt;
use std::io;
use std::process::ExitCode;

use brolga::{Error, ModuleError, Trap, WasmBacktrace, WasmCoreDump};

/// The exit code after a trap: what a shell shows of a process that aborted.
const TRAPPED: u8 = 134;
const FAILED: u8 = 1;
/// The exit code of bad usage, as clap has it.
const MISUSED: u8 = 2;

/// A failed command: a message, and hints that help on.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    hints: Vec<String>,
    code: u8,
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hints: Vec::new(), code: FAILED }
    }

    /// What was asked for makes no sense.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { code: MISUSED, ..Self::new(message) }
    }

    /// The same with this exit code.
    #[must_use]
    pub(crate) fn code(self, code: u8) -> Self {
        Self { code, ..self }
    }

    /// The same, said of `what`.
    #[must_use]
    pub(crate) fn within(self, what: impl fmt::Display) -> Self {
        Self { message: format!("{what}: {}", self.message), ..self }
    }

    /// The same with what follows the first line of `other`: the frames of a call.
    #[must_use]
    pub(crate) fn with_frames_of(mut self, other: Self) -> Self {
        if let Some((_, frames)) = other.message.split_once('\n') {
            self.message = format!("{}\n{frames}", self.message);
        }
        self
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// `what` failed with `error`, which is of the module or its compilation.
    pub(crate) fn of_module(what: impl fmt::Display, error: &Error) -> Self {
        let failure = Self::new(format!("{what}: {error:#}"));
        match error.downcast_ref::<ModuleError>() {
            Some(ModuleError::Component { .. }) => failure.hint(
                "components are not supported; compile the program for WASI preview 1 \
                 (for Rust: --target wasm32-wasip1)",
            ),
            _ => failure,
        }
    }

    /// A call into the guest failed with `error`: a trap, or an error of the host's.
    pub(crate) fn of_call(error: &Error) -> Self {
        let code = if error.is::<Trap>() { TRAPPED } else { FAILED };
        Self { message: call_message(error), hints: Vec::new(), code }
    }

    /// Writes the message to standard error.
    pub(crate) fn report(&self) -> ExitCode {
        if self.message.is_empty() {
            return ExitCode::from(self.code);
        }
        eprint(&format!("error: {}", self.message));
        for hint in &self.hints {
            eprint(&format!("hint: {hint}"));
        }
        ExitCode::from(self.code)
    }
}

/// What happened, and then the frames, a line each.
fn call_message(error: &Error) -> String {
    if !error.is::<WasmCoreDump>() {
        return format!("{error:#}");
    }
    // The dump says of itself what there is in it: nothing that belongs here.
    let frames = error.downcast_ref::<WasmBacktrace>().map(ToString::to_string);
    let causes = error.chain().skip(1).map(ToString::to_string);
    let causes: Vec<_> = causes.filter(|cause| Some(cause) != frames.as_ref()).collect();
    let frames = frames.as_deref().and_then(|text| text.split_once('\n'));
    let frames = frames.map(|(_, frames)| format!("\nwasm backtrace:\n{frames}"));
    causes.join(": ") + frames.as_deref().unwrap_or("")
}

/// A failure of writing to standard output. If nobody reads it any longer there is nobody to tell.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(""),
            _ => Self::new(format!("can't write to standard output: {error}")),
        }
    }
}

/// Writes a line to standard error; should that fail, there is nowhere left to say so.
pub(crate) fn eprint(line: &str) {
    use io::Write as _;
    let _ = writeln!(io::stderr(), "{line}");
}
