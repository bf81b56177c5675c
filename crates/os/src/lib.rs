//! What Brolga asks of the operating system: address space, pages that hold code, stacks, and the
//! signals that faults arrive as. Nothing here knows of WebAssembly.
//!
//! ```text
//!  Reservation ─┐
//!  SealedCode  ─┼─▶ Mapping ─▶ mmap, mprotect, madvise, munmap     (one file, one owner per range)
//!  StackMapping ┘
//!  install ─▶ signal ─▶ FaultHandler ─▶ Resumed │ NotOurs ─▶ whoever was there before
//! ```
//!
//! The whole crate is a room in which `unsafe` is allowed, behind doors that are safe. What can't
//! be made safe by checking is an `unsafe fn` that says what it needs: [`Fault::resume_at`] is the
//! only one. A pointer that leaves this crate is raw; whoever dereferences it answers for that.
//!
//! **Trusts**
//! - Linux on x86_64 or aarch64, and its documented behaviour of private mappings, sealed memfds
//!   and `rt_sigreturn`.
//! - The thread library's report of a thread's stack.
//! - That nobody else maps over, protects or unmaps a range that a value of this crate owns.
//!
//! **Promises**
//! - No safe function touches pages outside the mapping it is called on; a range that doesn't fit
//!   is an [`OsError`].
//! - Memory is never writable and executable at once, and sealed code never changes again.
//! - Everything mapped is unmapped by `Drop`; a failed constructor leaves nothing behind.
//! - A page that was reset or decommitted never shows its former bytes.
//! - A signal that isn't ours reaches the action that was installed before us.
//!
//! **Tested by** `tests/reservation.rs`, `tests/code.rs`, `tests/stack.rs`, `tests/profile.rs`,
//! `tests/signals.rs` (faults resumed and passed on, in child processes) and `tests/limits.rs`
//! (refused mappings, full mapping tables, no growth over a thousand rounds).

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
compile_error!(
    "brolga-os supports Linux on x86_64 and aarch64: a port is a folder beside `src/unix` with \
     the same names, and a register file beside `src/unix/signals/context.rs`"
);

mod error;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod unix;

pub use error::{Operation, OsError, OsErrorKind};
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub use unix::{
    code::{SealedCode, WritableCode, check_executable_memory},
    image::MemoryImage,
    page::{page_size, round_up_to_page},
    profile::{ProfileMark, monotonic_nanoseconds, thread_id},
    reservation::Reservation,
    signal_stack::{SIGNAL_STACK_BYTES_MIN, ensure_signal_stack, has_signal_stack},
    signals::{Disposition, Fault, FaultHandler, FaultSignal, install, is_installed_and_current},
    stack::{STACK_GUARD_BYTES, StackMapping, current_stack_pointer, thread_stack_bounds},
};
