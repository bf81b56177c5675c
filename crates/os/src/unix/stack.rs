//! A file on which the sandbox stands; changes need a second reader.
//!
//! Stacks: one of our own for each call engine, and what there is to know of the thread's.
//!
//! ```text
//!  low address                                                            high address
//!  ├──────────── guard: every access faults ────────────┤── usable ──▶ grows down ◀── top
//! ```
//!
//! **Invariants**
//! - The guard lies directly below the usable part and is inaccessible from the first moment.
//! - Pages are charged when they are touched; `MAP_GROWSDOWN` is not used, as it would let the
//!   stack move its own end.

#[cfg(not(miri))]
use std::arch::asm;
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::ptr;

use super::mapping::{Access, Mapping};
use super::page::round_up_to_page;
use crate::error::{Operation, OsError};

/// How much lies inaccessible below a stack: a function of the host that doesn't probe its frame
/// must be larger than this to step over it. Linux chose the same for its own stacks.
pub const STACK_GUARD_BYTES: usize = 1 << 20;

/// A stack in memory of its own.
#[derive(Debug)]
pub struct StackMapping {
    mapping: Mapping,
    guard_bytes: usize,
}

impl StackMapping {
    /// Maps a stack of `usable_bytes`, rounded up to whole pages and at least one, above a guard.
    pub fn new(usable_bytes: usize) -> Result<Self, OsError> {
        let operation = Operation::AllocateStack;
        let too_large = || OsError::refused(operation, usable_bytes, libc::ENOMEM);
        let guard_bytes = round_up_to_page(STACK_GUARD_BYTES).ok_or_else(too_large)?;
        let usable = round_up_to_page(usable_bytes.max(1)).ok_or_else(too_large)?;
        let len = guard_bytes.checked_add(usable).ok_or_else(too_large)?;
        let mapping = Mapping::new(operation, len, Access::None)?;
        mapping.protect(operation, guard_bytes, usable, Access::ReadWrite)?;
        mapping.avoid_huge_pages(guard_bytes, usable);
        Ok(Self { mapping, guard_bytes })
    }

    /// The lowest usable address.
    pub fn bottom(&self) -> *mut u8 {
        self.mapping.as_ptr().wrapping_add(self.guard_bytes)
    }

    /// The end, where an empty stack's pointer stands; a page boundary, so 16-byte aligned.
    pub fn top(&self) -> *mut u8 {
        self.mapping.as_ptr().wrapping_add(self.mapping.len())
    }

    /// How many bytes lie between bottom and top.
    pub fn usable_bytes(&self) -> usize {
        self.mapping.len() - self.guard_bytes
    }

    /// The addresses of the guard.
    pub fn guard(&self) -> Range<usize> {
        self.mapping.as_ptr().addr()..self.bottom().addr()
    }

    /// Gives all pages back; they read as zero when touched again. Nobody may be running on the
    /// stack, which is why it takes `&mut self`.
    pub fn reset(&mut self) -> Result<(), OsError> {
        self.trim(0)
    }

    /// As [`reset`](Self::reset), but the pages of the topmost `kept_bytes` stay as they are, so
    /// that the next shallow call finds them warm.
    pub fn trim(&mut self, kept_bytes: usize) -> Result<(), OsError> {
        let usable = self.usable_bytes();
        let kept = round_up_to_page(kept_bytes).map_or(usable, |kept| kept.min(usable));
        self.mapping.discard(Operation::ResetStack, self.guard_bytes, usable - kept)
    }
}

/// The stack pointer of the function this is inlined into.
#[inline(always)]
pub fn current_stack_pointer() -> usize {
    // Miri reads no registers: a variable of the caller is as good as on its stack.
    #[cfg(miri)]
    let pointer = ptr::from_ref(&MaybeUninit::<u8>::uninit()).addr();
    #[cfg(not(miri))]
    let pointer: usize;
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: reads a register.
    unsafe {
        asm!("mov {}, rsp", out(reg) pointer, options(nomem, nostack, preserves_flags));
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    // SAFETY: reads a register.
    unsafe {
        asm!("mov {}, sp", out(reg) pointer, options(nomem, nostack, preserves_flags));
    }
    pointer
}

/// The addresses of the stack that the calling thread was started with, the guard excluded,
/// whichever stack it is running on now.
///
/// Asked once per thread: for the main thread the C library reads `/proc/self/maps`, and takes
/// `RLIMIT_STACK` of that moment as the size.
pub fn thread_stack_bounds() -> Result<Range<usize>, OsError> {
    thread_local! {
        static BOUNDS: Cell<Option<(usize, usize)>> = const { Cell::new(None) };
    }
    if let Some((bottom, top)) = BOUNDS.get() {
        return Ok(bottom..top);
    }
    let bounds = ask_thread_stack_bounds()
        .map_err(|errno| OsError::refused(Operation::ThreadStackBounds, 0, errno))?;
    BOUNDS.set(Some((bounds.start, bounds.end)));
    Ok(bounds)
}

fn ask_thread_stack_bounds() -> Result<Range<usize>, i32> {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    // SAFETY: the call initialises the attributes when it returns zero.
    succeed(unsafe { libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) })?;
    let (mut bottom, mut len) = (ptr::null_mut(), 0);
    // SAFETY: the attributes were initialised by the call above.
    let got =
        succeed(unsafe { libc::pthread_attr_getstack(attributes.as_ptr(), &mut bottom, &mut len) });
    // SAFETY: the attributes were initialised, and aren't used after this.
    unsafe { libc::pthread_attr_destroy(attributes.as_mut_ptr()) };
    got.map(|()| bottom.addr()..bottom.addr() + len)
}

/// The thread library returns its error number instead of setting `errno`.
fn succeed(errno: i32) -> Result<(), i32> {
    if errno == 0 { Ok(()) } else { Err(errno) }
}
