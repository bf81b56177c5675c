//! `brolga compile`: a module's code, into a file or as figures.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use brolga::CodeImage;
use brolga::inspect::Inspection;

use crate::ctrl_c::CtrlC;
use crate::engine;
use crate::failure::Failure;
use crate::flags::{CompileFlags, Emit};
use crate::input::{self, Name};
use crate::look::listing::{self, View};
use crate::object;
use crate::progress::Progress;

pub(crate) fn compile(flags: &CompileFlags) -> Result<ExitCode, Failure> {
    let ctrl_c = CtrlC::ends_process()?;
    let mut config = engine::config_for(&flags.target, &flags.code)?;
    config.epoch_interruption(flags.epochs).consume_fuel(flags.fuel);
    let engine = engine::engine(&config)?;
    let emit = match (flags.emit, &flags.output) {
        (Some(Emit::Image | Emit::Object), None) => {
            let failure = Failure::usage("there is no file to write the code to");
            return Err(failure.hint("--output FILE names one, or - standard output"));
        }
        (None, Some(_)) => Some(Emit::Image),
        (emit, _) => emit,
    };
    let bytes = input::read(&flags.file)?;
    let cannot_compile = |error| input::cannot_compile(&flags.file, &bytes, &error);
    let module = Inspection::new(&engine, &bytes).map_err(cannot_compile)?;
    let output = flags.output.as_deref().unwrap_or(Path::new("-"));
    let view = match emit {
        Some(Emit::Clif) => View::Clif,
        Some(Emit::Asm) => View::Asm,
        Some(Emit::Image | Emit::Object) | None => {
            let start = Instant::now();
            let image = module.image_observed(&Progress::new(&ctrl_c)).map_err(cannot_compile)?;
            let seconds = start.elapsed().as_secs_f64();
            match emit {
                Some(Emit::Object) => write(output, &object::object(&module, &image)?)?,
                Some(_) => write(output, &module.serialize(&image))?,
                None => {}
            }
            // Standard output is for the code if that is where it goes.
            if emit.is_none() || output != Path::new("-") {
                figures(&flags.file, &image, seconds)?;
            }
            return Ok(ExitCode::SUCCESS);
        }
    };
    let mut text = Vec::new();
    listing::write(&mut text, &module, module.functions().collect(), view, cannot_compile)?;
    write(output, &text)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes `bytes` to `file`, or to standard output for `-`.
pub(crate) fn write(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if file == Path::new("-") {
        let mut output = io::stdout().lock();
        output.write_all(bytes)?;
        return Ok(output.flush()?);
    }
    std::fs::write(file, bytes)
        .map_err(|error| Failure::new(format!("can't write {}: {error}", Name(file))))
}

fn figures(file: &Path, image: &CodeImage, seconds: f64) -> Result<(), Failure> {
    let bytes: u64 = image.functions.iter().map(|range| u64::from(range.len)).sum();
    let (functions, whole) = (image.functions.len(), image.code.len());
    writeln!(
        io::stdout(),
        "{}: {functions} functions, {bytes} bytes of code, image of {whole} bytes, {seconds:.3} s",
        file.display(),
    )?;
    Ok(())
}
