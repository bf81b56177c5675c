//! Tests of the functions as a guest calls them: one file per section, one for attacks by path.
//!
//! A [`World`] is a context over directories of its own, and a memory to pass things in:
//!
//! ```text
//! base/inside    descriptor 3, named "/":     file ("contents"), dir/nested, link -> file
//! base/locked    descriptor 4, named "/ro":   the same, read-only
//! base/outside   not the guest's:             canary ("secret"), dir/
//! ```

mod clock;
mod draft;
mod escape;
mod fd;
mod path;
mod poll;
mod sock;
mod strings;
mod transfer;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::call::{Call, Snapshot};
use crate::guest::Guest;
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
        let path = path.canonicalize().unwrap();
        for kind in ["inside", "locked"] {
            populate(&path.join(kind));
        }
        fs::create_dir_all(path.join("outside/dir")).unwrap();
        fs::write(path.join("outside/canary"), "secret").unwrap();
        Self(path)
    }

    pub(super) fn join(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }
}

/// What a guest's directory holds at first.
fn populate(path: &Path) {
    fs::create_dir_all(path.join("dir/nested")).unwrap();
    fs::write(path.join("file"), "contents").unwrap();
    std::os::unix::fs::symlink("file", path.join("link")).unwrap();
}

impl Drop for Base {
    fn drop(&mut self) {
        // A test that failed may have left it in any state.
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(super) struct World {
    pub(super) context: WasiCtx,
    pub(super) memory: Vec<u8>,
    pub(super) base: Base,
    pub(super) output: OutputBuffer,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(|builder| builder)
    }

    /// A world whose context is also what `change` makes of it.
    pub(super) fn with(change: impl FnOnce(&mut WasiCtxBuilder) -> &mut WasiCtxBuilder) -> Self {
        let base = Base::new();
        let output = OutputBuffer::new(64);
        let mut builder = WasiCtxBuilder::new();
        builder
            .stdout(output.clone())
            .preopened_dir(base.join("inside"), "/")
            .unwrap()
            .preopened_dir_read_only(base.join("locked"), "/ro")
            .unwrap();
        let context = change(&mut builder).build();
        Self { context, memory: vec![0xaa; MEMORY_BYTES], base, output }
    }

    pub(super) fn call(&mut self) -> Call<'_> {
        self.call_of(Snapshot::Preview1)
    }

    /// A call of a program that was compiled for that version.
    pub(super) fn call_of(&mut self, snapshot: Snapshot) -> Call<'_> {
        Call { context: &mut self.context, guest: Guest::new(&mut self.memory), snapshot }
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

    /// The size and the file type that `path_filestat_get` tells.
    pub(super) fn stat(&mut self, path: &str, follow: u32) -> Result<(u64, u8), Errno> {
        let (path, length) = self.path(path);
        self.call().path_filestat_get(RW, follow, path, length, RESULT)?;
        Ok((self.u64(RESULT + 32), self.memory[RESULT as usize + 16]))
    }
}
