//! Configurations, engines, modules and what is made of their bytes.

use brolga::inspect::Inspection;
use brolga::*;

use crate::{fails, says};

#[test]
fn configurations() {
    let new = |config: &mut Config| Engine::new(config);
    fails::<ConfigError>(
        Config::new().target(""),
        "`` is no target triple: it does not begin with an architecture",
    );
    fails::<ConfigError>(
        Config::new().target("-"),
        "`-` is no target triple: it does not begin with an architecture",
    );
    fails::<ConfigError>(
        new(Config::new().max_wasm_stack(1)),
        "`max_wasm_stack` is 1 bytes, expected 16384 to 1099511627776",
    );
    fails::<ConfigError>(
        new(Config::new().memory_reservation(u64::MAX)),
        "`memory_reservation` is 18446744073709551615 bytes, expected at most 70368744177664",
    );
    fails::<ConfigError>(
        new(Config::new().memory_guard_size(u64::MAX)),
        "`memory_guard_size` is 18446744073709551615 bytes, expected at most 70368744177664",
    );
    fails::<CompileError>(
        Config::new().target("i686-unknown-linux-gnu").and_then(|config| Engine::new(config)),
        "cannot compile for i686-unknown-linux-gnu: only x86_64, aarch64, riscv64 and s390x are supported",
    );
    // There is address space for one such memory, not for four.
    let mut pool = PoolingAllocationConfig::new();
    pool.total_memories(4);
    let error = new(Config::new().memory_guard_size(1 << 46).allocation_strategy(pool));
    let error = error.expect_err("more than there can be");
    assert!(error.is::<GrowError>(), "{error:?}");
    assert!(error.to_string().starts_with("cannot reserve address space"), "{error}");
}

#[test]
#[cfg_attr(miri, ignore = "compiling takes Miri minutes")]
fn modules() {
    let engine = Engine::default();
    let bytes = |text| wat::parse_str(text).expect("text of a module");
    let (cut, mismatch) =
        (b"\0asm\x01\0\0\0\x01", bytes("(module (func (result i32) i64.const 0))"));
    let text = b"(module (func";
    let no_simd = Engine::new(Config::new().wasm_simd(false)).expect("an engine");
    let vector = bytes("(module (func (param v128)))");

    fails::<ModuleError>(
        Module::new(&engine, cut),
        "malformed module: unexpected end-of-file (at offset 0x9)",
    );
    fails::<ModuleError>(
        Module::new(&engine, &mismatch),
        "invalid module: function 0: type mismatch: expected i32, found i64 (at offset 0x1a)",
    );
    fails::<ModuleError>(
        Module::new(&no_simd, &vector),
        "unsupported module: type section: SIMD support is not enabled, the feature `simd` is switched off (at offset 0xb)",
    );
    says(Module::new(&engine, text), "expected `)`");
    fails::<ModuleError>(
        Module::from_binary(&engine, cut),
        "malformed module: unexpected end-of-file (at offset 0x9)",
    );
    fails::<ModuleError>(
        Module::from_binary(&engine, b"(module)"),
        "malformed module: magic header not detected: bad magic number - expected=[",
    );
    fails::<ModuleError>(
        Module::validate(&engine, cut),
        "malformed module: unexpected end-of-file (at offset 0x9)",
    );
    fails::<ModuleError>(
        Module::validate(&engine, &mismatch),
        "invalid module: function 0: type mismatch: expected i32, found i64 (at offset 0x1a)",
    );
    fails::<ModuleError>(
        engine.compile_module(cut, None),
        "malformed module: unexpected end-of-file (at offset 0x9)",
    );
    fails::<ModuleError>(
        engine.compile_module(&mismatch, None),
        "invalid module: function 0: type mismatch: expected i32, found i64 (at offset 0x1a)",
    );
    fails::<ModuleError>(
        engine.precompile_module(cut),
        "malformed module: unexpected end-of-file (at offset 0x9)",
    );
    fails::<ModuleError>(
        engine.precompile_module(&mismatch),
        "invalid module: function 0: type mismatch: expected i32, found i64 (at offset 0x1a)",
    );
    fails::<std::io::Error>(
        Module::from_file(&engine, "/no/such/file.wasm"),
        "failed to read the module in `/no/such/file.wasm`: No such file or directory (os error 2)",
    );
    fails::<std::io::Error>(
        Engine::detect_precompiled_file("/no/such/file.cwasm"),
        "failed to read `/no/such/file.cwasm`: No such file or directory (os error 2)",
    );
    // SAFETY: there is no such file.
    fails::<std::io::Error>(
        unsafe { Module::from_trusted_file(&engine, "/no/such/file") },
        "failed to read `/no/such/file`: No such file or directory (os error 2)",
    );
    // SAFETY: as above.
    fails::<std::io::Error>(
        unsafe { Module::deserialize_file(&engine, "/no/such/file") },
        "failed to load the compiled module in `/no/such/file`: No such file or directory (os error 2)",
    );

    fails::<ModuleError>(
        Inspection::new(&engine, cut),
        "malformed module: unexpected end-of-file (at offset 0x9)",
    );
}

#[test]
fn inspections() -> Result<()> {
    let engine = Engine::default();
    let good = Inspection::new(&engine, r#"(module $m (import "" "" (func)) (func $one nop))"#)?;
    assert_eq!(good.module_name(), Some("m"));
    assert!(good.binary().starts_with(b"\0asm"));
    assert_eq!(&good.binary()[good.body(1).context("a body")?], b"\x00\x01\x0b");
    assert!(good.body(0).is_none() && good.body(2).is_none());
    for func in [0, 2] {
        let words = format!(
            "the module defines no function {func}; it has those from 1 up to, not including, 2"
        );
        says(good.ir(func), &words);
        says(good.machine_code(func), &words);
        says(good.list([1, func], |_, _| Ok(())), &words);
    }
    says(good.list([1], |func, _| bail!("enough of {func}")), "enough of 1");
    fails::<CompileError>(good.image_observed(&GivesUp), "compilation was cancelled");

    let bad = Inspection::new(&engine, "(module (func (result i32) i64.const 0))")?;
    fails::<ModuleError>(
        bad.validate(),
        "invalid module: function 0: type mismatch: expected i32, found i64 (at offset 0x1a)",
    );
    fails::<ModuleError>(
        bad.ir(0),
        "invalid module: function 0: type mismatch: expected i32, found i64 (at offset 0x1a)",
    );
    fails::<ModuleError>(
        bad.machine_code(0),
        "invalid module: function 0: type mismatch: expected i32, found i64 (at offset 0x1a)",
    );
    fails::<ModuleError>(
        bad.list([0], |_, _| Ok(())),
        "invalid module: function 0: type mismatch: expected i32, found i64 (at offset 0x1a)",
    );
    fails::<ModuleError>(
        bad.image(),
        "invalid module: function 0: type mismatch: expected i32, found i64 (at offset 0x1a)",
    );
    fails::<ModuleError>(
        bad.layout(),
        "invalid module: function 0: type mismatch: expected i32, found i64 (at offset 0x1a)",
    );
    Ok(())
}

/// Ends a compilation before its first function.
struct GivesUp;

impl CompileObserver for GivesUp {
    fn cancelled(&self) -> bool {
        true
    }
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn compilations_that_are_watched() -> Result<()> {
    let engine = Engine::default();
    let bytes = wat::parse_str(r#"(module (func (export "f") (result i32) i32.const 3))"#)?;
    fails::<CompileError>(engine.compile_observed(&bytes, &GivesUp), "compilation was cancelled");
    assert_eq!(engine.compiled_module_count(), 0, "nothing is remembered");
    let module = engine.compile_observed(&bytes, &())?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    assert_eq!(instance.get_typed_func::<(), i32>(&mut store, "f")?.call(&mut store, ())?, 3);
    Ok(())
}
