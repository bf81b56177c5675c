//! SANDBOX: directories of the host. A change here needs a second reader.
//!
//! The only file system that a host's path is ever given to, and that once: [`HostFs::open`]. After
//! that it works by descriptors and single names. Behind each name stands cap-std as a second wall,
//! which would not let it out even if it were a path.
//!
//! Where the kernel has `openat2`, directories several names away are opened in one call that the
//! kernel keeps beneath the starting one; elsewhere, or when told to, the sandbox walks.
//!
//! **Invariants**
//! - No symbolic link is followed but by `openat2` with `RESOLVE_BENEATH`.

use std::any::Any;
use std::fmt;
use std::io;
use std::os::unix::fs::DirEntryExt;
use std::path::Path;
use std::sync::Arc;

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno as HostErrno;

use super::host_file::HostFile;
use super::{Directory, Entries, Entry, File, Fs, Name, OpenFile};
use crate::errno::Errno;
use crate::filestat::{self, Filestat, NewTime};

/// How a directory several names away is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Resolution {
    /// By the kernel, at once.
    Kernel,
    /// By the sandbox, name by name.
    Walk,
}

/// A directory of the host, and what is beneath it.
///
/// ```
/// # fn main() -> brolga::Result<()> {
/// use brolga_wasi::{HostFs, WasiCtxBuilder};
///
/// let folder = HostFs::open(std::env::temp_dir())?;
/// let context = WasiCtxBuilder::new().preopened_fs(folder, "/tmp")?.build();
/// # drop(context);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct HostFs {
    root: Arc<HostDirectory>,
}

impl fmt::Debug for HostFs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostFs").field("resolution", &self.root.resolution).finish_non_exhaustive()
    }
}

impl HostFs {
    /// The host's directory `path`, with the process's own authority.
    ///
    /// # Errors
    /// If it can't be opened as a directory.
    pub fn open(path: impl AsRef<Path>) -> io::Result<HostFs> {
        let dir = Dir::open_ambient_dir(path, cap_std::ambient_authority())?;
        let resolution = match open_beneath(&dir, ".") {
            Ok(_) => Resolution::Kernel,
            Err(_) => Resolution::Walk,
        };
        Ok(HostFs { root: Arc::new(HostDirectory { dir, resolution }) })
    }

    /// The same directory, with paths walked name by name even where the kernel could do better.
    ///
    /// # Errors
    /// If the process has no descriptor left.
    pub fn without_openat2(&self) -> io::Result<HostFs> {
        let dir = self.root.dir.try_clone()?;
        Ok(HostFs { root: Arc::new(HostDirectory { dir, resolution: Resolution::Walk }) })
    }
}

impl Fs for HostFs {
    fn root(&self) -> Result<Arc<dyn Directory>, Errno> {
        Ok(self.root.clone())
    }
}

struct HostDirectory {
    dir: Dir,
    resolution: Resolution,
}

/// Opens a directory beneath `dir`, or has the kernel say why it can't.
fn open_beneath(dir: &Dir, path: &str) -> Result<Dir, HostErrno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let file = rustix::fs::openat2(dir, path, flags, Mode::empty(), resolve)?;
    Ok(Dir::from_std_file(file.into()))
}

/// How often the kernel is asked again when something was renamed meanwhile.
const ATTEMPTS: u32 = 4;

impl HostDirectory {
    fn child(&self, dir: Dir) -> Arc<dyn Directory> {
        Arc::new(HostDirectory { dir, resolution: self.resolution })
    }

    /// The directory as a file: a [`Dir`] may be a descriptor for looking things up in, only.
    fn readable(&self) -> io::Result<cap_std::fs::File> {
        self.dir.open(".")
    }
}

/// The directory as one of the host's.
fn host(directory: &dyn Directory) -> Result<&HostDirectory, Errno> {
    let directory: &dyn Any = directory;
    directory.downcast_ref().ok_or(Errno::Xdev)
}

impl Directory for HostDirectory {
    fn filestat(&self) -> Result<Filestat, Errno> {
        Ok(Filestat::from(&self.dir.dir_metadata()?))
    }

    fn filestat_at(&self, name: Name<'_>) -> Result<Filestat, Errno> {
        Ok(Filestat::from(&self.dir.symlink_metadata(name)?))
    }

    /// Names that are not UTF-8 are left out: the guest could not name them.
    fn entries(&self) -> Result<Entries, Errno> {
        let entries = self.dir.entries()?;
        Ok(Box::new(entries.filter_map(|entry| match entry {
            Ok(entry) => {
                let name = entry.file_name().into_string().ok()?;
                Some(describe(name, &entry).map_err(Errno::from))
            }
            Err(error) => Some(Err(error.into())),
        })))
    }

    fn open_directory(&self, name: Name<'_>) -> Result<Arc<dyn Directory>, Errno> {
        Ok(self.child(self.dir.open_dir_nofollow(name)?))
    }

    fn open_file(&self, name: Name<'_>, how: OpenFile) -> Result<Box<dyn File>, Errno> {
        let mut options = OpenOptions::new();
        // Creating and truncating need a writable descriptor, whatever the guest may do with it.
        options.read(how.read || !how.changes()).write(how.changes());
        options.create(how.create).create_new(how.create && how.exclusive);
        options.truncate(how.truncate);
        // A terminal that a guest opens must not become the process's own.
        let mut flags = OFlags::NOCTTY;
        // The option `append` goes together with no truncation; the flag does.
        flags.set(OFlags::APPEND, how.flags.append);
        options.custom_flags(flags.bits().cast_signed());
        // A named pipe would wait for someone at its other end, and nobody could end that.
        options.nonblock(true);
        options.follow(FollowSymlinks::No);
        let file = HostFile::new(self.dir.open_with(name, &options)?.into_std())?;
        // For other files the flag means nothing.
        if file.is_stream() && !how.flags.nonblocking {
            file.set_flags(how.flags)?;
        }
        Ok(Box::new(file))
    }

    fn read_link(&self, name: Name<'_>) -> Result<String, Errno> {
        let target = self.dir.read_link_contents(name)?;
        target.into_os_string().into_string().map_err(|_| Errno::Ilseq)
    }

    fn create_directory(&self, name: Name<'_>) -> Result<(), Errno> {
        Ok(self.dir.create_dir(name)?)
    }

    fn remove_directory(&self, name: Name<'_>) -> Result<(), Errno> {
        Ok(self.dir.remove_dir(name)?)
    }

    fn remove_file(&self, name: Name<'_>) -> Result<(), Errno> {
        Ok(self.dir.remove_file(name)?)
    }

    fn rename(&self, name: Name<'_>, to: &dyn Directory, new: Name<'_>) -> Result<(), Errno> {
        Ok(self.dir.rename(name, &host(to)?.dir, new)?)
    }

    fn link(&self, name: Name<'_>, to: &dyn Directory, new: Name<'_>) -> Result<(), Errno> {
        Ok(self.dir.hard_link(name, &host(to)?.dir, new)?)
    }

    fn symlink(&self, target: &str, name: Name<'_>) -> Result<(), Errno> {
        Ok(DirExt::symlink(&self.dir, target, name)?)
    }

    fn set_times(&self, accessed: NewTime, modified: NewTime) -> Result<(), Errno> {
        let times = filestat::timestamps(accessed, modified);
        Ok(rustix::fs::futimens(self.readable()?, &times)?)
    }

    fn set_times_at(
        &self,
        name: Name<'_>,
        accessed: NewTime,
        modified: NewTime,
    ) -> Result<(), Errno> {
        Ok(self.dir.set_symlink_times(name, accessed.spec(), modified.spec())?)
    }

    fn sync(&self) -> Result<(), Errno> {
        Ok(rustix::fs::fsync(self.readable()?)?)
    }

    fn descend(&self, path: &str) -> Option<Result<Arc<dyn Directory>, Errno>> {
        if self.resolution == Resolution::Walk {
            return None;
        }
        for _ in 0..ATTEMPTS {
            match open_beneath(&self.dir, path) {
                Ok(dir) => return Some(Ok(self.child(dir))),
                Err(HostErrno::AGAIN) => {}
                Err(HostErrno::XDEV) => return Some(Err(Errno::Perm)),
                // Some filters of system calls refuse it so.
                Err(HostErrno::NOSYS | HostErrno::PERM) => return None,
                Err(errno) => return Some(Err(errno.into())),
            }
        }
        None
    }
}

fn describe(name: String, entry: &cap_std::fs::DirEntry) -> io::Result<Entry> {
    Ok(Entry { name, inode: entry.ino(), filetype: entry.file_type()?.into() })
}
