//! The index spaces of a module, one type for each.
//!
//! An index is a position in an index space of one module, imports first. It says nothing about
//! instances: the same `FuncIndex(3)` names a function in every instance of its module.
//!
//! **Invariants**
//! - Indices in a [`ParsedModule`](crate::ParsedModule) are in range: validation has seen them.

macro_rules! indices {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(transparent)]
        pub struct $name(pub u32);

        impl $name {
            /// The index as a position in a slice.
            #[inline]
            pub const fn as_usize(self) -> usize {
                self.0 as usize
            }

            /// The index of position `position`.
            ///
            /// # Panics
            /// If `position` does not fit 32 bits; no validated module has such an index space.
            #[inline]
            pub fn from_usize(position: usize) -> Self {
                Self(u32::try_from(position).expect("index spaces are 32 bits wide"))
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

indices! {
    /// A position in the type index space.
    TypeIndex;
    /// A position in the function index space: imported functions, then defined ones.
    FuncIndex;
    /// A position among the functions that the module defines itself, imports not counted.
    DefinedFuncIndex;
    /// A position in the table index space: imported tables, then defined ones.
    TableIndex;
    /// A position in the memory index space: imported memories, then defined ones.
    MemoryIndex;
    /// A position in the global index space: imported globals, then defined ones.
    GlobalIndex;
    /// A position among the element segments.
    ElemIndex;
    /// A position among the data segments.
    DataIndex;
}
