//! Every command and flag, a row each. Nothing is decided here.

use std::path::PathBuf;
use std::time::Duration;

use brolga_wasi::LogScopes;
use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};

use crate::units;

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
    Run(Box<RunFlags>),
    /// Compile a module: to a file, or to say how large its code is and how long it took
    Compile(CompileFlags),
    /// Check modules without compiling them
    Validate(ValidateFlags),
    /// Run .wast scripts, the format of the specification's tests
    Wast(WastFlags),
    /// Show what the compiler makes of a module
    Inspect(InspectFlags),
    /// Show machine code, with the wasm operators and source lines it came from beside
    Objdump(ObjdumpFlags),
    /// Make a page that shows wasm, intermediate code and machine code side by side
    Explore(ExploreFlags),
    /// Show what code is made for, how, and what modules may use
    Config(ConfigFlags),
    /// Write a script that teaches a shell the commands and flags
    Completions(CompletionsFlags),
    /// Show the version, and what it was built for
    Version,
}

const EXIT_CODES: &str = "\
Exits with the program's own code; 134 after a trap, 130 after Ctrl-C, 124 at --timeout; 2 if asked
wrongly; 1 if something else fails.";

#[derive(Args, Debug)]
#[command(override_usage = "brolga run [OPTIONS] FILE [ARGS]...", after_help = EXIT_CODES)]
pub(crate) struct RunFlags {
    /// The module (.wasm or .wat, - for standard input). What follows is for the program, flags too
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_names = ["FILE", "ARGS"],
        num_args = 1..
    )]
    pub(crate) file_and_args: Vec<String>,

    /// Call the export NAME with ARGS and print its results, instead of running the program
    #[arg(long, value_name = "NAME")]
    pub(crate) invoke: Option<String>,

    #[command(flatten)]
    pub(crate) given: GivenFlags,

    #[command(flatten)]
    pub(crate) bounds: BoundFlags,

    #[command(flatten)]
    pub(crate) code: CodeFlags,

    /// Keep compiled modules in a folder, and find them again there [default DIR: brolga in
    /// $XDG_CACHE_HOME or ~/.cache]
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true)]
    #[arg(help_heading = "How code is made")]
    pub(crate) cache: Option<Option<PathBuf>>,

    #[command(flatten)]
    pub(crate) finding: FindingFlags,
}

/// What the program is given of the host.
#[derive(Args, Debug)]
#[command(next_help_heading = "What the program is given")]
pub(crate) struct GivenFlags {
    /// Let the program use the host's directory HOST, which it sees as GUEST (or as HOST).
    /// With :ro at the end it may only look
    #[arg(long = "dir", value_name = "HOST[::GUEST][:ro]")]
    pub(crate) directories: Vec<String>,

    /// Set a variable of the program's environment; without a value, to what it is here
    #[arg(long = "env", value_name = "KEY[=VALUE]")]
    pub(crate) environment: Vec<String>,

    /// Give the program the whole environment that there is here
    #[arg(long)]
    pub(crate) env_inherit: bool,

    /// Listen on this address, and let the program accept connections
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) listen: Vec<String>,

    /// What the program sees as its own name, instead of FILE
    #[arg(long, value_name = "NAME")]
    pub(crate) argv0: Option<String>,

    /// Let modules import from NAME what the module in FILE exports
    #[arg(long, value_name = "NAME=FILE", value_parser = preload)]
    pub(crate) preload: Vec<(String, PathBuf)>,
}

/// How much the program may use.
#[derive(Args, Debug)]
#[command(next_help_heading = "How much the program may use")]
pub(crate) struct BoundFlags {
    /// Stop the program when it has run that long, such as 300ms or 5s
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    pub(crate) timeout: Option<Duration>,

    /// Stop the program when it has executed about that many operators
    #[arg(long, value_name = "N")]
    pub(crate) fuel: Option<u64>,

    /// Let the program's memories grow to that many bytes in all, such as 64M or 1G
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    pub(crate) max_memory: Option<u64>,

    /// Let the program's calls take that much stack [default: 1M]
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    pub(crate) max_stack: Option<u64>,
}

/// How code is made.
#[derive(Args, Debug)]
#[command(next_help_heading = "How code is made")]
pub(crate) struct CodeFlags {
    /// Compile on that many threads [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<usize>,

    /// How hard to optimise: none, speed, or speed-and-size
    #[arg(long, value_name = "LEVEL", default_value = "speed", hide_possible_values = true)]
    pub(crate) opt_level: OptLevel,
}

/// What is found out about the program.
#[derive(Args, Debug)]
#[command(next_help_heading = "Finding out")]
pub(crate) struct FindingFlags {
    /// Print the program's calls of the host, with arguments and results, to standard error: those
    /// of the scopes clock, filesystem, memory, proc, poll, random, sock, or all
    #[arg(long, value_name = "SCOPE,...", value_parser = value_parser!(LogScopes))]
    pub(crate) hostlogging: Option<LogScopes>,

    /// Find out where time goes: perfmap (/tmp/perf-PID.map, for `perf report`), jitdump
    /// (./jit-PID.dump, for `perf inject --jit`), or guest, which looks a thousand times a second
    /// which functions run, for <https://profiler.firefox.com> [default FILE: brolga-profile.json]
    #[arg(long, value_name = "perfmap|jitdump|guest[=FILE]", value_parser = profile)]
    pub(crate) profile: Option<Profile>,

    /// If the program traps, write what it held to FILE, for debuggers of wasm
    #[arg(long, value_name = "FILE")]
    pub(crate) coredump: Option<PathBuf>,

    /// Whether the frames of a backtrace tell where in the source they are, of programs with DWARF
    #[arg(short = 'g', long = "debug-info", value_name = "on|off", default_value = "on")]
    #[arg(hide_possible_values = true)]
    pub(crate) debug_info: Switch,
}

/// How hard to optimise.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum OptLevel {
    /// Compile as fast as possible
    #[value(alias = "0")]
    None,
    /// Make code fast
    #[value(aliases = ["1", "2"])]
    Speed,
    /// Make code fast and small
    #[value(alias = "s")]
    SpeedAndSize,
}

/// How it is found out where time goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Profile {
    /// By `perf`, with a map of the code.
    Perfmap,
    /// By `perf`, with the code itself.
    Jitdump,
    /// By looking; into this file.
    Guest(PathBuf),
}

/// Yes or no.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Switch {
    /// Yes
    On,
    /// No
    Off,
}

fn preload(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, file)) if !file.is_empty() => Ok((name.to_owned(), file.into())),
        _ => Err("expected a name, `=` and a file".to_owned()),
    }
}

fn profile(text: &str) -> Result<Profile, String> {
    match text.split_once('=') {
        None if text == "perfmap" => Ok(Profile::Perfmap),
        None if text == "jitdump" => Ok(Profile::Jitdump),
        None if text == "guest" => Ok(Profile::Guest("brolga-profile.json".into())),
        Some(("guest", file)) if !file.is_empty() => Ok(Profile::Guest(file.into())),
        _ => Err("expected perfmap, jitdump, guest or guest=FILE".to_owned()),
    }
}

fn threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(threads @ 1..=1024) => Ok(threads),
        _ => Err("expected a number from 1 to 1024".to_owned()),
    }
}

#[derive(Args, Debug)]
pub(crate) struct CompileFlags {
    /// The module (.wasm or .wat, - for standard input)
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Write it to this file (- for standard output)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// What to write: an image, for `Module::deserialize`; an object file in the ELF format, for
    /// other tools; clif, the intermediate code; or asm, the machine code as text
    /// [default with --output: image]
    #[arg(long, value_name = "KIND", hide_possible_values = true)]
    pub(crate) emit: Option<Emit>,

    /// Make code that looks at the epoch, for engines of `Config::epoch_interruption`
    #[arg(long)]
    pub(crate) epochs: bool,

    /// Make code that counts fuel, for engines of `Config::consume_fuel`
    #[arg(long)]
    pub(crate) fuel: bool,

    #[command(flatten)]
    pub(crate) target: TargetFlags,

    #[command(flatten)]
    pub(crate) code: CodeFlags,
}

/// What machine code is made for.
#[derive(Args, Debug)]
#[command(next_help_heading = "How code is made")]
pub(crate) struct TargetFlags {
    /// Make code for machines of this kind, such as aarch64-unknown-linux-gnu, instead of this one
    #[arg(long, value_name = "TRIPLE")]
    pub(crate) target: Option<String>,
}

/// What `compile` writes.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Emit {
    /// For `Module::deserialize`
    Image,
    /// An object file in the ELF format
    Object,
    /// Intermediate code
    Clif,
    /// Machine code as text
    Asm,
}

#[derive(Args, Debug)]
pub(crate) struct ValidateFlags {
    /// The modules (.wasm or .wat, - for standard input)
    #[arg(required = true, value_name = "FILES")]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct ConfigFlags {
    #[command(flatten)]
    pub(crate) target: TargetFlags,

    #[command(flatten)]
    pub(crate) code: CodeFlags,
}

#[derive(Args, Debug)]
pub(crate) struct CompletionsFlags {
    /// Which shell: bash, elvish, fish, powershell or zsh
    #[arg(value_name = "SHELL", hide_possible_values = true)]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Args, Debug)]
pub(crate) struct WastFlags {
    /// The scripts (- for standard input)
    #[arg(required = true, value_name = "FILES")]
    pub(crate) files: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) code: CodeFlags,
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

    #[command(flatten)]
    pub(crate) target: TargetFlags,

    #[command(flatten)]
    pub(crate) code: CodeFlags,
}

#[derive(Args, Debug)]
pub(crate) struct ObjdumpFlags {
    /// The module (.wasm or .wat, - for standard input)
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Only this function: a name, an export, or an index
    #[arg(long, value_name = "NAME")]
    pub(crate) function: Option<String>,

    /// Show the instructions' bytes too
    #[arg(long)]
    pub(crate) bytes: bool,

    #[command(flatten)]
    pub(crate) target: TargetFlags,

    #[command(flatten)]
    pub(crate) code: CodeFlags,
}

#[derive(Args, Debug)]
pub(crate) struct ExploreFlags {
    /// The module (.wasm or .wat, - for standard input)
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Write the page to this file (- for standard output) [default: FILE's name with
    /// .explore.html]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Only this function: a name, an export, or an index; may be given several times
    #[arg(long = "function", value_name = "NAME")]
    pub(crate) functions: Vec<String>,

    #[command(flatten)]
    pub(crate) target: TargetFlags,

    #[command(flatten)]
    pub(crate) code: CodeFlags,
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
