//! Compiled modules as bytes: what comes back is the same module, and what is damaged, of another
//! version, of another configuration or for another machine does not come back at all.
//!
//! Not under Miri: every test compiles and many run what comes out.
#![cfg(not(miri))]
#![cfg(feature = "compiler")]

use brolga::*;
use brolga_abi::{CodeImage, CompileOptions, ImageFile};

/// SAFETY for all of this file: every file begins as one that Brolga gave; what a test changes is
/// either refused or, where it is loaded, never called.
fn deserialize(engine: &Engine, bytes: &[u8]) -> Result<Module> {
    // SAFETY: see above.
    unsafe { Module::deserialize(engine, bytes) }
}

#[track_caller]
fn refused(engine: &Engine, bytes: &[u8]) -> DeserializeError {
    let error = deserialize(engine, bytes).expect_err("it must be refused");
    match error.downcast::<DeserializeError>() {
        Ok(error) => error,
        Err(error) => panic!("{error:?}"),
    }
}

/// A small generator, so that a failure can be had again.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

const STATIC_TABLE: &str = r#"(module $static
    (type $number (func (result i32)))
    (table 4 funcref)
    (elem (i32.const 1) func $seven $nine)
    (func $seven (type $number) i32.const 7)
    (func $nine (type $number) i32.const 9)
    (func $run (export "run") (param i32) (result i32)
        (call_indirect (type $number) (local.get 0))))"#;

const SIMD: &str = r#"(module
    (func (export "run") (param i32) (result i32)
        (i32x4.extract_lane 2
            (i32x4.mul (i32x4.splat (local.get 0)) (v128.const i32x4 1 2 3 4)))))"#;

const HOST: &str = r#"(module
    (import "host" "twice" (func $twice (param i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 8) "\05\00\00\00")
    (global $count (mut i32) (i32.const 1))
    (table (export "table") 2 funcref)
    (elem (i32.const 0) func $twice $thrice)
    (func $thrice (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))
    (func $start (global.set $count (i32.const 100)))
    (start $start)
    (@custom "note" "kept")
    (func (export "run") (param i32) (result i32)
        (i32.add (global.get $count)
            (i32.add (i32.load (i32.const 8))
                (call_indirect (param i32) (result i32) (local.get 0) (i32.and (local.get 0) (i32.const 1)))))))"#;

/// What `run` of an instance of `module` gives for `arg`.
fn run(module: &Module, arg: i32) -> Result<i32> {
    let mut store = Store::new(module.engine(), ());
    let mut linker = Linker::new(module.engine());
    linker.func_wrap("host", "twice", |number: i32| number * 2)?;
    let instance = linker.instantiate(&mut store, module)?;
    instance.get_typed_func::<i32, i32>(&mut store, "run")?.call(&mut store, arg)
}

#[test]
fn what_comes_back_is_the_same_module() -> Result<()> {
    for text in [STATIC_TABLE, SIMD, HOST] {
        let engine = Engine::default();
        let module = Module::new(&engine, text)?;
        let bytes = module.serialize()?;
        assert_eq!(bytes, engine.precompile_module(text.as_bytes())?);
        assert_eq!(bytes, engine.precompile_module(&wat::parse_str(text)?)?);
        let mut one_thread = Config::new();
        one_thread.parallel_compilation(false);
        assert_eq!(bytes, Engine::new(&one_thread)?.precompile_module(text.as_bytes())?);

        for engine in [engine, Engine::default()] {
            let again = deserialize(&engine, &bytes)?;
            assert!(Engine::same(again.engine(), &engine));
            assert_eq!(again.serialize()?, bytes);
            assert_eq!(again.name(), module.name());
            let names = |module: &Module| {
                let exports: Vec<String> =
                    module.exports().map(|it| it.name().to_owned()).collect();
                exports
            };
            assert_eq!(names(&again), names(&module));
            assert_eq!(again.imports().len(), module.imports().len());
            let notes = |module: &Module| {
                module.custom_sections("note").map(<[u8]>::to_vec).collect::<Vec<_>>()
            };
            assert_eq!(notes(&again), notes(&module));
            for arg in [1, 2] {
                assert_eq!(run(&again, arg)?, run(&module, arg)?);
            }
            assert_eq!(
                engine.compiled_module_count(),
                usize::from(Engine::same(&engine, module.engine()))
            );
        }
    }
    Ok(())
}

#[test]
fn empty_modules_come_back_too() -> Result<()> {
    let engine = Engine::default();
    for text in [
        "(module)",
        "(module (memory (export \"m\") 3))",
        "(module (import \"a\" \"b\" (global i32)))",
    ] {
        let module = Module::new(&engine, text)?;
        let again = deserialize(&engine, &module.serialize()?)?;
        assert_eq!(again.serialize()?, module.serialize()?);
        assert_eq!(again.exports().len(), module.exports().len());
    }
    Ok(())
}

#[test]
fn traps_are_placed_as_before() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(&engine, STATIC_TABLE)?;
    let again = deserialize(&engine, &module.serialize()?)?;
    for (arg, expected) in [(0, Trap::IndirectCallToNull), (4, Trap::TableOutOfBounds)] {
        let place = |module: &Module| {
            let error = run(module, arg).expect_err("a trap");
            assert_eq!(error.downcast_ref::<Trap>(), Some(&expected));
            let trace = error.downcast_ref::<WasmBacktrace>().expect("a backtrace");
            let frame = &trace.frames()[0];
            (frame.func_name().map(str::to_owned), frame.module_offset())
        };
        assert_eq!(place(&again), place(&module));
        assert_eq!(place(&again).0.as_deref(), Some("run"));
    }
    Ok(())
}

#[test]
fn types_agree_between_a_compiled_and_a_loaded_module() -> Result<()> {
    let engine = Engine::default();
    let exporter = Module::new(
        &engine,
        r#"(module (func (export "twice") (param i32) (result i32)
            (i32.add (local.get 0) (local.get 0))))"#,
    )?;
    for (exporter, importer) in [(true, false), (false, true), (true, true)].map(|(a, b)| {
        let load = |module: Module, load: bool| match load {
            true => deserialize(&engine, &module.serialize().unwrap()).unwrap(),
            false => module,
        };
        (load(exporter.clone(), a), load(Module::new(&engine, HOST).unwrap(), b))
    }) {
        let mut store = Store::new(&engine, ());
        let exports = Instance::new(&mut store, &exporter, &[])?;
        let twice = exports.get_func(&mut store, "twice").context("no export")?;
        let instance = Instance::new(&mut store, &importer, &[twice.into()])?;
        let run = instance.get_typed_func::<i32, i32>(&mut store, "run")?;
        assert_eq!(run.call(&mut store, 4)?, 100 + 5 + 8);
        let wrong = Func::wrap(&mut store, || ());
        assert!(Instance::new(&mut store, &importer, &[wrong.into()]).is_err());
    }
    Ok(())
}

/// The module's file, and where its code begins.
fn small(engine: &Engine) -> (Vec<u8>, usize) {
    let bytes = engine.precompile_module(STATIC_TABLE.as_bytes()).unwrap();
    let (image, module) = ImageFile::open(&bytes).unwrap().read().unwrap();
    let code = bytes.len() - module.len() - 8 - image.code.len();
    (bytes, code)
}

#[test]
fn changed_bytes_are_refused() {
    let engine = Engine::default();
    let (mut bytes, code) = small(&engine);
    let mut random = Random(7);
    let head_and_tables = 0..code;
    let elsewhere: Vec<usize> =
        (0..2_000).map(|_| code + random.below(bytes.len() - code)).collect();
    for position in head_and_tables.chain(elsewhere) {
        let good = bytes[position];
        bytes[position] ^= 1 << random.below(8);
        let error = refused(&engine, &bytes);
        assert!(matches!(error, DeserializeError::File(_)), "byte {position}: {error}");
        bytes[position] = good;
    }
    assert!(deserialize(&engine, &bytes).is_ok(), "the file itself is good");
}

#[test]
fn overwritten_and_swapped_parts_are_refused() {
    let engine = Engine::default();
    let (bytes, code) = small(&engine);
    let other = engine.precompile_module(SIMD.as_bytes()).unwrap();
    let mut random = Random(11);
    for _ in 0..200 {
        let start = random.below(bytes.len());
        let end = start + 1 + random.below(bytes.len() - start);
        let mut zeroed = bytes.clone();
        zeroed[start..end].fill(0);
        let mut mixed = bytes.clone();
        let shared = start.min(other.len())..end.min(other.len());
        mixed[shared.clone()].copy_from_slice(&other[shared]);
        for bad in [zeroed, mixed] {
            if bad != bytes {
                refused(&engine, &bad);
            }
        }
    }
    let halves = [&bytes[..code], &other[code.min(other.len())..]].concat();
    refused(&engine, &halves);
}

#[test]
fn every_truncation_is_refused() {
    let engine = Engine::default();
    let (bytes, _) = small(&engine);
    for length in 0..bytes.len() {
        let error = refused(&engine, &bytes[..length]);
        let fits = matches!(
            error,
            DeserializeError::File(ImageFileError::NotAnImage | ImageFileError::Length { .. })
        );
        assert!(fits, "{length} bytes: {error}");
    }
    for more in [1, 8, 1 << 20] {
        let mut longer = bytes.clone();
        longer.resize(bytes.len() + more, 0);
        let error = refused(&engine, &longer);
        assert!(matches!(error, DeserializeError::File(ImageFileError::Length { .. })), "{error}");
    }
}

/// Brolga's own bytes, but another image in them.
fn rewritten(engine: &Engine, change: impl FnOnce(&mut CodeImage)) -> Vec<u8> {
    let (bytes, _) = small(engine);
    let (mut image, module) = ImageFile::open(&bytes).unwrap().read().unwrap();
    change(&mut image);
    let module = brolga_module::ParsedModule::decode(module.into(), Features::default()).unwrap();
    ImageFile::write(&image, &CompileOptions::default(), &module)
}

#[test]
fn another_machine_is_named() {
    let engine = Engine::default();
    let bytes = rewritten(&engine, |image| image.target = "s390x-unknown-linux-gnu".into());
    let error = refused(&engine, &bytes);
    let DeserializeError::Host(HostError::Target { expected, found }) = &error else {
        panic!("{error}");
    };
    assert_eq!(found, "s390x-unknown-linux-gnu");
    assert!(expected.starts_with(std::env::consts::ARCH), "{expected}");
    let text = error.to_string();
    assert!(text.contains(expected) && text.contains(found), "{text}");

    let bytes = rewritten(&engine, |image| image.cpu_features.push("has_legs".into()));
    let error = refused(&engine, &bytes);
    let feature = "has_legs".to_owned();
    assert_eq!(error, DeserializeError::Host(HostError::CpuFeature { feature }));
    assert!(error.to_string().contains("`has_legs`"), "{error}");
}

#[test]
fn another_version_is_named() {
    let engine = Engine::default();
    let (mut bytes, _) = small(&engine);
    let version = ImageFile::version();
    let position = bytes.windows(version.len()).position(|it| it == version.as_bytes()).unwrap();
    // The last digit of what says how code and host see each other.
    let digit = &mut bytes[position + version.len() - 1];
    *digit = if *digit == b'0' { b'1' } else { b'0' };
    let checksum = checksum(&bytes);
    bytes[16..32].copy_from_slice(&checksum.to_le_bytes());
    let error = refused(&engine, &bytes);
    let DeserializeError::File(ImageFileError::Version { expected, found }) = &error else {
        panic!("{error}");
    };
    assert_eq!(*expected, version);
    assert_eq!(found.len(), version.len());
    assert_ne!(found, expected);
}

/// The checksum of the file: the sum of its words, and above it the sum of those sums.
fn checksum(file: &[u8]) -> u128 {
    let words = [&file[..16], &[0; 4], &file[32..], &[0; 4]].concat();
    let words = words.as_chunks().0.iter().map(|word| u128::from(u32::from_le_bytes(*word)));
    let (sum, sums) = words.fold((0, 0), |(sum, sums), word| (sum + word, sums + sum + word));
    sums << 64 | sum
}

#[test]
fn another_configuration_is_named() -> Result<()> {
    let bytes = Engine::default().precompile_module(SIMD.as_bytes())?;
    type Change = fn(&mut Config) -> &mut Config;
    let changes: [(&str, Change); 5] = [
        ("opt_level", |it| it.cranelift_opt_level(OptLevel::None)),
        ("canonicalize_nans", |it| it.cranelift_nan_canonicalization(true)),
        ("spectre_mitigation", |it| it.spectre_mitigation(false)),
        ("memory_reservation_bytes", |it| it.memory_reservation(1 << 20)),
        ("signals", |it| it.signals_based_traps(false)),
    ];
    for (name, change) in changes {
        let mut config = Config::new();
        let engine = Engine::new(change(&mut config))?;
        let error = refused(&engine, &bytes);
        let DeserializeError::Options { setting, expected, found } = &error else {
            panic!("{error}");
        };
        assert_eq!(setting, name);
        assert_ne!(expected, found);
        let text = error.to_string();
        assert!(text.contains(name) && text.contains(expected) && text.contains(found), "{text}");
        // And the other way round.
        let theirs = engine.precompile_module(SIMD.as_bytes())?;
        assert_eq!(run(&deserialize(&engine, &theirs)?, 5)?, 15);
        refused(&Engine::default(), &theirs);
    }
    Ok(())
}

#[test]
fn missing_features_are_named() -> Result<()> {
    let mut config = Config::new();
    let engine = Engine::new(config.wasm_simd(false))?;
    let error = refused(&engine, &Engine::default().precompile_module(b"(module)")?);
    let features = vec!["simd", "relaxed_simd"];
    assert_eq!(error, DeserializeError::Features { features });
    assert!(error.to_string().contains("simd, relaxed_simd"), "{error}");
    // Features that only this engine has are no matter.
    deserialize(&Engine::default(), &engine.precompile_module(b"(module)")?)?;
    Ok(())
}

#[test]
fn an_image_of_another_module_is_refused() -> Result<()> {
    let engine = Engine::default();
    let image = |text: &str| {
        let bytes = engine.precompile_module(text.as_bytes()).unwrap();
        let (image, module) = ImageFile::open(&bytes).unwrap().read().unwrap();
        let module = brolga_module::ParsedModule::decode(module.into(), Features::default());
        (image, module.unwrap())
    };
    let ((image, _), (_, module)) = (image(STATIC_TABLE), image(SIMD));
    let bytes = ImageFile::write(&image, &CompileOptions::default(), &module);
    let error = deserialize(&engine, &bytes).expect_err("code and module do not belong together");
    let error = error.downcast_ref::<LoadError>().expect("an error of the loader");
    assert!(matches!(error, LoadError::Corrupt(_)), "{error}");
    Ok(())
}

/// Tables that lie are found out when the image is loaded, whatever the checksum says.
#[test]
fn tables_that_lie_are_refused() {
    let engine = Engine::default();
    let lies: [fn(&mut CodeImage); 5] = [
        |image| image.text_bytes += 1,
        |image| image.functions[0].start = u32::MAX,
        |image| image.functions.truncate(1),
        |image| image.host_entries.clear(),
        |image| image.static_tables[0].functions[1] = None,
    ];
    for lie in lies {
        let bytes = rewritten(&engine, lie);
        let error = deserialize(&engine, &bytes).expect_err("a lie");
        assert!(matches!(error.downcast_ref(), Some(LoadError::Corrupt(_))), "{error:?}");
    }
    assert!(deserialize(&engine, &rewritten(&engine, |_| ())).is_ok());
}

#[test]
fn files() -> Result<()> {
    let engine = Engine::default();
    let folder = std::env::temp_dir().join(format!("brolga-serialize-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("module.cwasm");
    std::fs::write(&path, engine.precompile_module(SIMD.as_bytes())?)?;
    assert_eq!(Engine::detect_precompiled_file(&path)?, Some(Precompiled::Module));
    // SAFETY: what `precompile_module` gave.
    let module = unsafe { Module::deserialize_file(&engine, &path)? };
    // SAFETY: as above.
    let again = unsafe { Module::deserialize_open_file(&engine, std::fs::File::open(&path)?)? };
    assert_eq!(run(&again, 7)?, 21);
    // SAFETY: as above.
    let again = unsafe { Module::from_trusted_file(&engine, &path)? };
    assert_eq!(run(&again, 7)?, 21);
    // The file is no longer needed.
    std::fs::write(&path, SIMD)?;
    // SAFETY: there is no code in it.
    let compiled = unsafe { Module::from_trusted_file(&engine, &path)? };
    assert_eq!(run(&compiled, 7)?, 21);
    // SAFETY: as above.
    let open = unsafe { Module::deserialize_open_file(&engine, std::fs::File::open(&path)?) };
    assert!(open.is_err());
    std::fs::write(&path, b"short")?;
    assert_eq!(run(&module, 7)?, 21);
    assert_eq!(Engine::detect_precompiled_file(&path)?, None);
    // SAFETY: refused, as there is no code in it.
    let error = unsafe { Module::deserialize_file(&engine, &path) }.expect_err("no module");
    let not_an_image = DeserializeError::File(ImageFileError::NotAnImage);
    assert_eq!(error.downcast_ref(), Some(&not_an_image));
    assert!(error.to_string().contains("module.cwasm"), "{error}");

    std::fs::remove_dir_all(&folder)?;
    assert!(Engine::detect_precompiled_file(&path).is_err());
    // SAFETY: there is no such file.
    assert!(unsafe { Module::from_trusted_file(&engine, &path) }.is_err());
    // SAFETY: as above.
    let error = unsafe { Module::deserialize_file(&engine, &path) }.expect_err("no file");
    assert!(error.is::<std::io::Error>() && error.to_string().contains("module.cwasm"), "{error}");
    Ok(())
}

#[test]
fn what_bytes_are_is_told_by_their_beginning() -> Result<()> {
    let bytes = Engine::default().precompile_module(b"(module)")?;
    assert_eq!(Engine::detect_precompiled(&bytes), Some(Precompiled::Module));
    assert_eq!(Engine::detect_precompiled(&bytes[..8]), Some(Precompiled::Module));
    for other in [&b""[..], b"\0asm\x01\0\0\0", b"(module)", b"\x7fELF", &bytes[..7]] {
        assert_eq!(Engine::detect_precompiled(other), None);
        refused(&Engine::default(), other);
    }
    Ok(())
}

#[test]
fn modules_that_cannot_be_compiled_are_not_precompiled() {
    let engine = Engine::default();
    assert!(engine.precompile_module(b"\0asm\x01\0\0\0\xff").is_err());
    assert!(engine.precompile_module(b"(module (func (result i32)))").is_err());
    let compiled = engine.precompile_module(b"(module)").unwrap();
    for error in [
        engine.precompile_module(&compiled).expect_err("compiled already"),
        Module::new(&engine, &compiled).expect_err("compiled already"),
        engine.compile_module(&compiled, None).expect_err("compiled already"),
    ] {
        assert_eq!(error.downcast_ref(), Some(&EngineError::Precompiled));
    }
}

/// A named target is this machine's kind, or its code is made and never run.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[test]
fn code_for_another_target_is_made_but_not_run() -> Result<()> {
    let here = Engine::new(Config::new().target("x86_64-unknown-linux-gnu")?)?;
    let bytes = here.precompile_module(SIMD.as_bytes())?;
    for engine in [&here, &Engine::default()] {
        assert_eq!(run(&deserialize(engine, &bytes)?, 7)?, 21);
    }
    assert_eq!(run(&Module::new(&here, SIMD)?, 7)?, 21);

    let mut triples = vec!["x86_64-pc-windows-msvc"];
    if cfg!(feature = "all-arch") {
        triples.extend(["aarch64-unknown-linux-gnu", "riscv64gc-unknown-linux-gnu"]);
        triples.extend(["s390x-unknown-linux-gnu"]);
    }
    for triple in triples {
        let elsewhere = Engine::new(Config::new().target(triple)?)?;
        let bytes = elsewhere.precompile_module(SIMD.as_bytes())?;
        for engine in [&elsewhere, &Engine::default()] {
            let error = refused(engine, &bytes);
            assert!(matches!(error, DeserializeError::Host(HostError::Target { .. })), "{error}");
        }
        // Nor is the code between host and wasm, even where a module for this machine asks for it.
        let module = deserialize(&elsewhere, &here.precompile_module(HOST.as_bytes())?)?;
        let mut store = Store::new(&elsewhere, ());
        let twice = Func::wrap(&mut store, |number: i32| number * 2);
        // More than fit the registers, so that wasm can't call it without such code.
        let odd = Func::wrap(&mut store, |_: i64, _: i64, _: i64, _: i64, number: i64| number);
        let instance = Instance::new(&mut store, &module, &[twice.into()])?;
        let table = instance.get_table(&mut store, "table").context("no table")?;
        let error =
            table.set(&mut store, 0, Ref::Func(Some(odd))).expect_err("code for another system");
        assert!(error.to_string().contains(&format!("compiled for {triple}")), "{error:?}");
        let error = Module::new(&elsewhere, SIMD).expect_err("code for another system");
        assert!(matches!(error.downcast_ref(), Some(HostError::Target { .. })), "{error:?}");
    }
    Ok(())
}
