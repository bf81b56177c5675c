//! A file on which the sandbox stands; changes need a second reader.
//!
//! The memory of an instance's context: made zeroed, written by offset, read by code.
//!
//! This file is a room for `unsafe`. **Trusts** nothing but the allocator. **Promises** that no
//! access leaves the allocation or is misaligned. **Tested by** this file's tests.
//!
//! **Invariants**
//! - The allocation is as long as its layout says, 16-byte aligned, and every byte of it is
//!   initialised from the start.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

use brolga_abi::VmContext;

/// The memory of one context.
#[derive(Debug)]
pub(crate) struct ContextMemory {
    base: NonNull<u8>,
    layout: Layout,
}

// SAFETY: the memory is owned; what is written into it answers for itself.
unsafe impl Send for ContextMemory {}

impl ContextMemory {
    /// `bytes` zeroes; none if there is no memory.
    pub(crate) fn new(bytes: u32) -> Option<Self> {
        let bytes = (bytes as usize).max(size_of::<VmContext>());
        let layout = Layout::from_size_align(bytes, 16).ok()?;
        // SAFETY: the layout is not empty.
        let base = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        Some(Self { base, layout })
    }

    /// The context, for code.
    #[inline]
    pub(crate) fn vmctx(&self) -> NonNull<VmContext> {
        self.base.cast()
    }

    /// The `T` at `offset`.
    ///
    /// # Panics
    /// If there is no room for one, or it would be misaligned: a layout never says so.
    #[inline]
    pub(crate) fn at<T>(&self, offset: u32) -> NonNull<T> {
        self.array_at(offset, 1)
    }

    /// The first of `count` times `T` at `offset`.
    ///
    /// # Panics
    /// As [`ContextMemory::at`].
    #[inline]
    pub(crate) fn array_at<T>(&self, offset: u32, count: usize) -> NonNull<T> {
        let bytes = size_of::<T>().checked_mul(count);
        let end = bytes.and_then(|bytes| bytes.checked_add(offset as usize));
        assert!(end.is_some_and(|end| end <= self.layout.size()), "offsets are inside the context");
        assert!((offset as usize).is_multiple_of(align_of::<T>()) && align_of::<T>() <= 16);
        // SAFETY: the offset is inside the allocation or at its end, as was just checked.
        unsafe { self.base.add(offset as usize) }.cast()
    }

    /// Writes the `T` at `offset`.
    ///
    /// # Panics
    /// As [`ContextMemory::at`].
    pub(crate) fn write<T>(&mut self, offset: u32, value: T) {
        // SAFETY: `at` gives an aligned place inside the allocation, and `self` is borrowed
        // exclusively.
        unsafe { self.at(offset).write(value) }
    }
}

impl Drop for ContextMemory {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout and freed once, here.
        unsafe { dealloc(self.base.as_ptr(), self.layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_zeroed_and_keeps_what_is_written() {
        let mut memory = ContextMemory::new(96).unwrap();
        assert!(memory.vmctx().addr().get().is_multiple_of(16));
        let read = |memory: &ContextMemory, offset| {
            // SAFETY: initialised from the start.
            unsafe { memory.at::<u64>(offset).read() }
        };
        assert!((0..96).step_by(8).all(|offset| read(&memory, offset) == 0));
        memory.write(88, 7_u64);
        assert_eq!(read(&memory, 88), 7);
        assert_eq!(read(&memory, 80), 0);
    }

    #[test]
    #[should_panic(expected = "inside the context")]
    fn an_offset_outside_is_noticed() {
        ContextMemory::new(96).unwrap().at::<u64>(92);
    }
}
