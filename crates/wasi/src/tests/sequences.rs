//! Long sequences of operations, drawn from a seed: every file system answers each of them alike,
//! and holds the same in the end.

use std::fmt::Write as _;

use super::{
    ALL, BULK, CREATE, DIRECTORY, EXCLUSIVE, Kind, LOOK, READ, RESULT, RW, TRUNCATE, WRITE, World,
    name,
};
use crate::fs::Directory;
use crate::random::{Random, SeededRandom};
use crate::{Errno, Filetype};

/// Few names, so that they meet.
const PATHS: &[&str] = &[
    "a",
    "a",
    "b",
    "a/b",
    "a/c",
    "b/a",
    "a/b/c",
    "b/../a",
    "a/",
    "a/.",
    "..",
    "dir",
    "dir/nested",
    "dir/a",
    "dir/nested/b",
    "file",
    "link",
    "dir/link",
    "dir/../a/b",
];

/// What symbolic links hold.
const TARGETS: &[&str] =
    &["a", "b", "../a", "../b", "a/b", ".", "..", "../..", "c/", "dir", "file"];

struct Draw(SeededRandom);

impl Draw {
    fn below(&mut self, count: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes).unwrap();
        usize::try_from(u64::from_le_bytes(bytes) % count as u64).unwrap()
    }

    fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }
}

/// Carries out the next operation of a sequence. Returns what it was, and what came of it.
fn step(world: &mut World, draw: &mut Draw) -> (String, Result<String, Errno>) {
    let (first, second, follow) = (draw.of(PATHS), draw.of(PATHS), draw.below(2) as u32);
    let (at, length) = world.path(first);
    let (other, other_length) = world.other(second);
    let operation = draw.below(13);
    let what = format!("{operation} {first} {second} {follow}");
    let done = |outcome: Result<(), Errno>| outcome.map(|()| String::new());
    let outcome = match operation {
        0 | 12 => done(world.call().path_create_directory(RW, at, length)),
        1 => done(world.call().path_remove_directory(RW, at, length)),
        2 => done(world.call().path_unlink_file(RW, at, length)),
        // A directory of a lower file system is not moved, where there is one.
        3 if !world.kind.moves_directories() && is_directory(world, first) => Ok(String::new()),
        3 => {
            let (at, length) = world.path(first);
            let (other, other_length) = world.other(second);
            done(world.call().path_rename(RW, at, length, RW, other, other_length))
        }
        4 => done(world.call().path_link(RW, follow, at, length, RW, other, other_length)),
        5 => {
            let (target, target_length) = world.put(8000, draw.of(TARGETS).as_bytes());
            done(world.call().path_symlink(target, target_length, RW, at, length))
        }
        6..=8 => {
            let open = [CREATE, CREATE | EXCLUSIVE, TRUNCATE, 0][draw.below(4)];
            write(world, (at, length), follow, open, draw.below(200))
        }
        9 => read(world, (at, length), follow),
        10 => world.call().path_readlink(RW, at, length, BULK, 99, RESULT).map(|()| {
            let used = world.u32(RESULT) as usize;
            String::from_utf8_lossy(&world.memory[BULK as usize..][..used]).into_owned()
        }),
        _ => world.call().path_filestat_get(RW, follow, at, length, RESULT).map(|()| {
            let filetype = world.memory[RESULT as usize + 16];
            // Links and sizes of directories are each file system's own.
            match filetype {
                4 => format!("{} {}", world.u64(RESULT + 24), world.u64(RESULT + 32)),
                _ => filetype.to_string(),
            }
        }),
    };
    (what, outcome)
}

fn is_directory(world: &mut World, path: &str) -> bool {
    let (at, length) = world.path(path);
    let told = world.call().path_filestat_get(RW, 0, at, length, RESULT);
    told.is_ok() && world.memory[RESULT as usize + 16] == 3
}

fn write(
    world: &mut World,
    (at, length): (u32, u32),
    follow: u32,
    open: u32,
    count: usize,
) -> Result<String, Errno> {
    world.call().path_open(RW, follow, at, length, open, READ | WRITE, 0, 0, RESULT)?;
    let fd = world.u32(RESULT);
    let written = world.write(fd, &vec![b'a' + count as u8 % 26; count]);
    world.call().fd_close(fd)?;
    written.map(|written| written.to_string())
}

fn read(world: &mut World, (at, length): (u32, u32), follow: u32) -> Result<String, Errno> {
    world.call().path_open(RW, follow, at, length, 0, READ, 0, 0, RESULT)?;
    let fd = world.u32(RESULT);
    let bytes = world.read(fd, 300);
    world.call().fd_close(fd)?;
    Ok(format!("{bytes:?}"))
}

/// Everything that the guest's directory holds.
fn tree(world: &World) -> String {
    fn add(found: &mut Vec<String>, path: &str, directory: &dyn Directory) {
        for entry in directory.entries().unwrap().map(Result::unwrap) {
            let (at, path) = (name(&entry.name), format!("{path}/{}", entry.name));
            let stat = directory.filestat_at(at).unwrap();
            match stat.filetype {
                Filetype::Directory => {
                    found.push(format!("{path}/"));
                    add(found, &path, &*directory.open_directory(at).unwrap());
                }
                Filetype::SymbolicLink => {
                    found.push(format!("{path} -> {}", directory.read_link(at).unwrap()));
                }
                _ => found.push(format!("{path} {} {}", stat.size, stat.links)),
            }
        }
    }
    let mut found = Vec::new();
    let inside = world.universe.root().unwrap().open_directory(name("inside")).unwrap();
    add(&mut found, "", &*inside);
    found.sort();
    found.join("\n")
}

/// A sequence in a world of its own, as text.
fn run(kind: Kind, seed: u64, moves: bool) -> String {
    let mut world = World::of(kind, &[]);
    if !moves {
        // As where directories can't be moved.
        world.kind = Kind::Overlay;
    }
    let mut draw = Draw(SeededRandom::new(seed));
    let mut told = String::new();
    for _ in 0..150 {
        let (what, outcome) = step(&mut world, &mut draw);
        writeln!(told, "{what}: {outcome:?}").unwrap();
    }
    assert_eq!(world.open("..", DIRECTORY, LOOK), Err(Errno::Perm));
    assert!(world.open(".", 0, ALL & LOOK).is_ok());
    told + &tree(&world)
}

/// Compares two runs, and shows where they part.
fn compare(kind: Kind, seed: u64, found: &str, expected: &str) {
    let place = found.lines().zip(expected.lines()).position(|(found, expected)| found != expected);
    if let Some(place) = place {
        let upto = |text: &str| text.lines().take(place + 1).collect::<Vec<_>>().join("\n");
        panic!(
            "{kind:?}, seed {seed}:\n{}\nbut expected was\n{}",
            upto(found),
            expected.lines().nth(place).unwrap_or_default()
        );
    }
    assert_eq!(found.len(), expected.len(), "{kind:?}, seed {seed}");
}

#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn every_file_system_answers_alike() {
    for seed in 0..20 {
        let expected = run(Kind::Kernel, seed, true);
        for kind in [Kind::Walk, Kind::Memory] {
            compare(kind, seed, &run(kind, seed, true), &expected);
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn overlays_answer_as_one_file_system() {
    for seed in 100..120 {
        let expected = run(Kind::Memory, seed, false);
        for kind in [Kind::Overlay, Kind::OverMemory] {
            compare(kind, seed, &run(kind, seed, false), &expected);
        }
    }
}
