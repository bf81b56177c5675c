//! The one error type of the API: a word wide, any error inside, with context around it.
//!
//! An [`Error`] is a chain. Its innermost link is the root cause: a [`Trap`](crate::Trap), an
//! error enum of one of Brolga's areas, or whatever a host function failed with. Around it lie
//! contexts: strings, a [`WasmBacktrace`] where wasm was running, anything that can be displayed.
//! Every link can be asked for by its type.
//!
//! **Invariants**
//! - `Error` is one pointer wide, so `Result<(), Error>` fits a register.
//! - What went in comes out: a value given to [`Error::new`], [`Error::msg`] or
//!   [`Error::context`] is found by [`Error::downcast_ref`] with its own type.

mod context;
mod link;

use core::any::Any;
use core::fmt::{self, Debug, Display};
use std::error::Error as StdError;

use self::link::{Boxed, Contextual, Foreign, Link, Message};
use crate::{MemoryFault, WasmBacktrace};

pub use self::context::{Chain, Context};
pub use crate::{bail, ensure, format_err};

/// `Result` with [`Error`] unless another error is named.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Why something in Brolga, or in a host function, failed.
///
/// ```
/// use brolga::{Context, Error, Trap};
///
/// let error = Error::from(Trap::Interrupt).context("while handling a request");
/// assert_eq!(error.to_string(), "while handling a request");
/// assert_eq!(format!("{error:#}"), "while handling a request: wasm trap: interrupt");
/// assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::Interrupt));
/// ```
pub struct Error {
    kind: Box<Kind>,
}

enum Kind {
    /// A value, with or without a context's cause: see the implementations of [`Link`].
    Link(Box<dyn Link>),
    /// The wasm frames that `cause` came through.
    Traced(Traced),
}

struct Traced {
    backtrace: WasmBacktrace,
    cause: Error,
}

impl Display for Traced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.backtrace, f)
    }
}

impl Debug for Traced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}\n{}", self.cause, self.backtrace)
    }
}

impl StdError for Traced {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.cause)
    }
}

impl Error {
    /// The error that `error` is. What `?` does.
    #[cold]
    pub fn new<E: StdError + Send + Sync + 'static>(error: E) -> Error {
        Error::from_link(Foreign(error))
    }

    /// An error that is a message.
    #[cold]
    pub fn msg<M: Display + Debug + Send + Sync + 'static>(message: M) -> Error {
        Error::from_link(Message(message))
    }

    /// The error inside the box. Downcasting finds the box, not what is in it.
    #[cold]
    pub fn from_boxed(error: Box<dyn StdError + Send + Sync + 'static>) -> Error {
        match error.downcast::<Carried>() {
            Ok(carried) => carried.0,
            Err(error) => Error::from_link(Boxed(error)),
        }
    }

    fn from_link(link: impl Link) -> Error {
        Error { kind: Box::new(Kind::Link(Box::new(link))) }
    }

    /// This error with the wasm frames it came through. Frames that are there already stay: they
    /// are nearer to the cause.
    #[cold]
    pub(crate) fn traced(self, backtrace: WasmBacktrace) -> Error {
        if self.is::<WasmBacktrace>() {
            return self;
        }
        Error { kind: Box::new(Kind::Traced(Traced { backtrace, cause: self })) }
    }

    /// The error with `context` around it: what was being done, for people.
    #[must_use]
    #[cold]
    pub fn context<C: Display + Send + Sync + 'static>(self, context: C) -> Error {
        Error::from_link(Contextual { context, cause: self })
    }

    /// The links from the outermost context to the root cause.
    pub fn chain(&self) -> Chain<'_> {
        Chain { next: Some(&**self) }
    }

    /// The innermost link.
    pub fn root_cause(&self) -> &(dyn StdError + 'static) {
        let mut cause: &(dyn StdError + 'static) = &**self;
        while let Some(source) = cause.source() {
            cause = source;
        }
        cause
    }

    /// Whether a link of the chain is an `E`.
    pub fn is<E: Display + Debug + Send + Sync + 'static>(&self) -> bool {
        self.downcast_ref::<E>().is_some()
    }

    /// The outermost link of the chain that is an `E`.
    pub fn downcast_ref<E: Display + Debug + Send + Sync + 'static>(&self) -> Option<&E> {
        let mut error = self;
        loop {
            let (value, cause) = error.link();
            if let Some(found) = value.downcast_ref() {
                return Some(found);
            }
            error = cause?;
        }
    }

    /// The outermost link of the chain that is an `E`, to change.
    pub fn downcast_mut<E: Display + Debug + Send + Sync + 'static>(&mut self) -> Option<&mut E> {
        match &mut *self.kind {
            Kind::Link(link) => {
                if link.value().is::<E>() {
                    link.value_mut().downcast_mut()
                } else {
                    link.cause_mut()?.downcast_mut()
                }
            }
            Kind::Traced(traced) => {
                let backtrace: &mut dyn Any = &mut traced.backtrace;
                match backtrace.downcast_mut() {
                    Some(found) => Some(found),
                    None => traced.cause.downcast_mut(),
                }
            }
        }
    }

    /// The outermost link of the chain that is an `E`, by value; the other links are dropped.
    ///
    /// # Errors
    /// The error itself, if none is.
    pub fn downcast<E: Display + Debug + Send + Sync + 'static>(self) -> Result<E, Error> {
        if !self.is::<E>() {
            return Err(self);
        }
        let mut error = self;
        loop {
            // A context is taken apart only when the value lies further in: `is` has seen it.
            if error.link().0.is::<E>() {
                let value: Box<dyn Any> = match *error.kind {
                    Kind::Link(link) => link.into_value(),
                    Kind::Traced(traced) => Box::new(traced.backtrace),
                };
                return Ok(*value.downcast().expect("the type was just looked at"));
            }
            error = error.into_cause().expect("a link of that type was just seen");
        }
    }

    /// The error as the standard library's kind of box.
    pub fn into_boxed_dyn_error(self) -> Box<dyn StdError + Send + Sync + 'static> {
        Box::new(Carried(self))
    }

    fn link(&self) -> (&dyn Any, Option<&Error>) {
        match &*self.kind {
            Kind::Link(link) => (link.value(), link.cause()),
            Kind::Traced(traced) => (&traced.backtrace, Some(&traced.cause)),
        }
    }

    /// Where outside its memory wasm has reached, and the trap that it was.
    fn fault(&self) -> Option<(&MemoryFault, &Error)> {
        let (value, cause) = self.link();
        Some((value.downcast_ref()?, cause?))
    }

    fn into_cause(self) -> Option<Error> {
        match *self.kind {
            Kind::Link(mut link) => {
                // A link gives its cause up by lending it: an empty message takes its place.
                let cause = link.cause_mut()?;
                Some(core::mem::replace(cause, Error::msg("")))
            }
            Kind::Traced(traced) => Some(traced.cause),
        }
    }
}

/// An [`Error`] where the standard library wants its own trait. Coherence keeps `Error` from
/// implementing that trait and converting from everything that does.
struct Carried(Error);

impl Display for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0, f)
    }
}

impl Debug for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Debug::fmt(&self.0, f)
    }
}

impl StdError for Carried {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    #[cold]
    fn from(error: E) -> Error {
        Error::new(error)
    }
}

impl From<Error> for Box<dyn StdError + Send + Sync + 'static> {
    fn from(error: Error) -> Self {
        error.into_boxed_dyn_error()
    }
}

impl From<Error> for Box<dyn StdError + Send + 'static> {
    fn from(error: Error) -> Self {
        error.into_boxed_dyn_error()
    }
}

impl From<Error> for Box<dyn StdError + 'static> {
    fn from(error: Error) -> Self {
        error.into_boxed_dyn_error()
    }
}

impl core::ops::Deref for Error {
    type Target = dyn StdError + Send + Sync + 'static;

    fn deref(&self) -> &Self::Target {
        match &*self.kind {
            Kind::Link(link) => link.error(),
            Kind::Traced(traced) => traced,
        }
    }
}

impl AsRef<dyn StdError + Send + Sync + 'static> for Error {
    fn as_ref(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &**self
    }
}

impl AsRef<dyn StdError + 'static> for Error {
    fn as_ref(&self) -> &(dyn StdError + 'static) {
        &**self
    }
}

impl Display for Error {
    /// The outermost context; with `{:#}` the whole chain on a line. Where wasm frames are the
    /// outermost context, the cause comes first: what happened, then where, be it in memory or in
    /// code.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((fault, trap)) = self.fault() {
            return write!(f, "{trap}: {fault}");
        }
        match &*self.kind {
            Kind::Link(link) => {
                Display::fmt(link.error(), f)?;
                match link.cause() {
                    Some(cause) if f.alternate() => write!(f, ": {cause:#}"),
                    None if f.alternate() => write_sources(f, link.error()),
                    _ => Ok(()),
                }
            }
            Kind::Traced(traced) => {
                Display::fmt(&traced.cause, f)?;
                f.write_str("\n")?;
                traced.backtrace.write_frames(f)
            }
        }
    }
}

fn write_sources(f: &mut fmt::Formatter<'_>, error: &dyn StdError) -> fmt::Result {
    let mut source = error.source();
    while let Some(error) = source {
        write!(f, ": {error}")?;
        source = error.source();
    }
    Ok(())
}

impl Debug for Error {
    /// The message, its causes beneath it, and where wasm was.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            return f.debug_list().entries(self.chain()).finish();
        }
        write!(f, "{self}")?;
        let told = match &*self.kind {
            Kind::Link(_) => self,
            Kind::Traced(traced) => &traced.cause,
        };
        // What the line above has said already is not said again as a cause of it.
        let shown: &dyn StdError = match told.fault() {
            Some((_, trap)) => &**trap,
            None => &**told,
        };
        let mut source = shown.source();
        if source.is_some() {
            f.write_str("\n\nCaused by:")?;
        }
        while let Some(error) = source {
            for (line, text) in error.to_string().lines().enumerate() {
                write!(f, "\n{}{text}", if line == 0 { "    " } else { "      " })?;
            }
            source = error.source();
        }
        Ok(())
    }
}
