//! The call engine: one function of one store, ready to be called with bare slots.

use brolga_runtime::FuncId;

use super::enter::SlotCallee;
use crate::{AsContextMut, Result, StoreContextMut};

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
    callee: SlotCallee,
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
        Ok(CallEngine { callee: SlotCallee::new(store, func)? })
    }

    /// How many slots the parameters take.
    pub fn param_slots(&self) -> usize {
        self.callee.ty().param_slots()
    }

    /// How many slots the results take.
    pub fn result_slots(&self) -> usize {
        self.callee.ty().result_slots()
    }

    /// Calls the function; gives its results. The number of a host object is good like a
    /// [`Rooted`](crate::Rooted) reference to it: until the host function in which this is called
    /// returns, or the [`RootScope`](crate::RootScope) ends.
    ///
    /// # Errors
    /// A [`Trap`](crate::Trap) with the frames it came through; an error of a host function; or,
    /// before anything ran, a number of slots or a reference that is not right, or another store.
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
        let expected = self.param_slots().max(self.result_slots());
        check_count("parameters and results", expected, slots.len())?;
        self.callee.call(&mut store.as_context_mut(), slots)
    }
}

fn check_count(what: &'static str, expected: usize, found: usize) -> Result<()> {
    match expected == found {
        true => Ok(()),
        false => Err(SlotCountError { what, expected, found }.into()),
    }
}
