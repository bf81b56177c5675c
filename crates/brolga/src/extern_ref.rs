//! Host objects that wasm can hold references to, and how long they live.
//!
//! **Invariants**
//! - Nothing is dropped while the runtime's store is being changed: collecting gives the objects
//!   out, and they are dropped here.

use core::any::Any;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use brolga_runtime::{ExternRefId, LimitError, StoreId};

use crate::{AsContext, AsContextMut, Result, StoreContext, StoreContextMut};

/// A host object that wasm can hold a reference to, pass about and give back, but not look into.
///
/// Used through [`Rooted<ExternRef>`](Rooted), which is good for a while, or
/// [`OwnedRooted<ExternRef>`](OwnedRooted), which is good as long as one likes.
///
/// **An object is dropped when nothing leads to it any more**: none of these, no global or table of
/// an instance or of the host's, no call that is under way. It is looked for by
/// [`Store::gc`](crate::Store::gc) and now and then by [`ExternRef::new`], as often as new objects
/// are worth the look. Where the store's limit of objects is reached that is sooner, and refused
/// ones count: in a store with little to look at each time, in one with much as soon as enough
/// have asked. The objects' destructors run then, inside that function, and where some panic that is
/// where the first panic comes from, when all have run. What is left goes with the store.
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
    /// such objects is reached: something leads to each of those that are there, or did when that was
    /// last looked at, a short while ago. [`Store::gc`](crate::Store::gc) looks at once.
    ///
    /// # Panics
    /// If the destructor of an object that nothing leads to does.
    pub fn new<T: 'static + Any + Send + Sync>(
        mut store: impl AsContextMut,
        value: T,
    ) -> Result<Rooted<ExternRef>> {
        let mut store = store.as_context_mut();
        if store.cell().runtime.is_externref_collection_due() {
            store.collect_externrefs();
        }
        let runtime = &mut store.cell_mut().runtime;
        if let Err(why) = runtime.ask_for_externref_room() {
            return Err(GcHeapOutOfMemory { inner: value, why }.into());
        }
        Ok(ExternRef::from_id(runtime.new_externref(Box::new(value))?))
    }

    /// The object that `raw` stands for, as [`ExternRef::to_raw`] gave it; `None` for 0, which is
    /// null, and for numbers that stand for nothing. If the object has been dropped meanwhile,
    /// `raw` may stand for another.
    pub fn from_raw(mut store: impl AsContextMut, raw: u32) -> Option<Rooted<ExternRef>> {
        let mut store = store.as_context_mut();
        let found = store.cell_mut().runtime.root_externref_number(raw);
        found.map(ExternRef::from_id)
    }

    /// A number that stands for the object in its store, as long as it is there; never 0. The
    /// number does not keep it there.
    ///
    /// # Errors
    /// If it belongs to another store, or its scope has ended.
    pub fn to_raw(&self, mut store: impl AsContextMut) -> Result<u32> {
        let store = store.as_context_mut();
        Ok(store.cell().runtime.externref_number(self.id)?)
    }

    /// The object. (`Some` always: references to what no host made come with garbage collection.)
    ///
    /// # Errors
    /// If it belongs to another store, or its scope has ended.
    pub fn data<'a, T: 'static>(
        &self,
        store: impl Into<StoreContext<'a, T>>,
    ) -> Result<Option<&'a (dyn Any + Send + Sync)>> {
        Ok(Some(store.into().cell().runtime.externref(self.id)?))
    }

    /// The object, to change.
    ///
    /// # Errors
    /// If it belongs to another store, or its scope has ended.
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

    /// An error if it belongs to another store, or its scope has ended.
    pub(crate) fn check(&self, store: impl AsContext) -> Result<()> {
        store.as_context().cell().runtime.externref(self.id)?;
        Ok(())
    }
}

mod sealed {
    use super::{AsContext, ExternRef, Result};

    /// What there are references to.
    pub trait GcRef {}

    impl GcRef for ExternRef {}

    /// What is a reference.
    pub trait Reference {
        /// A number that no other object of the store has while this one is there.
        fn number(&self, store: impl AsContext) -> Result<u32>;
    }
}

use sealed::Reference;

/// What lives in a store until nothing leads to it: [`ExternRef`].
pub trait GcRef: sealed::GcRef {}

impl GcRef for ExternRef {}

/// A reference that keeps its object: [`Rooted`] or [`OwnedRooted`].
pub trait RootedGcRef<T: GcRef>: Reference + core::ops::Deref<Target = T> {}

impl<T: GcRef, R: Reference + core::ops::Deref<Target = T>> RootedGcRef<T> for R {}

/// A reference to an object of a store that is good until the scope in which it was given ends.
///
/// A host function that wasm calls is a scope: what it is given and makes is good until it returns.
/// So are what a store asks or tells at a deadline and of calls
/// ([`Store::epoch_deadline_callback`](crate::Store::epoch_deadline_callback),
/// [`Store::call_hook`](crate::Store::call_hook)). A [`RootScope`] is another. Outside these it is
/// good as long as the store. Used later it is an error, even if the object is still there. What is
/// to be good longer is made an [`OwnedRooted`].
///
/// ```
/// # use brolga::*;
/// # fn main() -> Result<()> {
/// let mut store = Store::<()>::default();
/// let object = {
///     let mut scope = RootScope::new(&mut store);
///     ExternRef::new(&mut scope, 5)?
/// };
/// assert!(object.data(&store).is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Rooted<T: GcRef> {
    referent: T,
}

impl Rooted<ExternRef> {
    /// A reference to the same object that is good as long as it, or a clone, is there.
    ///
    /// # Errors
    /// If it belongs to another store, or its scope has ended.
    pub fn to_owned_rooted(&self, mut store: impl AsContextMut) -> Result<OwnedRooted<ExternRef>> {
        let mut store = store.as_context_mut();
        let life = Arc::new(());
        let id = store.cell_mut().runtime.own_externref(self.id, Arc::downgrade(&life))?;
        Ok(OwnedRooted { referent: ExternRef { id }, life })
    }

    /// Whether the two refer to the same object.
    ///
    /// # Errors
    /// If one of them belongs to another store, or its scope has ended.
    pub fn ref_eq(
        store: impl AsContext,
        a: &impl RootedGcRef<ExternRef>,
        b: &impl RootedGcRef<ExternRef>,
    ) -> Result<bool> {
        let store = store.as_context();
        Ok(a.number(store)? == b.number(store)?)
    }

    /// Hashes the object's identity: equal for references that [`Rooted::ref_eq`] finds equal.
    ///
    /// # Errors
    /// If it belongs to another store, or its scope has ended.
    pub fn ref_hash<H: Hasher>(&self, store: impl AsContext, state: &mut H) -> Result<()> {
        self.number(store)?.hash(state);
        Ok(())
    }

    /// Whether the two are the same reference: one given once, or copies of it. References to the
    /// same object that were given one after the other are not; see [`Rooted::ref_eq`].
    pub fn rooted_eq(a: Rooted<ExternRef>, b: Rooted<ExternRef>) -> bool {
        a.id == b.id
    }

    /// Hashes what [`Rooted::rooted_eq`] compares.
    pub fn rooted_hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

/// A reference to an object of a store that is good as long as it, or a clone of it, is there.
///
/// ```
/// # use brolga::*;
/// # fn main() -> Result<()> {
/// let mut store = Store::<()>::default();
/// let kept = {
///     let mut scope = RootScope::new(&mut store);
///     ExternRef::new(&mut scope, 5)?.to_owned_rooted(&mut scope)?
/// };
/// store.gc(None)?;
/// assert!(kept.data(&store)?.is_some());
/// let global = GlobalType::new(ValType::EXTERNREF, Mutability::Var);
/// let object = kept.to_rooted(&mut store);
/// Global::new(&mut store, global, object.into())?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct OwnedRooted<T: GcRef> {
    referent: T,
    /// The store keeps the object while this is held.
    life: Arc<()>,
}

impl OwnedRooted<ExternRef> {
    /// A reference to the same object that is good until the current scope ends.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn to_rooted(&self, mut store: impl AsContextMut) -> Rooted<ExternRef> {
        let mut store = store.as_context_mut();
        match store.cell_mut().runtime.root_externref(self.id) {
            Ok(id) => ExternRef::from_id(id),
            Err(error) => panic!("{error}"),
        }
    }

    /// Whether the two refer to the same object.
    ///
    /// # Errors
    /// If one of them belongs to another store, or its scope has ended.
    pub fn ref_eq(
        store: impl AsContext,
        a: &impl RootedGcRef<ExternRef>,
        b: &impl RootedGcRef<ExternRef>,
    ) -> Result<bool> {
        Rooted::ref_eq(store, a, b)
    }

    /// Hashes the object's identity: equal for references that [`Rooted::ref_eq`] finds equal.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn ref_hash<H: Hasher>(&self, store: impl AsContext, state: &mut H) {
        match self.number(store) {
            Ok(number) => number.hash(state),
            Err(error) => panic!("{error:#}"),
        }
    }

    /// Hashes which reference it is: equal for clones.
    pub fn rooted_hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.life).hash(state);
    }

    /// The object that wasm has passed by `number`; none of null.
    pub(crate) fn from_number(
        runtime: &mut brolga_runtime::Store,
        number: u32,
    ) -> Option<OwnedRooted<ExternRef>> {
        let life = Arc::new(());
        let id = runtime.own_externref_number(number, Arc::downgrade(&life))?;
        Some(OwnedRooted { referent: ExternRef { id }, life })
    }
}

macro_rules! references {
    ($($reference:ident)*) => {$(
        impl<T: GcRef> core::ops::Deref for $reference<T> {
            type Target = T;

            fn deref(&self) -> &T {
                &self.referent
            }
        }

        impl Reference for $reference<ExternRef> {
            fn number(&self, store: impl AsContext) -> Result<u32> {
                Ok(store.as_context().cell().runtime.externref_number(self.id)?)
            }
        }
    )*};
}

references!(Rooted OwnedRooted);

/// A store, and what is rooted through it: that is good until this is dropped.
///
/// Wasm may hold on to the objects for longer; only the references of the host's end.
///
/// ```
/// # use brolga::*;
/// # fn main() -> Result<()> {
/// let mut store = Store::<()>::default();
/// for number in 0..3 {
///     let mut scope = RootScope::new(&mut store);
///     let object = ExternRef::new(&mut scope, number)?;
///     assert!(object.data(&scope)?.is_some());
/// }
/// // All three are dropped here.
/// store.gc(None)?;
/// # Ok(())
/// # }
/// ```
pub struct RootScope<C: AsContextMut> {
    store: C,
    /// The store in which it began: the embedder's `C` may have another next time.
    id: StoreId,
    scope: brolga_runtime::RootScope,
}

impl<C: AsContextMut> RootScope<C> {
    /// Begins a scope, inside the one that is current.
    pub fn new(store: C) -> RootScope<C> {
        let runtime = &store.as_context().cell().runtime;
        let (id, scope) = (runtime.id(), runtime.root_scope());
        RootScope { store, id, scope }
    }

    /// Makes room for so many references.
    pub fn reserve(&mut self, additional: usize) {
        self.store.as_context_mut().cell_mut().runtime.reserve_roots(additional);
    }
}

impl<C: AsContextMut> Drop for RootScope<C> {
    fn drop(&mut self) {
        let mut store = self.store.as_context_mut();
        let runtime = &mut store.cell_mut().runtime;
        if runtime.id() == self.id {
            runtime.leave_root_scope(self.scope);
        }
    }
}

impl<C: AsContextMut> AsContext for RootScope<C> {
    type Data = C::Data;

    fn as_context(&self) -> StoreContext<'_, C::Data> {
        self.store.as_context()
    }
}

impl<C: AsContextMut> AsContextMut for RootScope<C> {
    fn as_context_mut(&mut self) -> StoreContextMut<'_, C::Data> {
        self.store.as_context_mut()
    }
}

impl<C: AsContextMut> fmt::Debug for RootScope<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RootScope").field(&self.scope).finish()
    }
}

impl<T> StoreContextMut<'_, T> {
    /// Drops the objects that nothing leads to.
    ///
    /// # Panics
    /// With the first panic of a destructor, when all are dropped.
    pub(crate) fn collect_externrefs(&mut self) {
        let dead = self.cell_mut().runtime.collect_externrefs();
        if !dead.is_empty() {
            drop_each(dead.into_iter());
        }
    }
}

/// Drops objects however many of their destructors panic. (Dropping a list ends the process at the
/// second, and how many objects go at once is the guest's choice.)
fn drop_each(mut objects: impl ExactSizeIterator) {
    let mut first = None;
    while objects.len() != 0 {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| objects.by_ref().for_each(drop))) {
            match first {
                None => first = Some(payload),
                // A payload may have a destructor that panics too.
                Some(_) => mem::forget(payload),
            }
        }
    }
    if let Some(payload) = first {
        resume_unwind(payload);
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
