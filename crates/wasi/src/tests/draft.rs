//! The first draft, `wasi_unstable`: what it lays out otherwise.

use brolga::{Engine, Linker, Module, Store};

use super::{ALL, BULK, RESULT, RW, World};
use crate::call::Snapshot;
use crate::{Errno, WasiCtx, WasiCtxBuilder};

#[test]
fn whence_counts_from_the_place() {
    let mut world = World::new();
    let fd = world.open("file", 0, ALL).unwrap();
    let mut seek = |offset, whence| {
        world.call_of(Snapshot::Draft).fd_seek(fd, offset, whence, RESULT)?;
        Ok(world.u64(RESULT))
    };
    assert_eq!(seek(3, 2), Ok(3), "from the start");
    assert_eq!(seek(2, 0), Ok(5), "from the place");
    assert_eq!(seek(-1, 1), Ok(7), "from the end");
    assert_eq!(seek(-1, 2), Err(Errno::Inval));
    assert_eq!(seek(0, 3), Err(Errno::Inval));
}

/// Type, links and size as the record of 56 bytes has them, and the byte behind it.
fn record(world: &World) -> (u8, u32, u64, u8) {
    let at = RESULT as usize;
    assert_eq!(world.memory[at + 17..at + 20], [0; 3], "padding");
    (world.memory[at + 16], world.u32(RESULT + 20), world.u64(RESULT + 24), world.memory[at + 56])
}

#[test]
fn a_filestat_is_shorter() {
    let mut world = World::new();
    let fd = world.open("file", 0, ALL).unwrap();
    world.call().fd_filestat_set_times(fd, 0, 5_000, 0b0100).unwrap();
    world.call_of(Snapshot::Draft).fd_filestat_get(fd, RESULT).unwrap();
    assert_eq!(record(&world), (4, 1, 8, 0xaa));
    assert_eq!(world.u64(RESULT + 40), 5_000, "modified");
    let (path, length) = world.path("link");
    world.call_of(Snapshot::Draft).path_filestat_get(RW, 1, path, length, RESULT).unwrap();
    assert_eq!(record(&world), (4, 1, 8, 0xaa));
}

#[test]
#[cfg_attr(miri, ignore = "the host waits by ppoll, which Miri does not have")]
fn a_subscription_is_longer() {
    let mut world = World::new();
    let fd = world.open("file", 0, ALL).unwrap();
    let mut clock = [0; 56];
    clock[0] = 7; // userdata
    clock[16] = 9; // the clock's own
    clock[24] = 1; // monotonic
    clock[32..40].copy_from_slice(&3_600_000_000_000_u64.to_le_bytes());
    world.put(0, &clock);
    world.call_of(Snapshot::Draft).poll_oneoff(0, BULK, 1, RESULT).unwrap();
    assert_eq!((world.u32(RESULT), world.u64(BULK)), (1, 7));
    world.call().clock_time_get(1, 0, RESULT).unwrap();
    assert!(world.u64(RESULT) >= 3_600_000_000_000, "the guest's clock has passed the time");
    // Absolute, and long past: with a descriptor behind it.
    clock[48] = 1;
    clock[32..40].copy_from_slice(&1_u64.to_le_bytes());
    let mut read = [0; 56];
    (read[0], read[8]) = (8, 1);
    read[16..20].copy_from_slice(&fd.to_le_bytes());
    world.put(0, &clock);
    world.put(56, &read);
    world.call_of(Snapshot::Draft).poll_oneoff(0, BULK, 2, RESULT).unwrap();
    assert_eq!(world.u32(RESULT), 2);
    assert_eq!((world.u64(BULK), world.u64(BULK + 32)), (8, 7));
    assert_eq!(world.u64(BULK + 16), 8, "bytes to read");
    let outside = 65_536 - 48;
    assert_eq!(
        world.call_of(Snapshot::Draft).poll_oneoff(outside, BULK, 1, RESULT),
        Err(Errno::Fault)
    );
}

/// A module that asks both versions for the same and tells the draft's answers.
const BOTH: &str = r#"(module
    (import "wasi_unstable" "fd_seek" (func $old_seek (param i32 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_seek"
        (func $new_seek (param i32 i64 i32 i32) (result i32)))
    (import "wasi_unstable" "path_open" (func $open
        (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_unstable" "fd_filestat_get" (func $old_stat (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_filestat_get"
        (func $new_stat (param i32 i32) (result i32)))
    (import "wasi_unstable" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "file")
    (func $check (param i32) (if (local.get 0) (then (call $exit (local.get 0)))))
    (func (export "_start")
        (call $check (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 4)
            (i32.const 0) (i64.const 0x3fffffff) (i64.const 0) (i32.const 0) (i32.const 16)))
        (call $check (call $old_seek (i32.load (i32.const 16)) (i64.const 6) (i32.const 2)
            (i32.const 24)))
        (call $check (call $new_seek (i32.load (i32.const 16)) (i64.const -1) (i32.const 1)
            (i32.const 32)))
        (call $check (call $old_stat (i32.load (i32.const 16)) (i32.const 256)))
        (call $check (call $new_stat (i32.load (i32.const 16)) (i32.const 512)))
        ;; 6 + 5 + the size twice
        (call $exit (i32.wrap_i64 (i64.add
            (i64.add (i64.load (i32.const 24)) (i64.load (i32.const 32)))
            (i64.add (i64.load (i32.const 280)) (i64.load (i32.const 544))))))))"#;

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn a_module_may_call_both() {
    let world = World::new();
    let engine = Engine::default();
    let module = Module::new(&engine, BOTH).unwrap();
    let mut linker = Linker::new(&engine);
    crate::add_to_linker(&mut linker, |context: &mut WasiCtx| context).unwrap();
    let context =
        WasiCtxBuilder::new().preopened_dir(world.base.join("inside"), "/").unwrap().build();
    let mut store = Store::new(&engine, context);
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let start = instance.get_typed_func::<(), ()>(&mut store, "_start").unwrap();
    let error = start.call(&mut store, ()).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&crate::Exit(6 + 5 + 8 + 8)));
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn the_draft_has_all_but_one() {
    let engine = Engine::default();
    let mut linker: Linker<WasiCtx> = Linker::new(&engine);
    crate::add_to_linker(&mut linker, |context: &mut WasiCtx| context).unwrap();
    let mut store = Store::new(&engine, WasiCtxBuilder::new().build());
    let names = |linker: &Linker<WasiCtx>, store: &mut Store<WasiCtx>, wanted| {
        let found = linker.iter(store).filter(|(module, _, _)| *module == wanted);
        let mut found: Vec<_> = found.map(|(_, name, _)| name.to_owned()).collect();
        found.sort();
        found
    };
    let draft = names(&linker, &mut store, "wasi_unstable");
    let mut preview1 = names(&linker, &mut store, "wasi_snapshot_preview1");
    assert_eq!((draft.len(), preview1.len()), (45, 46));
    preview1.retain(|name| name != "sock_accept");
    assert_eq!(draft, preview1);
}
