//! The linker: names to definitions, and modules to instances by them.

use core::fmt;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use crate::definition::Definition;
use crate::host_call::HostFunc;
use crate::{
    AsContext, AsContextMut, Caller, Context, Engine, Error, Extern, ExternType, Func, FuncType,
    ImportType, Instance, InstancePre, IntoFunc, Module, Result, UnknownImportError, Val, bail,
};

/// Names to definitions, for stores with data `T`.
///
/// Host functions defined here belong to no store: one linker serves any number of stores. Other
/// definitions belong to the store they were defined with.
///
/// ```
/// # use brolga::*;
/// # fn main() -> Result<()> {
/// let engine = Engine::default();
/// let mut linker = Linker::new(&engine);
/// linker.func_wrap("math", "double", |number: i32| 2 * number)?;
///
/// let module = Module::new(&engine, r#"(module
///     (import "math" "double" (func $double (param i32) (result i32)))
///     (func (export "run") (result i32) (call $double (i32.const 21))))"#)?;
/// let mut store = Store::new(&engine, ());
/// let instance = linker.instantiate(&mut store, &module)?;
/// assert_eq!(instance.get_typed_func::<(), i32>(&mut store, "run")?.call(&mut store, ())?, 42);
/// # Ok(())
/// # }
/// ```
pub struct Linker<T: 'static> {
    engine: Engine,
    modules: HashMap<Arc<str>, HashMap<Arc<str>, Definition<T>>>,
    allow_shadowing: bool,
    allow_unknown_exports: bool,
}

/// What commands may export besides functions without being asked: toolchains do.
const COMMAND_EXPORTS: &[(&str, &str)] = &[
    ("memory", "memory"),
    ("table", "table"),
    ("__indirect_function_table", "table"),
    ("__data_end", "global"),
    ("__heap_base", "global"),
    ("__dso_handle", "global"),
    ("__rtti_base", "global"),
];

impl<T: 'static> Linker<T> {
    /// A linker without definitions.
    pub fn new(engine: &Engine) -> Linker<T> {
        Linker {
            engine: engine.clone(),
            modules: HashMap::new(),
            allow_shadowing: false,
            allow_unknown_exports: false,
        }
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether a name may be defined again, the newer definition taking the older one's place.
    /// Default: no.
    pub fn allow_shadowing(&mut self, allow: bool) -> &mut Self {
        self.allow_shadowing = allow;
        self
    }

    /// Whether a command may export things other than functions that toolchains don't usually
    /// export; see [`Linker::module`]. Default: no.
    pub fn allow_unknown_exports(&mut self, allow: bool) -> &mut Self {
        self.allow_unknown_exports = allow;
        self
    }

    /// Defines everything that `module` imports and that is not defined yet, as far as it is
    /// functions: when one is called, the call ends with an [`UnknownImportError`].
    ///
    /// # Errors
    /// If a function's type is not supported.
    pub fn define_unknown_imports_as_traps(&mut self, module: &Module) -> Result<()> {
        for import in module.imports() {
            if self.find(import.module(), import.name()).is_some() {
                continue;
            }
            if let ExternType::Func(ty) = import.ty() {
                let error = UnknownImportError::new(&import);
                self.func_new(import.module(), import.name(), ty, move |_, _, _| {
                    Err(error.clone().into())
                })?;
            }
        }
        Ok(())
    }

    /// Defines everything that `module` imports and that is not defined yet: functions that return
    /// zeros and nulls, and globals, tables and memories of `store` that hold them.
    ///
    /// ```
    /// # use brolga::*;
    /// # fn main() -> Result<()> {
    /// let engine = Engine::default();
    /// let module = Module::new(&engine, r#"(module (import "un" "known" (func (result i32)))
    ///     (export "known" (func 0)))"#)?;
    /// let mut store = Store::new(&engine, ());
    /// let mut linker = Linker::new(&engine);
    /// linker.define_unknown_imports_as_default_values(&mut store, &module)?;
    /// let instance = linker.instantiate(&mut store, &module)?;
    /// let known = instance.get_typed_func::<(), i32>(&mut store, "known")?;
    /// assert_eq!(known.call(&mut store, ())?, 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If there is no such value, as for references that may not be null, or a limit of the store
    /// is against it. What was defined until then stays.
    pub fn define_unknown_imports_as_default_values(
        &mut self,
        mut store: impl AsContextMut<Data = T>,
        module: &Module,
    ) -> Result<()> {
        let mut store = store.as_context_mut();
        for import in module.imports() {
            let (module, name) = (import.module(), import.name());
            if self.find(module, name).is_some() {
                continue;
            }
            let none = || format!("no default value exists for `{module}::{name}`");
            match import.ty() {
                ExternType::Func(ty) => {
                    self.define_host(module, name, ty.default_host().with_context(none)?)?;
                }
                ty => {
                    let item = ty.default_value(&mut store).with_context(none)?;
                    self.define(&store, module, name, item)?;
                }
            }
        }
        Ok(())
    }

    /// Defines a thing of a store.
    ///
    /// # Errors
    /// If the name is taken, or the thing belongs to another store.
    pub fn define(
        &mut self,
        store: impl AsContext<Data = T>,
        module: &str,
        name: &str,
        item: impl Into<Extern>,
    ) -> Result<&mut Self> {
        let definition = Definition::new(store, item.into())?;
        self.insert(module, name, definition)
    }

    /// [`Linker::define`], with an empty module name.
    ///
    /// # Errors
    /// As [`Linker::define`].
    pub fn define_name(
        &mut self,
        store: impl AsContext<Data = T>,
        name: &str,
        item: impl Into<Extern>,
    ) -> Result<&mut Self> {
        self.define(store, "", name, item)
    }

    /// Defines a host function of a type known at run time; see [`Func::new`].
    ///
    /// # Errors
    /// If the name is taken, or the type is not supported.
    pub fn func_new(
        &mut self,
        module: &str,
        name: &str,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<&mut Self> {
        self.define_host(module, name, HostFunc::new(ty, func)?)
    }

    /// Defines a host function whose type is that of the closure; see [`Func::wrap`].
    ///
    /// # Errors
    /// If the name is taken, or the type is not supported.
    pub fn func_wrap<Params, Args>(
        &mut self,
        module: &str,
        name: &str,
        func: impl IntoFunc<T, Params, Args>,
    ) -> Result<&mut Self> {
        self.define_host(module, name, func.into_func(&self.engine)?)
    }

    /// Defines all exports of an instance under `module_name`.
    ///
    /// # Errors
    /// If a name is taken, or the instance belongs to another store or has been closed.
    pub fn instance(
        &mut self,
        mut store: impl AsContextMut<Data = T>,
        module_name: &str,
        instance: Instance,
    ) -> Result<&mut Self> {
        let mut store = store.as_context_mut();
        instance.check(&store)?;
        let exports: Vec<_> = instance
            .exports(&mut store)
            .map(|export| (export.name().to_owned(), export.into_extern()))
            .collect();
        for (name, item) in exports {
            let definition = Definition::new(&store, item)?;
            self.insert(module_name, &name, definition)?;
        }
        Ok(self)
    }

    /// Defines the exports of a module under `module_name`.
    ///
    /// A command (a module that exports `_start`) is instantiated anew by every call of one of its
    /// functions. Anything else, a reactor, is instantiated now, and its export `_initialize`, if
    /// there is one, is called.
    ///
    /// # Errors
    /// If the module can't be instantiated, or a name is taken; or if it is a command that exports
    /// something else than functions, and that under a name that toolchains don't use for it,
    /// unless [allowed](Linker::allow_unknown_exports).
    pub fn module(
        &mut self,
        mut store: impl AsContextMut<Data = T>,
        module_name: &str,
        module: &Module,
    ) -> Result<&mut Self> {
        let mut store = store.as_context_mut();
        let is_func = |name: &str| match module.get_export(name) {
            Some(ExternType::Func(_)) => Ok(true),
            Some(_) => Err(Error::msg(format!("`{name}` must be a function"))),
            None => Ok(false),
        };
        match (is_func("_start")?, is_func("_initialize")?) {
            (true, true) => bail!("a program can't be both a command and a reactor"),
            (true, false) => self.command(module_name, module),
            (false, initialize) => {
                let instance = self.instantiate(&mut store, module)?;
                if initialize {
                    let initialize =
                        instance.get_typed_func::<(), ()>(&mut store, "_initialize")?;
                    initialize.call(&mut store, ())?;
                }
                self.instance(store, module_name, instance)
            }
        }
    }

    /// Defines a command's functions so that each call has an instance of its own.
    fn command(&mut self, module_name: &str, module: &Module) -> Result<&mut Self> {
        let pre = self.instantiate_pre(module)?;
        for export in module.exports() {
            let ty = match export.ty() {
                ExternType::Func(ty) => ty,
                other if COMMAND_EXPORTS.contains(&(export.name(), other.kind())) => continue,
                _ if self.allow_unknown_exports => continue,
                _ => bail!("command export `{}` is not a function", export.name()),
            };
            let (pre, name) = (pre.clone(), export.name().to_owned());
            self.func_new(module_name, export.name(), ty, move |mut caller, params, results| {
                let instance = pre.instantiate(&mut caller)?;
                let func = instance.get_func(&mut caller, &name);
                let func = func.context("a function the module exports")?;
                let called =
                    catch_unwind(AssertUnwindSafe(|| func.call(&mut caller, params, results)));
                // It may have been closed while it ran: then there is nothing left to do.
                let _ = instance.close(&mut caller);
                called.unwrap_or_else(|payload| resume_unwind(payload))
            })?;
        }
        Ok(self)
    }

    /// Defines what `module`/`name` is also as `as_module`/`as_name`.
    ///
    /// # Errors
    /// If there is nothing of that name, or the new name is taken.
    pub fn alias(
        &mut self,
        module: &str,
        name: &str,
        as_module: &str,
        as_name: &str,
    ) -> Result<&mut Self> {
        match self.find(module, name).cloned() {
            Some(definition) => self.insert(as_module, as_name, definition),
            None => bail!("no item named `{module}::{name}` defined"),
        }
    }

    /// Defines all that `module` has also under `as_module`.
    ///
    /// # Errors
    /// If a name is taken.
    pub fn alias_module(&mut self, module: &str, as_module: &str) -> Result<()> {
        let Some(definitions) = self.modules.get(module) else { return Ok(()) };
        let definitions: Vec<_> =
            definitions.iter().map(|(name, it)| (Arc::clone(name), it.clone())).collect();
        for (name, definition) in definitions {
            self.insert(as_module, &name, definition)?;
        }
        Ok(())
    }

    /// Makes an instance of `module` with what is defined here, and runs its start function.
    ///
    /// # Errors
    /// [`UnknownImportError`] if something is not defined; otherwise as [`Instance::new`].
    pub fn instantiate(
        &self,
        mut store: impl AsContextMut<Data = T>,
        module: &Module,
    ) -> Result<Instance> {
        self.engine.check_same(module.engine(), "module")?;
        let mut store = store.as_context_mut();
        self.engine.check_same(&store.cell().engine, "store")?;
        let imports = module.imports().map(|import| {
            let unknown = || Error::from(UnknownImportError::new(&import));
            let definition = self.find(import.module(), import.name()).ok_or_else(unknown)?;
            definition.check(&import)?;
            definition.resolve(&mut store)
        });
        let imports = imports.collect::<Result<Vec<_>>>()?;
        Instance::new(store, module, &imports)
    }

    /// Looks up and checks everything that `module` imports, so that instances can be made without
    /// doing so again.
    ///
    /// # Errors
    /// [`UnknownImportError`] if something is not defined, or a definition has another type.
    pub fn instantiate_pre(&self, module: &Module) -> Result<InstancePre<T>> {
        self.engine.check_same(module.engine(), "module")?;
        let definitions = module.imports().map(|import| {
            let unknown = || Error::from(UnknownImportError::new(&import));
            let definition = self.find(import.module(), import.name()).ok_or_else(unknown)?;
            definition.check(&import)?;
            Ok(definition.clone())
        });
        let definitions = definitions.collect::<Result<_>>()?;
        Ok(InstancePre { module: module.clone(), definitions })
    }

    /// All definitions, with their names. Host functions become functions of `store`.
    ///
    /// # Panics
    /// If a limit of the store on functions is reached.
    pub fn iter<'a: 'p, 'p>(
        &'a self,
        mut store: impl AsContextMut<Data = T> + 'p,
    ) -> impl Iterator<Item = (&'a str, &'a str, Extern)> + 'p {
        let names = self.modules.iter().flat_map(|(module, definitions)| {
            definitions.iter().map(move |(name, it)| (&**module, &**name, it))
        });
        names.map(move |(module, name, definition)| {
            match definition.resolve(&mut store.as_context_mut()) {
                Ok(item) => (module, name, item),
                Err(error) => panic!("{error:#}"),
            }
        })
    }

    /// The definition of a name; a host function becomes one of `store`.
    ///
    /// # Errors
    /// If there is none, or a limit of the store on functions is reached.
    pub fn get(
        &self,
        mut store: impl AsContextMut<Data = T>,
        module: &str,
        name: &str,
    ) -> Result<Extern> {
        let definition = self
            .find(module, name)
            .with_context(|| format!("missing definition for `{module}::{name}`"))?;
        definition.resolve(&mut store.as_context_mut())
    }

    /// The definition of an import's names, if there is one.
    pub fn get_by_import(
        &self,
        store: impl AsContextMut<Data = T>,
        import: &ImportType<'_>,
    ) -> Option<Extern> {
        self.get(store, import.module(), import.name()).ok()
    }

    /// [`Linker::get_by_import`], with an error where a definition can't become one of `store`.
    ///
    /// # Errors
    /// If a limit of the store on functions is reached.
    pub fn try_get_by_import(
        &self,
        mut store: impl AsContextMut<Data = T>,
        import: &ImportType<'_>,
    ) -> Result<Option<Extern>> {
        let definition = self.find(import.module(), import.name());
        definition.map(|it| it.resolve(&mut store.as_context_mut())).transpose()
    }

    /// The function to call to run `module`: its definition with the empty name, else `_start`,
    /// else one that does nothing.
    ///
    /// # Errors
    /// If the definition is no function.
    pub fn get_default(
        &self,
        mut store: impl AsContextMut<Data = T>,
        module: &str,
    ) -> Result<Func> {
        for name in ["", "_start"] {
            if self.find(module, name).is_some() {
                let item = self.get(&mut store, module, name)?;
                return item
                    .into_func()
                    .with_context(|| format!("`{module}::{name}` is not a function"));
            }
        }
        Func::try_wrap(store, || {})
    }

    /// Defines a host function.
    pub(crate) fn define_host(
        &mut self,
        module: &str,
        name: &str,
        func: HostFunc<T>,
    ) -> Result<&mut Self> {
        self.insert(module, name, Definition::Host(Arc::new(func)))
    }

    fn find(&self, module: &str, name: &str) -> Option<&Definition<T>> {
        self.modules.get(module)?.get(name)
    }

    fn insert(&mut self, module: &str, name: &str, definition: Definition<T>) -> Result<&mut Self> {
        if !self.allow_shadowing && self.find(module, name).is_some() {
            bail!("import of `{module}::{name}` defined twice");
        }
        let definitions = match self.modules.get_mut(module) {
            Some(definitions) => definitions,
            None => self.modules.entry(module.into()).or_default(),
        };
        definitions.insert(name.into(), definition);
        Ok(self)
    }
}

impl<T> Clone for Linker<T> {
    fn clone(&self) -> Linker<T> {
        Linker {
            engine: self.engine.clone(),
            modules: self.modules.clone(),
            allow_shadowing: self.allow_shadowing,
            allow_unknown_exports: self.allow_unknown_exports,
        }
    }
}

impl<T> Default for Linker<T> {
    /// A linker for an engine of its own.
    ///
    /// # Panics
    /// As [`Engine::default`].
    fn default() -> Linker<T> {
        Linker::new(&Engine::default())
    }
}

impl<T> fmt::Debug for Linker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.modules.iter().flat_map(|(module, definitions)| {
            definitions.keys().map(move |name| format!("{module}::{name}"))
        });
        f.debug_set().entries(names).finish()
    }
}
