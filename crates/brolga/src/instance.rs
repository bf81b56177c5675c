//! Instances as embedders hold them.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use brolga_module::ExportItem;
use brolga_runtime::InstanceId;

use crate::engine::call_start;
use crate::external::Export;
use crate::{
    AsContext, AsContextMut, Error, Extern, Func, Global, Memory, Module, Result, StoreContext,
    StoreContextMut, Table, TypedFunc, WasmParams, WasmResults,
};

/// A module's instance in a store.
///
/// ```
/// # use brolga::*;
/// # fn main() -> Result<()> {
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"(module
///     (import "" "double" (func $double (param i32) (result i32)))
///     (func (export "quadruple") (param i32) (result i32)
///         (call $double (call $double (local.get 0)))))"#)?;
/// let mut store = Store::new(&engine, ());
/// let double = Func::wrap(&mut store, |number: i32| 2 * number);
/// let instance = Instance::new(&mut store, &module, &[double.into()])?;
/// let quadruple = instance.get_typed_func::<i32, i32>(&mut store, "quadruple")?;
/// assert_eq!(quadruple.call(&mut store, 3)?, 12);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Instance {
    id: InstanceId,
}

/// An export of a module, found once: see [`Module::get_export_index`].
#[derive(Clone, Debug)]
pub struct ModuleExport {
    module: Module,
    item: ExportItem,
}

impl Module {
    /// The export called `name`, so that
    /// [`Instance::get_module_export`] finds it without comparing names.
    pub fn get_export_index(&self, name: &str) -> Option<ModuleExport> {
        let item = self.code().module.export(name)?;
        Some(ModuleExport { module: self.clone(), item })
    }
}

impl Instance {
    /// Makes an instance of `module` with `imports`, in the order of the module's imports, and
    /// runs its start function.
    ///
    /// # Errors
    /// If number or types of the imports are not right, something belongs to another engine or
    /// store, a segment does not fit, the start function traps, or a limit of the store is against
    /// it. What a failed instantiation has written into imported memories and tables stays, as
    /// the specification says.
    pub fn new(
        mut store: impl AsContextMut,
        module: &Module,
        imports: &[Extern],
    ) -> Result<Instance> {
        let mut store = store.as_context_mut();
        let engine = module.engine();
        let name = module.name().unwrap_or_default();
        let id = engine.new_module_engine(&mut store, name, module, imports)?.id();
        let started = catch_unwind(AssertUnwindSafe(|| start(&mut store, id)));
        if !matches!(started, Ok(Ok(()))) {
            // Nobody has a handle of it; what it can be reached by otherwise goes on working. (It
            // may have been closed: then there is nothing left to do.)
            let _ = store.cell_mut().runtime.abandon_instance(id);
        }
        match started {
            Ok(started) => started.map(|()| Instance { id }),
            Err(payload) => resume_unwind(payload),
        }
    }

    pub(crate) fn from_id(id: InstanceId) -> Instance {
        Instance { id }
    }

    /// # Errors
    /// If it belongs to another store or has been closed.
    pub(crate) fn check(&self, store: impl AsContext) -> Result<()> {
        store.as_context().cell().runtime.instance_code(self.id)?;
        Ok(())
    }

    /// The module it is an instance of.
    ///
    /// # Panics
    /// If the instance belongs to another store or has been closed.
    pub fn module<'a, T: 'static>(&self, store: impl Into<StoreContext<'a, T>>) -> Module {
        let cell = store.into().cell();
        let code = crate::handle::belongs(cell.runtime.instance_code(self.id));
        Module::from_code(cell.engine.clone(), code.clone())
    }

    /// All exports, in the module's order.
    ///
    /// # Panics
    /// If the instance belongs to another store or has been closed.
    pub fn exports<'a, T: 'static>(
        &'a self,
        store: impl Into<StoreContextMut<'a, T>>,
    ) -> impl ExactSizeIterator<Item = Export<'a>> + 'a {
        let cell: &'a _ = store.into().into_cell_mut();
        let runtime = &cell.runtime;
        let code = crate::handle::belongs(runtime.instance_code(self.id));
        code.module.exports.iter().map(move |export| {
            let item = crate::handle::belongs(runtime.export_item(self.id, export.item));
            let item = item.expect("an instance has what its module exports");
            Export::new(&export.name, Extern::from_runtime(item))
        })
    }

    /// The export called `name`; `None` if there is no such export, or the instance belongs to
    /// another store or has been closed.
    pub fn get_export(&self, mut store: impl AsContextMut, name: &str) -> Option<Extern> {
        let store = store.as_context_mut();
        let export = store.cell().runtime.export(self.id, name);
        export.ok().flatten().map(Extern::from_runtime)
    }

    /// The export that [`Module::get_export_index`] has found; `None` if that was of another
    /// module, and as [`Instance::get_export`].
    pub fn get_module_export(
        &self,
        mut store: impl AsContextMut,
        export: &ModuleExport,
    ) -> Option<Extern> {
        let store = store.as_context_mut();
        let runtime = &store.cell().runtime;
        let code = runtime.instance_code(self.id).ok()?;
        if !std::sync::Arc::ptr_eq(code, export.module.code()) {
            return None;
        }
        runtime.export_item(self.id, export.item).ok().flatten().map(Extern::from_runtime)
    }

    /// The function exported as `name`.
    pub fn get_func(&self, store: impl AsContextMut, name: &str) -> Option<Func> {
        self.get_export(store, name)?.into_func()
    }

    /// The function exported as `name`, to be called with Rust values of these types.
    ///
    /// # Errors
    /// If there is no such function, or its type is another one.
    pub fn get_typed_func<Params, Results>(
        &self,
        mut store: impl AsContextMut,
        name: &str,
    ) -> Result<TypedFunc<Params, Results>>
    where
        Params: WasmParams,
        Results: WasmResults,
    {
        let missing = || Error::msg(format!("failed to find function export `{name}`"));
        let func = self.get_func(&mut store, name).ok_or_else(missing)?;
        func.typed(store.as_context_mut())
            .map_err(|error| error.context(format!("failed to give `{name}` the type asked for")))
    }

    /// The table exported as `name`.
    pub fn get_table(&self, store: impl AsContextMut, name: &str) -> Option<Table> {
        self.get_export(store, name)?.into_table()
    }

    /// The memory exported as `name`.
    pub fn get_memory(&self, store: impl AsContextMut, name: &str) -> Option<Memory> {
        self.get_export(store, name)?.into_memory()
    }

    /// The global exported as `name`.
    pub fn get_global(&self, store: impl AsContextMut, name: &str) -> Option<Global> {
        self.get_export(store, name)?.into_global()
    }

    /// Closes the instance: its memory, tables and code are freed as soon as nothing can reach
    /// them, usually now. Its handles, and those of what it exported, are an error from then on,
    /// unless other instances use the same thing.
    ///
    /// ```
    /// # use brolga::*;
    /// # fn main() -> Result<()> {
    /// let engine = Engine::default();
    /// let module = Module::new(&engine, r#"(module (func (export "run")))"#)?;
    /// let mut store = Store::new(&engine, ());
    /// let instance = Instance::new(&mut store, &module, &[])?;
    /// let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
    /// instance.close(&mut store)?;
    /// assert!(run.call(&mut store, ()).is_err());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If it belongs to another store or has been closed already.
    pub fn close(&self, mut store: impl AsContextMut) -> Result<()> {
        Ok(store.as_context_mut().cell_mut().runtime.close_instance(self.id)?)
    }
}

/// Runs an instance's start function, if it has one.
fn start<T>(store: &mut StoreContextMut<'_, T>, instance: InstanceId) -> Result<()> {
    match store.cell().runtime.start_function(instance)? {
        // A hook hears of calls, and this is none.
        None => Ok(()),
        Some(_) => call_start(store, instance),
    }
}
