//! Attacks by path: every odd path with every operation, and nothing outside is seen or touched.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use super::{
    ALL, BULK, Base, CREATE, DIRECTORY, EXCLUSIVE, LOOK, READ, RESULT, RO, RW, TRUNCATE, WRITE,
    World, populate,
};
use crate::Errno;

/// Paths that lead out, or would like to.
const PATHS: &[&str] = &[
    "",
    ".",
    "..",
    "./",
    "../",
    "..//",
    "/",
    "//",
    "/etc/passwd",
    "../outside",
    "../outside/canary",
    "dir/../../outside/canary",
    "dir/nested/../../..",
    "file/.",
    "file/..",
    "file/",
    "file//",
    "dir/.",
    "dir/..",
    "dir/",
    "a\0b",
    "to-absolute",
    "to-absolute/",
    "to-absolute/canary",
    "to-absolute/.",
    "to-canary",
    "to-canary/",
    "to-canary/.",
    "to-up",
    "to-up/",
    "to-up/outside/canary",
    "to-up/outside/new",
    "to-up-dir",
    "to-up-dir/",
    "to-up-dir/new",
    "to-new-outside",
    "to-new-outside/",
    "loop",
    "loop/",
    "loop/x",
    "to-to-up/outside/canary",
    "to-file-slash",
    "to-dir-slash",
    "to-dir-slash/nested",
];

/// Does something by a directory's descriptor, a path and whether links are followed. Returns what
/// it opened, if anything.
type Operation = fn(&mut World, u32, &str, u32) -> Result<Option<u32>, Errno>;

/// The operations, and what to call them.
const OPERATIONS: &[(&str, Operation)] = &[
    ("open to read", |world, fd, path, follow| open(world, fd, path, follow, 0, READ)),
    ("open to write", |world, fd, path, follow| open(world, fd, path, follow, 0, WRITE)),
    ("create", |world, fd, path, follow| open(world, fd, path, follow, CREATE, ALL)),
    ("create new", |world, fd, path, follow| {
        open(world, fd, path, follow, CREATE | EXCLUSIVE, ALL)
    }),
    ("truncate", |world, fd, path, follow| open(world, fd, path, follow, TRUNCATE, 0)),
    ("open directory", |world, fd, path, follow| open(world, fd, path, follow, DIRECTORY, LOOK)),
    ("mkdir", |world, fd, path, _| {
        let (path, length) = world.path(path);
        world.call().path_create_directory(fd, path, length).map(|()| None)
    }),
    ("rmdir", |world, fd, path, _| {
        let (path, length) = world.path(path);
        world.call().path_remove_directory(fd, path, length).map(|()| None)
    }),
    ("unlink", |world, fd, path, _| {
        let (path, length) = world.path(path);
        world.call().path_unlink_file(fd, path, length).map(|()| None)
    }),
    ("rename from", |world, fd, path, _| {
        let ((path, length), (new, new_length)) = (world.path(path), world.other("taken"));
        world.call().path_rename(fd, path, length, RW, new, new_length).map(|()| None)
    }),
    ("rename a file to", |world, fd, path, _| {
        let ((path, length), (old, old_length)) = (world.path(path), world.other("file"));
        world.call().path_rename(RW, old, old_length, fd, path, length).map(|()| None)
    }),
    ("rename a directory to", |world, fd, path, _| {
        let ((path, length), (old, old_length)) = (world.path(path), world.other("dir"));
        world.call().path_rename(RW, old, old_length, fd, path, length).map(|()| None)
    }),
    ("link from", |world, fd, path, follow| {
        let ((path, length), (new, new_length)) = (world.path(path), world.other("taken"));
        world.call().path_link(fd, follow, path, length, RW, new, new_length)?;
        open(world, RW, "taken", 0, 0, READ)
    }),
    ("link to", |world, fd, path, _| {
        let ((path, length), (old, old_length)) = (world.path(path), world.other("file"));
        world.call().path_link(RW, 0, old, old_length, fd, path, length).map(|()| None)
    }),
    ("symlink at", |world, fd, path, _| {
        let ((path, length), (target, target_length)) = (world.path(path), world.other("file"));
        world.call().path_symlink(target, target_length, fd, path, length).map(|()| None)
    }),
    ("symlink to, and through it", |world, fd, path, _| {
        let ((path, length), (link, link_length)) = (world.path(path), world.other("made"));
        world.call().path_symlink(path, length, fd, link, link_length)?;
        open(world, fd, "made", 1, 0, READ)
    }),
    ("readlink", |world, fd, path, _| {
        let (path, length) = world.path(path);
        world.call().path_readlink(fd, path, length, BULK, 99, RESULT).map(|()| None)
    }),
    ("filestat", |world, fd, path, follow| {
        let (path, length) = world.path(path);
        world.call().path_filestat_get(fd, follow, path, length, RESULT)?;
        let outside = world.base.join("outside");
        assert_inside(&outside, world.u64(RESULT + 8), path_of(world));
        Ok(None)
    }),
    ("set times", |world, fd, path, follow| {
        let (path, length) = world.path(path);
        world.call().path_filestat_set_times(fd, follow, path, length, 1, 1, 0b0101)?;
        Ok(None)
    }),
];

fn path_of(world: &World) -> String {
    String::from_utf8_lossy(&world.memory[..64]).into_owned()
}

fn open(
    world: &mut World,
    fd: u32,
    path: &str,
    follow: u32,
    flags: u32,
    rights: u64,
) -> Result<Option<u32>, Errno> {
    let (path, length) = world.path(path);
    world.call().path_open(fd, follow, path, length, flags, rights, ALL, 0, RESULT)?;
    Ok(Some(world.u32(RESULT)))
}

/// The links that a hostile archive, or the embedder's carelessness, may have left.
fn plant(base: &Base, kind: &str) {
    let root = base.join(kind);
    let _ = fs::remove_dir_all(&root);
    populate(&root);
    let outside = base.join("outside");
    symlink(&outside, root.join("to-absolute")).unwrap();
    for (name, target) in [
        ("to-canary", "../outside/canary"),
        ("to-up", ".."),
        ("to-up-dir", "../outside/dir"),
        ("to-new-outside", "../outside/new"),
        ("loop", "loop"),
        ("to-to-up", "to-up"),
        ("to-file-slash", "file/"),
        ("to-dir-slash", "dir/"),
    ] {
        symlink(target, root.join(name)).unwrap();
    }
}

/// Everything that can be seen of what is outside, but for the time of the last look.
fn state(base: &Base) -> Vec<(String, u64, u64, i64, i64, Vec<u8>)> {
    let mut found = Vec::new();
    for name in [".", "canary", "dir", "dir/.."] {
        let path = base.join("outside").join(name);
        let metadata = fs::symlink_metadata(&path).unwrap();
        let contents = fs::read(&path).unwrap_or_default();
        let times = (metadata.mtime(), metadata.mtime_nsec());
        found.push((name.to_owned(), metadata.ino(), metadata.nlink(), times.0, times.1, contents));
    }
    let mut names: Vec<_> = fs::read_dir(base.join("outside"))
        .unwrap()
        .chain(fs::read_dir(base.join("outside/dir")).unwrap())
        .chain(fs::read_dir(base.join(".")).unwrap())
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    found.extend(names.into_iter().map(|name| (name, 0, 0, 0, 0, Vec::new())));
    found
}

/// `inode` is of nothing outside.
fn assert_inside(outside: &Path, inode: u64, what: String) {
    for name in [".", "..", "canary", "dir"] {
        let metadata = fs::metadata(outside.join(name)).unwrap();
        assert_ne!(inode, metadata.ino(), "{what} reached outside/{name}");
    }
}

#[test]
fn no_path_leads_out() {
    let mut world = World::new();
    let (mut tried, mut changed) = (0, true);
    for path in PATHS {
        for (name, operation) in OPERATIONS {
            for (fd, kind) in [(RW, "inside"), (RO, "locked")] {
                for follow in [0, 1] {
                    if changed {
                        plant(&world.base, "inside");
                        plant(&world.base, "locked");
                        // The old directories are gone: the descriptors must be of the new ones.
                        world = replace(world);
                    }
                    let before = state(&world.base);
                    let outcome = operation(&mut world, fd, path, follow);
                    let what = format!("{name} {path:?} in {kind}, follow {follow}: {outcome:?}");
                    assert_eq!(state(&world.base), before, "{what}");
                    if let Ok(Some(opened)) = outcome {
                        world.call().fd_fdstat_get(opened, RESULT).unwrap();
                        let inode = world
                            .context
                            .descriptors
                            .get(opened)
                            .unwrap()
                            .filestat()
                            .unwrap()
                            .inode;
                        assert_inside(&world.base.join("outside"), inode, what);
                    }
                    // An operation of two calls may fail in its second.
                    changed =
                        outcome.is_ok() || name.starts_with("symlink to") || *name == "link from";
                    tried += 1;
                }
            }
        }
    }
    assert_eq!(tried, PATHS.len() * OPERATIONS.len() * 4);
}

/// The same world with its directories opened anew.
fn replace(world: World) -> World {
    let context = crate::WasiCtxBuilder::new()
        .preopened_dir(world.base.join("inside"), "/")
        .unwrap()
        .preopened_dir_read_only(world.base.join("locked"), "/ro")
        .unwrap()
        .build();
    World { context, ..world }
}

/// A thread swaps a directory for a link that leads out, as fast as it can.
#[test]
fn no_race_leads_out() {
    let mut world = World::new();
    let inside = world.base.join("inside");
    fs::write(inside.join("dir/canary"), "decoy").unwrap();
    symlink("../outside", inside.join("trap")).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (dir, trap, spare) =
                (inside.join("dir"), inside.join("trap"), inside.join("spare"));
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                for (from, to) in [(&dir, &spare), (&trap, &dir), (&dir, &trap), (&spare, &dir)] {
                    fs::rename(from, to).unwrap();
                }
            }
        });
        let mut opened = 0;
        for _ in 0..20_000 {
            if let Ok(Some(fd)) = open(&mut world, RW, "dir/canary", 1, 0, READ) {
                assert_eq!(world.read(fd, 99).unwrap(), b"decoy");
                world.call().fd_close(fd).unwrap();
                opened += 1;
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(opened > 0, "the race was never won by the decoy");
    });
}
