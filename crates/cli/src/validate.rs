//! `brolga validate`: whether files are modules.

use std::io::{self, Write};
use std::process::ExitCode;

use brolga::Config;
use brolga::inspect::Inspection;

use crate::engine;
use crate::failure::Failure;
use crate::flags::ValidateFlags;
use crate::input::{self, Name};

/// Every file gets its answer, also after one that is none.
pub(crate) fn validate(flags: &ValidateFlags) -> Result<ExitCode, Failure> {
    let engine = engine::engine(&Config::new())?;
    let mut outcome = ExitCode::SUCCESS;
    for file in &flags.files {
        let checked = input::read(file).and_then(|bytes| {
            let checked = Inspection::new(&engine, &bytes).and_then(|module| module.validate());
            checked.map_err(|error| {
                let what = format_args!("{} is not valid", Name(file)).to_string();
                input::of_file(Failure::of_module(what, &error), file, &bytes)
            })
        });
        match checked {
            Ok(()) => writeln!(io::stdout(), "{} is valid", Name(file))?,
            Err(failure) => outcome = failure.report(),
        }
    }
    Ok(outcome)
}
