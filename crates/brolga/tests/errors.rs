//! Errors behave as their users expect: contexts, chains, downcasts, messages.

use brolga::*;

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("inner {0}")]
struct Inner(u32);

#[derive(Debug, thiserror::Error)]
#[error("outer")]
struct Outer(#[source] Inner);

#[test]
fn one_word() {
    assert_eq!(size_of::<Error>(), size_of::<usize>());
    assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
}

#[test]
fn what_went_in_comes_out() {
    let error = Error::new(Outer(Inner(1)));
    assert!(error.is::<Outer>());
    assert!(!error.is::<Inner>(), "a source is not a link");
    assert!(error.root_cause().is::<Inner>());
    let error = error.context("first").context(String::from("second"));
    assert!(error.is::<&str>() && error.is::<String>() && error.is::<Outer>());
    assert_eq!(error.downcast_ref::<&str>(), Some(&"first"));
    let chain: Vec<_> = error.chain().map(ToString::to_string).collect();
    assert_eq!(chain, ["second", "first", "outer", "inner 1"]);
    assert_eq!(format!("{error}"), "second");
    assert_eq!(format!("{error:#}"), "second: first: outer: inner 1");
    assert_eq!(format!("{error:?}"), "second\n\nCaused by:\n    first\n    outer\n    inner 1");
    let error = error.downcast::<Inner>().unwrap_err();
    assert_eq!(error.downcast::<Outer>().unwrap().0, Inner(1));
}

#[test]
fn values_can_be_changed_and_taken() {
    let mut error = Error::msg(String::from("message")).context(7);
    error.downcast_mut::<String>().unwrap().push_str(" changed");
    assert_eq!(format!("{error:#}"), "7: message changed");
    assert_eq!(error.downcast::<i32>().unwrap(), 7);
}

#[test]
fn question_marks_and_contexts() {
    fn parse(text: &str) -> Result<u32> {
        let number = text.parse::<u32>().with_context(|| format!("`{text}` is no number"))?;
        let half = number.checked_sub(10).context("too small")?;
        ensure!(half != 5, "five");
        ensure!(half != 6);
        if half == 7 {
            bail!(Inner(half));
        }
        if half == 8 {
            bail!("eight and {}", half);
        }
        Ok(half)
    }
    let message = |text| format!("{:#}", parse(text).unwrap_err());
    assert_eq!(parse("14").unwrap(), 4);
    assert_eq!(message("x"), "`x` is no number: invalid digit found in string");
    assert_eq!(message("3"), "too small");
    assert_eq!(message("15"), "five");
    assert_eq!(message("16"), "condition failed: `half != 6`");
    assert!(parse("17").unwrap_err().is::<Inner>());
    assert_eq!(message("18"), "eight and 8");
    let text = String::from("owned");
    assert_eq!(format_err!(text).to_string(), "owned");
    assert_eq!(format_err!(Error::from(Inner(3))).downcast::<Inner>().unwrap(), Inner(3));
}

/// Where programs for wasmtime look for them.
#[test]
fn the_module_of_errors() {
    fn halve(number: Option<u32>) -> brolga::error::Result<u32> {
        let number = brolga::error::Context::context(number, "no number")?;
        brolga::error::ensure!(number != 1, "not to be halved");
        if number == 0 {
            brolga::error::bail!("nothing");
        }
        Ok(number / 2)
    }
    assert_eq!(halve(Some(4)).unwrap(), 2);
    for (number, words) in
        [(None, "no number"), (Some(1), "not to be halved"), (Some(0), "nothing")]
    {
        let error: brolga::error::Error = halve(number).unwrap_err();
        assert_eq!(error.to_string(), words);
    }
    assert_eq!(brolga::error::format_err!("{}", 1).to_string(), "1");
}

#[test]
fn into_the_standard_librarys_box_and_back() {
    let error = Error::new(Inner(1)).context("context");
    let boxed: Box<dyn std::error::Error + Send + Sync> = error.into();
    assert_eq!(boxed.to_string(), "context");
    assert_eq!(boxed.source().unwrap().to_string(), "inner 1");
    let error = Error::from_boxed(boxed);
    assert_eq!(error.downcast_ref(), Some(&Inner(1)), "it is the error it was");
    let other: Box<dyn std::error::Error + Send + Sync> = Box::new(Inner(2));
    assert_eq!(Error::from_boxed(other).to_string(), "inner 2");
    let boxed = Error::new(Inner(4)).context("again").into_boxed_dyn_error();
    assert_eq!(boxed.to_string(), "again");
    assert_eq!(boxed.source().unwrap().to_string(), "inner 4");
    fn main_of_a_program() -> Result<(), Box<dyn std::error::Error>> {
        Err(Error::new(Inner(1)))?
    }
    assert_eq!(main_of_a_program().unwrap_err().to_string(), "inner 1");
}

#[test]
#[cfg_attr(miri, ignore = "compiling takes Miri minutes")]
fn bad_modules_say_where() {
    let engine = Engine::default();
    let error = Module::new(&engine, b"\0asm\x01\0\0\0\x01").unwrap_err();
    assert_eq!(error.downcast_ref::<ModuleError>().unwrap().offset(), 9);
    let error = Module::new(&engine, "(module (func i32.add))").unwrap_err();
    assert!(error.to_string().contains("function 0"), "{error}");
    assert!(error.is::<ModuleError>(), "{error:?}");
    let error = Module::new(&engine, "(module (func").unwrap_err();
    assert!(error.to_string().contains("expected `)`"), "{error}");
    let error = Module::validate(&engine, &wat::parse_str("(module (func i32.add))").unwrap());
    assert!(error.unwrap_err().to_string().contains("function 0"));
    Module::validate(&engine, &wat::parse_str("(module (func))").unwrap()).unwrap();
    let error = Module::from_file(&engine, "/no/such/file.wasm").unwrap_err();
    assert!(error.to_string().contains("/no/such/file.wasm"), "{error}");
    assert!(error.root_cause().is::<std::io::Error>());
}

#[test]
fn configurations_are_checked() {
    let refused = |config: &mut Config| Engine::new(config).unwrap_err();
    let error = refused(Config::new().max_wasm_stack(1));
    assert_eq!(error.to_string(), "`max_wasm_stack` is 1 bytes, expected 16384 to 1099511627776");
    assert!(refused(Config::new().max_wasm_stack(usize::MAX)).is::<ConfigError>());
    assert!(refused(Config::new().memory_reservation(u64::MAX)).is::<ConfigError>());
    assert!(refused(Config::new().memory_guard_size(u64::MAX)).is::<ConfigError>());
    assert!(Config::new().target("").is_err());
    let error = refused(Config::new().target("i686-unknown-linux-gnu").unwrap());
    assert!(error.is::<CompileError>(), "{error}");
    let error = refused(Config::new().target("fantasy-machine").unwrap());
    assert!(error.is::<ConfigError>(), "{error}");
}

#[test]
#[cfg_attr(miri, ignore = "compiling takes Miri minutes")]
fn features_are_switched() -> Result<()> {
    let vector = "(module (func (param v128)))";
    let engine = Engine::new(Config::new().wasm_simd(false))?;
    let error = Module::new(&engine, vector).unwrap_err();
    assert!(error.to_string().contains("simd"), "{error}");
    Module::new(&Engine::default(), vector)?;
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn text_of_a_trap() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module $guest
            (memory 1)
            (func $load (param i32) (result i32) (i32.load (local.get 0)))
            (func (export "run") (result i32) (call $load (i32.const -4))))"#,
    )?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let run = instance.get_typed_func::<(), i32>(&mut store, "run")?;
    let error = run.call(&mut store, ()).unwrap_err();
    let text = error.to_string();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    let fault = "memory fault at wasm address 0xfffffffc in linear memory of size 0x10000";
    assert_eq!(lines[0], format!("wasm trap: out of bounds memory access: {fault}"));
    assert_eq!(lines[1], "wasm backtrace:");
    assert!(lines[2].starts_with("    0: ") && lines[2].ends_with(" - guest!load"), "{text}");
    assert!(lines[3].starts_with("    1: ") && lines[3].ends_with(" - guest!run"), "{text}");
    assert_eq!(error.root_cause().to_string(), "wasm trap: out of bounds memory access");
    assert_eq!(format!("{error:?}"), text);

    let mut config = Config::new();
    config.wasm_backtrace(false);
    let engine = Engine::new(&config)?;
    let module = Module::new(&engine, r#"(module (func (export "run") unreachable))"#)?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
    let error = run.call(&mut store, ()).unwrap_err();
    assert_eq!(error.to_string(), "wasm trap: wasm `unreachable` instruction executed");
    Ok(())
}

/// The error of calling `f` of a module with this configuration.
fn fails(config: &Config, module: &str) -> Result<Error> {
    let engine = Engine::new(config)?;
    let module = Module::new(&engine, module)?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let f = instance.get_typed_func::<(), ()>(&mut store, "f")?;
    Ok(f.call(&mut store, ()).unwrap_err())
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn memory_faults_say_where() -> Result<()> {
    let module = r#"(module $m (memory $small 1) (memory $large 2)
        (func $f (export "f") (i64.store $large offset=16 (i32.const 0x1fff0) (i64.const 1))))"#;
    let error = fails(&Config::new(), module)?;
    assert_eq!(error.downcast_ref(), Some(&Trap::MemoryOutOfBounds));
    assert_eq!(error.root_cause().downcast_ref(), Some(&Trap::MemoryOutOfBounds));
    let fault = error.downcast_ref::<MemoryFault>().context("an address")?;
    assert_eq!((fault.wasm_address(), fault.memory_size()), (0x20000, 0x20000));
    let text = "wasm trap: out of bounds memory access: \
        memory fault at wasm address 0x20000 in linear memory of size 0x20000\n\
        wasm backtrace:\n    0:     0x2b - m!f";
    assert_eq!(error.to_string(), text);
    assert_eq!(format!("{error:?}"), text, "nothing is said twice");

    let bare = fails(Config::new().wasm_backtrace(false), module)?;
    for text in [bare.to_string(), format!("{bare:#}"), format!("{bare:?}")] {
        assert!(
            text.ends_with(
                "access: memory fault at wasm address 0x20000 in linear memory of size 0x20000"
            ),
            "{text}"
        );
    }

    // Where code compares, nobody has seen an address.
    for module in [
        r#"(module (memory i64 1) (func (export "f") (drop (i32.load (i64.const 0x10000)))))"#,
        r#"(module (memory 1)
            (func (export "f") (memory.fill (i32.const 9) (i32.const 0) (i32.const 0x10000))))"#,
    ] {
        let error = fails(&Config::new(), module)?;
        assert_eq!(error.downcast_ref(), Some(&Trap::MemoryOutOfBounds));
        assert!(!error.is::<MemoryFault>());
        assert!(error.to_string().starts_with("wasm trap: out of bounds memory access\n"));
    }
    assert!(!fails(Config::new().signals_based_traps(false), module)?.is::<MemoryFault>());
    // Nor is a stack overflow a fault of a memory.
    let deep = r#"(module (memory 1) (func $f (export "f") (call $f)))"#;
    let error = fails(&Config::new(), deep)?;
    assert_eq!(error.downcast_ref(), Some(&Trap::StackOverflow));
    assert!(!error.is::<MemoryFault>());
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "compiling takes Miri minutes")]
fn settings_of_the_code_generator() -> Result<()> {
    let of = |set: &[(&str, &str)]| {
        let mut config = Config::new();
        for (name, value) in set {
            config.cranelift_flag_set(name, value);
        }
        Engine::new(&config)
    };
    let module = r#"(module (func (export "f") (param i32) (result i32) (local.get 0)))"#;
    let bytes = |engine: &Engine| engine.precompile_module(module.as_bytes());
    let flags = [("opt_level", "none"), ("enable_nan_canonicalization", "true")];
    let same = Engine::new(
        Config::new().cranelift_opt_level(OptLevel::None).cranelift_nan_canonicalization(true),
    )?;
    assert_eq!(bytes(&of(&flags)?)?, bytes(&same)?);
    for strategy in [Strategy::Auto, Strategy::Cranelift] {
        let engine = Engine::new(Config::new().strategy(strategy))?;
        assert_eq!(bytes(&engine)?, bytes(&Engine::default())?);
    }
    of(&[("enable_verifier", "true"), ("opt_level", "speed"), ("opt_level", "speed_and_size")])?;
    for (name, value) in [
        ("opt_level", "best"),
        ("is_pic", "true"),
        ("preserve_frame_pointers", "false"),
        ("enable_probestack", "false"),
        ("enable_verifier", "maybe"),
        ("has_avx2", "maybe"),
        ("nonsense", "true"),
    ] {
        let error = of(&[(name, value)]).unwrap_err();
        let expected = ConfigError::CraneliftFlag { name: name.into(), value: value.into() };
        assert_eq!(error.downcast_ref(), Some(&expected));
    }
    assert!(of(&[("has_legs", "true")]).is_err());
    assert!(of(&[("has_legs", "false")]).is_err());
    #[cfg(target_arch = "x86_64")]
    {
        // The last word counts.
        let sum = r#"(module (func (export "f") (param v128 v128) (result v128)
            (f32x4.add (local.get 0) (local.get 1))))"#;
        let bytes = |engine: &Engine| engine.precompile_module(sum.as_bytes());
        let of_avx = |values: &[&str]| {
            bytes(&of(&values.iter().map(|value| ("has_avx", *value)).collect::<Vec<_>>())?)
        };
        assert_eq!(of_avx(&["true", "false"])?, of_avx(&["false"])?);
        assert_eq!(of_avx(&["false", "true"]).ok(), of_avx(&["true"]).ok());
        let with = bytes(&Engine::default())?;
        assert_eq!(of_avx(&["false"])? == with, !std::is_x86_feature_detected!("avx"));
        Module::new(&of(&[("has_avx", "false"), ("has_avx2", "false")])?, sum)?;
        let error = of(&[("has_sse41", "false")]).unwrap_err();
        assert!(error.to_string().contains("code needs the CPU feature `has_sse41`"), "{error}");
    }
    // Code for a CPU with more than this one has is made, and not run.
    let mut config = Config::new();
    config.target("x86_64-unknown-linux-gnu")?.cranelift_flag_enable("has_avx512vbmi");
    if let Ok(engine) = Engine::new(&config) {
        bytes(&engine)?;
        let runs = Module::new(&engine, module).is_ok();
        #[cfg(target_arch = "x86_64")]
        assert_eq!(runs, std::is_x86_feature_detected!("avx512vbmi"));
        #[cfg(not(target_arch = "x86_64"))]
        assert!(!runs);
    }
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn memories_may_have_to_stay() -> Result<()> {
    let module = r#"(module (memory (export "memory") 1)
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#;
    for (may_move, grown) in [(true, 2), (false, -1)] {
        let mut config = Config::new();
        config.memory_reservation(2 << 16).memory_may_move(may_move);
        let engine = Engine::new(&config)?;
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &Module::new(&engine, module)?, &[])?;
        let grow = instance.get_typed_func::<i32, i32>(&mut store, "grow")?;
        assert_eq!(grow.call(&mut store, 1)?, 1, "inside the reservation");
        assert_eq!(grow.call(&mut store, 1)?, grown);
        let memory = instance.get_memory(&mut store, "memory").unwrap();
        match memory.grow(&mut store, 100) {
            Ok(_) => assert!(may_move),
            Err(error) => {
                assert!(!may_move);
                assert!(error.to_string().ends_with("and it may not move"), "{error}");
            }
        }
    }
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn memories_with_and_without_a_guard_before_them() -> Result<()> {
    let module = r#"(module (memory 1)
        (func (export "f") (drop (i32.load offset=0xffffffff (i32.const -1)))))"#;
    for before in [true, false] {
        let error = fails(Config::new().guard_before_linear_memory(before), module)?;
        assert_eq!(error.downcast_ref(), Some(&Trap::MemoryOutOfBounds));
        let config = format!(
            "{:?}",
            Engine::new(Config::new().guard_before_linear_memory(before))?.config()
        );
        let shown = if before { "guard_before_bytes: 2147483648" } else { "guard_before_bytes: 0" };
        assert!(config.contains(shown), "{config}");
    }
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "compiling takes Miri minutes")]
fn memories_start_alike_with_and_without_images() -> Result<()> {
    let data = "x".repeat(100_000);
    let module = format!(r#"(module (memory (export "m") 2) (data (i32.const 5) "{data}"))"#);
    for cow in [true, false] {
        let engine = Engine::new(Config::new().memory_init_cow(cow))?;
        let module = Module::new(&engine, &module)?;
        let mut store = Store::new(&engine, ());
        for _ in 0..4 {
            let instance = Instance::new(&mut store, &module, &[])?;
            let memory = instance.get_memory(&mut store, "m").unwrap();
            let bytes = memory.data_mut(&mut store);
            assert_eq!(&bytes[5..100_005], data.as_bytes());
            assert!(bytes[..5].iter().chain(&bytes[100_005..]).all(|&byte| byte == 0));
            bytes.fill(7);
            instance.close(&mut store)?;
        }
    }
    Ok(())
}

#[test]
fn proposals_that_are_not_there_can_be_switched_off() -> Result<()> {
    type Switch = fn(&mut Config, bool) -> &mut Config;
    let switches: [(_, Switch); 7] = [
        ("shared_memory", Config::shared_memory),
        ("wasm_threads", Config::wasm_threads),
        ("wasm_function_references", Config::wasm_function_references),
        ("wasm_gc", Config::wasm_gc),
        ("wasm_exceptions", Config::wasm_exceptions),
        ("wasm_stack_switching", Config::wasm_stack_switching),
        ("wasm_component_model", Config::wasm_component_model),
    ];
    for (name, switch) in switches {
        let mut config = Config::new();
        Engine::new(switch(&mut config, false))?;
        let error = Engine::new(switch(&mut config, true)).unwrap_err();
        assert!(error.to_string().contains(&format!("not supported by this version: `{name}")));
        assert!(
            matches!(error.downcast_ref(), Some(ConfigError::Proposal { setting, .. }) if *setting == name)
        );
        Engine::new(switch(&mut config, false))?;
    }
    Ok(())
}
