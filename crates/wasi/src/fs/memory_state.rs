//! What a file system in memory holds: nodes by number, and what of the quota is used.
//!
//! A node lives as long as a name or a handle leads to it. Names and what they hold are charged
//! when they come and credited when the node goes.
//!
//! **Invariants**
//! - `bytes` and `entries` are at most what the limits say, and are the sums over all nodes.
//! - Whoever holds the lock adds no more bytes than it had room for when it took it.
//! - Nothing is allocated before it is charged, and what can't be allocated is an error.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::memory::MemoryLimits;
use super::{Entry, Name};
use crate::errno::Errno;
use crate::filestat::{Filestat, Filetype, NewTime};

/// The number of the top directory.
pub(super) const ROOT: u64 = 1;

/// Bytes of a name, as everywhere.
const NAME_BYTES_MAX: usize = 255;

pub(super) enum Body {
    File(Vec<u8>),
    Directory { entries: BTreeMap<String, u64>, parent: u64 },
    Link(String),
}

impl Body {
    pub(super) fn filetype(&self) -> Filetype {
        match self {
            Body::File(_) => Filetype::RegularFile,
            Body::Directory { .. } => Filetype::Directory,
            Body::Link(_) => Filetype::SymbolicLink,
        }
    }

    fn bytes(&self) -> u64 {
        match self {
            Body::File(bytes) => bytes.len() as u64,
            Body::Directory { .. } => 0,
            Body::Link(target) => target.len() as u64,
        }
    }
}

struct Node {
    body: Body,
    /// Names that lead here; the root has one of its own.
    links: u64,
    /// Open directories and files.
    handles: u64,
    accessed: u64,
    modified: u64,
    changed: u64,
}

pub(super) struct State {
    nodes: HashMap<u64, Node>,
    next: u64,
    limits: MemoryLimits,
    /// Changed under the lock, and read by budgets without.
    bytes: Arc<AtomicU64>,
    entries: u64,
    /// Bytes that whoever holds the lock may still add.
    room: u64,
    clock: Box<dyn FnMut() -> u64 + Send>,
}

impl State {
    pub(super) fn new(limits: MemoryLimits, clock: Box<dyn FnMut() -> u64 + Send>) -> Self {
        let (nodes, bytes) = (HashMap::new(), Arc::default());
        let mut state = Self { nodes, next: ROOT, limits, bytes, entries: 0, room: 0, clock };
        state.create(Body::Directory { entries: BTreeMap::new(), parent: ROOT });
        state
    }

    pub(super) fn used(&self) -> MemoryLimits {
        MemoryLimits { bytes: self.bytes.load(Ordering::Relaxed), entries: self.entries }
    }

    /// The bytes used, as they change.
    pub(super) fn used_bytes(&self) -> &Arc<AtomicU64> {
        &self.bytes
    }

    /// Says how many bytes whoever has just taken the lock may add.
    pub(super) fn set_room(&mut self, bytes: u64) {
        self.room = bytes;
    }

    /// Bytes that can be added: what is left of the quota, and of the one's who asks.
    fn room(&self) -> u64 {
        self.room.min(self.limits.bytes - self.used().bytes)
    }

    fn create(&mut self, body: Body) -> u64 {
        let (id, now) = (self.next, (self.clock)());
        self.next += 1;
        let (accessed, modified, changed) = (now, now, now);
        self.nodes.insert(id, Node { body, links: 1, handles: 0, accessed, modified, changed });
        id
    }

    fn node(&self, id: u64) -> Result<&Node, Errno> {
        self.nodes.get(&id).ok_or(Errno::Stale)
    }

    fn node_mut(&mut self, id: u64) -> Result<&mut Node, Errno> {
        self.nodes.get_mut(&id).ok_or(Errno::Stale)
    }

    pub(super) fn body(&self, id: u64) -> Result<&Body, Errno> {
        Ok(&self.node(id)?.body)
    }

    /// The entries of a directory.
    pub(super) fn directory(&self, id: u64) -> Result<&BTreeMap<String, u64>, Errno> {
        match self.body(id)? {
            Body::Directory { entries, .. } => Ok(entries),
            _ => Err(Errno::Notdir),
        }
    }

    fn directory_mut(&mut self, id: u64) -> Result<&mut BTreeMap<String, u64>, Errno> {
        let now = (self.clock)();
        let node = self.node_mut(id)?;
        let Body::Directory { entries, .. } = &mut node.body else { return Err(Errno::Notdir) };
        (node.modified, node.changed) = (now, now);
        Ok(entries)
    }

    pub(super) fn find(&self, directory: u64, name: Name<'_>) -> Result<u64, Errno> {
        check_length(name)?;
        self.directory(directory)?.get(name.as_str()).copied().ok_or(Errno::Noent)
    }

    pub(super) fn filestat(&self, id: u64) -> Result<Filestat, Errno> {
        let node = self.node(id)?;
        Ok(Filestat {
            device: 0,
            inode: id,
            filetype: node.body.filetype(),
            links: node.links,
            size: node.body.bytes(),
            accessed: node.accessed,
            modified: node.modified,
            changed: node.changed,
        })
    }

    pub(super) fn set_times(
        &mut self,
        id: u64,
        accessed: NewTime,
        modified: NewTime,
    ) -> Result<(), Errno> {
        let now = (self.clock)();
        let node = self.node_mut(id)?;
        for (time, new) in [(&mut node.accessed, accessed), (&mut node.modified, modified)] {
            match new {
                NewTime::Keep => {}
                NewTime::Now => *time = now,
                NewTime::At(given) => *time = given,
            }
        }
        node.changed = now;
        Ok(())
    }

    /// The first entry whose name comes after `last`.
    pub(super) fn entry_after(&self, directory: u64, last: &str) -> Result<Option<Entry>, Errno> {
        let from = (std::ops::Bound::Excluded(last), std::ops::Bound::Unbounded);
        let Some((name, id)) = self.directory(directory)?.range::<str, _>(from).next() else {
            return Ok(None);
        };
        let filetype = self.body(*id)?.filetype();
        Ok(Some(Entry { name: name.clone(), inode: *id, filetype }))
    }

    fn charge(&mut self, bytes: u64) -> Result<(), Errno> {
        if bytes > self.room() {
            return Err(Errno::Nospc);
        }
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.room -= bytes;
        Ok(())
    }

    fn credit(&mut self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.room = self.room.saturating_add(bytes);
    }

    /// Checks that `directory` takes the new name.
    fn check_new(&self, directory: u64, name: Name<'_>) -> Result<(), Errno> {
        check_length(name)?;
        if self.node(directory)?.links == 0 {
            return Err(Errno::Noent);
        }
        match self.directory(directory)?.contains_key(name.as_str()) {
            true => Err(Errno::Exist),
            false => Ok(()),
        }
    }

    /// Makes a node and its name.
    pub(super) fn add(&mut self, directory: u64, name: Name<'_>, body: Body) -> Result<u64, Errno> {
        self.check_new(directory, name)?;
        if self.entries >= self.limits.entries {
            return Err(Errno::Nospc);
        }
        self.charge(name.as_str().len() as u64 + body.bytes())?;
        self.entries += 1;
        let id = self.create(body);
        self.directory_mut(directory)?.insert(name.as_str().to_owned(), id);
        Ok(id)
    }

    pub(super) fn add_directory(&mut self, directory: u64, name: Name<'_>) -> Result<u64, Errno> {
        self.add(directory, name, Body::Directory { entries: BTreeMap::new(), parent: directory })
    }

    /// A second name for a node.
    pub(super) fn link(&mut self, id: u64, directory: u64, name: Name<'_>) -> Result<(), Errno> {
        self.check_new(directory, name)?;
        if self.body(id)?.filetype() == Filetype::Directory {
            return Err(Errno::Perm);
        }
        // A name is an entry, whether what it names is new or not.
        if self.entries >= self.limits.entries {
            return Err(Errno::Nospc);
        }
        self.charge(name.as_str().len() as u64)?;
        self.entries += 1;
        self.directory_mut(directory)?.insert(name.as_str().to_owned(), id);
        let now = (self.clock)();
        let node = self.node_mut(id)?;
        node.links += 1;
        node.changed = now;
        Ok(())
    }

    /// Takes a name away, and what it names with it if nothing else leads there.
    pub(super) fn remove(&mut self, directory: u64, name: Name<'_>) -> Result<(), Errno> {
        let id = self.find(directory, name)?;
        self.directory_mut(directory)?.remove(name.as_str());
        self.entries -= 1;
        self.credit(name.as_str().len() as u64);
        let now = (self.clock)();
        let node = self.node_mut(id)?;
        node.links -= 1;
        node.changed = now;
        self.forget_if_unused(id);
        Ok(())
    }

    fn forget_if_unused(&mut self, id: u64) {
        let is_unused = |node: &Node| node.links == 0 && node.handles == 0;
        if self.nodes.get(&id).is_some_and(is_unused)
            && let Some(node) = self.nodes.remove(&id)
        {
            self.credit(node.body.bytes());
        }
    }

    /// Notes one more that holds the node.
    pub(super) fn retain(&mut self, id: u64) -> Result<(), Errno> {
        self.node_mut(id)?.handles += 1;
        Ok(())
    }

    /// Notes one less.
    pub(super) fn release(&mut self, id: u64) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.handles -= 1;
        }
        self.forget_if_unused(id);
    }

    /// Moves a name, in the place of what was there.
    pub(super) fn rename(
        &mut self,
        from: u64,
        name: Name<'_>,
        to: u64,
        new: Name<'_>,
    ) -> Result<(), Errno> {
        let id = self.find(from, name)?;
        let is_directory = self.body(id)?.filetype() == Filetype::Directory;
        check_length(new)?;
        if is_directory {
            self.check_not_beneath(to, id)?;
        }
        if self.node(to)?.links == 0 {
            return Err(Errno::Noent);
        }
        match self.find(to, new) {
            Ok(old) if old == id => return Ok(()),
            Ok(old) => {
                // What it is in has at least that entry.
                self.check_not_beneath(from, old).map_err(|_| Errno::Notempty)?;
                match (is_directory, self.body(old)?) {
                    (true, Body::Directory { entries, .. }) if !entries.is_empty() => {
                        return Err(Errno::Notempty);
                    }
                    (true, Body::Directory { .. }) => {}
                    (true, _) => return Err(Errno::Notdir),
                    (false, Body::Directory { .. }) => return Err(Errno::Isdir),
                    (false, _) => {}
                }
                self.remove(to, new)?;
            }
            Err(_) => {}
        }
        // The old name's bytes are given back first: a rename to a name as long never fails.
        let (old_bytes, new_bytes) = (name.as_str().len() as u64, new.as_str().len() as u64);
        self.charge(new_bytes.saturating_sub(old_bytes))?;
        self.credit(old_bytes.saturating_sub(new_bytes));
        self.directory_mut(from)?.remove(name.as_str());
        self.directory_mut(to)?.insert(new.as_str().to_owned(), id);
        let now = (self.clock)();
        let node = self.node_mut(id)?;
        node.changed = now;
        if let Body::Directory { parent, .. } = &mut node.body {
            *parent = to;
        }
        Ok(())
    }

    /// Fails with `inval` if `directory` is `id` or beneath it.
    fn check_not_beneath(&self, mut directory: u64, id: u64) -> Result<(), Errno> {
        loop {
            if directory == id {
                return Err(Errno::Inval);
            }
            match self.body(directory)? {
                Body::Directory { parent, .. } if *parent != directory => directory = *parent,
                _ => return Ok(()),
            }
        }
    }

    /// A file's bytes.
    pub(super) fn bytes(&self, id: u64) -> Result<&[u8], Errno> {
        match self.body(id)? {
            Body::File(bytes) => Ok(bytes),
            Body::Directory { .. } => Err(Errno::Isdir),
            Body::Link(_) => Err(Errno::Loop),
        }
    }

    fn bytes_mut(&mut self, id: u64) -> Result<&mut Vec<u8>, Errno> {
        match &mut self.node_mut(id)?.body {
            Body::File(bytes) => Ok(bytes),
            _ => Err(Errno::Isdir),
        }
    }

    /// Makes a file shorter, or longer by zeros.
    pub(super) fn resize(&mut self, id: u64, size: u64) -> Result<(), Errno> {
        i64::try_from(size).map_err(|_| Errno::Fbig)?;
        let before = self.bytes(id)?.len() as u64;
        if size > before {
            self.charge(size - before)?;
            if let Err(errno) = self.grow(id, size) {
                self.credit(size - before);
                return Err(errno);
            }
        } else {
            let bytes = self.bytes_mut(id)?;
            bytes.truncate(usize::try_from(size)?);
            // What was credited must not be held.
            bytes.shrink_to_fit();
            self.credit(before - size);
        }
        let now = (self.clock)();
        let node = self.node_mut(id)?;
        (node.modified, node.changed) = (now, now);
        Ok(())
    }

    fn grow(&mut self, id: u64, size: u64) -> Result<(), Errno> {
        let size = usize::try_from(size).map_err(|_| Errno::Nomem)?;
        let bytes = self.bytes_mut(id)?;
        bytes.try_reserve(size - bytes.len()).map_err(|_| Errno::Nomem)?;
        bytes.resize(size, 0);
        Ok(())
    }

    /// Writes as much of `new` as there is room for. Returns how many bytes.
    pub(super) fn write(&mut self, id: u64, new: &[u8], offset: u64) -> Result<usize, Errno> {
        let size = self.bytes(id)?.len() as u64;
        let wanted = offset.checked_add(new.len() as u64).ok_or(Errno::Fbig)?;
        i64::try_from(wanted).map_err(|_| Errno::Fbig)?;
        if new.is_empty() {
            return Ok(0);
        }
        let room = size.saturating_add(self.room());
        if offset >= room {
            return Err(Errno::Nospc);
        }
        let end = wanted.min(room);
        if end > size {
            self.resize(id, end)?;
        }
        let (start, end) = (usize::try_from(offset)?, usize::try_from(end)?);
        self.bytes_mut(id)?[start..end].copy_from_slice(&new[..end - start]);
        let now = (self.clock)();
        let node = self.node_mut(id)?;
        (node.modified, node.changed) = (now, now);
        Ok(end - start)
    }
}

fn check_length(name: Name<'_>) -> Result<(), Errno> {
    if name.as_str().len() > NAME_BYTES_MAX { Err(Errno::Nametoolong) } else { Ok(()) }
}
