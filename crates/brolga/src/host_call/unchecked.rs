//! Functions that are called, and that call, without anybody looking at types. This file is part of
//! a room for `unsafe`: who comes in here promises what is looked at elsewhere.
//!
//! **Trusts** its callers, as each function says.
//! **Promises** that numbers of values are right all the same, and that references out of
//! [`Func::to_raw`] stay good as long as their store. (Those to host objects are as good as the
//! objects are kept otherwise.)
//! **Tested by** `tests/unchecked.rs`.

use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use std::sync::Arc;

use brolga_abi::{HostFunctionContext, VmContext};
use brolga_module as module;
use brolga_runtime::{HostData, host_call_shim};

use super::{Body, Bound, Code, HostFunc, Slots, parts, unwind};
use crate::engine::{TypedCallee, call_raw};
use crate::store_cell::StorePtr;
use crate::{
    AsContext, AsContextMut, CallHook, Caller, ExternRef, Func, FuncType, HeapType, Linker, Result,
    StoreContextMut, TypedFunc, Val, ValRaw, ValType, WasmParams, WasmResults,
};

impl Func {
    /// [`Func::new`], with the arguments as a list of [`ValRaw`] in which the results are left.
    /// The list is as long as there are parameters or results, whichever are more.
    ///
    /// [`Func::wrap`] is quicker, and safe.
    ///
    /// ```
    /// # use brolga::*;
    /// # fn main() -> Result<()> {
    /// let mut store = Store::new(&Engine::default(), ());
    /// let ty = FuncType::new(store.engine(), [ValType::I32], [ValType::I64]);
    /// // SAFETY: an i32 is read, an i64 is written.
    /// let double = unsafe {
    ///     Func::new_unchecked(&mut store, ty, |_, values| {
    ///         let number = values[0].assume_init().get_i32();
    ///         values[0].write(ValRaw::i64(2 * i64::from(number)));
    ///         Ok(())
    ///     })
    /// };
    /// assert_eq!(double.typed::<i32, i64>(&store)?.call(&mut store, 21)?, 42);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// As [`Func::new`].
    ///
    /// # Safety
    /// If `func` returns `Ok`, it has written as many values as `ty` has results, each of its
    /// result's type. References among them are null, of [`Func::to_raw`] or
    /// [`ExternRef::to_raw`] with the store that it was given, or arguments of that very call.
    pub unsafe fn new_unchecked<T: 'static>(
        mut store: impl AsContextMut<Data = T>,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &mut [MaybeUninit<ValRaw>]) -> Result<()> + Send + Sync + 'static,
    ) -> Func {
        // SAFETY: the caller's promise.
        let func = unsafe { HostFunc::new_unchecked(ty, func) };
        match func.and_then(|func| Func::bind(&func, &mut store.as_context_mut())) {
            Ok(func) => func,
            Err(error) => panic!("{error:#}"),
        }
    }

    /// [`Func::call`], with the arguments in a list of [`ValRaw`] in which the results are left.
    ///
    /// # Errors
    /// As [`Func::call`], as far as that does not look at values; or if the list is shorter than
    /// there are parameters or results.
    ///
    /// # Safety
    /// - The list is there to read and write, and nobody else uses it meanwhile.
    /// - It holds as many values as the function has parameters, each of its parameter's type.
    ///   References among them are null, or of [`Func::to_raw`] or [`ExternRef::to_raw`] with
    ///   `store`, and something else keeps the objects until the function has them.
    pub unsafe fn call_unchecked(
        &self,
        mut store: impl AsContextMut,
        params_and_returns: *mut [ValRaw],
    ) -> Result<()> {
        let values: &mut [ValRaw] = match params_and_returns.is_null() {
            true => &mut [],
            // SAFETY: the caller's promise.
            false => unsafe { &mut *params_and_returns },
        };
        // SAFETY: the caller's promise.
        unsafe { call_raw(store.as_context_mut(), self.id(), values) }
    }

    /// The function that `raw` stands for, as [`Func::to_raw`] or a `funcref` parameter of
    /// [`Func::new_unchecked`] gave it; `None` for null, and for addresses that stand for nothing
    /// in this store. Looks through the store's instances.
    pub fn from_raw(mut store: impl AsContextMut, raw: *mut c_void) -> Option<Func> {
        let store = store.as_context_mut();
        store.cell().runtime.find_func(raw.addr()).map(Func::from_id)
    }

    /// An address that stands for the function in its store, as long as the store lives: an
    /// instance whose function it is stays, closed or not.
    ///
    /// # Panics
    /// If it belongs to another store or to an instance that has been closed, or no code to call
    /// it from wasm can be had.
    pub fn to_raw(&self, mut store: impl AsContextMut) -> *mut c_void {
        match store.as_context_mut().cell_mut().runtime.pinned_func_ref(self.id()) {
            Ok(func_ref) => func_ref.as_ptr().cast(),
            Err(error) => panic!("{error}"),
        }
    }
}

impl Val {
    /// The value without its type.
    ///
    /// # Errors
    /// If it is a reference that belongs to another store.
    pub fn to_raw(&self, store: impl AsContextMut) -> Result<ValRaw> {
        Ok(match *self {
            Val::I32(value) => ValRaw::i32(value),
            Val::I64(value) => ValRaw::i64(value),
            Val::F32(bits) => ValRaw::f32(bits),
            Val::F64(bits) => ValRaw::f64(bits),
            Val::V128(vector) => ValRaw::v128(vector.as_u128()),
            Val::FuncRef(None) | Val::ExternRef(None) => ValRaw::null(),
            Val::FuncRef(Some(func)) => {
                func.try_ty(store.as_context())?;
                ValRaw::funcref(func.to_raw(store))
            }
            Val::ExternRef(Some(object)) => ValRaw::externref(object.to_raw(store)?),
        })
    }

    /// The value of type `ty` that `raw` is. What is no reference of this store is null.
    pub fn from_raw(store: impl AsContextMut, raw: ValRaw, ty: ValType) -> Val {
        match ty {
            ValType::I32 => Val::I32(raw.get_i32()),
            ValType::I64 => Val::I64(raw.get_i64()),
            ValType::F32 => Val::F32(raw.get_f32()),
            ValType::F64 => Val::F64(raw.get_f64()),
            ValType::V128 => Val::V128(raw.get_v128().into()),
            ValType::Ref(ty) => match ty.heap_type().top() {
                HeapType::Extern => ExternRef::from_raw(store, raw.get_externref()).into(),
                _ => Func::from_raw(store, raw.get_funcref()).into(),
            },
        }
    }
}

impl<T: 'static> Linker<T> {
    /// Defines a host function that gets its arguments without types; see [`Func::new_unchecked`].
    ///
    /// # Errors
    /// If the name is taken, or the type is not supported.
    ///
    /// # Safety
    /// As [`Func::new_unchecked`].
    pub unsafe fn func_new_unchecked(
        &mut self,
        module: &str,
        name: &str,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &mut [MaybeUninit<ValRaw>]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<&mut Self> {
        // SAFETY: the caller's promise.
        let func = unsafe { HostFunc::new_unchecked(ty, func) }?;
        self.define_host(module, name, func)
    }
}

impl<Params: WasmParams, Results: WasmResults> TypedFunc<Params, Results> {
    /// [`Func::typed`], without a look at the function's type.
    ///
    /// # Safety
    /// [`Func::typed`] would succeed.
    pub unsafe fn new_unchecked(_store: impl AsContext, func: Func) -> Self {
        // SAFETY: the caller's promise.
        TypedFunc::from_callee(unsafe { TypedCallee::new_unchecked(func.id()) }, func)
    }
}

impl<T: 'static> HostFunc<T> {
    /// A closure that gets its arguments as a list of [`ValRaw`], and leaves its results there.
    ///
    /// # Safety
    /// As [`Func::new_unchecked`].
    unsafe fn new_unchecked<F>(ty: FuncType, func: F) -> Result<HostFunc<T>>
    where
        F: Fn(Caller<'_, T>, &mut [MaybeUninit<ValRaw>]) -> Result<()> + Send + Sync + 'static,
    {
        let lowered = ty.lower()?;
        let body = Arc::new(Unchecked { func, ty: lowered.clone() });
        Ok(HostFunc { ty, lowered, body })
    }
}

struct Unchecked<F> {
    func: F,
    ty: module::FuncType,
}

impl<T, F> Body<T> for Unchecked<F>
where
    T: 'static,
    F: Fn(Caller<'_, T>, &mut [MaybeUninit<ValRaw>]) -> Result<()> + Send + Sync + 'static,
{
    fn bind(self: Arc<Self>, store: StorePtr<T>) -> Code {
        let bound = Bound { store, body: self };
        let data = HostData::from_box(Box::new(bound));
        Code { call: enter_unchecked::<T, F>, stub: None, data }
    }
}

/// The entry of closures that get their arguments without types.
extern "C" fn enter_unchecked<T, F>(
    callee: *mut HostFunctionContext,
    caller: *mut VmContext,
    slots: *mut u64,
) where
    T: 'static,
    F: Fn(Caller<'_, T>, &mut [MaybeUninit<ValRaw>]) -> Result<()> + Send + Sync + 'static,
{
    // SAFETY: this entry is only put together with data of this type, in `bind`.
    let (store, bound) = unsafe { parts::<T, Unchecked<F>>(callee) };
    // SAFETY: code of the store has just called out to this function, whose frame owns nothing.
    unsafe {
        host_call_shim(store, || {
            run_unchecked(bound.store, caller, slots, &bound.body.ty, &bound.body.func)
                .map_err(unwind)
        })
    }
}

/// How many values are kept on the stack.
const VALUES: usize = 16;

/// The steps of a call without types.
///
/// # Safety
/// The parts are those of a call that is under way, of a function of type `ty`; `func` does what
/// [`Func::new_unchecked`] asks.
unsafe fn run_unchecked<T: 'static>(
    ptr: StorePtr<T>,
    caller: *mut VmContext,
    slots: *mut u64,
    ty: &module::FuncType,
    func: &impl Fn(Caller<'_, T>, &mut [MaybeUninit<ValRaw>]) -> Result<()>,
) -> Result<()> {
    // SAFETY: wasm of the store waits for this call, so that the store is this call's to use; it is
    // dropped when nothing here uses the store any more.
    let _scope = unsafe { ptr.root_scope() };
    // SAFETY: as above.
    let mut context = unsafe { StoreContextMut::from_ptr(ptr) };
    context.tell(CallHook::CallingHost)?;
    let count = ty.params().len().max(ty.results().len());
    let (mut few, mut many) = ([const { MaybeUninit::uninit() }; VALUES], Vec::new());
    let values = match few.get_mut(..count) {
        Some(values) => values,
        None => {
            many.resize(count, MaybeUninit::uninit());
            &mut many[..]
        }
    };
    let runtime = &mut context.cell_mut().runtime;
    // SAFETY: the thunk has filled the slots with the parameters.
    let mut source = unsafe { Slots::new(runtime, slots, ty.param_slots()) };
    for (value, ty) in values.iter_mut().zip(ty.params()) {
        let low = source.take();
        let high = if ty.slots() == 2 { source.take() } else { 0 };
        value.write(ValRaw::from_slots(low, high));
    }
    let called = func(Caller::new(context, NonNull::new(caller)), values);

    // SAFETY: the context that the closure got is gone; the rest as above.
    let mut context = unsafe { StoreContextMut::<T>::from_ptr(ptr) };
    context.tell(CallHook::ReturningFromHost)?;
    called?;
    let runtime = &mut context.cell_mut().runtime;
    // SAFETY: the thunk has made room for the results.
    let mut target = unsafe { Slots::new(runtime, slots, ty.result_slots()) };
    for (value, ty) in values.iter().zip(ty.results()) {
        // SAFETY: the closure has written its results, as whoever made the function promised.
        let [low, high] = unsafe { value.assume_init() }.to_slots();
        target.put(low);
        if ty.slots() == 2 {
            target.put(high);
        }
    }
    Ok(())
}
