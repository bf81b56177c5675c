//! Types as values: what they say of themselves, what matches what, and values' own types.

use std::panic::{AssertUnwindSafe, catch_unwind};

use brolga::*;

/// Whether `it` panics.
fn panics<R>(it: impl FnOnce() -> R) -> bool {
    catch_unwind(AssertUnwindSafe(it)).is_err()
}

#[test]
fn value_types_know_what_they_are() {
    let reference = ValType::from(RefType::new(false, HeapType::Func));
    let all = [
        (ValType::I32, "i32"),
        (ValType::I64, "i64"),
        (ValType::F32, "f32"),
        (ValType::F64, "f64"),
        (ValType::V128, "v128"),
        (ValType::FUNCREF, "funcref"),
        (ValType::EXTERNREF, "externref"),
        (ValType::NULLFUNCREF, "nullfuncref"),
        (ValType::NULLEXTERNREF, "nullexternref"),
        (reference, "(ref func)"),
    ];
    for (position, (ty, name)) in all.iter().enumerate() {
        assert_eq!(ty.to_string(), *name);
        assert_eq!(format!("{ty:?}"), *name);
        let is = [
            ty.is_i32(),
            ty.is_i64(),
            ty.is_f32(),
            ty.is_f64(),
            ty.is_v128(),
            ty.is_funcref(),
            ty.is_externref(),
        ];
        for (kind, is) in is.into_iter().enumerate() {
            assert_eq!(is, kind == position, "{name}");
        }
        assert_eq!(ty.is_num(), position < 4, "{name}");
        assert_eq!(ty.is_ref(), position > 4, "{name}");
        assert_eq!(ty.as_ref().is_some(), ty.is_ref());
        assert_ne!(panics(|| ty.unwrap_ref().is_nullable()), ty.is_ref());
        assert_eq!(ty.default_value().is_some(), *name != "(ref func)");
        assert!(ty.matches(ty));
    }
    assert!(ValType::NULLFUNCREF.matches(&ValType::FUNCREF));
    assert!(!ValType::FUNCREF.matches(&ValType::NULLFUNCREF));
    assert!(!ValType::NULLFUNCREF.matches(&ValType::EXTERNREF));
    assert!(!ValType::I32.matches(&ValType::I64));
}

#[test]
fn heap_types_have_tops_and_bottoms() {
    let engine = Engine::default();
    let ty = FuncType::new(&engine, [ValType::I32], []);
    let concrete = HeapType::from(ty.clone());
    let other = HeapType::from(FuncType::new(&engine, [], []));
    let all = [
        (HeapType::Extern, "extern"),
        (HeapType::NoExtern, "noextern"),
        (HeapType::Func, "func"),
        (HeapType::NoFunc, "nofunc"),
        (concrete.clone(), "(func (param i32))"),
    ];
    for (heap, name) in &all {
        assert_eq!(heap.to_string(), *name);
        assert_eq!(heap.is_top(), heap.top() == *heap);
        assert_eq!(heap.is_bottom(), heap.bottom() == *heap);
        assert!(heap.bottom().matches(heap) && heap.matches(&heap.top()), "{name}");
        assert_ne!(heap.is_concrete(), heap.is_abstract());
        assert_eq!(heap.is_extern(), *name == "extern");
        assert_eq!(heap.is_func(), *name == "func");
        assert_eq!(heap.is_no_func(), *name == "nofunc");
        assert_eq!(heap.as_concrete_func().is_some(), heap.is_concrete_func());
    }
    assert_eq!(concrete.unwrap_concrete_func(), &ty);
    assert!(panics(|| HeapType::Func.unwrap_concrete_func().finality()));
    assert!(!concrete.matches(&other) && !HeapType::Func.matches(&concrete));
    assert!(!HeapType::NoExtern.matches(&HeapType::Func));

    let nullable = RefType::new(true, concrete.clone());
    let not = RefType::new(false, concrete.clone());
    assert_eq!(nullable.to_string(), "(ref null (func (param i32)))");
    assert!(nullable.is_nullable() && !not.is_nullable() && *not.heap_type() == concrete);
    assert!(not.matches(&nullable) && !nullable.matches(&not));
    assert!(not.matches(&RefType::FUNCREF));
}

#[test]
fn function_types_are_lists() {
    let engine = Engine::default();
    let ty = FuncType::new(&engine, [ValType::I32, ValType::F64], [ValType::V128]);
    assert_eq!((ty.param(1), ty.param(2)), (Some(ValType::F64), None));
    assert_eq!((ty.result(0), ty.result(1)), (Some(ValType::V128), None));
    assert!(Engine::same(ty.engine(), &engine));
    assert!(ty.finality().is_final() && !ty.finality().is_non_final());
    // Types are equal when they say the same, whoever made them.
    let elsewhere =
        FuncType::new(&Engine::default(), [ValType::I32, ValType::F64], [ValType::V128]);
    assert_eq!(ty, elsewhere);
    assert!(ty.matches(&elsewhere));
    assert_ne!(ty, FuncType::new(&engine, [ValType::I32], [ValType::F64, ValType::V128]));
    assert!(ty.supertype().is_none());
    let mut store = Store::new(&engine, ());
    let func = Func::wrap(&mut store, |_: i32, _: f64| V128::from(0));
    assert_eq!(func.ty(&store), ty);
    let again = FuncType::try_new(&engine, [ValType::I32, ValType::F64], [ValType::V128]);
    assert_eq!(again.unwrap(), ty);
    assert!(func.matches_ty(&store, &ty));
    assert!(!func.matches_ty(&store, &FuncType::new(&engine, [], [])));
}

#[test]
#[cfg_attr(miri, ignore = "compiling takes Miri minutes")]
fn extern_types_of_a_module() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module
            (global (export "g") (mut i64) (i64.const 0))
            (table (export "t") i64 1 2 externref)
            (memory (export "m") i64 3 4)
            (memory (export "bytes") 5 6 (pagesize 1))
            (func (export "f") (param i32)))"#,
    )?;
    let get = |name: &str| module.get_export(name).context("an export");
    let global = get("g")?.unwrap_global().clone();
    assert!(global.content().is_i64() && global.mutability().is_var());
    assert!(!global.mutability().is_const());
    assert_eq!(global.to_string(), "(global (mut i64))");
    let table = get("t")?.unwrap_table().clone();
    assert!(table.is_64() && *table.element() == RefType::EXTERNREF);
    assert_eq!(table, TableType::new64(RefType::EXTERNREF, 1, Some(2)));
    let memory = get("m")?.unwrap_memory().clone();
    assert_eq!(memory, MemoryType::new64(3, Some(4)));
    assert_eq!((memory.page_size(), memory.page_size_log2()), (1 << 16, 16));
    let bytes = MemoryType::builder().min(5).max(Some(6)).page_size_log2(0).build()?;
    assert_eq!(get("bytes")?, ExternType::from(bytes));
    assert!(get("f")?.global().is_none() && get("f")?.func().is_some());
    assert!(panics(|| module.get_export("f").unwrap().unwrap_memory().is_64()));
    Ok(())
}

#[test]
fn impossible_memories() {
    assert!(MemoryType::builder().memory64(true).min(1 << 48).build().is_ok());
    type Change = fn(&mut MemoryTypeBuilder) -> &mut MemoryTypeBuilder;
    let changes: [(_, Change); 4] = [
        ("a page", |it| it.page_size_log2(3)),
        ("pages", |it| it.min(1 << 17)),
        ("pages", |it| it.max(Some(1 << 17))),
        ("maximum", |it| it.min(2).max(Some(1))),
    ];
    for (what, change) in changes {
        let error = change(&mut MemoryTypeBuilder::new()).build().unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    }
    assert!(panics(|| MemoryType::new(2, Some(1))));
    assert!(panics(|| MemoryType::new64(1, Some(u64::MAX))));
    assert!(panics(|| MemoryType::shared(1, 1 << 17)));
}

#[test]
fn values_know_their_types() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let func = Func::wrap(&mut store, || ());
    let object = ExternRef::new(&mut store, ())?;
    let concrete = RefType::new(false, HeapType::from(FuncType::new(&engine, [], [])));
    let vals = [
        (Val::from(1_i32), ValType::I32),
        (Val::from(1_i64), ValType::I64),
        (Val::from(1_f32), ValType::F32),
        (Val::from(1_f64), ValType::F64),
        (Val::from(1_u128), ValType::V128),
        (Val::from(func), concrete.into()),
        (Val::from(object), RefType::new(false, HeapType::Extern).into()),
        (Val::null_ref(&HeapType::Func), ValType::NULLFUNCREF),
        (Val::null_ref(&HeapType::NoExtern), ValType::NULLEXTERNREF),
    ];
    for (val, ty) in &vals {
        assert_eq!(val.ty(&store)?, *ty);
        assert!(val.matches_ty(&store, ty)?);
        assert_eq!(val.ref_().is_some(), ty.is_ref());
        assert_eq!(val.funcref().is_some(), ty.matches(&ValType::FUNCREF));
        assert_eq!(val.externref().is_some(), ty.matches(&ValType::EXTERNREF));
        assert_eq!(val.func_ref(), val.funcref());
        assert_eq!(val.extern_ref().is_some(), val.externref().is_some());
        assert_eq!(val.i32().is_some(), ty.is_i32());
        assert_ne!(panics(|| val.unwrap_i64()), ty.is_i64());
        assert!(
            !val.matches_ty(&store, &ValType::from(RefType::new(true, HeapType::NoFunc)))?
                || *ty == ValType::NULLFUNCREF
        );
    }
    assert!(vals[5].0.matches_ty(&store, &ValType::FUNCREF)?);
    assert_eq!(Val::default_for_ty(&ValType::F64).and_then(|it| it.f64()), Some(0.0));
    assert!(Val::default_for_ty(&RefType::new(false, HeapType::Extern).into()).is_none());

    let (to_func, to_object) = (Ref::from(func), Ref::from(object));
    assert!(to_func.is_func() && !to_func.is_extern() && to_func.is_non_null());
    assert!(to_object.is_extern() && !to_object.is_func());
    assert_eq!(to_func.as_func(), Some(Some(&func)));
    assert!(to_func.as_extern().is_none() && to_object.as_func().is_none());
    assert!(to_func.matches_ty(&store, &RefType::FUNCREF)?);
    assert!(!to_object.matches_ty(&store, &RefType::FUNCREF)?);
    assert!(Ref::null(&HeapType::Func).is_null());
    assert!(Ref::from(None::<Func>).as_func() == Some(None));
    assert!(panics(|| to_func.unwrap_extern().is_some()));
    assert!(panics(|| to_object.unwrap_func().is_some()));
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn nothing_is_null() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let module = Module::new(
        &engine,
        r#"(module
            (import "" "f" (func $f (param funcref externref) (result i32)))
            (func (export "f") (param funcref externref) (result i32)
                (call $f (local.get 0) (local.get 1)))
            (func (export "funcref") (result funcref) (ref.null func)))"#,
    )?;
    let nulls = Func::wrap(&mut store, |func: Option<Func>, object: Option<Rooted<ExternRef>>| {
        i32::from(func.is_none() && object.is_none())
    });
    let instance = Instance::new(&mut store, &module, &[nulls.into()])?;
    let f = instance.get_typed_func::<(Option<NoFunc>, Option<NoExtern>), i32>(&mut store, "f")?;
    assert_eq!(f.call(&mut store, (NoFunc::null(), NoExtern::null()))?, 1);
    // What may be a function is not known to be none.
    assert!(instance.get_typed_func::<(), Option<NoFunc>>(&mut store, "funcref").is_err());
    // The host's own, both ways.
    let id = Func::wrap(&mut store, |null: Option<NoFunc>| null);
    assert_eq!(id.ty(&store).to_string(), "(func (param nullfuncref) (result nullfuncref))");
    let typed = id.typed::<Option<NoFunc>, Option<NoFunc>>(&store)?;
    assert_eq!(typed.call(&mut store, None)?, None);
    let mut results = [Val::I32(0)];
    id.call(&mut store, &[NoFunc::null_val()], &mut results)?;
    assert_eq!(results[0].unwrap_funcref(), None);
    let some = Val::from(id);
    assert!(id.call(&mut store, &[some], &mut results).is_err());
    assert!(NoExtern::null_ref().is_extern() && NoFunc::null_ref().is_func());
    Ok(())
}
