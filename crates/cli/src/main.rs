//! The `brolga` program: runs, compiles, tests and inspects WebAssembly from the command line.
//!
//! ```text
//! brolga run [OPTIONS] FILE [ARGS]…     run a WASI program, or call an export
//! brolga compile FILE                   compile: to a file, or to say how long it took
//! brolga validate FILES…                check modules without compiling them
//! brolga wast FILES…                    run .wast scripts
//! brolga inspect FILE --clif …          show what the compiler makes of a module
//! brolga objdump FILE                   show machine code beside the wasm it came from
//! brolga explore FILE                   make a page of a module's code
//! brolga config, version, completions   say something of the program itself
//! ```
//!
//! **Invariants**
//! - Whatever fails is one message for people on standard error: what, where, and a hint if there
//!   is one. Never a panic, never a value printed for debugging.
//! - Exit codes: the program's own; 134 for a trap; 130 after Ctrl-C; 124 at the deadline of
//!   `--timeout`; 2 for bad usage; 1 for everything else.
#![forbid(unsafe_code)]

mod about;
mod compile;
mod ctrl_c;
mod engine;
mod explore;
mod failure;
mod flags;
mod input;
mod inspect;
mod json;
mod look;
mod objdump;
mod object;
mod progress;
mod run;
mod units;
mod validate;
mod wast;

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use failure::Failure;
use flags::{Brolga, Command};

fn main() -> ExitCode {
    let arguments = Brolga::try_parse().unwrap_or_else(|error| {
        if let Some(failure) = no_command(&error) {
            std::process::exit(i32::from(failure.report_code()));
        }
        error.exit()
    });
    let outcome = match arguments.command {
        Command::Run(flags) => run::run(&flags),
        Command::Compile(flags) => compile::compile(&flags),
        Command::Wast(flags) => wast::wast(&flags),
        Command::Inspect(flags) => inspect::inspect(&flags),
        Command::Validate(flags) => validate::validate(&flags),
        Command::Objdump(flags) => objdump::objdump(&flags),
        Command::Explore(flags) => explore::explore(&flags),
        Command::Config(flags) => about::config(&flags),
        Command::Completions(flags) => about::completions(&flags),
        Command::Version => about::version(),
    };
    match outcome {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

/// What to say to who forgot the command and began with a file.
fn no_command(error: &clap::Error) -> Option<Failure> {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return None;
    }
    let first = std::env::args().nth(1)?;
    Path::new(&first).is_file().then(|| {
        Failure::usage(format!("`{first}` is a file, not a command"))
            .hint(format!("to run it: brolga run {first}"))
    })
}
