//! An overlay: the lower file system stays as it is, whatever is done.

use std::sync::Arc;

use super::{ALL, CREATE, DIRECTORY, LOOK, READ, RESULT, RW, TRUNCATE, WRITE, World, name};
use crate::fs::{Directory, Fs, OpenFile};
use crate::{Errno, Filetype, MemoryFs, MemoryLimits, OverlayFs, WasiCtxBuilder};

/// What there is below.
fn lower() -> MemoryFs {
    let lower = MemoryFs::default();
    for (path, contents) in [("file", "below"), ("dir/a", "a"), ("dir/sub/b", "b"), ("top", "")] {
        lower.write(path, contents.as_bytes()).unwrap();
    }
    lower
}

pub(super) fn world(upper: &MemoryFs, lower: &MemoryFs) -> World {
    let mut world = World::new();
    world.context = WasiCtxBuilder::new()
        .preopened_fs(OverlayFs::new(upper.clone(), lower.clone()), "/")
        .unwrap()
        .build();
    world
}

/// Everything there is: names of directories end in a slash.
fn tree(fs: &dyn Fs) -> Vec<String> {
    fn add(found: &mut Vec<String>, path: &str, directory: &dyn Directory) {
        for entry in directory.entries().unwrap() {
            let entry = entry.unwrap();
            let path = format!("{path}{}", entry.name);
            let stat = directory.filestat_at(name(&entry.name)).unwrap();
            assert_eq!((stat.inode, stat.filetype), (entry.inode, entry.filetype), "{path}");
            if entry.filetype == Filetype::Directory {
                let inner = directory.open_directory(name(&entry.name)).unwrap();
                assert_eq!(inner.filestat().unwrap().inode, entry.inode, "{path}");
                found.push(format!("{path}/"));
                add(found, &format!("{path}/"), &*inner);
            } else {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    add(&mut found, "", &*fs.root().unwrap());
    found.sort();
    found
}

pub(super) fn seen(upper: &MemoryFs, lower: &MemoryFs) -> Vec<String> {
    tree(&OverlayFs::new(upper.clone(), lower.clone()))
}

pub(super) fn unlink(world: &mut World, path: &str) -> Result<(), Errno> {
    let (path, length) = world.path(path);
    world.call().path_unlink_file(RW, path, length)
}

pub(super) fn rmdir(world: &mut World, path: &str) -> Result<(), Errno> {
    let (path, length) = world.path(path);
    world.call().path_remove_directory(RW, path, length)
}

pub(super) fn mkdir(world: &mut World, path: &str) -> Result<(), Errno> {
    let (path, length) = world.path(path);
    world.call().path_create_directory(RW, path, length)
}

pub(super) fn rename(world: &mut World, old: &str, new: &str) -> Result<(), Errno> {
    let ((old, old_length), (new, new_length)) = (world.path(old), world.other(new));
    world.call().path_rename(RW, old, old_length, RW, new, new_length)
}

#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn changes_go_above() {
    let (upper, lower) = (MemoryFs::default(), lower());
    let before = (tree(&lower), lower.used());
    let mut world = world(&upper, &lower);
    assert_eq!(world.contents("file"), b"below");
    assert_eq!(upper.used().entries, 0, "reading copies nothing");
    let fd = world.open("file", 0, ALL).unwrap();
    assert_eq!(world.write(fd, b"AB"), Ok(2));
    world.open("dir/sub/new", CREATE, ALL).unwrap();
    unlink(&mut world, "dir/a").unwrap();
    world.open("top", TRUNCATE, WRITE).unwrap();
    assert_eq!(world.contents("file"), b"ABlow");
    assert_eq!(upper.read("file"), Ok(b"ABlow".to_vec()));
    assert_eq!(
        seen(&upper, &lower),
        ["dir/", "dir/sub/", "dir/sub/b", "dir/sub/new", "file", "top"]
    );
    assert_eq!((tree(&lower), lower.used()), before);
    assert_eq!(lower.read("file"), Ok(b"below".to_vec()));
}

#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn what_was_removed_stays_away() {
    let (upper, lower) = (MemoryFs::default(), lower());
    let mut world = world(&upper, &lower);
    unlink(&mut world, "file").unwrap();
    assert_eq!(world.open("file", 0, READ), Err(Errno::Noent));
    assert_eq!(unlink(&mut world, "file"), Err(Errno::Noent));
    assert_eq!(rmdir(&mut world, "dir/sub"), Err(Errno::Notempty));
    unlink(&mut world, "dir/sub/b").unwrap();
    rmdir(&mut world, "dir/sub").unwrap();
    assert_eq!(seen(&upper, &lower), ["dir/", "dir/a", "top"]);
    // Made anew, it is empty.
    mkdir(&mut world, "dir/sub").unwrap();
    assert_eq!(world.open("dir/sub/b", 0, READ), Err(Errno::Noent));
    world.open("dir/sub/c", CREATE, ALL).unwrap();
    let fd = world.open("file", CREATE, ALL).unwrap();
    assert_eq!(world.read(fd, 9).unwrap(), b"", "the new file has none of the old one's bytes");
    assert_eq!(seen(&upper, &lower), ["dir/", "dir/a", "dir/sub/", "dir/sub/c", "file", "top"]);
    // And gone again.
    unlink(&mut world, "dir/sub/c").unwrap();
    rmdir(&mut world, "dir/sub").unwrap();
    unlink(&mut world, "file").unwrap();
    assert_eq!(seen(&upper, &lower), ["dir/", "dir/a", "top"]);
}

#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn the_upper_can_be_laid_over_again() {
    let (upper, lower) = (MemoryFs::default(), lower());
    unlink(&mut world(&upper, &lower), "file").unwrap();
    let mut again = world(&upper, &lower);
    assert_eq!(again.open("file", 0, READ), Err(Errno::Noent));
    assert_eq!(upper.read(".wh.file"), Ok(Vec::new()));
}

#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn names_of_the_overlay_are_its_own() {
    let (upper, lower) = (MemoryFs::default(), lower());
    lower.write(".wh.top", b"").unwrap();
    let mut world = world(&upper, &lower);
    unlink(&mut world, "file").unwrap();
    for path in [".wh.file", ".wh.top", ".wh..wh..opq", ".wh."] {
        assert_eq!(world.open(path, 0, READ), Err(Errno::Noent), "{path}");
        assert_eq!(unlink(&mut world, path), Err(Errno::Noent), "{path}");
        assert_eq!(world.open(path, CREATE, ALL), Err(Errno::Inval), "{path}");
        assert_eq!(mkdir(&mut world, path), Err(Errno::Inval), "{path}");
        assert_eq!(rename(&mut world, "top", path), Err(Errno::Inval), "{path}");
        assert_eq!(rename(&mut world, path, "x"), Err(Errno::Noent), "{path}");
    }
    assert_eq!(seen(&upper, &lower), ["dir/", "dir/a", "dir/sub/", "dir/sub/b", "top"]);
}

#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn a_copy_that_fails_leaves_nothing() {
    let lower = lower();
    lower.write("big", &[7; 200_000]).unwrap();
    let upper = MemoryFs::new(MemoryLimits { bytes: 100_000, entries: 20 });
    let mut world = world(&upper, &lower);
    assert_eq!(world.open("big", 0, WRITE), Err(Errno::Nospc));
    assert_eq!(upper.used(), MemoryLimits { bytes: 0, entries: 0 });
    let fd = world.open("big", 0, READ).unwrap();
    let mut total = 0;
    loop {
        let bytes = world.read(fd, 40_000).unwrap();
        assert!(bytes.iter().all(|byte| *byte == 7));
        total += bytes.len();
        if bytes.is_empty() {
            break;
        }
    }
    assert_eq!(total, 200_000);
}

#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn a_reader_from_before_sees_what_was_before() {
    let (upper, lower) = (MemoryFs::default(), lower());
    let mut world = world(&upper, &lower);
    let reader = world.open("file", 0, READ | 1 << 23).unwrap();
    let writer = world.open("file", 0, WRITE).unwrap();
    world.write(writer, b"ABOVE").unwrap();
    assert_eq!(world.read(reader, 9).unwrap(), b"below");
    assert_eq!(world.call().fd_filestat_set_times(reader, 0, 0, 0b1010), Err(Errno::Rofs));
    assert_eq!(world.contents("file"), b"ABOVE");
}

#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn names_move_above() {
    let (upper, lower) = (MemoryFs::default(), lower());
    let mut world = world(&upper, &lower);
    rename(&mut world, "file", "dir/moved").unwrap();
    assert_eq!(world.contents("dir/moved"), b"below");
    rename(&mut world, "dir/moved", "top").unwrap();
    assert_eq!(world.contents("top"), b"below");
    assert_eq!(rename(&mut world, "dir", "x"), Err(Errno::Xdev));
    assert_eq!(rename(&mut world, "dir", "dir/sub/x"), Err(Errno::Inval));
    // A new directory in the place of an old one, which was emptied: nothing old shows through.
    unlink(&mut world, "dir/sub/b").unwrap();
    mkdir(&mut world, "made").unwrap();
    world.open("made/inner", CREATE, ALL).unwrap();
    rename(&mut world, "made", "dir/sub").unwrap();
    assert_eq!(seen(&upper, &lower), ["dir/", "dir/a", "dir/sub/", "dir/sub/inner", "top"]);
    assert_eq!(rename(&mut world, "dir/sub", "again"), Ok(()), "it is the upper's alone");
    assert_eq!(seen(&upper, &lower), ["again/", "again/inner", "dir/", "dir/a", "top"]);
}

#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn times_and_links_are_copied() {
    let (upper, lower) = (MemoryFs::default(), lower());
    let mut world = world(&upper, &lower);
    let modified = |world: &mut World, path: &str| {
        world.stat(path, 0).unwrap();
        world.u64(RESULT + 48)
    };
    let (before, directory) = (modified(&mut world, "file"), modified(&mut world, "dir"));
    let ((old, old_length), (new, new_length)) = (world.path("file"), world.other("dir/linked"));
    world.call().path_link(RW, 0, old, old_length, RW, new, new_length).unwrap();
    assert_eq!(modified(&mut world, "file"), before);
    assert_ne!(modified(&mut world, "dir"), directory, "it has a new entry");
    let (path, length) = world.path("dir/a");
    world.call().path_filestat_set_times(RW, 0, path, length, 0, 9_000, 0b0100).unwrap();
    assert_eq!(modified(&mut world, "dir/a"), 9_000);
    assert_eq!(world.contents("dir/a"), b"a");
    let sub = world.open("dir/sub", DIRECTORY, LOOK).unwrap();
    world.call().fd_filestat_set_times(sub, 0, 8_000, 0b0100).unwrap();
    assert_eq!(modified(&mut world, "dir/sub"), 8_000);
}

/// A lower file system that fails the test when it is asked to change.
struct Untouchable(Arc<dyn Directory>);

impl Fs for Untouchable {
    fn root(&self) -> Result<Arc<dyn Directory>, Errno> {
        Ok(Arc::new(Untouchable(self.0.clone())))
    }
}

impl Directory for Untouchable {
    fn filestat(&self) -> Result<crate::Filestat, Errno> {
        self.0.filestat()
    }

    fn filestat_at(&self, name: crate::Name<'_>) -> Result<crate::Filestat, Errno> {
        self.0.filestat_at(name)
    }

    fn entries(&self) -> Result<crate::Entries, Errno> {
        self.0.entries()
    }

    fn open_directory(&self, name: crate::Name<'_>) -> Result<Arc<dyn Directory>, Errno> {
        Ok(Arc::new(Untouchable(self.0.open_directory(name)?)))
    }

    fn open_file(
        &self,
        name: crate::Name<'_>,
        how: OpenFile,
    ) -> Result<Box<dyn crate::File>, Errno> {
        assert!(!how.changes(), "{name} was opened to change");
        self.0.open_file(name, how)
    }

    fn create_directory(&self, name: crate::Name<'_>) -> Result<(), Errno> {
        panic!("{name} was made");
    }

    fn remove_file(&self, name: crate::Name<'_>) -> Result<(), Errno> {
        panic!("{name} was removed");
    }
}

#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn the_lower_is_only_read() {
    let upper = MemoryFs::default();
    let overlay = OverlayFs::new(upper.clone(), Untouchable(lower().root().unwrap()));
    let mut world = World::new();
    world.context = WasiCtxBuilder::new().preopened_fs(overlay, "/").unwrap().build();
    for (path, open) in [("file", 0), ("file", TRUNCATE), ("file", CREATE), ("new", CREATE)] {
        world.open(path, open, ALL).unwrap();
    }
    for path in ["file", "dir/a", "dir/sub/b"] {
        unlink(&mut world, path).unwrap();
    }
    mkdir(&mut world, "dir/file").unwrap();
    rename(&mut world, "top", "dir/top").unwrap();
    assert_eq!(upper.read("dir/top"), Ok(Vec::new()));
}

/// A file system of the host's on which a device is replaced by a file just when it is opened.
struct Swapped;

impl Fs for Swapped {
    fn root(&self) -> Result<Arc<dyn Directory>, Errno> {
        Ok(Arc::new(Swapped))
    }
}

impl Directory for Swapped {
    fn filestat(&self) -> Result<crate::Filestat, Errno> {
        Ok(crate::Filestat { filetype: Filetype::Directory, ..crate::Filestat::default() })
    }

    fn filestat_at(&self, _: crate::Name<'_>) -> Result<crate::Filestat, Errno> {
        Ok(crate::Filestat { filetype: Filetype::CharacterDevice, ..crate::Filestat::default() })
    }

    fn entries(&self) -> Result<crate::Entries, Errno> {
        Ok(Box::new(std::iter::empty()))
    }

    fn open_directory(&self, _: crate::Name<'_>) -> Result<Arc<dyn Directory>, Errno> {
        Err(Errno::Notdir)
    }

    fn open_file(
        &self,
        name: crate::Name<'_>,
        how: OpenFile,
    ) -> Result<Box<dyn crate::File>, Errno> {
        assert!(!how.create && !how.truncate, "{name} was opened to change");
        let file = MemoryFs::default();
        file.write(name.as_str(), b"below").unwrap();
        file.root()?.open_file(name, how)
    }
}

#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn what_is_a_device_no_more_is_not_changed() {
    let mut world = World::new();
    let overlay = OverlayFs::new(MemoryFs::default(), Swapped);
    world.context = WasiCtxBuilder::new().preopened_fs(overlay, "/").unwrap().build();
    let fd = world.open("null", CREATE | TRUNCATE, ALL).unwrap();
    assert_eq!(world.write(fd, b"x"), Err(Errno::Badf));
    assert_eq!(world.call().fd_filestat_set_size(fd, 0), Err(Errno::Badf));
    assert_eq!(world.call().fd_allocate(fd, 0, 99), Err(Errno::Badf));
    assert_eq!(world.read(fd, 99).unwrap(), b"below");
}

#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn open_directories_are_bounded_with_those_they_are_in() {
    let lower = MemoryFs::default();
    let deep = "d/".repeat(100);
    lower.write(&format!("{deep}file"), b"").unwrap();
    let mut world = world(&MemoryFs::default(), &lower);
    let mut opened = Vec::new();
    let errno = loop {
        match world.open(&deep, DIRECTORY, LOOK) {
            Ok(fd) => opened.push(fd),
            Err(errno) => break errno,
        }
    };
    assert_eq!((errno, opened.len()), (Errno::Nfile, 40));
    world.call().fd_close(opened[7]).unwrap();
    assert_eq!(world.open(&deep, DIRECTORY, LOOK), Ok(opened[7]));
}
