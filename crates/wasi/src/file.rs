//! An open file of the host.
//!
//! Its place is the host descriptor's, so that files shared with other processes behave as they
//! would natively. It never looks at a path.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;

use rustix::fs::{Advice, FallocateFlags, OFlags, Timestamps};

use crate::errno::Errno;
use crate::filestat::Filestat;

/// Flags of a descriptor, as the guest sees them.
pub(crate) mod fdflags {
    pub(crate) const APPEND: u16 = 1;
    pub(crate) const DSYNC: u16 = 2;
    pub(crate) const NONBLOCK: u16 = 4;
    pub(crate) const RSYNC: u16 = 8;
    pub(crate) const SYNC: u16 = 16;
    pub(crate) const ALL: u16 = 31;
}

/// A file that is no directory.
#[derive(Debug)]
pub(crate) struct HostFile {
    file: File,
    read_only: bool,
}

impl HostFile {
    /// `read_only`: what its directory said; see the sandbox.
    pub(crate) fn new(file: File, read_only: bool) -> Self {
        Self { file, read_only }
    }

    pub(crate) fn read(&self, buffer: &mut [u8]) -> std::io::Result<usize> {
        (&self.file).read(buffer)
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> std::io::Result<usize> {
        (&self.file).write(bytes)
    }

    pub(crate) fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    pub(crate) fn write_at(&self, bytes: &[u8], offset: u64) -> std::io::Result<usize> {
        self.file.write_at(bytes, offset)
    }

    pub(crate) fn seek(&self, to: SeekFrom) -> Result<u64, Errno> {
        Ok((&self.file).seek(to)?)
    }

    pub(crate) fn filestat(&self) -> Result<Filestat, Errno> {
        let metadata = cap_std::fs::Metadata::from_just_metadata(self.file.metadata()?);
        Ok(Filestat::from(&metadata))
    }

    pub(crate) fn set_size(&self, size: u64) -> Result<(), Errno> {
        // A size beyond the host's signed one is what the file system would call too large.
        i64::try_from(size).map_err(|_| Errno::Fbig)?;
        Ok(self.file.set_len(size)?)
    }

    pub(crate) fn set_times(&self, times: &Timestamps) -> Result<(), Errno> {
        if self.read_only {
            return Err(Errno::Rofs);
        }
        Ok(rustix::fs::futimens(&self.file, times)?)
    }

    pub(crate) fn allocate(&self, offset: u64, length: u64) -> Result<(), Errno> {
        Ok(rustix::fs::fallocate(&self.file, FallocateFlags::empty(), offset, length)?)
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
        Ok(rustix::fs::fadvise(&self.file, offset, std::num::NonZeroU64::new(length), advice)?)
    }

    pub(crate) fn sync(&self) -> Result<(), Errno> {
        Ok(self.file.sync_all()?)
    }

    pub(crate) fn sync_data(&self) -> Result<(), Errno> {
        Ok(self.file.sync_data()?)
    }

    /// Turns appending and non-blocking on and off.
    pub(crate) fn set_flags(&self, flags: u16) -> Result<(), Errno> {
        let mut host = rustix::fs::fcntl_getfl(&self.file)?;
        host.set(OFlags::APPEND, flags & fdflags::APPEND != 0);
        host.set(OFlags::NONBLOCK, flags & fdflags::NONBLOCK != 0);
        Ok(rustix::fs::fcntl_setfl(&self.file, host)?)
    }

    /// Bytes from the place to the end.
    pub(crate) fn remaining(&self) -> Result<u64, Errno> {
        let place = self.seek(SeekFrom::Current(0))?;
        Ok(self.filestat()?.size.saturating_sub(place))
    }
}
