//! What the functions' parameters mean: one table, a line a function, for the log.
//!
//! The names are the specification's. What the guest gets back by an address it passed stands where
//! the address does.

use crate::errno::Errno;
use crate::log::LogScopes;

/// One function.
#[derive(Debug)]
pub(crate) struct Signature {
    pub(crate) name: &'static str,
    pub(crate) scope: LogScopes,
    pub(crate) params: &'static [(&'static str, Kind)],
}

/// What a parameter, or two that belong together, mean.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Number,
    Signed,
    /// An address whose contents are not shown.
    Address,
    /// An address and a length: bytes that are not shown.
    Bytes,
    /// An address and a length: text.
    Text,
    /// An address and a number of buffers.
    Buffers,
    /// One of these.
    One(&'static [&'static str]),
    /// Any of these, by bits.
    Flags(&'static [&'static str]),
    /// The list of subscriptions; how many is two parameters on.
    Subscriptions,
    /// Set by the function: a 16-bit number.
    ResultU16,
    /// Set by the function: a 32-bit number.
    ResultU32,
    /// Set by the function: a 64-bit number.
    ResultU64,
    ResultFilestat,
    ResultFdstat,
    ResultPrestat,
    /// Set by the function: an address and room for text, all of it.
    ResultText,
    /// Set by the function: an address and room for text, as long as the next parameter's result.
    ResultTextUsed,
}

use Kind::{
    Address, Buffers, Bytes, Flags, Number, One, ResultFdstat, ResultFilestat, ResultPrestat,
    ResultText, ResultTextUsed, ResultU16, ResultU32, ResultU64, Signed, Subscriptions, Text,
};

const ADVICE: Kind = One(&["normal", "sequential", "random", "willneed", "dontneed", "noreuse"]);
const CLOCK: Kind = One(CLOCKS);
/// The names of the clocks, by number.
pub(crate) const CLOCKS: &[&str] = &["realtime", "monotonic", "process_cputime", "thread_cputime"];
/// The names of a descriptor's flags, by bit.
pub(crate) const FDFLAGS: &[&str] = &["append", "dsync", "nonblock", "rsync", "sync"];
const FD_FLAGS: Kind = Flags(FDFLAGS);
const FST_FLAGS: Kind = Flags(&["atim", "atim_now", "mtim", "mtim_now"]);
const LOOKUP: Kind = Flags(&["symlink_follow"]);
const OFLAGS: Kind = Flags(&["creat", "directory", "excl", "trunc"]);
const RIGHTS: Kind = Flags(&[
    "fd_datasync",
    "fd_read",
    "fd_seek",
    "fd_fdstat_set_flags",
    "fd_sync",
    "fd_tell",
    "fd_write",
    "fd_advise",
    "fd_allocate",
    "path_create_directory",
    "path_create_file",
    "path_link_source",
    "path_link_target",
    "path_open",
    "fd_readdir",
    "path_readlink",
    "path_rename_source",
    "path_rename_target",
    "path_filestat_get",
    "path_filestat_set_size",
    "path_filestat_set_times",
    "fd_filestat_get",
    "fd_filestat_set_size",
    "fd_filestat_set_times",
    "path_symlink",
    "path_remove_directory",
    "path_unlink_file",
    "poll_fd_readwrite",
    "sock_shutdown",
    "sock_accept",
]);
const RIFLAGS: Kind = Flags(&["recv_peek", "recv_waitall"]);
const SDFLAGS: Kind = Flags(&["rd", "wr"]);
/// The names of the types of files, by number.
pub(crate) const FILETYPES: &[&str] = &[
    "unknown",
    "block_device",
    "character_device",
    "directory",
    "regular_file",
    "socket_dgram",
    "socket_stream",
    "symbolic_link",
];
const SIGNALS: Kind = One(&[
    "none", "hup", "int", "quit", "ill", "trap", "abrt", "bus", "fpe", "kill", "usr1", "segv",
    "usr2", "pipe", "alrm", "term", "chld", "cont", "stop", "tstp", "ttin", "ttou", "urg", "xcpu",
    "xfsz", "vtalrm", "prof", "winch", "poll", "pwr", "sys",
]);

macro_rules! signatures {
    ($($scope:ident $name:ident: $($param:ident $kind:expr),* ;)*) => {
        /// The table.
        pub(crate) const SIGNATURES: &[Signature] = &[$(Signature {
            name: stringify!($name),
            scope: LogScopes::$scope,
            params: &[$((stringify!($param), $kind)),*],
        }),*];
    };
}

signatures! {
    PROC args_get: argv Address, argv_buf Address;
    PROC args_sizes_get: count ResultU32, bytes ResultU32;
    PROC environ_get: environ Address, environ_buf Address;
    PROC environ_sizes_get: count ResultU32, bytes ResultU32;
    CLOCK clock_res_get: id CLOCK, resolution ResultU64;
    CLOCK clock_time_get: id CLOCK, precision Number, time ResultU64;
    FILESYSTEM fd_advise: fd Number, offset Number, len Number, advice ADVICE;
    FILESYSTEM fd_allocate: fd Number, offset Number, len Number;
    FILESYSTEM fd_close: fd Number;
    FILESYSTEM fd_datasync: fd Number;
    FILESYSTEM fd_fdstat_get: fd Number, stat ResultFdstat;
    FILESYSTEM fd_fdstat_set_flags: fd Number, flags FD_FLAGS;
    FILESYSTEM fd_fdstat_set_rights: fd Number, base RIGHTS, inheriting RIGHTS;
    FILESYSTEM fd_filestat_get: fd Number, stat ResultFilestat;
    FILESYSTEM fd_filestat_set_size: fd Number, size Number;
    FILESYSTEM fd_filestat_set_times: fd Number, atim Number, mtim Number, flags FST_FLAGS;
    FILESYSTEM fd_pread: fd Number, iovs Buffers, offset Number, nread ResultU32;
    FILESYSTEM fd_prestat_get: fd Number, prestat ResultPrestat;
    FILESYSTEM fd_prestat_dir_name: fd Number, path ResultText;
    FILESYSTEM fd_pwrite: fd Number, iovs Buffers, offset Number, nwritten ResultU32;
    FILESYSTEM fd_read: fd Number, iovs Buffers, nread ResultU32;
    FILESYSTEM fd_readdir: fd Number, buf Bytes, cookie Number, bufused ResultU32;
    FILESYSTEM fd_renumber: fd Number, to Number;
    FILESYSTEM fd_seek: fd Number, offset Signed, whence Number, newoffset ResultU64;
    FILESYSTEM fd_sync: fd Number;
    FILESYSTEM fd_tell: fd Number, offset ResultU64;
    FILESYSTEM fd_write: fd Number, iovs Buffers, nwritten ResultU32;
    FILESYSTEM path_create_directory: fd Number, path Text;
    FILESYSTEM path_filestat_get: fd Number, flags LOOKUP, path Text, stat ResultFilestat;
    FILESYSTEM path_filestat_set_times: fd Number, flags LOOKUP, path Text, atim Number, mtim Number, fst_flags FST_FLAGS;
    FILESYSTEM path_link: old_fd Number, old_flags LOOKUP, old_path Text, new_fd Number, new_path Text;
    FILESYSTEM path_open: fd Number, dirflags LOOKUP, path Text, oflags OFLAGS, base RIGHTS, inheriting RIGHTS, fdflags FD_FLAGS, opened_fd ResultU32;
    FILESYSTEM path_readlink: fd Number, path Text, target ResultTextUsed, bufused ResultU32;
    FILESYSTEM path_remove_directory: fd Number, path Text;
    FILESYSTEM path_rename: fd Number, old_path Text, new_fd Number, new_path Text;
    FILESYSTEM path_symlink: old_path Text, fd Number, new_path Text;
    FILESYSTEM path_unlink_file: fd Number, path Text;
    POLL poll_oneoff: subscriptions Subscriptions, events Address, nsubscriptions Number, nevents ResultU32;
    PROC proc_exit: rval Number;
    PROC proc_raise: sig SIGNALS;
    RANDOM random_get: buf Bytes;
    PROC sched_yield: ;
    SOCK sock_accept: fd Number, flags FD_FLAGS, fd_out ResultU32;
    SOCK sock_recv: fd Number, ri_data Buffers, ri_flags RIFLAGS, nread ResultU32, ro_flags ResultU16;
    SOCK sock_send: fd Number, si_data Buffers, si_flags Number, nwritten ResultU32;
    SOCK sock_shutdown: fd Number, how SDFLAGS;
}

/// The line of the function `name`.
///
/// # Errors
/// `nosys` if there is none.
pub(crate) fn of(name: &str) -> Result<&'static Signature, Errno> {
    SIGNATURES.iter().find(|signature| signature.name == name).ok_or(Errno::Nosys)
}
