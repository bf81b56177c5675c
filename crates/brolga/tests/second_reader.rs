//! What a second reader of the sandbox found: each test ended the process, or worse, before.

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
