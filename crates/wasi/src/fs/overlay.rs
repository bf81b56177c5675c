//! Two file systems as one: what is above hides what is below, and changes go above.
//!
//! ```text
//!  name ─▶ above has it?      ── yes ─▶ that; two directories are one
//!          above hides it?    ── yes ─▶ nothing
//!          below has it?      ── yes ─▶ that, copied up before it changes
//! ```
//!
//! What the file system above hides is noted there, in the way of the layers of container images:
//! an empty file `.wh.NAME` hides a name, `.wh..wh..opq` in a directory hides all that is below it.
//! So the upper file system can be kept, and laid over the same lower one again.
//!
//! **Invariants**
//! - The lower file system is never asked to change.
//! - A name that begins with `.wh.` is the overlay's: a guest neither sees nor makes one.
//! - A file is copied under such a name and gets its own when it is whole.

use std::any::Any;
use std::sync::{Arc, Mutex};

use super::overlay_file::{self, LowerFile};
use super::overlay_node::{Layer, Node, OPAQUE, clear_own, hiding, is_own, mark, unmark};
use super::{Directory, Entries, File, Fs, MemoryBudget, Name, OpenFile};
use crate::errno::Errno;
use crate::filestat::{Filestat, Filetype, NewTime};

/// One file system over another, as if they were one: reads see both, changes go to the upper.
///
/// ```
/// use brolga_wasi::{HostFs, MemoryFs, OverlayFs, WasiCtxBuilder};
///
/// # fn main() -> brolga::Result<()> {
/// // The guest may do what it wants with the folder, which stays as it is.
/// let changes = MemoryFs::default();
/// let folder = HostFs::open(std::env::temp_dir())?;
/// let overlay = OverlayFs::new(changes.clone(), folder);
/// let context = WasiCtxBuilder::new().preopened_fs(overlay, "/")?.build();
/// # drop(context);
/// # Ok(())
/// # }
/// ```
///
/// What differs from one file system:
/// - A directory that the lower has can't be moved: [`Errno::Xdev`], upon which programs copy.
/// - A file that is open for reading when it is first changed goes on showing what it held before,
///   and gets another inode. Its times can't be set by such a descriptor ([`Errno::Rofs`]), but by
///   its path.
/// - Copying a large file before its first change is one call, which is not interrupted.
/// - A symbolic link that holds an absolute path is not copied into a [`HostFs`](crate::HostFs):
///   [`Errno::Perm`] for what needs that.
/// - Directories are at most 128 deep: [`Errno::Nametoolong`]. At most 4,096 are open at a time,
///   those that they are in included: [`Errno::Nfile`].
/// - Of a file's several names, the one by which it is changed gets a copy; the others stay.
/// - Names that begin with `.wh.` are not there, and can't be made ([`Errno::Inval`]).
///
/// An upper file system that someone else changes meanwhile is not supported; what is read is then
/// what both happen to hold, and never anything else.
#[derive(Clone)]
pub struct OverlayFs {
    upper: Arc<dyn Fs>,
    lower: Arc<dyn Fs>,
    /// Held by whoever changes something: a change is several steps.
    changing: Arc<Mutex<()>>,
}

impl std::fmt::Debug for OverlayFs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OverlayFs").finish_non_exhaustive()
    }
}

impl OverlayFs {
    /// `upper` over `lower`. The upper one may not be an overlay itself, nor on top of one; the
    /// lower one may.
    pub fn new(upper: impl Fs + 'static, lower: impl Fs + 'static) -> Self {
        Self { upper: Arc::new(upper), lower: Arc::new(lower), changing: Arc::default() }
    }

    fn root_of(&self, upper: Arc<dyn Directory>) -> Result<Arc<dyn Directory>, Errno> {
        let node = Node::root(upper, self.lower.root()?, self.changing.clone());
        Ok(Arc::new(OverlayDirectory(Arc::new(node))))
    }
}

impl Fs for OverlayFs {
    fn root(&self) -> Result<Arc<dyn Directory>, Errno> {
        self.root_of(self.upper.root()?)
    }

    /// What is below takes no room: the guest adds nothing to it.
    fn root_within(&self, budget: &MemoryBudget) -> Result<Arc<dyn Directory>, Errno> {
        self.root_of(self.upper.root_within(budget)?)
    }
}

/// How many directories of one overlay are open at a time.
const DIRECTORIES_MAX: usize = 4096;

struct OverlayDirectory(Arc<Node>);

impl OverlayDirectory {
    /// Another directory, if it is of the same overlay.
    fn same<'a>(&self, other: &'a dyn Directory) -> Result<&'a Arc<Node>, Errno> {
        let other: &dyn Any = other;
        let other: &OverlayDirectory = other.downcast_ref().ok_or(Errno::Xdev)?;
        if self.0.is_same_overlay(&other.0) { Ok(&other.0) } else { Err(Errno::Xdev) }
    }
}

impl Directory for OverlayDirectory {
    fn filestat(&self) -> Result<Filestat, Errno> {
        self.0.filestat()
    }

    fn filestat_at(&self, name: Name<'_>) -> Result<Filestat, Errno> {
        self.0.filestat_at(name)
    }

    fn entries(&self) -> Result<Entries, Errno> {
        self.0.entries()
    }

    fn open_directory(&self, name: Name<'_>) -> Result<Arc<dyn Directory>, Errno> {
        // Each open directory holds those that it is in, so that a few deep ones are many: of the
        // host's, two descriptors each.
        if Arc::strong_count(&self.0.changing) > DIRECTORIES_MAX {
            return Err(Errno::Nfile);
        }
        Ok(Arc::new(OverlayDirectory(Arc::new(self.0.open(name)?))))
    }

    fn open_file(&self, name: Name<'_>, how: OpenFile) -> Result<Box<dyn File>, Errno> {
        let _change = how.changes().then(|| self.0.change());
        let upper = match self.0.find(name) {
            Ok(_) if how.create && how.exclusive => return Err(Errno::Exist),
            Ok(Layer::Upper(_)) => self.0.materialize()?,
            Ok(Layer::Lower(stat)) => match stat.filetype {
                Filetype::Directory => return Err(Errno::Isdir),
                Filetype::SymbolicLink => return Err(Errno::Loop),
                Filetype::RegularFile if how.write || how.truncate => self.0.copy_up(name)?,
                _ => {
                    let lower = self.0.lower().ok_or(Errno::Noent)?;
                    // A device is not truncated; if it is a file by now, that must not be either.
                    let how = OpenFile { create: false, truncate: false, ..how };
                    return Ok(Box::new(LowerFile::new(lower.open_file(name, how)?)));
                }
            },
            Err(Errno::Noent) if how.create && is_own(name.as_str()) => return Err(Errno::Inval),
            Err(Errno::Noent) if how.create => {
                let upper = self.0.materialize()?;
                let file = upper.open_file(name, how)?;
                unmark(&*upper, &hiding(name))?;
                return overlay_file::upper(file);
            }
            Err(errno) => return Err(errno),
        };
        overlay_file::upper(upper.open_file(name, how)?)
    }

    fn read_link(&self, name: Name<'_>) -> Result<String, Errno> {
        let layer = match self.0.find(name)? {
            Layer::Upper(_) => self.0.upper(),
            Layer::Lower(_) => self.0.lower().cloned(),
        };
        layer.ok_or(Errno::Noent)?.read_link(name)
    }

    fn create_directory(&self, name: Name<'_>) -> Result<(), Errno> {
        let _change = self.0.change();
        self.0.check_new(name)?;
        let upper = self.0.materialize()?;
        upper.create_directory(name)?;
        if self.0.lower_at(name).is_ok() {
            // What was removed from below does not come back.
            mark(&*upper.open_directory(name)?, OPAQUE)?;
        }
        unmark(&*upper, &hiding(name))
    }

    fn remove_directory(&self, name: Name<'_>) -> Result<(), Errno> {
        let _change = self.0.change();
        let directory = Arc::new(self.0.open(name)?);
        if let Some(entry) = directory.entries()?.next() {
            entry?;
            return Err(Errno::Notempty);
        }
        let upper = self.0.materialize()?;
        self.0.hide(&*upper, name)?;
        match directory.upper() {
            Some(above) => {
                clear_own(&*above)?;
                upper.remove_directory(name)
            }
            None => Ok(()),
        }
    }

    fn remove_file(&self, name: Name<'_>) -> Result<(), Errno> {
        let _change = self.0.change();
        let layer = self.0.find(name)?;
        if layer.filetype() == Filetype::Directory {
            return Err(Errno::Isdir);
        }
        let upper = self.0.materialize()?;
        self.0.hide(&*upper, name)?;
        match layer {
            Layer::Upper(_) => upper.remove_file(name),
            Layer::Lower(_) => Ok(()),
        }
    }

    fn rename(&self, name: Name<'_>, to: &dyn Directory, new: Name<'_>) -> Result<(), Errno> {
        let to = self.same(to)?;
        let _change = self.0.change();
        let is_directory = self.0.find(name)?.filetype() == Filetype::Directory;
        if is_own(new.as_str()) {
            return Err(Errno::Inval);
        }
        let replaced = match to.find(new) {
            Ok(layer) => Some(layer),
            Err(Errno::Noent) => None,
            Err(errno) => return Err(errno),
        };
        if let Some(layer) = &replaced {
            if Arc::ptr_eq(&self.0, to) && name == new {
                return Ok(());
            }
            if is_directory && to.is_beneath(&self.0, name)? {
                return Err(Errno::Inval);
            }
            match (is_directory, layer.filetype() == Filetype::Directory) {
                // What it is in has at least that entry.
                (_, true) if self.0.is_beneath(to, new)? => return Err(Errno::Notempty),
                (true, false) => return Err(Errno::Notdir),
                (false, true) => return Err(Errno::Isdir),
                (true, true) if to.open(new).map(Arc::new)?.entries()?.next().is_some() => {
                    return Err(Errno::Notempty);
                }
                _ => {}
            }
        }
        if is_directory {
            self.0.check_movable(name, to)?;
        }
        let from_upper = self.0.copy_up(name)?;
        let to_upper = to.materialize()?;
        if is_directory && to.lower_at(new).is_ok() {
            // It must not show what lies below its new place.
            mark(&*from_upper.open_directory(name)?, OPAQUE)?;
        }
        if is_directory && let Some(Layer::Upper(_)) = replaced {
            clear_own(&*to_upper.open_directory(new)?)?;
        }
        self.0.hide(&*from_upper, name)?;
        from_upper.rename(name, &*to_upper, new)?;
        unmark(&*to_upper, &hiding(new))
    }

    fn link(&self, name: Name<'_>, to: &dyn Directory, new: Name<'_>) -> Result<(), Errno> {
        let to = self.same(to)?;
        let _change = self.0.change();
        let layer = self.0.find(name)?;
        to.check_new(new)?;
        if layer.filetype() == Filetype::Directory {
            return Err(Errno::Perm);
        }
        let from = self.0.copy_up(name)?;
        let upper = to.materialize()?;
        from.link(name, &*upper, new)?;
        unmark(&*upper, &hiding(new))
    }

    fn symlink(&self, target: &str, name: Name<'_>) -> Result<(), Errno> {
        let _change = self.0.change();
        self.0.check_new(name)?;
        let upper = self.0.materialize()?;
        upper.symlink(target, name)?;
        unmark(&*upper, &hiding(name))
    }

    fn set_times(&self, accessed: NewTime, modified: NewTime) -> Result<(), Errno> {
        let _change = self.0.change();
        self.0.materialize()?.set_times(accessed, modified)
    }

    fn set_times_at(
        &self,
        name: Name<'_>,
        accessed: NewTime,
        modified: NewTime,
    ) -> Result<(), Errno> {
        let _change = self.0.change();
        self.0.copy_up(name)?.set_times_at(name, accessed, modified)
    }

    fn sync(&self) -> Result<(), Errno> {
        match self.0.upper() {
            Some(upper) => upper.sync(),
            None => Ok(()),
        }
    }
}
