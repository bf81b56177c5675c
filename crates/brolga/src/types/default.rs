//! Things made of their types alone: functions that return zeros, globals, tables and memories
//! that hold them.

use super::{ExternType, FuncType, GlobalType, MemoryType, TableType, ValType};
use crate::host_call::HostFunc;
use crate::{AsContextMut, Context, Extern, Func, Global, Memory, Result, Table};

impl FuncType {
    /// A function of this type that ignores its arguments and returns zeros and nulls.
    ///
    /// # Errors
    /// If a result has no such value (references that may not be null), or as [`Func::try_new`].
    pub fn default_value(&self, mut store: impl AsContextMut) -> Result<Func> {
        Func::bind(&self.default_host()?, &mut store.as_context_mut())
    }

    /// [`FuncType::default_value`] before a store has it.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn default_host<T: 'static>(&self) -> Result<HostFunc<T>> {
        let default = |ty: &ValType| {
            ty.default_value().context("function results do not have a default value")
        };
        let defaults = self.result_types().iter().map(default).collect::<Result<Vec<_>>>()?;
        HostFunc::new(self.clone(), move |_, _, results| {
            results.copy_from_slice(&defaults);
            Ok(())
        })
    }
}

impl GlobalType {
    /// A global of this type that holds zero or null.
    ///
    /// # Errors
    /// If there is no such value, or as [`Global::new`].
    pub fn default_value(&self, store: impl AsContextMut) -> Result<Global> {
        let value = self.content().default_value();
        Global::new(store, self.clone(), value.context("global type has no default value")?)
    }
}

impl TableType {
    /// A table of this type whose elements are null.
    ///
    /// # Errors
    /// If they may not be, or as [`Table::new`].
    pub fn default_value(&self, store: impl AsContextMut) -> Result<Table> {
        let value = self.element().default_value();
        let value = value.context("table element type does not have a default value")?;
        Table::new(store, self.clone(), value)
    }
}

impl MemoryType {
    /// A memory of this type, zeroed.
    ///
    /// # Errors
    /// As [`Memory::new`].
    pub fn default_value(&self, store: impl AsContextMut) -> Result<Extern> {
        Ok(Memory::new(store, self.clone())?.into())
    }
}

impl ExternType {
    /// What is of this type and holds or returns nothing but zeros and nulls.
    ///
    /// ```
    /// # use brolga::*;
    /// # fn main() -> Result<()> {
    /// let mut store = Store::new(&Engine::default(), ());
    /// let ty = ExternType::from(GlobalType::new(ValType::I64, Mutability::Const));
    /// let global = ty.default_value(&mut store)?.into_global().context("a global")?;
    /// assert_eq!(global.get(&mut store).i64(), Some(0));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If there is no such thing, or as the functions that make one.
    pub fn default_value(&self, store: impl AsContextMut) -> Result<Extern> {
        Ok(match self {
            ExternType::Func(ty) => ty.default_value(store)?.into(),
            ExternType::Global(ty) => ty.default_value(store)?.into(),
            ExternType::Table(ty) => ty.default_value(store)?.into(),
            ExternType::Memory(ty) => ty.default_value(store)?,
        })
    }
}
