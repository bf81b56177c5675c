//! Attacks by path: every odd path with every operation, and nothing outside is seen or touched.

use std::fs;
use std::os::unix::fs::symlink;

use super::{
    ALL, BULK, CREATE, DIRECTORY, EXCLUSIVE, Kind, LOOK, READ, RESULT, RO, RW, TRUNCATE, WRITE,
    World, name,
};
use crate::descriptor::Descriptor;
use crate::fs::{Directory, OpenFile};
use crate::sandbox::GuestDirectory;
use crate::{Errno, Filestat, Filetype};

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
    "to-nothing",
    "to-nothing/",
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
        assert_inside(&state(world), world.u64(RESULT + 8), "filestat");
        Ok(None)
    }),
    ("set times", |world, fd, path, follow| {
        let (path, length) = world.path(path);
        world.call().path_filestat_set_times(fd, follow, path, length, 1, 1, 0b0101)?;
        Ok(None)
    }),
];

/// The operations that change nothing.
const LOOKS: &[&str] = &["open to read", "open directory", "readlink", "filestat"];

/// Those that change something and may fail then.
const TWO_CALLS: &[&str] = &["symlink to, and through it", "link from"];

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
const LINKS: &[(&str, &str)] = &[
    ("to-absolute", "/tmp"),
    ("to-canary", "../outside/canary"),
    ("to-up", ".."),
    ("to-up-dir", "../outside/dir"),
    ("to-new-outside", "../outside/new"),
    ("loop", "loop"),
    ("to-to-up", "to-up"),
    ("to-file-slash", "file/"),
    ("to-dir-slash", "dir/"),
    ("to-nothing", "nothing"),
];

/// What can be seen of one thing outside: its path, what is known of it, what it holds.
type Seen = (String, Filestat, Vec<u8>);

/// Everything that can be seen of what is outside, but for the time of the last look.
fn state(world: &World) -> Vec<Seen> {
    fn add(seen: &mut Vec<Seen>, path: &str, directory: &dyn Directory, deep: bool) {
        let entries: Vec<_> = directory.entries().unwrap().map(Result::unwrap).collect();
        for entry in entries {
            let (at, path) = (name(&entry.name), format!("{path}/{}", entry.name));
            if !deep {
                seen.push((path, Filestat::default(), Vec::new()));
                continue;
            }
            let stat = Filestat { accessed: 0, ..directory.filestat_at(at).unwrap() };
            let mut contents = vec![0; stat.size as usize];
            if stat.filetype == Filetype::Directory {
                add(seen, &path, &*directory.open_directory(at).unwrap(), true);
            } else if stat.filetype == Filetype::RegularFile {
                let how = OpenFile { read: true, ..OpenFile::default() };
                let read = directory.open_file(at, how).unwrap().read_at(&mut contents, 0);
                assert_eq!(read, Ok(stat.size as usize));
            }
            seen.push((path, stat, contents));
        }
        seen.sort_by(|a, b| a.0.cmp(&b.0));
    }
    let root = world.universe.root().unwrap();
    let outside = root.open_directory(name("outside")).unwrap();
    let stat = Filestat { accessed: 0, ..outside.filestat().unwrap() };
    let mut seen = vec![("outside".to_owned(), stat, Vec::new())];
    add(&mut seen, "outside", &*outside, true);
    add(&mut seen, "", &*root, false);
    seen
}

/// `inode` is of nothing outside.
fn assert_inside(before: &[Seen], inode: u64, what: &str) {
    for (path, stat, _) in before {
        assert!(stat.inode != inode || inode == 0, "{what} reached {path}");
    }
}

/// What was tried, and what came of it.
type Attempt = (String, Result<(), Errno>);

/// The read-only directory once more, as one that may be written: what is done by it with names of
/// the first goes across two preopened directories.
const SECOND: u32 = 5;

fn planted(kind: Kind) -> World {
    let mut world = World::of(kind, LINKS);
    let locked = world.universe.root().unwrap().open_directory(name("locked")).unwrap();
    let second = Descriptor::preopen(GuestDirectory::new(locked, false, 3), "/second".to_owned());
    assert_eq!(world.context.descriptors.insert(second), Ok(SECOND));
    world
}

/// Tries everything in worlds of one kind. Returns what came of it, by attempt.
fn attack(kind: Kind) -> Vec<Attempt> {
    let mut outcomes = Vec::new();
    let mut world = planted(kind);
    let mut before = state(&world);
    for path in PATHS {
        for (called, operation) in OPERATIONS {
            for (fd, place) in [(RW, "inside"), (RO, "locked"), (SECOND, "second")] {
                for follow in [0, 1] {
                    let outcome = operation(&mut world, fd, path, follow);
                    let attempt = format!("{called} {path:?} {place} follow {follow}");
                    let what = format!("{kind:?}: {attempt}: {outcome:?}");
                    assert_eq!(state(&world), before, "{what}");
                    if let Ok(Some(opened)) = outcome {
                        let opened = world.context.descriptors.get(opened).unwrap();
                        assert_inside(&before, opened.filestat().unwrap().inode, &what);
                    }
                    // An operation of two calls may fail in its second.
                    let changed = outcome.is_ok() || TWO_CALLS.contains(called) && fd != RO;
                    outcomes.push((attempt, outcome.map(|_| ())));
                    if changed && !LOOKS.contains(called) {
                        world = planted(kind);
                        before = state(&world);
                    }
                }
            }
        }
    }
    assert_eq!(outcomes.len(), PATHS.len() * OPERATIONS.len() * 6);
    outcomes
}

/// What an overlay does otherwise: it moves no directory of the lower file system, and copies no
/// absolute link into the host's.
fn is_known(kind: Kind, expected: &Attempt, found: &Attempt) -> bool {
    let moves = (expected.1, found.1) == (Ok(()), Err(Errno::Xdev));
    let copies = kind == Kind::OverMemory
        && found.0.contains("\"to-absolute\"")
        && found.1 == Err(Errno::Perm);
    moves && !kind.moves_directories() || copies
}

#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn no_path_leads_out() {
    let mut outcomes = std::thread::scope(|scope| {
        let attacks = Kind::ALL.map(|kind| (kind, scope.spawn(move || attack(kind))));
        attacks.map(|(kind, attack)| (kind, attack.join().unwrap()))
    })
    .into_iter();
    let (_, expected) = outcomes.next().unwrap();
    // What works and how it fails is the same everywhere.
    for (kind, outcomes) in outcomes {
        let differing: Vec<_> = expected
            .iter()
            .zip(&outcomes)
            .filter(|(expected, found)| expected != found && !is_known(kind, expected, found))
            .map(|(expected, found)| format!("{}: {:?}, not {:?}", found.0, found.1, expected.1))
            .collect();
        assert!(differing.is_empty(), "{kind:?}: {}\n{}", differing.len(), differing.join("\n"));
    }
}

#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn no_race_leads_out() {
    race(World::new());
}

#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn no_race_leads_out_of_a_walk() {
    race(World::of(Kind::Walk, &[]));
}

/// A thread swaps a directory for a link that leads out, as fast as it can.
fn race(mut world: World) {
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
        let (mut opened, mut leaked) = (0, None);
        for _ in 0..20_000 {
            if let Ok(Some(fd)) = open(&mut world, RW, "dir/canary", 1, 0, READ) {
                opened += 1;
                let contents = world.read(fd, 99);
                world.call().fd_close(fd).unwrap();
                if contents.as_deref() != Ok(b"decoy") {
                    leaked = Some(contents);
                    break;
                }
            }
        }
        // First of all, lest a failure wait for a thread that does not end.
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(leaked, None);
        assert!(opened > 0, "the race was never won by the decoy");
    });
}
