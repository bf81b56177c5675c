//! A file on which the sandbox stands; changes need a second reader.
//!
//! Host code as wasm calls it: what every host function and every builtin runs inside.
//!
//! **Invariants**
//! - No panic passes into wasm frames: it is caught here and goes on where the host called wasm.
//! - When the trap door is taken, everything that the closure owned has been dropped, and the
//!   frames between here and the landing own nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use brolga_abi::StoreContext;

use crate::leave::leave;
use crate::trap::Unwind;

/// Runs `body` on behalf of wasm code of `store`. Returns what it returns; where it fails or
/// panics, the call that is under way in the store ends with that, and this does not return.
///
/// # Safety
/// - The calling thread runs code of `store`, which called out to the caller of this function.
/// - Between that code and this call stand only `extern "C"` functions whose frames own nothing
///   that must be dropped: they are abandoned when the body fails.
#[inline]
pub unsafe fn host_call_shim<R: Copy>(
    store: NonNull<StoreContext>,
    body: impl FnOnce() -> Result<R, Unwind>,
) -> R {
    // What a panic left half-done is the store's to answer for; nobody else can see it before the
    // panic goes on in the host.
    let reason = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(result)) => return result,
        Ok(Err(reason)) => reason,
        Err(payload) => Unwind::Panic(payload),
    };
    // SAFETY: the caller's promises; `body` is used up and `reason` is moved, so that this frame
    // owns nothing either.
    unsafe { leave(store, reason) }
}
