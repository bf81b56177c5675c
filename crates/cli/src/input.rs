//! Reading what a command is given: a file, or standard input.

use std::fmt;
use std::io::{self, Read};
use std::path::Path;

use brolga::{Engine, Module};

use crate::ctrl_c::CtrlC;
use crate::failure::Failure;
use crate::progress::Progress;

/// What to call a file in a message.
#[derive(Clone, Copy)]
pub(crate) struct Name<'a>(pub(crate) &'a Path);

impl Name<'_> {
    fn is_stdin(self) -> bool {
        self.0 == Path::new("-")
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_stdin() {
            f.write_str("standard input")
        } else {
            write!(f, "`{}`", self.0.display())
        }
    }
}

/// The contents of `file`, or of standard input for `-`.
pub(crate) fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    if Name(file).is_stdin() {
        let mut bytes = Vec::new();
        return match io::stdin().lock().read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(Failure::new(format!("can't read standard input: {error}"))),
        };
    }
    std::fs::read(file).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::new(format!("there is no file {}", Name(file))),
        _ => Failure::new(format!("can't read {}: {error}", Name(file))),
    })
}

/// The module in `file`, compiled.
pub(crate) fn module(engine: &Engine, file: &Path, ctrl_c: &CtrlC) -> Result<Module, Failure> {
    let bytes = read(file)?;
    let module = engine.compile_observed(&bytes, &Progress::new(ctrl_c));
    module.map_err(|error| cannot_compile(file, &bytes, &error))
}

/// The module of `bytes`, which come from `file`, can't be compiled.
pub(crate) fn cannot_compile(file: &Path, bytes: &[u8], error: &brolga::Error) -> Failure {
    let what = format_args!("can't compile {}", Name(file));
    of_file(Failure::of_module(what, error), file, bytes)
}

/// `failure`, of the module in `bytes`, which come from `file`: with its name where the parser of
/// text has none, and a hint at what a module looks like if that is needed.
pub(crate) fn of_file(failure: Failure, file: &Path, bytes: &[u8]) -> Failure {
    let failure = match Name(file).is_stdin() {
        true => failure,
        false => failure.replace("--> <anon>:", &format!("--> {}:", file.display())),
    };
    if bytes.starts_with(b"\0asm")
        || bytes.trim_ascii_start().starts_with(b"(")
        || Engine::detect_precompiled(bytes).is_some()
    {
        return failure;
    }
    failure.hint(
        "a module is binary, beginning with the bytes 00 61 73 6d, or text, beginning with \
         `(module`",
    )
}
