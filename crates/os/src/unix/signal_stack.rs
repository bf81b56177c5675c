//! The stack that a thread handles signals on. Without one a stack overflow can't be handled, as
//! there is no room left to handle it.
//!
//! It never replaces a stack that is large enough, and never re-installs a former one: Rust's
//! runtime has freed the one it gave the thread by the time thread-locals are dropped.
//!
//! **Invariants**
//! - A stack of ours is freed only after the kernel has been told to forget it.
//! - Once a thread is marked ready the system isn't asked again; who takes the signal stack away
//!   from a thread that runs generated code loses the handling of overflows on it.

use std::cell::{Cell, OnceCell};
use std::mem;
use std::ptr;

use super::stack::StackMapping;
use crate::error::{Operation, OsError, OsErrorKind};

/// The least a thread needs to handle a fault: the kernel's frame, and the handler in a debug
/// build, with room for a crash reporter that is chained to.
pub const SIGNAL_STACK_BYTES_MIN: usize = 64 << 10;

thread_local! {
    /// Whether this thread has a signal stack that is large enough.
    static READY: Cell<bool> = const { Cell::new(false) };
    /// The one we gave it, if it had none.
    static OWNED: OnceCell<SignalStack> = const { OnceCell::new() };
}

/// Makes sure that the calling thread has a signal stack of at least [`SIGNAL_STACK_BYTES_MIN`],
/// and more where the processor's registers need it. What we install is freed when the thread
/// ends. Calling again costs the reading of a thread-local.
#[inline]
pub fn ensure_signal_stack() -> Result<(), OsError> {
    if has_signal_stack() { Ok(()) } else { prepare() }
}

/// Whether the calling thread has the signal stack that [`ensure_signal_stack`] sees to. Costs the
/// reading of a thread-local, which is not told when somebody takes the stack away: Rust's runtime
/// does at the end of a thread, before the destructors of most thread-locals.
#[inline(always)]
pub fn has_signal_stack() -> bool {
    READY.get()
}

#[cold]
fn prepare() -> Result<(), OsError> {
    let required = required_bytes();
    let current = exchange(None)?;
    if current.ss_flags & libc::SS_DISABLE != 0 || current.ss_size < required {
        OWNED
            .try_with(|owned| give(owned, required))
            .map_err(|_| unasked(required, OsErrorKind::ThreadExiting))??;
    }
    READY.set(true);
    Ok(())
}

/// Room for the handler beside the frame that the kernel says it needs: with wide vectors or
/// matrix tiles the latter alone can be large.
fn required_bytes() -> usize {
    const AT_MINSIGSTKSZ: libc::c_ulong = 51;
    if cfg!(miri) {
        // It has no auxiliary vector, as little as frames of the kernel's.
        return SIGNAL_STACK_BYTES_MIN;
    }
    // SAFETY: reads the auxiliary vector; an entry that isn't there reads as zero.
    let frame_bytes = unsafe { libc::getauxval(AT_MINSIGSTKSZ) } as usize;
    SIGNAL_STACK_BYTES_MIN.max(SIGNAL_STACK_BYTES_MIN / 2 + frame_bytes)
}

/// Installs a stack that this thread's `OWNED` keeps. It is kept first, so that nothing can come
/// between installing it and being sure that it is taken back.
fn give(owned: &OnceCell<SignalStack>, bytes: usize) -> Result<(), OsError> {
    if owned.get().is_none() {
        let mapping = StackMapping::new(bytes)?;
        owned.get_or_init(|| SignalStack { mapping: Some(mapping) });
    }
    let mapping = owned.get().and_then(|stack| stack.mapping.as_ref());
    let Some(mapping) = mapping else {
        return Err(unasked(bytes, OsErrorKind::ThreadExiting));
    };
    let new = libc::stack_t {
        ss_sp: mapping.bottom().cast(),
        ss_flags: 0,
        ss_size: mapping.usable_bytes(),
    };
    exchange(Some(&new)).map(drop)
}

/// A signal stack that we made. Its mapping is `None` once it must outlive us.
struct SignalStack {
    mapping: Option<StackMapping>,
}

impl Drop for SignalStack {
    fn drop(&mut self) {
        READY.set(false);
        let Some(mapping) = &self.mapping else { return };
        let bottom: *mut libc::c_void = mapping.bottom().cast();
        let forgotten = match exchange(None) {
            // Somebody replaced it, or disabled it as Rust's runtime does at the end of a thread.
            Ok(now) if now.ss_flags & libc::SS_DISABLE != 0 || now.ss_sp != bottom => true,
            Ok(_) => {
                let disabled = libc::stack_t {
                    ss_sp: ptr::null_mut(),
                    ss_flags: libc::SS_DISABLE,
                    ss_size: 0,
                };
                exchange(Some(&disabled)).is_ok()
            }
            Err(_) => false,
        };
        // The thread runs on it, or the system won't let go: it is never unmapped then.
        if !forgotten {
            mem::forget(self.mapping.take());
        }
    }
}

/// Miri sends no signals: the stack for them is noted, and nobody runs on it.
#[cfg(miri)]
fn exchange(new: Option<&libc::stack_t>) -> Result<libc::stack_t, OsError> {
    const NONE: libc::stack_t =
        libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
    thread_local!(static CURRENT: Cell<libc::stack_t> = const { Cell::new(NONE) });
    Ok(new.map_or_else(|| CURRENT.get(), |&new| CURRENT.replace(new)))
}

/// Sets the signal stack, if one is given, and returns the one before.
#[cfg(not(miri))]
fn exchange(new: Option<&libc::stack_t>) -> Result<libc::stack_t, OsError> {
    let mut before =
        libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
    let new_pointer = new.map_or(ptr::null(), ptr::from_ref);
    // SAFETY: both pointers are null or to live structures; a stack given here is mapped until the
    // kernel has been told to forget it, which `SignalStack` sees to.
    if unsafe { libc::sigaltstack(new_pointer, &mut before) } == 0 {
        return Ok(before);
    }
    let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL);
    let bytes = new.map_or(0, |new| new.ss_size);
    Err(OsError::refused(Operation::SignalStack, bytes, errno))
}

fn unasked(bytes: usize, kind: OsErrorKind) -> OsError {
    OsError::unasked(Operation::SignalStack, bytes, kind)
}
