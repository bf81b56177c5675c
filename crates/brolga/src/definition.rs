//! What a linker knows names by, and what is left of it when a module's imports are looked up.
//!
//! **Invariants**
//! - A definition that is a thing of a store carries the type it had; sizes change, so they are
//!   looked at when an instance is made.

use core::fmt;
use std::sync::Arc;

use crate::host_call::HostFunc;
use crate::{
    AsContext, AsContextMut, Extern, ExternType, ImportType, Instance, Module, Result,
    StoreContextMut, bail,
};

/// What a name stands for.
pub(crate) enum Definition<T: 'static> {
    /// A thing of a store.
    Extern(Extern, ExternType),
    /// A function of any store.
    Host(Arc<HostFunc<T>>),
}

impl<T> Clone for Definition<T> {
    fn clone(&self) -> Self {
        match self {
            Definition::Extern(item, ty) => Definition::Extern(*item, ty.clone()),
            Definition::Host(func) => Definition::Host(Arc::clone(func)),
        }
    }
}

impl<T> Definition<T> {
    /// # Errors
    /// If the thing belongs to another store.
    pub(crate) fn new(store: impl AsContext<Data = T>, item: Extern) -> Result<Definition<T>> {
        Ok(Definition::Extern(item, item.try_ty(store)?))
    }

    /// The thing; a host function becomes one of `store`.
    pub(crate) fn resolve(&self, store: &mut StoreContextMut<'_, T>) -> Result<Extern> {
        match self {
            Definition::Extern(item, _) => Ok(*item),
            Definition::Host(func) => Ok(store.link(func)?.into()),
        }
    }

    /// An error if it can't be what is imported, as far as that can be said without a store: sizes
    /// of memories and tables change.
    pub(crate) fn check(&self, import: &ImportType<'_>) -> Result<()> {
        let wanted = import.ty();
        let (fits, found): (_, &dyn fmt::Display) = match (self, &wanted) {
            (Definition::Host(func), ExternType::Func(ty)) => (func.ty().matches(ty), func.ty()),
            (Definition::Extern(_, found @ ExternType::Func(it)), ExternType::Func(ty)) => {
                (it.matches(ty), found)
            }
            (Definition::Host(func), _) => (false, func.ty()),
            (Definition::Extern(_, found), wanted) => (found.kind() == wanted.kind(), found),
        };
        if fits {
            return Ok(());
        }
        bail!(
            "incompatible import type for `{}::{}`: expected {wanted}, found {found}",
            import.module(),
            import.name()
        )
    }
}

/// A module with all its imports looked up: see [`Linker::instantiate_pre`](crate::Linker::instantiate_pre).
pub struct InstancePre<T: 'static> {
    pub(crate) module: Module,
    pub(crate) definitions: Arc<[Definition<T>]>,
}

impl<T: 'static> InstancePre<T> {
    /// The module.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// Makes an instance, and runs its start function.
    ///
    /// # Errors
    /// As [`Instance::new`].
    pub fn instantiate(&self, mut store: impl AsContextMut<Data = T>) -> Result<Instance> {
        let mut store = store.as_context_mut();
        self.module.engine().check_same(&store.cell().engine, "store")?;
        let imports = self.definitions.iter().map(|it| it.resolve(&mut store));
        let imports = imports.collect::<Result<Vec<_>>>()?;
        Instance::new(store, &self.module, &imports)
    }
}

impl<T> Clone for InstancePre<T> {
    fn clone(&self) -> InstancePre<T> {
        InstancePre { module: self.module.clone(), definitions: Arc::clone(&self.definitions) }
    }
}

impl<T> fmt::Debug for InstancePre<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InstancePre").field("module", &self.module).finish_non_exhaustive()
    }
}

/// An import that nothing was defined for.
#[derive(Clone, Debug, thiserror::Error)]
#[error("unknown import: `{module}::{name}` has not been defined")]
pub struct UnknownImportError {
    module: String,
    name: String,
    ty: ExternType,
}

impl UnknownImportError {
    pub(crate) fn new(import: &ImportType<'_>) -> UnknownImportError {
        UnknownImportError {
            module: import.module().to_owned(),
            name: import.name().to_owned(),
            ty: import.ty(),
        }
    }

    /// The first of the import's names.
    pub fn module(&self) -> &str {
        &self.module
    }

    /// The second of the import's names.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What was wanted.
    pub fn ty(&self) -> ExternType {
        self.ty.clone()
    }
}
