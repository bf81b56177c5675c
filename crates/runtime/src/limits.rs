//! How much a store may hold, and who is asked before it holds more.
//!
//! Every limit is on by default. What passes one is refused with a [`LimitError`] that names the
//! setting; in code, `memory.grow` and `table.grow` then give −1.
//!
//! **Invariants**
//! - What a store holds is charged before it is allocated and given back when it is freed.
//! - The hook is asked about every memory and table, made or grown, before its size is held against
//!   any limit; after it has said yes it is told if that fails.

use brolga_os::OsError;

use crate::{HandleError, error::BoxError};
use crate::{PoolConcurrencyLimitError, PoolSizeError};

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident: $default:literal, $what:literal;)*) => {
        /// How much a store may hold. A line each; `Limits::default()` is what the table says.
        ///
        /// ```
        /// let limits = brolga_runtime::Limits { instances: 1, ..Default::default() };
        /// assert_eq!(limits.memory_bytes, 4 << 30);
        /// ```
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub struct Limits {
            $($(#[doc = $doc])+ pub $name: u64,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl Limits {
            /// Every limit by its setting's name.
            pub fn settings(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name)),*]
            }

            $(pub(crate) fn $name(&self, asked: u64) -> Result<(), LimitError> {
                if asked <= self.$name {
                    Ok(())
                } else {
                    let (name, what) = (stringify!($name), $what);
                    Err(LimitError { name, what, max: self.$name, asked })
                }
            })*
        }
    };
}

// setting, default, what an error calls it
limits! {
    /// Bytes of one memory.
    memory_bytes: 0x1_0000_0000, "bytes of a memory";
    /// Bytes of all memories of a store together.
    memory_bytes_total: 0x10_0000_0000, "bytes of all memories";
    /// Elements of one table.
    table_elements: 10_000_000, "elements of a table";
    /// Elements of all tables of a store together; tables that are part of a module's image take
    /// no room in the store and don't count.
    table_elements_total: 40_000_000, "elements of all tables";
    /// Instances of a store, with those that are closed but still referred to.
    instances: 10_000, "instances";
    /// Memories of a store.
    memories: 10_000, "memories";
    /// Tables of a store; those that are part of a module's image don't count.
    tables: 10_000, "tables";
    /// Functions made by the host.
    host_functions: 1_000_000, "host functions";
    /// Globals made by the host.
    host_globals: 1_000_000, "host globals";
    /// Host objects that wasm can hold references to.
    externrefs: 10_000_000, "externrefs";
}

/// A limit of the store that would be passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{asked} {what} pass the store's limit of {max} (setting `{name}`)")]
#[non_exhaustive]
pub struct LimitError {
    /// The setting: a field of [`Limits`].
    pub name: &'static str,
    /// What is counted.
    pub what: &'static str,
    /// The limit.
    pub max: u64,
    /// What was asked for.
    pub asked: u64,
}

/// A size that is about to change: in bytes for memories, in elements for tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Growth {
    /// The size now; 0 for something new.
    pub current: u64,
    /// The size asked for; the largest number there is if it is more than that.
    pub desired: u64,
    /// The size that the type allows at most.
    pub max: Option<u64>,
}

/// Who is asked before a memory or a table is made or grown, besides the limits.
///
/// `embedder` is what the store's [`set_embedder`](crate::Store::set_embedder) was last given. The
/// store is in the middle of growing when it asks: a hook has no business with the store itself.
pub trait GrowthHook: Send {
    /// Whether a memory may have the size asked for, which may be more than the most that can be.
    /// An error ends the wasm call that asked.
    fn memory_growing(&mut self, embedder: *mut (), growth: Growth) -> Result<bool, BoxError>;

    /// Whether a table may have the size asked for, which may be more than the most that can be.
    /// An error ends the wasm call that asked.
    fn table_growing(&mut self, embedder: *mut (), growth: Growth) -> Result<bool, BoxError>;

    /// Told why a memory could not grow; an error ends the wasm call that asked.
    fn memory_grow_failed(&mut self, embedder: *mut (), why: &GrowError) -> Result<(), BoxError> {
        let _ = (embedder, why);
        Ok(())
    }

    /// Told why a table could not grow; an error ends the wasm call that asked.
    fn table_grow_failed(&mut self, embedder: *mut (), why: &GrowError) -> Result<(), BoxError> {
        let _ = (embedder, why);
        Ok(())
    }
}

/// A memory or a table that could not be made or grown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GrowError {
    /// The handle is no good.
    #[error(transparent)]
    Handle(#[from] HandleError),
    /// The type's own maximum, or what its index can address.
    #[error("{asked} {unit} are more than the type's maximum of {max}")]
    Maximum {
        /// The size asked for.
        asked: u128,
        /// The size allowed.
        max: u64,
        /// Pages or elements.
        unit: &'static str,
    },
    /// A limit of the store.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// All of the engine's pool are in use.
    #[error(transparent)]
    Pool(#[from] PoolConcurrencyLimitError),
    /// Larger than the engine's pool has any.
    #[error(transparent)]
    PoolSize(#[from] PoolSizeError),
    /// The embedder's hook said no.
    #[error("growing from {} to {} was refused by the embedder", growth.current, growth.desired)]
    Refused {
        /// What it was asked.
        growth: Growth,
    },
    /// The embedder's hook failed.
    #[error("the embedder's limiter failed")]
    Hook(#[source] BoxError),
    /// The operating system said no.
    #[error(transparent)]
    System(#[from] OsError),
    /// More than can be addressed.
    #[error("no address space for {bytes} bytes")]
    AddressSpace {
        /// How many were asked for.
        bytes: usize,
    },
    /// More than was reserved, and memories may not move.
    #[error("{bytes} bytes are more than the memory's reservation, and it may not move")]
    Reservation {
        /// How many were asked for.
        bytes: usize,
    },
    /// The allocator said no.
    #[error("no memory left for {elements} elements")]
    OutOfMemory {
        /// How many were asked for.
        elements: u64,
    },
    /// A table that is part of its module's image never changes.
    #[error("the table is fixed by its module")]
    StaticTable,
    /// The value to fill in is not of the element type.
    #[error(transparent)]
    Value(#[from] crate::ValueError),
    /// The value to fill in is a function that code can't be given.
    #[error(transparent)]
    Func(crate::FuncError),
    /// A kind of memory that this version doesn't run.
    #[error("shared memories are not supported")]
    Shared,
}

/// What of its limits a store has used.
pub(crate) struct Budget {
    pub(crate) limits: Limits,
    memory_bytes: u64,
    table_elements: u64,
    pub(crate) hook: Option<Box<dyn GrowthHook>>,
    pub(crate) embedder: *mut (),
}

/// What is charged for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Charge {
    Memory,
    Table,
}

impl Budget {
    pub(crate) fn new(limits: Limits) -> Self {
        let embedder = std::ptr::null_mut();
        Self { limits, memory_bytes: 0, table_elements: 0, hook: None, embedder }
    }

    /// Does what makes something new or larger, if the hook allows it, and tells the hook if that
    /// fails.
    pub(crate) fn ask<T>(
        &mut self,
        charge: Charge,
        growth: Growth,
        grow: impl FnOnce(&mut Self) -> Result<T, GrowError>,
    ) -> Result<T, GrowError> {
        let embedder = self.embedder;
        let allowed = match (&mut self.hook, charge) {
            (None, _) => Ok(true),
            (Some(hook), Charge::Memory) => hook.memory_growing(embedder, growth),
            (Some(hook), Charge::Table) => hook.table_growing(embedder, growth),
        };
        if !allowed.map_err(GrowError::Hook)? {
            return Err(GrowError::Refused { growth });
        }
        grow(self).map_err(|error| self.failed(charge, error))
    }

    /// Charges for a growth, if the limits allow it.
    pub(crate) fn charge(&mut self, charge: Charge, growth: Growth) -> Result<(), LimitError> {
        let more = growth.desired.saturating_sub(growth.current);
        let total = self.used(charge).saturating_add(more);
        match charge {
            Charge::Memory => {
                self.limits.memory_bytes(growth.desired)?;
                self.limits.memory_bytes_total(total)?;
            }
            Charge::Table => {
                self.limits.table_elements(growth.desired)?;
                self.limits.table_elements_total(total)?;
            }
        }
        *self.used_mut(charge) = total;
        Ok(())
    }

    /// Gives back what was charged.
    pub(crate) fn give_back(&mut self, charge: Charge, size: u64) {
        let used = self.used_mut(charge);
        *used = used.saturating_sub(size);
    }

    /// Tells the hook that a growth failed; gives back the error to report.
    fn failed(&mut self, charge: Charge, why: GrowError) -> GrowError {
        let embedder = self.embedder;
        let told = match (&mut self.hook, charge, &why) {
            (None, ..) => Ok(()),
            (Some(hook), Charge::Memory, why) => hook.memory_grow_failed(embedder, why),
            (Some(hook), Charge::Table, why) => hook.table_grow_failed(embedder, why),
        };
        match told {
            Ok(()) => why,
            Err(error) => GrowError::Hook(error),
        }
    }

    pub(crate) fn used(&self, charge: Charge) -> u64 {
        match charge {
            Charge::Memory => self.memory_bytes,
            Charge::Table => self.table_elements,
        }
    }

    fn used_mut(&mut self, charge: Charge) -> &mut u64 {
        match charge {
            Charge::Memory => &mut self.memory_bytes,
            Charge::Table => &mut self.table_elements,
        }
    }
}

impl std::fmt::Debug for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Budget")
            .field("limits", &self.limits)
            .field("memory_bytes", &self.memory_bytes)
            .field("table_elements", &self.table_elements)
            .finish_non_exhaustive()
    }
}
