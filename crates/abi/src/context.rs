//! The contexts that generated code carries about: one a store, one an instance, one a host
//! function.
//!
//! ```text
//!  callee context (first parameter of every function)
//!  ┌───────────────┐        ┌──────────────────┐
//!  │ VmContext     │ store  │ StoreContext     │
//!  │  store ───────┼───────▶│  stack limit     │
//!  │  builtins ────┼──▶ fns │  exit fp, pc     │
//!  │  instance     │        │  activation, …   │
//!  │  … slots by   │        └──────────────────┘
//!  │  ContextLayout│
//!  └───────────────┘
//! ```
//!
//! **Invariants**
//! - `VmContext` and `HostFunctionContext` both begin with `store`.
//! - `exit_fp` and `exit_pc` are those of the youngest wasm frame whenever host code runs that
//!   wasm called: every way out of code (thunks to host functions and to builtins) stores them.

use core::ffi::c_void;
use core::sync::atomic::AtomicU64;

use brolga_module::{FuncType, ValType};

use crate::BuiltinTable;

/// The fixed head of an instance's context. [`ContextLayout`](crate::ContextLayout) says what
/// follows it.
#[derive(Debug)]
#[repr(C)]
pub struct VmContext {
    /// The store the instance lives in.
    pub store: *mut StoreContext,
    /// The builtins that code may call.
    pub builtins: *const BuiltinTable,
    /// The instance's position in its store.
    pub instance: u32,
    /// Keeps what follows aligned to 16 bytes.
    pub reserved: [u32; 3],
}

/// What generated code reads and writes of a store.
#[derive(Debug)]
#[repr(C)]
pub struct StoreContext {
    /// The lowest stack pointer with which a host function or builtin may still be called; with
    /// signal-free traps also the lowest a wasm function may be entered with.
    pub stack_limit: usize,
    /// Frame pointer of the wasm frame that called out last.
    pub exit_fp: usize,
    /// Where that frame goes on: an address in its code.
    pub exit_pc: usize,
    /// The runtime's record of the call that is under way; null outside calls.
    pub activation: *mut c_void,
    /// The runtime's store, for builtins and host functions.
    pub owner: *mut c_void,
    /// What code has used up of its fuel: it starts below zero and counts up, and from zero on
    /// code asks for more by `out_of_fuel`. Means something only if code consumes fuel.
    pub fuel_consumed: i64,
    /// The engine's epoch, which any thread may count up; at one address for the store's life.
    pub epoch: *const AtomicU64,
    /// The first epoch at which code asks by `new_epoch` whether to go on.
    pub epoch_deadline: u64,
    /// Whether somebody wants to be told of every call of a host function: not 0. Only such host
    /// functions look at it as are called without a thunk.
    pub tells_calls: u32,
}

impl StoreContext {
    /// The largest frame of a wasm function with signal-free traps, in bytes.
    ///
    /// Such a function compares the stack pointer with `stack_limit` when it has taken its frame:
    /// so much, and what thunks (`THUNK_BYTES_MAX`) and host code need, has to be usable below it.
    pub const FRAME_BYTES_MAX: u32 = 1 << 20;

    /// The largest frame of a thunk, in bytes.
    pub const THUNK_BYTES_MAX: u32 = 256 << 10;

    /// The stack that the host's code behind `raise_trap` may use, in bytes; less than the guard
    /// below a stack.
    ///
    /// It is called wherever wasm has come to, which with signals is anywhere above that guard. So
    /// code touches the end of so much stack before it calls: should that be in the guard, the
    /// fault is one of code, and a stack overflow, not one of the host's.
    pub const RAISE_BYTES: u32 = 32 << 10;
}

/// What stands behind a host function: the callee context of its thunks.
#[derive(Debug)]
#[repr(C)]
pub struct HostFunctionContext {
    /// The store the function belongs to.
    pub store: *mut StoreContext,
    /// The host code.
    pub call: HostCall,
    /// What that host code works on: the closure.
    pub data: *mut c_void,
}

impl HostFunctionContext {
    /// Whether arguments and result of a function of type `ty` are numbers that fit the registers of
    /// every supported target: then wasm may call its host code without a thunk of the image's.
    pub fn takes_registers(ty: &FuncType) -> bool {
        let (mut ints, mut floats) = (0, 0);
        for param in ty.params() {
            match param {
                ValType::I32 | ValType::I64 => ints += 1,
                ValType::F32 | ValType::F64 => floats += 1,
                ValType::V128 | ValType::Ref(_) => return false,
            }
        }
        let is_number = |ty: &ValType| !matches!(ty, ValType::V128 | ValType::Ref(_));
        ints <= Self::REGISTER_INTS_MAX
            && floats <= Self::REGISTER_FLOATS_MAX
            && ty.results().len() <= 1
            && ty.results().iter().all(is_number)
    }

    /// How many integers travel in registers, beside the two contexts.
    pub const REGISTER_INTS_MAX: usize = 4;
    /// How many floats travel in registers.
    pub const REGISTER_FLOATS_MAX: usize = 8;
}

/// Host code behind a host function: (this function's context, the calling instance's context,
/// argument slots).
///
/// Arguments come in the slots, results go out in them, from slot 0 on; a `v128` takes two slots,
/// lower half first, everything else one (32-bit values in the low half, its upper half ignored). It
/// either returns, with all results written, or leaves the wasm frames by the runtime's trap door;
/// it never unwinds.
pub type HostCall =
    extern "C" fn(callee: *mut HostFunctionContext, caller: *mut VmContext, slots: *mut u64);
