//! Every command and flag, a row each. Nothing is decided here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Runs, compiles, tests and inspects WebAssembly
#[derive(Parser, Debug)]
#[command(name = "brolga", version, arg_required_else_help = true)]
pub(crate) struct Brolga {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run a WASI program, or call an export with --invoke
    Run(RunFlags),
    /// Compile a module and say how large its code is and how long it took
    Compile(CompileFlags),
    /// Run .wast scripts, the format of the specification's tests
    Wast(WastFlags),
    /// Show what the compiler makes of a module
    Inspect(InspectFlags),
}

#[derive(Args, Debug)]
#[command(override_usage = "brolga run [OPTIONS] FILE [ARGS]...")]
pub(crate) struct RunFlags {
    /// Call the export NAME with ARGS and print its results, instead of running the program
    #[arg(long, value_name = "NAME")]
    pub(crate) invoke: Option<String>,

    /// Let the program use the host's directory HOST, which it sees as GUEST (or as HOST).
    /// With :ro at the end it may only look
    #[arg(long = "dir", value_name = "HOST[::GUEST][:ro]")]
    pub(crate) directories: Vec<String>,

    /// Set a variable of the program's environment; without a value, to what it is here
    #[arg(long = "env", value_name = "KEY[=VALUE]")]
    pub(crate) environment: Vec<String>,

    /// What the program sees as its own name, instead of FILE
    #[arg(long, value_name = "NAME")]
    pub(crate) argv0: Option<String>,

    /// The module (.wasm or .wat, - for standard input), and what follows is for the program
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_names = ["FILE", "ARGS"],
        num_args = 1..
    )]
    pub(crate) file_and_args: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct CompileFlags {
    /// The module (.wasm or .wat, - for standard input)
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct WastFlags {
    /// The scripts (- for standard input)
    #[arg(required = true, value_name = "FILES")]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct InspectFlags {
    /// The module (.wasm or .wat, - for standard input)
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) what: InspectWhat,

    /// Only this function: a name, an export, or an index
    #[arg(long, value_name = "NAME", conflicts_with = "layout")]
    pub(crate) function: Option<String>,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct InspectWhat {
    /// The intermediate code, before it is optimised
    #[arg(long)]
    pub(crate) clif: bool,

    /// The machine code
    #[arg(long)]
    pub(crate) asm: bool,

    /// Where things stand in an instance's context and in the code image
    #[arg(long)]
    pub(crate) layout: bool,
}
