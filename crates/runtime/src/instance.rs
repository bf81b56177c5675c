//! Instances: what the store keeps of each, and what embedders ask of one.
//!
//! ```text
//!  InstanceData ── context ──▶ VmContext │ slots …        (code reads and writes)
//!       │ code: Arc<LoadedCode>
//!       └ places of its memories and tables, homes of its imported globals
//! ```
//!
//! **Trusts** that a `VmContext` pointer handed in is of this store.
//! **Promises** handles to what an instance really has.
//! **Tested by** `tests/instantiate.rs` and `tests/close.rs`.
//!
//! **Invariants**
//! - A context stays where it is until nothing can reach it: see `close.rs`.
//! - Places in an instance are of memories, tables and instances that live no shorter than it.

use std::collections::{HashMap, HashSet};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use brolga_abi::{FuncRef, GlobalCell, ImportedFunction, VmContext};
use brolga_module::{
    DataIndex, DataMode, ElemIndex, ElementMode, ExportItem, FuncIndex, GlobalIndex, MemoryIndex,
    TableIndex,
};

use crate::arena::Place;
use crate::close::{Users, is_func};
use crate::context::ContextMemory;
use crate::handle::{FuncPlace, GlobalPlace, TablePlace};
use crate::pool::Slot;
use crate::stable::Stable;
use crate::{
    Extern, FuncId, GlobalId, HandleError, InstanceId, LoadedCode, MemoryId, Store, TableId,
};

/// What the store keeps of an instance.
#[derive(Debug)]
pub(crate) struct InstanceData {
    pub(crate) code: Arc<LoadedCode>,
    pub(crate) context: ContextMemory,
    /// By memory index.
    pub(crate) memories: Box<[Place]>,
    /// By table index; none where the table is part of the image.
    pub(crate) tables: Box<[Option<Place>]>,
    /// By global index.
    pub(crate) imported_globals: Box<[GlobalPlace]>,
    /// The other instances that functions and globals are imported from, each once.
    pub(crate) exporters: Box<[Place]>,
    /// The instances that import functions or globals from this one.
    pub(crate) importers: Users,
    pub(crate) state: State,
    /// Whether others, the host or an importer, may have put references to its functions anywhere.
    pub(crate) handed_out: bool,
    /// Whether the embedder was given a table or a global of its own that holds functions: exported
    /// or not, it may pass it on, and copy from it. Atomic because looking needs no exclusive
    /// access.
    pub(crate) named: AtomicBool,
    /// Whether the embedder holds a bare reference to one of its functions.
    pub(crate) pinned: bool,
    /// References to functions that have no slot in the context.
    pub(crate) extra_func_refs: HashMap<FuncIndex, Stable<FuncRef>>,
    /// Keeps entries in `extra_func_refs` that are not of `code`.
    pub(crate) extra_code: Vec<Arc<LoadedCode>>,
    /// The passive segments that code has dropped; the others are dropped by instantiation.
    pub(crate) dropped_data: HashSet<DataIndex>,
    pub(crate) dropped_elements: HashSet<ElemIndex>,
    /// Its place in the engine's pool.
    pub(crate) _slot: Slot,
}

/// The slots for references to an instance's functions.
pub(crate) struct FuncRefSlots<'a> {
    /// There are as many as templates.
    pub(crate) first: NonNull<FuncRef>,
    templates: &'a [FuncRef],
    positions: &'a [u32],
    pub(crate) vmctx: *mut VmContext,
}

impl FuncRefSlots<'_> {
    /// Fills in all that templates are complete for: in an instance that is being made, where
    /// those that are filled in were so from the same templates.
    pub(crate) fn fill_all(&self) {
        for (position, template) in self.templates.iter().enumerate() {
            let &FuncRef { wasm_code, host_entry, type_id, func_index, .. } = template;
            if !wasm_code.is_null() {
                let vmctx = self.vmctx;
                // SAFETY: there is a slot for each template, in a live context; no reference to it
                // is alive.
                unsafe {
                    let slot = self.first.add(position);
                    slot.write(FuncRef { wasm_code, host_entry, vmctx, type_id, func_index });
                }
            }
        }
    }

    /// See [`InstanceData::filled_func_ref`].
    #[inline(always)]
    pub(crate) fn filled(&self, func: FuncIndex) -> Option<NonNull<FuncRef>> {
        let position = self.positions[func.as_usize()] as usize;
        let template = self.templates.get(position)?;
        // SAFETY: there is a slot for each template.
        let slot = unsafe { self.first.add(position) };
        // SAFETY: the slot is in a live context, and zeroed or filled; no reference to it is alive
        // when it is filled. What it was filled with stays: others have its address.
        unsafe {
            if (&raw const (*slot.as_ptr()).wasm_code).read().is_null() {
                let &FuncRef { wasm_code, host_entry, type_id, func_index, .. } = template;
                if wasm_code.is_null() {
                    return None;
                }
                slot.write(FuncRef {
                    wasm_code,
                    host_entry,
                    vmctx: self.vmctx,
                    type_id,
                    func_index,
                });
            }
        }
        Some(slot)
    }
}

// SAFETY: what the pointers in the context point to belongs to the same store.
unsafe impl Send for InstanceData {}

/// Where in its life an instance is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// In use.
    Open,
    /// Closed, but still reachable.
    Closed,
    /// Its instantiation failed, but what it wrote into imported tables still leads to it.
    Failed,
}

impl InstanceData {
    pub(crate) fn vmctx(&self) -> NonNull<VmContext> {
        self.context.vmctx()
    }

    /// The cell of a global that the module defines.
    pub(crate) fn global_cell(&self, global: GlobalIndex) -> NonNull<GlobalCell> {
        let offset = self.code.layout.global(global);
        self.context.at(offset.expect("imported globals are named by who defines them"))
    }

    /// The slot for the reference to a function that the module defines, if it has one.
    #[inline]
    pub(crate) fn func_ref_slot(&self, func: FuncIndex) -> Option<NonNull<FuncRef>> {
        self.code.layout.func_ref(func).map(|offset| self.context.at(offset))
    }

    /// The reference to a function in its slot, filled in now if it was not; none if it has no slot
    /// or the module no entry for hosts.
    #[inline]
    pub(crate) fn filled_func_ref(&self, func: FuncIndex) -> Option<NonNull<FuncRef>> {
        self.func_refs().filled(func)
    }

    /// The slots of references, to fill many.
    #[inline]
    pub(crate) fn func_refs(&self) -> FuncRefSlots<'_> {
        let templates = self.code.func_refs();
        let (offset, positions) = self.code.layout.func_refs();
        let first = self.context.array_at(offset, templates.len());
        FuncRefSlots { first, templates, positions, vmctx: self.vmctx().as_ptr() }
    }

    /// The function whose reference, filled in, is at `address`.
    pub(crate) fn func_ref_at(&self, address: usize) -> Option<FuncIndex> {
        let extra = self.extra_func_refs.iter();
        let mut extra = extra.filter(|(_, boxed)| boxed.as_non_null().addr().get() == address);
        if let Some((&func, _)) = extra.next() {
            return Some(func);
        }
        let offset = address.checked_sub(self.vmctx().addr().get())?;
        let offset = u32::try_from(offset).ok().filter(|offset| offset.is_multiple_of(8))?;
        let end = (offset as usize).checked_add(size_of::<FuncRef>())?;
        if end > self.code.layout.size_bytes() as usize {
            return None;
        }
        // Whatever is there, it is initialised: the index tells whether it is a function's slot.
        let slot = self.context.at::<FuncRef>(offset);
        // SAFETY: the bytes are inside the context and every one of them is initialised.
        let func = FuncIndex(unsafe { (&raw const (*slot.as_ptr()).func_index).read() });
        self.code.module.functions.get(func.as_usize())?;
        // SAFETY: as above.
        let filled = unsafe { !(&raw const (*slot.as_ptr()).wasm_code).read().is_null() };
        (filled && self.code.layout.func_ref(func) == Some(offset)).then_some(func)
    }

    /// The reference to an imported function.
    pub(crate) fn imported_func_ref(&self, func: FuncIndex) -> *const FuncRef {
        let offset = self.code.layout.imported_function(func);
        let imported = self.context.at::<ImportedFunction>(offset);
        // SAFETY: instantiation filled it in.
        unsafe { (*imported.as_ptr()).func_ref }
    }

    /// A data segment's bytes as `memory.init` finds them: none of one that has been dropped.
    pub(crate) fn data_bytes(&self, data: DataIndex) -> &[u8] {
        let segment = &self.code.module.data[data.as_usize()];
        let dropped = !matches!(segment.mode, DataMode::Passive);
        if dropped || self.dropped_data.contains(&data) {
            return &[];
        }
        self.code.module.data_bytes(data)
    }

    /// Whether `table.init` finds no elements any more in a segment.
    pub(crate) fn is_element_dropped(&self, elem: ElemIndex) -> bool {
        let passive = matches!(self.code.module.element(elem).mode, ElementMode::Passive);
        !passive || self.dropped_elements.contains(&elem)
    }
}

impl Store {
    /// The module that an instance is of.
    pub fn instance_code(&self, instance: InstanceId) -> Result<&Arc<LoadedCode>, HandleError> {
        self.checked_instance(instance).map(|place| &self.instance(place).code)
    }

    /// An instance's context, as code gets it.
    pub fn instance_vmctx(&self, instance: InstanceId) -> Result<NonNull<VmContext>, HandleError> {
        self.checked_instance(instance).map(|place| self.instance(place).vmctx())
    }

    /// The instance whose context `vmctx` is: for host functions, the caller. None if it has been
    /// closed or its instantiation has failed.
    ///
    /// # Safety
    /// `vmctx` must be the context of an instance of this store that is running.
    pub unsafe fn instance_of(&self, vmctx: NonNull<VmContext>) -> Option<InstanceId> {
        // SAFETY: the caller says that it is alive.
        let index = unsafe { (*vmctx.as_ptr()).instance };
        let place = self.arenas.instances.place_at(index)?;
        self.is_open(place).then_some(InstanceId { store: self.id(), place })
    }

    /// Whether an instance is of this store and not closed.
    pub fn is_instance_open(&self, instance: InstanceId) -> bool {
        self.checked_instance(instance).is_ok()
    }

    /// What an instance exports as `name`.
    pub fn export(&self, instance: InstanceId, name: &str) -> Result<Option<Extern>, HandleError> {
        let place = self.checked_instance(instance)?;
        let item = self.instance(place).code.module.export(name);
        Ok(item.and_then(|item| self.item(place, item)))
    }

    /// What an export of an instance's module is in the instance; none if the module has no such
    /// thing.
    pub fn export_item(
        &self,
        instance: InstanceId,
        item: ExportItem,
    ) -> Result<Option<Extern>, HandleError> {
        let place = self.checked_instance(instance)?;
        Ok(self.item(place, item))
    }

    /// An instance's function `func`, imported or its own; none if there is no such function.
    pub fn instance_func(
        &self,
        instance: InstanceId,
        func: FuncIndex,
    ) -> Result<Option<FuncId>, HandleError> {
        let place = self.checked_instance(instance)?;
        Ok(self.func_of(place, func))
    }

    /// An instance's table `table`, imported or its own; none if there is no such table.
    pub fn instance_table(
        &self,
        instance: InstanceId,
        table: TableIndex,
    ) -> Result<Option<TableId>, HandleError> {
        let place = self.checked_instance(instance)?;
        Ok(self.table_of(place, table))
    }

    /// An instance's memory `memory`, imported or its own; none if there is no such memory.
    pub fn instance_memory(
        &self,
        instance: InstanceId,
        memory: MemoryIndex,
    ) -> Result<Option<MemoryId>, HandleError> {
        let place = self.checked_instance(instance)?;
        Ok(self.memory_of(place, memory))
    }

    /// An instance's global `global`, imported or its own; none if there is no such global.
    pub fn instance_global(
        &self,
        instance: InstanceId,
        global: GlobalIndex,
    ) -> Result<Option<GlobalId>, HandleError> {
        let place = self.checked_instance(instance)?;
        Ok(self.global_of(place, global))
    }

    /// The function that an instance's module wants run before anything else; the caller of
    /// [`Store::instantiate`] calls it, and closes the instance should it fail.
    pub fn start_function(
        &self,
        instance: InstanceId,
    ) -> Result<Option<StartFunction>, HandleError> {
        let place = self.checked_instance(instance)?;
        let instance = self.instance(place);
        let module = &instance.code.module;
        let Some(start) = module.start else { return Ok(None) };
        Ok(match module.defined_func(start) {
            Some(defined) => {
                let code = instance.code.function_code(defined);
                Some(StartFunction::Own(OwnStart { code, vmctx: instance.vmctx() }))
            }
            None => self.func_of(place, start).map(StartFunction::Imported),
        })
    }
}

/// The function that an instance's module wants run before anything else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StartFunction {
    /// A function that the module defines: see [`call_start`](crate::call_start).
    Own(OwnStart),
    /// A function that it imports, to be called as any.
    Imported(FuncId),
}

/// A start function that the instance's module defines: it needs no reference to be called by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OwnStart {
    pub(crate) code: *const u8,
    pub(crate) vmctx: NonNull<VmContext>,
}

impl Store {
    /// The instance at a place known to hold one.
    pub(crate) fn instance(&self, place: Place) -> &InstanceData {
        self.arenas.instances.get(place).expect("the instance is held by who knows its place")
    }

    /// The instance at a place known to hold one.
    pub(crate) fn instance_mut(&mut self, place: Place) -> &mut InstanceData {
        self.arenas.instances.get_mut(place).expect("the instance is held by who knows its place")
    }

    pub(crate) fn checked_instance(&self, instance: InstanceId) -> Result<Place, HandleError> {
        let place = instance.within(self.id())?;
        if self.is_open(place) { Ok(place) } else { Err(InstanceId::GONE) }
    }

    /// Whether the embedder may use an instance.
    pub(crate) fn is_open(&self, place: Place) -> bool {
        self.arenas.instances.get(place).is_some_and(|it| it.state == State::Open)
    }

    /// Whether the embedder may use an instance's functions and globals: a closed one's only while
    /// open ones import from it; one's whose instantiation failed as long as it is there.
    pub(crate) fn is_usable(&self, place: Place) -> bool {
        self.arenas.instances.get(place).is_some_and(|it| match it.state {
            State::Open | State::Failed => true,
            State::Closed => it.importers.is_open(),
        })
    }

    fn item(&self, place: Place, item: ExportItem) -> Option<Extern> {
        match item {
            ExportItem::Func(index) => self.func_of(place, index).map(Extern::Func),
            ExportItem::Table(index) => self.table_of(place, index).map(Extern::Table),
            ExportItem::Memory(index) => self.memory_of(place, index).map(Extern::Memory),
            ExportItem::Global(index) => self.global_of(place, index).map(Extern::Global),
        }
    }

    fn func_of(&self, place: Place, func: FuncIndex) -> Option<FuncId> {
        let instance = self.instance(place);
        let module = &instance.code.module;
        module.functions.get(func.as_usize())?;
        if module.defined_func(func).is_some() {
            return Some(FuncId { store: self.id(), place: FuncPlace::Instance(place, func) });
        }
        // SAFETY: what an instance imports lives as long as it.
        unsafe { self.func_from_ref(instance.imported_func_ref(func)) }
    }

    fn table_of(&self, place: Place, table: TableIndex) -> Option<TableId> {
        let instance = self.instance(place);
        if instance.code.module.tables.get(table.as_usize())?.element.is_func() {
            instance.named.store(true, Ordering::Relaxed);
        }
        let place = match *instance.tables.get(table.as_usize())? {
            Some(place) => TablePlace::Store(place),
            None => TablePlace::Static(place, table),
        };
        Some(TableId { store: self.id(), place })
    }

    fn memory_of(&self, place: Place, memory: MemoryIndex) -> Option<MemoryId> {
        let place = *self.instance(place).memories.get(memory.as_usize())?;
        Some(MemoryId { store: self.id(), place })
    }

    fn global_of(&self, place: Place, global: GlobalIndex) -> Option<GlobalId> {
        let instance = self.instance(place);
        if is_func(instance.code.module.globals.get(global.as_usize())?.content) {
            instance.named.store(true, Ordering::Relaxed);
        }
        Some(GlobalId { store: self.id(), place: self.global_place(place, global)? })
    }

    /// Where an instance's global `global` is at home.
    pub(crate) fn global_place(&self, place: Place, global: GlobalIndex) -> Option<GlobalPlace> {
        let instance = self.instance(place);
        instance.code.module.globals.get(global.as_usize())?;
        match instance.imported_globals.get(global.as_usize()) {
            Some(&home) => Some(home),
            None => Some(GlobalPlace::Instance(place, global)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Engine;

    #[test]
    fn a_reference_that_is_there_stays_as_it_is() {
        let text = r#"(module (func $f) (table (export "t") 1 funcref) (elem (i32.const 0) $f))"#;
        let (store, instance) = Engine::new().instance(text);
        let place = store.checked_instance(instance).unwrap();
        let slots = store.instance(place).func_refs();
        let slot = slots.filled(FuncIndex(0)).unwrap();
        // SAFETY: in a live context, filled in, and nobody writes it.
        let read = || unsafe { slot.read() };
        let before = read();
        // A template that would fill in something else, and one that could not fill it in at all.
        for wasm_code in [std::ptr::dangling(), std::ptr::null()] {
            let other = FuncRef { wasm_code, host_entry: std::ptr::null(), ..before };
            let slots = FuncRefSlots { templates: &[other], ..slots };
            assert_eq!(slots.filled(FuncIndex(0)), Some(slot));
            let after = read();
            assert_eq!(after.wasm_code, before.wasm_code);
            assert_eq!(after.host_entry, before.host_entry);
        }
    }
}
