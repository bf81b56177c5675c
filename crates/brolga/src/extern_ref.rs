//! Host objects that wasm can hold references to.

use core::any::Any;

use brolga_runtime::ExternRefId;

use crate::{AsContext, AsContextMut, Result, StoreContext, StoreContextMut};

/// A host object that wasm can hold a reference to, pass about and give back, but not look into.
///
/// Used through [`Rooted<ExternRef>`](Rooted). An object lives as long as its store.
///
/// ```
/// # use brolga::*;
/// # fn main() -> Result<()> {
/// let engine = Engine::default();
/// let mut store = Store::new(&engine, ());
/// let object = ExternRef::new(&mut store, "hello".to_string())?;
/// let data = object.data(&store)?.expect("a host object");
/// assert_eq!(data.downcast_ref::<String>().map(String::as_str), Some("hello"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ExternRef {
    id: ExternRefId,
}

impl ExternRef {
    /// Puts `value` into the store, so that wasm can hold references to it.
    ///
    /// # Errors
    /// If the store's limit of such objects is reached.
    pub fn new<T: 'static + Any + Send + Sync>(
        mut store: impl AsContextMut,
        value: T,
    ) -> Result<Rooted<ExternRef>> {
        let mut store = store.as_context_mut();
        let id = store.cell_mut().runtime.new_externref(Box::new(value))?;
        Ok(ExternRef::from_id(id))
    }

    /// The object. (`Some` always: references to what no host made come with garbage collection.)
    ///
    /// # Errors
    /// If it belongs to another store.
    pub fn data<'a, T: 'static>(
        &self,
        store: impl Into<StoreContext<'a, T>>,
    ) -> Result<Option<&'a (dyn Any + Send + Sync)>> {
        Ok(Some(store.into().cell().runtime.externref(self.id)?))
    }

    /// The object, to change.
    ///
    /// # Errors
    /// If it belongs to another store.
    pub fn data_mut<'a, T: 'static>(
        &self,
        store: impl Into<StoreContextMut<'a, T>>,
    ) -> Result<Option<&'a mut (dyn Any + Send + Sync)>> {
        Ok(Some(store.into().into_cell_mut().runtime.externref_mut(self.id)?))
    }

    pub(crate) fn from_id(id: ExternRefId) -> Rooted<ExternRef> {
        Rooted { referent: ExternRef { id } }
    }

    pub(crate) fn id(&self) -> ExternRefId {
        self.id
    }

    /// An error if it belongs to another store.
    pub(crate) fn check(&self, store: impl AsContext) -> Result<()> {
        store.as_context().cell().runtime.externref(self.id)?;
        Ok(())
    }
}

/// A reference that keeps what it refers to alive.
#[derive(Clone, Copy, Debug)]
pub struct Rooted<T> {
    referent: T,
}

impl Rooted<ExternRef> {
    /// Whether the two refer to the same object.
    ///
    /// # Errors
    /// If one of them belongs to another store.
    pub fn ref_eq(
        store: impl AsContext,
        a: &Rooted<ExternRef>,
        b: &Rooted<ExternRef>,
    ) -> Result<bool> {
        let store = store.as_context();
        a.check(store)?;
        b.check(store)?;
        Ok(a.id == b.id)
    }
}

impl<T> core::ops::Deref for Rooted<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.referent
    }
}
