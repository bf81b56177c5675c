//! Calls: into wasm, out of wasm, through tables, and calls that end in a trap.

use brolga_benches::Comparison;

/// Everything the rows call. `loop_…` runs the call so often that entering does not matter.
const MODULE: &str = r#"
(module
  (import "host" "nothing" (func $host_nothing))
  (import "host" "add" (func $host_add (param i32 i32) (result i32)))
  (type $binary (func (param i32 i32) (result i32)))
  (table $dynamic (export "table") 4 4 funcref)
  (table $static 4 4 funcref)
  (elem (table $dynamic) (i32.const 0) func $add $sub $and $or)
  (elem (table $static) (i32.const 0) func $add $sub $and $or)
  (func (export "nothing"))
  (func $add (export "add") (type $binary) (i32.add (local.get 0) (local.get 1)))
  (func $sub (type $binary) (i32.sub (local.get 0) (local.get 1)))
  (func $and (type $binary) (i32.and (local.get 0) (local.get 1)))
  (func $or (type $binary) (i32.or (local.get 0) (local.get 1)))
  (func (export "many") (param i64 i64 i64 i64 i64 i64 i64 i64) (result i64)
    (i64.add (local.get 0) (local.get 7)))
  (func (export "loop_host_nothing") (param $n i32)
    (loop $again
      (call $host_nothing)
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
  (func (export "loop_host_add") (param $n i32) (result i32) (local $sum i32)
    (loop $again
      (local.set $sum (call $host_add (local.get $sum) (local.get $n)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))
  (func (export "loop_dynamic") (param $n i32) (result i32) (local $sum i32)
    (loop $again
      (local.set $sum (call_indirect $dynamic (type $binary)
        (local.get $sum) (local.get $n) (i32.and (local.get $n) (i32.const 3))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))
  (func (export "loop_static") (param $n i32) (result i32) (local $sum i32)
    (loop $again
      (local.set $sum (call_indirect $static (type $binary)
        (local.get $sum) (local.get $n) (i32.and (local.get $n) (i32.const 3))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))
  (memory 1)
  (func (export "trap_unreachable") unreachable)
  (func (export "trap_memory") (result i32) (i32.load (i32.const -4)))
  (func (export "trap_division") (param i32) (result i32)
    (i32.div_u (i32.const 1) (local.get 0)))
  (func $deep (param i32)
    (if (local.get 0) (then (call $deep (i32.sub (local.get 0) (i32.const 1)))) (else unreachable))
    (call $deep_end))
  (func $deep_end)
  (func (export "trap_deep") (call $deep (i32.const 20)))
)"#;

const LOOPS: i32 = 100_000;

/// One row: the same typed call in both engines.
macro_rules! call_row {
    ($table:ident, $ours:ident, $theirs:ident, $name:literal, $export:literal,
     $params:ty, $results:ty, $argument:expr) => {
        let func =
            $ours.1.get_typed_func::<$params, $results>(&mut $ours.0, $export).expect("typed");
        let peer =
            $theirs.1.get_typed_func::<$params, $results>(&mut $theirs.0, $export).expect("typed");
        let expected = peer.call(&mut $theirs.0, $argument).expect("no trap");
        $table.row(
            $name,
            || assert_eq!(func.call(&mut $ours.0, $argument).expect("no trap"), expected),
            || assert_eq!(peer.call(&mut $theirs.0, $argument).expect("no trap"), expected),
        );
    };
}

/// One row: the same call in both engines, which must trap.
macro_rules! trap_row {
    ($table:ident, $ours:ident, $theirs:ident, $name:literal, $export:literal,
     $params:ty, $results:ty, $argument:expr) => {
        let func =
            $ours.1.get_typed_func::<$params, $results>(&mut $ours.0, $export).expect("typed");
        let peer =
            $theirs.1.get_typed_func::<$params, $results>(&mut $theirs.0, $export).expect("typed");
        $table.row(
            $name,
            || {
                let error = func.call(&mut $ours.0, $argument).expect_err("a trap");
                assert!(error.downcast_ref::<brolga::Trap>().is_some());
            },
            || {
                let error = peer.call(&mut $theirs.0, $argument).expect_err("a trap");
                assert!(error.downcast_ref::<wasmtime::Trap>().is_some());
            },
        );
    };
}

fn ours() -> (brolga::Store<u64>, brolga::Instance) {
    let engine = brolga::Engine::default();
    let module = brolga::Module::new(&engine, MODULE).expect("a valid module");
    let mut store = brolga::Store::new(&engine, 0);
    let mut linker = brolga::Linker::new(&engine);
    linker.func_wrap("host", "nothing", || {}).expect("a new name");
    linker.func_wrap("host", "add", |a: i32, b: i32| a.wrapping_add(b)).expect("a new name");
    let instance = linker.instantiate(&mut store, &module).expect("everything defined");
    (store, instance)
}

fn theirs() -> (wasmtime::Store<u64>, wasmtime::Instance) {
    let engine = wasmtime::Engine::default();
    let module = wasmtime::Module::new(&engine, MODULE).expect("a valid module");
    let mut store = wasmtime::Store::new(&engine, 0);
    let mut linker = wasmtime::Linker::new(&engine);
    linker.func_wrap("host", "nothing", || {}).expect("a new name");
    linker.func_wrap("host", "add", |a: i32, b: i32| a.wrapping_add(b)).expect("a new name");
    let instance = linker.instantiate(&mut store, &module).expect("everything defined");
    (store, instance)
}

fn main() {
    let (mut ours, mut theirs) = (ours(), theirs());

    let mut table = Comparison::new("calls", "wasmtime");
    call_row!(table, ours, theirs, "host to wasm, ()", "nothing", (), (), ());
    call_row!(
        table,
        ours,
        theirs,
        "host to wasm, (i32, i32) -> i32",
        "add",
        (i32, i32),
        i32,
        (3, 4)
    );
    call_row!(
        table,
        ours,
        theirs,
        "host to wasm, 8 × i64 -> i64",
        "many",
        (i64, i64, i64, i64, i64, i64, i64, i64),
        i64,
        (1, 2, 3, 4, 5, 6, 7, 8)
    );
    call_row!(
        table,
        ours,
        theirs,
        "wasm to host × 100,000, ()",
        "loop_host_nothing",
        i32,
        (),
        LOOPS
    );
    call_row!(table, ours, theirs, "wasm to host × 100,000, i32", "loop_host_add", i32, i32, LOOPS);
    table.finish();

    let mut table = Comparison::new("call_indirect", "wasmtime");
    call_row!(table, ours, theirs, "dynamic table × 100,000", "loop_dynamic", i32, i32, LOOPS);
    call_row!(table, ours, theirs, "static table × 100,000", "loop_static", i32, i32, LOOPS);
    table.finish();

    let mut table = Comparison::new("traps", "wasmtime");
    trap_row!(table, ours, theirs, "unreachable", "trap_unreachable", (), (), ());
    trap_row!(table, ours, theirs, "unreachable, 20 frames deep", "trap_deep", (), (), ());
    trap_row!(table, ours, theirs, "load out of bounds", "trap_memory", (), i32, ());
    trap_row!(table, ours, theirs, "division by zero", "trap_division", i32, i32, 0);
    table.finish();
}
