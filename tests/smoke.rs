//! The fuzz targets, each for a second on a fixed stream of inputs.
//!
//! A target that has stopped doing anything passes every input; so the counters are asserted too.
//! `BROLGA_SMOKE_SECONDS` and `BROLGA_SMOKE_SEED` make it longer and other.

use std::time::Duration;

use brolga_tests::fuzzing::{
    Counters, Target, compile::compile, differential::differential, operators::run_operators, run,
};

/// The number in an environment variable, if it is set.
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is `{text}`, expected a number")))
}

fn smoke(target: Target, inputs_min: u64) -> Counters {
    let seconds = setting("BROLGA_SMOKE_SECONDS").unwrap_or(1);
    let seed = setting("BROLGA_SMOKE_SEED").unwrap_or(1);
    run(target, seed, inputs_min, Duration::from_secs(seconds))
}

#[test]
fn compile_for_a_second() {
    let counters = smoke(compile, 150);
    println!("compile: {counters}");
    assert!(counters.percent("compiled", "inputs") >= 60, "{counters}");
    assert!(counters.get("rejected") > 0, "nothing invalid was met: {counters}");
    for kind in ["changed by wasm-mutate", "overwritten", "truncated", "plain bytes"] {
        assert!(counters.get(kind) > 0, "no input was {kind}: {counters}");
    }
    assert!(counters.get("on several threads") > 0, "{counters}");
}

#[test]
fn differential_for_a_second() {
    let counters = smoke(differential, 100);
    println!("differential: {counters}");
    assert!(counters.percent("reached the oracle", "inputs") >= 60, "{counters}");
    assert!(counters.percent("returned calls", "compared calls") >= 30, "{counters}");
    assert!(counters.percent("exhausted", "inputs") <= 5, "{counters}");
    for count in ["beside wasmi", "beside ourselves", "stopped calls", "trap: memory"] {
        assert!(counters.get(count) > 0, "never {count}: {counters}");
    }
}

#[test]
fn operators_for_a_second() {
    let counters = smoke(run_operators, 200);
    println!("operators: {counters}");
    assert!(counters.percent("reached the oracle", "inputs") >= 60, "{counters}");
    assert!(counters.percent("returned calls", "compared calls") >= 60, "{counters}");
    for count in ["beside wasmi", "beside ourselves", "trap: conversion", "trap: overflow"] {
        assert!(counters.get(count) > 0, "never {count}: {counters}");
    }
}
