//! Reading what a command is given: a file, or standard input.

use std::io::{self, Read};
use std::path::Path;

use brolga::{Engine, Module};

use crate::failure::Failure;

/// The contents of `file`, or of standard input for `-`.
pub(crate) fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    if file == Path::new("-") {
        let mut bytes = Vec::new();
        return match io::stdin().lock().read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(Failure::new(format!("can't read standard input: {error}"))),
        };
    }
    std::fs::read(file).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::new(format!("there is no file `{}`", file.display())),
        _ => Failure::new(format!("can't read `{}`: {error}", file.display())),
    })
}

/// The module in `file`, compiled.
pub(crate) fn module(engine: &Engine, file: &Path) -> Result<Module, Failure> {
    let bytes = read(file)?;
    Module::new(engine, bytes).map_err(|error| cannot_compile(file, &error))
}

pub(crate) fn cannot_compile(file: &Path, error: &brolga::Error) -> Failure {
    Failure::of_module(format_args!("can't compile `{}`", file.display()), error)
}

/// An engine of the default configuration.
pub(crate) fn engine() -> Result<Engine, Failure> {
    Engine::new(&brolga::Config::default())
        .map_err(|error| Failure::new(format!("can't run WebAssembly on this machine: {error:#}")))
}
