//! Each limit of a context: at its default what programs do works, lowered it says its errno.

use super::{ALL, BULK, Base, CREATE, READ, RESULT, RO, RW, WRITE, World};
use crate::fs::MemoryBudget;
use crate::{Errno, Fs, HostFs, MemoryFs, MemoryLimits, OverlayFs, WasiCtxBuilder, WasiLimits};

/// The descriptor of the file system in memory, which is empty.
const MEMORY: u32 = 5;

type Lower = fn(&mut WasiLimits);
type Try = fn(&mut World) -> Result<(), Errno>;

/// A limit that is lowered, what is tried, and what comes of it then.
const LIMITS: &[(&str, Lower, Try, Errno)] = &[
    ("descriptors", |limits| limits.descriptors = 6, |world| open(world, "file"), Errno::Mfile),
    ("call_bytes, buffers", |limits| limits.call_bytes = 15, |world| read(world, 2), Errno::Nomem),
    ("call_bytes, paths", |limits| limits.call_bytes = 7, rename, Errno::Nomem),
    ("call_bytes, subscriptions", |limits| limits.call_bytes = 100, poll, Errno::Nomem),
    ("path_bytes", |limits| limits.path_bytes = 3, |world| open(world, "file"), Errno::Nametoolong),
    ("buffers", |limits| limits.buffers = 1, |world| read(world, 2), Errno::Inval),
    ("subscriptions", |limits| limits.subscriptions = 1, poll, Errno::Inval),
    ("random_bytes", |limits| limits.random_bytes = 9, random, Errno::Inval),
    ("directory_entries", |limits| limits.directory_entries = 4, list, Errno::Overflow),
    ("memory_file_bytes", |limits| limits.memory_file_bytes = 5, fill, Errno::Nospc),
];

fn open(world: &mut World, path: &str) -> Result<(), Errno> {
    world.open(path, 0, READ)?;
    Ok(())
}

fn read(world: &mut World, buffers: u32) -> Result<(), Errno> {
    let (list, _) = world.buffer(4);
    world.put(list + 8, &[0; 8]);
    world.call().fd_read(0, list, buffers, RESULT)
}

fn rename(world: &mut World) -> Result<(), Errno> {
    let ((old, old_length), (new, new_length)) = (world.path("file"), world.other("new1"));
    world.call().path_rename(RW, old, old_length, RW, new, new_length)
}

fn poll(world: &mut World) -> Result<(), Errno> {
    world.put(0, &[0; 96]);
    world.call().poll_oneoff(0, BULK, 2, RESULT)
}

fn random(world: &mut World) -> Result<(), Errno> {
    world.call().random_get(BULK, 10)
}

fn list(world: &mut World) -> Result<(), Errno> {
    world.call().fd_readdir(RO, BULK, 4096, 0, RESULT)
}

fn fill(world: &mut World) -> Result<(), Errno> {
    let fd = world.open_at(MEMORY, "f", CREATE, ALL)?;
    assert_eq!(world.write(fd, b"1234"), Ok(4));
    world.write(fd, b"5")?;
    Ok(())
}

fn world(limits: WasiLimits) -> World {
    World::with(|builder| {
        // In either order.
        let builder = builder.limits(limits.clone());
        builder.preopened_fs(MemoryFs::default(), "/memory").unwrap().limits(limits)
    })
}

#[test]
#[cfg_attr(miri, ignore = "going to a limit takes minutes")]
fn each_limit_has_its_errno() {
    for (name, lower, attempt, errno) in LIMITS {
        assert_eq!(attempt(&mut world(WasiLimits::default())), Ok(()), "{name} by default");
        let mut limits = WasiLimits::default();
        lower(&mut limits);
        let mut world = world(limits);
        if *name == "descriptors" {
            // Up to the limit it works.
            open(&mut world, "file").unwrap_err();
            world.call().fd_close(MEMORY).unwrap();
            open(&mut world, "file").unwrap();
        }
        assert_eq!(attempt(&mut world), Err(*errno), "{name}");
    }
}

/// What one call may allocate is the sum of its lists, and each call begins anew.
#[test]
#[cfg_attr(miri, ignore = "going to a limit takes minutes")]
fn a_call_allocates_so_much() {
    for (call_bytes, expected) in [(7, Err(Errno::Nomem)), (8, Ok(()))] {
        let mut world = world(WasiLimits { call_bytes, ..Default::default() });
        for _ in 0..2 {
            assert_eq!(rename(&mut world), expected);
            assert_eq!(open(&mut world, "dir/../new1"), Err(Errno::Nomem));
            let ((old, old_length), (new, new_length)) = (world.path("new1"), world.other("file"));
            let back = world.call().path_rename(RW, old, old_length, RW, new, new_length);
            assert_eq!(back, expected);
        }
    }
    // The longest of each that the other limits allow.
    let mut world = world(WasiLimits::default());
    world.memory = vec![0; 1 << 20];
    assert_eq!(world.call().poll_oneoff(0, 1 << 19, 2048, RESULT), Ok(()));
    assert_eq!(world.call().fd_read(0, 0, 1024, RESULT), Ok(()));
    world.memory[..8192].fill(b'a');
    let long = |world: &mut World| world.call().path_rename(RW, 0, 4096, RW, 4096, 4096);
    assert_eq!(long(&mut world), Err(Errno::Nametoolong), "the host's word");
}

fn context(files: &MemoryFs, bytes: u64) -> World {
    let limits = WasiLimits { memory_file_bytes: bytes, ..Default::default() };
    let mut world = World::new();
    world.context =
        WasiCtxBuilder::new().preopened_fs(files.clone(), "/").unwrap().limits(limits).build();
    world
}

#[test]
#[cfg_attr(miri, ignore = "going to a limit takes minutes")]
fn contexts_that_share_files_have_limits_of_their_own() {
    let files = MemoryFs::new(MemoryLimits { bytes: 20, entries: 9 });
    let (mut small, mut large) = (context(&files, 10), context(&files, 100));
    let fd = small.open("f", CREATE, ALL).unwrap();
    assert_eq!(small.write(fd, b"123456789 and more"), Ok(9), "the name has a byte");
    assert_eq!(small.write(fd, b"x"), Err(Errno::Nospc));
    assert_eq!(small.call().fd_filestat_set_size(fd, 10), Err(Errno::Nospc));
    assert_eq!(small.open("g", CREATE, ALL), Err(Errno::Nospc));
    // For the other one the quota is nearer.
    let other = large.open("g", CREATE, ALL).unwrap();
    assert_eq!(large.write(other, b"123456789 and more"), Ok(9));
    assert_eq!(large.write(other, b"x"), Err(Errno::Nospc));
    assert_eq!(files.used().bytes, 20);
    // What is above the limit of one can be read by it, and removed until there is room.
    assert_eq!(small.contents("g"), b"123456789");
    assert_eq!(small.open("h", CREATE, ALL), Err(Errno::Nospc));
    assert_eq!(small.call().fd_filestat_set_size(fd, 0), Ok(()));
    let (path, length) = small.path("g");
    assert_eq!(small.call().path_unlink_file(RW, path, length), Ok(()));
    large.call().fd_close(other).unwrap();
    assert_eq!(files.used().bytes, 1);
    small.call().fd_seek(fd, 0, 0, RESULT).unwrap();
    assert_eq!(small.write(fd, b"1"), Ok(1));
    // The embedder is bound by the quota alone.
    files.write("e", &[0; 17]).unwrap();
    assert_eq!(files.write("e", &[0; 18]), Err(Errno::Nospc));
}

#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn files_in_memory_are_counted_together() {
    let (first, upper, looked_at) = (MemoryFs::default(), MemoryFs::default(), MemoryFs::default());
    for files in [&first, &looked_at] {
        files.write("held", &[7; 16]).unwrap();
    }
    let base = Base::new();
    let overlay = OverlayFs::new(upper.clone(), HostFs::open(base.join("")).unwrap());
    let limits = WasiLimits { memory_file_bytes: 30, ..Default::default() };
    let mut world = World::new();
    // The same twice is counted once, what is only read not at all.
    world.context = WasiCtxBuilder::new()
        .preopened_fs(first.clone(), "/first")
        .unwrap()
        .preopened_fs(first.clone(), "/again")
        .unwrap()
        .preopened_fs(overlay, "/overlay")
        .unwrap()
        .preopened_fs_read_only(looked_at, "/ro")
        .unwrap()
        .limits(limits)
        .build();
    let fd = world.open_at(MEMORY, "f", CREATE, WRITE).unwrap();
    assert_eq!(world.write(fd, b"1234567890"), Ok(9), "20, a name, and nine");
    assert_eq!(world.open_at(3, "f", CREATE, WRITE), Err(Errno::Nospc));
    // What is no longer there is no longer counted.
    drop(first);
    world.call().fd_close(3).unwrap();
    world.call().fd_close(4).unwrap();
    assert_eq!(world.write(fd, &[1; 40]), Ok(20));
    assert_eq!(upper.used().bytes, 30);
}

#[test]
#[cfg_attr(miri, ignore = "going to a limit takes minutes")]
fn a_file_system_of_the_embedders_counts_too() {
    let budget = MemoryBudget::new(10);
    let used = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(4));
    budget.count(&used);
    budget.count(&used);
    assert_eq!(budget.room(), 6);
    let files = MemoryFs::default();
    files.root_within(&budget).unwrap();
    files.write("a", &[0; 4]).unwrap();
    assert_eq!(budget.room(), 1);
    drop(used);
    assert_eq!(budget.room(), 5);
}
