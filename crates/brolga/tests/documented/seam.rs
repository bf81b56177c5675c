//! `Engine`, `ModuleEngine` and `CallEngine`.

use brolga::*;

use crate::{fails, full_store, says};

const MODULE: &str = r#"(module $m
    (import "" "host" (func $host))
    (table (export "table") 2 funcref)
    (global (export "global") funcref (ref.func $trap))
    (func $trap (export "trap") unreachable)
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "object") (param externref) (result externref) (local.get 0)))"#;

const HOST: FuncIndex = FuncIndex(0);
const TRAP: FuncIndex = FuncIndex(1);
const ADD: FuncIndex = FuncIndex(2);
const OBJECT: FuncIndex = FuncIndex(3);

fn set_up() -> Result<(Store<()>, ModuleEngine)> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let host = Func::wrap(&mut store, || -> Result<()> { bail!("the host's own") });
    let module = Module::new(&engine, MODULE)?;
    let instance = engine.new_module_engine(&mut store, "m", &module, &[host.into()])?;
    Ok((store, instance))
}

#[test]
#[cfg_attr(miri, ignore = "compiling takes Miri minutes")]
fn module_engines_are_not_made() -> Result<()> {
    let mut full = full_store();
    let engine = full.engine().clone();
    let new = |store: &mut Store<()>, text: &str, imports: &[Extern]| {
        engine.new_module_engine(store, "m", &Module::new(&engine, text)?, imports)
    };
    fails::<InstantiateError>(
        new(&mut full, "(module)", &[]),
        "1 instances pass the store's limit of 0 (setting `instances`)",
    );
    let mut store = Store::new(&engine, ());
    let import = r#"(module (import "m" "f" (func (param i32))))"#;
    fails::<InstantiateError>(
        new(&mut store, import, &[]),
        "the module has 1 imports, 0 were given",
    );
    let func = Func::wrap(&mut store, || ());
    fails::<InstantiateError>(
        new(&mut store, import, &[func.into()]),
        "import `m::f`: incompatible import type: expected func (param i32), found func",
    );
    let mut other = Store::new(&engine, ());
    let theirs = Func::wrap(&mut other, |_: i32| ());
    fails::<InstantiateError>(
        new(&mut store, import, &[theirs.into()]),
        "import `m::f`: this function belongs to another store",
    );
    fails::<Trap>(
        new(&mut store, r#"(module (memory 1) (data (i32.const -1) "x"))"#, &[]),
        "data segment 0: out of bounds memory access: wasm trap: out of bounds memory access",
    );
    let mut elsewhere = Store::new(&Engine::default(), ());
    fails::<EngineError>(
        new(&mut elsewhere, "(module)", &[]),
        "this module belongs to another engine",
    );
    let module = Module::new(&Engine::default(), "(module)")?;
    fails::<EngineError>(
        engine.new_module_engine(&mut store, "m", &module, &[]),
        "this module belongs to another engine",
    );
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "compiling takes Miri minutes")]
fn there_is_no_such_thing() -> Result<()> {
    let (mut store, instance) = set_up()?;
    let (store, past) = (&mut store, FuncIndex(4));
    let ty = instance.type_id(TypeIndex(0)).context("a type")?;
    says(instance.new_call_engine(&mut *store, past), "no function 4 in the module");
    says(instance.function_instance_reference(&mut *store, past), "no function 4 in the module");
    says(
        instance.create_func_element_instance(&mut *store, &[Some(TRAP), Some(past)]),
        "no function 4 in the module",
    );
    says(instance.lookup_function(&mut *store, TableIndex(1), ty, 0), "no table 1 in the module");
    fails::<Trap>(
        instance.lookup_function(&mut *store, TableIndex(0), ty, 0),
        "wasm trap: uninitialized element",
    );
    fails::<Trap>(
        instance.lookup_function(&mut *store, TableIndex(0), ty, 2),
        "wasm trap: undefined element: out of bounds table access",
    );
    assert!(instance.table(&mut *store, TableIndex(1))?.is_none());
    assert!(instance.global(store, "nothing")?.is_none());
    Ok(())
}

/// All that an instance does, none of which `store` may allow.
fn none_works(store: &mut Store<()>, instance: &ModuleEngine, words: &str) -> Result<()> {
    let ty = instance.type_id(TypeIndex(0)).context("a type")?;
    fails::<HandleError>(instance.new_call_engine(&mut *store, ADD), words);
    fails::<HandleError>(instance.lookup_function(&mut *store, TableIndex(0), ty, 0), words);
    fails::<HandleError>(instance.create_func_element_instance(&mut *store, &[Some(ADD)]), words);
    fails::<HandleError>(instance.initialize_funcref_globals(&mut *store), words);
    fails::<HandleError>(instance.function_instance_reference(&mut *store, ADD), words);
    fails::<HandleError>(instance.global(&mut *store, "global"), words);
    fails::<HandleError>(instance.table(&mut *store, TableIndex(0)), words);
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn instances_of_other_stores_and_closed_ones() -> Result<()> {
    let (mut store, instance) = set_up()?;
    let mut other = Store::new(store.engine(), ());
    none_works(&mut other, &instance, "this instance belongs to another store")?;
    let mut call = instance.new_call_engine(&mut store, TRAP)?;
    instance.instance().close(&mut store)?;
    none_works(&mut store, &instance, "this instance has been closed")?;
    fails::<FuncError>(
        call.call(&mut store, &[]),
        "this function belongs to an instance that has been closed",
    );
    fails::<FuncError>(
        call.call_into(&mut store, &mut []),
        "this function belongs to an instance that has been closed",
    );
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn call_engines() -> Result<()> {
    let (mut store, instance) = set_up()?;
    let mut trap = instance.new_call_engine(&mut store, TRAP)?;
    fails::<Trap>(trap.call(&mut store, &[]), "wasm trap: wasm `unreachable` instruction executed");
    fails::<Trap>(
        trap.call_into(&mut store, &mut []),
        "wasm trap: wasm `unreachable` instruction executed",
    );
    let mut host = instance.new_call_engine(&mut store, HOST)?;
    says(host.call(&mut store, &[]), "the host's own");
    let mut add = instance.new_call_engine(&mut store, ADD)?;
    says(add.call(&mut store, &[1]), "expected 2 slots of parameters, found 1");
    says(add.call(&mut store, &[1, 2, 3]), "expected 2 slots of parameters, found 3");
    says(
        add.call_into(&mut store, &mut [1]),
        "expected 2 slots of parameters and results, found 1",
    );
    let mut object = instance.new_call_engine(&mut store, OBJECT)?;
    says(object.call(&mut store, &[7]), "0x7 is no reference of this store");
    let mut other = Store::new(store.engine(), ());
    fails::<HandleError>(add.call(&mut other, &[1, 2]), "this function belongs to another store");
    fails::<HandleError>(
        add.call_into(&mut other, &mut [1, 2]),
        "this function belongs to another store",
    );
    Ok(())
}
