//! Calls inside calls: through two stores and a thousand deep, ending in returns, traps, errors
//! and panics at every depth; and stacks that run out, whoever uses them up.
//!
//! Not under Miri: it runs generated code.
#![cfg(not(miri))]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use brolga::*;

/// An engine with room for deep nesting: a level takes several KiB where nothing is optimised.
fn roomy_engine() -> Result<Engine> {
    Engine::new(Config::new().max_wasm_stack(16 << 20))
}

/// Calls the host with one less, until the host says otherwise.
const LADDER: &str = r#"(module
    (import "" "host" (func $host (param i32) (result i32)))
    (func $rung (param i32) (result i32)
        (i32.add (i32.const 1) (call $host (i32.sub (local.get 0) (i32.const 1)))))
    (func (export "climb") (param i32) (result i32) (call $rung (local.get 0)))
    (func (export "trap") (result i32) unreachable))"#;

/// What happens at the bottom.
#[derive(Clone, Copy, Debug)]
enum Bottom {
    Return,
    Trap,
    Error,
    Panic,
}

/// A store and its ladder, shared with the other one's host function.
struct Side {
    store: Store<()>,
    climb: TypedFunc<i32, i32>,
    trap: TypedFunc<(), i32>,
}

/// While a side's wasm runs, its store is borrowed: the other side's host function may only use
/// the other store, except through its caller. So two stores call each other through the caller.
fn two_stores(depth: i32, bottom: Bottom) -> Result<i32> {
    let engine = roomy_engine()?;
    let module = Module::new(&engine, LADDER)?;
    let inner = Arc::new(Mutex::new(None::<Side>));

    // The inner store's ladder: each rung calls its own climb again through the caller.
    let mut store = Store::new(&engine, ());
    let host = Func::wrap(&mut store, move |mut caller: Caller<'_, ()>, left: i32| {
        if left <= 0 {
            return match bottom {
                Bottom::Return => Ok(0),
                Bottom::Error => Err(Error::msg("the bottom")),
                Bottom::Panic => std::panic::panic_any("the bottom"),
                Bottom::Trap => {
                    let trap = caller.get_export("trap").and_then(Extern::into_func).unwrap();
                    trap.typed::<(), i32>(&caller)?.call(&mut caller, ())
                }
            };
        }
        let climb = caller.get_export("climb").and_then(Extern::into_func).unwrap();
        climb.typed::<i32, i32>(&caller)?.call(&mut caller, left)
    });
    let instance = Instance::new(&mut store, &module, &[host.into()])?;
    let climb = instance.get_typed_func(&mut store, "climb")?;
    let trap = instance.get_typed_func(&mut store, "trap")?;
    *inner.lock().unwrap() = Some(Side { store, climb, trap });

    // The outer store's: half of the way in itself, then the rest in the inner one.
    let mut store = Store::new(&engine, ());
    let shared = Arc::clone(&inner);
    let host = Func::wrap(&mut store, move |mut caller: Caller<'_, ()>, left: i32| {
        if left <= depth / 2 {
            let mut inner = shared.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            let side = inner.as_mut().unwrap();
            return side.climb.call(&mut side.store, left);
        }
        let climb = caller.get_export("climb").and_then(Extern::into_func).unwrap();
        climb.typed::<i32, i32>(&caller)?.call(&mut caller, left)
    });
    let instance = Instance::new(&mut store, &module, &[host.into()])?;
    let climb = instance.get_typed_func::<i32, i32>(&mut store, "climb")?;
    let result = catch_unwind(AssertUnwindSafe(|| climb.call(&mut store, depth)));

    // Whatever happened, both stores go on.
    let mut inner = inner.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let side = inner.as_mut().unwrap();
    let error = side.trap.call(&mut side.store, ()).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::UnreachableCodeReached));
    assert_eq!(error.downcast_ref::<WasmBacktrace>().unwrap().frames().len(), 1);
    drop(inner);
    let trap = instance.get_typed_func::<(), i32>(&mut store, "trap")?;
    assert!(trap.call(&mut store, ()).unwrap_err().is::<Trap>());

    match result {
        Ok(result) => result,
        Err(payload) => {
            assert!(matches!(bottom, Bottom::Panic));
            assert_eq!(payload.downcast_ref::<&str>(), Some(&"the bottom"));
            Err(Error::msg("panicked"))
        }
    }
}

#[test]
fn a_thousand_deep_through_two_stores() -> Result<()> {
    assert_eq!(two_stores(1000, Bottom::Return)?, 1000);
    let error = two_stores(1000, Bottom::Trap).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::UnreachableCodeReached));
    let error = two_stores(1000, Bottom::Error).unwrap_err();
    assert_eq!(error.root_cause().to_string(), "the bottom");
    assert_eq!(two_stores(1000, Bottom::Panic).unwrap_err().to_string(), "panicked");
    Ok(())
}

#[test]
fn endings_at_every_depth() {
    // Hundreds of panics that are meant need not be printed.
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref() != Some(&"the bottom") {
            print(info);
        }
    }));
    for depth in (2..30).chain([100, 333, 1000]) {
        assert_eq!(two_stores(depth, Bottom::Return).unwrap(), depth);
        for bottom in [Bottom::Trap, Bottom::Error, Bottom::Panic] {
            assert!(two_stores(depth, bottom).is_err(), "{bottom:?} at {depth}");
        }
    }
}

#[test]
fn a_trap_can_be_caught_half_way() -> Result<()> {
    let engine = roomy_engine()?;
    let module = Module::new(&engine, LADDER)?;
    let mut store = Store::new(&engine, 0);
    // Rung 500 takes whatever comes from below for 0.
    let host = Func::wrap(&mut store, |mut caller: Caller<'_, i32>, left: i32| -> Result<i32> {
        let name = if left == 0 { "trap" } else { "climb" };
        let func = caller.get_export(name).and_then(Extern::into_func).unwrap();
        let result = match left {
            0 => func.typed::<(), i32>(&caller)?.call(&mut caller, ()),
            _ => func.typed::<i32, i32>(&caller)?.call(&mut caller, left),
        };
        match result {
            Err(error) if left == 500 => {
                assert_eq!(error.downcast_ref(), Some(&Trap::UnreachableCodeReached));
                *caller.data_mut() += 1;
                Ok(0)
            }
            result => result,
        }
    });
    let instance = Instance::new(&mut store, &module, &[host.into()])?;
    let climb = instance.get_typed_func::<i32, i32>(&mut store, "climb")?;
    assert_eq!(climb.call(&mut store, 1000)?, 500);
    assert_eq!(*store.data(), 1);
    Ok(())
}

const ENDLESS: &str = r#"(module
    (import "" "host" (func $host))
    (func $forever (export "forever") call $forever)
    (func (export "with_host") call $host)
    (func $wide (export "wide") (param i64 i64 i64 i64 i64 i64 i64 i64) (result i64)
        (i64.add (call $wide (local.get 1) (local.get 2) (local.get 3) (local.get 4)
            (local.get 5) (local.get 6) (local.get 7) (local.get 0)) (local.get 3)))
    (func (export "fine") (result i32) i32.const 1))"#;

fn overflow_everywhere(config: &Config) -> Result<()> {
    let engine = Engine::new(config)?;
    let module = Module::new(&engine, ENDLESS)?;
    let mut store = Store::new(&engine, ());
    let host = Func::wrap(&mut store, |mut caller: Caller<'_, ()>| -> Result<()> {
        let again = caller.get_export("with_host").and_then(Extern::into_func).unwrap();
        again.typed::<(), ()>(&caller)?.call(&mut caller, ())
    });
    let instance = Instance::new(&mut store, &module, &[host.into()])?;
    let fine = instance.get_typed_func::<(), i32>(&mut store, "fine")?;
    for _ in 0..20 {
        for name in ["forever", "with_host"] {
            let func = instance.get_typed_func::<(), ()>(&mut store, name)?;
            let error = func.call(&mut store, ()).unwrap_err();
            assert_eq!(error.downcast_ref(), Some(&Trap::StackOverflow), "{name}: {error:?}");
            assert_eq!(fine.call(&mut store, ())?, 1);
        }
        let wide = instance.get_func(&mut store, "wide").unwrap();
        let mut results = [Val::I64(0)];
        let error = wide.call(&mut store, &[Val::I64(1); 8], &mut results).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Trap::StackOverflow));
    }
    Ok(())
}

#[test]
fn stack_overflow_is_a_trap_whoever_uses_the_stack_up() -> Result<()> {
    overflow_everywhere(&Config::new())?;
    overflow_everywhere(Config::new().max_wasm_stack(64 << 10))?;
    overflow_everywhere(Config::new().max_wasm_stack(8 << 20))
}

#[test]
fn stack_overflow_without_signals() -> Result<()> {
    overflow_everywhere(Config::new().signals_based_traps(false))?;
    overflow_everywhere(Config::new().signals_based_traps(false).max_wasm_stack(64 << 10))
}

#[test]
fn on_threads_with_small_stacks() {
    for bytes in [64 << 10, 128 << 10, 1 << 20] {
        // Debug builds need some stack for compiling, so that is done elsewhere.
        let engine = Engine::default();
        let module = Module::new(&engine, ENDLESS).unwrap();
        let thread = std::thread::Builder::new().stack_size(bytes);
        let thread = thread.spawn(move || {
            let mut store = Store::new(&engine, ());
            let host = Func::wrap(&mut store, |mut caller: Caller<'_, ()>| -> Result<()> {
                let again = caller.get_export("with_host").and_then(Extern::into_func).unwrap();
                again.typed::<(), ()>(&caller)?.call(&mut caller, ())
            });
            let instance = Instance::new(&mut store, &module, &[host.into()]).unwrap();
            for _ in 0..5 {
                for name in ["forever", "with_host"] {
                    let func = instance.get_typed_func::<(), ()>(&mut store, name).unwrap();
                    let error = func.call(&mut store, ()).unwrap_err();
                    assert_eq!(error.downcast_ref(), Some(&Trap::StackOverflow), "{name}");
                }
                let fine = instance.get_typed_func::<(), i32>(&mut store, "fine").unwrap();
                assert_eq!(fine.call(&mut store, ()).unwrap(), 1);
            }
        });
        thread.unwrap().join().unwrap();
    }
}

#[test]
fn depth_does_not_depend_on_the_thread() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module
            (global $depth (export "depth") (mut i32) (i32.const 0))
            (func $down (export "down")
                (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
                call $down))"#,
    )?;
    let depth = move || {
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let down = instance.get_typed_func::<(), ()>(&mut store, "down").unwrap();
        assert!(down.call(&mut store, ()).unwrap_err().is::<Trap>());
        instance.get_global(&mut store, "depth").unwrap().get(&mut store).unwrap_i32()
    };
    let here = depth();
    let small = std::thread::Builder::new().stack_size(64 << 10).spawn(depth).unwrap();
    assert_eq!(small.join().unwrap(), here);
    assert!(here > 10_000, "{here} calls fit a MiB");
    Ok(())
}

#[test]
fn backtraces_of_nested_calls_are_whole() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(&engine, LADDER)?;
    let mut store = Store::new(&engine, ());
    let host = Func::wrap(&mut store, |mut caller: Caller<'_, ()>, left: i32| -> Result<i32> {
        let name = if left == 0 { "trap" } else { "climb" };
        let func = caller.get_export(name).and_then(Extern::into_func).unwrap();
        let params: &[Val] = if left == 0 { &[] } else { &[Val::I32(left)] };
        let mut results = [Val::I32(0)];
        func.call(&mut caller, params, &mut results)?;
        Ok(results[0].unwrap_i32())
    });
    let instance = Instance::new(&mut store, &module, &[host.into()])?;
    let climb = instance.get_typed_func::<i32, i32>(&mut store, "climb")?;
    let error = climb.call(&mut store, 3).unwrap_err();
    let backtrace = error.downcast_ref::<WasmBacktrace>().unwrap();
    let names: Vec<_> = backtrace.frames().iter().map(|it| it.func_name().unwrap()).collect();
    assert_eq!(names, ["trap", "rung", "climb", "rung", "climb", "rung", "climb"]);
    for frame in backtrace.frames() {
        assert!(frame.module_offset().is_some(), "{frame}");
        assert!(frame.func_offset().is_some_and(|offset| offset < 40), "{frame}");
        assert!(Module::same(frame.module(), &module));
    }
    Ok(())
}
