//! The engine and the seam above it: what compiles, what an instance is to the engine, what calls.
//!
//! ```text
//!  Engine ──compile_module──▶ Module ──new_module_engine──▶ ModuleEngine ──new_call_engine──▶ CallEngine
//!    │ cache: found again by content        one an instance                one a function and store
//!    └ types, stacks, thunks                                                      │ call
//!                                                                                 ▼ slots in, slots out
//! ```
//!
//! [`Store`](crate::Store), [`Instance`](crate::Instance) and [`Func`](crate::Func) are built on
//! these three: there is one path by which code is compiled, one by which an instance is made,
//! one by which a function is called.

#[cfg_attr(not(feature = "compiler"), expect(dead_code, reason = "nothing is compiled"))]
mod cache;
mod call_engine;
#[cfg(feature = "compiler")]
#[allow(unsafe_code, reason = "one of the rooms")]
mod compile;
#[expect(clippy::module_inception, reason = "each of the three types has a file of its name")]
mod engine;
#[allow(unsafe_code, reason = "one of the rooms")]
mod enter;
mod listener;
mod module_engine;
mod reference;
mod thunks;

pub use call_engine::{CallEngine, SlotCountError};
pub use engine::{Engine, EngineError, EngineWeak};
pub use listener::FunctionListenerFactory;
pub use module_engine::{ElementInstance, ModuleEngine};

#[cfg(feature = "compiler")]
pub(crate) use compile::of_one_kind;
pub(crate) use enter::{TypedCallee, call_dynamic, call_raw, call_start};
