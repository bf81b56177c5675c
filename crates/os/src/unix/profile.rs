//! What a profiler of the system wants of the process it looks at: a clock that it shares, the
//! number of the thread, and a mapping by which it finds a file.
//!
//! **Invariants**
//! - A marked file is mapped only: nobody reads the page, and nobody runs it.

use std::os::fd::AsFd;

use super::mapping::{Access, Mapping};
use super::page::page_size;
use crate::error::{Operation, OsError};

/// The first page of a file, mapped executable for as long as this lives: `perf` notes the files
/// that a process maps so, and finds what it reads later by their names.
#[derive(Debug)]
pub struct ProfileMark {
    _mapping: Mapping,
}

impl ProfileMark {
    /// Marks `file`.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn new(file: impl AsFd) -> Result<Self, OsError> {
        let operation = Operation::MarkProfile;
        let mapping = Mapping::new(operation, page_size(), Access::None)?;
        mapping.show_file(operation, page_size(), file.as_fd())?;
        Ok(Self { _mapping: mapping })
    }
}

/// The time since some moment in the past, on the clock that `perf record -k mono` uses.
pub fn monotonic_nanoseconds() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a place for the time. The clock is always there.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    debug_assert_eq!(result, 0, "the system has a monotonic clock");
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// The system's number of the calling thread.
pub fn thread_id() -> u32 {
    rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned()
}
