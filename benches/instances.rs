//! Making instances, and growing what is in them.

use brolga_benches::{Comparison, KERNELS};

/// (what it shows, the module)
const MODULES: &[(&str, &str)] = &[
    ("empty module", "(module)"),
    ("one memory page", "(module (memory 1))"),
    ("memory with 64 KiB of data", "(module (memory 2) (data (i32.const 0) \"DATA\"))"),
    ("table of 1,000 functions", "(module (table 1000 1000 funcref) ELEMENTS)"),
    ("exported table of 1,000", "(module (table (export \"t\") 1000 1000 funcref) ELEMENTS)"),
    (
        "start function",
        "(module (global $g (mut i32) (i32.const 0))
        (func $start (global.set $g (i32.const 1))) (start $start))",
    ),
];

fn main() {
    let mut table = Comparison::new("instantiate and drop", "wasmtime");
    for (name, text) in MODULES {
        let elements = format!("(func $f) (elem (i32.const 0) func{})", " $f".repeat(1_000));
        let text = text.replace("DATA", &"x".repeat(64 << 10)).replace("ELEMENTS", &elements);
        row(&mut table, name, text.as_bytes());
    }
    let kernel = KERNELS.iter().find(|kernel| kernel.name == "sha256").expect("a kernel");
    row(&mut table, "kernel sha256", kernel.wasm);
    table.finish();

    let mut table = Comparison::new("grow", "wasmtime");
    let text = "(module (memory 1) (func (export \"grow\") (param i32) (result i32)
        (memory.grow (local.get 0))))";
    grow_row(&mut table, "memory.grow by 1, 100 times", text);
    let text = "(module (table 1 funcref) (func (export \"grow\") (param i32) (result i32)
        (table.grow (ref.null func) (local.get 0))))";
    grow_row(&mut table, "table.grow by 1, 100 times", text);
    table.finish();
}

fn row(table: &mut Comparison, name: &str, bytes: &[u8]) {
    let engine = brolga::Engine::default();
    let module = brolga::Module::new(&engine, bytes).expect("a valid module");
    let ready = brolga::Linker::new(&engine).instantiate_pre(&module).expect("no imports");
    let peer_engine = wasmtime::Engine::default();
    let peer_module = wasmtime::Module::new(&peer_engine, bytes).expect("a valid module");
    let peer_ready =
        wasmtime::Linker::new(&peer_engine).instantiate_pre(&peer_module).expect("no imports");
    table.row(
        name,
        || {
            let mut store = brolga::Store::new(&engine, ());
            ready.instantiate(&mut store).expect("within limits");
        },
        || {
            let mut store = wasmtime::Store::new(&peer_engine, ());
            peer_ready.instantiate(&mut store).expect("within limits");
        },
    );
}

fn grow_row(table: &mut Comparison, name: &str, text: &str) {
    let engine = brolga::Engine::default();
    let module = brolga::Module::new(&engine, text).expect("a valid module");
    let peer_engine = wasmtime::Engine::default();
    let peer_module = wasmtime::Module::new(&peer_engine, text).expect("a valid module");
    table.row(
        name,
        || {
            let mut store = brolga::Store::new(&engine, ());
            let instance = brolga::Instance::new(&mut store, &module, &[]).expect("no imports");
            let grow = instance.get_typed_func::<i32, i32>(&mut store, "grow").expect("exported");
            for size in 1..=100 {
                assert_eq!(grow.call(&mut store, 1).expect("no trap"), size);
            }
        },
        || {
            let mut store = wasmtime::Store::new(&peer_engine, ());
            let instance =
                wasmtime::Instance::new(&mut store, &peer_module, &[]).expect("no imports");
            let grow = instance.get_typed_func::<i32, i32>(&mut store, "grow").expect("exported");
            for size in 1..=100 {
                assert_eq!(grow.call(&mut store, 1).expect("no trap"), size);
            }
        },
    );
}
