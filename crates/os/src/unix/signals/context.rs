//! A file on which the sandbox stands; changes need a second reader.
//!
//! The registers of interrupted code, as the kernel saved them and will load them again. The one
//! file that knows them by name.
//!
//! **Invariants**
//! - Only the fields named here are touched, through raw pointers: the kernel's structure is
//!   smaller than the C library's type for it, so no reference to the whole may exist.

use std::ptr::NonNull;

/// The registers that a landing needs.
#[derive(Clone, Copy)]
pub(super) enum Register {
    ProgramCounter,
    StackPointer,
    FramePointer,
    /// Where a function's first integer result is returned.
    Result,
}

/// The registers saved for the return from a signal.
#[derive(Debug)]
pub(super) struct Registers(NonNull<libc::ucontext_t>);

impl Registers {
    /// # Safety
    /// `context` is the third argument of a signal handler that hasn't returned, and nothing else
    /// reads or writes the registers while this value is used.
    pub(super) unsafe fn new(context: *mut libc::ucontext_t) -> Self {
        // SAFETY: the kernel passes a pointer into its frame on the stack.
        Self(unsafe { NonNull::new_unchecked(context) })
    }

    pub(super) fn get(&self, register: Register) -> usize {
        // SAFETY: `slot` points at a saved register that is ours by the promise made to `new`.
        unsafe { self.slot(register).read() }
    }

    pub(super) fn set(&mut self, register: Register, value: usize) {
        // SAFETY: as in `get`.
        unsafe { self.slot(register).write(value) };
    }

    #[cfg(target_arch = "x86_64")]
    fn slot(&self, register: Register) -> *mut usize {
        let index = match register {
            Register::ProgramCounter => libc::REG_RIP,
            Register::StackPointer => libc::REG_RSP,
            Register::FramePointer => libc::REG_RBP,
            Register::Result => libc::REG_RAX,
        };
        // SAFETY: stays within the kernel's frame, by the promise made to `new`.
        unsafe { (&raw mut (*self.0.as_ptr()).uc_mcontext.gregs[index as usize]).cast() }
    }

    #[cfg(target_arch = "aarch64")]
    fn slot(&self, register: Register) -> *mut usize {
        let context = self.0.as_ptr();
        // SAFETY: stays within the kernel's frame, by the promise made to `new`.
        unsafe {
            match register {
                Register::ProgramCounter => (&raw mut (*context).uc_mcontext.pc).cast(),
                Register::StackPointer => (&raw mut (*context).uc_mcontext.sp).cast(),
                Register::FramePointer => (&raw mut (*context).uc_mcontext.regs[29]).cast(),
                Register::Result => (&raw mut (*context).uc_mcontext.regs[0]).cast(),
            }
        }
    }

    /// x86_64 keeps no note of the last branch.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn forget_branch(&mut self) {}

    /// Clears the note that an indirect branch led here (`PSTATE.BTYPE`): a fault at the target
    /// of one would have the landing be taken for its target, which must begin with `bti`.
    #[cfg(target_arch = "aarch64")]
    pub(super) fn forget_branch(&mut self) {
        const BTYPE: u64 = 0b11 << 10;
        // SAFETY: a saved register that is ours by the promise made to `new`.
        unsafe { (*self.0.as_ptr()).uc_mcontext.pstate &= !BTYPE };
    }
}
