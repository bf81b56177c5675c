//! What instances import and export, as one type.

use brolga_runtime as runtime;

use crate::{AsContext, ExternType, Func, Global, Memory, Result, Table};

/// A function, a global, a table or a memory.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Extern {
    /// A function.
    Func(Func),
    /// A global.
    Global(Global),
    /// A table.
    Table(Table),
    /// A memory.
    Memory(Memory),
}

macro_rules! kinds {
    ($($variant:ident $into:ident $what:literal)*) => {
        impl Extern {$(
            #[doc = concat!("The ", $what, ", if it is one.")]
            pub fn $into(self) -> Option<$variant> {
                match self {
                    Extern::$variant(it) => Some(it),
                    _ => None,
                }
            }
        )*}

        impl Export<'_> {$(
            #[doc = concat!("The ", $what, ", if it is one.")]
            pub fn $into(self) -> Option<$variant> {
                self.definition.$into()
            }
        )*}

        $(impl From<$variant> for Extern {
            fn from(it: $variant) -> Extern {
                Extern::$variant(it)
            }
        })*
    };
}

kinds! {
    Func into_func "function"
    Global into_global "global"
    Table into_table "table"
    Memory into_memory "memory"
}

impl Extern {
    /// Its type; of a memory or a table with the current size as minimum.
    ///
    /// # Panics
    /// If it belongs to another store, or to an instance that has been closed.
    pub fn ty(&self, store: impl AsContext) -> ExternType {
        match self {
            Extern::Func(it) => it.ty(store).into(),
            Extern::Global(it) => it.ty(store).into(),
            Extern::Table(it) => it.ty(store).into(),
            Extern::Memory(it) => it.ty(store).into(),
        }
    }

    /// Its type.
    ///
    /// # Errors
    /// Where [`Extern::ty`] panics.
    pub(crate) fn try_ty(&self, store: impl AsContext) -> Result<ExternType> {
        let store = store.as_context();
        let runtime = &store.cell().runtime;
        match self {
            Extern::Func(it) => drop(runtime.func_type(it.id())?),
            Extern::Global(it) => drop(runtime.global_type(it.id())?),
            Extern::Table(it) => drop(runtime.table_type(it.id())?),
            Extern::Memory(it) => drop(runtime.memory_type(it.id())?),
        }
        Ok(self.ty(store))
    }

    pub(crate) fn to_runtime(self) -> runtime::Extern {
        match self {
            Extern::Func(it) => runtime::Extern::Func(it.id()),
            Extern::Global(it) => runtime::Extern::Global(it.id()),
            Extern::Table(it) => runtime::Extern::Table(it.id()),
            Extern::Memory(it) => runtime::Extern::Memory(it.id()),
        }
    }

    pub(crate) fn from_runtime(it: runtime::Extern) -> Extern {
        match it {
            runtime::Extern::Func(id) => Extern::Func(Func::from_id(id)),
            runtime::Extern::Global(id) => Extern::Global(Global::from_id(id)),
            runtime::Extern::Table(id) => Extern::Table(Table::from_id(id)),
            runtime::Extern::Memory(id) => Extern::Memory(Memory::from_id(id)),
        }
    }
}

/// An export of an instance: its name and what it is.
#[derive(Clone, Debug)]
pub struct Export<'instance> {
    name: &'instance str,
    definition: Extern,
}

impl<'instance> Export<'instance> {
    pub(crate) fn new(name: &'instance str, definition: Extern) -> Export<'instance> {
        Export { name, definition }
    }

    /// The name.
    pub fn name(&self) -> &'instance str {
        self.name
    }

    /// Its type.
    ///
    /// # Panics
    /// As [`Extern::ty`].
    pub fn ty(&self, store: impl AsContext) -> ExternType {
        self.definition.ty(store)
    }

    /// What is exported.
    pub fn into_extern(self) -> Extern {
        self.definition
    }
}
