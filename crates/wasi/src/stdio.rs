//! Standard streams: any `Read` and `Write`, the process's own only when inherited.
//!
//! **Invariants**
//! - A call of the guest ends with its bytes handed on: what it wrote is flushed before it returns.
//! - The host's streams are read and written without buffers in between, so that a poll of the
//!   host's descriptor says the truth.

use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec};

use crate::errno::Errno;
use crate::fd::retried;
use crate::file_limit;
use crate::filestat::Filetype;
use crate::reader::Reader;
use crate::wait::Waits;

/// What a guest reads from.
pub(crate) enum Input {
    Reader(Reader),
    /// A descriptor of the host's, given for this.
    Owned(OwnedFd),
    /// The process's standard input.
    Host(io::Stdin),
}

/// What a guest writes to.
pub(crate) enum Output {
    Writer(Box<dyn Write + Send>),
    /// A descriptor of the host's, given for this.
    Owned(OwnedFd),
    /// The process's standard output.
    Stdout(io::Stdout),
    /// The process's standard error.
    Stderr(io::Stderr),
}

/// What a pipe takes at once when it takes anything: so much can be written without waiting after
/// it was found ready.
const PIPE_BYTES: usize = 4096;

/// As many of `bytes` as are written without another wait, if a wait may have to be given up.
pub(crate) fn at_once<'a>(bytes: &'a [u8], waits: &Waits) -> &'a [u8] {
    if waits.are_bounded() { &bytes[..bytes.len().min(PIPE_BYTES)] } else { bytes }
}

impl Input {
    /// Reads; `nonblocking` asks not to wait.
    pub(crate) fn read(
        &mut self,
        buffer: &mut [u8],
        nonblocking: bool,
        waits: &mut Waits,
    ) -> Result<usize, Errno> {
        if let Input::Reader(reader) = self {
            return reader.read(buffer, nonblocking, waits);
        }
        let Some(host) = self.host() else { return Err(Errno::Badf) };
        if nonblocking {
            // The host's own flag stays as it is: others may share the stream.
            if !has_input(host)? {
                return Err(Errno::Again);
            }
        } else {
            waits.until_ready(host, PollFlags::IN)?;
        }
        retried(|| Ok(rustix::io::read(host, &mut *buffer)?))
    }

    /// Sees to it that the descriptor to wait on says when there is something to read.
    pub(crate) fn begin(&mut self) {
        if let Input::Reader(reader) = self {
            reader.begin();
        }
    }

    /// The host descriptor to wait on, once the read has [begun](Self::begin); `None` if there is
    /// nothing to wait for.
    pub(crate) fn host(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Input::Reader(reader) => reader.bell(),
            Input::Owned(host) => Some(host.as_fd()),
            Input::Host(stdin) => Some(stdin.as_fd()),
        }
    }

    pub(crate) fn filetype(&self) -> Filetype {
        terminal(self.host())
    }
}

pub(crate) fn has_input(host: BorrowedFd<'_>) -> io::Result<bool> {
    let mut polled = [PollFd::from_borrowed_fd(host, PollFlags::IN)];
    Ok(rustix::event::poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))? > 0)
}

/// What a C library takes for a terminal, if it is one.
fn terminal(host: Option<BorrowedFd<'_>>) -> Filetype {
    match host {
        Some(host) if host.is_terminal() => Filetype::CharacterDevice,
        _ => Filetype::Unknown,
    }
}

impl Output {
    pub(crate) fn write(&mut self, bytes: &[u8], waits: &mut Waits) -> Result<usize, Errno> {
        if let Output::Writer(writer) = self {
            return retried(|| writer.write(bytes));
        }
        let Some(host) = self.host() else { return Err(Errno::Badf) };
        waits.until_ready(host, PollFlags::OUT)?;
        let bytes = file_limit::fitting_next(at_once(bytes, waits), host)?;
        retried(|| Ok(rustix::io::write(host, bytes)?))
    }

    /// The host descriptor to wait on; `None` if writing is the only way to find out.
    pub(crate) fn host(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Output::Writer(_) => None,
            Output::Owned(host) => Some(host.as_fd()),
            Output::Stdout(stdout) => Some(stdout.as_fd()),
            Output::Stderr(stderr) => Some(stderr.as_fd()),
        }
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match self {
            Output::Writer(writer) => writer.flush(),
            Output::Owned(_) | Output::Stdout(_) | Output::Stderr(_) => Ok(()),
        }
    }

    pub(crate) fn filetype(&self) -> Filetype {
        terminal(self.host())
    }
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input").field("host", &self.host()).finish()
    }
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output").field("host", &self.host()).finish()
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
