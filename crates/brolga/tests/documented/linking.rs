//! Instances, linkers, prepared instances.

use brolga::*;

use crate::{fails, full_store, panics, says, unsupported};

/// A module that imports a function and a memory.
const IMPORTS: &str = r#"(module (import "m" "f" (func)) (import "m" "m" (memory 1)))"#;

#[test]
#[cfg_attr(miri, ignore = "compiling takes Miri minutes")]
fn instances() -> Result<()> {
    let mut full = full_store();
    let engine = full.engine().clone();
    let module = |text: &str| Module::new(&engine, text);
    fails::<InstantiateError>(
        Instance::new(&mut full, &module("(module)")?, &[]),
        "1 instances pass the store's limit of 0 (setting `instances`)",
    );
    full.set_limits(Limits { instances: 10, ..full.limits() });
    fails::<InstantiateError>(
        Instance::new(&mut full, &module("(module (memory 1))")?, &[]),
        "memory 0: 1 memories pass the store's limit of 0 (setting `memories`)",
    );
    let table = module(r#"(module (table (export "t") 1 funcref))"#)?;
    fails::<InstantiateError>(
        Instance::new(&mut full, &table, &[]),
        "table 0: 1 tables pass the store's limit of 0 (setting `tables`)",
    );

    let mut store = Store::new(&engine, ());
    store.set_limits(Limits { memory_bytes: 1, table_elements: 0, ..store.limits() });
    fails::<InstantiateError>(
        Instance::new(&mut store, &module("(module (memory 1))")?, &[]),
        "memory 0: 65536 bytes of a memory pass the store's limit of 1 (setting `memory_bytes`)",
    );
    fails::<InstantiateError>(
        Instance::new(&mut store, &table, &[]),
        "table 0: 1 elements of a table pass the store's limit of 0 (setting `table_elements`)",
    );

    let mut store = Store::new(&engine, ());
    let (func, memory) =
        (Func::wrap(&mut store, || ()), Memory::new(&mut store, MemoryType::new(1, None))?);
    let imports = module(IMPORTS)?;
    fails::<InstantiateError>(
        Instance::new(&mut store, &imports, &[func.into()]),
        "the module has 2 imports, 1 were given",
    );
    let swapped = [memory.into(), func.into()];
    fails::<InstantiateError>(
        Instance::new(&mut store, &imports, &swapped),
        "import `m::f`: incompatible import type: expected func, found a memory",
    );
    let mut other = Store::new(&engine, ());
    let right = [func.into(), memory.into()];
    fails::<InstantiateError>(
        Instance::new(&mut other, &imports, &right),
        "import `m::f`: this function belongs to another store",
    );
    let mut elsewhere = Store::new(&Engine::default(), ());
    fails::<EngineError>(
        Instance::new(&mut elsewhere, &imports, &right),
        "this module belongs to another engine",
    );
    let instance = Instance::new(&mut store, &imports, &right)?;

    fails::<Trap>(
        Instance::new(
            &mut store,
            &module(r#"(module (memory 1) (data (i32.const -1) "x"))"#)?,
            &[],
        ),
        "data segment 0: out of bounds memory access: wasm trap: out of bounds memory access",
    );
    let elements = r#"(module (table 1 funcref) (func $f) (elem (i32.const 1) $f))"#;
    fails::<Trap>(
        Instance::new(&mut store, &module(elements)?, &[]),
        "element segment 0: out of bounds table access: wasm trap: undefined element: out of bounds table access",
    );
    let start = r#"(module $m (func $start unreachable) (start $start))"#;
    fails::<Trap>(
        Instance::new(&mut store, &module(start)?, &[]),
        "wasm trap: wasm `unreachable` instruction executed",
    );

    says(instance.get_typed_func::<(), ()>(&mut store, "f"), "failed to find function export `f`");
    fails::<HandleError>(instance.close(&mut other), "this instance belongs to another store");
    panics("this instance belongs to another store", || instance.module(&other));
    panics("this instance belongs to another store", || instance.exports(&mut other).len());
    instance.close(&mut store)?;
    fails::<HandleError>(instance.close(&mut store), "this instance has been closed");
    panics("this instance has been closed", || instance.module(&store));
    panics("this instance has been closed", || instance.exports(&mut store).len());
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "compiling takes Miri minutes")]
fn exports_of_another_type() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(&engine, r#"(module (func (export "f") (param i32)))"#)?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    says(
        instance.get_typed_func::<i64, ()>(&mut store, "f"),
        "failed to give `f` the type asked for: the function has type (func (param i32)): type mismatch with parameter 0: expected i64, found i32",
    );
    says(
        instance.get_func(&mut store, "f").context("f")?.typed::<i32, f32>(&store),
        "the function has type (func (param i32)): type mismatch with results: expected 1 of them, found 0",
    );
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "compiling takes Miri minutes")]
fn names_that_are_taken() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let func = Func::wrap(&mut store, || ());
    let ty = FuncType::new(&engine, [], []);
    let module = Module::new(&engine, r#"(module (func (export "f")))"#)?;
    let command = Module::new(&engine, r#"(module (func (export "f")) (func (export "_start")))"#)?;
    let instance = Instance::new(&mut store, &module, &[])?;
    let mut linker = Linker::new(&engine);
    linker.func_wrap("m", "f", || ())?.func_wrap("", "f", || ())?.func_wrap("n", "f", || ())?;

    says(linker.define(&store, "m", "f", func), "import of `m::f` defined twice");
    says(linker.define_name(&store, "f", func), "import of `::f` defined twice");
    says(linker.func_new("m", "f", ty.clone(), |_, _, _| Ok(())), "import of `m::f` defined twice");
    says(linker.func_wrap("m", "f", || ()), "import of `m::f` defined twice");
    // SAFETY: there is nothing to return.
    says(
        unsafe { linker.func_new_unchecked("m", "f", ty, |_, _| Ok(())) },
        "import of `m::f` defined twice",
    );
    says(linker.instance(&mut store, "m", instance), "import of `m::f` defined twice");
    says(linker.module(&mut store, "m", &module), "import of `m::f` defined twice");
    says(linker.module(&mut store, "m", &command), "import of `m::f` defined twice");
    says(linker.alias("m", "f", "n", "f"), "import of `n::f` defined twice");
    says(linker.alias("m", "g", "n", "g"), "no item named `m::g` defined");
    says(linker.alias_module("m", "n"), "import of `n::f` defined twice");
    says(linker.get(&mut store, "m", "g"), "missing definition for `m::g`");
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "compiling takes Miri minutes")]
fn definitions_of_other_stores() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let mut other = Store::new(&engine, ());
    let memory = Memory::new(&mut other, MemoryType::new(1, None))?;
    let imports = Module::new(&engine, IMPORTS)?;
    let module = Module::new(&engine, r#"(module (func (export "f")))"#)?;
    let instance = Instance::new(&mut other, &module, &[])?;
    let mut linker = Linker::new(&engine);
    fails::<HandleError>(
        linker.define(&store, "m", "m", memory),
        "this memory belongs to another store",
    );
    fails::<HandleError>(
        linker.define_name(&store, "m", memory),
        "this memory belongs to another store",
    );
    fails::<HandleError>(
        linker.instance(&mut store, "m", instance),
        "this instance belongs to another store",
    );
    instance.close(&mut other)?;
    fails::<HandleError>(
        linker.instance(&mut other, "m", instance),
        "this instance has been closed",
    );

    linker.define(&other, "m", "m", memory)?.func_wrap("m", "f", || ())?;
    fails::<InstantiateError>(
        linker.instantiate(&mut store, &imports),
        "import `m::m`: this memory belongs to another store",
    );
    let pre = linker.instantiate_pre(&imports)?;
    fails::<InstantiateError>(
        pre.instantiate(&mut store),
        "import `m::m`: this memory belongs to another store",
    );
    pre.instantiate(&mut other)?;
    let mut elsewhere = Store::new(&Engine::default(), ());
    fails::<EngineError>(pre.instantiate(&mut elsewhere), "this store belongs to another engine");
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "compiling takes Miri minutes")]
fn imports_that_are_missing_or_of_another_type() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let imports = Module::new(&engine, IMPORTS)?;
    let mut linker = Linker::new(&engine);
    fails::<UnknownImportError>(
        linker.instantiate(&mut store, &imports),
        "unknown import: `m::f` has not been defined",
    );
    fails::<UnknownImportError>(
        linker.instantiate_pre(&imports),
        "unknown import: `m::f` has not been defined",
    );
    linker.func_wrap("m", "f", |_: i32| ())?;
    says(
        linker.instantiate(&mut store, &imports),
        "incompatible import type for `m::f`: expected (func), found (func (param i32))",
    );
    says(
        linker.instantiate_pre(&imports),
        "incompatible import type for `m::f`: expected (func), found (func (param i32))",
    );
    // Memories are no functions, and are not made up.
    linker.allow_shadowing(true).func_wrap("m", "f", || ())?;
    linker.define_unknown_imports_as_traps(&imports)?;
    fails::<UnknownImportError>(
        linker.instantiate(&mut store, &imports),
        "unknown import: `m::m` has not been defined",
    );

    let mut full = full_store();
    let imports = Module::new(full.engine(), IMPORTS)?;
    let mut linker = Linker::new(full.engine());
    let defined = linker.define_unknown_imports_as_default_values(&mut full, &imports);
    fails::<GrowError>(
        defined,
        "no default value exists for `m::m`: 1 memories pass the store's limit of 0 (setting `memories`)",
    );
    fails::<FuncError>(
        linker.get(&mut full, "m", "f"),
        "1 host functions pass the store's limit of 0 (setting `host_functions`)",
    );
    let one = Module::new(full.engine(), r#"(module (import "m" "f" (func)))"#)?;
    fails::<FuncError>(
        linker.instantiate(&mut full, &one),
        "1 host functions pass the store's limit of 0 (setting `host_functions`)",
    );
    let import = imports.imports().next().context("an import")?;
    fails::<FuncError>(
        linker.try_get_by_import(&mut full, &import),
        "1 host functions pass the store's limit of 0 (setting `host_functions`)",
    );
    fails::<FuncError>(
        linker.get_default(&mut full, "nothing"),
        "1 host functions pass the store's limit of 0 (setting `host_functions`)",
    );
    panics("1 host functions pass the store's limit of 0 (setting `host_functions`)", || {
        linker.iter(&mut full).count()
    });
    Ok(())
}

#[test]
fn types_that_are_not_supported() {
    let engine = Engine::default();
    let mut linker = Linker::<()>::new(&engine);
    let ty = unsupported(&engine);
    says(
        linker.func_new("m", "f", ty.clone(), |_, _, _| Ok(())),
        "references to functions of type (func) are not supported yet, use funcref",
    );
    // SAFETY: it is refused.
    says(
        unsafe { linker.func_new_unchecked("m", "f", ty, |_, _| Ok(())) },
        "references to functions of type (func) are not supported yet, use funcref",
    );
}

#[test]
#[cfg_attr(miri, ignore = "compiling takes Miri minutes")]
fn programs() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let memory = Memory::new(&mut store, MemoryType::new(1, None))?;
    let start = "a program can't be both a command and a reactor";
    for (text, words) in [
        (r#"(module (func (export "_start")) (func (export "_initialize")))"#, start),
        (r#"(module (memory (export "_start") 1))"#, "`_start` must be a function"),
        (
            r#"(module (global (export "_initialize") i32 (i32.const 1)))"#,
            "`_initialize` must be a function",
        ),
        (
            r#"(module (func (export "_start")) (memory (export "mine") 1))"#,
            "command export `mine` is not a function",
        ),
        (
            r#"(module (import "no" "body" (func)))"#,
            "unknown import: `no::body` has not been defined",
        ),
        (
            r#"(module (func (export "_initialize") (param i32)))"#,
            "failed to give `_initialize` the type asked for: the function has type \
                (func (param i32)): type mismatch with parameters: expected 0 of them, found 1",
        ),
        (
            r#"(module (func (export "_initialize") unreachable))"#,
            "wasm trap: wasm `unreachable` instruction executed",
        ),
    ] {
        says(linker.module(&mut store, "m", &Module::new(&engine, text)?).map(drop), words);
    }
    linker.define(&store, "p", "", memory)?;
    says(linker.get_default(&mut store, "p"), "`p::` is not a function");
    Ok(())
}
