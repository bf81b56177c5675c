//! What works without the feature `compiler`: loading compiled modules and all that can be done
//! with them. The images are made by the compiler's crate itself, so that this test is the same
//! for both builds: `cargo test -p brolga --no-default-features --lib --test load_only`.
//!
//! Not under Miri: every test compiles and most run what comes out.
#![cfg(not(miri))]

use brolga::*;
use brolga_abi::{CompileOptions, ImageFile};
use brolga_module::ParsedModule;

/// What [`Engine::precompile_module`] of a build with the compiler gives.
fn precompiled(text: &str) -> Vec<u8> {
    let bytes = wat::parse_str(text).unwrap();
    let module = ParsedModule::decode(bytes.into(), Features::default()).unwrap();
    let (target, options) = (brolga_compile::Target::host().unwrap(), CompileOptions::default());
    let image = brolga_compile::compile(&module, &target, &options, 1, &()).unwrap();
    ImageFile::write(&image, &options, &module)
}

fn load(engine: &Engine, text: &str) -> Module {
    // SAFETY: the bytes are what `precompiled` gave.
    unsafe { Module::deserialize(engine, precompiled(text)) }.unwrap()
}

#[cfg(feature = "compiler")]
#[test]
fn the_images_of_this_test_are_those_of_the_engine() -> Result<()> {
    let text = r#"(module (func (export "f") (param i32 i64)))"#;
    assert_eq!(Engine::default().precompile_module(&wat::parse_str(text)?)?, precompiled(text));
    Ok(())
}

#[test]
fn a_loaded_module_runs_and_calls_the_host() -> Result<()> {
    let engine = Engine::default();
    let module = load(
        &engine,
        r#"(module
            (import "host" "add" (func $add (param i32 i64) (result i64)))
            (memory (export "memory") 1)
            (data (i32.const 0) "hello")
            (func (export "run") (param i32) (result i64)
                (call $add (local.get 0) (i64.load8_u (i32.const 0))))
            (func (export "fail") unreachable))"#,
    );
    let mut store = Store::new(&engine, 0_u32);
    let mut linker = Linker::new(&engine);
    linker.func_wrap("host", "add", |mut caller: Caller<'_, u32>, a: i32, b: i64| {
        *caller.data_mut() += 1;
        i64::from(a) + b
    })?;
    let instance = linker.instantiate(&mut store, &module)?;
    let run = instance.get_typed_func::<i32, i64>(&mut store, "run")?;
    assert_eq!(run.call(&mut store, 1)?, 1 + i64::from(b'h'));
    let memory = instance.get_memory(&mut store, "memory").context("no memory")?;
    memory.write(&mut store, 0, &[9])?;
    assert_eq!(run.call(&mut store, 1)?, 10);
    assert_eq!(*store.data(), 2);
    let fail = instance.get_typed_func::<(), ()>(&mut store, "fail")?;
    let error = fail.call(&mut store, ()).expect_err("a trap");
    assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::UnreachableCodeReached));
    let again = round_trip(&module)?;
    assert_eq!(again.serialize()?, module.serialize()?);
    Ok(())
}

fn round_trip(module: &Module) -> Result<Module> {
    // SAFETY: the bytes are what `serialize` gave.
    unsafe { Module::deserialize(module.engine(), module.serialize()?) }
}

const CALLS: &str = r#"(module
    (table (export "table") 1 funcref)
    (func (export "run") (param i32) (result i32)
        (call_indirect (param i32) (result i32) (local.get 0) (i32.const 0))))"#;

/// The code by which wasm calls a host function in a table is that of the module that calls it.
#[test]
fn a_host_function_in_a_table_is_called() -> Result<()> {
    let engine = Engine::default();
    // Others that come and go don't matter.
    for _ in 0..200 {
        load(&engine, "(module)");
    }
    let module = load(&engine, CALLS);
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let table = instance.get_table(&mut store, "table").context("no table")?;
    let double = Func::wrap(&mut store, |number: i32| number * 2);
    table.set(&mut store, 0, Ref::Func(Some(double)))?;
    let run = instance.get_typed_func::<i32, i32>(&mut store, "run")?;
    assert_eq!(run.call(&mut store, 21)?, 42);
    Ok(())
}

/// No module has code for this type, so only the compiler can make it; functions whose values fit
/// registers bring their own.
#[test]
fn a_type_that_no_module_has_code_for_needs_the_compiler() -> Result<()> {
    let engine = Engine::default();
    let module = load(&engine, CALLS);
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let table = instance.get_table(&mut store, "table").context("no table")?;
    let fits = Func::wrap(&mut store, |_: i64, _: f32| 1.0_f64);
    table.set(&mut store, 0, Ref::Func(Some(fits)))?;
    let odd = Func::wrap(&mut store, |number: i64| (number, number));
    let result = table.set(&mut store, 0, Ref::Func(Some(odd)));
    assert_eq!(result.is_ok(), cfg!(feature = "compiler"), "{result:?}");
    if let Err(error) = result {
        let text = format!("{error:#}");
        assert!(text.contains("no compiler"), "{text}");
        assert!(text.contains("function type"), "{text}");
    }
    Ok(())
}

#[test]
fn damaged_files_are_refused() {
    let engine = Engine::default();
    let mut bytes = precompiled(CALLS);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    // SAFETY: refused.
    let error = unsafe { Module::deserialize(&engine, &bytes) }.expect_err("damaged");
    let error = error.downcast::<DeserializeError>().expect("an error of the format");
    assert!(matches!(error, DeserializeError::File(ImageFileError::Checksum { .. })), "{error}");
}
