//! A file on which the sandbox stands; changes need a second reader.
//!
//! The address space of a memory, and the engine's pool of such rooms that no store is using.
//!
//! ```text
//!  ├── guard before ──┤── committed ──┤───── the rest of the capacity, guard ─────┤
//!                     base            inaccessible from here on
//!
//!  LinearMemory ─put─▶ emptied ─▶ idle ─take─▶ LinearMemory of the next instance
//!                └─ reserved, but too many, too large ─▶ cleared ─▶ cold ─take─▶ …
//! ```
//! Making a room takes the kernel ten times as long as everything else of a small instance; an
//! instance that gets the room of an earlier one of its module finds the image of its data mapped.
//!
//! **Trusts** the kernel: a discarded page reads as zero, or as the image mapped there.
//! **Promises** that a room from the pool is as a new one: `committed` bytes from the base on are
//! accessible, exactly those, and hold zero, or where there is an image, the image.
//! **Tested by** `tests/memory_room.rs`.
//!
//! **Invariants**
//! - `committed` is what the kernel allows; whoever changes one changes the other.
//! - A room is emptied before it becomes idle. One that can't be is unmapped, as is one that can't
//!   be made fit for its next user: no bytes ever go from one memory to another.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use brolga_abi::{MemoryOptions, MemoryPlan};
use brolga_module::{IndexType, MemoryType};
use brolga_os::{Reservation, round_up_to_page};

use crate::initial_memory::InitialMemory;
use crate::{GrowError, PoolLimits};

/// Address space for a memory.
#[derive(Debug)]
pub(crate) struct MemoryRoom {
    plan: MemoryPlan,
    mapping: Reservation,
    /// Where in the mapping byte 0 is.
    base: usize,
    /// Bytes from the base on that may be committed.
    capacity: usize,
    /// Bytes from the base on that are, in whole pages of the host's.
    committed: usize,
    /// What is mapped over the first contents. Weak, so that a pool keeps no module's data.
    image: Option<Weak<InitialMemory>>,
}

impl MemoryRoom {
    /// Reserves room for `bytes` between the plan's guards.
    pub(crate) fn new(plan: &MemoryPlan, bytes: u64) -> Result<Self, GrowError> {
        let part = |bytes: u64| rounded(usize::try_from(bytes).unwrap_or(usize::MAX));
        let base = part(plan.guard_before_bytes)?;
        let capacity = part(bytes)?;
        let after = part(plan.guard_bytes)?;
        let total = base.checked_add(capacity).and_then(|sum| sum.checked_add(after));
        let total = total.ok_or(GrowError::AddressSpace { bytes: usize::MAX })?;
        let mapping = Reservation::new(total)?;
        Ok(Self { plan: *plan, mapping, base, capacity, committed: 0, image: None })
    }

    /// What it was made for.
    pub(crate) fn plan(&self) -> &MemoryPlan {
        &self.plan
    }

    /// The address of byte 0.
    pub(crate) fn base(&self) -> *mut u8 {
        self.mapping.as_ptr().wrapping_add(self.base)
    }

    /// Whether the memory can grow to `bytes` here.
    pub(crate) fn has_room_for(&self, bytes: usize) -> bool {
        bytes <= self.capacity
    }

    /// Whether an address is in the mapping, but not among the committed bytes.
    pub(crate) fn is_guard(&self, address: usize) -> bool {
        let offset = address.checked_sub(self.mapping.as_ptr().addr());
        let committed = self.base..self.base + self.committed;
        offset.is_some_and(|offset| offset < self.mapping.len() && !committed.contains(&offset))
    }

    /// Makes the first `bytes` bytes accessible, beside those that are; new ones are zero.
    pub(crate) fn commit(&mut self, bytes: usize) -> Result<(), GrowError> {
        let wanted = rounded(bytes)?;
        if wanted > self.committed {
            let more = wanted - self.committed;
            self.mapping.commit(self.base + self.committed, more)?;
            self.committed = wanted;
        }
        Ok(())
    }

    /// Whether `image` is what the first contents show.
    pub(crate) fn shows(&self, image: &Arc<InitialMemory>) -> bool {
        self.image.as_ref().is_some_and(|it| it.as_ptr() == Arc::as_ptr(image))
    }

    /// Maps an image over first contents that are zero still and are committed as far as it goes.
    pub(crate) fn map_image(&mut self, image: &Arc<InitialMemory>) -> Result<(), GrowError> {
        let end = image.address.checked_add(image.image.len());
        if self.image.is_some() || end.is_none_or(|end| end > self.committed) {
            return Err(GrowError::AddressSpace { bytes: image.image.len() });
        }
        self.mapping.map_image(self.base + image.address, &image.image)?;
        self.image = Some(Arc::downgrade(image));
        Ok(())
    }

    /// Makes the first `bytes` bytes accessible and all others inaccessible; every byte is zero
    /// then, and no image is mapped. After an error the room must not be used.
    pub(crate) fn clear(&mut self, bytes: usize) -> Result<(), GrowError> {
        self.mapping.decommit(self.base, self.committed)?;
        (self.committed, self.image) = (0, None);
        self.commit(bytes)
    }

    /// Drops what was written: every byte is again as it was first. Where that is zero, the first
    /// `resident_bytes` are zeroed and stay in memory; the others are given back.
    fn empty(&mut self, resident_bytes: usize) -> Result<(), GrowError> {
        let zeroed = match self.image {
            None => rounded(resident_bytes.min(self.committed))?,
            Some(_) => 0,
        };
        // SAFETY: no more than the committed bytes, which are whole pages and may be written; the
        // memory whose room this was is gone, and with it every reference.
        unsafe { self.base().write_bytes(0, zeroed) };
        Ok(self.mapping.reset(self.base + zeroed, self.committed - zeroed)?)
    }

    /// Whether it shows an image whose module is gone.
    fn is_orphaned(&self) -> bool {
        self.image.as_ref().is_some_and(|image| image.strong_count() == 0)
    }

    /// Makes an emptied room fit for a memory of `bytes` bytes that will show `image`.
    fn fit(&mut self, bytes: usize, image: Option<&Arc<InitialMemory>>) -> Result<(), GrowError> {
        let wanted = rounded(bytes)?;
        if !self.is_for(image) {
            return self.clear(wanted);
        }
        if wanted < self.committed {
            let end = image.map_or(0, |image| image.address + image.image.len());
            if end > wanted {
                return self.clear(wanted);
            }
            self.mapping.decommit(self.base + wanted, self.committed - wanted)?;
            self.committed = wanted;
        }
        self.commit(wanted)
    }

    /// Whether it shows what a memory that asks for `image` may show.
    fn is_for(&self, image: Option<&Arc<InitialMemory>>) -> bool {
        match image {
            Some(image) => self.image.is_none() || self.shows(image),
            None => self.image.is_none(),
        }
    }
}

/// The rooms of an engine that no store is using. Clones are the same pool.
#[derive(Clone, Debug, Default)]
pub(crate) struct RoomPool(Arc<Rooms>);

#[derive(Debug, Default)]
struct Rooms {
    idle: Mutex<Idle>,
    keep: Keep,
}

/// Rooms that were emptied.
#[derive(Debug, Default)]
struct Idle {
    /// Committed as far as they were last, and showing what they showed.
    warm: Vec<MemoryRoom>,
    /// Address space and nothing else.
    cold: Vec<MemoryRoom>,
}

/// What becomes of a room that no memory uses any more.
#[derive(Debug)]
struct Keep {
    /// How many are kept as they are, emptied.
    warm: usize,
    /// How many are kept in all.
    rooms: usize,
    /// Whether those that can't be kept warm are kept as address space.
    reserved: bool,
    /// How many bytes are zeroed by writing, in a room without an image.
    resident_bytes: usize,
}

impl Default for Keep {
    /// Address space and entries in the kernel's table, no memory.
    fn default() -> Self {
        Self { warm: 16, rooms: 16, reserved: false, resident_bytes: 0 }
    }
}

impl Idle {
    /// A room for a memory of `plan`: best one that shows what the memory will show.
    fn take(
        &mut self,
        plan: &MemoryPlan,
        image: Option<&Arc<InitialMemory>>,
    ) -> Option<MemoryRoom> {
        let fits = |room: &MemoryRoom| room.plan == *plan;
        let same = |room: &MemoryRoom| match image {
            Some(image) => room.shows(image),
            None => room.image.is_none(),
        };
        let Self { warm, cold } = self;
        if let Some(found) = warm.iter().rposition(|room| fits(room) && same(room)) {
            return Some(warm.swap_remove(found));
        }
        let rooms = if cold.iter().any(fits) { cold } else { warm };
        let found = rooms.iter().rposition(fits)?;
        Some(rooms.swap_remove(found))
    }

    /// How many are warm, and how many there are in all.
    fn counts(&self) -> (usize, usize) {
        (self.warm.len(), self.warm.len() + self.cold.len())
    }
}

impl RoomPool {
    /// A room with more is not kept warm: the kernel's own tables for it would stay.
    const COMMITTED_MAX: usize = 64 << 20;

    /// A pool with all the rooms that `limits` allow, for memories that never move; none where
    /// `options` have all of them move.
    ///
    /// # Errors
    /// If there is not the address space.
    pub(crate) fn reserved(
        limits: &PoolLimits,
        options: &MemoryOptions,
    ) -> Result<Self, GrowError> {
        let count = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
        let rooms = count(limits.memories);
        let warm = count(limits.warm_memories).min(rooms);
        let resident_bytes = limits.resident_bytes;
        let keep = Keep { warm, rooms, reserved: true, resident_bytes };
        let ty = MemoryType {
            index: IndexType::I32,
            min: 0,
            max: None,
            shared: false,
            page_size_log2: 16,
        };
        let plan = MemoryPlan::new(&ty, options);
        let mut idle = Idle::default();
        if plan.pinned {
            for _ in 0..rooms {
                idle.cold.push(MemoryRoom::new(&plan, plan.reservation_bytes)?);
            }
        }
        Ok(Self(Arc::new(Rooms { idle: Mutex::new(idle), keep })))
    }

    /// A room for a memory of `plan` and `bytes` bytes, which are committed; zero, but where
    /// `image` is mapped already. One that showed the same image if there is one.
    pub(crate) fn take(
        &self,
        plan: &MemoryPlan,
        bytes: usize,
        image: Option<&Arc<InitialMemory>>,
    ) -> Option<MemoryRoom> {
        let mut room = self.idle().take(plan, image)?;
        room.fit(bytes, image).ok()?;
        Some(room)
    }

    /// Keeps a room that no memory uses any more, emptied, or unmaps it.
    pub(crate) fn put(&self, mut room: MemoryRoom) {
        let Keep { warm, rooms, reserved, resident_bytes } = self.0.keep;
        let (warm_count, count) = self.idle().counts();
        if !room.plan.pinned || count >= rooms {
            return;
        }
        let fit = room.committed <= Self::COMMITTED_MAX && !room.is_orphaned();
        if fit && warm_count < warm {
            if room.empty(resident_bytes).is_err() {
                return;
            }
            let mut idle = self.idle();
            let (warm_count, count) = idle.counts();
            if warm_count < warm && count < rooms {
                idle.warm.push(room);
                return;
            }
        }
        if reserved {
            self.put_cold(room);
        }
    }

    /// Keeps a room as address space only, if it can be made such.
    fn put_cold(&self, mut room: MemoryRoom) {
        if room.clear(0).is_err() {
            return;
        }
        let mut idle = self.idle();
        if idle.counts().1 < self.0.keep.rooms {
            idle.cold.push(room);
        }
    }

    /// Unmaps all idle rooms, unless they are to stay; whether there were any.
    pub(crate) fn drop_all(&self) -> bool {
        if self.0.keep.reserved {
            return false;
        }
        let idle = std::mem::take(&mut *self.idle());
        idle.counts().1 != 0
    }

    /// Frees idle rooms of an image whose module is gone.
    pub(crate) fn drop_orphans(&self) {
        let orphans: Vec<_> = self.idle().warm.extract_if(.., |room| room.is_orphaned()).collect();
        orphans.into_iter().for_each(|room| self.put(room));
    }

    /// How many rooms are idle.
    #[cfg(test)]
    pub(crate) fn idle_count(&self) -> usize {
        self.idle().counts().1
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        // Nothing that can panic half-way runs under the lock.
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Rounds up to the host's pages.
fn rounded(bytes: usize) -> Result<usize, GrowError> {
    round_up_to_page(bytes).ok_or(GrowError::AddressSpace { bytes })
}
