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
    fn main_of_a_program() -> Result<(), Box<dyn std::error::Error>> {
        Err(Error::new(Inner(1)))?
    }
    assert_eq!(main_of_a_program().unwrap_err().to_string(), "inner 1");
}

#[test]
fn bad_modules_say_where() {
    let engine = Engine::default();
    let error = Module::new(&engine, b"\0asm\x01\0\0\0\x01").unwrap_err();
    assert_eq!(error.downcast_ref::<ModuleError>().unwrap().offset(), 9);
    let error = Module::new(&engine, "(module (func i32.add))").unwrap_err();
    assert!(error.to_string().contains("function 0"), "{error}");
    assert!(error.is::<CompileError>() || error.is::<ModuleError>(), "{error:?}");
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
fn features_are_switched() -> Result<()> {
    let vector = "(module (func (param v128)))";
    let engine = Engine::new(Config::new().wasm_simd(false))?;
    let error = Module::new(&engine, vector).unwrap_err();
    assert!(error.to_string().contains("simd"), "{error}");
    Module::new(&Engine::default(), vector)?;
    Ok(())
}

#[test]
fn text_of_a_trap() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module $guest
            (memory 1)
            (func $load (param i32) (result i32) (i32.load (local.get 0)))
            (func (export "run") (result i32) (call $load (i32.const -1))))"#,
    )?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let run = instance.get_typed_func::<(), i32>(&mut store, "run")?;
    let error = run.call(&mut store, ()).unwrap_err();
    let text = error.to_string();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    let fault = "memory fault at wasm address 0xffffffff in linear memory of size 0x10000";
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
