//! The fuzz targets, each for a second on a fixed stream of inputs.
//!
//! A target that has stopped doing anything passes every input; so the counters are asserted too.

use std::time::Duration;

use brolga_tests::fuzzing::{compile::compile, differential::differential, run};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn compile_for_a_second() {
    let counters = run(compile, 1, 150, SECOND);
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
    let counters = run(differential, 2, 100, SECOND);
    println!("differential: {counters}");
    assert!(counters.percent("reached the oracle", "inputs") >= 60, "{counters}");
    assert!(counters.percent("returned calls", "compared calls") >= 30, "{counters}");
    assert!(counters.percent("exhausted", "inputs") <= 5, "{counters}");
    for count in ["beside wasmi", "beside ourselves", "stopped calls", "trap: memory"] {
        assert!(counters.get(count) > 0, "never {count}: {counters}");
    }
}
