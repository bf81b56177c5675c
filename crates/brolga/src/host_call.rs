//! Host functions as wasm calls them: from argument slots to a Rust closure and back. This file is
//! a room for `unsafe`, and one on which the sandbox stands: changes need a second reader.
//!
//! ```text
//!  wasm ─▶ thunk ─▶ call_typed::<T, F, P, R> ─▶ slots become P ─▶ closure ─▶ R becomes slots
//!   │  or            or                            Caller<'_, T>
//!   └───▶ stub ────▶ enter::<T, F, R, A…> ────▶ registers … ────▶ closure ─▶ a register
//!                        │ callee.data
//!                        ▼
//!                   Bound { store, body }              one for each function and store
//! ```
//!
//! Each closure has entries of its own, compiled for its types: arguments are read straight from
//! the slots, or are left in the registers that wasm has them in where they are few and numbers.
//! Nothing is allocated, nothing is looked up. Closures whose types are known at run time only share
//! one entry.
//!
//! **Trusts** the thunks to pass slots of the function's type and `host_stub!` to pass registers as
//! wasm has them, and the runtime to call an entry only while code of the store runs on this
//! thread. Each function's entry, data and type are put together in this file, by
//! [`HostFunc::bind`].
//! **Promises** that a closure sees values of its parameters' types and of its store, and that
//! what wasm gets back are values of its results' types and of the same store.
//! **Tested by** `tests/host.rs`, `tests/host_registers.rs` and `tests/calls.rs`.

mod unchecked;

use core::marker::PhantomData;
use core::ptr::NonNull;
use std::sync::Arc;

use brolga_abi::{
    HostCall, HostFunctionContext, StoreContext as AbiStoreContext, TrapCode, VmContext,
};
use brolga_module as module;
use brolga_runtime::{
    EpochHook, FuncId, HostData, Store as RuntimeStore, Unwind, Value, host_call_shim, host_stub,
};

use crate::store_cell::StorePtr;
use crate::wasm_ty::{Class, for_each_arity};
use crate::{
    CallHook, Caller, Error, ExternRef, FuncType, OwnedRooted, Result, StoreContextMut,
    UpdateDeadline, Val, WasmRet, WasmTy, WasmTyList,
};

/// Argument slots, read or written front to back.
///
/// Values are taken and put in the order of a function type, so that each is read as what it was
/// written as.
pub struct Slots<'a> {
    runtime: &'a mut RuntimeStore,
    next: *mut u64,
    left: usize,
}

impl<'a> Slots<'a> {
    /// # Safety
    /// There are `count` slots at `first`, good for `'a`. If they will be taken from, they hold
    /// values of the types that they will be taken as, references being null or of the store that
    /// `runtime` is.
    #[inline(always)]
    pub(crate) unsafe fn new(
        runtime: &'a mut RuntimeStore,
        first: *mut u64,
        count: usize,
    ) -> Slots<'a> {
        Slots { runtime, next: first, left: count }
    }

    /// The next slot as it is.
    ///
    /// # Panics
    /// If there is none. (Counts are constants of the types: the check is not in the code.)
    #[inline(always)]
    pub(crate) fn take(&mut self) -> u64 {
        let slot = self.advance();
        // SAFETY: inside the slots, as `advance` has seen; the constructor's caller promised that
        // they are good and hold values.
        unsafe { slot.read() }
    }

    /// The next value, of a type of references to host objects, for whoever keeps it longer than
    /// the call.
    ///
    /// # Panics
    /// As [`Slots::take`].
    pub(crate) fn take_owned(&mut self) -> Option<OwnedRooted<ExternRef>> {
        let number = self.take() as u32;
        OwnedRooted::from_number(self.runtime, number)
    }

    /// Writes the next slot.
    ///
    /// # Panics
    /// As [`Slots::take`].
    #[inline(always)]
    pub(crate) fn put(&mut self, bits: u64) {
        let slot = self.advance();
        // SAFETY: as in `take`.
        unsafe { slot.write(bits) }
    }

    /// The next value, of a type known at run time.
    ///
    /// # Panics
    /// As [`Slots::take`].
    pub(crate) fn take_value(&mut self, ty: module::ValType) -> Value {
        let low = self.take();
        let high = if ty.slots() == 2 { self.take() } else { 0 };
        // SAFETY: the constructor's caller promised that references are of this store.
        unsafe { self.runtime.read_slots(ty, &[low, high]) }
    }

    /// Writes the next value.
    ///
    /// # Errors
    /// If it is a reference of another store, or of an instance that has been closed.
    ///
    /// # Panics
    /// As [`Slots::take`].
    pub(crate) fn put_value(&mut self, value: Value) -> Result<()> {
        let mut slots = [0; 2];
        self.runtime.write_slots(value, &mut slots)?;
        self.put(slots[0]);
        if matches!(value, Value::V128(_)) {
            self.put(slots[1]);
        }
        Ok(())
    }

    /// Writes the next value, of a type of references to host objects, and roots the object in the
    /// scope that is current, as `owned` goes.
    ///
    /// # Errors
    /// If it is of another store.
    ///
    /// # Panics
    /// As [`Slots::take`].
    pub(crate) fn put_owned(&mut self, owned: Option<OwnedRooted<ExternRef>>) -> Result<()> {
        let number = match &owned {
            None => 0,
            Some(owned) => {
                let number = self.runtime.externref_number(owned.id())?;
                self.runtime.root_externref(owned.id())?;
                number
            }
        };
        self.put(number.into());
        Ok(())
    }

    #[inline(always)]
    fn advance(&mut self) -> *mut u64 {
        assert!(self.left != 0, "values take the slots of their types");
        self.left -= 1;
        let slot = self.next;
        // SAFETY: there was a slot left, so its end is inside or one past the slots.
        self.next = unsafe { slot.add(1) };
        slot
    }
}

/// A host function that belongs to no store yet: its type and what makes it one of a store.
pub struct HostFunc<T: 'static> {
    ty: FuncType,
    lowered: module::FuncType,
    body: Arc<dyn Body<T>>,
}

/// A closure with its entry.
trait Body<T: 'static>: Send + Sync {
    /// The entry, and the data it expects, for the store at `store`.
    fn bind(self: Arc<Self>, store: StorePtr<T>) -> Code;
}

/// What a host function of one store is made of.
struct Code {
    call: HostCall,
    /// The entry for arguments in registers, if the types are such.
    stub: Option<*const u8>,
    data: HostData,
}

/// What an entry finds behind `data`.
struct Bound<T: 'static, B> {
    store: StorePtr<T>,
    body: Arc<B>,
}

impl<T: 'static> HostFunc<T> {
    /// A closure whose types say what its type is.
    pub(crate) fn wrap<F, P, R>(engine: &crate::Engine, func: F) -> Result<HostFunc<T>>
    where
        F: HostFn<T, P, R>,
        P: RegisterParams<T> + 'static,
        R: WasmRet + 'static,
    {
        let ty = FuncType::new(engine, P::valtypes(), R::valtypes());
        let lowered = ty.lower()?;
        let body = Arc::new(Typed { func, types: PhantomData });
        Ok(HostFunc { ty, lowered, body })
    }

    /// A closure that gets its arguments as a list of [`Val`].
    pub(crate) fn new<F>(ty: FuncType, func: F) -> Result<HostFunc<T>>
    where
        F: Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    {
        let lowered = ty.lower()?;
        let body = Arc::new(Dynamic { func, ty: lowered.clone() });
        Ok(HostFunc { ty, lowered, body })
    }

    pub(crate) fn ty(&self) -> &FuncType {
        &self.ty
    }

    /// Makes it a function of a store.
    ///
    /// # Errors
    /// If its type can't be registered or the store has too many functions.
    pub(crate) fn bind(&self, store: &mut StoreContextMut<'_, T>) -> Result<FuncId> {
        let Code { call, stub, data } = Arc::clone(&self.body).bind(store.ptr());
        let runtime = &mut store.cell_mut().runtime;
        // SAFETY: `body` and `lowered` were made together: the entries read parameters and write
        // results of that type, and `data` is what they expect. They never unwind: all they do is
        // inside the shim.
        Ok(unsafe { runtime.new_host_function(&self.lowered, call, stub, data) }?)
    }
}

/// A closure of known types.
pub trait HostFn<T: 'static, P, R>: Fn(Caller<'_, T>, P) -> R + Send + Sync + 'static {}

impl<T, F, P, R> HostFn<T, P, R> for F
where
    T: 'static,
    F: Fn(Caller<'_, T>, P) -> R + Send + Sync + 'static,
{
}

struct Typed<F, P, R> {
    func: F,
    types: PhantomData<fn(P) -> R>,
}

impl<T, F, P, R> Body<T> for Typed<F, P, R>
where
    T: 'static,
    F: HostFn<T, P, R>,
    P: RegisterParams<T> + 'static,
    R: WasmRet + 'static,
{
    fn bind(self: Arc<Self>, store: StorePtr<T>) -> Code {
        let bound = Bound { store, body: self };
        Code {
            call: call_typed::<T, F, P, R>,
            stub: P::stub::<F, R>(),
            data: HostData::from_box(Box::new(bound)),
        }
    }
}

/// The entry of a closure of known types.
extern "C" fn call_typed<T, F, P, R>(
    callee: *mut HostFunctionContext,
    caller: *mut VmContext,
    slots: *mut u64,
) where
    T: 'static,
    F: HostFn<T, P, R>,
    P: WasmTyList + 'static,
    R: WasmRet + 'static,
{
    // SAFETY: this entry is only put together with data of this type, in `bind`.
    let (store, bound) = unsafe { parts::<T, Typed<F, P, R>>(callee) };
    // SAFETY: code of the store has just called out to this function, whose frame owns nothing.
    unsafe {
        host_call_shim(store, || {
            run(bound.store, caller, slots, P::SLOTS, R::SLOTS, P::load, |context, params| {
                (bound.body.func)(context, params)
            })
        })
    }
}

/// The steps of a typed call: load, run, store.
///
/// # Safety
/// The parts are those of a call that is under way, of a function with these types.
#[inline(always)]
unsafe fn run<T: 'static, P, R: WasmRet>(
    ptr: StorePtr<T>,
    caller: *mut VmContext,
    slots: *mut u64,
    params: usize,
    results: usize,
    load: impl FnOnce(&mut Slots<'_>) -> P,
    func: impl FnOnce(Caller<'_, T>, P) -> R,
) -> Result<(), Unwind> {
    // SAFETY: wasm of the store waits for this call, so that the store is this call's to use; it is
    // dropped when nothing here uses the store any more.
    let _scope = unsafe { ptr.root_scope() };
    // SAFETY: as above.
    unsafe { tell(ptr, CallHook::CallingHost) }?;
    // SAFETY: as above; the context of the hook is gone.
    let mut context = unsafe { StoreContextMut::from_ptr(ptr) };
    // SAFETY: the thunk has filled the slots with the parameters.
    let mut values = unsafe { Slots::new(&mut context.cell_mut().runtime, slots, params) };
    let arguments = load(&mut values);
    let result = func(Caller::new(context, NonNull::new(caller)), arguments);
    // SAFETY: as above; the context that the closure got is gone.
    unsafe { tell(ptr, CallHook::ReturningFromHost) }?;
    // SAFETY: the context that the closure got is gone; the rest as above.
    let mut context = unsafe { StoreContextMut::<T>::from_ptr(ptr) };
    let runtime = &mut context.cell_mut().runtime;
    // SAFETY: the thunk has made room for the results.
    let mut values = unsafe { Slots::new(runtime, slots, results) };
    result.store(&mut values).map_err(unwind)?;
    Ok(())
}

/// Lists of parameters with an entry that takes them in registers, where they fit.
pub trait RegisterParams<T: 'static>: WasmTyList {
    /// What wasm calls of a closure with these parameters. `None` if not all are numbers, or too
    /// many.
    #[doc(hidden)]
    fn stub<F, R>() -> Option<*const u8>
    where
        F: HostFn<T, Self, R>,
        R: WasmRet + 'static,
        Self: Sized;
}

macro_rules! register_params {
    ($($param:ident)*) => {
        impl<T: 'static, $($param: WasmTy + 'static),*> RegisterParams<T> for ($($param,)*) {
            fn stub<F, R>() -> Option<*const u8>
            where
                F: HostFn<T, Self, R>,
                R: WasmRet + 'static,
            {
                /// Gives the address of the stub in it.
                #[unsafe(naked)]
                extern "C" fn stub<T, F, R, $($param),*>() -> *const u8
                where
                    T: 'static,
                    F: HostFn<T, ($($param,)*), R>,
                    R: WasmRet + 'static,
                    $($param: WasmTy + 'static),*
                {
                    host_stub!(
                        enter::<T, F, R, false, $($param),*>,
                        enter::<T, F, R, true, $($param),*>
                    )
                }

                #[allow(non_snake_case, reason = "variables are named for their types")]
                extern "C" fn enter<T, F, R, const TOLD: bool, $($param),*>(
                    callee: *mut HostFunctionContext,
                    caller: *mut VmContext,
                    $($param: $param::Register),*
                ) -> R::Register
                where
                    T: 'static,
                    F: HostFn<T, ($($param,)*), R>,
                    R: WasmRet + 'static,
                    $($param: WasmTy + 'static),*
                {
                    let params = ($($param::from_register($param),)*);
                    // SAFETY: the stub is only put together with data of these types, in `bind`; wasm
                    // calls it with arguments of its parameters' types.
                    unsafe {
                        call_in_registers::<T, F, ($($param,)*), R, TOLD>(callee, caller, params)
                    }
                }
                let classes: &[Class] = &[$($param::CLASS),*];
                let count = |class| classes.iter().filter(|&&it| it == class).count();
                let fit = R::IN_REGISTER
                    $(&& $param::IS_NUMBER)*
                    && count(Class::Int) <= HostFunctionContext::REGISTER_INTS_MAX
                    && count(Class::Float) <= HostFunctionContext::REGISTER_FLOATS_MAX;
                // Miri can't run what gives the address.
                (fit && !cfg!(miri)).then(|| stub::<T, F, R, $($param),*>())
            }
        }
    };
}

for_each_arity!(register_params);

/// Runs a closure with arguments that came in registers; if `TOLD`, the store's hook is told before
/// and after.
///
/// # Safety
/// `callee` is the context of a host function that was bound to a closure of these types, and wasm
/// of its store has just called it.
#[inline(always)]
unsafe fn call_in_registers<T, F, P, R, const TOLD: bool>(
    callee: *mut HostFunctionContext,
    caller: *mut VmContext,
    params: P,
) -> R::Register
where
    T: 'static,
    F: HostFn<T, P, R>,
    R: WasmRet + 'static,
{
    // SAFETY: the caller's promise.
    let (store, bound) = unsafe { parts::<T, Typed<F, P, R>>(callee) };
    let body = || {
        // SAFETY: wasm of the store waits for this call, so that the store is this call's to use; it
        // is dropped when nothing here uses the store any more.
        let _scope = unsafe { bound.store.root_scope() };
        if TOLD {
            // SAFETY: as above.
            unsafe { tell(bound.store, CallHook::CallingHost) }?;
        }
        // SAFETY: as above; the context of the hook is gone.
        let context = unsafe { StoreContextMut::from_ptr(bound.store) };
        let result = (bound.body.func)(Caller::new(context, NonNull::new(caller)), params);
        if TOLD {
            // SAFETY: as above; the context that the closure got is gone.
            unsafe { tell(bound.store, CallHook::ReturningFromHost) }?;
        }
        result.into_register().map_err(unwind)
    };
    // SAFETY: code of the store has just called out to the entry, whose frame owns nothing: its
    // parameters are numbers, and moved.
    unsafe { host_call_shim(store, body) }
}

/// Tells the store's hook, if it has one.
///
/// # Safety
/// Wasm of the store waits for a call, whose the store is now and nobody else's.
#[inline(always)]
unsafe fn tell<T>(ptr: StorePtr<T>, step: CallHook) -> Result<(), Unwind> {
    // SAFETY: the caller's promise.
    match unsafe { ptr.is_hooked() } {
        false => Ok(()),
        // SAFETY: the caller's promise.
        true => tell_hook(unsafe { StoreContextMut::from_ptr(ptr) }, step),
    }
}

#[cold]
fn tell_hook<T>(mut context: StoreContextMut<'_, T>, step: CallHook) -> Result<(), Unwind> {
    context.tell(step).map_err(unwind)
}

struct Dynamic<F> {
    func: F,
    ty: module::FuncType,
}

impl<T, F> Body<T> for Dynamic<F>
where
    T: 'static,
    F: Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
{
    fn bind(self: Arc<Self>, store: StorePtr<T>) -> Code {
        let bound = Bound { store, body: self };
        let data = HostData::from_box(Box::new(bound));
        Code { call: call_dynamic::<T, F>, stub: None, data }
    }
}

/// The entry of closures whose types are known at run time.
extern "C" fn call_dynamic<T, F>(
    callee: *mut HostFunctionContext,
    caller: *mut VmContext,
    slots: *mut u64,
) where
    T: 'static,
    F: Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
{
    // SAFETY: this entry is only put together with data of this type, in `bind`.
    let (store, bound) = unsafe { parts::<T, Dynamic<F>>(callee) };
    // SAFETY: code of the store has just called out to this function, whose frame owns nothing.
    unsafe {
        host_call_shim(store, || {
            run_dynamic(bound.store, caller, slots, &bound.body.ty, &bound.body.func)
                .map_err(unwind)
        })
    }
}

/// The steps of a call whose types are known at run time.
///
/// # Safety
/// The parts are those of a call that is under way, of a function of type `ty`.
unsafe fn run_dynamic<T: 'static>(
    ptr: StorePtr<T>,
    caller: *mut VmContext,
    slots: *mut u64,
    ty: &module::FuncType,
    func: &impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()>,
) -> Result<()> {
    // SAFETY: wasm of the store waits for this call, so that the store is this call's to use; it is
    // dropped when nothing here uses the store any more.
    let _scope = unsafe { ptr.root_scope() };
    // SAFETY: as above.
    let mut context = unsafe { StoreContextMut::from_ptr(ptr) };
    context.tell(CallHook::CallingHost)?;
    let cell = context.cell_mut();
    // A list that an earlier call has left; calls inside this one find none and make their own.
    let mut values = core::mem::take(&mut cell.spare_values);
    values.clear();
    // SAFETY: the thunk has filled the slots with the parameters.
    let mut source = unsafe { Slots::new(&mut cell.runtime, slots, ty.param_slots()) };
    values.extend(ty.params().iter().map(|&ty| Val::from_value(source.take_value(ty))));
    // Of no type but that of functions: a closure that leaves another result alone has forgotten it.
    values.resize(values.len() + ty.results().len(), Val::null_func_ref());
    let (params, results) = values.split_at_mut(ty.params().len());
    let called = func(Caller::new(context, NonNull::new(caller)), params, results);

    // SAFETY: the context that the closure got is gone; the rest as above.
    let mut context = unsafe { StoreContextMut::<T>::from_ptr(ptr) };
    context.tell(CallHook::ReturningFromHost)?;
    called?;
    let cell = context.cell_mut();
    // SAFETY: the thunk has made room for the results.
    let mut target = unsafe { Slots::new(&mut cell.runtime, slots, ty.result_slots()) };
    for (position, (result, &ty)) in results.iter().zip(ty.results()).enumerate() {
        let value = result.to_value();
        value.check(ty).map_err(|error| {
            Error::from(error).context(format!(
                "function attempted to return an incompatible value as result {position}"
            ))
        })?;
        target.put_value(value)?;
    }
    cell.spare_values = values;
    Ok(())
}

/// The store's context and the data behind a host function's context.
///
/// # Safety
/// `callee` is the context of a host function whose data is a `Bound<T, B>`, and lives for `'a`.
#[inline(always)]
unsafe fn parts<'a, T: 'static, B>(
    callee: *mut HostFunctionContext,
) -> (NonNull<AbiStoreContext>, &'a Bound<T, B>) {
    // SAFETY: the caller's promises; a host function's store is never null.
    unsafe { (NonNull::new_unchecked((*callee).store), &*(*callee).data.cast::<Bound<T, B>>()) }
}

#[cold]
fn unwind(error: Error) -> Unwind {
    Unwind::Error(error.into_boxed_dyn_error())
}

/// Lends the data of the store whose limiter is being asked.
pub(crate) fn with_data<T: 'static, R>(embedder: *mut (), look: impl FnOnce(&mut T) -> R) -> R {
    // SAFETY: a limiter is given to the store whose data it looks for, by `Store::limiter`, and
    // asked with that store's address, which `Store::new` noted. Data is lent out by contexts only,
    // and whoever made the store grow has the only one.
    unsafe { StorePtr::<T>::with_data(embedder, look) }
}

/// Has the store's callback asked when its code has met the deadline, or has that be a trap.
pub(crate) fn ask_at_deadline<T: 'static>(store: &mut StoreContextMut<'_, T>, ask: bool) {
    let hook: Option<EpochHook> = if ask { Some(meet_deadline::<T>) } else { None };
    // SAFETY: the hook is that of `T`, whose store `Store::new` has noted as its embedder.
    unsafe { store.cell_mut().runtime.set_epoch_hook(hook) }
}

/// What is done when code of the store at `embedder` has met its deadline.
///
/// # Safety
/// `embedder` is the store of a `T` that `Store::new` noted, and code of that store waits for this
/// call.
unsafe fn meet_deadline<T: 'static>(embedder: *mut ()) -> Result<(), Unwind> {
    // SAFETY: the caller's promise.
    let ptr = unsafe { StorePtr::<T>::from_erased(embedder) };
    // SAFETY: wasm of the store waits for this call, so that the store is this call's to use; it is
    // dropped when nothing here uses the store any more.
    let _scope = unsafe { ptr.root_scope() };
    // SAFETY: as above.
    let mut context = unsafe { StoreContextMut::from_ptr(ptr) };
    let update = context.update_deadline();
    let runtime = &mut context.cell_mut().runtime;
    match update.map_err(unwind)? {
        UpdateDeadline::Interrupt => Err(TrapCode::Interrupt.into()),
        UpdateDeadline::Continue(ticks) => {
            runtime.set_epoch_deadline(ticks);
            Ok(())
        }
    }
}

/// The instance that called a host function, as wasm passes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallerInstance(NonNull<VmContext>);

// SAFETY: an address, used only by whoever has the store it belongs to.
unsafe impl Send for CallerInstance {}
// SAFETY: as above.
unsafe impl Sync for CallerInstance {}

impl<'a, T> Caller<'a, T> {
    fn new(store: StoreContextMut<'a, T>, caller: Option<NonNull<VmContext>>) -> Caller<'a, T> {
        Caller { store, instance: caller.map(CallerInstance) }
    }

    /// The instance that made the call; none if the host did, or it has been closed since.
    pub(crate) fn instance(&self) -> Option<brolga_runtime::InstanceId> {
        let instance = self.instance?;
        // SAFETY: made from what wasm passed to the host function that this is the caller of, or
        // from the instance whose start function that is; it waits for the call, so it is there.
        unsafe { self.store.cell().runtime.instance_of(instance.0) }
    }
}
