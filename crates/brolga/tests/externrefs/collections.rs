//! When objects are looked for, and what their destructors may do.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use brolga::*;

use crate::*;

#[test]
fn what_wasm_lets_go_of_goes_while_it_runs() -> Result<()> {
    let wat = r#"(module
        (import "" "make" (func $make (result externref)))
        (func (export "run") (param i32)
            (loop
                (drop (call $make))
                (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
                (br_if 0 (local.get 0)))))"#;
    for config in configs() {
        // Nobody asks for a collection.
        let engine = Engine::new(&config)?;
        let mut store = Store::new(&engine, Objects::default());
        let most = Arc::new(Mutex::new(0));
        let host_most = Arc::clone(&most);
        let made = Func::wrap(&mut store, move |mut caller: Caller<'_, Objects>| {
            let object = make(&mut caller)?;
            // What is made beside goes as well.
            make(&mut caller)?;
            let mut most = host_most.lock().unwrap();
            *most = (*most).max(caller.data().count());
            Ok(Some(object))
        });
        let module = Module::new(&engine, wat)?;
        let instance = Instance::new(&mut store, &module, &[made.into()])?;
        let run = instance.get_typed_func::<u32, ()>(&mut store, "run")?;
        run.call(&mut store, 100_000)?;
        assert_eq!(store.data().next, 200_000);
        let most = *most.lock().unwrap();
        assert!(most < 3_000, "{most} at once");
    }
    Ok(())
}

#[test]
fn a_limit_of_objects_is_a_limit_of_those_in_use() -> Result<()> {
    let (mut store, _) = start(&Config::new(), "(module)")?;
    store.set_limits(Limits { externrefs: 10, ..store.limits() });
    for _ in 0..1_000 {
        let mut scope = RootScope::new(&mut store);
        for _ in 0..7 {
            make(&mut scope)?;
        }
    }
    let mut scope = RootScope::new(&mut store);
    for _ in 0..10 {
        make(&mut scope)?;
    }
    let error = make(&mut scope).unwrap_err();
    assert!(error.is::<GcHeapOutOfMemory<Numbered>>(), "{error:?}");
    Ok(())
}

#[test]
fn hooks_and_callbacks_collect_where_they_are_asked() -> Result<()> {
    let wat = format!(
        r#"(module {IMPORTS}
            (func (export "run") (param $given externref) (param $number i32) (result externref)
                (local $own externref) (local $n i32) (local $left i32)
                (local.set $left (i32.const 9))
                (local.set $own (call $make))
                (local.set $n (call $number (local.get $own)))
                (loop
                    (local.set $left (i32.sub (local.get $left) (i32.const 1)))
                    (br_if 0 (local.get $left)))
                (call $expect (local.get $own) (local.get $n))
                (call $expect (local.get $given) (local.get $number))
                (local.get $own)))"#
    );
    for mut config in configs() {
        config.epoch_interruption(true);
        for hooked in [false, true] {
            let (mut store, instance) = start(&config, &wat)?;
            // Each asks for the next at once, so that every function and loop asks.
            store.set_epoch_deadline(0);
            store.epoch_deadline_callback(|mut store| {
                make(&mut store)?;
                collect(store)?;
                Ok(UpdateDeadline::Continue(0))
            });
            if hooked {
                store.call_hook(|mut store, _| {
                    make(&mut store)?;
                    collect(store)
                });
            }
            let mut scope = RootScope::new(&mut store);
            let given = make(&mut scope)?;
            let given_number = number(&scope, given)?;
            let run = instance.get_func(&mut scope, "run").context("no `run`")?;
            let mut results = [Val::I32(0)];
            let params = [given.into(), Val::I32(given_number as i32)];
            run.call(&mut scope, &params, &mut results)?;
            let result = *results[0].unwrap_externref().context("an object")?;
            scope.as_context_mut().gc(None)?;
            assert_ne!(number(&scope, result)?, given_number);
            let collections = scope.as_context().data().collections;
            assert!(collections > if hooked { 20 } else { 10 }, "{collections}");
            drop(scope);
            store.gc(None)?;
            assert_eq!(store.data().count(), 0);
        }
    }
    Ok(())
}

#[test]
fn what_a_hook_makes_goes_when_it_has_returned() -> Result<()> {
    let (mut store, instance) =
        start(&Config::new(), r#"(module (func (export "run") (result i32) (i32.const 7)))"#)?;
    let kept = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&kept);
    store.call_hook(move |store, step| {
        *keep.lock().unwrap() = Some(make(store)?);
        ensure!(step == CallHook::CallingWasm, "meant");
        Ok(())
    });
    let run = instance.get_typed_func::<(), u32>(&mut store, "run")?;
    for _ in 0..3 {
        assert!(run.call(&mut store, ()).is_err());
        let made = kept.lock().unwrap().take().context("the hook was told")?;
        assert!(number(&store, made).is_err());
    }
    store.gc(None)?;
    assert_eq!((store.data().next, store.data().count()), (6, 0));
    Ok(())
}

/// Panics when it is dropped.
struct Bomb(Arc<Mutex<u32>>);

impl Drop for Bomb {
    fn drop(&mut self) {
        *self.0.lock().unwrap() += 1;
        std::panic::panic_any("meant");
    }
}

#[test]
fn a_destructor_that_panics_takes_nothing_with_it() -> Result<()> {
    let wat = format!(r#"(module {IMPORTS} (func (export "run") (call $collect)))"#);
    let (mut store, instance) = start(&Config::new(), &wat)?;
    let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
    let dropped = Arc::new(Mutex::new(0));
    let kept = make(&mut store)?;
    for round in 1..=6 {
        {
            let mut scope = RootScope::new(&mut store);
            make(&mut scope)?;
            ExternRef::new(&mut scope, Bomb(Arc::clone(&dropped)))?;
            make(&mut scope)?;
        }
        let collecting = catch_unwind(AssertUnwindSafe(|| match round % 3 {
            0 => store.gc(None),
            // In a host function that wasm has called.
            1 => run.call(&mut store, ()),
            // When there is need of room.
            _ => {
                store.set_limits(Limits { externrefs: 1, ..store.limits() });
                make(&mut store).map(drop)
            }
        }));
        let payload = collecting.expect_err("the panic comes through");
        assert_eq!(payload.downcast_ref(), Some(&"meant"));
        store.set_limits(Limits::default());
        assert_eq!(*dropped.lock().unwrap(), round);
        store.gc(None)?;
        let left = store.data().living();
        assert!(left.len() <= 2 && left[0] == 0, "{left:?}");
        assert_eq!(number(&store, kept)?, 0);
    }
    run.call(&mut store, ())?;
    Ok(())
}

#[test]
fn any_number_of_destructors_may_panic() -> Result<()> {
    let (mut store, _) = start(&Config::new(), "(module)")?;
    let dropped = Arc::new(Mutex::new(0));
    {
        let mut scope = RootScope::new(&mut store);
        for _ in 0..3 {
            make(&mut scope)?;
            ExternRef::new(&mut scope, Bomb(Arc::clone(&dropped)))?;
        }
    }
    let collecting = catch_unwind(AssertUnwindSafe(|| store.gc(None)));
    assert_eq!(collecting.expect_err("one comes through").downcast_ref(), Some(&"meant"));
    assert_eq!((*dropped.lock().unwrap(), store.data().count()), (3, 0));
    store.gc(None)
}
