//! A file on which the sandbox stands; changes need a second reader.
//!
//! The elements of a table of the store, and the view by which code finds them.
//!
//! **Trusts** that every funcref that is written is null or of this store, and callable.
//! **Promises** that the four fields of a function entry belong to one function, whoever wrote it,
//! and that the view tells place and size of the elements.
//! **Tested by** `tests/table.rs`.
//!
//! **Invariants**
//! - A table whose type has `max == min` never moves: there is nothing it could grow to.
//! - No reference to elements lives while code runs.

use std::ptr::NonNull;

use brolga_abi::{ExternTableEntry, FuncRef, FuncTableEntry, TableSlot, TableView};
use brolga_module::{IndexType, TableType};

use crate::GrowError;
use crate::close::Users;
use crate::limits::{Budget, Charge, Growth};
use crate::memory::range;
use crate::pool::{Pool, Slot};
use crate::stable::Stable;
use crate::value::Bits;

/// A table of the store.
#[derive(Debug)]
pub(crate) struct TableStorage {
    view: Stable<TableView>,
    pub(crate) ty: TableType,
    elements: Elements,
    pub(crate) users: Users,
    /// Its place in the engine's pool.
    _slot: Slot,
}

#[derive(Debug)]
enum Elements {
    Func(Vec<FuncTableEntry>),
    Extern(Vec<ExternTableEntry>),
}

/// Where a table's elements are.
#[derive(Clone, Copy)]
pub(crate) enum ElementsPtr {
    Func(*mut FuncTableEntry),
    Extern(*mut ExternTableEntry),
}

impl ElementsPtr {
    /// Copies a range of `from` here, to position `to`.
    ///
    /// # Safety
    /// Both ranges are inside their tables, the tables hold one kind of element, and nobody holds
    /// a reference to either.
    pub(crate) unsafe fn copy_from(self, from: Self, to: usize, range: std::ops::Range<usize>) {
        let len = range.len();
        match (self, from) {
            (Self::Func(target), Self::Func(source)) => {
                // SAFETY: the caller's promises; `copy` allows for overlap.
                unsafe { target.add(to).copy_from(source.add(range.start), len) }
            }
            (Self::Extern(target), Self::Extern(source)) => {
                // SAFETY: as above.
                unsafe { target.add(to).copy_from(source.add(range.start), len) }
            }
            _ => unreachable!("the two tables hold one kind of element"),
        }
    }
}

impl TableStorage {
    /// An empty table; see [`TableStorage::grow`].
    pub(crate) fn new(ty: TableType, slot: Slot) -> Self {
        let elements = match ty.element.is_func() {
            true => Elements::Func(Vec::new()),
            false => Elements::Extern(Vec::new()),
        };
        let base = NonNull::<FuncTableEntry>::dangling().as_ptr().cast();
        Self {
            view: Stable::new(TableView { base, len: 0 }),
            ty,
            elements,
            users: Users::default(),
            _slot: slot,
        }
    }

    /// The type, with the current size as its minimum: what an import is matched against.
    pub(crate) fn current_type(&self) -> TableType {
        TableType { min: self.len() as u64, ..self.ty }
    }

    pub(crate) fn len(&self) -> usize {
        self.view.get().len
    }

    /// What an instance that uses this table as type `declared` holds of it.
    pub(crate) fn slot(&self, declared: &TableType) -> TableSlot {
        let pinned = TableSlot::is_pinned(declared);
        let pinned_base = if pinned { self.view.get().base } else { std::ptr::null_mut() };
        TableSlot { pinned_base, view: self.view.as_ptr() }
    }

    /// The element at `position`, which must be inside.
    pub(crate) fn get(&self, position: usize) -> Bits {
        match &self.elements {
            Elements::Func(entries) => Bits::func(entries[position].func_ref),
            Elements::Extern(entries) => Bits(entries[position].0.into()),
        }
    }

    /// Writes the element at `position`, which must be inside.
    pub(crate) fn set(&mut self, position: usize, value: Bits) {
        match &mut self.elements {
            Elements::Func(entries) => entries[position] = func_entry(value),
            Elements::Extern(entries) => entries[position] = ExternTableEntry(value.0 as u32),
        }
    }

    /// The entries of a table of functions, to write: each gets what [`entry_of`] makes. None of
    /// another table.
    pub(crate) fn func_entries_mut(&mut self) -> Option<&mut [FuncTableEntry]> {
        match &mut self.elements {
            Elements::Func(entries) => Some(entries),
            Elements::Extern(_) => None,
        }
    }

    /// Writes `len` elements; none if out of bounds, and nothing has changed then.
    pub(crate) fn fill(&mut self, position: u64, value: Bits, len: u64) -> Option<()> {
        let range = range(self.len(), position, len)?;
        match &mut self.elements {
            Elements::Func(entries) => entries[range].fill(func_entry(value)),
            Elements::Extern(entries) => entries[range].fill(ExternTableEntry(value.0 as u32)),
        }
        Some(())
    }

    /// The functions in the table, null ones left out.
    pub(crate) fn functions(&self) -> impl Iterator<Item = *const FuncRef> {
        let entries: &[FuncTableEntry] = match &self.elements {
            Elements::Func(entries) => entries,
            Elements::Extern(_) => &[],
        };
        entries.iter().map(|entry| entry.func_ref).filter(|func_ref| !func_ref.is_null())
    }

    /// The host objects in the table.
    pub(crate) fn externrefs(&self) -> &[ExternTableEntry] {
        match &self.elements {
            Elements::Func(_) => &[],
            Elements::Extern(entries) => entries,
        }
    }

    /// Copies a range, which must be inside, to `to`, where it must fit.
    pub(crate) fn copy_within(&mut self, from: std::ops::Range<usize>, to: usize) {
        match &mut self.elements {
            Elements::Func(entries) => entries.copy_within(from, to),
            Elements::Extern(entries) => entries.copy_within(from, to),
        }
    }

    /// Where the elements are.
    pub(crate) fn elements(&self) -> ElementsPtr {
        let base = self.view.get().base;
        match self.elements {
            Elements::Func(_) => ElementsPtr::Func(base.cast()),
            Elements::Extern(_) => ElementsPtr::Extern(base.cast()),
        }
    }

    /// The largest size that type and index allow.
    fn max(&self) -> u64 {
        let index_max = match self.ty.index {
            IndexType::I32 => u32::MAX.into(),
            IndexType::I64 => u64::MAX,
        };
        self.ty.max.unwrap_or(index_max).min(index_max)
    }

    /// `table.grow`, at the expense of `budget`; gives the old size.
    pub(crate) fn grow(
        &mut self,
        budget: &mut Budget,
        pool: &Pool,
        delta: u64,
        init: Bits,
    ) -> Result<u64, GrowError> {
        self.grow_by(budget, pool, delta, |table, desired| table.grow_to(desired, init))
    }

    /// Puts entries behind those that are there, in a table of functions of one store; otherwise
    /// as [`TableStorage::grow`].
    pub(crate) fn extend(
        &mut self,
        budget: &mut Budget,
        pool: &Pool,
        new: impl ExactSizeIterator<Item = FuncTableEntry>,
    ) -> Result<u64, GrowError> {
        let elements = new.len() as u64;
        self.grow_by(budget, pool, elements, |table, _| {
            let Elements::Func(entries) = &mut table.elements else {
                unreachable!("only tables of functions are made from functions")
            };
            let room = entries.try_reserve_exact(new.len());
            room.map_err(|_| GrowError::OutOfMemory { elements })?;
            entries.extend(new);
            let view = TableView { base: entries.as_mut_ptr().cast(), len: entries.len() };
            *table.view.get_mut() = view;
            Ok(())
        })
    }

    /// Grows by `delta` elements, at the expense of `budget`, with what `grow` puts there.
    fn grow_by(
        &mut self,
        budget: &mut Budget,
        pool: &Pool,
        delta: u64,
        grow: impl FnOnce(&mut Self, u64) -> Result<(), GrowError>,
    ) -> Result<u64, GrowError> {
        let old = self.len() as u64;
        if delta == 0 {
            return Ok(old);
        }
        let asked = u128::from(old) + u128::from(delta);
        let desired = u64::try_from(asked).unwrap_or(u64::MAX);
        let growth = Growth { current: old, desired, max: self.ty.max };
        budget.ask(Charge::Table, growth, |budget| {
            let max = self.max();
            if asked > u128::from(max) {
                return Err(GrowError::Maximum { asked, max, unit: "elements" });
            }
            pool.check_table(desired)?;
            budget.charge(Charge::Table, growth)?;
            grow(self, desired).inspect_err(|_| budget.give_back(Charge::Table, delta))
        })?;
        Ok(old)
    }

    /// Makes the table `len` elements long, which is no less than it is; new ones are `init`.
    fn grow_to(&mut self, len: u64, init: Bits) -> Result<(), GrowError> {
        let elements = len - self.len() as u64;
        let refused = GrowError::OutOfMemory { elements };
        let Ok(len) = usize::try_from(len) else { return Err(refused) };
        let fixed = TableSlot::is_pinned(&self.ty);
        let base = match &mut self.elements {
            Elements::Func(entries) => extend(entries, len, func_entry(init), fixed),
            Elements::Extern(entries) => {
                extend(entries, len, ExternTableEntry(init.0 as u32), fixed)
            }
        };
        let Some(base) = base else { return Err(refused) };
        *self.view.get_mut() = TableView { base, len };
        Ok(())
    }
}

/// Lengthens `entries` to `len`; gives where they are now, or none if there is no memory.
fn extend<T: Copy>(entries: &mut Vec<T>, len: usize, init: T, fixed: bool) -> Option<*mut u8> {
    let more = len.checked_sub(entries.len())?;
    let room = match fixed {
        true => entries.try_reserve_exact(more),
        false => entries.try_reserve(more),
    };
    room.ok()?;
    entries.resize(len, init);
    Some(entries.as_mut_ptr().cast())
}

/// The entry of a table for a funcref.
fn func_entry(value: Bits) -> FuncTableEntry {
    match NonNull::new(value.as_func().cast_mut()) {
        None => FuncTableEntry::NULL,
        // SAFETY: a funcref in `Bits` is null or the address of a FuncRef of this store (invariant
        // of `Bits`), which lives until nothing refers to it.
        Some(func_ref) => unsafe { entry_of(func_ref) },
    }
}

/// The entry of a table for a function.
///
/// # Safety
/// `func_ref` is a function of the table's store, and callable by wasm.
#[inline]
pub(crate) unsafe fn entry_of(func_ref: NonNull<FuncRef>) -> FuncTableEntry {
    // SAFETY: the caller says that it is there.
    let FuncRef { wasm_code, vmctx, type_id, .. } = *unsafe { func_ref.as_ref() };
    FuncTableEntry { wasm_code, vmctx, func_ref: func_ref.as_ptr(), type_id, reserved: 0 }
}
