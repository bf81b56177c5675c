//! A value at an address that never changes, to which generated code has pointers.
//!
//! A `Box` won't do: moving one tells the compiler that nobody else points at its contents. This
//! file is a room for `unsafe`.
//!
//! **Trusts** nothing but the allocator.
//! **Promises** that the value is where it was from [`Stable::new`] to the drop.
//! **Tested by** everything in `tests/`.
//!
//! **Invariants**
//! - Pointers are handed out, references only for as long as `self` is borrowed and no code runs.

use std::ptr::NonNull;

/// An owned value with a stable address.
#[derive(Debug)]
pub(crate) struct Stable<T>(NonNull<T>);

impl<T> Stable<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(NonNull::from(Box::leak(Box::new(value))))
    }

    /// The address, for code and for whoever outlives no drop of `self`.
    pub(crate) fn as_ptr(&self) -> *mut T {
        self.0.as_ptr()
    }

    pub(crate) fn as_non_null(&self) -> NonNull<T> {
        self.0
    }

    pub(crate) fn get(&self) -> &T {
        // SAFETY: the value lives as long as `self`; code that could write it does not run while
        // the store, and with it `self`, is borrowed.
        unsafe { self.0.as_ref() }
    }

    pub(crate) fn get_mut(&mut self) -> &mut T {
        // SAFETY: as in `get`, and `self` is borrowed exclusively.
        unsafe { self.0.as_mut() }
    }
}

impl<T> Drop for Stable<T> {
    fn drop(&mut self) {
        // SAFETY: the pointer came from a Box in `new` and is given back once, here.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

// SAFETY: a Stable owns its value as a Box does.
unsafe impl<T: Send> Send for Stable<T> {}
