//! Which function gives which errno: the table, and the test that has seen each.

use std::collections::BTreeSet;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use super::{ALL, BULK, CREATE, DIRECTORY, EXCLUSIVE, LOOK, READ, RESULT, RO, RW, World};
use crate::Errno::{self, *};
use crate::call::Call;
use crate::signature::SIGNATURES;
use crate::{Clock, Clocks, MemoryFs, MemoryLimits, Random, WasiCtxBuilder, WasiLimits, proc};

/// What every function that takes a path may fail with.
const PATH: &[Errno] =
    &[Badf, Fault, Ilseq, Inval, Loop, Nametoolong, Noent, Nomem, Notcapable, Notdir, Perm];
/// What every function that takes buffers may fail with.
const BUFFERS: &[Errno] = &[Badf, Fault, Inval, Nomem];

/// What every function may fail with, success apart: as others like it, and besides. What only
/// another file system, a network or a host that is short of something says is not here.
const TABLE: &[(&str, &[Errno], &[Errno])] = &[
    ("args_get", &[], &[Fault]),
    ("args_sizes_get", &[], &[Fault]),
    ("environ_get", &[], &[Fault]),
    ("environ_sizes_get", &[], &[Fault]),
    ("clock_res_get", &[], &[Fault, Inval, Notsup]),
    ("clock_time_get", &[], &[Fault, Inval, Notsup]),
    ("fd_advise", &[], &[Badf, Inval, Isdir, Notcapable, Spipe]),
    ("fd_allocate", &[], &[Badf, Fbig, Inval, Isdir, Nospc, Notcapable, Spipe]),
    ("fd_close", &[], &[Badf]),
    ("fd_datasync", &[], &[Badf, Notcapable]),
    ("fd_fdstat_get", &[], &[Badf, Fault]),
    ("fd_fdstat_set_flags", &[], &[Badf, Inval, Notcapable]),
    ("fd_fdstat_set_rights", &[], &[Badf, Notcapable]),
    ("fd_filestat_get", &[], &[Badf, Fault, Notcapable]),
    ("fd_filestat_set_size", &[], &[Badf, Fbig, Isdir, Nospc, Notcapable, Spipe]),
    ("fd_filestat_set_times", &[], &[Badf, Inval, Notcapable, Rofs]),
    ("fd_pread", BUFFERS, &[Isdir, Notcapable, Spipe]),
    ("fd_prestat_get", &[], &[Badf, Fault]),
    ("fd_prestat_dir_name", &[], &[Badf, Fault, Nametoolong]),
    ("fd_pwrite", BUFFERS, &[Isdir, Nospc, Notcapable, Spipe]),
    ("fd_read", BUFFERS, &[Again, Isdir]),
    ("fd_readdir", &[], &[Badf, Fault, Notcapable, Overflow]),
    ("fd_renumber", &[], &[Badf]),
    ("fd_seek", &[], &[Badf, Fault, Inval, Isdir, Notcapable, Spipe]),
    ("fd_sync", &[], &[Badf, Notcapable]),
    ("fd_tell", &[], &[Badf, Fault, Isdir, Notcapable, Spipe]),
    ("fd_write", BUFFERS, &[Fbig, Isdir, Nospc, Pipe]),
    ("path_create_directory", PATH, &[Exist, Nospc, Rofs]),
    ("path_filestat_get", PATH, &[]),
    ("path_filestat_set_times", PATH, &[Rofs]),
    ("path_link", PATH, &[Exist, Nospc, Rofs, Xdev]),
    ("path_open", PATH, &[Exist, Isdir, Mfile, Nospc, Rofs]),
    ("path_readlink", PATH, &[]),
    ("path_remove_directory", PATH, &[Notempty, Rofs]),
    ("path_rename", PATH, &[Busy, Isdir, Nospc, Notempty, Rofs, Xdev]),
    ("path_symlink", PATH, &[Exist, Nospc, Rofs]),
    ("path_unlink_file", PATH, &[Isdir, Rofs]),
    ("poll_oneoff", &[], &[Fault, Inval, Nomem]),
    // It does not return; `tests::draft` and the crate's first example see it end the program.
    ("proc_exit", &[], &[]),
    ("proc_raise", &[], &[Inval, Notsup]),
    ("random_get", &[], &[Fault, Inval, Io]),
    ("sched_yield", &[], &[]),
    ("sock_accept", &[], &[Again, Badf, Fault, Inval, Mfile, Notcapable, Notsock]),
    ("sock_recv", BUFFERS, &[Again, Notcapable, Notconn, Notsock]),
    ("sock_send", BUFFERS, &[Notcapable, Notconn, Notsock, Pipe]),
    ("sock_shutdown", &[], &[Badf, Inval, Notcapable, Notconn, Notsock]),
];

const MEMORY: u32 = 5;
const LISTENER: u32 = 6;
const STREAM: u32 = 7;
const NOWHERE: u32 = 65_534;
const NONBLOCK: u32 = 4;
const LINKS: &[(&str, &str)] = &[("loop", "loop"), ("absolute", "/x")];
/// What the file system in memory holds, and no more.
const QUOTA: MemoryLimits = MemoryLimits { bytes: 20, entries: 2 };

struct NoClocks;

impl Clocks for NoClocks {
    fn now(&mut self, _: Clock) -> Option<u64> {
        None
    }
    fn resolution(&self, _: Clock) -> Option<u64> {
        None
    }
    fn sleep(&mut self, _: Duration) {}
}

struct NoRandom;

impl Random for NoRandom {
    fn fill(&mut self, _: &mut [u8]) -> io::Result<()> {
        Err(io::Error::other("none"))
    }
}

/// A world to try things in, and what was seen.
struct Probe {
    world: World,
    peer: TcpStream,
    /// Functions and errno numbers; none is success.
    seen: BTreeSet<(&'static str, Option<u16>)>,
}

impl Probe {
    fn new() -> Self {
        let (world, peer) = Self::fresh();
        Self { world, peer, seen: BTreeSet::new() }
    }

    fn fresh() -> (World, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        listener.set_nonblocking(true).unwrap();
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let memory = MemoryFs::new(QUOTA);
        memory.write("file", b"0123456789").unwrap();
        let limits = WasiLimits { descriptors: 16, random_bytes: 1000, ..Default::default() };
        let change = |builder: &mut WasiCtxBuilder| {
            builder.preopened_fs(memory.clone(), "/memory").unwrap();
            builder.arg("prog").env("A", "1").stderr_fd(writer).limits(limits);
            builder.preopened_listener(listener).preopened_stream(stream);
        };
        let mut world = World::made(super::Kind::Kernel, LINKS, |builder| {
            change(builder);
            builder
        });
        // The second time, the long line of arguments lies where it did.
        world.put(BULK, &[b'x'; 300]);
        for fd in [LISTENER, STREAM] {
            world.call().fd_fdstat_set_flags(fd, NONBLOCK).unwrap();
        }
        (world, peer)
    }

    /// Begins anew.
    fn renew(&mut self) {
        (self.world, self.peer) = Self::fresh();
    }

    /// Notes what came of a call.
    fn note(&mut self, function: &'static str, outcome: Result<(), Errno>) {
        let errno = outcome.err().map(|errno| {
            let row = TABLE.iter().find(|(name, ..)| *name == function);
            let (_, alike, besides) = row.unwrap_or_else(|| panic!("{function} has no row"));
            let is_listed = alike.contains(&errno) || besides.contains(&errno);
            assert!(is_listed, "{function} gave {errno:?}, which is not listed");
            errno.number()
        });
        self.seen.insert((function, errno));
    }

    /// Makes a call and notes what came of it.
    fn call(
        &mut self,
        function: &'static str,
        call: impl FnOnce(&mut Call<'_>) -> Result<(), Errno>,
    ) {
        let outcome = call(&mut self.world.call());
        self.note(function, outcome);
    }

    fn open(&mut self, rights: u64) -> u32 {
        self.world.open("file", 0, rights).unwrap()
    }

    /// A descriptor without rights, of `fd`.
    fn bare(&mut self, fd: u32) -> u32 {
        self.world.call().fd_fdstat_set_rights(fd, 0, 0).unwrap();
        fd
    }
}

#[test]
#[cfg_attr(miri, ignore = "sockets have options, which Miri does not have")]
fn each_errno_that_is_listed_is_seen() {
    let mut probe = Probe::new();
    let steps: [fn(&mut Probe); 9] =
        [strings, clocks, descriptors, sizes, transfers, places, directories, paths, sockets];
    for step in steps {
        probe.renew();
        step(&mut probe);
    }
    let listed: BTreeSet<_> = TABLE.iter().map(|(name, ..)| *name).collect();
    assert_eq!(listed, SIGNATURES.iter().map(|signature| signature.name).collect());
    let mut missing = Vec::new();
    for (function, alike, besides) in TABLE {
        // One does not return.
        if !probe.seen.contains(&(function, None)) && *function != "proc_exit" {
            missing.push(format!("{function} without an error"));
        }
        let unseen = |errno: &&Errno| !probe.seen.contains(&(function, Some(errno.number())));
        let unseen = alike.iter().chain(*besides).filter(unseen);
        missing.extend(unseen.map(|errno| format!("{function} {errno:?}")));
    }
    assert!(missing.is_empty(), "never seen: {}", missing.join(", "));
}

fn strings(probe: &mut Probe) {
    for (list, bytes) in [(RESULT, BULK), (NOWHERE, BULK), (RESULT, NOWHERE)] {
        probe.call("args_get", |call| call.args_get(list, bytes));
        probe.call("environ_get", |call| call.environ_get(list, bytes));
        probe.call("args_sizes_get", |call| call.args_sizes_get(list, bytes));
        probe.call("environ_sizes_get", |call| call.environ_sizes_get(list, bytes));
    }
    for length in [10, 1001] {
        probe.call("random_get", |call| call.random_get(BULK, length));
    }
    probe.call("random_get", |call| call.random_get(NOWHERE, 10));
    probe.world.context.random = Box::new(NoRandom);
    probe.call("random_get", |call| call.random_get(BULK, 10));
    for signal in [0, 18, 31] {
        probe.call("proc_raise", |_| proc::raise(signal).unwrap());
    }
}

fn clocks(probe: &mut Probe) {
    for _ in 0..2 {
        for (clock, result) in [(0, RESULT), (9, RESULT), (0, NOWHERE)] {
            probe.call("clock_res_get", |call| call.clock_res_get(clock, result));
            probe.call("clock_time_get", |call| call.clock_time_get(clock, 0, result));
        }
        probe.world.context.clocks = Box::new(NoClocks);
    }
    probe.call("sched_yield", |call| call.sched_yield());
    for (at, count, result, bytes) in
        [(0, 0, RESULT, 999), (NOWHERE, 1, RESULT, 999), (0, 1, RESULT, 999), (0, 1, RESULT, 9)]
    {
        probe.world.context.limits.call_bytes = bytes;
        probe.world.put(0, &[0; 48]);
        probe.world.context.clocks = Box::new(crate::FixedClocks::default());
        probe.call("poll_oneoff", |call| call.poll_oneoff(at, BULK, count, result));
    }
}

fn descriptors(probe: &mut Probe) {
    let file = probe.open(ALL);
    for fd in [file, 99] {
        probe.call("fd_sync", |call| call.fd_sync(fd));
        probe.call("fd_datasync", |call| call.fd_datasync(fd));
        probe.call("fd_renumber", |call| call.fd_renumber(fd, fd));
        for result in [RESULT, NOWHERE] {
            probe.call("fd_fdstat_get", |call| call.fd_fdstat_get(fd, result));
            probe.call("fd_filestat_get", |call| call.fd_filestat_get(fd, result));
        }
        for flags in [0, 32] {
            probe.call("fd_fdstat_set_flags", |call| call.fd_fdstat_set_flags(fd, flags));
        }
        for times in [0b0101, 0b0011] {
            let set = |call: &mut Call<'_>| call.fd_filestat_set_times(fd, 0, 0, times);
            probe.call("fd_filestat_set_times", set);
        }
    }
    probe.call("fd_filestat_set_times", |call| call.fd_filestat_set_times(RO, 0, 0, 0b1010));
    probe.call("fd_fdstat_set_rights", |call| call.fd_fdstat_set_rights(99, 0, 0));
    probe.call("fd_fdstat_set_rights", |call| call.fd_fdstat_set_rights(file, 0, 0));
    probe.call("fd_fdstat_set_rights", |call| call.fd_fdstat_set_rights(file, 1, 0));
    probe.call("fd_sync", |call| call.fd_sync(file));
    probe.call("fd_datasync", |call| call.fd_datasync(file));
    probe.call("fd_filestat_get", |call| call.fd_filestat_get(file, RESULT));
    probe.call("fd_fdstat_set_flags", |call| call.fd_fdstat_set_flags(file, 0));
    probe.call("fd_filestat_set_times", |call| call.fd_filestat_set_times(file, 0, 0, 0));
    for fd in [file, file] {
        probe.call("fd_close", |call| call.fd_close(fd));
    }
    for (fd, result, room) in [(RO, RESULT, 3), (RO, NOWHERE, 4), (RO, RESULT, 2), (0, RESULT, 9)] {
        probe.call("fd_prestat_get", |call| call.fd_prestat_get(fd, result));
        probe.call("fd_prestat_dir_name", |call| call.fd_prestat_dir_name(fd, result, room));
    }
}

fn sizes(probe: &mut Probe) {
    let memory = probe.world.open_at(MEMORY, "file", 0, ALL).unwrap();
    let (file, bare) = (probe.open(ALL), probe.open(ALL));
    let bare = probe.bare(bare);
    for fd in [file, memory, bare, 0, RW, 99] {
        for size in [5, 100, u64::MAX] {
            let set = |call: &mut Call<'_>| call.fd_filestat_set_size(fd, size);
            probe.call("fd_filestat_set_size", set);
            probe.call("fd_allocate", |call| call.fd_allocate(fd, size, 1));
        }
        probe.call("fd_allocate", |call| call.fd_allocate(fd, 0, 0));
        for advice in [0, 9] {
            probe.call("fd_advise", |call| call.fd_advise(fd, 0, 1, advice));
        }
    }
}

fn transfers(probe: &mut Probe) {
    let memory = probe.world.open_at(MEMORY, "file", 0, ALL).unwrap();
    let (file, seek) = (probe.open(ALL), 1 << 2);
    let (blind, fixed) = (probe.open(seek), probe.open(READ | 1 << 6));
    let (list, _) = probe.world.buffer(30);
    let flow = |probe: &mut Probe, fd, address, count, offset, result| {
        probe.call("fd_read", |call| call.fd_read(fd, address, count, result));
        probe.call("fd_pread", |call| call.fd_pread(fd, address, count, offset, result));
        probe.call("fd_pwrite", |call| call.fd_pwrite(fd, address, count, offset, result));
        probe.call("fd_write", |call| call.fd_write(fd, address, count, result));
    };
    for fd in [file, memory, blind, fixed, 0, 1, 2, RW, STREAM, 99] {
        for (address, count, offset, result) in [
            (list, 1, 0, RESULT),
            (list, 1, 1 << 40, RESULT),
            (list, 1, u64::MAX, RESULT),
            (NOWHERE, 1, 0, RESULT),
            (list, 1, 0, NOWHERE),
            (list, 2000, 0, RESULT),
        ] {
            flow(probe, fd, address, count, offset, result);
        }
    }
    probe.world.call().fd_seek(memory, i64::MAX, 0, RESULT).unwrap();
    flow(probe, memory, list, 1, 0, RESULT);
    probe.world.context.limits.call_bytes = 7;
    flow(probe, file, list, 1, 0, RESULT);
}

fn places(probe: &mut Probe) {
    let (file, bare) = (probe.open(ALL), probe.open(ALL));
    let bare = probe.bare(bare);
    for fd in [file, bare, 0, RW, 99] {
        for result in [RESULT, NOWHERE] {
            probe.call("fd_tell", |call| call.fd_tell(fd, result));
            for (offset, whence) in [(1, 0), (0, 9)] {
                probe.call("fd_seek", |call| call.fd_seek(fd, offset, whence, result));
            }
        }
    }
}

fn directories(probe: &mut Probe) {
    let file = probe.open(ALL);
    let dir = probe.world.open("dir", DIRECTORY, LOOK).unwrap();
    for max in [100, 1] {
        probe.world.context.limits.directory_entries = max;
        for (fd, address) in [(dir, BULK), (dir, NOWHERE), (file, BULK), (99, BULK)] {
            probe.call("fd_readdir", |call| call.fd_readdir(fd, address, 200, 0, RESULT));
        }
    }
    let bare = probe.bare(dir);
    probe.call("fd_readdir", |call| call.fd_readdir(bare, BULK, 200, 0, RESULT));
    while probe.world.open("file", 0, READ).is_ok() {}
    probe.call("sock_accept", |call| call.sock_accept(LISTENER, 0, RESULT));
    let (path, length) = probe.world.path("file");
    let open = |call: &mut Call<'_>| call.path_open(RW, 0, path, length, 0, READ, 0, 0, RESULT);
    probe.call("path_open", open);
}

/// A function that takes a path, by descriptor, address and length.
type ByPath = fn(&mut Call<'_>, u32, u32, u32) -> Result<(), Errno>;

/// Where the name of a file that is there lies.
const THERE: (u32, u32) = (4096, 4);
/// Where a new name lies.
const NEW: (u32, u32) = (4200, 3);

const BY_PATH: &[(&str, ByPath)] = &[
    ("path_create_directory", |call, fd, at, length| call.path_create_directory(fd, at, length)),
    ("path_filestat_get", |call, fd, at, length| call.path_filestat_get(fd, 1, at, length, RESULT)),
    ("path_filestat_get", |call, fd, at, length| {
        call.path_filestat_get(fd, 0, at, length, NOWHERE)
    }),
    ("path_filestat_set_times", |call, fd, at, length| {
        call.path_filestat_set_times(fd, 1, at, length, 0, 0, 0)
    }),
    ("path_link", |call, fd, at, length| {
        call.path_link(fd, 1, at, length, RW, NEW.0, NEW.1)?;
        call.path_unlink_file(RW, NEW.0, NEW.1)
    }),
    ("path_link", |call, fd, at, length| call.path_link(RW, 0, THERE.0, THERE.1, fd, at, length)),
    ("path_open", |call, fd, at, length| {
        call.path_open(fd, 1, at, length, 0, READ, 0, 0, RESULT)?;
        call.fd_close(8)
    }),
    ("path_open", |call, fd, at, length| {
        call.path_open(fd, 0, at, length, CREATE | EXCLUSIVE, READ, 0, 0, RESULT)?;
        call.fd_close(8)
    }),
    ("path_open", |call, fd, at, length| {
        call.path_open(fd, 0, at, length, 0, ALL, 0, 0, RESULT)?;
        call.fd_close(8)
    }),
    ("path_open", |call, fd, at, length| call.path_open(fd, 0, at, length, 0, READ, 0, 0, NOWHERE)),
    ("path_readlink", |call, fd, at, length| call.path_readlink(fd, at, length, BULK, 9, RESULT)),
    ("path_readlink", |call, fd, at, length| {
        call.path_readlink(fd, at, length, NOWHERE, 9, RESULT)
    }),
    ("path_rename", |call, fd, at, length| {
        call.path_rename(RW, THERE.0, THERE.1, fd, at, length)?;
        call.path_rename(fd, at, length, RW, THERE.0, THERE.1)
    }),
    ("path_rename", |call, fd, at, length| {
        call.path_rename(fd, at, length, RW, NEW.0, NEW.1)?;
        call.path_rename(RW, NEW.0, NEW.1, fd, at, length)
    }),
    ("path_symlink", |call, fd, at, length| call.path_symlink(THERE.0, THERE.1, fd, at, length)),
    ("path_symlink", |call, fd, at, length| call.path_symlink(at, length, fd, NEW.0, NEW.1)),
    ("path_unlink_file", |call, fd, at, length| call.path_unlink_file(fd, at, length)),
    ("path_remove_directory", |call, fd, at, length| call.path_remove_directory(fd, at, length)),
];

fn paths(probe: &mut Probe) {
    let long = "x".repeat(300);
    let names = [
        "", ".", "..", "/x", "a\0b", "file/x", "loop/x", "no/x", "dir", "link", "absolute", "file",
        "more", &long,
    ];
    for (function, by_path) in BY_PATH {
        for fd in [RW, RO, MEMORY, 0, 99] {
            for path in names {
                let (at, length) = probe.world.path(path);
                probe.world.put(THERE.0, b"file");
                probe.world.put(NEW.0, b"new");
                probe.call(function, |call| by_path(call, fd, at, length));
            }
            probe.call(function, |call| by_path(call, fd, NOWHERE, 9));
            probe.call(function, |call| by_path(call, fd, 0, 5000));
            probe.world.memory[0] = 0xff;
            probe.call(function, |call| by_path(call, fd, 0, 1));
        }
        let call_bytes = std::mem::take(&mut probe.world.context.limits.call_bytes);
        probe.call(function, |call| by_path(call, RW, 0, 1));
        probe.world.context.limits.call_bytes = call_bytes;
        let bare = probe.world.open("dir", DIRECTORY, LOOK).unwrap_or(RW);
        let bare = probe.bare(bare);
        let (at, length) = probe.world.path("x");
        probe.call(function, |call| by_path(call, bare, at, length));
        probe.renew();
    }
    moves(probe);
}

/// What needs two names.
fn moves(probe: &mut Probe) {
    for (old, new) in [("dir", "file"), ("file", "dir"), ("dir", "dir/nested/x"), ("empty", "dir")]
    {
        let (path, length) = probe.world.path("empty");
        let _ = probe.world.call().path_create_directory(RW, path, length);
        let ((old, old_length), (new, new_length)) =
            (probe.world.path(old), probe.world.other(new));
        let rename =
            |call: &mut Call<'_>| call.path_rename(RW, old, old_length, RW, new, new_length);
        probe.call("path_rename", rename);
    }
    let (path, length) = probe.world.path("empty");
    probe.call("path_remove_directory", |call| call.path_remove_directory(RW, path, length));
    // In memory there is room for one entry more, and for ten bytes.
    let ((old, old_length), (new, new_length)) =
        (probe.world.path("file"), probe.world.other("a name that is long"));
    probe.call("path_rename", |call| {
        call.path_rename(MEMORY, old, old_length, MEMORY, new, new_length)
    });
    probe.call("path_link", |call| {
        call.path_link(MEMORY, 0, old, old_length, MEMORY, new, new_length)
    });
    probe.call("path_symlink", |call| call.path_symlink(new, new_length, MEMORY, new, new_length));
    probe.call("path_create_directory", |call| call.path_create_directory(MEMORY, new, new_length));
    probe.call("path_open", |call| {
        call.path_open(MEMORY, 0, new, new_length, CREATE, READ, 0, 0, RESULT)
    });
}

fn sockets(probe: &mut Probe) {
    let file = probe.open(ALL);
    let (list, _) = probe.world.buffer(5);
    let flow = |probe: &mut Probe| {
        for fd in [STREAM, LISTENER, file, 99] {
            for (address, flags) in [(list, 0), (NOWHERE, 0), (list, 9)] {
                probe.call("sock_recv", |call| {
                    call.sock_recv(fd, address, 1, flags, RESULT, RESULT + 8)
                });
                probe.call("sock_send", |call| call.sock_send(fd, address, 1, flags, RESULT));
            }
            for (flags, result) in [(0, RESULT), (1, RESULT), (0, NOWHERE)] {
                probe.call("sock_accept", |call| call.sock_accept(fd, flags, result));
            }
        }
    };
    flow(probe);
    let address = probe.peer.peer_addr().unwrap();
    let _second = TcpStream::connect(address).unwrap();
    io::Write::write_all(&mut probe.peer, b"hello").unwrap();
    // Until it is there.
    let mut polled = 0;
    while probe
        .seen
        .iter()
        .filter(|(name, errno)| name.starts_with("sock_") && errno.is_none())
        .count()
        < 3
    {
        flow(probe);
        polled += 1;
        assert!(polled < 100_000, "the other side's bytes never came");
    }
    for (fd, how) in [(STREAM, 2), (STREAM, 9), (LISTENER, 1), (file, 1), (99, 1)] {
        probe.call("sock_shutdown", |call| call.sock_shutdown(fd, how));
    }
    flow(probe);
    for fd in [STREAM, LISTENER] {
        probe.bare(fd);
    }
    flow(probe);
    probe.call("sock_shutdown", |call| call.sock_shutdown(STREAM, 1));
    probe.world.context.limits.call_bytes = 7;
    flow(probe);
}
