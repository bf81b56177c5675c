//! Functions as embedders hold them, with types known at run time.

use brolga_runtime::FuncId;

use crate::engine::call_dynamic;
use crate::handle::belongs;
use crate::host_call::HostFunc;
use crate::types::func_type;
use crate::{
    AsContext, AsContextMut, Caller, FuncType, IntoFunc, Result, StoreContextMut, TypedFunc, Val,
    WasmParams, WasmResults,
};

/// A function: of an instance, or the host's.
///
/// Call one with [`typed`](Func::typed) where its type is known when the program is written, with
/// [`call`](Func::call) otherwise.
///
/// ```
/// # use brolga::*;
/// # fn main() -> Result<()> {
/// let engine = Engine::default();
/// let mut store = Store::new(&engine, ());
/// let add = Func::wrap(&mut store, |a: i32, b: i32| a + b);
///
/// assert_eq!(add.typed::<(i32, i32), i32>(&store)?.call(&mut store, (2, 3))?, 5);
///
/// let mut results = [Val::I32(0)];
/// add.call(&mut store, &[Val::I32(2), Val::I32(3)], &mut results)?;
/// assert_eq!(results[0].unwrap_i32(), 5);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Func {
    id: FuncId,
}

impl Func {
    /// Makes a function of type `ty` out of a closure that gets its arguments as a list and writes
    /// its results to another, where each is a null `funcref` until then. An error ends the wasm
    /// call that called it, and so does a result of another type than `ty` says.
    ///
    /// # Panics
    /// If a limit of the store is reached, or the type is not supported; see [`Func::try_new`].
    pub fn new<T: 'static>(
        store: impl AsContextMut<Data = T>,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Func {
        expect(Func::try_new(store, ty, func))
    }

    /// [`Func::new`], with an error where that panics.
    ///
    /// # Errors
    /// If a limit of the store is reached, or the type is not supported.
    pub fn try_new<T: 'static>(
        mut store: impl AsContextMut<Data = T>,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<Func> {
        let func = HostFunc::new(ty, func)?;
        Func::bind(&func, &mut store.as_context_mut())
    }

    /// Makes a function out of a closure whose types say what its type is.
    ///
    /// The closure may take the [`Caller`] first, then up to 16 values, and return nothing, a
    /// value, a tuple of up to 16, or a [`Result`] of these. An error ends the wasm call that
    /// called it. The types that stand for WebAssembly's are
    ///
    /// | Rust | WebAssembly |
    /// |---|---|
    /// | `i32`, `u32` | `i32` |
    /// | `i64`, `u64` | `i64` |
    /// | `f32`, `f64` | `f32`, `f64` |
    /// | [`V128`](crate::V128) | `v128` |
    /// | `Option<Func>`, [`Func`] | `funcref`, `(ref func)` |
    /// | `Option<Rooted<ExternRef>>`, [`Rooted<ExternRef>`](crate::Rooted) | `externref`, `(ref extern)` |
    /// | `Option<OwnedRooted<ExternRef>>`, [`OwnedRooted<ExternRef>`](crate::OwnedRooted) | the same |
    /// | [`Option<NoFunc>`](crate::NoFunc), [`Option<NoExtern>`](crate::NoExtern) | `nullfuncref`, `nullexternref` |
    ///
    /// ```
    /// # use brolga::*;
    /// # fn main() -> Result<()> {
    /// let mut store = Store::new(&Engine::default(), 0);
    /// let count = Func::wrap(&mut store, |mut caller: Caller<'_, i32>, by: i32| -> Result<()> {
    ///     ensure!(by > 0, "counting goes upwards");
    ///     *caller.data_mut() += by;
    ///     Ok(())
    /// });
    /// let count = count.typed::<i32, ()>(&store)?;
    /// count.call(&mut store, 3)?;
    /// assert!(count.call(&mut store, -1).is_err());
    /// assert_eq!(*store.data(), 3);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Called by wasm, the closure runs on the call's stack, of which it has a mebibyte, however
    /// much wasm has used; see the [crate's documentation](crate#how-things-are).
    ///
    /// # Panics
    /// As [`Func::new`]; see [`Func::try_wrap`].
    pub fn wrap<T: 'static, Params, Results>(
        store: impl AsContextMut<Data = T>,
        func: impl IntoFunc<T, Params, Results>,
    ) -> Func {
        expect(Func::try_wrap(store, func))
    }

    /// [`Func::wrap`], with an error where that panics.
    ///
    /// # Errors
    /// As [`Func::try_new`].
    pub fn try_wrap<T: 'static, Params, Results>(
        mut store: impl AsContextMut<Data = T>,
        func: impl IntoFunc<T, Params, Results>,
    ) -> Result<Func> {
        let mut store = store.as_context_mut();
        let func = func.into_func(&store.cell().engine)?;
        Func::bind(&func, &mut store)
    }

    /// Makes a host function one of a store.
    pub(crate) fn bind<T>(func: &HostFunc<T>, store: &mut StoreContextMut<'_, T>) -> Result<Func> {
        Ok(Func { id: func.bind(store)? })
    }

    /// Its type.
    ///
    /// # Panics
    /// If it belongs to another store, or to an instance that has been closed.
    pub fn ty(&self, store: impl AsContext) -> FuncType {
        let store = store.as_context();
        let cell = store.cell();
        func_type(&cell.engine, &[], belongs(cell.runtime.func_type(self.id)))
    }

    /// Its type.
    ///
    /// # Errors
    /// Where [`Func::ty`] panics.
    pub(crate) fn try_ty(&self, store: impl AsContext) -> Result<FuncType> {
        let store = store.as_context();
        let cell = store.cell();
        Ok(func_type(&cell.engine, &[], cell.runtime.func_type(self.id)?))
    }

    /// Whether it can stand where a function of type `func_ty` is wanted.
    ///
    /// # Panics
    /// As [`Func::ty`].
    pub fn matches_ty(&self, store: impl AsContext, func_ty: &FuncType) -> bool {
        self.ty(store).matches(func_ty)
    }

    /// Calls it with `params`; writes what it returns to `results`, whose values before don't
    /// matter.
    ///
    /// # Errors
    /// A [`Trap`](crate::Trap) with the frames it came through, or an error of a host function;
    /// or, before anything ran, numbers or types of values that are not right, or something of
    /// another store.
    pub fn call(
        &self,
        mut store: impl AsContextMut,
        params: &[Val],
        results: &mut [Val],
    ) -> Result<()> {
        call_dynamic(store.as_context_mut(), self.id, params, results)
    }

    /// The function, to be called with Rust values of the types `Params` and `Results`: one of the
    /// types in [`Func::wrap`]'s table, or a tuple of up to 16; `()` is none.
    ///
    /// # Errors
    /// If they are not its types, or it belongs to another store or to an instance that has been
    /// closed.
    pub fn typed<Params, Results>(
        &self,
        store: impl AsContext,
    ) -> Result<TypedFunc<Params, Results>>
    where
        Params: WasmParams,
        Results: WasmResults,
    {
        TypedFunc::new(store, *self)
    }

    pub(crate) fn from_id(id: FuncId) -> Func {
        Func { id }
    }

    pub(crate) fn id(self) -> FuncId {
        self.id
    }
}

#[track_caller]
fn expect(func: Result<Func>) -> Func {
    match func {
        Ok(func) => func,
        Err(error) => panic!("{error:#}"),
    }
}
