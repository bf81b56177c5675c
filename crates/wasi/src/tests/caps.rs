//! What a guest can make the host hold, and what the host's bytes tell the guest.

use std::fs;

use super::{ALL, BULK, DIRECTORY, Kind, LOOK, READ, RESULT, RW, World};
use crate::call::Snapshot;
use crate::{Errno, WasiLimits};

#[test]
#[cfg_attr(miri, ignore = "going to a limit takes minutes")]
fn lists_are_bounded_before_they_are_read() {
    let mut world = World::new();
    let fd = world.open("file", 0, ALL).unwrap();
    let mut call = world.call();
    // Each claims gigabytes, or counts that would take them.
    for count in [1025, 1 << 29, u32::MAX] {
        assert_eq!(call.fd_read(fd, 0, count, RESULT), Err(Errno::Inval));
        assert_eq!(call.fd_write(fd, 0, count, RESULT), Err(Errno::Inval));
        assert_eq!(call.fd_pread(fd, 0, count, 0, RESULT), Err(Errno::Inval));
        assert_eq!(call.fd_pwrite(fd, 0, count, 0, RESULT), Err(Errno::Inval));
        assert_eq!(call.sock_recv(fd, 0, count, 0, RESULT, RESULT), Err(Errno::Inval));
        assert_eq!(call.sock_send(fd, 0, count, 0, RESULT), Err(Errno::Inval));
    }
    for count in [2049, 1 << 31, u32::MAX] {
        assert_eq!(call.poll_oneoff(0, BULK, count, RESULT), Err(Errno::Inval));
    }
    for length in [4097, 1 << 20, u32::MAX] {
        assert_eq!(call.path_unlink_file(RW, 0, length), Err(Errno::Nametoolong));
        assert_eq!(call.path_symlink(0, length, RW, 0, 1), Err(Errno::Nametoolong));
    }
    assert_eq!(call.random_get(0, u32::MAX), Err(Errno::Inval));
    assert_eq!(call.fd_readdir(RW, BULK, u32::MAX, 0, RESULT), Err(Errno::Fault));
}

#[test]
#[cfg_attr(miri, ignore = "going to a limit takes minutes")]
fn opening_again_and_again_ends() {
    let mut world = World::new();
    let mut last = 0;
    let errno = loop {
        match world.open("file", 0, READ) {
            Ok(fd) => last = fd,
            Err(errno) => break errno,
        }
    };
    assert_eq!((errno, last), (Errno::Mfile, 1023));
    world.call().fd_close(17).unwrap();
    assert_eq!(world.open("file", 0, READ), Ok(17));
}

#[test]
#[cfg_attr(miri, ignore = "going to a limit takes minutes")]
fn entries_of_a_directory_are_bounded() {
    // `.`, `..`, dir, file, link
    for (max, expected) in [(5, Ok(())), (4, Err(Errno::Overflow)), (0, Err(Errno::Overflow))] {
        let limits = WasiLimits { directory_entries: max, ..Default::default() };
        let mut world = World::with(|builder| builder.limits(limits));
        assert_eq!(world.call().fd_readdir(RW, BULK, 4096, 0, RESULT), expected, "{max}");
        // As far as the limit goes it is read in pieces, wherever the guest stopped.
        for cookie in 0..8 {
            let outcome = world.call().fd_readdir(RW, BULK, 10, cookie, RESULT);
            let is_beyond = cookie > max || cookie == max && max < 5;
            let expected = if is_beyond { Err(Errno::Overflow) } else { Ok(()) };
            assert_eq!(outcome, expected, "{max}, {cookie}");
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "going to a limit takes minutes")]
fn random_bytes_are_bounded() {
    let limits = WasiLimits { random_bytes: 8, ..Default::default() };
    let mut world = World::with(|builder| builder.limits(limits));
    assert_eq!(world.call().random_get(BULK, 8), Ok(()));
    assert_eq!(world.call().random_get(BULK, 9), Err(Errno::Inval));
}

/// Every struct that is written over bytes of another kind has zeros where it has no field.
#[test]
#[cfg_attr(miri, ignore = "going to a limit takes minutes")]
fn padding_is_zero() {
    let mut world = World::new();
    let at = RESULT as usize;
    let zero = |world: &World, ranges: &[(usize, usize)], what: &str| {
        for (start, end) in ranges {
            let bytes = &world.memory[at + start..at + end];
            assert!(bytes.iter().all(|byte| *byte == 0), "{what}: {start}..{end} is {bytes:?}");
        }
    };
    let poison = |world: &mut World| world.memory[at..at + 256].fill(0xaa);

    poison(&mut world);
    world.call().fd_fdstat_get(RW, RESULT).unwrap();
    zero(&world, &[(1, 2), (4, 8)], "fdstat");
    assert_eq!(world.memory[at + 24], 0xaa);
    poison(&mut world);
    world.call().fd_filestat_get(RW, RESULT).unwrap();
    zero(&world, &[(17, 24)], "filestat");
    assert_eq!(world.memory[at + 64], 0xaa);
    poison(&mut world);
    world.call_of(Snapshot::Draft).fd_filestat_get(RW, RESULT).unwrap();
    zero(&world, &[(17, 20)], "the draft's filestat");
    assert_eq!(world.memory[at + 56], 0xaa);
    poison(&mut world);
    world.call().fd_prestat_get(RW, RESULT).unwrap();
    zero(&world, &[(0, 4)], "prestat");
    assert_eq!(world.memory[at + 8], 0xaa);
    for snapshot in [Snapshot::Draft, Snapshot::Preview1] {
        poison(&mut world);
        world.put(0, &[0; 56]);
        world.call_of(snapshot).poll_oneoff(0, RESULT, 1, BULK).unwrap();
        zero(&world, &[(11, 16), (26, 32)], "event");
        assert_eq!(world.memory[at + 32], 0xaa);
    }
    poison(&mut world);
    let dir = world.open("dir", DIRECTORY, LOOK).unwrap();
    poison(&mut world);
    world.call().fd_readdir(dir, RESULT, 25, 0, BULK).unwrap();
    zero(&world, &[(21, 24)], "dirent");
    assert_eq!(world.memory[at + 25], 0xaa, "what lies behind a buffer stays");
}

#[test]
#[cfg_attr(miri, ignore = "going to a limit takes minutes")]
fn renumbering_closes_what_was_there_and_nothing_else() {
    let mut world = World::with(|builder| builder.stdin(&b"input"[..]));
    let file = world.open("file", 0, ALL).unwrap();
    // The standard input is a file from now on.
    assert_eq!(world.call().fd_renumber(file, 0), Ok(()));
    assert_eq!(world.read(0, 3).unwrap(), b"con");
    assert_eq!(world.read(file, 3), Err(Errno::Badf));
    // One preopened directory in the place of the other, which keeps its name.
    assert_eq!(world.call().fd_renumber(4, RW), Ok(()));
    assert_eq!(world.open("new", super::CREATE, ALL), Err(Errno::Rofs));
    world.call().fd_prestat_get(RW, RESULT).unwrap();
    assert_eq!(world.u32(RESULT + 4), 3, "it is called /ro");
    assert_eq!(world.call().fd_prestat_get(4, RESULT), Err(Errno::Badf));
    // Onto what is closed, from what is closed, beyond the table.
    for (from, to) in [(0, 4), (4, 0), (4, 4), (0, 999), (999, 0), (u32::MAX, u32::MAX)] {
        assert_eq!(world.call().fd_renumber(from, to), Err(Errno::Badf), "{from} to {to}");
    }
    assert_eq!(world.call().fd_renumber(0, 0), Ok(()));
    assert_eq!(world.read(0, 9).unwrap(), b"tents");
}

#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn renumbering_leaks_nothing_onto_any_kind() {
    let count = || fs::read_dir("/proc/self/fd").map(Iterator::count).unwrap_or(0);
    let before = count();
    for _ in 0..100 {
        let mut world = World::new();
        for to in [0, 1, 2, RW, 4] {
            let from = world.open("file", 0, READ).or_else(|_| world.open_at(4, "file", 0, READ));
            if let Ok(from) = from {
                assert_eq!(world.call().fd_renumber(from, to), Ok(()));
            }
        }
    }
    // Other tests of this process open and close files meanwhile.
    assert!(count() < before + 200, "{} descriptors after {before}", count());
}

/// Makes directories inside each other, each by the descriptor of the last, and returns how many
/// there could be.
fn dig(kind: Kind, count_max: usize) -> (usize, Option<Errno>) {
    let mut world = World::of(kind, &[]);
    let mut fd = RW;
    for count in 0..count_max {
        let (path, length) = world.path("a");
        if let Err(errno) = world.call().path_create_directory(fd, path, length) {
            return (count, Some(errno));
        }
        let inner = match world.open_at(fd, "a", DIRECTORY, LOOK) {
            Ok(inner) => inner,
            Err(errno) => return (count, Some(errno)),
        };
        if fd != RW {
            world.call().fd_close(fd).unwrap();
        }
        fd = inner;
    }
    (count_max, None)
}

#[test]
#[cfg_attr(miri, ignore = "going to a limit takes minutes")]
fn directories_may_be_deep_and_nothing_recurses_for_ever() {
    assert_eq!(dig(Kind::Memory, 20_000), (20_000, None));
    // The preopened directory is one deep already.
    assert_eq!(dig(Kind::Overlay, 20_000), (127, Some(Errno::Nametoolong)));
}

#[test]
#[cfg_attr(miri, ignore = "going to a limit takes minutes")]
fn a_walk_is_bounded() {
    let mut world = World::of(Kind::Memory, &[]);
    let (path, length) = world.path("a");
    world.call().path_create_directory(RW, path, length).unwrap();
    // Back and forth is no depth.
    let path = "a/../".repeat(800) + "file";
    assert_eq!(world.open(&path, 0, READ).map(|_| ()), Ok(()));
    let mut fd = RW;
    for _ in 0..300 {
        let (path, length) = world.path("d");
        world.call().path_create_directory(fd, path, length).unwrap();
        fd = world.open_at(fd, "d", DIRECTORY, LOOK).unwrap();
    }
    assert!(world.open(&("d/".repeat(257)), DIRECTORY, LOOK).is_ok());
    assert_eq!(world.open(&("d/".repeat(258)), DIRECTORY, LOOK), Err(Errno::Nametoolong));
    // Links that lead through links, each many times.
    let (path, length) = world.other("long");
    let (target, target_length) = world.path(&"./".repeat(2000));
    world.call().path_symlink(target, target_length, RW, path, length).unwrap();
    assert_eq!(world.open("long/long/long/file", 0, READ).map(|_| ()), Ok(()));
    let many = "long/".repeat(819);
    assert_eq!(world.open(&many, DIRECTORY, LOOK), Err(Errno::Loop));
    // What is still to come is bounded too.
    let (path, length) = world.other("longer");
    let (target, target_length) = world.path(&format!("long/{}", "./".repeat(2000)));
    world.call().path_symlink(target, target_length, RW, path, length).unwrap();
    let path = format!("longer/{}", "./".repeat(2000));
    assert_eq!(world.open(&path, DIRECTORY, LOOK), Err(Errno::Nametoolong));
}

#[test]
#[cfg_attr(miri, ignore = "going to a limit takes minutes")]
fn a_context_goes_to_another_thread() {
    fn is_send<T: Send>(_: &T) {}
    is_send(&World::new().context);
}
