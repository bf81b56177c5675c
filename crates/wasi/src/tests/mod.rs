//! Tests of the functions as a guest calls them: one file per section, one for attacks by path.
//!
//! A [`World`] is a context over directories of its own, and a memory to pass things in:
//!
//! ```text
//! base/inside    descriptor 3, named "/":     file ("contents"), dir/nested, link -> file
//! base/locked    descriptor 4, named "/ro":   the same, read-only
//! base/outside   not the guest's:             canary ("secret"), dir/
//! ```
//!
//! What is true of all file systems is tested with [`everywhere`].

mod caps;
mod clock;
mod draft;
mod env;
mod errnos;
mod escape;
mod fd;
mod file_limit;
mod limits;
mod log;
mod mount;
mod overlay;
mod overlay_rename;
mod path;
mod poll;
mod proc;
mod reader;
mod sequences;
mod sock;
mod strings;
mod transfer;
mod wait;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::call::{Call, Snapshot};
use crate::fs::{Directory, FileFlags, Fs, HostFs, MemoryFs, Name, OpenFile, OverlayFs};
use crate::guest::Guest;
use crate::wait::Waits;
use crate::{Errno, OutputBuffer, WasiCtx, WasiCtxBuilder};

/// The read-write directory.
pub(super) const RW: u32 = 3;
/// The read-only one.
pub(super) const RO: u32 = 4;
/// All rights there are.
pub(super) const ALL: u64 = (1 << 30) - 1;
/// All but those that need writing, which a directory can't be opened for.
pub(super) const LOOK: u64 = ALL & !(WRITE | 1 << 8 | 1 << 22);
pub(super) const READ: u64 = 1 << 1;
pub(super) const WRITE: u64 = 1 << 6;
pub(super) const CREATE: u32 = 1;
pub(super) const DIRECTORY: u32 = 2;
pub(super) const EXCLUSIVE: u32 = 4;
pub(super) const TRUNCATE: u32 = 8;

/// Where results go in the guest's memory; arguments lie from 0 and 4096 on, bulk from 16384 on.
pub(super) const RESULT: u32 = 12_288;
pub(super) const BULK: u32 = 16_384;
const MEMORY_BYTES: usize = 65_536;

/// A directory that is gone when it is dropped.
pub(super) struct Base(PathBuf);

impl Base {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("brolga-wasi-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path.canonicalize().unwrap())
    }

    pub(super) fn join(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }
}

impl Drop for Base {
    fn drop(&mut self) {
        // A test that failed may have left it in any state.
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(super) fn name(name: &str) -> Name<'_> {
    Name::new(name).unwrap()
}

fn make_directory(parent: &dyn Directory, called: &str) -> Arc<dyn Directory> {
    parent.create_directory(name(called)).unwrap();
    parent.open_directory(name(called)).unwrap()
}

fn make_file(parent: &dyn Directory, called: &str, contents: &str) {
    let flags = FileFlags::default();
    let how = OpenFile { write: true, create: true, exclusive: true, flags, ..OpenFile::default() };
    let file = parent.open_file(name(called), how).unwrap();
    assert_eq!(file.write_at(contents.as_bytes(), 0), Ok(contents.len()));
}

/// Fills a file system with what a [`World`] has, and `links`, from names to targets, in the
/// guest's directories.
fn populate(fs: &dyn Fs, base: &Base, links: &[(&str, &str)]) {
    let root = fs.root().unwrap();
    for kind in ["inside", "locked"] {
        let top = make_directory(&*root, kind);
        make_directory(&*make_directory(&*top, "dir"), "nested");
        make_file(&*top, "file", "contents");
        for (link, target) in [("link", "file")].iter().chain(links) {
            let made = top.symlink(target, name(link));
            // The host's refuses an absolute one, which someone else must have left.
            if made == Err(Errno::Perm) {
                std::os::unix::fs::symlink(target, base.join(kind).join(link)).unwrap();
            }
        }
    }
    let outside = make_directory(&*root, "outside");
    make_file(&*outside, "canary", "secret");
    make_directory(&*outside, "dir");
}

/// Which file system a world is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// The host's, with the kernel resolving.
    Kernel,
    /// The host's, walked.
    Walk,
    Memory,
    /// One in memory over the host's.
    Overlay,
    /// The host's over one in memory, which holds everything at first.
    OverMemory,
}

impl Kind {
    pub(super) const ALL: [Kind; 5] =
        [Kind::Kernel, Kind::Walk, Kind::Memory, Kind::Overlay, Kind::OverMemory];

    /// Whether a directory that was there at first can be moved.
    pub(super) fn moves_directories(self) -> bool {
        !matches!(self, Kind::Overlay | Kind::OverMemory)
    }
}

/// Runs `test` in a world of each kind. Miri knows too few of the host's system calls for the others.
pub(super) fn everywhere(test: impl Fn(&mut World)) {
    let kinds = if cfg!(miri) { &[Kind::Memory] } else { &Kind::ALL[..] };
    for &kind in kinds {
        eprintln!("over {kind:?}");
        test(&mut World::of(kind, &[]));
    }
}

/// A directory of a file system, as one of its own.
struct Beneath<'a>(&'a dyn Fs, &'a str);

impl Fs for Beneath<'_> {
    fn root(&self) -> Result<Arc<dyn Directory>, Errno> {
        self.0.root()?.open_directory(name(self.1))
    }
}

pub(super) struct World {
    pub(super) context: WasiCtx,
    pub(super) memory: Vec<u8>,
    pub(super) base: Base,
    pub(super) output: OutputBuffer,
    pub(super) waits: Waits,
    pub(super) kind: Kind,
    /// All there is, what is outside included.
    pub(super) universe: Arc<dyn Fs>,
}

impl World {
    /// Over the host's directories; under Miri, as if in memory.
    pub(super) fn new() -> Self {
        Self::with(|builder| builder)
    }

    /// One whose context is also what `change` makes of it.
    pub(super) fn with(change: impl FnOnce(&mut WasiCtxBuilder) -> &mut WasiCtxBuilder) -> Self {
        let kind = if cfg!(miri) { Kind::Memory } else { Kind::Kernel };
        Self::made(kind, &[], change)
    }

    /// Over a file system of that kind, with more links in the guest's directories.
    pub(super) fn of(kind: Kind, links: &[(&str, &str)]) -> Self {
        Self::made(kind, links, |builder| builder)
    }

    pub(super) fn made(
        kind: Kind,
        links: &[(&str, &str)],
        change: impl FnOnce(&mut WasiCtxBuilder) -> &mut WasiCtxBuilder,
    ) -> Self {
        let base = Base::new();
        let host = || HostFs::open(&base.0).unwrap();
        let lower: Arc<dyn Fs> = match kind {
            Kind::Kernel | Kind::Overlay => Arc::new(host()),
            Kind::Walk => Arc::new(host().without_openat2().unwrap()),
            Kind::Memory | Kind::OverMemory => Arc::new(MemoryFs::default()),
        };
        populate(&*lower, &base, links);
        let universe: Arc<dyn Fs> = match kind {
            Kind::Overlay => Arc::new(OverlayFs::new(MemoryFs::default(), lower)),
            Kind::OverMemory => Arc::new(OverlayFs::new(host(), lower)),
            _ => lower,
        };
        let output = OutputBuffer::new(64);
        let mut builder = WasiCtxBuilder::new();
        builder
            .stdout(output.clone())
            .preopened_fs(Beneath(&*universe, "inside"), "/")
            .unwrap()
            .preopened_fs_read_only(Beneath(&*universe, "locked"), "/ro")
            .unwrap();
        let context = change(&mut builder).build();
        let (memory, waits) = (vec![0xaa; MEMORY_BYTES], Waits::default());
        Self { context, memory, base, output, waits, kind, universe }
    }

    pub(super) fn call(&mut self) -> Call<'_> {
        self.call_of(Snapshot::Preview1)
    }

    /// A call of a program that was compiled for that version.
    pub(super) fn call_of(&mut self, snapshot: Snapshot) -> Call<'_> {
        let guest = Guest::new(&mut self.memory);
        Call::new(&mut self.context, guest, snapshot, &mut self.waits)
    }

    pub(super) fn put(&mut self, address: u32, bytes: &[u8]) -> (u32, u32) {
        self.memory[address as usize..][..bytes.len()].copy_from_slice(bytes);
        (address, bytes.len() as u32)
    }

    /// A path, as an address and a length.
    pub(super) fn path(&mut self, path: &str) -> (u32, u32) {
        self.put(0, path.as_bytes())
    }

    /// A second path.
    pub(super) fn other(&mut self, path: &str) -> (u32, u32) {
        self.put(4096, path.as_bytes())
    }

    pub(super) fn u32(&self, address: u32) -> u32 {
        u32::from_le_bytes(self.memory[address as usize..][..4].try_into().unwrap())
    }

    pub(super) fn u64(&self, address: u32) -> u64 {
        u64::from_le_bytes(self.memory[address as usize..][..8].try_into().unwrap())
    }

    /// One buffer of `length` bytes at [`BULK`], as a list of one.
    pub(super) fn buffer(&mut self, length: u32) -> (u32, u32) {
        self.put(8192, &BULK.to_le_bytes());
        self.put(8196, &length.to_le_bytes());
        (8192, 1)
    }

    pub(super) fn open_at(
        &mut self,
        fd: u32,
        path: &str,
        open: u32,
        rights: u64,
    ) -> Result<u32, Errno> {
        let (path, length) = self.path(path);
        self.call().path_open(fd, 0, path, length, open, rights, ALL, 0, RESULT)?;
        Ok(self.u32(RESULT))
    }

    pub(super) fn open(&mut self, path: &str, open: u32, rights: u64) -> Result<u32, Errno> {
        self.open_at(RW, path, open, rights)
    }

    pub(super) fn write(&mut self, fd: u32, bytes: &[u8]) -> Result<u32, Errno> {
        let (list, count) = self.buffer(bytes.len() as u32);
        self.put(BULK, bytes);
        self.call().fd_write(fd, list, count, RESULT)?;
        Ok(self.u32(RESULT))
    }

    pub(super) fn read(&mut self, fd: u32, length: u32) -> Result<Vec<u8>, Errno> {
        let (list, count) = self.buffer(length);
        self.call().fd_read(fd, list, count, RESULT)?;
        let read = self.u32(RESULT) as usize;
        Ok(self.memory[BULK as usize..][..read].to_vec())
    }

    /// All that a file of descriptor 3 holds.
    pub(super) fn contents(&mut self, path: &str) -> Vec<u8> {
        let fd = self.open(path, 0, READ).unwrap();
        let contents = self.read(fd, 40_000).unwrap();
        self.call().fd_close(fd).unwrap();
        contents
    }

    /// The size and the file type that `path_filestat_get` tells.
    pub(super) fn stat(&mut self, path: &str, follow: u32) -> Result<(u64, u8), Errno> {
        let (path, length) = self.path(path);
        self.call().path_filestat_get(RW, follow, path, length, RESULT)?;
        Ok((self.u64(RESULT + 32), self.memory[RESULT as usize + 16]))
    }
}
