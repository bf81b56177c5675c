//! Who is asked before memories and tables are made or grown: the embedder's limiter.

use brolga_runtime::{BoxError, GrowError, Growth, GrowthHook};

use crate::host_call::with_data;
use crate::{Error, Result, bail};

const INSTANCES: usize = 10_000;
const TABLES: usize = 10_000;
const MEMORIES: usize = 10_000;

/// Decides how large memories and tables may become. Asked besides the store's
/// [`Limits`](crate::Limits), which are on by default.
pub trait ResourceLimiter: Send {
    /// Whether a memory of `current` bytes may have `desired`. For a new memory `current` is 0;
    /// `maximum` is what its type allows. Asked first: `desired` may be more than `maximum` or than
    /// another limit, and then is not had even so.
    ///
    /// # Errors
    /// An error ends the wasm call that asked.
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool>;

    /// Told that a memory could not grow, or be made, for another reason than that
    /// [`memory_growing`](ResourceLimiter::memory_growing) was against it.
    ///
    /// # Errors
    /// An error ends the wasm call that asked; by default `memory.grow` gives −1.
    fn memory_grow_failed(&mut self, error: Error) -> Result<()> {
        drop(error);
        Ok(())
    }

    /// Whether a table of `current` elements may have `desired`, as
    /// [`memory_growing`](ResourceLimiter::memory_growing).
    ///
    /// # Errors
    /// An error ends the wasm call that asked.
    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool>;

    /// Told that a table could not grow, as
    /// [`memory_grow_failed`](ResourceLimiter::memory_grow_failed).
    ///
    /// # Errors
    /// An error ends the wasm call that asked; by default `table.grow` gives −1.
    fn table_grow_failed(&mut self, error: Error) -> Result<()> {
        drop(error);
        Ok(())
    }

    /// How many instances the store may hold.
    fn instances(&self) -> usize {
        INSTANCES
    }

    /// How many tables the store may hold.
    fn tables(&self) -> usize {
        TABLES
    }

    /// How many memories the store may hold.
    fn memories(&self) -> usize {
        MEMORIES
    }
}

/// The limiter of a store, as the runtime asks it.
pub(crate) struct Limiter<T: 'static> {
    find: Box<dyn (FnMut(&mut T) -> &mut dyn ResourceLimiter) + Send + Sync>,
}

impl<T: 'static> Limiter<T> {
    pub(crate) fn new(
        find: impl (FnMut(&mut T) -> &mut dyn ResourceLimiter) + Send + Sync + 'static,
    ) -> Limiter<T> {
        Limiter { find: Box::new(find) }
    }

    fn ask<R>(
        &mut self,
        embedder: *mut (),
        ask: impl FnOnce(&mut dyn ResourceLimiter) -> Result<R>,
    ) -> Result<R, BoxError> {
        Ok(with_data(embedder, |data| ask((self.find)(data)))?)
    }
}

impl<T: 'static> GrowthHook for Limiter<T> {
    fn memory_growing(&mut self, embedder: *mut (), growth: Growth) -> Result<bool, BoxError> {
        let (current, desired, max) = sizes(growth);
        self.ask(embedder, |limiter| limiter.memory_growing(current, desired, max))
    }

    fn table_growing(&mut self, embedder: *mut (), growth: Growth) -> Result<bool, BoxError> {
        let (current, desired, max) = sizes(growth);
        self.ask(embedder, |limiter| limiter.table_growing(current, desired, max))
    }

    fn memory_grow_failed(&mut self, embedder: *mut (), why: &GrowError) -> Result<(), BoxError> {
        let why = Error::msg(why.to_string());
        self.ask(embedder, |limiter| limiter.memory_grow_failed(why))
    }

    fn table_grow_failed(&mut self, embedder: *mut (), why: &GrowError) -> Result<(), BoxError> {
        let why = Error::msg(why.to_string());
        self.ask(embedder, |limiter| limiter.table_grow_failed(why))
    }
}

/// All targets have 64-bit sizes; what passes them is as large as can be.
fn sizes(growth: Growth) -> (usize, usize, Option<usize>) {
    let size = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
    (size(growth.current), size(growth.desired), growth.max.map(size))
}

/// Limits that are plain numbers: a [`ResourceLimiter`] to put into a store's data.
#[derive(Clone, Debug)]
pub struct StoreLimits {
    memory_size: Option<usize>,
    table_elements: Option<usize>,
    instances: usize,
    tables: usize,
    memories: usize,
    trap_on_grow_failure: bool,
}

impl Default for StoreLimits {
    fn default() -> StoreLimits {
        StoreLimits {
            memory_size: None,
            table_elements: None,
            instances: INSTANCES,
            tables: TABLES,
            memories: MEMORIES,
            trap_on_grow_failure: false,
        }
    }
}

impl StoreLimits {
    fn allows(&self, limit: Option<usize>, desired: usize, maximum: Option<usize>) -> bool {
        let within = |limit: Option<usize>| limit.is_none_or(|limit| desired <= limit);
        within(limit) && within(maximum)
    }
}

impl ResourceLimiter for StoreLimits {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        let allowed = self.allows(self.memory_size, desired, maximum);
        if !allowed && self.trap_on_grow_failure {
            bail!("forcing trap when growing memory to {desired} bytes");
        }
        Ok(allowed)
    }

    fn memory_grow_failed(&mut self, error: Error) -> Result<()> {
        match self.trap_on_grow_failure {
            true => Err(error.context("forcing a memory growth failure to be a trap")),
            false => Ok(()),
        }
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        let allowed = self.allows(self.table_elements, desired, maximum);
        if !allowed && self.trap_on_grow_failure {
            bail!("forcing trap when growing table to {desired} elements");
        }
        Ok(allowed)
    }

    fn table_grow_failed(&mut self, error: Error) -> Result<()> {
        match self.trap_on_grow_failure {
            true => Err(error.context("forcing a table growth failure to be a trap")),
            false => Ok(()),
        }
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.tables
    }

    fn memories(&self) -> usize {
        self.memories
    }
}

/// Makes [`StoreLimits`] step by step.
#[derive(Clone, Debug, Default)]
pub struct StoreLimitsBuilder(StoreLimits);

impl StoreLimitsBuilder {
    /// Starts with no limits on sizes, and 10,000 each of instances, tables and memories.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes of one memory.
    #[must_use]
    pub fn memory_size(mut self, limit: usize) -> Self {
        self.0.memory_size = Some(limit);
        self
    }

    /// Elements of one table.
    #[must_use]
    pub fn table_elements(mut self, limit: usize) -> Self {
        self.0.table_elements = Some(limit);
        self
    }

    /// Instances of the store.
    #[must_use]
    pub fn instances(mut self, limit: usize) -> Self {
        self.0.instances = limit;
        self
    }

    /// Tables of the store.
    #[must_use]
    pub fn tables(mut self, tables: usize) -> Self {
        self.0.tables = tables;
        self
    }

    /// Memories of the store.
    #[must_use]
    pub fn memories(mut self, memories: usize) -> Self {
        self.0.memories = memories;
        self
    }

    /// Whether `memory.grow` and `table.grow` end the call where they would give −1.
    #[must_use]
    pub fn trap_on_grow_failure(mut self, trap: bool) -> Self {
        self.0.trap_on_grow_failure = trap;
        self
    }

    /// The limits.
    #[must_use]
    pub fn build(self) -> StoreLimits {
        self.0
    }
}
