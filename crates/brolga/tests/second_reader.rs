//! What a second reader of the sandbox found: each test ended the process, or worse, before.
//!
//! Not under Miri: it runs generated code.
#![cfg(not(miri))]

use brolga::*;

/// Goes `n` calls deep and then does what the export is called.
const DEEP: &str = r#"(module
    (import "host" "registers" (func $host_registers (param i32) (result i32)))
    (import "host" "slots" (func $host_slots (param i32) (result i32)))
    (memory 1)
    (table $t 1 externref)
    (func $unreachable (export "unreachable") (param i32)
        (if (i32.eqz (local.get 0)) (then unreachable))
        (call $unreachable (i32.sub (local.get 0) (i32.const 1))))
    (func $grow (export "memory.grow") (param i32)
        (if (i32.eqz (local.get 0))
            (then (drop (memory.grow (i32.const 0))) return))
        (call $grow (i32.sub (local.get 0) (i32.const 1))))
    (func $registers (export "registers") (param i32)
        (if (i32.eqz (local.get 0))
            (then (drop (call $host_registers (i32.const 7))) return))
        (call $registers (i32.sub (local.get 0) (i32.const 1))))
    (func $slots (export "slots") (param i32)
        (if (i32.eqz (local.get 0))
            (then (drop (call $host_slots (i32.const 7))) return))
        (call $slots (i32.sub (local.get 0) (i32.const 1)))))"#;

/// An instance of [`DEEP`] whose host functions get their arguments in registers and in slots.
fn deep_instance(store: &mut Store<()>, module: &Module) -> Result<Instance> {
    let registers = Func::wrap(&mut *store, |number: i32| number + 1);
    let ty = registers.ty(&*store);
    let slots = Func::new(&mut *store, ty, |_, params, results| {
        results[0] = params[0];
        Ok(())
    });
    Instance::new(store, module, &[registers.into(), slots.into()])
}

/// The least depth from `low` on at which `call` overflows the stack.
fn least_overflow(mut low: i32, call: &mut dyn FnMut(i32) -> Option<Trap>) -> i32 {
    let mut high = 1 << 24;
    while low < high {
        let middle = low + (high - low) / 2;
        match call(middle) {
            Some(Trap::StackOverflow) => high = middle,
            _ => low = middle + 1,
        }
    }
    low
}

fn raise_at_every_depth(config: &Config) -> Result<()> {
    let engine = Engine::new(config)?;
    let module = Module::new(&engine, DEEP)?;
    let mut store = Store::new(&engine, ());
    let instance = deep_instance(&mut store, &module)?;
    for name in ["unreachable", "memory.grow", "registers", "slots"] {
        let deep = instance.get_typed_func::<i32, ()>(&mut store, name)?;
        let mut call = |depth| {
            let error = deep.call(&mut store, depth).err()?;
            let backtrace = error.downcast_ref::<WasmBacktrace>().expect("a backtrace");
            let depth = usize::try_from(depth).expect("no less than none");
            assert_eq!(backtrace.frames().len(), 20.min(depth + 1));
            Some(*error.downcast_ref::<Trap>().expect("a trap"))
        };
        let overflow = least_overflow(0, &mut call);
        for depth in overflow - 2_000..overflow + 100 {
            call(depth);
        }
    }
    Ok(())
}

#[test]
fn a_trap_is_raised_on_the_last_bytes_of_a_stack() -> Result<()> {
    raise_at_every_depth(&Config::new())
}

#[test]
fn a_trap_is_raised_on_the_last_bytes_of_a_stack_without_signals() -> Result<()> {
    raise_at_every_depth(Config::new().signals_based_traps(false))
}

/// Code without signals that a host function of a store with signals calls must not run on a stack
/// whose reserve is too small for it.
#[test]
fn without_signals_inside_a_call_with_signals() -> Result<()> {
    let (with, without) =
        (Engine::default(), Engine::new(Config::new().signals_based_traps(false))?);
    let outer = Module::new(
        &with,
        r#"(module (import "" "h" (func $h (result i32)))
            (func (export "f") (result i32) (i32.add (i32.const 1) (call $h))))"#,
    )?;
    let inner = Module::new(&without, DEEP)?;
    let mut store = Store::new(&with, ());
    let host = Func::wrap(&mut store, move || -> Result<i32> {
        let mut store = Store::new(&without, ());
        let instance = deep_instance(&mut store, &inner)?;
        let deep = instance.get_typed_func::<i32, ()>(&mut store, "memory.grow")?;
        deep.call(&mut store, 100)?;
        let error = deep.call(&mut store, i32::MAX).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Trap::StackOverflow));
        assert!(error.downcast_ref::<WasmBacktrace>().unwrap().frames().len() > 1);
        Ok(1)
    });
    let instance = Instance::new(&mut store, &outer, &[host.into()])?;
    let f = instance.get_typed_func::<(), i32>(&mut store, "f")?;
    assert_eq!(f.call(&mut store, ())?, 2);
    Ok(())
}

/// An instance whose start function ends in a panic of the host's must not stay in its store.
#[test]
fn a_panic_in_a_start_function_leaves_no_instance() -> Result<()> {
    let engine = Engine::default();
    let starts = Module::new(
        &engine,
        r#"(module (import "" "h" (func $h)) (memory 1) (start $s) (func $s call $h))"#,
    )?;
    let mut store = Store::new(&engine, false);
    store.set_limits(Limits { instances: 1, ..store.limits() });
    let host = Func::wrap(&mut store, |caller: Caller<'_, bool>| {
        if *caller.data() { Ok(()) } else { std::panic::resume_unwind(Box::new("meant")) }
    });
    for _ in 0..3 {
        let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            Instance::new(&mut store, &starts, &[host.into()]).map(drop)
        }));
        assert_eq!(made.unwrap_err().downcast_ref(), Some(&"meant"));
    }
    *store.data_mut() = true;
    Instance::new(&mut store, &starts, &[host.into()]).map(drop)
}

/// The hook is told that a start function will be called, and closes the instance, which it knows
/// from a core dump: then nothing is called.
#[test]
fn a_hook_closes_the_instance_that_starts() -> Result<()> {
    let engine = Engine::new(Config::new().coredump_on_trap(true))?;
    let stop = Module::new(&engine, r#"(module (func (export "stop") unreachable))"#)?;
    let mut store = Store::new(&engine, None::<Func>);
    let stop = Instance::new(&mut store, &stop, &[])?.get_func(&mut store, "stop");
    *store.data_mut() = stop;
    store.call_hook(|mut store, step| {
        if step == CallHook::CallingWasm {
            let stop = store.data().context("set before")?;
            let error = stop.call(&mut store, &[], &mut []).unwrap_err();
            let dump = error.downcast_ref::<WasmCoreDump>().context("a dump")?;
            let youngest = *dump.instances().last().context("no instance")?;
            youngest.close(&mut store)?;
            store.gc(None)?;
        }
        Ok(())
    });
    let module = Module::new(
        &engine,
        r#"(module (import "host" "started" (func $started)) (start $s) (func $s call $started))"#,
    )?;
    let started = Func::wrap(&mut store, || -> () { panic!("a closed instance has started") });
    let error = Instance::new(&mut store, &module, &[started.into()]).unwrap_err();
    assert!(format!("{error:?}").contains("closed"), "{error:?}");
    Ok(())
}

/// Host functions called on the last bytes above the guard, by a call and by a tail call: what looks
/// whether there is stack for raising the trap ends in the guard itself.
#[test]
fn host_functions_are_called_on_the_last_bytes_above_the_guard() -> Result<()> {
    const WASM_BYTES: usize = 64 << 10;
    let engine = Engine::new(Config::new().max_wasm_stack(WASM_BYTES))?;
    let module = Module::new(
        &engine,
        r#"(module
            (import "host" "f" (func $f (param i32 f64 f32 i64) (result i32)))
            (func $call (export "call") (param i32) (result i32)
                (if (result i32) (i32.eqz (local.get 0))
                    (then (i32.add (i32.const 0) (call $f
                        (i32.const 0) (f64.const 1) (f32.const 2) (i64.const 3))))
                    (else (i32.add (i32.const 1)
                        (call $call (i32.sub (local.get 0) (i32.const 1)))))))
            (func $tail (export "tail") (param i32) (result i32)
                (if (result i32) (i32.eqz (local.get 0))
                    (then (return_call $f
                        (i32.const 0) (f64.const 1) (f32.const 2) (i64.const 3)))
                    (else (i32.add (i32.const 1)
                        (call $tail (i32.sub (local.get 0) (i32.const 1))))))))"#,
    )?;
    let mut store = Store::new(&engine, ());
    let f = Func::wrap(&mut store, |a: i32, b: f64, c: f32, d: i64| {
        assert!(a == 0 && b == 1.0 && c == 2.0 && d == 3);
        0
    });
    let instance = Instance::new(&mut store, &module, &[f.into()])?;
    for name in ["call", "tail"] {
        let deep = instance.get_typed_func::<i32, i32>(&mut store, name)?;
        let mut call = |depth| {
            let error = deep.call(&mut store, depth).err()?;
            Some(*error.downcast_ref::<Trap>().expect("a trap"))
        };
        let overflow = least_overflow(0, &mut call);
        // A frame takes 16 or 32 bytes, and the host is promised 1 MiB below the limit: the guard
        // begins somewhere here. Every depth near, some of the others.
        for frame_bytes in [16, 32] {
            let guard = overflow + (1 << 20) / frame_bytes;
            let near = guard - 2_200..guard + 2_200;
            for depth in near.chain((overflow..guard).step_by(997)) {
                assert_eq!(call(depth), Some(Trap::StackOverflow), "{name}, {depth}");
            }
        }
    }
    Ok(())
}

/// A caller that was lent to another thread calls into the same store from there.
#[test]
fn a_caller_on_another_thread() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module
            (import "host" "f" (func $f (param i32) (result i32)))
            (memory 1)
            (func (export "call") (param i32) (result i32) (call $f (local.get 0)))
            (func (export "tail") (param i32) (result i32) (return_call $f (local.get 0)))
            (func (export "trap") (param i32) (result i32) unreachable)
            (func (export "load") (param i32) (result i32) (i32.load (i32.const -1)))
            (func $deep (export "deep") (param i32) (result i32)
                (i32.add (call $deep (local.get 0)) (call $f (i32.const 0)))))"#,
    )?;
    fn get(caller: &mut Caller<'_, ()>, name: &str) -> TypedFunc<i32, i32> {
        let func = caller.get_export(name).and_then(Extern::into_func).expect("an export");
        func.typed(&*caller).expect("of this type")
    }
    fn on_a_thread(caller: &mut Caller<'_, ()>, depth: i32) {
        for name in ["trap", "load", "deep"] {
            assert!(get(caller, name).call(&mut *caller, 0).is_err());
        }
        for name in ["call", "tail"] {
            let func = get(caller, name);
            let call = std::panic::AssertUnwindSafe(|| func.call(&mut *caller, -1));
            assert!(std::panic::catch_unwind(call).is_err());
            assert_eq!(get(caller, name).call(&mut *caller, depth).expect("no trap"), 0);
        }
    }
    let mut store = Store::new(&engine, ());
    let f = Func::wrap(&mut store, |mut caller: Caller<'_, ()>, depth: i32| {
        assert!(!std::backtrace::Backtrace::force_capture().to_string().is_empty());
        let before = WasmBacktrace::force_capture(&caller).frames().len();
        match depth {
            -1 => panic!("the bottom"),
            0 => {}
            _ => std::thread::scope(|scope| {
                let caller = &mut caller;
                scope.spawn(move || on_a_thread(caller, depth - 1)).join().expect("no panic");
            }),
        }
        assert_eq!(WasmBacktrace::force_capture(&caller).frames().len(), before);
        0
    });
    let instance = Instance::new(&mut store, &module, &[f.into()])?;
    for name in ["call", "tail"] {
        let func = instance.get_typed_func::<i32, i32>(&mut store, name)?;
        assert_eq!(func.call(&mut store, 3)?, 0);
    }
    Ok(())
}
