//! What decoding leaves of a module: everything but the function bodies, which stay bytes.
//!
//! **Invariants**
//! - Everything outside function bodies is validated. A body is validated by the pass that
//!   translates it, with [`ParsedModule::body_validator`].
//! - Index spaces list imports first, in the order of the import section.

use std::ops::Range;
use std::sync::Arc;

use wasmparser::ValidatorResources;

use crate::{
    DataIndex, DefinedFuncIndex, ElemIndex, ExternType, Features, FuncIndex, FuncType, GlobalIndex,
    GlobalType, MemoryIndex, MemoryType, Names, TableIndex, TableType, TypeIndex,
};

/// A decoded module.
///
/// Made by [`ParsedModule::decode`]. Immutable, `Send + Sync`, usually behind an `Arc`.
pub struct ParsedModule {
    /// The whole binary; ranges below point into it.
    pub bytes: Arc<[u8]>,
    /// The features it was validated with.
    pub features: Features,
    /// The type section, flattened.
    pub types: Vec<FuncType>,
    /// The imports, in order.
    pub imports: Vec<Import>,
    /// Every function's type.
    pub functions: Vec<TypeIndex>,
    /// Every table's type.
    pub tables: Vec<TableType>,
    /// Every memory's type.
    pub memories: Vec<MemoryType>,
    /// Every global's type.
    pub globals: Vec<GlobalType>,
    /// How many of `functions` are imported.
    pub imported_functions: u32,
    /// How many of `tables` are imported.
    pub imported_tables: u32,
    /// How many of `memories` are imported.
    pub imported_memories: u32,
    /// How many of `globals` are imported.
    pub imported_globals: u32,
    /// What each defined table starts out filled with; null where the module says nothing.
    pub table_initial: Vec<Option<ConstExpr>>,
    /// What each defined global starts out as.
    pub global_initial: Vec<ConstExpr>,
    /// The exports, in order; names are unique.
    pub exports: Vec<Export>,
    /// Their positions in the order of their names: host functions look the guest's memory up at
    /// every call, and the guest says how many other exports there are.
    pub(crate) exports_by_name: Vec<u32>,
    /// The function to run at the end of instantiation.
    pub start: Option<FuncIndex>,
    /// The element segments.
    pub elements: Vec<ElementSegment>,
    /// The data segments.
    pub data: Vec<DataSegment>,
    /// The byte range of each defined function's body: locals and code, the length in front left
    /// out.
    pub bodies: Vec<Range<usize>>,
    /// The name section, read lazily and leniently: it never fails a module.
    pub names: Names,
    /// The custom sections, in order, the name section included.
    pub custom_sections: Vec<CustomSection>,
    /// For each function, whether a reference to it can come to exist: exported, in an element
    /// segment, in a constant expression, or the start function.
    pub escapes: Vec<bool>,
    /// What wasmparser learned, for validating the bodies.
    /// `None` without a code section.
    pub(crate) validator: Option<ValidatorResources>,
}

impl ParsedModule {
    /// The module that `bytes` are before any section of them is decoded.
    pub(crate) fn empty(bytes: Arc<[u8]>, features: Features) -> Self {
        Self {
            names: Names::new(bytes.clone(), 0..0, 0),
            bytes,
            features,
            types: Vec::new(),
            imports: Vec::new(),
            functions: Vec::new(),
            tables: Vec::new(),
            memories: Vec::new(),
            globals: Vec::new(),
            imported_functions: 0,
            imported_tables: 0,
            imported_memories: 0,
            imported_globals: 0,
            table_initial: Vec::new(),
            global_initial: Vec::new(),
            exports: Vec::new(),
            exports_by_name: Vec::new(),
            start: None,
            elements: Vec::new(),
            data: Vec::new(),
            bodies: Vec::new(),
            custom_sections: Vec::new(),
            escapes: Vec::new(),
            validator: None,
        }
    }

    /// The type of function `func`.
    #[inline]
    pub fn func_type(&self, func: FuncIndex) -> &FuncType {
        &self.types[self.functions[func.as_usize()].as_usize()]
    }

    /// The position of `func` among the defined functions; `None` if it is imported.
    #[inline]
    pub fn defined_func(&self, func: FuncIndex) -> Option<DefinedFuncIndex> {
        func.0.checked_sub(self.imported_functions).map(DefinedFuncIndex)
    }

    /// The function index of a defined function.
    pub fn func_index(&self, func: DefinedFuncIndex) -> FuncIndex {
        FuncIndex(self.imported_functions + func.0)
    }

    /// The position of `table` among the defined tables; `None` if it is imported.
    pub fn defined_table(&self, table: TableIndex) -> Option<usize> {
        table.0.checked_sub(self.imported_tables).map(|index| index as usize)
    }

    /// The position of `memory` among the defined memories; `None` if it is imported.
    pub fn defined_memory(&self, memory: MemoryIndex) -> Option<usize> {
        memory.0.checked_sub(self.imported_memories).map(|index| index as usize)
    }

    /// The position of `global` among the defined globals; `None` if it is imported.
    pub fn defined_global(&self, global: GlobalIndex) -> Option<usize> {
        global.0.checked_sub(self.imported_globals).map(|index| index as usize)
    }

    /// What to call a function: its name in the name section, else the first export of it, else
    /// `module::name` of its import.
    pub fn func_name(&self, func: FuncIndex) -> Option<&str> {
        self.names.func(func).or_else(|| self.names.substitute(func, || self.substitute_names()))
    }

    fn substitute_names(&self) -> Vec<(FuncIndex, Box<str>)> {
        let exports = self.exports.iter().filter_map(|export| match export.item {
            ExportItem::Func(func) => Some((func, export.name.clone())),
            _ => None,
        });
        let imported =
            self.imports.iter().filter(|import| matches!(import.ty, ExternType::Func(_)));
        let imports = imported.enumerate().map(|(position, import)| {
            let name = format!("{}::{}", import.module, import.name);
            (FuncIndex::from_usize(position), name.into())
        });
        // The first name of a function wins, so exports stand before imports.
        exports.chain(imports).collect()
    }

    /// The export called `name`.
    pub fn export(&self, name: &str) -> Option<ExportItem> {
        let export = |position: &u32| &self.exports[*position as usize];
        let found =
            self.exports_by_name.binary_search_by(|it| (*export(it).name).cmp(name)).ok()?;
        Some(export(&self.exports_by_name[found]).item)
    }

    /// The type of what `item` names.
    pub fn item_type(&self, item: ExportItem) -> ExternType {
        match item {
            ExportItem::Func(index) => ExternType::Func(self.functions[index.as_usize()]),
            ExportItem::Table(index) => ExternType::Table(self.tables[index.as_usize()]),
            ExportItem::Memory(index) => ExternType::Memory(self.memories[index.as_usize()]),
            ExportItem::Global(index) => ExternType::Global(self.globals[index.as_usize()]),
        }
    }

    /// The bytes of a data segment.
    pub fn data_bytes(&self, data: DataIndex) -> &[u8] {
        &self.bytes[self.data[data.as_usize()].range.clone()]
    }

    /// The element segment at `elem`.
    pub fn element(&self, elem: ElemIndex) -> &ElementSegment {
        &self.elements[elem.as_usize()]
    }
}

impl core::fmt::Debug for ParsedModule {
    /// The sizes of things: the contents are as long as the binary.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ParsedModule")
            .field("bytes", &self.bytes.len())
            .field("imports", &self.imports.len())
            .field("functions", &self.functions.len())
            .field("exports", &self.exports.len())
            .finish_non_exhaustive()
    }
}

/// One import.
#[derive(Clone, Debug)]
pub struct Import {
    /// The first of the two names.
    pub module: Box<str>,
    /// The second of the two names.
    pub name: Box<str>,
    /// What is asked for.
    pub ty: ExternType,
}

/// One export.
#[derive(Clone, Debug)]
pub struct Export {
    /// The name.
    pub name: Box<str>,
    /// What it names.
    pub item: ExportItem,
}

/// What an export names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExportItem {
    /// A function.
    Func(FuncIndex),
    /// A table.
    Table(TableIndex),
    /// A memory.
    Memory(MemoryIndex),
    /// A global.
    Global(GlobalIndex),
}

/// A constant expression, in the order its operators stand in the binary.
///
/// Evaluated on a small stack by the runtime; validation has checked the types.
#[derive(Clone, PartialEq, Debug)]
pub struct ConstExpr {
    /// The operators, `end` left out.
    pub ops: Box<[ConstOp]>,
}

/// An operator that may stand in a constant expression.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum ConstOp {
    /// `i32.const`
    I32Const(i32),
    /// `i64.const`
    I64Const(i64),
    /// `f32.const`, as bits
    F32Const(u32),
    /// `f64.const`, as bits
    F64Const(u64),
    /// `v128.const`, little endian
    V128Const(u128),
    /// `ref.null` of a function type: the null funcref
    RefNullFunc,
    /// `ref.null` of any other type: the null index
    RefNullExtern,
    /// `ref.func`
    RefFunc(FuncIndex),
    /// `global.get`
    GlobalGet(GlobalIndex),
    /// `i32.add`
    I32Add,
    /// `i32.sub`
    I32Sub,
    /// `i32.mul`
    I32Mul,
    /// `i64.add`
    I64Add,
    /// `i64.sub`
    I64Sub,
    /// `i64.mul`
    I64Mul,
}

/// One element segment.
#[derive(Clone, Debug)]
pub struct ElementSegment {
    /// The type of the elements.
    pub element: crate::RefType,
    /// When it is used.
    pub mode: ElementMode,
    /// The elements.
    pub items: ElementItems,
}

/// When an element segment is used.
#[derive(Clone, Debug)]
pub enum ElementMode {
    /// Copied into `table` at `offset` by instantiation.
    Active {
        /// Where to.
        table: TableIndex,
        /// At which position.
        offset: ConstExpr,
    },
    /// Kept for `table.init`.
    Passive,
    /// Only declares that its functions may be referenced.
    Declared,
}

/// The elements of a segment.
#[derive(Clone, Debug)]
pub enum ElementItems {
    /// Functions, none null.
    Functions(Box<[FuncIndex]>),
    /// One expression each.
    Expressions(Box<[ConstExpr]>),
}

impl ElementItems {
    /// How many elements there are.
    pub fn len(&self) -> usize {
        match self {
            ElementItems::Functions(items) => items.len(),
            ElementItems::Expressions(items) => items.len(),
        }
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One data segment.
#[derive(Clone, Debug)]
pub struct DataSegment {
    /// When it is used.
    pub mode: DataMode,
    /// Where its bytes are in the binary.
    pub range: Range<usize>,
}

/// When a data segment is used.
#[derive(Clone, Debug)]
pub enum DataMode {
    /// Copied into `memory` at `offset` by instantiation.
    Active {
        /// Where to.
        memory: MemoryIndex,
        /// At which address, in bytes.
        offset: ConstExpr,
    },
    /// Kept for `memory.init`.
    Passive,
}

/// A custom section.
#[derive(Clone, Debug)]
pub struct CustomSection {
    /// Its name.
    pub name: Box<str>,
    /// Where its contents are in the binary, the name left out.
    pub range: Range<usize>,
}
