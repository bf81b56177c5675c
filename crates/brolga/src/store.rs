//! The store: what instances live in, and the embedder's data beside them.
//!
//! **Invariants**
//! - A cell stays where it is from the store's making to its end: host functions and the limiter
//!   have its address.

use core::fmt;
use std::collections::HashMap;
use std::sync::Arc;

use brolga_runtime::{FuncId, Limits, Store as RuntimeStore, StoreStack};

use crate::call_hook::Hook;
use crate::host_call::HostFunc;
use crate::interrupt::EpochCallback;
use crate::limits::{Limiter, ResourceLimiter};
use crate::store_cell::Owned;
use crate::{Engine, Func, GcHeapOutOfMemory, Result, Store, StoreContext, StoreContextMut, Val};

/// What a store consists of.
///
/// Shared, it is only read: nothing in it changes behind a shared reference. (The stack does, but
/// only calls use it, and they have the store to themselves.)
pub struct StoreCell<T: 'static> {
    pub(crate) runtime: RuntimeStore,
    pub(crate) stack: Owned<StoreStack>,
    pub(crate) engine: Engine,
    /// The functions that host functions of linkers have become here, by the address of the
    /// latter; each is kept, so that its address stays its own.
    linked: HashMap<usize, (Arc<HostFunc<T>>, FuncId)>,
    /// What is asked when wasm has met the store's deadline; taken out while it is asked.
    pub(crate) epoch_callback: Option<EpochCallback<T>>,
    /// What is told of steps between host and wasm; taken out while it is told. Whether there is
    /// one, be it in its place or not, `runtime` knows.
    pub(crate) call_hook: Option<Hook<T>>,
    /// A list that calls with [`Val`]s use again.
    pub(crate) spare_values: Vec<Val>,
    /// The same for the types of their results, and their slots.
    pub(crate) spare: (Vec<brolga_module::ValType>, Vec<u64>),
    /// What core dumps are made of.
    #[cfg(feature = "coredump")]
    pub(crate) instances: crate::coredump::Instances,
    pub(crate) data: T,
}

impl<T> Store<T> {
    /// An empty store with `data`.
    pub fn new(engine: &Engine, data: T) -> Store<T> {
        let runtime = RuntimeStore::new(engine.stores(), Limits::default());
        let stack = runtime.new_stack(engine.stacks().clone());
        let mut store = Store::from_cell(StoreCell {
            runtime,
            stack: Owned::new(stack),
            engine: engine.clone(),
            linked: HashMap::new(),
            epoch_callback: None,
            call_hook: None,
            spare_values: Vec::new(),
            spare: Default::default(),
            #[cfg(feature = "coredump")]
            instances: Default::default(),
            data,
        });
        let mut context = store.context_mut();
        let address = context.ptr().erased();
        context.cell_mut().runtime.set_embedder(address);
        store
    }

    /// [`Store::new`]: for programs written against an engine where it can fail.
    ///
    /// # Errors
    /// None.
    pub fn try_new(engine: &Engine, data: T) -> Result<Store<T>> {
        Ok(Store::new(engine, data))
    }

    /// The data.
    pub fn data(&self) -> &T {
        &self.context().cell().data
    }

    /// The data, to change.
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.context_mut().into_cell_mut().data
    }

    /// The data, out of the store. Everything else in the store is dropped.
    pub fn into_data(self) -> T {
        self.into_cell().data
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.context().cell().engine
    }

    /// How much the store may hold.
    pub fn limits(&self) -> Limits {
        *self.context().cell().runtime.limits()
    }

    /// Changes how much the store may hold. What it holds already stays.
    pub fn set_limits(&mut self, limits: Limits) {
        self.context_mut().cell_mut().runtime.set_limits(limits);
    }

    /// Frees what instances that were [closed](crate::Instance::close) have left and nothing can
    /// reach any more, however much has to be looked through for that. Closing does so by itself
    /// where it costs little, and from time to time. While wasm runs no instance is freed.
    ///
    /// Drops the host objects behind [`ExternRef`](crate::ExternRef)s that nothing leads to any
    /// more, also while wasm runs. Whatever is in a frame of wasm and could be a reference to an
    /// object keeps it; and where calls of the store are under way on more than one stack (host code
    /// has switched stacks) all of them are kept for now.
    ///
    /// `why` is what an allocation failed with, if that is the reason.
    ///
    /// ```
    /// # use brolga::*;
    /// # fn main() -> Result<()> {
    /// let mut store = Store::new(&Engine::default(), ());
    /// store.gc(None)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// None in this version.
    ///
    /// # Panics
    /// If the destructor of a host object does. The others are dropped all the same.
    pub fn gc(&mut self, why: Option<&GcHeapOutOfMemory<()>>) -> Result<()> {
        self.context_mut().gc(why)
    }

    /// Has a [`ResourceLimiter`] asked before a memory or table is made or grown; `limiter` finds
    /// it in the data. Its counts of instances, tables and memories take effect now.
    ///
    /// ```
    /// # use brolga::*;
    /// # fn main() -> Result<()> {
    /// let limits = StoreLimitsBuilder::new().memory_size(1 << 16).build();
    /// let mut store = Store::new(&Engine::default(), limits);
    /// store.limiter(|limits| limits);
    /// let memory = Memory::new(&mut store, MemoryType::new(1, None))?;
    /// assert!(memory.grow(&mut store, 1).is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub fn limiter(
        &mut self,
        mut limiter: impl (FnMut(&mut T) -> &mut dyn ResourceLimiter) + Send + Sync + 'static,
    ) {
        let mut context = self.context_mut();
        let cell = context.cell_mut();
        let counts = limiter(&mut cell.data);
        let count = |count: usize| count as u64;
        let limits = Limits {
            instances: count(counts.instances()),
            tables: count(counts.tables()),
            memories: count(counts.memories()),
            ..*cell.runtime.limits()
        };
        cell.runtime.set_limits(limits);
        cell.runtime.set_growth_hook(Some(Box::new(Limiter::new(limiter))));
    }
}

impl<T> StoreContextMut<'_, T> {
    /// The function of this store that a linker's host function is; made the first time.
    pub(crate) fn link(&mut self, func: &Arc<HostFunc<T>>) -> Result<Func> {
        let address = Arc::as_ptr(func).addr();
        if let Some((_, id)) = self.cell().linked.get(&address) {
            return Ok(Func::from_id(*id));
        }
        let made = Func::bind(func, self)?;
        self.cell_mut().linked.insert(address, (Arc::clone(func), made.id()));
        Ok(made)
    }
}

impl<'a, T> StoreContext<'a, T> {
    /// The data.
    pub fn data(&self) -> &'a T {
        &self.cell().data
    }

    /// The engine.
    pub fn engine(&self) -> &'a Engine {
        &self.cell().engine
    }
}

impl<T> StoreContextMut<'_, T> {
    /// The data.
    pub fn data(&self) -> &T {
        &self.cell().data
    }

    /// The data, to change.
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.cell_mut().data
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.cell().engine
    }

    /// Frees what closed instances have left and host objects that nothing leads to; see
    /// [`Store::gc`].
    ///
    /// # Errors
    /// As [`Store::gc`].
    ///
    /// # Panics
    /// As [`Store::gc`].
    pub fn gc(&mut self, _why: Option<&GcHeapOutOfMemory<()>>) -> Result<()> {
        self.cell_mut().runtime.collect_closed();
        self.collect_externrefs();
        Ok(())
    }
}

impl<T: Default> Default for Store<T> {
    /// A store of an engine of its own.
    ///
    /// # Panics
    /// As [`Engine::default`].
    fn default() -> Store<T> {
        Store::new(&Engine::default(), T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for Store<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("runtime", &self.context().cell().runtime)
            .field("data", self.data())
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for StoreContext<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoreContext").field(&self.cell().runtime).finish()
    }
}

impl<T> fmt::Debug for StoreContextMut<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoreContextMut").field(&self.cell().runtime).finish()
    }
}

/// What can be sent and shared is what wasmtime's users expect, and what `store_cell.rs` says by
/// `unsafe impl` follows from the parts.
const _: () = {
    const fn is_send<T: Send>() {}
    const fn is_send_sync<T: Send + Sync>() {}
    is_send::<StoreCell<()>>();
    is_send::<Store<()>>();
    is_send::<crate::Caller<'static, ()>>();
    is_send_sync::<Engine>();
    is_send_sync::<crate::Module>();
    is_send_sync::<Func>();
    is_send_sync::<crate::TypedFunc<(i32, i64), f32>>();
    is_send_sync::<crate::Instance>();
    is_send_sync::<crate::Memory>();
    is_send_sync::<crate::Table>();
    is_send_sync::<crate::Global>();
    is_send_sync::<crate::Extern>();
    is_send_sync::<crate::Linker<()>>();
    is_send_sync::<crate::InstancePre<()>>();
    is_send_sync::<crate::Error>();
    is_send_sync::<crate::FuncType>();
    is_send_sync::<crate::Rooted<crate::ExternRef>>();
    is_send_sync::<crate::ModuleEngine>();
    is_send::<crate::CallEngine>();
};
