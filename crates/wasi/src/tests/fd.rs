//! Section fd: what descriptors are and become.

use std::fs;

use super::{
    ALL, BULK, CREATE, DIRECTORY, LOOK, READ, RESULT, RO, RW, TRUNCATE, WRITE, World, everywhere,
};
use crate::{Errno, WasiLimits};

const SEEK: u64 = 1 << 2;
const TELL: u64 = 1 << 5;

fn place(world: &mut World, fd: u32, offset: i64, whence: u32) -> Result<u64, Errno> {
    world.call().fd_seek(fd, offset, whence, RESULT)?;
    Ok(world.u64(RESULT))
}

#[test]
fn seeking_goes_from_start_place_and_end() {
    everywhere(|world| {
        let fd = world.open("file", 0, ALL).unwrap();
        assert_eq!(place(world, fd, 3, 0), Ok(3));
        assert_eq!(place(world, fd, 2, 1), Ok(5));
        assert_eq!(place(world, fd, -1, 2), Ok(7));
        assert_eq!(place(world, fd, 100, 1), Ok(107));
        assert_eq!(place(world, fd, -1, 0), Err(Errno::Inval));
        assert_eq!(place(world, fd, i64::MIN, 1), Err(Errno::Inval));
        assert_eq!(place(world, fd, 0, 3), Err(Errno::Inval));
        assert_eq!(place(world, RW, 0, 1), Err(Errno::Isdir));
        assert_eq!(place(world, 0, 0, 1), Err(Errno::Spipe));
    });
}

#[test]
fn telling_needs_less_than_seeking() {
    everywhere(|world| {
        let fd = world.open("file", 0, READ | TELL).unwrap();
        assert_eq!(place(world, fd, 0, 1), Ok(0));
        assert_eq!(place(world, fd, 1, 1), Err(Errno::Notcapable));
        let fd = world.open("file", 0, READ | SEEK).unwrap();
        assert_eq!(world.call().fd_tell(fd, RESULT), Err(Errno::Notcapable));
        assert_eq!(world.call().fd_tell(RW, RESULT), Err(Errno::Isdir));
    });
}

#[test]
fn sizes_change_within_reason() {
    everywhere(|world| {
        let fd = world.open("file", 0, ALL).unwrap();
        world.call().fd_filestat_set_size(fd, 3).unwrap();
        assert_eq!(world.contents("file"), b"con");
        assert_eq!(world.call().fd_filestat_set_size(fd, u64::MAX), Err(Errno::Fbig));
        world.call().fd_allocate(fd, 2, 8).unwrap();
        assert_eq!(world.stat("file", 0).unwrap().0, 10);
        assert_eq!(world.call().fd_allocate(fd, 0, 0), Err(Errno::Inval));
        assert_eq!(world.call().fd_allocate(RW, 0, 1), Err(Errno::Isdir));
        let reader = world.open("file", 0, READ).unwrap();
        assert_eq!(world.call().fd_filestat_set_size(reader, 0), Err(Errno::Notcapable));
        assert_eq!(world.call().fd_allocate(reader, 0, 1), Err(Errno::Notcapable));
    });
}

#[test]
fn advice_is_taken_and_checked() {
    everywhere(|world| {
        let fd = world.open("file", 0, ALL).unwrap();
        for advice in 0..6 {
            assert_eq!(world.call().fd_advise(fd, 0, 0, advice), Ok(()));
        }
        assert_eq!(world.call().fd_advise(fd, 0, 0, 6), Err(Errno::Inval));
        assert_eq!(world.call().fd_advise(fd, u64::MAX, 0, 0), Err(Errno::Inval));
        assert_eq!(world.call().fd_advise(fd, 0, u64::MAX, 0), Err(Errno::Inval));
        assert_eq!(world.call().fd_advise(99, 0, 0, 0), Err(Errno::Badf));
    });
}

#[test]
fn files_directories_and_outputs_are_synchronised() {
    everywhere(|world| {
        let fd = world.open("file", 0, ALL).unwrap();
        for fd in [fd, RW, 1] {
            assert_eq!(world.call().fd_sync(fd), Ok(()), "{fd}");
            assert_eq!(world.call().fd_datasync(fd), Ok(()), "{fd}");
        }
        assert_eq!(world.call().fd_sync(0), Err(Errno::Notcapable));
        assert_eq!(world.call().fd_datasync(99), Err(Errno::Badf));
    });
}

#[test]
fn a_descriptor_tells_type_flags_and_rights() {
    everywhere(|world| {
        let fd = world.open("file", 0, READ | SEEK).unwrap();
        world.call().fd_fdstat_get(fd, RESULT).unwrap();
        assert_eq!(world.memory[RESULT as usize..][..8], [4, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!((world.u64(RESULT + 8), world.u64(RESULT + 16)), (READ | SEEK, 0));
        world.call().fd_fdstat_get(RW, RESULT).unwrap();
        assert_eq!(world.memory[RESULT as usize], 3);
        world.call().fd_fdstat_get(0, RESULT).unwrap();
        assert_eq!(world.memory[RESULT as usize], 0);
        assert_eq!(world.call().fd_fdstat_get(99, RESULT), Err(Errno::Badf));
        assert_eq!(world.call().fd_fdstat_get(fd, 65_530), Err(Errno::Fault));
    });
}

#[test]
fn rights_only_shrink() {
    everywhere(|world| {
        let fd = world.open("file", 0, READ | SEEK).unwrap();
        assert_eq!(world.call().fd_fdstat_set_rights(fd, READ | TELL, 0), Err(Errno::Notcapable));
        assert_eq!(world.call().fd_fdstat_set_rights(fd, READ, READ), Err(Errno::Notcapable));
        world.call().fd_fdstat_set_rights(fd, SEEK, 0).unwrap();
        assert_eq!(world.read(fd, 1), Err(Errno::Badf));
        // What a directory does not hand down can't be had through it.
        world.call().fd_fdstat_set_rights(RW, 1 << 13, SEEK).unwrap();
        assert_eq!(world.open("file", 0, READ), Err(Errno::Notcapable));
        let fd = world.open("file", 0, SEEK | TELL).unwrap();
        world.call().fd_fdstat_get(fd, RESULT).unwrap();
        assert_eq!(world.u64(RESULT + 8), SEEK);
        assert_eq!(world.open("new", CREATE, SEEK), Err(Errno::Notcapable));
    });
}

#[test]
fn truncating_needs_a_right_to_change_sizes() {
    const SET_SIZE: u64 = 1 << 19;
    const FILE_SET_SIZE: u64 = 1 << 22;
    everywhere(|world| {
        for (missing, handed_down, expected) in [
            (0, ALL, Ok(())),
            // What is handed down would do it in two calls.
            (SET_SIZE, ALL, Ok(())),
            (0, ALL & !FILE_SET_SIZE, Ok(())),
            (SET_SIZE, ALL & !FILE_SET_SIZE, Err(Errno::Notcapable)),
        ] {
            let (path, length) = world.path(".");
            let (base, flags) = (LOOK & !missing, DIRECTORY);
            let mut call = world.call();
            call.path_open(RW, 0, path, length, flags, base, handed_down, 0, RESULT).unwrap();
            let dir = world.u32(RESULT);
            let outcome = world.open_at(dir, "file", TRUNCATE, WRITE).map(|_| ());
            assert_eq!(outcome, expected, "{missing:#x} {handed_down:#x}");
        }
    });
}

#[test]
fn a_file_tells_of_itself() {
    everywhere(|world| {
        let fd = world.open("file", 0, ALL).unwrap();
        world.call().fd_filestat_get(fd, RESULT).unwrap();
        assert_eq!(world.memory[RESULT as usize + 16..][..8], [4, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!((world.u64(RESULT + 24), world.u64(RESULT + 32)), (1, 8));
        world.call().fd_filestat_get(1, RESULT).unwrap();
        assert_eq!(world.u64(RESULT + 32), 0);
        let reader = world.open("file", 0, READ).unwrap();
        assert_eq!(world.call().fd_filestat_get(reader, RESULT), Err(Errno::Notcapable));
    });
}

#[test]
fn times_are_set_or_kept() {
    everywhere(|world| {
        let fd = world.open("file", 0, ALL).unwrap();
        world.call().fd_filestat_set_times(fd, 1_000, 2_000, 0b0101).unwrap();
        world.call().fd_filestat_set_times(fd, 9, 3_000, 0b0100).unwrap();
        world.call().fd_filestat_get(fd, RESULT).unwrap();
        assert_eq!((world.u64(RESULT + 40), world.u64(RESULT + 48)), (1_000, 3_000));
        assert_eq!(world.call().fd_filestat_set_times(RW, 0, 0, 0b1010), Ok(()));
        assert_eq!(world.call().fd_filestat_set_times(fd, 0, 0, 0b0011), Err(Errno::Inval));
        assert_eq!(world.call().fd_filestat_set_times(1, 0, 0, 0), Err(Errno::Notcapable));
        assert_eq!(world.call().fd_filestat_set_times(RO, 0, 0, 0b1010), Err(Errno::Rofs));
        let locked = world.open_at(RO, "file", 0, READ | 1 << 23).unwrap();
        assert_eq!(world.call().fd_filestat_set_times(locked, 0, 0, 0b1010), Err(Errno::Rofs));
    });
}

#[test]
fn preopened_directories_have_names() {
    everywhere(|world| {
        world.call().fd_prestat_get(RO, RESULT).unwrap();
        assert_eq!(world.u64(RESULT), 3 << 32);
        world.call().fd_prestat_dir_name(RO, BULK, 3).unwrap();
        assert_eq!(&world.memory[BULK as usize..][..4], b"/ro\xaa");
        assert_eq!(world.call().fd_prestat_dir_name(RO, BULK, 2), Err(Errno::Nametoolong));
        let opened = world.open("dir", DIRECTORY, LOOK).unwrap();
        for fd in [0, 5, 99, opened] {
            assert_eq!(world.call().fd_prestat_get(fd, RESULT), Err(Errno::Badf));
            assert_eq!(world.call().fd_prestat_dir_name(fd, BULK, 9), Err(Errno::Badf));
        }
    });
}

#[test]
fn closing_is_once() {
    everywhere(|world| {
        let fd = world.open("file", 0, ALL).unwrap();
        assert_eq!(world.call().fd_close(fd), Ok(()));
        assert_eq!(world.call().fd_close(fd), Err(Errno::Badf));
        assert_eq!(world.call().fd_close(u32::MAX), Err(Errno::Badf));
        assert_eq!(world.open("file", 0, ALL), Ok(fd), "the lowest free number");
        // A program that closed its output goes on writing there.
        world.call().fd_close(1).unwrap();
        assert_eq!(world.open("file", 0, ALL), Ok(fd + 1));
        assert_eq!(world.write(1, b"lost"), Err(Errno::Badf));
    });
}

#[test]
fn renumbering_moves_and_closes() {
    everywhere(|world| {
        let (first, second) =
            (world.open("file", 0, ALL).unwrap(), world.open("dir", 0, READ).unwrap());
        assert_eq!(world.call().fd_renumber(first, first), Ok(()));
        assert_eq!(world.read(first, 3).unwrap(), b"con");
        assert_eq!(world.call().fd_renumber(first, second), Ok(()));
        assert_eq!(world.read(second, 3).unwrap(), b"ten");
        assert_eq!(world.call().fd_renumber(first, second), Err(Errno::Badf));
        assert_eq!(world.call().fd_renumber(second, first), Err(Errno::Badf));
        assert_eq!(world.call().fd_renumber(u32::MAX, u32::MAX), Err(Errno::Badf));
        // Onto a preopened directory, which is one no longer.
        assert_eq!(world.call().fd_renumber(second, RW), Ok(()));
        assert_eq!(world.call().fd_prestat_get(RW, RESULT), Err(Errno::Badf));
        assert_eq!(world.read(RW, 3).unwrap(), b"ts");
    });
}

#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn the_host_keeps_no_descriptor_of_what_was_closed() {
    let count = || fs::read_dir("/proc/self/fd").map(Iterator::count).unwrap_or(0);
    let mut world = World::new();
    let before = count();
    for _ in 0..200 {
        let first = world.open("file", 0, ALL).unwrap();
        let second = world.open("file", 0, ALL).unwrap();
        world.call().fd_renumber(first, second).unwrap();
        world.call().fd_close(second).unwrap();
    }
    // Other tests of this process open and close files meanwhile, a few at a time.
    assert!(count() < before + 100, "{} descriptors after {before}", count());
}

#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn descriptors_are_bounded() {
    let limits = WasiLimits { descriptors: 6, ..Default::default() };
    let mut world = World::with(|builder| builder.limits(limits));
    world.open("file", 0, ALL).unwrap();
    assert_eq!(world.open("new", CREATE, ALL), Err(Errno::Mfile));
    assert!(!world.base.join("inside/new").exists(), "nothing is done in vain");
}

/// The names from `cookie` on, read with a buffer of `room` bytes, and the cookie of the last.
fn names(world: &mut World, fd: u32, cookie: u64, room: u32) -> (Vec<String>, u64) {
    world.call().fd_readdir(fd, BULK, room, cookie, RESULT).unwrap();
    let used = world.u32(RESULT) as usize;
    let mut bytes = &world.memory[BULK as usize..][..used];
    let (mut names, mut last) = (Vec::new(), cookie);
    while bytes.len() >= 24 {
        let length = u32::from_le_bytes(bytes[16..20].try_into().unwrap()) as usize;
        let Some(name) = bytes.get(24..24 + length) else { break };
        assert_eq!(bytes[21..24], [0; 3], "padding");
        names.push(String::from_utf8(name.to_vec()).unwrap());
        last = u64::from_le_bytes(bytes[..8].try_into().unwrap());
        bytes = &bytes[24 + length..];
    }
    (names, last)
}

#[test]
fn a_directory_is_read_in_pieces() {
    everywhere(|world| {
        let (mut all, _) = names(world, RW, 0, 4096);
        assert_eq!(all[..2], [".", ".."]);
        all.sort();
        assert_eq!(all, [".", "..", "dir", "file", "link"]);

        let (mut pieces, mut cookie) = (Vec::new(), 0);
        loop {
            let (piece, last) = names(world, RW, cookie, 60);
            if piece.is_empty() {
                break;
            }
            pieces.extend(piece);
            cookie = last;
        }
        pieces.sort();
        assert_eq!(pieces, all);
        // Back, and beyond the end.
        assert_eq!(names(world, RW, 1, 4096).0[0], "..");
        assert_eq!(names(world, RW, 999, 4096).0, [""; 0]);
    });
}

#[test]
fn a_directory_read_anew_shows_what_is_new() {
    everywhere(|world| {
        assert_eq!(names(world, RW, 0, 4096).0.len(), 5);
        world.open("new", CREATE, ALL).unwrap();
        assert_eq!(names(world, RW, 0, 4096).0.len(), 6);
    });
}

#[test]
fn reading_a_directory_is_checked() {
    everywhere(|world| {
        let file = world.open("file", 0, ALL).unwrap();
        assert_eq!(world.call().fd_readdir(file, BULK, 99, 0, RESULT), Err(Errno::Badf));
        assert_eq!(world.call().fd_readdir(RW, BULK, u32::MAX, 0, RESULT), Err(Errno::Fault));
        let blind = world.open("dir", DIRECTORY, READ).unwrap();
        assert_eq!(world.call().fd_readdir(blind, BULK, 99, 0, RESULT), Err(Errno::Notcapable));
    });
}
