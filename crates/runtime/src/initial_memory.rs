//! The first contents of a module's memories, kept as images from the second instance on.
//!
//! The first instance copies its data segments, as does every instance of a module that can't do
//! better. Many instances of one module share an image and map it copy-on-write: nothing is read
//! or written that the instance does not touch.
//!
//! **Invariants**
//! - Images exist only where copying could not fail: every active segment of the module has a
//!   constant offset and is inside the smallest size that its memory can have. So mapping shows
//!   what copying would have.
//! - Images live as long as the module's code; the engine's idle rooms that show one go with it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use brolga_module::{ConstOp, DataIndex, DataMode, MemoryIndex, ParsedModule};
use brolga_os::{MemoryImage, page_size};

use crate::memory_room::RoomPool;

/// Below so many bytes of data copying is as fast; and an image takes a file descriptor, of which a
/// guest must not cheaply have many.
const IMAGE_BYTES_MIN: usize = 64 << 10;
/// An image may be so many times larger than the data in it, and this much more.
const SPARSE_FACTOR: usize = 4;
const SPARSE_BYTES: usize = 1 << 20;

/// The images of a module's memories, made when the second instance asks.
#[derive(Debug, Default)]
pub(crate) struct InitialMemories {
    asked_before: AtomicBool,
    images: OnceLock<Images>,
}

/// By memory index; none for memories whose segments are to be copied.
#[derive(Debug)]
struct Images {
    images: Box<[Option<Arc<InitialMemory>>]>,
    /// Where rooms that show them may be idle.
    pool: RoomPool,
}

/// What a memory starts with.
#[derive(Debug)]
pub(crate) struct InitialMemory {
    /// Where in the memory the image begins: a whole number of the host's pages.
    pub(crate) address: usize,
    pub(crate) image: MemoryImage,
}

impl InitialMemories {
    /// The image of a memory that the module defines; none if its segments are to be copied.
    /// `pool` is the engine's.
    pub(crate) fn get(
        &self,
        module: &ParsedModule,
        memory: MemoryIndex,
        pool: &RoomPool,
    ) -> Option<&Arc<InitialMemory>> {
        if self.images.get().is_none() && !self.asked_before.load(Ordering::Relaxed) {
            return None;
        }
        let images =
            self.images.get_or_init(|| Images { images: make_images(module), pool: pool.clone() });
        images.images.get(memory.as_usize())?.as_ref()
    }

    /// Notes that an instance has been made: the next one may want images.
    pub(crate) fn note_instance(&self) {
        if !self.asked_before.load(Ordering::Relaxed) {
            self.asked_before.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Images {
    fn drop(&mut self) {
        if self.images.iter().any(Option::is_some) {
            self.images = Box::default();
            self.pool.drop_orphans();
        }
    }
}

/// One constant segment: where it goes and what it holds.
struct Piece {
    memory: MemoryIndex,
    address: usize,
    data: DataIndex,
}

fn make_images(module: &ParsedModule) -> Box<[Option<Arc<InitialMemory>>]> {
    let Some(pieces) = constant_pieces(module) else { return Box::default() };
    (0..module.memories.len())
        .map(|index| {
            let memory = MemoryIndex::from_usize(index);
            module.defined_memory(memory)?;
            let pieces: Vec<_> = pieces.iter().filter(|piece| piece.memory == memory).collect();
            make_image(module, memory, &pieces).map(Arc::new)
        })
        .collect()
}

/// The active segments, if all are constant and inside.
fn constant_pieces(module: &ParsedModule) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    for (index, segment) in module.data.iter().enumerate() {
        let DataMode::Active { memory, offset } = &segment.mode else { continue };
        let address = match *offset.ops {
            [ConstOp::I32Const(address)] => u64::from(address as u32),
            [ConstOp::I64Const(address)] => address as u64,
            _ => return None,
        };
        let ty = &module.memories[memory.as_usize()];
        let end = u128::from(address) + segment.range.len() as u128;
        if end > u128::from(ty.min) << ty.page_size_log2 {
            return None;
        }
        let address = usize::try_from(address).ok()?;
        pieces.push(Piece { memory: *memory, address, data: DataIndex::from_usize(index) });
    }
    Some(pieces)
}

/// The image of one memory, if it is worth one and the system has room.
fn make_image(
    module: &ParsedModule,
    memory: MemoryIndex,
    pieces: &[&Piece],
) -> Option<InitialMemory> {
    let page = page_size();
    // An image is whole pages of the host's, so the memory must be too.
    if !module.memories[memory.as_usize()].page_bytes().is_multiple_of(page as u64) {
        return None;
    }
    let bytes = |piece: &Piece| module.data_bytes(piece.data);
    let total: usize = pieces.iter().map(|piece| bytes(piece).len()).sum();
    if total < IMAGE_BYTES_MIN {
        return None;
    }
    let filled = || pieces.iter().filter(|piece| !bytes(piece).is_empty());
    let start = filled().map(|piece| piece.address).min()?;
    let end = filled().map(|piece| piece.address + bytes(piece).len()).max()?;
    let start = start - start % page;
    if end - start > total.saturating_mul(SPARSE_FACTOR).saturating_add(SPARSE_BYTES) {
        return None;
    }
    let mut contents = Vec::new();
    contents.try_reserve_exact(end - start).ok()?;
    contents.resize(end - start, 0);
    for piece in filled() {
        let at = piece.address - start;
        contents[at..at + bytes(piece).len()].copy_from_slice(bytes(piece));
    }
    // Without an image the segments are copied: slower, not wrong.
    let image = MemoryImage::new(&contents).ok()?;
    Some(InitialMemory { address: start, image })
}
