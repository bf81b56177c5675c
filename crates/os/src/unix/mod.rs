//! The operating system as Unix shows it; today that is Linux.
//!
//! **Invariants**
//! - System calls on memory are made in `mapping.rs` alone, those on signals in `signals.rs` and
//!   `signal_stack.rs`: a shim that makes them fail has three files to stand under.
//! - Nothing outside `signals/` knows a register by name, but for the stack pointer in `stack.rs`
//!   and the cache type register in `instruction_cache.rs`.
//!
//! Under Miri, which has no pages, files to map or signals, `miri/` stands in for two of the files;
//! `docs/miri.md` says what that leaves unseen.

pub(crate) mod code;
#[cfg_attr(miri, path = "miri/image.rs")]
pub(crate) mod image;
mod instruction_cache;
#[cfg_attr(miri, path = "miri/mapping.rs")]
mod mapping;
pub(crate) mod page;
pub(crate) mod profile;
pub(crate) mod reservation;
pub(crate) mod signal_stack;
pub(crate) mod signals;
pub(crate) mod stack;
