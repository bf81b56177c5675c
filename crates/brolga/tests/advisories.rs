//! What peers have had advisories for, as far as it is about what embedders do: each test is named
//! for what went wrong there.

use brolga::*;

fn instance(store: &mut Store<()>, text: &str, imports: &[Extern]) -> Result<Instance> {
    let module = Module::new(store.engine(), text)?;
    Instance::new(store, &module, imports)
}

/// CVE-2024-47763: a host function that a tail call has led to looks at the stack.
#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn stacks_are_looked_at_behind_tail_calls() -> Result<()> {
    for config in [Config::new(), Config::new().signals_based_traps(false).clone()] {
        let engine = Engine::new(&config)?;
        let mut store = Store::new(&engine, ());
        let names = |caller: Caller<'_, ()>| {
            let backtrace = WasmBacktrace::capture(&caller);
            let names =
                backtrace.frames().iter().map(|it| it.func_name().unwrap_or("?").to_owned());
            names.collect::<Vec<_>>().join(" ")
        };
        // By registers and by slots.
        let quick = Func::wrap(&mut store, move |caller: Caller<'_, ()>, expected: i32| {
            assert_eq!(names(caller), ["", "outer"][expected as usize]);
        });
        let ty = FuncType::new(&engine, [ValType::I32], []);
        let slow = Func::new(&mut store, ty, move |caller, params, _| {
            let expected = params[0].unwrap_i32() as usize;
            assert_eq!(names(caller), ["", "outer"][expected]);
            Ok(())
        });
        let fails = Func::wrap(&mut store, |_: i32| -> Result<()> { bail!("meant") });
        let text = r#"(module
            (import "" "host" (func $host (param i32)))
            (table 1 funcref) (elem (i32.const 0) $host)
            (func (export "alone") (return_call $host (i32.const 0)))
            (func (export "indirect")
                (return_call_indirect (param i32) (i32.const 0) (i32.const 0)))
            (func $tail (param i32) (return_call $host (local.get 0)))
            (func $outer (export "outer") (call $tail (i32.const 1)))
            (func $middle (call $tail (i32.const 2)))
            (func (export "deep") (call $middle))
            (func $long (param i32 i64 i64 i64 i64 i64 i64 i64 i64)
                (return_call $host (local.get 0)))
            (func (export "shrinking")
                (return_call $long (i32.const 0) (i64.const 1) (i64.const 2) (i64.const 3)
                    (i64.const 4) (i64.const 5) (i64.const 6) (i64.const 7) (i64.const 8))))"#;
        for host in [quick, slow] {
            let instance = instance(&mut store, text, &[host.into()])?;
            for name in ["alone", "indirect", "outer", "shrinking"] {
                instance.get_typed_func::<(), ()>(&mut store, name)?.call(&mut store, ())?;
            }
        }
        let instance = instance(&mut store, text, &[fails.into()])?;
        for (name, frames) in [("alone", 0), ("indirect", 0), ("outer", 1), ("deep", 2)] {
            let call = instance.get_typed_func::<(), ()>(&mut store, name)?;
            let error = call.call(&mut store, ()).unwrap_err();
            assert_eq!(error.root_cause().to_string(), "meant");
            let backtrace = error.downcast_ref::<WasmBacktrace>();
            assert_eq!(backtrace.map_or(0, |it| it.frames().len()), frames, "{name}");
        }
    }
    Ok(())
}

/// GHSA-hfr4: a linker's clone outlives it.
#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn clones_of_linkers_are_whole() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module (import "a" "f" (func (result i32))) (import "b" "f" (func (result i32)))
            (export "a" (func 0)) (export "b" (func 1)))"#,
    )?;
    let mut linker = Linker::new(&engine);
    let text = String::from("kept by the closure");
    linker.func_wrap("a", "f", move || text.len() as i32)?;
    let mut clone = linker.clone();
    clone.func_wrap("b", "f", || 2)?;
    linker.allow_shadowing(true).func_wrap("a", "f", || 0)?;
    drop(linker);
    let ready = clone.instantiate_pre(&module)?;
    drop(clone);
    let again = ready.clone();
    drop(ready);
    let mut store = Store::new(&engine, ());
    let instance = again.instantiate(&mut store)?;
    drop((again, module));
    for (name, expected) in [("a", 19), ("b", 2)] {
        let func = instance.get_typed_func::<(), i32>(&mut store, name)?;
        assert_eq!(func.call(&mut store, ())?, expected);
    }
    Ok(())
}

/// GHSA-p8xm, GHSA-wvgq: sizes at the ends of their ranges.
#[test]
#[cfg_attr(miri, ignore = "compiling takes Miri minutes")]
fn sizes_that_nothing_has_are_errors() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    for min in [1 << 32, 1 << 60, 1 << 61, u64::MAX] {
        let ty = TableType::new64(RefType::FUNCREF, min, None);
        assert!(Table::new(&mut store, ty, Ref::Func(None)).is_err());
        let text = format!("(module (table i64 {min} funcref))");
        let Ok(module) = Module::new(&engine, text) else { continue };
        assert!(Instance::new(&mut store, &module, &[]).is_err());
    }
    for min in [1 << 32, 1 << 47, 1 << 48] {
        assert!(Memory::new(&mut store, MemoryType::new64(min, None)).is_err());
        let module = Module::new(&engine, format!("(module (memory i64 {min}))"))?;
        assert!(Instance::new(&mut store, &module, &[]).is_err());
    }
    let table = Table::new(&mut store, TableType::new(RefType::FUNCREF, 1, None), Ref::Func(None))?;
    let memory = Memory::new(&mut store, MemoryType::new(1, None))?;
    for delta in [u64::from(u32::MAX), u64::MAX / 2, u64::MAX] {
        assert!(table.grow(&mut store, delta, Ref::Func(None)).is_err());
        assert!(memory.grow(&mut store, delta).is_err());
        assert!(table.fill(&mut store, delta, Ref::Func(None), delta).is_err());
        assert!(Table::copy(&mut store, &table, delta, &table, 0, delta).is_err());
        assert!(table.get(&mut store, delta).is_none());
        let delta = delta as usize;
        assert!(memory.read(&store, delta, &mut [0; 9]).is_err());
        assert!(memory.write(&mut store, delta, &[0; 9]).is_err());
    }
    Ok(())
}

/// GHSA-wvgq: reservations and guards that are no multiples of a page.
#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn reservations_of_any_size() -> Result<()> {
    for (reservation, guard) in [(0, 0), (1, 1), (12_345, 54_321), ((4 << 30) + 1, (1 << 16) - 1)] {
        let mut config = Config::new();
        config.memory_reservation(reservation).memory_guard_size(guard);
        let mut store = Store::new(&Engine::new(&config)?, ());
        let instance = instance(
            &mut store,
            r#"(module (memory 1)
                (func (export "grow") (result i32) (memory.grow (i32.const 1)))
                (func (export "load") (param i32) (result i32) (i32.load (local.get 0))))"#,
            &[],
        )?;
        let load = instance.get_typed_func::<i32, i32>(&mut store, "load")?;
        let grow = instance.get_typed_func::<(), i32>(&mut store, "grow")?;
        assert_eq!(load.call(&mut store, 0xfffc)?, 0);
        assert!(load.call(&mut store, 0xfffd).is_err());
        assert_eq!(grow.call(&mut store, ())?, 1);
        assert_eq!(load.call(&mut store, 0xfffd)?, 0);
        for address in [0x1_fffd, i32::MAX, -1] {
            assert!(load.call(&mut store, address).is_err());
        }
    }
    Ok(())
}

/// CVE-2024-30266: operators on element segments that were dropped.
#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn dropped_segments_are_empty() -> Result<()> {
    let mut store = Store::new(&Engine::default(), ());
    let instance = instance(
        &mut store,
        r#"(module
            (memory 1) (table $f 4 funcref) (table $e 4 externref)
            (data $data "abc") (elem $funcs func $f) (elem $objects externref (ref.null extern))
            (func $f (export "drop")
                (data.drop $data) (elem.drop $funcs) (elem.drop $objects))
            (func (export "data") (param i32)
                (memory.init $data (i32.const 0) (i32.const 0) (local.get 0)))
            (func (export "funcs") (param i32)
                (table.init $f $funcs (i32.const 0) (i32.const 0) (local.get 0)))
            (func (export "objects") (param i32)
                (table.init $e $objects (i32.const 0) (i32.const 0) (local.get 0))))"#,
        &[],
    )?;
    let drop_all = instance.get_typed_func::<(), ()>(&mut store, "drop")?;
    for dropped in [false, true, true] {
        for name in ["data", "funcs", "objects"] {
            let init = instance.get_typed_func::<i32, ()>(&mut store, name)?;
            init.call(&mut store, 0)?;
            assert_eq!(init.call(&mut store, 1).is_err(), dropped, "{name}");
        }
        drop_all.call(&mut store, ())?;
    }
    Ok(())
}

/// CVE-2022-23636: an instance that fails half-way has nothing to drop that it never had.
#[test]
#[cfg_attr(miri, ignore = "compiling takes Miri minutes")]
fn instances_that_fail_half_way_are_undone() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let object = ExternRef::new(&mut store, String::from("object"))?;
    let ty = GlobalType::new(ValType::EXTERNREF, Mutability::Const);
    let global = Global::new(&mut store, ty, object.into())?;
    for failing in [
        r#"(memory 1) (data (i32.const 0x10000) "x")"#,
        r#"(table 1 funcref) (elem (i32.const 1) $f)"#,
        r#"(memory 1) (start $trap)"#,
        r#"(memory i64 0x1000000000000)"#,
    ] {
        let text = format!(
            r#"(module (import "" "g" (global $g externref))
                (global externref (global.get $g)) (global (mut externref) (global.get $g))
                (table 3 externref (global.get $g))
                (func $f) (func $trap unreachable) {failing})"#
        );
        for _ in 0..3 {
            assert!(instance(&mut store, &text, &[global.into()]).is_err(), "{failing}");
        }
    }
    let kept = global.get(&mut store).unwrap_externref().copied().context("an object")?;
    let data = kept.data(&store)?.and_then(|it| it.downcast_ref::<String>());
    assert_eq!(data.map(String::as_str), Some("object"));
    Ok(())
}
