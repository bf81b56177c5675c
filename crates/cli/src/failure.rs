//! What went wrong, as the user reads it.

use std::fmt;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

use brolga::{CompileError, EngineError, Error, ModuleError, Trap, WasmBacktrace, WasmCoreDump};

use crate::ctrl_c::INTERRUPTED;

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

    /// The same with `to` for the first `from` of the message.
    #[must_use]
    pub(crate) fn replace(self, from: &str, to: &str) -> Self {
        Self { message: self.message.replacen(from, to, 1), ..self }
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
        if error.downcast_ref() == Some(&CompileError::Cancelled) {
            return Self::new("interrupted").code(INTERRUPTED);
        }
        if error.downcast_ref() == Some(&EngineError::Precompiled) {
            return failure.hint("run the module that it was compiled from");
        }
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
        ExitCode::from(self.report_code())
    }

    /// The same; the exit code as a number.
    pub(crate) fn report_code(&self) -> u8 {
        if self.message.is_empty() {
            return self.code;
        }
        let colours = colours();
        let error = Label { text: "error:", code: "1;31", colours };
        eprint(&format!("{error} {}", harmless(&self.message)));
        for hint in &self.hints {
            let label = Label { text: "hint:", code: "1;36", colours };
            eprint(&format!("{label} {}", harmless(hint)));
        }
        self.code
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
    let mut causes: Vec<_> = causes.filter(|cause| Some(cause) != frames.as_ref()).collect();
    if error.is::<Trap>() {
        // The trap first, then what is known of it.
        causes.reverse();
    }
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

/// Whether what is written to standard error may have colours: on a terminal that has them, unless
/// the user has asked for none (<https://no-color.org>).
fn colours() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    io::stderr().is_terminal() && !set("NO_COLOR") && !dumb
}

/// `text` without what could do something to a terminal: modules choose the names in messages.
fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => shown.push(character),
            character if character.is_control() => shown.extend(character.escape_default()),
            character => shown.push(character),
        }
    }
    shown
}

/// A word in front of a message.
struct Label {
    text: &'static str,
    /// The terminal's code for it.
    code: &'static str,
    colours: bool,
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, code, colours } = self;
        if *colours { write!(f, "\x1b[{code}m{text}\x1b[0m") } else { f.write_str(text) }
    }
}

/// Writes a line to standard error; should that fail, there is nowhere left to say so.
pub(crate) fn eprint(line: &str) {
    use io::Write as _;
    let _ = writeln!(io::stderr(), "{line}");
}
