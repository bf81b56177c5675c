//! A file system in memory, with a quota.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::memory_state::{Body, ROOT, State};
use super::{Directory, Entries, File, Fs, MemoryBudget, Name, OpenFile};
use crate::errno::Errno;
use crate::filestat::{Filestat, Filetype, NewTime};
use crate::limits::WasiLimits;

/// How much a [`MemoryFs`] holds, whoever uses it. What one context may have it hold is bounded by
/// [`WasiLimits::memory_file_bytes`] as well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemoryLimits {
    /// Bytes of all files, names and symbolic links together. Beyond it a write is short, then
    /// [`Errno::Nospc`]. The host may hold twice as much for a while, since files grow in steps.
    pub bytes: u64,
    /// Names of all directories together. Beyond it [`Errno::Nospc`].
    pub entries: u64,
}

impl Default for MemoryLimits {
    /// As many bytes as a context has them hold by default, in 65,536 entries.
    fn default() -> Self {
        Self { bytes: WasiLimits::default().memory_file_bytes, entries: 65_536 }
    }
}

/// A file system in memory. Clones share it, so that an embedder can fill it before and look into
/// it after a guest ran, or give it to several.
///
/// ```
/// use brolga_wasi::{MemoryFs, MemoryLimits, WasiCtxBuilder};
///
/// # fn main() -> brolga::Result<()> {
/// let files = MemoryFs::new(MemoryLimits { bytes: 1 << 20, entries: 100 });
/// files.write("input/list.txt", b"b\na\n")?;
/// let context = WasiCtxBuilder::new().preopened_fs(files.clone(), "/")?.build();
/// # drop(context);
/// assert_eq!(files.read("input/list.txt")?, b"b\na\n");
/// # Ok(())
/// # }
/// ```
///
/// Listings are sorted. Times are those of its clock, which unless given starts with the year 2022
/// and goes on by a millisecond with each change; reading leaves no trace.
#[derive(Clone)]
pub struct MemoryFs {
    state: Shared,
}

#[derive(Clone)]
struct Shared(Arc<Mutex<State>>);

impl Shared {
    /// The state, to do something on behalf of the embedder. A panic of the clock, which alone can
    /// poison it, leaves the state whole enough to go on.
    fn lock(&self) -> MutexGuard<'_, State> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.set_room(u64::MAX);
        state
    }

    /// Opens the top directory.
    fn root(&self, budget: Option<MemoryBudget>) -> Result<Arc<dyn Directory>, Errno> {
        self.lock().retain(ROOT)?;
        Ok(Arc::new(MemoryDirectory(Handle { state: self.clone(), id: ROOT, budget })))
    }
}

impl fmt::Debug for MemoryFs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryFs").field("used", &self.used()).finish_non_exhaustive()
    }
}

impl Default for MemoryFs {
    fn default() -> Self {
        Self::new(MemoryLimits::default())
    }
}

impl MemoryFs {
    /// An empty one.
    pub fn new(limits: MemoryLimits) -> Self {
        let mut now = 1_640_995_200_000_000_000_u64;
        Self::with_clock(limits, move || {
            now += 1_000_000;
            now
        })
    }

    /// An empty one whose files have the times that `clock` tells, in nanoseconds since 1970.
    pub fn with_clock(limits: MemoryLimits, clock: impl FnMut() -> u64 + Send + 'static) -> Self {
        let state = State::new(limits, Box::new(clock));
        Self { state: Shared(Arc::new(Mutex::new(state))) }
    }

    /// What is used of the limits.
    pub fn used(&self) -> MemoryLimits {
        self.state.lock().used()
    }

    /// Makes a file with these contents, and the directories that its path names; a file that is
    /// there gets them instead of its own.
    ///
    /// # Errors
    /// [`Errno::Inval`] if `path` is not names with slashes between; [`Errno::Notdir`],
    /// [`Errno::Isdir`], [`Errno::Loop`] if something else is in the way; [`Errno::Nospc`] over a
    /// limit.
    pub fn write(&self, path: &str, contents: &[u8]) -> Result<(), Errno> {
        let mut state = self.state.lock();
        let (directories, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut directory = ROOT;
        for name in directories.split('/').filter(|name| !name.is_empty()) {
            let name = Name::new(name).ok_or(Errno::Inval)?;
            directory = match state.find(directory, name) {
                Err(Errno::Noent) => state.add_directory(directory, name)?,
                found => found?,
            };
        }
        let name = Name::new(name).ok_or(Errno::Inval)?;
        let id = match state.find(directory, name) {
            Err(Errno::Noent) => state.add(directory, name, Body::File(Vec::new()))?,
            found => found?,
        };
        state.resize(id, 0)?;
        match state.write(id, contents, 0)? {
            count if count == contents.len() => Ok(()),
            _ => Err(Errno::Nospc),
        }
    }

    /// A file's contents.
    ///
    /// # Errors
    /// As [`MemoryFs::write`], and [`Errno::Noent`].
    pub fn read(&self, path: &str) -> Result<Vec<u8>, Errno> {
        let state = self.state.lock();
        let mut id = ROOT;
        for name in path.split('/') {
            id = state.find(id, Name::new(name).ok_or(Errno::Inval)?)?;
        }
        Ok(state.bytes(id)?.to_vec())
    }
}

impl Fs for MemoryFs {
    fn root(&self) -> Result<Arc<dyn Directory>, Errno> {
        self.state.root(None)
    }

    fn root_within(&self, budget: &MemoryBudget) -> Result<Arc<dyn Directory>, Errno> {
        budget.count(self.state.lock().used_bytes());
        self.state.root(Some(budget.clone()))
    }
}

/// Something open: its node lives at least as long.
struct Handle {
    state: Shared,
    id: u64,
    /// Of the context that has it open.
    budget: Option<MemoryBudget>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.state.lock().release(self.id);
    }
}

impl Handle {
    /// The state, to do something on behalf of the context.
    fn lock(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock();
        state.set_room(self.budget.as_ref().map_or(u64::MAX, MemoryBudget::room));
        state
    }

    /// Opens a node of the locked state.
    fn open(&self, state: &mut State, id: u64) -> Result<Handle, Errno> {
        state.retain(id)?;
        Ok(Handle { state: self.state.clone(), id, budget: self.budget.clone() })
    }
}

struct MemoryDirectory(Handle);

impl MemoryDirectory {
    /// Another directory, if it is of the same file system.
    fn same<'a>(&self, other: &'a dyn Directory) -> Result<&'a MemoryDirectory, Errno> {
        let other: &dyn Any = other;
        let other: &MemoryDirectory = other.downcast_ref().ok_or(Errno::Xdev)?;
        if Arc::ptr_eq(&self.0.state.0, &other.0.state.0) { Ok(other) } else { Err(Errno::Xdev) }
    }
}

impl Directory for MemoryDirectory {
    fn filestat(&self) -> Result<Filestat, Errno> {
        self.0.lock().filestat(self.0.id)
    }

    fn filestat_at(&self, name: Name<'_>) -> Result<Filestat, Errno> {
        let state = self.0.lock();
        state.filestat(state.find(self.0.id, name)?)
    }

    fn entries(&self) -> Result<Entries, Errno> {
        let handle = self.0.open(&mut self.0.lock(), self.0.id)?;
        let mut last = String::new();
        Ok(Box::new(std::iter::from_fn(move || {
            let next = handle.lock().entry_after(handle.id, &last).transpose()?;
            if let Ok(entry) = &next {
                last.clone_from(&entry.name);
            }
            Some(next)
        })))
    }

    fn open_directory(&self, name: Name<'_>) -> Result<Arc<dyn Directory>, Errno> {
        let mut state = self.0.lock();
        let id = state.find(self.0.id, name)?;
        state.directory(id)?;
        Ok(Arc::new(MemoryDirectory(self.0.open(&mut state, id)?)))
    }

    fn open_file(&self, name: Name<'_>, how: OpenFile) -> Result<Box<dyn File>, Errno> {
        let mut state = self.0.lock();
        let id = match state.find(self.0.id, name) {
            Ok(_) if how.create && how.exclusive => return Err(Errno::Exist),
            Ok(id) => {
                state.bytes(id)?;
                if how.truncate {
                    state.resize(id, 0)?;
                }
                id
            }
            Err(Errno::Noent) if how.create => {
                state.add(self.0.id, name, Body::File(Vec::new()))?
            }
            Err(errno) => return Err(errno),
        };
        Ok(Box::new(MemoryFile { handle: self.0.open(&mut state, id)?, how }))
    }

    fn read_link(&self, name: Name<'_>) -> Result<String, Errno> {
        let state = self.0.lock();
        match state.body(state.find(self.0.id, name)?)? {
            Body::Link(target) => Ok(target.clone()),
            _ => Err(Errno::Inval),
        }
    }

    fn create_directory(&self, name: Name<'_>) -> Result<(), Errno> {
        self.0.lock().add_directory(self.0.id, name).map(|_| ())
    }

    fn remove_directory(&self, name: Name<'_>) -> Result<(), Errno> {
        let mut state = self.0.lock();
        let id = state.find(self.0.id, name)?;
        if !state.directory(id)?.is_empty() {
            return Err(Errno::Notempty);
        }
        state.remove(self.0.id, name)
    }

    fn remove_file(&self, name: Name<'_>) -> Result<(), Errno> {
        let mut state = self.0.lock();
        let id = state.find(self.0.id, name)?;
        match state.body(id)?.filetype() {
            Filetype::Directory => Err(Errno::Isdir),
            _ => state.remove(self.0.id, name),
        }
    }

    fn rename(&self, name: Name<'_>, to: &dyn Directory, new: Name<'_>) -> Result<(), Errno> {
        let to = self.same(to)?.0.id;
        self.0.lock().rename(self.0.id, name, to, new)
    }

    fn link(&self, name: Name<'_>, to: &dyn Directory, new: Name<'_>) -> Result<(), Errno> {
        let to = self.same(to)?.0.id;
        let mut state = self.0.lock();
        let id = state.find(self.0.id, name)?;
        state.link(id, to, new)
    }

    fn symlink(&self, target: &str, name: Name<'_>) -> Result<(), Errno> {
        self.0.lock().add(self.0.id, name, Body::Link(target.to_owned())).map(|_| ())
    }

    fn set_times(&self, accessed: NewTime, modified: NewTime) -> Result<(), Errno> {
        self.0.lock().set_times(self.0.id, accessed, modified)
    }

    fn set_times_at(
        &self,
        name: Name<'_>,
        accessed: NewTime,
        modified: NewTime,
    ) -> Result<(), Errno> {
        let mut state = self.0.lock();
        let id = state.find(self.0.id, name)?;
        state.set_times(id, accessed, modified)
    }
}

struct MemoryFile {
    handle: Handle,
    how: OpenFile,
}

impl MemoryFile {
    fn check_writable(&self) -> Result<(), Errno> {
        if self.how.write { Ok(()) } else { Err(Errno::Badf) }
    }
}

impl File for MemoryFile {
    fn filestat(&self) -> Result<Filestat, Errno> {
        self.handle.lock().filestat(self.handle.id)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
        if !self.how.read {
            return Err(Errno::Badf);
        }
        let state = self.handle.lock();
        let bytes = state.bytes(self.handle.id)?;
        let rest = usize::try_from(offset).ok().and_then(|start| bytes.get(start..));
        let rest = rest.unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<usize, Errno> {
        self.check_writable()?;
        self.handle.lock().write(self.handle.id, bytes, offset)
    }

    fn append(&self, bytes: &[u8]) -> Result<usize, Errno> {
        self.check_writable()?;
        let mut state = self.handle.lock();
        let end = state.bytes(self.handle.id)?.len() as u64;
        state.write(self.handle.id, bytes, end)
    }

    fn set_size(&self, bytes: u64) -> Result<(), Errno> {
        self.check_writable()?;
        self.handle.lock().resize(self.handle.id, bytes)
    }

    fn set_times(&self, accessed: NewTime, modified: NewTime) -> Result<(), Errno> {
        self.handle.lock().set_times(self.handle.id, accessed, modified)
    }
}
