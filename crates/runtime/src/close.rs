//! A file on which the sandbox stands; changes need a second reader.
//!
//! Closing instances: when the memory behind one may go.
//!
//! What others can reach must stay: an instance's context is its functions' callee, its own
//! globals are inside it. Two questions are asked, cheap one first:
//!
//! ```text
//!  closed ─▶ nobody imports from it, and no reference to its functions can have left it? ─yes─▶ free
//!                 │ no
//!                 └▶ walk from the open instances and the host's tables and globals: found? ─no─▶ free
//! ```
//! The walk reads every table of the store, so it is put off until enough was closed to pay for
//! it, or until room is needed; [`Store::collect_closed`] does it at once.
//!
//! While code of the store runs nothing is freed: references may be on its stack.
//!
//! **Trusts** that references to functions are only at rest in tables, globals, imports and the
//! embedder's handles; on the stack only while a call is under way.
//! **Promises** that what is freed can't be reached: neither by code nor by a handle.
//! **Tested by** `tests/close.rs`.
//!
//! **Invariants**
//! - An instance's memories, tables and exporters count it as a user from its making until it is
//!   freed, and as an open user until it is closed.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};

use brolga_abi::FuncRef;
use brolga_module::{ExportItem, ExternType, ParsedModule, ValType};

use crate::arena::Place;
use crate::instance::{InstanceData, State};
use crate::limits::Charge;
use crate::value::Bits;
use crate::{HandleError, InstanceId, Store};

/// How many table elements the closing of one instance pays for to be looked at.
const ELEMENTS_PAID: u64 = 64 << 10;
/// What an instance costs to walk over, in table elements.
const INSTANCE_COST: u64 = 16;

/// Who uses a memory, a table or another instance's exports.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Users {
    /// The host made it and has it for good.
    host: bool,
    /// Instances that are there.
    instances: u32,
    /// Those of them that are open.
    open: u32,
}

impl Users {
    pub(crate) fn host() -> Self {
        Self { host: true, ..Self::default() }
    }

    /// Counts an instance that is being made.
    pub(crate) fn add(&mut self) {
        self.instances += 1;
        self.open += 1;
    }

    fn close(&mut self) {
        self.open -= 1;
    }

    fn remove(&mut self) {
        self.instances -= 1;
    }

    /// Whether the embedder may still use it.
    pub(crate) fn is_open(self) -> bool {
        self.host || self.open != 0
    }

    fn is_unused(self) -> bool {
        !self.host && self.instances == 0
    }
}

/// Instances that are closed but not freed.
#[derive(Debug, Default)]
pub(crate) struct Closing {
    pending: Vec<Place>,
    /// Whether an instance was closed since `pending` was last looked through.
    unsettled: bool,
    /// What has been paid towards the next walk, in table elements.
    paid: u64,
    epoch: Epoch,
}

/// A number that changes, and that no other store has or will have.
#[derive(Debug)]
struct Epoch {
    now: u64,
    /// The end of the block of numbers that are the store's.
    end: u64,
}

impl Epoch {
    /// How many numbers are drawn at a time.
    const BLOCK: u64 = 1 << 10;

    fn advance(&mut self) {
        self.now += 1;
        if self.now == self.end {
            *self = Epoch::default();
        }
    }
}

impl Default for Epoch {
    /// The first of a block of numbers that no store had before; never 0.
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        // At a block a microsecond the counter lasts for five hundred years.
        let now = NEXT.fetch_add(Self::BLOCK, Ordering::Relaxed);
        Self { now, end: now + Self::BLOCK }
    }
}

impl Store {
    /// Closes an instance: its handle is no good from now on, nor are those of its memories,
    /// tables, functions and globals, unless other open instances use them. What nothing can reach
    /// any more is freed, at once or, where that takes a look at everything in the store, a little
    /// later; while code of the store runs, after it: see [`Store::collect_closed`].
    pub fn close_instance(&mut self, instance: InstanceId) -> Result<(), HandleError> {
        let place = self.checked_instance(instance)?;
        self.retire(place, State::Closed);
        self.settle();
        Ok(())
    }

    /// Closes an instance whose start function has failed: to the embedder it never was, but where
    /// it left its functions in tables of others they go on working, as the specification says.
    pub fn abandon_instance(&mut self, instance: InstanceId) -> Result<(), HandleError> {
        let place = self.checked_instance(instance)?;
        self.retire(place, State::Failed);
        self.settle();
        Ok(())
    }

    /// Whether there are closed instances that are not freed.
    #[inline]
    pub fn has_closed_pending(&self) -> bool {
        !self.closing.pending.is_empty()
    }

    /// Frees every closed instance that nothing can reach any more. Does nothing while code of the
    /// store runs.
    pub fn collect_closed(&mut self) {
        if self.has_closed_pending() && !self.is_running() {
            self.free_isolated();
            self.free_unreachable();
        }
    }

    /// Frees closed instances as far as that costs little. For when a call has ended. Does nothing
    /// while code of the store runs.
    pub fn settle(&mut self) {
        if !self.closing.unsettled || self.is_running() {
            return;
        }
        self.closing.unsettled = false;
        self.free_isolated();
        let cost =
            self.arenas.instances.len() as u64 * INSTANCE_COST + self.budget.used(Charge::Table);
        if self.has_closed_pending() && self.closing.paid >= cost {
            self.free_unreachable();
        }
    }

    /// A number that changes whenever instances are closed or freed: a [`FuncRef`] got before is not
    /// to be used after it changed. It is never 0, and no other store ever has the same.
    #[inline]
    pub fn close_epoch(&self) -> u64 {
        self.closing.epoch.now
    }

    /// Has host functions that are called without a thunk have themselves told of each call (see
    /// [`host_stub!`](crate::host_stub!)), and [`Store::close_epoch`] change, so that whoever has
    /// noted a [`FuncRef`] asks for it again.
    pub fn tell_calls(&mut self) {
        self.context.get_mut().tells_calls = 1;
        self.closing.epoch.advance();
    }

    /// Whether [`Store::tell_calls`] was called.
    #[inline(always)]
    pub fn tells_calls(&self) -> bool {
        self.context.get().tells_calls != 0
    }

    /// Takes an instance out of use.
    pub(crate) fn retire(&mut self, place: Place, state: State) {
        self.closing.epoch.advance();
        self.closing.unsettled = true;
        self.closing.paid = self.closing.paid.saturating_add(ELEMENTS_PAID);
        self.closing.pending.push(place);
        let instance = self.instance_mut(place);
        instance.state = state;
        instance.handed_out |= may_leak_functions(instance);
        self.for_each_used(place, Users::close);
    }

    /// Counts a new instance as a user of what it uses.
    pub(crate) fn count_uses(&mut self, place: Place) {
        self.for_each_used(place, Users::add);
    }

    /// Frees an instance that nothing can have seen yet.
    pub(crate) fn free_unseen(&mut self, place: Place) {
        self.retire(place, State::Failed);
        self.free(place);
    }

    /// Frees the closed instances that obviously nothing else leads to.
    fn free_isolated(&mut self) {
        // Freeing an importer may isolate what it imported from.
        while let Some(&place) = self.closing.pending.iter().find(|&&place| self.is_isolated(place))
        {
            self.free(place);
        }
    }

    fn is_isolated(&self, place: Place) -> bool {
        let instance = self.instance(place);
        instance.importers.instances == 0 && !instance.pinned && !instance.handed_out
    }

    /// Frees the closed instances that a walk from everything open does not find.
    fn free_unreachable(&mut self) {
        self.closing.paid = 0;
        let reachable = self.reachable();
        let pending = self.closing.pending.clone();
        for place in pending {
            if !reachable.contains(&place.index) {
                self.free(place);
            }
        }
    }

    /// Frees an instance, and the memories and tables that only it has used.
    fn free(&mut self, place: Place) {
        self.closing.epoch.advance();
        self.closing.pending.retain(|&it| it != place);
        self.for_each_used(place, Users::remove);
        let Some(instance) = self.arenas.instances.remove(place) else { return };
        for &memory in &instance.memories {
            if self.arenas.memories.get(memory).is_some_and(|it| it.users.is_unused()) {
                self.free_memory(memory);
            }
        }
        for &table in instance.tables.iter().flatten() {
            if self.arenas.tables.get(table).is_some_and(|it| it.users.is_unused()) {
                self.free_table(table);
            }
        }
    }

    /// Changes the counts of users of everything that an instance uses.
    fn for_each_used(&mut self, place: Place, change: fn(&mut Users)) {
        let arenas = &mut self.arenas;
        let Some(instance) = arenas.instances.get(place) else { return };
        // A memory imported twice counts twice, here as there.
        for &memory in &instance.memories {
            if let Some(memory) = arenas.memories.get_mut(memory) {
                change(&mut memory.users);
            }
        }
        for &table in instance.tables.iter().flatten() {
            if let Some(table) = arenas.tables.get_mut(table) {
                change(&mut table.users);
            }
        }
        for position in 0..instance.exporters.len() {
            let Some(instance) = arenas.instances.get(place) else { return };
            let exporter = instance.exporters[position];
            if let Some(exporter) = arenas.instances.get_mut(exporter) {
                change(&mut exporter.importers);
            }
        }
    }

    /// The instances, by index, that open instances, pinned ones and the host lead to.
    fn reachable(&self) -> HashSet<u32> {
        let mut walk = Walk::default();
        for (place, instance) in self.arenas.instances.iter() {
            if instance.state == State::Open || instance.pinned {
                walk.find(place);
            }
        }
        for bits in self.host_global_bits(is_func) {
            walk.find_func(self, bits.as_func());
        }
        for (place, table) in self.arenas.tables.iter() {
            if table.users.host {
                walk.look_into_table(self, place);
            }
        }
        while let Some(place) = walk.to_do.pop() {
            walk.look_into(self, place);
        }
        walk.found
    }
}

/// A walk over what leads to what.
#[derive(Default)]
struct Walk {
    found: HashSet<u32>,
    tables: HashSet<Place>,
    to_do: Vec<Place>,
}

impl Walk {
    fn find(&mut self, place: Place) {
        if self.found.insert(place.index) {
            self.to_do.push(place);
        }
    }

    fn find_func(&mut self, store: &Store, func_ref: *const FuncRef) {
        // SAFETY: a function in a table, a global or an import is null or of an instance that is
        // there: that is what this walk is for.
        let func = unsafe { store.func_from_ref(func_ref) };
        if let Some(crate::handle::FuncPlace::Instance(place, _)) = func.map(|it| it.place) {
            self.find(place);
        }
    }

    fn look_into_table(&mut self, store: &Store, place: Place) {
        if self.tables.insert(place) {
            for func_ref in store.table(place).functions() {
                self.find_func(store, func_ref);
            }
        }
    }

    fn look_into(&mut self, store: &Store, place: Place) {
        let instance = store.instance(place);
        for &exporter in &instance.exporters {
            self.find(exporter);
        }
        for &table in instance.tables.iter().flatten() {
            self.look_into_table(store, table);
        }
        let module = &instance.code.module;
        let own = module.imported_globals as usize..module.globals.len();
        for index in own {
            let ty = module.globals[index].content;
            if is_func(ty) {
                let cell = instance.global_cell(brolga_module::GlobalIndex::from_usize(index));
                // SAFETY: the cell is in the live context, and no code runs that could write it.
                let bits = Bits::from_cell(ty, unsafe { cell.read() });
                self.find_func(store, bits.as_func());
            }
        }
    }
}

/// Whether code, or the embedder by a table or a global, can have put references to an instance's
/// functions anywhere outside it.
pub(crate) fn may_leak_functions(instance: &InstanceData) -> bool {
    let module = &instance.code.module;
    let first = module.imported_functions as usize;
    let has_references =
        module.escapes[first..].contains(&true) || !instance.extra_func_refs.is_empty();
    has_references && (instance.named.load(Ordering::Relaxed) || can_pass_functions(module))
}

/// Whether a module has any way to pass a reference to a function on: a table or global that it
/// shares, a function type that takes or gives one.
fn can_pass_functions(module: &ParsedModule) -> bool {
    let shared = |ty: ExternType| match ty {
        ExternType::Table(ty) => ty.element.is_func(),
        ExternType::Global(ty) => is_func(ty.content),
        ExternType::Func(_) | ExternType::Memory(_) => false,
    };
    let exported = |item: ExportItem| shared(module.item_type(item));
    module.imports.iter().any(|import| shared(import.ty.clone()))
        || module.exports.iter().any(|export| exported(export.item))
        || module
            .types
            .iter()
            .any(|ty| ty.params().iter().chain(ty.results()).any(|&ty| is_func(ty)))
}

pub(crate) fn is_func(ty: ValType) -> bool {
    matches!(ty, ValType::Ref(ty) if ty.is_func())
}
