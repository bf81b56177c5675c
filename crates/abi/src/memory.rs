//! Linear memories: how code finds them and how accesses are kept inside. This file is part of the
//! sandbox: a change asks for a second reader.
//!
//! **Invariants**
//! - [`MemoryPlan::new`] is the one predicate: the compiler asks it which checks to leave out, the
//!   runtime asks it what to map, and both pass the same [`MemoryOptions`].
//! - A plan depends on the index type and the page size only, which an import must match exactly:
//!   so an importing module and the memory's owner always agree.
//! - Guarded memories: `reservation_bytes + guard_bytes` lie behind the base, all inaccessible but
//!   the current size; see [`BoundsCheck::Guarded`].

use brolga_module::{IndexType, MemoryType};

use crate::MemoryOptions;

/// The current place and size of a memory, one for all who use it.
#[derive(Debug)]
#[repr(C)]
pub struct MemoryView {
    /// Address of byte 0.
    pub base: *mut u8,
    /// The size in bytes.
    pub size_bytes: usize,
}

/// A memory as an instance holds it, own or imported alike.
#[derive(Debug)]
#[repr(C)]
pub struct MemorySlot {
    /// Address of byte 0 where the plan says that it never moves; otherwise null.
    pub pinned_base: *mut u8,
    /// Where place and size are looked up.
    pub view: *const MemoryView,
}

/// What accesses to a memory need and what its mapping must give.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemoryPlan {
    /// Whether the base never changes, so that code may load it once from the instance's slot.
    pub pinned: bool,
    /// How accesses are kept inside.
    pub check: BoundsCheck,
    /// Address space to reserve from the base on, in bytes; growth within it does not move.
    pub reservation_bytes: u64,
    /// Inaccessible bytes after the reservation.
    pub guard_bytes: u64,
    /// Inaccessible bytes before the base.
    pub guard_before_bytes: u64,
}

/// How accesses to a memory are kept inside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BoundsCheck {
    /// The mapping catches them. For an index of 32 bits and a constant offset, code may leave out
    /// the check when `offset + width <= guard_bytes`: index + offset + width then stays below
    /// reservation (at least 4 GiB) + guard.
    Guarded,
    /// Code compares with the current size.
    Explicit,
}

impl MemoryPlan {
    /// The plan for memories of type `ty`.
    pub fn new(ty: &MemoryType, options: &MemoryOptions) -> Self {
        const FULL_32: u64 = 1 << 32;
        let pinned = ty.index == IndexType::I32 && options.reservation_bytes >= FULL_32;
        // Pages smaller than the hardware's end where no mapping can.
        let guarded = pinned && options.signals && ty.page_size_log2 >= 16;
        Self {
            pinned,
            check: if guarded { BoundsCheck::Guarded } else { BoundsCheck::Explicit },
            reservation_bytes: if pinned { FULL_32 } else { options.reservation_bytes },
            guard_bytes: options.guard_bytes,
            guard_before_bytes: options.guard_before_bytes,
        }
    }

    /// Whether an access of `width` bytes at constant `offset` and any 32-bit index needs no check
    /// in code.
    pub fn needs_no_check(&self, offset: u64, width: u64) -> bool {
        self.check == BoundsCheck::Guarded
            && offset.checked_add(width).is_some_and(|reach| reach <= self.guard_bytes)
    }
}
