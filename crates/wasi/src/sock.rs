//! Section sock: sockets that the embedder opened.

use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;

use rustix::event::PollFlags;

use crate::call::Call;
use crate::descriptor::{Descriptor, Object};
use crate::errno::Errno;
use crate::fd::{self, Fill};
use crate::file::fdflags;
use crate::rights::Rights;

/// The specification's `riflags`.
mod riflags {
    pub(super) const PEEK: u32 = 1;
    pub(super) const WAIT_ALL: u32 = 2;
    pub(super) const ALL: u32 = 3;
}

/// The connection, if `rights` allow.
fn stream(descriptor: &Descriptor, rights: Rights) -> Result<&TcpStream, Errno> {
    match &descriptor.object {
        Object::Stream(stream) => descriptor.require(rights).map(|()| stream),
        Object::Listener(_) => Err(Errno::Notconn),
        _ => Err(Errno::Notsock),
    }
}

impl Call<'_> {
    pub(crate) fn sock_accept(&mut self, fd: u32, flags: u32, result: u32) -> Result<(), Errno> {
        let flags = u16::try_from(flags).map_err(|_| Errno::Inval)?;
        if flags & !fdflags::NONBLOCK != 0 {
            return Err(Errno::Inval);
        }
        let descriptor = self.context.descriptors.get(fd)?;
        let listener = match &descriptor.object {
            Object::Listener(listener) => {
                descriptor.require(Rights::SOCK_ACCEPT).map(|()| listener)?
            }
            Object::Stream(_) => return Err(Errno::Inval),
            _ => return Err(Errno::Notsock),
        };
        self.context.descriptors.check_room()?;
        self.guest.slice(result, 4)?;
        // Whoever else has the listener may be faster, and may have changed its flag. It is the
        // listener's alone: connections are made without.
        listener.set_nonblocking(true)?;
        let (stream, _) = match descriptor.flags & fdflags::NONBLOCK {
            0 => self.waits.until_done(listener.as_fd(), PollFlags::IN, || listener.accept())?,
            _ => listener.accept()?,
        };
        let rights = Rights::STREAM & descriptor.inheriting;
        let mut accepted = Descriptor::new(Object::Stream(stream), rights, Rights::NONE);
        accepted.flags = flags;
        let number = self.context.descriptors.insert(accepted)?;
        self.guest.write_u32(result, number)
    }

    pub(crate) fn sock_recv(
        &mut self,
        fd: u32,
        buffers: u32,
        count: u32,
        flags: u32,
        received: u32,
        received_flags: u32,
    ) -> Result<(), Errno> {
        if flags & !riflags::ALL != 0 {
            return Err(Errno::Inval);
        }
        let buffers = self.buffers(buffers, count)?;
        let descriptor = self.context.descriptors.get(fd)?;
        let nonblocking = descriptor.flags & fdflags::NONBLOCK != 0;
        let stream = stream(descriptor, Rights::FD_READ)?;
        let peek = flags & riflags::PEEK != 0;
        let wait = flags & riflags::WAIT_ALL != 0 && !peek;
        let fill = if wait { Fill::All } else { Fill::Once };
        let waits = &mut *self.waits;
        let total = fd::scatter(&mut self.guest, &buffers, fill, |room, _| {
            let mut read = |room: &mut [u8]| fd::receive(stream, room, peek, nonblocking, waits);
            if wait { read_all(room, read) } else { read(room) }
        })?;
        self.guest.write_u32(received, total)?;
        self.guest.write(received_flags, &0_u16.to_le_bytes())
    }

    pub(crate) fn sock_send(
        &mut self,
        fd: u32,
        buffers: u32,
        count: u32,
        flags: u32,
        result: u32,
    ) -> Result<(), Errno> {
        if flags != 0 {
            return Err(Errno::Inval);
        }
        let buffers = self.buffers(buffers, count)?;
        let descriptor = self.context.descriptors.get(fd)?;
        let nonblocking = descriptor.flags & fdflags::NONBLOCK != 0;
        let stream = stream(descriptor, Rights::FD_WRITE)?;
        let waits = &mut *self.waits;
        let total = fd::gather(&self.guest, &buffers, |bytes, _| {
            fd::send(stream, bytes, nonblocking, waits)
        })?;
        self.guest.write_u32(result, total)
    }

    pub(crate) fn sock_shutdown(&mut self, fd: u32, how: u32) -> Result<(), Errno> {
        let stream = stream(self.context.descriptors.get(fd)?, Rights::SOCK_SHUTDOWN)?;
        let how = match how {
            1 => Shutdown::Read,
            2 => Shutdown::Write,
            3 => Shutdown::Both,
            _ => return Err(Errno::Inval),
        };
        Ok(stream.shutdown(how)?)
    }
}

/// Reads until `room` is full, the other side is done, or an error comes after some bytes.
fn read_all(
    room: &mut [u8],
    mut read: impl FnMut(&mut [u8]) -> Result<usize, Errno>,
) -> Result<usize, Errno> {
    let mut done = 0;
    while done < room.len() {
        match read(&mut room[done..]) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(_) if done > 0 => break,
            Err(errno) => return Err(errno),
        }
    }
    Ok(done)
}
