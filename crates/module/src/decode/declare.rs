//! The sections that declare what a module has: types, imports, functions, tables, memories,
//! globals, exports, the start function.

use std::ops::Range;

use wasmparser::{CompositeInnerType, Imports, RecGroup, SectionLimited, TypeRef};

use super::{Decoder, Result, taken, unsupported, validated};
use crate::{
    Export, ExportItem, ExternType, FuncIndex, GlobalIndex, Import, MemoryIndex, TableIndex,
    TypeIndex, convert, limits,
};

impl Decoder {
    pub(super) fn decode_types(&mut self, section: SectionLimited<'_, RecGroup>) -> Result<()> {
        self.read(&section, "type", &limits::TYPES, self.module.types.len(), |_, _| Ok(()))?;
        validated("type", self.validator.type_section(&section))?;
        for group in section.into_iter_with_offsets() {
            let (offset, group) = taken("type", group)?;
            for ty in group.into_types() {
                let CompositeInnerType::Func(ty) = &ty.composite_type.inner else {
                    return Err(unsupported("type", offset));
                };
                let ty = convert::func_type(ty).ok_or_else(|| unsupported("type", offset))?;
                self.module.types.push(ty);
            }
        }
        Ok(())
    }

    pub(super) fn decode_imports(
        &mut self,
        section: SectionLimited<'_, Imports<'_>>,
    ) -> Result<()> {
        let mut counts = ImportCounts::default();
        let before = self.module.imports.len();
        self.read(&section, "import", &limits::IMPORTS, before, |_, imports| {
            for import in imports.clone() {
                let (offset, import) = taken("import", import)?;
                counts.add(import.ty, offset)?;
            }
            Ok(())
        })?;
        validated("import", self.validator.import_section(&section))?;
        for import in section.into_imports_with_offsets() {
            let (offset, import) = taken("import", import)?;
            self.take_import(import, offset)?;
        }
        Ok(())
    }

    fn take_import(&mut self, import: wasmparser::Import<'_>, offset: u64) -> Result<()> {
        let module = &mut self.module;
        let missing = || unsupported("import", offset);
        let ty = match import.ty {
            TypeRef::Func(index) => {
                module.functions.push(TypeIndex(index));
                module.imported_functions += 1;
                ExternType::Func(TypeIndex(index))
            }
            TypeRef::Table(ty) => {
                let ty = convert::table_type(ty).ok_or_else(missing)?;
                module.tables.push(ty);
                module.imported_tables += 1;
                ExternType::Table(ty)
            }
            TypeRef::Memory(ty) => {
                let ty = convert::memory_type(ty).ok_or_else(missing)?;
                module.memories.push(ty);
                module.imported_memories += 1;
                ExternType::Memory(ty)
            }
            TypeRef::Global(ty) => {
                let ty = convert::global_type(ty).ok_or_else(missing)?;
                module.globals.push(ty);
                module.imported_globals += 1;
                ExternType::Global(ty)
            }
            TypeRef::Tag(_) | TypeRef::FuncExact(_) => return Err(missing()),
        };
        module.imports.push(Import { module: import.module.into(), name: import.name.into(), ty });
        Ok(())
    }

    pub(super) fn decode_functions(&mut self, section: SectionLimited<'_, u32>) -> Result<()> {
        let before = self.module.functions.len();
        self.read(&section, "function", &limits::FUNCTIONS, before, |_, _| Ok(()))?;
        validated("function", self.validator.function_section(&section))?;
        self.module.functions.reserve_exact(section.count() as usize);
        self.module.bodies.reserve_exact(section.count() as usize);
        for index in section {
            self.module.functions.push(TypeIndex(taken("function", index)?));
        }
        Ok(())
    }

    pub(super) fn decode_tables(
        &mut self,
        section: SectionLimited<'_, wasmparser::Table<'_>>,
    ) -> Result<()> {
        let before = self.module.tables.len();
        self.read(&section, "table", &limits::TABLES, before, |_, _| Ok(()))?;
        validated("table", self.validator.table_section(&section))?;
        for table in section.into_iter_with_offsets() {
            let (offset, table) = taken("table", table)?;
            let ty = convert::table_type(table.ty).ok_or_else(|| unsupported("table", offset))?;
            let initial = match &table.init {
                wasmparser::TableInit::RefNull => None,
                wasmparser::TableInit::Expr(expr) => Some(self.take_expr("table", expr)?),
            };
            self.module.tables.push(ty);
            self.module.table_initial.push(initial);
        }
        Ok(())
    }

    pub(super) fn decode_memories(
        &mut self,
        section: SectionLimited<'_, wasmparser::MemoryType>,
    ) -> Result<()> {
        let before = self.module.memories.len();
        self.read(&section, "memory", &limits::MEMORIES, before, |_, _| Ok(()))?;
        validated("memory", self.validator.memory_section(&section))?;
        for ty in section.into_iter_with_offsets() {
            let (offset, ty) = taken("memory", ty)?;
            let ty = convert::memory_type(ty).ok_or_else(|| unsupported("memory", offset))?;
            self.module.memories.push(ty);
        }
        Ok(())
    }

    pub(super) fn decode_globals(
        &mut self,
        section: SectionLimited<'_, wasmparser::Global<'_>>,
    ) -> Result<()> {
        let before = self.module.globals.len();
        self.read(&section, "global", &limits::GLOBALS, before, |_, _| Ok(()))?;
        validated("global", self.validator.global_section(&section))?;
        for global in section.into_iter_with_offsets() {
            let (offset, global) = taken("global", global)?;
            let ty =
                convert::global_type(global.ty).ok_or_else(|| unsupported("global", offset))?;
            let initial = self.take_expr("global", &global.init_expr)?;
            self.module.globals.push(ty);
            self.module.global_initial.push(initial);
        }
        Ok(())
    }

    pub(super) fn decode_exports(
        &mut self,
        section: SectionLimited<'_, wasmparser::Export<'_>>,
    ) -> Result<()> {
        let before = self.module.exports.len();
        self.read(&section, "export", &limits::EXPORTS, before, |_, _| Ok(()))?;
        validated("export", self.validator.export_section(&section))?;
        for export in section.into_iter_with_offsets() {
            let (offset, export) = taken("export", export)?;
            let item = match export.kind {
                wasmparser::ExternalKind::Func => ExportItem::Func(FuncIndex(export.index)),
                wasmparser::ExternalKind::Table => ExportItem::Table(TableIndex(export.index)),
                wasmparser::ExternalKind::Memory => ExportItem::Memory(MemoryIndex(export.index)),
                wasmparser::ExternalKind::Global => ExportItem::Global(GlobalIndex(export.index)),
                _ => return Err(unsupported("export", offset)),
            };
            if let ExportItem::Func(func) = item {
                self.note_escape(func);
            }
            self.module.exports.push(Export { name: export.name.into(), item });
        }
        let exports = &self.module.exports;
        let mut by_name: Vec<u32> = (0_u32..).take(exports.len()).collect();
        // The unstable sort would be thrice the code for the same.
        by_name.sort_by(|a, b| exports[*a as usize].name.cmp(&exports[*b as usize].name));
        self.module.exports_by_name = by_name;
        Ok(())
    }

    pub(super) fn decode_start(&mut self, func: u32, range: Range<u64>) -> Result<()> {
        validated("start", self.validator.start_section(func, &range))?;
        self.module.start = Some(FuncIndex(func));
        self.note_escape(FuncIndex(func));
        Ok(())
    }
}

/// How much of each kind the imports bring along.
#[derive(Default)]
struct ImportCounts {
    functions: u64,
    tables: u64,
    memories: u64,
    globals: u64,
}

impl ImportCounts {
    fn add(&mut self, ty: TypeRef, offset: u64) -> Result<()> {
        let (count, limit) = match ty {
            TypeRef::Func(_) | TypeRef::FuncExact(_) => (&mut self.functions, &limits::FUNCTIONS),
            TypeRef::Table(_) => (&mut self.tables, &limits::TABLES),
            TypeRef::Memory(_) => (&mut self.memories, &limits::MEMORIES),
            TypeRef::Global(_) => (&mut self.globals, &limits::GLOBALS),
            TypeRef::Tag(_) => return Ok(()),
        };
        *count += 1;
        limit.check(*count, offset)
    }
}
