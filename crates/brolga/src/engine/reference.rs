//! References as bare numbers, as the seam's argument slots hold them.
//!
//! **Invariants**
//! - A number is taken for a reference only if there is such a reference in the store: wasm
//!   follows references without asking, so a made-up one must never reach it.

use brolga_module::{HeapType, ValType};
use brolga_runtime::{FuncId, Store, Value, ValueError};

use crate::{Error, Result};

/// The number of a reference to a function. It is good as long as the store.
pub(super) fn give(store: &mut Store, func: Option<FuncId>) -> Result<u64> {
    match func {
        None => Ok(0),
        Some(func) => Ok(store.pinned_func_ref(func)?.as_ptr().expose_provenance() as u64),
    }
}

/// An error if `number` is no reference of type `ty` in this store.
pub(super) fn check(store: &Store, ty: ValType, number: u64) -> Result<()> {
    let ValType::Ref(reference) = ty else { return Ok(()) };
    if number == 0 {
        return Ok(Value::null(reference).check(ty)?);
    }
    let found = match reference.is_func() {
        true => {
            let address = usize::try_from(number).ok();
            address.and_then(|address| store.find_func(address)).map(|_| HeapType::Func)
        }
        false => {
            let number = u32::try_from(number).ok();
            let is_known = number.is_some_and(|number| store.is_externref_number(number));
            is_known.then_some(HeapType::Extern)
        }
    };
    let Some(heap) = found else {
        return Err(Error::msg(format!("{number:#x} is no reference of this store")));
    };
    match reference.heap == heap {
        true => Ok(()),
        false => {
            let found = if heap == HeapType::Func { "function" } else { "externref" };
            Err(ValueError { expected: ty, found }.into())
        }
    }
}

/// Roots the object that a value is a reference to, where it is one, in the scope that is current:
/// until that ends the number is good.
pub(super) fn root(store: &mut Store, ty: ValType, number: u64) {
    if is_object(ty) {
        store.root_externref_number(number as u32);
    }
}

/// Whether it is the type of references to host objects.
pub(super) fn is_object(ty: ValType) -> bool {
    matches!(ty, ValType::Ref(reference) if !reference.is_func())
}
