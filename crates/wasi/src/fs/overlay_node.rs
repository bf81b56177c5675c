//! A directory of an overlay: which of the two file systems has what, and how things get from below
//! to above.
//!
//! It never asks the lower file system to change.
//!
//! **Invariants**
//! - A file is copied under a name of the overlay's own, and gets its name when it is whole.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Directory, Entries, Entry, Name, OpenFile};
use crate::errno::Errno;
use crate::filestat::{Filestat, Filetype, NewTime};

const HIDDEN: &str = ".wh.";
pub(super) const OPAQUE: &str = ".wh..wh..opq";
const COPY: &str = ".wh..wh.copy";

/// Bytes copied at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// How deep directories are. A directory holds the one that it is in, and is made together with it,
/// so that neither may go on for ever.
const DEPTH_MAX: u32 = 128;

/// A directory of the two file systems.
pub(super) struct Node {
    depth: u32,
    /// Opened, or made, when it is first needed.
    upper: Mutex<Option<Arc<dyn Directory>>>,
    lower: Option<Arc<dyn Directory>>,
    /// Where it is, and what it is called there.
    parent: Option<(Arc<Node>, String)>,
    /// Shared by all of the overlay, and so a count of them.
    pub(super) changing: Arc<Mutex<()>>,
}

/// Where an entry is.
pub(super) enum Layer {
    Upper(Filestat),
    Lower(Filestat),
}

impl Layer {
    pub(super) fn filetype(&self) -> Filetype {
        match self {
            Layer::Upper(stat) | Layer::Lower(stat) => stat.filetype,
        }
    }
}

/// A name of the overlay's own, which no guest's can be.
fn own(name: &str) -> Result<Name<'_>, Errno> {
    Name::new(name).ok_or(Errno::Inval)
}

/// The file that hides `name`.
pub(super) fn hiding(name: Name<'_>) -> String {
    format!("{HIDDEN}{name}")
}

pub(super) fn is_own(name: &str) -> bool {
    name.starts_with(HIDDEN)
}

fn has(directory: &dyn Directory, name: &str) -> Result<bool, Errno> {
    match directory.filestat_at(own(name)?) {
        Ok(_) => Ok(true),
        Err(Errno::Noent | Errno::Nametoolong) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Makes an empty file of the overlay's, if it is not there.
pub(super) fn mark(directory: &dyn Directory, name: &str) -> Result<(), Errno> {
    let how = OpenFile { write: true, create: true, ..OpenFile::default() };
    directory.open_file(own(name)?, how).map(|_| ())
}

/// Removes a file of the overlay's, if it is there.
pub(super) fn unmark(directory: &dyn Directory, name: &str) -> Result<(), Errno> {
    match directory.remove_file(own(name)?) {
        Err(Errno::Noent | Errno::Nametoolong) => Ok(()),
        outcome => outcome,
    }
}

impl Node {
    /// The top directory.
    pub(super) fn root(
        upper: Arc<dyn Directory>,
        lower: Arc<dyn Directory>,
        changing: Arc<Mutex<()>>,
    ) -> Self {
        let (upper, lower) = (Mutex::new(Some(upper)), Some(lower));
        Self { depth: 0, upper, lower, parent: None, changing }
    }

    pub(super) fn is_same_overlay(&self, other: &Node) -> bool {
        Arc::ptr_eq(&self.changing, &other.changing)
    }

    pub(super) fn lower(&self) -> Option<&Arc<dyn Directory>> {
        self.lower.as_ref()
    }

    /// Waits for other changes to be done. What is asked for then must not wait again.
    pub(super) fn change(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The directory above, if there is one by now.
    pub(super) fn upper(&self) -> Option<Arc<dyn Directory>> {
        let mut upper = self.upper.lock().unwrap_or_else(PoisonError::into_inner);
        if upper.is_none() {
            let (parent, name) = self.parent.as_ref()?;
            *upper = parent.upper()?.open_directory(Name::new(name)?).ok();
        }
        upper.clone()
    }

    /// The directory above, made if there is none.
    pub(super) fn materialize(&self) -> Result<Arc<dyn Directory>, Errno> {
        if let Some(upper) = self.upper() {
            return Ok(upper);
        }
        let (parent, name) = self.parent.as_ref().ok_or(Errno::Noent)?;
        let above = parent.materialize()?;
        let name = own(name)?;
        // Hidden meanwhile: it has been removed.
        if has(&*above, &hiding(name))? {
            return Err(Errno::Noent);
        }
        above.create_directory(name)?;
        let upper = above.open_directory(name)?;
        if let Some(lower) = &self.lower {
            let stat = lower.filestat()?;
            upper.set_times(NewTime::At(stat.accessed), NewTime::At(stat.modified))?;
        }
        *self.upper.lock().unwrap_or_else(PoisonError::into_inner) = Some(upper.clone());
        Ok(upper)
    }

    /// Where the entry `name` is.
    pub(super) fn find(&self, name: Name<'_>) -> Result<Layer, Errno> {
        if is_own(name.as_str()) {
            return Err(Errno::Noent);
        }
        if let Some(upper) = self.upper() {
            match upper.filestat_at(name) {
                Ok(stat) => return Ok(Layer::Upper(stat)),
                Err(Errno::Noent) => {}
                Err(errno) => return Err(errno),
            }
            if self.hides(&*upper, name)? {
                return Err(Errno::Noent);
            }
        }
        self.lower_at(name).map(Layer::Lower)
    }

    pub(super) fn lower_at(&self, name: Name<'_>) -> Result<Filestat, Errno> {
        self.lower.as_ref().ok_or(Errno::Noent)?.filestat_at(name)
    }

    fn hides(&self, upper: &dyn Directory, name: Name<'_>) -> Result<bool, Errno> {
        Ok(has(upper, &hiding(name))? || has(upper, OPAQUE)?)
    }

    /// Fails with `exist` if there is an entry `name`, and if it can't be one.
    pub(super) fn check_new(&self, name: Name<'_>) -> Result<(), Errno> {
        if is_own(name.as_str()) {
            return Err(Errno::Inval);
        }
        match self.find(name) {
            Ok(_) => Err(Errno::Exist),
            Err(Errno::Noent) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    /// What is known of an entry, with an inode that is another in each layer.
    pub(super) fn filestat_at(self: &Arc<Self>, name: Name<'_>) -> Result<Filestat, Errno> {
        match self.find(name)? {
            Layer::Upper(stat) if stat.filetype == Filetype::Directory => {
                self.open(name)?.filestat()
            }
            Layer::Upper(stat) => Ok(of_upper(stat)),
            Layer::Lower(stat) => Ok(of_lower(stat)),
        }
    }

    /// As long as there is one below, a directory is known by that one's number.
    pub(super) fn filestat(&self) -> Result<Filestat, Errno> {
        let lower = self.lower.as_ref().map(|lower| lower.filestat()).transpose()?.map(of_lower);
        let upper = self.upper().map(|upper| upper.filestat()).transpose()?.map(of_upper);
        match (upper, lower) {
            (Some(upper), Some(lower)) => {
                Ok(Filestat { inode: lower.inode, device: lower.device, ..upper })
            }
            (Some(stat), None) | (None, Some(stat)) => Ok(stat),
            (None, None) => Err(Errno::Noent),
        }
    }

    /// Opens a directory of both, or of the one that has it.
    ///
    /// # Errors
    /// `nametoolong` if it is too deep.
    pub(super) fn open(self: &Arc<Self>, name: Name<'_>) -> Result<Node, Errno> {
        if self.depth == DEPTH_MAX {
            return Err(Errno::Nametoolong);
        }
        let lower = || self.lower.as_ref().ok_or(Errno::Noent)?.open_directory(name);
        let (upper, lower) = match self.find(name)? {
            Layer::Upper(_) => {
                let above = self.upper().ok_or(Errno::Noent)?;
                let upper = above.open_directory(name)?;
                let shows = !has(&*upper, OPAQUE)? && !self.hides(&*above, name)?;
                (Some(upper), if shows { lower().ok() } else { None })
            }
            Layer::Lower(_) => (None, Some(lower()?)),
        };
        let parent = Some((self.clone(), name.as_str().to_owned()));
        let (upper, changing) = (Mutex::new(upper), self.changing.clone());
        Ok(Node { depth: self.depth + 1, upper, lower, parent, changing })
    }

    /// All entries, without those of the overlay's own.
    pub(super) fn entries(self: &Arc<Self>) -> Result<Entries, Errno> {
        let none = || -> Entries { Box::new(std::iter::empty()) };
        let upper = self.upper();
        let above = upper.as_ref().map_or_else(|| Ok(none()), |upper| upper.entries())?;
        let shows_lower = match &upper {
            Some(upper) => !has(&**upper, OPAQUE)?,
            None => true,
        };
        let below = match &self.lower {
            Some(lower) if shows_lower => lower.entries()?,
            _ => none(),
        };
        let node = self.clone();
        let above = above.filter_map(move |entry| match entry {
            Ok(entry) if is_own(&entry.name) => None,
            Ok(entry) => {
                let inode = match entry.filetype {
                    // Known by the lower's number, if there is one.
                    Filetype::Directory => node.filestat_at(Name::new(&entry.name)?).ok()?.inode,
                    _ => upper_inode(entry.inode),
                };
                Some(Ok(Entry { inode, ..entry }))
            }
            Err(errno) => Some(Err(errno)),
        });
        let below = below.filter_map(move |entry| match entry {
            Ok(entry) if is_own(&entry.name) => None,
            Ok(entry) => {
                let name = Name::new(&entry.name)?;
                let hidden = upper.as_ref().is_some_and(|upper| {
                    upper.filestat_at(name).is_ok() || has(&**upper, &hiding(name)) == Ok(true)
                });
                (!hidden).then(|| Ok(Entry { inode: lower_inode(entry.inode), ..entry }))
            }
            Err(errno) => Some(Err(errno)),
        });
        Ok(Box::new(above.chain(below)))
    }

    /// Sees to it that the entry `name` is above, and returns where.
    pub(super) fn copy_up(self: &Arc<Self>, name: Name<'_>) -> Result<Arc<dyn Directory>, Errno> {
        let stat = match self.find(name)? {
            Layer::Upper(_) => return self.materialize(),
            Layer::Lower(stat) => stat,
        };
        if stat.filetype == Filetype::Directory {
            self.open(name)?.materialize()?;
            return self.materialize();
        }
        let lower = self.lower.as_ref().ok_or(Errno::Noent)?;
        let upper = self.materialize()?;
        let copy = own(COPY)?;
        unmark(&*upper, COPY)?;
        let done = match stat.filetype {
            Filetype::SymbolicLink => upper.symlink(&lower.read_link(name)?, copy),
            Filetype::RegularFile => copy_file(&**lower, name, &*upper, copy, &stat),
            // Devices and the like are the host's, and stay below.
            _ => Err(Errno::Rofs),
        };
        match done.and_then(|()| upper.rename(copy, &*upper, name)) {
            Ok(()) => Ok(upper),
            Err(errno) => {
                unmark(&*upper, COPY)?;
                Err(errno)
            }
        }
    }

    /// Hides `name` of the file system below, if it has such an entry.
    pub(super) fn hide(&self, upper: &dyn Directory, name: Name<'_>) -> Result<(), Errno> {
        match self.lower_at(name) {
            Ok(_) => mark(upper, &hiding(name)),
            Err(Errno::Noent | Errno::Nametoolong) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    /// Whether this is the entry `name` of `directory`, or beneath it.
    pub(super) fn is_beneath(&self, directory: &Node, name: Name<'_>) -> Result<bool, Errno> {
        let known = |stat: Filestat| (stat.device, stat.inode);
        let directory = known(directory.filestat()?);
        let mut node = self;
        while let Some((parent, called)) = &node.parent {
            if called == name.as_str() && known(parent.filestat()?) == directory {
                return Ok(true);
            }
            node = parent;
        }
        Ok(false)
    }

    /// Fails with `inval` if `to` is the directory `name` or beneath it, and with `xdev` if the
    /// file system below has a part in that directory.
    pub(super) fn check_movable(
        self: &Arc<Self>,
        name: Name<'_>,
        to: &Arc<Node>,
    ) -> Result<(), Errno> {
        if to.is_beneath(self, name)? {
            return Err(Errno::Inval);
        }
        let moved = self.open(name)?;
        if moved.lower.is_some() { Err(Errno::Xdev) } else { Ok(()) }
    }
}

fn copy_file(
    lower: &dyn Directory,
    name: Name<'_>,
    upper: &dyn Directory,
    copy: Name<'_>,
    stat: &Filestat,
) -> Result<(), Errno> {
    let from = lower.open_file(name, OpenFile { read: true, ..OpenFile::default() })?;
    let how = OpenFile { write: true, create: true, exclusive: true, ..OpenFile::default() };
    let to = upper.open_file(copy, how)?;
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut place = 0;
    loop {
        let count = from.read_at(&mut buffer, place)?.min(CHUNK_BYTES);
        if count == 0 {
            break;
        }
        let mut written = 0;
        while written < count {
            match to.write_at(&buffer[written..count], place)? {
                0 => return Err(Errno::Io),
                more => {
                    written += more.min(count - written);
                    place += more.min(count) as u64;
                }
            }
        }
    }
    to.set_times(NewTime::At(stat.accessed), NewTime::At(stat.modified))
}

fn lower_inode(inode: u64) -> u64 {
    inode.wrapping_shl(1)
}

fn upper_inode(inode: u64) -> u64 {
    inode.wrapping_shl(1) | 1
}

pub(super) fn of_lower(stat: Filestat) -> Filestat {
    Filestat { inode: lower_inode(stat.inode), ..stat }
}

pub(super) fn of_upper(stat: Filestat) -> Filestat {
    Filestat { inode: upper_inode(stat.inode), ..stat }
}

/// How many of the overlay's own names are held while they are removed.
const NAMES_MAX: usize = 256;

/// Removes what is the overlay's own from a directory that is otherwise empty. A guest that has
/// removed a million files has hidden as many.
pub(super) fn clear_own(directory: &dyn Directory) -> Result<(), Errno> {
    loop {
        let is_wanted = |entry: &Result<Entry, Errno>| match entry {
            Ok(entry) => is_own(&entry.name),
            Err(_) => true,
        };
        let names: Result<Vec<_>, _> =
            directory.entries()?.filter(is_wanted).take(NAMES_MAX).collect();
        let names = names?;
        for entry in &names {
            unmark(directory, &entry.name)?;
        }
        if names.len() < NAMES_MAX {
            return Ok(());
        }
    }
}
