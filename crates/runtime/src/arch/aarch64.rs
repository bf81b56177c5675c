//! A file on which the sandbox stands; changes need a second reader.
//!
//! AArch64, AAPCS64. It does what `x86_64.rs` does, step by step.
//!
//! **Invariants**
//! - x29 and x19, which assembly may not declare changed, are saved on the host stack at
//!   `Landing.sp`; x19 holds the landing's address while code runs, and code preserves it.
//! - The landing begins with `bti jc`, so that it may be come to in images that are guarded, also
//!   from behind a call that faulted.
//! - x18 belongs to the platform and is left alone, here and in code.

use std::arch::{asm, naked_asm};
use std::mem::offset_of;

use brolga_abi::{HostFunctionContext, StoreContext, VmContext};

use super::{Landing, RegisterArgs, RegisterResult, Target};
use crate::leave::raise_stack_overflow;

/// The way in and back, `$stack` being what moves sp, which is in x10 too; `$operand` says where `code`
/// finds its arguments and leaves its results, and has `x1` out: whether it came back through the
/// landing.
macro_rules! enter {
    ($landing:expr, $code:expr, [$($stack:literal)*], $($operand:tt)*) => {
        asm!(
            // The stack is soon another, of which unwinders (a profiler's, at any instruction) are
            // told no more than that it ends here.
            ".cfi_remember_state",
            ".cfi_undefined x30",
            "stp x29, x19, [sp, #-16]!",
            "mov x19, x20",
            "adr x9, 3f",
            "mov x10, sp",
            "str x10, [x19, #{sp}]",
            "str x9, [x19, #{pc}]",
            $($stack,)*
            "mov x29, xzr",
            "blr x22",
            "ldr x10, [x19, #{sp}]",
            "mov sp, x10",
            // The landing: sp is Landing.sp, x29 Landing::THROWN. Code returns with x29 0.
            "3:",
            "hint #38",
            "mov x1, x29",
            "ldp x29, x19, [sp], #16",
            ".cfi_restore_state",
            sp = const offset_of!(Landing, sp),
            pc = const offset_of!(Landing, pc),
            inout("x20") $landing => _,
            inout("x22") $code => _,
            out("x25") _, out("x26") _, out("x27") _, out("x28") _,
            out("v8") _, out("v9") _, out("v10") _, out("v11") _,
            out("v12") _, out("v13") _, out("v14") _, out("v15") _,
            $($operand)*
            clobber_abi("C"),
        )
    };
}

/// Calls a host entry: `entry(callee, caller, code, slots)`. `top` is the stack to switch to, 0 to
/// stay. Says whether it returned; if not, it came back through `landing`.
///
/// # Safety
/// - `landing` is valid until this comes back, and known to whoever may take the trap door.
/// - `top` is 0, or the top of a stack that nobody uses, a multiple of 16.
/// - `entry` is code for `target`'s type, `slots` an array that is large enough for it.
#[inline(always)]
pub(crate) unsafe fn enter_slots(
    landing: *mut Landing,
    top: usize,
    entry: *const u8,
    target: Target,
    slots: *mut u64,
) -> bool {
    let thrown: usize;
    // SAFETY: the caller's promises; what code may change is declared, or saved on the stack.
    unsafe {
        enter!(
            landing,
            entry,
            ["cmp x21, #0" "csel x10, x10, x21, eq" "mov sp, x10"],
            inout("x0") target.callee => _,
            inout("x1") target.caller => thrown,
            inout("x2") target.code => _,
            inout("x3") slots => _,
            inout("x21") top => _,
            out("x23") _,
            out("x24") _,
        );
    }
    thrown == 0
}

/// Calls wasm code with its arguments in registers as far as they fit. `CallConv::Tail` leaves x0
/// and x1 out, for results too: contexts come in x2 and x3, integers from x4 on, and an integer
/// comes back in x2. `$stack` and the operands behind it see to the arguments that don't fit.
macro_rules! enter_registers {
    ($landing:ident, $target:ident, $args:ident, [$($stack:literal)*], $($operand:tt)*) => {{
        let (int, float, thrown): (u64, f64, usize);
        enter!(
            $landing,
            $target.code,
            [$($stack)*],
            inout("x2") $target.callee => int,
            inout("x3") $target.caller => _,
            inout("x4") $args.ints[0] => _,
            inout("x5") $args.ints[1] => _,
            inout("x6") $args.ints[2] => _,
            inout("x7") $args.ints[3] => _,
            out("x1") thrown,
            inout("v0") $args.floats[0] => float,
            inout("v1") $args.floats[1] => _,
            inout("v2") $args.floats[2] => _,
            inout("v3") $args.floats[3] => _,
            inout("v4") $args.floats[4] => _,
            inout("v5") $args.floats[5] => _,
            inout("v6") $args.floats[6] => _,
            inout("v7") $args.floats[7] => _,
            $($operand)*
        );
        (thrown == 0).then_some(RegisterResult { int, float })
    }};
}

/// Calls wasm code on another stack, on which `args.stack` is already: from `sp` on, where the
/// first comes. Otherwise as [`enter_slots`].
///
/// # Safety
/// - As for [`enter_slots`]; of the stack at `sp` nobody uses what is below.
/// - `target.code` takes these arguments and returns at most one value, no `v128`.
#[inline(always)]
pub(crate) unsafe fn enter_registers(
    landing: *mut Landing,
    sp: usize,
    target: Target,
    args: RegisterArgs<'_>,
) -> Option<RegisterResult> {
    // SAFETY: as in `enter_slots`. Code takes its arguments off the stack by itself.
    unsafe {
        enter_registers!(
            landing,
            target,
            args,
            ["mov sp, x21"],
            inout("x21") sp => _,
            out("x23") _,
            out("x24") _,
        )
    }
}

/// As [`enter_registers`], on the stack that this is called on.
///
/// # Safety
/// As for [`enter_registers`].
#[inline(always)]
pub(crate) unsafe fn enter_registers_here(
    landing: *mut Landing,
    target: Target,
    args: RegisterArgs<'_>,
) -> Option<RegisterResult> {
    // SAFETY: as in `enter_registers`; there are as many words as are copied.
    unsafe {
        enter_registers!(
            landing,
            target,
            args,
            [
                "add x9, x24, #1"
                "and x9, x9, #-2"
                "sub x10, x10, x9, lsl #3"
                "mov sp, x10"
                "cbz x24, 6f"
                "5:"
                "ldr x9, [x23], #8"
                "str x9, [x10], #8"
                "subs x24, x24, #1"
                "b.ne 5b"
                "6:"
            ],
            out("x21") _,
            inout("x23") args.stack.as_ptr() => _,
            inout("x24") args.stack.len() => _,
        )
    }
}

/// Called as a host entry, calls the host function whose context is `callee`.
///
/// # Safety
/// `callee` is a live host function's context, `slots` fits its type.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn host_function_entry(
    callee: *mut HostFunctionContext,
    caller: *mut VmContext,
    code: *const u8,
    slots: *mut u64,
) {
    naked_asm!(
        // Tells unwinders that nothing called this.
        ".cfi_startproc",
        ".cfi_undefined x30",
        "stp x29, x30, [sp, #-16]!",
        "mov x29, sp",
        // No wasm frame called out.
        "ldr x16, [x0, #{store}]",
        "str xzr, [x16, #{exit_pc}]",
        "mov x2, x3",
        "ldr x16, [x0, #{call}]",
        "blr x16",
        "ldp x29, x30, [sp], #16",
        "ret",
        ".cfi_endproc",
        store = const offset_of!(HostFunctionContext, store),
        exit_pc = const offset_of!(StoreContext, exit_pc),
        call = const offset_of!(HostFunctionContext, call),
    )
}

/// Where stubs of host functions go when there is too little stack left for the host: raises the
/// trap, as what was called with `callee`, its exit noted. x9 is the end of the stack that this
/// takes.
///
/// The first instruction touches that. Where it is in the guard, the fault is here, and the fault
/// handler makes it the trap: see `signal.rs`.
///
/// # Safety
/// A stub jumps here.
#[unsafe(naked)]
pub unsafe extern "C" fn host_out_of_stack(callee: *mut HostFunctionContext) -> ! {
    naked_asm!("ldrb wzr, [x9]", "b {raise}", raise = sym raise_stack_overflow)
}

/// The body of a naked function that gives the address of a stub inside it: code that wasm calls as a
/// function of its own, arguments in registers, and that has `$enter` do the work: an `extern "C"`
/// function of (function's context, caller's context, arguments…) -> result, of a type that
/// [`takes_registers`](brolga_abi::HostFunctionContext::takes_registers).
///
/// `CallConv::Tail` has integers two registers further on than the C convention, those that come back
/// too. So this moves all that there may be, notes the wasm frame that is left, sees that there is
/// the stack that the host was promised, and calls, with a frame of its own.
///
/// If somebody wants to be told of calls, `$told` does it instead.
///
/// Unwinders that come up from host code are told of no caller; a profiler may look at any
/// instruction.
#[doc(hidden)]
#[macro_export]
macro_rules! host_stub {
    ($enter:expr, $told:expr) => {
        ::core::arch::naked_asm!(
            ".cfi_startproc",
            "hint #34",
            "adr x0, 2f",
            "ret",
            // In as few cache lines as may be.
            ".p2align 6",
            "2:",
            ".cfi_undefined x30",
            "hint #34",
            "ldr x9, [x2, #{store}]",
            "str x30, [x9, #{exit_pc}]",
            "str x29, [x9, #{exit_fp}]",
            "ldr x10, [x9, #{stack_limit}]",
            "ldr w12, [x9, #{tells_calls}]",
            "mov x11, sp",
            "mov x0, x2",
            "mov x1, x3",
            "mov x2, x4",
            "mov x3, x5",
            "mov x4, x6",
            "mov x5, x7",
            "cmp x11, x10",
            "b.lo 3f",
            "stp x29, x30, [sp, #-16]!",
            "mov x29, sp",
            "cbnz w12, 4f",
            "bl {enter}",
            "mov x2, x0",
            "ldp x29, x30, [sp], #16",
            "ret",
            "3:",
            "mov x9, #{raise_bytes}",
            "sub x9, x11, x9",
            "b {out_of_stack}",
            "4:",
            "bl {told}",
            "mov x2, x0",
            "ldp x29, x30, [sp], #16",
            "ret",
            ".cfi_endproc",
            store = const $crate::host_stub::STORE,
            exit_pc = const $crate::host_stub::EXIT_PC,
            exit_fp = const $crate::host_stub::EXIT_FP,
            stack_limit = const $crate::host_stub::STACK_LIMIT,
            tells_calls = const $crate::host_stub::TELLS_CALLS,
            raise_bytes = const $crate::host_stub::RAISE_BYTES,
            out_of_stack = sym $crate::host_stub::host_out_of_stack,
            enter = sym $enter,
            told = sym $told,
        )
    };
}

/// Comes back from code at `landing`.
///
/// # Safety
/// The call that wrote `landing` is under way on this thread; the frames below it own nothing that
/// must be dropped.
pub(crate) unsafe fn jump(landing: Landing) -> ! {
    // SAFETY: the landing expects sp and x29 so, and nothing else; see `enter!`.
    unsafe {
        asm!(
            // Unwinders are told of no caller, as in `enter!`.
            ".cfi_remember_state",
            ".cfi_undefined x30",
            "mov sp, x1",
            "mov x29, #{thrown}",
            "br x2",
            ".cfi_restore_state",
            thrown = const Landing::THROWN,
            in("x1") landing.sp,
            in("x2") landing.pc,
            options(noreturn),
        )
    }
}

/// What is in the registers that functions keep for their callers.
#[inline(always)]
pub(crate) fn kept_registers() -> [u64; 11] {
    let mut registers = [0; 11];
    // SAFETY: writes the array.
    unsafe {
        asm!(
            "stp x19, x20, [{to}]",
            "stp x21, x22, [{to}, 16]",
            "stp x23, x24, [{to}, 32]",
            "stp x25, x26, [{to}, 48]",
            "stp x27, x28, [{to}, 64]",
            "str x29, [{to}, 80]",
            to = in(reg) registers.as_mut_ptr(),
            options(nostack, preserves_flags),
        );
    }
    registers
}

/// `address` without the signature that pointer authentication may have put into its upper bits.
#[inline(always)]
pub(crate) fn plain_return_address(address: usize) -> usize {
    let plain: usize;
    // SAFETY: `xpaclri` in the hint space: works on x30 alone, does nothing on older processors.
    unsafe {
        asm!("hint #7", inout("x30") address => plain, options(nomem, nostack, preserves_flags));
    }
    plain
}
