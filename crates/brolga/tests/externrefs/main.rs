//! How long host objects live when wasm has to do with them: never shorter than wasm can reach them,
//! whatever compiled code keeps them in, and no longer than until the next look.
//!
//! Not under Miri: all of it runs generated code.
#![cfg(not(miri))]

mod collections;
mod frames;
mod instances;
mod model;
mod scopes;
mod stacks;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use brolga::*;

/// The objects that are there, by their numbers.
type Living = Arc<Mutex<BTreeSet<u32>>>;

/// An object with a number, which is among the living until it is dropped.
struct Numbered {
    number: u32,
    living: Living,
}

impl Drop for Numbered {
    fn drop(&mut self) {
        assert!(self.living.lock().unwrap().remove(&self.number), "dropped once");
    }
}

/// What a store carries for host functions that make and look at objects.
#[derive(Default)]
struct Objects {
    living: Living,
    next: u32,
    collections: u32,
}

impl Objects {
    fn living(&self) -> Vec<u32> {
        self.living.lock().unwrap().iter().copied().collect()
    }

    fn count(&self) -> usize {
        self.living.lock().unwrap().len()
    }
}

type Object = Rooted<ExternRef>;

/// Makes the next object.
fn make(mut store: impl AsContextMut<Data = Objects>) -> Result<Object> {
    let mut store = store.as_context_mut();
    let objects = store.data_mut();
    let (number, living) = (objects.next, Arc::clone(&objects.living));
    objects.next += 1;
    living.lock().unwrap().insert(number);
    ExternRef::new(store, Numbered { number, living })
}

/// An object's number.
fn number(store: impl AsContext, object: Object) -> Result<u32> {
    let data = object.data(store.as_context())?.context("every object has data")?;
    Ok(data.downcast_ref::<Numbered>().context("they are all of ours")?.number)
}

/// Looks for objects to drop now.
fn collect(mut store: impl AsContextMut<Data = Objects>) -> Result<()> {
    let mut store = store.as_context_mut();
    store.data_mut().collections += 1;
    store.gc(None)
}

/// Configurations whose code keeps values in other places.
fn configs() -> Vec<Config> {
    let mut configs = Vec::new();
    for level in [OptLevel::None, OptLevel::Speed] {
        for signals in [true, false] {
            let mut config = Config::new();
            config.cranelift_opt_level(level).signals_based_traps(signals);
            configs.push(config);
        }
    }
    configs
}

/// The host functions that modules here may import, which tests may replace: `make` gives a new
/// object, `number` its number, `collect` looks for objects to drop, and so do the others first.
fn linker(engine: &Engine) -> Result<Linker<Objects>> {
    let mut linker = Linker::<Objects>::new(engine);
    linker.allow_shadowing(true);
    linker.func_wrap("", "collect", |caller: Caller<'_, Objects>| collect(caller))?;
    linker.func_wrap("", "make", |mut caller: Caller<'_, Objects>| {
        collect(&mut caller)?;
        make(caller).map(Some)
    })?;
    linker.func_wrap("", "number", |mut caller: Caller<'_, Objects>, object: Option<Object>| {
        collect(&mut caller)?;
        number(caller, object.context("null")?)
    })?;
    linker.func_wrap(
        "",
        "expect",
        |caller: Caller<'_, Objects>, object: Option<Object>, expected: u32| {
            let found = number(caller, object.context("null")?)?;
            ensure!(found == expected, "expected object {expected}, found {found}");
            Ok(())
        },
    )?;
    linker.func_wrap("", "fail", || -> Result<()> { bail!("meant") })?;
    linker.func_wrap("", "panic", || -> () { std::panic::panic_any("meant") })?;
    Ok(linker)
}

/// A module's instance with these host functions.
fn start(config: &Config, wat: &str) -> Result<(Store<Objects>, Instance)> {
    let engine = Engine::new(config)?;
    let module = Module::new(&engine, wat)?;
    let mut store = Store::new(&engine, Objects::default());
    let instance = linker(&engine)?.instantiate(&mut store, &module)?;
    Ok((store, instance))
}

/// What modules import.
const IMPORTS: &str = r#"
    (import "" "collect" (func $collect))
    (import "" "make" (func $make (result externref)))
    (import "" "number" (func $number (param externref) (result i32)))
    (import "" "expect" (func $expect (param externref i32)))
    (import "" "fail" (func $fail))
    (import "" "panic" (func $panic))
"#;

/// Sixteen of something.
fn sixteen(each: impl Fn(usize) -> String) -> String {
    (0..16).map(each).collect()
}

fn store_next(store: impl AsContext<Data = Objects>) -> u32 {
    store.as_context().data().next
}
