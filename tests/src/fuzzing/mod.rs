//! What the fuzz targets do, as functions that tests call too.
//!
//! ```text
//!  bytes ─ modules ─▶ module ─┬─ compile ─────── wasmparser's verdict, images compared
//!        │                    └─ differential ──┐
//!        └─ expressions ─ operators ──────────────┴─ Brolga in some configuration beside
//!                                                    wasmi, or another configuration
//! ```
//!
//! A target is a function of an [`Unstructured`] and of [`Counters`]. It panics where it found
//! something, and it gives up, with [`arbitrary::Error`], where the bytes do not suffice. `fuzz/`
//! feeds it what libFuzzer makes up; `smoke.rs` feeds it a seeded stream for a second, with [`run`].
//!
//! **Invariants**
//! - The same bytes do the same: nothing depends on time, addresses or other inputs.
//! - Whatever is not compared is counted, so that a target that does nothing can be told from one
//!   that finds nothing.

mod catalogue;
pub mod compile;
pub mod differential;
mod modules;
pub mod operators;
mod side;
mod side_brolga;
mod side_wasmi;
mod values;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use arbitrary::Unstructured;

/// What a fuzz target is.
pub type Target = fn(&mut Unstructured<'_>, &Counters) -> arbitrary::Result<()>;

/// How often what happened.
#[derive(Default)]
pub struct Counters(Mutex<BTreeMap<&'static str, u64>>);

impl Counters {
    /// All zero.
    pub const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// Counts one `what`.
    pub fn add(&self, what: &'static str) {
        *self.rows().entry(what).or_default() += 1;
    }

    /// How often `what` was counted.
    pub fn get(&self, what: &str) -> u64 {
        self.rows().get(what).copied().unwrap_or_default()
    }

    /// How many of a hundred `whole` were `part`; 0 if there was none.
    pub fn percent(&self, part: &str, whole: &str) -> u64 {
        (self.get(part) * 100).checked_div(self.get(whole)).unwrap_or_default()
    }

    // A finding poisons the lock; the counts are right nevertheless.
    fn rows(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (what, count)) in self.rows().iter().enumerate() {
            let comma = if position == 0 { "" } else { ", " };
            write!(f, "{comma}{what}: {count}")?;
        }
        Ok(())
    }
}

/// Runs `target` on inputs made from `seed`: at least `least` of them, and as many as `time`
/// allows.
///
/// # Panics
/// If the target finds something; the message before names the input.
pub fn run(target: Target, seed: u64, least: u64, time: Duration) -> Counters {
    let counters = Counters::new();
    let start = Instant::now();
    let mut input = 0;
    while input < least || start.elapsed() < time {
        run_one(target, seed, input, &counters);
        input += 1;
    }
    counters
}

/// Runs `target` on one input of [`run`].
pub fn run_one(target: Target, seed: u64, input: u64, counters: &Counters) {
    let named = Named { seed, input };
    one(target, &input_bytes(seed, input), counters);
    core::mem::forget(named);
}

/// Runs `target` on one input and counts it.
pub fn one(target: Target, bytes: &[u8], counters: &Counters) {
    counters.add("inputs");
    if target(&mut Unstructured::new(bytes), counters).is_err() {
        counters.add("inputs too short");
    }
}

/// Runs `target` on what a fuzzer made up, and prints the counters every 10,000 inputs.
pub fn fuzz(target: Target, bytes: &[u8]) {
    static COUNTERS: Counters = Counters::new();
    one(target, bytes, &COUNTERS);
    if COUNTERS.get("inputs").is_multiple_of(REPORT) {
        eprintln!("{COUNTERS}");
    }
}

/// Writes the module that an input stands for to the file that [`KEEP`] names, so that it can be
/// looked at after a finding.
fn keep(module: &[u8]) {
    if let Some(path) = std::env::var_os(KEEP) {
        std::fs::write(path, module).expect("the file can be written");
    }
}

/// The environment variable that names the file for [`keep`].
const KEEP: &str = "BROLGA_FUZZ_MODULE";

/// How many inputs there are from one report to the next.
const REPORT: u64 = 10_000;

/// The bytes of input `input` of the stream `seed`: [`run`] feeds these.
pub fn input_bytes(seed: u64, input: u64) -> Vec<u8> {
    let mut state = seed ^ input.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = move || {
        // splitmix64
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    };
    let words = 128 + next() % 896;
    (0..words).flat_map(|_| next().to_le_bytes()).collect()
}

/// Says which input it was, should the target panic.
struct Named {
    seed: u64,
    input: u64,
}

impl Drop for Named {
    fn drop(&mut self) {
        eprintln!("found by input {} of the stream with seed {}", self.input, self.seed);
    }
}
