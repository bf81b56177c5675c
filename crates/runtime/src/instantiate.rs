//! A file on which the sandbox stands; changes need a second reader.
//!
//! Making an instance of loaded code.
//!
//! ```text
//!  check module ─▶ check imports ─▶ make memories, context ─▶ globals ─▶ tables ─▶ element segments
//!     ─▶ data segments ─▶ (the caller runs the start function)
//! ```
//!
//! It never runs code.
//!
//! **Trusts** the layout, which the compiler computed likewise.
//! **Promises** that code of the instance finds in its context what the layout says; that an
//! import has the type that code was compiled for.
//! **Tested by** `tests/instantiate.rs`; with code, by the specification's suites.
//!
//! **Invariants**
//! - Nothing is written into imports before every import has been checked and everything of the
//!   instance's own has been made.
//! - An instance whose making fails, or ends in a panic of the embedder's, is freed at once, unless
//!   it wrote into an imported table: then that table may lead to it, and it goes when nothing does.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use brolga_abi::{ImportedFunction, TrapCode, VmContext};
use brolga_module::{
    DataIndex, DataMode, ElemIndex, ElementItems, ElementMode, FuncIndex, GlobalIndex, IndexType,
    MemoryIndex, TableIndex, TypeIndex,
};

use crate::arena::Place;
use crate::builtin::BUILTINS;
use crate::close::Users;
use crate::context::ContextMemory;
use crate::import::Imports;
use crate::instance::{InstanceData, State};
use crate::limits::Charge;
use crate::pool::Pooled;
use crate::table_storage::{TableStorage, entry_of};
use crate::unfinished::{NewMemories, Unfinished};
use crate::value::Bits;
use crate::{Extern, FuncError, HandleError, InstanceId, InstantiateError, LoadedCode, Store};

impl Store {
    /// Makes an instance of a module. `imports` are in the order of the module's imports.
    ///
    /// The start function has not run yet: the caller calls [`Store::start_function`] if there is
    /// one, and closes the instance should that fail.
    ///
    /// # Errors
    /// See [`InstantiateError`].
    pub fn instantiate(
        &mut self,
        code: &Arc<LoadedCode>,
        imports: &[Extern],
    ) -> Result<InstanceId, InstantiateError> {
        self.check_module(code)?;
        // First: what it frees must not be among the imports that were found good.
        self.make_room(code)?;
        let imports = self.check_imports(code, imports)?;
        let place = self.make_instance(code, imports)?;
        let place = self.initialize(place, code)?;
        if self.config.options.memory.init_cow {
            code.initial_memories.note_instance();
        }
        Ok(InstanceId { store: self.id(), place })
    }

    fn check_module(&self, code: &LoadedCode) -> Result<(), InstantiateError> {
        if !code.type_registry().same(self.types()) {
            return Err(InstantiateError::OtherEngine);
        }
        if code.image.options_fingerprint != self.config.options_fingerprint {
            return Err(InstantiateError::Options);
        }
        Ok(())
    }

    /// Frees closed instances if the limits leave no room for one more of `code` otherwise.
    fn make_room(&mut self, code: &LoadedCode) -> Result<(), InstantiateError> {
        let instances = self.arenas.instances.len() as u64 + 1;
        let crowded = |store: &Store| {
            let module = &code.module;
            let memories = &module.memories[module.imported_memories as usize..];
            let memory_bytes = memories
                .iter()
                .fold(0_u64, |sum, ty| sum.saturating_add(ty.min.saturating_mul(ty.page_bytes())));
            let tables = &module.tables[module.imported_tables as usize..];
            let elements = tables.iter().fold(0_u64, |sum, ty| sum.saturating_add(ty.min));
            let used = |charge| store.budget.used(charge);
            let limits = &store.budget.limits;
            limits.instances(instances).is_err()
                || limits.memories((store.arenas.memories.len() + memories.len()) as u64).is_err()
                || limits.tables((store.arenas.tables.len() + tables.len()) as u64).is_err()
                || store.config.pool.is_crowded(Pooled::Instance, 1)
                || store.config.pool.is_crowded(Pooled::Memory, memories.len())
                || store.config.pool.is_crowded(Pooled::Table, tables.len())
                || limits
                    .memory_bytes_total(used(Charge::Memory).saturating_add(memory_bytes))
                    .is_err()
                || limits
                    .table_elements_total(used(Charge::Table).saturating_add(elements))
                    .is_err()
        };
        if self.has_closed_pending() && crowded(self) {
            self.collect_closed();
        }
        let instances = self.arenas.instances.len() as u64 + 1;
        Ok(self.budget.limits.instances(instances)?)
    }
}

/// Making.
impl Store {
    /// Makes memories and context, and fills in all but the instance's own globals and tables.
    fn make_instance(
        &mut self,
        code: &Arc<LoadedCode>,
        imports: Imports,
    ) -> Result<Place, InstantiateError> {
        let slot = self.config.pool.take(Pooled::Instance)?;
        let bytes = code.layout.size_bytes();
        let context = ContextMemory::new(bytes);
        let context = context.ok_or(InstantiateError::OutOfMemory { bytes: bytes as usize })?;
        let memories = self.make_memories(code, imports.memories)?;
        let mut tables: Vec<_> = imports.tables.iter().copied().map(Some).collect();
        tables.resize(code.module.tables.len(), None);
        let place = self.arenas.instances.insert(InstanceData {
            code: Arc::clone(code),
            context,
            memories: memories.into(),
            tables: tables.into(),
            imported_globals: imports.globals.into(),
            exporters: imports.exporters.into(),
            importers: Users::default(),
            state: State::Open,
            handed_out: false,
            named: AtomicBool::new(false),
            pinned: false,
            extra_func_refs: HashMap::new(),
            extra_code: Vec::new(),
            dropped_data: HashSet::new(),
            dropped_elements: HashSet::new(),
            _slot: slot,
        });
        self.count_uses(place);
        self.fill_context(place, code, imports.functions);
        Ok(place)
    }

    /// Makes the memories that the module defines, behind those it imports; all or none.
    fn make_memories(
        &mut self,
        code: &LoadedCode,
        imported: Vec<Place>,
    ) -> Result<Vec<Place>, InstantiateError> {
        let defined = imported.len()..code.module.memories.len();
        let config = Arc::clone(&self.config);
        let mut memories = NewMemories::new(self, imported);
        for index in defined {
            let memory = MemoryIndex::from_usize(index);
            let image = code.initial_memories.get(&code.module, memory, &config.rooms);
            let place = memories
                .store
                .allocate_memory(code.module.memories[index], image)
                .map_err(|error| InstantiateError::Memory { index: memory.0, error })?;
            memories.push(place);
        }
        Ok(memories.keep())
    }

    fn fill_context(&mut self, place: Place, code: &LoadedCode, functions: Vec<ImportedFunction>) {
        let store = self.context.as_ptr();
        let globals: Vec<_> = {
            let homes = self.instance(place).imported_globals.iter();
            homes
                .map(|&home| self.placed_global(home).expect("its import has been checked").1)
                .collect()
        };
        let Self { arenas, .. } = self;
        let instance = arenas.instances.get_mut(place).expect("it was just made");
        let (context, layout) = (&mut instance.context, &code.layout);
        let head = VmContext {
            store,
            builtins: BUILTINS.as_ptr(),
            instance: place.index,
            reserved: [0; 3],
        };
        context.write(0, head);
        for (index, memory) in instance.memories.iter().enumerate() {
            let memory = arenas.memories.get(*memory).expect("it was just made or checked");
            context.write(layout.memory(MemoryIndex::from_usize(index)), memory.slot());
        }
        for (index, table) in instance.tables.iter().enumerate() {
            let Some(table) = table.and_then(|table| arenas.tables.get(table)) else { continue };
            let declared = &code.module.tables[index];
            context.write(layout.table(TableIndex::from_usize(index)), table.slot(declared));
        }
        for (index, function) in functions.into_iter().enumerate() {
            context.write(layout.imported_function(FuncIndex::from_usize(index)), function);
        }
        for (index, cell) in globals.into_iter().enumerate() {
            if let Err(offset) = layout.global(GlobalIndex::from_usize(index)) {
                context.write(offset, cell.as_ptr());
            }
        }
        for (index, &id) in code.type_ids().iter().enumerate() {
            context.write(layout.type_id(TypeIndex::from_usize(index)), id);
        }
    }
}

/// First contents.
impl Store {
    /// Writes an instance's first contents, or undoes the instance.
    fn initialize(&mut self, place: Place, code: &LoadedCode) -> Result<Place, InstantiateError> {
        let mut unfinished = Unfinished::new(self, place, code);
        let Unfinished { store, wrote_imported_table, data_is_due, .. } = &mut unfinished;
        store.initialize_globals(place, code)?;
        store.make_tables(place, code)?;
        store.write_elements(place, code, wrote_imported_table)?;
        *data_is_due = true;
        store.write_data(place, code)?;
        Ok(unfinished.finish())
    }

    fn initialize_globals(
        &mut self,
        place: Place,
        code: &LoadedCode,
    ) -> Result<(), InstantiateError> {
        let imported = code.module.imported_globals as usize;
        for (position, expr) in code.module.global_initial.iter().enumerate() {
            let global = GlobalIndex::from_usize(imported + position);
            let ty = code.module.globals[global.as_usize()].content;
            let cell = self.evaluate(place, expr)?.to_cell(ty);
            // SAFETY: the cell is in the new instance's context, and no code of it runs yet.
            unsafe { self.instance(place).global_cell(global).write(cell) };
        }
        Ok(())
    }

    /// Makes the tables that the module defines and that are not part of its image.
    fn make_tables(&mut self, place: Place, code: &LoadedCode) -> Result<(), InstantiateError> {
        let imported = code.module.imported_tables as usize;
        let mut filled_references = false;
        for (position, initial) in code.module.table_initial.iter().enumerate() {
            let index = TableIndex::from_usize(imported + position);
            if code.image.static_table(index).is_some() {
                continue;
            }
            let ty = code.module.tables[index.as_usize()];
            let table = match (code.initial_table(index), initial) {
                (Some(initial), _) => {
                    let slots = self.instance(place).func_refs();
                    if !filled_references {
                        slots.fill_all();
                        filled_references = true;
                    }
                    let entries = initial.entries(slots.vmctx, slots.first);
                    self.allocate_filled_table(ty, entries)
                }
                (None, Some(expr)) => {
                    let init = self.evaluate(place, expr)?;
                    self.allocate_table(ty, init)
                }
                (None, None) => self.allocate_table(ty, Bits(0)),
            };
            let table = table.map_err(|error| InstantiateError::Table { index: index.0, error })?;
            let table_storage = self.table_mut(table);
            table_storage.users.add();
            let slot = table_storage.slot(&ty);
            let instance = self.instance_mut(place);
            instance.tables[index.as_usize()] = Some(table);
            instance.context.write(code.layout.table(index), slot);
        }
        Ok(())
    }

    fn write_elements(
        &mut self,
        place: Place,
        code: &LoadedCode,
        wrote_imported_table: &mut bool,
    ) -> Result<(), InstantiateError> {
        for (index, segment) in code.module.elements.iter().enumerate() {
            let ElementMode::Active { table, offset } = &segment.mode else { continue };
            if code.initial_table(*table).is_some() {
                // It was made with all that there is for it.
                continue;
            }
            let elem = ElemIndex::from_usize(index);
            let position = self.evaluate(place, offset)?;
            let index_type = code.module.tables[table.as_usize()].index;
            let position = address(index_type, position);
            let len = segment.items.len() as u64;
            let written = match self.instance(place).tables[table.as_usize()] {
                Some(storage) => {
                    *wrote_imported_table |= code.module.defined_table(*table).is_none();
                    self.write_segment(
                        place,
                        code,
                        storage,
                        elem,
                        position,
                        0..segment.items.len(),
                    )?
                }
                // The image holds the elements; the bounds hold there as anywhere.
                None => {
                    let size = code.module.tables[table.as_usize()].min;
                    position.checked_add(len).filter(|&end| end <= size).map(drop)
                }
            };
            let trap = TrapCode::TableOutOfBounds;
            written.ok_or(InstantiateError::Segment { index: elem.0, trap })?;
        }
        Ok(())
    }

    /// Writes elements of a segment, `range` of it, into a table from `position` on. None if out of
    /// bounds, and nothing has changed then.
    pub(crate) fn write_segment(
        &mut self,
        place: Place,
        code: &LoadedCode,
        table: Place,
        elem: ElemIndex,
        position: u64,
        range: std::ops::Range<usize>,
    ) -> Result<Option<()>, FuncError> {
        let items = &code.module.element(elem).items;
        let target = crate::memory::range(self.table(table).len(), position, range.len() as u64);
        let Some(target) = target.filter(|_| range.end <= items.len()) else { return Ok(None) };
        match items {
            ElementItems::Functions(functions) => {
                self.write_functions(place, table, target.start, &functions[range])?;
            }
            ElementItems::Expressions(expressions) => {
                for (at, expression) in target.zip(&expressions[range]) {
                    let value = self.evaluate(place, expression)?;
                    self.table_mut(table).set(at, value);
                }
            }
        }
        Ok(Some(()))
    }

    /// Writes functions of an instance into a table of functions from `at` on, where they fit.
    fn write_functions(
        &mut self,
        place: Place,
        table: Place,
        mut at: usize,
        mut functions: &[FuncIndex],
    ) -> Result<(), FuncError> {
        loop {
            let written = self.write_own_functions(place, table, at, functions);
            let Some((&func, rest)) = functions[written..].split_first() else { return Ok(()) };
            // An imported one, or one that takes more than looking.
            let value = self.func_bits(place, func)?;
            self.table_mut(table).set(at + written, value);
            (at, functions) = (at + written + 1, rest);
        }
    }

    /// Writes those of `functions` that come before the first that has no slot in the instance's
    /// context; how many.
    fn write_own_functions(
        &mut self,
        place: Place,
        table: Place,
        at: usize,
        functions: &[FuncIndex],
    ) -> usize {
        let Self { arenas, .. } = self;
        let (instance, table) = (arenas.instances.get(place), arenas.tables.get_mut(table));
        let entries = table.and_then(TableStorage::func_entries_mut);
        let (Some(instance), Some(entries)) = (instance, entries) else { return 0 };
        let slots = instance.func_refs();
        let mut written = 0;
        for (entry, &func) in entries[at..].iter_mut().zip(functions) {
            let Some(func_ref) = slots.filled(func) else { break };
            // SAFETY: a function of an instance of this store, just filled in.
            *entry = unsafe { entry_of(func_ref) };
            written += 1;
        }
        written
    }

    fn write_data(&mut self, place: Place, code: &LoadedCode) -> Result<(), InstantiateError> {
        let module = &code.module;
        if module.data.is_empty() {
            return Ok(());
        }
        let mapped: Vec<bool> = (0..module.memories.len())
            .map(|index| self.show_initial_memory(place, code, MemoryIndex::from_usize(index)))
            .collect();
        for (index, segment) in module.data.iter().enumerate() {
            let DataMode::Active { memory, offset } = &segment.mode else { continue };
            if mapped[memory.as_usize()] {
                continue;
            }
            let data = DataIndex::from_usize(index);
            let offset = self.evaluate(place, offset)?;
            let offset = address(module.memories[memory.as_usize()].index, offset);
            let storage = self.instance(place).memories[memory.as_usize()];
            let bytes = module.data_bytes(data);
            let trap = TrapCode::MemoryOutOfBounds;
            self.memory_mut(storage)
                .range_mut(offset, bytes.len() as u64)
                .ok_or(InstantiateError::Segment { index: data.0, trap })?
                .copy_from_slice(bytes);
        }
        Ok(())
    }

    /// Has a memory of the instance's own show its image; whether there is one.
    fn show_initial_memory(
        &mut self,
        place: Place,
        code: &LoadedCode,
        memory: MemoryIndex,
    ) -> bool {
        let initial = code.initial_memories.get(&code.module, memory, &self.config.rooms);
        let Some(initial) = initial else { return false };
        let storage = self.instance(place).memories[memory.as_usize()];
        // Should the system refuse, the segments are copied: slower, not wrong.
        self.memory_mut(storage).show_image(initial).is_ok()
    }

    /// Takes back what memories of the instance's own show already: its data segments are not to be
    /// written.
    pub(crate) fn blank_initial_memories(&mut self, place: Place, code: &LoadedCode) {
        let imported = code.module.imported_memories as usize;
        for index in imported..code.module.memories.len() {
            let storage = self.instance(place).memories[index];
            let memory = MemoryIndex::from_usize(index);
            let initial = code.initial_memories.get(&code.module, memory, &self.config.rooms);
            if let Some(initial) = initial {
                let (address, len) = (initial.address as u64, initial.image.len() as u64);
                let bytes = self.memory_mut(storage).range_mut(address, len);
                bytes.expect("images are inside their memories").fill(0);
            }
        }
    }
}

/// A constant position or address as a number.
fn address(index: IndexType, bits: Bits) -> u64 {
    match index {
        IndexType::I32 => (bits.0 as u32).into(),
        IndexType::I64 => bits.0 as u64,
    }
}

impl From<FuncError> for InstantiateError {
    fn from(error: FuncError) -> Self {
        InstantiateError::Func(error)
    }
}

impl From<HandleError> for InstantiateError {
    fn from(error: HandleError) -> Self {
        InstantiateError::Func(error.into())
    }
}
