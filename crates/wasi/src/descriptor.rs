//! Descriptors: the table that a guest's numbers point into.
//!
//! **Invariants**
//! - A number is an index into one vector; only opening makes the vector longer, up to
//!   [`WasiLimits::descriptors`](crate::WasiLimits::descriptors).
//! - Closing, and renumbering onto a number, drops what was there.

use std::net::{TcpListener, TcpStream};

use crate::errno::Errno;
use crate::file::GuestFile;
use crate::filestat::{Filestat, Filetype};
use crate::readdir::Listing;
use crate::rights::Rights;
use crate::sandbox::GuestDirectory;
use crate::stdio::{Input, Output};

/// What one number stands for.
#[derive(Debug)]
pub(crate) struct Descriptor {
    pub(crate) object: Object,
    pub(crate) rights: Rights,
    pub(crate) inheriting: Rights,
    pub(crate) flags: u16,
}

/// The things that can be open.
#[derive(Debug)]
pub(crate) enum Object {
    Input(Input),
    Output(Output),
    File(GuestFile),
    Directory(OpenDirectory),
    Listener(TcpListener),
    Stream(TcpStream),
}

/// A directory, with what belongs to its descriptor only.
#[derive(Debug)]
pub(crate) struct OpenDirectory {
    pub(crate) directory: GuestDirectory,
    /// The guest's name for it, if it was preopened.
    pub(crate) preopen: Option<String>,
    /// Where `fd_readdir` is.
    pub(crate) listing: Option<Listing>,
}

impl Descriptor {
    pub(crate) fn new(object: Object, rights: Rights, inheriting: Rights) -> Self {
        Self { object, rights, inheriting, flags: 0 }
    }

    pub(crate) fn input(input: Input) -> Self {
        Self::new(Object::Input(input), Rights::INPUT, Rights::NONE)
    }

    pub(crate) fn output(output: Output) -> Self {
        Self::new(Object::Output(output), Rights::OUTPUT, Rights::NONE)
    }

    pub(crate) fn preopen(directory: GuestDirectory, name: String) -> Self {
        let open = OpenDirectory { directory, preopen: Some(name), listing: None };
        Self::new(Object::Directory(open), Rights::DIRECTORY, Rights::INHERITING)
    }

    /// # Errors
    /// `notcapable` if one of `rights` is missing.
    pub(crate) fn require(&self, rights: Rights) -> Result<(), Errno> {
        if self.rights.contains(rights) { Ok(()) } else { Err(Errno::Notcapable) }
    }

    /// The file, if `rights` allow.
    pub(crate) fn file(&self, rights: Rights) -> Result<&GuestFile, Errno> {
        match &self.object {
            Object::File(file) => self.require(rights).map(|()| file),
            Object::Directory(_) => Err(Errno::Isdir),
            Object::Input(_) | Object::Output(_) => Err(Errno::Spipe),
            Object::Listener(_) | Object::Stream(_) => Err(Errno::Spipe),
        }
    }

    /// The directory, if `rights` allow.
    pub(crate) fn directory(&self, rights: Rights) -> Result<&GuestDirectory, Errno> {
        match &self.object {
            Object::Directory(open) => self.require(rights).map(|()| &open.directory),
            _ => Err(Errno::Notdir),
        }
    }

    pub(crate) fn filetype(&self) -> Result<Filetype, Errno> {
        Ok(match &self.object {
            Object::Input(input) => input.filetype(),
            Object::Output(output) => output.filetype(),
            Object::File(file) => file.filestat()?.filetype,
            Object::Directory(_) => Filetype::Directory,
            Object::Listener(_) | Object::Stream(_) => Filetype::SocketStream,
        })
    }

    pub(crate) fn filestat(&self) -> Result<Filestat, Errno> {
        match &self.object {
            Object::File(file) => file.filestat(),
            Object::Directory(open) => open.directory.own_filestat(),
            _ => Ok(Filestat::of_stream(self.filetype()?)),
        }
    }
}

/// How many numbers belong to the standard streams.
const STANDARD_STREAMS: usize = 3;

/// The table.
#[derive(Debug)]
pub(crate) struct Descriptors {
    slots: Vec<Option<Descriptor>>,
    count_max: usize,
}

impl Descriptors {
    pub(crate) fn new(slots: Vec<Descriptor>, count_max: usize) -> Self {
        Self { slots: slots.into_iter().map(Some).collect(), count_max }
    }

    pub(crate) fn get(&self, fd: u32) -> Result<&Descriptor, Errno> {
        self.slots.get(fd as usize).and_then(Option::as_ref).ok_or(Errno::Badf)
    }

    pub(crate) fn get_mut(&mut self, fd: u32) -> Result<&mut Descriptor, Errno> {
        self.slots.get_mut(fd as usize).and_then(Option::as_mut).ok_or(Errno::Badf)
    }

    /// Fails with `mfile` if there is no number left.
    pub(crate) fn check_room(&self) -> Result<(), Errno> {
        if self.slots.len() < self.count_max || self.free().is_some() {
            Ok(())
        } else {
            Err(Errno::Mfile)
        }
    }

    /// The lowest free number that is not a standard stream's: a program that closed its standard
    /// output still writes there, and must not find a file.
    fn free(&self) -> Option<usize> {
        (STANDARD_STREAMS..self.slots.len()).find(|index| self.slots[*index].is_none())
    }

    /// Gives `descriptor` a free number.
    pub(crate) fn insert(&mut self, descriptor: Descriptor) -> Result<u32, Errno> {
        self.check_room()?;
        let index = self.free().unwrap_or(self.slots.len());
        let number = u32::try_from(index)?;
        if index == self.slots.len() {
            self.slots.push(Some(descriptor));
        } else {
            self.slots[index] = Some(descriptor);
        }
        Ok(number)
    }

    pub(crate) fn close(&mut self, fd: u32) -> Result<(), Errno> {
        self.get(fd)?;
        self.slots[fd as usize] = None;
        Ok(())
    }

    /// Moves `from` onto `to`, closing what was there. Both must be open; onto itself it does
    /// nothing.
    pub(crate) fn renumber(&mut self, from: u32, to: u32) -> Result<(), Errno> {
        self.get(from)?;
        self.get(to)?;
        if from != to {
            self.slots[to as usize] = self.slots[from as usize].take();
        }
        Ok(())
    }
}
