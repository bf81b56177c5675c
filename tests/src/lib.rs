//! What the tests of several crates share.

pub mod fuzzing;

/// The documents' programs, compiled and run as doctests.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../../README.md")]
    mod readme {}
    #[doc = include_str!("../../ARCHITECTURE.md")]
    mod architecture {}
    #[doc = include_str!("../../docs/rationale.md")]
    mod rationale {}
    #[doc = include_str!("../../docs/unsafe.md")]
    mod rooms {}
}
