//! Tables that are made with all their functions at once: as if they had been written one by one.

use brolga_module::{FuncIndex, FuncType, TableIndex};

use super::*;

/// Whether a module's table is made at once.
fn at_once(code: &LoadedCode, table: u32) -> bool {
    code.initial_table(TableIndex(table)).is_some()
}

/// What an instance's table holds, and that every entry has what a call needs.
fn functions(store: &mut Store, instance: InstanceId, table: u32) -> Vec<Option<u32>> {
    let place = store.checked_instance(instance).unwrap();
    let vmctx = store.instance(place).vmctx();
    let storage = store.instance(place).tables[table as usize].unwrap();
    let entries = store.table_mut(storage).func_entries_mut().unwrap();
    let found = entries.iter().map(|entry| {
        if entry.func_ref.is_null() {
            assert!(entry.wasm_code.is_null() && entry.type_id == FunctionTypeId::NULL);
            return None;
        }
        // SAFETY: the entry is of a live instance.
        let func_ref = unsafe { &*entry.func_ref };
        assert_eq!(entry.vmctx, vmctx.as_ptr());
        assert_eq!(func_ref.vmctx, vmctx.as_ptr());
        assert_eq!((func_ref.wasm_code, func_ref.type_id), (entry.wasm_code, entry.type_id));
        assert!(!func_ref.host_entry.is_null());
        Some(func_ref.func_index)
    });
    found.collect()
}

/// The module's functions are of three types, so that entries differ.
const FUNCTIONS: &str = r#"
    (func $a (export "a")) (func $b (param i32)) (func $c (result i64) (unreachable))
    (func $d) (func $e (param i32))"#;

fn instance(engine: &Engine, fields: &str) -> (Store, InstanceId, Arc<LoadedCode>) {
    let code = engine.load(&format!("(module {FUNCTIONS} {fields})"));
    let mut store = engine.store();
    // Not the first, which could differ from those after it.
    store.instantiate(&code, &[]).unwrap();
    let instance = store.instantiate(&code, &[]).unwrap();
    (store, instance, code)
}

#[test]
fn later_segments_write_over_earlier_ones() {
    let engine = Engine::new();
    let (mut store, instance, code) = instance(
        &engine,
        r#"(table (export "t") 6 funcref) (table (export "u") 2 4 funcref)
            (elem (i32.const 1) $a $b $c) (elem (table 1) (i32.const 0) func $e $d)
            (elem (i32.const 3) $d $a) (elem (i32.const 6)) (elem declare func $e)
            (global (export "g") funcref (ref.func $c))"#,
    );
    assert!(at_once(&code, 0) && at_once(&code, 1));
    let expected = [None, Some(0), Some(1), Some(3), Some(0), None];
    assert_eq!(functions(&mut store, instance, 0), expected);
    assert_eq!(functions(&mut store, instance, 1), [Some(4), Some(3)]);
    // One identity, whoever asks.
    let table = table(&store, instance, "t");
    let a = func(&store, instance, "a");
    assert_eq!(store.table_get(table, 4).unwrap(), Value::Func(Some(a)));
    let entry = store.table_size(table).unwrap();
    assert_eq!(entry, 6);
    let c = store.instance_func(instance, FuncIndex(2)).unwrap();
    assert_eq!(global_value(&mut store, instance, "g"), Value::Func(c));
    // It grows as any.
    assert_eq!(store.table_grow(table, 3, Value::Func(Some(a))).unwrap(), 6);
    assert_eq!(functions(&mut store, instance, 0)[5..], [None, Some(0), Some(0), Some(0)]);
}

#[test]
#[cfg_attr(miri, ignore = "modules of so many functions take minutes")]
fn segments_are_written_where_something_could_go_wrong() {
    let engine = Engine::new();
    let table = r#"(table (export "t") 4 funcref) (elem (i32.const 0) $a $b $c $d $e)"#;
    let code = engine.load(&format!("(module {FUNCTIONS} {table})"));
    assert!(!at_once(&code, 0));
    let error = engine.store().instantiate(&code, &[]).unwrap_err();
    assert_eq!(error.to_string(), "element segment 0: out of bounds table access");
    let full = "(elem (i32.const 0) $a $b $c $d $e)";
    // Nothing at all is made at once where one segment may fail or is of somebody else's table.
    for other in [
        "(table 1 externref) (elem (table 1) (i32.const 2) externref)",
        r#"(table (export "u") 3 funcref) (elem (table 1) (i32.const 3) func $a)"#,
    ] {
        let fields = format!(r#"(table (export "t") 5 funcref) {full} {other}"#);
        let code = engine.load(&format!("(module {FUNCTIONS} {fields})"));
        assert!(!at_once(&code, 0), "{other}");
        assert!(engine.store().instantiate(&code, &[]).is_err());
    }
    let imports = r#"(module (import "" "" (table 5 funcref)) (table (export "t") 1 funcref)
        (elem (i32.const 0) $f) (elem (table 1) (i32.const 0) func $f) (func $f))"#;
    assert!(!at_once(&engine.load(imports), 1));
    // Far more room than functions, far more functions than entries.
    for (size, count) in [(99, 0), (5, 99)] {
        let table = format!(r#"(table (export "t") {size} funcref)"#);
        let more: String = (0..count).map(|at| format!("(func (export \"f{at}\"))")).collect();
        let (mut store, instance, code) = instance(&engine, &format!("{table} {full} {more}"));
        assert!(!at_once(&code, 0), "{table}");
        let expected = [Some(0), Some(1), Some(2), Some(3), Some(4)];
        assert_eq!(functions(&mut store, instance, 0)[..5], expected);
    }
}

#[test]
#[cfg_attr(miri, ignore = "tables of 65,536 elements take minutes")]
fn large_tables_are_written_from_their_segments() {
    let engine = Engine::new();
    for (size, expected) in [(64 << 10, true), ((64 << 10) + 1, false)] {
        let elements = "0 ".repeat(size);
        let table =
            format!(r#"(table (export "t") {size} funcref) (elem (i32.const 0) func {elements})"#);
        let (mut store, instance, code) = instance(&engine, &table);
        assert_eq!(at_once(&code, 0), expected);
        assert!(functions(&mut store, instance, 0).iter().all(|&func| func == Some(0)));
    }
}

#[test]
fn imported_functions_are_written_one_by_one() {
    let engine = Engine::new();
    let mut store = engine.store();
    let host = host_function(&mut store, &FuncType::default(), ());
    let text = r#"(module (import "" "" (func $host)) (table (export "t") 2 funcref)
        (elem (i32.const 0) $host $f) (func $f (export "f")))"#;
    let code = engine.load(text);
    assert!(!at_once(&code, 0));
    let instance = store.instantiate(&code, &[Extern::Func(host)]).unwrap();
    let table = table(&store, instance, "t");
    assert_eq!(store.table_get(table, 0).unwrap(), Value::Func(Some(host)));
    let f = func(&store, instance, "f");
    assert_eq!(store.table_get(table, 1).unwrap(), Value::Func(Some(f)));
}

#[test]
#[cfg_attr(miri, ignore = "large tables take minutes")]
fn what_was_made_at_once_is_charged_and_limited() {
    let mut engine = Engine::new();
    engine.limits = Limits { table_elements: 4, ..Limits::default() };
    let text = format!(
        r#"(module {FUNCTIONS} (table (export "t") 5 funcref) (elem (i32.const 0) $a $b $c))"#
    );
    let code = engine.load(&text);
    assert!(at_once(&code, 0));
    let error = engine.store().instantiate(&code, &[]).unwrap_err();
    assert!(error.to_string().contains("(setting `table_elements`)"), "{error}");
    engine.limits = Limits { table_elements_total: 9, ..Limits::default() };
    let mut store = engine.store();
    for _ in 0..20 {
        let instance = store.instantiate(&code, &[]).unwrap();
        assert!(store.instantiate(&code, &[]).is_err());
        store.close_instance(instance).unwrap();
    }
}
