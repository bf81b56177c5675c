//! What is known of a file, and the records that tell the guest.
//!
//! **Invariants**
//! - Every record is built from zeroed bytes: padding tells the guest nothing.

use std::time::{Duration, SystemTime};

use cap_fs_ext::SystemTimeSpec;
use cap_std::fs::{FileTypeExt, Metadata, MetadataExt};
use rustix::fs::{Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};

use crate::errno::Errno;
use crate::guest::Record;
use crate::rights::Rights;

/// What kind of thing a descriptor or a name stands for; the numbers are the specification's.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[repr(u8)]
#[non_exhaustive]
pub enum Filetype {
    /// None of the others, or nobody knows.
    #[default]
    Unknown = 0,
    /// A block device.
    BlockDevice = 1,
    /// A character device.
    CharacterDevice = 2,
    /// A directory.
    Directory = 3,
    /// A file.
    RegularFile = 4,
    /// A datagram socket.
    SocketDgram = 5,
    /// A stream socket.
    SocketStream = 6,
    /// A symbolic link.
    SymbolicLink = 7,
}

impl From<cap_std::fs::FileType> for Filetype {
    fn from(ty: cap_std::fs::FileType) -> Self {
        if ty.is_file() {
            Filetype::RegularFile
        } else if ty.is_dir() {
            Filetype::Directory
        } else if ty.is_symlink() {
            Filetype::SymbolicLink
        } else if ty.is_char_device() {
            Filetype::CharacterDevice
        } else if ty.is_block_device() {
            Filetype::BlockDevice
        } else if ty.is_socket() {
            Filetype::SocketStream
        } else {
            Filetype::Unknown
        }
    }
}

/// What is known of a file. Times are nanoseconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Filestat {
    /// What tells file systems apart. For 0 the guest sees the number of the
    /// preopened directory, counted from 1.
    pub device: u64,
    /// What tells files of one file system apart.
    pub inode: u64,
    /// What it is.
    pub filetype: Filetype,
    /// How many names it has.
    pub links: u64,
    /// Bytes of a file or of a symbolic link's target.
    pub size: u64,
    /// When it was last read.
    pub accessed: u64,
    /// When its contents last changed.
    pub modified: u64,
    /// When anything of it last changed.
    pub changed: u64,
}

impl Filestat {
    /// Of something that is no file: a stream or a socket.
    pub(crate) fn of_stream(filetype: Filetype) -> Self {
        Self { filetype, ..Self::default() }
    }

    /// The same, with `device` if its file system names none.
    pub(crate) fn on(self, device: u64) -> Self {
        Self { device: if self.device == 0 { device } else { self.device }, ..self }
    }

    /// The record of 64 bytes.
    pub(crate) fn record(&self) -> Record<64> {
        Record::new()
            .set(0, self.device.to_le_bytes())
            .set(8, self.inode.to_le_bytes())
            .set(16, [self.filetype as u8])
            .set(24, self.links.to_le_bytes())
            .set(32, self.size.to_le_bytes())
            .set(40, self.accessed.to_le_bytes())
            .set(48, self.modified.to_le_bytes())
            .set(56, self.changed.to_le_bytes())
    }
}

impl Filestat {
    /// The draft's record of 56 bytes. More links than it can count are as many as it can.
    pub(crate) fn draft_record(&self) -> Record<56> {
        Record::new()
            .set(0, self.device.to_le_bytes())
            .set(8, self.inode.to_le_bytes())
            .set(16, [self.filetype as u8])
            .set(20, u32::try_from(self.links).unwrap_or(u32::MAX).to_le_bytes())
            .set(24, self.size.to_le_bytes())
            .set(32, self.accessed.to_le_bytes())
            .set(40, self.modified.to_le_bytes())
            .set(48, self.changed.to_le_bytes())
    }
}

impl From<&Metadata> for Filestat {
    fn from(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            filetype: metadata.file_type().into(),
            links: metadata.nlink(),
            size: metadata.size(),
            accessed: nanoseconds(metadata.atime(), metadata.atime_nsec()),
            modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

fn nanoseconds(seconds: i64, nanoseconds: i64) -> u64 {
    let seconds = u64::try_from(seconds).unwrap_or(0);
    let nanoseconds = u64::try_from(nanoseconds).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

/// The specification's `fdstat`, a record of 24 bytes.
pub(crate) fn fdstat(
    filetype: Filetype,
    flags: u16,
    rights: Rights,
    inheriting: Rights,
) -> Record<24> {
    Record::new()
        .set(0, [filetype as u8])
        .set(2, flags.to_le_bytes())
        .set(8, rights.0.to_le_bytes())
        .set(16, inheriting.0.to_le_bytes())
}

/// What becomes of a time stamp.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NewTime {
    /// It stays.
    Keep,
    /// What the file system's clock says.
    Now,
    /// This, in nanoseconds since 1970.
    At(u64),
}

/// Reads the specification's `fstflags`: what becomes of the time of access and of that of
/// modification.
///
/// # Errors
/// `inval` for an unknown flag, and if one time is to be both given and now.
pub(crate) fn new_times(
    accessed: u64,
    modified: u64,
    flags: u32,
) -> Result<(NewTime, NewTime), Errno> {
    let choose = |flags: u32, given: u64| match flags {
        0 => Ok(NewTime::Keep),
        1 => Ok(NewTime::At(given)),
        2 => Ok(NewTime::Now),
        _ => Err(Errno::Inval),
    };
    Ok((choose(flags & 3, accessed)?, choose(flags >> 2, modified)?))
}

impl NewTime {
    fn timespec(self) -> Timespec {
        match self {
            NewTime::Keep => Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
            NewTime::Now => Timespec { tv_sec: 0, tv_nsec: UTIME_NOW },
            NewTime::At(nanoseconds) => Timespec {
                tv_sec: (nanoseconds / 1_000_000_000).cast_signed(),
                tv_nsec: (nanoseconds % 1_000_000_000).cast_signed(),
            },
        }
    }

    /// As cap-std wants it for a path.
    pub(crate) fn spec(self) -> Option<SystemTimeSpec> {
        match self {
            NewTime::Keep => None,
            NewTime::Now => Some(SystemTimeSpec::SymbolicNow),
            NewTime::At(nanoseconds) => {
                let time = SystemTime::UNIX_EPOCH + Duration::from_nanos(nanoseconds);
                Some(SystemTimeSpec::Absolute(cap_std::time::SystemTime::from_std(time)))
            }
        }
    }
}

/// As the host wants them for an open file.
pub(crate) fn timestamps(accessed: NewTime, modified: NewTime) -> Timestamps {
    Timestamps { last_access: accessed.timespec(), last_modification: modified.timespec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_kept_given_or_now() {
        assert_eq!(new_times(1, 2, 0), Ok((NewTime::Keep, NewTime::Keep)));
        assert_eq!(new_times(1, 2, 0b1001), Ok((NewTime::At(1), NewTime::Now)));
        assert_eq!(new_times(1, 2, 0b0011), Err(Errno::Inval));
        assert_eq!(new_times(1, 2, 0b1100), Err(Errno::Inval));
        assert_eq!(new_times(1, 2, 16), Err(Errno::Inval));
    }

    #[test]
    fn times_before_1970_are_zero_and_far_ones_saturate() {
        assert_eq!(nanoseconds(-1, 999_999_999), 999_999_999);
        assert_eq!(nanoseconds(2, 5), 2_000_000_005);
        assert_eq!(nanoseconds(i64::MAX, 0), u64::MAX);
    }

    #[test]
    fn padding_is_zero() {
        let mut stat = Filestat::of_stream(Filetype::SymbolicLink);
        stat.links = u64::MAX;
        let record = stat.record();
        assert_eq!(record.bytes()[16..24], [7, 0, 0, 0, 0, 0, 0, 0]);
        let record = stat.draft_record();
        assert_eq!(record.bytes()[16..24], [7, 0, 0, 0, 255, 255, 255, 255]);
        let record = fdstat(Filetype::RegularFile, 1, Rights::FILE, Rights::NONE);
        assert_eq!(record.bytes()[0..8], [4, 0, 1, 0, 0, 0, 0, 0]);
    }
}
