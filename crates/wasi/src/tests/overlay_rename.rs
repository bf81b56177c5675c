//! Directories of an overlay are moved: each kind of source to each kind of place. What has a part
//! below does not move, and leaves no trace of the attempt; of what moves nothing old shows
//! through, neither where it was nor where it is, nor when the upper is laid over the lower again.

use super::overlay::{mkdir, rename, rmdir, seen, unlink, world};
use super::{ALL, CREATE, World};
use crate::fs::Fs;
use crate::{Errno, MemoryFs};

/// How the directory that is moved came to be. It has a file `x`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Source {
    Below,
    /// And a file of its own above.
    Both,
    Above,
    /// Removed from below, and made anew.
    Anew,
    /// Moved already, to where there was one below.
    Moved,
}

/// What is where it goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Nothing,
    /// There was one below, which was removed.
    Removed,
    EmptyBelow,
    /// With an entry below, which was removed.
    Emptied,
    EmptyAbove,
    /// Removed from below, and made anew.
    EmptyAnew,
    FullBelow,
    FullAbove,
    File,
}

const SOURCES: [Source; 5] =
    [Source::Below, Source::Both, Source::Above, Source::Anew, Source::Moved];

/// Places, and what is wrong with them.
const PLACES: [(Place, Option<Errno>); 9] = [
    (Place::Nothing, None),
    (Place::Removed, None),
    (Place::EmptyBelow, None),
    (Place::Emptied, None),
    (Place::EmptyAbove, None),
    (Place::EmptyAnew, None),
    (Place::FullBelow, Some(Errno::Notempty)),
    (Place::FullAbove, Some(Errno::Notempty)),
    (Place::File, Some(Errno::Notdir)),
];

fn create(world: &mut World, path: &str) {
    let fd = world.open(path, CREATE, ALL).unwrap();
    world.call().fd_close(fd).unwrap();
}

/// What lies below before anything is done.
fn lower(source: Source, place: Place) -> MemoryFs {
    let lower = MemoryFs::default();
    match source {
        Source::Below | Source::Both => lower.write("from/x", b"").unwrap(),
        Source::Anew | Source::Moved => lower.write("from/old", b"").unwrap(),
        Source::Above => {}
    }
    match place {
        Place::Removed | Place::Emptied | Place::EmptyAnew | Place::FullBelow => {
            lower.write("to/old", b"").unwrap();
        }
        Place::EmptyBelow => lower.root().unwrap().create_directory(super::name("to")).unwrap(),
        Place::File => lower.write("to", b"").unwrap(),
        Place::Nothing | Place::EmptyAbove | Place::FullAbove => {}
    }
    lower
}

fn prepare(world: &mut World, source: Source, place: Place) {
    if let Source::Anew | Source::Moved = source {
        unlink(world, "from/old").unwrap();
        rmdir(world, "from").unwrap();
    }
    match source {
        Source::Below => {}
        Source::Both => create(world, "from/y"),
        Source::Above | Source::Anew => mkdir(world, "from").unwrap(),
        Source::Moved => {
            mkdir(world, "first").unwrap();
            rename(world, "first", "from").unwrap();
        }
    }
    create(world, "from/x");
    if let Place::Removed | Place::Emptied | Place::EmptyAnew = place {
        unlink(world, "to/old").unwrap();
    }
    if let Place::Removed | Place::EmptyAnew = place {
        rmdir(world, "to").unwrap();
    }
    if let Place::EmptyAbove | Place::EmptyAnew | Place::FullAbove = place {
        mkdir(world, "to").unwrap();
    }
    if place == Place::FullAbove {
        create(world, "to/new");
    }
}

#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn directories_move_or_stay_as_they_are() {
    for source in SOURCES {
        for (place, wrong) in PLACES {
            let (upper, lower) = (MemoryFs::default(), lower(source, place));
            let mut world = world(&upper, &lower);
            prepare(&mut world, source, place);
            let before = seen(&upper, &lower);
            let has_part_below = matches!(source, Source::Below | Source::Both);
            let expected = match (wrong, has_part_below) {
                (Some(errno), _) => Err(errno),
                (None, true) => Err(Errno::Xdev),
                (None, false) => Ok(()),
            };
            let what = format!("{source:?} to {place:?}");
            assert_eq!(rename(&mut world, "from", "to"), expected, "{what}");
            if expected.is_err() {
                assert_eq!(seen(&upper, &lower), before, "{what}");
                continue;
            }
            assert_eq!(seen(&upper, &lower), ["to/", "to/x"], "{what}");
            // Where it was there is nothing, and what is made there is new.
            assert_eq!(rmdir(&mut world, "from"), Err(Errno::Noent), "{what}");
            mkdir(&mut world, "from").unwrap();
            assert_eq!(seen(&upper, &lower), ["from/", "to/", "to/x"], "{what}");
            assert_eq!(rename(&mut world, "to", "from"), Ok(()), "{what}, and back");
            assert_eq!(seen(&upper, &lower), ["from/", "from/x"], "{what}, and back");
            unlink(&mut world, "from/x").unwrap();
            rmdir(&mut world, "from").unwrap();
            assert!(seen(&upper, &lower).is_empty(), "{what}, and gone");
        }
    }
}

/// What a program does that was told `xdev`: it copies and removes.
#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn a_directory_that_does_not_move_can_be_copied_in_its_place() {
    let (upper, lower) = (MemoryFs::default(), lower(Source::Below, Place::Nothing));
    let mut world = world(&upper, &lower);
    assert_eq!(rename(&mut world, "from", "to"), Err(Errno::Xdev));
    mkdir(&mut world, "to").unwrap();
    assert_eq!(rename(&mut world, "from/x", "to/x"), Ok(()));
    rmdir(&mut world, "from").unwrap();
    assert_eq!(seen(&upper, &lower), ["to/", "to/x"]);
}

/// More than are held at a time: each was hidden, and its mark goes with the directory.
#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn a_directory_of_many_hidden_files_is_removed() {
    let (upper, lower) = (MemoryFs::default(), MemoryFs::default());
    for index in 0..600 {
        lower.write(&format!("from/{index}"), b"").unwrap();
    }
    let mut world = world(&upper, &lower);
    for index in 0..600 {
        unlink(&mut world, &format!("from/{index}")).unwrap();
    }
    rmdir(&mut world, "from").unwrap();
    assert!(seen(&upper, &lower).is_empty());
    assert_eq!(upper.used().entries, 1, "what hides the directory");
}
