//! Things of one store, engine or module where another's are wanted, in every place that takes
//! one: an error that says so, and nothing has happened.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use brolga::*;

/// An error about where something belongs.
#[track_caller]
fn belongs_elsewhere<T>(result: Result<T>) {
    let Err(error) = result else { panic!("something of another store was taken") };
    let text = format!("{error:#}");
    assert!(text.contains("belongs to"), "{text}");
}

/// A function and an object of a store that is not `store`.
fn foreign(engine: &Engine) -> Result<(Store<()>, Func, Rooted<ExternRef>)> {
    let mut store = Store::new(engine, ());
    let func = Func::wrap(&mut store, || 1);
    let object = ExternRef::new(&mut store, "elsewhere")?;
    Ok((store, func, object))
}

const TAKES_AND_GIVES: &str = r#"(module
    (import "" "give_func" (func $give_func (result funcref)))
    (import "" "give_object" (func $give_object (result externref)))
    (import "" "never" (func $never))
    (func (export "take_func") (param funcref) call $never)
    (func (export "take_object") (param externref) call $never)
    (func (export "call_func") (drop (call $give_func)) call $never)
    (func (export "call_object") (drop (call $give_object)) call $never))"#;

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn references_of_other_stores_in_arguments_and_results() -> Result<()> {
    let engine = Engine::default();
    for other_engine in [engine.clone(), Engine::default()] {
        let (_elsewhere, func, object) = foreign(&other_engine)?;
        let mut store = Store::new(&engine, ());
        let called = Arc::new(AtomicBool::new(false));
        let notes = Arc::clone(&called);
        let never = Func::wrap(&mut store, move || notes.store(true, Relaxed));
        let gives = |ty: ValType| FuncType::new(&engine, [], [ty]);
        let typed = [
            Func::wrap(&mut store, move || Some(func)),
            Func::wrap(&mut store, move || Some(object)),
        ];
        let dynamic = [
            Func::new(&mut store, gives(ValType::FUNCREF), move |_, _, results| {
                results[0] = func.into();
                Ok(())
            }),
            Func::new(&mut store, gives(ValType::EXTERNREF), move |_, _, results| {
                results[0] = object.into();
                Ok(())
            }),
        ];
        let module = Module::new(&engine, TAKES_AND_GIVES)?;
        for [give_func, give_object] in [typed, dynamic] {
            let imports = [give_func.into(), give_object.into(), never.into()];
            let instance = Instance::new(&mut store, &module, &imports)?;
            let take = instance.get_typed_func::<Option<Func>, ()>(&mut store, "take_func")?;
            belongs_elsewhere(take.call(&mut store, Some(func)));
            belongs_elsewhere(take.func().call(&mut store, &[func.into()], &mut []));
            let take = instance.get_typed_func::<_, ()>(&mut store, "take_object")?;
            belongs_elsewhere(take.call(&mut store, Some(object)));
            belongs_elsewhere(take.func().call(&mut store, &[object.into()], &mut []));
            for name in ["call_func", "call_object"] {
                let call = instance.get_typed_func::<(), ()>(&mut store, name)?;
                belongs_elsewhere(call.call(&mut store, ()));
            }
        }
        // A host function that the host calls: its arguments and results are looked at as well.
        let id = Func::wrap(&mut store, |object: Option<Rooted<ExternRef>>| object);
        let id = id.typed::<Option<Rooted<ExternRef>>, Option<Rooted<ExternRef>>>(&store)?;
        belongs_elsewhere(id.call(&mut store, Some(object)));
        assert!(!called.load(Relaxed), "wasm went on");
    }
    Ok(())
}

#[test]
fn references_of_other_stores_in_tables_and_globals() -> Result<()> {
    let engine = Engine::default();
    let (_elsewhere, func, object) = foreign(&engine)?;
    let mut store = Store::new(&engine, ());
    for (val, ty) in [(Ref::from(func), RefType::FUNCREF), (object.into(), RefType::EXTERNREF)] {
        let null = Ref::null(ty.heap_type());
        let table_ty = TableType::new(ty.clone(), 2, None);
        belongs_elsewhere(Table::new(&mut store, table_ty.clone(), val));
        let table = Table::new(&mut store, table_ty, null)?;
        belongs_elsewhere(table.set(&mut store, 0, val));
        belongs_elsewhere(table.fill(&mut store, 0, val, 2));
        belongs_elsewhere(table.grow(&mut store, 1, val));
        assert_eq!(table.size(&store), 2);
        assert!((0..2).all(|at| table.get(&mut store, at).is_some_and(|it| it.is_null())));
        let global_ty = GlobalType::new(ty.clone().into(), Mutability::Var);
        belongs_elsewhere(Global::new(&mut store, global_ty.clone(), val.into()));
        let global = Global::new(&mut store, global_ty, null.into())?;
        belongs_elsewhere(global.set(&mut store, val.into()));
        assert!(global.get(&mut store).ref_().is_some_and(|it| it.is_null()));
    }
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn engines_do_not_mix() -> Result<()> {
    let (here, elsewhere) = (Engine::default(), Engine::default());
    let module = Module::new(&here, "(module)")?;
    let mut store = Store::new(&elsewhere, ());
    belongs_elsewhere(Instance::new(&mut store, &module, &[]));
    belongs_elsewhere(Linker::new(&here).instantiate(&mut store, &module));
    belongs_elsewhere(Linker::<()>::new(&elsewhere).instantiate_pre(&module));
    belongs_elsewhere(Linker::new(&here).instantiate_pre(&module)?.instantiate(&mut store));
    belongs_elsewhere(here.new_module_engine(&mut store, "", &module, &[]));
    belongs_elsewhere(elsewhere.new_module_engine(&mut store, "", &module, &[]));

    // A type of another engine says the same as one of this; the function is of this store.
    let ty = FuncType::new(&here, [ValType::I32], [ValType::I32]);
    let func = Func::new(&mut store, ty, |_, params, results| {
        results[0] = params[0];
        Ok(())
    });
    assert_eq!(func.typed::<i32, i32>(&store)?.call(&mut store, 3)?, 3);
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn an_export_of_another_module_is_not_found() -> Result<()> {
    let engine = Engine::default();
    let one = Module::new(&engine, r#"(module (func (export "f")))"#)?;
    let two = Module::new(&engine, r#"(module (memory (export "f") 1))"#)?;
    let mut store = Store::new(&engine, None);
    let instance = Instance::new(&mut store, &one, &[])?;
    let [export_one, export_two] = [&one, &two].map(|module| module.get_export_index("f").unwrap());
    assert!(instance.get_module_export(&mut store, &export_one).is_some());
    assert!(instance.get_module_export(&mut store, &export_two).is_none());

    // The same for who is called.
    let caller = Module::new(
        &engine,
        r#"(module (import "" "" (func $f)) (global (export "g") i32 (i32.const 5))
            (func (export "run") call $f))"#,
    )?;
    let own = caller.get_export_index("g").context("an export")?;
    let host = Func::wrap(&mut store, move |mut caller: Caller<'_, Option<i32>>| {
        assert!(caller.get_module_export(&export_one).is_none());
        let global = caller.get_module_export(&own).and_then(Extern::into_global);
        let value = global.map(|it| it.get(&mut caller).unwrap_i32());
        *caller.data_mut() = value;
    });
    let instance = Instance::new(&mut store, &caller, &[host.into()])?;
    instance.get_typed_func::<(), ()>(&mut store, "run")?.call(&mut store, ())?;
    assert_eq!(*store.data(), Some(5));
    // Called by the host, nobody has exports.
    host.call(&mut store, &[], &mut [])?;
    assert_eq!(*store.data(), None);
    Ok(())
}

#[test]
fn engines_are_kept_by_who_uses_them() -> Result<()> {
    let engine = Engine::new(Config::new().compile_threads(2).wasm_feature(Feature::Simd, false))?;
    let weak = engine.weak();
    let again = weak.upgrade().context("there")?;
    assert!(Engine::same(&engine, &again));
    assert!(!Engine::same(&engine, &Engine::default()));
    assert!(format!("{:?}", engine.config()).contains("compile_threads: 2"));
    drop((engine, again));
    assert!(weak.upgrade().is_none());

    let store = Store::new(&Engine::default(), ());
    let weak = store.engine().weak();
    assert!(weak.upgrade().is_some());
    drop(store);
    assert!(weak.upgrade().is_none());

    let engine = Engine::default();
    let weak = engine.weak();
    let module = Module::from_binary(&engine, &wat::parse_str("(module)")?)?;
    drop(engine);
    assert!(weak.upgrade().is_some());
    drop(module);
    assert!(weak.upgrade().is_none());
    Ok(())
}
