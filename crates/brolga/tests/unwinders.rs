//! Unwinders may begin at any instruction: a profiler's do. The way into wasm, out of it to the
//! host, back, and through the trap door is stepped through, and at every instruction an unwinder
//! walks up from there. It must end, and touch nothing that isn't there: the stack changes on the
//! way, and it cannot follow.
//!
//! Linux on x86-64 only: other processors have no trap flag that a program may set itself.
//!
//! Not under Miri: it runs generated code.
#![cfg(not(miri))]
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::arch::asm;
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use brolga::{Caller, Engine, Func, Instance, Linker, Module, Result, Store, Trap, Val};

unsafe extern "C" {
    /// Calls `look` for each frame, from its caller's on, while it gives 0.
    fn _Unwind_Backtrace(
        look: extern "C" fn(*mut c_void, *mut c_void) -> c_int,
        data: *mut c_void,
    ) -> c_int;
}

/// Instructions that were stepped over.
static STEPS: AtomicUsize = AtomicUsize::new(0);
/// The most frames that a walk has met.
static DEEPEST: AtomicUsize = AtomicUsize::new(0);
/// Steps are counted for one test at a time.
static STEPPING: Mutex<()> = Mutex::new(());

/// More frames than there are on any way here.
const ENDLESS: usize = 500;

extern "C" fn count(_frame: *mut c_void, frames: *mut c_void) -> c_int {
    let frames = frames.cast::<usize>();
    // SAFETY: `on_step` passes the address of its counter, and waits.
    unsafe {
        *frames += 1;
        c_int::from(*frames >= ENDLESS)
    }
}

extern "C" fn on_step(_signal: c_int) {
    let mut frames = 0_usize;
    // SAFETY: the counter outlives the walk.
    unsafe { _Unwind_Backtrace(count, (&raw mut frames).cast()) };
    STEPS.fetch_add(1, Relaxed);
    DEEPEST.fetch_max(frames, Relaxed);
}

/// Runs `body` with a walk at each of its instructions. Gives what it gave and how many there were.
fn step_through<R>(body: impl FnOnce() -> R) -> (R, usize) {
    let _alone = STEPPING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let handler: extern "C" fn(c_int) = on_step;
    // SAFETY: zeroes are an action; the handler is one for a signal without further arguments.
    unsafe {
        let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
        action.sa_sigaction = handler as usize;
        assert_eq!(libc::sigaction(libc::SIGTRAP, &raw const action, ptr::null_mut()), 0);
    }
    STEPS.store(0, Relaxed);
    // SAFETY: sets the trap flag: a SIGTRAP after each instruction, for which there is a handler.
    unsafe { asm!("pushfq", "or qword ptr [rsp], 0x100", "popfq") };
    let result = body();
    // SAFETY: takes it back.
    unsafe { asm!("pushfq", "and qword ptr [rsp], ~0x100", "popfq") };
    assert!(DEEPEST.load(Relaxed) < ENDLESS, "a walk did not end");
    (result, STEPS.load(Relaxed))
}

const MODULE: &str = r#"(module
    (import "host" "add" (func $add (param i32 i32) (result i32)))
    (import "host" "listed" (func $listed (param i32) (result i32)))
    (import "host" "again" (func $again (param i32) (result i32)))
    (import "host" "fail" (func $fail))
    (func (export "nothing"))
    (func (export "eight") (param i64 i64 i64 i64 i64 i64 i64 i64 f64) (result i64)
        (i64.add (local.get 0) (local.get 7)))
    (func (export "add") (param i32 i32) (result i32) (call $add (local.get 0) (local.get 1)))
    (func (export "add in its place") (param i32 i32) (result i32)
        (return_call $add (local.get 0) (local.get 1)))
    (func (export "listed") (param i32) (result i32) (call $listed (local.get 0)))
    (func (export "again") (param i32) (result i32) (call $again (local.get 0)))
    (func (export "fail") (call $fail))
    (func (export "unreachable") unreachable)
    (func (export "divide") (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
    (func (export "pair") (result i32 i32) (i32.const 1) (i32.const 2)))"#;

fn set_up() -> Result<(Store<u32>, Instance)> {
    let engine = Engine::default();
    let module = Module::new(&engine, MODULE)?;
    let mut store = Store::new(&engine, 0);
    let mut linker = Linker::<u32>::new(&engine);
    linker.func_wrap("host", "add", |a: i32, b: i32| a + b)?;
    linker.func_wrap("host", "again", |mut caller: Caller<'_, u32>, it: i32| -> Result<i32> {
        let pair = caller.get_export("pair").and_then(|it| it.into_func());
        let eight = caller.get_export("eight").and_then(|it| it.into_func());
        let pair = pair.expect("exported").typed::<(), (i32, i32)>(&caller)?;
        type Eight = (i64, i64, i64, i64, i64, i64, i64, i64, f64);
        let eight = eight.expect("exported").typed::<Eight, i64>(&caller)?;
        let (one, two) = pair.call(&mut caller, ())?;
        let five = eight.call(&mut caller, (2, 0, 0, 0, 0, 0, 0, 3, 0.5))?;
        Ok(it + one + two + i32::try_from(five)?)
    })?;
    linker.func_wrap("host", "fail", || -> Result<()> { Err(Trap::BadSignature.into()) })?;
    let ty = brolga::FuncType::new(&engine, [brolga::ValType::I32], [brolga::ValType::I32]);
    let listed = Func::new(&mut store, ty, |_, params, results| {
        results[0] = params[0];
        Ok(())
    });
    linker.define(&store, "host", "listed", listed)?;
    let instance = linker.instantiate(&mut store, &module)?;
    Ok((store, instance))
}

#[test]
fn walks_end_wherever_they_begin() -> Result<()> {
    for hooked in [false, true] {
        let (mut store, instance) = set_up()?;
        if hooked {
            store.call_hook(|mut store, _| {
                *store.data_mut() += 1;
                Ok(())
            });
        }
        type Eight = (i64, i64, i64, i64, i64, i64, i64, i64, f64);
        let nothing = instance.get_typed_func::<(), ()>(&mut store, "nothing")?;
        let eight = instance.get_typed_func::<Eight, i64>(&mut store, "eight")?;
        let add = instance.get_typed_func::<(i32, i32), i32>(&mut store, "add")?;
        let placed = instance.get_typed_func::<(i32, i32), i32>(&mut store, "add in its place")?;
        let listed = instance.get_typed_func::<i32, i32>(&mut store, "listed")?;
        let again = instance.get_typed_func::<i32, i32>(&mut store, "again")?;
        let pair = instance.get_func(&mut store, "pair").expect("exported");

        // First as they are, so that what is made once is made.
        for stepped in [false, true] {
            let mut run = || -> Result<[i32; 7]> {
                nothing.call(&mut store, ())?;
                let eight = eight.call(&mut store, (1, 2, 3, 4, 5, 6, 7, 8, 9.5))?;
                let mut results = [Val::I32(0), Val::I32(0)];
                pair.call(&mut store, &[], &mut results)?;
                Ok([
                    i32::try_from(eight)?,
                    add.call(&mut store, (3, 4))?,
                    placed.call(&mut store, (5, 6))?,
                    listed.call(&mut store, 7)?,
                    again.call(&mut store, 8)?,
                    results[0].unwrap_i32(),
                    results[1].unwrap_i32(),
                ])
            };
            let results = match stepped {
                false => run()?,
                true => {
                    let (results, steps) = step_through(run);
                    assert!(steps > 1_000, "the trap flag has no effect: {steps} steps");
                    results?
                }
            };
            assert_eq!(results, [9, 7, 11, 7, 16, 1, 2], "hooked: {hooked}");
        }
        assert_eq!(*store.data() != 0, hooked);
    }
    Ok(())
}

#[test]
fn walks_end_on_the_way_through_the_trap_door() -> Result<()> {
    let (mut store, instance) = set_up()?;
    let divide = instance.get_typed_func::<i32, i32>(&mut store, "divide")?;
    for (name, trap) in
        [("unreachable", Trap::UnreachableCodeReached), ("fail", Trap::BadSignature)]
    {
        let func = instance.get_typed_func::<(), ()>(&mut store, name)?;
        func.call(&mut store, ()).expect_err("a trap");
        let (result, _) = step_through(|| func.call(&mut store, ()));
        assert_eq!(result.expect_err("a trap").downcast_ref::<Trap>(), Some(&trap));
    }
    assert_eq!(divide.call(&mut store, 1)?, 1);
    let (result, _) = step_through(|| divide.call(&mut store, 0));
    let error = result.expect_err("a trap");
    assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::IntegerDivisionByZero));
    Ok(())
}
