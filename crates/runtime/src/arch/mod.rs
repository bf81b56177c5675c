//! A file on which the sandbox stands; changes need a second reader.
//!
//! The instructions that go into code and come back, one file a processor. Nothing else in the
//! runtime knows a register by name.
//!
//! Each file has the same functions:
//! - `enter_slots` calls a host entry with an array of argument slots;
//! - `enter_registers` calls wasm code on another stack with its arguments where `CallConv::Tail`
//!   takes them, in registers as far as they fit; `enter_registers_here` on the same;
//! - `host_function_entry` is the host entry of host functions: code that calls them directly;
//! - `host_stub!` makes the stub that wasm calls for a host function which takes its arguments in
//!   registers, `host_out_of_stack` is where it goes when there is no stack for the host;
//! - `kept_registers` gives what is in the registers that functions keep for their callers;
//! - `jump` goes to a [`Landing`], abandoning the frames below;
//! - `plain_return_address` takes a signature off a return address.
//!
//! Miri, which runs no machine code, gets by on the functions of `miri.rs`: they call host functions
//! and nothing else.
//!
//! **Trusts**
//! - Code keeps the callee-saved registers of its convention: `Tail`'s are the C ABI's.
//! - The direction flag, the floating point control word and the like are as the C ABI has them:
//!   code never changes them, and host code puts back what it changes.
//!
//! **Promises**
//! - Code starts with the stack pointer aligned as the C ABI asks and with frame pointer 0, where
//!   frame walks end.
//! - When an entering function comes back, whichever way, all registers that the C ABI preserves
//!   are as before, or declared as changed, so that the compiler keeps what it needs elsewhere.
//! - An unwinder that walks up from host code (a panic's, for its backtrace) ends in wasm code, in
//!   `host_function_entry`, in a stub or where code is entered: it does not follow the switch of
//!   stacks, whichever instruction it begins at.
//!
//! **Tested by** `tests/calls.rs` and `tests/traps.rs`; the last by `tests/unwinders.rs` of
//! `brolga`.

#[cfg(target_arch = "aarch64")]
#[cfg_attr(miri, allow(dead_code, reason = "`miri.rs` stands in for most of it"))]
mod aarch64;
#[cfg(miri)]
mod miri;
#[cfg(target_arch = "x86_64")]
#[cfg_attr(miri, allow(dead_code, reason = "`miri.rs` stands in for most of it"))]
mod x86_64;

use std::mem::MaybeUninit;

#[cfg(all(target_arch = "aarch64", not(miri)))]
pub(crate) use aarch64::{
    enter_registers, enter_registers_here, enter_slots, host_function_entry, host_out_of_stack,
    jump, kept_registers, plain_return_address,
};
#[cfg(miri)]
pub(crate) use host_stub::host_out_of_stack;
#[cfg(miri)]
pub(crate) use miri::{
    enter_registers, enter_registers_here, enter_slots, host_function_entry, jump, kept_registers,
    plain_return_address,
};
#[cfg(all(target_arch = "x86_64", not(miri)))]
pub(crate) use x86_64::{
    enter_registers, enter_registers_here, enter_slots, host_function_entry, host_out_of_stack,
    jump, kept_registers, plain_return_address,
};

/// What `host_stub!` refers to.
#[doc(hidden)]
pub mod host_stub {
    use std::mem::offset_of;

    use brolga_abi::{HostFunctionContext, StoreContext};

    #[cfg(target_arch = "aarch64")]
    pub use super::aarch64::host_out_of_stack;
    #[cfg(target_arch = "x86_64")]
    pub use super::x86_64::host_out_of_stack;

    pub const STORE: usize = offset_of!(HostFunctionContext, store);
    pub const EXIT_PC: usize = offset_of!(StoreContext, exit_pc);
    pub const EXIT_FP: usize = offset_of!(StoreContext, exit_fp);
    pub const STACK_LIMIT: usize = offset_of!(StoreContext, stack_limit);
    pub const TELLS_CALLS: usize = offset_of!(StoreContext, tells_calls);
    pub const RAISE_BYTES: u32 = StoreContext::RAISE_BYTES;
}

use brolga_abi::VmContext;

/// Where a call comes back to when it doesn't return: written on the way in.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Landing {
    /// The stack pointer.
    pub(crate) sp: usize,
    /// The instruction.
    pub(crate) pc: usize,
}

impl Landing {
    /// The frame pointer that a landing is come to with. Code that returns brings 0.
    pub(crate) const THROWN: usize = 1;
}

/// What goes into code however its arguments are passed.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    /// The wasm function's code.
    pub(crate) code: *const u8,
    /// Its context.
    pub(crate) callee: *mut VmContext,
    /// The caller's context.
    pub(crate) caller: *mut VmContext,
}

/// Arguments where wasm code expects them: the first integers and references in `ints`, the first
/// floats in `floats`, all others in `stack`, each in the order of the parameters, upper parts of
/// narrow ones undefined.
#[derive(Clone, Copy, Debug)]
pub struct RegisterArgs<'a> {
    /// Integers and references.
    pub ints: [MaybeUninit<u64>; RegisterArgs::INTS_MAX],
    /// Floats; an `f32` is in the low half of the bits.
    pub floats: [MaybeUninit<f64>; RegisterArgs::FLOATS_MAX],
    /// What does not fit, no more than [`RegisterArgs::STACK_MAX`]. Apart, so that the compiler can
    /// keep the rest in registers.
    pub stack: &'a [MaybeUninit<u64>],
}

impl RegisterArgs<'_> {
    /// How many integers and references travel in registers.
    pub const INTS_MAX: usize = 4;
    /// How many floats do.
    pub const FLOATS_MAX: usize = 8;
    /// How many more arguments there may be, so that 16 fit of whatever kind.
    pub const STACK_MAX: usize = 12;

    /// No arguments yet.
    #[inline(always)]
    pub const fn new() -> Self {
        Self {
            ints: [MaybeUninit::uninit(); Self::INTS_MAX],
            floats: [MaybeUninit::uninit(); Self::FLOATS_MAX],
            stack: &[],
        }
    }
}

impl Default for RegisterArgs<'_> {
    fn default() -> Self {
        Self::new()
    }
}

/// The registers that a single result comes back in; the other one is undefined.
#[derive(Clone, Copy, Debug)]
pub struct RegisterResult {
    /// An integer or reference, the upper half undefined if it has 32 bits.
    pub int: u64,
    /// A float; an `f32` is in the low half of the bits.
    pub float: f64,
}
