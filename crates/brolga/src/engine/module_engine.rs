//! The module engine: an instance, as the engine sees it.

use brolga_abi::FunctionTypeId;
use brolga_module::{ConstOp, FuncIndex, GlobalIndex, TableIndex, TypeIndex, ValType};
use brolga_runtime::{FuncId, InstanceId, LookupError, Value};

use super::{CallEngine, reference};
use crate::{
    AsContextMut, Error, Extern, Func, Global, Instance, Module, Result, StoreContextMut, Table,
    Trap,
};

/// An instance of a module in a store, as the engine sees it: functions by their indices,
/// references as numbers.
///
/// [`Instance`](crate::Instance) is built on it.
///
/// ```
/// # use brolga::*;
/// # fn main() -> Result<()> {
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"(module
///     (table (export "table") 2 funcref)
///     (elem (i32.const 0) func $one)
///     (func $one (result i32) i32.const 1))"#)?;
/// let mut store = Store::new(&engine, ());
/// let instance = engine.new_module_engine(&mut store, "one", &module, &[])?;
/// assert_eq!(instance.name(), "one");
///
/// // What `call_indirect` would call, or trap with.
/// let type_id = instance.type_id(TypeIndex(0)).context("no such type")?;
/// let one = instance.lookup_function(&mut store, TableIndex(0), type_id, 0)?;
/// assert_eq!(one.typed::<(), i32>(&store)?.call(&mut store, ())?, 1);
/// let error = instance.lookup_function(&mut store, TableIndex(0), type_id, 1).unwrap_err();
/// assert_eq!(error.downcast_ref(), Some(&Trap::IndirectCallToNull));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ModuleEngine {
    name: Box<str>,
    module: Module,
    instance: InstanceId,
}

/// Functions as the elements of a table are made of: references as numbers, 0 being null.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ElementInstance {
    /// The references.
    pub references: Vec<u64>,
}

impl ModuleEngine {
    /// The one path by which an instance is made.
    pub(super) fn new(
        mut store: impl AsContextMut,
        name: &str,
        module: &Module,
        imports: &[Extern],
    ) -> Result<ModuleEngine> {
        let mut store = store.as_context_mut();
        store.cell().engine.check_same(module.engine(), "module")?;
        let imports: Vec<_> = imports.iter().map(|import| import.to_runtime()).collect();
        let runtime = &mut store.cell_mut().runtime;
        let instance = match runtime.instantiate(module.code(), &imports) {
            Ok(instance) => instance,
            Err(error) => return Err(instantiate_error(error)),
        };
        #[cfg(feature = "coredump")]
        {
            let cell = store.cell_mut();
            cell.instances.note(&cell.engine, &cell.runtime, instance);
        }
        Ok(ModuleEngine { name: name.into(), module: module.clone(), instance })
    }

    /// What the instance was called when it was made.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The module it is an instance of.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// The instance as the rest of the API knows it: to find its exports by name, or to close it.
    /// Its start function has not been run, unless somebody has called it.
    pub fn instance(&self) -> Instance {
        Instance::from_id(self.instance)
    }

    /// The number by which the engine knows a type of the module; `None` if there is no such type.
    /// Equal types have equal numbers in all modules of the engine.
    pub fn type_id(&self, ty: TypeIndex) -> Option<FunctionTypeId> {
        self.module.code().type_ids().get(ty.as_usize()).copied()
    }

    /// What calls function `func` of the instance, imported or its own.
    ///
    /// # Errors
    /// If there is no such function, the instance has been closed, or it belongs to another store.
    pub fn new_call_engine(
        &self,
        mut store: impl AsContextMut,
        func: FuncIndex,
    ) -> Result<CallEngine> {
        let mut store = store.as_context_mut();
        let func = self.func(&store, func)?;
        CallEngine::new(&mut store, func)
    }

    /// The function that `call_indirect` with type `type_id` would call at position `offset` of
    /// table `table`.
    ///
    /// # Errors
    /// The [`Trap`] that `call_indirect` would end in: [`Trap::TableOutOfBounds`],
    /// [`Trap::IndirectCallToNull`] or [`Trap::BadSignature`]. Else as
    /// [`ModuleEngine::new_call_engine`].
    pub fn lookup_function(
        &self,
        mut store: impl AsContextMut,
        table: TableIndex,
        type_id: FunctionTypeId,
        offset: u64,
    ) -> Result<Func> {
        let mut store = store.as_context_mut();
        let runtime = &mut store.cell_mut().runtime;
        let found = runtime.instance_table(self.instance, table)?;
        let found = found.ok_or_else(|| Error::msg(format!("no table {table} in the module")))?;
        match runtime.lookup_function(found, type_id, offset) {
            Ok(func) => Ok(Func::from_id(func)),
            Err(LookupError::Trap(code)) => match Trap::from_code(code) {
                Some(trap) => Err(trap.into()),
                None => Err(Error::msg(code.message())),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// The functions of `functions` as references; `None` is null.
    ///
    /// # Errors
    /// As [`ModuleEngine::new_call_engine`].
    pub fn create_func_element_instance(
        &self,
        mut store: impl AsContextMut,
        functions: &[Option<FuncIndex>],
    ) -> Result<ElementInstance> {
        let mut store = store.as_context_mut();
        let references = functions.iter().map(|func| match func {
            None => Ok(0),
            Some(func) => self.reference(&mut store, *func),
        });
        Ok(ElementInstance { references: references.collect::<Result<_>>()? })
    }

    /// Sets the mutable globals of function references that the module defines to what their
    /// initialisers say. Making the instance has done so; this does it again.
    ///
    /// # Errors
    /// If the instance has been closed or belongs to another store.
    pub fn initialize_funcref_globals(&self, mut store: impl AsContextMut) -> Result<()> {
        let mut store = store.as_context_mut();
        self.instance().check(&store)?;
        let parsed = &self.module.code().module;
        for (own, initial) in parsed.global_initial.iter().enumerate() {
            let index = GlobalIndex::from_usize(parsed.imported_globals as usize + own);
            let ty = parsed.globals[index.as_usize()];
            let is_func = matches!(ty.content, ValType::Ref(reference) if reference.is_func());
            if !ty.mutable || !is_func {
                continue;
            }
            let value = match *initial.ops {
                [ConstOp::RefFunc(func)] => Value::Func(Some(self.func(&store, func)?)),
                [ConstOp::RefNullFunc] => Value::Func(None),
                [ConstOp::GlobalGet(other)] => {
                    let runtime = &mut store.cell_mut().runtime;
                    let other = runtime.instance_global(self.instance, other)?;
                    let other = other.ok_or_else(|| Error::msg("validation saw to the global"))?;
                    runtime.global_get(other)?
                }
                // Numbers; no function reference comes of them.
                _ => continue,
            };
            let runtime = &mut store.cell_mut().runtime;
            if let Some(global) = runtime.instance_global(self.instance, index)? {
                runtime.global_set(global, value)?;
            }
        }
        Ok(())
    }

    /// The reference to function `func`, imported or its own, as argument slots hold it. It is
    /// good as long as the store.
    ///
    /// # Errors
    /// As [`ModuleEngine::new_call_engine`].
    pub fn function_instance_reference(
        &self,
        mut store: impl AsContextMut,
        func: FuncIndex,
    ) -> Result<u64> {
        self.reference(&mut store.as_context_mut(), func)
    }

    /// The global exported as `name`.
    ///
    /// # Errors
    /// If the instance has been closed or belongs to another store.
    pub fn global(&self, mut store: impl AsContextMut, name: &str) -> Result<Option<Global>> {
        let store = store.as_context_mut();
        let export = store.cell().runtime.export(self.instance, name)?;
        Ok(export.map(Extern::from_runtime).and_then(Extern::into_global))
    }

    /// The table of index `table`, imported or its own.
    ///
    /// # Errors
    /// If the instance has been closed or belongs to another store.
    pub fn table(&self, mut store: impl AsContextMut, table: TableIndex) -> Result<Option<Table>> {
        let store = store.as_context_mut();
        let table = store.cell().runtime.instance_table(self.instance, table)?;
        Ok(table.map(Table::from_id))
    }

    pub(crate) fn id(&self) -> InstanceId {
        self.instance
    }

    fn reference<T>(&self, store: &mut StoreContextMut<'_, T>, func: FuncIndex) -> Result<u64> {
        let func = self.func(store, func)?;
        reference::give(&mut store.cell_mut().runtime, Some(func))
    }

    fn func<T>(&self, store: &StoreContextMut<'_, T>, func: FuncIndex) -> Result<FuncId> {
        let found = store.cell().runtime.instance_func(self.instance, func)?;
        found.ok_or_else(|| Error::msg(format!("no function {func} in the module")))
    }
}

/// The error of a failed instantiation; where a segment did not fit, its root cause is the trap
/// that the specification asks for.
#[cold]
fn instantiate_error(error: brolga_runtime::InstantiateError) -> Error {
    if let brolga_runtime::InstantiateError::Segment { trap, .. } = &error
        && let Some(trap) = Trap::from_code(*trap)
    {
        return Error::from(trap).context(error);
    }
    if let Some(full) = error.pool_limit() {
        return Error::from(full).context(error);
    }
    error.into()
}
