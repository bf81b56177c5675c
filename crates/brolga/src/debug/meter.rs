//! Reading by the step: what gimli reads debugging information with, so that it ends.
//!
//! Debugging information can name anything any number of times: ten kilobytes of it can describe
//! a day's work. So each read costs, and when the budget is used up every read is an error.
//!
//! **Invariants**
//! - The work done through readers of a [`Budget`] is proportional to [`STEPS`].
//! - A budget that is used up stays so.

use core::cell::Cell;
use core::fmt;
use std::borrow::Cow;

use gimli::{EndianSlice, LittleEndian, Reader, ReaderOffsetId, Result};

/// The budget of a backtrace: a few tenths of a second, and what a hundred megabytes of honest
/// debugging information need.
const STEPS: u64 = 1 << 25;
/// How many bytes are compared or copied in a step.
const STEP_BYTES: usize = 16;

/// How much may still be done.
pub(super) struct Budget {
    left: Cell<u64>,
}

impl Budget {
    pub(super) fn new() -> Budget {
        Budget { left: Cell::new(STEPS) }
    }

    /// Pays for `steps`.
    ///
    /// # Errors
    /// If there is not that much left; nothing is left then.
    #[inline]
    pub(super) fn pay(&self, steps: usize) -> Result<()> {
        let left = self.left.get().checked_sub(steps as u64);
        self.left.set(left.unwrap_or(0));
        left.map(|_| ()).ok_or(gimli::Error::Io)
    }

    pub(super) fn is_used_up(&self) -> bool {
        self.left.get() == 0
    }
}

/// Bytes to be read on a budget.
#[derive(Clone, Copy)]
pub(super) struct Metered<'a> {
    bytes: EndianSlice<'a, LittleEndian>,
    budget: &'a Budget,
}

impl<'a> Metered<'a> {
    pub(super) fn new(bytes: &'a [u8], budget: &'a Budget) -> Metered<'a> {
        Metered { bytes: EndianSlice::new(bytes, LittleEndian), budget }
    }

    /// The text, if it is not longer than `bytes_max`.
    pub(super) fn text(&self, bytes_max: usize) -> Option<Cow<'a, str>> {
        let bytes = self.bytes.slice();
        let short = bytes.len() <= bytes_max;
        (short && self.pay_bytes(bytes.len()).is_ok()).then(|| String::from_utf8_lossy(bytes))
    }

    fn pay_bytes(&self, bytes: usize) -> Result<()> {
        self.budget.pay(1 + bytes / STEP_BYTES)
    }
}

impl fmt::Debug for Metered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metered").field("len", &self.bytes.len()).finish_non_exhaustive()
    }
}

impl Reader for Metered<'_> {
    type Endian = LittleEndian;
    type Offset = usize;

    fn endian(&self) -> LittleEndian {
        LittleEndian
    }

    fn len(&self) -> usize {
        self.bytes.len()
    }

    fn empty(&mut self) {
        Reader::empty(&mut self.bytes);
    }

    fn truncate(&mut self, len: usize) -> Result<()> {
        Reader::truncate(&mut self.bytes, len)
    }

    fn offset_from(&self, base: &Self) -> usize {
        self.bytes.offset_from(base.bytes)
    }

    fn offset_id(&self) -> ReaderOffsetId {
        Reader::offset_id(&self.bytes)
    }

    fn lookup_offset_id(&self, id: ReaderOffsetId) -> Option<usize> {
        Reader::lookup_offset_id(&self.bytes, id)
    }

    fn find(&self, byte: u8) -> Result<usize> {
        let found = Reader::find(&self.bytes, byte);
        self.pay_bytes(*found.as_ref().unwrap_or(&self.bytes.len()))?;
        found
    }

    fn skip(&mut self, len: usize) -> Result<()> {
        self.budget.pay(1)?;
        Reader::skip(&mut self.bytes, len)
    }

    fn split(&mut self, len: usize) -> Result<Self> {
        self.budget.pay(1)?;
        let bytes = Reader::split(&mut self.bytes, len)?;
        Ok(Metered { bytes, ..*self })
    }

    fn to_slice(&self) -> Result<Cow<'_, [u8]>> {
        self.pay_bytes(self.len())?;
        Reader::to_slice(&self.bytes)
    }

    fn to_string(&self) -> Result<Cow<'_, str>> {
        self.pay_bytes(self.len())?;
        Reader::to_string(&self.bytes)
    }

    fn to_string_lossy(&self) -> Result<Cow<'_, str>> {
        self.pay_bytes(self.len())?;
        Reader::to_string_lossy(&self.bytes)
    }

    #[inline]
    fn read_slice(&mut self, buf: &mut [u8]) -> Result<()> {
        self.pay_bytes(buf.len())?;
        Reader::read_slice(&mut self.bytes, buf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_ends_and_stays_ended() {
        let budget = Budget { left: Cell::new(3) };
        let mut reader = Metered::new(&[7; 64], &budget);
        assert_eq!(reader.read_u8(), Ok(7));
        assert!(!budget.is_used_up());
        assert!(reader.find(0).is_err(), "finding nothing costs what looking costs");
        assert!(budget.is_used_up());
        assert!(reader.read_u8().is_err());
        assert!(reader.skip(1).is_err());
        assert!(reader.text(64).is_none());
    }
}
