//! What all stores of an engine together may hold, where the engine was told to pool.
//!
//! ```text
//!  allocate ─▶ Pool::take ─▶ Slot, in the instance, memory or table ─▶ dropped with it
//! ```
//! It never allocates what it counts: rooms of memories are kept by `memory_room.rs`, stacks by
//! `stack.rs`.
//!
//! **Invariants**
//! - A slot is taken before what it stands for is made and given back after that is gone, also
//!   where the making fails or the embedder panics in the middle of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How much all stores of an engine may hold at once, and how much of it stays reserved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PoolLimits {
    /// Instances, with those that are closed but still referred to.
    pub instances: u64,
    /// Memories. As many rooms are reserved from the start.
    pub memories: u64,
    /// Tables; those that are part of a module's image don't count.
    pub tables: u64,
    /// Stacks: stores that have called code.
    pub stacks: u64,
    /// Bytes of one memory.
    pub memory_bytes: u64,
    /// Elements of one table.
    pub table_elements: u64,
    /// How many rooms that no memory uses keep what is mapped there for the next instance of the
    /// same module.
    pub warm_memories: u64,
    /// How many bytes of a memory without an image are zeroed by writing, when it goes, instead of
    /// given back to the system.
    pub resident_bytes: usize,
}

/// As many of something as the engine's pool has are in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("all {max} {what} of the engine's pool are in use (setting `{name}`)")]
#[non_exhaustive]
pub struct PoolConcurrencyLimitError {
    /// The setting.
    pub name: &'static str,
    /// What is counted.
    pub what: &'static str,
    /// How many there are.
    pub max: u64,
}

/// A memory or a table larger than the engine's pool has any.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{asked} {what} pass the limit of {max} of the engine's pool (setting `{name}`)")]
#[non_exhaustive]
pub struct PoolSizeError {
    /// The setting.
    pub name: &'static str,
    /// What is measured.
    pub what: &'static str,
    /// The limit.
    pub max: u64,
    /// What was asked for.
    pub asked: u64,
}

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pooled {
    Instance,
    Memory,
    Table,
    Stack,
}

/// The counts of an engine, or none. Clones are the same pool.
#[derive(Clone, Debug, Default)]
pub struct Pool(Option<Arc<Counts>>);

#[derive(Debug)]
struct Counts {
    limits: PoolLimits,
    used: [AtomicU64; 4],
}

impl Pool {
    /// A pool with nothing in use.
    pub fn new(limits: PoolLimits) -> Self {
        Self(Some(Arc::new(Counts { limits, used: Default::default() })))
    }

    pub(crate) fn limits(&self) -> Option<&PoolLimits> {
        self.0.as_deref().map(|counts| &counts.limits)
    }

    /// A slot for one more.
    pub(crate) fn take(&self, what: Pooled) -> Result<Slot, PoolConcurrencyLimitError> {
        let Some(counts) = &self.0 else { return Ok(Slot(None)) };
        let (name, plural, max) = counts.limits.of(what);
        // Acquire and release: whoever finds a slot free finds what it stood for gone.
        let taken =
            counts.used[what as usize].fetch_update(Ordering::Acquire, Ordering::Relaxed, |used| {
                (used < max).then_some(used + 1)
            });
        match taken {
            Ok(_) => Ok(Slot(Some((Arc::clone(counts), what)))),
            Err(_) => Err(PoolConcurrencyLimitError { name, what: plural, max }),
        }
    }

    /// Whether there are no slots left for `count` more.
    pub(crate) fn is_crowded(&self, what: Pooled, count: usize) -> bool {
        self.0.as_deref().is_some_and(|counts| {
            let used = counts.used[what as usize].load(Ordering::Relaxed);
            used.saturating_add(count as u64) > counts.limits.of(what).2
        })
    }

    /// Whether one memory may have so many bytes.
    pub(crate) fn check_memory(&self, asked: u64) -> Result<(), PoolSizeError> {
        let max = self.limits().map_or(u64::MAX, |limits| limits.memory_bytes);
        let error =
            PoolSizeError { name: "max_memory_size", what: "bytes of a memory", max, asked };
        if asked <= max { Ok(()) } else { Err(error) }
    }

    /// Whether one table may have so many elements.
    pub(crate) fn check_table(&self, asked: u64) -> Result<(), PoolSizeError> {
        let max = self.limits().map_or(u64::MAX, |limits| limits.table_elements);
        let error =
            PoolSizeError { name: "table_elements", what: "elements of a table", max, asked };
        if asked <= max { Ok(()) } else { Err(error) }
    }
}

impl PoolLimits {
    /// The setting, what it counts, and how many there may be.
    fn of(&self, what: Pooled) -> (&'static str, &'static str, u64) {
        match what {
            Pooled::Instance => ("total_core_instances", "instances", self.instances),
            Pooled::Memory => ("total_memories", "memories", self.memories),
            Pooled::Table => ("total_tables", "tables", self.tables),
            Pooled::Stack => ("total_stacks", "stacks", self.stacks),
        }
    }
}

/// One of what a pool has, in use until this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Slot(Option<(Arc<Counts>, Pooled)>);

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some((counts, what)) = &self.0 {
            counts.used[*what as usize].fetch_sub(1, Ordering::Release);
        }
    }
}
