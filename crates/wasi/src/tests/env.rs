//! What programs of Emscripten and AssemblyScript import from `env`.

use brolga::{Engine, Instance, Linker, Module, Result, Store, Trap};

use crate::{Exit, LogScopes, OutputBuffer, SystemRandom, WasiCtx, WasiCtxBuilder};

fn emscripten(wat: &str, log: &OutputBuffer) -> Result<(Store<WasiCtx>, Instance)> {
    let engine = Engine::default();
    let module = Module::new(&engine, wat)?;
    let mut linker = Linker::new(&engine);
    crate::add_emscripten_to_linker(&mut linker, &module, |context: &mut WasiCtx| context)?;
    let context = WasiCtxBuilder::new().log(LogScopes::MEMORY, log.clone()).build();
    let mut store = Store::new(&engine, context);
    let instance = linker.instantiate(&mut store, &module)?;
    Ok((store, instance))
}

const INVOKES: &str = r#"(module
    (import "env" "invoke_v" (func $v (param i32)))
    (import "env" "invoke_iii" (func $iii (param i32 i32 i32) (result i32)))
    (import "env" "invoke_jjfd" (func $jjfd (param i32 i64 f32 f64) (result i64)))
    (import "env" "invoke_di" (func $di (param i32 i32) (result f64)))
    (import "env" "_emscripten_throw_longjmp" (func $longjmp))
    (import "env" "emscripten_notify_memory_growth" (func $grown (param i32)))
    (table (export "__indirect_function_table") 8 funcref)
    (elem (i32.const 0) $nothing $add $mix $half $trap $jump)
    (global $stack (mut i32) (i32.const 1000))
    (global $threw (mut i32) (i32.const 0))
    (func $nothing)
    (func $add (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func $mix (param i64 f32 f64) (result i64)
        (i64.add (local.get 0) (i64.add
            (i64.trunc_f32_s (local.get 1)) (i64.trunc_f64_s (local.get 2)))))
    (func $half (param i32) (result f64)
        (f64.div (f64.convert_i32_s (local.get 0)) (f64.const 2)))
    (func $trap (param i32 i32) (result i32) (unreachable))
    (func $jump (param i32 i32) (result i32)
        (global.set $stack (i32.sub (global.get $stack) (local.get 0)))
        (call $longjmp)
        (local.get 1))
    (func (export "emscripten_stack_get_current") (result i32) (global.get $stack))
    (func (export "_emscripten_stack_restore") (param i32) (global.set $stack (local.get 0)))
    (func (export "setThrew") (param i32 i32) (global.set $threw (local.get 0)))
    (func (export "state") (result i32 i32) (global.get $stack) (global.get $threw))
    (func (export "all") (result i64)
        (call $v (i32.const 0))
        (call $grown (i32.const 0))
        (i64.add
            (call $jjfd (i32.const 2) (i64.const 1) (f32.const 2) (f64.const 3))
            (i64.trunc_f64_s (call $di (i32.const 3) (i32.const 20)))))
    (func (export "iii") (param i32 i32 i32) (result i32)
        (call $iii (local.get 0) (local.get 1) (local.get 2))))"#;

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn functions_of_the_table_are_invoked() -> Result<()> {
    let log = OutputBuffer::new(1000);
    let (mut store, instance) = emscripten(INVOKES, &log)?;
    let all = instance.get_typed_func::<(), i64>(&mut store, "all")?;
    assert_eq!(all.call(&mut store, ())?, 16);
    assert_eq!(log.contents(), b"--> emscripten_notify_memory_growth(memory=0)\n");
    let iii = instance.get_typed_func::<(i32, i32, i32), i32>(&mut store, "iii")?;
    assert_eq!(iii.call(&mut store, (1, 40, 2))?, 42);
    let mut trap = |index| {
        let error = iii.call(&mut store, (index, 0, 0)).unwrap_err();
        *error.downcast_ref::<Trap>().unwrap()
    };
    assert_eq!(trap(0), Trap::BadSignature);
    assert_eq!(trap(4), Trap::UnreachableCodeReached);
    assert_eq!(trap(7), Trap::IndirectCallToNull);
    assert_eq!(trap(8), Trap::TableOutOfBounds);
    assert_eq!(trap(-1), Trap::TableOutOfBounds);
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn longjmp_ends_at_the_nearest_invoke() -> Result<()> {
    let (mut store, instance) = emscripten(INVOKES, &OutputBuffer::new(0))?;
    let iii = instance.get_typed_func::<(i32, i32, i32), i32>(&mut store, "iii")?;
    let state = instance.get_typed_func::<(), (i32, i32)>(&mut store, "state")?;
    assert_eq!(iii.call(&mut store, (5, 100, 7))?, 0);
    assert_eq!(state.call(&mut store, ())?, (1000, 1), "the stack is back, and setThrew was told");
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn imports_that_name_no_signature_are_refused() {
    let refused = |import: &str| {
        let wat = format!("(module (import \"env\" {import}))");
        format!("{:#}", emscripten(&wat, &OutputBuffer::new(0)).unwrap_err())
    };
    let error = refused("\"invoke_\" (func)");
    assert_eq!(error, "the import `env::invoke_` names no signature");
    let error = refused("\"invoke_ix\" (func)");
    assert_eq!(error, "the import `env::invoke_ix` names no signature");
    let error = refused("\"invoke_vé\" (func)");
    assert_eq!(error, "the import `env::invoke_vé` names no signature");
    let error = refused("\"invoke_vi\" (func (param i32 i64))");
    assert!(error.starts_with("the import `env::invoke_vi` is expected to be"), "{error}");
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn a_program_must_show_its_table() -> Result<()> {
    let wat = r#"(module
        (import "env" "invoke_v" (func $invoke (param i32)))
        (func (export "run") (call $invoke (i32.const 0))))"#;
    let (mut store, instance) = emscripten(wat, &OutputBuffer::new(0))?;
    let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
    let error = run.call(&mut store, ()).unwrap_err();
    assert!(error.root_cause().to_string().contains("`__indirect_function_table`"), "{error:#}");
    Ok(())
}

/// Calls `body` of a program with AssemblyScript's imports. Returns what it wrote, the result and
/// how it ended.
fn assemblyscript(
    change: impl FnOnce(&mut WasiCtxBuilder) -> &mut WasiCtxBuilder,
    body: &str,
) -> (String, Result<f64>) {
    let engine = Engine::default();
    let wat = format!(
        r#"(module
            (import "env" "abort" (func $abort (param i32 i32 i32 i32)))
            (import "env" "trace" (func $trace (param i32 i32 f64 f64 f64 f64 f64)))
            (import "env" "seed" (func $seed (result f64)))
            (memory (export "memory") 1)
            (data (i32.const 12) "\08\00\00\00l\00\e9\00=\d8\00\de") ;; lé😀
            (data (i32.const 60) "\ff\ff\ff\ff") ;; a string that claims too much
            (data (i32.const 92) "\02\00\00\00=\d8") ;; half a character
            (func (export "run") (result f64) {body}))"#
    );
    let module = Module::new(&engine, wat).unwrap();
    let mut linker = Linker::new(&engine);
    crate::add_assemblyscript_to_linker(&mut linker, |context: &mut WasiCtx| context).unwrap();
    let error = OutputBuffer::new(1000);
    let mut builder = WasiCtxBuilder::new();
    let mut store = Store::new(&engine, change(builder.stderr(error.clone())).build());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let run = instance.get_typed_func::<(), f64>(&mut store, "run").unwrap();
    let outcome = run.call(&mut store, ());
    (String::from_utf8(error.contents()).unwrap(), outcome)
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn abort_tells_why_and_ends() {
    for (message, file, expected) in [
        (16, 16, "abort: lé😀 at lé😀:3:7\n"),
        (96, 0, "abort: \u{fffd} at 3:7\n"),
        (64, 1, "abort:  at 3:7\n"),
        (-1, 65_536, "abort:  at 3:7\n"),
    ] {
        let body = format!(
            "(call $abort (i32.const {message}) (i32.const {file}) (i32.const 3) (i32.const 7))
             (f64.const 0)"
        );
        let (written, outcome) = assemblyscript(|builder| builder, &body);
        assert_eq!(written, expected);
        assert_eq!(outcome.unwrap_err().downcast_ref(), Some(&Exit(255)));
    }
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn trace_tells_numbers() {
    let trace = |count: i32| {
        let body = format!(
            "(call $trace (i32.const 16) (i32.const {count}) (f64.const 1) (f64.const -2.5)
                (f64.const nan) (f64.const inf) (f64.const 1e300))
             (f64.const 0)"
        );
        assemblyscript(|builder| builder, &body).0
    };
    assert_eq!(trace(0), "trace: lé😀\n");
    assert_eq!(trace(2), "trace: lé😀 1, -2.5\n");
    assert!(trace(5).starts_with("trace: lé😀 1, -2.5, NaN, inf, 1000"));
    assert_eq!(trace(-1), trace(5));
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn a_seed_repeats_unless_it_is_the_systems() {
    let seed = || assemblyscript(|builder| builder, "(call $seed)").1.unwrap();
    let system = || assemblyscript(|builder| builder.random(SystemRandom), "(call $seed)").1;
    assert_eq!(seed(), seed());
    assert_ne!(system().unwrap(), system().unwrap());
    let log = OutputBuffer::new(100);
    let logged = assemblyscript(|builder| builder.log(LogScopes::ALL, log.clone()), "(call $seed)");
    logged.1.unwrap();
    assert_eq!(log.contents(), b"--> seed()\n");
}

/// A standard error that is full, whose other end nobody reads.
#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn trace_waits_no_longer_than_the_guest_may() {
    let (reader, writer) = std::io::pipe().unwrap();
    let past = std::time::Instant::now();
    let body = "(local $i i32)
        (loop $again
            (call $trace (i32.const 16) (i32.const 5) (f64.const 1e300) (f64.const 1e300)
                (f64.const 1e300) (f64.const 1e300) (f64.const 1e300))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (i32.const 1000))))
        (f64.const 7)";
    let outcome = assemblyscript(|builder| builder.stderr_fd(writer).wait_deadline(past), body).1;
    assert_eq!(outcome.unwrap(), 7.0);
    drop(reader);
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn invoking_without_end_is_a_trap_and_the_store_goes_on() -> Result<()> {
    let wat = r#"(module
        (import "env" "invoke_v" (func $v (param i32)))
        (import "env" "_emscripten_throw_longjmp" (func $longjmp))
        (global $depth (mut i32) (i32.const 0))
        (global $threw (mut i32) (i32.const 0))
        (table (export "__indirect_function_table") 2 funcref)
        (elem (i32.const 0) $down $jump)
        (func (export "stackSave") (result i32) (i32.const 1))
        (func (export "stackRestore") (param i32))
        (func (export "setThrew") (param i32 i32) (global.set $threw (local.get 0)))
        (func $jump (call $longjmp))
        (func $down
            (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
            (call $v (i32.const 0)))
        (func (export "deep") (call $v (i32.const 0)))
        (func (export "jump") (result i32) (call $v (i32.const 1)) (global.get $threw))
        (func (export "depth") (result i32) (global.get $depth)))"#;
    let (mut store, instance) = emscripten(wat, &OutputBuffer::new(0))?;
    let deep = instance.get_typed_func::<(), ()>(&mut store, "deep")?;
    let jump = instance.get_typed_func::<(), i32>(&mut store, "jump")?;
    let depth = instance.get_typed_func::<(), i32>(&mut store, "depth")?;
    for _ in 0..3 {
        let error = deep.call(&mut store, ()).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Trap::StackOverflow));
        assert!(depth.call(&mut store, ())? > 10);
        assert_eq!(jump.call(&mut store, ())?, 1);
    }
    Ok(())
}

/// What the host invokes for a program may be the host's own.
#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn imports_in_the_table_are_invoked() -> Result<()> {
    let wat = r#"(module
        (import "env" "invoke_v" (func $v (param i32)))
        (import "env" "invoke_vi" (func $vi (param i32 i32)))
        (import "env" "invoke_ii" (func $ii (param i32 i32) (result i32)))
        (import "env" "invoke_iii" (func $iii (param i32 i32 i32) (result i32)))
        (import "env" "_emscripten_throw_longjmp" (func $longjmp))
        (import "env" "emscripten_notify_memory_growth" (func $grown (param i32)))
        (import "wasi_snapshot_preview1" "args_sizes_get"
            (func $sizes (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (global $threw (mut i32) (i32.const 0))
        (table (export "__indirect_function_table") 5 funcref)
        (elem (i32.const 0) $v $longjmp $grown $sizes $exit)
        (func (export "setThrew") (param i32 i32) (global.set $threw (local.get 0)))
        (func (export "threw") (result i32) (global.get $threw))
        (func (export "vi") (param i32 i32) (call $vi (local.get 0) (local.get 1)))
        (func (export "sizes") (result i32)
            (call $iii (i32.const 3) (i32.const 0) (i32.const 4))))"#;
    let engine = Engine::default();
    let module = Module::new(&engine, wat)?;
    let mut linker = Linker::new(&engine);
    crate::add_to_linker(&mut linker, |context: &mut WasiCtx| context)?;
    crate::add_emscripten_to_linker(&mut linker, &module, |context: &mut WasiCtx| context)?;
    let mut store = Store::new(&engine, WasiCtxBuilder::new().build());
    let instance = linker.instantiate(&mut store, &module)?;
    let vi = instance.get_typed_func::<(i32, i32), ()>(&mut store, "vi")?;
    let mut says = |place, argument| match vi.call(&mut store, (place, argument)) {
        Ok(()) => "done".to_owned(),
        Err(error) => format!("{:#}", error.root_cause()),
    };
    assert_eq!(says(2, 0), "done");
    assert_eq!(says(4, 9), "the program exited with code 9");
    // They show nothing of the program's: no table, no memory.
    for argument in [0, 1, 3] {
        assert!(says(0, argument).contains("must export"), "{}", says(0, argument));
    }
    let sizes = instance.get_typed_func::<(), i32>(&mut store, "sizes")?;
    assert!(sizes.call(&mut store, ()).is_err());
    let threw = instance.get_typed_func::<(), i32>(&mut store, "threw")?;
    assert_eq!(threw.call(&mut store, ())?, 0);
    Ok(())
}
