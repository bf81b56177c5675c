//! Preopened directories side by side and inside each other, and the file system in memory.

use super::{ALL, CREATE, DIRECTORY, Kind, LOOK, READ, RESULT, RO, RW, TRUNCATE, WRITE, World};
use crate::{Errno, HostFs, MemoryFs, MemoryLimits, WasiCtxBuilder};

/// A second directory that may be written.
const SECOND: u32 = 5;

/// Files that two names lead to.
fn files(contents: &[(&str, &str)]) -> MemoryFs {
    let files = MemoryFs::default();
    for (path, contents) in contents {
        files.write(path, contents.as_bytes()).unwrap();
    }
    files
}

fn preopen_name(world: &mut World, fd: u32) -> Result<String, Errno> {
    world.call().fd_prestat_get(fd, RESULT)?;
    let length = world.u32(RESULT + 4);
    world.call().fd_prestat_dir_name(fd, RESULT, length)?;
    Ok(String::from_utf8(world.memory[RESULT as usize..][..length as usize].to_vec()).unwrap())
}

fn rename(world: &mut World, from: u32, to: u32) -> Result<(), Errno> {
    let ((old, old_length), (new, new_length)) = (world.path("file"), world.other("moved"));
    world.call().path_rename(from, old, old_length, to, new, new_length)
}

fn link(world: &mut World, from: u32, to: u32) -> Result<(), Errno> {
    let ((old, old_length), (new, new_length)) = (world.path("file"), world.other("linked"));
    world.call().path_link(from, 0, old, old_length, to, new, new_length)
}

#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn directories_are_numbered_in_the_order_given() {
    let mut world = World::with(|builder| {
        builder.preopened_fs(MemoryFs::default(), "/b").unwrap();
        builder.preopened_fs(MemoryFs::default(), "/a").unwrap()
    });
    let names: Vec<_> = (3..8).map(|fd| preopen_name(&mut world, fd)).collect();
    let expected = ["/", "/ro", "/b", "/a"].map(|name| Ok(name.to_owned()));
    assert_eq!(names[..4], expected);
    assert_eq!(names[4], Err(Errno::Badf));
}

#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn one_inside_another_is_a_world_of_its_own() {
    let inner = files(&[("file", "inner"), ("only", "")]);
    let mut world = World::with(|builder| builder.preopened_fs(inner.clone(), "/dir").unwrap());
    let fd = world.open_at(SECOND, "file", 0, READ).unwrap();
    assert_eq!(world.read(fd, 99).unwrap(), b"inner");
    // By the outer, its own folder is seen, and by the inner no way leads back.
    assert_eq!(world.open("dir/only", 0, READ), Err(Errno::Noent));
    assert!(world.open("dir/nested", DIRECTORY, LOOK).is_ok());
    assert_eq!(world.open_at(SECOND, "../file", 0, READ), Err(Errno::Perm));
    assert_eq!(world.open_at(SECOND, "nested", 0, READ), Err(Errno::Noent));
    world.open("dir/new", CREATE, ALL).unwrap();
    assert_eq!(inner.read("new"), Err(Errno::Noent));
}

#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn the_same_name_again_takes_the_place() {
    let second = files(&[("file", "second")]);
    for name in ["/", "//"] {
        let mut world = World::with(|builder| {
            builder.preopened_fs(MemoryFs::default(), "/x").unwrap();
            builder.preopened_fs(second.clone(), name).unwrap()
        });
        assert_eq!(preopen_name(&mut world, RW), Ok(name.to_owned()));
        assert_eq!(preopen_name(&mut world, 5), Ok("/x".to_owned()));
        assert_eq!(preopen_name(&mut world, 6), Err(Errno::Badf));
        assert_eq!(world.contents("file"), b"second");
    }
    // Read-only goes with the one that is there.
    let mut world = World::with(|builder| builder.preopened_fs(second.clone(), "/ro/").unwrap());
    assert!(world.open_at(RO, "file", 0, ALL).is_ok());
    let mut world =
        World::with(|builder| builder.preopened_fs_read_only(second.clone(), "/").unwrap());
    assert_eq!(world.open("file", 0, WRITE), Err(Errno::Rofs));
}

#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn names_move_within_one_file_system_only() {
    let memory = files(&[("file", "x")]);
    let mut world = World::with(|builder| builder.preopened_fs(memory.clone(), "/m").unwrap());
    for (from, to) in [(RW, SECOND), (SECOND, RW)] {
        assert_eq!(rename(&mut world, from, to), Err(Errno::Xdev));
        assert_eq!(link(&mut world, from, to), Err(Errno::Xdev));
    }
    let mut world = World::with(|builder| {
        builder.preopened_fs(memory.clone(), "/m").unwrap();
        builder.preopened_fs(files(&[("file", "y")]), "/n").unwrap();
        builder.preopened_fs(memory.clone(), "/o").unwrap()
    });
    let (first, other, same) = (5, 6, 7);
    assert_eq!(rename(&mut world, first, other), Err(Errno::Xdev));
    assert_eq!(link(&mut world, first, other), Err(Errno::Xdev));
    assert_eq!(link(&mut world, first, same), Ok(()));
    assert_eq!(rename(&mut world, first, same), Ok(()));
    assert_eq!(memory.read("moved"), Ok(b"x".to_vec()));

    // Two directories of the host's.
    let mut world = World::new();
    let dir = HostFs::open(world.base.join("inside/dir")).unwrap();
    let top = HostFs::open(world.base.join("inside")).unwrap();
    world.context = WasiCtxBuilder::new()
        .preopened_fs(top, "/")
        .unwrap()
        .preopened_fs(dir, "/dir")
        .unwrap()
        .build();
    assert_eq!(rename(&mut world, 3, 4), Ok(()));
    assert!(world.base.join("inside/dir/moved").exists());
}

#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn file_systems_without_a_device_get_one() {
    let mut world = World::with(|builder| {
        builder.preopened_fs(MemoryFs::default(), "/a").unwrap();
        builder.preopened_fs(MemoryFs::default(), "/b").unwrap()
    });
    let mut device = |fd| {
        world.call().fd_filestat_get(fd, RESULT).unwrap();
        world.u64(RESULT)
    };
    assert_eq!((device(5), device(6)), (3, 4));
    let file = world.open_at(6, "file", CREATE, ALL).unwrap();
    world.call().fd_filestat_get(file, RESULT).unwrap();
    assert_eq!(world.u64(RESULT), 4);
}

fn limited(bytes: u64, entries: u64) -> (MemoryFs, World) {
    let memory = MemoryFs::new(MemoryLimits { bytes, entries });
    let world = World::with(|builder| builder.preopened_fs(memory.clone(), "/").unwrap());
    (memory, world)
}

#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn bytes_are_bounded_and_given_back() {
    let (memory, mut world) = limited(100, 10);
    let fd = world.open("file", CREATE, ALL).unwrap();
    assert_eq!(memory.used(), MemoryLimits { bytes: 4, entries: 1 });
    assert_eq!(world.write(fd, &[1; 90]), Ok(90));
    assert_eq!(world.write(fd, &[2; 90]), Ok(6), "as much as there is room for");
    assert_eq!(world.write(fd, b"x"), Err(Errno::Nospc));
    assert_eq!(memory.used(), MemoryLimits { bytes: 100, entries: 1 });
    assert_eq!(world.call().fd_filestat_set_size(fd, 97), Err(Errno::Nospc));
    assert_eq!(world.call().fd_allocate(fd, 90, 10), Err(Errno::Nospc));
    assert_eq!(world.open("b", CREATE, ALL), Err(Errno::Nospc), "a name has bytes");
    world.call().fd_filestat_set_size(fd, 10).unwrap();
    assert_eq!(memory.used().bytes, 14);
    // A hole counts, and what lies beyond all room is no short write.
    assert_eq!(world.call().fd_filestat_set_size(fd, u64::MAX), Err(Errno::Fbig));
    assert_eq!(world.call().fd_filestat_set_size(fd, 1 << 40), Err(Errno::Nospc));
    let (list, count) = world.buffer(1);
    assert_eq!(world.call().fd_pwrite(fd, list, count, 1 << 40, RESULT), Err(Errno::Nospc));
    assert_eq!(memory.used().bytes, 14);
    world.open("file", TRUNCATE, WRITE).unwrap();
    assert_eq!(memory.used().bytes, 4);
}

#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn entries_are_bounded_and_given_back() {
    let (memory, mut world) = limited(1000, 2);
    world.open("file", CREATE, ALL).unwrap();
    assert_eq!(link(&mut world, RW, RW), Ok(()));
    assert_eq!(world.open("c", CREATE, ALL), Err(Errno::Nospc));
    assert_eq!(rename(&mut world, RW, RW), Ok(()), "no more names than before");
    let (path, length) = world.path("linked");
    assert_eq!(world.call().path_create_directory(RW, 1, 1), Err(Errno::Nospc));
    assert_eq!(world.call().path_unlink_file(RW, path, length), Ok(()));
    assert_eq!(memory.used(), MemoryLimits { bytes: 5, entries: 1 });
}

#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn what_is_open_outlives_its_name() {
    let (memory, mut world) = limited(100, 10);
    let fd = world.open("file", CREATE, ALL).unwrap();
    world.write(fd, b"contents").unwrap();
    let (path, length) = world.path("file");
    world.call().path_unlink_file(RW, path, length).unwrap();
    assert_eq!(memory.used(), MemoryLimits { bytes: 8, entries: 0 });
    world.call().fd_seek(fd, 0, 0, RESULT).unwrap();
    assert_eq!(world.read(fd, 99).unwrap(), b"contents");
    world.call().fd_close(fd).unwrap();
    assert_eq!(memory.used(), MemoryLimits { bytes: 0, entries: 0 });
    // Nothing is made in a directory that is gone.
    let (path, length) = world.path("dir");
    world.call().path_create_directory(RW, path, length).unwrap();
    let dir = world.open("dir", DIRECTORY, LOOK).unwrap();
    let (path, length) = world.path("dir");
    world.call().path_remove_directory(RW, path, length).unwrap();
    assert_eq!(world.open_at(dir, "x", CREATE, READ), Err(Errno::Noent));
    assert_eq!(world.open_at(dir, "..", 0, READ), Err(Errno::Perm));
}

#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn an_embedder_fills_and_looks() {
    let memory = files(&[("a/b/c", "deep"), ("top", "")]);
    assert_eq!(memory.read("a/b/c"), Ok(b"deep".to_vec()));
    memory.write("a/b/c", b"new").unwrap();
    assert_eq!(memory.read("a/b/c"), Ok(b"new".to_vec()));
    assert_eq!(memory.read("a/b"), Err(Errno::Isdir));
    assert_eq!(memory.read("top/x"), Err(Errno::Notdir));
    assert_eq!(memory.read("a/../top"), Err(Errno::Inval));
    assert_eq!(memory.write("top/x", b""), Err(Errno::Notdir));
    assert_eq!(memory.write("a/b", b""), Err(Errno::Isdir));
    assert_eq!(memory.write("a/./x", b""), Err(Errno::Inval));
    assert_eq!(memory.write("a/", b""), Err(Errno::Inval));
    let small = MemoryFs::new(MemoryLimits { bytes: 5, entries: 9 });
    assert_eq!(small.write("a", b"12345"), Err(Errno::Nospc));
}

#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn times_in_memory_are_its_clocks() {
    let memory = MemoryFs::with_clock(MemoryLimits::default(), || 7);
    let mut world = World::with(|builder| builder.preopened_fs(memory.clone(), "/").unwrap());
    let fd = world.open("file", CREATE, ALL).unwrap();
    world.call().fd_filestat_set_times(fd, 5, 0, 0b1001).unwrap();
    world.call().fd_filestat_get(fd, RESULT).unwrap();
    assert_eq!([40, 48, 56].map(|at| world.u64(RESULT + at)), [5, 7, 7]);
    // By default each change has a time of its own, and the same in each run.
    let times = || {
        let mut world = World::of(Kind::Memory, &[]);
        world.stat("file", 0).unwrap();
        let file = world.u64(RESULT + 48);
        world.stat("link", 0).unwrap();
        (file, world.u64(RESULT + 48))
    };
    assert!(times().0 < times().1);
    assert_eq!(times(), times());
}
