//! The first contents of a memory, kept once and mapped copy-on-write by every instance.
//!
//! **Invariants**
//! - The bytes never change once the image exists: the kernel seals the file against writing and
//!   resizing, so no mapping of it can see other bytes or fault for want of them.
//! - The length is a whole number of pages; what the caller didn't give is zero.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;

use rustix::fs::{MemfdFlags, SealFlags};

use super::page::round_up_to_page;
use crate::error::{Operation, OsError};

/// Sealed bytes that a [`Reservation`](crate::Reservation) can map.
#[derive(Debug)]
pub struct MemoryImage {
    file: File,
    len: usize,
}

impl MemoryImage {
    /// Copies `bytes` into a sealed, anonymous file.
    pub fn new(bytes: &[u8]) -> Result<Self, OsError> {
        let refused = |errno: rustix::io::Errno| {
            OsError::refused(Operation::CreateImage, bytes.len(), errno.raw_os_error())
        };
        let len = round_up_to_page(bytes.len()).ok_or_else(|| refused(rustix::io::Errno::NOMEM))?;
        let file = create_file().map_err(refused)?;
        write_file(&file, bytes, len).map_err(|error| {
            refused(rustix::io::Errno::from_io_error(&error).unwrap_or(rustix::io::Errno::IO))
        })?;
        let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL;
        rustix::fs::fcntl_add_seals(&file, seals).map_err(refused)?;
        Ok(Self { file, len })
    }

    /// The length in bytes, in whole pages.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the image has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What a mapping shows.
    pub(super) fn contents(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl AsFd for MemoryImage {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// A file without a name. Systems that insist (`vm.memfd_noexec`) are told that it holds no
/// program; kernels before 6.3 don't know that flag.
fn create_file() -> rustix::io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    rustix::fs::memfd_create(c"brolga-memory-image", flags | MemfdFlags::NOEXEC_SEAL)
        .or_else(|errno| match errno {
            rustix::io::Errno::INVAL => rustix::fs::memfd_create(c"brolga-memory-image", flags),
            _ => Err(errno),
        })
        .map(File::from)
}

fn write_file(file: &File, bytes: &[u8], len: usize) -> std::io::Result<()> {
    file.set_len(len as u64)?;
    file.write_all_at(bytes, 0)
}
