//! Open files of an overlay: those above with their inode told apart, those below without a way to
//! change them.

use std::os::fd::BorrowedFd;

use super::overlay_node::{of_lower, of_upper};
use super::{Advice, File, FileFlags};
use crate::errno::Errno;
use crate::filestat::{Filestat, NewTime};

/// A file of the file system above.
pub(super) fn upper(file: Box<dyn File>) -> Result<Box<dyn File>, Errno> {
    Ok(Box::new(UpperFile(file)))
}

struct UpperFile(Box<dyn File>);

impl File for UpperFile {
    fn filestat(&self) -> Result<Filestat, Errno> {
        self.0.filestat().map(of_upper)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<usize, Errno> {
        self.0.write_at(bytes, offset)
    }

    fn append(&self, bytes: &[u8]) -> Result<usize, Errno> {
        self.0.append(bytes)
    }

    fn set_size(&self, bytes: u64) -> Result<(), Errno> {
        self.0.set_size(bytes)
    }

    fn allocate(&self, offset: u64, length: u64) -> Result<(), Errno> {
        self.0.allocate(offset, length)
    }

    fn advise(&self, offset: u64, length: u64, advice: Advice) -> Result<(), Errno> {
        self.0.advise(offset, length, advice)
    }

    fn set_times(&self, accessed: NewTime, modified: NewTime) -> Result<(), Errno> {
        self.0.set_times(accessed, modified)
    }

    fn set_flags(&self, flags: FileFlags) -> Result<(), Errno> {
        self.0.set_flags(flags)
    }

    fn sync(&self) -> Result<(), Errno> {
        self.0.sync()
    }

    fn sync_data(&self) -> Result<(), Errno> {
        self.0.sync_data()
    }

    fn is_stream(&self) -> bool {
        self.0.is_stream()
    }

    fn host(&self) -> Option<BorrowedFd<'_>> {
        self.0.host()
    }
}

/// A file of the file system below, which is read and never changed; but for a device or the like,
/// which is no part of a file system's contents and does what it does.
pub(super) struct LowerFile(Box<dyn File>);

impl LowerFile {
    pub(super) fn new(file: Box<dyn File>) -> Self {
        Self(file)
    }
}

impl File for LowerFile {
    fn filestat(&self) -> Result<Filestat, Errno> {
        self.0.filestat().map(of_lower)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<usize, Errno> {
        if self.0.is_stream() { self.0.write_at(bytes, offset) } else { Err(Errno::Badf) }
    }

    fn advise(&self, offset: u64, length: u64, advice: Advice) -> Result<(), Errno> {
        self.0.advise(offset, length, advice)
    }

    fn set_flags(&self, flags: FileFlags) -> Result<(), Errno> {
        self.0.set_flags(flags)
    }

    fn is_stream(&self) -> bool {
        self.0.is_stream()
    }

    fn host(&self) -> Option<BorrowedFd<'_>> {
        self.0.host()
    }
}
