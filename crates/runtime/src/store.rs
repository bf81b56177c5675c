//! The store: owner of everything that instances are made of.
//!
//! ```text
//!  Store ── context ──▶ StoreContext   (code reads and writes; at one address for the store's life)
//!    │                     └ owner ──▶ back to the Store
//!    ├ arenas: instances, memories, tables, globals, host functions, externrefs
//!    ├ budget: limits, what is used of them, the embedder's hook
//!    └ closing: instances that are closed but not gone
//! ```
//! What can be done with each kind of thing is in the file of its name, as an `impl Store`.
//!
//! **Trusts** that who enters code has said by [`Store::stay`] where the store is, so that `owner` is
//! true.
//! **Promises** that nothing in it is used by two threads at once: it is `Send`, not `Sync`.
//! **Tested by** everything in `tests/`.
//!
//! **Invariants**
//! - Things refer to each other by place or by pointers into this store's own allocations, never
//!   into another store.
//! - What the store shares with others of its engine holds nothing of any one store's.
//! - While code of the store runs, the only way to the store is `owner`.

use std::ffi::c_void;
use std::fmt;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use brolga_abi::{CompileOptions, StoreContext};

use crate::arena::Arena;
use crate::close::Closing;
use crate::extern_ref::ExternRefs;
use crate::func::HostFunction;
use crate::global::HostGlobal;
use crate::instance::InstanceData;
use crate::interrupt::{Epoch, Interruption};
use crate::limits::Budget;
use crate::memory::LinearMemory;
use crate::memory_room::RoomPool;
use crate::stable::Stable;
use crate::table_storage::TableStorage;
use crate::{
    GrowError, GrowthHook, Limits, Pool, StackPool, StoreId, StoreStack, ThunkProvider,
    TypeRegistry,
};

/// What the stores of an engine share.
pub struct StoreConfig {
    types: TypeRegistry,
    pub(crate) options: CompileOptions,
    pub(crate) options_fingerprint: u64,
    pub(crate) thunks: Arc<dyn ThunkProvider>,
    pub(crate) pool: Pool,
    pub(crate) rooms: RoomPool,
    pub(crate) epoch: Epoch,
}

impl StoreConfig {
    /// What stores of an engine share: its types, what every module must have been compiled with,
    /// and where code between host and wasm comes from when no module at hand has it.
    pub fn new(
        types: TypeRegistry,
        options: CompileOptions,
        thunks: Arc<dyn ThunkProvider>,
    ) -> Arc<Self> {
        Self::with_rooms(types, options, thunks, Pool::default(), RoomPool::default())
    }

    /// What stores of an engine share that has only so much of everything as `pool` says: they
    /// count in it what they hold, and take memories from rooms reserved here.
    ///
    /// # Errors
    /// If there is not the address space.
    pub fn pooling(
        types: TypeRegistry,
        options: CompileOptions,
        thunks: Arc<dyn ThunkProvider>,
        pool: Pool,
    ) -> Result<Arc<Self>, GrowError> {
        let rooms = match pool.limits() {
            Some(limits) => RoomPool::reserved(limits, &options.memory)?,
            None => RoomPool::default(),
        };
        Ok(Self::with_rooms(types, options, thunks, pool, rooms))
    }

    fn with_rooms(
        types: TypeRegistry,
        options: CompileOptions,
        thunks: Arc<dyn ThunkProvider>,
        pool: Pool,
        rooms: RoomPool,
    ) -> Arc<Self> {
        let (options_fingerprint, epoch) = (options.fingerprint(), Epoch::default());
        Arc::new(Self { types, options, options_fingerprint, thunks, pool, rooms, epoch })
    }
}

impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreConfig").field("options", &self.options).finish_non_exhaustive()
    }
}

/// The owner of instances and of all that they are made of.
///
/// Everything in it is named by handles; see [`Store::instantiate`] and the methods on memories,
/// tables, globals and functions. What a store holds is freed with it, an instance also by
/// [`Store::close_instance`].
pub struct Store {
    id: StoreId,
    pub(crate) config: Arc<StoreConfig>,
    pub(crate) budget: Budget,
    pub(crate) closing: Closing,
    pub(crate) interruption: Interruption,
    pub(crate) arenas: Arenas,
    /// After the arenas: what is in them points here.
    pub(crate) context: Stable<StoreContext>,
}

/// What a store holds.
#[derive(Default, Debug)]
pub(crate) struct Arenas {
    pub(crate) instances: Arena<InstanceData>,
    pub(crate) memories: Arena<LinearMemory>,
    pub(crate) tables: Arena<TableStorage>,
    pub(crate) globals: Arena<HostGlobal>,
    pub(crate) host_functions: Arena<Stable<HostFunction>>,
    pub(crate) externrefs: ExternRefs,
}

// SAFETY: the raw pointers inside point to allocations that the store owns, to code that it keeps,
// to host data that is Send and Sync, and to the embedder's own part, which is not used here; none
// is bound to a thread. Code of the store runs only while the store is borrowed.
unsafe impl Send for Store {}

impl Store {
    /// An empty store.
    pub fn new(config: &Arc<StoreConfig>, limits: Limits) -> Self {
        let context = StoreContext {
            stack_limit: 0,
            exit_fp: 0,
            exit_pc: 0,
            activation: ptr::null_mut(),
            owner: ptr::null_mut(),
            fuel_consumed: 0,
            epoch: &raw const config.epoch.0,
            epoch_deadline: 0,
            tells_calls: 0,
        };
        Self {
            id: StoreId::fresh(),
            config: Arc::clone(config),
            budget: Budget::new(limits),
            closing: Closing::default(),
            interruption: Interruption::default(),
            arenas: Arenas::default(),
            context: Stable::new(context),
        }
    }

    /// The store's identity.
    #[inline]
    pub fn id(&self) -> StoreId {
        self.id
    }

    /// The types of the store's engine.
    pub fn types(&self) -> &TypeRegistry {
        &self.config.types
    }

    /// The options that the store's modules are compiled with.
    pub fn options(&self) -> &CompileOptions {
        &self.config.options
    }

    /// How much the store may hold.
    pub fn limits(&self) -> &Limits {
        &self.budget.limits
    }

    /// Changes how much the store may hold. What it holds already stays.
    pub fn set_limits(&mut self, limits: Limits) {
        self.budget.limits = limits;
    }

    /// Who is asked, besides the limits, before a memory or a table is made or grown.
    pub fn set_growth_hook(&mut self, hook: Option<Box<dyn GrowthHook>>) {
        self.budget.hook = hook;
    }

    /// Notes what the embedder wants to find again from host functions and hooks, usually the
    /// address of what holds this store. Brolga never follows it.
    pub fn set_embedder(&mut self, embedder: *mut ()) {
        self.budget.embedder = embedder;
    }

    /// What [`Store::set_embedder`] was last given; null before.
    #[inline]
    pub fn embedder(&self) -> *mut () {
        self.budget.embedder
    }

    /// Notes for good where the store is, so that builtins find it there. Then what code is entered
    /// with is [`Store::context_of_stayed`].
    ///
    /// # Safety
    /// The store at `this` is not moved any more, unless code of it never runs again; and all
    /// references to it that are made from now on are made from `this` or a copy.
    pub unsafe fn stay(this: NonNull<Store>) {
        // SAFETY: the caller has the store; its context lives as long as it does.
        unsafe { (*(*this.as_ptr()).context.as_ptr()).owner = this.as_ptr().cast::<c_void>() };
    }

    /// What code knows of a store whose place has been noted by [`Store::stay`].
    #[inline]
    pub fn context_of_stayed(&self) -> NonNull<StoreContext> {
        self.context.as_non_null()
    }

    /// What code knows of the store, for tests of stores that are moved: none of their code runs.
    #[cfg(test)]
    pub(crate) fn context(&mut self) -> NonNull<StoreContext> {
        let context = self.context.as_non_null();
        let owner: *mut Store = self;
        // SAFETY: the context lives as long as `self`, and only `self` and running code write it.
        unsafe { (*context.as_ptr()).owner = owner.cast::<c_void>() };
        context
    }

    /// A stack for calls of the store's code, from the engine's pool.
    pub fn new_stack(&self, pool: StackPool) -> StoreStack {
        StoreStack::new(pool, is_memory_guard)
    }

    /// Whether a call of the store's code is under way.
    #[inline]
    pub fn is_running(&self) -> bool {
        !self.context.get().activation.is_null()
    }

    /// The store that a context belongs to.
    ///
    /// # Safety
    /// `context` must be that of a store whose code is running on this thread. The result may be
    /// turned into a reference as long as no other to the same store is in use.
    pub unsafe fn from_context(context: NonNull<StoreContext>) -> NonNull<Store> {
        // SAFETY: the caller says that the context is alive.
        let owner = unsafe { (*context.as_ptr()).owner };
        NonNull::new(owner.cast()).expect("`owner` is set before code is entered")
    }
}

/// The check that a stack asks where code faulted; see [`Store::is_memory_guard`].
fn is_memory_guard(context: NonNull<StoreContext>, address: usize) -> bool {
    // SAFETY: only `Store::new_stack` passes this function on, to a stack; a stack calls it, as
    // `GuardCheck` says, where the store's own code was interrupted on this thread.
    unsafe { Store::is_memory_guard(context, address) }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.free_memories();
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("id", &self.id)
            .field("budget", &self.budget)
            .field("instances", &self.arenas.instances.len())
            .field("memories", &self.arenas.memories.len())
            .field("tables", &self.arenas.tables.len())
            .field("host_functions", &self.arenas.host_functions.len())
            .finish_non_exhaustive()
    }
}
