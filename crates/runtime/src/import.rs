//! A file on which the sandbox stands; changes need a second reader.
//!
//! Whether what is given for a module's imports has the types that its code was compiled for.
//!
//! **Trusts** that an open handle's thing is what the store says it is.
//! **Promises** that what it resolves an import to has the import's type, as the specification
//! matches them, and is of this store and open.
//! **Tested by** `tests/instantiate.rs`.
//!
//! **Invariants**
//! - Nothing is changed but what references to functions need to be passed on: thunks of host
//!   functions, and the note that a function may have been.

use std::sync::Arc;

use brolga_abi::ImportedFunction;
use brolga_module::{ExternType, FuncIndex, GlobalType, Import, MemoryType, TableType, TypeIndex};

use crate::arena::Place;
use crate::describe;
use crate::handle::{FuncPlace, GlobalPlace, TablePlace};
use crate::{
    Extern, FuncId, GlobalId, ImportError, InstantiateError, LoadedCode, MemoryId, Store, TableId,
};

/// What a module's imports are resolved to.
#[derive(Default)]
pub(crate) struct Imports {
    pub(crate) functions: Vec<ImportedFunction>,
    pub(crate) tables: Vec<Place>,
    pub(crate) memories: Vec<Place>,
    pub(crate) globals: Vec<GlobalPlace>,
    /// The instances that functions and globals come from, each once.
    pub(crate) exporters: Vec<Place>,
}

impl Store {
    /// Checks what is given for a module's imports, in the order of its imports, against their
    /// types.
    pub(crate) fn check_imports(
        &mut self,
        code: &Arc<LoadedCode>,
        given: &[Extern],
    ) -> Result<Imports, InstantiateError> {
        let module = &code.module;
        if module.imports.len() != given.len() {
            let (expected, found) = (module.imports.len(), given.len());
            return Err(InstantiateError::ImportCount { expected, found });
        }
        let mut imports = Imports::default();
        imports.functions.reserve_exact(module.imported_functions as usize);
        for (import, &given) in module.imports.iter().zip(given) {
            self.check_import(code, import, given, &mut imports).map_err(|error| {
                let (module, name) = (import.module.to_string(), import.name.to_string());
                InstantiateError::Import { module, name, error }
            })?;
        }
        imports.exporters.sort_unstable_by_key(|exporter| exporter.number());
        imports.exporters.dedup();
        Ok(imports)
    }

    fn check_import(
        &mut self,
        code: &Arc<LoadedCode>,
        import: &Import,
        given: Extern,
        imports: &mut Imports,
    ) -> Result<(), ImportError> {
        match (&import.ty, given) {
            (ExternType::Func(ty), Extern::Func(func)) => {
                let function = self.check_function_import(code, *ty, func, imports)?;
                imports.functions.push(function);
            }
            (ExternType::Table(ty), Extern::Table(table)) => {
                imports.tables.push(self.check_table_import(ty, table)?);
            }
            (ExternType::Memory(ty), Extern::Memory(memory)) => {
                imports.memories.push(self.check_memory_import(ty, memory)?);
            }
            (ExternType::Global(ty), Extern::Global(global)) => {
                imports.globals.push(self.check_global_import(ty, global)?);
                if let GlobalPlace::Instance(exporter, _) = global.place {
                    imports.exporters.push(exporter);
                }
            }
            (expected, found) => {
                let expected = match expected {
                    ExternType::Func(ty) => describe::func_type(&code.module.types[ty.as_usize()]),
                    ExternType::Table(ty) => describe::table_type(*ty),
                    ExternType::Memory(ty) => describe::memory_type(*ty),
                    ExternType::Global(ty) => describe::global_type(*ty),
                };
                let found = format!("a {}", found.kind());
                return Err(ImportError::Type { expected, found });
            }
        }
        Ok(())
    }

    fn check_function_import(
        &mut self,
        code: &Arc<LoadedCode>,
        ty: TypeIndex,
        func: FuncId,
        imports: &mut Imports,
    ) -> Result<ImportedFunction, ImportError> {
        if self.func_type_id(func)? != code.type_id(ty) {
            return Err(ImportError::Type {
                expected: describe::func_type(&code.module.types[ty.as_usize()]),
                found: describe::func_type(self.func_type(func)?),
            });
        }
        let index = FuncIndex::from_usize(imports.functions.len());
        // Whether the module can make a reference to the function, and pass that on.
        let refers = code.module.escapes[index.as_usize()];
        let own_thunk = match func.place {
            FuncPlace::Host(place) if !self.host_function_has_stub(place) => code.host_exit(ty),
            _ => None,
        };
        let func_ref = match func.place {
            FuncPlace::Instance(exporter, _) => {
                imports.exporters.push(exporter);
                self.instance_mut(exporter).handed_out |= refers;
                self.func_ref(func)?
            }
            // A module that only calls the function has a thunk of its own for that.
            FuncPlace::Host(_) if !refers && own_thunk.is_some() => self.func_ref(func)?,
            FuncPlace::Host(place) => self.host_func_ref_for_wasm(place, Some((code, ty)))?,
        };
        // SAFETY: the reference was just got and nothing was freed since.
        let (wasm_code, vmctx) =
            unsafe { ((*func_ref.as_ptr()).wasm_code, func_ref.as_ref().vmctx) };
        Ok(ImportedFunction {
            wasm_code: own_thunk.unwrap_or(wasm_code),
            vmctx,
            func_ref: func_ref.as_ptr(),
        })
    }

    fn check_table_import(&self, ty: &TableType, table: TableId) -> Result<Place, ImportError> {
        let found = self.table_type(table)?;
        let fits = found.element == ty.element
            && found.index == ty.index
            && limits_fit((found.min, found.max), (ty.min, ty.max));
        match table.place {
            TablePlace::Store(place) if fits => Ok(place),
            TablePlace::Store(_) => Err(ImportError::Type {
                expected: describe::table_type(*ty),
                found: describe::table_type(found),
            }),
            TablePlace::Static(..) => Err(ImportError::Type {
                expected: describe::table_type(*ty),
                found: "a table that its module keeps to itself".into(),
            }),
        }
    }

    fn check_memory_import(&self, ty: &MemoryType, memory: MemoryId) -> Result<Place, ImportError> {
        let found = self.memory_type(memory)?;
        let fits = found.index == ty.index
            && found.shared == ty.shared
            && found.page_size_log2 == ty.page_size_log2
            && limits_fit((found.min, found.max), (ty.min, ty.max));
        if fits {
            return Ok(memory.place);
        }
        let (expected, found) = (describe::memory_type(*ty), describe::memory_type(found));
        Err(ImportError::Type { expected, found })
    }

    fn check_global_import(
        &self,
        ty: &GlobalType,
        global: GlobalId,
    ) -> Result<GlobalPlace, ImportError> {
        let found = self.global_type(global)?;
        if found == *ty {
            return Ok(global.place);
        }
        let (expected, found) = (describe::global_type(*ty), describe::global_type(found));
        Err(ImportError::Type { expected, found })
    }
}

/// Whether limits found are inside those asked for.
fn limits_fit(found: (u64, Option<u64>), asked: (u64, Option<u64>)) -> bool {
    let max_fits = match (found.1, asked.1) {
        (_, None) => true,
        (Some(found), Some(asked)) => found <= asked,
        (None, Some(_)) => false,
    };
    found.0 >= asked.0 && max_fits
}
