//! Call hooks: told of every step, whatever made it, and able to stop it.
//!
//! Not under Miri: it runs generated code.
#![cfg(not(miri))]

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};

use CallHook::*;
use brolga::*;

const MODULE: &str = r#"(module
    (import "host" "typed" (func $typed (param i32) (result i32)))
    (import "host" "slots" (func $slots (param funcref) (result funcref)))
    (import "host" "dynamic" (func $dynamic))
    (import "host" "unchecked" (func $unchecked))
    (func (export "nothing"))
    (func (export "typed") (param i32) (result i32) (call $typed (local.get 0)))
    (func $own (export "slots") (result funcref) (call $slots (ref.null func)))
    (func (export "dynamic") call $dynamic)
    (func (export "unchecked") call $unchecked)
    (func (export "trap") unreachable))"#;

#[derive(Default)]
struct Told {
    steps: Vec<CallHook>,
    /// The number of the step that fails, or panics.
    fails: Option<usize>,
    panics: Option<usize>,
}

fn hook(mut store: StoreContextMut<'_, Told>, step: CallHook) -> Result<()> {
    let told = store.data_mut();
    told.steps.push(step);
    let number = Some(told.steps.len() - 1);
    if told.panics == number {
        panic_any("meant");
    }
    ensure!(told.fails != number, "the hook has failed");
    Ok(())
}

fn linker(engine: &Engine) -> Result<Linker<Told>> {
    let mut linker = Linker::new(engine);
    linker.func_wrap("host", "typed", |number: i32| -> Result<i32> {
        ensure!(number >= 0, "a negative number");
        Ok(number + 1)
    })?;
    linker.func_wrap("host", "slots", |func: Option<Func>| func)?;
    let ty = FuncType::new(engine, [], []);
    linker.func_new("host", "dynamic", ty.clone(), |_, _, _| Ok(()))?;
    // SAFETY: there is nothing to return.
    unsafe { linker.func_new_unchecked("host", "unchecked", ty, |_, _| Ok(()))? };
    Ok(linker)
}

fn set_up(hooked_first: bool) -> Result<(Store<Told>, Instance)> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, Told::default());
    if hooked_first {
        store.call_hook(hook);
    }
    let module = Module::new(&engine, MODULE)?;
    let instance = linker(&engine)?.instantiate(&mut store, &module)?;
    Ok((store, instance))
}

/// The steps since it was last asked.
fn steps(store: &mut Store<Told>) -> Vec<CallHook> {
    std::mem::take(&mut store.data_mut().steps)
}

const THERE_AND_BACK: [CallHook; 2] = [CallingWasm, ReturningFromWasm];
const THROUGH_THE_HOST: [CallHook; 4] =
    [CallingWasm, CallingHost, ReturningFromHost, ReturningFromWasm];

#[test]
fn every_way_in_and_out_is_told_of() -> Result<()> {
    for hooked_first in [true, false] {
        let (mut store, instance) = set_up(hooked_first)?;
        let nothing = instance.get_typed_func::<(), ()>(&mut store, "nothing")?;
        let typed = instance.get_typed_func::<i32, i32>(&mut store, "typed")?;
        if !hooked_first {
            // Functions that were called before are told of as well.
            nothing.call(&mut store, ())?;
            typed.call(&mut store, 1)?;
            assert!(steps(&mut store).is_empty());
            store.call_hook(hook);
        }
        for _ in 0..2 {
            nothing.call(&mut store, ())?;
            assert_eq!(steps(&mut store), THERE_AND_BACK);
            assert_eq!(typed.call(&mut store, 1)?, 2);
            assert_eq!(steps(&mut store), THROUGH_THE_HOST);
        }
        nothing.func().call(&mut store, &[], &mut [])?;
        assert_eq!(steps(&mut store), THERE_AND_BACK);
        for name in ["slots", "dynamic", "unchecked"] {
            let func = instance.get_func(&mut store, name).unwrap();
            let mut results = [const { Val::I32(0) }; 1];
            let count = func.ty(&store).results().len();
            func.call(&mut store, &[], &mut results[..count])?;
            assert_eq!(steps(&mut store), THROUGH_THE_HOST, "{name}");
        }
        // SAFETY: the function takes nothing and returns nothing.
        unsafe { nothing.func().call_unchecked(&mut store, &mut [])? };
        assert_eq!(steps(&mut store), THERE_AND_BACK);
        let host = Func::wrap(&mut store, || ());
        host.call(&mut store, &[], &mut [])?;
        assert_eq!(steps(&mut store), THROUGH_THE_HOST);
        let trap = instance.get_typed_func::<(), ()>(&mut store, "trap")?;
        assert!(trap.call(&mut store, ()).unwrap_err().is::<Trap>());
        assert_eq!(steps(&mut store), THERE_AND_BACK);
    }
    Ok(())
}

#[test]
fn start_functions_and_call_engines_are_told_of() -> Result<()> {
    let (mut store, _) = set_up(true)?;
    let engine = store.engine().clone();
    let starts = Module::new(&engine, "(module (func $s) (start $s))")?;
    Instance::new(&mut store, &starts, &[])?;
    assert_eq!(steps(&mut store), THERE_AND_BACK);
    let seam = engine.new_module_engine(&mut store, "", &starts, &[])?;
    assert!(steps(&mut store).is_empty());
    let mut call = seam.new_call_engine(&mut store, FuncIndex(0))?;
    for _ in 0..2 {
        call.call(&mut store, &[])?;
        assert_eq!(steps(&mut store), THERE_AND_BACK);
    }
    Ok(())
}

/// Calls `typed` with `number` while the hook fails at step `fails`; gives what happened.
fn failing(fails: usize, number: i32) -> Result<(Result<i32>, Vec<CallHook>)> {
    let (mut store, instance) = set_up(true)?;
    let typed = instance.get_typed_func::<i32, i32>(&mut store, "typed")?;
    store.data_mut().fails = Some(fails);
    let result = typed.call(&mut store, number);
    let seen = steps(&mut store);
    store.data_mut().fails = None;
    assert_eq!(typed.call(&mut store, 1)?, 2, "the store is as good as before");
    assert_eq!(steps(&mut store), THROUGH_THE_HOST);
    Ok((result, seen))
}

#[test]
fn a_hook_that_fails_ends_what_is_going_on() -> Result<()> {
    // Which of them are told of: what was to begin does not, what has ended is over.
    let told = [&[0][..], &[0, 1, 3], &[0, 1, 2, 3], &[0, 1, 2, 3]];
    for (fails, expected) in told.into_iter().enumerate() {
        let (result, seen) = failing(fails, 1)?;
        let error = result.unwrap_err();
        assert_eq!(error.root_cause().to_string(), "the hook has failed");
        let expected: Vec<_> = expected.iter().map(|&step| THROUGH_THE_HOST[step]).collect();
        assert_eq!(seen, expected, "step {fails}");
        // Inside, it has come through the frames of wasm.
        assert_eq!(error.is::<WasmBacktrace>(), fails == 1 || fails == 2);
    }
    // The host function's own error is told of as results are, and the hook's takes its place.
    let (result, seen) = failing(99, -1)?;
    assert_eq!(result.unwrap_err().root_cause().to_string(), "a negative number");
    assert_eq!(seen, THROUGH_THE_HOST);
    for fails in [2, 3] {
        let (result, _) = failing(fails, -1)?;
        assert_eq!(result.unwrap_err().root_cause().to_string(), "the hook has failed");
    }
    Ok(())
}

#[test]
fn a_hook_that_panics_stays_in_place() -> Result<()> {
    for panics in 0..4 {
        let (mut store, instance) = set_up(true)?;
        let typed = instance.get_typed_func::<i32, i32>(&mut store, "typed")?;
        store.data_mut().panics = Some(panics);
        let caught = catch_unwind(AssertUnwindSafe(|| typed.call(&mut store, 1)));
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"meant"));
        steps(&mut store);
        store.data_mut().panics = None;
        assert_eq!(typed.call(&mut store, 1)?, 2);
        assert_eq!(steps(&mut store), THROUGH_THE_HOST);
    }
    Ok(())
}

#[test]
fn a_hook_is_not_told_of_what_it_does_itself() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, (0, None));
    let module =
        Module::new(&engine, r#"(module (import "" "" (func $f)) (func (export "f") call $f))"#)?;
    let host = Func::wrap(&mut store, || ());
    let instance = Instance::new(&mut store, &module, &[host.into()])?;
    let f = instance.get_typed_func::<(), ()>(&mut store, "f")?;
    store.data_mut().1 = Some(f.clone());
    store.call_hook(|mut store, _| {
        store.data_mut().0 += 1;
        let f = store.data().1.clone().context("a function")?;
        f.call(&mut store, ())
    });
    f.call(&mut store, ())?;
    assert_eq!(store.data().0, 4);
    // What it has called it has not made forget the hook.
    f.call(&mut store, ())?;
    assert_eq!(store.data().0, 8);
    Ok(())
}

#[test]
fn a_hook_may_close_what_is_called_and_what_is_returned() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module (memory 1) (func $f (export "f") (result i32) (i32.const 1))
            (func (export "g") (result funcref) (ref.func $f)))"#,
    )?;
    for closes_at in THERE_AND_BACK {
        let mut store = Store::new(&engine, None::<Instance>);
        let instance = Instance::new(&mut store, &module, &[])?;
        let g = instance.get_typed_func::<(), Option<Func>>(&mut store, "g")?;
        g.call(&mut store, ())?;
        store.call_hook(move |mut store, step| match store.data_mut().take() {
            Some(instance) if step == closes_at => {
                instance.close(&mut store)?;
                store.gc(None)
            }
            kept => {
                *store.data_mut() = kept;
                Ok(())
            }
        });
        *store.data_mut() = Some(instance);
        match (closes_at, g.call(&mut store, ())) {
            (CallingWasm, result) => assert!(result.is_err()),
            (_, result) => {
                let f = result?.context("a function")?;
                assert!(f.call(&mut store, &[], &mut [Val::I32(0)]).is_err());
            }
        }
    }
    Ok(())
}

#[test]
fn the_newest_hook_is_told() -> Result<()> {
    let (mut store, instance) = set_up(true)?;
    store.call_hook(|_, _| Ok(()));
    let nothing = instance.get_typed_func::<(), ()>(&mut store, "nothing")?;
    nothing.call(&mut store, ())?;
    assert!(steps(&mut store).is_empty());
    for step in THROUGH_THE_HOST {
        assert_ne!(step.entering_host(), step.exiting_host());
    }
    assert!(CallingHost.entering_host() && ReturningFromWasm.entering_host());
    Ok(())
}
