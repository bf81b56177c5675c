//! The error numbers of preview 1, and which of them a host error is.
//!
//! One table: the specification's name and number, what it means, and the host's error numbers
//! that become it. It never loses an error: what has no row is [`Errno::Io`].
//!
//! **Invariants**
//! - Success has no row, so an [`Errno`] is always a failure.

use std::fmt;
use std::io;

use rustix::io::Errno as HostErrno;

macro_rules! errnos {
    ($($name:ident = $number:literal, $message:literal $(, $host:ident)?;)*) => {
        /// Why a WASI function failed, as the guest sees it.
        ///
        /// ```
        /// let errno = brolga_wasi::Errno::from(std::io::ErrorKind::NotFound);
        /// assert_eq!(errno, brolga_wasi::Errno::Noent);
        /// assert_eq!(errno.number(), 44);
        /// ```
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u16)]
        #[non_exhaustive]
        pub enum Errno {
            $(#[doc = concat!($message, ".")] $name = $number,)*
        }

        impl Errno {
            fn message(self) -> &'static str {
                match self {
                    $(Errno::$name => $message,)*
                }
            }
        }

        impl From<HostErrno> for Errno {
            fn from(errno: HostErrno) -> Errno {
                match errno {
                    $($(HostErrno::$host => Errno::$name,)?)*
                    _ => Errno::Io,
                }
            }
        }
    };
}

// name = number of the specification, message, the host's number
errnos! {
    TooBig = 1, "argument list too long", TOOBIG;
    Acces = 2, "permission denied", ACCESS;
    Addrinuse = 3, "address in use", ADDRINUSE;
    Addrnotavail = 4, "address not available", ADDRNOTAVAIL;
    Afnosupport = 5, "address family not supported", AFNOSUPPORT;
    Again = 6, "resource unavailable, or operation would block", AGAIN;
    Already = 7, "connection already in progress", ALREADY;
    Badf = 8, "bad file descriptor", BADF;
    Badmsg = 9, "bad message", BADMSG;
    Busy = 10, "device or resource busy", BUSY;
    Canceled = 11, "operation canceled", CANCELED;
    Child = 12, "no child processes", CHILD;
    Connaborted = 13, "connection aborted", CONNABORTED;
    Connrefused = 14, "connection refused", CONNREFUSED;
    Connreset = 15, "connection reset", CONNRESET;
    Deadlk = 16, "resource deadlock would occur", DEADLK;
    Destaddrreq = 17, "destination address required", DESTADDRREQ;
    Dom = 18, "argument out of the domain of the function", DOM;
    Dquot = 19, "disk quota exceeded", DQUOT;
    Exist = 20, "file exists", EXIST;
    Fault = 21, "address outside the guest's memory", FAULT;
    Fbig = 22, "file too large", FBIG;
    Hostunreach = 23, "host is unreachable", HOSTUNREACH;
    Idrm = 24, "identifier removed", IDRM;
    Ilseq = 25, "illegal byte sequence", ILSEQ;
    Inprogress = 26, "operation in progress", INPROGRESS;
    Intr = 27, "interrupted function", INTR;
    Inval = 28, "invalid argument", INVAL;
    Io = 29, "input or output error", IO;
    Isconn = 30, "socket is connected", ISCONN;
    Isdir = 31, "is a directory", ISDIR;
    Loop = 32, "too many levels of symbolic links", LOOP;
    Mfile = 33, "too many open files", MFILE;
    Mlink = 34, "too many links", MLINK;
    Msgsize = 35, "message too large", MSGSIZE;
    Multihop = 36, "multihop attempted", MULTIHOP;
    Nametoolong = 37, "file name too long", NAMETOOLONG;
    Netdown = 38, "network is down", NETDOWN;
    Netreset = 39, "connection aborted by network", NETRESET;
    Netunreach = 40, "network unreachable", NETUNREACH;
    Nfile = 41, "too many files open in the system", NFILE;
    Nobufs = 42, "no buffer space available", NOBUFS;
    Nodev = 43, "no such device", NODEV;
    Noent = 44, "no such file or directory", NOENT;
    Noexec = 45, "executable file format error", NOEXEC;
    Nolck = 46, "no locks available", NOLCK;
    Nolink = 47, "link severed", NOLINK;
    Nomem = 48, "not enough space", NOMEM;
    Nomsg = 49, "no message of the desired type", NOMSG;
    Noprotoopt = 50, "protocol not available", NOPROTOOPT;
    Nospc = 51, "no space left on device", NOSPC;
    Nosys = 52, "function not supported", NOSYS;
    Notconn = 53, "socket not connected", NOTCONN;
    Notdir = 54, "not a directory", NOTDIR;
    Notempty = 55, "directory not empty", NOTEMPTY;
    Notrecoverable = 56, "state not recoverable", NOTRECOVERABLE;
    Notsock = 57, "not a socket", NOTSOCK;
    Notsup = 58, "not supported", NOTSUP;
    Notty = 59, "inappropriate control operation", NOTTY;
    Nxio = 60, "no such device or address", NXIO;
    Overflow = 61, "value too large", OVERFLOW;
    Ownerdead = 62, "previous owner died", OWNERDEAD;
    Perm = 63, "operation not permitted", PERM;
    Pipe = 64, "broken pipe", PIPE;
    Proto = 65, "protocol error", PROTO;
    Protonosupport = 66, "protocol not supported", PROTONOSUPPORT;
    Prototype = 67, "protocol of the wrong type for the socket", PROTOTYPE;
    Range = 68, "result too large", RANGE;
    Rofs = 69, "read-only file system", ROFS;
    Spipe = 70, "invalid seek", SPIPE;
    Srch = 71, "no such process", SRCH;
    Stale = 72, "stale file handle", STALE;
    Timedout = 73, "operation timed out", TIMEDOUT;
    Txtbsy = 74, "text file busy", TXTBSY;
    Xdev = 75, "cross-device link", XDEV;
    Notcapable = 76, "the descriptor lacks the right";
}

impl Errno {
    /// The number that the guest gets.
    pub fn number(self) -> u16 {
        self as u16
    }

    /// The specification's name.
    ///
    /// ```
    /// assert_eq!(brolga_wasi::Errno::Noent.name(), "noent");
    /// assert_eq!(brolga_wasi::Errno::TooBig.name(), "2big");
    /// ```
    pub fn name(self) -> String {
        match self {
            Errno::TooBig => "2big".to_owned(),
            _ => format!("{self:?}").to_ascii_lowercase(),
        }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for Errno {}

/// Errors without a host number: those of the sandbox and of an embedder's readers and writers.
impl From<io::ErrorKind> for Errno {
    fn from(kind: io::ErrorKind) -> Errno {
        match kind {
            io::ErrorKind::NotFound => Errno::Noent,
            // What leads out of the sandbox has no host number, and is not permitted.
            io::ErrorKind::PermissionDenied => Errno::Perm,
            io::ErrorKind::AlreadyExists => Errno::Exist,
            io::ErrorKind::WouldBlock => Errno::Again,
            io::ErrorKind::InvalidInput => Errno::Inval,
            io::ErrorKind::InvalidData => Errno::Ilseq,
            io::ErrorKind::TimedOut => Errno::Timedout,
            io::ErrorKind::Interrupted => Errno::Intr,
            io::ErrorKind::Unsupported => Errno::Notsup,
            io::ErrorKind::OutOfMemory => Errno::Nomem,
            io::ErrorKind::BrokenPipe => Errno::Pipe,
            io::ErrorKind::StorageFull => Errno::Nospc,
            io::ErrorKind::NotADirectory => Errno::Notdir,
            io::ErrorKind::IsADirectory => Errno::Isdir,
            io::ErrorKind::ReadOnlyFilesystem => Errno::Rofs,
            _ => Errno::Io,
        }
    }
}

impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Errno {
        match HostErrno::from_io_error(&error) {
            Some(errno) => errno.into(),
            None => error.kind().into(),
        }
    }
}

impl From<std::num::TryFromIntError> for Errno {
    fn from(_: std::num::TryFromIntError) -> Errno {
        Errno::Overflow
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_errors_keep_their_meaning() {
        let host = |errno: HostErrno| Errno::from(io::Error::from(errno));
        assert_eq!(host(HostErrno::NOENT), Errno::Noent);
        assert_eq!(host(HostErrno::NOTEMPTY), Errno::Notempty);
        assert_eq!(host(HostErrno::LOOP), Errno::Loop);
        assert_eq!(Errno::Notcapable.number(), 76);
        assert_eq!(Errno::TooBig.number(), 1);
    }

    #[test]
    fn what_has_no_row_is_an_input_or_output_error() {
        assert_eq!(Errno::from(HostErrno::XFULL), Errno::Io);
        assert_eq!(Errno::from(io::Error::other("a writer's own")), Errno::Io);
    }
}
