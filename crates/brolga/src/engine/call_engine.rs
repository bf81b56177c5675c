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

use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use std::sync::OnceLock;

use brolga_abi::FuncRef;
use brolga_module::FuncType;
use brolga_runtime::{
    Failure, FuncId, HandleError, RegisterArgs, RegisterResult, Store as RuntimeStore, StoreStack,
    TrapRecord,
};

use super::reference;
use crate::host_call::Slots;
use crate::wasm_ty::Class;
use crate::{
    AsContextMut, Error, Result, StoreContext, StoreContextMut, Trap, Val, ValType, WasmBacktrace,
    WasmParams, WasmResults,
};

/// A function of one store, ready to be called with bare numbers.
///
/// Parameters and results are 64-bit slots: numbers as their bits (32-bit ones in the low half), a
/// `v128` as two slots, lower half first, references as the numbers that
/// [`ModuleEngine::function_instance_reference`](super::ModuleEngine::function_instance_reference)
/// gives, 0 being null.
///
/// It owns the stack that its calls run on: how deep wasm may go does not depend on the thread it
/// is called from. It can be called any number of times.
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
#[derive(Debug)]
pub struct CallEngine {
    callee: Callee,
    /// The stack that calls run on, unless they are made from host functions, whose stack they
    /// stay on. Taken from the engine's pool by the first call.
    stack: StoreStack,
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
    pub(super) fn new<T>(store: &mut StoreContextMut<'_, T>, func: FuncId) -> Result<CallEngine> {
        let pool = store.cell().engine.stacks().clone();
        let store = &mut store.cell_mut().runtime;
        let callee = Callee::new(store, func)?;
        let stack = store.new_stack(pool);
        let ty = store.func_type(func)?.clone();
        let is_reference =
            |ty: &brolga_module::ValType| matches!(ty, brolga_module::ValType::Ref(_));
        let takes_references = ty.params().iter().any(is_reference);
        Ok(CallEngine { callee, stack, ty, takes_references })
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
        // SAFETY: the slots fit the type, as was just checked; references too. The stack was made
        // for this store: `enter` checks that it is the callee's.
        unsafe { enter(&mut store, &self.stack, &self.callee, slots.as_mut_ptr()) }
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
unsafe fn enter_in_registers<T>(
    store: &mut StoreContextMut<'_, T>,
    callee: &Callee,
    args: RegisterArgs,
) -> Result<Option<RegisterResult>> {
    if !callee.is_wasm {
        return Ok(None);
    }
    let func_ref = callee.resolve(&mut store.cell_mut().runtime)?;
    let context = store.cell_mut().runtime.context();
    let stack = store.cell().stack.as_ptr();
    // SAFETY: as in `enter`.
    let called = unsafe {
        brolga_runtime::call_in_registers(&*stack, context, func_ref, core::ptr::null_mut(), args)
    };
    after(store, called).map(Some)
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
        callee.check_store(&store.cell().runtime)?;
        let mut slots: TypedSlots = [MaybeUninit::uninit(); TYPED_SLOTS];
        let first = slots.as_mut_ptr().cast::<u64>();
        // SAFETY: there are more slots than the largest tuple takes; they are written only.
        let mut values = unsafe { Slots::new(&mut store.cell_mut().runtime, first, P::SLOTS) };
        params.store(&mut values)?;
        if Self::IN_REGISTERS {
            // SAFETY: the slots have just been written, and the type was looked at in `new`: it
            // takes these values, which `store` checked to be its own where they are references.
            let result =
                unsafe { enter_in_registers(&mut store, callee, registers(P::CLASSES, &slots))? };
            if let Some(result) = result {
                let bits = match R::CLASSES {
                    [Class::Float] => result.float.to_bits(),
                    _ => result.int,
                };
                // SAFETY: there is a slot 0, and nothing else uses it.
                unsafe { first.write(bits) };
                // SAFETY: the function has returned a value of `R`'s type, now in slot 0.
                let mut values =
                    unsafe { Slots::new(&mut store.cell_mut().runtime, first, R::SLOTS) };
                return Ok(R::load(&mut values));
            }
        }
        // SAFETY: the slots hold values of the function's parameters' types, see above, and there
        // is room for its results.
        let stack = store.cell().stack.as_ptr();
        unsafe { enter(&mut store, stack, callee, first)? };
        // SAFETY: the function has returned values of `R`'s types in the slots.
        let mut values = unsafe { Slots::new(&mut store.cell_mut().runtime, first, R::SLOTS) };
        Ok(R::load(&mut values))
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
    // SAFETY: the slots hold values of the parameters' types, as was just checked, of this store,
    // as `put_value` did, and have room for the results.
    let stack = store.cell().stack.as_ptr();
    unsafe { enter(&mut store, stack, &callee, slots.as_mut_ptr())? };
    let cell = store.cell_mut();
    // SAFETY: the function has returned values of its results' types in the slots.
    let mut source =
        unsafe { Slots::new(&mut cell.runtime, slots.as_mut_ptr(), ty.result_slots()) };
    for (result, ty) in results.iter_mut().zip(ty.results()) {
        *result = Val::from_value(source.take_value(*ty));
    }
    cell.spare_slots = slots;
    Ok(())
}
