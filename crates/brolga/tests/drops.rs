//! Destructors of the embedder's: each runs once, and one that panics takes nothing else with it.

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use brolga::*;

/// Counts its drops, and may panic at that.
struct Counted {
    drops: Arc<AtomicUsize>,
    panics: bool,
}

impl Counted {
    /// Has closures that call it own the whole.
    fn number(&self) -> i32 {
        self.panics.into()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.drops.fetch_add(1, Relaxed);
        if self.panics {
            panic_any("meant");
        }
    }
}

/// What a store holds that is the embedder's.
const HELD: [&str; 7] =
    ["data", "closure", "dynamic", "linked", "object", "epoch callback", "call hook"];

/// A store that holds one of each, of which `panics` panics when dropped; and what counts drops.
fn store(engine: &Engine, panics: &str) -> Result<(Store<Counted>, Arc<AtomicUsize>)> {
    let drops = Arc::new(AtomicUsize::new(0));
    let counted = |what: &str| Counted { drops: Arc::clone(&drops), panics: panics == what };
    let mut store = Store::new(engine, counted("data"));
    let closure = counted("closure");
    let func = Func::wrap(&mut store, move || closure.number());
    let dynamic = counted("dynamic");
    let ty = FuncType::new(engine, [], [ValType::I32]);
    Func::new(&mut store, ty, move |_, _, results| {
        results[0] = dynamic.number().into();
        Ok(())
    });
    let linked = counted("linked");
    let mut linker = Linker::new(engine);
    linker.func_wrap("m", "f", move || linked.number())?;
    linker.get(&mut store, "m", "f")?;
    drop(linker);
    ExternRef::new(&mut store, counted("object"))?;
    let callback = counted("epoch callback");
    store.epoch_deadline_callback(move |_| match callback.number() {
        0 => Ok(UpdateDeadline::Continue(1)),
        _ => Ok(UpdateDeadline::Interrupt),
    });
    let hook = counted("call hook");
    store.call_hook(move |mut store, _| {
        store.data_mut().panics |= hook.number() > 1;
        Ok(())
    });
    // Something of the store's own beside them, which is to be freed all the same.
    let module = Module::new(
        engine,
        r#"(module (import "m" "f" (func $f (result i32))) (memory 1)
            (func (export "run") (result i32) call $f))"#,
    )?;
    Instance::new(&mut store, &module, &[func.into()])?;
    Ok((store, drops))
}

#[test]
#[cfg_attr(miri, ignore = "compiling takes Miri minutes")]
fn everything_is_dropped_once_with_its_store() -> Result<()> {
    let engine = Engine::default();
    let (store, drops) = store(&engine, "nothing")?;
    assert_eq!(drops.load(Relaxed), 0);
    drop(store);
    assert_eq!(drops.load(Relaxed), HELD.len());

    let (store, drops) = self::store(&engine, "nothing")?;
    let data = store.into_data();
    assert_eq!(drops.load(Relaxed), HELD.len() - 1);
    drop(data);
    assert_eq!(drops.load(Relaxed), HELD.len());
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "compiling takes Miri minutes")]
fn a_destructor_that_panics_takes_nothing_with_it() -> Result<()> {
    let engine = Engine::default();
    for what in HELD {
        let (store, drops) = store(&engine, what)?;
        let caught = catch_unwind(AssertUnwindSafe(|| drop(store)));
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"meant"), "{what}");
        assert_eq!(drops.load(Relaxed), HELD.len(), "{what}");
    }
    // The engine is as good as before.
    drop(store(&engine, "nothing")?);
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "compiling takes Miri minutes")]
fn a_callback_that_is_replaced_is_dropped_at_once() -> Result<()> {
    let (mut store, drops) = store(&Engine::default(), "nothing")?;
    store.epoch_deadline_trap();
    assert_eq!(drops.load(Relaxed), 1);
    store.call_hook(|_, _| Ok(()));
    assert_eq!(drops.load(Relaxed), 2);
    Ok(())
}

/// Fails, and panics where it is asked to.
struct Touchy(&'static str, StoreLimits);

impl ResourceLimiter for Touchy {
    fn memory_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> Result<bool> {
        if self.0 == "memory" { panic_any("meant") } else { Ok(true) }
    }

    fn memory_grow_failed(&mut self, _: Error) -> Result<()> {
        if self.0 == "memory failed" { panic_any("meant") } else { Ok(()) }
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> Result<bool> {
        if self.0 == "table" { panic_any("meant") } else { Ok(true) }
    }

    fn table_grow_failed(&mut self, _: Error) -> Result<()> {
        if self.0 == "table failed" { panic_any("meant") } else { Ok(()) }
    }

    fn instances(&self) -> usize {
        if self.0 == "count" { panic_any("meant") } else { self.1.instances() }
    }
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn a_limiter_that_panics_leaves_the_store_usable() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module (memory 1 3) (table 1 3 funcref)
            (func (export "memory") (param i32) (result i32) (memory.grow (local.get 0)))
            (func (export "table") (param i32) (result i32)
                (table.grow (ref.null func) (local.get 0))))"#,
    )?;
    for (touchy, export, by) in [
        ("memory", "memory", 1),
        ("memory failed", "memory", 9),
        ("table", "table", 1),
        ("table failed", "table", 9),
    ] {
        let mut store = Store::new(&engine, Touchy("", StoreLimits::default()));
        store.limiter(|it| it);
        let instance = Instance::new(&mut store, &module, &[])?;
        let grow = instance.get_typed_func::<i32, i32>(&mut store, export)?;
        store.data_mut().0 = touchy;
        let caught = catch_unwind(AssertUnwindSafe(|| grow.call(&mut store, by)));
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"meant"), "{touchy}");
        store.data_mut().0 = "";
        assert_eq!(grow.call(&mut store, 1)?, 1, "nothing has grown");
        assert_eq!(grow.call(&mut store, 9)?, -1);
    }
    let mut store = Store::new(&engine, Touchy("count", StoreLimits::default()));
    let caught = catch_unwind(AssertUnwindSafe(|| store.limiter(|it| it)));
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"meant"));
    store.data_mut().0 = "";
    Instance::new(&mut store, &module, &[]).map(drop)
}

/// How many bytes of memory this process has, if the system tells.
fn resident_bytes() -> Option<usize> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(statm.split(' ').nth(1)?.parse::<usize>().ok()? * 4096)
}

/// Made outside of every scope, an object is rooted until its store goes, and no longer.
#[test]
#[cfg_attr(miri, ignore = "compiling takes Miri minutes")]
fn objects_of_no_scope_live_as_long_as_their_store() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(&engine, r#"(module (table (export "t") 1 externref))"#)?;
    let drops = Arc::new(AtomicUsize::new(0));
    let mut store = Store::new(&engine, ());
    store.set_limits(Limits { externrefs: 1000, ..store.limits() });
    let instance = Instance::new(&mut store, &module, &[])?;
    let table = instance.get_table(&mut store, "t").context("a table")?;
    let mut first = None;
    for _ in 0..1000 {
        let object = ExternRef::new(&mut store, Counted { drops: drops.clone(), panics: false })?;
        table.set(&mut store, 0, object.into())?;
        first.get_or_insert(object);
    }
    instance.close(&mut store)?;
    store.gc(None)?;
    assert_eq!(drops.load(Relaxed), 0, "nothing is freed");
    let first = first.context("an object")?.data(&store)?.context("its data")?;
    assert!(first.is::<Counted>());
    let one_more = ExternRef::new(&mut store, Counted { drops: drops.clone(), panics: false });
    assert!(one_more.unwrap_err().is::<GcHeapOutOfMemory<Counted>>());
    assert_eq!(drops.load(Relaxed), 1, "what found no room");
    drop(store);
    assert_eq!(drops.load(Relaxed), 1001);

    // 400 MB of objects in turn, 2 MB at a time.
    let before = resident_bytes();
    for _ in 0..200 {
        let mut store = Store::new(&engine, ());
        for number in 0..2000 {
            ExternRef::new(&mut store, [number; 256])?;
        }
    }
    if let (Some(before), Some(after)) = (before, resident_bytes()) {
        assert!(after < before + (100 << 20), "{before} bytes before, {after} after");
    }
    Ok(())
}
