//! Linking: names, types, what is said when they don't fit, and start functions.

use brolga::*;

fn set_up() -> (Engine, Store<()>, Linker<()>) {
    let engine = Engine::default();
    let store = Store::new(&engine, ());
    let linker = Linker::new(&engine);
    (engine, store, linker)
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn instances_are_linked_by_name() -> Result<()> {
    let (engine, mut store, mut linker) = set_up();
    let library = Module::new(
        &engine,
        r#"(module
            (memory (export "memory") 1)
            (table (export "table") 2 funcref)
            (global $count (export "count") (mut i32) (i32.const 0))
            (elem (i32.const 0) func $bump)
            (func $bump (export "bump") (result i32)
                (global.set $count (i32.add (global.get $count) (i32.const 1)))
                (global.get $count)))"#,
    )?;
    let program = Module::new(
        &engine,
        r#"(module
            (import "library" "memory" (memory 1))
            (import "library" "table" (table 2 funcref))
            (import "library" "count" (global $count (mut i32)))
            (import "library" "bump" (func $bump (result i32)))
            (data (i32.const 0) "\2a")
            (func (export "run") (result i32)
                (drop (call $bump))
                (drop (call_indirect (result i32) (i32.const 0)))
                (i32.add (global.get $count) (i32.load8_u (i32.const 0)))))"#,
    )?;
    let library = linker.instantiate(&mut store, &library)?;
    linker.instance(&mut store, "library", library)?;
    let program = linker.instantiate(&mut store, &program)?;
    let run = program.get_typed_func::<(), i32>(&mut store, "run")?;
    assert_eq!(run.call(&mut store, ())?, 44);
    let count = library.get_global(&mut store, "count").unwrap();
    assert_eq!(count.get(&mut store).unwrap_i32(), 2);
    assert_eq!(library.get_memory(&mut store, "memory").unwrap().data(&store)[0], 42);
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn what_is_missing_is_named() -> Result<()> {
    let (engine, mut store, mut linker) = set_up();
    let module = Module::new(
        &engine,
        r#"(module (import "env" "known" (func)) (import "env" "missing" (func (param i32)))
            (func (export "run") (call 1 (i32.const 0))))"#,
    )?;
    linker.func_wrap("env", "known", || ())?;
    let error = linker.instantiate(&mut store, &module).unwrap_err();
    assert_eq!(error.to_string(), "unknown import: `env::missing` has not been defined");
    let unknown = error.downcast_ref::<UnknownImportError>().unwrap();
    assert_eq!((unknown.module(), unknown.name()), ("env", "missing"));
    assert_eq!(unknown.ty().unwrap_func().params().len(), 1);
    assert!(linker.instantiate_pre(&module).is_err());

    linker.define_unknown_imports_as_traps(&module)?;
    let instance = linker.instantiate(&mut store, &module)?;
    let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
    let error = run.call(&mut store, ()).unwrap_err();
    assert_eq!(error.downcast_ref::<UnknownImportError>().unwrap().name(), "missing");
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "compiling takes Miri minutes")]
fn what_does_not_fit_is_explained() -> Result<()> {
    let (engine, mut store, _) = set_up();
    let func = Func::wrap(&mut store, |_: i32| ());
    let memory = Memory::new(&mut store, MemoryType::new(1, Some(3)))?;
    let table = Table::new(&mut store, TableType::new(RefType::FUNCREF, 2, None), Ref::Func(None))?;
    let global =
        Global::new(&mut store, GlobalType::new(ValType::I32, Mutability::Const), 1.into())?;
    let externs: [(&str, Extern); 4] = [
        ("func", func.into()),
        ("memory", memory.into()),
        ("table", table.into()),
        ("global", global.into()),
    ];
    for (wanted, given, message) in [
        (r#"(func (param i64))"#, 0, "expected func (param i64), found func (param i32)"),
        (r#"(func)"#, 1, "expected func, found a memory"),
        (r#"(memory 2 3)"#, 1, "found memory 1 3"),
        (r#"(memory 1 2)"#, 1, "found memory 1 3"),
        (r#"(memory i64 1 3)"#, 1, "expected memory i64 1 3, found memory 1 3"),
        (r#"(table 3 funcref)"#, 2, "found table 2 funcref"),
        (r#"(table 2 externref)"#, 2, "expected table 2 externref, found table 2 funcref"),
        (r#"(table 2 5 funcref)"#, 2, "found table 2 funcref"),
        (r#"(global (mut i32))"#, 3, "expected global (mut i32), found global i32"),
        (r#"(global i64)"#, 3, "expected global i64, found global i32"),
        (r#"(global i32)"#, 0, "expected global i32, found a function"),
    ] {
        let module = Module::new(&engine, format!(r#"(module (import "m" "n" {wanted}))"#))?;
        let (name, item) = externs[given];
        let error = Instance::new(&mut store, &module, &[item]).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("m::n"), "{text}");
        assert!(text.contains("incompatible import type"), "{text}");
        assert!(text.contains(message), "{wanted} given {name}: {text}");

        // The linker too, whether it finds out itself or the instantiation does.
        let mut linker = Linker::new(&engine);
        linker.define(&store, "m", "n", item)?;
        let error = linker.instantiate(&mut store, &module).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("m::n") && text.contains("incompatible import type"), "{text}");
    }
    let module = Module::new(&engine, r#"(module (import "m" "n" (func)))"#)?;
    let error = Instance::new(&mut store, &module, &[]).unwrap_err();
    assert_eq!(error.to_string(), "the module has 1 imports, 0 were given");
    Ok(())
}

#[test]
fn sizes_count_as_they_are_now() -> Result<()> {
    let (engine, mut store, mut linker) = set_up();
    let memory = Memory::new(&mut store, MemoryType::new(1, None))?;
    linker.define(&store, "", "m", memory)?;
    let module = Module::new(&engine, r#"(module (import "" "m" (memory 2)))"#)?;
    let pre = linker.instantiate_pre(&module)?;
    assert!(linker.instantiate(&mut store, &module).is_err());
    assert!(pre.instantiate(&mut store).is_err());
    memory.grow(&mut store, 1)?;
    linker.instantiate(&mut store, &module)?;
    pre.instantiate(&mut store)?;
    Ok(())
}

#[test]
fn names_are_taken_once_unless_shadowed() -> Result<()> {
    let (_, mut store, mut linker) = set_up();
    linker.func_wrap("m", "f", || 1)?;
    let error = linker.func_wrap("m", "f", || 2).unwrap_err();
    assert_eq!(error.to_string(), "import of `m::f` defined twice");
    linker.allow_shadowing(true).func_wrap("m", "f", || 3)?;
    let f = linker.get(&mut store, "m", "f")?.into_func().unwrap();
    assert_eq!(f.typed::<(), i32>(&store)?.call(&mut store, ())?, 3);
    assert!(linker.get(&mut store, "m", "g").is_err());

    linker.alias("m", "f", "n", "g")?;
    linker.alias_module("n", "o")?;
    assert!(linker.alias("m", "nothing", "n", "g").is_err());
    let g = linker.get(&mut store, "o", "g")?.into_func().unwrap();
    assert_eq!(g, f, "one host function is one function of a store");
    let mut names: Vec<_> =
        linker.iter(&mut store).map(|(module, name, _)| format!("{module}::{name}")).collect();
    names.sort();
    assert_eq!(names, ["m::f", "n::g", "o::g"]);
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn one_linker_many_stores() -> Result<()> {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    linker.func_wrap("", "bump", |mut caller: Caller<'_, usize>| *caller.data_mut() += 1)?;
    let module = Module::new(
        &engine,
        r#"(module (import "" "bump" (func $bump)) (func (export "run") call $bump call $bump))"#,
    )?;
    let pre = linker.instantiate_pre(&module)?;
    drop(linker);
    std::thread::scope(|scope| {
        for start in 0..4 {
            let (pre, engine) = (&pre, &engine);
            scope.spawn(move || {
                let mut store = Store::new(engine, start);
                for _ in 0..100 {
                    let instance = pre.instantiate(&mut store).unwrap();
                    let run = instance.get_typed_func::<(), ()>(&mut store, "run").unwrap();
                    run.call(&mut store, ()).unwrap();
                }
                assert_eq!(store.into_data(), start + 200);
            });
        }
    });
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn start_functions_run_and_may_fail() -> Result<()> {
    let (engine, mut store, _) = set_up();
    let memory = Memory::new(&mut store, MemoryType::new(1, None))?;
    let table = Table::new(&mut store, TableType::new(RefType::FUNCREF, 2, None), Ref::Func(None))?;
    let module = Module::new(
        &engine,
        r#"(module
            (import "" "m" (memory 1))
            (import "" "t" (table 2 funcref))
            (data (i32.const 0) "written")
            (elem (i32.const 1) func $survivor)
            (global $n (mut i32) (i32.const 7))
            (func $survivor (result i32)
                (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n))
            (func $start (i32.store8 (i32.const 8) (i32.const 33)) unreachable)
            (start $start))"#,
    )?;
    let error = Instance::new(&mut store, &module, &[memory.into(), table.into()]).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::UnreachableCodeReached));
    assert!(error.to_string().contains("!start"), "{error}");
    // What it wrote stays, and what the table refers to lives.
    assert_eq!(&memory.data(&store)[..7], b"written");
    assert_eq!(memory.data(&store)[8], 33);
    let element = table.get(&mut store, 1).unwrap();
    let survivor = element.unwrap_func().unwrap().typed::<(), i32>(&store)?;
    assert_eq!(survivor.call(&mut store, ())?, 8);
    assert_eq!(survivor.call(&mut store, ())?, 9);
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "compiling takes Miri minutes")]
fn segments_that_do_not_fit() -> Result<()> {
    let (engine, mut store, _) = set_up();
    let memory = Memory::new(&mut store, MemoryType::new(1, None))?;
    let table = Table::new(&mut store, TableType::new(RefType::FUNCREF, 2, None), Ref::Func(None))?;
    let module = |text: &str| Module::new(&engine, text);
    let data = module(
        r#"(module (import "" "m" (memory 1))
            (data (i32.const 0) "first") (data (i32.const 65534) "too far"))"#,
    )?;
    let error = Instance::new(&mut store, &data, &[memory.into()]).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::MemoryOutOfBounds));
    assert_eq!(error.to_string(), "data segment 1: out of bounds memory access");
    assert_eq!(&memory.data(&store)[..5], b"first", "what came before stays");
    let elements = module(
        r#"(module (import "" "t" (table 2 funcref)) (func $f)
            (elem (i32.const 0) func $f) (elem (i32.const 1) func $f $f))"#,
    )?;
    let error = Instance::new(&mut store, &elements, &[table.into()]).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::TableOutOfBounds));
    assert!(table.get(&mut store, 0).unwrap().is_non_null());
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn commands_and_reactors() -> Result<()> {
    let (engine, mut store, mut linker) = set_up();
    let command = Module::new(
        &engine,
        r#"(module
            (global $n (mut i32) (i32.const 0))
            (func (export "_start"))
            (func (export "next") (result i32)
                (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))"#,
    )?;
    linker.module(&mut store, "command", &command)?;
    let next = linker.get(&mut store, "command", "next")?.into_func().unwrap();
    let next = next.typed::<(), i32>(&store)?;
    assert_eq!([next.call(&mut store, ())?, next.call(&mut store, ())?], [1, 1], "each anew");
    linker.get_default(&mut store, "command")?.call(&mut store, &[], &mut [])?;

    let reactor = Module::new(
        &engine,
        r#"(module
            (global $n (mut i32) (i32.const 0))
            (func (export "_initialize") (global.set $n (i32.const 10)))
            (func (export "next") (result i32)
                (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))"#,
    )?;
    linker.module(&mut store, "reactor", &reactor)?;
    let next = linker.get(&mut store, "reactor", "next")?.into_func().unwrap();
    let next = next.typed::<(), i32>(&store)?;
    assert_eq!([next.call(&mut store, ())?, next.call(&mut store, ())?], [11, 12], "the same");
    linker.get_default(&mut store, "reactor")?.call(&mut store, &[], &mut [])?;

    let both = r#"(module (func (export "_start")) (func (export "_initialize")))"#;
    assert!(linker.module(&mut store, "both", &Module::new(&engine, both)?).is_err());
    let neither = r#"(module (memory (export "_start") 1))"#;
    assert!(linker.module(&mut store, "neither", &Module::new(&engine, neither)?).is_err());
    Ok(())
}

/// A command's instance goes with the call that made it, however that ends.
#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn commands_leave_no_instances() -> Result<()> {
    let (engine, mut store, mut linker) = set_up();
    linker.func_wrap("host", "end", |how: u32| match how {
        0 => Ok(()),
        1 => Err(Error::msg("an error")),
        _ => panic!("a panic"),
    })?;
    let command = Module::new(
        &engine,
        r#"(module (import "host" "end" (func $end (param i32))) (memory 1)
            (func (export "_start"))
            (func (export "run") (param i32) (call $end (local.get 0)) (unreachable)))"#,
    )?;
    linker.module(&mut store, "command", &command)?;
    let run = linker.get(&mut store, "command", "run")?.into_func().context("a function")?;
    let run = run.typed::<u32, ()>(&store)?;
    // What a panic has left is freed when the next call ends.
    store.set_limits(Limits { instances: 2, memories: 2, ..store.limits() });
    for _ in 0..3 {
        let error = run.call(&mut store, 0).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Trap::UnreachableCodeReached));
        let error = run.call(&mut store, 1).unwrap_err();
        assert_eq!(error.root_cause().to_string(), "an error");
        let call = std::panic::AssertUnwindSafe(|| run.call(&mut store, 2));
        let payload = std::panic::catch_unwind(call).expect_err("a panic");
        assert_eq!(payload.downcast_ref(), Some(&"a panic"));
    }
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "compiling takes Miri minutes")]
fn linking_again_and_again_does_not_fill_the_store() -> Result<()> {
    let (engine, mut store, mut linker) = set_up();
    linker.func_wrap("", "f", || ())?;
    let module = Module::new(
        &engine,
        r#"(module (import "" "f" (func)) (memory 1) (table 10 funcref) (func (export "g")))"#,
    )?;
    store.set_limits(Limits {
        instances: 3,
        memories: 3,
        tables: 3,
        host_functions: 1,
        ..store.limits()
    });
    for _ in 0..10_000 {
        let instance = linker.instantiate(&mut store, &module)?;
        instance.close(&mut store)?;
    }
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "compiling takes Miri minutes")]
fn exports_in_order() -> Result<()> {
    let (engine, mut store, _) = set_up();
    let module = Module::new(
        &engine,
        r#"(module
            (memory (export "z") 1 2)
            (func (export "a") (param f32))
            (export "b" (memory 0))
            (table (export "t") 3 externref)
            (global (export "g") (mut v128) (v128.const i64x2 1 2)))"#,
    )?;
    let instance = Instance::new(&mut store, &module, &[])?;
    let exports: Vec<_> = instance
        .exports(&mut store)
        .map(|export| (export.name().to_owned(), export.into_extern()))
        .collect();
    let described: Vec<_> =
        exports.iter().map(|(name, item)| format!("{name} {}", item.ty(&store))).collect();
    let expected = [
        "z (memory 1 2)",
        "a (func (param f32))",
        "b (memory 1 2)",
        "t (table 3 externref)",
        "g (global (mut v128))",
    ];
    assert_eq!(described, expected);
    let types: Vec<_> =
        module.exports().map(|export| format!("{} {}", export.name(), export.ty())).collect();
    assert_eq!(types, expected);
    assert!(instance.get_func(&mut store, "z").is_none());
    let z = module.get_export_index("z").unwrap();
    assert!(instance.get_module_export(&mut store, &z).unwrap().into_memory().is_some());
    let other = Module::new(&engine, r#"(module (memory (export "z") 1))"#)?;
    let z = other.get_export_index("z").unwrap();
    assert!(instance.get_module_export(&mut store, &z).is_none(), "another module's");
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn unknown_imports_can_be_zeros() -> Result<()> {
    let (engine, mut store, mut linker) = set_up();
    let module = Module::new(
        &engine,
        r#"(module
            (import "a" "known" (func $known (result i32)))
            (import "a" "f" (func $f (param i64) (result i32 f64 funcref externref v128)))
            (import "a" "g" (global $g i64))
            (import "a" "t" (table 3 externref))
            (import "a" "m" (memory 2))
            (func (export "run") (result i32 f64 funcref externref v128)
                (call $f (i64.const 1)))
            (func (export "known") (result i32) call $known)
            (func (export "sizes") (result i32 i32 i64)
                (memory.size) (table.size 0) (global.get $g)))"#,
    )?;
    linker.func_wrap("a", "known", || 7)?;
    linker.define_unknown_imports_as_default_values(&mut store, &module)?;
    let instance = linker.instantiate(&mut store, &module)?;
    assert_eq!(instance.get_typed_func::<(), i32>(&mut store, "known")?.call(&mut store, ())?, 7);
    let mut results = [const { Val::I64(9) }; 5];
    instance.get_func(&mut store, "run").unwrap().call(&mut store, &[], &mut results)?;
    assert_eq!((results[0].unwrap_i32(), results[1].unwrap_f64()), (0, 0.0));
    assert!(results[2].unwrap_funcref().is_none() && results[3].unwrap_externref().is_none());
    assert_eq!(results[4].unwrap_v128().as_u128(), 0);
    let sizes = instance.get_typed_func::<(), (i32, i32, i64)>(&mut store, "sizes")?;
    assert_eq!(sizes.call(&mut store, ())?, (2, 3, 0));

    // Functions belong to no store; the rest belongs to the one that was given.
    let mut other = Store::new(&engine, ());
    assert!(linker.instantiate(&mut other, &module).is_err());
    // A second time there is nothing left to define.
    linker.define_unknown_imports_as_default_values(&mut other, &module)?;
    Ok(())
}

#[test]
fn what_has_no_default_value_is_named() {
    let mut store = Store::new(&Engine::default(), ());
    let reference = ValType::Ref(RefType::new(false, HeapType::Func));
    let ty = FuncType::new(store.engine(), [], [reference.clone()]);
    let error = ty.default_value(&mut store).unwrap_err();
    assert_eq!(error.to_string(), "function results do not have a default value");
    let error = GlobalType::new(reference, Mutability::Const).default_value(&mut store);
    assert_eq!(error.unwrap_err().to_string(), "global type has no default value");
    let table = TableType::new(RefType::new(false, HeapType::Func), 1, None);
    let error = table.default_value(&mut store).unwrap_err();
    assert_eq!(error.to_string(), "table element type does not have a default value");
}

#[test]
#[cfg_attr(miri, ignore = "compiling takes Miri minutes")]
fn shared_memories_are_refused_clearly() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let ty = MemoryType::shared(1, 2);
    assert!(ty.is_shared());
    for error in [
        Memory::new(&mut store, ty.clone()).unwrap_err(),
        ty.default_value(&mut store).unwrap_err(),
    ] {
        assert!(error.to_string().contains("shared memories are not supported"), "{error}");
    }
    let error = MemoryType::builder().shared(true).build().unwrap_err();
    assert_eq!(error.to_string(), "shared memories must have a maximum size");
    let error = Module::new(&engine, "(module (memory 1 2 shared))").unwrap_err();
    assert!(format!("{error:#}").contains("threads must be enabled"), "{error:#}");
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn commands_export_what_toolchains_do() -> Result<()> {
    let (engine, mut store, mut linker) = set_up();
    let usual = r#"(module (memory (export "memory") 1) (table (export "table") 1 funcref)
        (global (export "__heap_base") i32 (i32.const 0)) (func (export "_start")))"#;
    linker.module(&mut store, "usual", &Module::new(&engine, usual)?)?;
    let unusual = Module::new(
        &engine,
        r#"(module (memory (export "memories") 1) (func (export "_start")))"#,
    )?;
    let error = linker.module(&mut store, "unusual", &unusual).unwrap_err();
    assert_eq!(error.to_string(), "command export `memories` is not a function");
    linker.allow_shadowing(true).allow_unknown_exports(true);
    linker.module(&mut store, "unusual", &unusual)?;
    linker.get_default(&mut store, "unusual")?.call(&mut store, &[], &mut [])
}

#[test]
#[cfg_attr(miri, ignore = "compiling takes Miri minutes")]
fn names_without_a_module_and_lookups_by_import() -> Result<()> {
    let (engine, mut store, mut linker) = set_up();
    let module = Module::new(
        &engine,
        r#"(module (import "" "one" (func (result i32))) (import "" "two" (func)))"#,
    )?;
    let one = Func::wrap(&mut store, || 1);
    linker.define_name(&store, "one", one)?;
    let imports: Vec<_> = module.imports().collect();
    assert!(linker.get_by_import(&mut store, &imports[0]).is_some());
    assert!(linker.try_get_by_import(&mut store, &imports[0])?.is_some());
    assert!(linker.try_get_by_import(&mut store, &imports[1])?.is_none());
    linker.func_wrap("", "two", || ())?;
    store.set_limits(Limits { host_functions: 1, ..store.limits() });
    assert!(linker.try_get_by_import(&mut store, &imports[1]).is_err());
    assert!(linker.get_by_import(&mut store, &imports[1]).is_none());
    Ok(())
}
