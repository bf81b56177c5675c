//! Host functions: what they are given, what they may do, how they fail.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use brolga::*;

/// A module that imports a function without parameters and calls it in `run`.
const CALLS_HOST: &str = r#"(module
    (import "" "host" (func $host))
    (memory (export "memory") 1)
    (func $inner (call $host))
    (func (export "run") (call $inner)))"#;

fn run<T: 'static, P, R>(store: &mut Store<T>, host: impl IntoFunc<T, P, R>) -> Result<()> {
    let module = Module::new(store.engine(), CALLS_HOST)?;
    let host = Func::wrap(&mut *store, host);
    let instance = Instance::new(&mut *store, &module, &[host.into()])?;
    instance.get_typed_func::<(), ()>(&mut *store, "run")?.call(store, ())
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn a_caller_is_a_store() -> Result<()> {
    let mut store = Store::new(&Engine::default(), vec![1]);
    run(&mut store, |mut caller: Caller<'_, Vec<i32>>| -> Result<()> {
        caller.data_mut().push(2);
        let memory = caller.get_export("memory").context("no memory")?.into_memory();
        let memory = memory.context("not a memory")?;
        memory.write(&mut caller, 100, b"written by the host")?;
        assert_eq!(memory.size(&caller), 1);
        assert_eq!(memory.grow(&mut caller, 2)?, 1);
        let global =
            Global::new(&mut caller, GlobalType::new(ValType::I32, Mutability::Var), 5.into())?;
        assert_eq!(global.get(&mut caller).unwrap_i32(), 5);
        assert!(caller.get_export("no such thing").is_none());
        assert_eq!(caller.engine().compiled_module_count(), 1);
        caller.data_mut().push(3);
        Ok(())
    })?;
    assert_eq!(store.into_data(), [1, 2, 3]);
    Ok(())
}

#[test]
fn called_by_the_host_there_is_no_calling_instance() -> Result<()> {
    let mut store = Store::new(&Engine::default(), ());
    let func = Func::wrap(&mut store, |mut caller: Caller<'_, ()>| {
        i32::from(caller.get_export("memory").is_some())
    });
    assert_eq!(func.typed::<(), i32>(&store)?.call(&mut store, ())?, 0);
    Ok(())
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("host error {0}")]
struct HostError(u32);

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn errors_come_back_as_they_went_in() -> Result<()> {
    let mut store = Store::new(&Engine::default(), ());
    let error = run(&mut store, || -> Result<()> { Err(HostError(7).into()) }).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&HostError(7)));
    assert_eq!(error.root_cause().to_string(), "host error 7");
    let backtrace = error.downcast_ref::<WasmBacktrace>().unwrap();
    let names: Vec<_> = backtrace.frames().iter().map(FrameInfo::func_name).collect();
    assert_eq!(names, [Some("inner"), Some("run")]);
    let text = error.to_string();
    assert!(text.starts_with("host error 7\nwasm backtrace:\n    0: "), "{text}");
    assert!(text.contains("<unknown>!inner"), "{text}");

    // With contexts of its own.
    let error = run(&mut store, || -> Result<()> {
        Err(Error::from(HostError(8)).context("inside").context("outside"))
    })
    .unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&HostError(8)));
    let chain: Vec<_> = error.chain().map(ToString::to_string).collect();
    assert_eq!(chain[1..], ["outside", "inside", "host error 8"]);
    assert!(chain[0].starts_with("error while executing at wasm backtrace:"), "{}", chain[0]);

    // A trap that the host makes.
    let error = run(&mut store, || -> Result<()> { Err(Trap::OutOfFuel.into()) }).unwrap_err();
    assert_eq!(error.downcast::<Trap>().unwrap(), Trap::OutOfFuel);
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "a host function's error leaves its call by a jump")]
fn an_error_of_a_function_called_directly_has_no_frames() {
    let mut store = Store::new(&Engine::default(), ());
    let func = Func::wrap(&mut store, || -> Result<()> { Err(HostError(1).into()) });
    let error = func.typed::<(), ()>(&store).unwrap().call(&mut store, ()).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&HostError(1)));
    assert!(!error.is::<WasmBacktrace>());
    assert_eq!(error.to_string(), "host error 1");
}

#[test]
#[cfg_attr(miri, ignore = "a host function's error leaves its call by a jump")]
fn results_of_untyped_functions_are_checked() -> Result<()> {
    let mut store = Store::new(&Engine::default(), ());
    let ty = FuncType::new(store.engine(), [], [ValType::I32, ValType::FUNCREF]);
    let wrong = Func::new(&mut store, ty.clone(), |_, _, results| {
        results[0] = Val::I64(0);
        Ok(())
    });
    let mut results = [Val::I32(0), Val::I32(0)];
    let error = wrong.call(&mut store, &[], &mut results).unwrap_err();
    let text = format!("{error:#}");
    let expected = "function attempted to return an incompatible value as result 0: expected a \
                    value of type i32, found i64";
    assert!(text.contains(expected), "{text}");

    // What is left alone is a null reference to a function, which is good for the second only.
    let lazy = Func::new(&mut store, ty.clone(), |_, _, results| {
        results[0] = Val::I32(7);
        Ok(())
    });
    lazy.call(&mut store, &[], &mut results)?;
    assert_eq!(format!("{results:?}"), "[I32(7), FuncRef(None)]");
    for forgotten in [ValType::I32, ValType::F64, ValType::V128, ValType::EXTERNREF] {
        let ty = FuncType::new(store.engine(), [], [forgotten.clone()]);
        let lazy = Func::new(&mut store, ty, |_, _, _| Ok(()));
        let error = lazy.call(&mut store, &[], &mut results[..1]).unwrap_err();
        let expected = format!("expected a value of type {forgotten}, found null function");
        assert!(format!("{error:#}").contains(&expected), "{error:#}");
    }

    let other_store = &mut Store::new(store.engine(), ());
    let foreign = Func::wrap(other_store, || ());
    let smuggler = Func::new(&mut store, ty, move |_, _, results| {
        results.copy_from_slice(&[Val::I32(0), foreign.into()]);
        Ok(())
    });
    let error = smuggler.call(&mut store, &[], &mut results).unwrap_err();
    assert!(error.is::<HandleError>() || format!("{error:#}").contains("another store"));
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "a host function's error leaves its call by a jump")]
fn references_of_other_stores_do_not_get_in() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let mut other = Store::new(&engine, ());
    let foreign = Func::wrap(&mut other, || ());
    let object = ExternRef::new(&mut other, 1)?;

    let ret = Func::wrap(&mut store, move || Some(foreign));
    let error = ret.typed::<(), Option<Func>>(&store)?.call(&mut store, ()).unwrap_err();
    assert!(format!("{error:#}").contains("belongs to another store"), "{error:#}");
    let ret = Func::wrap(&mut store, move || Some(object));
    let ret = ret.typed::<(), Option<Rooted<ExternRef>>>(&store)?;
    assert!(ret.call(&mut store, ()).is_err());

    let take = Func::wrap(&mut store, |_: Option<Func>, _: Option<Rooted<ExternRef>>| {});
    let take = take.typed::<(Option<Func>, Option<Rooted<ExternRef>>), ()>(&store)?;
    take.call(&mut store, (None, None))?;
    assert!(take.call(&mut store, (Some(foreign), None)).is_err());
    assert!(take.call(&mut store, (None, Some(object))).is_err());
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn panics_cross_wasm_intact() {
    struct Bell(Arc<AtomicUsize>);
    impl Drop for Bell {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let rung = Arc::new(AtomicUsize::new(0));
    let mut store = Store::new(&Engine::default(), ());
    let in_host = Arc::clone(&rung);
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _outer = Bell(Arc::clone(&rung));
        run(&mut store, move || -> Result<()> {
            let _inner = Bell(Arc::clone(&in_host));
            std::panic::panic_any(HostError(9));
        })
    }));
    let payload = caught.unwrap_err();
    assert_eq!(payload.downcast_ref::<HostError>(), Some(&HostError(9)));
    assert_eq!(rung.load(Ordering::Relaxed), 2);
    // The store goes on.
    run(&mut store, || ()).unwrap();
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn closures_are_dropped_with_their_store() -> Result<()> {
    let engine = Engine::default();
    let token = Arc::new(());
    let mut linker = Linker::new(&engine);
    let held = Arc::clone(&token);
    linker.func_wrap("", "host", move || {
        let _ = &held;
    })?;
    let module = Module::new(&engine, CALLS_HOST)?;
    let mut store = Store::new(&engine, ());
    let held = Arc::clone(&token);
    Func::wrap(&mut store, move || {
        let _ = &held;
    });
    for _ in 0..10 {
        let instance = linker.instantiate(&mut store, &module)?;
        instance.get_typed_func::<(), ()>(&mut store, "run")?.call(&mut store, ())?;
    }
    assert_eq!(Arc::strong_count(&token), 3);
    drop(store);
    assert_eq!(Arc::strong_count(&token), 2, "the linker keeps its own");
    drop(linker);
    assert_eq!(Arc::strong_count(&token), 1);
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn a_host_function_calls_back() -> Result<()> {
    // A level takes several KiB where nothing is optimised.
    let engine = Engine::new(Config::new().max_wasm_stack(16 << 20))?;
    let module = Module::new(
        &engine,
        r#"(module
            (import "" "down" (func $down (param i32) (result i32)))
            (func (export "up") (param i32) (result i32)
                (if (result i32) (i32.eqz (local.get 0))
                    (then (i32.const 0))
                    (else (i32.add (i32.const 1) (call $down (local.get 0)))))))"#,
    )?;
    let mut linker = Linker::new(&engine);
    linker.func_wrap("", "down", |mut caller: Caller<'_, u32>, depth: i32| -> Result<i32> {
        *caller.data_mut() += 1;
        let up = caller.get_export("up").and_then(Extern::into_func).context("no `up`")?;
        up.typed::<i32, i32>(&caller)?.call(&mut caller, depth - 1)
    })?;
    let mut store = Store::new(&engine, 0);
    let instance = linker.instantiate(&mut store, &module)?;
    let up = instance.get_typed_func::<i32, i32>(&mut store, "up")?;
    assert_eq!(up.call(&mut store, 500)?, 500);
    assert_eq!(*store.data(), 500);
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn instances_are_made_and_closed_inside_host_functions() -> Result<()> {
    let engine = Engine::default();
    let inner = Module::new(
        &engine,
        r#"(module (memory 1) (func (export "f") (result i32) (memory.grow (i32.const 1))))"#,
    )?;
    let mut store = Store::new(&engine, ());
    run(&mut store, move |mut caller: Caller<'_, ()>| -> Result<()> {
        for _ in 0..100 {
            let instance = Instance::new(&mut caller, &inner, &[])?;
            let f = instance.get_typed_func::<(), i32>(&mut caller, "f")?;
            assert_eq!(f.call(&mut caller, ())?, 1);
            instance.close(&mut caller)?;
            assert!(f.call(&mut caller, ()).is_err());
        }
        Ok(())
    })
}

#[test]
#[cfg_attr(miri, ignore = "compiling takes Miri minutes")]
fn a_host_function_that_starts_an_instance_finds_it() -> Result<()> {
    let engine = Engine::default();
    let text = r#"(module
        (import "host" "start" (func $start))
        (memory (export "memory") 1)
        (data (i32.const 3) "*")
        (start $start))"#;
    let module = Module::new(&engine, text)?;
    let mut linker = Linker::new(&engine);
    linker.func_wrap("host", "start", |mut caller: Caller<'_, Vec<u8>>| {
        let memory = caller.get_export("memory").and_then(Extern::into_memory);
        let byte = memory.context("no memory")?.data(&caller)[3];
        caller.data_mut().push(byte);
        Ok(())
    })?;
    let mut store = Store::new(&engine, Vec::new());
    linker.instantiate(&mut store, &module)?;

    // Another instance's function in between: then that one is the caller.
    let outer = Module::new(
        &engine,
        r#"(module (import "inner" "run" (func $run)) (start $run)
            (memory (export "memory") 1) (data (i32.const 3) "-"))"#,
    )?;
    let inner = r#"(module (import "host" "start" (func $start)) (func (export "run") call $start)
        (memory (export "memory") 1) (data (i32.const 3) "+"))"#;
    linker.module(&mut store, "inner", &Module::new(&engine, inner)?)?;
    linker.instantiate(&mut store, &outer)?;
    assert_eq!(store.data(), b"*+");

    // Its error and its panic are the instantiation's.
    let failing = Func::wrap(&mut store, || -> Result<()> { bail!("not today") });
    let error = Instance::new(&mut store, &module, &[failing.into()]).unwrap_err();
    assert_eq!(error.root_cause().to_string(), "not today");
    let panicking = Func::wrap(&mut store, || -> () { panic!("never") });
    let panic =
        catch_unwind(AssertUnwindSafe(|| Instance::new(&mut store, &module, &[panicking.into()])));
    assert_eq!(panic.unwrap_err().downcast_ref::<&str>(), Some(&"never"));
    Ok(())
}
