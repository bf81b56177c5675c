//! A file on which the sandbox stands; changes need a second reader.
//!
//! The stacks that calls run on: one a store, kept by the engine's pool between stores.
//!
//! ```text
//!  low                                                                    high
//!  ├── guard ──┤──── reserve ─────┤─────────── wasm ───────────┤
//!              bottom             stack_limit                  top
//! ```
//! Wasm is entered and host functions are called only with the stack pointer at or above
//! `stack_limit`, so that a host function always has the reserve. Wasm itself may run down to the
//! guard where faults are caught. Else its own check stops it at `stack_limit`, but only when it has
//! taken its frame: then the reserve holds the largest frame too.
//!
//! It never switches stacks itself; `activation.rs` decides and `arch/` does.
//!
//! **Invariants**
//! - A stack serves one call chain at a time: whoever starts at its top has seen that none of the
//!   store's calls under way is on it, and only that store's are, or calls within them. When the
//!   store goes none of them goes on any more, and what still runs on the stack keeps it.
//! - A stack's bounds never change, and its [`StackCore`] never moves.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::fmt;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError};

use brolga_abi::StoreContext;
use brolga_os::{OsError, StackMapping, current_stack_pointer};

use crate::backtrace::PcBuffer;
use crate::pool::{Pool, Pooled, Slot};
use crate::{PoolConcurrencyLimitError, signal};

/// How large stacks are and how faults on them are found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StackOptions {
    /// What wasm, and the host functions between wasm, may use, in bytes.
    pub wasm_bytes: usize,
    /// What is left to host functions even where wasm has used all of its own, in bytes.
    pub host_bytes: usize,
    /// Whether faults are caught: must be what the code was compiled for.
    pub signals: bool,
}

impl StackOptions {
    /// What lies below `stack_limit`, in bytes.
    fn reserve_bytes(&self) -> usize {
        let unchecked = StoreContext::FRAME_BYTES_MAX + StoreContext::THUNK_BYTES_MAX;
        self.host_bytes.saturating_add(if self.signals { 0 } else { unchecked as usize })
    }
}

impl Default for StackOptions {
    fn default() -> Self {
        Self { wasm_bytes: 1 << 20, host_bytes: 1 << 20, signals: true }
    }
}

/// The stacks of an engine that no store is using. Clones are the same pool.
#[derive(Clone, Debug)]
pub struct StackPool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    options: StackOptions,
    idle: Mutex<Vec<CallStack>>,
    /// How many idle stacks are kept rather than unmapped.
    idle_max: usize,
    /// Where the stacks in use are counted.
    pool: Pool,
}

/// Why there is no stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StackError {
    /// The system has none to give.
    #[error(transparent)]
    System(#[from] OsError),
    /// All of the engine's pool are in use.
    #[error(transparent)]
    Pool(#[from] PoolConcurrencyLimitError),
}

impl StackPool {
    /// How many idle stacks are kept unless somebody says how many there may be at all.
    const IDLE_MAX: usize = 64;
    /// How much of an idle stack stays in memory, so that the next shallow call finds it warm.
    const WARM_BYTES: usize = 32 << 10;
    /// How much the idle stacks that are used next may hold beside that, as giving pages back takes
    /// a system call, whether there are any or not.
    const UNCOOLED_BYTES: usize = 16 << 20;

    /// A pool of stacks of one kind. Where `options.signals` is on this installs the process's
    /// fault handler, once.
    ///
    /// # Errors
    /// If the handler can't be installed.
    pub fn new(options: StackOptions) -> Result<Self, OsError> {
        Self::pooling(options, Pool::default())
    }

    /// As [`StackPool::new`], with no more stacks in use at once than `pool` allows; so many are
    /// kept for use again.
    ///
    /// # Errors
    /// As [`StackPool::new`].
    pub fn pooling(options: StackOptions, pool: Pool) -> Result<Self, OsError> {
        if options.signals {
            signal::install()?;
        }
        let stacks = pool.limits().map(|limits| limits.stacks);
        let idle_max =
            stacks.map_or(Self::IDLE_MAX, |max| usize::try_from(max).unwrap_or(usize::MAX));
        Ok(Self(Arc::new(Shared { options, idle: Mutex::default(), idle_max, pool })))
    }

    /// What stacks this pool has.
    pub fn options(&self) -> StackOptions {
        self.0.options
    }

    pub(crate) fn acquire(&self) -> Result<CallStack, StackError> {
        let slot = self.0.pool.take(Pooled::Stack)?;
        let idle = self.idle().pop();
        let mut stack = match idle {
            Some(stack) => stack,
            None => CallStack::new(self.0.options)?,
        };
        stack.core_mut().slot = slot;
        Ok(stack)
    }

    /// Keeps `stack` for the next store, or unmaps it.
    pub(crate) fn release(&self, mut stack: CallStack) {
        // A store that is a thread-local of a thread whose host function exits the process is
        // dropped inside its call, on this stack. Stays, as we are to the end.
        if stack.core().contains(current_stack_pointer()) {
            std::mem::forget(stack);
            return;
        }
        let _after = std::mem::take(&mut stack.core_mut().slot);
        // The last to come is the first to go: only those at the bottom stay as they are.
        let uncooled_max = Self::UNCOOLED_BYTES / stack.usable_bytes();
        if self.idle().len() >= uncooled_max && !stack.cool(Self::WARM_BYTES) {
            return;
        }
        let mut idle = self.idle();
        if idle.len() < self.0.idle_max {
            idle.push(stack);
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<CallStack>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The stack of a store: taken from the pool by the first call that needs one, given back when the
/// store goes.
pub struct StoreStack {
    pool: StackPool,
    core: Cell<Option<NonNull<StackCore>>>,
    /// Stacks beside that one; see [`StoreStack::another`].
    further: RefCell<Vec<CallStack>>,
    pub(crate) signals: bool,
    pub(crate) guards: GuardCheck,
}

/// Whether an address lies in the inaccessible part of one of the store's memories, so that a
/// fault there is an access out of bounds.
///
/// It runs as a signal handler on the thread that runs the store's code: it must not allocate,
/// lock, or write.
pub type GuardCheck = fn(NonNull<StoreContext>, usize) -> bool;

// SAFETY: the stack behind `core` belongs to this value alone, and its parts may be used from any
// one thread at a time; calls in flight are on the thread that borrows the store.
unsafe impl Send for StoreStack {}

impl StoreStack {
    /// A store's stack, from `pool` once it is needed. `guards` is asked where code of the store
    /// faulted.
    pub fn new(pool: StackPool, guards: GuardCheck) -> Self {
        let signals = pool.options().signals;
        Self { pool, core: Cell::new(None), further: RefCell::default(), signals, guards }
    }

    /// The pool that the stack comes from.
    pub fn pool(&self) -> &StackPool {
        &self.pool
    }

    /// The store's own stack, once it has one.
    #[inline(always)]
    pub(crate) fn core(&self) -> Option<NonNull<StackCore>> {
        self.core.get()
    }

    /// A stack of the store that no call is on: the store's own, unless host code went on to a
    /// stack of somebody else's and calls from there.
    pub(crate) fn idle_core(
        &self,
        is_busy: impl Fn(NonNull<StackCore>) -> bool,
    ) -> Result<NonNull<StackCore>, StackError> {
        match self.core.get() {
            Some(core) if !is_busy(core) => Ok(core),
            Some(_) => self.another(is_busy),
            None => self.first(),
        }
    }

    #[cold]
    fn first(&self) -> Result<NonNull<StackCore>, StackError> {
        let core = self.pool.acquire()?.into_core();
        self.core.set(Some(core));
        Ok(core)
    }

    /// A further stack, for a store whose own is in use while the thread is on none that we know:
    /// what a coroutine or a grown stack looks like from here.
    #[cold]
    fn another(
        &self,
        is_busy: impl Fn(NonNull<StackCore>) -> bool,
    ) -> Result<NonNull<StackCore>, StackError> {
        let mut further = self.further.borrow_mut();
        let idle = further.iter().find(|stack| !is_busy(stack.0));
        if let Some(idle) = idle {
            return Ok(idle.0);
        }
        let stack = self.pool.acquire()?;
        let core = stack.0;
        further.push(stack);
        Ok(core)
    }
}

impl Drop for StoreStack {
    fn drop(&mut self) {
        let own = self.core.take().map(CallStack);
        let further = self.further.get_mut().drain(..);
        own.into_iter().chain(further).for_each(|stack| self.pool.release(stack));
    }
}

impl fmt::Debug for StoreStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreStack")
            .field("options", &self.pool.options())
            .field("in_use", &self.core.get().is_some())
            .finish()
    }
}

/// A stack and what is known of it.
pub(crate) struct StackCore {
    mapping: StackMapping,
    /// The lowest usable address.
    pub(crate) bottom: usize,
    /// The lowest stack pointer with which host functions may be called.
    pub(crate) stack_limit: usize,
    /// The end, where an empty stack's pointer stands; a multiple of 16.
    pub(crate) top: usize,
    /// Whether faults on it are caught; if not, its reserve is larger.
    pub(crate) signals: bool,
    /// Where the frames of a trap are noted. Used between a trap and the landing of the call it
    /// ends, when no other code runs on this stack.
    pub(crate) trap_pcs: UnsafeCell<PcBuffer>,
    /// Its place in the engine's pool, while it is a store's.
    slot: Slot,
}

impl StackCore {
    /// Whether `address` is on this stack.
    #[inline]
    pub(crate) fn contains(&self, address: usize) -> bool {
        address >= self.bottom && address < self.top
    }

    /// Whether `address` is in the guard below this stack.
    pub(crate) fn guard_contains(&self, address: usize) -> bool {
        self.mapping.guard().contains(&address)
    }
}

/// Owns a [`StackCore`]. Calls in flight keep raw pointers to it, so it is never moved, and lent
/// mutably only when there are none.
pub(crate) struct CallStack(NonNull<StackCore>);

// SAFETY: an owner; nothing in a core is tied to a thread while no call is in flight, and then the
// owner is a store's, see `StoreStack`.
unsafe impl Send for CallStack {}

impl CallStack {
    fn new(options: StackOptions) -> Result<Self, OsError> {
        let usable = options.wasm_bytes.saturating_add(options.reserve_bytes());
        let mapping = StackMapping::new(usable)?;
        // Calls put arguments below the top, by its address.
        let (bottom, top) = (mapping.bottom().addr(), mapping.top().expose_provenance());
        let core = Box::new(StackCore {
            bottom,
            stack_limit: bottom + options.reserve_bytes(),
            top,
            signals: options.signals,
            mapping,
            trap_pcs: UnsafeCell::new(PcBuffer::new()),
            slot: Slot::default(),
        });
        Ok(Self(NonNull::from(Box::leak(core))))
    }

    pub(crate) fn core(&self) -> &StackCore {
        // SAFETY: made by `new` from a box and freed only by `drop`.
        unsafe { self.0.as_ref() }
    }

    /// How large it is, at least one page.
    fn usable_bytes(&self) -> usize {
        self.core().mapping.usable_bytes()
    }

    /// The core, no longer owned: made a `CallStack` again by whoever takes care of it.
    fn into_core(self) -> NonNull<StackCore> {
        std::mem::ManuallyDrop::new(self).0
    }

    /// Gives all but the topmost `warm_bytes` back to the system; says whether that went well.
    fn cool(&mut self, warm_bytes: usize) -> bool {
        self.core_mut().mapping.trim(warm_bytes).is_ok()
    }

    /// For when no call is in flight.
    fn core_mut(&mut self) -> &mut StackCore {
        // SAFETY: as in `core`; `&mut self`, and no call is in flight: the store that is yet to get
        // it has made none, and of the one that had it and is gone none goes on.
        unsafe { self.0.as_mut() }
    }
}

impl Drop for CallStack {
    fn drop(&mut self) {
        // SAFETY: made by `new` from a box; this is the owner.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

impl fmt::Debug for CallStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = self.core();
        f.debug_struct("CallStack").field("bottom", &core.bottom).field("top", &core.top).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_the_limit_there_is_what_may_be_used_there() {
        for (signals, unchecked) in [(true, 0), (false, (1 << 20) + (256 << 10))] {
            let options = StackOptions { wasm_bytes: 64 << 10, host_bytes: 128 << 10, signals };
            let stack = CallStack::new(options).unwrap();
            let core = stack.core();
            assert_eq!(core.top - core.stack_limit, options.wasm_bytes);
            assert_eq!(core.stack_limit - core.bottom, options.host_bytes + unchecked);
            assert!(core.mapping.guard().len() > 2 * StoreContext::RAISE_BYTES as usize);
        }
    }
}
