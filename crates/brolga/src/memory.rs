//! Linear memories as embedders hold them.

use brolga_runtime::MemoryId;

use crate::handle::belongs;
use crate::{AsContext, AsContextMut, MemoryType, Result, StoreContext, StoreContextMut};

/// An access of the host's that is not inside a memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("out of bounds memory access")]
pub struct MemoryAccessError {
    _private: (),
}

/// A linear memory.
///
/// ```
/// # use brolga::*;
/// # fn main() -> Result<()> {
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"(module (memory (export "memory") 1)
///     (data (i32.const 8) "hello"))"#)?;
/// let mut store = Store::new(&engine, ());
/// let instance = Instance::new(&mut store, &module, &[])?;
/// let memory = instance.get_memory(&mut store, "memory").context("no memory")?;
///
/// let mut word = [0; 5];
/// memory.read(&store, 8, &mut word)?;
/// assert_eq!(&word, b"hello");
/// memory.data_mut(&mut store)[0] = 1;
/// assert_eq!(memory.grow(&mut store, 1)?, 1);
/// assert_eq!(memory.data(&store).len(), 2 << 16);
/// # Ok(())
/// # }
/// ```
///
/// # Panics
/// Functions that return no `Result` panic if the memory belongs to another store, or to an
/// instance that has been closed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Memory {
    id: MemoryId,
}

impl Memory {
    /// Makes a memory, zeroed.
    ///
    /// # Errors
    /// If a limit of the store is against it or there is no room for it.
    pub fn new(mut store: impl AsContextMut, ty: MemoryType) -> Result<Memory> {
        let mut store = store.as_context_mut();
        Ok(Memory { id: store.cell_mut().runtime.new_memory(ty.lower())? })
    }

    /// Its type, with the current size as minimum.
    pub fn ty(&self, store: impl AsContext) -> MemoryType {
        let store = store.as_context();
        MemoryType::lift(belongs(store.cell().runtime.memory_type(self.id)))
    }

    /// Copies bytes from `offset` on into `buffer`.
    ///
    /// # Errors
    /// If they are not all inside.
    pub fn read(
        &self,
        store: impl AsContext,
        offset: usize,
        buffer: &mut [u8],
    ) -> Result<(), MemoryAccessError> {
        let store = store.as_context();
        let bytes = range(offset, buffer.len())
            .and_then(|range| self.data(store).get(range))
            .ok_or(MemoryAccessError { _private: () })?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }

    /// Copies `buffer` to the bytes from `offset` on.
    ///
    /// # Errors
    /// If they are not all inside. Nothing is written then.
    pub fn write(
        &self,
        mut store: impl AsContextMut,
        offset: usize,
        buffer: &[u8],
    ) -> Result<(), MemoryAccessError> {
        let store = store.as_context_mut();
        range(offset, buffer.len())
            .and_then(|range| self.data_mut(store).get_mut(range))
            .ok_or(MemoryAccessError { _private: () })?
            .copy_from_slice(buffer);
        Ok(())
    }

    /// All its bytes.
    pub fn data<'a, T: 'static>(&self, store: impl Into<StoreContext<'a, T>>) -> &'a [u8] {
        belongs(store.into().cell().runtime.memory_data(self.id))
    }

    /// All its bytes, to change.
    pub fn data_mut<'a, T: 'static>(
        &self,
        store: impl Into<StoreContextMut<'a, T>>,
    ) -> &'a mut [u8] {
        belongs(store.into().into_cell_mut().runtime.memory_data_mut(self.id))
    }

    /// All its bytes, to change, and the store's data beside them.
    pub fn data_and_store_mut<'a, T: 'static>(
        &self,
        store: impl Into<StoreContextMut<'a, T>>,
    ) -> (&'a mut [u8], &'a mut T) {
        let cell = store.into().into_cell_mut();
        (belongs(cell.runtime.memory_data_mut(self.id)), &mut cell.data)
    }

    /// The address of byte 0. It changes when a memory that may move grows.
    pub fn data_ptr(&self, store: impl AsContext) -> *mut u8 {
        let store = store.as_context();
        belongs(store.cell().runtime.memory_base(self.id))
    }

    /// The size in bytes.
    pub fn data_size(&self, store: impl AsContext) -> usize {
        belongs(store.as_context().cell().runtime.memory_data(self.id)).len()
    }

    /// The size in pages.
    pub fn size(&self, store: impl AsContext) -> u64 {
        belongs(store.as_context().cell().runtime.memory_size_pages(self.id))
    }

    /// The size of a page, in bytes.
    pub fn page_size(&self, store: impl AsContext) -> u64 {
        self.ty(store).page_size()
    }

    /// The binary logarithm of the size of a page.
    pub fn page_size_log2(&self, store: impl AsContext) -> u8 {
        self.ty(store).page_size_log2()
    }

    /// Grows it by `delta` zeroed pages; gives the old size in pages.
    ///
    /// # Errors
    /// If its type, a limit of the store or the system is against it, or it belongs to another
    /// store. Nothing has changed then.
    pub fn grow(&self, mut store: impl AsContextMut, delta: u64) -> Result<u64> {
        let mut store = store.as_context_mut();
        Ok(store.cell_mut().runtime.memory_grow(self.id, delta)?)
    }

    pub(crate) fn from_id(id: MemoryId) -> Memory {
        Memory { id }
    }

    pub(crate) fn id(self) -> MemoryId {
        self.id
    }
}

fn range(offset: usize, len: usize) -> Option<core::ops::Range<usize>> {
    Some(offset..offset.checked_add(len)?)
}
