//! A file on which the sandbox stands; changes need a second reader.
//!
//! The trap door: the one way by which host code ends the wasm call that called it. (Faults in
//! code come back by the same landing; see `signal.rs`.)
//!
//! **Invariants**
//! - What is thrown is written into the activation before the jump, and read once at the landing.
//! - The frames that are abandoned own nothing: wasm frames never do, and host frames between wasm
//!   and the door belong to `extern "C"` functions in which only plain data is live.

use std::ptr::NonNull;

use brolga_abi::{HostFunctionContext, StoreContext, TrapCode};

use crate::activation::{Activation, Exit, Thrown};
use crate::arch;
use crate::backtrace::{Origin, capture};
use crate::trap::Unwind;

/// Ends the call that is under way in `store` with `reason`. The host code that made that call
/// gets it as an error, or as the panic it was.
///
/// # Panics
/// If no call is under way in `store`, which is a bug in Brolga.
///
/// # Safety
/// - The calling thread runs code of `store`, which called out to the caller of this function.
/// - The frames between that code and this call belong to `extern "C"` functions that own nothing:
///   they are abandoned without their destructors.
#[cold]
pub unsafe fn leave(store: NonNull<StoreContext>, reason: Unwind) -> ! {
    // SAFETY: the store of running code is live.
    let (activation, exit) = unsafe {
        let context = store.as_ref();
        let exit = Exit { pc: context.exit_pc, fp: context.exit_fp };
        (context.activation.cast::<Activation>(), exit)
    };
    assert!(!activation.is_null(), "left code while none was running");
    if !matches!(reason, Unwind::Panic(_)) {
        // SAFETY: the store's youngest activation; its frames stand until the jump.
        unsafe { capture(&*activation, Origin::Exit(exit)) };
    }
    // SAFETY: live as above; nobody else looks at it before the landing.
    let landing = unsafe {
        (*(*activation).thrown.get()).write(Thrown::Host(reason));
        (*activation).landing()
    };
    // SAFETY: the activation's own landing; the frames own nothing, by the caller's promise.
    unsafe { arch::jump(landing) }
}

/// Ends the call in which wasm has called the host function of context `callee`, for which there is
/// not enough stack.
///
/// # Safety
/// Wasm has just called out to that function; the exit is noted.
#[cold]
pub(crate) unsafe extern "C" fn raise_stack_overflow(callee: *mut HostFunctionContext) -> ! {
    // SAFETY: a live function's context, whose store is never null and whose code has called out;
    // this function owns nothing.
    unsafe { leave(NonNull::new_unchecked((*callee).store), Unwind::Trap(TrapCode::StackOverflow)) }
}
