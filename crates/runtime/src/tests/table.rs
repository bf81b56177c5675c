//! Tables and globals of the host's, externrefs.

use brolga_abi::{FuncTableEntry, FunctionTypeId, TableView};
use brolga_module::{FuncType, GlobalType, IndexType, RefType, TableType, ValType};

use super::*;
use crate::handle::TablePlace;
use crate::{GrowError, HandleError, TableError, TableId};

fn ty(element: RefType, min: u64, max: Option<u64>) -> TableType {
    TableType { index: IndexType::I32, element, min, max }
}

/// The entries of a table of functions as code sees them.
fn entries(store: &Store, table: TableId) -> Vec<FuncTableEntry> {
    let TablePlace::Store(place) = table.place else { panic!("a table of the store") };
    let slot = store.table(place).slot(&ty(RefType::FUNCREF, 0, None));
    // SAFETY: the view is that of a live table.
    let TableView { base, len } = unsafe { slot.view.read() };
    // SAFETY: a table of functions has `len` entries from `base` on.
    unsafe { std::slice::from_raw_parts(base.cast::<FuncTableEntry>(), len) }.to_vec()
}

#[test]
fn entries_hold_what_a_call_needs() {
    let mut store = Engine::new().store();
    let f = host_function(&mut store, &FuncType::default(), ());
    let table = store.new_table(ty(RefType::FUNCREF, 2, None), Value::Func(None)).unwrap();
    store.table_set(table, 1, Value::Func(Some(f))).unwrap();
    let reference = store.func_ref(f).unwrap();
    let [null, entry] = entries(&store, table)[..] else { panic!("two entries") };
    assert!(null.func_ref.is_null() && null.wasm_code.is_null() && null.vmctx.is_null());
    assert_eq!(null.type_id, FunctionTypeId::NULL);
    // SAFETY: the reference is alive.
    let reference = unsafe { reference.as_ref() };
    assert!(!entry.wasm_code.is_null(), "what is in a table can be called");
    assert_eq!(entry.wasm_code, reference.wasm_code);
    assert_eq!(entry.vmctx, reference.vmctx);
    assert_eq!(entry.type_id, store.func_type_id(f).unwrap());
    assert!(std::ptr::eq(entry.func_ref, reference));
}

#[test]
fn operations_are_bounded() {
    let mut store = Engine::new().store();
    let object = Value::Extern(Some(store.new_externref(Box::new("x")).unwrap()));
    let null = Value::Extern(None);
    let table = store.new_table(ty(RefType::EXTERNREF, 4, Some(6)), null).unwrap();
    let other = store.new_table(ty(RefType::EXTERNREF, 2, None), object).unwrap();
    for (position, len) in [(4, 1), (5, 0), (3, 2), (u64::MAX, 1), (1, u64::MAX), (0, 5)] {
        let error = store.table_fill(table, position, object, len).unwrap_err();
        assert!(matches!(error, TableError::OutOfBounds { size: 4, .. }), "{position} {len}");
        assert!(store.table_copy(table, position, table, 0, len).is_err());
        assert!(store.table_copy(table, 0, table, position, len).is_err());
    }
    assert!((0..4).all(|position| store.table_get(table, position).unwrap() == null));
    store.table_fill(table, 4, object, 0).unwrap();
    store.table_copy(table, 2, other, 0, 2).unwrap();
    store.table_copy(table, 1, table, 2, 2).unwrap();
    let all: Vec<_> = (0..4).map(|position| store.table_get(table, position).unwrap()).collect();
    let all: Vec<_> = all.into_iter().map(|value| plain(&store, value)).collect();
    let (none, it) = (plain(&store, null), plain(&store, object));
    assert_eq!(all, [none, it, it, it]);
    assert_eq!(store.table_grow(table, 2, null).unwrap(), 4);
    let error = store.table_grow(table, 1, null).unwrap_err();
    assert_eq!(error.to_string(), "7 elements are more than the type's maximum of 6");
    assert!(store.table_grow(table, u64::MAX, null).is_err());
    assert_eq!(store.table_size(table).unwrap(), 6);
    let last = store.table_get(table, 3).unwrap();
    assert_eq!(plain(&store, last), it);
    assert_eq!(
        store.table_get(table, 6).unwrap_err().to_string(),
        "1 elements from position 6 on are not inside a table of 6"
    );
}

#[test]
fn values_must_have_the_element_type() {
    let mut store = Engine::new().store();
    let funcs = store.new_table(ty(RefType::FUNCREF, 1, None), Value::Func(None)).unwrap();
    let error = store.table_set(funcs, 0, Value::Extern(None)).unwrap_err();
    assert_eq!(error.to_string(), "expected a value of type funcref, found null externref");
    let error = store.table_grow(funcs, 1, Value::I32(0)).unwrap_err();
    assert!(matches!(error, GrowError::Value(_)));
    assert!(store.new_table(ty(RefType::EXTERNREF, 1, None), Value::Func(None)).is_err());
    let externs = store.new_table(ty(RefType::EXTERNREF, 1, None), Value::Extern(None)).unwrap();
    let error = store.table_copy(funcs, 0, externs, 0, 1).unwrap_err();
    assert!(matches!(error, TableError::ElementTypes));
    let strict = RefType { nullable: false, ..RefType::FUNCREF };
    assert!(store.new_table(ty(strict, 1, None), Value::Func(None)).is_err());
}

#[test]
fn functions_of_another_store_stay_out() {
    let engine = Engine::new();
    let (mut one, mut two) = (engine.store(), engine.store());
    let f = host_function(&mut one, &FuncType::default(), ());
    let table = two.new_table(ty(RefType::FUNCREF, 1, None), Value::Func(None)).unwrap();
    let error = two.table_set(table, 0, Value::Func(Some(f))).unwrap_err();
    assert_eq!(error.to_string(), "this function belongs to another store");
    let error = one.table_get(table, 0).unwrap_err();
    assert_eq!(error.to_string(), "this table belongs to another store");
    let object = one.new_externref(Box::new(1_u8)).unwrap();
    let content = ValType::EXTERNREF;
    let global = GlobalType { content, mutable: true };
    let global = two.new_global(global, Value::Extern(None)).unwrap();
    assert!(two.global_set(global, Value::Extern(Some(object))).is_err());
    assert_eq!(one.global_get(global), Err(HandleError::OtherStore { kind: "global" }));
}

#[test]
fn huge_tables_are_errors() {
    let mut engine = Engine::new();
    engine.limits.table_elements = u64::MAX;
    engine.limits.table_elements_total = u64::MAX;
    let mut store = engine.store();
    let null = Value::Func(None);
    let wide = TableType { index: IndexType::I64, ..ty(RefType::FUNCREF, u64::MAX, None) };
    assert!(matches!(store.new_table(wide, null), Err(GrowError::OutOfMemory { .. })));
    let wide = TableType { min: 1 << 61, ..wide };
    assert!(store.new_table(wide, null).is_err());
    let table = store.new_table(TableType { min: 1, ..wide }, null).unwrap();
    assert!(store.table_grow(table, u64::MAX - 1, null).is_err());
    assert!(store.table_grow(table, u64::MAX, null).is_err());
    assert_eq!(store.table_grow(table, 1, null).unwrap(), 1);
}

#[test]
fn globals_keep_values_of_their_type() {
    let mut store = Engine::new().store();
    let f = host_function(&mut store, &FuncType::default(), ());
    let object = store.new_externref(Box::new(5_u8)).unwrap();
    let values = [
        (ValType::I32, Value::I32(1), Value::I32(u32::MAX)),
        (ValType::I64, Value::I64(1), Value::I64(u64::MAX)),
        (ValType::F32, Value::F32(1), Value::F32(u32::MAX)),
        (ValType::F64, Value::F64(1), Value::F64(u64::MAX)),
        (ValType::V128, Value::V128(1), Value::V128(u128::MAX - 5)),
        (ValType::FUNCREF, Value::Func(None), Value::Func(Some(f))),
        (ValType::EXTERNREF, Value::Extern(None), Value::Extern(Some(object))),
    ];
    for (content, first, second) in values {
        let global = store.new_global(GlobalType { content, mutable: true }, first).unwrap();
        assert_eq!(store.global_get(global).unwrap(), first);
        store.global_set(global, second).unwrap();
        let now = store.global_get(global).unwrap();
        assert_eq!(plain(&store, now), plain(&store, second));
        let number = match second {
            Value::Func(_) => Value::Func(None),
            Value::Extern(_) => Value::Extern(None),
            number => number,
        };
        assert_eq!(store.global_number(global).unwrap(), number);
        let wrong = if content == ValType::I32 { Value::I64(0) } else { Value::I32(0) };
        assert!(store.global_set(global, wrong).is_err());
        let constant = GlobalType { content, mutable: false };
        let constant = store.new_global(constant, second).unwrap();
        let error = store.global_set(constant, first).unwrap_err();
        assert_eq!(error.to_string(), "the global is immutable");
    }
    assert_eq!(store.externref(object).unwrap().downcast_ref(), Some(&5_u8));
    *store.externref_mut(object).unwrap().downcast_mut().unwrap() = 6_u8;
    assert_eq!(store.externref(object).unwrap().downcast_ref(), Some(&6_u8));
}

#[test]
fn a_table_that_cannot_grow_does_not_move() {
    let mut store = Engine::new().store();
    let fixed = ty(RefType::FUNCREF, 3, Some(3));
    let table = store.new_table(fixed, Value::Func(None)).unwrap();
    let TablePlace::Store(place) = table.place else { panic!("a table of the store") };
    let base = store.table(place).slot(&fixed).pinned_base;
    assert!(!base.is_null());
    assert!(store.table_grow(table, 1, Value::Func(None)).is_err());
    store.table_grow(table, 0, Value::Func(None)).unwrap();
    assert_eq!(store.table(place).slot(&fixed).pinned_base, base);
    assert!(store.table(place).slot(&ty(RefType::FUNCREF, 3, None)).pinned_base.is_null());
}
