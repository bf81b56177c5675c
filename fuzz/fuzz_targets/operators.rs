//! Every operator, beside constants, loads and other operators: as in wasmi, as in every configuration.
#![no_main]

use brolga_tests::fuzzing::{fuzz, operators::run_operators};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz(run_operators, bytes));
