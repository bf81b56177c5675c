//! A file on which the sandbox stands; changes need a second reader.
//!
//! A call into code that is under way: where it comes back to, and what of the store it must put
//! back.
//!
//! ```text
//!  thread ─▶ Activation ─previous─▶ Activation ─▶ …          youngest first
//!                │ core: the stack it runs on
//!                │ before: the store's context as it was ─▶ the same store's older activation
//! ```
//!
//! It never allocates, locks or asks the system for anything, a thread's first call aside.
//!
//! **Invariants**
//! - The thread's youngest activation is the one whose code is running, or whose code called the
//!   host code that is running. Host code that moves a call in flight to another thread, or takes
//!   its frames apart in another order than it built them, breaks this and is not supported.
//! - Whichever way an activation ends (return, trap, error, panic), the store's context and the
//!   thread's state are afterwards as they were before.
//! - A call that finds itself on the stack of the youngest activation stays there; any other
//!   begins at the top of a stack that is not busy.

use std::cell::{Cell, UnsafeCell};
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
    /// Where the call comes back to when it doesn't return.
    pub(crate) landing: Landing,
    /// The stack it runs on.
    pub(crate) core: *const StackCore,
    /// The store's stack: it knows how the store's faults are judged.
    pub(crate) stack: *const StoreStack,
    pub(crate) store: NonNull<StoreContext>,
    /// The store's context before the call.
    before: Before,
    /// What the trap door was taken with: written before every jump to the landing.
    pub(crate) thrown: UnsafeCell<MaybeUninit<Thrown>>,
}

/// What a call changes in the store's context.
struct Before {
    stack_limit: usize,
    exit_fp: usize,
    exit_pc: usize,
    activation: *mut std::ffi::c_void,
}

/// What the trap door was taken with.
pub(crate) enum Thrown {
    /// A fault in code.
    Fault {
        code: TrapCode,
        address: Option<usize>,
    },
    /// Host code gave up.
    Host(Unwind),
}

thread_local! {
    /// The thread's youngest activation; null outside calls.
    static YOUNGEST: Cell<*const Activation> = const { Cell::new(ptr::null()) };
}

/// The calling thread's youngest activation. A signal handler may ask for it on a thread that has
/// been inside [`within`].
pub(crate) fn youngest() -> *const Activation {
    YOUNGEST.get()
}

impl Activation {
    /// The next older activation of the same store.
    ///
    /// # Safety
    /// This one is live.
    pub(crate) unsafe fn older_of_store(&self) -> Option<&Activation> {
        // SAFETY: null or the activation that was under way in the store when this one began: it
        // ends later.
        unsafe { self.before.activation.cast::<Activation>().as_ref() }
    }

    /// Where the store's code called out before this activation began: (pc, frame pointer).
    pub(crate) fn exit_before(&self) -> (usize, usize) {
        (self.before.exit_pc, self.before.exit_fp)
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
    let mut extra = None;
    // SAFETY: the thread's youngest activation is live.
    let place = match unsafe { choose_stack(stack, previous, &mut extra) } {
        Ok(place) => place,
        Err(failure) => return Err(TrapRecord::without_frames(failure)),
    };
    let context = store.as_ptr();
    // SAFETY: both are live, by the caller's promise.
    let (core, before) = unsafe {
        let before = Before {
            stack_limit: (*context).stack_limit,
            exit_fp: (*context).exit_fp,
            exit_pc: (*context).exit_pc,
            activation: (*context).activation,
        };
        (place.core.as_ref(), before)
    };
    let mut activation = Activation {
        landing: Landing::new(),
        core,
        stack,
        store,
        before,
        thrown: UnsafeCell::new(MaybeUninit::uninit()),
    };
    let this = &raw mut activation;
    // SAFETY: the store is live; code of it runs only below.
    unsafe {
        (*context).stack_limit = core.stack_limit;
        (*context).exit_fp = 0;
        (*context).exit_pc = 0;
        (*context).activation = this.cast();
    }
    let starts_stack = place.top != 0;
    if starts_stack {
        core.busy.set(true);
    }
    YOUNGEST.set(this);
    // SAFETY: a field of a live value.
    let came_back = body(unsafe { &raw mut (*this).landing }, place.top);
    YOUNGEST.set(previous);
    if starts_stack {
        core.busy.set(false);
    }
    // SAFETY: as above; the code has ended, whichever way.
    unsafe {
        let before = &(*this).before;
        (*context).stack_limit = before.stack_limit;
        (*context).exit_fp = before.exit_fp;
        (*context).exit_pc = before.exit_pc;
        (*context).activation = before.activation;
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

/// Finds the stack for a call; `extra` keeps one that only this call uses.
///
/// # Safety
/// `youngest` is null or live.
#[inline(always)]
unsafe fn choose_stack(
    stack: &StoreStack,
    youngest: *const Activation,
    extra: &mut Option<StoreStack>,
) -> Result<Place, Failure> {
    // SAFETY: the caller's promise.
    if let Some(youngest) = unsafe { youngest.as_ref() } {
        // SAFETY: the stack of a live activation.
        let core = unsafe { &*youngest.core };
        let sp = current_stack_pointer();
        if core.contains(sp) {
            // Below the limit there is only what the running host function was promised.
            if sp < core.stack_limit {
                return Err(Failure::Trap {
                    code: TrapCode::StackOverflow,
                    address: None,
                });
            }
            return Ok(Place {
                core: NonNull::from(core),
                top: 0,
            });
        }
    }
    if stack.signals {
        ensure_signal_stack().map_err(Failure::NoStack)?;
    }
    let mut core = stack.core().map_err(Failure::NoStack)?;
    // SAFETY: the store's own stack lives as long as `stack`.
    if unsafe { core.as_ref() }.busy.get() {
        core = another(stack, extra).map_err(Failure::NoStack)?;
    }
    // SAFETY: lives as long as `stack` or `extra`.
    let top = unsafe { core.as_ref() }.top;
    Ok(Place { core, top })
}

/// A further stack for a store whose own is in use: its host code went on to a stack of somebody
/// else's (a coroutine, a grown stack) and calls from there.
#[cold]
fn another(
    stack: &StoreStack,
    extra: &mut Option<StoreStack>,
) -> Result<NonNull<StackCore>, OsError> {
    extra
        .insert(StoreStack::new(stack.pool().clone(), stack.guards))
        .core()
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
        Thrown::Host(Unwind::Trap(code)) => Failure::Trap {
            code,
            address: None,
        },
        Thrown::Host(Unwind::Error(error)) => Failure::Host(error),
        Thrown::Host(Unwind::Panic(payload)) => resume_unwind(payload),
    };
    // SAFETY: the activation's stack is live, and what was captured on it is still there.
    let backtrace = unsafe { Backtrace::take(&*(*activation).core) };
    Box::new(TrapRecord { failure, backtrace })
}
