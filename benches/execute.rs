//! Ten kernels and one of vectors, run to the end: the quality of the code and of its surroundings.

use brolga_benches::{Comparison, KERNELS};

fn main() {
    let mut table = Comparison::new("execute", "wasmtime");
    for kernel in KERNELS {
        let engine = brolga::Engine::default();
        let module = brolga::Module::new(&engine, kernel.wasm).expect("a valid module");
        let mut store = brolga::Store::new(&engine, ());
        let instance = brolga::Instance::new(&mut store, &module, &[]).expect("no imports");
        let run = instance.get_typed_func::<i32, i32>(&mut store, "run").expect("exported");

        let peer_engine = wasmtime::Engine::default();
        let peer_module = wasmtime::Module::new(&peer_engine, kernel.wasm).expect("a valid module");
        let mut peer_store = wasmtime::Store::new(&peer_engine, ());
        let peer_instance =
            wasmtime::Instance::new(&mut peer_store, &peer_module, &[]).expect("no imports");
        let peer_run =
            peer_instance.get_typed_func::<i32, i32>(&mut peer_store, "run").expect("exported");

        table.row(
            kernel.name,
            || {
                let found = run.call(&mut store, kernel.argument).expect("no trap");
                assert_eq!(found as u32, kernel.result, "{}", kernel.name);
            },
            || {
                let found = peer_run.call(&mut peer_store, kernel.argument).expect("no trap");
                assert_eq!(found as u32, kernel.result, "{} in the peer", kernel.name);
            },
        );
    }
    table.finish();
}
