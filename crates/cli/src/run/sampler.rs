//! `--profile guest`: which functions run, by looking often.
//!
//! ```text
//!  watch ─ends an epoch a millisecond─▶ guest meets its deadline ─▶ Sampler: the functions that
//!                                                                   are active, and the time
//! ```
//!
//! The guest is looked at where it looks at epochs: at calls and turns of loops. Time that it
//! spends in host functions is seen when it comes back.
//!
//! **Invariants**
//! - What is kept grows with the different stacks and the samples, not with their depth.

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use brolga::inspect::readable;
use brolga::{AsContext, WasmBacktrace};

use super::firefox;
use crate::failure::Failure;
use crate::input::Name;

/// How often the guest is looked at.
pub(super) const INTERVAL: Duration = Duration::from_millis(1);
/// How many active functions are looked at, innermost first.
pub(super) const DEPTH_MAX: NonZeroUsize = NonZeroUsize::new(512).unwrap();

/// Collects samples. Clones share them.
#[derive(Clone)]
pub(super) struct Sampler(Arc<Mutex<Samples>>);

/// What has been seen.
pub(super) struct Samples {
    start: Instant,
    /// When it began, since 1970.
    pub(super) start_time: Duration,
    /// The functions' names.
    pub(super) functions: Once<String>,
    /// A function, by its position, called by the stack at a position.
    pub(super) stacks: Once<(Option<usize>, usize)>,
    /// When, since the start, and which stack was active.
    pub(super) samples: Vec<(Duration, Option<usize>)>,
}

/// Things, each once, by their positions.
pub(super) struct Once<T> {
    pub(super) things: Vec<T>,
    positions: HashMap<T, usize>,
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self { things: Vec::new(), positions: HashMap::new() }
    }
}

impl<T: Clone + Eq + Hash> Once<T> {
    fn position(&mut self, thing: T) -> usize {
        if let Some(position) = self.positions.get(&thing) {
            return *position;
        }
        let position = self.things.len();
        self.things.push(thing.clone());
        self.positions.insert(thing, position);
        position
    }
}

impl Samples {
    /// Of a program that starts now.
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            start_time: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            functions: Once::default(),
            stacks: Once::default(),
            samples: Vec::new(),
        }
    }

    /// Adds that the functions `names`, outermost first, were active at `time` since the start.
    pub(super) fn add(&mut self, time: Duration, names: impl Iterator<Item = String>) {
        let mut stack = None;
        for name in names {
            let function = self.functions.position(name);
            stack = Some(self.stacks.position((stack, function)));
        }
        self.samples.push((time, stack));
    }
}

impl Sampler {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Samples::new())))
    }

    /// Looks at the guest.
    pub(super) fn sample(&self, store: impl AsContext) {
        let backtrace = WasmBacktrace::capture(store);
        let names = backtrace.frames().iter().rev().map(|frame| match frame.func_name() {
            Some(name) => readable(name),
            None => format!("<wasm function {}>", frame.func_index()),
        });
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = samples.start.elapsed();
        samples.add(now, names);
    }

    /// Writes what has been seen of the program `title`.
    pub(super) fn write(&self, file: &Path, title: &str) -> Result<(), Failure> {
        let samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        firefox::profile(&samples, title).write(&mut text);
        std::fs::write(file, text).map_err(|error| {
            Failure::new(format!("can't write the profile to {}: {error}", Name(file)))
        })?;
        let count = samples.samples.len();
        crate::failure::eprint(&format!(
            "profile: {count} samples in {}, for https://profiler.firefox.com",
            Name(file)
        ));
        Ok(())
    }
}
