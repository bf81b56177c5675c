//! From module to image: what is compiled, by whom and in which order.
//!
//! ```text
//!  analysis ─▶ bodies (parallel) ─▶ thunks that the bodies need (parallel) ─▶ link ─▶ image
//! ```
//!
//! **Invariants**
//! - Results stand by index, so an image does not depend on who compiled what, nor when.
//! - Of several functions that fail, the one with the smallest index is reported: a function is
//!   left out only if one before it has failed, or all are cancelled.
//! - A panic below becomes an error that names the function. It is a bug nevertheless.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use brolga_abi::{CodeImage, CompileOptions, ContextLayout, StoreContext};
use brolga_module::{DefinedFuncIndex, FuncIndex, FuncType, ParsedModule, TypeIndex};
use cranelift_codegen::Context;
use cranelift_codegen::isa::TargetIsa;
use cranelift_frontend::FunctionBuilderContext;

use crate::CompileError;
use crate::analysis::ModuleFacts;
use crate::emit::{CompiledFunction, EmitError, assembly, emit};
use crate::entries::Thunk;
use crate::func_env::ModuleEnv;
use crate::image::Pieces;
use crate::link::TableContents;
use crate::target::Target;
use crate::translate::{FuncWorker, TranslatedFunction, translate_function};
use crate::workers::Workers;

/// What a caller of [`compile`] may want to know and to decide. Called from any thread; `()` wants
/// nothing.
pub trait CompileObserver: Sync {
    /// The compilation begins: of `functions` functions with bodies of `bytes` bytes in all.
    fn started(&self, functions: usize, bytes: usize) {
        let _ = (functions, bytes);
    }

    /// A function with a body of `body_bytes` bytes is done. They come in any order.
    fn function_done(&self, func: DefinedFuncIndex, body_bytes: usize) {
        let _ = (func, body_bytes);
    }

    /// Asked before every function: whether to give up.
    fn cancelled(&self) -> bool {
        false
    }
}

impl CompileObserver for () {}

/// Modules with less in their bodies are compiled by the calling thread: waking others takes
/// longer.
const SMALL_MODULE_BYTES: usize = 2 << 10;

/// Compiles `module` for `target`.
///
/// `threads` is how many threads to use: 0 for one per processor, 1 for the calling thread only.
/// It does not change the result.
///
/// # Errors
/// If a body is invalid, if a function or the image passes a limit, or if the observer cancels.
///
/// ```
/// use brolga_compile::{CompileOptions, ParsedModule, Target, compile};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let bytes = wat::parse_str(r#"(module (func (export "nothing")))"#)?;
/// let module = ParsedModule::decode(bytes.into(), Default::default())?;
/// let image = compile(&module, &Target::host()?, &CompileOptions::default(), 0, &())?;
/// assert_eq!(image.functions.len(), 1);
/// assert_eq!(image.host_entries.len(), 1);
/// # Ok(())
/// # }
/// ```
pub fn compile(
    module: &ParsedModule,
    target: &Target,
    options: &CompileOptions,
    threads: usize,
    observer: &dyn CompileObserver,
) -> Result<CodeImage, CompileError> {
    let isa = target.isa(options)?;
    let bytes = module.bodies.iter().map(|body| body.len()).sum();
    observer.started(module.bodies.len(), bytes);
    let workers = Workers::new(if bytes < SMALL_MODULE_BYTES { 1 } else { threads })?;
    let layout = ContextLayout::new(module);
    let facts = ModuleFacts::new(module, &workers);
    let env = ModuleEnv { module, layout: &layout, options, facts: &facts, isa: &*isa };
    let (bodies, needs) = compile_bodies(&env, &workers, observer)?;
    let thunks: Vec<Thunk> = needs.thunks.into_iter().collect();
    let compiled_thunks = compile_thunks(&module.types, &*isa, &thunks, &workers)?;
    let pieces = Pieces { bodies, thunks, compiled_thunks, tables: tables(&env) };
    contain("the image", || pieces.link(target, options, isa.clone()))
}

/// The IR of one function as text, before any optimisation.
///
/// # Errors
/// As for [`compile`].
pub fn function_ir(
    module: &ParsedModule,
    target: &Target,
    options: &CompileOptions,
    func: DefinedFuncIndex,
) -> Result<String, CompileError> {
    with_translated(module, target, options, func, |context, _| {
        Ok(context.func.display().to_string())
    })
}

/// The machine code of one function as text, an instruction a line.
///
/// # Errors
/// As for [`compile`].
pub fn function_asm(
    module: &ParsedModule,
    target: &Target,
    options: &CompileOptions,
    func: DefinedFuncIndex,
) -> Result<String, CompileError> {
    with_translated(module, target, options, func, |context, isa| {
        assembly(context, isa).map_err(|error| function_error(module.func_index(func), error))
    })
}

/// An image that holds nothing but the thunk to host functions of type `ty`, under
/// `TypeIndex(0)`.
///
/// # Errors
/// If the type passes a limit of the target.
pub fn host_thunk_image(
    ty: &FuncType,
    target: &Target,
    options: &CompileOptions,
) -> Result<CodeImage, CompileError> {
    let isa = target.isa(options)?;
    let thunks = vec![Thunk::HostExit(TypeIndex(0))];
    let types = core::slice::from_ref(ty);
    let compiled_thunks = compile_thunks(types, &*isa, &thunks, &Workers::Caller)?;
    let pieces = Pieces { thunks, compiled_thunks, ..Pieces::default() };
    contain("the image", || pieces.link(target, options, isa.clone()))
}

/// Calls `then` with the translation of `func`.
fn with_translated<R>(
    module: &ParsedModule,
    target: &Target,
    options: &CompileOptions,
    func: DefinedFuncIndex,
    then: impl FnOnce(&mut Context, &dyn TargetIsa) -> Result<R, CompileError>,
) -> Result<R, CompileError> {
    let isa = target.isa(options)?;
    let layout = ContextLayout::new(module);
    let facts = ModuleFacts::new(module, &Workers::Caller);
    let env = ModuleEnv { module, layout: &layout, options, facts: &facts, isa: &*isa };
    let index = module.func_index(func);
    contain(&format!("function {index}"), || {
        let mut worker = Worker::new();
        translate_function(&env, func, &mut worker.translation, &mut worker.context.func)?;
        then(&mut worker.context, &*isa)
    })
}

/// What a thread keeps from function to function.
struct Worker {
    context: Context,
    translation: FuncWorker,
    builder: FunctionBuilderContext,
}

impl Worker {
    fn new() -> Self {
        Self {
            context: Context::new(),
            translation: FuncWorker::default(),
            builder: FunctionBuilderContext::new(),
        }
    }
}

/// What the bodies need besides themselves.
struct Needs {
    thunks: BTreeSet<Thunk>,
}

impl Needs {
    /// What `module` needs whatever its bodies do: entries to the functions that can be called
    /// from outside, and exits to those imported.
    fn new(env: &ModuleEnv<'_>) -> Self {
        let module = env.module;
        let functions = module.functions.iter().zip(&module.escapes).enumerate();
        let thunk = |(position, (&ty, &escapes)): (usize, (&TypeIndex, &bool))| {
            let ty = env.layout.canonical_type(ty);
            let defined = module.defined_func(FuncIndex::from_usize(position)).is_some();
            match (defined, escapes) {
                (false, _) => Some(Thunk::HostExit(ty)),
                (true, true) => Some(Thunk::HostEntry(ty)),
                (true, false) => None,
            }
        };
        Self { thunks: functions.filter_map(thunk).collect() }
    }

    fn add(&mut self, function: &TranslatedFunction) {
        self.thunks.extend(function.builtins.iter().map(|&builtin| Thunk::Builtin(builtin)));
        self.thunks.extend(function.indirect_types.iter().map(|&ty| Thunk::HostExit(ty)));
    }
}

/// Compiles all bodies, large ones first: a thread that ends with a large one keeps all waiting.
fn compile_bodies(
    env: &ModuleEnv<'_>,
    workers: &Workers,
    observer: &dyn CompileObserver,
) -> Result<(Vec<CompiledFunction>, Needs), CompileError> {
    let module = env.module;
    let order = largest_first(module.bodies.iter().map(|body| body.len()));
    let results: Vec<OnceLock<_>> = order.iter().map(|_| OnceLock::new()).collect();
    let first_failure = AtomicUsize::new(usize::MAX);
    let cancelled = AtomicBool::new(false);
    workers.visit(order.len(), Worker::new, |worker, turn| {
        let position = order[turn] as usize;
        if cancelled.load(Ordering::Relaxed) || position > first_failure.load(Ordering::Relaxed) {
            return;
        }
        if observer.cancelled() {
            return cancelled.store(true, Ordering::Relaxed);
        }
        let func = DefinedFuncIndex::from_usize(position);
        let result = compile_body(env, func, worker);
        match &result {
            Ok(_) => observer.function_done(func, module.bodies[position].len()),
            Err(_) => {
                first_failure.fetch_min(position, Ordering::Relaxed);
            }
        }
        // Each position has its turn once, so the place is empty.
        let _ = results[position].set(result);
    });
    if cancelled.into_inner() {
        return Err(CompileError::Cancelled);
    }
    let mut needs = Needs::new(env);
    let mut bodies = Vec::with_capacity(results.len());
    for result in results {
        let (compiled, translated) =
            result.into_inner().expect("only functions behind a failure are left out")?;
        needs.add(&translated);
        bodies.push(compiled);
    }
    Ok((bodies, needs))
}

/// The positions of bodies by their lengths in bytes, those of equal bodies in order. As numbers,
/// which are sorted faster than what they stand for, and with less code.
fn largest_first(lengths: impl Iterator<Item = usize>) -> Vec<u32> {
    // Limits on a module's size keep lengths and positions below 2³².
    let keys = lengths.zip(0_u32..).map(|(len, position)| {
        let len = len as u32;
        u64::from(!len) << 32 | u64::from(position)
    });
    let mut keys: Vec<u64> = keys.collect();
    keys.sort_unstable();
    keys.into_iter().map(|key| key as u32).collect()
}

fn compile_body(
    env: &ModuleEnv<'_>,
    func: DefinedFuncIndex,
    worker: &mut Worker,
) -> Result<(CompiledFunction, TranslatedFunction), CompileError> {
    let index = env.module.func_index(func);
    let result = contain(&format!("function {index}"), || {
        let Worker { context, translation, .. } = &mut *worker;
        context.clear();
        let translated = translate_function(env, func, translation, &mut context.func)?;
        // Limits on a module's size keep offsets below 4 GiB.
        let start = env.module.bodies[func.as_usize()].start as u32;
        let compiled =
            emit(context, env.isa, start).map_err(|error| function_error(index, error))?;
        check_frame(env.options, index, compiled.frame_bytes)?;
        Ok((compiled, translated))
    });
    if matches!(result, Err(CompileError::Internal { .. })) {
        // A panic may have left anything in there.
        *worker = Worker::new();
    }
    result
}

/// Without signals, a function looks at the stack only when it has taken its frame: that must not
/// lead past what the runtime keeps below the limit.
fn check_frame(
    options: &CompileOptions,
    function: FuncIndex,
    frame_bytes: u32,
) -> Result<(), CompileError> {
    let max = StoreContext::FRAME_BYTES_MAX;
    if options.memory.signals || frame_bytes <= max {
        return Ok(());
    }
    let what = format!(
        "its frame takes {frame_bytes} bytes of stack, more than the {max} that are possible \
         without signals"
    );
    Err(CompileError::FunctionTooLarge { function, what })
}

pub(crate) fn function_error(function: FuncIndex, error: EmitError) -> CompileError {
    match error {
        EmitError::TooLarge(what) => CompileError::FunctionTooLarge { function, what },
        EmitError::Internal(message) => {
            CompileError::Internal { what: format!("function {function}"), message }
        }
    }
}

/// Compiles `thunks` of a module with the types `types`.
fn compile_thunks(
    types: &[FuncType],
    isa: &dyn TargetIsa,
    thunks: &[Thunk],
    workers: &Workers,
) -> Result<Vec<CompiledFunction>, CompileError> {
    let results: Vec<OnceLock<_>> = thunks.iter().map(|_| OnceLock::new()).collect();
    workers.visit(thunks.len(), Worker::new, |worker, position| {
        let thunk = thunks[position];
        let result = contain(&thunk.to_string(), || {
            let Worker { context, builder, .. } = &mut *worker;
            context.clear();
            thunk.build(types, isa, builder, &mut context.func);
            emit(context, isa, 0).map_err(|error| {
                let (EmitError::TooLarge(message) | EmitError::Internal(message)) = error;
                CompileError::Internal { what: thunk.to_string(), message }
            })
        });
        if result.is_err() {
            *worker = Worker::new();
        }
        // Each position has its turn once, so the place is empty.
        let _ = results[position].set(result);
    });
    results.into_iter().map(|result| result.into_inner().expect("every thunk is visited")).collect()
}

/// The static tables of the module, with the types that code compares.
fn tables(env: &ModuleEnv<'_>) -> Vec<TableContents> {
    let element = |&func: &Option<DefinedFuncIndex>| {
        func.map(|func| {
            let ty = env.module.functions[env.module.func_index(func).as_usize()];
            (func, env.layout.canonical_type(ty))
        })
    };
    let tables = env.facts.static_tables().iter();
    tables
        .map(|(table, functions)| TableContents {
            table: *table,
            elements: functions.iter().map(element).collect(),
        })
        .collect()
}

/// Turns a panic in `work`, the compilation of `what`, into an error.
pub(crate) fn contain<R>(
    what: &str,
    work: impl FnOnce() -> Result<R, CompileError>,
) -> Result<R, CompileError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("a panic without a message");
        Err(CompileError::Internal { what: what.to_owned(), message: message.to_owned() })
    })
}

#[cfg(test)]
mod tests {
    use brolga_abi::MemoryOptions;

    use super::*;

    #[test]
    fn without_signals_a_frame_is_bounded() {
        let check = |signals, frame_bytes| {
            let memory = MemoryOptions { signals, ..MemoryOptions::default() };
            let options = CompileOptions { memory, ..CompileOptions::default() };
            check_frame(&options, FuncIndex(7), frame_bytes)
        };
        let max = StoreContext::FRAME_BYTES_MAX;
        assert_eq!(check(true, u32::MAX), Ok(()));
        assert_eq!(check(false, max), Ok(()));
        let error = check(false, max + 1).unwrap_err();
        assert!(matches!(error, CompileError::FunctionTooLarge { function: FuncIndex(7), .. }));
        assert!(error.to_string().contains("1048577 bytes of stack"), "{error}");
    }

    #[test]
    fn large_bodies_come_first_and_equal_ones_in_order() {
        assert_eq!(largest_first([3, 0, 7, 3, 1 << 31, 7].into_iter()), [4, 2, 5, 0, 3, 1]);
        assert_eq!(largest_first([].into_iter()), [0; 0]);
    }

    #[test]
    fn a_panic_becomes_an_error_that_names_what_was_compiled() {
        let internal = |message: &str| CompileError::Internal {
            what: "function 3".to_owned(),
            message: message.to_owned(),
        };
        let contained = |panic: fn()| {
            contain("function 3", || -> Result<(), CompileError> {
                panic();
                Ok(())
            })
        };
        assert_eq!(contained(|| panic!("plain")), Err(internal("plain")));
        assert_eq!(contained(|| panic!("number {}", 1)), Err(internal("number 1")));
        let odd = contained(|| std::panic::panic_any(5));
        assert_eq!(odd, Err(internal("a panic without a message")));
        assert_eq!(contained(|| ()), Ok(()));
    }
}
