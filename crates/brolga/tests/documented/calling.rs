//! Calls: what is looked at before anything runs, and what ends one.

use brolga::*;

use crate::{fails, says};

const MODULE: &str = r#"(module $m
    (import "" "host" (func $host))
    (func (export "trap") unreachable)
    (func (export "host") call $host)
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "object") (param externref) (result externref) (local.get 0)))"#;

fn set_up() -> Result<(Store<()>, Instance)> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let host = Func::wrap(&mut store, || -> Result<()> { bail!(ModuleIsTired(3)) });
    let module = Module::new(&engine, MODULE)?;
    let instance = Instance::new(&mut store, &module, &[host.into()])?;
    Ok((store, instance))
}

/// A host function's own kind of error.
#[derive(Debug, thiserror::Error)]
#[error("the module is tired after {0} calls")]
struct ModuleIsTired(u32);

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn functions() -> Result<()> {
    let (mut store, instance) = set_up()?;
    let mut get = |name| instance.get_func(&mut store, name).context("a function");
    let (trap, host, add, object) = (get("trap")?, get("host")?, get("add")?, get("object")?);
    let result = &mut [Val::I32(0)];
    fails::<Trap>(
        trap.call(&mut store, &[], &mut []),
        "wasm trap: wasm `unreachable` instruction executed",
    );
    fails::<WasmBacktrace>(
        trap.call(&mut store, &[], &mut []),
        "wasm trap: wasm `unreachable` instruction executed",
    );
    fails::<ModuleIsTired>(
        host.call(&mut store, &[], &mut []),
        "the module is tired after 3 calls",
    );
    says(add.call(&mut store, &[1.into()], result), "expected 2 arguments, got 1");
    says(add.call(&mut store, &[1.into(), 2.into()], &mut []), "expected 1 results, got 0");
    fails::<ValueError>(
        add.call(&mut store, &[1.into(), 2_f64.into()], result),
        "type mismatch with argument 1: expected a value of type i32, found f64",
    );
    fails::<ValueError>(
        object.call(&mut store, &[NoFunc::null_val()], result),
        "type mismatch with argument 0: expected a value of type externref, found null function",
    );
    let mut other = Store::new(store.engine(), ());
    let theirs = ExternRef::new(&mut other, ())?;
    fails::<FuncError>(
        object.call(&mut store, &[theirs.into()], result),
        "argument 0: this externref belongs to another store",
    );
    fails::<HandleError>(
        trap.call(&mut other, &[], &mut []),
        "this function belongs to another store",
    );
    fails::<HandleError>(trap.typed::<(), ()>(&other), "this function belongs to another store");
    says(
        add.typed::<(i32, i64), i32>(&store),
        "the function has type (func (param i32 i32) (result i32)): type mismatch with parameter 1: expected i64, found i32",
    );

    // SAFETY: what is shorter than the type asks for is refused.
    says(
        unsafe { add.call_unchecked(&mut store, &mut [ValRaw::i32(1)]) },
        "expected room for 2 values, got 1",
    );
    // SAFETY: nothing goes in or comes out.
    fails::<Trap>(
        unsafe { trap.call_unchecked(&mut store, &mut []) },
        "wasm trap: wasm `unreachable` instruction executed",
    );
    // SAFETY: as above.
    fails::<ModuleIsTired>(
        unsafe { host.call_unchecked(&mut store, &mut []) },
        "the module is tired after 3 calls",
    );
    // SAFETY: as above.
    fails::<HandleError>(
        unsafe { trap.call_unchecked(&mut other, &mut []) },
        "this function belongs to another store",
    );

    instance.close(&mut store)?;
    fails::<HandleError>(
        trap.call(&mut store, &[], &mut []),
        "this function belongs to an instance that has been closed",
    );
    fails::<HandleError>(
        trap.typed::<(), ()>(&store),
        "this function belongs to an instance that has been closed",
    );
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn typed_functions() -> Result<()> {
    let (mut store, instance) = set_up()?;
    let trap = instance.get_typed_func::<(), ()>(&mut store, "trap")?;
    let host = instance.get_typed_func::<(), ()>(&mut store, "host")?;
    type Objects = TypedFunc<Option<Rooted<ExternRef>>, Option<Rooted<ExternRef>>>;
    let object: Objects = instance.get_typed_func(&mut store, "object")?;
    fails::<Trap>(trap.call(&mut store, ()), "wasm trap: wasm `unreachable` instruction executed");
    fails::<ModuleIsTired>(host.call(&mut store, ()), "the module is tired after 3 calls");
    let mut other = Store::new(store.engine(), ());
    let theirs = ExternRef::new(&mut other, ())?;
    fails::<FuncError>(
        object.call(&mut store, Some(theirs)),
        "this externref belongs to another store",
    );
    fails::<HandleError>(trap.call(&mut other, ()), "this function belongs to another store");
    instance.close(&mut store)?;
    fails::<FuncError>(
        trap.call(&mut store, ()),
        "this function belongs to an instance that has been closed",
    );
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "a host function's error leaves its call by a jump")]
fn results_of_host_functions() -> Result<()> {
    let mut store = Store::new(&Engine::default(), ());
    let ty = FuncType::new(store.engine(), [], [ValType::I32]);
    let wrong = Func::new(&mut store, ty, |_, _, results| {
        results[0] = Val::F32(0);
        Ok(())
    });
    fails::<ValueError>(
        wrong.call(&mut store, &[], &mut [Val::I32(0)]),
        "function attempted to return an incompatible value as result 0: expected a value of type \
         i32, found f32",
    );
    Ok(())
}

/// A limiter that fails at one of its questions, and otherwise has nothing against anything.
struct Fails(&'static str);

impl Fails {
    fn at(&self, question: &str) -> Result<()> {
        ensure!(self.0 != question, "failed at {question}");
        Ok(())
    }
}

impl ResourceLimiter for Fails {
    fn memory_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> Result<bool> {
        self.at("memory_growing").map(|()| true)
    }

    fn memory_grow_failed(&mut self, why: Error) -> Result<()> {
        self.at("memory_grow_failed").map_err(|error| why.context(error))
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> Result<bool> {
        self.at("table_growing").map(|()| true)
    }

    fn table_grow_failed(&mut self, why: Error) -> Result<()> {
        self.at("table_grow_failed").map_err(|error| why.context(error))
    }
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn limiters() -> Result<()> {
    let engine = Engine::default();
    let module = |max: &str| {
        let text = format!(
            r#"(module $m (memory 1 {max}) (table (export "t") 1 {max} funcref)
                (func $f (export "f") (drop (memory.grow (i32.const 1)))
                    (drop (table.grow (ref.null func) (i32.const 1)))))"#
        );
        Module::new(&engine, text)
    };
    let (full, growing) = (module("1")?, module("")?);
    let mut store = Store::new(&engine, Fails("nothing"));
    store.limiter(|limiter| limiter);
    let instance = Instance::new(&mut store, &full, &[])?;
    let f = instance.get_typed_func::<(), ()>(&mut store, "f")?;
    f.call(&mut store, ())?;
    for question in ["memory_growing", "memory_grow_failed", "table_growing", "table_grow_failed"] {
        *store.data_mut() = Fails(question);
        let error = f.call(&mut store, ()).unwrap_err();
        assert!(error.is::<WasmBacktrace>(), "{error:?}");
        let text = format!("{error:#}");
        assert!(text.contains(&format!("failed at {question}")), "{text}");
        assert!(text.contains("m!f"), "{text}");
    }
    for (limits, words) in [
        (
            StoreLimitsBuilder::new().memory_size(1 << 16),
            "forcing trap when growing memory to 131072 bytes",
        ),
        (
            StoreLimitsBuilder::new().table_elements(1),
            "forcing trap when growing table to 2 elements",
        ),
    ] {
        let mut store = Store::new(&engine, limits.trap_on_grow_failure(true).build());
        store.limiter(|limits| limits);
        let instance = Instance::new(&mut store, &growing, &[])?;
        says(instance.get_typed_func::<(), ()>(&mut store, "f")?.call(&mut store, ()), words);
    }
    Ok(())
}

#[test]
fn fuel_that_is_not_counted() -> Result<()> {
    let mut store = Store::new(&Engine::default(), ());
    says(
        store.get_fuel(),
        "fuel is not configured in this store: its engine needs `Config::consume_fuel(true)`",
    );
    says(
        store.set_fuel(1),
        "fuel is not configured in this store: its engine needs `Config::consume_fuel(true)`",
    );
    says(
        store.as_context().get_fuel(),
        "fuel is not configured in this store: its engine needs `Config::consume_fuel(true)`",
    );
    says(
        store.as_context_mut().get_fuel(),
        "fuel is not configured in this store: its engine needs `Config::consume_fuel(true)`",
    );
    says(
        store.as_context_mut().set_fuel(1),
        "fuel is not configured in this store: its engine needs `Config::consume_fuel(true)`",
    );
    let host = Func::wrap(&mut store, |mut caller: Caller<'_, ()>| {
        says(
            caller.get_fuel(),
            "fuel is not configured in this store: its engine needs `Config::consume_fuel(true)`",
        );
        says(
            caller.set_fuel(1),
            "fuel is not configured in this store: its engine needs `Config::consume_fuel(true)`",
        );
    });
    host.call(&mut store, &[], &mut [])
}

#[test]
#[cfg_attr(miri, ignore = "a host function's error leaves its call by a jump")]
fn deadlines() -> Result<()> {
    let engine = Engine::new(Config::new().epoch_interruption(true))?;
    let mut store = Store::new(&engine, ());
    let check = Func::wrap(&mut store, |mut caller: Caller<'_, ()>| caller.check_epoch_deadline());
    fails::<Trap>(store.as_context_mut().check_epoch_deadline(), "wasm trap: interrupt");
    fails::<Trap>(check.call(&mut store, &[], &mut []), "wasm trap: interrupt");
    store.epoch_deadline_callback(|_| Err(ModuleIsTired(7).into()));
    fails::<ModuleIsTired>(
        store.as_context_mut().check_epoch_deadline(),
        "the module is tired after 7 calls",
    );
    fails::<ModuleIsTired>(
        check.call(&mut store, &[], &mut []),
        "the module is tired after 7 calls",
    );
    store.set_epoch_deadline(1);
    store.as_context_mut().check_epoch_deadline()?;
    check.call(&mut store, &[], &mut [])
}
