//! SANDBOX: paths of the guest, resolved beneath a directory. A change here needs a second reader.
//!
//! A [`GuestDirectory`] is an open directory of some file system and whether it may be written.
//! Everything that a guest does by a path goes through one of its methods: the path is resolved to
//! a directory and one name in it, and the file system is asked about that name alone. The rules
//! are the same for every file system:
//!
//! ```text
//!  GuestPath ─▶ resolve: by Directory::descend, or a walk ─▶ Place { directory, name }
//!               ".." at the start is Perm                          │
//!               symbolic links are read here                       ▼
//!                                               Directory::open_file, remove_file …
//! ```
//!
//! **Invariants**
//! - A [`GuestPath`] is relative, not empty, without NUL and does not end in a slash. What the
//!   slash means (this is a directory) is kept as a flag and checked here.
//! - Directories on the way are those that were opened on the way: `..` goes back to one of them,
//!   and from the first there is no way back.
//! - File systems get single [`Name`]s and never follow links by themselves, except as
//!   [`Directory::descend`] says.
//! - What is opened through a read-only directory is read-only, and nothing by its paths creates,
//!   removes, renames, truncates or re-dates anything: a file system behind one is not even asked.

use std::sync::Arc;

use crate::errno::Errno;
use crate::file::GuestFile;
use crate::filestat::{Filestat, Filetype, NewTime};
use crate::fs::{Directory, Entries, Name, OpenFile};

/// How many symbolic links one path may lead through.
const LINKS_MAX: usize = 40;

/// How many directories a walk has open at a time, each a descriptor of the host's.
const DEPTH_MAX: usize = 256;

/// How many names of a path, and of the links it leads through, may be still to come.
const PENDING_MAX: usize = 4096;

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

/// What a path leads to.
struct Place {
    directory: Arc<dyn Directory>,
    /// The name in that directory; none if the path leads to the directory itself.
    name: Option<String>,
    /// The path, or the symbolic link at its end, had a slash behind it.
    names_directory: bool,
}

impl Place {
    /// The name; `errno` if the path leads to a directory as such.
    fn name(&self, errno: Errno) -> Result<Name<'_>, Errno> {
        self.name.as_deref().and_then(Name::new).ok_or(errno)
    }

    fn filestat(&self) -> Result<Filestat, Errno> {
        match self.name(Errno::Inval) {
            Ok(name) => self.directory.filestat_at(name),
            Err(_) => self.directory.filestat(),
        }
    }

    /// For an old name that ends in a slash: it must be a directory itself.
    fn require_directory(&self) -> Result<(), Errno> {
        if self.names_directory && self.filestat()?.filetype != Filetype::Directory {
            return Err(Errno::Notdir);
        }
        Ok(())
    }

    /// For a new name that ends in a slash but will be no directory: what a kernel says.
    fn refuse_slash(&self) -> Result<(), Errno> {
        if !self.names_directory {
            return Ok(());
        }
        match self.filestat()?.filetype {
            Filetype::Directory => Err(Errno::Exist),
            _ => Err(Errno::Notdir),
        }
    }
}

/// A directory several names away, if the file system opens it at once.
type Descent = Option<Result<Arc<dyn Directory>, Errno>>;

/// The directory that is `path` away, which may be no way at all.
fn descend(base: &Arc<dyn Directory>, path: &str) -> Descent {
    if path.is_empty() { Some(Ok(base.clone())) } else { base.descend(path) }
}

/// Where `path` leads from `base`. `follow`: a symbolic link at its end is followed.
fn resolve(base: &Arc<dyn Directory>, path: &GuestPath, follow: bool) -> Result<Place, Errno> {
    match resolve_at_once(base, path, follow) {
        Some(place) => place,
        None => walk(base, path, follow),
    }
}

/// Resolves with the file system's own [`Directory::descend`]. Links at the end are read here and
/// put in the path's last place, from the start again.
fn resolve_at_once(
    base: &Arc<dyn Directory>,
    path: &GuestPath,
    follow: bool,
) -> Option<Result<Place, Errno>> {
    let mut rest = path.path.clone();
    let mut names_directory = path.names_directory;
    for _ in 0..=LINKS_MAX {
        let (before, last) = rest.rsplit_once('/').unwrap_or(("", &rest));
        let Some(name) = Name::new(last) else {
            let place = |directory| Place { directory, name: None, names_directory };
            return Some(descend(base, &rest)?.map(place));
        };
        let directory = match descend(base, before)? {
            Ok(directory) => directory,
            Err(errno) => return Some(Err(errno)),
        };
        let target = match if follow { directory.read_link(name) } else { Err(Errno::Inval) } {
            Ok(target) => target,
            Err(Errno::Ilseq) => return Some(Err(Errno::Ilseq)),
            Err(_) => {
                let name = Some(last.to_owned());
                return Some(Ok(Place { directory, name, names_directory }));
            }
        };
        let target = match GuestPath::new(target) {
            Ok(target) => target,
            Err(errno) => return Some(Err(errno)),
        };
        names_directory |= target.names_directory;
        rest = if before.is_empty() { target.path } else { format!("{before}/{}", target.path) };
    }
    Some(Err(Errno::Loop))
}

/// Resolves name by name.
///
/// # Errors
/// `nametoolong` for a path that is too deep or, by its links, too long to walk.
fn walk(base: &Arc<dyn Directory>, path: &GuestPath, follow: bool) -> Result<Place, Errno> {
    /// Puts the parts of a path before those that are to come.
    fn push(pending: &mut Vec<String>, path: &str) {
        pending.extend(path.rsplit('/').filter(|part| !part.is_empty()).map(str::to_owned));
    }

    let mut passed: Vec<Arc<dyn Directory>> = Vec::new();
    let mut here = base.clone();
    let mut pending = Vec::new();
    push(&mut pending, &path.path);
    let mut names_directory = path.names_directory;
    let mut links = 0;
    while let Some(part) = pending.pop() {
        let name = match (part.as_str(), Name::new(&part)) {
            ("..", _) => {
                here = passed.pop().ok_or(Errno::Perm)?;
                continue;
            }
            (_, None) => continue,
            (_, Some(name)) => name,
        };
        let is_last = pending.is_empty();
        if is_last && !follow {
            return Ok(Place { directory: here, name: Some(part), names_directory });
        }
        // A directory on the way, or a link on the way or at the end.
        let opened = if is_last { Err(Errno::Loop) } else { here.open_directory(name) };
        let target = match opened {
            Ok(_) if passed.len() == DEPTH_MAX => return Err(Errno::Nametoolong),
            Ok(directory) => {
                passed.push(std::mem::replace(&mut here, directory));
                continue;
            }
            Err(errno @ (Errno::Loop | Errno::Notdir)) => match here.read_link(name) {
                Ok(target) => GuestPath::new(target)?,
                Err(Errno::Ilseq) => return Err(Errno::Ilseq),
                Err(_) if is_last => {
                    return Ok(Place { directory: here, name: Some(part), names_directory });
                }
                Err(_) => return Err(errno),
            },
            Err(errno) => return Err(errno),
        };
        links += 1;
        if links > LINKS_MAX {
            return Err(Errno::Loop);
        }
        names_directory |= is_last && target.names_directory;
        push(&mut pending, &target.path);
        if pending.len() > PENDING_MAX {
            return Err(Errno::Nametoolong);
        }
    }
    Ok(Place { directory: here, name: None, names_directory })
}

/// How to open a path.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct OpenHow {
    pub(crate) follow: bool,
    pub(crate) directory: bool,
    pub(crate) file: OpenFile,
}

/// What opening a path gives.
pub(crate) enum Opened {
    File(GuestFile),
    Directory(GuestDirectory),
}

/// An open directory that a guest can use.
#[derive(Clone)]
pub(crate) struct GuestDirectory {
    directory: Arc<dyn Directory>,
    read_only: bool,
    /// What stands for the device of a file system that names none.
    device: u64,
}

impl GuestDirectory {
    pub(crate) fn new(directory: Arc<dyn Directory>, read_only: bool, device: u64) -> Self {
        Self { directory, read_only, device }
    }

    fn resolve(&self, path: &GuestPath, follow: bool) -> Result<Place, Errno> {
        resolve(&self.directory, path, follow)
    }

    /// Opens what `path` names.
    pub(crate) fn open(&self, path: &GuestPath, how: OpenHow) -> Result<Opened, Errno> {
        let file = how.file;
        if how.directory && (file.create || file.truncate) {
            return Err(Errno::Inval);
        }
        if file.create && path.names_directory || file.write && how.directory {
            return Err(Errno::Isdir);
        }
        if file.changes() {
            self.check_writable_or_absent(path, how)?;
        }
        // A link is a name that is taken.
        let follow = (how.follow || path.names_directory) && !(file.create && file.exclusive);
        // Most names are no links: that one is shows when it does not open.
        match self.open_at(self.resolve(path, false)?, how) {
            Err(Errno::Loop | Errno::Notdir) if follow => {
                self.open_at(self.resolve(path, true)?, how)
            }
            opened => opened,
        }
    }

    /// Opens a place, which is no link that is to be followed.
    fn open_at(&self, place: Place, how: OpenHow) -> Result<Opened, Errno> {
        let file = how.file;
        if file.create && place.names_directory {
            return Err(Errno::Isdir);
        }
        let Ok(name) = place.name(Errno::Inval) else {
            // The directory itself, which is there and has no bytes.
            return match file.changes() {
                true if file.create && file.exclusive => Err(Errno::Exist),
                true => Err(Errno::Isdir),
                false => Ok(Opened::Directory(self.child(place.directory))),
            };
        };
        if how.directory || place.names_directory {
            return self.open_directory(&place.directory, name);
        }
        match place.directory.open_file(name, file) {
            Ok(opened) => Ok(Opened::File(GuestFile::new(opened, self.read_only, self.device))),
            Err(Errno::Isdir) if !file.changes() => self.open_directory(&place.directory, name),
            Err(errno) => Err(errno),
        }
    }

    /// Beneath a read-only directory, what exists is `rofs` and what does not is `noent`, except
    /// that it can't be created either.
    fn check_writable_or_absent(&self, path: &GuestPath, how: OpenHow) -> Result<(), Errno> {
        if !self.read_only {
            return Ok(());
        }
        if !how.file.create {
            self.filestat(path, how.follow)?;
        }
        Err(Errno::Rofs)
    }

    fn open_directory(&self, parent: &Arc<dyn Directory>, name: Name<'_>) -> Result<Opened, Errno> {
        Ok(Opened::Directory(self.child(parent.open_directory(name)?)))
    }

    fn child(&self, directory: Arc<dyn Directory>) -> GuestDirectory {
        GuestDirectory { directory, ..*self }
    }

    fn check_writable(&self) -> Result<(), Errno> {
        if self.read_only { Err(Errno::Rofs) } else { Ok(()) }
    }

    /// What is known of the directory itself.
    pub(crate) fn own_filestat(&self) -> Result<Filestat, Errno> {
        Ok(self.directory.filestat()?.on(self.device))
    }

    /// What is known of what `path` names.
    pub(crate) fn filestat(&self, path: &GuestPath, follow: bool) -> Result<Filestat, Errno> {
        let (mut place, follow) = (self.resolve(path, false)?, follow || path.names_directory);
        let mut stat = place.filestat()?;
        if follow && stat.filetype == Filetype::SymbolicLink {
            place = self.resolve(path, true)?;
            stat = place.filestat()?;
        }
        if place.names_directory && stat.filetype != Filetype::Directory {
            return Err(Errno::Notdir);
        }
        Ok(stat.on(self.device))
    }

    /// Sets the times of what `path` names.
    pub(crate) fn set_times(
        &self,
        path: &GuestPath,
        follow: bool,
        accessed: NewTime,
        modified: NewTime,
    ) -> Result<(), Errno> {
        self.check_writable()?;
        let place = self.resolve(path, follow || path.names_directory)?;
        place.require_directory()?;
        match place.name(Errno::Inval) {
            Ok(name) => place.directory.set_times_at(name, accessed, modified),
            Err(_) => place.directory.set_times(accessed, modified),
        }
    }

    /// Sets the times of the directory itself.
    pub(crate) fn set_own_times(&self, accessed: NewTime, modified: NewTime) -> Result<(), Errno> {
        self.check_writable()?;
        self.directory.set_times(accessed, modified)
    }

    pub(crate) fn create_directory(&self, path: &GuestPath) -> Result<(), Errno> {
        self.check_writable()?;
        let place = self.resolve(path, false)?;
        place.directory.create_directory(place.name(Errno::Exist)?)
    }

    pub(crate) fn remove_directory(&self, path: &GuestPath) -> Result<(), Errno> {
        self.check_writable()?;
        let place = self.resolve(path, false)?;
        place.directory.remove_directory(place.name(Errno::Inval)?)
    }

    pub(crate) fn unlink_file(&self, path: &GuestPath) -> Result<(), Errno> {
        self.check_writable()?;
        let place = self.resolve(path, false)?;
        let name = place.name(Errno::Isdir)?;
        // A kernel refuses a slash here, whatever is named: a directory is no file.
        if place.names_directory {
            place.require_directory()?;
            return Err(Errno::Isdir);
        }
        place.directory.remove_file(name)
    }

    pub(crate) fn rename(
        &self,
        old: &GuestPath,
        to: &GuestDirectory,
        new: &GuestPath,
    ) -> Result<(), Errno> {
        self.check_writable()?;
        to.check_writable()?;
        let (from, to) = (self.resolve(old, false)?, to.resolve(new, false)?);
        let (old, new) = (from.name(Errno::Busy)?, to.name(Errno::Busy)?);
        from.require_directory()?;
        if to.names_directory && from.filestat()?.filetype != Filetype::Directory {
            return Err(Errno::Notdir);
        }
        from.directory.rename(old, &*to.directory, new)
    }

    /// A second name for a file.
    pub(crate) fn hard_link(
        &self,
        old: &GuestPath,
        follow: bool,
        to: &GuestDirectory,
        new: &GuestPath,
    ) -> Result<(), Errno> {
        // The new name gives the file rights that the old directory did not: both must be writable.
        self.check_writable()?;
        to.check_writable()?;
        let (from, to) = (self.resolve(old, follow)?, to.resolve(new, false)?);
        from.require_directory()?;
        to.refuse_slash()?;
        let (old, new) = (from.name(Errno::Perm)?, to.name(Errno::Exist)?);
        from.directory.link(old, &*to.directory, new)
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
        let place = self.resolve(path, false)?;
        place.refuse_slash()?;
        place.directory.symlink(target, place.name(Errno::Exist)?)
    }

    /// The target of a symbolic link. An absolute one is refused: it tells of the host.
    pub(crate) fn read_link(&self, path: &GuestPath) -> Result<String, Errno> {
        if path.names_directory {
            // The slash asks for what the link leads to, which is no link.
            self.filestat(path, true)?;
            return Err(Errno::Inval);
        }
        let place = self.resolve(path, false)?;
        let target = place.directory.read_link(place.name(Errno::Inval)?)?;
        if target.starts_with('/') { Err(Errno::Perm) } else { Ok(target) }
    }

    /// The entries, without `.` and `..`. Those that are no single names are left out: the guest
    /// could not use them.
    pub(crate) fn entries(&self) -> Result<Entries, Errno> {
        let is_usable = |entry: &Result<crate::fs::Entry, Errno>| match entry {
            Ok(entry) => Name::new(&entry.name).is_some(),
            Err(_) => true,
        };
        Ok(Box::new(self.directory.entries()?.filter(is_usable)))
    }

    pub(crate) fn sync(&self) -> Result<(), Errno> {
        self.directory.sync()
    }
}

impl std::fmt::Debug for GuestDirectory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuestDirectory").field("read_only", &self.read_only).finish_non_exhaustive()
    }
}
