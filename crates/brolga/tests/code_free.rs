//! What an embedder can do without generated code, in one go each, so that Miri sees how stores,
//! handles and the slots of calls are passed about: host functions called by the host, host objects,
//! tables, globals, memories and a linker, of two stores at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use brolga::*;

/// Counts the values that were dropped.
struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn arguments_and_results_of_every_type_pass_slots() -> Result<()> {
    let mut store = Store::new(&Engine::default(), Vec::new());
    let typed = Func::wrap(
        &mut store,
        |mut caller: Caller<'_, Vec<i64>>,
         a: i32,
         b: i64,
         c: f32,
         d: f64,
         e: V128,
         f: Option<Func>,
         g: Option<Rooted<ExternRef>>| {
            caller.data_mut().push(b);
            (g, f, e, d, c, b, a)
        },
    );
    let object = ExternRef::new(&mut store, String::from("object"))?;
    // No function goes in: code that wasm could call would have to be made for it.
    let args = (-1, i64::MIN, 0.5_f32, -2.5_f64, V128::from(u128::MAX - 7), None, Some(object));
    type Args = (i32, i64, f32, f64, V128, Option<Func>, Option<Rooted<ExternRef>>);
    type Results = (Option<Rooted<ExternRef>>, Option<Func>, V128, f64, f32, i64, i32);
    let called = typed.typed::<Args, Results>(&store)?.call(&mut store, args)?;
    assert!(Rooted::ref_eq(&store, &called.0.unwrap(), &object)?);
    assert!(called.1.is_none());
    assert_eq!((called.2.as_u128(), called.3, called.4), (u128::MAX - 7, -2.5, 0.5));
    assert_eq!((called.5, called.6), (i64::MIN, -1));

    let ty = typed.ty(&store);
    let untyped = Func::new(&mut store, ty, |mut caller, params, results| {
        for (result, param) in results.iter_mut().zip(params.iter().rev()) {
            *result = *param;
        }
        caller.data_mut().push(0);
        Ok(())
    });
    let vals = [
        Val::I32(3),
        Val::I64(4),
        Val::from(1.5_f32),
        Val::from(2.5_f64),
        Val::V128(V128::from(9)),
        Val::FuncRef(None),
        Val::from(object),
    ];
    for func in [typed, untyped] {
        let mut results = vec![Val::I32(0); vals.len()];
        func.call(&mut store, &vals, &mut results)?;
        assert_eq!(results[6].unwrap_i32(), 3);
        assert_eq!(results[2].unwrap_v128().as_u128(), 9);
        assert!(results[1].unwrap_funcref().is_none());
        let back = results[0].unwrap_externref().unwrap();
        assert_eq!(back.data(&store)?.unwrap().downcast_ref::<String>().unwrap(), "object");
    }
    assert_eq!(store.data(), &[i64::MIN, 4, 0]);
    Ok(())
}

#[test]
fn host_functions_call_each_other_through_the_store() -> Result<()> {
    let mut store = Store::new(&Engine::default(), 0_u64);
    let memory = Memory::new(&mut store, MemoryType::new(1, Some(2)))?;
    let add = Func::wrap(&mut store, |mut caller: Caller<'_, u64>, more: i64| {
        *caller.data_mut() += more as u64;
        *caller.data() as i64
    });
    let add = add.typed::<i64, i64>(&store)?;
    let outer = Func::wrap(&mut store, move |mut caller: Caller<'_, u64>, times: i32| {
        let mut last = 0;
        for number in 0..times {
            last = add.call(&mut caller, i64::from(number) + 1)?;
            let (bytes, count) = memory.data_and_store_mut(&mut caller);
            bytes[number as usize] = *count as u8;
        }
        memory.grow(&mut caller, 1)?;
        Ok::<_, Error>(last)
    });
    assert_eq!(outer.typed::<i32, i64>(&store)?.call(&mut store, 4)?, 10);
    assert_eq!(&memory.data(&store)[..5], [1, 3, 6, 10, 0]);
    assert_eq!((memory.size(&store), store.into_data()), (2, 10));
    Ok(())
}

#[test]
fn host_objects_are_found_and_dropped() -> Result<()> {
    let count = Arc::new(AtomicUsize::new(0));
    let dropped = || count.load(Ordering::Relaxed);
    let mut store = Store::new(&Engine::default(), ());
    let nullable = TableType::new(RefType::EXTERNREF, 4, None);
    let table = Table::new(&mut store, nullable, Ref::Extern(None))?;
    {
        let mut scope = RootScope::new(&mut store);
        for at in 0..4 {
            let object = ExternRef::new(&mut scope, Dropped(Arc::clone(&count)))?;
            table.set(&mut scope, at, object.into())?;
        }
    }
    store.gc(None)?;
    assert_eq!(dropped(), 0, "the table has them");
    table.fill(&mut store, 1, Ref::Extern(None), 2)?;
    store.gc(None)?;
    assert_eq!(dropped(), 2);
    let last = table.get(&mut store, 3).unwrap();
    let ty = GlobalType::new(ValType::EXTERNREF, Mutability::Var);
    let global = Global::new(&mut store, ty, last.into())?;
    table.fill(&mut store, 0, Ref::Extern(None), 4)?;
    store.gc(None)?;
    assert_eq!(dropped(), 3);
    let Val::ExternRef(Some(object)) = global.get(&mut store) else { panic!("it is there") };
    assert!(object.data(&store)?.unwrap().is::<Dropped>());
    drop(store);
    assert_eq!(dropped(), 4);
    Ok(())
}

#[test]
fn a_linker_serves_two_stores() -> Result<()> {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    linker.func_wrap("m", "next", |mut caller: Caller<'_, i32>| {
        *caller.data_mut() += 1;
        *caller.data()
    })?;
    let mut stores = [Store::new(&engine, 10), Store::new(&engine, 20)];
    for _ in 0..2 {
        for store in &mut stores {
            let next = linker.get(&mut *store, "m", "next")?.into_func().context("a function")?;
            let before = *store.data();
            assert_eq!(next.typed::<(), i32>(&*store)?.call(&mut *store, ())?, before + 1);
        }
    }
    let [one, two] = stores;
    drop(linker);
    assert_eq!((one.into_data(), two.into_data()), (12, 22));
    Ok(())
}

#[test]
fn stores_go_to_other_threads() -> Result<()> {
    let engine = Engine::default();
    let threads = [1, 2].map(|number| {
        let mut store = Store::new(&engine, number);
        let double = Func::wrap(&mut store, |caller: Caller<'_, i32>| 2 * caller.data());
        std::thread::spawn(move || {
            double.typed::<(), i32>(&store)?.call(&mut store, ()).map(|it| (it, store))
        })
    });
    let results = threads.map(|thread| thread.join().expect("it does not panic"));
    for (number, result) in (1..).zip(results) {
        let (doubled, store) = result?;
        assert_eq!((doubled, *store.data()), (2 * number, number));
    }
    Ok(())
}
