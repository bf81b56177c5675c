//! Whatever the bytes: no panic, accepted as wasmparser accepts, compiled twice alike.
#![no_main]

use brolga_tests::fuzzing::{compile::compile, fuzz};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz(compile, bytes));
