//! Closing: what goes at once, what stays as long as it is reachable, what handles say.

use std::sync::Arc;

use brolga_module::{FuncIndex, GlobalIndex, GlobalType, RefType, TableIndex, TableType, ValType};

use super::*;
use crate::{HandleError, TableId};

fn table_of_functions(store: &mut Store) -> TableId {
    let ty = TableType {
        index: brolga_module::IndexType::I32,
        element: RefType::FUNCREF,
        min: 1,
        max: None,
    };
    store.new_table(ty, Value::Func(None)).unwrap()
}

/// Whether the instance's code is still used: by anything but `code` itself.
fn is_used(code: &Arc<LoadedCode>) -> bool {
    Arc::strong_count(code) > 1
}

const LIBRARY: &str = r#"(module
    (memory (export "memory") 1)
    (table (export "table") 1 funcref)
    (global (export "global") i32 (i32.const 5))
    (func (export "f")))"#;

#[test]
fn a_closed_instance_and_its_parts_are_errors() {
    let engine = Engine::new();
    let code = engine.load(LIBRARY);
    let mut store = engine.store();
    let instance = store.instantiate(&code, &[]).unwrap();
    let (memory, table) = (memory(&store, instance, "memory"), table(&store, instance, "table"));
    let (global, f) = (global(&store, instance, "global"), func(&store, instance, "f"));
    let epoch = store.close_epoch();
    store.close_instance(instance).unwrap();
    assert_ne!(store.close_epoch(), epoch);
    assert!(!is_used(&code) && !store.has_closed_pending());
    let closed = |kind| HandleError::Closed { kind };
    assert_eq!(store.close_instance(instance), Err(closed("instance")));
    assert_eq!(store.export(instance, "f"), Err(closed("instance")));
    assert_eq!(store.memory_data(memory), Err(closed("memory")));
    assert_eq!(store.table_size(table), Err(closed("table")));
    assert_eq!(store.global_get(global), Err(closed("global")));
    assert_eq!(store.func_type(f), Err(closed("function")));
    // Another one in the same place is another one.
    let next = store.instantiate(&code, &[]).unwrap();
    assert!(store.is_instance_open(next) && !store.is_instance_open(instance));
    assert!(store.func_ref(f).is_err() && store.memory_data(memory).is_err());
    assert_eq!(
        store.memory_type(memory).unwrap_err().to_string(),
        "this memory belongs to an instance that has been closed"
    );
}

#[test]
fn what_an_open_instance_imports_stays() {
    let engine = Engine::new();
    let code = engine.load(LIBRARY);
    let mut store = engine.store();
    let library = store.instantiate(&code, &[]).unwrap();
    let names = ["memory", "table", "global", "f"];
    let imports = names.map(|name| export(&store, library, name));
    let user = r#"(module
        (import "" "memory" (memory 1)) (import "" "table" (table 1 funcref))
        (import "" "global" (global i32)) (import "" "f" (func))
        (export "memory" (memory 0)))"#;
    let user = try_instantiate(&engine, &mut store, user, &imports).unwrap();
    store.close_instance(library).unwrap();
    store.collect_closed();
    let [Extern::Memory(memory), Extern::Table(table), Extern::Global(global), Extern::Func(f)] =
        imports
    else {
        panic!("in the order of the names")
    };
    assert!(is_used(&code));
    assert!(store.memory_data(memory).is_ok() && store.table_size(table).is_ok());
    assert_eq!(store.global_get(global), Ok(Value::I32(5)));
    assert!(store.func_ref(f).is_ok());
    assert!(store.export(library, "f").is_err());
    // The last user takes it along.
    store.close_instance(user).unwrap();
    store.collect_closed();
    assert!(!is_used(&code) && store.memory_data(memory).is_err() && store.func_ref(f).is_err());
}

#[test]
fn a_memory_outlives_its_module_s_instance() {
    let engine = Engine::new();
    let code = engine.load(r#"(module (memory (export "memory") 1) (data (i32.const 0) "x"))"#);
    let mut store = engine.store();
    let owner = store.instantiate(&code, &[]).unwrap();
    let memory = memory(&store, owner, "memory");
    let user = r#"(module (import "" "" (memory 1)))"#;
    let user = try_instantiate(&engine, &mut store, user, &[Extern::Memory(memory)]).unwrap();
    store.close_instance(owner).unwrap();
    assert!(!is_used(&code), "only the memory is needed");
    assert_eq!(store.memory_data(memory).unwrap()[0], b'x');
    store.close_instance(user).unwrap();
    assert!(store.memory_data(memory).is_err());
}

#[test]
fn functions_in_tables_and_globals_of_the_host_stay() {
    let engine = Engine::new();
    let code = engine.load(LIBRARY);
    let mut store = engine.store();
    let table = table_of_functions(&mut store);
    let ty = GlobalType { content: ValType::FUNCREF, mutable: true };
    let global = store.new_global(ty, Value::Func(None)).unwrap();
    for in_table in [true, false] {
        let instance = store.instantiate(&code, &[]).unwrap();
        let f = Value::Func(Some(func(&store, instance, "f")));
        let put = |store: &mut Store, value| match in_table {
            true => store.table_set(table, 0, value).unwrap(),
            false => store.global_set(global, value).unwrap(),
        };
        put(&mut store, f);
        store.close_instance(instance).unwrap();
        store.collect_closed();
        assert!(is_used(&code), "code may still call it");
        put(&mut store, Value::Func(None));
        store.collect_closed();
        assert!(!is_used(&code));
    }
}

#[test]
fn cycles_go_together() {
    let engine = Engine::new();
    let one = engine.load(r#"(module (table (export "table") 1 funcref) (func (export "f")))"#);
    let two = engine.load(
        r#"(module
            (import "" "table" (table 1 funcref)) (import "" "f" (func))
            (elem (i32.const 0) $g) (func $g))"#,
    );
    let mut store = engine.store();
    let first = store.instantiate(&one, &[]).unwrap();
    let imports = [export(&store, first, "table"), export(&store, first, "f")];
    let second = store.instantiate(&two, &imports).unwrap();
    store.close_instance(second).unwrap();
    store.collect_closed();
    assert!(is_used(&two), "the first one's table leads to it");
    store.close_instance(first).unwrap();
    store.collect_closed();
    assert!(!is_used(&one) && !is_used(&two));
}

#[test]
fn a_pinned_function_keeps_its_instance() {
    let engine = Engine::new();
    let code = engine.load(LIBRARY);
    let mut store = engine.store();
    let instance = store.instantiate(&code, &[]).unwrap();
    let f = store.instance_func(instance, FuncIndex(0)).unwrap().unwrap();
    let reference = store.pinned_func_ref(f).unwrap();
    store.close_instance(instance).unwrap();
    store.collect_closed();
    assert!(is_used(&code));
    assert_eq!(store.find_func(reference.addr().get()), Some(f));
    assert!(store.func_ref(f).is_err(), "but the handle is no good");
    drop(store);
    assert!(!is_used(&code));
}

#[test]
fn nothing_is_freed_while_code_runs() {
    let engine = Engine::new();
    let code = engine.load("(module (memory 1))");
    let mut store = engine.store();
    let instance = store.instantiate(&code, &[]).unwrap();
    let mut running = 0_u8;
    let context = store.context();
    let set_activation = |activation: *mut u8| {
        // SAFETY: the context is alive, and nothing else uses it now.
        unsafe { (*context.as_ptr()).activation = activation.cast() }
    };
    set_activation(&raw mut running);
    store.close_instance(instance).unwrap();
    store.collect_closed();
    assert!(store.is_running() && is_used(&code) && store.has_closed_pending());
    assert!(!store.is_instance_open(instance));
    set_activation(std::ptr::null_mut());
    store.settle();
    assert!(!is_used(&code) && !store.has_closed_pending());
}

#[test]
#[cfg_attr(miri, ignore = "nine million elements take it minutes")]
fn room_is_made_when_it_is_needed() {
    let mut engine = Engine::new();
    engine.limits.instances = 3;
    let mut store = engine.store();
    // So large a table makes every walk expensive, so that closing alone does not start one.
    let big = engine.load("(module (table 9000000 externref))");
    store.instantiate(&big, &[]).unwrap();
    let code = engine.load(LIBRARY);
    for _ in 0..20 {
        let instance = store.instantiate(&code, &[]).unwrap();
        let f = func(&store, instance, "f");
        store.func_ref_for_wasm(f).unwrap();
        store.close_instance(instance).unwrap();
    }
    assert!(store.arenas.instances.len() <= 3);
}

/// Enough for what piles up to be seen.
const ROUNDS: usize = if cfg!(miri) { 20 } else { 2_000 };

#[test]
fn many_rounds_leave_nothing() {
    let engine = Engine::new();
    let code = engine.load(LIBRARY);
    let mut store = engine.store();
    for _ in 0..ROUNDS {
        let instance = store.instantiate(&code, &[]).unwrap();
        store.close_instance(instance).unwrap();
    }
    assert!(!is_used(&code));
    assert_eq!(store.arenas.memories.len() + store.arenas.tables.len(), 0);
}

#[test]
fn functions_copied_from_a_table_that_is_not_exported_stay() {
    let engine = Engine::new();
    let code = engine.load("(module (table 1 funcref) (elem (i32.const 0) $f) (func $f))");
    let mut store = engine.store();
    let instance = store.instantiate(&code, &[]).unwrap();
    let (own, host) = (TableIndex(0), table_of_functions(&mut store));
    let own = store.instance_table(instance, own).unwrap().unwrap();
    store.table_copy(host, 0, own, 0, 1).unwrap();
    store.close_instance(instance).unwrap();
    store.collect_closed();
    assert!(is_used(&code), "the host's table leads to it");
    assert!(matches!(store.table_get(host, 0), Ok(Value::Func(Some(_)))));
    store.table_set(host, 0, Value::Func(None)).unwrap();
    store.collect_closed();
    assert!(!is_used(&code));
}

#[test]
fn functions_read_from_a_global_that_is_not_exported_stay() {
    let engine = Engine::new();
    let code = engine.load("(module (global funcref (ref.func $f)) (func $f))");
    let mut store = engine.store();
    let instance = store.instantiate(&code, &[]).unwrap();
    let global = store.instance_global(instance, GlobalIndex(0)).unwrap().unwrap();
    let table = table_of_functions(&mut store);
    let reader = r#"(module (import "" "" (global $g funcref)) (import "" "" (table 1 funcref))
        (elem (i32.const 0) funcref (global.get $g)))"#;
    let imports = [Extern::Global(global), Extern::Table(table)];
    let reader = try_instantiate(&engine, &mut store, reader, &imports).unwrap();
    for instance in [reader, instance] {
        store.close_instance(instance).unwrap();
    }
    store.collect_closed();
    assert!(is_used(&code), "the host's table leads to it");
    store.table_set(table, 0, Value::Func(None)).unwrap();
    store.collect_closed();
    assert!(!is_used(&code));
}

/// What was got before a close of one store is never good in another: their epochs differ.
#[test]
fn no_two_stores_have_the_same_epoch() {
    let engine = Engine::new();
    let code = engine.load("(module)");
    let mut seen = std::collections::HashSet::new();
    for _ in 0..3 {
        let mut store = engine.store();
        assert!(seen.insert(store.close_epoch()));
        for _ in 0..ROUNDS {
            let instance = store.instantiate(&code, &[]).unwrap();
            store.close_instance(instance).unwrap();
            assert!(seen.insert(store.close_epoch()));
        }
    }
    assert!(!seen.contains(&0));
}
