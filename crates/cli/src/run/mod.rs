//! `brolga run`: a WASI program, or one export.
//!
//! **Invariants**
//! - Nothing is made before it is needed: start-up is what a small program's user waits for.

mod bounds;
mod firefox;
mod given;
mod imports;
mod misplaced;
mod sampler;
mod values;
mod watch;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use brolga::{Engine, Error, ExternType, GrowError, Instance, InstantiateError, Linker, Module};
use brolga::{Store, Trap, UpdateDeadline, Val, WasmCoreDump};
use brolga_wasi::{Exit, WasiCtx};

use crate::ctrl_c::CtrlC;
use crate::engine;
use crate::failure::Failure;
use crate::flags::{Profile, RunFlags};
use crate::input::{self, Name};
use sampler::Sampler;
use values::{Typed, argument};
use watch::Watch;

const START: &str = "_start";
const INITIALIZE: &str = "_initialize";

pub(crate) fn run(flags: &RunFlags) -> Result<ExitCode, Failure> {
    let (file, args) =
        flags.file_and_args.split_first().ok_or_else(|| Failure::usage("no FILE"))?;
    // What follows FILE may begin with a hyphen, so clap lets FILE do so too.
    if file.starts_with('-') && file != "-" {
        return Err(misplaced::no_flag(file));
    }
    run_file(flags, file, args).map_err(|failure| misplaced::with_hint(failure, args))
}

fn run_file(flags: &RunFlags, file: &str, args: &[String]) -> Result<ExitCode, Failure> {
    let ctrl_c = CtrlC::ends_process()?;
    let context = given::context(flags, file, args)?;
    let engine = engine::engine(&bounds::config(flags)?)?;
    let path = Path::new(file);
    let module = input::module(&engine, path, &ctrl_c)?;
    let entry = entry(flags, Name(path), &module)?;
    let preloads = compile_preloads(flags, &engine, &ctrl_c)?;

    let mut linker = Linker::new(&engine);
    brolga_wasi::add_to_linker(&mut linker, |context: &mut WasiCtx| context)
        .map_err(|error| Failure::new(format!("can't provide WASI: {error:#}")))?;
    let mut store = Store::new(&engine, context);
    bounds::bound(&mut store, &flags.bounds)?;
    imports::add_toolchains(Name(path), &mut linker, &module)?;
    let (watch, sampler) = match bounds::looks_at_epochs(flags) {
        true => {
            watch(flags, &engine, &mut store, &ctrl_c).map(|(it, sampler)| (Some(it), sampler))?
        }
        false => (None, None),
    };
    preload(&preloads, &mut linker, &mut store, watch.as_ref())?;
    imports::check(Name(path), &linker, &mut store, &module)?;
    let outcome = linker.instantiate(&mut store, &module).and_then(|instance| {
        initialize(&mut store, instance, &module, entry)?;
        call(&mut store, instance, entry, flags, args)
    });
    if let (Some(Profile::Guest(file)), Some(sampler)) = (&flags.finding.profile, sampler) {
        sampler.write(file, module.name().unwrap_or("guest"))?;
    }
    match outcome {
        Ok(outcome) => outcome,
        Err(error) => ended(&error, flags, &mut store, watch.as_ref()),
    }
}

/// Watches the guest from now on, and samples what it does if that is asked for.
fn watch(
    flags: &RunFlags,
    engine: &Engine,
    store: &mut Store<WasiCtx>,
    ctrl_c: &CtrlC,
) -> Result<(Watch, Option<Sampler>), Failure> {
    let samples = matches!(flags.finding.profile, Some(Profile::Guest(_)));
    let watch = Watch::start(engine, flags.bounds.timeout, samples, ctrl_c)?;
    if !samples {
        return Ok((watch, None));
    }
    let sampler = Sampler::new();
    let (seen, stops) = (sampler.clone(), watch.stops());
    store.epoch_deadline_callback(move |store| {
        seen.sample(&store);
        Ok(if stops() { UpdateDeadline::Interrupt } else { UpdateDeadline::Continue(1) })
    });
    Ok((watch, Some(sampler)))
}

/// A module of `--preload`.
struct Preload<'a> {
    name: &'a str,
    file: &'a Path,
    module: Module,
}

fn compile_preloads<'a>(
    flags: &'a RunFlags,
    engine: &Engine,
    ctrl_c: &CtrlC,
) -> Result<Vec<Preload<'a>>, Failure> {
    let compile = |(name, file): &'a (String, PathBuf)| {
        Ok(Preload { name, file, module: input::module(engine, file, ctrl_c)? })
    };
    flags.given.preload.iter().map(compile).collect()
}

/// Defines what the modules of `--preload` export. They may take the place of what is there, and
/// import what those before them export.
fn preload(
    preloads: &[Preload<'_>],
    linker: &mut Linker<WasiCtx>,
    store: &mut Store<WasiCtx>,
    watch: Option<&Watch>,
) -> Result<(), Failure> {
    for Preload { file, module, .. } in preloads {
        imports::add_toolchains(Name(file), linker, module)?;
    }
    for Preload { name, file, module } in preloads {
        imports::check(Name(file), linker, store, module)?;
        linker.allow_shadowing(true);
        linker.module(&mut *store, name, module).map_err(|error| {
            let failure = of_call(&error, watch);
            failure.within(format_args!("can't preload {}", Name(file)))
        })?;
    }
    Ok(())
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
fn ended(
    error: &Error,
    flags: &RunFlags,
    store: &mut Store<WasiCtx>,
    watch: Option<&Watch>,
) -> Result<ExitCode, Failure> {
    if let Some(exit) = error.downcast_ref::<Exit>() {
        std::process::exit(exit.0);
    }
    let mut failure = of_call(error, watch);
    failure = match (error.downcast_ref::<Trap>(), flags.bounds.fuel) {
        (Some(Trap::OutOfFuel), Some(fuel)) => {
            failure.hint(format!("it was given {fuel} with --fuel"))
        }
        (Some(Trap::StackOverflow), _) => failure.hint("--max-stack SIZE gives it more stack"),
        _ if lacks_memory(error) => failure.hint("--max-memory SIZE gives it more"),
        _ => failure,
    };
    let dump = flags.finding.coredump.as_ref().zip(error.downcast_ref::<WasmCoreDump>());
    if let Some((file, dump)) = dump {
        let bytes = dump.serialize(store, &flags.file_and_args[0]);
        failure = failure.hint(match std::fs::write(file, bytes) {
            Ok(()) => format!("what it held is in {}", Name(file)),
            Err(error) => format!("can't write the core dump to {}: {error}", Name(file)),
        });
    }
    Err(failure)
}

/// A call into the guest failed: by itself, or because it was stopped.
fn of_call(error: &Error, watch: Option<&Watch>) -> Failure {
    let failure = Failure::of_call(error);
    match watch.and_then(|watch| watch.stopped(error)) {
        Some(stopped) => stopped.with_frames_of(failure),
        None => failure,
    }
}

/// Whether the program could not begin because its memory is larger than it may be.
fn lacks_memory(error: &Error) -> bool {
    matches!(
        error.downcast_ref(),
        Some(InstantiateError::Memory { error: GrowError::Limit(_), .. })
    )
}
