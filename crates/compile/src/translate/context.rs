//! Reads and writes an instance's context, and what it points to: the only file that does.
//!
//! **Invariants**
//! - Every offset comes from [`ContextLayout`](brolga_abi::ContextLayout) or `offset_of!`.
//! - `readonly` and `can_move`, which let a load be hoisted out of loops, stand only on fields that
//!   never change while the instance lives: pointers to views, pinned bases, type ids, imports.
//! - Places and sizes of what can grow are loaded anew at each use; only a call can change them,
//!   and the optimiser keeps loads on their side of calls.

use core::mem::offset_of;

use brolga_abi::{
    FuncRef, ImportedFunction, MemorySlot, MemoryView, StoreContext, TableSlot, TableView,
    VmContext,
};
use brolga_module::{FuncIndex, GlobalIndex, MemoryIndex, TableIndex, TypeIndex};
use cranelift_codegen::ir::{
    AliasRegion, AliasRegionData, Block, InstBuilder, MemFlagsData, Type, Value, types,
};
use cranelift_codegen::packed_option::PackedOption;

use super::FuncTranslator;
use crate::func_env::POINTER;

/// Memory that no store to another region changes. Numbers identify them to Cranelift.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Region {
    /// The context itself, its own globals left out.
    Context,
    /// The views of memories and tables.
    Views,
    /// The bytes of all memories: two of them may be one.
    Heap,
    /// The entries of all tables: two of them may be one.
    Entries,
    /// Imported globals, of which two may be one, and own ones without a region of their own.
    Globals,
    /// An own global among the first few.
    OwnGlobal(u32),
    /// The store's fuel, its deadline and the engine's epoch.
    Interrupt,
}

impl Region {
    /// How many own globals have a region each: a region costs time in every block, and few
    /// globals are hot.
    const OWN_GLOBALS_MAX: u32 = 8;
    const COUNT: usize = 6 + Self::OWN_GLOBALS_MAX as usize;

    fn number(self) -> u32 {
        match self {
            Region::Context => 0,
            Region::Views => 1,
            Region::Heap => 2,
            Region::Entries => 3,
            Region::Globals => 4,
            Region::OwnGlobal(own) => 5 + own,
            Region::Interrupt => 5 + Self::OWN_GLOBALS_MAX,
        }
    }

    fn description(self) -> &'static str {
        match self {
            Region::Context => "context",
            Region::Views => "views",
            Region::Heap => "heap",
            Region::Entries => "entries",
            Region::Globals => "globals",
            Region::OwnGlobal(_) => "own global",
            Region::Interrupt => "interrupt",
        }
    }
}

/// The context of the function under translation, and what is known of it.
#[derive(Debug)]
pub(super) struct Context {
    /// The callee context, first parameter of the function.
    pub(super) vmctx: Value,
    regions: [PackedOption<AliasRegion>; Region::COUNT],
    constants: Constants,
}

/// The fields that never change and were loaded last in the present block, by their offsets: what
/// the optimiser would find to be the same need not be made twice.
#[derive(Debug, Default)]
struct Constants {
    block: Option<Block>,
    loaded: [Option<(usize, Value)>; Self::COUNT],
    next: usize,
}

impl Constants {
    /// Bases, views and ids: few are in use at a time.
    const COUNT: usize = 4;

    /// The value of the field at `offset`, if it was loaded in `block`.
    fn find(&mut self, block: Block, offset: usize) -> Option<Value> {
        if self.block != Some(block) {
            *self = Self { block: Some(block), ..Self::default() };
        }
        let mut loaded = self.loaded.iter().flatten();
        loaded.find(|(of, _)| *of == offset).map(|&(_, value)| value)
    }

    fn insert(&mut self, offset: usize, value: Value) {
        self.loaded[self.next] = Some((offset, value));
        self.next = (self.next + 1) % Self::COUNT;
    }
}

impl Context {
    pub(super) fn new(vmctx: Value) -> Self {
        Self { vmctx, regions: [None.into(); Region::COUNT], constants: Constants::default() }
    }
}

/// Where a value is, and what is true of accesses to it.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) base: Value,
    pub(super) offset: i32,
    pub(super) flags: MemFlagsData,
}

impl FuncTranslator<'_, '_> {
    /// Flags for memory of `region` that is there and aligned.
    pub(super) fn trusted(&mut self, region: Region) -> MemFlagsData {
        let region = self.alias_region(region);
        MemFlagsData::trusted().with_alias_region(Some(region))
    }

    /// Flags for memory of `region` that is there, aligned and never changes.
    fn constant_flags(&mut self, region: Region) -> MemFlagsData {
        self.trusted(region).with_readonly().with_can_move()
    }

    /// Cranelift's name for `region`.
    pub(super) fn alias_region(&mut self, region: Region) -> AliasRegion {
        let cached = &mut self.context.regions[region.number() as usize];
        if let Some(known) = cached.expand() {
            return known;
        }
        let new = self.builder.func.dfg.alias_regions.insert(AliasRegionData {
            user_id: region.number(),
            description: region.description().into(),
        });
        *cached = new.into();
        new
    }

    /// A field of the context that never changes.
    fn context_constant(&mut self, ty: Type, offset: usize) -> Value {
        let block = self.builder.current_block().expect("code is emitted into a block");
        if let Some(known) = self.context.constants.find(block, offset) {
            return known;
        }
        let flags = self.constant_flags(Region::Context);
        let vmctx = self.context.vmctx;
        let value = self.builder.ins().load(ty, flags, vmctx, displacement(offset));
        self.context.constants.insert(offset, value);
        value
    }

    /// The lowest stack pointer with which a function may be entered where there are no signals.
    pub(super) fn stack_limit(&mut self) -> Value {
        let store = self.context_constant(POINTER, offset_of!(VmContext, store));
        let flags = self.trusted(Region::Views);
        let offset = displacement(offset_of!(StoreContext, stack_limit));
        self.builder.ins().load(POINTER, flags, store, offset)
    }

    /// What code has used up of its fuel.
    pub(super) fn fuel_consumed(&mut self) -> Value {
        let place = self.interrupt_place(offset_of!(StoreContext, fuel_consumed));
        self.builder.ins().load(types::I64, place.flags, place.base, place.offset)
    }

    /// Changes what code has used up of its fuel.
    pub(super) fn set_fuel_consumed(&mut self, consumed: Value) {
        let place = self.interrupt_place(offset_of!(StoreContext, fuel_consumed));
        self.builder.ins().store(place.flags, consumed, place.base, place.offset);
    }

    /// The epoch at which code asks whether to go on.
    pub(super) fn epoch_deadline(&mut self) -> Value {
        let place = self.interrupt_place(offset_of!(StoreContext, epoch_deadline));
        self.builder.ins().load(types::I64, place.flags, place.base, place.offset)
    }

    /// The engine's epoch as it is now.
    ///
    /// Other threads change it, so the optimiser must not take an older value for it. It does not
    /// as long as a call that comes back lies between any two of these loads on some way.
    pub(super) fn current_epoch(&mut self) -> Value {
        let store = self.context_constant(POINTER, offset_of!(VmContext, store));
        let flags = self.constant_flags(Region::Context);
        let offset = displacement(offset_of!(StoreContext, epoch));
        let epoch = self.builder.ins().load(POINTER, flags, store, offset);
        let flags = self.trusted(Region::Interrupt);
        self.builder.ins().load(types::I64, flags, epoch, 0)
    }

    /// A field of the store's context that has to do with interruption.
    fn interrupt_place(&mut self, field: usize) -> Place {
        let base = self.context_constant(POINTER, offset_of!(VmContext, store));
        Place { base, offset: displacement(field), flags: self.trusted(Region::Interrupt) }
    }

    /// The base of a memory that never moves.
    pub(super) fn pinned_memory_base(&mut self, memory: MemoryIndex) -> Value {
        let slot = self.env.layout.memory(memory) as usize;
        self.context_constant(POINTER, slot + offset_of!(MemorySlot, pinned_base))
    }

    /// The present base of a memory that may move.
    pub(super) fn moving_memory_base(&mut self, memory: MemoryIndex) -> Value {
        self.memory_view_field(memory, offset_of!(MemoryView, base))
    }

    /// The present size of a memory, in bytes.
    pub(super) fn memory_size_bytes(&mut self, memory: MemoryIndex) -> Value {
        self.memory_view_field(memory, offset_of!(MemoryView, size_bytes))
    }

    fn memory_view_field(&mut self, memory: MemoryIndex, field: usize) -> Value {
        let slot = self.env.layout.memory(memory) as usize;
        let view = self.context_constant(POINTER, slot + offset_of!(MemorySlot, view));
        let flags = self.trusted(Region::Views);
        self.builder.ins().load(POINTER, flags, view, displacement(field))
    }

    /// The base of a table that never moves.
    pub(super) fn pinned_table_base(&mut self, table: TableIndex) -> Value {
        let slot = self.env.layout.table(table) as usize;
        self.context_constant(POINTER, slot + offset_of!(TableSlot, pinned_base))
    }

    /// The present base of a table that may move.
    pub(super) fn moving_table_base(&mut self, table: TableIndex) -> Value {
        self.table_view_field(table, offset_of!(TableView, base))
    }

    /// The present number of a table's entries.
    pub(super) fn table_len(&mut self, table: TableIndex) -> Value {
        self.table_view_field(table, offset_of!(TableView, len))
    }

    fn table_view_field(&mut self, table: TableIndex, field: usize) -> Value {
        let slot = self.env.layout.table(table) as usize;
        let view = self.context_constant(POINTER, slot + offset_of!(TableSlot, view));
        let flags = self.trusted(Region::Views);
        self.builder.ins().load(POINTER, flags, view, displacement(field))
    }

    /// The engine-wide id of a type.
    pub(super) fn type_id(&mut self, ty: TypeIndex) -> Value {
        let ty = self.env.layout.canonical_type(ty);
        let offset = self.env.layout.type_id(ty) as usize;
        self.context_constant(types::I32, offset)
    }

    /// Code and context of an imported function.
    pub(super) fn imported_function(&mut self, func: FuncIndex) -> (Value, Value) {
        let slot = self.env.layout.imported_function(func) as usize;
        let code = slot + offset_of!(ImportedFunction, wasm_code);
        let code = self.context_constant(POINTER, code);
        let vmctx = slot + offset_of!(ImportedFunction, vmctx);
        let vmctx = self.context_constant(POINTER, vmctx);
        (code, vmctx)
    }

    /// The reference to an imported function.
    pub(super) fn imported_func_ref(&mut self, func: FuncIndex) -> Value {
        let slot = self.env.layout.imported_function(func) as usize;
        self.context_constant(POINTER, slot + offset_of!(ImportedFunction, func_ref))
    }

    /// The address of an own function's `FuncRef`, and its code field: zero while the `FuncRef` is
    /// not filled in. `None` if the context has none for it.
    pub(super) fn own_func_ref(&mut self, func: FuncIndex) -> Option<(Value, Value)> {
        let slot = self.env.layout.func_ref(func)?;
        let vmctx = self.context.vmctx;
        let flags = self.trusted(Region::Context);
        let code = displacement(slot as usize + offset_of!(FuncRef, wasm_code));
        let code = self.builder.ins().load(POINTER, flags, vmctx, code);
        let address = self.builder.ins().iadd_imm_s(vmctx, i64::from(slot));
        Some((address, code))
    }

    /// Where the value of a global is.
    pub(super) fn global_place(&mut self, global: GlobalIndex) -> Place {
        let mutable = self.env.module.globals[global.as_usize()].mutable;
        let own = global.0.checked_sub(self.env.module.imported_globals);
        let region = match own {
            Some(own) if own < Region::OWN_GLOBALS_MAX => Region::OwnGlobal(own),
            _ => Region::Globals,
        };
        let flags = if mutable { self.trusted(region) } else { self.constant_flags(region) };
        match self.env.layout.global(global) {
            Ok(cell) => {
                Place { base: self.context.vmctx, offset: displacement(cell as usize), flags }
            }
            Err(pointer) => {
                Place { base: self.context_constant(POINTER, pointer as usize), offset: 0, flags }
            }
        }
    }
}

/// An offset into a context or view, as loads and stores take it.
fn displacement(offset: usize) -> i32 {
    i32::try_from(offset).expect("limits keep contexts far below 2 GiB")
}
