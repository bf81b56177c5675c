//! Deleting compiled modules: while instances live, while calls are outstanding, from inside host
//! functions, from other threads.
//!
//! Not under Miri: it runs generated code.
#![cfg(not(miri))]

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use brolga::*;

fn numbered(engine: &Engine, number: usize) -> Result<Module> {
    let text = format!(
        r#"(module
            (import "" "host" (func $host))
            (memory 1)
            (table 1 funcref) (elem (i32.const 0) func $number)
            (func $number (result i32) i32.const {number})
            (func (export "run") (result i32)
                (call $host)
                (call_indirect (result i32) (i32.const 0))))"#
    );
    engine.compile_module(&wat::parse_str(text)?, None)
}

#[test]
fn instances_outlive_their_module() -> Result<()> {
    let engine = Engine::default();
    let module = numbered(&engine, 5)?;
    let mut store = Store::new(&engine, ());
    let host = Func::wrap(&mut store, || ());
    let instance = Instance::new(&mut store, &module, &[host.into()])?;
    let run = instance.get_typed_func::<(), i32>(&mut store, "run")?;
    engine.delete_compiled_module(&module);
    assert_eq!(engine.compiled_module_count(), 0);
    engine.delete_compiled_module(&module);
    let another = Instance::new(&mut store, &module, &[host.into()])?;
    drop(module);
    assert_eq!(run.call(&mut store, ())?, 5);
    drop(engine);
    assert_eq!(run.call(&mut store, ())?, 5);
    let run = another.get_typed_func::<(), i32>(&mut store, "run")?;
    assert_eq!(run.call(&mut store, ())?, 5);
    Ok(())
}

#[test]
fn after_deletion_the_bytes_are_compiled_anew() -> Result<()> {
    let engine = Engine::default();
    let old = numbered(&engine, 5)?;
    engine.delete_compiled_module(&old);
    let new = numbered(&engine, 5)?;
    assert!(!Module::same(&old, &new));
    assert_eq!(engine.compiled_module_count(), 1);
    // Deleting the old one again does not touch the new one.
    engine.delete_compiled_module(&old);
    assert_eq!(engine.compiled_module_count(), 1);
    Ok(())
}

#[test]
fn from_inside_a_host_function_that_it_called() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, None::<Module>);
    let host = Func::wrap(&mut store, |mut caller: Caller<'_, Option<Module>>| {
        let module = caller.data_mut().take().expect("put there below");
        caller.engine().delete_compiled_module(&module);
        drop(module);
        assert_eq!(caller.engine().compiled_module_count(), 0);
        // Something else may take the place that was freed, were it freed.
        for other in 100..110 {
            numbered(caller.engine(), other).unwrap();
        }
    });
    for round in 0..20 {
        let module = numbered(&engine, round)?;
        let instance = Instance::new(&mut store, &module, &[host.into()])?;
        let run = instance.get_typed_func::<(), i32>(&mut store, "run")?;
        for other in 100..110 {
            engine.delete_compiled_module(&numbered(&engine, other)?);
        }
        *store.data_mut() = Some(module);
        assert_eq!(run.call(&mut store, ())?, round as i32);
        instance.close(&mut store)?;
    }
    Ok(())
}

#[test]
fn closing_the_running_instance_from_a_host_function() -> Result<()> {
    let engine = Engine::default();
    let module = numbered(&engine, 7)?;
    let mut store = Store::new(&engine, None::<Instance>);
    let host = Func::wrap(&mut store, |mut caller: Caller<'_, Option<Instance>>| -> Result<()> {
        let instance = caller.data_mut().take().context("put there below")?;
        instance.close(&mut caller)?;
        assert!(caller.get_export("run").is_none(), "it is closed");
        Ok(())
    });
    for _ in 0..50 {
        let instance = Instance::new(&mut store, &module, &[host.into()])?;
        let run = instance.get_typed_func::<(), i32>(&mut store, "run")?;
        *store.data_mut() = Some(instance);
        assert_eq!(run.call(&mut store, ())?, 7, "the call goes on to its end");
        // Untyped too.
        let instance = Instance::new(&mut store, &module, &[host.into()])?;
        let func = instance.get_func(&mut store, "run").unwrap();
        *store.data_mut() = Some(instance);
        let mut results = [Val::I64(0)];
        func.call(&mut store, &[], &mut results)?;
        assert_eq!(results[0].unwrap_i32(), 7);
        assert!(func.call(&mut store, &[], &mut results).is_err());
        let error = run.call(&mut store, ()).unwrap_err();
        assert!(error.is::<HandleError>() || format!("{error:#}").contains("closed"), "{error:#}");
    }
    Ok(())
}

#[test]
fn while_calls_are_outstanding_in_other_threads() -> Result<()> {
    const THREADS: usize = 4;
    const ROUNDS: usize = 500;
    let engine = Engine::default();
    let inside = Barrier::new(THREADS + 1);
    let deleted = Barrier::new(THREADS + 1);
    for round in 0..ROUNDS / 10 {
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let module = numbered(&engine, round).unwrap();
                    let mut store = Store::new(&engine, ());
                    // References to barriers of the test's frame can't be in a 'static closure.
                    let (tell, told) = std::sync::mpsc::channel();
                    let (go, gone) = std::sync::mpsc::channel();
                    let gone = std::sync::Mutex::new(gone);
                    let tell = std::sync::Mutex::new(tell);
                    let host = Func::wrap(&mut store, move || {
                        tell.lock().unwrap().send(()).unwrap();
                        gone.lock().unwrap().recv().unwrap();
                    });
                    let instance = Instance::new(&mut store, &module, &[host.into()]).unwrap();
                    let run = instance.get_typed_func::<(), i32>(&mut store, "run").unwrap();
                    drop(module);
                    let call = std::thread::spawn(move || run.call(&mut store, ()).unwrap());
                    told.recv().unwrap();
                    inside.wait();
                    deleted.wait();
                    go.send(()).unwrap();
                    assert_eq!(call.join().unwrap(), round as i32);
                });
            }
            inside.wait();
            let module = numbered(&engine, round).unwrap();
            engine.delete_compiled_module(&module);
            drop(module);
            assert_eq!(engine.compiled_module_count(), 0);
            deleted.wait();
        });
    }
    Ok(())
}

#[test]
fn hammered_by_threads_that_compile_call_and_delete() {
    const THREADS: usize = 8;
    const ROUNDS: usize = 1500;
    const MODULES: usize = 6;
    let engine = Engine::default();
    let calls = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (engine, calls, failed) = (&engine, &calls, &failed);
            scope.spawn(move || {
                let mut random = thread as u64 + 1;
                let mut next = move || {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    random as usize
                };
                let mut store = Store::new(engine, ());
                let host = Func::wrap(&mut store, || ());
                let mut held = Vec::new();
                for _ in 0..ROUNDS {
                    let number = next() % MODULES;
                    let module = numbered(engine, number).unwrap();
                    let instance = Instance::new(&mut store, &module, &[host.into()]).unwrap();
                    let run = instance.get_typed_func::<(), i32>(&mut store, "run").unwrap();
                    if next() % 2 == 0 {
                        engine.delete_compiled_module(&module);
                    }
                    drop(module);
                    held.push((number, instance, run));
                    if held.len() > 10 {
                        let at = next() % held.len();
                        let (number, instance, run) = held.swap_remove(at);
                        if run.call(&mut store, ()).unwrap() != number as i32 {
                            failed.store(true, Ordering::Relaxed);
                        }
                        calls.fetch_add(1, Ordering::Relaxed);
                        instance.close(&mut store).unwrap();
                    }
                }
            });
        }
    });
    assert!(!failed.into_inner());
    assert_eq!(calls.into_inner(), THREADS * (ROUNDS - 10));
}

/// The only reference to a function of an instance that is closed meanwhile is the result of the
/// call: it must still name the function, or nothing, but never something that was freed.
#[test]
fn a_result_of_a_closed_instance() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module
            (import "" "host" (func $host))
            (func $number (result i32) i32.const 5)
            (elem declare func $number)
            (func (export "run") (result funcref) (call $host) (ref.func $number)))"#,
    )?;
    let mut store = Store::new(&engine, None::<Instance>);
    let host = Func::wrap(&mut store, |mut caller: Caller<'_, Option<Instance>>| -> Result<()> {
        caller.data_mut().take().context("put there below")?.close(&mut caller)
    });
    for round in 0..100 {
        let instance = Instance::new(&mut store, &module, &[host.into()])?;
        *store.data_mut() = Some(instance);
        let func = if round % 2 == 0 {
            let run = instance.get_typed_func::<(), Option<Func>>(&mut store, "run")?;
            run.call(&mut store, ())?
        } else {
            let run = instance.get_func(&mut store, "run").unwrap();
            let mut results = [Val::I32(0)];
            run.call(&mut store, &[], &mut results)?;
            results[0].unwrap_funcref().copied()
        };
        let func = func.context("a function")?;
        assert!(func.typed::<(), i32>(&store).is_err(), "its instance is closed");
        let table = TableType::new(RefType::FUNCREF, 1, None);
        assert!(Table::new(&mut store, table, func.into()).is_err());
    }
    Ok(())
}
