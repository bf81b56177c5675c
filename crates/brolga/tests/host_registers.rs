//! Host functions whose arguments and result stay in registers: few enough, and numbers. Others,
//! alike but for one argument too many, take the way through slots.
//!
//! Not under Miri: it runs generated code.
#![cfg(not(miri))]

use std::sync::atomic::{AtomicUsize, Ordering};

use brolga::*;

/// An instance of `text` in a store of its own, with the functions that `define` defines in `host`.
fn instance(
    text: &str,
    define: impl FnOnce(&mut Linker<Vec<String>>) -> Result<()>,
) -> Result<(Store<Vec<String>>, Instance)> {
    let engine = Engine::default();
    let module = Module::new(&engine, text)?;
    let mut linker = Linker::new(&engine);
    define(&mut linker)?;
    let mut store = Store::new(&engine, Vec::new());
    let instance = linker.instantiate(&mut store, &module)?;
    Ok((store, instance))
}

#[test]
fn every_register_arrives() -> Result<()> {
    let text = r#"(module
        (import "host" "f" (func $f
            (param f64 i32 f32 i64 f64 i32 f32 i64 f64 f32 f64 f32) (result i64)))
        (func (export "run") (result i64)
            (call $f (f64.const 0.5) (i32.const -1) (f32.const 1.5) (i64.const -2) (f64.const 2.5)
                (i32.const 0x80000000) (f32.const 3.5) (i64.const 0x123456789abcdef0)
                (f64.const 4.5) (f32.const 5.5) (f64.const 6.5) (f32.const nan:0x200001))))"#;
    let (mut store, instance) = instance(text, |linker| {
        linker.func_wrap(
            "host",
            "f",
            |mut caller: Caller<'_, Vec<String>>,
             a: f64,
             b: i32,
             c: f32,
             d: i64,
             e: f64,
             f: u32,
             g: f32,
             h: u64,
             i: f64,
             j: f32,
             k: f64,
             l: f32| {
                let seen =
                    format!("{a} {b} {c} {d} {e} {f:#x} {g} {h:#x} {i} {j} {k} {:#x}", l.to_bits());
                caller.data_mut().push(seen);
                i64::MIN + 1
            },
        )?;
        Ok(())
    })?;
    let run = instance.get_typed_func::<(), i64>(&mut store, "run")?;
    assert_eq!(run.call(&mut store, ())?, i64::MIN + 1);
    assert_eq!(
        store.data()[0],
        "0.5 -1 1.5 -2 2.5 0x80000000 3.5 0x123456789abcdef0 4.5 5.5 6.5 0x7fa00001"
    );
    Ok(())
}

#[test]
fn upper_halves_do_not_matter() -> Result<()> {
    // The i32s are made of i64s, whose upper halves may still be in the registers.
    let text = r#"(module
        (import "host" "signed" (func $signed (param i32) (result i32)))
        (import "host" "unsigned" (func $unsigned (param i32) (result i32)))
        (func (export "signed") (param i64) (result i64)
            (i64.extend_i32_s (call $signed (i32.wrap_i64 (local.get 0)))))
        (func (export "unsigned") (param i64) (result i64)
            (i64.extend_i32_u (call $unsigned (i32.wrap_i64 (local.get 0))))))"#;
    let (mut store, instance) = instance(text, |linker| {
        linker.func_wrap("host", "signed", |value: i32| i64::from(value).min(7) as i32)?;
        linker.func_wrap("host", "unsigned", |value: u32| u64::from(value).max(7) as u32)?;
        Ok(())
    })?;
    let signed = instance.get_typed_func::<i64, i64>(&mut store, "signed")?;
    let unsigned = instance.get_typed_func::<i64, i64>(&mut store, "unsigned")?;
    for upper in [0, -1, i64::from(i32::MIN)] {
        for low in [-5_i32, 5, 9, i32::MIN, i32::MAX] {
            let value = upper << 32 | i64::from(low as u32);
            assert_eq!(signed.call(&mut store, value)?, i64::from(low.min(7)));
            assert_eq!(unsigned.call(&mut store, value)?, i64::from((low as u32).max(7)));
        }
    }
    Ok(())
}

/// One argument of each kind more than registers hold, and no argument at all.
#[test]
fn types_at_the_edge_and_beyond_mean_the_same() -> Result<()> {
    let text = r#"(module
        (import "host" "ints4" (func $ints4 (param i64 i64 i64 i64) (result i64)))
        (import "host" "ints5" (func $ints5 (param i64 i64 i64 i64 i64) (result i64)))
        (import "host" "floats8" (func $floats8
            (param f64 f64 f64 f64 f64 f64 f64 f64) (result f64)))
        (import "host" "floats9" (func $floats9
            (param f64 f64 f64 f64 f64 f64 f64 f64 f64) (result f64)))
        (import "host" "nothing" (func $nothing))
        (import "host" "constant" (func $constant (result f32)))
        (import "host" "pair" (func $pair (param i32) (result i32 i32)))
        (func (export "ints4") (result i64)
            (call $ints4 (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4)))
        (func (export "ints5") (result i64)
            (call $ints5 (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5)))
        (func (export "floats8") (result f64)
            (call $floats8 (f64.const 1) (f64.const 2) (f64.const 3) (f64.const 4)
                (f64.const 5) (f64.const 6) (f64.const 7) (f64.const 8)))
        (func (export "floats9") (result f64)
            (call $floats9 (f64.const 1) (f64.const 2) (f64.const 3) (f64.const 4)
                (f64.const 5) (f64.const 6) (f64.const 7) (f64.const 8) (f64.const 9)))
        (func (export "constant") (result f32) (call $nothing) (call $constant))
        (func (export "pair") (result i32) (i32.sub (call $pair (i32.const 10)))))"#;
    let (mut store, instance) = instance(text, |linker| {
        linker.func_wrap("host", "ints4", |a: i64, b: i64, c: i64, d: i64| {
            a + 10 * (b + 10 * (c + 10 * d))
        })?;
        linker.func_wrap("host", "ints5", |a: i64, b: i64, c: i64, d: i64, e: i64| {
            a + 10 * (b + 10 * (c + 10 * (d + 10 * e)))
        })?;
        type F = f64;
        linker.func_wrap("host", "floats8", |a: F, b: F, c: F, d: F, e: F, f: F, g: F, h: F| {
            [a, b, c, d, e, f, g, h].iter().rev().fold(0.0, |sum, it| 10.0 * sum + it)
        })?;
        linker.func_wrap(
            "host",
            "floats9",
            |a: F, b: F, c: F, d: F, e: F, f: F, g: F, h: F, i: F| {
                [a, b, c, d, e, f, g, h, i].iter().rev().fold(0.0, |sum, it| 10.0 * sum + it)
            },
        )?;
        linker.func_wrap("host", "nothing", |mut caller: Caller<'_, Vec<String>>| {
            caller.data_mut().push("nothing".into());
        })?;
        linker.func_wrap("host", "constant", || 0.25_f32)?;
        linker.func_wrap("host", "pair", |a: i32| (a, a + 1))?;
        Ok(())
    })?;
    let int = |store: &mut Store<_>, name| -> Result<i64> {
        instance.get_typed_func::<(), i64>(&mut *store, name)?.call(store, ())
    };
    assert_eq!(int(&mut store, "ints4")?, 4321);
    assert_eq!(int(&mut store, "ints5")?, 54321);
    let float = |store: &mut Store<_>, name| -> Result<f64> {
        instance.get_typed_func::<(), f64>(&mut *store, name)?.call(store, ())
    };
    assert_eq!(float(&mut store, "floats8")?, 87_654_321.0);
    assert_eq!(float(&mut store, "floats9")?, 987_654_321.0);
    let constant = instance.get_typed_func::<(), f32>(&mut store, "constant")?;
    assert_eq!(constant.call(&mut store, ())?, 0.25);
    assert_eq!(store.data(), &["nothing"]);
    let pair = instance.get_typed_func::<(), i32>(&mut store, "pair")?;
    assert_eq!(pair.call(&mut store, ())?, -1);
    Ok(())
}

/// Errors and panics leave by the trap door, and what the closure had is dropped before.
#[test]
fn errors_and_panics_end_the_call() -> Result<()> {
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    struct Noisy;
    impl Drop for Noisy {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
    let text = r#"(module
        (import "host" "f" (func $f (param i32) (result i32)))
        (func $inner (param i32) (result i32) (i32.add (call $f (local.get 0)) (i32.const 1)))
        (func (export "run") (param i32) (result i32)
            (i32.mul (call $inner (local.get 0)) (i32.const 2))))"#;
    let (mut store, instance) = instance(text, |linker| {
        linker.func_wrap("host", "f", |number: i32| {
            let _noisy = Noisy;
            match number {
                0 => bail!("none left"),
                1 => panic!("not one"),
                _ => Ok(number),
            }
        })?;
        Ok(())
    })?;
    let run = instance.get_typed_func::<i32, i32>(&mut store, "run")?;
    for round in 0..3 {
        let error = run.call(&mut store, 0).unwrap_err();
        assert_eq!(error.root_cause().to_string(), "none left");
        let backtrace = error.downcast_ref::<WasmBacktrace>().context("a backtrace")?;
        assert_eq!(backtrace.frames().len(), 2);
        let panic =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run.call(&mut store, 1)));
        assert_eq!(panic.unwrap_err().downcast_ref(), Some(&"not one"));
        assert_eq!(run.call(&mut store, 20)?, 42);
        assert_eq!(DROPPED.load(Ordering::Relaxed), 3 * (round + 1));
    }
    Ok(())
}

/// The same function by all ways: imported, through a table, called by the host with and without
/// its type; one made with types beside one without.
#[test]
fn all_ways_to_a_host_function_agree() -> Result<()> {
    let text = r#"(module
        (type $binary (func (param i32 i64) (result i64)))
        (import "host" "typed" (func $typed (type $binary)))
        (import "host" "untyped" (func $untyped (type $binary)))
        (table (export "table") 2 2 funcref)
        (elem (i32.const 0) func $typed $untyped)
        (export "typed" (func $typed))
        (func (export "direct") (param i32 i64) (result i64 i64)
            (call $typed (local.get 0) (local.get 1))
            (call $untyped (local.get 0) (local.get 1)))
        (func (export "indirect") (param i32 i64) (result i64 i64)
            (call_indirect (type $binary) (local.get 0) (local.get 1) (i32.const 0))
            (call_indirect (type $binary) (local.get 0) (local.get 1) (i32.const 1))))"#;
    let (mut store, instance) = instance(text, |linker| {
        linker.func_wrap("host", "typed", |a: i32, b: i64| i64::from(a) - b)?;
        let types = ([ValType::I32, ValType::I64], [ValType::I64]);
        let ty = FuncType::new(linker.engine(), types.0, types.1);
        linker.func_new("host", "untyped", ty, |_, params, results| {
            results[0] = Val::I64(i64::from(params[0].unwrap_i32()) - params[1].unwrap_i64());
            Ok(())
        })?;
        Ok(())
    })?;
    type Binary = (i32, i64);
    for (a, b) in [(1, 2), (i32::MIN, i64::MAX / 2), (-1, i64::MIN / 2)] {
        let expected = i64::from(a) - b;
        for name in ["direct", "indirect"] {
            let both = instance.get_typed_func::<Binary, (i64, i64)>(&mut store, name)?;
            assert_eq!(both.call(&mut store, (a, b))?, (expected, expected), "{name}");
        }
        let typed = instance.get_func(&mut store, "typed").context("exported")?;
        assert_eq!(typed.typed::<Binary, i64>(&store)?.call(&mut store, (a, b))?, expected);
        let mut results = [Val::I32(0)];
        typed.call(&mut store, &[Val::I32(a), Val::I64(b)], &mut results)?;
        assert_eq!(results[0].unwrap_i64(), expected);
    }
    Ok(())
}

/// The host function's frame must stand on the thunk's: an unwinder that finds the entering
/// function beneath it goes on into the wrong stack.
#[test]
fn a_backtrace_in_a_tail_called_host_function() -> Result<()> {
    let text = r#"(module
        (import "host" "f" (func $f (param i32) (result i32)))
        (table 1 1 funcref)
        (elem (i32.const 0) func $f)
        (type $t (func (param i32) (result i32)))
        (func (export "direct") (param i32) (result i32) (return_call $f (local.get 0)))
        (func (export "indirect") (param i32) (result i32)
            (return_call_indirect (type $t) (local.get 0) (i32.const 0))))"#;
    let (mut store, instance) = instance(text, |linker| {
        linker.func_wrap("host", "f", |n: i32| {
            let trace = std::backtrace::Backtrace::force_capture().to_string();
            assert!(!trace.is_empty());
            n + 1
        })?;
        Ok(())
    })?;
    for name in ["direct", "indirect"] {
        let run = instance.get_typed_func::<i32, i32>(&mut store, name)?;
        assert_eq!(run.call(&mut store, 41)?, 42, "{name}");
    }
    Ok(())
}

/// The same where the start function is left by a tail call.
#[test]
fn a_backtrace_in_a_tail_called_host_function_at_the_start() -> Result<()> {
    let text = r#"(module
        (import "host" "f" (func $f))
        (func $start (return_call $f))
        (start $start))"#;
    let (store, _) = instance(text, |linker| {
        linker.func_wrap("host", "f", |mut caller: Caller<'_, Vec<String>>| {
            let trace = std::backtrace::Backtrace::force_capture().to_string();
            caller.data_mut().push(trace);
        })?;
        Ok(())
    })?;
    assert!(!store.data()[0].is_empty());
    Ok(())
}
