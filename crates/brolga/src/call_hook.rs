//! Telling the embedder of every step between host and wasm.
//!
//! ```text
//!  host ─CallingWasm─▶ wasm ─CallingHost─▶ host function
//!  host ◀─ReturningFromWasm─ wasm ◀─ReturningFromHost─ host function
//! ```
//!
//! A store without a hook does not look for one on the way into wasm: functions remember where they
//! are entered only in stores without, and whoever has forgotten looks.
//!
//! **Invariants**
//! - While the hook runs, it has the store to itself: the slot it came from is empty. What it calls
//!   itself it is not told of.
//! - What is rooted while it runs is so until it returns: it is told of every call, and would fill
//!   the store otherwise.
//! - No argument or result is a bare reference while the hook runs outside of calls: it may close
//!   instances.

use core::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::{Result, Store, StoreContextMut};

/// A step between host and wasm; see [`Store::call_hook`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CallHook {
    /// The host calls a function.
    CallingWasm,
    /// That call has ended, one way or another.
    ReturningFromWasm,
    /// A host function was called.
    CallingHost,
    /// It has ended.
    ReturningFromHost,
}

impl CallHook {
    /// Whether it is the host's turn next.
    pub fn entering_host(&self) -> bool {
        matches!(self, CallHook::ReturningFromWasm | CallHook::CallingHost)
    }

    /// Whether it is wasm's turn next.
    pub fn exiting_host(&self) -> bool {
        !self.entering_host()
    }
}

/// What a store tells.
pub(crate) struct Hook<T: 'static>(Box<Tell<T>>);

type Tell<T> = dyn FnMut(StoreContextMut<'_, T>, CallHook) -> Result<()> + Send + Sync;

impl<T> fmt::Debug for Hook<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook(..)")
    }
}

impl<T> Store<T> {
    /// Has `hook` told of every step between host and wasm from now on. It has the store; what it
    /// calls itself it is not told of.
    ///
    /// Its error ends what was going on: a call that was to begin does not, a call that has ended
    /// has ended with that, and a host function fails with it. It may be told of further steps on
    /// the way out. A call that ends in a panic is not told of.
    ///
    /// ```
    /// # use brolga::*;
    /// # fn main() -> Result<()> {
    /// let mut store = Store::new(&Engine::default(), Vec::new());
    /// store.call_hook(|mut store, step| {
    ///     store.data_mut().push(step);
    ///     Ok(())
    /// });
    /// let host = Func::wrap(&mut store, || {});
    /// host.typed::<(), ()>(&store)?.call(&mut store, ())?;
    /// use CallHook::*;
    /// assert_eq!(
    ///     store.into_data(),
    ///     [CallingWasm, CallingHost, ReturningFromHost, ReturningFromWasm]
    /// );
    /// # Ok(())
    /// # }
    /// ```
    pub fn call_hook(
        &mut self,
        hook: impl FnMut(StoreContextMut<'_, T>, CallHook) -> Result<()> + Send + Sync + 'static,
    ) {
        let mut context = self.context_mut();
        let cell = context.cell_mut();
        cell.runtime.tell_calls();
        // Last, as it drops the hook before, which may panic.
        cell.call_hook = Some(Hook(Box::new(hook)));
    }
}

impl<T> StoreContextMut<'_, T> {
    /// Tells the hook, if there is one and it is not what is running.
    #[inline(always)]
    pub(crate) fn tell(&mut self, step: CallHook) -> Result<()> {
        if self.cell().runtime.tells_calls() { self.tell_hook(step) } else { Ok(()) }
    }

    #[cold]
    fn tell_hook(&mut self, step: CallHook) -> Result<()> {
        let Some(mut hook) = self.cell_mut().call_hook.take() else { return Ok(()) };
        let scope = self.cell().runtime.root_scope();
        let told = catch_unwind(AssertUnwindSafe(|| hook.0(self.reborrow(), step)));
        let cell = self.cell_mut();
        cell.runtime.leave_root_scope(scope);
        cell.call_hook = Some(hook);
        told.unwrap_or_else(|payload| resume_unwind(payload))
    }

    /// Makes a call of the host's, telling the hook before and after.
    #[inline(always)]
    pub(crate) fn told<R>(
        &mut self,
        call: impl FnOnce(&mut StoreContextMut<'_, T>) -> Result<R>,
    ) -> Result<R> {
        self.tell(CallHook::CallingWasm)?;
        let result = call(self);
        match self.tell(CallHook::ReturningFromWasm) {
            Ok(()) => result,
            Err(error) => Err(error),
        }
    }
}
