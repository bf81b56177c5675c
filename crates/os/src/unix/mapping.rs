//! A file on which the sandbox stands; changes need a second reader.
//!
//! `Mapping` owns one range of this process's address space. Reservations, code and stacks are
//! made of it, and every system call on memory is made here.
//!
//! It never hands out references: what is in the pages is its users' business.
//!
//! **Invariants**
//! - `base..base + len` belongs to one `Mapping` from `mmap` to `munmap`; it is page aligned. An
//!   empty one has an aligned, dangling base and asks nothing of the system.
//! - No call leaves that range: offsets and lengths pass [`Mapping::range`] first.
//! - The range has no holes. Linux makes the checks that can fail (limits, accounting) before a
//!   `MAP_FIXED` call takes the old pages away, so a refused replacement leaves them in place.
//! - A range that can't be unmapped yet is emptied, remembered and tried again; it is never lost.

use std::ffi::c_void;
use std::os::fd::BorrowedFd;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags};

use super::page::{is_page_multiple, page_size};
use crate::error::{Operation, OsError, OsErrorKind};

/// What may be done with a page. There is no way to ask for writable and executable.
#[derive(Clone, Copy)]
pub(crate) enum Access {
    None,
    Read,
    ReadWrite,
    ReadExecute,
}

/// An owned, page-aligned range of private memory.
#[derive(Debug)]
pub(crate) struct Mapping {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: a Mapping is an address and a length; the system calls on it may come from any thread.
unsafe impl Send for Mapping {}
// SAFETY: `&self` methods only make system calls, which the kernel serialises.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `len` bytes of zeroes that are charged to nobody until they are touched.
    pub(crate) fn new(operation: Operation, len: usize, access: Access) -> Result<Self, OsError> {
        if !is_page_multiple(len) {
            let kind = OsErrorKind::Misaligned { value: len };
            return Err(OsError::unasked(operation, len, kind));
        }
        if len == 0 {
            let base = NonNull::new(ptr::without_provenance_mut(page_size()))
                .expect("a page has more than zero bytes");
            return Ok(Self { base, len });
        }
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: without MAP_FIXED the kernel picks a range that nobody uses.
        let base =
            unsafe { rustix::mm::mmap_anonymous(ptr::null_mut(), len, access.prot(), flags) }
                .map_err(|errno| OsError::refused(operation, len, errno.raw_os_error()))?;
        let base = NonNull::new(base.cast()).expect("the kernel maps page zero on request only");
        Ok(Self { base, len })
    }

    pub(crate) fn as_ptr(&self) -> *mut u8 {
        self.base.as_ptr()
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Changes what may be done with a range.
    pub(crate) fn protect(
        &self,
        operation: Operation,
        offset: usize,
        len: usize,
        access: Access,
    ) -> Result<(), OsError> {
        self.on_range(operation, offset, len, |start| {
            // SAFETY: `on_range` checked that the range is ours. That no reference into it needs
            // the access that is taken away is the promise of the types built on Mapping.
            unsafe { rustix::mm::mprotect(start, len, access.mprotect()) }
        })
    }

    /// Drops a range's pages: they read as zero again, or as the file they were mapped from.
    pub(crate) fn discard(
        &self,
        operation: Operation,
        offset: usize,
        len: usize,
    ) -> Result<(), OsError> {
        self.on_range(operation, offset, len, |start| {
            // SAFETY: the range is ours and the mapping private, so only its contents change;
            // it hands out no references that could see that.
            unsafe { rustix::mm::madvise(start, len, Advice::LinuxDontNeed) }
        })
    }

    /// Asks that a range be backed by ordinary pages; a system without huge ones may not know how.
    pub(crate) fn avoid_huge_pages(&self, offset: usize, len: usize) {
        let _advice_only = self.on_range(Operation::AllocateStack, offset, len, |start| {
            // SAFETY: the range is ours, and this advice changes no contents.
            unsafe { rustix::mm::madvise(start, len, Advice::LinuxNoHugepage) }
        });
    }

    /// Puts fresh inaccessible pages in the place of a range.
    pub(crate) fn clear(
        &self,
        operation: Operation,
        offset: usize,
        len: usize,
    ) -> Result<(), OsError> {
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED;
        self.on_range(operation, offset, len, |start| {
            // SAFETY: MAP_FIXED replaces pages of a range that `on_range` checked to be ours.
            unsafe { rustix::mm::mmap_anonymous(start, len, Access::None.prot(), flags) }.map(drop)
        })
    }

    /// Maps the first `len` bytes of a file copy-on-write in the place of a range.
    pub(crate) fn overlay(
        &self,
        operation: Operation,
        offset: usize,
        len: usize,
        file: BorrowedFd<'_>,
    ) -> Result<(), OsError> {
        self.overlay_as(operation, offset, len, file, Access::ReadWrite)
    }

    /// Maps the first `len` bytes of a file in the place of a range, executable, for those who look
    /// at what the process maps; see `profile.rs`.
    pub(crate) fn show_file(
        &self,
        operation: Operation,
        len: usize,
        file: BorrowedFd<'_>,
    ) -> Result<(), OsError> {
        self.overlay_as(operation, 0, len, file, Access::ReadExecute)
    }

    fn overlay_as(
        &self,
        operation: Operation,
        offset: usize,
        len: usize,
        file: BorrowedFd<'_>,
        access: Access,
    ) -> Result<(), OsError> {
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED;
        self.on_range(operation, offset, len, |start| {
            // SAFETY: MAP_FIXED replaces pages of a range that `on_range` checked to be ours, and
            // a private mapping never writes to the file.
            unsafe { rustix::mm::mmap(start, len, access.prot(), flags, file, 0) }.map(drop)
        })
    }

    /// Runs a system call on a checked range; an empty range needs none.
    fn on_range(
        &self,
        operation: Operation,
        offset: usize,
        len: usize,
        call: impl FnOnce(*mut c_void) -> rustix::io::Result<()>,
    ) -> Result<(), OsError> {
        let start = self.range(operation, offset, len)?;
        if len == 0 {
            return Ok(());
        }
        call(start).map_err(|errno| OsError::refused(operation, len, errno.raw_os_error()))
    }

    /// The start of a range that lies in whole pages inside this mapping.
    fn range(
        &self,
        operation: Operation,
        offset: usize,
        len: usize,
    ) -> Result<*mut c_void, OsError> {
        let inside = offset.checked_add(len).is_some_and(|end| end <= self.len);
        if !inside {
            let kind = OsErrorKind::OutOfRange { offset, mapped_bytes: self.len };
            return Err(OsError::unasked(operation, len, kind));
        }
        if let Some(value) = [offset, len].into_iter().find(|&value| !is_page_multiple(value)) {
            return Err(OsError::unasked(operation, len, OsErrorKind::Misaligned { value }));
        }
        // SAFETY: `offset` is at most the length of the mapping, as was just checked.
        Ok(unsafe { self.base.as_ptr().add(offset) }.cast())
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if self.len != 0 {
            release(Range { start: self.base.as_ptr().expose_provenance(), len: self.len });
        }
    }
}

impl Access {
    fn prot(self) -> ProtFlags {
        match self {
            Self::None => ProtFlags::empty(),
            Self::Read => ProtFlags::READ,
            Self::ReadWrite => ProtFlags::READ | ProtFlags::WRITE,
            Self::ReadExecute => ProtFlags::READ | ProtFlags::EXEC,
        }
    }

    fn mprotect(self) -> MprotectFlags {
        MprotectFlags::from_bits_retain(self.prot().bits())
    }
}

/// A range that no `Mapping` owns any more.
struct Range {
    start: usize,
    len: usize,
}

/// Ranges whose `munmap` was refused. The kernel merges neighbouring mappings that look alike, so
/// unmapping the middle one of three needs one more entry than before, and a full mapping table
/// (`vm.max_map_count`) has none. The next successful unmapping makes room.
static UNRELEASED: Mutex<Vec<Range>> = Mutex::new(Vec::new());
/// Whether `UNRELEASED` has entries, so that the usual drop takes no lock.
static ANY_UNRELEASED: AtomicBool = AtomicBool::new(false);

/// Unmaps a range, or empties it and puts it off.
fn release(range: Range) {
    if unmap(&range) {
        if ANY_UNRELEASED.load(Ordering::Relaxed) {
            retry_unreleased();
        }
        return;
    }
    // SAFETY: the Mapping that owned the range is being dropped, so nobody looks at its contents.
    // Where even this is refused (locked pages) only the memory stays in use.
    let _emptied = unsafe {
        rustix::mm::madvise(
            ptr::with_exposed_provenance_mut(range.start),
            range.len,
            Advice::LinuxDontNeed,
        )
    };
    UNRELEASED.lock().unwrap_or_else(PoisonError::into_inner).push(range);
    ANY_UNRELEASED.store(true, Ordering::Relaxed);
}

/// Tries the ranges put off until none of them gives way any more.
fn retry_unreleased() {
    let mut unreleased = UNRELEASED.lock().unwrap_or_else(PoisonError::into_inner);
    let mut before = usize::MAX;
    while unreleased.len() < before {
        before = unreleased.len();
        unreleased.retain(|range| !unmap(range));
    }
    ANY_UNRELEASED.store(!unreleased.is_empty(), Ordering::Relaxed);
}

fn unmap(range: &Range) -> bool {
    // SAFETY: the range was a Mapping's, which is gone or going; it is unmapped once, because a
    // range that succeeds is never kept.
    unsafe { rustix::mm::munmap(ptr::with_exposed_provenance_mut(range.start), range.len) }.is_ok()
}
