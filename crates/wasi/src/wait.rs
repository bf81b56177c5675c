//! Waiting on the host, for as long as the guest may: until something is ready, until time is up,
//! until the store's deadline or the context's.
//!
//! ```text
//!  link.rs ─▶ Call::fd_read ─▶ Waits::until_ready ─ ready ─▶ read
//!     ▲                              │
//!     └── check the deadline ◀── over: Errno::Intr, and nothing done
//!         then call again
//! ```
//!
//! A call that stops waiting has done nothing yet, so it can be made again when the store says that
//! it goes on.
//!
//! **Invariants**
//! - Where neither deadline exists, a wait is one system call.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use brolga::EpochWatch;
use rustix::event::{PollFd, PollFlags, Timespec};

use crate::errno::Errno;

/// How long is waited before the deadline is looked at again.
const SLICE: Duration = Duration::from_millis(5);

/// What a wait must heed.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    /// The store's deadline, if its engine counts epochs.
    pub(crate) watch: Option<EpochWatch>,
    /// The context's.
    pub(crate) deadline: Option<Instant>,
    /// How long this call has waited already.
    pub(crate) elapsed: Duration,
    /// A wait was given up.
    pub(crate) is_over: bool,
    /// Why the host can't wait.
    pub(crate) failure: Option<Errno>,
}

impl Waits {
    /// Whether a wait may have to be given up.
    pub(crate) fn are_bounded(&self) -> bool {
        self.watch.is_some() || self.deadline.is_some()
    }

    fn is_due(&self) -> bool {
        let is_late = |deadline: Instant| Instant::now() >= deadline;
        self.watch.as_ref().is_some_and(EpochWatch::is_due) || self.deadline.is_some_and(is_late)
    }

    /// Waits on the host's descriptors for `timeout`, or until one is ready. Returns whether to go
    /// on at once: one is ready, the wait was given up, or the host can't wait.
    pub(crate) fn poll(&mut self, hosts: &mut [PollFd<'_>], timeout: Option<Duration>) -> bool {
        let start = Instant::now();
        let end = timeout.and_then(|timeout| start.checked_add(timeout));
        loop {
            if self.is_due() {
                self.is_over = true;
                self.elapsed += start.elapsed();
                return true;
            }
            let left = |until: Instant| until.saturating_duration_since(Instant::now());
            let slice =
                [end.map(left), self.deadline.map(left), self.watch.as_ref().map(|_| SLICE)];
            let slice = slice.into_iter().flatten().min();
            let slice = slice.and_then(|slice| Timespec::try_from(slice).ok());
            match rustix::event::poll(hosts, slice.as_ref()) {
                Ok(0) if end.is_some_and(|end| Instant::now() >= end) => return false,
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return true,
                // More descriptors than the process may have, for one.
                Err(errno) => {
                    self.failure = Some(errno.into());
                    return true;
                }
            }
        }
    }

    /// Does `attempt`, which does not wait, again each time that `host` is ready for it. Whoever
    /// else uses `host` may be faster: then there is another wait, and never one that can't be
    /// given up.
    ///
    /// # Errors
    /// What `attempt` says but that it would have to wait; `intr` if the wait was given up.
    pub(crate) fn until_done<T>(
        &mut self,
        host: BorrowedFd<'_>,
        flags: PollFlags,
        mut attempt: impl FnMut() -> io::Result<T>,
    ) -> Result<T, Errno> {
        loop {
            match attempt() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.wait_for(host, flags)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => return Ok(outcome?),
            }
        }
    }

    /// Waits until `host` is ready for reading or writing, if a wait may have to be given up;
    /// otherwise the operation itself waits as well.
    ///
    /// # Errors
    /// `intr` if it was given up.
    pub(crate) fn until_ready(
        &mut self,
        host: BorrowedFd<'_>,
        flags: PollFlags,
    ) -> Result<(), Errno> {
        if self.are_bounded() { self.wait_for(host, flags) } else { Ok(()) }
    }

    /// Waits until `host` is ready for reading or writing.
    ///
    /// # Errors
    /// `intr` if the wait was given up.
    pub(crate) fn wait_for(&mut self, host: BorrowedFd<'_>, flags: PollFlags) -> Result<(), Errno> {
        self.poll(&mut [PollFd::from_borrowed_fd(host, flags)], None);
        if self.is_over {
            return Err(Errno::Intr);
        }
        self.failure.take().map_or(Ok(()), Err)
    }
}
