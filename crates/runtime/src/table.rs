//! A file on which the sandbox stands; changes need a second reader.
//!
//! Tables: the store's, which code reads and writes through their views, and those that are part
//! of a module's image, which nobody writes.
//!
//! **Trusts** that every funcref that comes from code is null or of this store, and callable.
//! **Promises** that an operation out of bounds, or with a value of another type, changes nothing.
//! **Tested by** `tests/table.rs`; with code, by the table tests of brolga.
//!
//! **Invariants**
//! - Only functions that code may call get into a table.

use brolga_abi::{FuncTableEntry, FunctionTypeId, TrapCode};
use brolga_module::{TableIndex, TableType, ValType};

use crate::arena::Place;
use crate::close::Users;

use crate::handle::{FuncPlace, TablePlace};
use crate::limits::Charge;
use crate::memory::range;
use crate::pool::Pooled;
use crate::table_storage::TableStorage;
use crate::value::Bits;
use crate::{FuncId, GrowError, HandleError, LookupError, Store, TableError, TableId, Value};

impl Store {
    /// Makes a table of the host's, every element `init`.
    pub fn new_table(&mut self, ty: TableType, init: Value) -> Result<TableId, GrowError> {
        let element = ValType::Ref(ty.element);
        init.check(element)?;
        let init = self.bits_of(init).map_err(GrowError::Func)?;
        let place = self.allocate_table(ty, init)?;
        self.table_mut(place).users = Users::host();
        Ok(TableId { store: self.id(), place: TablePlace::Store(place) })
    }

    /// A table's type; its `min` is the current size.
    pub fn table_type(&self, table: TableId) -> Result<TableType, HandleError> {
        Ok(match self.checked_table(table)? {
            TablePlace::Store(place) => self.table(place).current_type(),
            TablePlace::Static(instance, index) => {
                let ty = self.instance(instance).code.module.tables[index.as_usize()];
                TableType { max: Some(ty.min), ..ty }
            }
        })
    }

    /// How many elements a table has.
    pub fn table_size(&self, table: TableId) -> Result<u64, HandleError> {
        Ok(match self.checked_table(table)? {
            TablePlace::Store(place) => self.table(place).len() as u64,
            TablePlace::Static(instance, index) => {
                self.instance(instance).code.module.tables[index.as_usize()].min
            }
        })
    }

    /// The element at `position`.
    pub fn table_get(&mut self, table: TableId, position: u64) -> Result<Value, TableError> {
        match self.checked_table(table)? {
            TablePlace::Store(place) => {
                let table = self.table(place);
                let found = range(table.len(), position, 1).ok_or_else(|| {
                    TableError::OutOfBounds { position, len: 1, size: table.len() as u64 }
                })?;
                let bits = table.get(found.start);
                // SAFETY: functions in a table are of its store.
                Ok(unsafe { self.value_of(ValType::Ref(table.ty.element), bits) })
            }
            TablePlace::Static(instance, index) => {
                let code = &self.instance(instance).code;
                let size = code.module.tables[index.as_usize()].min;
                let func = static_element(code, index, position)
                    .ok_or(TableError::OutOfBounds { position, len: 1, size })?;
                Ok(Value::Func(func.map(|func| FuncId {
                    store: self.id(),
                    place: FuncPlace::Instance(instance, func),
                })))
            }
        }
    }

    /// Writes the element at `position`.
    pub fn table_set(
        &mut self,
        table: TableId,
        position: u64,
        value: Value,
    ) -> Result<(), TableError> {
        self.table_fill(table, position, value, 1)
    }

    /// Writes `len` elements from `position` on.
    pub fn table_fill(
        &mut self,
        table: TableId,
        position: u64,
        value: Value,
        len: u64,
    ) -> Result<(), TableError> {
        let place = self.writable_table(table)?;
        value.check(ValType::Ref(self.table(place).ty.element))?;
        let bits = self.bits_of(value)?;
        let table = self.table_mut(place);
        let size = table.len() as u64;
        table.fill(position, bits, len).ok_or(TableError::OutOfBounds { position, len, size })
    }

    /// Grows a table by `delta` elements, each `init`; gives the old size.
    ///
    /// # Errors
    /// If the type, a limit of the store, the embedder's hook or the allocator is against it.
    /// Nothing has changed then.
    pub fn table_grow(
        &mut self,
        table: TableId,
        delta: u64,
        init: Value,
    ) -> Result<u64, GrowError> {
        let place = match self.checked_table(table)? {
            TablePlace::Store(place) => place,
            TablePlace::Static(..) => return Err(GrowError::StaticTable),
        };
        init.check(ValType::Ref(self.table(place).ty.element))?;
        let init = self.bits_of(init).map_err(GrowError::Func)?;
        self.grow_table(place, delta, init)
    }

    /// Copies `len` elements from one table to another, or within one.
    pub fn table_copy(
        &mut self,
        to: TableId,
        to_position: u64,
        from: TableId,
        from_position: u64,
        len: u64,
    ) -> Result<(), TableError> {
        let to = self.writable_table(to)?;
        let from = self.writable_table(from)?;
        if self.table(to).ty.element != self.table(from).ty.element {
            return Err(TableError::ElementTypes);
        }
        for (place, position) in [(to, to_position), (from, from_position)] {
            let size = self.table(place).len();
            range(size, position, len).ok_or(TableError::OutOfBounds {
                position,
                len,
                size: size as u64,
            })?;
        }
        let copied = self.copy_table(to, from, to_position, from_position, len);
        debug_assert!(copied.is_some(), "the bounds were just checked");
        Ok(())
    }

    /// The function that `call_indirect` with type `type_id` and this position would call.
    ///
    /// # Errors
    /// [`LookupError::Trap`] with what `call_indirect` would trap with.
    pub fn lookup_function(
        &mut self,
        table: TableId,
        type_id: FunctionTypeId,
        position: u64,
    ) -> Result<FuncId, LookupError> {
        let scope = self.root_scope();
        let func = match self.table_get(table, position) {
            Ok(Value::Func(func)) => func.ok_or(LookupError::Trap(TrapCode::IndirectCallToNull))?,
            Ok(_) => {
                self.leave_root_scope(scope);
                return Err(TableError::ElementTypes.into());
            }
            Err(TableError::OutOfBounds { .. }) => {
                return Err(LookupError::Trap(TrapCode::UndefinedElement));
            }
            Err(error) => return Err(error.into()),
        };
        if self.placed_func_type_id(func.place) != type_id {
            return Err(LookupError::Trap(TrapCode::BadSignature));
        }
        Ok(func)
    }

    fn writable_table(&self, table: TableId) -> Result<Place, TableError> {
        match self.checked_table(table)? {
            TablePlace::Store(place) => Ok(place),
            TablePlace::Static(..) => Err(TableError::StaticTable),
        }
    }

    pub(crate) fn checked_table(&self, table: TableId) -> Result<TablePlace, HandleError> {
        let place = table.within(self.id())?;
        let open = match place {
            TablePlace::Store(place) => {
                self.arenas.tables.get(place).is_some_and(|table| table.users.is_open())
            }
            TablePlace::Static(instance, _) => self.is_open(instance),
        };
        if open { Ok(place) } else { Err(TableId::GONE) }
    }
}

impl Store {
    /// The table at a place known to hold one.
    pub(crate) fn table(&self, place: Place) -> &TableStorage {
        self.arenas.tables.get(place).expect("tables outlive the instances that use them")
    }

    /// The table at a place known to hold one.
    pub(crate) fn table_mut(&mut self, place: Place) -> &mut TableStorage {
        self.arenas.tables.get_mut(place).expect("tables outlive the instances that use them")
    }

    /// Makes a table that nobody uses yet.
    pub(crate) fn allocate_table(&mut self, ty: TableType, init: Bits) -> Result<Place, GrowError> {
        self.budget.limits.tables(self.arenas.tables.len() as u64 + 1)?;
        // Whoever is asked may panic: then the table must not be in the store yet.
        let mut table = TableStorage::new(ty, self.config.pool.take(Pooled::Table)?);
        table.grow(&mut self.budget, &self.config.pool, ty.min, init)?;
        Ok(self.arenas.tables.insert(table))
    }

    /// Makes a table of functions that nobody uses yet, with these entries.
    pub(crate) fn allocate_filled_table(
        &mut self,
        ty: TableType,
        entries: impl ExactSizeIterator<Item = FuncTableEntry>,
    ) -> Result<Place, GrowError> {
        self.budget.limits.tables(self.arenas.tables.len() as u64 + 1)?;
        let mut table = TableStorage::new(ty, self.config.pool.take(Pooled::Table)?);
        table.extend(&mut self.budget, &self.config.pool, entries)?;
        Ok(self.arenas.tables.insert(table))
    }

    pub(crate) fn free_table(&mut self, place: Place) {
        if let Some(table) = self.arenas.tables.remove(place) {
            self.budget.give_back(Charge::Table, table.len() as u64);
        }
    }

    /// See [`TableStorage::grow`].
    pub(crate) fn grow_table(
        &mut self,
        place: Place,
        delta: u64,
        init: Bits,
    ) -> Result<u64, GrowError> {
        let table = self.arenas.tables.get_mut(place);
        let table = table.expect("tables outlive the instances that use them");
        table.grow(&mut self.budget, &self.config.pool, delta, init)
    }

    /// `table.copy`; none if out of bounds, and nothing has changed then.
    pub(crate) fn copy_table(
        &mut self,
        to: Place,
        from: Place,
        to_position: u64,
        from_position: u64,
        len: u64,
    ) -> Option<()> {
        let from_range = range(self.table(from).len(), from_position, len)?;
        let to_range = range(self.table(to).len(), to_position, len)?;
        if to == from {
            self.table_mut(to).copy_within(from_range, to_range.start);
            return Some(());
        }
        let from = self.table(from).elements();
        let to = self.table(to).elements();
        // SAFETY: both ranges are inside their tables, which are different allocations; validation
        // or `table_copy` saw that both hold elements of one kind, and no reference into either
        // is alive.
        unsafe { to.copy_from(from, to_range.start, from_range) };
        Some(())
    }
}

/// The element of a static table: none out of bounds, `Some(None)` for null.
pub(crate) fn static_element(
    code: &crate::LoadedCode,
    table: TableIndex,
    position: u64,
) -> Option<Option<brolga_module::FuncIndex>> {
    let size = code.module.tables[table.as_usize()].min;
    if position >= size {
        return None;
    }
    let functions = &code.image.static_table(table)?.functions;
    // The image need not spell out the nulls at the end.
    let func = usize::try_from(position).ok().and_then(|at| *functions.get(at)?);
    Some(func.map(|func| code.module.func_index(func)))
}
