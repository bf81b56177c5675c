//! What the benchmarks share: timing two engines in turn and printing the ratio.
//!
//! Machines are noisy and drift, so no figure here is an absolute time to quote: each sample of one
//! engine is followed at once by a sample of the other, and the ratio is the median over the pairs.
//!
//! **Invariants**
//! - Both engines do the same work in the same process, and each result is checked.
//! - A ratio below 1 means that Brolga is faster.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

/// Pairs of samples behind each ratio; `BROLGA_BENCH_PAIRS` overrides it.
const PAIRS: usize = 15;
/// Operations of each row when `BROLGA_BENCH_ALONE` names one engine.
const ALONE: u32 = 20;
/// How long one sample should at least take.
const SAMPLE: Duration = Duration::from_millis(30);

/// A table of comparisons that is printed as it grows.
#[derive(Debug)]
pub struct Comparison {
    title: &'static str,
    peer: &'static str,
    ratios: Vec<f64>,
    filter: Option<String>,
    pairs: usize,
}

impl Comparison {
    /// Starts the table `title`; the peer's name heads its column. The first argument on the command
    /// line that is not a flag chooses the rows whose name contains it.
    pub fn new(title: &'static str, peer: &'static str) -> Self {
        println!("{title:<34} {:>12} {peer:>12} {:>8}  spread", "brolga", "ratio");
        let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
        let pairs = std::env::var("BROLGA_BENCH_PAIRS").ok();
        let pairs = pairs.and_then(|text| text.parse().ok()).unwrap_or(PAIRS);
        Self { title, peer, ratios: Vec::new(), filter, pairs }
    }

    /// Times `ours` against `theirs`; each call is one operation.
    pub fn row(&mut self, name: &str, mut ours: impl FnMut(), mut theirs: impl FnMut()) {
        if self.filter.as_ref().is_some_and(|filter| !name.contains(filter.as_str())) {
            return;
        }
        match std::env::var("BROLGA_BENCH_ALONE").as_deref() {
            // For a profiler: the same operations, one engine, nothing timed.
            Ok("brolga") => return (0..ALONE).for_each(|_| ours()),
            Ok(_) => return (0..ALONE).for_each(|_| theirs()),
            Err(_) => {}
        }
        let our_count = calibrate(&mut ours);
        let their_count = calibrate(&mut theirs);
        let mut samples = Vec::new();
        for pair in 0..self.pairs {
            // Who goes first changes each time, so that neither profits from its place.
            let (our_time, their_time) = if pair % 2 == 0 {
                let our_time = sample(&mut ours, our_count);
                (our_time, sample(&mut theirs, their_count))
            } else {
                let their_time = sample(&mut theirs, their_count);
                (sample(&mut ours, our_count), their_time)
            };
            samples.push((our_time / their_time, our_time, their_time));
        }
        samples.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (low, high) = (samples[samples.len() / 10].0, samples[samples.len() * 9 / 10].0);
        let middle = samples[samples.len() / 2];
        println!(
            "{name:<34} {:>12} {:>12} {:>8.2}  {low:.2}–{high:.2}",
            show(middle.1),
            show(middle.2),
            middle.0
        );
        self.ratios.push(middle.0);
    }

    /// Prints the geometric mean of all rows.
    pub fn finish(self) {
        if self.ratios.is_empty() {
            println!("{}: no row matches the filter", self.title);
            return;
        }
        let sum: f64 = self.ratios.iter().map(|ratio| ratio.ln()).sum();
        let mean = (sum / self.ratios.len() as f64).exp();
        println!(
            "{:<34} {:>12} {:>12} {mean:>8.2}  geometric mean of {} rows against {}\n",
            self.title,
            "",
            "",
            self.ratios.len(),
            self.peer
        );
    }
}

/// How many operations make a sample long enough.
fn calibrate(operation: &mut impl FnMut()) -> u32 {
    let mut count = 1_u32;
    loop {
        let start = Instant::now();
        for _ in 0..count {
            operation();
        }
        let took = start.elapsed();
        if took >= SAMPLE {
            return count;
        }
        let factor = SAMPLE.as_secs_f64() / took.as_secs_f64().max(1e-9) * 1.2;
        count = (f64::from(count) * factor.clamp(1.5, 100.0)).ceil() as u32;
    }
}

/// Seconds an operation.
fn sample(operation: &mut impl FnMut(), count: u32) -> f64 {
    let start = Instant::now();
    for _ in 0..count {
        operation();
    }
    start.elapsed().as_secs_f64() / f64::from(count)
}

fn show(seconds: f64) -> String {
    match seconds {
        s if s < 1e-6 => format!("{:.1} ns", s * 1e9),
        s if s < 1e-3 => format!("{:.1} µs", s * 1e6),
        s if s < 1.0 => format!("{:.1} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}

/// A kernel: a module that exports `run`, what to call it with and what it must return.
#[derive(Clone, Copy, Debug)]
pub struct Kernel {
    /// Its name: the source is `kernels/NAME.c`.
    pub name: &'static str,
    /// The module, built by `kernels/build.sh`.
    pub wasm: &'static [u8],
    /// What `run` is called with.
    pub argument: i32,
    /// What it must return: what the same source returns when built for this machine by gcc, or for
    /// vectors what both engines agree on.
    pub result: u32,
}

macro_rules! kernels {
    ($($name:ident($argument:literal) = $result:literal;)*) => {
        /// The kernels, a line each.
        pub const KERNELS: &[Kernel] = &[$(Kernel {
            name: stringify!($name),
            wasm: include_bytes!(concat!("../kernels/", stringify!($name), ".wasm")),
            argument: $argument,
            result: $result,
        },)*];
    };
}

kernels! {
    fib(27) = 196_418;
    sieve(1_000_000) = 78_498;
    matmul(160) = 77_976;
    nbody(100_000) = 169_228_805;
    mandelbrot(200) = 2_238_530;
    sha256(20_000) = 1_115_831_789;
    quicksort(65_536) = 1_259_084_669;
    interpreter(300_000) = 1_160_824_144;
    dispatch(3_000_000) = 732_787_262;
    strings(60) = 3_918_126_212;
    simd(60) = 3_268_062_109;
}
