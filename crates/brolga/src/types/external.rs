//! The types of what modules import and export.

use brolga_module as module;

use super::convert::{extern_type, format_limits};
use super::{FuncType, Mutability, RefType, ValType};
use crate::{Engine, Error, Result};
use core::fmt;

/// The type of something a module imports or exports.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ExternType {
    /// A function.
    Func(FuncType),
    /// A global.
    Global(GlobalType),
    /// A table.
    Table(TableType),
    /// A memory.
    Memory(MemoryType),
}

macro_rules! accessors {
    ($($variant:ident $ty:ident $get:ident $unwrap:ident $what:literal)*) => {
        impl ExternType {$(
            #[doc = concat!("The type of the ", $what, ", if it is one.")]
            pub fn $get(&self) -> Option<&$ty> {
                match self {
                    ExternType::$variant(ty) => Some(ty),
                    _ => None,
                }
            }

            #[doc = concat!("The type of the ", $what, ".")]
            ///
            /// # Panics
            /// If it is something else.
            pub fn $unwrap(&self) -> &$ty {
                self.$get().expect(concat!("expected a ", $what))
            }
        )*}

        $(impl From<$ty> for ExternType {
            fn from(ty: $ty) -> ExternType {
                ExternType::$variant(ty)
            }
        })*
    };
}

accessors! {
    Func FuncType func unwrap_func "function"
    Global GlobalType global unwrap_global "global"
    Table TableType table unwrap_table "table"
    Memory MemoryType memory unwrap_memory "memory"
}

impl ExternType {
    /// What kind of thing it is the type of, in a word.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            ExternType::Func(_) => "function",
            ExternType::Global(_) => "global",
            ExternType::Table(_) => "table",
            ExternType::Memory(_) => "memory",
        }
    }
}

impl fmt::Display for ExternType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExternType::Func(ty) => ty.fmt(f),
            ExternType::Global(ty) => ty.fmt(f),
            ExternType::Table(ty) => ty.fmt(f),
            ExternType::Memory(ty) => ty.fmt(f),
        }
    }
}

/// The type of a global.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct GlobalType {
    content: ValType,
    mutability: Mutability,
}

impl GlobalType {
    /// The type of globals that hold `content`.
    pub fn new(content: ValType, mutability: Mutability) -> GlobalType {
        GlobalType { content, mutability }
    }

    /// The type of the value.
    pub fn content(&self) -> &ValType {
        &self.content
    }

    /// Whether the value may change.
    pub fn mutability(&self) -> Mutability {
        self.mutability
    }
}

impl fmt::Display for GlobalType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mutability {
            Mutability::Const => write!(f, "(global {})", self.content),
            Mutability::Var => write!(f, "(global (mut {}))", self.content),
        }
    }
}

/// The type of a table. Sizes are in elements.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct TableType {
    pub(super) element: RefType,
    pub(super) is_64: bool,
    pub(super) min: u64,
    pub(super) max: Option<u64>,
}

impl TableType {
    /// The type of tables of `element` with 32-bit positions.
    pub fn new(element: RefType, min: u32, max: Option<u32>) -> TableType {
        TableType { element, is_64: false, min: min.into(), max: max.map(u64::from) }
    }

    /// The type of tables of `element` with 64-bit positions.
    pub fn new64(element: RefType, min: u64, max: Option<u64>) -> TableType {
        TableType { element, is_64: true, min, max }
    }

    /// Whether positions are 64 bits wide.
    pub fn is_64(&self) -> bool {
        self.is_64
    }

    /// The type of the elements.
    pub fn element(&self) -> &RefType {
        &self.element
    }

    /// The size a table starts with.
    pub fn minimum(&self) -> u64 {
        self.min
    }

    /// The size that growth may not pass.
    pub fn maximum(&self) -> Option<u64> {
        self.max
    }
}

impl fmt::Display for TableType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(table ")?;
        format_limits(f, self.is_64, self.min, self.max)?;
        write!(f, " {})", self.element)
    }
}

/// The type of a memory. Sizes are in pages, by default of 64 KiB.
///
/// ```
/// use brolga::MemoryType;
///
/// let ty = MemoryType::new(1, Some(4));
/// assert_eq!(ty.maximum(), Some(4));
/// assert_eq!(ty.to_string(), "(memory 1 4)");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct MemoryType {
    pub(super) ty: module::MemoryType,
}

impl MemoryType {
    /// The type of memories with 32-bit addresses.
    ///
    /// # Panics
    /// If no such memory can be, `maximum` being less than `minimum` for example; see
    /// [`MemoryTypeBuilder::build`].
    pub fn new(minimum: u32, maximum: Option<u32>) -> MemoryType {
        MemoryTypeBuilder::new()
            .min(minimum.into())
            .max(maximum.map(u64::from))
            .build()
            .expect("a possible memory type")
    }

    /// The type of memories with 64-bit addresses.
    ///
    /// # Panics
    /// As [`MemoryType::new`].
    pub fn new64(minimum: u64, maximum: Option<u64>) -> MemoryType {
        MemoryTypeBuilder::new()
            .memory64(true)
            .min(minimum)
            .max(maximum)
            .build()
            .expect("a possible memory type")
    }

    /// The type of shared memories with 32-bit addresses. None can be made in this version; see
    /// [`MemoryTypeBuilder::shared`].
    ///
    /// # Panics
    /// As [`MemoryType::new`].
    pub fn shared(minimum: u32, maximum: u32) -> MemoryType {
        MemoryTypeBuilder::new()
            .shared(true)
            .min(minimum.into())
            .max(Some(maximum.into()))
            .build()
            .expect("a possible memory type")
    }

    /// Makes a type step by step.
    pub fn builder() -> MemoryTypeBuilder {
        MemoryTypeBuilder::new()
    }

    /// Whether addresses are 64 bits wide.
    pub fn is_64(&self) -> bool {
        self.ty.index == module::IndexType::I64
    }

    /// Whether several threads may use the memory at once.
    pub fn is_shared(&self) -> bool {
        self.ty.shared
    }

    /// The size a memory starts with, in pages.
    pub fn minimum(&self) -> u64 {
        self.ty.min
    }

    /// The size that growth may not pass, in pages.
    pub fn maximum(&self) -> Option<u64> {
        self.ty.max
    }

    /// The size of a page, in bytes.
    pub fn page_size(&self) -> u64 {
        self.ty.page_bytes()
    }

    /// The binary logarithm of the size of a page.
    pub fn page_size_log2(&self) -> u8 {
        self.ty.page_size_log2
    }
}

impl fmt::Display for MemoryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(memory ")?;
        format_limits(f, self.is_64(), self.ty.min, self.ty.max)?;
        if self.ty.shared {
            f.write_str(" shared")?;
        }
        if self.ty.page_size_log2 != 16 {
            write!(f, " (pagesize {})", self.page_size())?;
        }
        f.write_str(")")
    }
}

/// Makes a [`MemoryType`] step by step.
#[derive(Clone, Debug)]
pub struct MemoryTypeBuilder {
    ty: module::MemoryType,
}

impl Default for MemoryTypeBuilder {
    fn default() -> Self {
        MemoryTypeBuilder {
            ty: module::MemoryType {
                index: module::IndexType::I32,
                min: 0,
                max: None,
                shared: false,
                page_size_log2: 16,
            },
        }
    }
}

impl MemoryTypeBuilder {
    /// Starts with an empty memory of 32-bit addresses that may grow.
    pub fn new() -> MemoryTypeBuilder {
        MemoryTypeBuilder::default()
    }

    /// The size at first, in pages.
    pub fn min(&mut self, minimum: u64) -> &mut Self {
        self.ty.min = minimum;
        self
    }

    /// The size that growth may not pass, in pages.
    pub fn max(&mut self, maximum: Option<u64>) -> &mut Self {
        self.ty.max = maximum;
        self
    }

    /// Whether addresses are 64 bits wide.
    pub fn memory64(&mut self, memory64: bool) -> &mut Self {
        self.ty.index = match memory64 {
            true => module::IndexType::I64,
            false => module::IndexType::I32,
        };
        self
    }

    /// Whether several threads may use the memory at once. No such memory can be made in this
    /// version: see [`Memory::new`](crate::Memory::new).
    pub fn shared(&mut self, shared: bool) -> &mut Self {
        self.ty.shared = shared;
        self
    }

    /// The binary logarithm of the size of a page: 16, or 0 with the proposal of custom page
    /// sizes.
    pub fn page_size_log2(&mut self, page_size_log2: u8) -> &mut Self {
        self.ty.page_size_log2 = page_size_log2;
        self
    }

    /// The type.
    ///
    /// # Errors
    /// If the minimum passes the maximum, either passes what addresses reach, pages have a size
    /// that the proposal does not allow, or a shared memory has no maximum.
    pub fn build(&self) -> Result<MemoryType> {
        let module::MemoryType { min, max, page_size_log2, shared, .. } = self.ty;
        if shared && max.is_none() {
            return Err(Error::msg("shared memories must have a maximum size"));
        }
        if page_size_log2 != 0 && page_size_log2 != 16 {
            return Err(Error::msg(format!(
                "a page of 2^{page_size_log2} bytes, expected 2^0 or 2^16"
            )));
        }
        let address_bits = match self.ty.index {
            module::IndexType::I32 => 32,
            module::IndexType::I64 => 64,
        };
        let reach_pages = 1u128 << (address_bits - page_size_log2);
        if u128::from(min) > reach_pages || u128::from(max.unwrap_or(min)) > reach_pages {
            return Err(Error::msg(format!(
                "a memory of {} pages, expected at most {reach_pages}",
                max.unwrap_or(min).max(min)
            )));
        }
        if max.is_some_and(|max| max < min) {
            return Err(Error::msg(format!(
                "a maximum of {} pages, expected at least the minimum, {min}",
                max.unwrap_or_default()
            )));
        }
        Ok(MemoryType { ty: self.ty })
    }
}

/// An import of a module: its two names and what is wanted.
#[derive(Clone, Debug)]
pub struct ImportType<'module> {
    module: &'module str,
    name: &'module str,
    ty: ExternType,
}

impl<'module> ImportType<'module> {
    /// The first name.
    pub fn module(&self) -> &'module str {
        self.module
    }

    /// The second name.
    pub fn name(&self) -> &'module str {
        self.name
    }

    /// What is wanted.
    pub fn ty(&self) -> ExternType {
        self.ty.clone()
    }
}

/// An export of a module: its name and what it is.
#[derive(Clone, Debug)]
pub struct ExportType<'module> {
    name: &'module str,
    ty: ExternType,
}

impl<'module> ExportType<'module> {
    /// The name.
    pub fn name(&self) -> &'module str {
        self.name
    }

    /// What is exported.
    pub fn ty(&self) -> ExternType {
        self.ty.clone()
    }
}

/// An import as embedders see it.
pub(crate) fn import_type<'module>(
    engine: &Engine,
    parsed: &module::ParsedModule,
    import: &'module module::Import,
) -> ImportType<'module> {
    ImportType {
        module: &import.module,
        name: &import.name,
        ty: extern_type(engine, parsed, &import.ty),
    }
}

/// An export as embedders see it.
pub(crate) fn export_type<'module>(
    engine: &Engine,
    parsed: &module::ParsedModule,
    export: &'module module::Export,
) -> ExportType<'module> {
    ExportType {
        name: &export.name,
        ty: extern_type(engine, parsed, &parsed.item_type(export.item)),
    }
}
