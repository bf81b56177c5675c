//! A compiled module: bytes of code and the tables that say what they are.
//!
//! ```text
//!  code:  │ functions … │ thunks and entries … │ pad │ read-only data: static tables, constants │
//!         0                                    text_bytes (multiple of PAGE)              code.len()
//! ```
//!
//! **Invariants**
//! - Position independent: the same bytes run wherever they are mapped, page aligned; nothing in
//!   them is an absolute address.
//! - Inert: an image is data. Only the runtime's loader makes it executable.
//! - All offsets are in bytes from the image's start and lie inside it.

use brolga_module::{DefinedFuncIndex, TableIndex, TypeIndex};

use crate::{Builtin, TrapSite};

/// The compiled form of one module for one target.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CodeImage {
    /// The target's triple.
    pub target: String,
    /// The CPU features that the code uses, by Cranelift's names, sorted.
    pub cpu_features: Vec<String>,
    /// The [`fingerprint`](crate::CompileOptions::fingerprint) of the options.
    pub options_fingerprint: u64,
    /// Code, then read-only data.
    pub code: Vec<u8>,
    /// How much of `code` is executed; a multiple of [`CodeImage::PAGE`].
    pub text_bytes: u32,
    /// The defined functions, by [`DefinedFuncIndex`].
    pub functions: Vec<CodeRange>,
    /// Entries for the host, one for each function type that an escaping function has; sorted by
    /// type. Host convention: (callee context, caller context, wasm code, slots).
    pub host_entries: Vec<TypedCode>,
    /// Thunks to host functions, one for each type that an import or an indirect call has; sorted
    /// by type. Wasm convention.
    pub host_exits: Vec<TypedCode>,
    /// The thunks to builtins that the module uses, sorted.
    pub builtin_thunks: Vec<(Builtin, CodeRange)>,
    /// Where code may trap by itself, sorted by code offset.
    pub trap_sites: Vec<TrapSite>,
    /// Which wasm operator each call belongs to, by return address, sorted by code offset.
    pub call_sites: Vec<SourceSite>,
    /// The tables that are part of the image, sorted by table.
    pub static_tables: Vec<StaticTable>,
}

impl CodeImage {
    /// What `text_bytes` is a multiple of: the largest page of the supported targets.
    pub const PAGE: usize = 64 << 10;

    /// The static table of table `table`.
    pub fn static_table(&self, table: TableIndex) -> Option<&StaticTable> {
        let position = self.static_tables.binary_search_by_key(&table, |it| it.table).ok()?;
        Some(&self.static_tables[position])
    }

    /// The entry for host calls of functions of type `ty` (canonical in its module).
    pub fn host_entry(&self, ty: TypeIndex) -> Option<CodeRange> {
        TypedCode::find(&self.host_entries, ty)
    }

    /// The thunk to host functions of type `ty` (canonical in its module).
    pub fn host_exit(&self, ty: TypeIndex) -> Option<CodeRange> {
        TypedCode::find(&self.host_exits, ty)
    }

    /// The function whose code holds `code_offset`.
    pub fn function_at(&self, code_offset: u32) -> Option<DefinedFuncIndex> {
        let after = self.functions.partition_point(|range| range.start <= code_offset);
        let position = after.checked_sub(1)?;
        self.functions[position]
            .contains(code_offset)
            .then(|| DefinedFuncIndex::from_usize(position))
    }

    /// The trap that the instruction at `code_offset` may raise.
    pub fn trap_site(&self, code_offset: u32) -> Option<&TrapSite> {
        let position =
            self.trap_sites.binary_search_by_key(&code_offset, |site| site.code_offset).ok()?;
        Some(&self.trap_sites[position])
    }

    /// The wasm offset of the call that returns to `code_offset`.
    pub fn call_site(&self, code_offset: u32) -> Option<u32> {
        let position =
            self.call_sites.binary_search_by_key(&code_offset, |site| site.code_offset).ok()?;
        Some(self.call_sites[position].wasm_offset)
    }
}

/// A piece of code in an image.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CodeRange {
    /// Where it begins.
    pub start: u32,
    /// How many bytes it has.
    pub len: u32,
}

impl CodeRange {
    /// Whether `offset` is inside.
    pub fn contains(self, offset: u32) -> bool {
        offset.checked_sub(self.start).is_some_and(|within| within < self.len)
    }
}

/// Code that serves all functions of a type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TypedCode {
    /// The type, canonical in its module.
    pub ty: TypeIndex,
    /// The code.
    pub range: CodeRange,
}

impl TypedCode {
    fn find(sorted: &[TypedCode], ty: TypeIndex) -> Option<CodeRange> {
        let position = sorted.binary_search_by_key(&ty, |code| code.ty).ok()?;
        Some(sorted[position].range)
    }
}

/// The wasm operator that a code address belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SourceSite {
    /// The address, in bytes from the image's start.
    pub code_offset: u32,
    /// The operator, in bytes from the module's start.
    pub wasm_offset: u32,
}

/// A table that never changes, kept as read-only data of the image.
///
/// Defined by the module, not exported, not written or copied from by any operator, filled by
/// segments with constant offsets and functions of this module only: so every instance has the
/// same one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StaticTable {
    /// Which table.
    pub table: TableIndex,
    /// Where its [`StaticTableEntry`]s begin in the image.
    pub start: u32,
    /// The functions, position by position; `None` is null.
    pub functions: Vec<Option<DefinedFuncIndex>>,
}

/// An entry of a static table as code reads it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct StaticTableEntry {
    /// The function's code, in bytes from the table's own start (negative: code comes first).
    pub code_offset: i32,
    /// The function's type, canonical in the module; `u32::MAX` where null.
    pub type_index: u32,
}
