//! Handles where they don't belong: another store, a closed instance. Always an error or a
//! documented panic, never anything else.
//!
//! Not under Miri: it runs generated code.
#![cfg(not(miri))]

use std::panic::{AssertUnwindSafe, catch_unwind};

use brolga::*;

const MODULE: &str = r#"(module
    (memory (export "memory") 1)
    (table (export "table") 2 funcref)
    (table $static 1 funcref)
    (elem (table $static) (i32.const 0) func $f)
    (global (export "global") (mut i32) (i32.const 5))
    (func $f (export "func") (result i32) i32.const 1)
    (func (export "indirect") (result i32) (call_indirect $static (result i32) (i32.const 0))))"#;

struct Handles {
    instance: Instance,
    func: Func,
    typed: TypedFunc<(), i32>,
    memory: Memory,
    table: Table,
    global: Global,
    object: Rooted<ExternRef>,
    export: ModuleExport,
}

fn handles(store: &mut Store<()>) -> Result<Handles> {
    let module = Module::new(store.engine(), MODULE)?;
    let instance = Instance::new(&mut *store, &module, &[])?;
    Ok(Handles {
        instance,
        func: instance.get_func(&mut *store, "func").unwrap(),
        typed: instance.get_typed_func(&mut *store, "func")?,
        memory: instance.get_memory(&mut *store, "memory").unwrap(),
        table: instance.get_table(&mut *store, "table").unwrap(),
        global: instance.get_global(&mut *store, "global").unwrap(),
        object: ExternRef::new(store, "object")?,
        export: module.get_export_index("func").context("an export")?,
    })
}

/// Everything that can be done with handles, none of which `store` may allow.
fn none_works(store: &mut Store<()>, handles: &Handles) {
    let Handles { instance, func, typed, memory, table, global, .. } = handles;
    let engine = store.engine().clone();
    let ref_null = Ref::Func(None);

    // Where there is a result, an error.
    assert!(typed.call(&mut *store, ()).is_err());
    assert!(func.call(&mut *store, &[], &mut [Val::I32(0)]).is_err());
    assert!(func.typed::<(), i32>(&*store).is_err());
    assert!(memory.grow(&mut *store, 1).is_err());
    assert!(table.set(&mut *store, 0, ref_null).is_err());
    assert!(table.fill(&mut *store, 0, ref_null, 1).is_err());
    assert!(table.grow(&mut *store, 1, ref_null).is_err());
    assert!(Table::copy(&mut *store, table, 0, table, 0, 1).is_err());
    assert!(global.set(&mut *store, Val::I32(1)).is_err());
    assert!(instance.get_export(&mut *store, "func").is_none());
    assert!(instance.get_typed_func::<(), i32>(&mut *store, "func").is_err());
    assert!(instance.get_func(&mut *store, "func").is_none());
    assert!(instance.get_memory(&mut *store, "memory").is_none());
    assert!(instance.get_table(&mut *store, "table").is_none());
    assert!(instance.get_global(&mut *store, "global").is_none());
    assert!(instance.get_module_export(&mut *store, &handles.export).is_none());
    // SAFETY: there is room for the result; no argument is passed.
    assert!(unsafe { func.call_unchecked(&mut *store, &mut [ValRaw::null()]) }.is_err());
    assert!(Val::from(*func).to_raw(&mut *store).is_err());
    assert!(instance.close(&mut *store).is_err());
    assert!(Linker::new(&engine).instance(&mut *store, "m", *instance).is_err());
    let externs: [Extern; 4] =
        [(*func).into(), (*memory).into(), (*table).into(), (*global).into()];
    let imports = ["(func (result i32))", "(memory 1)", "(table 2 funcref)", "(global (mut i32))"];
    for (item, import) in externs.into_iter().zip(imports) {
        assert!(Linker::new(&engine).define(&*store, "m", "n", item).is_err(), "{import}");
        let text = format!(r#"(module (import "m" "n" {import}))"#);
        let module = Module::new(&engine, text).unwrap();
        let error = Instance::new(&mut *store, &module, &[item]).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("belongs to"), "{text}");
    }

    // As a value.
    let own = Table::new(&mut *store, TableType::new(RefType::FUNCREF, 1, None), ref_null).unwrap();
    assert!(own.set(&mut *store, 0, (*func).into()).is_err());
    assert!(own.grow(&mut *store, 1, (*func).into()).is_err());
    assert!(
        Table::new(&mut *store, TableType::new(RefType::FUNCREF, 1, None), (*func).into()).is_err()
    );
    assert!(Table::copy(&mut *store, &own, 0, table, 0, 1).is_err());
    let ty = GlobalType::new(ValType::FUNCREF, Mutability::Var);
    assert!(Global::new(&mut *store, ty.clone(), (*func).into()).is_err());
    let holder = Global::new(&mut *store, ty, Val::null_func_ref()).unwrap();
    assert!(holder.set(&mut *store, (*func).into()).is_err());
    assert!(Val::from(*func).ty(&*store).is_err());

    // Where there is none, a panic.
    let mut panics = |what: &str, use_it: &mut dyn FnMut(&mut Store<()>)| {
        let caught = catch_unwind(AssertUnwindSafe(|| use_it(&mut *store)));
        let payload = caught.expect_err(what);
        let message = payload.downcast_ref::<String>().unwrap();
        let fits = message.contains("belongs to") || message == "this instance has been closed";
        assert!(fits, "{what}: {message}");
    };
    panics("Func::ty", &mut |store| {
        let _ = func.ty(store);
    });
    panics("Func::matches_ty", &mut |store| {
        let _ = func.matches_ty(store, &FuncType::new(&engine, [], []));
    });
    panics("Func::to_raw", &mut |store| assert!(!func.to_raw(store).is_null()));
    panics("Instance::module", &mut |store| assert!(instance.module(&*store).name().is_none()));
    panics("Memory::page_size", &mut |store| assert_eq!(memory.page_size(store), 0));
    panics("Memory::page_size_log2", &mut |store| assert_eq!(memory.page_size_log2(store), 0));
    for item in externs {
        panics("Extern::ty", &mut |store| assert!(item.ty(store).func().is_none()));
    }
    panics("Memory::ty", &mut |store| {
        let _ = memory.ty(store);
    });
    panics("Memory::data", &mut |store| {
        let _ = memory.data(&*store).len();
    });
    panics("Memory::data_mut", &mut |store| memory.data_mut(&mut *store)[0] = 1);
    panics("Memory::data_and_store_mut", &mut |store| memory.data_and_store_mut(store).0[0] = 1);
    panics("Memory::data_ptr", &mut |store| assert!(!memory.data_ptr(store).is_null()));
    panics("Memory::data_size", &mut |store| assert_eq!(memory.data_size(store), 0));
    panics("Memory::size", &mut |store| assert_eq!(memory.size(store), 0));
    panics("Memory::read", &mut |store| {
        let _ = memory.read(store, 0, &mut [0]);
    });
    panics("Memory::write", &mut |store| {
        let _ = memory.write(store, 0, &[0]);
    });
    panics("Table::ty", &mut |store| {
        let _ = table.ty(store);
    });
    panics("Table::size", &mut |store| assert_eq!(table.size(store), 0));
    panics("Table::get", &mut |store| {
        let _ = table.get(store, 0);
    });
    panics("Global::ty", &mut |store| {
        let _ = global.ty(store);
    });
    panics("Global::get", &mut |store| {
        let _ = global.get(store);
    });
    panics("Instance::exports", &mut |store| {
        let _ = instance.exports(store).count();
    });
}

#[test]
fn of_another_store() -> Result<()> {
    let engine = Engine::default();
    let mut home = Store::new(&engine, ());
    let handles = handles(&mut home)?;
    let mut other = Store::new(&engine, ());
    none_works(&mut other, &handles);
    let object = handles.object;
    assert!(object.data(&other).is_err());
    assert!(object.data_mut(&mut other).is_err());
    assert!(Val::from(object).ty(&other).is_err());
    assert!(Rooted::ref_eq(&other, &object, &object).is_err());
    // The other store has the same things at the same places.
    let theirs = self::handles(&mut other)?;
    none_works(&mut home, &theirs);
    assert_eq!(handles.typed.call(&mut home, ())?, 1);
    assert_eq!(theirs.typed.call(&mut other, ())?, 1);
    Ok(())
}

#[test]
fn of_another_engine() -> Result<()> {
    let mut home = Store::new(&Engine::default(), ());
    let handles = handles(&mut home)?;
    let mut other = Store::new(&Engine::default(), ());
    none_works(&mut other, &handles);
    Ok(())
}

#[test]
fn of_a_closed_instance() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let handles = handles(&mut store)?;
    let static_caller = handles.instance.get_typed_func::<(), i32>(&mut store, "indirect")?;
    assert_eq!(static_caller.call(&mut store, ())?, 1);
    handles.instance.close(&mut store)?;
    assert!(static_caller.call(&mut store, ()).is_err());
    none_works(&mut store, &handles);
    // New things at the same places are not the old ones.
    let newer = self::handles(&mut store)?;
    none_works(&mut store, &handles);
    assert_eq!(newer.typed.call(&mut store, ())?, 1);
    Ok(())
}

#[test]
fn what_others_use_of_a_closed_instance_stays() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let handles = handles(&mut store)?;
    let importer = Module::new(
        &engine,
        r#"(module
            (import "" "func" (func $func (result i32)))
            (import "" "memory" (memory 1))
            (import "" "table" (table 2 funcref))
            (import "" "global" (global $global (mut i32)))
            (func (export "run") (result i32)
                (i32.store (i32.const 0) (i32.const 10))
                (global.set $global (i32.add (global.get $global) (i32.const 100)))
                (i32.add (call $func) (i32.add (i32.load (i32.const 0)) (global.get $global)))))"#,
    )?;
    let imports =
        [handles.func.into(), handles.memory.into(), handles.table.into(), handles.global.into()];
    let importer = Instance::new(&mut store, &importer, &imports)?;
    let run = importer.get_typed_func::<(), i32>(&mut store, "run")?;
    assert_eq!(run.call(&mut store, ())?, 116);
    handles.instance.close(&mut store)?;
    assert_eq!(run.call(&mut store, ())?, 216);
    importer.close(&mut store)?;
    assert!(run.call(&mut store, ()).is_err());
    assert!(handles.typed.call(&mut store, ()).is_err());
    Ok(())
}
