//! Section path: what names do.

use super::{
    ALL, BULK, CREATE, DIRECTORY, EXCLUSIVE, LOOK, READ, RESULT, RO, RW, TRUNCATE, WRITE, World,
    everywhere,
};
use crate::Errno;

fn rename(world: &mut World, old: &str, new: &str) -> Result<(), Errno> {
    let ((old, old_length), (new, new_length)) = (world.path(old), world.other(new));
    world.call().path_rename(RW, old, old_length, RW, new, new_length)
}

fn link(world: &mut World, follow: u32, old: &str, new: &str) -> Result<(), Errno> {
    let ((old, old_length), (new, new_length)) = (world.path(old), world.other(new));
    world.call().path_link(RW, follow, old, old_length, RW, new, new_length)
}

fn symlink(world: &mut World, target: &str, path: &str) -> Result<(), Errno> {
    let ((target, target_length), (path, length)) = (world.path(target), world.other(path));
    world.call().path_symlink(target, target_length, RW, path, length)
}

fn readlink(world: &mut World, path: &str, room: u32) -> Result<Vec<u8>, Errno> {
    let (path, length) = world.path(path);
    world.call().path_readlink(RW, path, length, BULK, room, RESULT)?;
    let used = world.u32(RESULT) as usize;
    Ok(world.memory[BULK as usize..][..used].to_vec())
}

fn mkdir(world: &mut World, path: &str) -> Result<(), Errno> {
    let (path, length) = world.path(path);
    world.call().path_create_directory(RW, path, length)
}

fn rmdir(world: &mut World, path: &str) -> Result<(), Errno> {
    let (path, length) = world.path(path);
    world.call().path_remove_directory(RW, path, length)
}

fn unlink(world: &mut World, path: &str) -> Result<(), Errno> {
    let (path, length) = world.path(path);
    world.call().path_unlink_file(RW, path, length)
}

#[test]
fn opening_creates_truncates_and_refuses() {
    everywhere(|world| {
        assert_eq!(world.open("new", 0, ALL), Err(Errno::Noent));
        world.open("new", CREATE | EXCLUSIVE, ALL).unwrap();
        assert_eq!(world.open("new", CREATE | EXCLUSIVE, ALL), Err(Errno::Exist));
        world.open("file", TRUNCATE, 0).unwrap();
        assert_eq!(world.contents("file"), b"");
        assert_eq!(world.open("file", DIRECTORY, READ), Err(Errno::Notdir));
        assert_eq!(world.open("file/", 0, READ), Err(Errno::Notdir));
        assert_eq!(world.open("dir", 0, WRITE), Err(Errno::Isdir));
        assert_eq!(world.open("dir", DIRECTORY, READ | WRITE), Err(Errno::Isdir));
        assert_eq!(world.open("dir", CREATE | DIRECTORY, LOOK), Err(Errno::Inval));
        assert_eq!(world.open("new/", CREATE, ALL), Err(Errno::Isdir));
        assert_eq!(world.open("dir", CREATE | DIRECTORY, LOOK), Err(Errno::Inval));
        assert_eq!(world.open("file", 16, ALL), Err(Errno::Inval));
        assert_eq!(world.open_at(0, "file", 0, ALL), Err(Errno::Notdir));
        assert_eq!(world.open_at(99, "file", 0, ALL), Err(Errno::Badf));
    });
}

#[test]
fn directories_open_as_such_with_and_without_slash() {
    everywhere(|world| {
        for (path, open) in
            [("dir", DIRECTORY), ("dir", 0), ("dir//", 0), (".", 0), ("./", DIRECTORY)]
        {
            let fd = world.open(path, open, READ | 1 << 13 | 1 << 14).unwrap();
            world.call().fd_fdstat_get(fd, RESULT).unwrap();
            assert_eq!(world.memory[RESULT as usize], 3, "{path}");
        }
        let dir = world.open("dir", DIRECTORY, LOOK).unwrap();
        assert!(world.open_at(dir, "nested", 0, READ).is_ok());
        assert_eq!(world.open_at(dir, "../file", 0, READ), Err(Errno::Perm));
    });
}

#[test]
fn links_are_followed_when_asked() {
    everywhere(|world| {
        assert_eq!(world.open("link", 0, READ), Err(Errno::Loop));
        let (path, length) = world.path("link");
        world.call().path_open(RW, 1, path, length, 0, READ, 0, 0, RESULT).unwrap();
        let fd = world.u32(RESULT);
        assert_eq!(world.read(fd, 99).unwrap(), b"contents");
        assert_eq!(world.stat("link", 0).unwrap().1, 7);
        assert_eq!(world.stat("link", 1), Ok((8, 4)));
        let (path, length) = world.path("link");
        assert_eq!(
            world.call().path_open(RW, 2, path, length, 0, READ, 0, 0, RESULT),
            Err(Errno::Inval)
        );
    });
}

#[test]
fn a_path_is_a_path() {
    everywhere(|world| {
        assert_eq!(world.stat("", 0), Err(Errno::Noent));
        assert_eq!(world.stat("file\0", 0), Err(Errno::Inval));
        assert_eq!(world.stat("/file", 0), Err(Errno::Perm));
        assert_eq!(world.stat("/", 0), Err(Errno::Perm));
        assert_eq!(world.stat("..", 0), Err(Errno::Perm));
        assert_eq!(world.stat("file/", 0), Err(Errno::Notdir));
        assert_eq!(world.stat("link/", 0), Err(Errno::Notdir));
        assert_eq!(world.stat("dir/.//nested/../../dir/nested///", 0).unwrap().1, 3);
        assert_eq!(world.stat(&"x".repeat(300), 0), Err(Errno::Nametoolong));
        world.memory[0] = 0xff;
        assert_eq!(world.call().path_filestat_get(RW, 0, 0, 1, RESULT), Err(Errno::Ilseq));
        assert_eq!(world.call().path_filestat_get(RW, 0, 0, 5000, RESULT), Err(Errno::Nametoolong));
        assert_eq!(world.call().path_filestat_get(RW, 0, 65_530, 99, RESULT), Err(Errno::Fault));
        assert_eq!(world.call().path_filestat_get(0, 0, 1, 1, RESULT), Err(Errno::Notdir));
    });
}

#[test]
fn directories_come_and_go() {
    everywhere(|world| {
        assert_eq!(mkdir(world, "new"), Ok(()));
        assert_eq!(mkdir(world, "new"), Err(Errno::Exist));
        assert_eq!(mkdir(world, "slash/"), Ok(()));
        assert_eq!(mkdir(world, "no/such"), Err(Errno::Noent));
        assert_eq!(rmdir(world, "new/"), Ok(()));
        assert_eq!(rmdir(world, "new"), Err(Errno::Noent));
        assert_eq!(rmdir(world, "dir"), Err(Errno::Notempty));
        assert_eq!(rmdir(world, "file"), Err(Errno::Notdir));
        assert_eq!(rmdir(world, "link"), Err(Errno::Notdir));
    });
}

#[test]
fn files_are_unlinked_and_directories_are_not() {
    everywhere(|world| {
        assert_eq!(unlink(world, "dir"), Err(Errno::Isdir));
        assert_eq!(unlink(world, "dir/"), Err(Errno::Isdir));
        assert_eq!(unlink(world, "file/"), Err(Errno::Notdir));
        assert_eq!(unlink(world, "link/"), Err(Errno::Notdir));
        assert_eq!(unlink(world, "none/"), Err(Errno::Noent));
        assert_eq!(unlink(world, "link"), Ok(()));
        assert_eq!(world.stat("file", 0), Ok((8, 4)), "the link went, not its target");
        assert_eq!(unlink(world, "file"), Ok(()));
        assert_eq!(unlink(world, "file"), Err(Errno::Noent));
    });
}

#[test]
fn names_change() {
    everywhere(|world| {
        assert_eq!(rename(world, "file", "moved"), Ok(()));
        if world.kind.moves_directories() {
            assert_eq!(rename(world, "dir/", "other/"), Ok(()));
        } else {
            assert_eq!(rename(world, "dir/", "other/"), Err(Errno::Xdev));
            mkdir(world, "made").unwrap();
            mkdir(world, "made/nested").unwrap();
            assert_eq!(rename(world, "made/", "other/"), Ok(()));
        }
        assert_eq!(rename(world, "moved", "other/nested/file"), Ok(()));
        assert_eq!(rename(world, "none", "x"), Err(Errno::Noent));
        assert_eq!(rename(world, "other", "other/nested/x"), Err(Errno::Inval));
        assert_eq!(rename(world, "link", "other"), Err(Errno::Isdir));
        assert_eq!(rename(world, "other", "link"), Err(Errno::Notdir));
        assert_eq!(rename(world, "link/", "x"), Err(Errno::Notdir));
        assert_eq!(rename(world, "link", "x/"), Err(Errno::Notdir));
        mkdir(world, "empty").unwrap();
        assert_eq!(rename(world, "empty", "other"), Err(Errno::Notempty));
    });
}

#[test]
fn hard_links_share_a_file() {
    everywhere(|world| {
        assert_eq!(link(world, 0, "file", "second"), Ok(()));
        assert_eq!(world.stat("second", 0), Ok((8, 4)));
        assert_eq!(link(world, 1, "file", "third"), Ok(()));
        assert_eq!(link(world, 0, "link", "fourth"), Ok(()));
        assert_eq!(world.stat("fourth", 0).unwrap().1, 7, "the link itself");
        assert_eq!(link(world, 1, "link", "fifth"), Ok(()));
        assert_eq!(world.stat("fifth", 0), Ok((8, 4)), "what the link leads to");
        assert_eq!(link(world, 0, "file", "second"), Err(Errno::Exist));
        assert_eq!(link(world, 0, "file", "none/"), Err(Errno::Noent));
        assert_eq!(link(world, 0, "file", "dir/"), Err(Errno::Exist));
        assert_eq!(link(world, 0, "file/", "sixth"), Err(Errno::Notdir));
        assert_eq!(link(world, 0, "dir", "sixth"), Err(Errno::Perm));
    });
}

#[test]
fn symbolic_links_lead_within() {
    everywhere(|world| {
        assert_eq!(symlink(world, "dir/nested", "new"), Ok(()));
        assert_eq!(readlink(world, "new", 99).unwrap(), b"dir/nested");
        assert_eq!(readlink(world, "new", 3).unwrap(), b"dir");
        assert_eq!(symlink(world, "x", "new"), Err(Errno::Exist));
        assert_eq!(symlink(world, "x", "none/"), Err(Errno::Noent));
        assert_eq!(symlink(world, "x", "dir/"), Err(Errno::Exist));
        assert_eq!(symlink(world, "x", "file/"), Err(Errno::Notdir));
        assert_eq!(symlink(world, "/etc", "x"), Err(Errno::Perm));
        assert_eq!(symlink(world, "", "x"), Err(Errno::Noent));
        assert_eq!(symlink(world, "a\0b", "x"), Err(Errno::Inval));
        assert_eq!(readlink(world, "file", 9), Err(Errno::Inval));
        assert_eq!(readlink(world, "none", 9), Err(Errno::Noent));
        assert_eq!(readlink(world, "new/", 9), Err(Errno::Inval));
        assert_eq!(readlink(world, "link/", 9), Err(Errno::Notdir));
    });
}

#[test]
fn times_of_a_link_are_not_those_of_its_target() {
    everywhere(|world| {
        let (path, length) = world.path("link");
        world.call().path_filestat_set_times(RW, 0, path, length, 1_000, 2_000, 0b0101).unwrap();
        world.call().path_filestat_set_times(RW, 1, path, length, 0, 5_000, 0b0100).unwrap();
        // Following a link is a look at it, which may have set the time of access.
        world.stat("link", 0).unwrap();
        assert_eq!(world.u64(RESULT + 48), 2_000);
        world.stat("link", 1).unwrap();
        assert_eq!(world.u64(RESULT + 48), 5_000);
        let (path, length) = world.path("file/");
        assert_eq!(
            world.call().path_filestat_set_times(RW, 0, path, length, 0, 0, 0b1010),
            Err(Errno::Notdir)
        );
    });
}

/// Everything that changes something, tried with what exists and with what does not.
#[test]
fn nothing_changes_beneath_a_read_only_directory() {
    everywhere(|world| {
        let (file, file_length) = world.path("file");
        let (new, new_length) = world.other("new");
        for (open, rights) in
            [(CREATE, READ), (TRUNCATE, READ), (0, WRITE), (0, 1 << 8), (0, 1 << 22)]
        {
            let (path, length) = (file, file_length);
            let outcome = world.call().path_open(RO, 0, path, length, open, rights, 0, 0, RESULT);
            assert_eq!(outcome, Err(Errno::Rofs), "open {open} with {rights:#x}");
        }
        let mut call = world.call();
        let rofs = Err(Errno::Rofs);
        assert_eq!(call.path_open(RO, 0, new, new_length, CREATE, READ, 0, 0, RESULT), rofs);
        assert_eq!(call.path_create_directory(RO, new, new_length), rofs);
        assert_eq!(call.path_remove_directory(RO, file, file_length), rofs);
        assert_eq!(call.path_unlink_file(RO, file, file_length), rofs);
        assert_eq!(call.path_symlink(file, file_length, RO, new, new_length), rofs);
        assert_eq!(call.path_filestat_set_times(RO, 0, file, file_length, 0, 0, 0b1010), rofs);
        for (from, to) in [(RO, RO), (RO, RW), (RW, RO)] {
            assert_eq!(call.path_rename(from, file, file_length, to, new, new_length), rofs);
            assert_eq!(call.path_link(from, 0, file, file_length, to, new, new_length), rofs);
        }
        // A directory opened through it is no way around.
        let dir = world.open_at(RO, "dir", DIRECTORY, LOOK).unwrap();
        assert_eq!(world.open_at(dir, "x", CREATE, READ), Err(Errno::Rofs));
        let file = world.open_at(RO, "file", 0, READ).unwrap();
        assert_eq!(world.read(file, 99).unwrap(), b"contents");
    });
}
