//! A file on which the sandbox stands; changes need a second reader.
//!
//! The actions that were installed before ours, and doing what the kernel would have done with
//! them.
//!
//! **Invariants**
//! - A recorded action is never freed, so a handler that reads it on another thread is safe.
//! - The previous handler is called with the arguments, and under the signal mask, it asked for.
//!   Only the stack may differ: without `SA_ONSTACK` it expected the interrupted one, which may
//!   have no room left.
//! - Nothing here allocates or locks once a signal is being handled.

use std::ffi::{c_int, c_void};
use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::{FaultSignal, action, is_fault};

/// The previous action by signal; null stands for the default one.
static PREVIOUS: [AtomicPtr<libc::sigaction>; FaultSignal::ALL.len()] =
    [const { AtomicPtr::new(ptr::null_mut()) }; FaultSignal::ALL.len()];

/// Keeps the action that ours takes the place of. It leaks: a few bytes, once.
pub(super) fn record(signal: FaultSignal, previous: libc::sigaction) {
    let previous = Box::into_raw(Box::new(previous));
    PREVIOUS[signal as usize].store(previous, Ordering::Release);
}

/// Puts the previous action back, for an installation that failed half way.
pub(super) fn reinstate(signal: FaultSignal) {
    if let Some(previous) = previous(signal) {
        // It was in place a moment ago; if the system refuses it now, ours chains to it.
        let _ = action(signal, Some(previous));
    }
}

/// Does with a signal what would have happened without us.
///
/// # Safety
/// The arguments are those that the kernel called the signal handler with.
pub(super) unsafe fn pass_on(number: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel filled in `info`.
    let faulted = is_fault(number, unsafe { (*info).si_code });
    let previous = FaultSignal::from_number(number).and_then(previous);
    match previous.map_or(libc::SIG_DFL, |previous| previous.sa_sigaction) {
        libc::SIG_IGN if !faulted => {}
        // The kernel doesn't let a fault be ignored either: it kills.
        libc::SIG_DFL | libc::SIG_IGN => die(number, faulted),
        // SAFETY: the arguments are the kernel's, and the action has a handler.
        _ => previous.into_iter().for_each(|action| unsafe { call(action, number, info, context) }),
    }
}

fn previous(signal: FaultSignal) -> Option<&'static libc::sigaction> {
    let previous = PREVIOUS[signal as usize].load(Ordering::Acquire);
    // SAFETY: null, or made from a box by `record` and never freed or changed.
    unsafe { previous.as_ref() }
}

/// Lets the default action have the process: a fault happens again on return, any other signal is
/// sent again.
fn die(number: c_int, faulted: bool) {
    // SAFETY: all zeroes is a valid sigaction: the default action, an empty mask, no flags.
    let default: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: the pointer is to a live sigaction, and no handler comes with it.
    unsafe { libc::sigaction(number, &default, ptr::null_mut()) };
    if !faulted {
        // SAFETY: raise may be called from a signal handler.
        unsafe { libc::raise(number) };
    }
}

/// Calls the handler of an action as the kernel would.
///
/// # Safety
/// The action has a handler; the other arguments are those that the kernel called us with.
unsafe fn call(
    action: &libc::sigaction,
    number: c_int,
    info: *mut libc::siginfo_t,
    context: *mut c_void,
) {
    let mut mask = action.sa_mask;
    if action.sa_flags & libc::SA_NODEFER == 0 {
        // SAFETY: the mask is an initialised set, and the number that of a signal.
        unsafe { libc::sigaddset(&mut mask, number) };
    }
    if action.sa_flags & libc::SA_RESETHAND != 0
        && let Some(signal) = FaultSignal::from_number(number)
    {
        PREVIOUS[signal as usize].store(ptr::null_mut(), Ordering::Release);
    }
    // The return from the signal takes the mask back to that of the interrupted code.
    // SAFETY: the set is initialised; pthread_sigmask may be called from a signal handler.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &mask, ptr::null_mut()) };
    if action.sa_flags & libc::SA_SIGINFO != 0 {
        type WithInfo = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);
        // SAFETY: with SA_SIGINFO the action's handler has this signature.
        let handler = unsafe { mem::transmute::<usize, WithInfo>(action.sa_sigaction) };
        handler(number, info, context);
    } else {
        // SAFETY: without SA_SIGINFO the action's handler has this signature.
        let handler = unsafe { mem::transmute::<usize, extern "C" fn(c_int)>(action.sa_sigaction) };
        handler(number);
    }
}
