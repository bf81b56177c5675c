//! Ending a program from outside: at its deadline, and when the user presses Ctrl-C.
//!
//! ```text
//!  Ctrl-C ─▶ nothing to tidy up ─▶ the process ends with 130, from the signal handler
//!       └──▶ code looks at epochs ─▶ the watch ends the epoch ─▶ the call ends with a trap
//!  deadline ───────────────────────────▲        └─▶ the guest waits in the host: the process ends
//! ```
//!
//! **Invariants**
//! - A program that is run without a deadline pays nothing: no thread, and code without epochs.
//!   Ctrl-C ends its process; see `ctrl_c.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::{Duration, Instant};

use super::sampler;
use crate::ctrl_c::{CtrlC, INTERRUPTED};
use crate::failure::Failure;
use brolga::{Engine, Error, Trap};

/// The exit code at the deadline: that of the command `timeout`.
const TIMED_OUT: u8 = 124;

/// How often the watch looks.
const LOOK: Duration = Duration::from_millis(10);
/// How long a guest has, once told to stop, to come back from a host function.
const GRACE: Duration = Duration::from_millis(500);

/// Watches a guest whose code looks at epochs, until it is dropped.
pub(crate) struct Watch {
    shared: Arc<Shared>,
}

struct Shared {
    asked: Arc<AtomicBool>,
    timeout: Option<Duration>,
    /// Whether to have the guest look up again and again.
    samples: bool,
    /// Why the guest was told to stop: an exit code, or 0.
    why: AtomicU8,
    over: AtomicBool,
}

impl Watch {
    /// Watches from now on. The store's deadline must be one epoch away.
    pub(super) fn start(
        engine: &Engine,
        timeout: Option<Duration>,
        samples: bool,
        ctrl_c: &CtrlC,
    ) -> Result<Self, Failure> {
        let shared = Arc::new(Shared {
            asked: ctrl_c.asks(),
            timeout,
            samples,
            why: AtomicU8::new(0),
            over: AtomicBool::new(false),
        });
        let (engine, watched) = (engine.clone(), Arc::clone(&shared));
        std::thread::Builder::new()
            .name("brolga-watch".to_owned())
            .spawn(move || watched.watch(&engine))
            .map_err(|error| Failure::new(format!("can't start a thread: {error}")))?;
        Ok(Self { shared })
    }

    /// Whether the guest, which has met its deadline, is to stop; asked from within a call.
    pub(super) fn stops(&self) -> impl Fn() -> bool + Send + Sync + 'static {
        let shared = Arc::clone(&self.shared);
        move || shared.why.load(Ordering::SeqCst) != 0
    }

    /// What to say of the guest's `error`, if it is that it was stopped.
    pub(super) fn stopped(&self, error: &Error) -> Option<Failure> {
        self.shared.over.store(true, Ordering::SeqCst);
        let interrupted = error.downcast_ref() == Some(&Trap::Interrupt);
        self.shared.failure().filter(|_| interrupted)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
    }
}

impl Shared {
    fn watch(&self, engine: &Engine) {
        let start = Instant::now();
        let why = loop {
            let left = self.timeout.map(|timeout| timeout.saturating_sub(start.elapsed()));
            if self.asked.load(Ordering::SeqCst) {
                break INTERRUPTED;
            }
            if left.is_some_and(|left| left.is_zero()) {
                break TIMED_OUT;
            }
            if self.over.load(Ordering::SeqCst) {
                return;
            }
            let pause = if self.samples { sampler::INTERVAL } else { LOOK };
            std::thread::sleep(left.unwrap_or(pause).min(pause));
            if self.samples {
                engine.increment_epoch();
            }
        };
        self.why.store(why, Ordering::SeqCst);
        engine.increment_epoch();
        let told = Instant::now();
        while told.elapsed() < GRACE {
            if self.over.load(Ordering::SeqCst) {
                return;
            }
            std::thread::sleep(LOOK);
        }
        // The guest waits for something in a host function that does not look at epochs.
        if let Some(failure) = self.failure() {
            failure.report();
            std::process::exit(i32::from(why));
        }
    }

    fn failure(&self) -> Option<Failure> {
        let code = self.why.load(Ordering::SeqCst);
        let message = match (code, self.timeout) {
            (INTERRUPTED, _) => "interrupted".to_owned(),
            (TIMED_OUT, Some(timeout)) => format!("the program ran longer than {timeout:?}"),
            _ => return None,
        };
        Some(Failure::new(message).code(code))
    }
}
