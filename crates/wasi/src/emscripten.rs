//! What programs of Emscripten import from `env` besides WASI.
//!
//! `emscripten_notify_memory_growth` is called when a memory has grown. `invoke_v`, `invoke_ii`,
//! `invoke_vij` and the like call a function of the program's own table: where a C++ program may
//! throw, the call goes by the host, which in a browser catches. The letters say the type: the
//! result (`v` for none), then each parameter; `i` is `i32`, `j` is `i64`, `f` and `d` are floats.
//!
//! What such a function throws or traps with ends the program, unless it is compiled for
//! WebAssembly's own exceptions. The one thing that is caught is `longjmp`: it leaves by
//! `_emscripten_throw_longjmp`, up to the nearest `invoke_` function, which puts the program's
//! stack back and tells it by the program's own `setThrew`.

use brolga::{
    Caller, Error, ExternType, Func, FuncType, Linker, Module, Ref, Result, Table, Val, ValType,
    bail, ensure,
};

use crate::context::WasiCtx;
use crate::log::LogScopes;

const MODULE: &str = "env";
const NOTIFY: &str = "emscripten_notify_memory_growth";
const INVOKE: &str = "invoke_";
const LONGJMP: &str = "_emscripten_throw_longjmp";

/// A `longjmp` on its way to the nearest `invoke_` function.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("longjmp without an `{INVOKE}` function to end at")]
struct Longjmp;

/// Defines what `module` imports from Emscripten's part of `env`: an `invoke_` function for each
/// signature it names, `_emscripten_throw_longjmp` and `emscripten_notify_memory_growth`. `get`
/// finds the context in the store's data; it is asked for the log alone.
///
/// Programs need [`add_to_linker`](crate::add_to_linker) too. What else they import from `env` is
/// the embedder's to define.
///
/// ```
/// # fn main() -> brolga::Result<()> {
/// use brolga::{Engine, Linker, Module, Store};
/// use brolga_wasi::{WasiCtx, WasiCtxBuilder};
///
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"(module
///     (import "env" "invoke_ii" (func $invoke (param i32 i32) (result i32)))
///     (table (export "__indirect_function_table") 1 funcref)
///     (elem (i32.const 0) $double)
///     (func $double (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
///     (func (export "run") (result i32) (call $invoke (i32.const 0) (i32.const 21))))"#)?;
/// let mut linker = Linker::new(&engine);
/// brolga_wasi::add_emscripten_to_linker(&mut linker, &module, |context: &mut WasiCtx| context)?;
/// let mut store = Store::new(&engine, WasiCtxBuilder::new().build());
/// let instance = linker.instantiate(&mut store, &module)?;
/// let run = instance.get_typed_func::<(), i32>(&mut store, "run")?;
/// assert_eq!(run.call(&mut store, ())?, 42);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// If an `invoke_` import has not the type that its name says, or `linker` has one of the functions
/// already and does not allow shadowing.
pub fn add_emscripten_to_linker<T: 'static>(
    linker: &mut Linker<T>,
    module: &Module,
    get: impl Fn(&mut T) -> &mut WasiCtx + Send + Sync + Copy + 'static,
) -> Result<()> {
    for import in module.imports().filter(|import| import.module() == MODULE) {
        let ExternType::Func(ty) = import.ty() else { continue };
        let name = import.name();
        if name == NOTIFY {
            linker.func_wrap(MODULE, NOTIFY, move |mut caller: Caller<'_, T>, memory: u32| {
                notify(get(caller.data_mut()), memory);
            })?;
        } else if name == LONGJMP {
            linker.func_wrap(MODULE, LONGJMP, || -> Result<()> { Err(Error::new(Longjmp)) })?;
        } else if let Some(signature) = name.strip_prefix(INVOKE) {
            let called = called_type(linker, signature);
            let Some(called) = called else {
                bail!("the import `{MODULE}::{name}` names no signature");
            };
            let mut params = vec![ValType::I32];
            params.extend(called.params());
            let expected = FuncType::new(linker.engine(), params, called.results());
            ensure!(
                ty.matches(&expected),
                "the import `{MODULE}::{name}` is expected to be {expected}, but is {ty}"
            );
            linker.func_new(MODULE, name, ty, move |mut caller, params, results| {
                invoke(&mut caller, &called, params, results)
            })?;
        }
    }
    Ok(())
}

/// Memory has grown. There is nothing to do: nobody here holds views that would be stale.
fn notify(context: &mut WasiCtx, memory: u32) {
    if let Some(log) = &mut context.log
        && log.has(LogScopes::MEMORY)
    {
        log.line(&format!("--> {NOTIFY}(memory={memory})"));
    }
}

/// The type that `signature` says: a letter for the result, one for each parameter.
fn called_type<T>(linker: &Linker<T>, signature: &str) -> Option<FuncType> {
    let (result, params) = signature.split_at_checked(1)?;
    let letter = |letter| match letter {
        'i' => Some(ValType::I32),
        'j' => Some(ValType::I64),
        'f' => Some(ValType::F32),
        'd' => Some(ValType::F64),
        _ => None,
    };
    let result = match result {
        "v" => None,
        result => Some(result.chars().next().and_then(letter)?),
    };
    let params: Option<Vec<_>> = params.chars().map(letter).collect();
    Some(FuncType::new(linker.engine(), params?, result))
}

/// The program's table of functions. By name, since a caller shows its exports only.
fn table<T>(caller: &mut Caller<'_, T>) -> Result<Table> {
    for name in ["__indirect_function_table", "table"] {
        if let Some(table) = caller.get_export(name).and_then(|export| export.into_table()) {
            return Ok(table);
        }
    }
    bail!("a program that imports `{INVOKE}` functions must export `__indirect_function_table`")
}

/// Calls the function whose place in the table is the first of `params` with the others.
fn invoke<T: 'static>(
    caller: &mut Caller<'_, T>,
    ty: &FuncType,
    params: &[Val],
    results: &mut [Val],
) -> Result<()> {
    let Some((Val::I32(index), params)) = params.split_first() else {
        bail!("an `{INVOKE}` function takes the place of a function first");
    };
    let index = index.cast_unsigned();
    let func: Func = match table(caller)?.get(&mut *caller, index.into()) {
        Some(Ref::Func(Some(func))) => func,
        Some(_) => return Err(brolga::Trap::IndirectCallToNull.into()),
        None => return Err(brolga::Trap::TableOutOfBounds.into()),
    };
    if !func.matches_ty(&*caller, ty) {
        return Err(brolga::Trap::BadSignature.into());
    }
    let stack = export(caller, STACK_GET)
        .map(|func| func.typed::<(), i32>(&*caller)?.call(&mut *caller, ()))
        .transpose()?;
    match func.call(&mut *caller, params, results) {
        Err(error) if error.is::<Longjmp>() => {
            let missing = || Error::msg("a program that uses `longjmp` must export `setThrew`");
            if let (Some(stack), Some(restore)) = (stack, export(caller, STACK_SET)) {
                restore.typed::<i32, ()>(&*caller)?.call(&mut *caller, stack)?;
            }
            let threw = export(caller, &["setThrew"]).ok_or_else(missing)?;
            threw.typed::<(i32, i32), ()>(&*caller)?.call(&mut *caller, (1, 0))?;
            for (result, ty) in results.iter_mut().zip(ty.results()) {
                *result = Val::default_for_ty(&ty).unwrap_or(Val::I32(0));
            }
            Ok(())
        }
        outcome => outcome,
    }
}

/// What tells where the program's stack is, and what puts it back; newer names first.
const STACK_GET: &[&str] = &["emscripten_stack_get_current", "stackSave"];
const STACK_SET: &[&str] = &["_emscripten_stack_restore", "stackRestore"];

/// The function that the program exports by the first of `names` that it exports.
fn export<T>(caller: &mut Caller<'_, T>, names: &[&str]) -> Option<Func> {
    names.iter().find_map(|name| caller.get_export(name)?.into_func())
}
