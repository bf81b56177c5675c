//! Tables as embedders hold them.

use brolga_runtime::TableId;

use crate::handle::belongs;
use crate::types::table_type;
use crate::{AsContext, AsContextMut, Ref, Result, TableType};

/// A table of references.
///
/// ```
/// # use brolga::*;
/// # fn main() -> Result<()> {
/// let engine = Engine::default();
/// let mut store = Store::new(&engine, ());
/// let table = Table::new(&mut store, TableType::new(RefType::FUNCREF, 2, None), Ref::Func(None))?;
/// let func = Func::wrap(&mut store, || 42);
/// table.set(&mut store, 1, func.into())?;
/// assert!(table.get(&mut store, 1).is_some_and(|it| it.is_non_null()));
/// assert!(table.get(&mut store, 2).is_none());
/// assert_eq!(table.grow(&mut store, 3, Ref::Func(None))?, 2);
/// # Ok(())
/// # }
/// ```
///
/// # Panics
/// Functions that return no `Result` panic if the table belongs to another store, or to an
/// instance that has been closed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Table {
    id: TableId,
}

impl Table {
    /// Makes a table, every element `init`.
    ///
    /// # Errors
    /// If `init` is not of the element type or belongs to another store, or a limit of the store
    /// is against it.
    pub fn new(mut store: impl AsContextMut, ty: TableType, init: Ref) -> Result<Table> {
        let mut store = store.as_context_mut();
        let ty = ty.lower()?;
        Ok(Table { id: store.cell_mut().runtime.new_table(ty, init.to_value())? })
    }

    /// Its type, with the current size as minimum.
    pub fn ty(&self, store: impl AsContext) -> TableType {
        let store = store.as_context();
        let cell = store.cell();
        table_type(&cell.engine, &[], &belongs(cell.runtime.table_type(self.id)))
    }

    /// The element at `index`; `None` if there is none.
    ///
    /// # Panics
    /// See [`Table`].
    pub fn get(&self, mut store: impl AsContextMut, index: u64) -> Option<Ref> {
        let mut store = store.as_context_mut();
        let runtime = &mut store.cell_mut().runtime;
        if index >= belongs(runtime.table_size(self.id)) {
            return None;
        }
        runtime.table_get(self.id, index).ok().map(Ref::from_value)
    }

    /// Writes the element at `index`.
    ///
    /// # Errors
    /// If there is no such element, `val` is not of the element type, or something belongs to
    /// another store.
    pub fn set(&self, store: impl AsContextMut, index: u64, val: Ref) -> Result<()> {
        self.fill(store, index, val, 1)
    }

    /// How many elements there are.
    pub fn size(&self, store: impl AsContext) -> u64 {
        belongs(store.as_context().cell().runtime.table_size(self.id))
    }

    /// Grows the table by `delta` elements, each `init`; gives the old size.
    ///
    /// # Errors
    /// If its type or a limit of the store is against it, `init` is not of the element type, or
    /// something belongs to another store. Nothing has changed then.
    pub fn grow(&self, mut store: impl AsContextMut, delta: u64, init: Ref) -> Result<u64> {
        let mut store = store.as_context_mut();
        Ok(store.cell_mut().runtime.table_grow(self.id, delta, init.to_value())?)
    }

    /// Copies `len` elements of `src_table`, from `src_index` on, to `dst_table` from `dst_index`
    /// on. The ranges may overlap.
    ///
    /// # Errors
    /// If a range is not inside its table, the tables hold different types, or one belongs to
    /// another store. Nothing has changed then.
    pub fn copy(
        mut store: impl AsContextMut,
        dst_table: &Table,
        dst_index: u64,
        src_table: &Table,
        src_index: u64,
        len: u64,
    ) -> Result<()> {
        let mut store = store.as_context_mut();
        let runtime = &mut store.cell_mut().runtime;
        Ok(runtime.table_copy(dst_table.id, dst_index, src_table.id, src_index, len)?)
    }

    /// Writes `val` to `len` elements from `dst` on.
    ///
    /// # Errors
    /// As [`Table::set`]. Nothing has changed then.
    pub fn fill(&self, mut store: impl AsContextMut, dst: u64, val: Ref, len: u64) -> Result<()> {
        let mut store = store.as_context_mut();
        Ok(store.cell_mut().runtime.table_fill(self.id, dst, val.to_value(), len)?)
    }

    pub(crate) fn from_id(id: TableId) -> Table {
        Table { id }
    }

    pub(crate) fn id(self) -> TableId {
        self.id
    }
}
