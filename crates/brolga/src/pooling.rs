//! Where the memories, tables and stacks of instances come from: from the system as they are
//! needed, or from an engine's pool of a size said beforehand.
//!
//! **Invariants**
//! - What is pooled changes nothing that code can see but where it is refused.

use brolga_runtime::PoolLimits;

/// Where an engine's stores get what instances are made of: for
/// [`Config::allocation_strategy`](crate::Config::allocation_strategy).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum InstanceAllocationStrategy {
    /// From the system, as it is needed; what was given back is kept for the next instance where
    /// that costs next to nothing. Each store has its own [`Limits`](crate::Limits). The default.
    #[default]
    OnDemand,
    /// From a pool of a size said beforehand. See [`PoolingAllocationConfig`].
    Pooling(PoolingAllocationConfig),
}

impl InstanceAllocationStrategy {
    /// A pool of the default size.
    pub fn pooling() -> Self {
        Self::Pooling(PoolingAllocationConfig::default())
    }
}

impl From<PoolingAllocationConfig> for InstanceAllocationStrategy {
    fn from(config: PoolingAllocationConfig) -> Self {
        Self::Pooling(config)
    }
}

/// How large an engine's pool is: how much all its stores together may hold at once.
///
/// What it gives over [`InstanceAllocationStrategy::OnDemand`]: the address space of all memories
/// is reserved when the engine is made, so that whether it is there is known then, and making an
/// instance reserves none; one engine's tenants together are held to a number of instances,
/// memories, tables and stacks, whatever their stores' own limits; and no memory or table is larger
/// than said, whatever its type. One more of anything than there are is a
/// [`PoolConcurrencyLimitError`](crate::PoolConcurrencyLimitError), one larger than may be a
/// [`PoolSizeError`](crate::PoolSizeError); `memory.grow` and `table.grow` give −1. A place in the
/// pool is free again once its instance has been [closed](crate::Instance::close) and nothing leads
/// to it any more, or its store has been dropped; what was in a memory is gone before the next one
/// gets its place.
///
/// Memories that can move, of 64 bits or of a [`memory_reservation`](crate::Config::memory_reservation)
/// under 4 GiB, count as others do, but their address space is reserved as it is needed.
///
/// ```
/// # use brolga::*;
/// # fn main() -> Result<()> {
/// let mut pool = PoolingAllocationConfig::new();
/// pool.total_core_instances(100).total_memories(1).max_memory_size(1 << 20);
/// let engine = Engine::new(Config::new().allocation_strategy(pool))?;
/// let module = Module::new(&engine, "(module (memory 1))")?;
/// let mut store = Store::new(&engine, ());
/// let only = Instance::new(&mut store, &module, &[])?;
///
/// let error = Instance::new(&mut store, &module, &[]).unwrap_err();
/// assert!(error.is::<PoolConcurrencyLimitError>());
///
/// only.close(&mut store)?;
/// Instance::new(&mut store, &module, &[])?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct PoolingAllocationConfig(PoolLimits);

impl Default for PoolingAllocationConfig {
    fn default() -> Self {
        Self(PoolLimits {
            instances: 1_000,
            memories: 1_000,
            tables: 1_000,
            stacks: 1_000,
            memory_bytes: 1 << 32,
            table_elements: 20_000,
            warm_memories: 100,
            resident_bytes: 0,
        })
    }
}

impl PoolingAllocationConfig {
    /// A pool of the default size.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many instances there may be at once, those that are closed but still referred to among
    /// them. Default: 1,000.
    pub fn total_core_instances(&mut self, count: u32) -> &mut Self {
        self.0.instances = count.into();
        self
    }

    /// How many memories there may be at once, those that the host makes among them. Each takes
    /// address space of [`memory_reservation`](crate::Config::memory_reservation) and guards
    /// from the start, no memory. Default: 1,000.
    pub fn total_memories(&mut self, count: u32) -> &mut Self {
        self.0.memories = count.into();
        self
    }

    /// How many tables there may be at once, those that the host makes among them. Tables that
    /// nobody can change take no room in a store and don't count. Default: 1,000.
    pub fn total_tables(&mut self, count: u32) -> &mut Self {
        self.0.tables = count.into();
        self
    }

    /// How many stores may have called code: a store has a stack from its first call until it is
    /// dropped. Default: 1,000.
    pub fn total_stacks(&mut self, count: u32) -> &mut Self {
        self.0.stacks = count.into();
        self
    }

    /// How large a memory may be or become, in bytes. Default: 4 GiB.
    pub fn max_memory_size(&mut self, bytes: usize) -> &mut Self {
        self.0.memory_bytes = bytes as u64;
        self
    }

    /// How many elements a table may have or get. Default: 20,000.
    pub fn table_elements(&mut self, elements: usize) -> &mut Self {
        self.0.table_elements = elements as u64;
        self
    }

    /// How many places of memories that nobody uses keep the mapping of their module's data, so
    /// that the next instance of that module starts faster. Default: 100.
    pub fn max_unused_warm_slots(&mut self, max: u32) -> &mut Self {
        self.0.warm_memories = max.into();
        self
    }

    /// How many bytes of a memory are zeroed in place when it goes, instead of being given back to
    /// the system; what is larger is given back beyond that. It saves small memories system calls
    /// and page faults, at the price of so much memory for each of
    /// [`max_unused_warm_slots`](Self::max_unused_warm_slots). Memories that show a shared image of
    /// their data are given back as a whole. Default: 0.
    pub fn linear_memory_keep_resident(&mut self, bytes: usize) -> &mut Self {
        self.0.resident_bytes = bytes;
        self
    }

    pub(crate) fn limits(&self) -> PoolLimits {
        self.0
    }
}
