//! `brolga config`, `version` and `completions`: what the program says of itself.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use clap::CommandFactory;

use crate::engine;
use crate::failure::Failure;
use crate::flags::{Brolga, CompletionsFlags, ConfigFlags};

/// The settings that the flags of other commands would lead to, by groups.
pub(crate) fn config(flags: &ConfigFlags) -> Result<ExitCode, Failure> {
    let engine = engine::engine(&engine::config_for(&flags.target, &flags.code)?)?;
    let mut output = BufWriter::new(io::stdout().lock());
    for (position, (group, rows)) in brolga::inspect::settings(&engine).iter().enumerate() {
        if position > 0 {
            writeln!(output)?;
        }
        writeln!(output, "[{group}]")?;
        for (name, value) in rows {
            writeln!(output, "{name} = {value}")?;
        }
    }
    output.flush()?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn version() -> Result<ExitCode, Failure> {
    let (version, os) = (env!("CARGO_PKG_VERSION"), std::env::consts::OS);
    writeln!(io::stdout(), "brolga {version} ({}-{os})", std::env::consts::ARCH)?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn completions(flags: &CompletionsFlags) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(flags.shell, &mut Brolga::command(), "brolga", &mut script);
    io::stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}
