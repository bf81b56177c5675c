//! References as bare numbers, as the seam's argument slots hold them.
//!
//! **Invariants**
//! - A number is taken for a reference only if there is such a reference in the store: wasm
//!   follows references without asking, so a made-up one must never reach it.

use brolga_module::ValType;
use brolga_runtime::{FuncId, Store, Value};

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
    let value = match (number, reference.is_func()) {
        (0, _) => Some(Value::null(reference)),
        (address, true) => {
            let address = usize::try_from(address).ok();
            address.and_then(|address| store.find_func(address)).map(|func| Value::Func(Some(func)))
        }
        (number, false) => {
            let number = u32::try_from(number).ok();
            let object = number.and_then(|number| store.find_externref(number));
            object.map(|object| Value::Extern(Some(object)))
        }
    };
    match value {
        Some(value) => Ok(value.check(ty)?),
        None => Err(Error::msg(format!("{number:#x} is no reference of this store"))),
    }
}
