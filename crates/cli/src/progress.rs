//! How far a compilation has come, shown to who waits at a terminal; and its end by Ctrl-C.
//!
//! **Invariants**
//! - What is not a terminal sees nothing, and neither does who waits less than half a second.
//! - What was shown is gone when the compilation ends.

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use brolga::{CompileObserver, DefinedFuncIndex};
use indicatif::{ProgressBar, ProgressStyle};

use crate::ctrl_c::CtrlC;

/// How long a compilation takes before anything is shown.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often what is shown changes, should nothing be compiled meanwhile.
const TICK: Duration = Duration::from_millis(100);
/// Fits a terminal of 80 columns.
const LINE: &str =
    "compiling {wide_bar} {msg} functions, {decimal_bytes} of {decimal_total_bytes}, {eta} left";

/// Watches one compilation.
pub(crate) struct Progress<'a> {
    ctrl_c: &'a CtrlC,
    interrupted: Arc<AtomicBool>,
    start: Instant,
    functions: AtomicUsize,
    bytes: AtomicUsize,
    functions_done: AtomicUsize,
    bytes_done: AtomicUsize,
    /// Made when patience has an end; `None` where there is nobody to see it.
    bar: OnceLock<Option<ProgressBar>>,
}

impl<'a> Progress<'a> {
    /// From now on, Ctrl-C ends the compilation.
    pub(crate) fn new(ctrl_c: &'a CtrlC) -> Self {
        Self {
            ctrl_c,
            interrupted: ctrl_c.asks(),
            start: Instant::now(),
            functions: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            functions_done: AtomicUsize::new(0),
            bytes_done: AtomicUsize::new(0),
            bar: OnceLock::new(),
        }
    }

    fn bar(&self) -> Option<&ProgressBar> {
        let make = || {
            if !io::stderr().is_terminal() {
                return None;
            }
            let bar = ProgressBar::new(self.bytes.load(Ordering::Relaxed) as u64);
            bar.set_style(ProgressStyle::with_template(LINE).ok()?.progress_chars("=> "));
            // The bar knows the work of half a second as that of no time.
            let bar = bar.with_elapsed(self.start.elapsed());
            bar.enable_steady_tick(TICK);
            Some(bar)
        };
        self.bar.get_or_init(make).as_ref()
    }
}

impl CompileObserver for Progress<'_> {
    fn started(&self, functions: usize, bytes: usize) {
        self.functions.store(functions, Ordering::Relaxed);
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    fn function_done(&self, _: DefinedFuncIndex, body_bytes: usize) {
        let done = self.functions_done.fetch_add(1, Ordering::Relaxed) + 1;
        let bytes = self.bytes_done.fetch_add(body_bytes, Ordering::Relaxed) + body_bytes;
        if self.start.elapsed() < PATIENCE {
            return;
        }
        if let Some(bar) = self.bar() {
            bar.set_message(format!("{done} of {}", self.functions.load(Ordering::Relaxed)));
            bar.set_position(bytes as u64);
        }
    }

    fn cancelled(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if let Some(Some(bar)) = self.bar.get() {
            bar.finish_and_clear();
        }
        self.ctrl_c.ends();
    }
}
