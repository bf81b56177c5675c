//! A file on which the sandbox stands; changes need a second reader.
//!
//! x86-64, System V.
//!
//! ```text
//!  host stack          call stack (or the same one)
//!  │ …        │        │ top          │ ◀ rsp before `call`, multiple of 16
//!  │ rbp, rbx │ ◀──┐   │ return here  │
//!  └──────────┘  Landing.sp           │ rbp = 0 …
//! ```
//!
//! **Invariants**
//! - rbx and rbp, which assembly may not declare changed, are saved on the host stack at
//!   `Landing.sp`; rbx holds that address too while code runs, and code preserves it.
//! - rsp is a multiple of 16 before the assembly (Rust's promise for blocks without `nostack`), so
//!   also after two pushes.

use std::arch::{asm, naked_asm};
use std::mem::offset_of;

use brolga_abi::{HostFunctionContext, StoreContext, VmContext};

use super::{Landing, RegisterArgs, RegisterResult, Target};
use crate::leave::raise_stack_overflow;

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
        asm!(
            // The stack is soon another, of which unwinders (a profiler's, at any instruction) are
            // told no more than that it ends here.
            ".cfi_remember_state",
            ".cfi_undefined rip",
            "push rbp",
            "push rbx",
            "mov rbx, rsp",
            "lea rax, [rip + 3f]",
            "mov [r12 + {sp}], rbx",
            "mov [r12 + {pc}], rax",
            "test r13, r13",
            "cmovz r13, rbx",
            "mov rsp, r13",
            "xor ebp, ebp",
            "call r14",
            "mov rsp, rbx",
            "xor eax, eax",
            // The landing: rsp is Landing.sp, rax is 1.
            "3:",
            "pop rbx",
            "pop rbp",
            ".cfi_restore_state",
            sp = const offset_of!(Landing, sp),
            pc = const offset_of!(Landing, pc),
            inout("r12") landing => _,
            inout("r13") top => _,
            inout("r14") entry => _,
            out("r15") _,
            inout("rdi") target.callee => _,
            inout("rsi") target.caller => _,
            inout("rdx") target.code => _,
            inout("rcx") slots => _,
            lateout("rax") thrown,
            clobber_abi("C"),
        );
    }
    thrown == 0
}

/// Calls wasm code with arguments where it expects them: `code(callee, caller, ints…, floats…)` in
/// registers, others on the stack. Otherwise as [`enter_slots`].
///
/// # Safety
/// - As for [`enter_slots`].
/// - `target.code` takes these arguments and returns at most one value, no `v128`.
#[inline(always)]
pub(crate) unsafe fn enter_registers(
    landing: *mut Landing,
    top: usize,
    target: Target,
    args: RegisterArgs<'_>,
) -> Option<RegisterResult> {
    let RegisterArgs { ints, floats, stack } = args;
    let (int, float, thrown): (u64, f64, usize);
    macro_rules! enter {
        ([$($push:literal)*] [$($operand:tt)*]) => {
            asm!(
                ".cfi_remember_state",
                ".cfi_undefined rip",
                "push rbp",
                "push rbx",
                "mov rbx, rsp",
                "lea rax, [rip + 3f]",
                "mov [r12 + {sp}], rbx",
                "mov [r12 + {pc}], rax",
                "test r13, r13",
                "cmovz r13, rbx",
                "mov rsp, r13",
                $($push,)*
                "xor ebp, ebp",
                "call r14",
                "mov rsp, rbx",
                "xor ecx, ecx",
                "jmp 4f",
                // The landing: rsp is Landing.sp.
                "3:",
                "mov ecx, 1",
                "4:",
                "pop rbx",
                "pop rbp",
                ".cfi_restore_state",
                sp = const offset_of!(Landing, sp),
                pc = const offset_of!(Landing, pc),
                inout("r12") landing => _,
                inout("r13") top => _,
                inout("r14") target.code => _,
                out("r15") _,
                inout("rdi") target.callee => _,
                inout("rsi") target.caller => _,
                inout("rdx") ints[0] => _,
                inout("rcx") ints[1] => thrown,
                inout("r8") ints[2] => _,
                inout("r9") ints[3] => _,
                out("rax") int,
                inout("xmm0") floats[0] => float,
                inout("xmm1") floats[1] => _,
                inout("xmm2") floats[2] => _,
                inout("xmm3") floats[3] => _,
                inout("xmm4") floats[4] => _,
                inout("xmm5") floats[5] => _,
                inout("xmm6") floats[6] => _,
                inout("xmm7") floats[7] => _,
                $($operand)*
                clobber_abi("C"),
            )
        };
    }
    if stack.is_empty() {
        // SAFETY: as in `enter_slots`.
        unsafe { enter!([] []) }
    } else {
        // Code takes these arguments off the stack by itself.
        // SAFETY: as in `enter_slots`; there are as many words as are copied.
        unsafe {
            enter!(
                [
                    "lea rax, [r11 * 8 + 8]"
                    "and rax, -16"
                    "sub rsp, rax"
                    "5:"
                    "mov rax, [r10 + r11 * 8 - 8]"
                    "mov [rsp + r11 * 8 - 8], rax"
                    "dec r11"
                    "jnz 5b"
                ] [
                    inout("r10") stack.as_ptr() => _,
                    inout("r11") stack.len() => _,
                ]
            )
        }
    }
    (thrown == 0).then_some(RegisterResult { int, float })
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

/// The body of a naked function that wasm calls as a function of its own, arguments in registers,
/// and that has `$enter` do the work: an `extern "C"` function of (function's context, caller's
/// context, arguments…) -> result, of a type that
/// [`takes_registers`](brolga_abi::HostFunctionContext::takes_registers).
///
/// `CallConv::Tail` has such arguments and results where the C convention has them, so this is a
/// jump between two functions. It notes the wasm frame that is left, and sees that there is the
/// stack that the host was promised.
///
/// Host code's caller is then wasm, where unwinders end. If the host function is called in the
/// place of the outermost wasm function, by a tail call, its caller would be the assembly that
/// enters code: hence the other way, with a frame. Unwinders are told of no caller in either, as a
/// profiler may look at any instruction.
#[doc(hidden)]
#[macro_export]
macro_rules! host_stub {
    ($enter:expr) => {
        ::core::arch::naked_asm!(
            ".cfi_startproc",
            ".cfi_undefined rip",
            "mov r10, [rsp]",
            "mov rax, [rdi + {store}]",
            "mov [rax + {exit_pc}], r10",
            "mov [rax + {exit_fp}], rbp",
            "cmp rsp, [rax + {stack_limit}]",
            "jb {out_of_stack}",
            "test rbp, rbp",
            "jz 2f",
            "jmp {enter}",
            "2:",
            "push rbp",
            "mov rbp, rsp",
            "call {enter}",
            "pop rbp",
            "ret",
            ".cfi_endproc",
            store = const $crate::host_stub::STORE,
            exit_pc = const $crate::host_stub::EXIT_PC,
            exit_fp = const $crate::host_stub::EXIT_FP,
            stack_limit = const $crate::host_stub::STACK_LIMIT,
            out_of_stack = sym $crate::host_stub::host_out_of_stack,
            enter = sym $enter,
        )
    };
}

/// Comes back from code at `landing`.
///
/// # Safety
/// The call that wrote `landing` is under way on this thread; the frames below it own nothing that
/// must be dropped.
pub(crate) unsafe fn jump(landing: Landing) -> ! {
    // SAFETY: the landing expects rsp and rax so, and nothing else; see `enter_slots`.
    unsafe {
        asm!(
            "mov rsp, rcx",
            "mov eax, 1",
            "jmp rdx",
            in("rcx") landing.sp,
            in("rdx") landing.pc,
            options(noreturn),
        )
    }
}

/// Return addresses are not signed here.
#[inline(always)]
pub(crate) fn plain_return_address(address: usize) -> usize {
    address
}
