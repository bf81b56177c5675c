//! File systems: what a preopened directory is behind.
//!
//! ```text
//!  guest's path ─▶ sandbox.rs ─▶ Directory::open_file(Name)
//!                  walks, by names             │
//!                              HostFs   MemoryFs   OverlayFs   the embedder's
//! ```
//!
//! An [`Fs`] gives its root [`Directory`]; a directory does things by [`Name`]s, one at a time. A
//! path never comes here: the sandbox splits it, follows symbolic links and refuses what leads out,
//! the same for all file systems. So an implementation has no rules of paths to keep, and a mistake
//! in one leads nowhere but to its own entries.
//!
//! [`HostFs`] is a directory of the host, [`MemoryFs`] lives in memory and has a quota,
//! [`OverlayFs`] is one over another; more are an embedder's to write.
//!
//! **Invariants**
//! - What an implementation is given is checked: names are single, and beneath a directory that was
//!   given for reading only nothing that changes anything is called.

mod budget;
mod host;
mod host_file;
mod memory;
mod memory_state;
mod name;
mod overlay;
mod overlay_file;
mod overlay_node;

use std::any::Any;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

pub use budget::MemoryBudget;
pub use host::HostFs;
pub use memory::{MemoryFs, MemoryLimits};
pub use name::Name;
pub use overlay::OverlayFs;

use crate::errno::Errno;
use crate::filestat::{Filestat, Filetype, NewTime};

/// A file system: what a preopened directory is behind.
///
/// [`HostFs`] is a directory of the host, [`MemoryFs`] lives in memory and has a quota,
/// [`OverlayFs`] is one over another. An embedder writes others: this trait gives the [`Directory`]
/// at the top, which is asked for one name at a time. It never sees a path: what `..`, slashes and
/// symbolic links mean is decided before, the same for all file systems, and so is what can't be
/// done in a directory that may only be read. The crate's example `own_fs` has a guest list and
/// read one; in short:
///
/// ```
/// use std::sync::Arc;
///
/// use brolga_wasi::{
///     Directory, Entries, Entry, Errno, File, Filestat, Filetype, Fs, Name, OpenFile,
///     WasiCtxBuilder,
/// };
///
/// /// A directory of one file, which says what it is asked for.
/// struct Greeting;
///
/// impl Fs for Greeting {
///     fn root(&self) -> Result<Arc<dyn Directory>, Errno> {
///         Ok(Arc::new(Greeting))
///     }
/// }
///
/// const TEXT: &[u8] = b"hello\n";
///
/// fn stat(filetype: Filetype, inode: u64, size: u64) -> Filestat {
///     Filestat { filetype, inode, size, links: 1, ..Filestat::default() }
/// }
///
/// impl Directory for Greeting {
///     fn filestat(&self) -> Result<Filestat, Errno> {
///         Ok(stat(Filetype::Directory, 1, 0))
///     }
///
///     fn filestat_at(&self, name: Name<'_>) -> Result<Filestat, Errno> {
///         match name.as_str() {
///             "greeting" => Ok(stat(Filetype::RegularFile, 2, TEXT.len() as u64)),
///             _ => Err(Errno::Noent),
///         }
///     }
///
///     fn entries(&self) -> Result<Entries, Errno> {
///         let (name, filetype) = ("greeting".to_owned(), Filetype::RegularFile);
///         Ok(Box::new([Ok(Entry { name, inode: 2, filetype })].into_iter()))
///     }
///
///     fn open_directory(&self, name: Name<'_>) -> Result<Arc<dyn Directory>, Errno> {
///         self.filestat_at(name)?;
///         Err(Errno::Notdir)
///     }
///
///     fn open_file(&self, name: Name<'_>, how: OpenFile) -> Result<Box<dyn File>, Errno> {
///         self.filestat_at(name)?;
///         if how.changes() { Err(Errno::Rofs) } else { Ok(Box::new(Greeting)) }
///     }
/// }
///
/// impl File for Greeting {
///     fn filestat(&self) -> Result<Filestat, Errno> {
///         Ok(stat(Filetype::RegularFile, 2, TEXT.len() as u64))
///     }
///
///     fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
///         let rest = TEXT.get(usize::try_from(offset)?..).unwrap_or_default();
///         let count = rest.len().min(buffer.len());
///         buffer[..count].copy_from_slice(&rest[..count]);
///         Ok(count)
///     }
/// }
///
/// # fn main() -> brolga::Result<()> {
/// let context = WasiCtxBuilder::new().preopened_fs(Greeting, "/")?.build();
/// # drop(context);
/// # Ok(())
/// # }
/// ```
pub trait Fs: Send + Sync {
    /// The directory at its top.
    ///
    /// # Errors
    /// If there is none, or none any more.
    fn root(&self) -> Result<Arc<dyn Directory>, Errno>;

    /// The directory at its top, for a guest that may change it and whose files in memory may hold
    /// what `budget` has room for. A file system that keeps files in memory counts them there and
    /// heeds it; one that stands before others hands it on to them. By default as [`Fs::root`].
    ///
    /// # Errors
    /// As [`Fs::root`].
    fn root_within(&self, _budget: &MemoryBudget) -> Result<Arc<dyn Directory>, Errno> {
        self.root()
    }
}

impl Fs for Arc<dyn Fs> {
    fn root(&self) -> Result<Arc<dyn Directory>, Errno> {
        (**self).root()
    }

    fn root_within(&self, budget: &MemoryBudget) -> Result<Arc<dyn Directory>, Errno> {
        (**self).root_within(budget)
    }
}

/// The entries of a directory.
pub type Entries = Box<dyn Iterator<Item = Result<Entry, Errno>> + Send>;

/// One entry of a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its name, which is single: the guest could not use another.
    pub name: String,
    /// The number of what it names.
    pub inode: u64,
    /// What it names.
    pub filetype: Filetype,
}

/// How to open a file.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct OpenFile {
    /// It will be read.
    pub read: bool,
    /// It will be written, or its size changed.
    pub write: bool,
    /// It is created if there is nothing of that name.
    pub create: bool,
    /// With `create`: it is an error if there is something of that name, a symbolic link included.
    pub exclusive: bool,
    /// Its size becomes 0.
    pub truncate: bool,
    /// What flags its descriptor starts with; see [`File::set_flags`].
    pub flags: FileFlags,
}

impl OpenFile {
    /// Whether opening, or what may be done afterwards, changes anything.
    pub fn changes(self) -> bool {
        self.write || self.create || self.truncate
    }
}

/// Flags of an open file.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct FileFlags {
    /// What is written goes to the end. Such writes come as [`File::append`].
    pub append: bool,
    /// Reading and writing fail with [`Errno::Again`] rather than wait.
    pub nonblocking: bool,
}

/// A directory that is open. It stays usable, if empty, when it has been removed.
///
/// Nothing here follows a symbolic link: where a name is one, opening fails, and what else is done
/// is done with the link. The methods that change something are never called for a guest that may
/// only read; those with a default say that the whole file system is read-only.
///
/// # Errors
/// What all methods may fail with: [`Errno::Noent`] if there is nothing of that name,
/// [`Errno::Notdir`] and [`Errno::Isdir`] if it is not or is a directory, [`Errno::Exist`] if a new
/// name is taken, [`Errno::Rofs`], [`Errno::Nospc`], [`Errno::Nametoolong`], [`Errno::Acces`],
/// [`Errno::Perm`], [`Errno::Io`]; and for each what it says.
pub trait Directory: Any + Send + Sync {
    /// What is known of the directory.
    fn filestat(&self) -> Result<Filestat, Errno>;

    /// What is known of the entry `name`.
    fn filestat_at(&self, name: Name<'_>) -> Result<Filestat, Errno>;

    /// All entries, without `.` and `..`, in the same order each time as long as nothing changes.
    fn entries(&self) -> Result<Entries, Errno>;

    /// Opens a directory.
    ///
    /// # Errors
    /// [`Errno::Notdir`] or [`Errno::Loop`] for a symbolic link.
    fn open_directory(&self, name: Name<'_>) -> Result<Arc<dyn Directory>, Errno>;

    /// Opens what is no directory.
    ///
    /// # Errors
    /// [`Errno::Isdir`] for a directory, [`Errno::Loop`] for a symbolic link, [`Errno::Rofs`] if
    /// [`OpenFile::changes`] and nothing can be changed.
    fn open_file(&self, name: Name<'_>, how: OpenFile) -> Result<Box<dyn File>, Errno>;

    /// What a symbolic link holds, as it is.
    ///
    /// # Errors
    /// [`Errno::Inval`] if it is none: the default, for file systems without.
    fn read_link(&self, _name: Name<'_>) -> Result<String, Errno> {
        Err(Errno::Inval)
    }

    /// Makes a directory.
    ///
    /// # Errors
    /// As the trait says.
    fn create_directory(&self, _name: Name<'_>) -> Result<(), Errno> {
        Err(Errno::Rofs)
    }

    /// Removes a directory.
    ///
    /// # Errors
    /// [`Errno::Notempty`] if it has entries.
    fn remove_directory(&self, _name: Name<'_>) -> Result<(), Errno> {
        Err(Errno::Rofs)
    }

    /// Removes what is no directory. What is open stays usable.
    ///
    /// # Errors
    /// As the trait says.
    fn remove_file(&self, _name: Name<'_>) -> Result<(), Errno> {
        Err(Errno::Rofs)
    }

    /// Gives what `name` names the name `new` in `to`, in the place of what had it.
    ///
    /// # Errors
    /// [`Errno::Xdev`] if `to` is not of this file system, [`Errno::Inval`] if it is beneath what is
    /// moved, [`Errno::Notempty`] for a directory in the place of one with entries,
    /// [`Errno::Isdir`] for a file in the place of a directory, [`Errno::Notdir`] for the reverse.
    fn rename(&self, _name: Name<'_>, _to: &dyn Directory, _new: Name<'_>) -> Result<(), Errno> {
        Err(Errno::Rofs)
    }

    /// Gives what `name` names a second name, `new` in `to`.
    ///
    /// # Errors
    /// [`Errno::Xdev`] if `to` is not of this file system, [`Errno::Perm`] for a directory.
    fn link(&self, _name: Name<'_>, _to: &dyn Directory, _new: Name<'_>) -> Result<(), Errno> {
        Err(Errno::Rofs)
    }

    /// Makes a symbolic link that holds `target`, which is relative and not empty.
    ///
    /// # Errors
    /// As the trait says.
    fn symlink(&self, _target: &str, _name: Name<'_>) -> Result<(), Errno> {
        Err(Errno::Rofs)
    }

    /// Sets the directory's times of access and of modification.
    ///
    /// # Errors
    /// As the trait says.
    fn set_times(&self, _accessed: NewTime, _modified: NewTime) -> Result<(), Errno> {
        Err(Errno::Rofs)
    }

    /// Sets an entry's times of access and of modification.
    ///
    /// # Errors
    /// As the trait says.
    fn set_times_at(
        &self,
        _name: Name<'_>,
        _accessed: NewTime,
        _modified: NewTime,
    ) -> Result<(), Errno> {
        Err(Errno::Rofs)
    }

    /// Has what was changed survive a loss of power.
    ///
    /// # Errors
    /// What the storage says.
    fn sync(&self) -> Result<(), Errno> {
        Ok(())
    }

    /// Opens a directory several names away, `..` and symbolic links among them, if the file
    /// system can promise on its own that the way never leads out of this directory;
    /// [`Errno::Perm`] if it would. `None`, the default: the sandbox walks.
    fn descend(&self, _path: &str) -> Option<Result<Arc<dyn Directory>, Errno>> {
        None
    }
}

/// A file that is open: something that is neither a directory nor a symbolic link.
pub trait File: Send {
    /// What is known of it.
    ///
    /// # Errors
    /// What the storage says.
    fn filestat(&self) -> Result<Filestat, Errno>;

    /// Reads from `offset` on. Returns how many bytes; 0 is the end.
    ///
    /// # Errors
    /// [`Errno::Badf`] if it was not opened for that.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Errno>;

    /// Writes from `offset` on, with zeros between the end and there. Returns how many bytes.
    ///
    /// # Errors
    /// [`Errno::Badf`] if it was not opened for that, which is the default; [`Errno::Nospc`],
    /// [`Errno::Fbig`].
    fn write_at(&self, _bytes: &[u8], _offset: u64) -> Result<usize, Errno> {
        Err(Errno::Badf)
    }

    /// Writes at the end, wherever it is by then. Returns how many bytes. By default a write at
    /// what the size has just been.
    ///
    /// # Errors
    /// As [`File::write_at`].
    fn append(&self, bytes: &[u8]) -> Result<usize, Errno> {
        self.write_at(bytes, self.filestat()?.size)
    }

    /// Makes it shorter, or longer by zeros.
    ///
    /// # Errors
    /// As [`File::write_at`].
    fn set_size(&self, _bytes: u64) -> Result<(), Errno> {
        Err(Errno::Badf)
    }

    /// Makes sure that there is room for `length` bytes from `offset` on, and makes it as long. By
    /// default by its size alone.
    ///
    /// # Errors
    /// As [`File::write_at`].
    fn allocate(&self, offset: u64, length: u64) -> Result<(), Errno> {
        let end = offset.checked_add(length).ok_or(Errno::Fbig)?;
        if end > self.filestat()?.size { self.set_size(end) } else { Ok(()) }
    }

    /// Takes notice of how a part will be used.
    ///
    /// # Errors
    /// What the storage says.
    fn advise(&self, _offset: u64, _length: u64, _advice: Advice) -> Result<(), Errno> {
        Ok(())
    }

    /// Sets the times of access and of modification.
    ///
    /// # Errors
    /// As the trait [`Directory`] says; by default [`Errno::Rofs`].
    fn set_times(&self, _accessed: NewTime, _modified: NewTime) -> Result<(), Errno> {
        Err(Errno::Rofs)
    }

    /// Sets the flags.
    ///
    /// # Errors
    /// [`Errno::Notsup`] for a flag it has no use for and can't ignore.
    fn set_flags(&self, _flags: FileFlags) -> Result<(), Errno> {
        Ok(())
    }

    /// Has what was written survive a loss of power, and all that is known of it.
    ///
    /// # Errors
    /// What the storage says.
    fn sync(&self) -> Result<(), Errno> {
        Ok(())
    }

    /// Has what was written survive a loss of power.
    ///
    /// # Errors
    /// What the storage says.
    fn sync_data(&self) -> Result<(), Errno> {
        self.sync()
    }

    /// Whether it has no places: offsets mean nothing, and it can't be sought in.
    fn is_stream(&self) -> bool {
        false
    }

    /// The host's descriptor to wait on until it can be read or written, if it is a stream that
    /// has one. `None`, the default: it never waits, or can't be waited for.
    fn host(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// How a part of a file will be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Advice {
    /// Nothing is known.
    Normal,
    /// From lower to higher offsets.
    Sequential,
    /// In any order.
    Random,
    /// Soon.
    WillNeed,
    /// Not soon.
    DontNeed,
    /// Once.
    NoReuse,
}
