//! A file on which the sandbox stands; changes need a second reader.
//!
//! Address space set aside for a linear memory, a table or a heap: it has a fixed place and is
//! inaccessible until parts of it are committed.
//!
//! It keeps no record of what is committed; the kernel does.
//!
//! **Invariants**
//! - The base never moves and nothing else is ever mapped inside the range.
//! - What was never committed faults on every access, so the untouched rest is the guard.
//! - Pages appear as zero, or as the image mapped over them, whatever they held before.

use super::image::MemoryImage;
use super::mapping::{Access, Mapping};
use crate::error::{Operation, OsError};

/// Reserved address space, private to this process.
///
/// Offsets and lengths are whole pages. The methods take `&self` because they change only what the
/// kernel maps; whoever reads or writes through [`Reservation::as_ptr`] takes care that the pages
/// are there.
#[derive(Debug)]
pub struct Reservation {
    mapping: Mapping,
}

impl Reservation {
    /// Reserves `bytes` of address space, a multiple of the page size. Zero is allowed.
    pub fn new(bytes: usize) -> Result<Self, OsError> {
        let mapping = Mapping::new(Operation::Reserve, bytes, Access::None)?;
        Ok(Self { mapping })
    }

    /// The first address; dangling but page aligned where nothing is reserved.
    pub fn as_ptr(&self) -> *mut u8 {
        self.mapping.as_ptr()
    }

    /// How many bytes are reserved.
    pub fn len(&self) -> usize {
        self.mapping.len()
    }

    /// Whether nothing is reserved.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes a range readable and writable. Pages committed already keep their contents.
    ///
    /// A range of which nothing was committed becomes accessible as a whole or not at all.
    pub fn commit(&self, offset: usize, len: usize) -> Result<(), OsError> {
        self.mapping.protect(Operation::Commit, offset, len, Access::ReadWrite)
    }

    /// Makes a range inaccessible and forgets its contents, mapped images too: it reads as zero
    /// when committed again.
    pub fn decommit(&self, offset: usize, len: usize) -> Result<(), OsError> {
        self.mapping.clear(Operation::Decommit, offset, len)
    }

    /// Takes a range back to its first contents, zero or the image mapped there, and gives the
    /// memory back. What was accessible stays so.
    ///
    /// After an error the old contents may still be there: such a range must not be used again.
    pub fn reset(&self, offset: usize, len: usize) -> Result<(), OsError> {
        self.mapping.discard(Operation::Reset, offset, len)
    }

    /// Maps an image at `offset`, readable and writable; writes stay in this reservation.
    pub fn map_image(&self, offset: usize, image: &MemoryImage) -> Result<(), OsError> {
        self.mapping.overlay(Operation::MapImage, offset, image.len(), image.contents())
    }
}
