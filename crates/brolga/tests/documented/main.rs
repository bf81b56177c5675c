//! What the documentation promises as errors and panics, item by item: of each its kind, and what
//! it says. What belongs to one topic (handles of other stores, traps, files, fuel) stands in that
//! topic's tests, in the files beside this folder.

mod calling;
mod compiling;
mod definitions;
mod linking;
mod seam;

use std::fmt::{Debug, Display};
use std::panic::{AssertUnwindSafe, catch_unwind};

use brolga::*;

/// The result is an error of a kind, and says these words and where it happened, if that.
#[track_caller]
fn fails<E: Display + Debug + Send + Sync + 'static>(result: Result<impl Sized>, words: &str) {
    let Err(error) = result else { panic!("no error, expected: {words}") };
    assert!(error.is::<E>(), "of another kind: {error:?}");
    assert_eq!(first_line(&error), words);
}

/// The result is an error, of whatever kind, and says these words.
#[track_caller]
fn says(result: Result<impl Sized>, words: &str) {
    let Err(error) = result else { panic!("no error, expected: {words}") };
    assert_eq!(first_line(&error), words);
}

/// An error's whole chain, without the backtrace that may follow it.
fn first_line(error: &Error) -> String {
    format!("{error:#}").lines().next().unwrap_or_default().to_owned()
}

/// It panics with these words.
#[track_caller]
fn panics<R>(words: &str, it: impl FnOnce() -> R) {
    let Err(payload) = catch_unwind(AssertUnwindSafe(it)) else { panic!("no panic: {words}") };
    let text = payload.downcast_ref::<String>().map(String::as_str);
    assert_eq!(text.or(payload.downcast_ref::<&str>().copied()), Some(words));
}

/// A store without room for anything.
fn full_store() -> Store<()> {
    let mut store = Store::new(&Engine::default(), ());
    store.set_limits(Limits {
        instances: 0,
        memories: 0,
        tables: 0,
        host_functions: 0,
        host_globals: 0,
        externrefs: 0,
        ..Limits::default()
    });
    store
}

/// A reference that may not be null, and so has no default value.
fn no_null() -> RefType {
    RefType::new(false, HeapType::Func)
}

/// A type that is not supported: it names another one.
fn unsupported(engine: &Engine) -> FuncType {
    let named = HeapType::from(FuncType::new(engine, [], []));
    FuncType::new(engine, [ValType::Ref(RefType::new(true, named))], [])
}
