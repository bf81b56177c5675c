//! `brolga run`: a WASI program, or one export.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use brolga::{Error, ExternType, Instance, Linker, Module, Store, Val};
use brolga_wasi::{Exit, WasiCtx, WasiCtxBuilder};

use crate::failure::Failure;
use crate::flags::RunFlags;
use crate::input::{self, Name};
use crate::invoke::{Typed, argument};

const START: &str = "_start";
const INITIALIZE: &str = "_initialize";

pub(crate) fn run(flags: &RunFlags) -> Result<ExitCode, Failure> {
    let (file, args) =
        flags.file_and_args.split_first().ok_or_else(|| Failure::usage("no FILE"))?;
    // What follows FILE may begin with a hyphen, so clap lets FILE do so too.
    if file.starts_with('-') && file != "-" {
        let failure = Failure::usage(format!("there is no flag `{file}`"));
        return Err(
            failure.hint("`brolga run --help` lists them; those of the program follow FILE")
        );
    }
    let context = context(flags, file, args)?;
    let engine = input::engine()?;
    let path = Path::new(file);
    let module = input::module(&engine, path)?;
    let entry = entry(flags, Name(path), &module)?;

    let mut linker = Linker::new(&engine);
    brolga_wasi::add_to_linker(&mut linker, |context: &mut WasiCtx| context)
        .map_err(|error| Failure::new(format!("can't provide WASI: {error:#}")))?;
    let mut store = Store::new(&engine, context);
    check_imports(Name(path), &linker, &mut store, &module)?;
    let outcome = linker.instantiate(&mut store, &module).and_then(|instance| {
        initialize(&mut store, instance, &module, entry)?;
        call(&mut store, instance, entry, flags, args)
    });
    match outcome {
        Ok(outcome) => outcome,
        Err(error) => ended(&error),
    }
}

/// What the program is given.
fn context(flags: &RunFlags, file: &str, args: &[String]) -> Result<WasiCtx, Failure> {
    let mut builder = WasiCtxBuilder::new();
    builder.inherit_stdio().inherit_clocks().inherit_random();
    builder.arg(flags.argv0.as_deref().unwrap_or(file));
    // With --invoke the arguments are the function's.
    if flags.invoke.is_none() {
        builder.args(args);
    }
    for variable in &flags.environment {
        match variable.split_once('=') {
            Some((key, value)) => builder.env(key, value),
            None => {
                let value = std::env::var(variable).map_err(|_| {
                    Failure::usage(format!("the environment has no variable `{variable}`"))
                        .hint(format!("give it a value: --env {variable}=VALUE"))
                })?;
                builder.env(variable, value)
            }
        };
    }
    for directory in &flags.directories {
        let (names, read_only) = match directory.strip_suffix(":ro") {
            Some(names) => (names, true),
            None => (directory.as_str(), false),
        };
        let (host, guest) = names.split_once("::").unwrap_or((names, names));
        let opened = if read_only {
            builder.preopened_dir_read_only(host, guest)
        } else {
            builder.preopened_dir(host, guest)
        };
        opened.map_err(|error| {
            Failure::new(format!("{error:#}"))
                .hint(format!("--dir {directory} names a directory that must exist"))
        })?;
    }
    Ok(builder.build())
}

/// The export to call.
fn entry<'a>(flags: &'a RunFlags, file: Name<'_>, module: &Module) -> Result<&'a str, Failure> {
    let name = flags.invoke.as_deref().unwrap_or(START);
    match module.get_export(name) {
        Some(ExternType::Func(_)) => Ok(name),
        Some(_) => Err(Failure::new(format!("the export `{name}` of {file} is not a function"))),
        None if flags.invoke.is_some() => {
            let failure = Failure::new(format!("{file} has no export `{name}`"));
            Err(failure.hint(functions(module)))
        }
        None => {
            let failure = Failure::new(format!("{file} is no program: it exports no `{START}`"));
            Err(failure.hint(format!(
                "call one of its functions with --invoke NAME; {}",
                functions(module)
            )))
        }
    }
}

/// The functions that the module exports, in a sentence.
fn functions(module: &Module) -> String {
    let names: Vec<_> = module
        .exports()
        .filter(|export| matches!(export.ty(), ExternType::Func(_)))
        .map(|export| format!("`{}`", export.name()))
        .collect();
    match names.len() {
        0 => "it exports no function".to_owned(),
        1..=10 => format!("it exports {}", names.join(", ")),
        count => format!("it exports {count} functions, such as {}", names[..10].join(", ")),
    }
}

/// Refuses a module with imports that nothing here provides, naming each and who might.
fn check_imports(
    file: Name<'_>,
    linker: &Linker<WasiCtx>,
    store: &mut Store<WasiCtx>,
    module: &Module,
) -> Result<(), Failure> {
    let unknown: Vec<_> = module
        .imports()
        .filter(|import| linker.get(&mut *store, import.module(), import.name()).is_err())
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let shown: Vec<_> = unknown
        .iter()
        .take(10)
        .map(|import| format!("\n  {}::{}: {}", import.module(), import.name(), import.ty()))
        .collect();
    let more = unknown.len() - shown.len();
    let more = if more == 0 { String::new() } else { format!("\n  and {more} more") };
    let count = match unknown.len() {
        1 => "an import".to_owned(),
        count => format!("{count} imports"),
    };
    let shown = shown.concat();
    let message = format!("{file} has {count} that nothing here provides:{shown}{more}");
    let mut hints: Vec<_> = unknown.iter().map(|import| provider(import.module())).collect();
    hints.dedup();
    Err(hints.into_iter().take(10).fold(Failure::new(message), Failure::hint))
}

/// Who provides modules called `name`.
fn provider(name: &str) -> &'static str {
    match name {
        "wasi_snapshot_preview1" => "WASI preview 1 has no function of this name",
        "wasi_unstable" | "wasi_snapshot_preview0" => {
            "this is WASI's first draft: compile the program with a newer toolchain"
        }
        "gojs" | "go" => "this is a Go program for JavaScript: compile it with GOOS=wasip1",
        name if name.starts_with("__wbindgen") || name == "wbg" => {
            "this is a Rust program for JavaScript: compile it with --target wasm32-wasip1"
        }
        name if name.starts_with("wasi:") => {
            "this is WASI preview 2: compile the program for preview 1"
        }
        "env" | "a" => {
            "toolchains ask for `env` when a program needs functions of its host, or for \
             JavaScript: compile it for WASI, or embed it with a host that provides them"
        }
        _ => "an embedding of the program has to provide it: see `brolga::Linker`",
    }
}

/// Calls `_initialize` of a module that is no command, before one of its exports is called.
fn initialize(
    store: &mut Store<WasiCtx>,
    instance: Instance,
    module: &Module,
    entry: &str,
) -> brolga::Result<()> {
    if entry == INITIALIZE || entry == START || module.get_export(INITIALIZE).is_none() {
        return Ok(());
    }
    instance.get_typed_func::<(), ()>(&mut *store, INITIALIZE)?.call(&mut *store, ())
}

/// Calls the export and prints its results. The outer error is the guest's, the inner one ours.
fn call(
    store: &mut Store<WasiCtx>,
    instance: Instance,
    entry: &str,
    flags: &RunFlags,
    args: &[String],
) -> brolga::Result<Result<ExitCode, Failure>> {
    let func = instance
        .get_func(&mut *store, entry)
        .ok_or_else(|| Error::msg(format!("the export `{entry}` is gone")))?;
    let ty = func.ty(&*store);
    let args = if flags.invoke.is_some() { args } else { &[] };
    if args.len() != ty.params().len() {
        let (wanted, given) = (ty.params().len(), args.len());
        let message = format!("`{entry}` takes {wanted} arguments, {given} were given");
        let failure = Failure::usage(message);
        return Ok(Err(failure.hint(format!("its type is {ty}"))));
    }
    let params = args.iter().zip(ty.params()).map(|(text, ty)| argument(text, &ty));
    let params = match params.collect::<Result<Vec<_>, _>>() {
        Ok(params) => params,
        Err(failure) => return Ok(Err(failure)),
    };
    let mut results = vec![Val::I32(0); ty.results().len()];
    func.call(&mut *store, &params, &mut results)?;
    Ok(print(&results))
}

fn print(results: &[Val]) -> Result<ExitCode, Failure> {
    for value in results {
        writeln!(io::stdout(), "{}", Typed(value))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The guest ended otherwise than by returning.
fn ended(error: &Error) -> Result<ExitCode, Failure> {
    match error.downcast_ref::<Exit>() {
        Some(exit) => std::process::exit(exit.0),
        None => Err(Failure::of_call(error)),
    }
}
