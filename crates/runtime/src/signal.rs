//! A file on which the sandbox stands; changes need a second reader.
//!
//! Judges hardware faults: those that code of ours is known to cause become traps, all others go
//! to whoever handled them before us.
//!
//! | fault | trap |
//! |---|---|
//! | access to the guard of the call's stack, pc in our text | stack overflow |
//! | the same, pc the first of `host_out_of_stack` | stack overflow, where wasm has called out |
//! | access to the inaccessible part of the store's memories, pc a memory trap site | that site's |
//! | illegal instruction, pc a trap site | that site's |
//! | arithmetic error, pc a site of a division trap | that site's |
//!
//! A fault in our text that is none of these is a bug of ours and ends the process: going on would
//! hide it. A fault in host code is the host's, also while wasm is waiting for it.
//!
//! **Invariants**
//! - The handler neither allocates, locks nor calls anything that might. It asks for thread-locals
//!   only when the pc is in our text, so on threads that have entered code.

use std::ptr::NonNull;

use brolga_abi::TrapCode;
use brolga_os::{Disposition, Fault, FaultSignal, OsError};

use crate::activation::{self, Activation, Exit, Thrown};
use crate::arch::{self, Landing};
use crate::backtrace::{Origin, capture};
use crate::registry;
use crate::stack::StackCore;

/// Installs the process's fault handler, once.
pub(crate) fn install() -> Result<(), OsError> {
    brolga_os::install(on_fault)
}

fn on_fault(fault: &mut Fault<'_>) -> Disposition {
    let judged = match fault.pc() == arch::host_out_of_stack as *const () as usize {
        true => judge_calling_out(fault),
        false => judge(fault),
    };
    let Some((activation, code, origin)) = judged else {
        return Disposition::NotOurs;
    };
    let address = fault.address();
    // SAFETY: the thread's youngest activation, live while its code runs; that code is stopped, so
    // nobody else looks at it or at the stack.
    let landing = unsafe {
        let activation = activation.as_ref();
        capture(activation, origin);
        (*activation.thrown.get()).write(Thrown::Fault { code, address });
        activation.landing()
    };
    // SAFETY: the landing of the call whose code was interrupted: its frame is live and expects
    // nothing but its stack pointer and this frame pointer. The frames below are code's.
    unsafe { fault.resume_at(landing.pc, landing.sp, Landing::THROWN, 0) };
    Disposition::Resumed
}

/// The activation that a fault ends, the trap it ends with and where it came from.
type Judgement = (NonNull<Activation>, TrapCode, Origin);

/// What a fault is in the code that finds out whether there is stack for raising the trap that there
/// is none for the host.
fn judge_calling_out(fault: &Fault<'_>) -> Option<Judgement> {
    let youngest = NonNull::new(activation::youngest().cast_mut())?;
    // SAFETY: the thread's youngest activation is live, and so is its store; that code is stopped,
    // so nobody else looks at either. A stack of a live activation is live.
    let (core, exit) = unsafe {
        let activation = youngest.as_ref();
        let context = activation.store.as_ref();
        (&*activation.core, Exit { pc: context.exit_pc, fp: context.exit_fp })
    };
    let is_guard = matches!(fault.signal(), FaultSignal::Segmentation)
        && fault.address().is_some_and(|address| core.guard_contains(address));
    is_guard.then_some((youngest, TrapCode::StackOverflow, Origin::Exit(exit)))
}

/// What a fault is, if it is ours.
fn judge(fault: &Fault<'_>) -> Option<Judgement> {
    let registry = registry::read();
    let entry = registry.find(fault.pc())?;
    let site = entry.trap_site(fault.pc()).map(|site| site.trap);
    let youngest = NonNull::new(activation::youngest().cast_mut())?;
    // SAFETY: the thread's youngest activation is live.
    let activation = unsafe { youngest.as_ref() };
    // SAFETY: the stack of a live activation.
    let core = unsafe { &*activation.core };
    // Code of ours on another stack than its call's: nothing we know of the thread is true.
    if !core.contains(fault.sp()) && !core.guard_contains(fault.sp()) {
        return None;
    }
    let trap = match fault.signal() {
        FaultSignal::Segmentation => judge_access(activation, core, fault.address()?, site),
        FaultSignal::Illegal => site,
        FaultSignal::Arithmetic => site.filter(|trap| {
            matches!(trap, TrapCode::IntegerDivisionByZero | TrapCode::IntegerOverflow)
        }),
        // Memory that the system promised and can't give: no mistake of the guest.
        FaultSignal::Bus => None,
    };
    Some((youngest, trap?, Origin::Fault { pc: fault.pc(), fp: fault.fp() }))
}

fn judge_access(
    activation: &Activation,
    core: &StackCore,
    address: usize,
    site: Option<TrapCode>,
) -> Option<TrapCode> {
    if core.guard_contains(address) {
        return Some(TrapCode::StackOverflow);
    }
    // SAFETY: the store's stack outlives its activations.
    let guards = unsafe { &*activation.stack }.guards;
    site.filter(|&trap| trap == TrapCode::MemoryOutOfBounds && guards(activation.store, address))
}
