//! A file on which the sandbox stands; changes need a second reader.
//!
//! Linear memories: their sizes, their growth, and what is written into them when they start. Where
//! they are is a [`MemoryRoom`].
//!
//! It never runs code, and it hands out slices only while the store is borrowed.
//!
//! **Trusts** [`MemoryPlan`]: it is what the compiler left checks out by; and the room to commit
//! exactly what it is asked for.
//! **Promises** that all of `0..size` may be read and written, that of the rest of a guarded
//! memory's mapping nothing may, and that every new byte is zero.
//! **Tested by** `tests/memory.rs`; with code, by the memory tests of brolga.
//!
//! **Invariants**
//! - `view.base` is the room's base; bytes up to `view.size_bytes`, rounded up to the host's pages,
//!   are committed, and no others.
//! - A pinned memory's base never changes. A plan without checks has capacity 4 GiB.
//! - No reference into a memory lives while code runs.

use std::ptr::NonNull;
use std::sync::Arc;

use brolga_abi::{BoundsCheck, MemoryPlan, MemorySlot, MemoryView};
use brolga_module::{IndexType, MemoryType};

use crate::arena::Place;
use crate::close::Users;
use crate::initial_memory::InitialMemory;
use crate::limits::{Charge, Growth};
use crate::memory_room::{MemoryRoom, RoomPool};
use crate::pool::{Pooled, Slot};
use crate::stable::Stable;
use crate::{GrowError, HandleError, MemoryId, Store};

impl Store {
    /// Makes a memory of the host's, zeroed.
    pub fn new_memory(&mut self, ty: MemoryType) -> Result<MemoryId, GrowError> {
        let place = self.allocate_memory(ty, None)?;
        self.memory_mut(place).users = Users::host();
        Ok(MemoryId { store: self.id(), place })
    }

    /// A memory's type; its `min` is the current size.
    pub fn memory_type(&self, memory: MemoryId) -> Result<MemoryType, HandleError> {
        self.checked_memory(memory).map(LinearMemory::current_type)
    }

    /// A memory's size in pages of its type.
    pub fn memory_size_pages(&self, memory: MemoryId) -> Result<u64, HandleError> {
        self.checked_memory(memory).map(LinearMemory::size_pages)
    }

    /// Grows a memory by `delta_pages` zeroed pages; gives the old size in pages.
    ///
    /// # Errors
    /// If the type, a limit of the store, the embedder's hook or the system is against it. Nothing
    /// has changed then.
    pub fn memory_grow(&mut self, memory: MemoryId, delta_pages: u64) -> Result<u64, GrowError> {
        self.checked_memory(memory)?;
        self.grow_memory(memory.place, delta_pages)
    }

    /// A memory's bytes.
    #[inline]
    pub fn memory_data(&self, memory: MemoryId) -> Result<&[u8], HandleError> {
        self.checked_memory(memory).map(LinearMemory::data)
    }

    /// A memory's bytes, to write.
    #[inline]
    pub fn memory_data_mut(&mut self, memory: MemoryId) -> Result<&mut [u8], HandleError> {
        self.checked_memory(memory)?;
        Ok(self.memory_mut(memory.place).data_mut())
    }

    /// Where code finds a memory's place and size. Good while the memory is open; what it points
    /// to changes when the memory grows.
    pub fn memory_view(&self, memory: MemoryId) -> Result<NonNull<MemoryView>, HandleError> {
        self.checked_memory(memory).map(|it| it.view.as_non_null())
    }

    /// Whether `address` is in the inaccessible part of the mapping of one of a store's memories,
    /// so that a fault of code there is an access out of bounds. Looks at every memory; neither
    /// allocates nor locks nor writes, so a signal handler may ask.
    ///
    /// # Safety
    /// `context` must be that of a store whose code is running on this thread and was interrupted
    /// in wasm code, so that nobody is in the middle of changing the store.
    pub(crate) unsafe fn is_memory_guard(
        context: NonNull<brolga_abi::StoreContext>,
        address: usize,
    ) -> bool {
        // SAFETY: the caller says that the store is there and at rest; it was lent out by who
        // entered code.
        let store = unsafe { Store::from_context(context).as_ref() };
        store.arenas.memories.iter().any(|(_, memory)| memory.is_guard(address))
    }

    /// Which byte of which of the store's memories a fault at `address` was about: (its position,
    /// the memory's size in bytes). `None` if it was about none.
    pub fn memory_fault(&self, address: usize) -> Option<(u64, usize)> {
        self.arenas.memories.iter().find_map(|(_, memory)| {
            let position = address.checked_sub(memory.view.get().base.addr())?;
            memory.is_guard(address).then_some((position as u64, memory.size_bytes()))
        })
    }

    /// The address of a memory's byte 0.
    #[inline]
    pub fn memory_base(&self, memory: MemoryId) -> Result<*mut u8, HandleError> {
        self.checked_memory(memory).map(|it| it.view.get().base)
    }

    fn checked_memory(&self, memory: MemoryId) -> Result<&LinearMemory, HandleError> {
        let place = memory.within(self.id())?;
        let memory = self.arenas.memories.get(place).filter(|memory| memory.users.is_open());
        memory.ok_or(MemoryId::GONE)
    }
}

impl Store {
    /// The memory at a place known to hold one.
    pub(crate) fn memory(&self, place: Place) -> &LinearMemory {
        self.arenas.memories.get(place).expect("memories outlive the instances that use them")
    }

    /// The memory at a place known to hold one.
    pub(crate) fn memory_mut(&mut self, place: Place) -> &mut LinearMemory {
        self.arenas.memories.get_mut(place).expect("memories outlive the instances that use them")
    }

    /// Makes a memory that nobody uses yet. Its bytes are zero, or show `image` already: see
    /// [`LinearMemory::show_image`].
    pub(crate) fn allocate_memory(
        &mut self,
        ty: MemoryType,
        image: Option<&Arc<InitialMemory>>,
    ) -> Result<Place, GrowError> {
        if ty.shared {
            return Err(GrowError::Shared);
        }
        let pages = u128::from(ty.min);
        let desired = size_bytes(&ty, pages);
        let growth = Growth { current: 0, desired, max: max_bytes(&ty) };
        let Self { arenas, budget, config, .. } = self;
        budget.ask(Charge::Memory, growth, |budget| {
            check_pages(&ty, pages)?;
            budget.limits.memories(arenas.memories.len() as u64 + 1)?;
            config.pool.check_memory(desired)?;
            let slot = config.pool.take(Pooled::Memory)?;
            budget.charge(Charge::Memory, growth)?;
            let plan = MemoryPlan::new(&ty, &config.options.memory);
            let memory = LinearMemory::new(ty, plan, desired, image, &config.rooms);
            let memory = memory.inspect_err(|_| budget.give_back(Charge::Memory, desired))?;
            Ok(arenas.memories.insert(LinearMemory { slot, ..memory }))
        })
    }

    /// Unmaps a memory.
    pub(crate) fn free_memory(&mut self, place: Place) {
        if let Some(memory) = self.arenas.memories.remove(place) {
            self.budget.give_back(Charge::Memory, memory.size_bytes() as u64);
            let LinearMemory { room, slot, .. } = memory;
            self.config.rooms.put(room);
            drop(slot);
        }
    }

    /// Gives the rooms of all memories back to the engine, now that nothing uses them any more.
    pub(crate) fn free_memories(&mut self) {
        for memory in self.arenas.memories.drain() {
            let LinearMemory { room, slot, .. } = memory;
            self.config.rooms.put(room);
            drop(slot);
        }
    }

    /// `memory.grow`; gives the old size in pages.
    pub(crate) fn grow_memory(&mut self, place: Place, delta_pages: u64) -> Result<u64, GrowError> {
        let memory = self.arenas.memories.get_mut(place);
        let memory = memory.expect("memories outlive the instances that use them");
        let old_pages = memory.size_pages();
        if delta_pages == 0 {
            return Ok(old_pages);
        }
        let Self { budget, config, .. } = self;
        let ty = &memory.ty;
        let pages = u128::from(old_pages) + u128::from(delta_pages);
        let desired = size_bytes(ty, pages);
        let growth = Growth { current: memory.size_bytes() as u64, desired, max: max_bytes(ty) };
        budget.ask(Charge::Memory, growth, |budget| {
            check_pages(&memory.ty, pages)?;
            config.pool.check_memory(desired)?;
            budget.charge(Charge::Memory, growth)?;
            memory.grow_to(desired as usize, config.options.memory.may_move).inspect_err(|_| {
                budget.give_back(Charge::Memory, desired - growth.current);
            })
        })?;
        Ok(old_pages)
    }
}

/// The size in bytes of `pages` pages, as far as 64 bits go.
fn size_bytes(ty: &MemoryType, pages: u128) -> u64 {
    let log2 = ty.page_size_log2;
    u64::try_from(pages << log2).unwrap_or(u64::MAX >> log2 << log2)
}

/// An error if the type does not allow so many pages, or nobody can have them.
fn check_pages(ty: &MemoryType, pages: u128) -> Result<(), GrowError> {
    let max = ty.max.unwrap_or(u64::MAX).min(index_pages_max(ty));
    if pages > u128::from(max) {
        return Err(GrowError::Maximum { asked: pages, max, unit: "pages" });
    }
    let bytes = size_bytes(ty, pages) as usize;
    if bytes > isize::MAX as usize {
        return Err(GrowError::AddressSpace { bytes });
    }
    Ok(())
}

/// How many pages the index can address.
fn index_pages_max(ty: &MemoryType) -> u64 {
    match (ty.index, ty.page_size_log2) {
        // The size in pages must fit the index, which 2^32 pages of one byte don't.
        (IndexType::I32, 0) => u64::from(u32::MAX),
        (IndexType::I32, log2) => 1 << (32 - u32::from(log2).min(32)),
        (IndexType::I64, 0) => u64::MAX,
        (IndexType::I64, log2) => 1 << (64 - u32::from(log2).min(63)),
    }
}

/// The type's maximum in bytes, as far as 64 bits go.
fn max_bytes(ty: &MemoryType) -> Option<u64> {
    ty.max.map(|pages| size_bytes(ty, pages.into()))
}

/// A memory.
#[derive(Debug)]
pub(crate) struct LinearMemory {
    view: Stable<MemoryView>,
    ty: MemoryType,
    room: MemoryRoom,
    pub(crate) users: Users,
    /// Its place in the engine's pool: given back after the room.
    slot: Slot,
}

impl LinearMemory {
    /// A memory of `size_bytes` bytes, in a room of `pool` that shows `image` already if there is
    /// one, else in a room of its own.
    fn new(
        ty: MemoryType,
        plan: MemoryPlan,
        size_bytes: u64,
        image: Option<&Arc<InitialMemory>>,
        pool: &RoomPool,
    ) -> Result<Self, GrowError> {
        let size = size_bytes as usize;
        let room = match pool.take(&plan, size, image) {
            Some(room) => room,
            None => {
                // Where code checks, room beyond the maximum would never be used.
                let wanted = match plan.pinned {
                    true => plan.reservation_bytes,
                    false => plan.reservation_bytes.min(max_bytes(&ty).unwrap_or(u64::MAX)),
                };
                let reserve = || MemoryRoom::new(&plan, wanted.max(size_bytes));
                // Where address space is short, what nobody uses has to go.
                let mut room = reserve().or_else(|error| match pool.drop_all() {
                    true => reserve(),
                    false => Err(error),
                })?;
                room.commit(size)?;
                room
            }
        };
        let view = Stable::new(MemoryView { base: room.base(), size_bytes: size });
        Ok(Self { view, ty, room, users: Users::default(), slot: Slot::default() })
    }

    /// Whether an address is in the mapping, but not among the committed bytes.
    fn is_guard(&self, address: usize) -> bool {
        self.room.is_guard(address)
    }

    /// The type, with the current size as its minimum: what an import is matched against.
    pub(crate) fn current_type(&self) -> MemoryType {
        MemoryType { min: self.size_pages(), ..self.ty }
    }

    pub(crate) fn size_bytes(&self) -> usize {
        self.view.get().size_bytes
    }

    fn size_pages(&self) -> u64 {
        self.size_bytes() as u64 >> self.ty.page_size_log2
    }

    /// What an instance that uses this memory holds of it.
    pub(crate) fn slot(&self) -> MemorySlot {
        let base = self.view.get().base;
        let pinned_base = if self.room.plan().pinned { base } else { std::ptr::null_mut() };
        MemorySlot { pinned_base, view: self.view.as_ptr() }
    }

    pub(crate) fn data(&self) -> &[u8] {
        let view = self.view.get();
        // SAFETY: `size_bytes` bytes from `base` on are committed (invariant), and code, which
        // could write them, does not run while the store is borrowed.
        unsafe { std::slice::from_raw_parts(view.base, view.size_bytes) }
    }

    pub(crate) fn data_mut(&mut self) -> &mut [u8] {
        let view = self.view.get();
        // SAFETY: as in `data`, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(view.base, view.size_bytes) }
    }

    /// The bytes from `address` on, if there are `len` of them.
    pub(crate) fn range_mut(&mut self, address: u64, len: u64) -> Option<&mut [u8]> {
        let range = range(self.size_bytes(), address, len)?;
        Some(&mut self.data_mut()[range])
    }

    /// The address of `len` bytes from `address` on, if there are so many.
    pub(crate) fn range_ptr(&self, address: u64, len: u64) -> Option<*mut u8> {
        let range = range(self.size_bytes(), address, len)?;
        // SAFETY: the range begins within the memory or at its end.
        Some(unsafe { self.view.get().base.add(range.start) })
    }

    /// Has the memory, whose bytes are as they were first, show `image`. It must end within the
    /// size.
    pub(crate) fn show_image(&mut self, image: &Arc<InitialMemory>) -> Result<(), GrowError> {
        if self.room.shows(image) {
            return Ok(());
        }
        self.room.map_image(image)
    }

    /// Makes the memory `size` bytes large, which is no less than it is.
    fn grow_to(&mut self, size: usize, may_move: bool) -> Result<(), GrowError> {
        if !self.room.has_room_for(size) {
            if !may_move {
                return Err(GrowError::Reservation { bytes: size });
            }
            self.move_to_room_for(size)?;
        }
        self.room.commit(size)?;
        self.view.get_mut().size_bytes = size;
        Ok(())
    }

    /// Moves the memory where it can be `size` bytes large, and be doubled once without moving
    /// again. Its size stays.
    fn move_to_room_for(&mut self, size: usize) -> Result<(), GrowError> {
        let plan = *self.room.plan();
        debug_assert!(plan.check == BoundsCheck::Explicit && !plan.pinned);
        let headroom = (self.size_bytes() as u64).saturating_mul(2);
        let headroom = headroom.min(max_bytes(&self.ty).unwrap_or(u64::MAX));
        // Headroom is a wish: where there is no address space for it, the size itself may fit.
        let mut room = MemoryRoom::new(&plan, headroom.max(size as u64))
            .or_else(|_| MemoryRoom::new(&plan, size as u64))?;
        room.commit(size)?;
        let base = room.base();
        // SAFETY: the old bytes are committed, `size` new ones are and no fewer; the two mappings
        // are distinct.
        unsafe { base.copy_from_nonoverlapping(self.view.get().base, self.size_bytes()) };
        self.view.get_mut().base = base;
        self.room = room;
        Ok(())
    }
}

/// The positions from `start` on, if there are `len` of them among `size`.
pub(crate) fn range(size: usize, start: u64, len: u64) -> Option<std::ops::Range<usize>> {
    let end = start.checked_add(len)?;
    (end <= size as u64).then_some(start as usize..end as usize)
}
