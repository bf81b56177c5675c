//! Functions, memories, tables, globals, host objects; values and types made of them.

use std::hash::{DefaultHasher, Hasher};

use brolga::*;

use crate::{fails, full_store, no_null, panics, says, unsupported};

#[test]
fn functions() {
    let mut full = full_store();
    fails::<FuncError>(
        Func::try_wrap(&mut full, || ()),
        "1 host functions pass the store's limit of 0 (setting `host_functions`)",
    );
    let ty = FuncType::new(full.engine(), [], []);
    fails::<FuncError>(
        Func::try_new(&mut full, ty.clone(), |_, _, _| Ok(())),
        "1 host functions pass the store's limit of 0 (setting `host_functions`)",
    );
    panics("1 host functions pass the store's limit of 0 (setting `host_functions`)", || {
        Func::wrap(&mut full, || ())
    });
    panics("1 host functions pass the store's limit of 0 (setting `host_functions`)", || {
        Func::new(&mut full, ty.clone(), |_, _, _| Ok(()))
    });
    // SAFETY: there is nothing to return.
    panics("1 host functions pass the store's limit of 0 (setting `host_functions`)", || unsafe {
        Func::new_unchecked(&mut full, ty, |_, _| Ok(()))
    });

    let mut store = Store::new(full.engine(), ());
    let ty = unsupported(full.engine());
    says(
        Func::try_new(&mut store, ty.clone(), |_, _, _| Ok(())),
        "references to functions of type (func) are not supported yet, use funcref",
    );
    panics("references to functions of type (func) are not supported yet, use funcref", || {
        Func::new(&mut store, ty.clone(), |_, _, _| Ok(()))
    });
}

#[test]
fn memories() -> Result<()> {
    let ty = || MemoryType::new(1, Some(3));
    fails::<GrowError>(
        Memory::new(full_store(), ty()),
        "1 memories pass the store's limit of 0 (setting `memories`)",
    );
    let mut store = Store::new(&Engine::default(), ());
    store.set_limits(Limits { memory_bytes: 2 << 16, ..store.limits() });
    fails::<GrowError>(
        Memory::new(&mut store, MemoryType::new(3, None)),
        "196608 bytes of a memory pass the store's limit of 131072 (setting `memory_bytes`)",
    );
    let memory = Memory::new(&mut store, ty())?;
    fails::<GrowError>(
        memory.grow(&mut store, 2),
        "196608 bytes of a memory pass the store's limit of 131072 (setting `memory_bytes`)",
    );
    fails::<GrowError>(memory.grow(&mut store, 3), "4 pages are more than the type's maximum of 3");
    fails::<GrowError>(
        memory.grow(&mut store, u64::MAX),
        "18446744073709551616 pages are more than the type's maximum of 3",
    );
    assert_eq!(memory.size(&store), 1);

    let at = (1 << 16) - 1;
    for at in [at, usize::MAX] {
        fails::<MemoryAccessError>(
            memory.read(&store, at, &mut [0; 2]).map_err(Error::from),
            "out of bounds memory access",
        );
        let written = memory.write(&mut store, at, &[1; 2]).map_err(Error::from);
        fails::<MemoryAccessError>(written, "out of bounds memory access");
    }
    assert_eq!(memory.data(&store)[at], 0, "nothing is written");
    Ok(())
}

#[test]
fn tables() -> Result<()> {
    let null = Ref::Func(None);
    let ty = || TableType::new(RefType::FUNCREF, 2, Some(4));
    fails::<GrowError>(
        Table::new(full_store(), ty(), null),
        "1 tables pass the store's limit of 0 (setting `tables`)",
    );
    let mut store = Store::new(&Engine::default(), ());
    store.set_limits(Limits { table_elements: 3, ..store.limits() });
    fails::<GrowError>(
        Table::new(&mut store, TableType::new(RefType::FUNCREF, 4, None), null),
        "4 elements of a table pass the store's limit of 3 (setting `table_elements`)",
    );
    let object = ExternRef::new(&mut store, ())?;
    fails::<GrowError>(
        Table::new(&mut store, ty(), object.into()),
        "expected a value of type funcref, found externref",
    );

    let table = Table::new(&mut store, ty(), null)?;
    fails::<TableError>(
        table.set(&mut store, 2, null),
        "1 elements from position 2 on are not inside a table of 2",
    );
    fails::<TableError>(
        table.set(&mut store, 0, Ref::Extern(None)),
        "expected a value of type funcref, found null externref",
    );
    fails::<TableError>(
        table.fill(&mut store, 1, null, 2),
        "2 elements from position 1 on are not inside a table of 2",
    );
    fails::<TableError>(
        table.fill(&mut store, u64::MAX, null, 2),
        "2 elements from position 18446744073709551615 on are not inside a table of 2",
    );
    fails::<TableError>(
        table.fill(&mut store, 0, object.into(), 1),
        "expected a value of type funcref, found externref",
    );
    fails::<GrowError>(
        table.grow(&mut store, 2, null),
        "4 elements of a table pass the store's limit of 3 (setting `table_elements`)",
    );
    fails::<GrowError>(
        table.grow(&mut store, 3, null),
        "5 elements are more than the type's maximum of 4",
    );
    fails::<GrowError>(
        table.grow(&mut store, 1, object.into()),
        "expected a value of type funcref, found externref",
    );
    assert_eq!(table.size(&store), 2);
    assert!(table.get(&mut store, 2).is_none());

    let objects = TableType::new(RefType::EXTERNREF, 2, None);
    let objects = Table::new(&mut store, objects, object.into())?;
    fails::<TableError>(
        Table::copy(&mut store, &table, 0, &objects, 0, 1),
        "the tables hold different types of elements",
    );
    fails::<TableError>(
        Table::copy(&mut store, &table, 1, &table, 0, 2),
        "2 elements from position 1 on are not inside a table of 2",
    );
    fails::<TableError>(
        Table::copy(&mut store, &table, 0, &table, 2, 1),
        "1 elements from position 2 on are not inside a table of 2",
    );
    assert!(table.get(&mut store, 0).is_some_and(|element| element.is_null()));
    Ok(())
}

#[test]
fn globals() -> Result<()> {
    let ty = |mutability| GlobalType::new(ValType::I32, mutability);
    fails::<GlobalError>(
        Global::new(full_store(), ty(Mutability::Var), 1.into()),
        "1 host globals pass the store's limit of 0 (setting `host_globals`)",
    );
    let mut store = Store::new(&Engine::default(), ());
    fails::<GlobalError>(
        Global::new(&mut store, ty(Mutability::Var), 1_i64.into()),
        "expected a value of type i32, found i64",
    );
    let constant = Global::new(&mut store, ty(Mutability::Const), 1.into())?;
    fails::<GlobalError>(constant.set(&mut store, 2.into()), "the global is immutable");
    let variable = Global::new(&mut store, ty(Mutability::Var), 1.into())?;
    fails::<GlobalError>(
        variable.set(&mut store, 2_f32.into()),
        "expected a value of type i32, found f32",
    );
    assert_eq!([constant, variable].map(|it| it.get(&mut store).unwrap_i32()), [1, 1]);
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "compiling takes Miri minutes")]
fn references_of_other_stores() -> Result<()> {
    let engine = Engine::default();
    let mut home = Store::new(&engine, ());
    let object = ExternRef::new(&mut home, 5)?;
    let func = Func::wrap(&mut home, || ());
    let mut store = Store::new(&engine, ());
    fails::<HandleError>(object.to_raw(&mut store), "this externref belongs to another store");
    fails::<HandleError>(object.data(&store), "this externref belongs to another store");
    fails::<HandleError>(object.data_mut(&mut store), "this externref belongs to another store");
    fails::<HandleError>(
        object.ref_hash(&store, &mut DefaultHasher::new()),
        "this externref belongs to another store",
    );
    let own = ExternRef::new(&mut store, 5)?;
    fails::<HandleError>(
        Rooted::ref_eq(&store, &own, &object),
        "this externref belongs to another store",
    );
    fails::<HandleError>(
        Rooted::ref_eq(&store, &object, &own),
        "this externref belongs to another store",
    );

    fails::<HandleError>(Val::from(object).ty(&store), "this externref belongs to another store");
    fails::<HandleError>(Val::from(func).ty(&store), "this function belongs to another store");
    fails::<HandleError>(
        Val::from(object).matches_ty(&store, &ValType::EXTERNREF),
        "this externref belongs to another store",
    );
    fails::<HandleError>(Ref::from(object).ty(&store), "this externref belongs to another store");
    fails::<HandleError>(
        Ref::from(func).matches_ty(&store, &RefType::FUNCREF),
        "this function belongs to another store",
    );
    fails::<HandleError>(
        Val::from(object).to_raw(&mut store),
        "this externref belongs to another store",
    );
    fails::<HandleError>(
        Val::from(func).to_raw(&mut store),
        "this function belongs to another store",
    );
    panics("this function belongs to another store", || func.to_raw(&mut store));
    panics("this function belongs to another store", || Extern::from(func).ty(&store));

    let module = Module::new(&engine, r#"(module (memory (export "m") 1))"#)?;
    let instance = Instance::new(&mut home, &module, &[])?;
    let export = instance.exports(&mut home).next().context("an export")?;
    panics("this memory belongs to another store", || export.ty(&store));
    Ok(())
}

#[test]
fn host_objects() {
    let error = ExternRef::new(full_store(), String::from("mine")).unwrap_err();
    let full = error.downcast::<GcHeapOutOfMemory<String>>().expect("its kind");
    let words = "no room for another host object: \
        1 externrefs pass the store's limit of 0 (setting `externrefs`)";
    assert_eq!(full.to_string(), words);
    assert_eq!(full.into_inner(), "mine");
}

#[test]
fn what_is_something_else_is_not_unwrapped() -> Result<()> {
    let mut store = Store::new(&Engine::default(), ());
    let object = ExternRef::new(&mut store, ())?;
    panics("expected a funcref", || *Val::I64(1).unwrap_funcref().unwrap());
    panics("expected a funcref", || *Val::I64(1).unwrap_func_ref().unwrap());
    panics("expected an externref", || *Val::I64(1).unwrap_extern_ref().unwrap());
    assert!(Val::null_func_ref().unwrap_func_ref().is_none());
    assert!(Val::null_extern_ref().unwrap_extern_ref().is_none());
    panics("expected an externref", || Val::from(1.0_f32).unwrap_externref().is_some());
    panics("expected an f64", || Val::I32(0).unwrap_f64());
    panics("expected a reference to a function", || Ref::from(object).unwrap_func().is_some());
    panics("expected a reference to a host object", || Ref::Func(None).unwrap_extern().is_some());
    panics("a reference type", || ValType::V128.unwrap_ref().clone());
    panics("a concrete function type", || HeapType::Extern.unwrap_concrete_func().clone());
    let ty = ExternType::from(MemoryType::new(1, None));
    panics("expected a function", || ty.unwrap_func().clone());
    panics("expected a global", || ty.unwrap_global().clone());
    panics("expected a table", || ty.unwrap_table().clone());
    let ty = ExternType::from(GlobalType::new(ValType::I32, Mutability::Var));
    panics("expected a memory", || ty.unwrap_memory().clone());
    Ok(())
}

#[test]
fn memories_that_cannot_be() {
    let building = MemoryType::builder;
    says(
        building().min(2).max(Some(1)).build(),
        "a maximum of 1 pages, expected at least the minimum, 2",
    );
    says(building().min((1 << 16) + 1).build(), "a memory of 65537 pages, expected at most 65536");
    says(
        building().max(Some((1 << 16) + 1)).build(),
        "a memory of 65537 pages, expected at most 65536",
    );
    says(
        building().memory64(true).min((1 << 48) + 1).build(),
        "a memory of 281474976710657 pages, expected at most 281474976710656",
    );
    says(building().page_size_log2(1).build(), "a page of 2^1 bytes, expected 2^0 or 2^16");
    says(building().shared(true).build(), "shared memories must have a maximum size");
    panics(
        "a possible memory type: a maximum of 1 pages, expected at least the minimum, 2",
        || MemoryType::new(2, Some(1)),
    );
    panics(
        "a possible memory type: a memory of 18446744073709551615 pages, expected at most 281474976710656",
        || MemoryType::new64(u64::MAX, None),
    );
    panics(
        "a possible memory type: a maximum of 1 pages, expected at least the minimum, 2",
        || MemoryType::shared(2, 1),
    );
}

#[test]
fn default_values() {
    let (engine, mut full) = (Engine::default(), full_store());
    let mut store = Store::new(&engine, ());
    let no_null = no_null();
    let func = |engine, result: &RefType| FuncType::new(engine, [], [ValType::Ref(result.clone())]);
    let global = |ty: &RefType| GlobalType::new(ValType::Ref(ty.clone()), Mutability::Var);
    let table = |ty: &RefType| TableType::new(ty.clone(), 1, None);
    let memory = || MemoryType::new(1, None);

    says(
        func(&engine, &no_null).default_value(&mut store),
        "function results do not have a default value",
    );
    says(global(&no_null).default_value(&mut store), "global type has no default value");
    says(
        table(&no_null).default_value(&mut store),
        "table element type does not have a default value",
    );
    says(
        ExternType::from(func(&engine, &no_null)).default_value(&mut store),
        "function results do not have a default value",
    );
    says(
        ExternType::from(global(&no_null)).default_value(&mut store),
        "global type has no default value",
    );
    says(
        ExternType::from(table(&no_null)).default_value(&mut store),
        "table element type does not have a default value",
    );

    let may_be = RefType::FUNCREF;
    fails::<FuncError>(
        func(full.engine(), &may_be).default_value(&mut full),
        "1 host functions pass the store's limit of 0 (setting `host_functions`)",
    );
    fails::<GlobalError>(
        global(&may_be).default_value(&mut full),
        "1 host globals pass the store's limit of 0 (setting `host_globals`)",
    );
    fails::<GrowError>(
        table(&may_be).default_value(&mut full),
        "1 tables pass the store's limit of 0 (setting `tables`)",
    );
    fails::<GrowError>(
        memory().default_value(&mut full),
        "1 memories pass the store's limit of 0 (setting `memories`)",
    );
    fails::<GrowError>(
        ExternType::from(memory()).default_value(&mut full),
        "1 memories pass the store's limit of 0 (setting `memories`)",
    );
}

#[test]
fn references_whose_scope_has_ended() -> Result<()> {
    const WORDS: &str =
        "this externref is not rooted any more: the scope that it was given in has ended";
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let ty = GlobalType::new(ValType::EXTERNREF, Mutability::Var);
    let null = Val::null_extern_ref();
    let global = Global::new(&mut store, ty.clone(), null)?;
    let table = TableType::new(RefType::EXTERNREF, 1, None);
    let table = Table::new(&mut store, table, Ref::Extern(None))?;
    let identity = Func::wrap(&mut store, |object: Option<Rooted<ExternRef>>| object);
    let typed = identity.typed::<Option<Rooted<ExternRef>>, Option<Rooted<ExternRef>>>(&store)?;
    let owned =
        identity.typed::<Option<OwnedRooted<ExternRef>>, Option<OwnedRooted<ExternRef>>>(&store)?;
    let gone = {
        let mut scope = RootScope::new(&mut store);
        scope.reserve(10);
        let object = ExternRef::new(&mut scope, 5)?;
        global.set(&mut scope, object.into())?;
        object
    };
    // That a global holds the object does not make it good again.
    fails::<HandleError>(gone.to_raw(&mut store), WORDS);
    fails::<HandleError>(gone.data(&store), WORDS);
    fails::<HandleError>(gone.data_mut(&mut store), WORDS);
    fails::<HandleError>(gone.to_owned_rooted(&mut store), WORDS);
    fails::<HandleError>(gone.ref_hash(&store, &mut DefaultHasher::new()), WORDS);
    fails::<HandleError>(Val::from(gone).ty(&store), WORDS);
    fails::<HandleError>(Val::from(gone).to_raw(&mut store), WORDS);
    fails::<HandleError>(Ref::from(gone).ty(&store), WORDS);
    says(global.set(&mut store, gone.into()), WORDS);
    says(Global::new(&mut store, ty, gone.into()), WORDS);
    says(table.set(&mut store, 0, gone.into()), WORDS);
    says(table.grow(&mut store, 1, gone.into()), WORDS);
    says(table.fill(&mut store, 0, gone.into(), 1), WORDS);
    says(typed.call(&mut store, Some(gone)), WORDS);
    let given = identity.call(&mut store, &[gone.into()], &mut [null]);
    says(given, &format!("argument 0: {WORDS}"));

    let object = *global.get(&mut store).unwrap_externref().context("the global has it")?;
    fails::<HandleError>(Rooted::ref_eq(&store, &gone, &object), WORDS);
    fails::<HandleError>(OwnedRooted::ref_eq(&store, &object, &gone), WORDS);
    let kept = object.to_owned_rooted(&mut store)?;
    assert!(OwnedRooted::ref_eq(&store, &kept, &object)?);
    assert_eq!(table.size(&store), 1);

    // Owned ones are as good as their store.
    let back = owned.call(&mut store, Some(kept.clone()))?.context("it comes back")?;
    assert!(Rooted::ref_eq(&store, &back, &kept)?);
    let hashes = |it: &OwnedRooted<ExternRef>, store: &Store<()>| {
        let (mut object, mut reference) = (DefaultHasher::new(), DefaultHasher::new());
        it.ref_hash(store, &mut object);
        it.rooted_hash(&mut reference);
        (object.finish(), reference.finish())
    };
    assert_eq!(hashes(&kept, &store), hashes(&kept.clone(), &store));
    assert_eq!(hashes(&kept, &store).0, hashes(&back, &store).0);
    assert_ne!(hashes(&kept, &store).1, hashes(&back, &store).1);
    let mut other = Store::new(&engine, ());
    let theirs = "this externref belongs to another store";
    fails::<HandleError>(kept.data(&other), theirs);
    fails::<HandleError>(object.to_owned_rooted(&mut other), theirs);
    panics(theirs, || kept.to_rooted(&mut other));
    panics(theirs, || kept.ref_hash(&other, &mut DefaultHasher::new()));
    Ok(())
}
