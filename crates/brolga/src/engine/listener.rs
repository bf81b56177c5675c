//! Listeners: what will be told of calls.

/// Makes the listeners of a module's functions.
///
/// Part of [`Engine::compile_module`](crate::Engine::compile_module)'s signature so that callers
/// need not change when listeners come. Until then there is nothing to implement here, and giving
/// one is an error rather than silence.
pub trait FunctionListenerFactory: Send + Sync {}
