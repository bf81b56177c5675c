//! Section proc: a program ends from wherever it is, and the store goes on.

use brolga::{Caller, Engine, Extern, Instance, Linker, Module, Result, Store};

use crate::{Exit, OutputBuffer, WasiCtx, WasiCtxBuilder};

/// `down` calls itself so deep, each time in another way: directly, by the table, through the host.
const DEEP: &str = r#"(module
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (import "wasi_snapshot_preview1" "fd_write"
        (func $write (param i32 i32 i32 i32) (result i32)))
    (import "host" "again" (func $again (param i32 i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\08\00\00\00\01\00\00\00.")
    (table funcref (elem $down))
    (global $calls (mut i32) (i32.const 0))
    (func $down (export "down") (param $depth i32) (param $code i32)
        (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (if (i32.eqz (local.get $depth)) (then (call $exit (local.get $code)) unreachable))
        (local.set $depth (i32.sub (local.get $depth) (i32.const 1)))
        (block $host (block $table (block $direct
            (br_table $direct $table $host
                (i32.rem_u (local.get $depth) (i32.const 3))))
            (call $down (local.get $depth) (local.get $code)) unreachable)
            (call_indirect (param i32 i32)
                (local.get $depth) (local.get $code) (i32.const 0)) unreachable)
        (call $again (local.get $depth) (local.get $code)) unreachable)
    (func (export "calls") (result i32)
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)))
        (global.get $calls)))"#;

struct Program {
    store: Store<WasiCtx>,
    linker: Linker<WasiCtx>,
    engine: Engine,
    output: OutputBuffer,
}

impl Program {
    fn new() -> Result<Self> {
        let engine = Engine::default();
        let mut linker = Linker::new(&engine);
        crate::add_to_linker(&mut linker, |context: &mut WasiCtx| context)?;
        let again = |mut caller: Caller<'_, WasiCtx>, depth: i32, code: i32| {
            let down = caller.get_export("down").and_then(Extern::into_func).expect("its export");
            down.typed::<(i32, i32), ()>(&caller)?.call(&mut caller, (depth, code))
        };
        linker.func_wrap("host", "again", again)?;
        let output = OutputBuffer::new(64);
        let context = WasiCtxBuilder::new().stdout(output.clone()).build();
        Ok(Self { store: Store::new(&engine, context), linker, engine, output })
    }

    fn instantiate(&mut self, text: &str) -> Result<Instance> {
        let module = Module::new(&self.engine, text)?;
        self.linker.instantiate(&mut self.store, &module)
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes minutes")]
fn a_program_ends_from_any_depth() -> Result<()> {
    let mut program = Program::new()?;
    let instance = program.instantiate(DEEP)?;
    let store = &mut program.store;
    let down = instance.get_typed_func::<(i32, i32), ()>(&mut *store, "down")?;
    let calls = instance.get_typed_func::<(), i32>(&mut *store, "calls")?;
    let mut expected = 0;
    for (depth, code) in [(0, 0), (1, 1), (2, 134), (3, 255), (60, -1), (90, i32::MIN)] {
        let error = down.call(&mut *store, (depth, code)).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Exit(code)), "{depth} deep: {error:?}");
        // The instance, the store and its descriptors are as they were.
        expected += depth + 1;
        assert_eq!(calls.call(&mut *store, ())?, expected);
    }
    assert_eq!(program.output.contents(), b"......");
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "an error leaves a host function by a jump")]
fn a_program_may_end_while_it_is_made() -> Result<()> {
    let mut program = Program::new()?;
    let text = r#"(module
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (func $start (call $exit (i32.const 9)))
        (start $start))"#;
    for _ in 0..3 {
        let error = program.instantiate(text).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Exit(9)));
    }
    let instance = program.instantiate(DEEP)?;
    let calls = instance.get_typed_func::<(), i32>(&mut program.store, "calls")?;
    assert_eq!(calls.call(&mut program.store, ())?, 0);
    Ok(())
}
