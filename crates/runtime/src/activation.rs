//! A file on which the sandbox stands; changes need a second reader.
//!
//! A call into code that is under way: where it comes back to, and what of the store it must put
//! back.
//!
//! ```text
//!  thread ─youngest─▶ Activation
//!                │ core: the stack it runs on
//!                └─older─▶ the same store's activation that this one interrupts
//! ```
//!
//! It never allocates, locks or asks the system for anything, a thread's first call aside.
//!
//! **Invariants**
//! - The thread's youngest activation is the one whose code is running, or whose code called the
//!   host code that is running. Host code that moves a call in flight to another thread, or takes
//!   its frames apart in another order than it built them, breaks this and is not supported.
//! - Whichever way an activation ends (return, trap, error, panic), the thread's state and, for the
//!   older activation if there is one, the store's context are afterwards as they were before.
//!   Without an older one `stack_limit`, `exit_fp` and `exit_pc` mean nothing outside calls.
//! - A call that finds itself on the stack of the youngest activation stays there, unless its code
//!   needs a larger reserve than that stack has; any other begins at the top of a stack that is not
//!   busy.

use std::cell::{Cell, UnsafeCell};
use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::panic::resume_unwind;
use std::ptr::{self, NonNull};

use brolga_abi::{StoreContext, TrapCode};
use brolga_os::{OsError, current_stack_pointer, ensure_signal_stack, has_signal_stack};

use crate::arch::Landing;
use crate::backtrace::Backtrace;
use crate::stack::{StackCore, StoreStack};
use crate::trap::{Failure, TrapRecord, Unwind};

/// A call into code that is under way. Lives in the frame of [`within`].
pub(crate) struct Activation {
    /// Where the call comes back to when it doesn't return; written on the way into code.
    landing: MaybeUninit<Landing>,
    /// The stack it runs on.
    pub(crate) core: *const StackCore,
    /// The store's stack: it knows how the store's faults are judged.
    pub(crate) stack: *const StoreStack,
    pub(crate) store: NonNull<StoreContext>,
    /// The activation that was under way in the store; null if there was none.
    older: *const Activation,
    /// Where the store's code had called out; written only if there is an older activation.
    exit_before: MaybeUninit<Exit>,
    /// What the trap door was taken with: written before every jump to the landing.
    pub(crate) thrown: UnsafeCell<MaybeUninit<Thrown>>,
}

/// Where wasm code called out.
#[derive(Clone, Copy)]
pub(crate) struct Exit {
    pub(crate) pc: usize,
    pub(crate) fp: usize,
}

/// What the trap door was taken with.
pub(crate) enum Thrown {
    /// A fault in code.
    Fault { code: TrapCode, address: Option<usize> },
    /// Host code gave up.
    Host(Unwind),
}

thread_local! {
    /// The thread's youngest activation; null outside calls.
    static YOUNGEST: Cell<*const Activation> = const { Cell::new(ptr::null()) };
}

/// Does now what the calling thread's first call into code with signals would do: gives the thread
/// a stack for signal handlers.
///
/// Rust's runtime takes that stack away at the end of a thread: a stack overflow of wasm that the
/// destructor of a thread-local calls ends the process.
///
/// # Errors
/// If the system has none. The thread's first call then fails in the same way.
pub fn prepare_thread() -> Result<(), OsError> {
    ensure_signal_stack()
}

/// The calling thread's youngest activation. A signal handler may ask for it on a thread that has
/// been inside [`within`].
pub(crate) fn youngest() -> *const Activation {
    YOUNGEST.get()
}

impl Activation {
    /// Where the call comes back to when it doesn't return.
    ///
    /// # Safety
    /// Its code has been entered.
    pub(crate) unsafe fn landing(&self) -> Landing {
        // SAFETY: written on the way in.
        unsafe { self.landing.assume_init() }
    }

    /// The next older activation of the same store, and where it called out.
    ///
    /// # Safety
    /// This one is live.
    pub(crate) unsafe fn older_of_store(&self) -> Option<(&Activation, Exit)> {
        // SAFETY: null or the activation that was under way in the store when this one began: it
        // ends later.
        let older = unsafe { self.older.as_ref() }?;
        // SAFETY: written when there is an older one.
        Some((older, unsafe { self.exit_before.assume_init() }))
    }
}

/// Where a call runs.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// From the top of this stack on, which nobody uses.
    Top(NonNull<StackCore>),
    /// Where we are, on this stack.
    Here(NonNull<StackCore>),
}

impl Place {
    /// The top to switch to, as [`enter_slots`](crate::arch::enter_slots) takes it.
    #[inline(always)]
    pub(crate) fn top(self) -> usize {
        match self {
            // SAFETY: the place's stack is live.
            Place::Top(core) => unsafe { core.as_ref() }.top,
            Place::Here(_) => 0,
        }
    }
}

/// A stack on which a call may begin at once.
#[derive(Clone, Copy, Debug)]
pub struct IdleStack(NonNull<StackCore>);

impl IdleStack {
    /// Where it begins.
    #[inline(always)]
    pub(crate) fn top(self) -> usize {
        // SAFETY: the store's stack is live, as `idle` was promised of its user.
        unsafe { self.0.as_ref() }.top
    }
}

/// The stack of a store's on which a call may begin at once. Most may: they are within no other, by
/// a thread and on a stack that have seen calls before.
///
/// # Safety
/// `store` and `stack` belong together, are live and not in use by another thread.
#[inline(always)]
pub unsafe fn idle(stack: &StoreStack, store: NonNull<StoreContext>) -> Option<IdleStack> {
    // SAFETY: the store is live, by the caller's promise.
    let is_outermost = YOUNGEST.get().is_null() && unsafe { store.as_ref() }.activation.is_null();
    // Engines without signals don't need it; on a thread that has none they go the longer way.
    let is_ready = has_signal_stack();
    // Only calls of the store are on its stack, and none is under way.
    if is_outermost && is_ready { stack.core().map(IdleStack) } else { None }
}

/// Runs `body` as an activation of `store`. It gets the place to come back to and where to run,
/// enters code, and returns what came back, or `None` after coming back through the trap door.
///
/// # Errors
/// What the call ended with; [`Failure::NoStack`] or a stack overflow if it did not begin.
///
/// # Panics
/// Goes on with the panic that the call ended with.
///
/// # Safety
/// - `store` and `stack` belong together, are live and not in use by another thread.
/// - `body` does nothing but enter code of `store`, by `arch`.
#[inline(always)]
pub(crate) unsafe fn within<R>(
    stack: &StoreStack,
    store: NonNull<StoreContext>,
    body: impl FnOnce(*mut Landing, Place) -> Option<R>,
) -> Result<R, Box<TrapRecord>> {
    // SAFETY: the caller's promises.
    unsafe {
        match idle(stack, store) {
            Some(idle) => on_idle(idle, stack, store, |landing| body(landing, Place::Top(idle.0))),
            None => nested(stack, store, body),
        }
    }
}

/// [`within`] for a call on a stack that [`idle`] has just given.
///
/// # Errors
/// As [`within`].
///
/// # Panics
/// As [`within`].
///
/// # Safety
/// As for [`within`].
#[inline(always)]
pub(crate) unsafe fn on_idle<R>(
    idle: IdleStack,
    stack: &StoreStack,
    store: NonNull<StoreContext>,
    body: impl FnOnce(*mut Landing) -> Option<R>,
) -> Result<R, Box<TrapRecord>> {
    let around = Around { youngest: ptr::null(), older: ptr::null() };
    // SAFETY: the caller's promises; `idle` has seen that there are no others.
    unsafe { activate(around, Place::Top(idle.0), stack, store, body) }
}

/// [`within`] for any call.
///
/// # Errors
/// As [`within`].
///
/// # Panics
/// As [`within`].
///
/// # Safety
/// As for [`within`].
#[inline(always)]
pub(crate) unsafe fn nested<R>(
    stack: &StoreStack,
    store: NonNull<StoreContext>,
    body: impl FnOnce(*mut Landing, Place) -> Option<R>,
) -> Result<R, Box<TrapRecord>> {
    let youngest = YOUNGEST.get();
    // SAFETY: the store is live, by the caller's promise; so is the thread's youngest activation.
    unsafe {
        let around = Around { youngest, older: store.as_ref().activation.cast() };
        let place = choose_place(stack, around).map_err(TrapRecord::without_frames)?;
        activate(around, place, stack, store, |landing| body(landing, place))
    }
}

/// The activations that a new one comes to: the thread's youngest, and the store's. Null where
/// there is none.
#[derive(Clone, Copy)]
struct Around {
    youngest: *const Activation,
    older: *const Activation,
}

impl Around {
    /// Whether an activation of the store is on the stack `core`.
    ///
    /// # Safety
    /// They are live, or null.
    unsafe fn older_are_on(self, core: NonNull<StackCore>) -> bool {
        // SAFETY: the caller's promise; the older ones of a live activation are live.
        let first = unsafe { self.older.as_ref() };
        // SAFETY: as above.
        let mut all = std::iter::successors(first, |it| unsafe { it.older.as_ref() });
        all.any(|it| ptr::eq(it.core, core.as_ptr()))
    }
}

/// # Safety
/// As for [`within`]; the activations around are live or null, and `place` is good for the call.
#[inline(always)]
unsafe fn activate<R>(
    around: Around,
    place: Place,
    stack: &StoreStack,
    store: NonNull<StoreContext>,
    body: impl FnOnce(*mut Landing) -> Option<R>,
) -> Result<R, Box<TrapRecord>> {
    let Around { youngest, older } = around;
    let context = store.as_ptr();
    let (Place::Top(core) | Place::Here(core)) = place;
    // SAFETY: the place's stack is live.
    let core = unsafe { core.as_ref() };
    let mut activation = Activation {
        landing: MaybeUninit::uninit(),
        core,
        stack,
        store,
        older,
        exit_before: MaybeUninit::uninit(),
        thrown: UnsafeCell::new(MaybeUninit::uninit()),
    };
    let this = &raw mut activation;
    // SAFETY: the store is live; code of it runs only below.
    unsafe {
        if !older.is_null() {
            (*this).exit_before.write(Exit { pc: (*context).exit_pc, fp: (*context).exit_fp });
        }
        (*context).stack_limit = core.stack_limit;
        (*context).activation = this.cast();
    }
    YOUNGEST.set(this);
    // SAFETY: a field of a live value.
    let came_back = body(unsafe { (*this).landing.as_mut_ptr() });
    YOUNGEST.set(youngest);
    // SAFETY: as above; the code has ended, whichever way. The older activation has been live
    // all the time.
    unsafe {
        (*context).activation = older.cast_mut().cast::<c_void>();
        if let Some(older) = older.as_ref() {
            let exit = (*this).exit_before.assume_init();
            (*context).stack_limit = (*older.core).stack_limit;
            (*context).exit_pc = exit.pc;
            (*context).exit_fp = exit.fp;
        }
    }
    match came_back {
        Some(result) => Ok(result),
        // SAFETY: the trap door was taken.
        None => Err(unsafe { ended(this) }),
    }
}

/// Where a call may run that [`idle`] has no place for.
///
/// # Safety
/// The activations around are live, or null.
unsafe fn choose_place(stack: &StoreStack, around: Around) -> Result<Place, Failure> {
    // Nested calls ask too: those around them may be of an engine without signals.
    if stack.signals {
        ensure_signal_stack().map_err(|error| Failure::NoStack(error.into()))?;
    }
    // SAFETY: the caller's promise.
    if let Some(youngest) = unsafe { around.youngest.as_ref() } {
        // SAFETY: the stack of a live activation.
        let core = unsafe { &*youngest.core };
        let sp = current_stack_pointer();
        // Code without signals takes its frame before it looks at the limit: only a stack that was
        // made for such code has room for that.
        if core.contains(sp) && (stack.signals || !core.signals) {
            // Below the limit there is only what the running host function was promised.
            if sp < core.stack_limit {
                return Err(Failure::Trap { code: TrapCode::StackOverflow, address: None });
            }
            return Ok(Place::Here(NonNull::from(core)));
        }
    }
    // SAFETY: the caller's promise.
    let is_busy = |core| unsafe { around.older_are_on(core) };
    stack.idle_core(is_busy).map(Place::Top).map_err(Failure::NoStack)
}

/// Makes an error of what an activation was left with, or goes on with its panic.
///
/// # Safety
/// The activation came back through the trap door just now.
#[cold]
unsafe fn ended(activation: *mut Activation) -> Box<TrapRecord> {
    // SAFETY: whoever takes the trap door has written it; it is read once.
    let thrown = unsafe { (*activation).thrown.get().read().assume_init() };
    let failure = match thrown {
        Thrown::Fault { code, address } => Failure::Trap { code, address },
        Thrown::Host(Unwind::Trap(code)) => Failure::Trap { code, address: None },
        Thrown::Host(Unwind::Error(error)) => Failure::Host(error),
        Thrown::Host(Unwind::Panic(payload)) => resume_unwind(payload),
    };
    // SAFETY: the activation's stack is live, and what was captured on it is still there.
    let backtrace = unsafe { Backtrace::take(&*(*activation).core) };
    Box::new(TrapRecord { failure, backtrace })
}
