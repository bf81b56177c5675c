//! Where everything of an instance stands in its context.
//!
//! ```text
//!  VmContext │ MemorySlot… │ TableSlot… │ own GlobalCell… │ ImportedFunction… │
//!            │ *GlobalCell… (imported) │ FunctionTypeId… │ FuncRef… (functions that escape) │
//! ```
//! What hot code reads comes first, for short displacements.
//!
//! **Invariants**
//! - A pure function of the module: compiler and runtime compute it apart and agree.
//! - The context is aligned to 16 bytes and starts zeroed.

use std::collections::HashMap;
use std::mem::size_of;

use brolga_module::{FuncIndex, GlobalIndex, MemoryIndex, ParsedModule, TableIndex, TypeIndex};

use crate::{
    FuncRef, FunctionTypeId, GlobalCell, ImportedFunction, MemorySlot, TableSlot, VmContext,
};

/// Byte offsets into an instance's context.
///
/// ```
/// use brolga_abi::ContextLayout;
/// use brolga_module::{Features, MemoryIndex, ParsedModule};
///
/// let bytes = wat::parse_str("(module (memory 1))").unwrap();
/// let module = ParsedModule::decode(bytes.into(), Features::default()).unwrap();
/// let layout = ContextLayout::new(&module);
/// assert!(layout.memory(MemoryIndex(0)) < layout.size_bytes());
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ContextLayout {
    memories: u32,
    tables: u32,
    own_globals: u32,
    imported_functions: u32,
    imported_globals: u32,
    type_ids: u32,
    func_refs: u32,
    size_bytes: u32,
    imported_global_count: u32,
    /// For each function its position among those that escape; `u32::MAX` if it does not.
    func_ref_positions: Vec<u32>,
    /// For each type the first type of the module that equals it.
    canonical_types: Vec<TypeIndex>,
}

impl ContextLayout {
    /// The layout of `module`'s instances.
    ///
    /// # Panics
    /// If the context would pass 4 GiB, which the limits on a module's counts rule out.
    pub fn new(module: &ParsedModule) -> Self {
        let mut end = size_of::<VmContext>() as u64;
        let mut room = |count: usize, size: usize| {
            let start = end.next_multiple_of(16);
            end = start + count as u64 * size as u64;
            u32::try_from(start).expect("limits keep contexts below 4 GiB")
        };
        let mut func_ref_positions = vec![u32::MAX; module.functions.len()];
        let mut escaping = 0;
        let own = module.imported_functions as usize;
        for (position, &escapes) in func_ref_positions.iter_mut().zip(&module.escapes).skip(own) {
            if escapes {
                *position = escaping;
                escaping += 1;
            }
        }
        let memories = room(module.memories.len(), size_of::<MemorySlot>());
        let tables = room(module.tables.len(), size_of::<TableSlot>());
        let own_globals = room(module.global_initial.len(), size_of::<GlobalCell>());
        let imported_functions =
            room(module.imported_functions as usize, size_of::<ImportedFunction>());
        let imported_globals = room(module.imported_globals as usize, size_of::<usize>());
        let type_ids = room(module.types.len(), size_of::<FunctionTypeId>());
        let func_refs = room(escaping as usize, size_of::<FuncRef>());
        let size_bytes = room(0, 0);
        let mut first = HashMap::new();
        let canonical_types = (0..module.types.len())
            .map(|index| {
                let index = TypeIndex::from_usize(index);
                *first.entry(&module.types[index.as_usize()]).or_insert(index)
            })
            .collect();
        Self {
            memories,
            tables,
            own_globals,
            imported_functions,
            imported_globals,
            type_ids,
            func_refs,
            size_bytes,
            imported_global_count: module.imported_globals,
            func_ref_positions,
            canonical_types,
        }
    }

    /// How many bytes the whole context takes.
    #[inline]
    pub fn size_bytes(&self) -> u32 {
        self.size_bytes
    }

    /// The [`MemorySlot`] of a memory, own or imported.
    #[inline]
    pub fn memory(&self, memory: MemoryIndex) -> u32 {
        self.memories + memory.0 * size_of::<MemorySlot>() as u32
    }

    /// The [`TableSlot`] of a table, own or imported.
    #[inline]
    pub fn table(&self, table: TableIndex) -> u32 {
        self.tables + table.0 * size_of::<TableSlot>() as u32
    }

    /// A global: the [`GlobalCell`] itself if it is the module's own (`Ok`), or the pointer to it
    /// if it is imported (`Err`).
    #[inline]
    pub fn global(&self, global: GlobalIndex) -> Result<u32, u32> {
        match global.0.checked_sub(self.imported_global_count) {
            Some(own) => Ok(self.own_globals + own * size_of::<GlobalCell>() as u32),
            None => Err(self.imported_globals + global.0 * size_of::<usize>() as u32),
        }
    }

    /// The [`ImportedFunction`] of an imported function.
    #[inline]
    pub fn imported_function(&self, func: FuncIndex) -> u32 {
        self.imported_functions + func.0 * size_of::<ImportedFunction>() as u32
    }

    /// The [`FunctionTypeId`] of a type.
    #[inline]
    pub fn type_id(&self, ty: TypeIndex) -> u32 {
        self.type_ids + ty.0 * size_of::<FunctionTypeId>() as u32
    }

    /// The [`FuncRef`] of a defined function; `None` if no reference to it can come to exist, or
    /// if it is imported.
    #[inline]
    pub fn func_ref(&self, func: FuncIndex) -> Option<u32> {
        match self.func_ref_positions[func.as_usize()] {
            u32::MAX => None,
            position => Some(self.func_refs + position * size_of::<FuncRef>() as u32),
        }
    }

    /// Where the [`FuncRef`]s begin, and how a function finds its own among them: the positions by
    /// function, `u32::MAX` where [`func_ref`](Self::func_ref) says none.
    #[inline]
    pub fn func_refs(&self) -> (u32, &[u32]) {
        (self.func_refs, &self.func_ref_positions)
    }

    /// The first type of the module that equals `ty`: equal types share entries, thunks and the
    /// numbers in static tables.
    #[inline]
    pub fn canonical_type(&self, ty: TypeIndex) -> TypeIndex {
        self.canonical_types[ty.as_usize()]
    }
}
