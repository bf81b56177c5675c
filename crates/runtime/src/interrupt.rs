//! A file on which the sandbox stands; changes need a second reader.
//!
//! Stopping code from outside: the fuel a store has, its deadline, and the engine's epoch.
//!
//! ```text
//!  StoreConfig ── Epoch ◀── counted up by any thread
//!                   ▲ read by code
//!  StoreContext ────┘  fuel_consumed, epoch_deadline: read (and the first written) by code
//!  Store ── Interruption: fuel that the context has no room for, what is done at the deadline
//! ```
//! Code comes here by the builtins `out_of_fuel` and `new_epoch`, when fuel or time is up; see
//! `translate/interrupt.rs` of the compiler for where it looks.
//!
//! **Trusts** that whoever sets a store's [`EpochHook`] knows what the store's embedder is.
//! **Promises** that code whose fuel or time is up does not go on, unless the embedder said so.
//! **Tested by** this file's tests; with code, by `tests/interrupt.rs` of `brolga`.
//!
//! **Invariants**
//! - The fuel that is left is `reserve - fuel_consumed`, and none where that is below zero.
//! - While the hook runs, no reference into the store is in use here: the hook has the store.

use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use brolga_abi::{TrapCode, VmContext};

use crate::host::host_call_shim;
use crate::trap::Unwind;
use crate::{Store, StoreConfig};

/// How often an engine's epoch has been counted up. Alone in its line of the cache: all threads
/// that run code read it all the time.
#[derive(Default, Debug)]
#[repr(align(64))]
pub(crate) struct Epoch(pub(crate) AtomicU64);

/// What a store's embedder does when code meets the deadline: code goes on if it returns `Ok`, and
/// otherwise ends with what it says. It gets the store's embedder.
///
/// The store is the hook's while it runs.
pub type EpochHook = unsafe fn(embedder: *mut ()) -> Result<(), Unwind>;

/// A store's part in stopping its code.
#[derive(Default)]
pub(crate) struct Interruption {
    /// Fuel beyond what `fuel_consumed` can count.
    reserve: u64,
    /// What is done at the deadline; a trap if there is none.
    hook: Option<EpochHook>,
}

impl StoreConfig {
    /// Counts the epoch up: code of the engine's stores meets its deadline that much sooner.
    ///
    /// Any thread may call this, and a signal handler too.
    pub fn increment_epoch(&self) {
        self.epoch.0.fetch_add(1, Relaxed);
    }

    /// How often the epoch has been counted up.
    pub fn epoch(&self) -> u64 {
        self.epoch.0.load(Relaxed)
    }
}

impl Store {
    /// How much fuel is left. True also inside host functions.
    pub fn fuel(&self) -> u64 {
        let consumed = self.context.get().fuel_consumed;
        self.interruption.reserve.saturating_sub_signed(consumed)
    }

    /// Says how much fuel is left.
    pub fn set_fuel(&mut self, fuel: u64) {
        // What the counter can hold, and the rest.
        let counted = i64::try_from(fuel).unwrap_or(i64::MAX);
        self.interruption.reserve = fuel - counted.unsigned_abs();
        self.context.get_mut().fuel_consumed = -counted;
    }

    /// Sets the deadline: `ticks` epochs from now. Zero means now, which is how a store begins.
    pub fn set_epoch_deadline(&mut self, ticks: u64) {
        let now = self.config.epoch.0.load(Relaxed);
        self.context.get_mut().epoch_deadline = now.saturating_add(ticks);
    }

    /// The epoch in which the store's code stops.
    pub fn epoch_deadline(&self) -> u64 {
        self.context.get().epoch_deadline
    }

    /// Says what is done when code meets the deadline. Without a hook it traps.
    ///
    /// # Safety
    /// The hook may be called with whatever [`Store::set_embedder`] was given last, while code of
    /// this store waits for it.
    pub unsafe fn set_epoch_hook(&mut self, hook: Option<EpochHook>) {
        self.interruption.hook = hook;
    }

    /// Whether the deadline has been met.
    fn is_late(&self) -> bool {
        self.config.epoch.0.load(Relaxed) >= self.context.get().epoch_deadline
    }

    /// The builtin `out_of_fuel`.
    pub(crate) fn refuel(&mut self) -> Result<(), Unwind> {
        let fuel = self.fuel();
        // Also when it is zero: what was used beyond that is forgiven, lest the counter run over.
        self.set_fuel(fuel);
        match fuel {
            0 => Err(TrapCode::OutOfFuel.into()),
            _ => Ok(()),
        }
    }
}

/// The builtin `new_epoch`, for the instance whose context is `vmctx`.
///
/// # Safety
/// `vmctx` must be the context of the instance that runs on this thread, and the frame between it
/// and this function must own nothing.
pub(crate) unsafe fn new_epoch(vmctx: *mut VmContext) {
    // SAFETY: the caller says that the context is alive; its head never changes.
    let context = NonNull::new(unsafe { (*vmctx).store }).expect("a context names its store");
    let body = move || {
        // SAFETY: code of the store runs on this thread, so nobody else uses the store: whoever
        // entered code has said where it is, by `Store::stay`.
        let store = unsafe { Store::from_context(context).as_ref() };
        if !store.is_late() {
            return Ok(());
        }
        let (hook, embedder) = (store.interruption.hook, store.embedder());
        match hook {
            None => Err(TrapCode::Interrupt.into()),
            // SAFETY: whoever set the hook says so: the embedder is the store's, whose code waits;
            // `store` is not used any more.
            Some(hook) => unsafe { hook(embedder) },
        }
    };
    // SAFETY: code of the store called the entry, whose frame holds a number only.
    unsafe { host_call_shim(context, body) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Engine;

    fn store() -> Store {
        Engine::new().store()
    }

    fn consume(store: &mut Store, fuel: i64) {
        store.context.get_mut().fuel_consumed += fuel;
    }

    #[test]
    fn fuel_is_what_was_set_less_what_was_used() {
        for fuel in [0, 1, 1000, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX] {
            let mut store = store();
            store.set_fuel(fuel);
            assert_eq!(store.fuel(), fuel);
            consume(&mut store, 1000);
            assert_eq!(store.fuel(), fuel.saturating_sub(1000), "{fuel}");
        }
    }

    #[test]
    fn the_reserve_is_used_when_the_counter_is_empty() {
        let mut store = store();
        store.set_fuel(u64::MAX);
        consume(&mut store, i64::MAX);
        assert!(store.refuel().is_ok());
        assert_eq!(store.fuel(), u64::MAX - i64::MAX as u64);
        assert!(store.context.get().fuel_consumed < 0);
        consume(&mut store, i64::MAX);
        assert!(store.refuel().is_ok(), "one unit is left");
        consume(&mut store, 3);
        assert!(matches!(store.refuel(), Err(Unwind::Trap(TrapCode::OutOfFuel))));
        assert_eq!(store.fuel(), 0);
    }

    #[test]
    fn what_was_used_beyond_the_last_unit_does_not_pile_up() {
        let mut store = store();
        for _ in 0..8 {
            consume(&mut store, 1 << 62);
            assert!(store.refuel().is_err());
            assert_eq!(store.fuel(), 0);
        }
    }

    #[test]
    fn the_deadline_is_counted_from_now() {
        let mut store = store();
        let config = std::sync::Arc::clone(&store.config);
        assert!(store.is_late(), "a store begins with its deadline met");
        config.increment_epoch();
        store.set_epoch_deadline(2);
        assert!(!store.is_late());
        config.increment_epoch();
        assert!(!store.is_late());
        config.increment_epoch();
        assert!(store.is_late());
        store.set_epoch_deadline(u64::MAX);
        assert!(!store.is_late(), "further off than numbers go is never");
    }

    #[test]
    fn the_epoch_has_a_cache_line_of_its_own() {
        assert_eq!(size_of::<Epoch>(), 64);
    }
}
