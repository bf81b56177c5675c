//! From the start of a process to its end, for programs so small that nothing else counts.
//!
//! On one side `brolga run`. On the other `wasmtime run` without its cache, if the environment
//! variable `BROLGA_BENCH_WASMTIME` says where that program is. It is not built here, so otherwise
//! a stand-in: this benchmark starts itself anew as a program on the wasmtime library that does
//! what that command cannot do without (read the file, make an engine, compile, link, call
//! `_start`), and neither reads flags nor provides WASI, which would take it longer. A row with a
//! process that does nothing says what of the times is the system's.
//!
//! `cargo build --release -p brolga-cli` comes first: it makes the program that is measured.
//!
//! **Invariants**
//! - Every process ends with success, or the benchmark fails.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use brolga_benches::Comparison;

/// What makes this program a process that does nothing, and the stand-in.
const NOTHING: &str = "--as-nothing";
const PEER: &str = "--as-peer";

/// (what it shows, the program)
const PROGRAMS: &[(&str, &str)] = &[
    ("a program that returns", r#"(module (func (export "_start")))"#),
    (
        "a loop of 1,000 turns",
        r#"(module (memory (export "memory") 1) (func (export "_start") (local i32)
            (loop $again
                (i32.store (local.get 0) (local.get 0))
                (local.set 0 (i32.add (local.get 0) (i32.const 4)))
                (br_if $again (i32.lt_u (local.get 0) (i32.const 4000))))))"#,
    ),
    ("100 functions", r#"(module FUNCTIONS (func (export "_start")))"#),
];

/// A program that needs WASI, which the stand-in has not.
const HELLO: (&str, &str) = (
    "a program that says hello",
    r#"(module
        (import "wasi_snapshot_preview1" "fd_write"
            (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "\10\00\00\00\06\00\00\00")
        (data (i32.const 16) "hello\n")
        (func (export "_start")
            (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#,
);

fn main() {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some(NOTHING) => return,
        Some(PEER) => return peer(&PathBuf::from(arguments.next().expect("a file"))),
        _ => {}
    }
    let this = std::env::current_exe().expect("this program has a file");
    let brolga = this.parent().and_then(Path::parent).expect("target/release").join("brolga");
    assert!(brolga.exists(), "no {}: cargo build --release -p brolga-cli", brolga.display());
    let folder = std::env::temp_dir().join(format!("brolga-start-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let wasmtime = std::env::var_os("BROLGA_BENCH_WASMTIME").map(PathBuf::from);
    let (peer, title) = match &wasmtime {
        Some(wasmtime) => (wasmtime, "start to end of `run`"),
        None => (&this, "start to end of a process"),
    };
    let mut table = Comparison::new(title, "wasmtime");
    for (name, text) in PROGRAMS.iter().chain(wasmtime.is_some().then_some(&HELLO)) {
        let function = "(func (param i32) (result i32) (i32.add (local.get 0) (i32.const 7)))";
        let text = text.replace("FUNCTIONS", &function.repeat(100));
        let file = folder.join("program.wasm");
        std::fs::write(&file, wat::parse_str(text).expect("valid text")).expect("room for it");
        let file = file.to_str().expect("a temporary path is text");
        let theirs: &[&str] = match wasmtime {
            Some(_) => &["run", "-C", "cache=n", file],
            None => &[PEER, file],
        };
        table.row(name, || run(&brolga, &["run", file]), || run(peer, theirs));
    }
    table.finish();
    let mut table = Comparison::new("beside it", "nothing");
    table.row(
        "a process that does nothing",
        || run(&brolga, &["version"]),
        || run(&this, &[NOTHING]),
    );
    table.finish();
    std::fs::remove_dir_all(&folder).expect("the folder is there");
}

fn run(program: &Path, arguments: &[&str]) {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
    let status = command.status().expect("the program can be started");
    assert!(status.success(), "{} ended with {status}", program.display());
}

/// The stand-in.
fn peer(file: &Path) {
    let engine = wasmtime::Engine::default();
    let module = wasmtime::Module::from_file(&engine, file).expect("a valid module");
    let mut store = wasmtime::Store::new(&engine, ());
    let linker = wasmtime::Linker::new(&engine);
    let instance = linker.instantiate(&mut store, &module).expect("no imports");
    let start = instance.get_typed_func::<(), ()>(&mut store, "_start").expect("a program");
    start.call(&mut store, ()).expect("no trap");
}
