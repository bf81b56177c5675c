//! Runs `.wast` scripts, the format of the WebAssembly specification's tests, on Brolga.
//!
//! ```
//! let script = r#"
//!     (module (func (export "add") (param i32 i32) (result i32)
//!         (i32.add (local.get 0) (local.get 1))))
//!     (assert_return (invoke "add" (i32.const 2) (i32.const 3)) (i32.const 5))
//! "#;
//! let mut runner = brolga_wast::Runner::new(&brolga::Engine::default()).unwrap();
//! let report = runner.run("add.wast", script);
//! assert_eq!((report.assertions, report.failures.len(), report.skipped.len()), (1, 0, 0));
//! ```
//!
//! The script's grammar is that of the `wast` crate; what its directives mean is the
//! specification's: `interpreter/README.md`, section "Scripts".
//!
//! **Invariants**
//! - A directive passes, fails or is skipped, and the [`Report`] counts all three: what the runner
//!   cannot do (directives for threads and exceptions) stands in `skipped` with its reason.
//! - A failed directive does not end the script.
#![forbid(unsafe_code)]

mod report;
mod runner;
mod spectest;
mod values;

pub use report::{Failure, Report, Skipped};
pub use runner::Runner;
