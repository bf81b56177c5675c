//! What a module asks for and nobody gives: said before anything runs, with who might give it.

use brolga::{ExternType, Linker, Module, Store, ValType};
use brolga_wasi::WasiCtx;

use crate::failure::Failure;
use crate::input::Name;

/// Defines what programs of Emscripten and AssemblyScript import from their host, if `module` looks
/// like one of them.
pub(super) fn add_toolchains(
    file: Name<'_>,
    linker: &mut Linker<WasiCtx>,
    module: &Module,
) -> Result<(), Failure> {
    let mut from_env = module.imports().filter(|import| import.module() == "env").peekable();
    if from_env.peek().is_none() {
        return Ok(());
    }
    let is_of_script = from_env.any(|import| is_of_assemblyscript(import.name(), &import.ty()));
    // What has been preloaded comes later, and takes their place.
    linker.allow_shadowing(true);
    brolga_wasi::add_emscripten_to_linker(linker, module, |context: &mut WasiCtx| context)
        .and_then(|()| match is_of_script {
            true => brolga_wasi::add_assemblyscript_to_linker(linker, |context| context),
            false => Ok(()),
        })
        .map_err(|error| Failure::new(format!("can't run {file}: {error:#}")))
}

/// Whether an import from `env` is one that AssemblyScript's programs have: others have functions
/// of these names too, but of other types.
fn is_of_assemblyscript(name: &str, ty: &ExternType) -> bool {
    let ExternType::Func(ty) = ty else { return false };
    let letters = |types: &mut dyn Iterator<Item = ValType>| -> String {
        let letter = |ty| match ty {
            ValType::I32 => 'i',
            ValType::F64 => 'd',
            _ => '?',
        };
        types.map(letter).collect()
    };
    let ty = (letters(&mut ty.params()), letters(&mut ty.results()));
    matches!(
        (name, &*ty.0, &*ty.1),
        ("abort", "iiii", "") | ("trace", "iiddddd", "") | ("seed", "", "d")
    )
}

/// How many imports, and hints, a message lists.
const SHOWN_MAX: usize = 10;

/// Refuses a module with imports that nothing here provides, naming each and who might.
pub(super) fn check(
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
        .take(SHOWN_MAX)
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
    let mut modules: Vec<_> = unknown.iter().map(|import| import.module()).collect();
    modules.dedup();
    let hints = modules.into_iter().take(SHOWN_MAX).map(|module| {
        let known = store_has(linker, store, module);
        provider(module, known)
    });
    let mut hints: Vec<_> = hints.collect();
    hints.dedup();
    Err(hints.into_iter().fold(Failure::new(message), Failure::hint))
}

/// Whether anything is defined under `module`.
fn store_has(linker: &Linker<WasiCtx>, store: &mut Store<WasiCtx>, module: &str) -> bool {
    linker.iter(store).any(|(name, _, _)| name == module)
}

/// Who provides modules called `name`.
fn provider(name: &str, known: bool) -> String {
    match name {
        "wasi_snapshot_preview1" => "WASI preview 1 has no function of this name".to_owned(),
        "wasi_unstable" => "WASI's first draft has no function of this name".to_owned(),
        _ if known => format!("what is known as `{name}` here does not export that"),
        "wasi_snapshot_preview0" => {
            "this is WASI's first draft, which is called `wasi_unstable`: compile the program with \
             a newer toolchain"
                .to_owned()
        }
        "gojs" | "go" => {
            "this is a Go program for JavaScript: compile it with GOOS=wasip1".to_owned()
        }
        "wbg" => rust_for_javascript(),
        name if name.starts_with("__wbindgen") => rust_for_javascript(),
        name if name.starts_with("wasi:") => {
            "this is WASI preview 2: compile the program for preview 1".to_owned()
        }
        "env" | "a" => format!(
            "toolchains ask for `{name}` when a program needs functions of its host, or for \
             JavaScript: compile it for WASI, or give a module that has them with \
             --preload {name}=FILE"
        ),
        _ => format!(
            "give a module that exports it with --preload {name}=FILE, or embed the program with \
             a host that provides it: see `brolga::Linker`"
        ),
    }
}

fn rust_for_javascript() -> String {
    "this is a Rust program for JavaScript: compile it with --target wasm32-wasip1".to_owned()
}
