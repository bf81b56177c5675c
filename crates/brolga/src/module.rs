//! Compiled modules as embedders hold them.

use core::fmt;
use std::sync::Arc;

use brolga_runtime::LoadedCode;

use crate::types::{export_type, extern_type, import_type};
use crate::{Engine, ExportType, ExternType, ImportType, Result};

/// A compiled module, ready to be instantiated any number of times. A clone is the same module.
///
/// ```
/// # use brolga::*;
/// # fn main() -> Result<()> {
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"
///     (module $adder
///         (import "host" "log" (func (param i32)))
///         (func (export "add") (param i32 i32) (result i32)
///             (i32.add (local.get 0) (local.get 1))))"#)?;
/// assert_eq!(module.name(), Some("adder"));
/// assert_eq!(module.imports().len(), 1);
/// let add = module.get_export("add").context("no export")?;
/// assert_eq!(add.unwrap_func().params().len(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Module {
    engine: Engine,
    code: Arc<LoadedCode>,
}

impl Module {
    /// Checks that bytes are a valid module, without compiling it.
    ///
    /// # Errors
    /// If they are not; the error says where.
    pub fn validate(engine: &Engine, binary: &[u8]) -> Result<()> {
        Ok(brolga_module::validate(binary, engine.config().features)?)
    }

    /// What the module calls itself in its name section.
    pub fn name(&self) -> Option<&str> {
        self.code.module.names.module()
    }

    /// What has to be given to instantiate it, in order.
    pub fn imports<'module>(
        &'module self,
    ) -> impl ExactSizeIterator<Item = ImportType<'module>> + 'module {
        let parsed = &*self.code.module;
        parsed.imports.iter().map(|import| import_type(&self.engine, parsed, import))
    }

    /// What its instances have to give, in order.
    pub fn exports<'module>(
        &'module self,
    ) -> impl ExactSizeIterator<Item = ExportType<'module>> + 'module {
        let parsed = &*self.code.module;
        parsed.exports.iter().map(|export| export_type(&self.engine, parsed, export))
    }

    /// The type of the export called `name`.
    pub fn get_export(&self, name: &str) -> Option<ExternType> {
        let parsed = &*self.code.module;
        let item = parsed.export(name)?;
        Some(extern_type(&self.engine, parsed, &parsed.item_type(item)))
    }

    /// The contents of its custom sections called `name`, in order.
    pub fn custom_sections<'module>(
        &'module self,
        name: &str,
    ) -> impl Iterator<Item = &'module [u8]> {
        let parsed = &*self.code.module;
        let sections = parsed.custom_sections.iter().filter(move |it| &*it.name == name);
        sections.map(|section| &parsed.bytes[section.range.clone()])
    }

    /// The engine it was compiled by.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether the two are the same module.
    pub fn same(a: &Module, b: &Module) -> bool {
        Arc::ptr_eq(&a.code, &b.code)
    }

    pub(crate) fn from_code(engine: Engine, code: Arc<LoadedCode>) -> Module {
        Module { engine, code }
    }

    pub(crate) fn code(&self) -> &Arc<LoadedCode> {
        &self.code
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("name", &self.name()).finish_non_exhaustive()
    }
}
