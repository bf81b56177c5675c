//! An open file as a descriptor holds it: the file system's file, and the place in it.
//!
//! **Invariants**
//! - What was opened through a read-only directory is never asked to change.

use std::cell::Cell;
use std::fmt;
use std::io::SeekFrom;
use std::os::fd::BorrowedFd;

use crate::errno::Errno;
use crate::filestat::{Filestat, NewTime};
use crate::fs::{Advice, File, FileFlags};

/// Flags of a descriptor, as the guest sees them.
pub(crate) mod fdflags {
    pub(crate) const APPEND: u16 = 1;
    pub(crate) const DSYNC: u16 = 2;
    pub(crate) const NONBLOCK: u16 = 4;
    pub(crate) const RSYNC: u16 = 8;
    pub(crate) const SYNC: u16 = 16;
    pub(crate) const ALL: u16 = 31;
}

/// What a file system knows of the guest's flags.
pub(crate) fn file_flags(flags: u16) -> FileFlags {
    FileFlags { append: flags & fdflags::APPEND != 0, nonblocking: flags & fdflags::NONBLOCK != 0 }
}

/// A file that is no directory.
pub(crate) struct GuestFile {
    file: Box<dyn File>,
    read_only: bool,
    device: u64,
    place: Cell<u64>,
}

impl fmt::Debug for GuestFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuestFile").field("place", &self.place).finish_non_exhaustive()
    }
}

impl GuestFile {
    /// `read_only` and `device`: those of its directory; see the sandbox.
    pub(crate) fn new(file: Box<dyn File>, read_only: bool, device: u64) -> Self {
        Self { file, read_only, device, place: Cell::new(0) }
    }

    fn check_writable(&self) -> Result<(), Errno> {
        if self.read_only { Err(Errno::Rofs) } else { Ok(()) }
    }

    pub(crate) fn read(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        let count = self.file.read_at(buffer, self.place.get())?.min(buffer.len());
        self.advance(count);
        Ok(count)
    }

    /// Writes at the place, or with `append` at the end, which is the place then.
    pub(crate) fn write(&self, bytes: &[u8], append: bool) -> Result<usize, Errno> {
        self.check_writable()?;
        if append && !self.file.is_stream() {
            let count = self.file.append(bytes)?.min(bytes.len());
            self.place.set(self.file.filestat()?.size);
            return Ok(count);
        }
        let count = self.file.write_at(bytes, self.place.get())?.min(bytes.len());
        self.advance(count);
        Ok(count)
    }

    fn advance(&self, count: usize) {
        self.place.set(self.place.get().saturating_add(count as u64));
    }

    /// What lies at `offset`, wherever the place is.
    ///
    /// # Errors
    /// `spipe` of a stream.
    pub(crate) fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
        if self.file.is_stream() {
            return Err(Errno::Spipe);
        }
        self.file.read_at(buffer, offset)
    }

    /// # Errors
    /// `spipe` of a stream.
    pub(crate) fn write_at(&self, bytes: &[u8], offset: u64) -> Result<usize, Errno> {
        self.check_writable()?;
        if self.file.is_stream() {
            return Err(Errno::Spipe);
        }
        self.file.write_at(bytes, offset)
    }

    /// # Errors
    /// `spipe` of a stream, `inval` before the start and beyond what the host can count.
    pub(crate) fn seek(&self, to: SeekFrom) -> Result<u64, Errno> {
        if self.file.is_stream() {
            return Err(Errno::Spipe);
        }
        let (from, offset) = match to {
            SeekFrom::Start(offset) => (offset, 0),
            SeekFrom::Current(offset) => (self.place.get(), offset),
            SeekFrom::End(offset) => (self.file.filestat()?.size, offset),
        };
        let place = from.checked_add_signed(offset).ok_or(Errno::Inval)?;
        i64::try_from(place).map_err(|_| Errno::Inval)?;
        self.place.set(place);
        Ok(place)
    }

    pub(crate) fn filestat(&self) -> Result<Filestat, Errno> {
        Ok(self.file.filestat()?.on(self.device))
    }

    pub(crate) fn set_size(&self, bytes: u64) -> Result<(), Errno> {
        self.check_writable()?;
        self.file.set_size(bytes)
    }

    pub(crate) fn set_times(&self, accessed: NewTime, modified: NewTime) -> Result<(), Errno> {
        self.check_writable()?;
        self.file.set_times(accessed, modified)
    }

    /// # Errors
    /// `inval` for no bytes, `fbig` beyond what the host can count.
    pub(crate) fn allocate(&self, offset: u64, length: u64) -> Result<(), Errno> {
        self.check_writable()?;
        if length == 0 {
            return Err(Errno::Inval);
        }
        let end = offset.checked_add(length).ok_or(Errno::Fbig)?;
        i64::try_from(end).map_err(|_| Errno::Fbig)?;
        self.file.allocate(offset, length)
    }

    pub(crate) fn advise(&self, offset: u64, length: u64, advice: u8) -> Result<(), Errno> {
        let advice = match advice {
            0 => Advice::Normal,
            1 => Advice::Sequential,
            2 => Advice::Random,
            3 => Advice::WillNeed,
            4 => Advice::DontNeed,
            5 => Advice::NoReuse,
            _ => return Err(Errno::Inval),
        };
        i64::try_from(offset).map_err(|_| Errno::Inval)?;
        i64::try_from(length).map_err(|_| Errno::Inval)?;
        self.file.advise(offset, length, advice)
    }

    pub(crate) fn set_flags(&self, flags: FileFlags) -> Result<(), Errno> {
        self.file.set_flags(flags)
    }

    pub(crate) fn sync(&self) -> Result<(), Errno> {
        self.file.sync()
    }

    pub(crate) fn sync_data(&self) -> Result<(), Errno> {
        self.file.sync_data()
    }

    /// Does what the descriptor's flags promise of each write. That reads see what was written they
    /// always promise; `rsync` adds that it is stored, as on Linux.
    pub(crate) fn sync_as(&self, flags: u16) -> Result<(), Errno> {
        if flags & (fdflags::SYNC | fdflags::RSYNC) != 0 {
            self.file.sync()
        } else if flags & fdflags::DSYNC != 0 {
            self.file.sync_data()
        } else {
            Ok(())
        }
    }

    /// Bytes from the place to the end.
    pub(crate) fn remaining(&self) -> Result<u64, Errno> {
        Ok(self.file.filestat()?.size.saturating_sub(self.place.get()))
    }

    /// The host's descriptor to wait on, if it has one.
    pub(crate) fn host(&self) -> Option<BorrowedFd<'_>> {
        self.file.host()
    }
}
