//! An open file of the host. It never looks at a path.

use std::fs::File as StdFile;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;

use rustix::fs::{FallocateFlags, OFlags};

use super::{Advice, File, FileFlags};
use crate::errno::Errno;
use crate::file_limit;
use crate::filestat::{self, Filestat, Filetype, NewTime};

/// A file that is no directory.
pub(super) struct HostFile {
    file: StdFile,
    is_stream: bool,
}

impl HostFile {
    /// # Errors
    /// `isdir` if it is a directory.
    pub(super) fn new(file: StdFile) -> Result<Self, Errno> {
        let filetype = filestat(&file)?.filetype;
        if filetype == Filetype::Directory {
            return Err(Errno::Isdir);
        }
        let is_stream = !matches!(filetype, Filetype::RegularFile | Filetype::BlockDevice);
        Ok(Self { file, is_stream })
    }
}

impl File for HostFile {
    fn filestat(&self) -> Result<Filestat, Errno> {
        filestat(&self.file)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
        retried(|| {
            if self.is_stream {
                (&self.file).read(buffer)
            } else {
                self.file.read_at(buffer, offset)
            }
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<usize, Errno> {
        let bytes = if self.is_stream { bytes } else { file_limit::fitting(bytes, offset)? };
        retried(|| {
            if self.is_stream {
                (&self.file).write(bytes)
            } else {
                self.file.write_at(bytes, offset)
            }
        })
    }

    /// The host's own flag puts it at the end, whoever else writes.
    fn append(&self, bytes: &[u8]) -> Result<usize, Errno> {
        let bytes = file_limit::fitting_next(bytes, self.file.as_fd())?;
        retried(|| (&self.file).write(bytes))
    }

    fn set_size(&self, bytes: u64) -> Result<(), Errno> {
        // A size beyond the host's signed one is what the file system would call too large.
        i64::try_from(bytes).map_err(|_| Errno::Fbig)?;
        file_limit::check_size(self.filestat()?.size, bytes)?;
        Ok(self.file.set_len(bytes)?)
    }

    fn allocate(&self, offset: u64, length: u64) -> Result<(), Errno> {
        let end = offset.checked_add(length).ok_or(Errno::Fbig)?;
        file_limit::check_size(self.filestat()?.size, end)?;
        Ok(rustix::fs::fallocate(&self.file, FallocateFlags::empty(), offset, length)?)
    }

    fn advise(&self, offset: u64, length: u64, advice: Advice) -> Result<(), Errno> {
        let advice = match advice {
            Advice::Normal => rustix::fs::Advice::Normal,
            Advice::Sequential => rustix::fs::Advice::Sequential,
            Advice::Random => rustix::fs::Advice::Random,
            Advice::WillNeed => rustix::fs::Advice::WillNeed,
            Advice::DontNeed => rustix::fs::Advice::DontNeed,
            Advice::NoReuse => rustix::fs::Advice::NoReuse,
        };
        Ok(rustix::fs::fadvise(&self.file, offset, std::num::NonZeroU64::new(length), advice)?)
    }

    fn set_times(&self, accessed: NewTime, modified: NewTime) -> Result<(), Errno> {
        Ok(rustix::fs::futimens(&self.file, &filestat::timestamps(accessed, modified))?)
    }

    fn set_flags(&self, flags: FileFlags) -> Result<(), Errno> {
        let mut host = rustix::fs::fcntl_getfl(&self.file)?;
        host.set(OFlags::APPEND, flags.append);
        host.set(OFlags::NONBLOCK, flags.nonblocking);
        Ok(rustix::fs::fcntl_setfl(&self.file, host)?)
    }

    fn sync(&self) -> Result<(), Errno> {
        Ok(self.file.sync_all()?)
    }

    fn sync_data(&self) -> Result<(), Errno> {
        Ok(self.file.sync_data()?)
    }

    fn is_stream(&self) -> bool {
        self.is_stream
    }

    fn host(&self) -> Option<BorrowedFd<'_>> {
        self.is_stream.then(|| self.file.as_fd())
    }
}

fn filestat(file: &StdFile) -> Result<Filestat, Errno> {
    Ok(Filestat::from(&cap_std::fs::Metadata::from_just_metadata(file.metadata()?)))
}

/// Again, as long as a signal came in between.
fn retried(mut operation: impl FnMut() -> io::Result<usize>) -> Result<usize, Errno> {
    loop {
        match operation() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return Ok(outcome?),
        }
    }
}
