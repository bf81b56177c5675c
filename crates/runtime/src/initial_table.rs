//! A file on which the sandbox stands; changes need a second reader.
//!
//! The first contents of a module's tables of functions, worked out once: an instance copies them
//! and puts itself in.
//!
//! It never looks at an instance.
//!
//! **Trusts** [`LoadedCode::func_refs`]: position by position what an instance's references are.
//! **Promises** entries that are what writing the segments one by one would have made.
//! **Tested by** `tests/initial_table.rs`.
//!
//! **Invariants**
//! - There are such contents only where writing could not fail and nobody could see half of it:
//!   every active segment of the module has a constant offset and fits a table of the module's own.
//! - Every function in them is the module's own and has a position, whose template is complete.
//! - They are no more than a few times as large as the segments they come from.

use std::ptr::{self, NonNull};

use brolga_abi::{FuncRef, FuncTableEntry, FunctionTypeId, VmContext};
use brolga_module::{
    ConstOp, ElementItems, ElementMode, ElementSegment, FuncIndex, ParsedModule, TableIndex,
};

use crate::LoadedCode;

/// A table may have so many times as many entries as its segments have functions, and so many more;
/// its module may have so many functions that can be referred to.
const WASTE_FACTOR: usize = 2;
const WASTE: usize = 32;
/// Tables larger than that are written from their segments: a guest's segment of a byte for each
/// function must not cost the module sixteen for good.
const ENTRIES_MAX: u64 = 64 << 10;

/// What the tables of a module start with, by table index.
pub(crate) struct InitialTables(Box<[Option<InitialTable>]>);

// SAFETY: addresses in the code that the owner keeps, which any thread may read and run.
unsafe impl Send for InitialTables {}
// SAFETY: as above.
unsafe impl Sync for InitialTables {}

/// What a table starts with.
pub(crate) struct InitialTable(Box<[InitialEntry]>);

/// An entry without an instance.
#[derive(Clone, Copy)]
struct InitialEntry {
    /// Null for null.
    wasm_code: *const u8,
    type_id: FunctionTypeId,
    /// Which of the instance's references to functions.
    position: u32,
}

impl InitialEntry {
    const NULL: Self =
        Self { wasm_code: ptr::null(), type_id: FunctionTypeId::NULL, position: u32::MAX };
}

impl InitialTables {
    pub(crate) fn new(code: &LoadedCode) -> Self {
        let module = &code.module;
        let Some(pieces) = constant_pieces(module) else { return Self(Box::default()) };
        let tables = (0..module.tables.len()).map(TableIndex::from_usize);
        Self(tables.map(|table| initial_table(code, table, &pieces)).collect())
    }

    /// What a table starts with; none if its segments are to be written.
    pub(crate) fn get(&self, table: TableIndex) -> Option<&InitialTable> {
        self.0.get(table.as_usize())?.as_ref()
    }
}

impl InitialTable {
    /// The entries for an instance whose context is `vmctx` and whose references begin at `first`.
    pub(crate) fn entries(
        &self,
        vmctx: *mut VmContext,
        first: NonNull<FuncRef>,
    ) -> impl ExactSizeIterator<Item = FuncTableEntry> {
        self.0.iter().map(move |&InitialEntry { wasm_code, type_id, position }| {
            if wasm_code.is_null() {
                return FuncTableEntry::NULL;
            }
            let func_ref = first.as_ptr().wrapping_add(position as usize);
            FuncTableEntry { wasm_code, vmctx, func_ref, type_id, reserved: 0 }
        })
    }
}

/// One segment: where it goes and what it holds.
struct Piece<'a> {
    table: TableIndex,
    position: usize,
    functions: &'a [FuncIndex],
}

/// The active segments, if all are constant, inside, and of tables that the module defines.
fn constant_pieces(module: &ParsedModule) -> Option<Vec<Piece<'_>>> {
    let active = module.elements.iter().filter_map(|segment| match &segment.mode {
        ElementMode::Active { table, offset } => Some((segment, *table, &*offset.ops)),
        ElementMode::Passive | ElementMode::Declared => None,
    });
    active.map(|(segment, table, offset)| piece(module, segment, table, offset)).collect()
}

fn piece<'a>(
    module: &ParsedModule,
    segment: &'a ElementSegment,
    table: TableIndex,
    offset: &[ConstOp],
) -> Option<Piece<'a>> {
    module.defined_table(table)?;
    let position = match *offset {
        [ConstOp::I32Const(position)] => u64::from(position as u32),
        [ConstOp::I64Const(position)] => position as u64,
        _ => return None,
    };
    let ElementItems::Functions(functions) = &segment.items else { return None };
    let end = position.checked_add(functions.len() as u64)?;
    let fits = end <= module.tables[table.as_usize()].min;
    let position = usize::try_from(position).ok().filter(|_| fits)?;
    Some(Piece { table, position, functions })
}

/// What one table starts with, if that is worth working out.
fn initial_table(
    code: &LoadedCode,
    table: TableIndex,
    pieces: &[Piece<'_>],
) -> Option<InitialTable> {
    let module = &code.module;
    let defined = module.defined_table(table)?;
    let ty = module.tables[table.as_usize()];
    let starts_null = module.table_initial[defined].is_none();
    if !starts_null || !ty.element.is_func() || code.image.static_table(table).is_some() {
        return None;
    }
    let own = || pieces.iter().filter(|piece| piece.table == table);
    let count: usize = own().map(|piece| piece.functions.len()).sum();
    // All references are filled in for it, and all entries written.
    let references = code.func_refs();
    let enough = count.saturating_mul(WASTE_FACTOR).saturating_add(WASTE);
    if count == 0 || ty.min > ENTRIES_MAX.min(enough as u64) || references.len() > enough {
        return None;
    }
    let (_, positions) = code.layout.func_refs();
    let mut entries = vec![InitialEntry::NULL; usize::try_from(ty.min).ok()?];
    for piece in own() {
        for (entry, func) in entries[piece.position..].iter_mut().zip(piece.functions) {
            let position = *positions.get(func.as_usize())?;
            let &FuncRef { wasm_code, type_id, .. } = references.get(position as usize)?;
            if wasm_code.is_null() {
                return None;
            }
            *entry = InitialEntry { wasm_code, type_id, position };
        }
    }
    Some(InitialTable(entries.into()))
}
