//! What modules, stores and errors tell of themselves: needs, code, active functions.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroUsize;
use std::sync::Mutex;

use brolga::*;

#[test]
#[cfg_attr(miri, ignore = "compiling takes Miri minutes")]
fn what_instances_need() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module (import "" "t" (table 100 funcref)) (memory 3) (memory 2)
            (table 7 externref) (table 5 funcref))"#,
    )?;
    let required = ResourcesRequired {
        num_memories: 2,
        max_initial_memory_size: Some(3),
        num_tables: 2,
        max_initial_table_size: Some(7),
    };
    assert_eq!(module.resources_required(), required);
    let nothing = Module::new(&engine, "(module)")?.resources_required();
    assert_eq!((nothing.num_memories, nothing.max_initial_memory_size), (0, None));
    assert_eq!((nothing.num_tables, nothing.max_initial_table_size), (0, None));
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "compiling takes Miri minutes")]
fn code_is_where_it_says() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module (import "" "f" (func $f)) (func $call call $f call $f)
            (func (export "trap") (drop (i32.div_u (i32.const 1) (i32.const 0)))))"#,
    )?;
    let functions: Vec<_> = module.functions().collect();
    let names: Vec<_> = functions.iter().map(|it| (it.index.0, it.name.as_deref())).collect();
    assert_eq!(names, [(1, Some("call")), (2, Some("trap"))]);
    let end = functions[0].offset + functions[0].len;
    assert!(end <= functions[1].offset, "{functions:?}");
    let range = module.image_range();
    assert!(range.end.addr() - range.start.addr() >= module.text().len());

    let places: Vec<_> = module.address_map().context("a map")?.collect();
    assert!(places.is_sorted());
    let in_call = places.iter().filter(|(code, _)| (functions[0].offset..end).contains(code));
    assert_eq!(in_call.count(), 2, "two calls: {places:?}");
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "compiling takes Miri minutes")]
fn an_instance_knows_its_module() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(&engine, "(module)")?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    assert!(Module::same(&instance.module(&store), &module));
    Ok(())
}

/// Instantiates a module whose `outer` calls `inner`, which calls `host`.
fn nested<T: 'static>(store: &mut Store<T>, host: Func) -> Result<TypedFunc<(), ()>> {
    let module = Module::new(
        store.engine(),
        r#"(module (import "" "host" (func $host))
            (func $outer (export "outer") call $inner) (func $inner call $host))"#,
    )?;
    let instance = Instance::new(&mut *store, &module, &[host.into()])?;
    instance.get_typed_func(store, "outer")
}

fn names(backtrace: &WasmBacktrace) -> Vec<&str> {
    backtrace.frames().iter().map(|frame| frame.func_name().unwrap_or("?")).collect()
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn backtraces_are_captured_in_host_functions() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    assert!(WasmBacktrace::capture(&store).frames().is_empty());

    let direct = Func::wrap(&mut store, |caller: Caller<'_, ()>| {
        assert!(names(&WasmBacktrace::capture(&caller)).is_empty(), "no wasm called");
    });
    direct.call(&mut store, &[], &mut [])?;

    let innermost = Func::wrap(&mut store, |caller: Caller<'_, ()>| {
        let names_of = |backtrace: &WasmBacktrace| names(backtrace).join(" ");
        assert_eq!(names_of(&WasmBacktrace::capture(&caller)), "inner outer inner outer");
        // The frames stand still for whoever the host function lets look.
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let backtrace = WasmBacktrace::capture(&caller);
                    assert_eq!(names_of(&backtrace), "inner outer inner outer");
                });
            }
        });
    });
    let inner = nested(&mut store, innermost)?;
    let between = Func::wrap(&mut store, move |mut caller: Caller<'_, ()>| -> Result<()> {
        assert_eq!(names(&WasmBacktrace::capture(&caller)), ["inner", "outer"]);
        inner.call(&mut caller, ())?;
        // After a call inside, what is seen is again what waits for this one.
        assert_eq!(names(&WasmBacktrace::capture(&caller)), ["inner", "outer"]);
        inner.func().call(&mut caller, &[], &mut [])
    });
    nested(&mut store, between)?.call(&mut store, ())?;
    assert!(WasmBacktrace::capture(&store).frames().is_empty());
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn backtraces_outlive_their_store() -> Result<()> {
    let mut store = Store::new(&Engine::default(), Mutex::new(None));
    let host = Func::wrap(&mut store, |caller: Caller<'_, Mutex<Option<WasmBacktrace>>>| {
        *caller.data().lock().unwrap() = Some(WasmBacktrace::capture(&caller));
    });
    nested(&mut store, host)?.call(&mut store, ())?;
    let kept = store.into_data().into_inner().unwrap().context("captured")?;
    assert_eq!(names(&kept), ["inner", "outer"]);
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn what_is_captured_follows_the_configuration() -> Result<()> {
    for (max, captured, forced) in [(None, 0, 2), (NonZeroUsize::new(1), 1, 1)] {
        let engine = Engine::new(Config::new().wasm_backtrace_max_frames(max))?;
        let mut store = Store::new(&engine, ());
        let host = Func::wrap(&mut store, move |caller: Caller<'_, ()>| {
            assert_eq!(WasmBacktrace::capture(&caller).frames().len(), captured);
            assert_eq!(WasmBacktrace::force_capture(&caller).frames().len(), forced);
        });
        nested(&mut store, host)?.call(&mut store, ())?;
    }
    Ok(())
}

#[test]
fn engines_that_take_each_others_modules_say_so() -> Result<()> {
    let state = RandomState::new();
    let hash = |config: &Config| -> Result<u64> {
        Ok(state.hash_one(Engine::new(config)?.precompile_compatibility_hash()))
    };
    let same = hash(Config::new().wasm_backtrace(false).max_wasm_stack(1 << 19))?;
    assert_eq!(hash(&Config::new())?, same, "code does not depend on these");
    let others = [
        hash(Config::new().consume_fuel(true))?,
        hash(Config::new().epoch_interruption(true))?,
        hash(Config::new().memory_guard_size(1 << 20))?,
        hash(Config::new().wasm_simd(false))?,
        hash(Config::new().cranelift_opt_level(OptLevel::None))?,
        same,
    ];
    assert_eq!(others.iter().collect::<HashSet<_>>().len(), others.len());
    Ok(())
}

#[test]
fn host_objects_without_room_come_back() -> Result<()> {
    let mut store = Store::new(&Engine::default(), ());
    store.set_limits(Limits { externrefs: 1, ..store.limits() });
    let object = ExternRef::new(&mut store, 1_u8)?;
    let error = ExternRef::new(&mut store, 2_u8).unwrap_err();
    assert!(error.to_string().contains("no room for another host object"), "{error}");
    let full = error.downcast::<GcHeapOutOfMemory<u8>>()?;
    let (value, why) = full.take_inner();
    assert_eq!(value, 2);
    store.gc(Some(&why))?;

    // By number: as long as it is there.
    let raw = object.to_raw(&mut store)?;
    let again = ExternRef::from_raw(&mut store, raw).context("an object")?;
    assert!(Rooted::ref_eq(&store, &object, &again)?);
    // The same object, but given once more.
    assert!(Rooted::rooted_eq(object, object) && !Rooted::rooted_eq(object, again));
    let hash = |object: Rooted<ExternRef>| {
        let mut state = std::hash::DefaultHasher::new();
        object.rooted_hash(&mut state);
        std::hash::Hasher::finish(&state)
    };
    assert_eq!(hash(object), hash(object));
    assert_ne!(hash(object), hash(again));
    assert!(ExternRef::from_raw(&mut store, 0).is_none());
    assert!(ExternRef::from_raw(&mut store, raw + 1).is_none());
    let mut other = Store::new(store.engine(), ());
    assert!(object.to_raw(&mut other).is_err());
    assert!(object.ref_hash(&other, &mut std::hash::DefaultHasher::new()).is_err());
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "compiling takes Miri minutes")]
fn collecting_frees_what_closing_put_off() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    // Its function is in a table of its own: whether anybody else has it takes a look at all.
    let module = Module::new(
        &engine,
        r#"(module (memory 1) (table (export "t") 1 funcref) (elem (i32.const 0) $f) (func $f))"#,
    )?;
    store.set_limits(Limits { instances: 2, ..store.limits() });
    for _ in 0..10 {
        let instances =
            [Instance::new(&mut store, &module, &[])?, Instance::new(&mut store, &module, &[])?];
        for instance in instances {
            instance.close(&mut store)?;
        }
        store.gc(None)?;
    }
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn a_thread_can_be_prepared() -> Result<()> {
    std::thread::spawn(|| {
        Engine::tls_eager_initialize();
        Engine::tls_eager_initialize();
        let mut store = Store::new(&Engine::default(), ());
        let host = Func::wrap(&mut store, || ());
        nested(&mut store, host)?.call(&mut store, ())
    })
    .join()
    .unwrap()
}
