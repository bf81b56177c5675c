//! `brolga inspect`: what the compiler makes of a module.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use brolga::inspect::Inspection;

use crate::engine;
use crate::failure::Failure;
use crate::flags::InspectFlags;
use crate::input::{self, Name};
use crate::look::listing::{self, View};

pub(crate) fn inspect(flags: &InspectFlags) -> Result<ExitCode, Failure> {
    let engine = engine::engine(&engine::config_for(&flags.target, &flags.code)?)?;
    let bytes = input::read(&flags.file)?;
    let cannot_compile = |error| input::cannot_compile(&flags.file, &bytes, &error);
    let module = Inspection::new(&engine, &bytes).map_err(cannot_compile)?;
    let mut output = BufWriter::new(io::stdout().lock());
    if flags.what.layout {
        output.write_all(module.layout().map_err(cannot_compile)?.as_bytes())?;
    } else {
        let view = if flags.what.clif { View::Clif } else { View::Asm };
        let functions = listing::functions(&module, Name(&flags.file), flags.function.as_deref())?;
        listing::write(&mut output, &module, functions, view, cannot_compile)?;
    }
    output.flush()?;
    Ok(ExitCode::SUCCESS)
}
