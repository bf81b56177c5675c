//! The log.

use std::collections::BTreeSet;

use brolga::{Engine, Linker, Module, Store};

use super::World;
use crate::signature::SIGNATURES;
use crate::{LogScopes, OutputBuffer, WasiCtx, WasiCtxBuilder};

/// What is logged of a program of these functions' calls.
fn logged(scopes: LogScopes, imports: &[(&str, &str)], calls: &str) -> Vec<String> {
    let world = World::new();
    let log = OutputBuffer::new(100_000);
    let engine = Engine::default();
    let imports: String = imports
        .iter()
        .map(|(name, ty)| {
            let (module, name) = name.split_once('.').unwrap_or(("wasi_snapshot_preview1", name));
            format!("(import \"{module}\" \"{name}\" (func ${module}.{name} {ty}))\n")
        })
        .collect();
    let module = format!(
        r#"(module {imports}
            (memory (export "memory") 1)
            (data (i32.const 0) "file\1b[31m\n")
            (data (i32.const 64) "\00\02\00\00\05\00\00\00\00\03\00\00\03\00\00\00")
            (func (export "_start") {calls}))"#
    );
    let module = Module::new(&engine, module.replace("$wasi_snapshot_preview1.", "$")).unwrap();
    let mut linker = Linker::new(&engine);
    crate::add_to_linker(&mut linker, |context: &mut WasiCtx| context).unwrap();
    let context = WasiCtxBuilder::new()
        .preopened_dir(world.base.join("inside"), "/")
        .unwrap()
        .stdout(std::io::sink())
        .log(scopes, log.clone())
        .build();
    let mut store = Store::new(&engine, context);
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let start = instance.get_typed_func::<(), ()>(&mut store, "_start").unwrap();
    // Some exit, some return.
    let _ = start.call(&mut store, ());
    String::from_utf8(log.contents()).unwrap().lines().map(str::to_owned).collect()
}

const OPEN: (&str, &str) =
    ("path_open", "(param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)");

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn calls_are_shown_with_arguments_and_results() {
    let lines = logged(
        LogScopes::ALL,
        &[
            OPEN,
            ("fd_write", "(param i32 i32 i32 i32) (result i32)"),
            ("fd_seek", "(param i32 i64 i32 i32) (result i32)"),
            ("wasi_unstable.fd_filestat_get", "(param i32 i32) (result i32)"),
            ("fd_close", "(param i32) (result i32)"),
            ("proc_exit", "(param i32)"),
        ],
        "(drop (call $path_open (i32.const 3) (i32.const 1) (i32.const 0) (i32.const 4)
            (i32.const 1) (i64.const 0x20004a) (i64.const 0) (i32.const 1) (i32.const 128)))
        (drop (call $fd_write (i32.const 4) (i32.const 64) (i32.const 2) (i32.const 128)))
        (drop (call $fd_seek (i32.const 9) (i64.const 1) (i32.const 0) (i32.const 128)))
        (drop (call $wasi_unstable.fd_filestat_get (i32.const 4) (i32.const 128)))
        (drop (call $fd_close (i32.const 4)))
        (call $proc_exit (i32.const 3))",
    );
    let expected = [
        "--> path_open(fd=3, dirflags=symlink_follow, path=\"file\", oflags=creat, \
         base=fd_read|fd_fdstat_set_flags|fd_write|fd_filestat_get, inheriting=, \
         fdflags=append)",
        "<-- path_open: opened_fd=4",
        "--> fd_write(fd=4, iovs=[5, 3])",
        "<-- fd_write: nwritten=8",
        "--> fd_seek(fd=9, offset=1, whence=0)",
        "<-- fd_seek: badf",
        "--> wasi_unstable.fd_filestat_get(fd=4)",
        "<-- wasi_unstable.fd_filestat_get: stat={filetype=regular_file, size=16}",
        "--> fd_close(fd=4)",
        "<-- fd_close: done",
        "--> proc_exit(rval=3)",
    ];
    assert_eq!(lines, expected);
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn only_the_scopes_asked_for_are_shown() {
    let imports = [
        ("clock_time_get", "(param i32 i64 i32) (result i32)"),
        ("random_get", "(param i32 i32) (result i32)"),
        ("sched_yield", "(result i32)"),
        ("sock_shutdown", "(param i32 i32) (result i32)"),
        ("poll_oneoff", "(param i32 i32 i32 i32) (result i32)"),
        ("fd_sync", "(param i32) (result i32)"),
    ];
    let calls = "(drop (call $clock_time_get (i32.const 1) (i64.const 5) (i32.const 128)))
        (drop (call $random_get (i32.const 128) (i32.const 6)))
        (drop (call $sched_yield))
        (drop (call $sock_shutdown (i32.const 1) (i32.const 3)))
        (drop (call $poll_oneoff (i32.const 1024) (i32.const 2048) (i32.const 1) (i32.const 128)))
        (drop (call $fd_sync (i32.const 3)))";
    let scoped = |scopes: &str| logged(scopes.parse().unwrap(), &imports, calls);
    assert_eq!(
        scoped("clock"),
        ["--> clock_time_get(id=monotonic, precision=5)", "<-- clock_time_get: time=1000000"]
    );
    assert_eq!(scoped("random"), ["--> random_get(buf=0x80+6)", "<-- random_get: done"]);
    assert_eq!(scoped("proc"), ["--> sched_yield()", "<-- sched_yield: done"]);
    assert_eq!(
        scoped("sock"),
        ["--> sock_shutdown(fd=1, how=rd|wr)", "<-- sock_shutdown: notsock"]
    );
    assert_eq!(
        scoped("poll"),
        [
            "--> poll_oneoff(subscriptions=[realtime for 0], events=0x800, nsubscriptions=1)",
            "<-- poll_oneoff: nevents=1"
        ]
    );
    assert_eq!(scoped("filesystem"), ["--> fd_sync(fd=3)", "<-- fd_sync: done"]);
    assert_eq!(scoped("memory"), [""; 0]);
    assert_eq!(scoped("clock, random").len(), 4);
    assert_eq!(scoped("all").len(), 12);
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn what_a_guest_says_is_escaped_and_bounded() {
    let lines = logged(
        LogScopes::ALL,
        &[OPEN, ("fd_write", "(param i32 i32 i32 i32) (result i32)")],
        "(drop (call $path_open (i32.const 3) (i32.const 2) (i32.const 0) (i32.const 10)
            (i32.const 99) (i64.const -1) (i64.const 0) (i32.const 0) (i32.const 128)))
        (drop (call $path_open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 4000)
            (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 128)))
        (drop (call $path_open (i32.const 3) (i32.const 0) (i32.const -1) (i32.const 4000)
            (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 128)))
        (drop (call $fd_write (i32.const 1) (i32.const 4096) (i32.const 99) (i32.const 128)))
        (drop (call $fd_write (i32.const 1) (i32.const -8) (i32.const -1) (i32.const 128)))",
    );
    assert!(
        lines[0].contains(r#"dirflags=0x2, path="file\u{1b}[31m\n", oflags=0x63"#),
        "{lines:?}"
    );
    assert!(lines[0].contains("base=0xffffffffffffffff"), "{lines:?}");
    assert_eq!(lines[1], "<-- path_open: inval");
    assert!(lines[2].contains(r#"\0\0\0"…, oflags="#), "{lines:?}");
    assert!(lines[4].contains("path=0xffffffff+4000"), "{lines:?}");
    let zeros = vec!["0"; 16].join(", ");
    assert_eq!(lines[6], format!("--> fd_write(fd=1, iovs=[{zeros}, …])"));
    assert_eq!(lines[8], "--> fd_write(fd=1, iovs=0xfffffff8*4294967295)");
    assert!(lines.iter().all(|line| line.len() < 2_000));
}

#[test]
fn scopes_are_named() {
    let every: LogScopes = LogScopes::NAMES.join(",").parse().unwrap();
    assert_eq!(every, LogScopes::ALL);
    assert_eq!(format!("{:?}", LogScopes::CLOCK | LogScopes::SOCK), r#"{"clock", "sock"}"#);
    for wrong in ["", "clock,", "Clock", "none"] {
        assert!(wrong.parse::<LogScopes>().is_err(), "{wrong:?}");
    }
    let error = "x".parse::<LogScopes>().unwrap_err().to_string();
    assert_eq!(
        error,
        "there is no scope `x`: expected clock, filesystem, memory, proc, poll, random, sock or all"
    );
}

#[test]
fn the_table_has_each_function_once() {
    let names: BTreeSet<_> = SIGNATURES.iter().map(|signature| signature.name).collect();
    assert_eq!((SIGNATURES.len(), names.len()), (46, 46));
}
