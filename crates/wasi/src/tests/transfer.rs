//! Section fd: moving bytes.

use super::{ALL, BULK, CREATE, READ, RESULT, RO, RW, TRUNCATE, WRITE, World, everywhere};
use crate::{Errno, OutputBuffer};

#[test]
fn a_file_is_written_and_read() {
    everywhere(|world| {
        let fd = world.open("new", CREATE, ALL).unwrap();
        assert_eq!(world.write(fd, b"hello"), Ok(5));
        world.call().fd_seek(fd, 1, 0, RESULT).unwrap();
        assert_eq!(world.read(fd, 3).unwrap(), b"ell");
        assert_eq!(world.read(fd, 9).unwrap(), b"o");
        assert_eq!(world.read(fd, 9).unwrap(), b"");
        assert_eq!(world.contents("new"), b"hello");
    });
}

#[test]
fn several_buffers_are_one_transfer() {
    everywhere(|world| {
        let fd = world.open("file", 0, ALL).unwrap();
        let lists = [(BULK, 3_u32), (BULK + 100, 0), (BULK + 8, 2), (BULK + 16, 9)];
        for (index, (address, length)) in lists.into_iter().enumerate() {
            world.put(8192 + 8 * index as u32, &address.to_le_bytes());
            world.put(8196 + 8 * index as u32, &length.to_le_bytes());
        }
        world.call().fd_read(fd, 8192, 4, RESULT).unwrap();
        assert_eq!(world.u32(RESULT), 8);
        assert_eq!(&world.memory[BULK as usize..][..3], b"con");
        assert_eq!(&world.memory[BULK as usize + 8..][..2], b"te");
        assert_eq!(&world.memory[BULK as usize + 16..][..4], b"nts\xaa");
        world.call().fd_pwrite(fd, 8192, 3, 20, RESULT).unwrap();
        assert_eq!(world.u32(RESULT), 5);
        assert_eq!(world.contents("file")[20..], *b"conte");
    });
}

#[test]
fn reading_at_a_place_leaves_the_place() {
    everywhere(|world| {
        let fd = world.open("file", 0, ALL).unwrap();
        let (list, count) = world.buffer(4);
        world.call().fd_pread(fd, list, count, 3, RESULT).unwrap();
        assert_eq!(&world.memory[BULK as usize..][..4], b"tent");
        world.call().fd_tell(fd, RESULT).unwrap();
        assert_eq!(world.u64(RESULT), 0);
        assert_eq!(world.call().fd_pread(fd, list, count, u64::MAX, RESULT), Err(Errno::Inval));
        assert_eq!(
            world.call().fd_pwrite(fd, list, count, u64::MAX - 2, RESULT),
            Err(Errno::Inval)
        );
        assert_eq!(world.call().fd_pread(1, list, count, 0, RESULT), Err(Errno::Spipe));
    });
}

#[test]
fn reading_and_writing_need_their_rights() {
    everywhere(|world| {
        let reader = world.open("file", 0, ALL & !WRITE).unwrap();
        assert_eq!(world.write(reader, b"x"), Err(Errno::Badf));
        let writer = world.open("file", 0, ALL & !READ).unwrap();
        assert_eq!(world.read(writer, 1), Err(Errno::Badf));
        let (list, count) = world.buffer(1);
        assert_eq!(world.call().fd_pwrite(reader, list, count, 0, RESULT), Err(Errno::Badf));
        assert_eq!(world.call().fd_pread(writer, list, count, 0, RESULT), Err(Errno::Badf));
    });
}

#[test]
fn only_files_and_streams_transfer() {
    everywhere(|world| {
        assert_eq!(world.read(RW, 1), Err(Errno::Isdir));
        assert_eq!(world.write(RW, b"x"), Err(Errno::Isdir));
        assert_eq!(world.read(99, 1), Err(Errno::Badf));
        assert_eq!(world.write(99, b"x"), Err(Errno::Badf));
        assert_eq!(world.read(1, 1), Err(Errno::Badf));
        assert_eq!(world.write(0, b"x"), Err(Errno::Badf));
    });
}

#[test]
fn addresses_are_checked_before_anything_moves() {
    let mut world = World::new();
    let fd = world.open("file", 0, ALL).unwrap();
    for (address, count) in [(65_535, 1), (0, u32::MAX), (u32::MAX, 1), (0, 1025)] {
        let expected = if count > 1024 { Errno::Inval } else { Errno::Fault };
        assert_eq!(world.call().fd_read(fd, address, count, RESULT), Err(expected));
        assert_eq!(world.call().fd_write(1, address, count, RESULT), Err(expected));
    }
    // Many buffers that overlap: each is inside, their sum is no number the guest could be told.
    let mut world = World::new();
    world.memory = vec![0; 8 << 20];
    for index in 0..1024 {
        world.put(8 * index + 4, &(8_u32 << 20).to_le_bytes());
    }
    assert_eq!(world.call().fd_write(1, 0, 1024, RESULT), Err(Errno::Inval));
    assert_eq!(world.output.contents(), b"");
}

#[test]
fn standard_streams_are_what_they_were_given() {
    let error = OutputBuffer::new(8);
    let mut world = World::with(|builder| builder.stdin(&b"line one\n"[..]).stderr(error.clone()));
    assert_eq!(world.read(0, 4).unwrap(), b"line");
    assert_eq!(world.read(0, 40).unwrap(), b" one\n");
    assert_eq!(world.read(0, 40).unwrap(), b"");
    assert_eq!(world.write(1, b"out"), Ok(3));
    assert_eq!(world.write(2, b"error"), Ok(5));
    assert_eq!(world.output.contents(), b"out");
    assert_eq!(error.contents(), b"error");
}

#[test]
fn a_full_output_is_a_short_write_and_then_an_error() {
    everywhere(|world| {
        assert_eq!(world.write(1, &[b'x'; 100]), Ok(64));
        assert_eq!(world.write(1, b"x"), Err(Errno::Nospc));
    });
}

#[test]
fn appending_can_be_turned_on_and_off() {
    everywhere(|world| {
        let fd = world.open("file", 0, ALL).unwrap();
        world.call().fd_fdstat_set_flags(fd, 1).unwrap();
        world.write(fd, b"+").unwrap();
        assert_eq!(world.contents("file"), b"contents+");
        world.call().fd_fdstat_set_flags(fd, 0).unwrap();
        world.call().fd_seek(fd, 0, 0, RESULT).unwrap();
        world.write(fd, b"C").unwrap();
        assert_eq!(world.contents("file"), b"Contents+");
        // With truncation, which a host's options may refuse together.
        let (path, length) = world.path("file");
        world
            .call()
            .path_open(RW, 0, path, length, CREATE | TRUNCATE, WRITE, 0, 1, RESULT)
            .unwrap();
        let appending = world.u32(RESULT);
        world.write(fd, b"one").unwrap();
        world.write(appending, b"two").unwrap();
        assert_eq!(world.contents("file"), b"\0onetwo");
        assert_eq!(world.call().fd_fdstat_set_flags(fd, 32), Err(Errno::Inval));
    });
}

#[test]
fn writes_can_be_stored_one_by_one() {
    everywhere(|world| {
        let fd = world.open("file", 0, ALL).unwrap();
        for flags in [2, 8, 16, 2 | 8 | 16, 0] {
            world.call().fd_fdstat_set_flags(fd, flags).unwrap();
            world.call().fd_fdstat_get(fd, RESULT).unwrap();
            assert_eq!(u32::from(world.memory[RESULT as usize + 2]), flags);
            assert_eq!(world.write(fd, b"x"), Ok(1));
        }
    });
}

#[test]
fn a_read_only_directory_gives_read_only_files() {
    everywhere(|world| {
        assert_eq!(world.open_at(RO, "file", 0, READ | WRITE), Err(Errno::Rofs));
        assert_eq!(world.open_at(RO, "file", 0, ALL), Err(Errno::Rofs));
        let fd = world.open_at(RO, "file", 0, READ).unwrap();
        assert_eq!(world.read(fd, 99).unwrap(), b"contents");
        assert_eq!(world.write(fd, b"x"), Err(Errno::Badf));
    });
}
