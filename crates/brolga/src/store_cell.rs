//! Where a store lives: one allocation that the store owns, and that contexts and host calls
//! reach through copies of the same pointer. This file is a room for `unsafe`.
//!
//! ```text
//!  Store<T> ──owns──▶ StoreCell<T> { engine, runtime store, data, … }
//!      │ borrow            ▲    ▲
//!      ▼                   │    └──── StorePtr in every host function made for this store
//!  StoreContextMut<'a, T> ─┘          (used while wasm, and so the borrow, is being called)
//! ```
//!
//! While wasm runs, the embedder's `&mut Store` is still borrowed further up the stack, and host
//! functions need the store too. So nobody holds a reference into the cell across a call of wasm:
//! everyone holds the pointer, and makes references for as long as one operation lasts.
//!
//! **Trusts** the borrow checker to keep contexts of a store apart: a [`StoreContextMut`] is made
//! only from an exclusive borrow of the store or of another context, or by a host call, which
//! wasm makes while the context that called it waits.
//! **Promises** that references handed out live no longer than the borrow they were made from.
//! **Tested by** `tests/store.rs` and `tests/code_free.rs`, of which Miri runs what needs no
//! generated code.

use core::marker::PhantomData;
use core::ptr::NonNull;

use crate::store::StoreCell;

/// The pointer to a store's cell: a number until somebody with the right to does something.
pub(crate) struct StorePtr<T: 'static>(NonNull<StoreCell<T>>);

// SAFETY: an address. Whoever follows it answers for having the store.
unsafe impl<T> Send for StorePtr<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for StorePtr<T> {}

impl<T> Clone for StorePtr<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for StorePtr<T> {}

impl<T> StorePtr<T> {
    /// Moves `cell` to where it stays until [`StorePtr::free`].
    pub(crate) fn leak(cell: StoreCell<T>) -> StorePtr<T> {
        let cell = NonNull::from(Box::leak(Box::new(cell)));
        // SAFETY: a field of the cell, which stays there until it is freed, when no code of the
        // store can run any more. Everybody reaches it through copies of this pointer.
        unsafe {
            let runtime = &raw mut (*cell.as_ptr()).runtime;
            brolga_runtime::Store::stay(NonNull::new_unchecked(runtime));
        }
        StorePtr(cell)
    }

    /// Gives the cell back.
    ///
    /// # Safety
    /// Nobody uses another copy of the pointer any more.
    pub(crate) unsafe fn free(self) -> Box<StoreCell<T>> {
        // SAFETY: the pointer came from a box in `leak`; that it is given back once, and not used
        // after, is the caller's promise.
        unsafe { Box::from_raw(self.0.as_ptr()) }
    }

    /// # Safety
    /// The cell lives for `'a`, and nobody changes it meanwhile.
    pub(crate) unsafe fn get<'a>(self) -> &'a StoreCell<T> {
        // SAFETY: the caller's promise.
        unsafe { self.0.as_ref() }
    }

    /// # Safety
    /// The cell lives for `'a`, and nobody else uses it meanwhile.
    pub(crate) unsafe fn get_mut<'a>(mut self) -> &'a mut StoreCell<T> {
        // SAFETY: the caller's promise.
        unsafe { self.0.as_mut() }
    }

    /// The address, without its type.
    pub(crate) fn erased(self) -> *mut () {
        self.0.as_ptr().cast()
    }

    /// The pointer again.
    ///
    /// # Safety
    /// `address` is the [`erased`](StorePtr::erased) form of a `StorePtr<T>` of the same `T`.
    pub(crate) unsafe fn from_erased(address: *mut ()) -> StorePtr<T> {
        // SAFETY: the caller's promise: it was not null before its type was erased.
        StorePtr(unsafe { NonNull::new_unchecked(address.cast()) })
    }

    /// Whether the store has a call hook.
    ///
    /// # Safety
    /// The cell is there, and nobody else uses it meanwhile.
    #[inline(always)]
    pub(crate) unsafe fn is_hooked(self) -> bool {
        // SAFETY: the caller's promise.
        unsafe { (*self.0.as_ptr()).runtime.tells_calls() }
    }

    /// Begins a scope of what host code is given and makes, which ends when the result is dropped.
    ///
    /// # Safety
    /// The store is there until then, and while this and the drop run nobody else uses it.
    #[inline(always)]
    pub(crate) unsafe fn root_scope(self) -> ScopeOfHost<T> {
        // SAFETY: the caller's promise.
        let scope = unsafe { (*self.0.as_ptr()).runtime.root_scope() };
        ScopeOfHost { store: self, scope }
    }

    /// Lends the data of the store at `address` to `look`: what the limiter does, which the store
    /// asks in the middle of its own work.
    ///
    /// # Safety
    /// `address` is the [`erased`](StorePtr::erased) form of a `StorePtr<T>` of the same `T`, the
    /// store is there, and nobody uses its data meanwhile.
    pub(crate) unsafe fn with_data<R>(address: *mut (), look: impl FnOnce(&mut T) -> R) -> R {
        let cell = address.cast::<StoreCell<T>>();
        // SAFETY: the caller's promise. No reference to the rest of the cell is made: the runtime's
        // part is in use.
        look(unsafe { &mut (*cell).data })
    }
}

/// While it is there, what is rooted in the store is so until it goes.
pub(crate) struct ScopeOfHost<T: 'static> {
    store: StorePtr<T>,
    scope: brolga_runtime::RootScope,
}

impl<T> Drop for ScopeOfHost<T> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: the store is there and nobody else uses it, as whoever began the scope promised.
        unsafe { (*self.store.0.as_ptr()).runtime.leave_root_scope(self.scope) };
    }
}

/// A value that stays where it is, used through its address while its owner is borrowed by others.
pub(crate) struct Owned<V>(NonNull<V>);

impl<V> Owned<V> {
    pub(crate) fn new(value: V) -> Owned<V> {
        Owned(NonNull::from(Box::leak(Box::new(value))))
    }

    /// The address, good as long as the owner.
    pub(crate) fn as_ptr(&self) -> *const V {
        self.0.as_ptr()
    }
}

impl<V> Drop for Owned<V> {
    fn drop(&mut self) {
        // SAFETY: the pointer came from a box in `new` and is given back once, here.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

// SAFETY: owns its value as a box does.
unsafe impl<V: Send> Send for Owned<V> {}
// SAFETY: gives out an address only; whoever follows it answers for that.
unsafe impl<V> Sync for Owned<V> {}

/// A store with its data: see [`crate::Store`].
pub struct Store<T: 'static> {
    ptr: StorePtr<T>,
    owned: PhantomData<StoreCell<T>>,
}

/// A shared borrow of a store.
///
/// What [`AsContext`](crate::AsContext) gives: functions that only look take one.
pub struct StoreContext<'a, T: 'static> {
    ptr: StorePtr<T>,
    borrow: PhantomData<&'a StoreCell<T>>,
}

/// An exclusive borrow of a store.
///
/// What [`AsContextMut`](crate::AsContextMut) gives: functions that change the store or run wasm
/// take one.
pub struct StoreContextMut<'a, T: 'static> {
    ptr: StorePtr<T>,
    borrow: PhantomData<&'a mut StoreCell<T>>,
}

impl<T> Clone for StoreContext<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for StoreContext<'_, T> {}

// SAFETY: a store owns its cell as a box does; the pointer in it is nobody else's but host
// functions', which run on the thread that has the store. A cell is Send if its data is, and
// shared access to one looks at nothing that changes: `store.rs` asserts the first and says the
// second of its fields.
unsafe impl<T: Send> Send for Store<T> {}
// SAFETY: a shared store gives shared references to its cell only.
unsafe impl<T: Sync> Sync for Store<T> {}
// SAFETY: as a shared reference to the cell.
unsafe impl<T: Sync> Send for StoreContext<'_, T> {}
// SAFETY: as a shared reference to the cell.
unsafe impl<T: Sync> Sync for StoreContext<'_, T> {}
// SAFETY: as an exclusive reference to the cell.
unsafe impl<T: Send> Send for StoreContextMut<'_, T> {}
// SAFETY: as a shared reference to an exclusive one: it only reads.
unsafe impl<T: Sync> Sync for StoreContextMut<'_, T> {}

impl<T> Store<T> {
    pub(crate) fn from_cell(cell: StoreCell<T>) -> Store<T> {
        Store { ptr: StorePtr::leak(cell), owned: PhantomData }
    }

    /// The cell, taken out of the store that owned it.
    pub(crate) fn into_cell(self) -> Box<StoreCell<T>> {
        let store = core::mem::ManuallyDrop::new(self);
        // SAFETY: the store is gone without being dropped, no context of it is left, and host
        // functions, which hold the pointer, run only while wasm of this store is called.
        unsafe { store.ptr.free() }
    }

    pub(crate) fn context(&self) -> StoreContext<'_, T> {
        StoreContext { ptr: self.ptr, borrow: PhantomData }
    }

    pub(crate) fn context_mut(&mut self) -> StoreContextMut<'_, T> {
        StoreContextMut { ptr: self.ptr, borrow: PhantomData }
    }
}

impl<T> Drop for Store<T> {
    fn drop(&mut self) {
        // SAFETY: as in `into_cell`.
        drop(unsafe { self.ptr.free() });
    }
}

impl<'a, T> StoreContext<'a, T> {
    /// The cell, for as long as the borrow lasts.
    pub(crate) fn cell(self) -> &'a StoreCell<T> {
        // SAFETY: the store is borrowed for `'a`, shared.
        unsafe { self.ptr.get() }
    }
}

impl<'a, T> StoreContextMut<'a, T> {
    /// The context of a host call: wasm of this store waits for it.
    ///
    /// # Safety
    /// The store lives for `'a`, and nobody else uses it before the context is gone: which is so
    /// while a host function runs that wasm of this store called.
    pub(crate) unsafe fn from_ptr(ptr: StorePtr<T>) -> StoreContextMut<'a, T> {
        StoreContextMut { ptr, borrow: PhantomData }
    }

    /// The pointer, for a call of wasm, during which this context is not used.
    pub(crate) fn ptr(&self) -> StorePtr<T> {
        self.ptr
    }

    pub(crate) fn cell(&self) -> &StoreCell<T> {
        // SAFETY: the store is borrowed exclusively by `self`, and `self` is borrowed.
        unsafe { self.ptr.get() }
    }

    pub(crate) fn cell_mut(&mut self) -> &mut StoreCell<T> {
        // SAFETY: the store is borrowed exclusively by `self`, and so is `self`.
        unsafe { self.ptr.get_mut() }
    }

    /// The cell, for the rest of the borrow.
    pub(crate) fn into_cell_mut(self) -> &'a mut StoreCell<T> {
        // SAFETY: the store is borrowed exclusively for `'a` by `self`, which is used up.
        unsafe { self.ptr.get_mut() }
    }

    /// The same borrow, for a shorter time.
    pub(crate) fn reborrow(&mut self) -> StoreContextMut<'_, T> {
        StoreContextMut { ptr: self.ptr, borrow: PhantomData }
    }

    /// The same borrow, shared and for a shorter time.
    pub(crate) fn shared(&self) -> StoreContext<'_, T> {
        StoreContext { ptr: self.ptr, borrow: PhantomData }
    }
}

impl<'a, T> From<StoreContextMut<'a, T>> for StoreContext<'a, T> {
    fn from(context: StoreContextMut<'a, T>) -> StoreContext<'a, T> {
        StoreContext { ptr: context.ptr, borrow: PhantomData }
    }
}
