//! Handles: what embedders hold of a store's contents.
//!
//! A handle is a few numbers, not a pointer. It says which store it belongs to, where in that
//! store its thing is, and the how-manieth thing at that place it means.
//!
//! **Invariants**
//! - A [`StoreId`] is never given twice in a process.
//! - A handle is only good in its own store and while its thing is there; else a [`HandleError`].

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

use brolga_module::{FuncIndex, GlobalIndex, TableIndex};

use crate::arena::Place;
use crate::extern_ref::Rooted;

/// The identity of a store within this process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StoreId(NonZeroU64);

impl StoreId {
    /// An identity that no store had before.
    pub(crate) fn fresh() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        // At a store a nanosecond the counter lasts for five hundred years.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(NonZeroU64::new(number).expect("64 bits of stores are never used up"))
    }

    /// The identity as a number.
    pub fn get(self) -> u64 {
        self.0.get()
    }
}

/// A handle that can't be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HandleError {
    /// It was made by another store.
    #[error("this {kind} belongs to another store")]
    OtherStore {
        /// What it is a handle of.
        kind: &'static str,
    },
    /// What it named has been closed.
    #[error("this {kind} {}", match *kind {
        "instance" => "has been closed",
        _ => "belongs to an instance that has been closed",
    })]
    Closed {
        /// What it is a handle of.
        kind: &'static str,
    },
    /// The scope in which it was rooted has ended: only externrefs are.
    #[error("this externref is not rooted any more: the scope that it was given in has ended")]
    Unrooted,
}

macro_rules! handles {
    ($($(#[$doc:meta])* $name:ident($place:ty), $kind:literal, $gone:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub struct $name {
            pub(crate) store: StoreId,
            pub(crate) place: $place,
        }

        impl $name {
            /// The store it belongs to.
            #[inline]
            pub fn store(self) -> StoreId {
                self.store
            }

            /// Where in `store` its thing is, provided that it belongs to `store`.
            pub(crate) fn within(self, store: StoreId) -> Result<$place, HandleError> {
                if self.store == store {
                    Ok(self.place)
                } else {
                    Err(HandleError::OtherStore { kind: $kind })
                }
            }

            /// What it is an error to use it for when its thing can't be had any more.
            pub(crate) const GONE: HandleError = $gone;
        }
    )*};
}

handles! {
    /// An instance.
    InstanceId(Place), "instance", HandleError::Closed { kind: "instance" };
    /// A function: an instance's or the host's.
    FuncId(FuncPlace), "function", HandleError::Closed { kind: "function" };
    /// A memory.
    MemoryId(Place), "memory", HandleError::Closed { kind: "memory" };
    /// A table.
    TableId(TablePlace), "table", HandleError::Closed { kind: "table" };
    /// A global.
    GlobalId(GlobalPlace), "global", HandleError::Closed { kind: "global" };
    /// A host object that wasm can hold a reference to.
    ExternRefId(Rooted), "externref", HandleError::Unrooted;
}

/// Where a function is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum FuncPlace {
    /// Defined (not imported) by the module of an instance.
    Instance(Place, FuncIndex),
    /// Made by the host.
    Host(Place),
}

/// Where a table is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum TablePlace {
    /// In the store.
    Store(Place),
    /// In the image of an instance's module.
    Static(Place, TableIndex),
}

/// Where a global is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum GlobalPlace {
    /// Defined (not imported) by the module of an instance: in its context.
    Instance(Place, GlobalIndex),
    /// Made by the host.
    Host(Place),
}

/// Anything that can be imported and exported.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Extern {
    /// A function.
    Func(FuncId),
    /// A table.
    Table(TableId),
    /// A memory.
    Memory(MemoryId),
    /// A global.
    Global(GlobalId),
}

impl Extern {
    /// What it is, in one word.
    pub fn kind(self) -> &'static str {
        match self {
            Extern::Func(_) => "function",
            Extern::Table(_) => "table",
            Extern::Memory(_) => "memory",
            Extern::Global(_) => "global",
        }
    }
}

/// A value as the host sees it: references are handles, numbers are their bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Value {
    /// An `i32`.
    I32(u32),
    /// An `i64`.
    I64(u64),
    /// The bits of an `f32`.
    F32(u32),
    /// The bits of an `f64`.
    F64(u64),
    /// A `v128`, lane 0 in the lowest bits.
    V128(u128),
    /// A reference to a function, or null.
    Func(Option<FuncId>),
    /// A reference to a host object, or null.
    Extern(Option<ExternRefId>),
}
