//! An embedder's reader as standard input, one whose reads wait above all. A test that fails may
//! not end.

use std::io::{self, Cursor, Read};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use brolga::{Result, Trap};

use super::World;
use super::poll::{poll, subscribe};
use super::wait::{Begun, HOUR, Waiting};
use crate::reader::Reader;
use crate::wait::Waits;
use crate::{Errno, LogScopes};

/// Gives what comes through a channel, and the end when nothing can come any more. Says who reads.
struct Told {
    told: Receiver<io::Result<&'static str>>,
    reads: Sender<ThreadId>,
}

impl Read for Told {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // The test may not want to know.
        let _ = self.reads.send(thread::current().id());
        match self.told.recv() {
            Ok(told) => told?.as_bytes().read(buffer),
            Err(_) => Ok(0),
        }
    }
}

/// The reader, what tells it, and who has read.
fn told() -> (Told, Sender<io::Result<&'static str>>, Receiver<ThreadId>) {
    let ((tell, told), (reads, read_by)) = (channel(), channel());
    (Told { told, reads }, tell, read_by)
}

/// A world whose waits end after `milliseconds`, those that there are from now on.
fn end_waits(world: &mut World, milliseconds: u64) {
    world.waits = Waits::default();
    world.waits.deadline = Some(Instant::now() + Duration::from_millis(milliseconds));
}

#[test]
#[cfg_attr(miri, ignore = "sockets have options, which Miri does not have")]
fn the_stores_deadline_ends_a_read_that_never_returns() -> Result<()> {
    for name in ["read", "poll"] {
        let (reader, tell, _read_by) = told();
        let (begun, begins) = channel();
        let mut waiting = Waiting::new(|builder| {
            builder.stdin(reader).log(LogScopes::FILESYSTEM | LogScopes::POLL, Begun(begun))
        })?;
        waiting.store.set_epoch_deadline(1);
        let export = waiting.export(name)?;
        let engine = waiting.engine.clone();
        let ticker = thread::spawn(move || {
            begins.recv().unwrap();
            thread::sleep(Duration::from_millis(10));
            engine.increment_epoch();
        });
        let error = export.call(&mut waiting.store, HOUR).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Trap::Interrupt), "{name}");
        ticker.join().unwrap();
        // What comes afterwards is not lost.
        tell.send(Ok("late")).unwrap();
        waiting.store.set_epoch_deadline(1_000);
        assert_eq!(waiting.export("poll")?.call(&mut waiting.store, 0)?, 0, "{name}");
        assert_eq!(waiting.export("read")?.call(&mut waiting.store, 0)?, 0, "{name}");
    }
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "the host waits by ppoll, which Miri does not have")]
fn a_poll_with_a_clock_times_out() {
    let (reader, tell, read_by) = told();
    let mut world = World::with(|builder| builder.stdin(reader).inherit_clocks());
    subscribe(&mut world, 0, 1, 0, 0, 0);
    subscribe(&mut world, 1, 0, 1, 2_000_000, 0);
    for _ in 0..3 {
        assert_eq!(poll(&mut world, 2), Ok(vec![(101, 0, 0)]));
    }
    subscribe(&mut world, 1, 0, 1, HOUR.cast_unsigned(), 0);
    tell.send(Ok("hello")).unwrap();
    assert_eq!(poll(&mut world, 2), Ok(vec![(100, 0, 1)]));
    // It is there as long as it was not read, and nothing more is asked for.
    assert_eq!(world.read(0, 3).unwrap(), b"hel");
    assert_eq!(poll(&mut world, 2), Ok(vec![(100, 0, 1)]));
    assert_eq!(world.read(0, 3).unwrap(), b"lo");
    assert_eq!(read_by.try_iter().count(), 1);
    drop(tell);
    assert_eq!(poll(&mut world, 2), Ok(vec![(100, 0, 1)]));
    assert_eq!(world.read(0, 3).unwrap(), b"", "the end");
}

#[test]
#[cfg_attr(miri, ignore = "the host waits by ppoll, which Miri does not have")]
fn what_was_asked_for_comes_in_order() {
    let (reader, tell, read_by) = told();
    let mut world = World::with(|builder| builder.stdin(reader));
    // No wait has an end: the guest's own thread reads.
    tell.send(Ok("first")).unwrap();
    assert_eq!(world.read(0, 2).unwrap(), b"fi");
    tell.send(Ok("second")).unwrap();
    assert_eq!(world.read(0, 9).unwrap(), b"second");
    let own = thread::current().id();
    assert!(read_by.try_iter().eq([own, own]));
    end_waits(&mut world, 1);
    assert_eq!(world.read(0, 9), Err(Errno::Intr));
    assert!(world.waits.is_over);
    for text in ["third", "fourth"] {
        tell.send(Ok(text)).unwrap();
    }
    end_waits(&mut world, 60_000);
    assert_eq!(world.read(0, 2).unwrap(), b"th");
    assert_eq!(world.read(0, 9).unwrap(), b"ird");
    assert_eq!(world.read(0, 9).unwrap(), b"fourth");
    let readers: Vec<_> = read_by.try_iter().collect();
    assert!(readers.len() == 2 && !readers.contains(&own), "{readers:?} beside {own:?}");
    tell.send(Err(rustix::io::Errno::CONNRESET.into())).unwrap();
    assert_eq!(world.read(0, 9), Err(Errno::Connreset));
    drop(tell);
    for _ in 0..2 {
        assert_eq!(world.read(0, 9).unwrap(), b"");
    }
}

#[test]
#[cfg_attr(miri, ignore = "the host waits by ppoll, which Miri does not have")]
fn a_guest_that_does_not_wait_is_told_so() {
    let (reader, tell, _read_by) = told();
    let mut world = World::with(|builder| builder.stdin(reader));
    world.call().fd_fdstat_set_flags(0, 4).unwrap();
    assert_eq!(world.read(0, 9), Err(Errno::Again));
    assert_eq!(world.read(0, 9), Err(Errno::Again));
    tell.send(Ok("now")).unwrap();
    let read = loop {
        match world.read(0, 9) {
            Err(Errno::Again) => thread::yield_now(),
            outcome => break outcome,
        }
    };
    assert_eq!(read.unwrap(), b"now");
}

struct Panics;

impl Read for Panics {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        // Not `panic!`, whose message would be taken for a test's.
        std::panic::resume_unwind(Box::new("no reader"));
    }
}

#[test]
#[cfg_attr(miri, ignore = "the host waits by ppoll, which Miri does not have")]
fn a_reader_that_panics_is_an_error() {
    let mut world = World::with(|builder| builder.stdin(Panics));
    end_waits(&mut world, 60_000);
    for _ in 0..2 {
        assert_eq!(world.read(0, 9), Err(Errno::Io));
    }
    subscribe(&mut world, 0, 1, 0, 0, 0);
    assert_eq!(poll(&mut world, 1), Ok(vec![(100, 0, 1)]), "reading tells");
}

#[test]
fn what_never_waits_needs_no_thread() {
    let ready = [
        Reader::new(io::empty()),
        Reader::new(&b"bytes"[..]),
        Reader::new(Cursor::new(vec![1])),
        Reader::new(Cursor::new("text")),
    ];
    for mut reader in ready {
        reader.begin();
        assert!(matches!(reader, Reader::Ready(_)) && reader.bell().is_none());
    }
    assert!(matches!(Reader::new(io::repeat(1)), Reader::Unknown(_)));
}
