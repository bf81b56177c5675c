//! `brolga wast`: scripts, and what came of them.

use std::io::{self, Write};
use std::process::ExitCode;

use brolga_wast::Runner;

use crate::engine;
use crate::failure::Failure;
use crate::flags::WastFlags;
use crate::input::{self, Name};

pub(crate) fn wast(flags: &WastFlags) -> Result<ExitCode, Failure> {
    let engine = engine::engine(&engine::config(&flags.code))?;
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for file in &flags.files {
        let source = String::from_utf8(input::read(file)?)
            .map_err(|_| Failure::new(format!("{} is not UTF-8", Name(file))))?;
        let mut runner = Runner::new(&engine)
            .map_err(|error| Failure::new(format!("can't run scripts: {error:#}")))?;
        let report = runner.run(&file.display().to_string(), &source);
        let mut output = io::stdout().lock();
        for failure in &report.failures {
            writeln!(output, "{failure}")?;
        }
        for skip in &report.skipped {
            writeln!(output, "{skip}")?;
        }
        passed += report.assertions;
        failed += report.failures.len();
        skipped += report.skipped.len();
    }
    let files = flags.files.len();
    let plural = if files == 1 { "file" } else { "files" };
    writeln!(
        io::stdout(),
        "{passed} passed, {failed} failed, {skipped} skipped in {files} {plural}"
    )?;
    Ok(if failed + skipped == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
