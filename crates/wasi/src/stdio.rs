//! Standard streams: any `Read` and `Write`, the process's own only when inherited.
//!
//! **Invariants**
//! - A call of the guest ends with its bytes handed on: what it wrote is flushed before it returns.
//! - The process's streams are read and written without buffers in between, so that a poll of the
//!   host's descriptor says the truth.

use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec};

use crate::filestat::Filetype;

/// What a guest reads from.
pub(crate) enum Input {
    Reader(Box<dyn Read + Send>),
    /// The process's standard input.
    Host(io::Stdin),
}

/// What a guest writes to.
pub(crate) enum Output {
    Writer(Box<dyn Write + Send>),
    /// The process's standard output.
    Stdout(io::Stdout),
    /// The process's standard error.
    Stderr(io::Stderr),
}

impl Input {
    /// Reads; `nonblocking` asks not to wait, which only the process's stream can promise.
    pub(crate) fn read(&mut self, buffer: &mut [u8], nonblocking: bool) -> io::Result<usize> {
        match self {
            Input::Reader(reader) => reader.read(buffer),
            // The process's own flag stays as it is: others share the stream.
            Input::Host(stdin) if nonblocking && !has_input(stdin.as_fd())? => {
                Err(io::ErrorKind::WouldBlock.into())
            }
            Input::Host(stdin) => Ok(rustix::io::read(stdin.as_fd(), buffer)?),
        }
    }

    /// The host descriptor to wait on; `None` if reading is the only way to find out.
    pub(crate) fn host(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Input::Reader(_) => None,
            Input::Host(stdin) => Some(stdin.as_fd()),
        }
    }

    pub(crate) fn filetype(&self) -> Filetype {
        match self {
            Input::Host(stdin) if stdin.is_terminal() => Filetype::CharacterDevice,
            _ => Filetype::Unknown,
        }
    }
}

fn has_input(host: BorrowedFd<'_>) -> io::Result<bool> {
    let mut polled = [PollFd::from_borrowed_fd(host, PollFlags::IN)];
    Ok(rustix::event::poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))? > 0)
}

impl Output {
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Output::Writer(writer) => writer.write(bytes),
            Output::Stdout(stdout) => Ok(rustix::io::write(stdout.as_fd(), bytes)?),
            Output::Stderr(stderr) => Ok(rustix::io::write(stderr.as_fd(), bytes)?),
        }
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match self {
            Output::Writer(writer) => writer.flush(),
            Output::Stdout(_) | Output::Stderr(_) => Ok(()),
        }
    }

    pub(crate) fn filetype(&self) -> Filetype {
        match self {
            Output::Stdout(stdout) if stdout.is_terminal() => Filetype::CharacterDevice,
            Output::Stderr(stderr) if stderr.is_terminal() => Filetype::CharacterDevice,
            _ => Filetype::Unknown,
        }
    }
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Input::Reader(_) => "Reader",
            Input::Host(_) => "Host",
        })
    }
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Output::Writer(_) => "Writer",
            Output::Stdout(_) => "Stdout",
            Output::Stderr(_) => "Stderr",
        })
    }
}

/// A bounded buffer that a guest writes to and the embedder reads. Clones share it.
///
/// ```
/// use std::io::Write;
///
/// let mut buffer = brolga_wasi::OutputBuffer::new(4);
/// assert_eq!(buffer.write(b"hello").unwrap(), 4);
/// assert_eq!(buffer.contents(), b"hell");
/// assert!(buffer.write(b"o").is_err());
/// ```
#[derive(Clone, Debug)]
pub struct OutputBuffer {
    bytes: Arc<Mutex<Vec<u8>>>,
    bytes_max: usize,
}

impl OutputBuffer {
    /// A buffer that takes `bytes_max` bytes; writing more fails as a full disk does.
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes: Arc::default(), bytes_max }
    }

    /// What was written.
    pub fn contents(&self) -> Vec<u8> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Write for OutputBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut held = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let room = self.bytes_max - held.len();
        if room == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let taken = bytes.len().min(room);
        held.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
