//! Globals: the cells of the host's, and access to every one.
//!
//! An instance's own globals are in its context; only the host's have a cell of their own.
//!
//! **Trusts** that a cell that code writes holds a value of the global's type.
//! **Promises** that what the host writes has the global's type, and that a function written is
//! callable for code.
//! **Tested by** `tests/table.rs`; with code, by the global tests of brolga.
//!
//! **Invariants**
//! - A cell is where it is as long as anything can name it.

use std::ptr::NonNull;

use brolga_abi::GlobalCell;
use brolga_module::{GlobalIndex, GlobalType, ValType};

use crate::arena::Place;
use crate::handle::GlobalPlace;
use crate::stable::Stable;
use crate::value::Bits;
use crate::{GlobalError, GlobalId, HandleError, Store, Value};

/// A global of the host's.
#[derive(Debug)]
pub(crate) struct HostGlobal {
    cell: Stable<GlobalCell>,
    ty: GlobalType,
}

impl Store {
    /// Makes a global of the host's.
    pub fn new_global(&mut self, ty: GlobalType, value: Value) -> Result<GlobalId, GlobalError> {
        value.check(ty.content)?;
        self.budget.limits.host_globals(self.arenas.globals.len() as u64 + 1)?;
        let cell = self.bits_of(value)?.to_cell(ty.content);
        let place = self.arenas.globals.insert(HostGlobal { cell: Stable::new(cell), ty });
        Ok(GlobalId { store: self.id(), place: GlobalPlace::Host(place) })
    }

    /// A global's type.
    pub fn global_type(&self, global: GlobalId) -> Result<GlobalType, HandleError> {
        self.checked_global(global).map(|(ty, _)| ty)
    }

    /// A global's value. A reference to a host object is rooted in the scope that is current.
    pub fn global_get(&mut self, global: GlobalId) -> Result<Value, HandleError> {
        let (ty, cell) = self.checked_global(global)?;
        // SAFETY: the cell is alive, as was just checked, and no code runs that could write it.
        let bits = Bits::from_cell(ty.content, unsafe { cell.read() });
        // SAFETY: a funcref in a global is of the global's store.
        Ok(unsafe { self.value_of(ty.content, bits) })
    }

    /// The value of a global of numbers; null where it holds references.
    pub fn global_number(&self, global: GlobalId) -> Result<Value, HandleError> {
        let (ty, cell) = self.checked_global(global)?;
        Ok(match ty.content {
            ValType::Ref(ty) => Value::null(ty),
            // SAFETY: as in `global_get`.
            ty => Bits::from_cell(ty, unsafe { cell.read() }).number(ty),
        })
    }

    /// Changes a global's value.
    pub fn global_set(&mut self, global: GlobalId, value: Value) -> Result<(), GlobalError> {
        let (ty, cell) = self.checked_global(global)?;
        if !ty.mutable {
            return Err(GlobalError::Immutable);
        }
        value.check(ty.content)?;
        let new = self.bits_of(value)?.to_cell(ty.content);
        // SAFETY: the cell is alive, as was just checked, and `bits_of` frees nothing; the store
        // is borrowed exclusively and no code runs.
        unsafe { cell.write(new) };
        Ok(())
    }

    fn checked_global(
        &self,
        global: GlobalId,
    ) -> Result<(GlobalType, NonNull<GlobalCell>), HandleError> {
        let place = global.within(self.id())?;
        self.placed_global(place).ok_or(GlobalId::GONE)
    }

    /// The type and cell of a global; none if its instance is gone or closed.
    pub(crate) fn placed_global(
        &self,
        place: GlobalPlace,
    ) -> Option<(GlobalType, NonNull<GlobalCell>)> {
        match place {
            GlobalPlace::Host(place) => {
                let global = self.arenas.globals.get(place)?;
                Some((global.ty, global.cell.as_non_null()))
            }
            GlobalPlace::Instance(place, index) => {
                self.is_usable(place).then(|| self.own_global(place, index))
            }
        }
    }

    /// What the globals of the host's hold whose types are such, as code sees it.
    pub(crate) fn host_global_bits(
        &self,
        is_such: fn(ValType) -> bool,
    ) -> impl Iterator<Item = Bits> {
        let globals = self.arenas.globals.iter().map(|(_, global)| global);
        let such = globals.filter(move |global| is_such(global.ty.content));
        such.map(|global| Bits::from_cell(global.ty.content, *global.cell.get()))
    }

    /// The type and cell of a global that an instance's module defines.
    pub(crate) fn own_global(
        &self,
        instance: Place,
        index: GlobalIndex,
    ) -> (GlobalType, NonNull<GlobalCell>) {
        let instance = self.instance(instance);
        (instance.code.module.globals[index.as_usize()], instance.global_cell(index))
    }
}
