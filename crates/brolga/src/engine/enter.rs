//! The way into code: every call of the host's goes through [`enter`] or
//! [`TypedCallee::with_registers`].
//! This file is a room for `unsafe`, and one on which the sandbox stands: changes need a second
//! reader.
//!
//! ```text
//!  CallEngine::call ─▶ SlotCallee::call ──┐
//!  Func::call ───────▶ call_dynamic ──────┤
//!  call_unchecked ───▶ call_raw ──────────┼▶ enter ────────▶ runtime::call ─▶ code
//!  TypedFunc::call ──▶ TypedCallee::call ─┴▶ with_registers ▶ runtime::call_on_idle ─▶ code
//!                                                    or       runtime::call_in_registers ─▶ code
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
//! - What a host function is called with is rooted until it returns: the slots are outside the stack
//!   that calls run on, and who passed an object on may have let go of it.

use core::hint;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicPtr, AtomicU64};

use brolga_abi::{FuncRef, VmContext};
use brolga_module::{self as module, FuncType};
use brolga_runtime::{
    Failure, FuncId, HandleError, InstanceId, RegisterArgs, RegisterResult, StackError,
    StartFunction, Store as RuntimeStore, StoreStack, TrapRecord, call_in_registers, call_on_idle,
    idle,
};

use super::reference;
use crate::host_call::Slots;
use crate::wasm_ty::Class;
use crate::{
    Error, MemoryFault, Result, StoreContext, StoreContextMut, Trap, Val, ValRaw, ValType,
    WasmBacktrace, WasmParams, WasmResults,
};

/// A function of a store, and where it is entered: found out by the first call, and again when
/// the store says that it may have changed.
#[derive(Debug)]
pub(crate) struct Callee {
    id: FuncId,
    /// With which store and until when `func_ref` is good: while the store's epoch is this, which no
    /// other store's ever is.
    epoch: AtomicU64,
    /// Atomic for being shared only: it is read and written by whoever has the store, one thread
    /// at a time. Written before `epoch` is.
    func_ref: AtomicPtr<FuncRef>,
}

/// The caller's context of functions that the host calls.
const NO_CALLER: *mut VmContext = core::ptr::null_mut();

/// The epoch of no store.
const NEVER: u64 = 0;

impl Callee {
    pub(crate) fn new(id: FuncId) -> Callee {
        Callee { id, epoch: NEVER.into(), func_ref: AtomicPtr::new(core::ptr::null_mut()) }
    }

    fn check_store(&self, store: &RuntimeStore) -> Result<(), HandleError> {
        match self.id.store() == store.id() {
            true => Ok(()),
            false => Err(HandleError::OtherStore { kind: "function" }),
        }
    }

    /// Where to enter it, if that is known; never in a store with a call hook.
    #[inline(always)]
    fn known(&self, store: &RuntimeStore) -> Option<NonNull<FuncRef>> {
        if self.epoch.load(Relaxed) != store.close_epoch() {
            return None;
        }
        // SAFETY: who has written the epoch of a store has written an address before; both are
        // written by that store's user only, who is us now.
        Some(unsafe { NonNull::new_unchecked(self.func_ref.load(Relaxed)) })
    }

    /// Finds out where to enter it.
    fn look_up<T>(&self, store: &mut StoreContextMut<'_, T>) -> Result<NonNull<FuncRef>> {
        let runtime = &mut store.cell_mut().runtime;
        self.check_store(runtime)?;
        Ok(runtime.func_ref(self.id)?)
    }

    /// Has it be [`known`](Callee::known) from now on; not in a store with a call hook.
    fn learn(&self, store: &RuntimeStore, func_ref: NonNull<FuncRef>) {
        if !store.tells_calls() {
            self.func_ref.store(func_ref.as_ptr(), Relaxed);
            self.epoch.store(store.close_epoch(), Relaxed);
        }
    }
}

impl Clone for Callee {
    fn clone(&self) -> Callee {
        Callee::new(self.id)
    }
}

/// Calls a function with its arguments in slots; results come back in them.
///
/// # Errors
/// What the call ended with.
///
/// # Safety
/// - `func_ref` was just resolved in `store`.
/// - `stack` was made for that store, and stays where it is during the call.
/// - `caller` is [`NO_CALLER`] or the context of an open instance of `store`.
/// - `slots` has room for the function's parameters and for its results, and holds arguments of
///   the parameters' types that are `store`'s own where they are references.
unsafe fn enter<T>(
    store: &mut StoreContextMut<'_, T>,
    stack: *const StoreStack,
    func_ref: NonNull<FuncRef>,
    caller: *mut VmContext,
    slots: *mut u64,
) -> Result<()> {
    let context = store.cell().runtime.context_of_stayed();
    // SAFETY: stack and context are this store's, and `func_ref` is a function of it, kept by its
    // instance. Nothing of the store is borrowed but through `store`, which waits. Slots and
    // caller are the caller's promise; an instance that is closed meanwhile stays until the call
    // has ended.
    let called = unsafe { brolga_runtime::call(&*stack, context, func_ref, caller, slots) };
    called.map_err(|record| call_error(store, *record))
}

/// Whether it is a function of the host's. Called by the host, it reads its arguments from where no
/// collection looks, and not before the store's hook has been told.
///
/// # Safety
/// It was just resolved.
#[inline(always)]
unsafe fn is_host(func_ref: NonNull<FuncRef>) -> bool {
    // SAFETY: the caller's promise.
    unsafe { func_ref.as_ref().host_entry.is_null() }
}

/// Calls the start function of an instance, if it has one: as a call of the instance's own, so that
/// an imported host function finds it as its caller.
///
/// # Errors
/// What the call ended with; or if the hook has closed the instance.
pub(crate) fn call_start<T>(
    store: &mut StoreContextMut<'_, T>,
    instance: InstanceId,
) -> Result<()> {
    store.told(|store| {
        // Here and not before: the hook may have closed the instance, which core dumps name.
        let runtime = &mut store.cell_mut().runtime;
        let Some(start) = runtime.start_function(instance)? else { return Ok(()) };
        let caller = runtime.instance_vmctx(instance)?;
        let stack = store.cell().stack.as_ptr();
        let called = match start {
            StartFunction::Own(start) => {
                let context = store.cell().runtime.context_of_stayed();
                // SAFETY: stack and context are this store's, and the instance was there when its
                // start function was asked for just now. Nothing of the store is borrowed but
                // through `store`, which waits.
                let called = unsafe { brolga_runtime::call_start(&*stack, context, start) };
                called.map_err(|record| call_error(store, *record))
            }
            StartFunction::Imported(func) => {
                let func_ref = store.cell_mut().runtime.func_ref(func)?;
                // SAFETY: just resolved, the stack is the store's, and the instance was open just
                // now. A start function has neither parameters nor results.
                unsafe { enter(store, stack, func_ref, caller.as_ptr(), [].as_mut_ptr()) }
            }
        };
        settle(store);
        called
    })
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
    /// Whether a result is a host object, to be rooted before anybody can lose it.
    gives_objects: bool,
}

impl SlotCallee {
    /// # Errors
    /// If the function belongs to another store or to an instance that has been closed.
    pub(super) fn new<T>(store: &mut StoreContextMut<'_, T>, func: FuncId) -> Result<SlotCallee> {
        let pool = store.cell().engine.stacks().clone();
        let runtime = &mut store.cell_mut().runtime;
        let ty = runtime.func_type(func)?.clone();
        let stack = runtime.new_stack(pool);
        let is_reference = |ty: &module::ValType| matches!(ty, module::ValType::Ref(_));
        let takes_references = ty.params().iter().any(is_reference);
        let gives_objects = ty.results().iter().any(|&ty| reference::is_object(ty));
        Ok(SlotCallee { callee: Callee::new(func), stack, ty, takes_references, gives_objects })
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
        match self.callee.known(&store.cell().runtime) {
            // SAFETY: just resolved.
            Some(func_ref) => unsafe { self.call_known(store, func_ref, slots) },
            None => self.call_anew(store, slots),
        }
    }

    #[cold]
    fn call_anew<T>(
        &mut self,
        store: &mut StoreContextMut<'_, T>,
        slots: &mut [u64],
    ) -> Result<()> {
        store.told(|store| {
            let func_ref = self.callee.look_up(store)?;
            self.callee.learn(&store.cell().runtime, func_ref);
            // SAFETY: just resolved.
            unsafe { self.call_known(store, func_ref, slots) }
        })
    }

    /// # Safety
    /// `func_ref` was just resolved.
    #[inline(always)]
    unsafe fn call_known<T>(
        &mut self,
        store: &mut StoreContextMut<'_, T>,
        func_ref: NonNull<FuncRef>,
        slots: &mut [u64],
    ) -> Result<()> {
        let mut scope = None;
        if self.takes_references {
            self.check_references(&store.cell().runtime, slots)?;
            // SAFETY: just resolved; nobody changes it while the store is borrowed.
            if unsafe { is_host(func_ref) } {
                // SAFETY: the store is there while `store` is, which nobody uses while the scope is
                // dropped.
                scope = Some(unsafe { store.ptr().root_scope() });
                root_objects(&mut store.cell_mut().runtime, self.ty.params(), slots);
            }
        }
        // SAFETY: just resolved in its store, for which the stack was made. The slots fit the type,
        // as `call` has seen, and references in them are of that store.
        let called = unsafe { enter(store, &self.stack, func_ref, NO_CALLER, slots.as_mut_ptr()) };
        drop(scope);
        if self.gives_objects && called.is_ok() {
            root_objects(&mut store.cell_mut().runtime, self.ty.results(), slots);
        }
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

/// Roots the objects among values of these types in the scope that is current.
#[cold]
fn root_objects(store: &mut RuntimeStore, types: &[module::ValType], slots: &[u64]) {
    let mut at = 0;
    for ty in types {
        reference::root(store, *ty, slots[at]);
        at += ty.slots();
    }
}

/// The error for what a call ended with, and the end of that call.
#[cold]
#[inline(never)]
#[expect(clippy::boxed_local, reason = "taken out of its box here, not where calls are made")]
fn failed<T>(mut store: StoreContextMut<'_, T>, record: Box<TrapRecord>) -> Error {
    let error = call_error(&store, *record);
    settle(&mut store);
    error
}

/// The error for what a call ended with, with all that the engine wants of it.
#[cold]
fn call_error<T>(store: &StoreContextMut<'_, T>, record: TrapRecord) -> Error {
    let cell = store.cell();
    let fault = match record.failure {
        Failure::Trap { address, .. } => address.and_then(|it| cell.runtime.memory_fault(it)),
        _ => None,
    };
    let error = traced_error(&cell.engine, record, fault);
    #[cfg(feature = "coredump")]
    let error = cell.instances.dump_around(error, &cell.engine, &cell.runtime);
    error
}

/// The error for what a call ended with, and its backtrace.
fn traced_error(engine: &crate::Engine, record: TrapRecord, fault: Option<(u64, usize)>) -> Error {
    let mut error = match record.failure {
        Failure::Trap { code, .. } => match Trap::from_code(code) {
            Some(trap) => Error::from(trap),
            None => Error::msg(code.message()),
        },
        Failure::Host(error) => Error::from_boxed(error),
        Failure::NoStack(StackError::Pool(full)) => full.into(),
        Failure::NoStack(error) => error.into(),
    };
    if let Some((address, size)) = fault {
        error = error.context(MemoryFault::new(address, size));
    }
    match WasmBacktrace::new(engine, record.backtrace) {
        Some(backtrace) => error.traced(backtrace),
        None => error,
    }
}

/// Room for the arguments and results of any typed call: 16 values of two slots.
const TYPED_SLOTS: usize = 32;

type TypedSlots = [MaybeUninit<u64>; TYPED_SLOTS];

/// A function whose type is known to be that of the Rust types `P` and `R`.
#[derive(Debug)]
pub(crate) struct TypedCallee<P, R> {
    callee: Callee,
    types: PhantomData<fn(P) -> R>,
}

impl<P, R> Clone for TypedCallee<P, R> {
    fn clone(&self) -> Self {
        TypedCallee { callee: self.callee.clone(), types: PhantomData }
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
        Ok(TypedCallee { callee: Callee::new(func), types: PhantomData })
    }

    /// # Safety
    /// [`TypedCallee::new`] would succeed.
    pub(crate) unsafe fn new_unchecked(func: FuncId) -> Self {
        TypedCallee { callee: Callee::new(func), types: PhantomData }
    }

    /// Whether arguments and result travel in registers.
    const IN_REGISTERS: bool = count(P::CLASSES, Class::Vector) == 0
        && P::CLASSES.len() <= RegisterArgs::STACK_MAX + RegisterArgs::INTS_MAX
        && R::CLASSES.len() <= 1
        && count(R::CLASSES, Class::Vector) == 0;

    /// Calls it. Allocates nothing.
    ///
    /// # Errors
    /// What the call ended with; or, before anything ran, a handle that is no good.
    #[inline(always)]
    pub(crate) fn call<T>(&self, store: StoreContextMut<'_, T>, params: P) -> Result<R> {
        if Self::IN_REGISTERS {
            let cell = store.cell();
            if let Some(func_ref) = self.callee.known(&cell.runtime) {
                let (context, stack) = (cell.runtime.context_of_stayed(), cell.stack.as_ptr());
                // SAFETY: the store's own stack and context; nothing of the store is borrowed but
                // through `store`, which waits. The function was just resolved, and is wasm:
                // `call_anew` has it learnt only then.
                unsafe {
                    if let Some(idle) = idle(&*stack, context) {
                        return Self::with_registers(store, params, |args| {
                            call_on_idle(idle, &*stack, context, func_ref, NO_CALLER, args)
                        });
                    }
                }
            }
            hint::cold_path();
        }
        let mut result = None;
        self.call_otherwise(store, params, &mut result)?;
        Ok(result.expect("a call that went well has a result"))
    }

    /// Calls that are within others, and those with arguments or results that don't fit registers.
    /// Leaves the result in `result`: came it back, the way above would take it by memory too.
    #[inline(never)]
    fn call_otherwise<T>(
        &self,
        mut store: StoreContextMut<'_, T>,
        params: P,
        result: &mut Option<R>,
    ) -> Result<()> {
        let called = match self.callee.known(&store.cell().runtime) {
            // SAFETY: as in `call`.
            Some(func_ref) if Self::IN_REGISTERS => unsafe {
                let cell = store.cell();
                let (context, stack) = (cell.runtime.context_of_stayed(), cell.stack.as_ptr());
                Self::with_registers(store, params, |args| {
                    call_in_registers(&*stack, context, func_ref, NO_CALLER, args)
                })
            },
            // SAFETY: just resolved.
            Some(func_ref) => unsafe { Self::call_in_slots(&mut store, func_ref, params) },
            None => self.call_anew(&mut store, params),
        };
        *result = Some(called?);
        Ok(())
    }

    /// The first call, one after an instance was closed, and every call of a host function whose
    /// arguments would fit registers, or in a store with a hook.
    #[cold]
    #[inline(never)]
    fn call_anew<T>(&self, store: &mut StoreContextMut<'_, T>, params: P) -> Result<R> {
        store.told(|store| {
            let func_ref = self.callee.look_up(store)?;
            // SAFETY: just resolved; nobody changes it while the store is borrowed.
            let is_wasm = unsafe { !is_host(func_ref) };
            if is_wasm || !Self::IN_REGISTERS {
                self.callee.learn(&store.cell().runtime, func_ref);
            }
            // SAFETY: just resolved.
            unsafe { Self::call_in_slots(store, func_ref, params) }
        })
    }

    /// Calls it with arguments and results in slots.
    ///
    /// # Safety
    /// `func_ref` was just resolved, and is of these types.
    #[inline(always)]
    unsafe fn call_in_slots<T>(
        store: &mut StoreContextMut<'_, T>,
        func_ref: NonNull<FuncRef>,
        params: P,
    ) -> Result<R> {
        let mut slots: TypedSlots = [MaybeUninit::uninit(); TYPED_SLOTS];
        // SAFETY: the store is there while `store` is, which nobody uses while the scope is dropped.
        let mut scope = Some(unsafe { store.ptr().root_scope() });
        put(store, &mut slots, params)?;
        // SAFETY: just resolved; nobody changes it while the store is borrowed.
        if !unsafe { is_host(func_ref) } {
            scope = None;
        }
        // The slots are everybody's from here on: a pointer from before would be no good any more.
        let first = slots.as_mut_ptr().cast::<u64>();
        let stack = store.cell().stack.as_ptr();
        // SAFETY: just resolved, and the stack is the store's. The slots have just been written
        // and have room for the results of any type; the function takes these values, which
        // `store` checked to be the store's own where they are references. Nothing was closed
        // since the function was resolved.
        let called = unsafe { enter(store, stack, func_ref, NO_CALLER, first) };
        drop(scope);
        let result = called.map(|()| {
            // SAFETY: the function has returned values of `R`'s types in the slots.
            R::load(&mut unsafe { Slots::new(&mut store.cell_mut().runtime, first, R::SLOTS) })
        });
        settle(store);
        result
    }

    /// Has `enter` call it with arguments in registers, and those that don't fit on the stack.
    ///
    /// # Safety
    /// - The types are such that [`TypedCallee::IN_REGISTERS`].
    /// - `enter` calls a function of these types, which was just resolved.
    #[inline(always)]
    unsafe fn with_registers<T>(
        mut store: StoreContextMut<'_, T>,
        params: P,
        enter: impl FnOnce(RegisterArgs<'_>) -> Result<RegisterResult, Box<TrapRecord>>,
    ) -> Result<R> {
        let mut slots: TypedSlots = [MaybeUninit::uninit(); TYPED_SLOTS];
        let mut stack = [MaybeUninit::uninit(); RegisterArgs::STACK_MAX];
        // SAFETY: the store is there while `store` is, which nobody uses while the scope is dropped.
        let scope = P::OWNS.then(|| unsafe { store.ptr().root_scope() });
        put(&mut store, &mut slots, params)?;
        // Wasm has its arguments at once: it is what keeps them.
        drop(scope);
        // SAFETY: the slots have just been written.
        let args = unsafe { registers(P::CLASSES, &slots, &mut stack) };
        match enter(args) {
            Ok(result) => {
                let mut slot = match R::CLASSES {
                    [Class::Float] => result.float.to_bits(),
                    _ => result.int,
                };
                let runtime = &mut store.cell_mut().runtime;
                // SAFETY: one slot, with the value of `R`'s type that the function has returned,
                // if there is one.
                let result = R::load(&mut unsafe { Slots::new(runtime, &raw mut slot, R::SLOTS) });
                settle(&mut store);
                Ok(result)
            }
            Err(record) => Err(failed(store, record)),
        }
    }
}

/// Writes values into slots. Objects that are the caller's own are rooted in the scope that is
/// current.
///
/// # Errors
/// If one is a reference that is no good in `store`.
#[inline(always)]
fn put<T, P: WasmParams>(
    store: &mut StoreContextMut<'_, T>,
    slots: &mut TypedSlots,
    params: P,
) -> Result<()> {
    let runtime = &mut store.cell_mut().runtime;
    // SAFETY: there are more slots than the largest tuple takes; they are written only.
    let mut values = unsafe { Slots::new(runtime, slots.as_mut_ptr().cast(), P::SLOTS) };
    params.store(&mut values)
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

/// Values of classes that fit, taken from slots to registers, and to `stack` where these do not
/// suffice.
///
/// # Safety
/// There is a value of each class in the slots.
#[inline(always)]
unsafe fn registers<'a>(
    classes: &[Class],
    slots: &TypedSlots,
    stack: &'a mut [MaybeUninit<u64>; RegisterArgs::STACK_MAX],
) -> RegisterArgs<'a> {
    let mut args = RegisterArgs::new();
    let (mut ints, mut floats, mut others) = (0, 0, 0);
    for (slot, class) in slots.iter().zip(classes) {
        match class {
            Class::Int if ints < RegisterArgs::INTS_MAX => {
                args.ints[ints] = *slot;
                ints += 1;
            }
            Class::Float if floats < RegisterArgs::FLOATS_MAX => {
                // SAFETY: the caller's promise.
                let bits = unsafe { slot.assume_init() };
                args.floats[floats] = MaybeUninit::new(f64::from_bits(bits));
                floats += 1;
            }
            Class::Int | Class::Float => {
                stack[others] = *slot;
                others += 1;
            }
            Class::Vector => unreachable!("vectors do not travel in registers"),
        }
    }
    args.stack = &stack[..others];
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
    store.told(|store| call_dynamic_told(store, func, params, results))
}

#[inline(always)]
fn call_dynamic_told<T>(
    store: &mut StoreContextMut<'_, T>,
    func: FuncId,
    params: &[Val],
    results: &mut [Val],
) -> Result<()> {
    let cell = store.cell_mut();
    let ty = cell.runtime.func_type(func)?;
    check_values(ty, params, results.len())?;
    let (param_slots, result_slots) = (ty.param_slots(), ty.result_slots());
    // Lists that an earlier call has left; calls inside this one find none and make their own.
    let (mut types, mut slots) = core::mem::take(&mut cell.spare);
    types.clear();
    // Kept apart: the function may be gone from the store when it returns.
    types.extend_from_slice(ty.results());
    slots.clear();
    slots.resize(param_slots.max(result_slots), 0);
    // SAFETY: they are that many; they are written only.
    let mut target = unsafe { Slots::new(&mut cell.runtime, slots.as_mut_ptr(), param_slots) };
    for (position, value) in params.iter().enumerate() {
        target
            .put_value(value.to_value())
            .map_err(|error| error.context(format!("argument {position}")))?;
    }
    let stack = cell.stack.as_ptr();
    let func_ref = cell.runtime.func_ref(func)?;
    // SAFETY: just resolved, and the stack is the store's. The slots hold values of the parameters'
    // types, as `check_values` has seen, of this store, as `put_value` has, and have room for the
    // results.
    let called = unsafe { enter(store, stack, func_ref, NO_CALLER, slots.as_mut_ptr()) };
    if called.is_ok() {
        let runtime = &mut store.cell_mut().runtime;
        let mut rest = &slots[..];
        for (result, ty) in results.iter_mut().zip(&types) {
            // SAFETY: the function has returned values of its results' types in the slots.
            *result = Val::from_value(unsafe { runtime.read_slots(*ty, rest) });
            rest = &rest[ty.slots()..];
        }
    }
    store.cell_mut().spare = (types, slots);
    settle(store);
    called
}

/// Calls a function with values whose types nobody looks at; results are left in their places.
///
/// # Errors
/// As [`enter`]; or if there are fewer values than the function has parameters or results.
///
/// # Safety
/// There are values of the parameters' types, those that are references null or `store`'s own as
/// wasm has them.
pub(crate) unsafe fn call_raw<T>(
    mut store: StoreContextMut<'_, T>,
    func: FuncId,
    values: &mut [ValRaw],
) -> Result<()> {
    // SAFETY: the caller's promise; references that may be passed stay good whatever is closed.
    store.told(|store| unsafe { call_raw_told(store, func, values) })
}

/// # Safety
/// As [`call_raw`].
unsafe fn call_raw_told<T>(
    store: &mut StoreContextMut<'_, T>,
    func: FuncId,
    values: &mut [ValRaw],
) -> Result<()> {
    let cell = store.cell_mut();
    let ty = cell.runtime.func_type(func)?;
    let count = ty.params().len().max(ty.results().len());
    crate::ensure!(values.len() >= count, "expected room for {count} values, got {}", values.len());
    let (mut types, mut slots) = core::mem::take(&mut cell.spare);
    types.clear();
    types.extend_from_slice(ty.results());
    slots.clear();
    for (value, ty) in values.iter().zip(ty.params()) {
        slots.extend_from_slice(&value.to_slots()[..ty.slots()]);
    }
    slots.resize(slots.len().max(ty.result_slots()), 0);
    let stack = cell.stack.as_ptr();
    let func_ref = cell.runtime.func_ref(func)?;
    // SAFETY: just resolved, and the stack is the store's. The slots hold values of the parameters'
    // types, by the caller's promise, and have room for the results.
    let called = unsafe { enter(store, stack, func_ref, NO_CALLER, slots.as_mut_ptr()) };
    if called.is_ok() {
        let mut rest = &slots[..];
        for (value, ty) in values.iter_mut().zip(&types) {
            let (own, after) = rest.split_at(ty.slots());
            *value = ValRaw::from_slots(own[0], own.get(1).copied().unwrap_or(0));
            rest = after;
        }
    }
    store.cell_mut().spare = (types, slots);
    settle(store);
    called
}

/// An error unless the values are of the type's parameters, and as many results are expected as it
/// has.
fn check_values(ty: &FuncType, params: &[Val], results: usize) -> Result<()> {
    let counts =
        [("arguments", ty.params().len(), params.len()), ("results", ty.results().len(), results)];
    for (what, expected, found) in counts {
        crate::ensure!(expected == found, "expected {expected} {what}, got {found}");
    }
    for (position, (value, ty)) in params.iter().zip(ty.params()).enumerate() {
        let checked = value.to_value().check(*ty).map_err(Error::from);
        checked
            .map_err(|error| error.context(format!("type mismatch with argument {position}")))?;
    }
    Ok(())
}
