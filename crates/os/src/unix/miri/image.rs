//! `image.rs` under Miri, which has no sealed files: bytes that nobody changes.
//!
//! It is in no build but Miri's.
//!
//! **Invariants**
//! - As there: the bytes never change, the length is a whole number of pages.

use super::page::round_up_to_page;
use crate::error::{Operation, OsError};

/// Bytes that a [`Reservation`](crate::Reservation) can show.
#[derive(Debug)]
pub struct MemoryImage {
    bytes: Box<[u8]>,
}

impl MemoryImage {
    /// Copies `bytes`.
    pub fn new(bytes: &[u8]) -> Result<Self, OsError> {
        let refused = || OsError::refused(Operation::CreateImage, bytes.len(), libc::ENOMEM);
        let len = round_up_to_page(bytes.len()).ok_or_else(refused)?;
        let mut bytes = bytes.to_vec();
        bytes.resize(len, 0);
        Ok(Self { bytes: bytes.into() })
    }

    /// The length in bytes, in whole pages.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether the image has no bytes.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What a mapping shows.
    pub(super) fn contents(&self) -> &[u8] {
        &self.bytes
    }
}
