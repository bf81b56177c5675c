//! Stopping wasm from outside: what fuel is used by what, the same everywhere; deadlines met in
//! every kind of endless program; callbacks; and stores that go on afterwards.
//!
//! Not under Miri: it runs generated code.
#![cfg(not(miri))]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use brolga::*;

/// Configurations whose code differs in every way there is.
fn configs() -> Vec<(String, Config)> {
    let mut configs = Vec::new();
    for level in [OptLevel::None, OptLevel::Speed, OptLevel::SpeedAndSize] {
        for signals in [true, false] {
            for reservation in [4 << 30, 0] {
                let mut config = Config::new();
                config.cranelift_opt_level(level).signals_based_traps(signals);
                config.memory_reservation(reservation).memory_guard_size(reservation / 2);
                config.cranelift_debug_verifier(true);
                let name = format!("{level:?}, signals {signals}, reservation {reservation}");
                configs.push((name, config));
            }
        }
    }
    configs
}

/// A store of a module without imports, and the module's export `run`.
fn start<T: 'static>(config: &Config, wat: &str, data: T) -> Result<(Store<T>, Func)> {
    let engine = Engine::new(config)?;
    let module = Module::new(&engine, wat)?;
    let mut store = Store::new(&engine, data);
    let instance = Instance::new(&mut store, &module, &[])?;
    let run = instance.get_func(&mut store, "run").context("no `run`")?;
    Ok((store, run))
}

fn trap(result: Result<impl Sized>) -> Option<Trap> {
    result.err()?.downcast_ref().copied()
}

/// Bodies of a function with an `i32` parameter, what they are called with, what they use.
const COSTS: &[(&str, i32, u64)] = &[
    ("", 0, 1),
    ("nop (drop (i32.const 1)) (block)", 0, 2),
    ("(return)", 0, 1),
    ("(drop (i32.add (local.get 0) (i32.const 1)))", 0, 4),
    ("(if (local.get 0) (then (drop (i32.const 1))) (else nop))", 1, 4),
    ("(if (local.get 0) (then (drop (i32.const 1))) (else nop))", 0, 3),
    ("(block (br_if 0 (local.get 0)) (drop (i32.const 1)))", 1, 3),
    ("(block (br_if 0 (local.get 0)) (drop (i32.const 1)))", 0, 4),
    ("(block (block (br_table 0 1 (local.get 0))) (drop (i32.const 1)))", 0, 4),
    ("(block (block (br_table 0 1 (local.get 0))) (drop (i32.const 1)))", 7, 3),
    ("(loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))", 10, 51),
    ("(call $callee (local.get 0))", 0, 5),
    ("(return_call $callee (local.get 0))", 0, 5),
    ("(call_indirect (param i32) (local.get 0) (i32.const 0))", 0, 6),
    ("(memory.fill (i32.const 0) (i32.const 1) (i32.const 64))", 0, 69),
    ("(memory.fill (i32.const 0) (i32.const 1) (i32.const 1000))", 0, 1005),
    ("(memory.copy (i32.const 0) (i32.const 1) (local.get 0))", 1000, 1005),
    ("(memory.init $data (i32.const 0) (i32.const 0) (local.get 0))", 3, 8),
    ("(table.fill $any (i32.const 0) (ref.null extern) (local.get 0))", 4, 9),
    ("(table.copy $any $any (i32.const 0) (i32.const 0) (local.get 0))", 4, 9),
    ("(table.init $any $elem (i32.const 0) (i32.const 0) (local.get 0))", 1, 6),
    ("(drop (table.grow $any (ref.null extern) (local.get 0)))", 4, 8),
    ("(drop (memory.grow (local.get 0)))", 1, 3),
];

fn costs_module() -> String {
    let mut wat = String::from(
        r#"(module
            (memory 1)
            (data $data "abc")
            (table $functions 1 funcref)
            (table $any 4 externref)
            (elem $elem externref (ref.null extern))
            (elem (table $functions) (i32.const 0) func $callee)
            (func $callee (param i32) (drop (local.get 0)))"#,
    );
    for (position, (body, _, _)) in COSTS.iter().enumerate() {
        wat += &format!("(func (export \"{position}\") (param i32) {body})");
    }
    wat + "(func (export \"run\")))"
}

#[test]
fn fuel_is_used_as_the_operators_say() -> Result<()> {
    for (name, mut config) in configs() {
        for epochs in [false, true] {
            config.consume_fuel(true).epoch_interruption(epochs);
            let engine = Engine::new(&config)?;
            let module = Module::new(&engine, costs_module())?;
            let mut store = Store::new(&engine, ());
            store.set_epoch_deadline(1);
            let instance = Instance::new(&mut store, &module, &[])?;
            for (position, (body, param, cost)) in COSTS.iter().enumerate() {
                let position = position.to_string();
                let run = instance.get_typed_func::<i32, ()>(&mut store, &position)?;
                store.set_fuel(10_000)?;
                run.call(&mut store, *param)?;
                assert_eq!(10_000 - store.get_fuel()?, *cost, "{body} of {param} with {name}");
            }
        }
    }
    Ok(())
}

#[test]
fn fuel_ends_at_the_same_place_everywhere() -> Result<()> {
    let wat = r#"(module
        (memory (export "memory") 1)
        (func $step (param i32) (result i32)
            (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
            (if (result i32) (i32.and (local.get 0) (i32.const 1))
                (then (i32.add (local.get 0) (i32.const 3)))
                (else (i32.mul (local.get 0) (i32.const 5)))))
        (func (export "run") (local i32)
            (loop
                (i32.store (i32.const 4) (i32.add (i32.load (i32.const 4)) (i32.const 1)))
                (local.set 0 (call $step (local.get 0)))
                (br 0))))"#;
    for fuel in [0, 1, 2, 10, 16, 17, 18, 19, 1000, 1_000_000] {
        let mut first = None;
        for (name, mut config) in configs() {
            for epochs in [false, true] {
                config.consume_fuel(true).epoch_interruption(epochs);
                let engine = Engine::new(&config)?;
                let module = Module::new(&engine, wat)?;
                let mut store = Store::new(&engine, ());
                store.set_epoch_deadline(1);
                let instance = Instance::new(&mut store, &module, &[])?;
                let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
                store.set_fuel(fuel)?;
                assert_eq!(trap(run.call(&mut store, ())), Some(Trap::OutOfFuel), "{name}");
                assert_eq!(store.get_fuel()?, 0, "{name}");
                let memory = instance.get_memory(&mut store, "memory").context("no memory")?;
                let done = memory.data(&store)[..8].to_vec();
                let first = first.get_or_insert_with(|| done.clone());
                assert_eq!(*first, done, "with fuel {fuel} and {name}");
            }
        }
    }
    Ok(())
}

#[test]
fn fuel_left_by_a_trap_is_the_same_everywhere() -> Result<()> {
    let bodies = [
        ("unreachable", 3),
        ("(drop (i32.div_u (i32.const 1) (i32.const 0)))", 3),
        ("(drop (i32.load (i32.const -1)))", 3),
        ("(drop (i32.load offset=0xffffffff (i32.const -1)))", 3),
        ("(drop (i32.trunc_f32_s (f32.const nan)))", 3),
        ("(call_indirect $table (i32.const 1))", 5),
        ("(memory.fill (i32.const 0) (i32.const 0) (i32.const -1))", 7 + u64::from(u32::MAX)),
    ];
    for (body, used) in bodies {
        // Entry, constant and branch are counted; what comes after them only if the operator is
        // one that counts first.
        let wat = format!(
            r#"(module (memory 1) (table $table 1 funcref)
                (func (export "run") (block (br_if 0 (i32.const 0)) {body})))"#
        );
        for (name, mut config) in configs() {
            let (mut store, run) = start(config.consume_fuel(true), &wat, ())?;
            store.set_fuel(1 << 40)?;
            let error = run.call(&mut store, &[], &mut []).unwrap_err();
            let trap = error.downcast_ref::<Trap>().context("a trap")?;
            assert_ne!(*trap, Trap::OutOfFuel, "{body}");
            assert_eq!((1 << 40) - store.get_fuel()?, used, "{body} with {name}");
        }
    }
    Ok(())
}

#[test]
fn lengths_do_not_make_the_count_run_over() -> Result<()> {
    let wat = r#"(module (memory i64 1)
        (func (export "run") (param i64)
            (memory.fill (i64.const 0) (i32.const 0) (local.get 0))))"#;
    for (name, mut config) in configs() {
        let (mut store, run) = start(config.consume_fuel(true), wat, ())?;
        let huge = [Val::I64(-1)];
        for _ in 0..8 {
            store.set_fuel(1000)?;
            assert_eq!(trap(run.call(&mut store, &huge, &mut [])), Some(Trap::OutOfFuel));
            assert_eq!(store.get_fuel()?, 0, "{name}");
            assert_eq!(trap(run.call(&mut store, &huge, &mut [])), Some(Trap::OutOfFuel));
            assert_eq!(store.get_fuel()?, 0, "{name}");
        }
        store.set_fuel(u64::MAX)?;
        let result = run.call(&mut store, &huge, &mut []);
        assert_eq!(trap(result), Some(Trap::MemoryOutOfBounds), "{name}");
        assert_eq!(store.get_fuel()?, u64::MAX - (1 << 62) - 5, "{name}");
    }
    Ok(())
}

#[test]
fn fuel_is_checked_before_a_range_is_written() -> Result<()> {
    let wat = r#"(module (memory (export "memory") 1)
        (func (export "run") (param i32)
            (memory.fill (i32.const 0) (i32.const 7) (local.get 0))))"#;
    let engine = Engine::new(Config::new().consume_fuel(true))?;
    let module = Module::new(&engine, wat)?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let run = instance.get_typed_func::<i32, ()>(&mut store, "run")?;
    let memory = instance.get_memory(&mut store, "memory").context("no memory")?;
    store.set_fuel(1000)?;
    assert_eq!(trap(run.call(&mut store, 1000)), Some(Trap::OutOfFuel));
    assert!(memory.data(&store).iter().all(|&byte| byte == 0));
    store.set_fuel(1006)?;
    run.call(&mut store, 1000)?;
    assert_eq!(store.get_fuel()?, 1);
    assert!(memory.data(&store)[..1000].iter().all(|&byte| byte == 7));
    Ok(())
}

#[test]
fn host_functions_see_and_set_fuel() -> Result<()> {
    let engine = Engine::new(Config::new().consume_fuel(true))?;
    let module = Module::new(
        &engine,
        r#"(module (import "" "host" (func $host))
            (func (export "run") (loop (call $host) (br 0))))"#,
    )?;
    let mut store = Store::new(&engine, Vec::new());
    let host = Func::wrap(&mut store, |mut caller: Caller<'_, Vec<u64>>| -> Result<()> {
        let left = caller.get_fuel()?;
        caller.data_mut().push(left);
        match caller.data().len() {
            3 => caller.set_fuel(100),
            5 => caller.set_fuel(0),
            _ => Ok(()),
        }
    });
    let instance = Instance::new(&mut store, &module, &[host.into()])?;
    let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
    store.set_fuel(1000)?;
    assert_eq!(trap(run.call(&mut store, ())), Some(Trap::OutOfFuel));
    // The entry and the first call; then a branch and a call for each turn.
    assert_eq!(*store.data(), [998, 996, 994, 98, 96]);
    assert_eq!(store.get_fuel()?, 0);
    store.set_fuel(3)?;
    assert_eq!(trap(run.call(&mut store, ())), Some(Trap::OutOfFuel), "usable, and stopped again");
    Ok(())
}

#[test]
fn a_store_without_fuel_says_so() -> Result<()> {
    let mut store = Store::new(&Engine::default(), ());
    let error = store.set_fuel(1).unwrap_err();
    assert!(error.to_string().contains("Config::consume_fuel"), "{error}");
    assert!(store.get_fuel().is_err());
    assert!(store.as_context().get_fuel().is_err());
    assert!(store.as_context_mut().set_fuel(1).is_err());
    Ok(())
}

#[test]
fn the_start_function_uses_fuel() -> Result<()> {
    let engine = Engine::new(Config::new().consume_fuel(true))?;
    let module = Module::new(&engine, "(module (func $start (loop (br 0))) (start $start))")?;
    let mut store = Store::new(&engine, ());
    store.set_fuel(1000)?;
    assert_eq!(trap(Instance::new(&mut store, &module, &[])), Some(Trap::OutOfFuel));
    Ok(())
}

/// Modules that never end, each with a way of its own. All have an import `host` and an export
/// `ok`, which is used afterwards; those without a start function have an export `run`.
const ENDLESS: &[(&str, &str)] = &[
    ("empty loop", r#"(func (export "run") (loop (br 0)))"#),
    ("conditional loop", r#"(func (export "run") (loop (br_if 0 (i32.const 1))))"#),
    (
        "loop in a loop that ends",
        r#"(func (export "run") (local i32) (loop $outer
            (local.set 0 (i32.const 100))
            (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (br $outer)))"#,
    ),
    (
        "br_table loop",
        r#"(func (export "run") (local i32) (loop $a (loop $b
            (local.set 0 (i32.add (local.get 0) (i32.const 1)))
            (br_table $a $b $a (i32.and (local.get 0) (i32.const 3))))))"#,
    ),
    (
        "recursion",
        r#"(func $tree (param i32) (if (local.get 0) (then
                (call $tree (i32.sub (local.get 0) (i32.const 1)))
                (call $tree (i32.sub (local.get 0) (i32.const 1))))))
           (func (export "run") (call $tree (i32.const 100)))"#,
    ),
    ("tail calls", r#"(func $run (export "run") (return_call $run))"#),
    (
        "indirect tail calls",
        r#"(table 2 funcref) (elem (i32.const 0) $a $b)
           (func $a (export "run") (return_call_indirect (i32.const 1)))
           (func $b (return_call_indirect (i32.const 0)))"#,
    ),
    ("host calls", r#"(func (export "run") (loop (call $host) (br 0)))"#),
    (
        "long operators",
        r#"(func (export "run") (loop
            (memory.fill (i32.const 0) (i32.const 0) (i32.const 65536)) (br 0)))"#,
    ),
    ("start function", r#"(func $start (loop (br 0))) (start $start)"#),
];

fn endless_module(body: &str) -> String {
    format!(
        r#"(module (import "" "host" (func $host)) (memory 1)
            (func (export "ok") (result i32) (i32.const 42)) {body})"#
    )
}

#[test]
fn a_deadline_ends_whatever_runs() -> Result<()> {
    for (kind, body) in ENDLESS {
        for (position, (name, mut config)) in configs().into_iter().enumerate() {
            config.epoch_interruption(true).consume_fuel(position % 3 == 0);
            interrupt(&config, body)
                .map_err(|error| error.context(format!("{kind} with {name}")))?;
        }
    }
    Ok(())
}

/// Runs an endless module while another thread counts the epoch up, and uses its store afterwards.
fn interrupt(config: &Config, body: &str) -> Result<()> {
    let engine = Engine::new(config)?;
    let module = Module::new(&engine, endless_module(body))?;
    let mut store = Store::new(&engine, ());
    if store.get_fuel().is_ok() {
        store.set_fuel(u64::MAX)?;
    }
    store.set_epoch_deadline(2);
    let host = Func::wrap(&mut store, || ());
    let started = Instant::now();
    let waker = std::thread::spawn(move || {
        for _ in 0..2 {
            std::thread::sleep(Duration::from_millis(2));
            engine.increment_epoch();
        }
        Instant::now()
    });
    let ended = Instance::new(&mut store, &module, &[host.into()]).and_then(|instance| {
        let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
        run.call(&mut store, ())
    });
    let end = Instant::now();
    let deadline = waker.join().expect("the other thread only sleeps");
    let error = ended.expect_err("an endless program");
    ensure!(error.downcast_ref() == Some(&Trap::Interrupt), "ended with {error:?}");
    ensure!(error.downcast_ref::<WasmBacktrace>().is_some(), "no backtrace");
    ensure!(started.elapsed() >= Duration::from_millis(4), "ended before its deadline");
    // Ten milliseconds are what is promised; a busy machine may wake this thread later.
    ensure!(end.saturating_duration_since(deadline) < Duration::from_secs(2), "ended too late");

    store.set_epoch_deadline(1);
    let text = endless_module("");
    let module = Module::new(store.engine(), text)?;
    let host = Func::wrap(&mut store, || ());
    let instance = Instance::new(&mut store, &module, &[host.into()])?;
    let ok = instance.get_typed_func::<(), i32>(&mut store, "ok")?;
    ensure!(ok.call(&mut store, ())? == 42, "the store is broken");
    Ok(())
}

#[test]
fn a_store_begins_with_its_deadline_met() -> Result<()> {
    let wat = r#"(module (func (export "run")))"#;
    let (mut store, run) = start(Config::new().epoch_interruption(true), wat, ())?;
    assert_eq!(trap(run.call(&mut store, &[], &mut [])), Some(Trap::Interrupt));
    store.set_epoch_deadline(1);
    run.call(&mut store, &[], &mut [])?;
    store.engine().increment_epoch();
    assert_eq!(trap(run.call(&mut store, &[], &mut [])), Some(Trap::Interrupt));
    store.set_epoch_deadline(u64::MAX);
    run.call(&mut store, &[], &mut [])
}

#[test]
fn without_epochs_no_deadline_is_met() -> Result<()> {
    let wat = r#"(module (func (export "run")))"#;
    let (mut store, run) = start(&Config::new(), wat, ())?;
    store.set_epoch_deadline(0);
    store.engine().increment_epoch();
    run.call(&mut store, &[], &mut [])
}

/// Turns as often as its parameter says.
const TURNS: &str = r#"(module
    (func (export "run") (param i32) (result i32) (local i32)
        (loop
            (local.set 1 (i32.add (local.get 1) (i32.const 1)))
            (br_if 0 (i32.lt_u (local.get 1) (local.get 0))))
        (local.get 1)))"#;

#[test]
fn the_callback_moves_the_deadline() -> Result<()> {
    for (name, mut config) in configs() {
        let (mut store, run) = start(config.epoch_interruption(true), TURNS, 0)?;
        store.epoch_deadline_callback(|mut store| {
            *store.data_mut() += 1;
            Ok(UpdateDeadline::Continue(0))
        });
        let mut results = [Val::I32(0)];
        run.call(&mut store, &[Val::I32(10)], &mut results)?;
        assert_eq!(results[0].i32(), Some(10));
        assert_eq!(*store.data(), 11, "once for the entry and once a turn, with {name}");

        store.epoch_deadline_callback(|mut store| {
            *store.data_mut() += 1;
            Ok(UpdateDeadline::Continue(1))
        });
        run.call(&mut store, &[Val::I32(10)], &mut results)?;
        assert_eq!(*store.data(), 12, "once, with {name}");
        run.call(&mut store, &[Val::I32(10)], &mut results)?;
        assert_eq!(*store.data(), 12, "no tick since, with {name}");
    }
    Ok(())
}

#[test]
fn the_callbacks_error_is_returned() -> Result<()> {
    #[derive(Debug, thiserror::Error)]
    #[error("no more time, {0}")]
    struct NoMoreTime(u32);

    let (mut store, run) = start(Config::new().epoch_interruption(true), TURNS, 0)?;
    store.epoch_deadline_callback(|mut store| {
        *store.data_mut() += 1;
        match *store.data() {
            3 => Err(NoMoreTime(7).into()),
            4 => Ok(UpdateDeadline::Interrupt),
            _ => Ok(UpdateDeadline::Continue(0)),
        }
    });
    let error = run.call(&mut store, &[Val::I32(100)], &mut [Val::I32(0)]).unwrap_err();
    assert_eq!(error.downcast_ref::<NoMoreTime>().map(|error| error.0), Some(7));
    let trace = error.downcast_ref::<WasmBacktrace>().context("no backtrace")?;
    assert_eq!(trace.frames().len(), 1);
    let error = run.call(&mut store, &[Val::I32(100)], &mut [Val::I32(0)]).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::Interrupt));
    run.call(&mut store, &[Val::I32(100)], &mut [Val::I32(0)])?;
    assert_eq!(*store.data(), 4 + 101, "the callback stays");

    store.epoch_deadline_trap();
    let result = run.call(&mut store, &[Val::I32(100)], &mut [Val::I32(0)]);
    assert_eq!(trap(result), Some(Trap::Interrupt));
    assert_eq!(*store.data(), 4 + 101);
    Ok(())
}

#[test]
fn the_callbacks_panic_goes_on_in_the_caller() -> Result<()> {
    let (mut store, run) = start(Config::new().epoch_interruption(true), TURNS, 0)?;
    store.epoch_deadline_callback(|mut store| {
        *store.data_mut() += 1;
        match *store.data() {
            2 => std::panic::panic_any("time is up"),
            _ => Ok(UpdateDeadline::Continue(0)),
        }
    });
    let mut results = [Val::I32(0)];
    let call = || run.call(&mut store, &[Val::I32(5)], &mut results);
    let payload = catch_unwind(AssertUnwindSafe(call)).unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"time is up"));
    run.call(&mut store, &[Val::I32(5)], &mut results)?;
    assert_eq!(*store.data(), 2 + 6, "the callback stays");
    Ok(())
}

#[test]
fn the_callback_has_the_store() -> Result<()> {
    // Each turn writes to the last byte of the memory, which the callback makes longer.
    let wat = r#"(module
        (memory (export "memory") 1 100)
        (global (export "turns") (mut i32) (i32.const 0))
        (func (export "peek") (result i32) (i32.load8_u (i32.const 7)))
        (func (export "run") (loop
            (i32.store8 (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1))
                (i32.const 9))
            (i32.store8 (i32.const 7) (global.get 0))
            (global.set 0 (i32.add (global.get 0) (i32.const 1)))
            (br_if 0 (i32.lt_u (global.get 0) (i32.const 20))))))"#;
    struct Parts {
        memory: Memory,
        peek: TypedFunc<(), i32>,
        seen: Vec<i32>,
    }
    for (name, mut config) in configs() {
        config.epoch_interruption(true).consume_fuel(true);
        let engine = Engine::new(&config)?;
        let module = Module::new(&engine, wat)?;
        let mut store = Store::new(&engine, None::<Parts>);
        store.set_fuel(1 << 30)?;
        let instance = Instance::new(&mut store, &module, &[])?;
        let memory = instance.get_memory(&mut store, "memory").context("no memory")?;
        let peek = instance.get_typed_func(&mut store, "peek")?;
        *store.data_mut() = Some(Parts { memory, peek, seen: Vec::new() });
        store.epoch_deadline_callback(|mut store| {
            let parts = store.data().as_ref().context("no parts")?;
            let (memory, peek) = (parts.memory, parts.peek.clone());
            memory.grow(&mut store, 1)?;
            // Inside, the deadline is a trap: it has to be moved first.
            assert_eq!(trap(peek.call(&mut store, ())), Some(Trap::Interrupt));
            store.set_epoch_deadline(1);
            let seen = peek.call(&mut store, ())?;
            assert!(store.get_fuel()? > 0);
            store.data_mut().as_mut().context("no parts")?.seen.push(seen);
            Ok(UpdateDeadline::Continue(0))
        });
        let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
        run.call(&mut store, ())?;
        let expected: Vec<i32> = [0, 0].into_iter().chain(0..19).collect();
        assert_eq!(store.data().as_ref().unwrap().seen, expected, "{name}");
        assert_eq!(memory.size(&store), 22, "{name}");
        // The first turn came after two calls of the callback, the entry's and the header's.
        let written = |page: usize| memory.data(&store)[page * 65536 - 1] == 9;
        assert!((3..=22).all(written) && !(1..3).any(written), "{name}");
    }
    Ok(())
}

/// A store whose data is the inner store.
type Outer = Store<Option<Store<()>>>;

/// Two stores, the outer of which calls `run` of the inner one by a host function.
fn nested(config: &Config) -> Result<(Outer, TypedFunc<(), ()>)> {
    let engine = Engine::new(config)?;
    let module = Module::new(&engine, r#"(module (func (export "run") (loop (br 0))))"#)?;
    let mut inner = Store::new(&engine, ());
    let instance = Instance::new(&mut inner, &module, &[])?;
    let run = instance.get_typed_func::<(), ()>(&mut inner, "run")?;

    let module = Module::new(
        &engine,
        r#"(module (import "" "host" (func $host))
            (func (export "run") (loop (call $host) (br 0))))"#,
    )?;
    let mut outer = Store::new(&engine, Some(inner));
    let call = move |mut caller: Caller<'_, Option<Store<()>>>| -> Result<()> {
        let mut inner = caller.data_mut().take().context("no inner store")?;
        let result = run.call(&mut inner, ());
        *caller.data_mut() = Some(inner);
        result
    };
    let host = Func::wrap(&mut outer, call);
    let instance = Instance::new(&mut outer, &module, &[host.into()])?;
    let run = instance.get_typed_func::<(), ()>(&mut outer, "run")?;
    Ok((outer, run))
}

#[test]
fn a_nested_store_is_interrupted() -> Result<()> {
    for (name, mut config) in configs() {
        let (mut outer, run) = nested(config.epoch_interruption(true))?;
        for _ in 0..3 {
            outer.set_epoch_deadline(1 << 40);
            outer.data_mut().as_mut().context("no inner store")?.set_epoch_deadline(1);
            let engine = outer.engine().clone();
            let waker = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(2));
                engine.increment_epoch();
            });
            let result = run.call(&mut outer, ());
            waker.join().expect("the other thread only sleeps");
            assert_eq!(trap(result), Some(Trap::Interrupt), "{name}");
        }
    }
    Ok(())
}

#[test]
fn an_outer_store_stops_when_the_inner_one_has() -> Result<()> {
    let mut config = Config::new();
    let (mut outer, run) = nested(config.epoch_interruption(true).consume_fuel(true))?;
    outer.set_fuel(1 << 20)?;
    outer.set_epoch_deadline(1);
    let inner = outer.data_mut().as_mut().context("no inner store")?;
    inner.set_epoch_deadline(1 << 40);
    inner.set_fuel(1_000)?;
    let error = run.call(&mut outer, ()).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::OutOfFuel), "the inner store's");
    assert_eq!(outer.get_fuel()?, (1 << 20) - 2, "the outer one has its own");
    Ok(())
}

#[test]
fn many_stores_meet_one_epoch() -> Result<()> {
    let engine = Engine::new(Config::new().epoch_interruption(true))?;
    let module = Module::new(&engine, r#"(module (func (export "run") (loop (br 0))))"#)?;
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| -> Result<()> {
        let threads: Vec<_> = (1..=4)
            .map(|ticks| {
                let (engine, module) = (&engine, &module);
                scope.spawn(move || -> Result<()> {
                    for _ in 0..50 {
                        let mut store = Store::new(engine, ());
                        store.set_epoch_deadline(ticks);
                        let instance = Instance::new(&mut store, module, &[])?;
                        let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
                        let result = run.call(&mut store, ());
                        ensure!(trap(result) == Some(Trap::Interrupt), "not interrupted");
                    }
                    Ok(())
                })
            })
            .collect();
        let (engine, done) = (&engine, &done);
        scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                engine.increment_epoch();
                std::thread::sleep(Duration::from_micros(200));
            }
        });
        let results: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
        done.store(true, Ordering::Relaxed);
        results.into_iter().try_for_each(|result| result.expect("no panic"))
    })
}

#[test]
fn host_functions_meet_the_deadline() -> Result<()> {
    let engine = Engine::new(Config::new().epoch_interruption(true))?;
    let mut store = Store::new(&engine, 0);
    let check = Func::wrap(&mut store, |mut caller: Caller<'_, i32>| -> Result<i32> {
        let watch = caller.epoch_watch().expect("epochs are on");
        let was_due = watch.is_due();
        caller.check_epoch_deadline()?;
        let watch = caller.epoch_watch().expect("epochs are on");
        Ok(i32::from(was_due) + 2 * i32::from(watch.is_due()))
    })
    .typed::<(), i32>(&store)?;
    assert_eq!(trap(check.call(&mut store, ())), Some(Trap::Interrupt));
    store.set_epoch_deadline(1);
    assert_eq!(check.call(&mut store, ())?, 0);
    engine.increment_epoch();
    assert_eq!(trap(check.call(&mut store, ())), Some(Trap::Interrupt));

    store.epoch_deadline_callback(|mut store| {
        *store.data_mut() += 1;
        match store.data() {
            1 => Ok(UpdateDeadline::Continue(1)),
            2 => Ok(UpdateDeadline::Continue(0)),
            3 => bail!("the callback's own"),
            _ => Ok(UpdateDeadline::Interrupt),
        }
    });
    assert_eq!(check.call(&mut store, ())?, 1, "it was due, and is no more");
    engine.increment_epoch();
    assert_eq!(check.call(&mut store, ())?, 3, "no epoch on is now");
    let error = check.call(&mut store, ()).unwrap_err();
    assert_eq!(error.root_cause().to_string(), "the callback's own");
    assert_eq!(trap(check.call(&mut store, ())), Some(Trap::Interrupt));
    assert_eq!(*store.data(), 4);
    Ok(())
}

#[test]
fn host_functions_without_epochs_meet_no_deadline() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let check = Func::wrap(&mut store, |mut caller: Caller<'_, ()>| -> Result<()> {
        assert!(caller.epoch_watch().is_none());
        caller.check_epoch_deadline()
    });
    engine.increment_epoch();
    check.typed::<(), ()>(&store)?.call(&mut store, ())
}
