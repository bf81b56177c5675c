//! SANDBOX: paths of the guest, resolved beneath a host directory. A change here needs a second
//! reader.
//!
//! A [`Directory`] is a host directory and whether it may be written. Everything that a guest does
//! by a path goes through one of its methods; resolution is cap-std's (`openat2` with
//! `RESOLVE_BENEATH` where the kernel has it, component by component elsewhere), so neither `..`
//! nor a symbolic link leads out. It never takes a path of the host's after it was opened.
//!
//! **Invariants**
//! - A [`GuestPath`] is relative, not empty, without NUL and does not end in a slash: a trailing
//!   slash makes the kernel follow a symbolic link in the last component, even where the operation
//!   says not to. What the slash means (this is a directory) is kept as a flag and checked here.
//! - What is opened through a read-only directory is read-only, and nothing by its paths creates,
//!   removes, renames, truncates or re-dates anything.

use std::io;
use std::os::unix::fs::DirEntryExt;
use std::path::Path;

use cap_fs_ext::{
    DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt, SystemTimeSpec,
};
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};

use crate::errno::Errno;
use crate::file::HostFile;
use crate::filestat::{Filestat, Filetype};

/// A path as the guest gave it, checked for everything that can be seen without the file system.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct GuestPath {
    path: String,
    /// It ended in a slash: it is a directory or an error.
    names_directory: bool,
}

impl GuestPath {
    /// # Errors
    /// `noent` if empty, `inval` with a NUL, `perm` if absolute.
    pub(crate) fn new(mut path: String) -> Result<Self, Errno> {
        if path.is_empty() {
            return Err(Errno::Noent);
        }
        if path.contains('\0') {
            return Err(Errno::Inval);
        }
        if path.starts_with('/') {
            return Err(Errno::Perm);
        }
        let length = path.trim_end_matches('/').len();
        let names_directory = length < path.len();
        path.truncate(length);
        Ok(Self { path, names_directory })
    }
}

impl AsRef<Path> for GuestPath {
    fn as_ref(&self) -> &Path {
        self.path.as_ref()
    }
}

/// How to open a path.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct OpenHow {
    pub(crate) follow: bool,
    pub(crate) directory: bool,
    pub(crate) create: bool,
    pub(crate) exclusive: bool,
    pub(crate) truncate: bool,
    pub(crate) read: bool,
    pub(crate) write: bool,
    pub(crate) append: bool,
    pub(crate) nonblocking: bool,
    pub(crate) sync: bool,
    pub(crate) data_sync: bool,
}

/// What opening a path gives.
#[derive(Debug)]
pub(crate) enum Opened {
    File(HostFile),
    Directory(Directory),
}

/// A host directory that a guest can use.
#[derive(Debug)]
pub(crate) struct Directory {
    dir: Dir,
    read_only: bool,
}

/// One entry of a directory.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) inode: u64,
    pub(crate) filetype: Filetype,
}

impl Directory {
    /// The host's directory `path`, with the process's own authority.
    pub(crate) fn of_host(path: &Path, read_only: bool) -> io::Result<Self> {
        let dir = Dir::open_ambient_dir(path, cap_std::ambient_authority())?;
        Ok(Self { dir, read_only })
    }

    /// Opens what `path` names.
    pub(crate) fn open(&self, path: &GuestPath, how: OpenHow) -> Result<Opened, Errno> {
        if how.directory && (how.create || how.truncate) {
            return Err(Errno::Inval);
        }
        if how.create && path.names_directory || how.write && how.directory {
            return Err(Errno::Isdir);
        }
        if how.create || how.truncate || how.write {
            self.check_writable_or_absent(path, how)?;
        }
        if how.directory || path.names_directory {
            return self.open_directory(path, how.follow || path.names_directory);
        }
        let mut options = OpenOptions::new();
        // Creating and truncating need a writable descriptor, whatever the guest may do with it.
        let write = how.write || how.create || how.truncate;
        options.read(how.read || !write).write(write);
        options.create(how.create).create_new(how.create && how.exclusive);
        options.truncate(how.truncate);
        if how.append {
            // The option `append` goes together with no truncation; the flag does.
            options.custom_flags(rustix::fs::OFlags::APPEND.bits().cast_signed());
        }
        options.nonblock(how.nonblocking).sync(how.sync).dsync(how.data_sync);
        options.follow(if how.follow { FollowSymlinks::Yes } else { FollowSymlinks::No });
        let file = self.dir.open_with(path, &options)?.into_std();
        if file.metadata()?.is_dir() {
            return Ok(Opened::Directory(self.child(Dir::from_std_file(file))));
        }
        Ok(Opened::File(HostFile::new(file, self.read_only)))
    }

    /// Beneath a read-only directory, what exists is `rofs` and what does not is `noent`, except
    /// that it can't be created either.
    fn check_writable_or_absent(&self, path: &GuestPath, how: OpenHow) -> Result<(), Errno> {
        if !self.read_only {
            return Ok(());
        }
        if !how.create {
            self.filestat(path, how.follow)?;
        }
        Err(Errno::Rofs)
    }

    fn open_directory(&self, path: &GuestPath, follow: bool) -> Result<Opened, Errno> {
        let dir =
            if follow { self.dir.open_dir(path)? } else { self.dir.open_dir_nofollow(path)? };
        Ok(Opened::Directory(self.child(dir)))
    }

    fn child(&self, dir: Dir) -> Directory {
        Directory { dir, read_only: self.read_only }
    }

    fn check_writable(&self) -> Result<(), Errno> {
        if self.read_only { Err(Errno::Rofs) } else { Ok(()) }
    }

    /// For a new name that ends in a slash but will be no directory: what a kernel says, without
    /// letting it follow the slash.
    fn refuse_slash(&self, path: &GuestPath) -> Result<(), Errno> {
        if !path.names_directory {
            return Ok(());
        }
        match self.dir.symlink_metadata(path) {
            Ok(metadata) if metadata.is_dir() => Err(Errno::Exist),
            Ok(_) => Err(Errno::Notdir),
            Err(error) => Err(error.into()),
        }
    }

    /// For an old name that ends in a slash: it must be a directory itself.
    fn require_directory(&self, path: &GuestPath) -> Result<(), Errno> {
        if path.names_directory && !self.dir.symlink_metadata(path)?.is_dir() {
            return Err(Errno::Notdir);
        }
        Ok(())
    }

    /// What is known of the directory itself.
    pub(crate) fn own_filestat(&self) -> Result<Filestat, Errno> {
        Ok(Filestat::from(&self.dir.dir_metadata()?))
    }

    /// What is known of what `path` names.
    pub(crate) fn filestat(&self, path: &GuestPath, follow: bool) -> Result<Filestat, Errno> {
        let metadata = if follow || path.names_directory {
            self.dir.metadata(path)?
        } else {
            self.dir.symlink_metadata(path)?
        };
        if path.names_directory && !metadata.is_dir() {
            return Err(Errno::Notdir);
        }
        Ok(Filestat::from(&metadata))
    }

    /// Sets the times of what `path` names; `None` leaves one as it is.
    pub(crate) fn set_times(
        &self,
        path: &GuestPath,
        follow: bool,
        accessed: Option<SystemTimeSpec>,
        modified: Option<SystemTimeSpec>,
    ) -> Result<(), Errno> {
        self.check_writable()?;
        let follow = follow || path.names_directory;
        if path.names_directory {
            self.filestat(path, true)?;
        }
        if follow {
            self.dir.set_times(path, accessed, modified)?;
        } else {
            self.dir.set_symlink_times(path, accessed, modified)?;
        }
        Ok(())
    }

    /// Sets the times of the directory itself.
    pub(crate) fn set_own_times(&self, times: &rustix::fs::Timestamps) -> Result<(), Errno> {
        self.check_writable()?;
        Ok(rustix::fs::futimens(self.readable()?, times)?)
    }

    pub(crate) fn create_directory(&self, path: &GuestPath) -> Result<(), Errno> {
        self.check_writable()?;
        Ok(self.dir.create_dir(path)?)
    }

    pub(crate) fn remove_directory(&self, path: &GuestPath) -> Result<(), Errno> {
        self.check_writable()?;
        Ok(self.dir.remove_dir(path)?)
    }

    pub(crate) fn unlink_file(&self, path: &GuestPath) -> Result<(), Errno> {
        self.check_writable()?;
        // A kernel refuses a slash here, whatever is named: a directory is no file.
        if path.names_directory {
            self.require_directory(path)?;
            return Err(Errno::Isdir);
        }
        Ok(self.dir.remove_file(path)?)
    }

    pub(crate) fn rename(
        &self,
        old: &GuestPath,
        to: &Directory,
        new: &GuestPath,
    ) -> Result<(), Errno> {
        self.check_writable()?;
        to.check_writable()?;
        self.require_directory(old)?;
        if new.names_directory && !self.dir.symlink_metadata(old)?.is_dir() {
            return Err(Errno::Notdir);
        }
        Ok(self.dir.rename(old, &to.dir, new)?)
    }

    /// A second name for a file; a symbolic link is linked, not followed.
    pub(crate) fn hard_link(
        &self,
        old: &GuestPath,
        to: &Directory,
        new: &GuestPath,
    ) -> Result<(), Errno> {
        // The new name gives the file rights that the old directory did not: both must be writable.
        self.check_writable()?;
        to.check_writable()?;
        self.require_directory(old)?;
        to.refuse_slash(new)?;
        Ok(self.dir.hard_link(old, &to.dir, new)?)
    }

    /// A symbolic link at `path`. An absolute target is refused: to the guest it means nothing, to
    /// the host's other programs it may.
    pub(crate) fn symlink(&self, target: &str, path: &GuestPath) -> Result<(), Errno> {
        self.check_writable()?;
        if target.contains('\0') {
            return Err(Errno::Inval);
        }
        if target.is_empty() {
            return Err(Errno::Noent);
        }
        if target.starts_with('/') {
            return Err(Errno::Perm);
        }
        self.refuse_slash(path)?;
        Ok(DirExt::symlink(&self.dir, target, path)?)
    }

    /// The target of a symbolic link. An absolute one is refused: it tells of the host.
    pub(crate) fn read_link(&self, path: &GuestPath) -> Result<String, Errno> {
        if path.names_directory {
            // The slash asks for what the link leads to, which is no link.
            self.filestat(path, true)?;
            return Err(Errno::Inval);
        }
        let target = self.dir.read_link(path)?;
        target.into_os_string().into_string().map_err(|_| Errno::Ilseq)
    }

    /// The entries, without `.` and `..`. Names that are not UTF-8 are left out: the guest could
    /// not name them.
    pub(crate) fn entries(
        &self,
    ) -> Result<impl Iterator<Item = Result<Entry, Errno>> + Send + use<>, Errno> {
        let entries = self.dir.entries()?;
        Ok(entries.filter_map(|entry| match entry {
            Ok(entry) => {
                let name = entry.file_name().into_string().ok()?;
                Some(describe(name, &entry).map_err(Errno::from))
            }
            Err(error) => Some(Err(error.into())),
        }))
    }

    /// The directory as a file: a [`Dir`] may be a descriptor for looking things up in, only.
    fn readable(&self) -> io::Result<cap_std::fs::File> {
        self.dir.open(".")
    }

    pub(crate) fn sync(&self) -> Result<(), Errno> {
        Ok(rustix::fs::fsync(self.readable()?)?)
    }

    pub(crate) fn sync_data(&self) -> Result<(), Errno> {
        Ok(rustix::fs::fdatasync(self.readable()?)?)
    }
}

fn describe(name: String, entry: &cap_std::fs::DirEntry) -> io::Result<Entry> {
    Ok(Entry { name, inode: entry.ino(), filetype: entry.file_type()?.into() })
}
