//! Flags of `brolga run` that stand where they mean something else, or that there are not: what
//! follows FILE is the program's own, so clap takes everything there.
//!
//! **Invariants**
//! - Asked only when the command has failed: a program may well have a flag of such a name.

use clap::error::{ContextKind, ContextValue};
use clap::{Args, Command};

use crate::failure::Failure;
use crate::flags::RunFlags;

/// What to say of `flag`, which stands before FILE and is none.
pub(super) fn no_flag(flag: &str) -> Failure {
    let failure = Failure::usage(format!("there is no flag `{flag}`"));
    match similar(flag) {
        Some(similar) => failure.hint(format!("is it `{similar}`?")),
        None => failure.hint("`brolga run --help` lists them; those of the program follow FILE"),
    }
}

/// The flag whose name is nearly that of `flag`, as clap finds it.
fn similar(flag: &str) -> Option<String> {
    let strict = command().mut_arg("file_and_args", |arg| arg.allow_hyphen_values(false));
    let error = strict.try_get_matches_from(["run", flag]).err()?;
    match error.get(ContextKind::SuggestedArg)? {
        ContextValue::String(similar) => Some(similar.clone()),
        _ => None,
    }
}

/// `failure`, with a hint if the program, or the export, was given in `args` what is meant for
/// `brolga`.
pub(super) fn with_hint(failure: Failure, args: &[String]) -> Failure {
    let command = command();
    let is_flag = |name: &str| command.get_arguments().any(|flag| flag.get_long() == Some(name));
    let names = args.iter().filter_map(|arg| arg.strip_prefix("--"));
    let mut names = names.map(|arg| arg.split_once('=').map_or(arg, |(name, _)| name));
    match names.find(|name| is_flag(name)) {
        Some(name) => failure.hint(format!(
            "`--{name}` follows FILE, so it was the program's: flags of `brolga run` go before FILE"
        )),
        None => failure,
    }
}

fn command() -> Command {
    RunFlags::augment_args(Command::new("run"))
}
