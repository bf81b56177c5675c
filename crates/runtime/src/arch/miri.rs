//! The way into code under Miri, which runs no machine code: host functions are called from here,
//! by Rust, and nothing else can be.
//!
//! It is in no build but Miri's. A call of wasm, or a host function that does not return, ends the
//! test with a panic.
//!
//! **Invariants**
//! - A host function finds the store's context as `host_function_entry` of the processors leaves
//!   it, but runs on the stack of whoever called.

use brolga_abi::{HostFunctionContext, VmContext};

use super::{Landing, RegisterArgs, RegisterResult, Target};

/// What every way that is closed says.
const NO_CODE: &str = "Miri runs no machine code";

/// Calls a host function. Says that it returned.
///
/// # Panics
/// If `entry` is machine code.
///
/// # Safety
/// As for those of the processors.
pub(crate) unsafe fn enter_slots(
    landing: *mut Landing,
    _top: usize,
    entry: *const u8,
    target: Target,
    slots: *mut u64,
) -> bool {
    assert_eq!(entry, host_function_entry as *const u8, "{NO_CODE}");
    // SAFETY: the caller's promises: a landing to be written, a host function's context, and slots
    // for its type.
    unsafe {
        landing.write(Landing { sp: 0, pc: 0 });
        host_function_entry(target.callee.cast(), target.caller, target.code, slots);
    }
    true
}

/// # Panics
/// Always.
///
/// # Safety
/// None needed.
pub(crate) unsafe fn enter_registers(
    _landing: *mut Landing,
    _sp: usize,
    _target: Target,
    _args: RegisterArgs<'_>,
) -> Option<RegisterResult> {
    panic!("{NO_CODE}");
}

/// # Panics
/// Always.
///
/// # Safety
/// None needed.
pub(crate) unsafe fn enter_registers_here(
    _landing: *mut Landing,
    _target: Target,
    _args: RegisterArgs<'_>,
) -> Option<RegisterResult> {
    panic!("{NO_CODE}");
}

/// Called as a host entry, calls the host function whose context is `callee`. One function with
/// one address, which `inline(never)` makes sure of.
///
/// # Safety
/// As for those of the processors.
#[inline(never)]
pub(crate) unsafe extern "C" fn host_function_entry(
    callee: *mut HostFunctionContext,
    caller: *mut VmContext,
    _code: *const u8,
    slots: *mut u64,
) {
    // SAFETY: a live host function's context, by the caller's promise; its store is live too.
    let call = unsafe {
        (*(*callee).store).exit_pc = 0;
        (*callee).call
    };
    call(callee, caller, slots);
}

/// # Panics
/// Always; in `extern "C"` functions that ends the process.
///
/// # Safety
/// None needed.
pub(crate) unsafe fn jump(_landing: Landing) -> ! {
    panic!("{NO_CODE}: there is no jump back out of it");
}

/// Registers hold nothing.
pub(crate) fn kept_registers() -> [u64; 0] {
    []
}

/// Nothing signs addresses.
pub(crate) fn plain_return_address(address: usize) -> usize {
    address
}
