//! Instantiation: imports, first contents, what a failure leaves behind.

use brolga_abi::TrapCode;
use brolga_module::{FuncIndex, FuncType, GlobalType, IndexType, MemoryType, TableIndex, ValType};

use super::*;
use crate::{HandleError, ImportError, StartFunction};

fn memory_of_pages(min: u64, max: Option<u64>) -> MemoryType {
    MemoryType { index: IndexType::I32, min, max, shared: false, page_size_log2: 16 }
}

/// The error of instantiating `text` with one import.
fn refused(engine: &Engine, store: &mut Store, text: &str, import: Extern) -> String {
    try_instantiate(engine, store, text, &[import]).unwrap_err().to_string()
}

#[test]
fn globals_start_with_the_values_of_their_expressions() {
    let engine = Engine::new();
    let mut store = engine.store();
    let ty = GlobalType { content: ValType::I32, mutable: false };
    let seven = Extern::Global(store.new_global(ty, Value::I32(7)).unwrap());
    let text = r#"(module
        (import "" "seven" (global $seven i32))
        (func $f)
        (global (export "i32") i32 (i32.const -1))
        (global (export "i64") i64 (i64.const -1))
        (global (export "f32") f32 (f32.const 1))
        (global (export "f64") f64 (f64.const 1))
        (global (export "v128") v128 (v128.const i64x2 1 2))
        (global (export "null") funcref (ref.null func))
        (global (export "extern") externref (ref.null extern))
        (global (export "func") funcref (ref.func $f))
        (global (export "got") i32 (global.get $seven))
        (global (export "sum") i32
            (i32.sub (i32.mul (global.get $seven) (i32.const 10)) (i32.add (i32.const 1) (i32.const 2))))
        (global (export "wrapped") i64
            (i64.sub (i64.mul (i64.const 0x4000000000000000) (i64.const 4)) (i64.add (i64.const 1) (i64.const 1))))
        (export "f" (func $f)) (export "again" (global $seven)))"#;
    let instance = try_instantiate(&engine, &mut store, text, &[seven]).unwrap();
    let f = func(&store, instance, "f");
    let mut value = |name| global_value(&mut store, instance, name);
    assert_eq!(value("i32"), Value::I32(u32::MAX));
    assert_eq!(value("i64"), Value::I64(u64::MAX));
    assert_eq!(value("f32"), Value::F32(1_f32.to_bits()));
    assert_eq!(value("f64"), Value::F64(1_f64.to_bits()));
    assert_eq!(value("v128"), Value::V128(2 << 64 | 1));
    assert_eq!(value("null"), Value::Func(None));
    assert_eq!(value("extern"), Value::Extern(None));
    assert_eq!(value("func"), Value::Func(Some(f)));
    assert_eq!(value("got"), Value::I32(7));
    assert_eq!(value("sum"), Value::I32(67));
    assert_eq!(value("wrapped"), Value::I64(-2_i64 as u64));
    assert_eq!(export(&store, instance, "again"), seven);
}

#[test]
fn segments_are_written_in_order() {
    let (store, instance) = Engine::new().instance(
        r#"(module
            (memory (export "memory") 1)
            (data (i32.const 1) "abc") (data (i32.const 2) "XY") (data "passive"))"#,
    );
    let memory = memory(&store, instance, "memory");
    assert_eq!(&store.memory_data(memory).unwrap()[..6], b"\0aXY\0\0");
    assert_eq!(store.memory_size_pages(memory).unwrap(), 1);
}

#[test]
fn tables_hold_functions_with_one_identity() {
    let engine = Engine::new();
    let mut store = engine.store();
    let host = host_function(&mut store, &FuncType::default(), ());
    let text = r#"(module
        (import "" "host" (func $host))
        (table (export "table") 4 10 funcref)
        (elem (i32.const 1) $f $host)
        (func $f (export "f")) (export "host" (func $host)))"#;
    let instance = try_instantiate(&engine, &mut store, text, &[Extern::Func(host)]).unwrap();
    let table = table(&store, instance, "table");
    let f = func(&store, instance, "f");
    assert_eq!(store.table_get(table, 0).unwrap(), Value::Func(None));
    assert_eq!(store.table_get(table, 1).unwrap(), Value::Func(Some(f)));
    assert_eq!(store.table_get(table, 2).unwrap(), Value::Func(Some(host)));
    assert_eq!(export(&store, instance, "host"), Extern::Func(host));
    // Whatever gives a reference gives the same one.
    let once = store.func_ref(f).unwrap();
    assert_eq!(store.func_ref_for_wasm(f).unwrap(), once);
    assert_eq!(store.find_func(once.addr().get()), Some(f));
    assert_eq!(store.find_func(once.addr().get() + 8), None);
}

#[test]
fn static_tables_are_looked_up_in_the_image() {
    let engine = Engine::new();
    let mut store = engine.store();
    let code = engine.load_with_static_tables(
        r#"(module
            (type $t (func (param i32)))
            (table 4 funcref) (elem (i32.const 1) $f $g)
            (func $f (type $t)) (func $g) (func $hidden))"#,
        &[0],
    );
    let instance = store.instantiate(&code, &[]).unwrap();
    let table = store.instance_table(instance, TableIndex(0)).unwrap().unwrap();
    let f = store.instance_func(instance, FuncIndex(0)).unwrap().unwrap();
    let id = code.type_id(TypeIndex(0));
    assert_eq!(store.lookup_function(table, id, 1).unwrap(), f);
    let traps = [
        (0, TrapCode::IndirectCallToNull),
        (2, TrapCode::BadSignature),
        (4, TrapCode::UndefinedElement),
        (u64::MAX, TrapCode::UndefinedElement),
    ];
    for (position, trap) in traps {
        let error = store.lookup_function(table, id, position).unwrap_err();
        assert_eq!(error.to_string(), trap.to_string());
    }
    assert_eq!(store.table_size(table).unwrap(), 4);
    let error = store.table_set(table, 0, Value::Func(None)).unwrap_err();
    assert_eq!(error.to_string(), "the table is fixed by its module");
    // A function without a slot in the context has a reference of its own, always the same.
    let hidden = store.instance_func(instance, FuncIndex(2)).unwrap().unwrap();
    let reference = store.func_ref(hidden).unwrap();
    assert_eq!(store.func_ref(hidden).unwrap(), reference);
    assert_eq!(store.find_func(reference.addr().get()), Some(hidden));
    assert_eq!(store.instance_func(instance, FuncIndex(3)).unwrap(), None);
}

#[test]
fn imports_are_checked() {
    let engine = Engine::new();
    let mut store = engine.store();
    let text = r#"(module (import "a" "b" (func (param i32) (result i64))))"#;
    let f = host_function(&mut store, &FuncType::new([ValType::I32], []), ());
    assert_eq!(
        refused(&engine, &mut store, text, Extern::Func(f)),
        "import `a::b`: incompatible import type: expected func (param i32) (result i64), found \
         func (param i32)"
    );
    let memory = Extern::Memory(store.new_memory(memory_of_pages(1, Some(2))).unwrap());
    assert_eq!(
        refused(&engine, &mut store, text, memory),
        "import `a::b`: incompatible import type: expected func (param i32) (result i64), found a \
         memory"
    );
    let error = store.instantiate(&engine.load(text), &[]).unwrap_err();
    assert_eq!(error.to_string(), "the module has 1 imports, 0 were given");
    let mutable = GlobalType { content: ValType::I32, mutable: true };
    let global = Extern::Global(store.new_global(mutable, Value::I32(0)).unwrap());
    assert_eq!(
        refused(&engine, &mut store, r#"(module (import "" "" (global i32)))"#, global),
        "import `::`: incompatible import type: expected global i32, found global (mut i32)"
    );
}

#[test]
fn memories_are_matched_by_their_current_size() {
    let engine = Engine::new();
    let mut store = engine.store();
    let memory = store.new_memory(memory_of_pages(1, Some(4))).unwrap();
    let given = Extern::Memory(memory);
    let fits = |store: &mut Store, limits: &str| {
        let text = format!(r#"(module (import "" "" (memory {limits})))"#);
        try_instantiate(&engine, store, &text, &[given]).is_ok()
    };
    assert!(fits(&mut store, "1") && fits(&mut store, "0 4") && fits(&mut store, "1 5"));
    assert!(!fits(&mut store, "2") && !fits(&mut store, "1 3"));
    assert!(!fits(&mut store, "i64 1") && !fits(&mut store, "1 (pagesize 1)"));
    store.memory_grow(memory, 1).unwrap();
    assert!(fits(&mut store, "2 4") && !fits(&mut store, "3"));
}

#[test]
fn tables_are_matched_by_type_and_size() {
    let engine = Engine::new();
    let mut store = engine.store();
    let ty = brolga_module::TableType {
        index: IndexType::I32,
        element: brolga_module::RefType::FUNCREF,
        min: 2,
        max: None,
    };
    let given = Extern::Table(store.new_table(ty, Value::Func(None)).unwrap());
    let mut fits = |ty: &str| {
        let text = format!(r#"(module (import "" "" (table {ty})))"#);
        try_instantiate(&engine, &mut store, &text, &[given]).is_ok()
    };
    assert!(fits("2 funcref") && fits("0 funcref"));
    assert!(!fits("3 funcref") && !fits("2 9 funcref"));
    assert!(!fits("2 externref") && !fits("i64 2 funcref"));
}

#[test]
fn what_belongs_elsewhere_is_an_error() {
    let engine = Engine::new();
    let (mut one, mut two) = (engine.store(), engine.store());
    let f = host_function(&mut one, &FuncType::default(), ());
    let text = r#"(module (import "" "" (func)))"#;
    let error = try_instantiate(&engine, &mut two, text, &[Extern::Func(f)]).unwrap_err();
    let InstantiateError::Import { error: ImportError::Handle(error), .. } = error else {
        panic!("{error}")
    };
    assert_eq!(error, HandleError::OtherStore { kind: "function" });
    let other = Engine::new();
    let code = other.load("(module)");
    assert!(matches!(one.instantiate(&code, &[]), Err(InstantiateError::OtherEngine)));
    let mut options = Engine { types: engine.types.clone(), ..Engine::new() };
    options.options.memory.signals = false;
    let code = options.load("(module)");
    assert!(matches!(one.instantiate(&code, &[]), Err(InstantiateError::Options)));
    assert!(options.store().instantiate(&code, &[]).is_ok());
}

#[test]
fn what_was_written_before_a_failure_stays() {
    let engine = Engine::new();
    let mut store = engine.store();
    let memory = store.new_memory(memory_of_pages(1, None)).unwrap();
    let text = r#"(module
        (import "" "" (memory 1))
        (data (i32.const 0) "ab") (data (i32.const 0xffff) "cd") (data (i32.const 8) "e"))"#;
    let error = try_instantiate(&engine, &mut store, text, &[Extern::Memory(memory)]).unwrap_err();
    assert_eq!(error.to_string(), "data segment 1: out of bounds memory access");
    let data = store.memory_data(memory).unwrap();
    assert_eq!((&data[..2], data[0xffff], data[8]), (&b"ab"[..], 0, 0));
    assert!(!store.has_closed_pending());
}

#[test]
fn functions_of_a_failed_instance_stay_callable() {
    let engine = Engine::new();
    let mut store = engine.store();
    let owner = engine.load(r#"(module (table (export "table") 2 funcref))"#);
    let owner = store.instantiate(&owner, &[]).unwrap();
    let imports = [export(&store, owner, "table")];
    let text = r#"(module
        (import "" "" (table 2 funcref)) (memory 1)
        (elem (i32.const 1) $f) (data (i32.const 65536) "x") (func $f))"#;
    let error = try_instantiate(&engine, &mut store, text, &imports).unwrap_err();
    assert_eq!(error.to_string(), "data segment 0: out of bounds memory access");
    let table = table(&store, owner, "table");
    let Value::Func(Some(f)) = store.table_get(table, 1).unwrap() else { panic!("it is there") };
    let reference = store.func_ref(f).unwrap();
    store.collect_closed();
    assert_eq!(store.func_ref(f).unwrap(), reference);
    // Nothing leads to it any more.
    store.table_set(table, 1, Value::Func(None)).unwrap();
    store.collect_closed();
    assert!(store.func_ref(f).is_err() && !store.has_closed_pending());
}

#[test]
fn an_element_segment_that_does_not_fit_writes_nothing() {
    let engine = Engine::new();
    let mut store = engine.store();
    let error = try_instantiate(
        &engine,
        &mut store,
        "(module (table 2 funcref) (elem (i32.const 1) $f $f) (func $f))",
        &[],
    );
    let error = error.unwrap_err();
    assert_eq!(error.to_string(), "element segment 0: out of bounds table access");
    assert!(!store.has_closed_pending());
}

#[test]
fn the_start_function_is_the_caller_s_business() {
    let engine = Engine::new();
    let mut store = engine.store();
    let host = host_function(&mut store, &FuncType::default(), ());
    let text = r#"(module (import "" "" (func $host)) (start $host))"#;
    let instance = try_instantiate(&engine, &mut store, text, &[Extern::Func(host)]).unwrap();
    assert_eq!(store.start_function(instance).unwrap(), Some(StartFunction::Imported(host)));
    let none = try_instantiate(&engine, &mut store, "(module)", &[]).unwrap();
    assert_eq!(store.start_function(none).unwrap(), None);
}

#[test]
#[cfg_attr(miri, ignore = "80,000 bytes of text take minutes")]
fn a_shared_image_shows_what_copying_shows() {
    let engine = Engine::new();
    let text = format!(
        r#"(module
            (memory (export "memory") 4)
            (data (i32.const 70001) "{}") (data (i32.const 65536) "start") (data (i32.const 70001) "X"))"#,
        "abcdefgh".repeat(10_000)
    );
    let code = engine.load(&text);
    let mut store = engine.store();
    let first = store.instantiate(&code, &[]).unwrap();
    let second = store.instantiate(&code, &[]).unwrap();
    let third = store.instantiate(&code, &[]).unwrap();
    let (module, rooms) = (&code.module, &store.config.rooms);
    assert!(code.initial_memories.get(module, brolga_module::MemoryIndex(0), rooms).is_some());
    let memory = |instance| memory(&store, instance, "memory");
    let (first, second, third) = (memory(first), memory(second), memory(third));
    assert_eq!(&store.memory_data(first).unwrap()[70_000..70_004], b"\0Xbc");
    assert!(store.memory_data(first).unwrap() == store.memory_data(second).unwrap());
    // Each has its own.
    store.memory_data_mut(second).unwrap()[65_536] = b'!';
    assert_eq!(store.memory_data(third).unwrap()[65_536], b's');
    assert_eq!(store.memory_grow(third, 1).unwrap(), 4);
    assert!(are_all(&store.memory_data(third).unwrap()[4 << 16..], 0));
}

#[test]
fn limits_are_named() {
    let mut engine = Engine::new();
    engine.limits = Limits { instances: 1, memories: 1, tables: 1, ..Limits::default() };
    let mut store = engine.store();
    let error = |store: &mut Store, text| {
        try_instantiate(&engine, store, text, &[]).unwrap_err().to_string()
    };
    assert_eq!(
        error(&mut store, "(module (memory 0) (memory 0))"),
        "memory 1: 2 memories pass the store's limit of 1 (setting `memories`)"
    );
    assert_eq!(
        error(&mut store, "(module (table 0 funcref) (table 0 funcref))"),
        "table 1: 2 tables pass the store's limit of 1 (setting `tables`)"
    );
    assert_eq!(
        error(&mut store, "(module (memory i64 65537))"),
        "memory 0: 4295032832 bytes of a memory pass the store's limit of 4294967296 (setting \
         `memory_bytes`)"
    );
    assert_eq!(
        error(&mut store, "(module (table 10000001 funcref))"),
        "table 0: 10000001 elements of a table pass the store's limit of 10000000 (setting \
         `table_elements`)"
    );
    try_instantiate(&engine, &mut store, "(module (memory 1) (table 1 funcref))", &[]).unwrap();
    assert_eq!(
        error(&mut store, "(module)"),
        "2 instances pass the store's limit of 1 (setting `instances`)"
    );
}
