//! The bodies of the builtins: results, traps before anything is written, dropped segments.

use brolga_abi::{FuncRef, TrapCode};

use super::*;
use crate::builtin::body;
use crate::{BoxError, Growth, GrowthHook, Unwind};

/// What a body trapped with.
fn trap<R: std::fmt::Debug>(outcome: Result<R, Unwind>) -> TrapCode {
    match outcome {
        Err(Unwind::Trap(code)) => code,
        other => panic!("no trap: {other:?}"),
    }
}

const MEMORIES: &str = r#"(module
    (memory (export "a") 1 3) (memory (export "b") i64 1)
    (data "passive") (data (i32.const 0) "active"))"#;

#[test]
fn memory_operations_trap_before_they_write() {
    let (mut store, id) = Engine::new().instance(MEMORIES);
    let (a, at) = (memory(&store, id, "a"), id.place);
    let store = &mut store;
    let oob = TrapCode::MemoryOutOfBounds;
    let end = 65_536;
    for (address, len) in [(end, 1), (end - 1, 2), (u64::MAX, 1), (1, u64::MAX), (end + 1, 0)] {
        assert_eq!(trap(body::memory_fill(store, at, 0, address, 1, len)), oob);
        assert_eq!(trap(body::memory_copy(store, at, 0, 1, address, 0, len)), oob);
        assert_eq!(trap(body::memory_copy(store, at, 0, 1, 0, address, len)), oob);
    }
    for (address, offset, len) in [(end, 0, 1), (0, 7, 1), (0, u32::MAX, 1), (0, 0, u32::MAX)] {
        assert_eq!(trap(body::memory_init(store, at, 0, 0, address, offset, len)), oob);
    }
    assert_eq!(&store.memory_data(a).unwrap()[..8], b"active\0\0");
    body::memory_fill(store, at, 0, end - 1, 0x1ff, 1).unwrap();
    body::memory_fill(store, at, 0, end, 1, 0).unwrap();
    assert_eq!(store.memory_data(a).unwrap()[65_535], 0xff);
}

#[test]
fn memory_copy_allows_for_overlap() {
    let (mut store, id) = Engine::new().instance(MEMORIES);
    let (a, b) = (memory(&store, id, "a"), memory(&store, id, "b"));
    let at = id.place;
    body::memory_copy(&mut store, at, 0, 0, 2, 0, 6).unwrap();
    assert_eq!(&store.memory_data(a).unwrap()[..9], b"acactive\0");
    body::memory_copy(&mut store, at, 0, 0, 0, 2, 6).unwrap();
    assert_eq!(&store.memory_data(a).unwrap()[..9], b"activeve\0");
    body::memory_copy(&mut store, at, 1, 0, 65_530, 0, 6).unwrap();
    assert_eq!(&store.memory_data(b).unwrap()[65_530..], b"active");
}

#[test]
fn dropped_segments_are_empty() {
    let (mut store, id) = Engine::new().instance(MEMORIES);
    let (a, at) = (memory(&store, id, "a"), id.place);
    let store = &mut store;
    let oob = TrapCode::MemoryOutOfBounds;
    body::memory_init(store, at, 0, 0, 10, 1, 3).unwrap();
    assert_eq!(&store.memory_data(a).unwrap()[10..14], b"ass\0");
    for _twice in 0..2 {
        body::data_drop(store, at, 0).unwrap();
        assert_eq!(trap(body::memory_init(store, at, 0, 0, 0, 0, 1)), oob);
        body::memory_init(store, at, 0, 0, 0, 0, 0).unwrap();
    }
    // Instantiation has dropped the active one.
    body::data_drop(store, at, 1).unwrap();
    assert_eq!(trap(body::memory_init(store, at, 0, 1, 0, 0, 1)), oob);
}

#[test]
fn growing_gives_the_old_size_or_all_ones() {
    let (mut store, id) = Engine::new().instance(MEMORIES);
    let (store, at) = (&mut store, id.place);
    assert_eq!(body::memory_grow(store, at, 0, 2).unwrap(), 1);
    assert_eq!(body::memory_grow(store, at, 0, 1).unwrap(), u64::MAX);
    assert_eq!(body::memory_grow(store, at, 0, u64::MAX).unwrap(), u64::MAX);
    assert_eq!(body::memory_grow(store, at, 0, 0).unwrap(), 3);
    assert_eq!(body::memory_grow(store, at, 1, 1 << 47).unwrap(), u64::MAX);
    assert_eq!(body::memory_grow(store, at, 1, 1).unwrap(), 1);
}

/// Fails at everything.
struct Failing;

impl GrowthHook for Failing {
    fn memory_growing(&mut self, _: *mut (), _: Growth) -> Result<bool, BoxError> {
        Err("no more memory".into())
    }

    fn table_growing(&mut self, _: *mut (), _: Growth) -> Result<bool, BoxError> {
        Err("no more tables".into())
    }
}

#[test]
fn an_error_of_the_hook_ends_the_call() {
    let (mut store, id) = Engine::new().instance("(module (memory 1) (table 1 externref))");
    let (store, at) = (&mut store, id.place);
    store.set_growth_hook(Some(Box::new(Failing)));
    let error = body::memory_grow(store, at, 0, 1).unwrap_err();
    assert!(matches!(error, Unwind::Error(error) if error.to_string() == "no more memory"));
    let error = body::table_grow_extern(store, at, 0, 0, 1).unwrap_err();
    assert!(matches!(error, Unwind::Error(error) if error.to_string() == "no more tables"));
}

const TABLES: &str = r#"(module
    (table (export "a") 4 9 funcref) (table (export "b") 2 funcref)
    (table (export "c") 2 externref)
    (elem func $f $g) (elem funcref (ref.func $g) (ref.null func)) (elem declare func $f)
    (func $f (export "f")) (func $g (export "g")))"#;

#[test]
fn table_operations_trap_before_they_write() {
    let (mut store, id) = Engine::new().instance(TABLES);
    let (a, at) = (table(&store, id, "a"), id.place);
    let store = &mut store;
    let oob = TrapCode::TableOutOfBounds;
    let f = body::ref_func(store, at, 0).unwrap();
    for (position, len) in [(4, 1), (3, 2), (u64::MAX, 1), (1, u64::MAX), (5, 0)] {
        assert_eq!(trap(body::table_fill_func(store, at, 0, position, f, len)), oob);
        assert_eq!(trap(body::table_copy(store, at, 0, 0, position, 0, len)), oob);
        assert_eq!(trap(body::table_copy(store, at, 1, 0, 0, position, len)), oob);
    }
    for (position, offset, len) in [(3, 0, 2), (0, 1, 2), (0, 3, 0), (5, 0, 0), (0, u32::MAX, 1)] {
        assert_eq!(trap(body::table_init(store, at, 0, 0, position, offset, len)), oob);
    }
    assert_eq!(trap(body::table_fill_extern(store, at, 2, 1, 0, 2)), oob);
    assert!((0..4).all(|position| store.table_get(a, position).unwrap() == Value::Func(None)));
}

#[test]
fn elements_are_copied_until_dropped() {
    let (mut store, id) = Engine::new().instance(TABLES);
    let (a, b) = (table(&store, id, "a"), table(&store, id, "b"));
    let (f, g) = (func(&store, id, "f"), func(&store, id, "g"));
    let (store, at) = (&mut store, id.place);
    let all = |store: &mut Store, table| -> Vec<_> {
        let size = store.table_size(table).unwrap();
        (0..size)
            .map(|position| match store.table_get(table, position).unwrap() {
                Value::Func(func) => func,
                other => panic!("{other:?}"),
            })
            .collect()
    };
    body::table_init(store, at, 0, 0, 1, 0, 2).unwrap();
    assert_eq!(all(store, a), [None, Some(f), Some(g), None]);
    body::table_copy(store, at, 0, 0, 2, 1, 2).unwrap();
    assert_eq!(all(store, a), [None, Some(f), Some(f), Some(g)]);
    body::table_copy(store, at, 1, 0, 0, 2, 2).unwrap();
    assert_eq!(all(store, b), [Some(f), Some(g)]);
    body::table_init(store, at, 1, 1, 0, 0, 2).unwrap();
    assert_eq!(all(store, b), [Some(g), None]);
    body::elem_drop(store, at, 1).unwrap();
    let oob = TrapCode::TableOutOfBounds;
    assert_eq!(trap(body::table_init(store, at, 1, 1, 0, 0, 1)), oob);
    // Instantiation has dropped the declared one.
    assert_eq!(trap(body::table_init(store, at, 1, 2, 0, 0, 1)), oob);
    body::elem_drop(store, at, 2).unwrap();
    body::table_init(store, at, 1, 2, 0, 0, 0).unwrap();
    let reference = body::ref_func(store, at, 1).unwrap();
    assert_eq!(body::table_grow_func(store, at, 0, reference, 2).unwrap(), 4);
    assert_eq!(all(store, a)[4..], [Some(g), Some(g)]);
    assert_eq!(body::table_grow_func(store, at, 0, reference, 4).unwrap(), u64::MAX);
    assert_eq!(body::table_grow_extern(store, at, 2, 0, u64::MAX).unwrap(), u64::MAX);
    assert_eq!(body::table_get_func(store, at, 0, 5).unwrap(), reference);
}

#[test]
fn a_static_table_gives_the_function_s_one_reference() {
    let engine = Engine::new();
    let code = engine.load_with_static_tables(
        "(module (table 3 funcref) (elem (i32.const 1) $f) (func $f))",
        &[0],
    );
    let mut store = engine.store();
    let id = store.instantiate(&code, &[]).unwrap();
    let (store, at) = (&mut store, id.place);
    let null: *const FuncRef = std::ptr::null();
    assert_eq!(body::table_get_func(store, at, 0, 0).unwrap(), null);
    let reference = body::table_get_func(store, at, 0, 1).unwrap();
    assert!(!reference.is_null());
    assert_eq!(body::ref_func(store, at, 0).unwrap(), reference);
    assert_eq!(trap(body::table_get_func(store, at, 0, 3)), TrapCode::TableOutOfBounds);
}

#[test]
fn every_trap_of_the_table_can_be_raised() {
    let (mut store, id) = Engine::new().instance("(module)");
    for &code in TrapCode::ALL {
        assert_eq!(trap(body::raise_trap(&mut store, id.place, code as u32)), code);
    }
}
