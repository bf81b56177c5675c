//! The process's own limit on the size of files, `RLIMIT_FSIZE`. The kernel answers a write beyond
//! it with a signal that ends the process, the host and all its guests, so it is looked at before
//! each write that could be.
//!
//! It never changes the limit. Someone else who makes the same file longer in between can still
//! bring the signal about: a host that has such a limit and lets guests share a file that they
//! append to should have the signal ignored.
//!
//! **Invariants**
//! - Nothing is written at or beyond the limit, and no file made longer than it.

use std::os::fd::BorrowedFd;

use rustix::fs::{FileType, OFlags};
use rustix::process::{Resource, getrlimit};

use crate::errno::Errno;

fn size_max() -> Option<u64> {
    getrlimit(Resource::Fsize).current
}

/// As many of `bytes` as may be written at `offset`.
///
/// # Errors
/// `fbig` if that is none.
pub(crate) fn fitting(bytes: &[u8], offset: u64) -> Result<&[u8], Errno> {
    let room = size_max().map_or(u64::MAX, |size_max| size_max.saturating_sub(offset));
    if room == 0 && !bytes.is_empty() {
        return Err(Errno::Fbig);
    }
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    Ok(&bytes[..bytes.len().min(room)])
}

/// As many of `bytes` as may be written to `host` where it is.
///
/// # Errors
/// `fbig` if that is none.
pub(crate) fn fitting_next<'a>(bytes: &'a [u8], host: BorrowedFd<'_>) -> Result<&'a [u8], Errno> {
    if size_max().is_none() {
        return Ok(bytes);
    }
    let stat = rustix::fs::fstat(host)?;
    // Pipes, terminals and the like have no size.
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Ok(bytes);
    }
    let appends = rustix::fs::fcntl_getfl(host)?.contains(OFlags::APPEND);
    let place = if appends { u64::try_from(stat.st_size)? } else { rustix::fs::tell(host)? };
    fitting(bytes, place)
}

/// Checks that a file of `size` bytes may become one of `new_size`.
///
/// # Errors
/// `fbig` if not.
pub(crate) fn check_size(size: u64, new_size: u64) -> Result<(), Errno> {
    let is_beyond = new_size > size && size_max().is_some_and(|size_max| new_size > size_max);
    if is_beyond { Err(Errno::Fbig) } else { Ok(()) }
}
