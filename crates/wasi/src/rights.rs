//! Rights of a descriptor: what may be done with it, and with what is opened through it.
//!
//! **Invariants**
//! - Rights only ever shrink: a child has at most what its parent hands down, and
//!   `fd_fdstat_set_rights` takes away.

use std::ops::{BitAnd, BitOr};

/// A set of rights.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Rights(pub(crate) u64);

macro_rules! rights {
    ($($name:ident = $bit:literal;)*) => {
        impl Rights {
            $(pub(crate) const $name: Rights = Rights(1 << $bit);)*
        }
    };
}

// name = bit of the specification
rights! {
    FD_DATASYNC = 0;
    FD_READ = 1;
    FD_SEEK = 2;
    FD_FDSTAT_SET_FLAGS = 3;
    FD_SYNC = 4;
    FD_TELL = 5;
    FD_WRITE = 6;
    FD_ADVISE = 7;
    FD_ALLOCATE = 8;
    PATH_CREATE_DIRECTORY = 9;
    PATH_CREATE_FILE = 10;
    PATH_LINK_SOURCE = 11;
    PATH_LINK_TARGET = 12;
    PATH_OPEN = 13;
    FD_READDIR = 14;
    PATH_READLINK = 15;
    PATH_RENAME_SOURCE = 16;
    PATH_RENAME_TARGET = 17;
    PATH_FILESTAT_GET = 18;
    PATH_FILESTAT_SET_SIZE = 19;
    PATH_FILESTAT_SET_TIMES = 20;
    FD_FILESTAT_GET = 21;
    FD_FILESTAT_SET_SIZE = 22;
    FD_FILESTAT_SET_TIMES = 23;
    PATH_SYMLINK = 24;
    PATH_REMOVE_DIRECTORY = 25;
    PATH_UNLINK_FILE = 26;
    POLL_FD_READWRITE = 27;
    SOCK_SHUTDOWN = 28;
    SOCK_ACCEPT = 29;
}

impl Rights {
    /// No right.
    pub(crate) const NONE: Rights = Rights(0);

    /// What can be done with a file.
    pub(crate) const FILE: Rights = Rights::FD_DATASYNC
        .or(Rights::FD_READ)
        .or(Rights::FD_SEEK)
        .or(Rights::FD_FDSTAT_SET_FLAGS)
        .or(Rights::FD_SYNC)
        .or(Rights::FD_TELL)
        .or(Rights::FD_WRITE)
        .or(Rights::FD_ADVISE)
        .or(Rights::FD_ALLOCATE)
        .or(Rights::FD_FILESTAT_GET)
        .or(Rights::FD_FILESTAT_SET_SIZE)
        .or(Rights::FD_FILESTAT_SET_TIMES)
        .or(Rights::POLL_FD_READWRITE);

    /// What can be done with a directory.
    pub(crate) const DIRECTORY: Rights = Rights::FD_FDSTAT_SET_FLAGS
        .or(Rights::FD_DATASYNC)
        .or(Rights::FD_SYNC)
        .or(Rights::FD_READDIR)
        .or(Rights::FD_FILESTAT_GET)
        .or(Rights::FD_FILESTAT_SET_TIMES)
        .or(Rights::PATH_CREATE_DIRECTORY)
        .or(Rights::PATH_CREATE_FILE)
        .or(Rights::PATH_LINK_SOURCE)
        .or(Rights::PATH_LINK_TARGET)
        .or(Rights::PATH_OPEN)
        .or(Rights::PATH_READLINK)
        .or(Rights::PATH_RENAME_SOURCE)
        .or(Rights::PATH_RENAME_TARGET)
        .or(Rights::PATH_FILESTAT_GET)
        .or(Rights::PATH_FILESTAT_SET_SIZE)
        .or(Rights::PATH_FILESTAT_SET_TIMES)
        .or(Rights::PATH_SYMLINK)
        .or(Rights::PATH_REMOVE_DIRECTORY)
        .or(Rights::PATH_UNLINK_FILE);

    /// What a preopened directory hands down.
    pub(crate) const INHERITING: Rights = Rights::DIRECTORY.or(Rights::FILE);

    /// What can be done with a stream that is read. Without seek and tell, so that a C library
    /// takes a character device for a terminal.
    pub(crate) const INPUT: Rights = Rights::FD_READ
        .or(Rights::FD_FDSTAT_SET_FLAGS)
        .or(Rights::FD_FILESTAT_GET)
        .or(Rights::POLL_FD_READWRITE);

    /// What can be done with a stream that is written.
    pub(crate) const OUTPUT: Rights = Rights::FD_WRITE
        .or(Rights::FD_FDSTAT_SET_FLAGS)
        .or(Rights::FD_SYNC)
        .or(Rights::FD_DATASYNC)
        .or(Rights::FD_FILESTAT_GET)
        .or(Rights::POLL_FD_READWRITE);

    /// What can be done with a connected socket.
    pub(crate) const STREAM: Rights = Rights::INPUT.or(Rights::FD_WRITE).or(Rights::SOCK_SHUTDOWN);

    /// What can be done with a listening socket.
    pub(crate) const LISTENER: Rights = Rights::FD_FDSTAT_SET_FLAGS
        .or(Rights::FD_FILESTAT_GET)
        .or(Rights::POLL_FD_READWRITE)
        .or(Rights::SOCK_ACCEPT);

    /// The rights that need the host's file to be open for writing.
    pub(crate) const NEEDS_WRITING: Rights =
        Rights::FD_WRITE.or(Rights::FD_ALLOCATE).or(Rights::FD_FILESTAT_SET_SIZE);

    const fn or(self, other: Rights) -> Rights {
        Rights(self.0 | other.0)
    }

    /// Whether all of `other` are among these.
    pub(crate) fn contains(self, other: Rights) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether one of `other` is among these.
    pub(crate) fn intersects(self, other: Rights) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitAnd for Rights {
    type Output = Rights;
    fn bitand(self, other: Rights) -> Rights {
        Rights(self.0 & other.0)
    }
}

impl BitOr for Rights {
    type Output = Rights;
    fn bitor(self, other: Rights) -> Rights {
        self.or(other)
    }
}
