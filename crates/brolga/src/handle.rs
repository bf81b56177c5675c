//! What all handles have in common: they belong to a store, and are an error anywhere else.
//!
//! **Invariants**
//! - A handle used with another store never reaches anything of that store. Functions that return
//!   a `Result` give an [`Error`](crate::Error) whose cause is a
//!   [`HandleError`](crate::HandleError); those that don't panic with its message.

use brolga_runtime::HandleError;

/// The value, where the signature leaves no room for the error.
///
/// # Panics
/// With the error's message.
#[track_caller]
pub(crate) fn belongs<T>(result: Result<T, HandleError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}
