//! How long the references are good that the host is given.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use brolga::*;

use crate::*;

#[test]
fn however_a_host_function_ends_its_references_do() -> Result<()> {
    let wat = format!(
        r#"(module {IMPORTS}
            (func (export "fail") (drop (call $make)) (call $fail))
            (func (export "panic") (drop (call $make)) (call $panic))
            (func (export "trap") (drop (call $make)) unreachable)
            (func (export "give") (result externref) (call $make)))"#
    );
    let (mut store, instance) = start(&Config::new(), &wat)?;
    let ways = ["fail", "panic", "trap"];
    for (round, way) in ways.iter().cycle().take(30).enumerate() {
        let func = instance.get_typed_func::<(), ()>(&mut store, way)?;
        let ended = catch_unwind(AssertUnwindSafe(|| func.call(&mut store, ())));
        assert_eq!(ended.is_err(), *way == "panic");
        assert!(!matches!(ended, Ok(Ok(()))), "{round}");
        store.gc(None)?;
        assert_eq!(store.data().count(), 0, "after {way}");
    }
    // A host function that itself fails after it has made some.
    let failing = Func::wrap(&mut store, |mut caller: Caller<'_, Objects>, how: u32| {
        make(&mut caller)?;
        match how {
            0 => Ok(()),
            1 => bail!("meant"),
            _ => panic!("meant"),
        }
    });
    let failing = failing.typed::<u32, ()>(&store)?;
    for how in [0, 1, 2] {
        let _ = catch_unwind(AssertUnwindSafe(|| failing.call(&mut store, how)));
        store.gc(None)?;
        assert_eq!(store.data().count(), 0, "{how}");
    }
    // What a call returns is the caller's.
    let give = instance.get_typed_func::<(), Option<Object>>(&mut store, "give")?;
    let given = {
        let mut scope = RootScope::new(&mut store);
        let given = give.call(&mut scope, ())?.context("an object")?;
        scope.as_context_mut().gc(None)?;
        assert_eq!(number(&scope, given)?, store_next(&scope) - 1);
        given
    };
    let error = number(&store, given).unwrap_err();
    let expected =
        "this externref is not rooted any more: the scope that it was given in has ended";
    assert_eq!(error.to_string(), expected);
    store.gc(None)?;
    assert_eq!(store.data().count(), 0);
    Ok(())
}

#[test]
fn references_of_one_s_own_outlive_every_scope() -> Result<()> {
    type Owned = OwnedRooted<ExternRef>;
    let wat = format!(
        r#"(module {IMPORTS}
            (import "" "keep" (func $keep (param externref)))
            (import "" "kept" (func $kept (result externref)))
            (func (export "run") (param externref) (result externref)
                (call $keep (call $make)) (call $collect)
                (call $expect (call $kept) (i32.const 1))
                (call $expect (local.get 0) (i32.const 0)) (local.get 0)))"#
    );
    let engine = Engine::default();
    let mut store = Store::new(&engine, Objects::default());
    let kept = Arc::new(Mutex::new(None::<Owned>));
    let mut linker = linker(&engine)?;
    linker.func_wrap("", "make", |caller: Caller<'_, Objects>| make(caller).map(Some))?;
    linker.func_wrap(
        "",
        "expect",
        |mut caller: Caller<'_, Objects>, object: Option<Owned>, expected: u32| {
            let found = object.context("null")?.to_rooted(&mut caller);
            ensure!(number(caller, found)? == expected, "another");
            Ok(())
        },
    )?;
    let keep = Arc::clone(&kept);
    linker.func_wrap("", "keep", move |object: Option<Owned>| *keep.lock().unwrap() = object)?;
    let give = Arc::clone(&kept);
    linker.func_wrap("", "kept", move || give.lock().unwrap().clone())?;
    let module = Module::new(&engine, wat)?;
    let instance = linker.instantiate(&mut store, &module)?;
    let run = instance.get_typed_func::<Option<Owned>, Option<Owned>>(&mut store, "run")?;

    let first = {
        let mut scope = RootScope::new(&mut store);
        make(&mut scope)?.to_owned_rooted(&mut scope)?
    };
    let back = run.call(&mut store, Some(first.clone()))?.context("it comes back")?;
    assert!(OwnedRooted::ref_eq(&store, &back, &first)?);
    assert!(!Rooted::ref_eq(&store, &back, kept.lock().unwrap().as_ref().context("kept")?)?);
    for left in [first, back] {
        store.gc(None)?;
        assert_eq!(store.data().living(), [0, 1]);
        drop(left);
    }
    store.gc(None)?;
    assert_eq!(store.data().living(), [1]);
    kept.lock().unwrap().take();
    store.gc(None)?;
    assert_eq!(store.data().living(), []);
    Ok(())
}

#[test]
fn an_object_that_is_gone_has_no_number() -> Result<()> {
    let mut store = Store::new(&Engine::default(), Objects::default());
    let raw = {
        let mut scope = RootScope::new(&mut store);
        let object = make(&mut scope)?;
        object.to_raw(&mut scope)?
    };
    // It is there until somebody looks; then it isn't.
    let mut scope = RootScope::new(&mut store);
    assert!(ExternRef::from_raw(&mut scope, raw).is_some());
    drop(scope);
    store.gc(None)?;
    assert!(ExternRef::from_raw(&mut store, raw).is_none());
    Ok(())
}

#[test]
fn results_by_number_are_good_as_long_as_the_scope() -> Result<()> {
    let engine = Engine::default();
    let module =
        Module::new(&engine, "(module (func (param externref) (result externref) local.get 0))")?;
    let mut store = Store::new(&engine, Objects::default());
    let instance = engine.new_module_engine(&mut store, "m", &module, &[])?;
    let func = FuncIndex(0);
    let number = {
        let mut scope = RootScope::new(&mut store);
        let object = make(&mut scope)?;
        let raw = u64::from(object.to_raw(&mut scope)?);
        let mut identity = instance.new_call_engine(&mut scope, func)?;
        let mut inner = RootScope::new(&mut scope);
        assert_eq!(identity.call(&mut inner, &[raw])?, [raw]);
        raw
    };
    let mut identity = instance.new_call_engine(&mut store, func)?;
    let mut scope = RootScope::new(&mut store);
    assert_eq!(identity.call(&mut scope, &[number])?, [number], "nobody has looked yet");
    scope.as_context_mut().gc(None)?;
    assert_eq!(identity.call(&mut scope, &[number])?, [number], "the result has kept it");
    drop(scope);
    store.gc(None)?;
    assert_eq!(store.data().count(), 0);
    assert!(identity.call(&mut store, &[number]).is_err());
    Ok(())
}

#[test]
fn arguments_stay_until_a_host_function_has_them() -> Result<()> {
    type Owned = OwnedRooted<ExternRef>;
    /// Looks for objects to drop, and has another take the place of one that is.
    fn disturb(mut store: impl AsContextMut<Data = Objects>) -> Result<()> {
        collect(&mut store)?;
        make(store).map(drop)
    }
    for hooked in [false, true] {
        let engine = Engine::default();
        let mut store = Store::new(&engine, Objects::default());
        if hooked {
            store.call_hook(|store, _| disturb(store));
        }
        let rooted = |mut caller: Caller<'_, Objects>, _: u64, object: Option<Object>| {
            disturb(&mut caller)?;
            number(caller, object.context("null")?)
        };
        let owned = |mut caller: Caller<'_, Objects>, _: u64, object: Option<Owned>| {
            disturb(&mut caller)?;
            let object = object.context("null")?.to_rooted(&mut caller);
            number(caller, object)
        };
        let ty = FuncType::new(&engine, [ValType::I64, ValType::EXTERNREF], [ValType::I32]);
        let dynamic = |mut caller: Caller<'_, Objects>, params: &[Val], results: &mut [Val]| {
            disturb(&mut caller)?;
            let object = *params[1].unwrap_externref().context("null")?;
            results[0] = Val::I32(number(caller, object)? as i32);
            Ok(())
        };
        // SAFETY: reads an externref, writes an i32.
        let unchecked = unsafe {
            Func::new_unchecked(&mut store, ty.clone(), |mut caller, values| {
                disturb(&mut caller)?;
                let raw = values[1].assume_init().get_externref();
                let object = ExternRef::from_raw(&mut caller, raw).context("gone")?;
                values[0].write(ValRaw::i32(number(caller, object)? as i32));
                Ok(())
            })
        };
        let funcs = [
            Func::wrap(&mut store, rooted),
            Func::wrap(&mut store, owned),
            Func::new(&mut store, ty, dynamic),
            unchecked,
        ];
        let module = Module::new(
            &engine,
            r#"(module (import "" "" (func $host (param i64 externref) (result i32)))
                (func (export "run") (param i64 externref) (result i32)
                    (call $host (local.get 0) (local.get 1))))"#,
        )?;
        for func in funcs {
            let instance = Instance::new(&mut store, &module, &[func.into()])?;
            let run = instance.get_func(&mut store, "run").context("no `run`")?;
            for called in [func, run] {
                let typed = called.typed::<(u64, Option<Owned>), u32>(&store)?;
                // The second time it is known where to enter.
                for _ in 0..2 {
                    let mut scope = RootScope::new(&mut store);
                    let object = make(&mut scope)?;
                    let (expected, owned) =
                        (number(&scope, object)?, object.to_owned_rooted(&mut scope)?);
                    drop(scope);
                    assert_eq!(typed.call(&mut store, (1, Some(owned)))?, expected);
                }
            }
            let engine = engine.new_module_engine(&mut store, "", &module, &[func.into()])?;
            for index in [FuncIndex(0), FuncIndex(1)] {
                let mut called = engine.new_call_engine(&mut store, index)?;
                // A hook that is told before the call may have it drop what nothing leads to.
                for _ in 0..if hooked { 0 } else { 2 } {
                    let mut scope = RootScope::new(&mut store);
                    let object = make(&mut scope)?;
                    let (expected, raw) = (number(&scope, object)?, object.to_raw(&mut scope)?);
                    drop(scope);
                    let results = called.call(&mut store, &[1, raw.into()])?;
                    assert_eq!(results, [u64::from(expected)]);
                }
            }
        }
        store.gc(None)?;
        assert_eq!(store.data().count(), 0, "hooked: {hooked}");
    }
    Ok(())
}

/// One of two stores: which, may change.
struct Either<'a, A> {
    one: A,
    other: &'a mut Store<Objects>,
    is_other: &'a AtomicBool,
}

impl<A: AsContextMut<Data = Objects>> AsContext for Either<'_, A> {
    type Data = Objects;

    fn as_context(&self) -> StoreContext<'_, Objects> {
        match self.is_other.load(Relaxed) {
            true => self.other.as_context(),
            false => self.one.as_context(),
        }
    }
}

impl<A: AsContextMut<Data = Objects>> AsContextMut for Either<'_, A> {
    fn as_context_mut(&mut self) -> StoreContextMut<'_, Objects> {
        match self.is_other.load(Relaxed) {
            true => self.other.as_context_mut(),
            false => self.one.as_context_mut(),
        }
    }
}

#[test]
fn a_scope_ends_in_its_own_store_only() -> Result<()> {
    let wat = format!(
        r#"(module {IMPORTS}
            (import "" "confuse" (func $confuse (param externref) (result externref)))
            (func (export "run") (param $given externref) (result externref) (local $own externref)
                (local.set $own (call $make))
                (drop (call $confuse (local.get $own)))
                (call $expect (local.get $own) (i32.const 1))
                (call $expect (local.get $given) (i32.const 0))
                (call $confuse (local.get $given))))"#
    );
    let engine = Engine::default();
    let mut linker = linker(&engine)?;
    linker.func_wrap("", "make", |caller: Caller<'_, Objects>| make(caller).map(Some))?;
    linker.func_wrap(
        "",
        "expect",
        |mut caller: Caller<'_, Objects>, object: Option<Object>, expected: u32| {
            collect(&mut caller)?;
            ensure!(number(caller, object.context("null")?)? == expected, "another");
            Ok(())
        },
    )?;
    linker.func_wrap(
        "",
        "confuse",
        |mut caller: Caller<'_, Objects>, object: Option<Object>| {
            let object = object.context("null")?;
            let is_other = AtomicBool::new(true);
            let mut other = Store::new(caller.engine(), Objects::default());
            let one = &mut caller;
            let scope = RootScope::new(Either { one, other: &mut other, is_other: &is_other });
            is_other.store(false, Relaxed);
            drop(scope);
            collect(&mut caller)?;
            number(&caller, object)?;
            make(&mut caller)?;
            // Inner scopes that are forgotten, and end with the host function.
            std::mem::forget(RootScope::new(&mut caller));
            make(&mut caller).map(Some)
        },
    )?;
    let module = Module::new(&engine, wat)?;
    let mut store = Store::new(&engine, Objects::default());
    let instance = linker.instantiate(&mut store, &module)?;
    let run = instance.get_typed_func::<Option<Object>, Option<Object>>(&mut store, "run")?;
    let given = make(&mut store)?;
    let last = run.call(&mut store, Some(given))?.context("an object")?;
    store.gc(None)?;
    assert_eq!((number(&store, given)?, number(&store, last)?), (0, 5));
    assert_eq!(store.data().living(), [0, 5]);
    Ok(())
}
