//! Section path: what is done by a name beneath a directory.
//!
//! Names become [`GuestPath`]s and the work is the sandbox's; here are the rights and the flags.

use crate::call::Call;
use crate::descriptor::{Descriptor, Object, OpenDirectory};
use crate::errno::Errno;
use crate::file::{self, fdflags};
use crate::filestat;
use crate::fs::OpenFile;
use crate::rights::Rights;
use crate::sandbox::{GuestDirectory, GuestPath, OpenHow, Opened};

/// The specification's `oflags`.
mod oflags {
    pub(super) const CREATE: u32 = 1;
    pub(super) const DIRECTORY: u32 = 2;
    pub(super) const EXCLUSIVE: u32 = 4;
    pub(super) const TRUNCATE: u32 = 8;
    pub(super) const ALL: u32 = 15;
}

/// The specification's `lookupflags`: whether a symbolic link at the end of a path is followed.
fn follows(lookup: u32) -> Result<bool, Errno> {
    match lookup {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Errno::Inval),
    }
}

/// How a file is opened for a guest that asks for `rights`.
fn open_how(lookup: u32, open: u32, rights: Rights, flags: u16) -> Result<OpenHow, Errno> {
    if open & !oflags::ALL != 0 || flags & !fdflags::ALL != 0 {
        return Err(Errno::Inval);
    }
    let file = OpenFile {
        read: rights.intersects(Rights::FD_READ | Rights::FD_READDIR),
        write: rights.intersects(Rights::NEEDS_WRITING),
        create: open & oflags::CREATE != 0,
        exclusive: open & oflags::EXCLUSIVE != 0,
        truncate: open & oflags::TRUNCATE != 0,
        flags: file::file_flags(flags),
    };
    let directory = open & oflags::DIRECTORY != 0;
    Ok(OpenHow { follow: follows(lookup)?, directory, file })
}

impl Call<'_> {
    fn path(&mut self, address: u32, length: u32) -> Result<GuestPath, Errno> {
        GuestPath::new(self.text(address, length)?)
    }

    fn directory(&self, fd: u32, rights: Rights) -> Result<&GuestDirectory, Errno> {
        self.context.descriptors.get(fd)?.directory(rights)
    }

    pub(crate) fn path_create_directory(
        &mut self,
        fd: u32,
        path: u32,
        length: u32,
    ) -> Result<(), Errno> {
        let path = self.path(path, length)?;
        self.directory(fd, Rights::PATH_CREATE_DIRECTORY)?.create_directory(&path)
    }

    pub(crate) fn path_filestat_get(
        &mut self,
        fd: u32,
        lookup: u32,
        path: u32,
        length: u32,
        result: u32,
    ) -> Result<(), Errno> {
        let path = self.path(path, length)?;
        let directory = self.directory(fd, Rights::PATH_FILESTAT_GET)?;
        let stat = directory.filestat(&path, follows(lookup)?)?;
        self.write_filestat(result, &stat)
    }

    #[expect(clippy::too_many_arguments, reason = "the specification's")]
    pub(crate) fn path_filestat_set_times(
        &mut self,
        fd: u32,
        lookup: u32,
        path: u32,
        length: u32,
        accessed: u64,
        modified: u64,
        flags: u32,
    ) -> Result<(), Errno> {
        let path = self.path(path, length)?;
        let (accessed, modified) = filestat::new_times(accessed, modified, flags)?;
        let directory = self.directory(fd, Rights::PATH_FILESTAT_SET_TIMES)?;
        directory.set_times(&path, follows(lookup)?, accessed, modified)
    }

    #[expect(clippy::too_many_arguments, reason = "the specification's")]
    pub(crate) fn path_link(
        &mut self,
        old_fd: u32,
        lookup: u32,
        old: u32,
        old_length: u32,
        new_fd: u32,
        new: u32,
        new_length: u32,
    ) -> Result<(), Errno> {
        let old = self.path(old, old_length)?;
        let new = self.path(new, new_length)?;
        let from = self.directory(old_fd, Rights::PATH_LINK_SOURCE)?;
        let to = self.directory(new_fd, Rights::PATH_LINK_TARGET)?;
        from.hard_link(&old, follows(lookup)?, to, &new)
    }

    #[expect(clippy::too_many_arguments, reason = "the specification's")]
    pub(crate) fn path_open(
        &mut self,
        fd: u32,
        lookup: u32,
        path: u32,
        length: u32,
        open: u32,
        base: u64,
        inheriting: u64,
        flags: u32,
        result: u32,
    ) -> Result<(), Errno> {
        let path = self.path(path, length)?;
        let flags = u16::try_from(flags).map_err(|_| Errno::Inval)?;
        let parent = self.context.descriptors.get(fd)?;
        let mut needed = Rights::PATH_OPEN;
        if open & oflags::CREATE != 0 {
            needed = needed | Rights::PATH_CREATE_FILE;
        }
        // A directory that hands down the right to make a file empty has it, too: Go opens
        // directories so, and truncates beneath them.
        let hands_down = parent.inheriting.contains(Rights::FD_FILESTAT_SET_SIZE);
        if open & oflags::TRUNCATE != 0 && !hands_down {
            needed = needed | Rights::PATH_FILESTAT_SET_SIZE;
        }
        let directory = parent.directory(needed)?;
        // Programs ask for all rights there are, so what is not handed down is left out; except
        // for reading and writing, whose absence they would only notice later.
        let access = Rights::FD_READ | Rights::FD_WRITE;
        if !parent.inheriting.contains(Rights(base) & access) {
            return Err(Errno::Notcapable);
        }
        let base = Rights(base) & parent.inheriting;
        let inheriting = Rights(inheriting) & parent.inheriting;
        let how = open_how(lookup, open, base, flags)?;
        self.context.descriptors.check_room()?;
        let mut descriptor = match directory.open(&path, how)? {
            Opened::File(file) => {
                Descriptor::new(Object::File(file), base & Rights::FILE, Rights::NONE)
            }
            Opened::Directory(directory) => {
                let open = OpenDirectory { directory, preopen: None, listing: None };
                Descriptor::new(Object::Directory(open), base & Rights::DIRECTORY, inheriting)
            }
        };
        descriptor.flags = flags;
        // The address first: a descriptor whose number can't be told would be lost.
        self.guest.slice(result, 4)?;
        let number = self.context.descriptors.insert(descriptor)?;
        self.guest.write_u32(result, number)
    }

    pub(crate) fn path_readlink(
        &mut self,
        fd: u32,
        path: u32,
        length: u32,
        address: u32,
        room: u32,
        result: u32,
    ) -> Result<(), Errno> {
        let path = self.path(path, length)?;
        let target = self.directory(fd, Rights::PATH_READLINK)?.read_link(&path)?;
        let used = target.len().min(room as usize);
        self.guest.write(address, &target.as_bytes()[..used])?;
        self.guest.write_u32(result, u32::try_from(used)?)
    }

    pub(crate) fn path_remove_directory(
        &mut self,
        fd: u32,
        path: u32,
        length: u32,
    ) -> Result<(), Errno> {
        let path = self.path(path, length)?;
        self.directory(fd, Rights::PATH_REMOVE_DIRECTORY)?.remove_directory(&path)
    }

    pub(crate) fn path_rename(
        &mut self,
        old_fd: u32,
        old: u32,
        old_length: u32,
        new_fd: u32,
        new: u32,
        new_length: u32,
    ) -> Result<(), Errno> {
        let old = self.path(old, old_length)?;
        let new = self.path(new, new_length)?;
        let from = self.directory(old_fd, Rights::PATH_RENAME_SOURCE)?;
        let to = self.directory(new_fd, Rights::PATH_RENAME_TARGET)?;
        from.rename(&old, to, &new)
    }

    pub(crate) fn path_symlink(
        &mut self,
        target: u32,
        target_length: u32,
        fd: u32,
        path: u32,
        length: u32,
    ) -> Result<(), Errno> {
        let target = self.text(target, target_length)?;
        let path = self.path(path, length)?;
        self.directory(fd, Rights::PATH_SYMLINK)?.symlink(&target, &path)
    }

    pub(crate) fn path_unlink_file(
        &mut self,
        fd: u32,
        path: u32,
        length: u32,
    ) -> Result<(), Errno> {
        let path = self.path(path, length)?;
        self.directory(fd, Rights::PATH_UNLINK_FILE)?.unlink_file(&path)
    }
}
