//! Globals as embedders hold them.

use brolga_runtime::GlobalId;

use crate::handle::belongs;
use crate::types::global_type;
use crate::{AsContext, AsContextMut, GlobalType, Result, Val};

/// A global variable.
///
/// ```
/// # use brolga::*;
/// # fn main() -> Result<()> {
/// let engine = Engine::default();
/// let mut store = Store::new(&engine, ());
/// let ty = GlobalType::new(ValType::I32, Mutability::Var);
/// let global = Global::new(&mut store, ty, Val::I32(1))?;
/// global.set(&mut store, Val::I32(2))?;
/// assert_eq!(global.get(&mut store).unwrap_i32(), 2);
/// assert!(global.set(&mut store, Val::I64(2)).is_err());
/// # Ok(())
/// # }
/// ```
///
/// # Panics
/// Functions that return no `Result` panic if the global belongs to another store, or to an
/// instance that has been closed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Global {
    id: GlobalId,
}

impl Global {
    /// Makes a global that holds `val`.
    ///
    /// # Errors
    /// If `val` is not of the content's type or belongs to another store, or a limit of the store
    /// is against it.
    pub fn new(mut store: impl AsContextMut, ty: GlobalType, val: Val) -> Result<Global> {
        let mut store = store.as_context_mut();
        let ty = ty.lower()?;
        Ok(Global { id: store.cell_mut().runtime.new_global(ty, val.to_value())? })
    }

    /// Its type.
    pub fn ty(&self, store: impl AsContext) -> GlobalType {
        let store = store.as_context();
        let cell = store.cell();
        global_type(&cell.engine, &[], &belongs(cell.runtime.global_type(self.id)))
    }

    /// Its value.
    pub fn get(&self, mut store: impl AsContextMut) -> Val {
        let mut store = store.as_context_mut();
        Val::from_value(belongs(store.cell_mut().runtime.global_get(self.id)))
    }

    /// Changes its value.
    ///
    /// # Errors
    /// If it is immutable, `val` is not of its type, or something belongs to another store.
    pub fn set(&self, mut store: impl AsContextMut, val: Val) -> Result<()> {
        let mut store = store.as_context_mut();
        Ok(store.cell_mut().runtime.global_set(self.id, val.to_value())?)
    }

    pub(crate) fn from_id(id: GlobalId) -> Global {
        Global { id }
    }

    pub(crate) fn id(self) -> GlobalId {
        self.id
    }
}
