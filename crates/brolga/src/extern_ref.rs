//! Host objects that wasm can hold references to.

use core::any::Any;
use core::fmt;
use core::hash::{Hash, Hasher};

use brolga_runtime::{ExternRefId, LimitError};

use crate::{AsContext, AsContextMut, Result, StoreContext, StoreContextMut};

/// A host object that wasm can hold a reference to, pass about and give back, but not look into.
///
/// Used through [`Rooted<ExternRef>`](Rooted).
///
/// **An object lives as long as its store**, whether or not anything still refers to it: until there
/// is garbage collection nothing frees it sooner, not [`Store::gc`](crate::Store::gc), not
/// [`Instance::close`](crate::Instance::close), not dropping what refers to it. So a store that goes
/// on making objects goes on growing, up to [`Limits::externrefs`](crate::Limits::externrefs), where
/// [`ExternRef::new`] fails. Programs that make many give each request a store of its own, or pass
/// numbers to wasm and keep the objects themselves.
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
    /// [`GcHeapOutOfMemory<T>`](GcHeapOutOfMemory), with `value` in it, if the store's limit of
    /// such objects is reached.
    pub fn new<T: 'static + Any + Send + Sync>(
        mut store: impl AsContextMut,
        value: T,
    ) -> Result<Rooted<ExternRef>> {
        let mut store = store.as_context_mut();
        let runtime = &mut store.cell_mut().runtime;
        if let Err(why) = runtime.check_externref_room() {
            return Err(GcHeapOutOfMemory { inner: value, why }.into());
        }
        Ok(ExternRef::from_id(runtime.new_externref(Box::new(value))?))
    }

    /// The object that `raw` stands for, as [`ExternRef::to_raw`] gave it; `None` for 0, which is
    /// null, and for numbers that stand for nothing.
    pub fn from_raw(mut store: impl AsContextMut, raw: u32) -> Option<Rooted<ExternRef>> {
        let store = store.as_context_mut();
        let found = store.cell().runtime.find_externref(raw);
        found.map(ExternRef::from_id)
    }

    /// A number that stands for the object in its store; never 0.
    ///
    /// # Errors
    /// If it belongs to another store.
    pub fn to_raw(&self, mut store: impl AsContextMut) -> Result<u32> {
        let store = store.as_context_mut();
        Ok(store.cell().runtime.externref_number(self.id)?)
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

/// A reference to what lives in a store. In this version that lives as long as the store: see
/// [`ExternRef`].
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

    /// Hashes the object's identity: equal for references that [`Rooted::ref_eq`] finds equal.
    ///
    /// # Errors
    /// If it belongs to another store.
    pub fn ref_hash<H: Hasher>(&self, store: impl AsContext, state: &mut H) -> Result<()> {
        self.check(store)?;
        self.id.hash(state);
        Ok(())
    }

    /// Whether the two are the same reference: of one store, to the same object.
    pub fn rooted_eq(a: Rooted<ExternRef>, b: Rooted<ExternRef>) -> bool {
        a.id == b.id
    }

    /// Hashes what [`Rooted::rooted_eq`] compares.
    pub fn rooted_hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

/// A store holds as many host objects as its limits allow: see
/// [`Limits::externrefs`](crate::Limits::externrefs). Carries the object that found no room.
pub struct GcHeapOutOfMemory<T> {
    inner: T,
    why: LimitError,
}

impl<T> GcHeapOutOfMemory<T> {
    /// The object.
    pub fn into_inner(self) -> T {
        self.inner
    }

    /// The error apart from the object.
    pub fn take_inner(self) -> (T, GcHeapOutOfMemory<()>) {
        (self.inner, GcHeapOutOfMemory { inner: (), why: self.why })
    }
}

impl<T> fmt::Display for GcHeapOutOfMemory<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no room for another host object: {}", self.why)
    }
}

impl<T> fmt::Debug for GcHeapOutOfMemory<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<T> std::error::Error for GcHeapOutOfMemory<T> {}

impl<T> core::ops::Deref for Rooted<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.referent
    }
}
