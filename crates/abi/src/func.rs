//! Functions as code and host pass them about: [`FuncRef`] and the type id checked on every
//! indirect call.
//!
//! **Invariants**
//! - A `FuncRef` does not move while its store lives, so its address is the function's identity.
//! - `wasm_code` of a `FuncRef` that code can reach is never null, but for the slots of
//!   [`ContextLayout::func_ref`](crate::ContextLayout::func_ref), which are filled on first use.

use crate::VmContext;

/// The typeId: the identity of a function type over the whole engine.
///
/// Two functions of one engine have the same type exactly when their ids are equal. Given out and
/// counted by the runtime's type registry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(transparent)]
pub struct FunctionTypeId(pub u32);

impl FunctionTypeId {
    /// The id that a null element carries: no type has it, so the comparison of types is also the
    /// null check.
    pub const NULL: FunctionTypeId = FunctionTypeId(u32::MAX);
}

/// A function that can be called from anywhere: what a `funcref` points to.
#[derive(Debug)]
#[repr(C)]
pub struct FuncRef {
    /// Entry for callers in wasm: `CallConv::Tail`, (callee context, caller context, params…).
    pub wasm_code: *const u8,
    /// Entry for the host: host convention, (callee context, caller context, wasm code, slots).
    /// Null for a host function, which the host calls without passing through code.
    pub host_entry: *const u8,
    /// The callee's context: a [`VmContext`], or a [`HostFunctionContext`](crate::HostFunctionContext)
    /// behind the same pointer type.
    pub vmctx: *mut VmContext,
    /// The function's type.
    pub type_id: FunctionTypeId,
    /// The function's index in its module; `u32::MAX` for a host function.
    pub func_index: u32,
}

/// An imported function as an instance holds it: the parts that a call needs, copied out of the
/// [`FuncRef`] to save a load.
#[derive(Debug)]
#[repr(C)]
pub struct ImportedFunction {
    /// `FuncRef::wasm_code`
    pub wasm_code: *const u8,
    /// `FuncRef::vmctx`
    pub vmctx: *mut VmContext,
    /// The `FuncRef` itself, for `ref.func`.
    pub func_ref: *const FuncRef,
}
