//! A file on which the sandbox stands; changes need a second reader.
//!
//! Pages that hold generated code: written first, sealed then, never both.
//!
//! ```text
//!  WritableCode::new ──▶ as_mut_slice ──▶ seal ──▶ SealedCode
//!        read, write                        executable range: read, execute; the rest: read
//! ```
//!
//! **Invariants**
//! - No page is ever writable and executable at once, and none becomes writable again.
//! - A `SealedCode` can be executed on any core by the time it exists.

use std::ops::Range;
use std::slice;

use super::instruction_cache::publish_instructions;
use super::mapping::{Access, Mapping};
use super::page::{page_size, round_up_to_page};
use crate::error::{Operation, OsError, OsErrorKind};

/// Pages for code that is still being written.
#[derive(Debug)]
pub struct WritableCode {
    mapping: Mapping,
}

/// Code and read-only data that won't change any more.
#[derive(Debug)]
pub struct SealedCode {
    mapping: Mapping,
    executable: Range<usize>,
}

/// Finds out whether this process may create code at all, by sealing one page.
pub fn check_executable_memory() -> Result<(), OsError> {
    WritableCode::new(page_size())?.seal(0..page_size()).map(drop)
}

impl WritableCode {
    /// Maps `len` bytes of zeroes, rounded up to whole pages.
    pub fn new(len: usize) -> Result<Self, OsError> {
        let rounded = round_up_to_page(len)
            .ok_or_else(|| OsError::refused(Operation::AllocateCode, len, libc::ENOMEM))?;
        let mapping = Mapping::new(Operation::AllocateCode, rounded, Access::ReadWrite)?;
        Ok(Self { mapping })
    }

    /// The first address, which sealing doesn't change.
    pub fn as_ptr(&self) -> *const u8 {
        self.mapping.as_ptr()
    }

    /// The length in bytes, in whole pages.
    pub fn len(&self) -> usize {
        self.mapping.len()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All bytes, to be written.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: the pages are mapped, zeroed, readable and writable as long as `self` lives
        // unsealed, and `&mut self` is the only way to them. An empty mapping's base is aligned.
        unsafe { slice::from_raw_parts_mut(self.mapping.as_ptr(), self.mapping.len()) }
    }

    /// Makes the pages of `executable` executable and all others read-only. Both ends of the range
    /// are whole pages.
    ///
    /// Where the system forbids it, the error's kind is
    /// [`ExecutableMemoryDenied`](OsErrorKind::ExecutableMemoryDenied), and the pages are gone.
    pub fn seal(self, executable: Range<usize>) -> Result<SealedCode, OsError> {
        let Self { mapping } = self;
        let Some(len) = executable.end.checked_sub(executable.start) else {
            let kind =
                OsErrorKind::OutOfRange { offset: executable.start, mapped_bytes: mapping.len() };
            return Err(OsError::unasked(Operation::SealCode, 0, kind));
        };
        mapping.protect(Operation::SealCode, 0, mapping.len(), Access::Read)?;
        mapping.protect(Operation::SealCode, executable.start, len, Access::ReadExecute)?;
        let sealed = SealedCode { mapping, executable };
        publish_instructions(&sealed.as_slice()[sealed.executable()]);
        Ok(sealed)
    }
}

impl SealedCode {
    /// The first address.
    pub fn as_ptr(&self) -> *const u8 {
        self.mapping.as_ptr()
    }

    /// The length in bytes, in whole pages.
    pub fn len(&self) -> usize {
        self.mapping.len()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The offsets that can be executed.
    pub fn executable(&self) -> Range<usize> {
        self.executable.clone()
    }

    /// All bytes: sealed pages can be read, executable or not.
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: the pages stay mapped and readable as long as `self` lives, and nothing can
        // write to them. An empty mapping's base is aligned.
        unsafe { slice::from_raw_parts(self.mapping.as_ptr(), self.mapping.len()) }
    }
}
