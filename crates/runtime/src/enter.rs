//! A file on which the sandbox stands; changes need a second reader.
//!
//! The way into code: every call that the host makes goes through one of the functions here.
//!
//! ```text
//!  call ─────────────▶ activation::within ─▶ arch::enter_slots ─▶ host entry ─▶ wasm
//!  call_on_idle ─────▶ activation::on_idle ▶ arch::enter_registers ───────────▶ wasm
//!  call_in_registers ▶ activation::nested ─▶ the same, or enter_registers_here ▶ wasm
//!  call_start ───────▶ the same, without arguments
//! ```
//!
//! **Invariants**
//! - On the way there is no lock, no allocation and no system call, a store's and a thread's first
//!   call aside.

use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use brolga_abi::{FuncRef, StoreContext, VmContext};

use crate::activation::{IdleStack, Place, nested, on_idle, within};
use crate::arch::{self, RegisterArgs, RegisterResult, Target};
use crate::instance::OwnStart;
use crate::stack::StoreStack;
use crate::trap::TrapRecord;

/// Calls a function of the store, wasm or host: arguments are in `slots`, results come back in
/// them, both from slot 0 on (see [`HostCall`](brolga_abi::HostCall) for their form).
///
/// # Errors
/// What the call ended with. Slots are then undefined.
///
/// # Panics
/// Goes on with a panic of host code that the function called.
///
/// # Safety
/// - `store` is the context of a live store, `stack` is that store's, and no other thread uses
///   either.
/// - `func` is a function of that store, complete (its code pointer filled in), and its code is
///   kept loaded during the call.
/// - `caller` is what the function gets as its caller's context: null, or that of an instance of
///   the same store.
/// - `slots` has room for the parameters and for the results, and holds arguments of the
///   parameters' types that are the store's own where they are references.
pub unsafe fn call(
    stack: &StoreStack,
    store: NonNull<StoreContext>,
    func: NonNull<FuncRef>,
    caller: *mut VmContext,
    slots: *mut u64,
) -> Result<(), Box<TrapRecord>> {
    // SAFETY: a function of a live store.
    let func = unsafe { func.as_ref() };
    let entry = match func.host_entry.is_null() {
        false => func.host_entry,
        // Called on the call's stack too, so that it finds there what it finds when wasm calls
        // it, the trap door above all.
        true => arch::host_function_entry as *const u8,
    };
    let target = Target { code: func.wasm_code, callee: func.vmctx, caller };
    let body = |landing, place: Place| {
        // SAFETY: `within` gives a landing that the trap door knows and a stack that is free; the
        // rest is the caller's promise.
        unsafe { arch::enter_slots(landing, place.top(), entry, target, slots) }.then_some(())
    };
    // SAFETY: the caller's promises.
    unsafe { within(stack, store, body) }
}

/// Calls a wasm function with its arguments in registers and on the stack, for types that fit: no
/// more parameters than [`RegisterArgs`] has room for, at most one result, no `v128`.
///
/// # Errors
/// What the call ended with.
///
/// # Panics
/// Goes on with a panic of host code that the function called.
///
/// # Safety
/// - As for [`call`]; `args` stands for the slots.
/// - `func` is a wasm function (its `host_entry` is not null) and its type fits.
#[inline(never)]
pub unsafe fn call_in_registers(
    stack: &StoreStack,
    store: NonNull<StoreContext>,
    func: NonNull<FuncRef>,
    caller: *mut VmContext,
    args: RegisterArgs<'_>,
) -> Result<RegisterResult, Box<TrapRecord>> {
    // SAFETY: a function of a live store; the caller's promises.
    unsafe { enter_anywhere(stack, store, wasm_target(func, caller), args) }
}

/// # Safety
/// As for [`call_in_registers`], with the function as `target`.
unsafe fn enter_anywhere(
    stack: &StoreStack,
    store: NonNull<StoreContext>,
    target: Target,
    args: RegisterArgs<'_>,
) -> Result<RegisterResult, Box<TrapRecord>> {
    let body = |landing, place: Place| match place {
        // SAFETY: as in `call` for the landing and the stack; the rest is the caller's promise.
        Place::Top(_) => unsafe {
            arch::enter_registers(landing, put(args.stack, place.top()), target, args)
        },
        // SAFETY: as above.
        Place::Here(_) => unsafe { arch::enter_registers_here(landing, target, args) },
    };
    // SAFETY: the caller's promises.
    unsafe { nested(stack, store, body) }
}

/// [`call_in_registers`] on a stack that [`idle`](crate::idle) has just given.
///
/// # Errors
/// As [`call_in_registers`].
///
/// # Panics
/// As [`call_in_registers`].
///
/// # Safety
/// As for [`call_in_registers`].
#[inline(always)]
pub unsafe fn call_on_idle(
    idle: IdleStack,
    stack: &StoreStack,
    store: NonNull<StoreContext>,
    func: NonNull<FuncRef>,
    caller: *mut VmContext,
    args: RegisterArgs<'_>,
) -> Result<RegisterResult, Box<TrapRecord>> {
    // SAFETY: a function of a live store.
    let target = unsafe { wasm_target(func, caller) };
    let body = |landing| {
        // SAFETY: as in `call` for the landing and the stack; the rest is the caller's promise.
        unsafe { arch::enter_registers(landing, put(args.stack, idle.top()), target, args) }
    };
    // SAFETY: the caller's promises.
    unsafe { on_idle(idle, stack, store, body) }
}

/// # Safety
/// `func` is a wasm function of a live store.
#[inline(always)]
unsafe fn wasm_target(func: NonNull<FuncRef>, caller: *mut VmContext) -> Target {
    // SAFETY: the caller's promise.
    let func = unsafe { func.as_ref() };
    Target { code: func.wasm_code, callee: func.vmctx, caller }
}

/// Puts arguments where code finds them on a stack that begins at `top`: gives the stack pointer.
///
/// # Safety
/// `top` is that of a stack that nobody uses, with room for so many.
#[inline(always)]
unsafe fn put(words: &[MaybeUninit<u64>], top: usize) -> usize {
    let sp = top - words.len().next_multiple_of(2) * size_of::<u64>();
    let first = ptr::with_exposed_provenance_mut::<MaybeUninit<u64>>(sp);
    // SAFETY: below the top of a mapped stack, as the caller promises; `words` are elsewhere.
    unsafe { first.copy_from_nonoverlapping(words.as_ptr(), words.len()) };
    sp
}

/// Calls an instance's own start function.
///
/// # Errors
/// What the call ended with.
///
/// # Panics
/// Goes on with a panic of host code that the function called.
///
/// # Safety
/// - `store` and `stack` as for [`call`].
/// - `start` was just got from that store, whose instance is kept during the call.
pub unsafe fn call_start(
    stack: &StoreStack,
    store: NonNull<StoreContext>,
    start: OwnStart,
) -> Result<(), Box<TrapRecord>> {
    let caller = std::ptr::null_mut();
    let target = Target { code: start.code, callee: start.vmctx.as_ptr(), caller };
    // SAFETY: the caller's promises; validation has seen that the function takes and returns
    // nothing.
    unsafe { enter_anywhere(stack, store, target, RegisterArgs::new()) }.map(drop)
}
