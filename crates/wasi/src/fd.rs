//! Section fd: what is done with an open descriptor.

use std::io::{self, SeekFrom};
use std::net::TcpStream;
use std::os::fd::AsFd;

use rustix::event::PollFlags;
use rustix::net::{RecvFlags, SendFlags};

use crate::call::{Call, Snapshot};
use crate::descriptor::{Descriptor, Object};
use crate::errno::Errno;
use crate::file::{self, fdflags};
use crate::filestat;
use crate::guest::{Buffer, Guest, Record};
use crate::readdir;
use crate::rights::Rights;
use crate::stdio;
use crate::wait::Waits;

/// Whether a scattered read goes on to the next buffer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fill {
    /// One read: the next could wait for what never comes.
    Once,
    /// As long as each buffer is filled.
    All,
}

/// Reads into `buffers`, in place. `read` gets a buffer and how many bytes there are already.
pub(crate) fn scatter(
    guest: &mut Guest<'_>,
    buffers: &[Buffer],
    fill: Fill,
    mut read: impl FnMut(&mut [u8], u64) -> Result<usize, Errno>,
) -> Result<u32, Errno> {
    let mut total = 0_u32;
    for buffer in buffers.iter().filter(|buffer| buffer.bytes > 0) {
        let room = guest.slice_mut(buffer.address, buffer.bytes)?;
        match read(room, u64::from(total)) {
            // A reader that claims more than it was given room for is believed up to the room.
            Ok(count) => total += buffer.bytes.min(u32::try_from(count)?),
            Err(_) if total > 0 => break,
            Err(errno) => return Err(errno),
        }
        if fill == Fill::Once || !is_full(buffers, buffer, total) {
            break;
        }
    }
    Ok(total)
}

/// Writes from `buffers`, in place. `write` gets a buffer and how many bytes went already.
pub(crate) fn gather(
    guest: &Guest<'_>,
    buffers: &[Buffer],
    mut write: impl FnMut(&[u8], u64) -> Result<usize, Errno>,
) -> Result<u32, Errno> {
    let mut total = 0_u32;
    for buffer in buffers.iter().filter(|buffer| buffer.bytes > 0) {
        let bytes = guest.slice(buffer.address, buffer.bytes)?;
        match write(bytes, u64::from(total)) {
            Ok(count) => total += buffer.bytes.min(u32::try_from(count)?),
            Err(_) if total > 0 => break,
            Err(errno) => return Err(errno),
        }
        if !is_full(buffers, buffer, total) {
            break;
        }
    }
    Ok(total)
}

/// Whether `total` is what all buffers up to and including `last` hold.
fn is_full(buffers: &[Buffer], last: &Buffer, total: u32) -> bool {
    let mut held = 0;
    for buffer in buffers {
        held += buffer.bytes;
        if std::ptr::eq(buffer, last) {
            break;
        }
    }
    held == total
}

/// Again, as long as a signal came in between.
pub(crate) fn retried(mut operation: impl FnMut() -> io::Result<usize>) -> Result<usize, Errno> {
    loop {
        match operation() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return Ok(outcome?),
        }
    }
}

/// Reads from a connection; with `peek`, what is read stays there. The host's own flag, which
/// others may share, does not say whether it waits.
pub(crate) fn receive(
    stream: &TcpStream,
    room: &mut [u8],
    peek: bool,
    nonblocking: bool,
    waits: &mut Waits,
) -> Result<usize, Errno> {
    let mut flags = RecvFlags::DONTWAIT;
    flags.set(RecvFlags::PEEK, peek);
    let mut attempt = || Ok(rustix::net::recv(stream, &mut *room, flags)?.0);
    if nonblocking {
        return retried(attempt);
    }
    waits.until_done(stream.as_fd(), PollFlags::IN, &mut attempt)
}

/// Writes to a connection, as [`receive`] reads.
pub(crate) fn send(
    stream: &TcpStream,
    bytes: &[u8],
    nonblocking: bool,
    waits: &mut Waits,
) -> Result<usize, Errno> {
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    let mut attempt = || Ok(rustix::net::send(stream, bytes, flags)?);
    if nonblocking {
        return retried(attempt);
    }
    waits.until_done(stream.as_fd(), PollFlags::OUT, &mut attempt)
}

impl Call<'_> {
    fn descriptor(&self, fd: u32) -> Result<&Descriptor, Errno> {
        self.context.descriptors.get(fd)
    }

    pub(crate) fn fd_advise(
        &mut self,
        fd: u32,
        offset: u64,
        length: u64,
        advice: u32,
    ) -> Result<(), Errno> {
        let advice = u8::try_from(advice).map_err(|_| Errno::Inval)?;
        self.descriptor(fd)?.file(Rights::FD_ADVISE)?.advise(offset, length, advice)
    }

    pub(crate) fn fd_allocate(&mut self, fd: u32, offset: u64, length: u64) -> Result<(), Errno> {
        self.descriptor(fd)?.file(Rights::FD_ALLOCATE)?.allocate(offset, length)
    }

    pub(crate) fn fd_close(&mut self, fd: u32) -> Result<(), Errno> {
        self.context.descriptors.close(fd)
    }

    pub(crate) fn fd_datasync(&mut self, fd: u32) -> Result<(), Errno> {
        let descriptor = self.context.descriptors.get_mut(fd)?;
        descriptor.require(Rights::FD_DATASYNC)?;
        match &mut descriptor.object {
            Object::File(file) => file.sync_data(),
            Object::Directory(open) => open.directory.sync(),
            Object::Output(output) => Ok(output.flush()?),
            Object::Input(_) | Object::Listener(_) | Object::Stream(_) => Err(Errno::Inval),
        }
    }

    pub(crate) fn fd_sync(&mut self, fd: u32) -> Result<(), Errno> {
        let descriptor = self.context.descriptors.get_mut(fd)?;
        descriptor.require(Rights::FD_SYNC)?;
        match &mut descriptor.object {
            Object::File(file) => file.sync(),
            Object::Directory(open) => open.directory.sync(),
            Object::Output(output) => Ok(output.flush()?),
            Object::Input(_) | Object::Listener(_) | Object::Stream(_) => Err(Errno::Inval),
        }
    }

    pub(crate) fn fd_fdstat_get(&mut self, fd: u32, result: u32) -> Result<(), Errno> {
        let it = self.descriptor(fd)?;
        let record = filestat::fdstat(it.filetype()?, it.flags, it.rights, it.inheriting);
        self.guest.write(result, record.bytes())
    }

    pub(crate) fn fd_fdstat_set_flags(&mut self, fd: u32, flags: u32) -> Result<(), Errno> {
        let flags = u16::try_from(flags).map_err(|_| Errno::Inval)?;
        let descriptor = self.context.descriptors.get_mut(fd)?;
        descriptor.require(Rights::FD_FDSTAT_SET_FLAGS)?;
        if flags & !fdflags::ALL != 0 {
            return Err(Errno::Inval);
        }
        // Of the others it is this descriptor's flag alone that counts.
        if let Object::File(file) = &descriptor.object {
            file.set_flags(file::file_flags(flags))?;
        }
        descriptor.flags = flags;
        Ok(())
    }

    pub(crate) fn fd_fdstat_set_rights(
        &mut self,
        fd: u32,
        base: u64,
        inheriting: u64,
    ) -> Result<(), Errno> {
        let descriptor = self.context.descriptors.get_mut(fd)?;
        let (base, inheriting) = (Rights(base), Rights(inheriting));
        if !descriptor.rights.contains(base) || !descriptor.inheriting.contains(inheriting) {
            return Err(Errno::Notcapable);
        }
        descriptor.rights = base;
        descriptor.inheriting = inheriting;
        Ok(())
    }

    pub(crate) fn fd_filestat_get(&mut self, fd: u32, result: u32) -> Result<(), Errno> {
        let descriptor = self.descriptor(fd)?;
        descriptor.require(Rights::FD_FILESTAT_GET)?;
        let stat = descriptor.filestat()?;
        self.write_filestat(result, &stat)
    }

    pub(crate) fn fd_filestat_set_size(&mut self, fd: u32, size: u64) -> Result<(), Errno> {
        self.descriptor(fd)?.file(Rights::FD_FILESTAT_SET_SIZE)?.set_size(size)
    }

    pub(crate) fn fd_filestat_set_times(
        &mut self,
        fd: u32,
        accessed: u64,
        modified: u64,
        flags: u32,
    ) -> Result<(), Errno> {
        let (accessed, modified) = filestat::new_times(accessed, modified, flags)?;
        let descriptor = self.descriptor(fd)?;
        descriptor.require(Rights::FD_FILESTAT_SET_TIMES)?;
        match &descriptor.object {
            Object::File(file) => file.set_times(accessed, modified),
            Object::Directory(open) => open.directory.set_own_times(accessed, modified),
            _ => Err(Errno::Inval),
        }
    }

    pub(crate) fn fd_read(
        &mut self,
        fd: u32,
        buffers: u32,
        count: u32,
        result: u32,
    ) -> Result<(), Errno> {
        let buffers = self.buffers(buffers, count)?;
        let descriptor = self.context.descriptors.get_mut(fd)?;
        let nonblocking = descriptor.flags & fdflags::NONBLOCK != 0;
        let can_read = descriptor.rights.contains(Rights::FD_READ);
        let (guest, waits) = (&mut self.guest, &mut *self.waits);
        let total = match &mut descriptor.object {
            Object::Directory(_) => return Err(Errno::Isdir),
            _ if !can_read => return Err(Errno::Badf),
            Object::File(file) => match file.host() {
                None => scatter(guest, &buffers, Fill::All, |room, _| file.read(room))?,
                Some(host) => scatter(guest, &buffers, Fill::Once, |room, _| {
                    // A named pipe that nobody has written to yet would say that it has ended.
                    if !nonblocking {
                        waits.wait_for(host, PollFlags::IN)?;
                    }
                    file.read(room)
                })?,
            },
            Object::Input(input) => scatter(guest, &buffers, Fill::Once, |room, _| {
                input.read(room, nonblocking, waits)
            })?,
            Object::Stream(stream) => scatter(guest, &buffers, Fill::Once, |room, _| {
                receive(stream, room, false, nonblocking, waits)
            })?,
            Object::Output(_) | Object::Listener(_) => return Err(Errno::Badf),
        };
        self.guest.write_u32(result, total)
    }

    pub(crate) fn fd_pread(
        &mut self,
        fd: u32,
        buffers: u32,
        count: u32,
        offset: u64,
        result: u32,
    ) -> Result<(), Errno> {
        let buffers = self.buffers(buffers, count)?;
        let file = self.context.descriptors.get(fd)?.file(Rights::FD_SEEK)?;
        if !self.context.descriptors.get(fd)?.rights.contains(Rights::FD_READ) {
            return Err(Errno::Badf);
        }
        let end = offset.checked_add(u64::from(u32::MAX)).ok_or(Errno::Inval)?;
        i64::try_from(end).map_err(|_| Errno::Inval)?;
        let total = scatter(&mut self.guest, &buffers, Fill::All, |room, done| {
            file.read_at(room, offset + done)
        })?;
        self.guest.write_u32(result, total)
    }

    pub(crate) fn fd_write(
        &mut self,
        fd: u32,
        buffers: u32,
        count: u32,
        result: u32,
    ) -> Result<(), Errno> {
        let buffers = self.buffers(buffers, count)?;
        let descriptor = self.context.descriptors.get_mut(fd)?;
        let can_write = descriptor.rights.contains(Rights::FD_WRITE);
        let nonblocking = descriptor.flags & fdflags::NONBLOCK != 0;
        let (guest, waits) = (&self.guest, &mut *self.waits);
        let total = match &mut descriptor.object {
            Object::Directory(_) => return Err(Errno::Isdir),
            _ if !can_write => return Err(Errno::Badf),
            Object::File(file) => {
                let append = descriptor.flags & fdflags::APPEND != 0;
                let total = gather(guest, &buffers, |bytes, _| match file.host() {
                    Some(host) if !nonblocking => {
                        waits.until_ready(host, PollFlags::OUT)?;
                        file.write(stdio::at_once(bytes, waits), append)
                    }
                    _ => file.write(bytes, append),
                })?;
                file.sync_as(descriptor.flags)?;
                total
            }
            Object::Output(output) => {
                let total = gather(guest, &buffers, |bytes, _| output.write(bytes, waits))?;
                output.flush()?;
                total
            }
            Object::Stream(stream) => {
                gather(guest, &buffers, |bytes, _| send(stream, bytes, nonblocking, waits))?
            }
            Object::Input(_) | Object::Listener(_) => return Err(Errno::Badf),
        };
        self.guest.write_u32(result, total)
    }

    pub(crate) fn fd_pwrite(
        &mut self,
        fd: u32,
        buffers: u32,
        count: u32,
        offset: u64,
        result: u32,
    ) -> Result<(), Errno> {
        let buffers = self.buffers(buffers, count)?;
        let descriptor = self.context.descriptors.get(fd)?;
        let file = descriptor.file(Rights::FD_SEEK)?;
        if !descriptor.rights.contains(Rights::FD_WRITE) {
            return Err(Errno::Badf);
        }
        let end = offset.checked_add(u64::from(u32::MAX)).ok_or(Errno::Inval)?;
        i64::try_from(end).map_err(|_| Errno::Inval)?;
        let total =
            gather(&self.guest, &buffers, |bytes, done| file.write_at(bytes, offset + done))?;
        file.sync_as(descriptor.flags)?;
        self.guest.write_u32(result, total)
    }

    pub(crate) fn fd_prestat_get(&mut self, fd: u32, result: u32) -> Result<(), Errno> {
        let length = u32::try_from(self.preopen(fd)?.len())?;
        // Tag 0: a directory.
        let record = Record::<8>::new().set(4, length.to_le_bytes());
        self.guest.write(result, record.bytes())
    }

    pub(crate) fn fd_prestat_dir_name(
        &mut self,
        fd: u32,
        address: u32,
        length: u32,
    ) -> Result<(), Errno> {
        let name = self.preopen(fd)?.to_owned();
        if (length as usize) < name.len() {
            return Err(Errno::Nametoolong);
        }
        self.guest.write(address, name.as_bytes())
    }

    /// The guest's name of a preopened directory. C libraries take `badf` for the end of them.
    fn preopen(&self, fd: u32) -> Result<&str, Errno> {
        match &self.descriptor(fd)?.object {
            Object::Directory(open) => open.preopen.as_deref().ok_or(Errno::Badf),
            _ => Err(Errno::Badf),
        }
    }

    pub(crate) fn fd_readdir(
        &mut self,
        fd: u32,
        address: u32,
        length: u32,
        cookie: u64,
        result: u32,
    ) -> Result<(), Errno> {
        let descriptor = self.context.descriptors.get_mut(fd)?;
        let rights = descriptor.rights;
        let Object::Directory(open) = &mut descriptor.object else {
            // As wasmtime and wazero: programs of TinyGo end at any other.
            return Err(Errno::Badf);
        };
        if !rights.contains(Rights::FD_READDIR) {
            return Err(Errno::Notcapable);
        }
        let buffer = self.guest.slice_mut(address, length)?;
        let most = self.context.limits.directory_entries;
        let used = readdir::read(&open.directory, &mut open.listing, cookie, buffer, most)?;
        self.guest.write_u32(result, u32::try_from(used)?)
    }

    pub(crate) fn fd_renumber(&mut self, fd: u32, to: u32) -> Result<(), Errno> {
        self.context.descriptors.renumber(fd, to)
    }

    pub(crate) fn fd_seek(
        &mut self,
        fd: u32,
        offset: i64,
        whence: u32,
        result: u32,
    ) -> Result<(), Errno> {
        let to = match (self.snapshot, whence) {
            (Snapshot::Preview1, 0) | (Snapshot::Draft, 2) => {
                SeekFrom::Start(u64::try_from(offset).map_err(|_| Errno::Inval)?)
            }
            (Snapshot::Preview1, 1) | (Snapshot::Draft, 0) => SeekFrom::Current(offset),
            (Snapshot::Preview1, 2) | (Snapshot::Draft, 1) => SeekFrom::End(offset),
            _ => return Err(Errno::Inval),
        };
        // Asking where one is needs less than going elsewhere, and either right will do.
        let descriptor = self.descriptor(fd)?;
        let asks = to == SeekFrom::Current(0) && !descriptor.rights.contains(Rights::FD_SEEK);
        let needed = if asks { Rights::FD_TELL } else { Rights::FD_SEEK };
        let place = descriptor.file(needed)?.seek(to)?;
        self.guest.write_u64(result, place)
    }

    pub(crate) fn fd_tell(&mut self, fd: u32, result: u32) -> Result<(), Errno> {
        let place = self.descriptor(fd)?.file(Rights::FD_TELL)?.seek(SeekFrom::Current(0))?;
        self.guest.write_u64(result, place)
    }
}
