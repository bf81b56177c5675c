//! Stopping wasm from outside: fuel, which counts what is executed, and epochs, which any thread
//! may count up.
//!
//! | | fuel | epochs |
//! |---|---|---|
//! | switched on by | [`Config::consume_fuel`](crate::Config::consume_fuel) | [`Config::epoch_interruption`](crate::Config::epoch_interruption) |
//! | wasm stops | after as many operators, always at the same place | some time after [`Engine::increment_epoch`] |
//! | with | [`Trap::OutOfFuel`] | [`Trap::Interrupt`], or as [`Store::epoch_deadline_callback`] says |
//! | costs | an addition in memory for each branch and call | two loads for each call and turn of a loop |
//!
//! Both are looked at where a function begins, where a turn of a loop begins, and before operators
//! that work on a whole range (`memory.fill` and its like). Once begun, such an operator is not
//! interrupted: over 2 GiB that nobody has touched one took 1.7 s of processor time, most of it the
//! system's for new pages, and it grows with the length. A limit on memory is one on that. Host functions
//! are not interrupted either; those that wait can ask for the deadline, by [`Caller::epoch_watch`] and
//! [`Caller::check_epoch_deadline`]. After a stop the store is as usable as after any trap.
//!
//! **Invariants**
//! - While the callback runs, it has the store to itself: the slot it came from is empty.

use core::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

#[cfg(doc)]
use crate::Config;
use crate::{
    Caller, Engine, Result, Store, StoreContext, StoreContextMut, Trap, ensure, host_call,
};

/// What is done when wasm has met the deadline, as the callback of
/// [`Store::epoch_deadline_callback`] says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum UpdateDeadline {
    /// The call ends with [`Trap::Interrupt`]. The deadline stays.
    Interrupt,
    /// Wasm goes on, and the deadline is that many epochs from now.
    Continue(u64),
}

/// What a store asks at its deadline.
pub(crate) struct EpochCallback<T: 'static>(Box<Ask<T>>);

type Ask<T> = dyn FnMut(StoreContextMut<'_, T>) -> Result<UpdateDeadline> + Send + Sync;

impl<T> fmt::Debug for EpochCallback<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EpochCallback(..)")
    }
}

impl Engine {
    /// Counts the engine's epoch up by one: the deadline of each of its stores is that much nearer.
    ///
    /// Any thread may call this at any time; it is one atomic addition. Wasm that runs and whose
    /// deadline is met by it stops at its next call or turn of a loop.
    ///
    /// ```
    /// # use brolga::*;
    /// # fn main() -> Result<()> {
    /// let engine = Engine::new(Config::new().epoch_interruption(true))?;
    /// let module = Module::new(&engine, r#"(module (func (export "run") (loop (br 0))))"#)?;
    /// let mut store = Store::new(&engine, ());
    /// store.set_epoch_deadline(1);
    /// let instance = Instance::new(&mut store, &module, &[])?;
    /// let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
    /// std::thread::spawn(move || engine.increment_epoch());
    /// let error = run.call(&mut store, ()).unwrap_err();
    /// assert_eq!(error.downcast_ref(), Some(&Trap::Interrupt));
    /// # Ok(())
    /// # }
    /// ```
    pub fn increment_epoch(&self) {
        self.stores().increment_epoch();
    }
}

impl<T> Store<T> {
    /// How much fuel is left.
    ///
    /// # Errors
    /// If the engine does not count fuel; see [`Config::consume_fuel`].
    pub fn get_fuel(&self) -> Result<u64> {
        self.context().get_fuel()
    }

    /// Says how much fuel is left, from now on. A store begins with none, and wasm traps at once.
    ///
    /// Calling a function takes one unit and each operator one more, but for `nop`, `drop`,
    /// `block`, `loop`, `else`, `end`, `return` and `unreachable`, which are free. Operators that
    /// work on a range take a unit for each byte or element in addition, before they do anything.
    /// What a program uses depends on nothing but what it does: not on the machine, nor on any
    /// setting. Where a call traps, what came after the last branch or call is not counted.
    ///
    /// ```
    /// # use brolga::*;
    /// # fn main() -> Result<()> {
    /// let engine = Engine::new(Config::new().consume_fuel(true))?;
    /// let module = Module::new(&engine, r#"(module
    ///     (func (export "add") (param i32 i32) (result i32)
    ///         (i32.add (local.get 0) (local.get 1))))"#)?;
    /// let mut store = Store::new(&engine, ());
    /// store.set_fuel(100)?;
    /// let instance = Instance::new(&mut store, &module, &[])?;
    /// let add = instance.get_typed_func::<(i32, i32), i32>(&mut store, "add")?;
    /// assert_eq!(add.call(&mut store, (40, 2))?, 42);
    /// assert_eq!(store.get_fuel()?, 96); // the call, two `local.get`, one `i32.add`
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Store::get_fuel`].
    pub fn set_fuel(&mut self, fuel: u64) -> Result<()> {
        self.context_mut().set_fuel(fuel)
    }

    /// Sets the deadline: `ticks_beyond_current` epochs from now. A store begins with its deadline
    /// met, and wasm stops at once.
    ///
    /// Without [`Config::epoch_interruption`] wasm does not look at the deadline.
    pub fn set_epoch_deadline(&mut self, ticks_beyond_current: u64) {
        self.context_mut().set_epoch_deadline(ticks_beyond_current);
    }

    /// At the deadline, calls end with [`Trap::Interrupt`]: what a store does unless told
    /// otherwise.
    pub fn epoch_deadline_trap(&mut self) {
        self.context_mut().epoch_deadline_trap();
    }

    /// At the deadline, asks `callback`: it has the store, may call wasm, and says whether the
    /// call goes on. Its error ends the call and is what the caller gets. Wasm that it calls
    /// itself is not asked about: there the deadline is a trap.
    ///
    /// ```
    /// # use brolga::*;
    /// # fn main() -> Result<()> {
    /// let engine = Engine::new(Config::new().epoch_interruption(true))?;
    /// let module = Module::new(&engine, r#"(module (func (export "run") (loop (br 0))))"#)?;
    /// let mut store = Store::new(&engine, 0);
    /// store.epoch_deadline_callback(|mut store| {
    ///     *store.data_mut() += 1;
    ///     match store.data() {
    ///         1..3 => Ok(UpdateDeadline::Continue(0)),
    ///         _ => Ok(UpdateDeadline::Interrupt),
    ///     }
    /// });
    /// let instance = Instance::new(&mut store, &module, &[])?;
    /// let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
    /// let error = run.call(&mut store, ()).unwrap_err();
    /// assert_eq!(error.downcast_ref(), Some(&Trap::Interrupt));
    /// assert_eq!(*store.data(), 3);
    /// # Ok(())
    /// # }
    /// ```
    pub fn epoch_deadline_callback(
        &mut self,
        callback: impl FnMut(StoreContextMut<'_, T>) -> Result<UpdateDeadline> + Send + Sync + 'static,
    ) {
        let mut context = self.context_mut();
        context.cell_mut().epoch_callback = Some(EpochCallback(Box::new(callback)));
        host_call::ask_at_deadline(&mut context, true);
    }
}

impl<T> StoreContext<'_, T> {
    /// How much fuel is left; see [`Store::get_fuel`].
    ///
    /// # Errors
    /// As [`Store::get_fuel`].
    pub fn get_fuel(&self) -> Result<u64> {
        self.engine().check_counts_fuel()?;
        Ok(self.cell().runtime.fuel())
    }
}

impl<T> StoreContextMut<'_, T> {
    /// How much fuel is left; see [`Store::get_fuel`].
    ///
    /// # Errors
    /// As [`Store::get_fuel`].
    pub fn get_fuel(&self) -> Result<u64> {
        self.shared().get_fuel()
    }

    /// Says how much fuel is left; see [`Store::set_fuel`].
    ///
    /// # Errors
    /// As [`Store::get_fuel`].
    pub fn set_fuel(&mut self, fuel: u64) -> Result<()> {
        self.engine().check_counts_fuel()?;
        self.cell_mut().runtime.set_fuel(fuel);
        Ok(())
    }

    /// Sets the deadline; see [`Store::set_epoch_deadline`].
    pub fn set_epoch_deadline(&mut self, ticks_beyond_current: u64) {
        self.cell_mut().runtime.set_epoch_deadline(ticks_beyond_current);
    }

    /// At the deadline, calls end with a trap; see [`Store::epoch_deadline_trap`].
    pub fn epoch_deadline_trap(&mut self) {
        self.cell_mut().epoch_callback = None;
        host_call::ask_at_deadline(self, false);
    }

    /// What the store's callback says, which code that has met the deadline waits for.
    pub(crate) fn update_deadline(&mut self) -> Result<UpdateDeadline> {
        let Some(mut callback) = self.cell_mut().epoch_callback.take() else {
            return Ok(UpdateDeadline::Interrupt);
        };
        let update = catch_unwind(AssertUnwindSafe(|| callback.0(self.reborrow())));
        self.cell_mut().epoch_callback = Some(callback);
        update.unwrap_or_else(|payload| resume_unwind(payload))
    }
}

impl<T> Caller<'_, T> {
    /// How much fuel is left; see [`Store::get_fuel`].
    ///
    /// # Errors
    /// As [`Store::get_fuel`].
    pub fn get_fuel(&self) -> Result<u64> {
        self.store.get_fuel()
    }

    /// Says how much fuel is left; see [`Store::set_fuel`]. The wasm that called goes on with that.
    ///
    /// # Errors
    /// As [`Store::get_fuel`].
    pub fn set_fuel(&mut self, fuel: u64) -> Result<()> {
        self.store.set_fuel(fuel)
    }
}

/// Tells whether a store's deadline has been met. It does not borrow the store, so a host function
/// can hold it while it waits; see [`Caller::epoch_watch`].
#[derive(Clone, Debug)]
pub struct EpochWatch {
    engine: Engine,
    deadline: u64,
}

impl EpochWatch {
    /// Whether the deadline has been met; as it was when this was made.
    pub fn is_due(&self) -> bool {
        self.engine.stores().epoch() >= self.deadline
    }
}

impl<T> StoreContextMut<'_, T> {
    /// Looks out for the store's deadline; see [`Caller::epoch_watch`].
    pub fn epoch_watch(&self) -> Option<EpochWatch> {
        let engine = self.engine();
        if !engine.config().options.epoch_interruption {
            return None;
        }
        let deadline = self.cell().runtime.epoch_deadline();
        Some(EpochWatch { engine: engine.clone(), deadline })
    }

    /// Stops, or goes on, as wasm would here; see [`Caller::check_epoch_deadline`].
    ///
    /// # Errors
    /// As [`Caller::check_epoch_deadline`].
    pub fn check_epoch_deadline(&mut self) -> Result<()> {
        if !self.epoch_watch().is_some_and(|watch| watch.is_due()) {
            return Ok(());
        }
        match self.update_deadline()? {
            UpdateDeadline::Interrupt => Err(Trap::Interrupt.into()),
            UpdateDeadline::Continue(ticks) => {
                self.set_epoch_deadline(ticks);
                Ok(())
            }
        }
    }
}

impl<T> Caller<'_, T> {
    /// Looks out for the store's deadline, for a host function that waits: as soon as the watch is
    /// due, it should stop waiting and say [`Caller::check_epoch_deadline`]. `None` if the engine
    /// does not look at epochs.
    ///
    /// ```
    /// # use brolga::*;
    /// # fn main() -> Result<()> {
    /// let engine = Engine::new(Config::new().epoch_interruption(true))?;
    /// let mut store = Store::new(&engine, ());
    /// store.set_epoch_deadline(1);
    /// let wait = Func::wrap(&mut store, |mut caller: Caller<'_, ()>| -> Result<()> {
    ///     let watch = caller.epoch_watch().context("epochs are on")?;
    ///     loop {
    ///         while !watch.is_due() {
    ///             std::thread::sleep(std::time::Duration::from_millis(1));
    ///         }
    ///         caller.check_epoch_deadline()?;
    ///     }
    /// });
    /// std::thread::spawn(move || engine.increment_epoch());
    /// let error = wait.typed::<(), ()>(&store)?.call(&mut store, ()).unwrap_err();
    /// assert_eq!(error.downcast_ref(), Some(&Trap::Interrupt));
    /// # Ok(())
    /// # }
    /// ```
    pub fn epoch_watch(&self) -> Option<EpochWatch> {
        self.store.epoch_watch()
    }

    /// Does what wasm does in a turn of a loop: nothing if the deadline has not been met, and else
    /// what the store says. It says to go on, and there is a new deadline, or it says to stop.
    ///
    /// # Errors
    /// [`Trap::Interrupt`] to stop, or the error of the callback of
    /// [`Store::epoch_deadline_callback`]: the host function should return it.
    pub fn check_epoch_deadline(&mut self) -> Result<()> {
        self.store.check_epoch_deadline()
    }
}

impl Engine {
    fn check_counts_fuel(&self) -> Result<()> {
        ensure!(
            self.config().options.consume_fuel,
            "fuel is not configured in this store: its engine needs `Config::consume_fuel(true)`"
        );
        Ok(())
    }
}
