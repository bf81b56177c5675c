//! Compiling modules, from bytes to callable code, with one thread and with all.
//!
//! `BROLGA_BENCH_MODULE=FILE` adds a module of yours, for instance a big one.

use brolga_benches::{Comparison, KERNELS};

fn main() {
    let mut table = Comparison::new("compile", "wasmtime");
    let mut modules: Vec<(String, Vec<u8>)> =
        KERNELS.iter().map(|kernel| (kernel.name.to_string(), kernel.wasm.to_vec())).collect();
    modules.push(("libc program".into(), include_bytes!("modules/wordcount.wasm").to_vec()));
    modules.push(("2,000 small functions".into(), small_functions(2_000)));
    if let Ok(path) = std::env::var("BROLGA_BENCH_MODULE") {
        let bytes = std::fs::read(&path).expect("BROLGA_BENCH_MODULE names a readable file");
        modules.push((path, bytes));
    }
    for (name, bytes) in &modules {
        for parallel in [false, true] {
            // Small modules say little about threads.
            if parallel && bytes.len() < 20_000 {
                continue;
            }
            let mut config = brolga::Config::new();
            config.parallel_compilation(parallel);
            let engine = brolga::Engine::new(&config).expect("a valid configuration");
            let mut config = wasmtime::Config::new();
            config.parallel_compilation(parallel);
            let peer = wasmtime::Engine::new(&config).expect("a valid configuration");
            let threads = if parallel { ", all threads" } else { "" };
            table.row(
                &format!("{name}{threads}"),
                || {
                    let module = brolga::Module::new(&engine, bytes).expect("a valid module");
                    // Otherwise the next round would only find it again.
                    engine.delete_compiled_module(&module);
                },
                || drop(wasmtime::Module::new(&peer, bytes).expect("a valid module")),
            );
        }
    }
    table.finish();
}

/// A module of `count` functions that each do a little of everything.
fn small_functions(count: usize) -> Vec<u8> {
    let mut text = String::from("(module (memory 1) (global $g (mut i32) (i32.const 0))\n");
    for index in 0..count {
        let callee = (index * 7 + 1) % count;
        text.push_str(&format!(
            "(func $f{index} (export \"f{index}\") (param $a i32) (param $b i32) (result i32)
               (local $i i32)
               (block $out (loop $again
                 (br_if $out (i32.ge_u (local.get $i) (local.get $b)))
                 (local.set $a (i32.add (local.get $a)
                   (i32.load offset={offset} (i32.and (local.get $i) (i32.const 1023)))))
                 (if (i32.and (local.get $a) (i32.const {bit}))
                   (then (i32.store offset=64 (local.get $i) (local.get $a)))
                   (else (global.set $g (i32.xor (local.get $a) (i32.const {index})))))
                 (local.set $i (i32.add (local.get $i) (i32.const 1)))
                 (br $again)))
               (if (result i32) (i32.eqz (local.get $b))
                 (then (local.get $a))
                 (else (call $f{callee} (local.get $a) (i32.const 0)))))\n",
            offset = index % 512 * 4,
            bit = 1 << (index % 8),
        ));
    }
    text.push(')');
    wat::parse_str(&text).expect("the generator writes valid text")
}
