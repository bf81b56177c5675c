//! `brolga compile`: how large a module's code is, and how long it takes to make.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

use brolga::Config;
use brolga::inspect::Inspection;

use crate::engine;
use crate::failure::Failure;
use crate::flags::CompileFlags;
use crate::input;

pub(crate) fn compile(flags: &CompileFlags) -> Result<ExitCode, Failure> {
    let engine = engine::engine(&Config::new())?;
    let bytes = input::read(&flags.file)?;
    let cannot_compile = |error| input::cannot_compile(&flags.file, &bytes, &error);
    let module = Inspection::new(&engine, &bytes).map_err(cannot_compile)?;
    let start = Instant::now();
    let image = module.image().map_err(cannot_compile)?;
    let elapsed = start.elapsed();
    let bytes: u64 = image.functions.iter().map(|range| u64::from(range.len)).sum();
    writeln!(
        io::stdout(),
        "{}: {} functions, {bytes} bytes of code, image of {} bytes, {:.3} s",
        flags.file.display(),
        image.functions.len(),
        image.code.len(),
        elapsed.as_secs_f64(),
    )?;
    Ok(ExitCode::SUCCESS)
}
