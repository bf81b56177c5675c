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
use brolga_os::{OsError, current_stack_pointer, ensure_signal_stack};

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

/// Runs `body` as an activation of `store`. It gets the place to come back to and the top of the
/// stack to switch to (0: stay on this one), enters code, and returns what came back, or `None`
/// after coming back through the trap door.
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
    body: impl FnOnce(*mut Landing, usize) -> Option<R>,
) -> Result<R, Box<TrapRecord>> {
    let previous = YOUNGEST.get();
    // SAFETY: the store is live, by the caller's promise.
    let older = unsafe { (*store.as_ptr()).activation.cast::<Activation>() };
    // Most calls are within no other, by a thread and on a stack that have seen calls before.
    let place = if previous.is_null()
        && older.is_null()
        && (!stack.signals || ensure_signal_stack().is_ok())
        && let Ok(core) = stack.idle_core()
    {
        // SAFETY: a stack of `stack`'s, which keeps it.
        Place { core, top: unsafe { core.as_ref() }.top }
    } else {
        // SAFETY: the thread's youngest activation is live.
        match unsafe { choose_stack(stack, previous) } {
            Ok(place) => place,
            Err(failure) => return Err(TrapRecord::without_frames(failure)),
        }
    };
    let context = store.as_ptr();
    // SAFETY: the place's stack is live.
    let core = unsafe { place.core.as_ref() };
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
    let starts_stack = place.top != 0;
    if starts_stack {
        core.busy.set(true);
    }
    YOUNGEST.set(this);
    // SAFETY: a field of a live value.
    let came_back = body(unsafe { (*this).landing.as_mut_ptr() }, place.top);
    YOUNGEST.set(previous);
    if starts_stack {
        core.busy.set(false);
    }
    // SAFETY: as above; the code has ended, whichever way. The older activation has been live
    // all the time.
    unsafe {
        (*context).activation = older.cast::<c_void>();
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

/// The stack that a call runs on.
struct Place {
    core: NonNull<StackCore>,
    /// Its top, or 0 to stay where we are on it.
    top: usize,
}

/// # Safety
/// `youngest` is null or live.
#[cold]
unsafe fn choose_stack(stack: &StoreStack, youngest: *const Activation) -> Result<Place, Failure> {
    // Nested calls ask too: those around them may be of an engine without signals.
    if stack.signals {
        ensure_signal_stack().map_err(|error| Failure::NoStack(error.into()))?;
    }
    // SAFETY: the caller's promise.
    if let Some(youngest) = unsafe { youngest.as_ref() } {
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
            return Ok(Place { core: NonNull::from(core), top: 0 });
        }
    }
    let core = stack.idle_core().map_err(Failure::NoStack)?;
    // SAFETY: a stack of `stack`'s, which keeps it.
    let top = unsafe { core.as_ref() }.top;
    Ok(Place { core, top })
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
