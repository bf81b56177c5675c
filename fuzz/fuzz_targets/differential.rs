//! A module does here what it does in wasmi, and in one configuration what it does in another.
#![no_main]

use brolga_tests::fuzzing::{differential::differential, fuzz};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz(differential, bytes));
