//! One operator to the visitor that validates it.
//!
//! wasmparser's own way from an [`Operator`] to its visitor, `FuncValidator::op`, asks for the
//! visitor of vector operators as a trait object. With it every program has a table of all visits
//! and the means to print any operator, and vector operators go through two matches. Here is one,
//! and the visits of proposals that can't be switched on are left out.
//!
//! **Invariants**
//! - Every operator has its row: the rows are wasmparser's own list.
//! - Nothing passes but what its own visit lets pass. An operator whose visit is left out is
//!   refused, in wasmparser's words, by another of its proposal, which is refused for the same
//!   reason.
//!
//! **Tested by** `tests/absent.rs`.

use brolga_module::wasmparser::{self, Error, Operator, Ordering, VisitSimdOperator};

/// Has `visitor`, made for some of [`Feature::ALL`](brolga_module::Feature::ALL), visit `op`.
#[allow(unused_variables, reason = "what operators of absent proposals carry")]
pub(super) fn visit<'a>(
    visitor: &mut impl VisitSimdOperator<'a, Output = Result<(), Error>>,
    op: &Operator<'a>,
) -> Result<(), Error> {
    // The proposals that are not in the table of features, each with the operator that answers for
    // all of it: one that comes to it gets the line away from here.
    macro_rules! row {
        (gc $($visit:tt)*) => { refused(visitor.visit_ref_i31()) };
        (exceptions $($visit:tt)*) => { refused(visitor.visit_throw_ref()) };
        (legacy_exceptions $($visit:tt)*) => { refused(visitor.visit_catch_all()) };
        (threads $($visit:tt)*) => { refused(visitor.visit_atomic_fence(Ordering::SeqCst)) };
        (shared_everything_threads $($visit:tt)*) => { refused(visitor.visit_ref_i31_shared()) };
        (acquire_release_atomics $($visit:tt)*) => { refused(visitor.visit_pause()) };
        (function_references $($visit:tt)*) => { refused(visitor.visit_ref_as_non_null()) };
        (stack_switching $($visit:tt)*) => { refused(visitor.visit_suspend(0)) };
        (memory_control $($visit:tt)*) => { refused(visitor.visit_memory_discard(0)) };
        (custom_descriptors $($visit:tt)*) => { refused(visitor.visit_ref_get_desc(0)) };
        ($proposal:ident $visit:ident $($arg:ident)*) => { visitor.$visit($($arg.clone()),*) };
    }
    macro_rules! rows {
        ($(@$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($annotation:tt)*))*) => {
            match op {
                $(Operator::$op $({ $($arg),* })? => row!($proposal $visit $($($arg)*)?),)*
                // The enumeration may grow; the list then grows with it.
                _ => unreachable!("an operator that is not in the list of operators"),
            }
        };
    }
    wasmparser::for_each_operator!(rows)
}

/// The `answer` of an operator that can't be right.
#[cold]
fn refused(answer: Result<(), Error>) -> Result<(), Error> {
    match answer {
        Err(error) => Err(error),
        Ok(()) => unreachable!("a proposal without a row in the table of features is switched on"),
    }
}
