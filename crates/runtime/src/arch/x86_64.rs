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
//!   `Landing.sp`; rbx holds the landing's address while code runs, and code preserves it.
//! - rsp is a multiple of 16 before the assembly (Rust's promise for blocks without `nostack`), so
//!   also after two pushes.

use std::arch::{asm, naked_asm};
use std::mem::offset_of;

use brolga_abi::{HostFunctionContext, StoreContext, VmContext};

use super::{Landing, RegisterArgs, RegisterResult, Target};

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
            "push rbp",
            "push rbx",
            "mov rbx, r12",
            "lea rax, [rip + 3f]",
            "mov [rbx + {sp}], rsp",
            "mov [rbx + {pc}], rax",
            "mov rax, rsp",
            "test r13, r13",
            "cmovnz rax, r13",
            "mov rsp, rax",
            "xor ebp, ebp",
            "call r14",
            "mov rsp, [rbx + {sp}]",
            "xor eax, eax",
            // The landing: rsp is Landing.sp, rax is 1.
            "3:",
            "pop rbx",
            "pop rbp",
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

/// Calls wasm code with arguments in registers: `code(callee, caller, ints…, floats…)`. Otherwise
/// as [`enter_slots`].
///
/// # Safety
/// - As for [`enter_slots`].
/// - `target.code` takes no more than these arguments and returns at most one value, no `v128`.
#[inline(always)]
pub(crate) unsafe fn enter_registers(
    landing: *mut Landing,
    top: usize,
    target: Target,
    args: RegisterArgs,
) -> Option<RegisterResult> {
    let RegisterArgs { ints, floats } = args;
    let (int, float, thrown): (u64, f64, usize);
    // SAFETY: as in `enter_slots`.
    unsafe {
        asm!(
            "push rbp",
            "push rbx",
            "mov rbx, r12",
            "lea rax, [rip + 3f]",
            "mov [rbx + {sp}], rsp",
            "mov [rbx + {pc}], rax",
            "mov rax, rsp",
            "test r13, r13",
            "cmovnz rax, r13",
            "mov rsp, rax",
            "xor ebp, ebp",
            "call r14",
            "mov rsp, [rbx + {sp}]",
            "xor ecx, ecx",
            "jmp 4f",
            // The landing: rsp is Landing.sp.
            "3:",
            "mov ecx, 1",
            "4:",
            "pop rbx",
            "pop rbp",
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
            clobber_abi("C"),
        );
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
