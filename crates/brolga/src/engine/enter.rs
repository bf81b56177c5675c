//! The way into code: every call of the host's goes through [`enter`] or [`enter_in_registers`].
//! This file is a room for `unsafe`, and one on which the sandbox stands: changes need a second
//! reader.
//!
//! ```text
//!  CallEngine::call ─▶ SlotCallee::call ──┐
//!  Func::call ───────▶ call_dynamic ──────┼▶ enter ──────────────▶ runtime::call ─▶ code
//!  TypedFunc::call ──▶ TypedCallee::call ─┴▶ enter_in_registers ─▶ runtime::call_in_registers ─▶
//! ```
//!
//! **Trusts** the runtime to know what is a function of a store, and for how long.
//! **Promises** that a function is entered only with its own store, while it is there, with slots
//! that fit its type; and that nothing of the store is borrowed while code runs.
//! **Tested by** `tests/calls.rs`, `tests/seam.rs`, `tests/handles.rs`, `tests/delete.rs`.
//!
//! **Invariants**
//! - Results are taken out of the slots before closed instances are freed: a result may be the
//!   last reference to a function of one.

use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use std::sync::OnceLock;

use brolga_abi::FuncRef;
use brolga_module::{self as module, FuncType};
use brolga_runtime::{
    Failure, FuncId, HandleError, RegisterArgs, RegisterResult, Store as RuntimeStore, StoreStack,
    TrapRecord,
};

use super::reference;
use crate::host_call::Slots;
use crate::wasm_ty::Class;
use crate::{
    Error, Result, StoreContext, StoreContextMut, Trap, Val, ValType, WasmBacktrace, WasmParams,
    WasmResults,
};

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
/// - `stack` was made for the callee's store, and stays where it is during the call.
/// - `slots` has room for the function's parameters and for its results, and holds arguments of
///   the parameters' types that are `store`'s own where they are references.
unsafe fn enter<T>(
    store: &mut StoreContextMut<'_, T>,
    stack: *const StoreStack,
    callee: &Callee,
    slots: *mut u64,
) -> Result<()> {
    let func_ref = callee.resolve(&mut store.cell_mut().runtime)?;
    let context = store.cell_mut().runtime.context();
    // SAFETY: stack and context are this store's, and `func_ref` is a function of it, kept by its
    // instance. Nothing of the store is borrowed but through `store`, which waits. The slots are
    // the caller's promise.
    let called =
        unsafe { brolga_runtime::call(&*stack, context, func_ref, core::ptr::null_mut(), slots) };
    called.map_err(|record| call_error(&store.cell().engine, *record))
}

/// Calls a wasm function with its arguments in registers.
///
/// # Errors
/// As [`enter`].
///
/// # Safety
/// - The function is wasm's, its type is such as [`brolga_runtime::call_in_registers`] takes, and `args` holds
///   arguments of its parameters' types, `store`'s own where they are references.
#[inline(always)]
unsafe fn enter_in_registers<T>(
    store: &mut StoreContextMut<'_, T>,
    callee: &Callee,
    args: RegisterArgs,
) -> Result<RegisterResult> {
    let func_ref = callee.resolve(&mut store.cell_mut().runtime)?;
    let context = store.cell_mut().runtime.context();
    let stack = store.cell().stack.as_ptr();
    // SAFETY: as in `enter`.
    let called = unsafe {
        brolga_runtime::call_in_registers(&*stack, context, func_ref, core::ptr::null_mut(), args)
    };
    called.map_err(|record| call_error(&store.cell().engine, *record))
}

/// Frees closed instances, now that no code runs and nobody holds bare references.
#[inline(always)]
fn settle<T>(store: &mut StoreContextMut<'_, T>) {
    let runtime = &mut store.cell_mut().runtime;
    if runtime.has_closed_pending() {
        runtime.settle();
    }
}

/// A function that is called with bare slots, and the stack that calls of it run on.
#[derive(Debug)]
pub(super) struct SlotCallee {
    callee: Callee,
    /// Of the callee's store, unless calls are made from host functions: those stay on the stack
    /// they find themselves on. Taken from the engine's pool by the first call.
    stack: StoreStack,
    ty: FuncType,
    /// Whether a parameter is a reference, to be looked at before wasm gets it.
    takes_references: bool,
}

impl SlotCallee {
    /// # Errors
    /// As [`Callee::new`].
    pub(super) fn new<T>(store: &mut StoreContextMut<'_, T>, func: FuncId) -> Result<SlotCallee> {
        let pool = store.cell().engine.stacks().clone();
        let runtime = &mut store.cell_mut().runtime;
        let callee = Callee::new(runtime, func)?;
        let stack = runtime.new_stack(pool);
        let ty = runtime.func_type(func)?.clone();
        let is_reference = |ty: &module::ValType| matches!(ty, module::ValType::Ref(_));
        let takes_references = ty.params().iter().any(is_reference);
        Ok(SlotCallee { callee, stack, ty, takes_references })
    }

    pub(super) fn ty(&self) -> &FuncType {
        &self.ty
    }

    /// Calls it with the parameters in `slots`; results come back in them.
    ///
    /// # Errors
    /// As [`enter`]; or if a slot holds no reference of the store where the type has one.
    ///
    /// # Panics
    /// If there are fewer slots than the type takes.
    pub(super) fn call<T>(
        &mut self,
        store: &mut StoreContextMut<'_, T>,
        slots: &mut [u64],
    ) -> Result<()> {
        assert!(slots.len() >= self.ty.param_slots().max(self.ty.result_slots()));
        if self.takes_references {
            self.check_references(&store.cell().runtime, slots)?;
        }
        // SAFETY: the slots fit the type, as was just seen, and references in them are of the
        // callee's store, for which the stack was made.
        let called = unsafe { enter(store, &self.stack, &self.callee, slots.as_mut_ptr()) };
        settle(store);
        called
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

/// The error for what a call ended with.
#[cold]
fn call_error(engine: &crate::Engine, record: TrapRecord) -> Error {
    let error = match record.failure {
        Failure::Trap { code, .. } => match Trap::from_code(code) {
            Some(trap) => Error::from(trap),
            None => Error::msg(code.message()),
        },
        Failure::Host(error) => Error::from_boxed(error),
        Failure::NoStack(error) => error.into(),
    };
    match WasmBacktrace::new(engine, record.backtrace) {
        Some(backtrace) => error.traced(backtrace),
        None => error,
    }
}

/// Room for the arguments and results of any typed call: 16 values of two slots.
const TYPED_SLOTS: usize = 32;

type TypedSlots = [MaybeUninit<u64>; TYPED_SLOTS];

/// A function whose type is known to be that of the Rust types `P` and `R`.
pub(crate) struct TypedCallee<P, R> {
    func: FuncId,
    /// Where it is entered, once that has been found out.
    callee: OnceLock<Callee>,
    types: PhantomData<fn(P) -> R>,
}

impl<P, R> Clone for TypedCallee<P, R> {
    fn clone(&self) -> Self {
        TypedCallee { func: self.func, callee: self.callee.clone(), types: PhantomData }
    }
}

impl<P: WasmParams, R: WasmResults> TypedCallee<P, R> {
    /// # Errors
    /// If the function has another type, belongs to another store or to an instance that has been
    /// closed.
    pub(crate) fn new(store: StoreContext<'_, impl Sized>, func: FuncId) -> Result<Self> {
        let cell = store.cell();
        let ty = crate::types::func_type(&cell.engine, &[], cell.runtime.func_type(func)?);
        check_types("parameter", &P::valtypes(), ty.param_types(), |rust, wasm| rust.matches(wasm))
            .and_then(|()| {
                check_types("result", &R::valtypes(), ty.result_types(), |rust, wasm| {
                    wasm.matches(rust)
                })
            })
            .map_err(|error| error.context(format!("the function has type {ty}")))?;
        Ok(TypedCallee { func, callee: OnceLock::new(), types: PhantomData })
    }

    /// Whether arguments and result travel in registers.
    const IN_REGISTERS: bool = count(P::CLASSES, Class::Vector) == 0
        && count(P::CLASSES, Class::Int) <= RegisterArgs::INTS_MAX
        && count(P::CLASSES, Class::Float) <= RegisterArgs::FLOATS_MAX
        && R::CLASSES.len() <= 1
        && count(R::CLASSES, Class::Vector) == 0;

    /// Calls it. Allocates nothing.
    ///
    /// # Errors
    /// What the call ended with; or, before anything ran, a handle that is no good.
    #[inline]
    pub(crate) fn call<T>(&self, mut store: StoreContextMut<'_, T>, params: P) -> Result<R> {
        let callee = match self.callee.get() {
            Some(callee) => callee,
            None => self.first(&mut store)?,
        };
        let mut slots: TypedSlots = [MaybeUninit::uninit(); TYPED_SLOTS];
        let first = slots.as_mut_ptr().cast::<u64>();
        // SAFETY: there are more slots than the largest tuple takes; they are written only.
        let mut values = unsafe { Slots::new(&mut store.cell_mut().runtime, first, P::SLOTS) };
        params.store(&mut values)?;
        // SAFETY: the slots have just been written, and the type was looked at in `new`: it takes
        // these values, which `store` checked to be the store's own where they are references.
        let called = unsafe { Self::enter(&mut store, callee, &mut slots) };
        let result = called.map(|first| {
            // SAFETY: the function has returned values of `R`'s types in the slots.
            let mut values = unsafe { Slots::new(&mut store.cell_mut().runtime, first, R::SLOTS) };
            R::load(&mut values)
        });
        settle(&mut store);
        result
    }

    /// Calls it with the parameters in `slots`, in registers where that goes; results come back in
    /// the slots. Gives their address.
    ///
    /// # Safety
    /// The slots hold values of `P`'s types.
    #[inline(always)]
    unsafe fn enter<T>(
        store: &mut StoreContextMut<'_, T>,
        callee: &Callee,
        slots: &mut TypedSlots,
    ) -> Result<*mut u64> {
        if Self::IN_REGISTERS && callee.is_wasm {
            // SAFETY: the caller's promise, and the function has these types.
            let result =
                unsafe { enter_in_registers(store, callee, registers(P::CLASSES, slots))? };
            slots[0] = MaybeUninit::new(match R::CLASSES {
                [Class::Float] => result.float.to_bits(),
                _ => result.int,
            });
            return Ok(slots.as_mut_ptr().cast());
        }
        let (first, stack) = (slots.as_mut_ptr().cast(), store.cell().stack.as_ptr());
        // SAFETY: the caller's promise; there is room for the results of any type. The stack is
        // the store's: `enter` sees to it that the callee is too.
        unsafe { enter(store, stack, callee, first)? };
        Ok(first)
    }

    #[cold]
    fn first<T>(&self, store: &mut StoreContextMut<'_, T>) -> Result<&Callee> {
        let callee = Callee::new(&mut store.cell_mut().runtime, self.func)?;
        Ok(self.callee.get_or_init(|| callee))
    }
}

/// How many of `classes` are `class`.
const fn count(classes: &[Class], class: Class) -> usize {
    let (mut at, mut count) = (0, 0);
    while at < classes.len() {
        if classes[at] as u8 == class as u8 {
            count += 1;
        }
        at += 1;
    }
    count
}

/// Values of classes that fit, taken from slots to registers.
///
/// # Safety
/// There is a value of each class in the slots.
#[inline(always)]
unsafe fn registers(classes: &[Class], slots: &TypedSlots) -> RegisterArgs {
    let mut args = RegisterArgs::new();
    let (mut ints, mut floats) = (0, 0);
    for (slot, class) in slots.iter().zip(classes) {
        match class {
            Class::Int => {
                args.ints[ints] = *slot;
                ints += 1;
            }
            Class::Float => {
                // SAFETY: the caller's promise.
                let bits = unsafe { slot.assume_init() };
                args.floats[floats] = MaybeUninit::new(f64::from_bits(bits));
                floats += 1;
            }
            Class::Vector => unreachable!("vectors do not travel in registers"),
        }
    }
    args
}

fn check_types(
    what: &str,
    rust: &[ValType],
    wasm: &[ValType],
    fits: impl Fn(&ValType, &ValType) -> bool,
) -> Result<()> {
    if rust.len() != wasm.len() {
        return Err(Error::msg(format!(
            "type mismatch with {what}s: expected {} of them, found {}",
            rust.len(),
            wasm.len()
        )));
    }
    for (position, (rust, wasm)) in rust.iter().zip(wasm).enumerate() {
        if !fits(rust, wasm) {
            return Err(Error::msg(format!(
                "type mismatch with {what} {position}: expected {rust}, found {wasm}"
            )));
        }
    }
    Ok(())
}

/// Calls a function with values whose types are looked at now.
///
/// # Errors
/// As [`enter`]; or if number or types are not those of the function.
pub(crate) fn call_dynamic<T>(
    mut store: StoreContextMut<'_, T>,
    func: FuncId,
    params: &[Val],
    results: &mut [Val],
) -> Result<()> {
    let cell = store.cell_mut();
    let ty = cell.runtime.func_type(func)?.clone();
    let counts = [
        ("arguments", ty.params().len(), params.len()),
        ("results", ty.results().len(), results.len()),
    ];
    for (what, expected, found) in counts {
        crate::ensure!(expected == found, "expected {expected} {what}, got {found}");
    }
    let callee = Callee::new(&mut cell.runtime, func)?;
    // A list that an earlier call has left; calls inside this one find none and make their own.
    let mut slots = core::mem::take(&mut cell.spare_slots);
    slots.clear();
    slots.resize(ty.param_slots().max(ty.result_slots()), 0);
    // SAFETY: they are that many; they are written only.
    let mut target = unsafe { Slots::new(&mut cell.runtime, slots.as_mut_ptr(), ty.param_slots()) };
    for (position, (value, ty)) in params.iter().zip(ty.params()).enumerate() {
        let value = value.to_value();
        let stored = value.check(*ty).map_err(Error::from).and_then(|()| target.put_value(value));
        stored.map_err(|error| error.context(format!("type mismatch with argument {position}")))?;
    }
    let stack = store.cell().stack.as_ptr();
    // SAFETY: the slots hold values of the parameters' types, as was just checked, of this store,
    // as `put_value` did, and have room for the results; the stack is the store's.
    let called = unsafe { enter(&mut store, stack, &callee, slots.as_mut_ptr()) };
    if let Err(error) = called {
        settle(&mut store);
        return Err(error);
    }
    let cell = store.cell_mut();
    // SAFETY: the function has returned values of its results' types in the slots.
    let mut source =
        unsafe { Slots::new(&mut cell.runtime, slots.as_mut_ptr(), ty.result_slots()) };
    for (result, ty) in results.iter_mut().zip(ty.results()) {
        *result = Val::from_value(source.take_value(*ty));
    }
    cell.spare_slots = slots;
    settle(&mut store);
    Ok(())
}
