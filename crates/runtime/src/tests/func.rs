//! Functions: host functions and what they own, references, slots of calls.

use std::sync::Arc;

use brolga_module::{FuncType, ValType};

use super::*;
use crate::{FuncError, HandleError};

#[test]
fn a_host_function_owns_its_data() {
    let mut store = Engine::new().store();
    let data = Arc::new(7);
    host_function(&mut store, &FuncType::default(), Arc::clone(&data));
    // SAFETY: it is never called.
    unsafe {
        let data = HostData::from_arc(Arc::clone(&data));
        store.new_host_function(&FuncType::default(), never_called, None, data).unwrap();
    }
    assert_eq!(Arc::strong_count(&data), 3);
    drop(store);
    assert_eq!(Arc::strong_count(&data), 1);
}

#[test]
fn a_host_function_holds_its_type() {
    let engine = Engine::new();
    let mut store = engine.store();
    let ty = FuncType::new([ValType::V128, ValType::I32], [ValType::F64]);
    let f = host_function(&mut store, &ty, ());
    assert_eq!(store.func_type(f).unwrap(), &ty);
    assert_eq!(engine.types.find(&ty), Some(store.func_type_id(f).unwrap()));
    drop(store);
    assert!(engine.types.is_empty());
}

#[test]
fn wasm_gets_a_thunk_when_it_first_gets_the_function() {
    let mut store = Engine::new().store();
    let f = host_function(&mut store, &FuncType::default(), ());
    let reference = store.func_ref(f).unwrap();
    // SAFETY: the reference is alive, here and below.
    assert!(unsafe { reference.as_ref() }.wasm_code.is_null());
    assert_eq!(store.func_ref_for_wasm(f).unwrap(), reference);
    // SAFETY: as above.
    let code = unsafe { reference.as_ref() }.wasm_code;
    assert!(LoadedCode::find(code.addr()).is_some(), "the thunk's code is kept");
    // SAFETY: as above.
    assert_eq!(unsafe { store.func_from_ref(reference.as_ptr()) }, Some(f));
    // SAFETY: null is allowed.
    assert_eq!(unsafe { store.func_from_ref(std::ptr::null()) }, None);
}

#[test]
fn a_reference_that_nobody_was_given_is_not_found() {
    let engine = Engine::new();
    let (mut store, instance) = engine.instance(r#"(module (func (export "f")))"#);
    let own = func(&store, instance, "f");
    let host = host_function(&mut store, &FuncType::default(), ());
    for f in [own, host] {
        let address = store.func_ref(f).unwrap().addr().get();
        assert_eq!(store.find_func(address), None, "it was made for calls by the host");
        store.func_ref_for_wasm(f).unwrap();
        assert_eq!(store.find_func(address), Some(f));
    }
}

/// Gives code for a type that was not asked for.
struct WrongThunks(Arc<LoadedCode>, TypeIndex);

impl ThunkProvider for WrongThunks {
    fn host_exit(&self, _: FunctionTypeId, _: &FuncType) -> Result<Thunk, ThunkError> {
        Ok(Thunk { code: Arc::clone(&self.0), ty: self.1 })
    }

    fn host_entry(&self, id: FunctionTypeId, ty: &FuncType) -> Result<Thunk, ThunkError> {
        self.host_exit(id, ty)
    }
}

#[test]
fn code_of_a_provider_is_for_the_type_that_was_asked_for() {
    let engine = Engine::new();
    let code = engine.load("(module (type (func)) (type (func (param i32))))");
    let wanted = FuncType::new([ValType::I32], []);
    for (ty, fits) in [(0, false), (1, true), (2, false)] {
        let thunks = Arc::new(WrongThunks(Arc::clone(&code), TypeIndex(ty)));
        let mut store = Store::new(
            &StoreConfig::new(engine.types.clone(), engine.options, thunks),
            engine.limits,
        );
        let f = host_function(&mut store, &wanted, ());
        assert_eq!(store.func_ref_for_wasm(f).is_ok(), fits, "type {ty}");
    }
}

#[test]
fn an_importer_s_thunk_serves_too() {
    let engine = Engine::new();
    let mut store = engine.store();
    let f = host_function(&mut store, &FuncType::default(), ());
    let code = engine.load(r#"(module (import "" "" (func $f)) (export "f" (func $f)))"#);
    store.instantiate(&code, &[Extern::Func(f)]).unwrap();
    let reference = store.func_ref(f).unwrap();
    // SAFETY: the reference is alive.
    let wasm_code = unsafe { reference.as_ref() }.wasm_code;
    assert_eq!(Some(wasm_code), code.host_exit(TypeIndex(0)));
    // The function keeps the module whose thunk it uses.
    let weak = Arc::downgrade(&code);
    drop(code);
    assert!(weak.upgrade().is_some());
    drop(store);
    assert!(weak.upgrade().is_none());
}

#[test]
fn slots_carry_every_type() {
    let mut store = Engine::new().store();
    let f = host_function(&mut store, &FuncType::default(), ());
    let object = store.new_externref(Box::new(())).unwrap();
    let values = [
        (ValType::I32, Value::I32(u32::MAX)),
        (ValType::I64, Value::I64(u64::MAX)),
        (ValType::F32, Value::F32(f32::NAN.to_bits())),
        (ValType::F64, Value::F64(1.5_f64.to_bits())),
        (ValType::V128, Value::V128(3 << 64 | 4)),
        (ValType::FUNCREF, Value::Func(Some(f))),
        (ValType::FUNCREF, Value::Func(None)),
        (ValType::EXTERNREF, Value::Extern(Some(object))),
        (ValType::EXTERNREF, Value::Extern(None)),
    ];
    for (ty, value) in values {
        value.check(ty).unwrap();
        let mut slots = [0xaaaa; 2];
        store.write_slots(value, &mut slots).unwrap();
        // SAFETY: the references are of this store.
        let read = unsafe { store.read_slots(ty, &slots) };
        assert_eq!(plain(&store, read), plain(&store, value));
        assert_eq!(slots[1] != 0xaaaa, ty == ValType::V128, "{ty:?} takes one slot");
    }
    let mut slots = [0];
    store.write_slots(Value::I32(u32::MAX), &mut slots).unwrap();
    assert_eq!(slots, [u32::MAX.into()], "the upper half is zero");
}

#[test]
fn functions_are_good_in_their_store_only() {
    let engine = Engine::new();
    let (mut one, mut two) = (engine.store(), engine.store());
    let f = host_function(&mut one, &FuncType::default(), ());
    host_function(&mut two, &FuncType::default(), ());
    let other = HandleError::OtherStore { kind: "function" };
    assert_eq!(two.func_type(f), Err(other));
    assert!(matches!(two.func_ref(f), Err(FuncError::Handle(error)) if error == other));
    assert!(matches!(two.func_ref_for_wasm(f), Err(FuncError::Handle(error)) if error == other));
    assert!(two.write_slots(Value::Func(Some(f)), &mut [0]).is_err());
    assert_ne!(one.id(), two.id());
    assert_eq!(f.store(), one.id());
}

#[test]
fn a_store_goes_where_it_is_taken() {
    let engine = Engine::new();
    let (mut store, instance) = engine.instance(r#"(module (func (export "f")))"#);
    let f = func(&store, instance, "f");
    let here = store.func_ref(f).unwrap().addr();
    let there = std::thread::spawn(move || store.func_ref(f).unwrap().addr()).join().unwrap();
    assert_eq!(here, there);
}
