//! `mapping.rs` under Miri, which knows neither protections nor `MAP_FIXED`: memory of the
//! allocator, with a note of what may be accessed. What runs on it is our code as it is, so that
//! Miri sees every access to what would be mapped.
//!
//! It is in no build but Miri's, and never hands out references either.
//!
//! **Invariants**
//! - Bytes that may not be accessed are uninitialised, in mappings that are not too large for Miri
//!   to note that: it reports whoever looks at what it reads there. A write there goes unseen.
//! - Bytes that may be accessed are initialised: zero, or the image's, until somebody writes.
//! - What may only be read could be written, and nothing here can be executed.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::ptr::{self, NonNull};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::page::{is_page_multiple, page_size};
use crate::error::{Operation, OsError, OsErrorKind};

/// What may be done with a page.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Access {
    None,
    Read,
    ReadWrite,
    ReadExecute,
}

/// An owned, page-aligned range of memory.
#[derive(Debug)]
pub(crate) struct Mapping {
    /// What the allocator gave.
    start: NonNull<u8>,
    base: NonNull<u8>,
    len: usize,
    pages: Mutex<Pages>,
}

/// What the kernel would know of the pages, by their offsets.
#[derive(Debug, Default)]
struct Pages {
    /// Where they may be accessed: disjoint and in order.
    accessible: Vec<Range<usize>>,
    /// What they go back to, where that is not zero.
    images: BTreeMap<usize, Box<[u8]>>,
}

// SAFETY: a Mapping is an address and a length; what it notes of the pages is locked.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// More is refused: Miri would abort.
    const BYTES_MAX: usize = 1 << 36;
    /// In larger ones what may not be accessed is zero: Miri takes memory of its own for each byte
    /// that is not initialised.
    const NOTED_BYTES_MAX: usize = 64 << 20;

    pub(crate) fn new(operation: Operation, len: usize, access: Access) -> Result<Self, OsError> {
        if !is_page_multiple(len) {
            let kind = OsErrorKind::Misaligned { value: len };
            return Err(OsError::unasked(operation, len, kind));
        }
        let pages = Mutex::default();
        if len == 0 {
            let base = NonNull::new(ptr::without_provenance_mut(page_size()))
                .expect("a page has more than zero bytes");
            return Ok(Self { start: base, base, len, pages });
        }
        if len > Self::BYTES_MAX {
            return Err(OsError::refused(operation, len, libc::ENOMEM));
        }
        // SAFETY: the length is not zero.
        let start = unsafe { alloc_zeroed(layout(len)) };
        let start =
            NonNull::new(start).ok_or_else(|| OsError::refused(operation, len, libc::ENOMEM))?;
        let before = start.align_offset(page_size());
        // SAFETY: there is a page more than `len`.
        let base = unsafe { start.add(before) };
        let mapping = Self { start, base, len, pages };
        if len <= Self::NOTED_BYTES_MAX {
            mapping.forget(&(0..len));
        }
        if access != Access::None {
            mapping.protect(operation, 0, len, access)?;
        }
        Ok(mapping)
    }

    pub(crate) fn as_ptr(&self) -> *mut u8 {
        self.base.as_ptr()
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Lets a range be accessed. Nobody takes access away but by [`Mapping::clear`].
    pub(crate) fn protect(
        &self,
        operation: Operation,
        offset: usize,
        len: usize,
        access: Access,
    ) -> Result<(), OsError> {
        let range = self.range(operation, offset, len)?;
        assert!(access != Access::None, "asked for by nobody");
        let mut pages = self.pages();
        // What is hidden in larger ones is zero already.
        if self.len <= Self::NOTED_BYTES_MAX {
            for hidden in pages.hidden(&range) {
                // SAFETY: inside our range; until now nobody may have had a reference there.
                unsafe { self.as_ptr().add(hidden.start).write_bytes(0, hidden.len()) };
            }
        }
        pages.hide(&range);
        pages.accessible.push(range);
        pages.accessible.sort_by_key(|range| range.start);
        Ok(())
    }

    /// Takes a range that may be accessed back to its first contents.
    pub(crate) fn discard(
        &self,
        operation: Operation,
        offset: usize,
        len: usize,
    ) -> Result<(), OsError> {
        let range = self.range(operation, offset, len)?;
        let pages = self.pages();
        for shown in pages.shown(&range) {
            // SAFETY: inside our range; the caller's, as for the system call.
            unsafe { self.as_ptr().add(shown.start).write_bytes(0, shown.len()) };
        }
        for (&start, bytes) in pages.images.range(range) {
            // SAFETY: as above; an image's pages are as long as pages.
            unsafe { self.as_ptr().add(start).copy_from(bytes.as_ptr(), bytes.len()) };
        }
        Ok(())
    }

    /// Advice, without an effect here.
    pub(crate) fn avoid_huge_pages(&self, _offset: usize, _len: usize) {}

    /// Makes a range inaccessible and forgets what it held.
    pub(crate) fn clear(
        &self,
        operation: Operation,
        offset: usize,
        len: usize,
    ) -> Result<(), OsError> {
        let range = self.range(operation, offset, len)?;
        let mut pages = self.pages();
        for shown in pages.shown(&range) {
            self.forget(&shown);
        }
        pages.hide(&range);
        pages.images.retain(|start, _| !range.contains(start));
        Ok(())
    }

    /// Shows an image in the place of a range.
    pub(crate) fn overlay(
        &self,
        operation: Operation,
        offset: usize,
        len: usize,
        image: &[u8],
    ) -> Result<(), OsError> {
        self.clear(operation, offset, len)?;
        let starts = (offset..offset + len).step_by(page_size());
        let bytes = image.chunks(page_size()).map(Box::from);
        self.pages().images.extend(starts.zip(bytes));
        self.protect(operation, offset, len, Access::ReadWrite)?;
        self.discard(operation, offset, len)
    }

    /// Refused: nobody looks at what Miri maps.
    pub(crate) fn show_file(
        &self,
        operation: Operation,
        len: usize,
        _file: BorrowedFd<'_>,
    ) -> Result<(), OsError> {
        Err(OsError::refused(operation, len, libc::ENOSYS))
    }

    /// Makes bytes uninitialised.
    fn forget(&self, range: &Range<usize>) {
        // SAFETY: inside our range; nobody has a reference into what becomes inaccessible.
        unsafe {
            let start = self.as_ptr().add(range.start);
            if self.len > Self::NOTED_BYTES_MAX {
                start.write_bytes(0, range.len());
            } else {
                let nothing = Box::<[u8]>::new_uninit_slice(range.len());
                start.cast::<MaybeUninit<u8>>().copy_from(nothing.as_ptr(), nothing.len());
            }
        }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A range that lies in whole pages inside this mapping.
    fn range(
        &self,
        operation: Operation,
        offset: usize,
        len: usize,
    ) -> Result<Range<usize>, OsError> {
        let end = offset.checked_add(len).filter(|&end| end <= self.len);
        let Some(end) = end else {
            let kind = OsErrorKind::OutOfRange { offset, mapped_bytes: self.len };
            return Err(OsError::unasked(operation, len, kind));
        };
        if let Some(value) = [offset, len].into_iter().find(|&value| !is_page_multiple(value)) {
            return Err(OsError::unasked(operation, len, OsErrorKind::Misaligned { value }));
        }
        Ok(offset..end)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if self.len != 0 {
            // SAFETY: allocated so by `new`.
            unsafe { dealloc(self.start.as_ptr(), layout(self.len)) };
        }
    }
}

/// Room for so many bytes from the first page in it on. An allocator that is asked for whole pages
/// writes all of them.
fn layout(len: usize) -> Layout {
    Layout::from_size_align(len + page_size(), 1).expect("no longer than `BYTES_MAX`")
}

impl Pages {
    /// The parts of a range that may be accessed.
    fn shown(&self, range: &Range<usize>) -> Vec<Range<usize>> {
        let parts = self
            .accessible
            .iter()
            .map(|shown| shown.start.max(range.start)..shown.end.min(range.end));
        parts.filter(|part| !part.is_empty()).collect()
    }

    /// The parts of a range that may not.
    fn hidden(&self, range: &Range<usize>) -> Vec<Range<usize>> {
        let mut hidden = Vec::new();
        let mut start = range.start;
        for shown in self.shown(range) {
            hidden.push(start..shown.start);
            start = shown.end;
        }
        hidden.push(start..range.end);
        hidden
    }

    fn hide(&mut self, range: &Range<usize>) {
        let halves = self.accessible.drain(..).flat_map(|shown| {
            let before = shown.start..shown.end.min(range.start);
            let after = shown.start.max(range.end)..shown.end;
            [before, after]
        });
        self.accessible = halves.filter(|part| !part.is_empty()).collect();
    }
}
