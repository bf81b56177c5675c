//! A file on which the sandbox stands; changes need a second reader.
//!
//! x86-64, System V.
//!
//! ```text
//!  host stack          call stack (or the same one)
//!  │ …        │        │ top          │ ◀ rsp before `call`, multiple of 16
//!  │ rbp … r15│ ◀──┐   │ return here  │
//!  └──────────┘  Landing.sp           │ rbp = 0 …
//! ```
//!
//! **Invariants**
//! - What the C ABI preserves is saved on the host stack at `Landing.sp`, and taken from there at
//!   the landing. When code returns, it has itself preserved all but rbx and rbp, which were changed
//!   here: rbx holds `Landing.sp` while code runs.
//! - rsp is a multiple of 16 before the assembly (Rust's promise for blocks without `nostack`), so
//!   also after six pushes.

use std::arch::{asm, naked_asm};
use std::mem::offset_of;

use brolga_abi::{HostFunctionContext, StoreContext, VmContext};

use super::{Landing, RegisterArgs, RegisterResult, Target};
use crate::leave::raise_stack_overflow;

/// The way in and back, `$stack` being what moves rsp; `$operand` says where `code` finds its
/// arguments and leaves its results, and has `rcx` out: whether it came back through the landing.
macro_rules! enter {
    ($landing:expr, $code:expr => $rax:tt, [$($stack:literal)*], $($operand:tt)*) => {
        asm!(
            // The stack is soon another, of which unwinders (a profiler's, at any instruction) are
            // told no more than that it ends here.
            ".cfi_remember_state",
            ".cfi_undefined rip",
            "push rbp",
            "push rbx",
            "push r12",
            "push r13",
            "push r14",
            "push r15",
            "lea rbx, [rip + 3f]",
            "mov [r10 + {pc}], rbx",
            "mov rbx, rsp",
            "mov [r10 + {sp}], rbx",
            $($stack,)*
            "xor ebp, ebp",
            "call rax",
            "lea rsp, [rbx + 32]",
            // Code returns with rbp 0.
            "2:",
            "mov ecx, ebp",
            "pop rbx",
            "pop rbp",
            ".cfi_restore_state",
            // The landing, out of the way: rsp is Landing.sp, rbp Landing::THROWN.
            ".subsection 1",
            "3:",
            "pop r15",
            "pop r14",
            "pop r13",
            "pop r12",
            "jmp 2b",
            ".subsection 0",
            sp = const offset_of!(Landing, sp),
            pc = const offset_of!(Landing, pc),
            inout("r10") $landing => _,
            inout("rax") $code => $rax,
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
            entry => _,
            ["test r11, r11" "cmovnz rsp, r11"],
            inout("r11") top => _,
            inout("rdi") target.callee => _,
            inout("rsi") target.caller => _,
            inout("rdx") target.code => _,
            inout("rcx") slots => thrown,
        );
    }
    thrown == 0
}

/// Calls wasm code with its arguments in registers as far as they fit: `code(callee, caller, ints…,
/// floats…)`. `$stack` and the operands behind it see to those that don't.
macro_rules! enter_registers {
    ($landing:ident, $target:ident, $args:ident, [$($stack:literal)*], $($operand:tt)*) => {{
        let (int, float, thrown): (u64, f64, usize);
        enter!(
            $landing,
            $target.code => int,
            [$($stack)*],
            inout("rdi") $target.callee => _,
            inout("rsi") $target.caller => _,
            inout("rdx") $args.ints[0] => _,
            inout("rcx") $args.ints[1] => thrown,
            inout("r8") $args.ints[2] => _,
            inout("r9") $args.ints[3] => _,
            inout("xmm0") $args.floats[0] => float,
            inout("xmm1") $args.floats[1] => _,
            inout("xmm2") $args.floats[2] => _,
            inout("xmm3") $args.floats[3] => _,
            inout("xmm4") $args.floats[4] => _,
            inout("xmm5") $args.floats[5] => _,
            inout("xmm6") $args.floats[6] => _,
            inout("xmm7") $args.floats[7] => _,
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
            ["mov rsp, r11"],
            inout("r11") sp => _,
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
                "lea r11, [r13 * 8 + 8]"
                "and r11, -16"
                "sub rsp, r11"
                "test r13, r13"
                "jz 6f"
                "5:"
                "mov r11, [r12 + r13 * 8 - 8]"
                "mov [rsp + r13 * 8 - 8], r11"
                "dec r13"
                "jnz 5b"
                "6:"
            ],
            out("r11") _,
            inout("r12") args.stack.as_ptr() => _,
            inout("r13") args.stack.len() => _,
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
        ".cfi_undefined rip",
        "push rbp",
        "mov rbp, rsp",
        // No wasm frame called out.
        "mov rax, [rdi + {store}]",
        "mov qword ptr [rax + {exit_pc}], 0",
        "mov rdx, rcx",
        "call [rdi + {call}]",
        "pop rbp",
        "ret",
        ".cfi_endproc",
        store = const offset_of!(HostFunctionContext, store),
        exit_pc = const offset_of!(StoreContext, exit_pc),
        call = const offset_of!(HostFunctionContext, call),
    )
}

/// Where stubs of host functions go when there is too little stack left for the host: raises the
/// trap, as what was called with `callee`, its exit noted.
///
/// The first instruction touches the end of the stack that this takes. Where that is in the guard,
/// the fault is here, and the fault handler makes it the trap: see `signal.rs`.
///
/// # Safety
/// A stub jumps here, with everything as wasm has left it.
#[unsafe(naked)]
pub unsafe extern "C" fn host_out_of_stack(callee: *mut HostFunctionContext) -> ! {
    naked_asm!(
        "cmp byte ptr [rsp - {raise_bytes}], 0",
        "jmp {raise}",
        raise_bytes = const StoreContext::RAISE_BYTES,
        raise = sym raise_stack_overflow,
    )
}

/// The body of a naked function that gives the address of a stub inside it: code that wasm calls as a
/// function of its own, arguments in registers,
/// and that has `$enter` do the work: an `extern "C"` function of (function's context, caller's
/// context, arguments…) -> result, of a type that
/// [`takes_registers`](brolga_abi::HostFunctionContext::takes_registers).
///
/// `CallConv::Tail` has such arguments and results where the C convention has them, so this is a
/// jump between two functions. It notes the wasm frame that is left, and sees that there is the
/// stack that the host was promised.
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
            "lea rax, [rip + 2f]",
            "ret",
            // In one cache line.
            ".p2align 6",
            "2:",
            ".cfi_undefined rip",
            "mov r10, [rsp]",
            "mov rax, [rdi + {store}]",
            "mov [rax + {exit_pc}], r10",
            "mov [rax + {exit_fp}], rbp",
            "cmp rsp, [rax + {stack_limit}]",
            "jb {out_of_stack}",
            "cmp dword ptr [rax + {tells_calls}], 0",
            "jne {told}",
            "jmp {enter}",
            ".cfi_endproc",
            store = const $crate::host_stub::STORE,
            exit_pc = const $crate::host_stub::EXIT_PC,
            exit_fp = const $crate::host_stub::EXIT_FP,
            stack_limit = const $crate::host_stub::STACK_LIMIT,
            tells_calls = const $crate::host_stub::TELLS_CALLS,
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
    // SAFETY: the landing expects rsp and rbp so, and nothing else; see `enter!`.
    unsafe {
        asm!(
            // Unwinders are told of no caller, as in `enter!`.
            ".cfi_remember_state",
            ".cfi_undefined rip",
            "mov rsp, rcx",
            "mov ebp, {thrown}",
            "jmp rdx",
            ".cfi_restore_state",
            thrown = const Landing::THROWN,
            in("rcx") landing.sp,
            in("rdx") landing.pc,
            options(noreturn),
        )
    }
}

/// What is in the registers that functions keep for their callers.
#[inline(always)]
pub(crate) fn kept_registers() -> [u64; 6] {
    let mut registers = [0; 6];
    // SAFETY: writes the array.
    unsafe {
        asm!(
            "mov [{to}], rbx",
            "mov [{to} + 8], rbp",
            "mov [{to} + 16], r12",
            "mov [{to} + 24], r13",
            "mov [{to} + 32], r14",
            "mov [{to} + 40], r15",
            to = in(reg) registers.as_mut_ptr(),
            options(nostack, preserves_flags),
        );
    }
    registers
}

/// Return addresses are not signed here.
#[inline(always)]
pub(crate) fn plain_return_address(address: usize) -> usize {
    address
}
