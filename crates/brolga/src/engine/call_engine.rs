//! The call engine: one function of one store, ready to be called. This file is a room for
//! `unsafe`, and one on which the sandbox stands: changes need a second reader.
//!
//! ```text
//!  CallEngine::call, TypedFunc::call, Func::call ─▶ enter ─▶ runtime::call ─▶ code
//! ```
//! Every call of the host's goes through [`enter`] or [`enter_in_registers`]: they see to it that
//! the function belongs to the store, and that what is called is still there.
//!
//! **Trusts** its callers for slots that fit the function's type, references in them being the
//! store's own.
//! **Promises** that the store is not borrowed by anyone on the way while code runs.
//! **Tested by** `tests/seam.rs`, `tests/calls.rs`.

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use brolga_abi::FuncRef;
use brolga_module::FuncType;
use brolga_runtime::{
    Failure, FuncId, HandleError, RegisterArgs, RegisterResult, Store as RuntimeStore, StoreStack,
    TrapRecord,
};

use super::reference;
use crate::store::StoreCell;
use crate::{AsContextMut, Error, Result, StoreContextMut, Trap, WasmBacktrace};

/// A function of one store, ready to be called with bare numbers.
///
/// Parameters and results are 64-bit slots: numbers as their bits (32-bit ones in the low half), a
/// `v128` as two slots, lower half first, references as the numbers that
/// [`ModuleEngine::function_instance_reference`](super::ModuleEngine::function_instance_reference)
/// gives, 0 being null.
///
/// It can be called any number of times, also from host functions that it called. Calls run on
/// their store's call stack, not on the thread's, so how deep wasm may go does not depend on where
/// it is called from.
///
/// ```
/// # use brolga::*;
/// # fn main() -> Result<()> {
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"(module
///     (func (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))"#)?;
/// let mut store = Store::new(&engine, ());
/// let instance = engine.new_module_engine(&mut store, "adder", &module, &[])?;
///
/// let mut add = instance.new_call_engine(&mut store, FuncIndex(0))?;
/// assert_eq!(add.call(&mut store, &[2, 3])?, [5]);
///
/// // Without allocating: parameters in, results out, in the same slots.
/// let mut slots = [40, 2];
/// add.call_into(&mut store, &mut slots)?;
/// assert_eq!(slots[0], 42);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct CallEngine {
    callee: Callee,
    ty: FuncType,
    /// Whether a parameter is a reference, to be looked at before wasm gets it.
    takes_references: bool,
}

/// A call with the wrong number of slots.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("expected {expected} slots of {what}, found {found}")]
pub struct SlotCountError {
    what: &'static str,
    expected: usize,
    found: usize,
}

impl CallEngine {
    /// What calls function `func` of `store`.
    pub(super) fn new(store: &mut RuntimeStore, func: FuncId) -> Result<CallEngine> {
        let callee = Callee::new(store, func)?;
        let ty = store.func_type(func)?.clone();
        let is_reference = |ty: &brolga_module::ValType| matches!(ty, brolga_module::ValType::Ref(_));
        let takes_references = ty.params().iter().any(is_reference);
        Ok(CallEngine { callee, ty, takes_references })
    }

    /// How many slots the parameters take.
    pub fn param_slots(&self) -> usize {
        self.ty.param_slots()
    }

    /// How many slots the results take.
    pub fn result_slots(&self) -> usize {
        self.ty.result_slots()
    }

    /// Calls the function; gives its results.
    ///
    /// # Errors
    /// A [`Trap`] with the frames it came through; an error of a host function; or, before
    /// anything ran, a number of slots or a reference that is not right, or another store.
    pub fn call(&mut self, store: impl AsContextMut, params: &[u64]) -> Result<Vec<u64>> {
        check_count("parameters", self.param_slots(), params.len())?;
        let mut slots = vec![0; self.param_slots().max(self.result_slots())];
        slots[..params.len()].copy_from_slice(params);
        self.call_into(store, &mut slots)?;
        slots.truncate(self.result_slots());
        Ok(slots)
    }

    /// Calls the function with the parameters in `slots`, from 0 on; results come back in them,
    /// from 0 on. Allocates nothing.
    ///
    /// # Errors
    /// As [`CallEngine::call`]; there must be as many slots as parameters or results take,
    /// whichever is more. After an error the slots hold anything.
    pub fn call_into(&mut self, mut store: impl AsContextMut, slots: &mut [u64]) -> Result<()> {
        check_count(
            "parameters and results",
            self.param_slots().max(self.result_slots()),
            slots.len(),
        )?;
        let mut store = store.as_context_mut();
        if self.takes_references {
            self.check_references(&store.cell().runtime, slots)?;
        }
        // SAFETY: the slots fit the type, as was just checked; references too.
        unsafe { enter(&mut store, &self.callee, slots.as_mut_ptr()) }
    }

    #[cold]
    fn check_references(&self, store: &RuntimeStore, slots: &[u64]) -> Result<()> {
        self.callee.check_store(store)?;
        let mut at = 0;
        for ty in self.ty.params() {
            reference::check(store, *ty, slots[at])?;
            at += ty.slots();
        }
        Ok(())
    }
}

fn check_count(what: &'static str, expected: usize, found: usize) -> Result<()> {
    match expected == found {
        true => Ok(()),
        false => Err(SlotCountError { what, expected, found }.into()),
    }
}

/// A function of a store, and where it is to be entered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Callee {
    id: FuncId,
    func_ref: NonNull<FuncRef>,
    /// Until when `func_ref` is good.
    epoch: u64,
    /// Whether it is wasm's, not the host's.
    is_wasm: bool,
}

// SAFETY: followed only by `enter` and its sibling, by whoever has the store it belongs to, and
// only as long as the store says that it is good.
unsafe impl Send for Callee {}
// SAFETY: as above.
unsafe impl Sync for Callee {}

impl Callee {
    /// # Errors
    /// If the function belongs to another store or to an instance that has been closed.
    pub(crate) fn new(store: &mut RuntimeStore, id: FuncId) -> Result<Callee> {
        let func_ref = store.func_ref(id)?;
        // SAFETY: good, as it was just given; nobody changes it while the store is borrowed.
        let is_wasm = unsafe { !func_ref.as_ref().host_entry.is_null() };
        Ok(Callee { id, func_ref, epoch: store.close_epoch(), is_wasm })
    }

    pub(crate) fn id(&self) -> FuncId {
        self.id
    }

    fn check_store(&self, store: &RuntimeStore) -> Result<(), HandleError> {
        match self.id.store() == store.id() {
            true => Ok(()),
            false => Err(HandleError::OtherStore { kind: "function" }),
        }
    }

    /// Where to enter it now.
    #[inline(always)]
    fn resolve(&self, store: &mut RuntimeStore) -> Result<NonNull<FuncRef>> {
        if self.id.store() == store.id() && self.epoch == store.close_epoch() {
            return Ok(self.func_ref);
        }
        self.resolve_again(store)
    }

    #[cold]
    fn resolve_again(&self, store: &mut RuntimeStore) -> Result<NonNull<FuncRef>> {
        self.check_store(store)?;
        Ok(store.func_ref(self.id)?)
    }
}

/// Calls a function with its arguments in slots; results come back in them.
///
/// # Errors
/// What the call ended with; or, before anything ran, a handle that is no good.
///
/// # Safety
/// - `slots` has room for the function's parameters and for its results, and holds arguments of
///   the parameters' types that are `store`'s own where they are references.
pub(crate) unsafe fn enter<T>(
    store: &mut StoreContextMut<'_, T>,
    callee: &Callee,
    slots: *mut u64,
) -> Result<()> {
    let func_ref = callee.resolve(&mut store.cell_mut().runtime)?;
    let (stack, context) = entrance(store.cell_mut());
    // SAFETY: stack and context are this store's, and `func_ref` is a function of it, kept by its
    // instance. Nothing of the store is borrowed but through `store`, which waits. The slots are
    // the caller's promise.
    let called = unsafe {
        brolga_runtime::call(&*stack, context, func_ref, core::ptr::null_mut(), slots)
    };
    after(store, called)
}

/// Calls a wasm function with its arguments in registers.
///
/// # Errors
/// As [`enter`]; `None` if the function is the host's, which has no such entry.
///
/// # Safety
/// - The function's type is such as [`brolga_runtime::call_in_registers`] takes, and `args` holds
///   arguments of its parameters' types, `store`'s own where they are references.
#[inline(always)]
pub(crate) unsafe fn enter_in_registers<T>(
    store: &mut StoreContextMut<'_, T>,
    callee: &Callee,
    args: RegisterArgs,
) -> Result<Option<RegisterResult>> {
    if !callee.is_wasm {
        return Ok(None);
    }
    let func_ref = callee.resolve(&mut store.cell_mut().runtime)?;
    let (stack, context) = entrance(store.cell_mut());
    // SAFETY: as in `enter`.
    let called = unsafe {
        brolga_runtime::call_in_registers(&*stack, context, func_ref, core::ptr::null_mut(), args)
    };
    after(store, called).map(Some)
}

/// What entering needs of a store, as pointers: code runs, and host functions use the store, while
/// they are in use.
#[inline(always)]
fn entrance<T>(
    cell: &mut StoreCell<T>,
) -> (*const StoreStack, NonNull<brolga_abi::StoreContext>) {
    (cell.stack.as_ptr(), cell.runtime.context())
}

/// What is left to do when a call has ended.
#[inline(always)]
fn after<T, R>(
    store: &mut StoreContextMut<'_, T>,
    called: Result<R, Box<TrapRecord>>,
) -> Result<R> {
    let runtime = &mut store.cell_mut().runtime;
    if runtime.has_closed_pending() {
        runtime.settle();
    }
    match called {
        Ok(result) => Ok(result),
        Err(record) => Err(call_error(&store.cell().engine, *record)),
    }
}

/// The error for what a call ended with.
#[cold]
pub(crate) fn call_error(engine: &crate::Engine, record: TrapRecord) -> Error {
    let error = match record.failure {
        Failure::Trap { code, .. } => match Trap::from_code(code) {
            Some(trap) => Error::from(trap),
            None => Error::msg(code.message()),
        },
        Failure::Host(error) => Error::from_boxed(error),
        other => Error::msg(other.to_string()),
    };
    match WasmBacktrace::new(engine, record.backtrace) {
        Some(backtrace) => error.traced(backtrace),
        None => error,
    }
}

/// Whether an address is in the inaccessible part of one of a store's memories: what the store's
/// stack asks when code faults.
pub(crate) fn is_memory_guard(store: NonNull<brolga_abi::StoreContext>, address: usize) -> bool {
    // SAFETY: asked on the thread that runs the store's code, whose context this is; it only reads.
    unsafe { RuntimeStore::is_memory_guard(store, address) }
}

/// Room for the arguments and results of any typed call: 16 values of two slots.
pub(crate) type TypedSlots = [MaybeUninit<u64>; 32];
