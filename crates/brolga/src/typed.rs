//! Functions whose types are known when the program is written: called without looking at types
//! and without allocating.

use core::fmt;

use crate::engine::TypedCallee;
use crate::{AsContext, AsContextMut, Func, Result, WasmParams, WasmResults};

/// A [`Func`] whose type has been checked to be that of `Params` and `Results`.
///
/// ```
/// # use brolga::*;
/// # fn main() -> Result<()> {
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"(module
///     (func (export "divide") (param i32 i32) (result i32 i32)
///         (i32.div_u (local.get 0) (local.get 1))
///         (i32.rem_u (local.get 0) (local.get 1))))"#)?;
/// let mut store = Store::new(&engine, ());
/// let instance = Instance::new(&mut store, &module, &[])?;
/// let divide = instance.get_typed_func::<(u32, u32), (u32, u32)>(&mut store, "divide")?;
/// assert_eq!(divide.call(&mut store, (17, 5))?, (3, 2));
/// # Ok(())
/// # }
/// ```
pub struct TypedFunc<Params, Results> {
    callee: TypedCallee<Params, Results>,
    func: Func,
}

impl<Params: WasmParams, Results: WasmResults> TypedFunc<Params, Results> {
    pub(crate) fn new(store: impl AsContext, func: Func) -> Result<Self> {
        let callee = TypedCallee::new(store.as_context(), func.id())?;
        Ok(TypedFunc { callee, func })
    }

    pub(crate) fn from_callee(callee: TypedCallee<Params, Results>, func: Func) -> Self {
        TypedFunc { callee, func }
    }

    /// The function.
    pub fn func(&self) -> &Func {
        &self.func
    }

    /// Calls it.
    ///
    /// # Errors
    /// A [`Trap`](crate::Trap) with the frames it came through, or an error of a host function;
    /// or, before anything ran, something of another store or of an instance that has been closed.
    #[inline(always)]
    pub fn call(&self, mut store: impl AsContextMut, params: Params) -> Result<Results> {
        self.callee.call(store.as_context_mut(), params)
    }
}

impl<Params, Results> Clone for TypedFunc<Params, Results> {
    fn clone(&self) -> Self {
        TypedFunc { callee: self.callee.clone(), func: self.func }
    }
}

impl<Params, Results> fmt::Debug for TypedFunc<Params, Results> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypedFunc").field(&self.func).finish()
    }
}
