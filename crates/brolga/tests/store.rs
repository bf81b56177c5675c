//! Stores: their data, their limits, the limiter.

use brolga::*;

#[test]
fn data_goes_in_and_out() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, vec![1]);
    store.data_mut().push(2);
    assert_eq!(store.data(), &[1, 2]);
    let mut context = store.as_context_mut();
    context.data_mut().push(3);
    assert_eq!(context.as_context().data(), &[1, 2, 3]);
    assert!(Engine::same(context.engine(), &engine));
    assert_eq!(store.into_data(), [1, 2, 3]);
}

const GROWS: &str = r#"(module
    (memory (export "m") 1 10)
    (table $t (export "t") 1 10 funcref)
    (func (export "memory") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "table") (param i32) (result i32)
        (table.grow $t (ref.null func) (local.get 0))))"#;

#[derive(Default)]
struct Asked {
    memory: Vec<(usize, usize, Option<usize>)>,
    table: Vec<(usize, usize, Option<usize>)>,
    failed: usize,
    fail: bool,
    panic: bool,
}

impl ResourceLimiter for Asked {
    fn memory_growing(&mut self, now: usize, then: usize, max: Option<usize>) -> Result<bool> {
        self.memory.push((now, then, max));
        assert!(!self.panic, "the limiter panics");
        ensure!(!self.fail, "the limiter fails");
        Ok(then <= 4 << 16 || then > 10 << 16)
    }

    fn table_growing(&mut self, now: usize, then: usize, max: Option<usize>) -> Result<bool> {
        self.table.push((now, then, max));
        ensure!(!self.fail, "the limiter fails");
        Ok(then <= 4 || then > 10)
    }

    fn memory_grow_failed(&mut self, _: Error) -> Result<()> {
        self.failed += 1;
        Ok(())
    }

    fn table_grow_failed(&mut self, _: Error) -> Result<()> {
        self.failed += 1;
        Ok(())
    }
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn the_limiter_is_asked() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(&engine, GROWS)?;
    let mut store = Store::new(&engine, Asked::default());
    store.limiter(|asked| asked);
    let instance = Instance::new(&mut store, &module, &[])?;
    assert_eq!(store.data().memory, [(0, 1 << 16, Some(10 << 16))]);
    assert_eq!(store.data().table, [(0, 1, Some(10))]);
    let memory = instance.get_typed_func::<i32, i32>(&mut store, "memory")?;
    let table = instance.get_typed_func::<i32, i32>(&mut store, "table")?;
    assert_eq!(memory.call(&mut store, 2)?, 1);
    assert_eq!(memory.call(&mut store, 2)?, -1);
    assert_eq!(table.call(&mut store, 3)?, 1);
    assert_eq!(table.call(&mut store, 1)?, -1);
    // It knows of those, as it was against them. These it would have allowed.
    assert_eq!(store.data().failed, 0);
    assert_eq!(memory.call(&mut store, 8)?, -1);
    assert_eq!(table.call(&mut store, 7)?, -1);
    assert_eq!(store.data().failed, 2);
    assert_eq!(store.data().memory.last(), Some(&(3 << 16, 11 << 16, Some(10 << 16))));
    assert_eq!(store.data().table.last(), Some(&(4, 11, Some(10))));
    let handle = instance.get_memory(&mut store, "m").unwrap();
    assert!(handle.grow(&mut store, 5).is_err());
    assert_eq!(handle.grow(&mut store, 1)?, 3);

    // An error ends the call.
    store.data_mut().fail = true;
    let error = memory.call(&mut store, 1).unwrap_err();
    assert!(format!("{error:#}").contains("the limiter fails"), "{error:#}");
    let error = table.call(&mut store, 1).unwrap_err();
    assert!(format!("{error:#}").contains("the limiter fails"), "{error:#}");
    assert!(Instance::new(&mut store, &module, &[]).is_err());

    // So does a panic, which goes on.
    store.data_mut().fail = false;
    store.data_mut().panic = true;
    let caught =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| memory.call(&mut store, 1)));
    assert!(caught.is_err());
    store.data_mut().panic = false;
    assert_eq!(memory.call(&mut store, 0)?, 4);
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn store_limits() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(&engine, GROWS)?;
    let limits = StoreLimitsBuilder::new().memory_size(2 << 16).table_elements(2).instances(2);
    let mut store = Store::new(&engine, limits.build());
    store.limiter(|limits| limits);
    let instance = Instance::new(&mut store, &module, &[])?;
    let memory = instance.get_typed_func::<i32, i32>(&mut store, "memory")?;
    assert_eq!(memory.call(&mut store, 1)?, 1);
    assert_eq!(memory.call(&mut store, 1)?, -1);
    Instance::new(&mut store, &module, &[])?;
    let error = Instance::new(&mut store, &module, &[]).unwrap_err();
    assert!(error.to_string().contains("setting `instances`"), "{error}");

    let limits = StoreLimitsBuilder::new().memory_size(1 << 16).trap_on_grow_failure(true);
    let mut store = Store::new(&engine, limits.build());
    store.limiter(|limits| limits);
    let instance = Instance::new(&mut store, &module, &[])?;
    let memory = instance.get_typed_func::<i32, i32>(&mut store, "memory")?;
    let error = memory.call(&mut store, 1).unwrap_err();
    assert!(format!("{error:#}").contains("forcing"), "{error:#}");
    Ok(())
}

#[test]
fn limits_are_on_by_default() -> Result<()> {
    let mut store = Store::new(&Engine::default(), ());
    assert!(Memory::new(&mut store, MemoryType::new64(1 << 20, None)).is_err());
    let elements = TableType::new(RefType::FUNCREF, 20_000_000, None);
    assert!(Table::new(&mut store, elements, Ref::Func(None)).is_err());
    store.set_limits(Limits { memories: 1, ..store.limits() });
    Memory::new(&mut store, MemoryType::new(1, None))?;
    let error = Memory::new(&mut store, MemoryType::new(1, None)).unwrap_err();
    assert!(error.to_string().contains("setting `memories`"), "{error}");
    Ok(())
}

#[test]
fn memories_tables_and_globals_of_the_host() -> Result<()> {
    let mut store = Store::new(&Engine::default(), ());
    let memory = Memory::new(&mut store, MemoryType::new(1, Some(2)))?;
    assert_eq!((memory.size(&store), memory.data_size(&store)), (1, 1 << 16));
    assert_eq!((memory.page_size(&store), memory.page_size_log2(&store)), (1 << 16, 16));
    assert_eq!(
        memory.read(&store, (1 << 16) - 1, &mut [0, 0]),
        memory.read(&store, usize::MAX, &mut [0])
    );
    assert!(memory.write(&mut store, 1 << 16, &[]).is_ok());
    assert!(memory.write(&mut store, (1 << 16) + 1, &[]).is_err());
    assert_eq!(memory.grow(&mut store, 1)?, 1);
    assert!(memory.grow(&mut store, 1).is_err());
    assert_eq!(memory.ty(&store).maximum(), Some(2));
    assert_eq!(memory.ty(&store).minimum(), 2);

    let table =
        Table::new(&mut store, TableType::new(RefType::EXTERNREF, 3, Some(5)), Ref::Extern(None))?;
    let object = ExternRef::new(&mut store, 5)?;
    table.fill(&mut store, 1, object.into(), 2)?;
    Table::copy(&mut store, &table, 0, &table, 1, 1)?;
    for at in 0..3 {
        assert!(table.get(&mut store, at).unwrap().is_non_null());
    }
    assert!(table.fill(&mut store, 2, object.into(), 2).is_err());
    assert!(table.set(&mut store, 0, Ref::Func(None)).is_err(), "of another type");
    assert!(table.grow(&mut store, 3, Ref::Extern(None)).is_err());
    assert_eq!(table.size(&store), 3);

    let global =
        Global::new(&mut store, GlobalType::new(ValType::V128, Mutability::Const), 5_u128.into())?;
    assert_eq!(global.get(&mut store).unwrap_v128().as_u128(), 5);
    assert!(global.set(&mut store, 6_u128.into()).is_err(), "immutable");
    let ty = GlobalType::new(ValType::F32, Mutability::Var);
    assert!(Global::new(&mut store, ty, 1.0_f64.into()).is_err());
    Ok(())
}

#[test]
fn a_store_is_made() -> Result<()> {
    assert_eq!(Store::try_new(&Engine::default(), 5)?.into_data(), 5);
    assert_eq!(Store::<u8>::default().into_data(), 0);
    Ok(())
}

#[test]
fn a_store_has_so_many_host_functions() {
    let mut store = Store::new(&Engine::default(), ());
    store.set_limits(Limits { host_functions: 1, ..store.limits() });
    let ty = FuncType::new(store.engine(), [], []);
    assert!(Func::try_wrap(&mut store, || ()).is_ok());
    let error = Func::try_wrap(&mut store, || ()).unwrap_err();
    assert!(error.is::<FuncError>(), "{error:?}");
    let error = Func::try_new(&mut store, ty.clone(), |_, _, _| Ok(())).unwrap_err();
    let text = error.to_string();
    let mut panics = |make: &dyn Fn(&mut Store<()>) -> Func| {
        let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| make(&mut store)));
        assert_eq!(made.unwrap_err().downcast_ref::<String>(), Some(&text));
    };
    panics(&|store| Func::wrap(store, || ()));
    panics(&|store| Func::new(store, ty.clone(), |_, _, _| Ok(())));
    // SAFETY: there is nothing to return.
    panics(&|store| unsafe { Func::new_unchecked(store, ty.clone(), |_, _| Ok(())) });
}

#[test]
fn counts_of_a_limiter_hold() -> Result<()> {
    let engine = Engine::default();
    let limits = StoreLimitsBuilder::new().tables(1).memories(1).instances(1).build();
    let mut store = Store::new(&engine, limits);
    store.limiter(|limits| limits);
    let (table, memory) = (TableType::new(RefType::FUNCREF, 1, None), MemoryType::new(1, None));
    Table::new(&mut store, table.clone(), Ref::Func(None))?;
    assert!(Table::new(&mut store, table, Ref::Func(None)).is_err());
    Memory::new(&mut store, memory.clone())?;
    assert!(Memory::new(&mut store, memory).is_err());
    let module = Module::new(&engine, "(module)")?;
    let instance = Instance::new(&mut store, &module, &[])?;
    assert!(Instance::new(&mut store, &module, &[]).is_err());
    instance.close(&mut store)?;
    Instance::new(&mut store, &module, &[]).map(drop)
}
