//! What Ctrl-C does: ends the process, or asks whoever works to stop.
//!
//! **Invariants**
//! - A second Ctrl-C ends the process, whatever it is doing.
//! - Nothing waits for the signal: it costs a program that is not interrupted no thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::SIGINT;

use crate::failure::Failure;

/// The exit code after Ctrl-C: what shells say of a process that it ended.
pub(crate) const INTERRUPTED: u8 = 130;

/// What Ctrl-C does.
pub(crate) struct CtrlC {
    asked: Arc<AtomicBool>,
    at_once: Arc<AtomicBool>,
}

impl CtrlC {
    /// From now on, Ctrl-C ends the process with 130.
    pub(crate) fn ends_process() -> Result<Self, Failure> {
        let (asked, at_once) = (Arc::default(), Arc::new(AtomicBool::new(true)));
        // Done in this order when the signal comes.
        signal_hook::flag::register_conditional_shutdown(
            SIGINT,
            i32::from(INTERRUPTED),
            Arc::clone(&at_once),
        )
        .and_then(|_| signal_hook::flag::register(SIGINT, Arc::clone(&asked)))
        .and_then(|_| signal_hook::flag::register(SIGINT, Arc::clone(&at_once)))
        .map_err(|error| Failure::new(format!("can't handle Ctrl-C: {error}")))?;
        Ok(Self { asked, at_once })
    }

    /// From now on, the first Ctrl-C only sets what is returned.
    pub(crate) fn asks(&self) -> Arc<AtomicBool> {
        self.at_once.store(false, Ordering::SeqCst);
        Arc::clone(&self.asked)
    }

    /// From now on, Ctrl-C ends the process again.
    pub(crate) fn ends(&self) {
        self.at_once.store(true, Ordering::SeqCst);
    }
}
