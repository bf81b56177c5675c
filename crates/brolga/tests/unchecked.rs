//! Values without types: what goes in comes out, numbers are counted, references stay good.

use std::mem::MaybeUninit;
use std::ptr;

use brolga::*;

/// A list of raw values that was written.
fn init(values: &[MaybeUninit<ValRaw>]) -> Vec<ValRaw> {
    // SAFETY: wasm has given arguments for all of them.
    values.iter().map(|value| unsafe { value.assume_init() }).collect()
}

fn call<const N: usize>(
    store: &mut Store<()>,
    func: Func,
    mut values: [ValRaw; N],
) -> Result<[ValRaw; N]> {
    // SAFETY: each test passes values of the function's types.
    unsafe { func.call_unchecked(store, &mut values)? };
    Ok(values)
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn every_type_goes_through_both_ways() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let types = [
        ValType::I32,
        ValType::V128,
        ValType::I64,
        ValType::F32,
        ValType::F64,
        ValType::FUNCREF,
        ValType::EXTERNREF,
    ];
    let ty = FuncType::new(&engine, types.clone(), types.iter().rev().cloned());
    // SAFETY: results are the arguments, in the order of their types.
    let reverse = unsafe {
        Func::new_unchecked(&mut store, ty, |_, values| {
            assert_eq!(values.len(), 7);
            values.reverse();
            Ok(())
        })
    };
    let module = Module::new(
        &engine,
        r#"(module
            (type $t (func (param i32 v128 i64 f32 f64 funcref externref)
                (result externref funcref f64 f32 i64 v128 i32)))
            (import "" "" (func $reverse (type $t)))
            (func (export "through") (type $t)
                (call $reverse (local.get 0) (local.get 1) (local.get 2) (local.get 3)
                    (local.get 4) (local.get 5) (local.get 6))))"#,
    )?;
    let instance = Instance::new(&mut store, &module, &[reverse.into()])?;
    let through = instance.get_func(&mut store, "through").unwrap();
    let object = ExternRef::new(&mut store, "object")?;
    let vals = [
        Val::I32(-7),
        Val::V128(V128::from(u128::MAX - 3)),
        Val::I64(i64::MIN),
        Val::F32(0x7fa0_0001),
        Val::from(-0.5),
        Val::from(through),
        Val::from(object),
    ];
    for func in [reverse, through] {
        let mut raw = [ValRaw::null(); 7];
        for (raw, val) in raw.iter_mut().zip(&vals) {
            *raw = val.to_raw(&mut store)?;
        }
        let results = call(&mut store, func, raw)?;
        let back: Vec<_> = results
            .into_iter()
            .zip(types.iter().rev())
            .map(|(raw, ty)| Val::from_raw(&mut store, raw, ty.clone()))
            .collect();
        assert!(Rooted::ref_eq(&store, back[0].unwrap_externref().unwrap(), &object)?);
        assert_eq!(back[1].unwrap_funcref(), Some(&through));
        let shown: Vec<_> = vals[..5].iter().rev().map(|val| format!("{val:?}")).collect();
        let found: Vec<_> = back[2..].iter().map(|val| format!("{val:?}")).collect();
        assert_eq!(found, shown);
    }
    Ok(())
}

#[test]
fn more_values_than_fit_the_stack_and_more_results_than_parameters() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let ty = FuncType::new(&engine, [ValType::I32], vec![ValType::I32; 40]);
    // SAFETY: forty results are written.
    let count = unsafe {
        Func::new_unchecked(&mut store, ty, |_, values| {
            let first = values[0].assume_init().get_i32();
            for (number, value) in (first..).zip(values) {
                value.write(ValRaw::i32(number));
            }
            Ok(())
        })
    };
    let mut results = vec![Val::I32(0); 40];
    count.call(&mut store, &[Val::I32(5)], &mut results)?;
    assert!(results.iter().map(Val::unwrap_i32).eq(5..45));
    Ok(())
}

#[test]
fn numbers_of_values_are_counted() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let add = Func::wrap(&mut store, |a: i32, b: i32| a + b);
    let sum = call(&mut store, add, [ValRaw::i32(2), ValRaw::i32(3)])?;
    assert_eq!(sum[0].get_i32(), 5);
    let error = call(&mut store, add, [ValRaw::i32(2)]).unwrap_err();
    assert_eq!(error.to_string(), "expected room for 2 values, got 1");
    // SAFETY: no values are passed.
    let error = unsafe { add.call_unchecked(&mut store, &mut []) }.unwrap_err();
    assert_eq!(error.to_string(), "expected room for 2 values, got 0");
    let nothing = Func::wrap(&mut store, || ());
    // SAFETY: the function takes nothing and returns nothing.
    unsafe { nothing.call_unchecked(&mut store, ptr::slice_from_raw_parts_mut(ptr::null_mut(), 0)) }
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn errors_traps_and_the_caller_are_as_elsewhere() -> Result<()> {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    let ty = FuncType::new(&engine, [ValType::I32], []);
    // SAFETY: there are no results.
    unsafe {
        linker.func_new_unchecked("", "check", ty.clone(), |mut caller, values| {
            let memory = caller.get_export("memory").and_then(Extern::into_memory);
            let byte = memory.context("no memory")?.data(&caller)[0];
            ensure!(init(values)[0].get_u32() == u32::from(byte), "another byte");
            Ok(())
        })?;
        assert!(linker.func_new_unchecked("", "check", ty, |_, _| Ok(())).is_err(), "is taken");
    }
    let module = Module::new(
        &engine,
        r#"(module (import "" "check" (func $check (param i32)))
            (memory (export "memory") 1) (data (i32.const 0) "A")
            (func $run (export "run") (param i32) (call $check (local.get 0)))
            (func (export "trap") unreachable))"#,
    )?;
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module)?;
    let run = instance.get_func(&mut store, "run").unwrap();
    call(&mut store, run, [ValRaw::i32(0x41)])?;
    let error = call(&mut store, run, [ValRaw::i32(0x42)]).unwrap_err();
    assert_eq!(error.root_cause().to_string(), "another byte");
    assert_eq!(error.downcast_ref::<WasmBacktrace>().unwrap().frames().len(), 1);
    let trap = instance.get_func(&mut store, "trap").unwrap();
    let error = call(&mut store, trap, []).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::UnreachableCodeReached));
    // Of another store, or of a closed instance.
    let mut other = Store::new(&engine, ());
    assert!(call(&mut other, run, [ValRaw::i32(0x41)]).is_err());
    instance.close(&mut store)?;
    assert!(call(&mut store, run, [ValRaw::i32(0x41)]).is_err());
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn an_address_keeps_its_function() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let module = Module::new(
        &engine,
        r#"(module (func (export "one") (result i32) (i32.const 1))
            (func (export "call") (param funcref) (result i32)
                (table.set 0 (i32.const 0) (local.get 0))
                (call_indirect (result i32) (i32.const 0)))
            (table 1 funcref))"#,
    )?;
    let [callee, caller] = [(); 2].map(|()| Instance::new(&mut store, &module, &[]).unwrap());
    let one = callee.get_func(&mut store, "one").unwrap();
    let raw = one.to_raw(&mut store);
    assert_eq!(Func::from_raw(&mut store, raw), Some(one));
    assert_eq!(Func::from_raw(&mut store, ptr::null_mut()), None);
    assert_eq!(Func::from_raw(&mut store, ptr::dangling_mut()), None);
    let mut other = Store::new(&engine, ());
    assert_eq!(Func::from_raw(&mut other, raw), None);
    assert!(Val::from(one).to_raw(&mut other).is_err());

    // Closed, its function can still be called by who has the address.
    callee.close(&mut store)?;
    store.gc(None)?;
    let call_it = caller.get_func(&mut store, "call").unwrap();
    let result = call(&mut store, call_it, [ValRaw::funcref(raw)])?;
    assert_eq!(result[0].get_i32(), 1);
    Ok(())
}

#[test]
fn a_typed_function_without_a_look_at_its_type() -> Result<()> {
    let mut store = Store::new(&Engine::default(), ());
    let add = Func::wrap(&mut store, |a: i32, b: i64| i64::from(a) + b);
    // SAFETY: those are its types.
    let typed = unsafe { TypedFunc::<(i32, i64), i64>::new_unchecked(&store, add) };
    assert_eq!(typed.call(&mut store, (1, 2))?, 3);
    Ok(())
}

#[test]
fn raw_values_are_their_bits() {
    assert_eq!(size_of::<ValRaw>(), 16);
    assert_eq!(ValRaw::i64(-1).get_i32(), -1);
    assert_eq!(ValRaw::i64(-1).get_v128(), u64::MAX.into());
    assert_eq!(ValRaw::u32(7).get_u64(), 7);
    assert_eq!(ValRaw::u64(u64::MAX).get_i64(), -1);
    assert_eq!(f32::from_bits(ValRaw::f32(1.5_f32.to_bits()).get_f32()), 1.5);
    assert_eq!(f64::from_bits(ValRaw::f64(1.5_f64.to_bits()).get_f64()), 1.5);
    assert_eq!(ValRaw::externref(9).get_externref(), 9);
    assert_eq!(format!("{:?}", ValRaw::u32(1)), format!("ValRaw(0x{:032x})", 1));
}
