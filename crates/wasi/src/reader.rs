//! An embedder's reader as standard input: where its reads may wait, a thread does the waiting.
//!
//! ```text
//!  fd_read, poll_oneoff ─ ask ─▶ thread: read once
//!        │                            │
//!        └── wait for the bell ◀──────┴── bytes, and the bell is rung
//!            (a pipe of the host's: with deadlines, with other descriptors)
//! ```
//!
//! The thread reads when it is asked, once each time, so that nothing is read that the guest did
//! not ask for; what comes after the guest was interrupted is kept for its next read. There is no
//! thread for readers that are known never to wait, and none as long as no wait has an end and the
//! guest does not poll.
//!
//! **Invariants**
//! - The bell has as many bytes in it as there are answers that were not fetched: one at most.
//! - An answer is fetched only when the bell was heard, so that fetching does not wait.

use std::any::TypeId;
use std::collections::VecDeque;
use std::io::{self, Cursor, Empty, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use rustix::event::PollFlags;

use crate::errno::Errno;
use crate::fd::retried;
use crate::stdio::has_input;
use crate::wait::Waits;

/// How much the thread reads at a time.
const CHUNK_BYTES: usize = 16 * 1024;

/// What an embedder gave to read from.
pub(crate) enum Reader {
    /// It never waits.
    Ready(Box<dyn Read + Send>),
    /// It may wait, and so far could as well have.
    Unknown(Box<dyn Read + Send>),
    /// It is read by a thread.
    Helped(Helped),
}

/// A reader that a thread reads.
pub(crate) struct Helped {
    /// The thread ends when this is dropped and its read is done.
    requests: Sender<()>,
    answers: Receiver<io::Result<Vec<u8>>>,
    bell: PipeReader,
    is_asked: bool,
    /// What was read and the guest has not got yet.
    ahead: VecDeque<u8>,
}

/// Whether it is known that reads of an `R` never wait.
fn never_waits<R: 'static>() -> bool {
    let known = [
        TypeId::of::<Empty>(),
        TypeId::of::<&'static [u8]>(),
        TypeId::of::<VecDeque<u8>>(),
        TypeId::of::<Cursor<Vec<u8>>>(),
        TypeId::of::<Cursor<Box<[u8]>>>(),
        TypeId::of::<Cursor<String>>(),
        TypeId::of::<Cursor<&'static [u8]>>(),
        TypeId::of::<Cursor<&'static str>>(),
    ];
    known.contains(&TypeId::of::<R>())
}

impl Reader {
    pub(crate) fn new<R: Read + Send + 'static>(reader: R) -> Self {
        match never_waits::<R>() {
            true => Reader::Ready(Box::new(reader)),
            false => Reader::Unknown(Box::new(reader)),
        }
    }

    /// Reads; `nonblocking` asks not to wait.
    ///
    /// # Errors
    /// What the reader says; `again` if it would wait and may not, `intr` if the wait was given up.
    pub(crate) fn read(
        &mut self,
        buffer: &mut [u8],
        nonblocking: bool,
        waits: &mut Waits,
    ) -> Result<usize, Errno> {
        match self {
            Reader::Ready(reader) => return retried(|| reader.read(buffer)),
            Reader::Unknown(reader) if !nonblocking && !waits.are_bounded() => {
                return retried(|| reader.read(buffer));
            }
            Reader::Unknown(_) | Reader::Helped(_) => {}
        }
        self.helped()?.read(buffer, nonblocking, waits)
    }

    /// Has it read, so that there is something to wait on. Where that can't be it counts as ready,
    /// and reading tells why.
    pub(crate) fn begin(&mut self) {
        if !matches!(self, Reader::Ready(_)) {
            let _ = self.helped().and_then(Helped::ask);
        }
    }

    /// What to wait on; `None` if there is nothing to wait for.
    pub(crate) fn bell(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Reader::Helped(helped) if helped.ahead.is_empty() => Some(helped.bell.as_fd()),
            _ => None,
        }
    }

    /// With a thread from now on.
    fn helped(&mut self) -> Result<&mut Helped, Errno> {
        if let Reader::Unknown(reader) = self {
            let (helped, hand_over) = Helped::spawn()?;
            // It waits for this, so it is there to take it.
            let _ = hand_over.send(std::mem::replace(reader, Box::new(io::empty())));
            *self = Reader::Helped(helped);
        }
        match self {
            Reader::Helped(helped) => Ok(helped),
            _ => Err(Errno::Badf),
        }
    }
}

impl Helped {
    /// A thread that waits for its reader: where there can be no thread, the reader is not lost.
    fn spawn() -> Result<(Self, Sender<Box<dyn Read + Send>>), Errno> {
        let (bell, ring) = io::pipe()?;
        let (hand_over, reader) = channel();
        let (requests, asked) = channel();
        let (answer, answers) = channel();
        thread::Builder::new().name("wasi stdin".to_owned()).spawn(move || {
            if let Ok(reader) = reader.recv() {
                serve(reader, &asked, &answer, ring);
            }
        })?;
        let ahead = VecDeque::new();
        Ok((Self { requests, answers, bell, is_asked: false, ahead }, hand_over))
    }

    /// Has the thread read, unless it does already or its last bytes are still there.
    fn ask(&mut self) -> Result<(), Errno> {
        if !self.is_asked && self.ahead.is_empty() {
            // It is gone if the reader has panicked.
            self.requests.send(()).map_err(|_| Errno::Io)?;
            self.is_asked = true;
        }
        Ok(())
    }

    fn read(
        &mut self,
        buffer: &mut [u8],
        nonblocking: bool,
        waits: &mut Waits,
    ) -> Result<usize, Errno> {
        if self.ahead.is_empty() {
            self.ask()?;
            if !nonblocking {
                waits.wait_for(self.bell.as_fd(), PollFlags::IN)?;
            } else if !has_input(self.bell.as_fd())? {
                return Err(Errno::Again);
            }
            self.is_asked = false;
            // Nothing is in it if the thread is gone, and then there is no answer.
            retried(|| self.bell.read(&mut [0]))?;
            self.ahead = self.answers.recv().map_err(|_| Errno::Io)??.into();
        }
        retried(|| self.ahead.read(buffer))
    }
}

/// Reads once for each request, until nobody asks any more.
fn serve(
    mut reader: Box<dyn Read + Send>,
    asked: &Receiver<()>,
    answer: &Sender<io::Result<Vec<u8>>>,
    mut ring: PipeWriter,
) {
    let mut chunk = vec![0; CHUNK_BYTES];
    while asked.recv().is_ok() {
        let read = loop {
            match reader.read(&mut chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // One that claims more than it was given room for is believed up to the room.
                read => break read.map(|count| chunk[..count.min(CHUNK_BYTES)].to_vec()),
            }
        };
        if answer.send(read).is_err() || ring.write_all(&[0]).is_err() {
            break;
        }
    }
}
