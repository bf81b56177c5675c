//! The links of an error's chain, each with its type hidden behind [`Link`].

use core::any::Any;
use core::fmt::{self, Debug, Display};
use std::error::Error as StdError;

use super::Error;

/// A link of the chain, with its type hidden.
pub(super) trait Link: Send + Sync + 'static {
    /// The link as the standard library sees it.
    fn error(&self) -> &(dyn StdError + Send + Sync + 'static);
    /// What downcasting finds.
    fn value(&self) -> &dyn Any;
    /// What downcasting finds, to change.
    fn value_mut(&mut self) -> &mut dyn Any;
    /// What downcasting by value gives.
    fn into_value(self: Box<Self>) -> Box<dyn Any>;
    /// The link around which this one lies, if it is a context.
    fn cause(&self) -> Option<&Error> {
        None
    }
    /// The same, to change.
    fn cause_mut(&mut self) -> Option<&mut Error> {
        None
    }
}

/// Somebody else's error.
pub(super) struct Foreign<E>(pub(super) E);
/// A message: anything that can be displayed.
pub(super) struct Message<M>(pub(super) M);
/// A context around a cause.
pub(super) struct Contextual<C> {
    pub(super) context: C,
    pub(super) cause: Error,
}
/// An error that was boxed before it came here.
pub(super) struct Boxed(pub(super) Box<dyn StdError + Send + Sync + 'static>);

/// What downcasting does with the field that holds a link's value.
macro_rules! value {
    ($value:tt) => {
        fn value(&self) -> &dyn Any {
            &self.$value
        }

        fn value_mut(&mut self) -> &mut dyn Any {
            &mut self.$value
        }

        fn into_value(self: Box<Self>) -> Box<dyn Any> {
            Box::new(self.$value)
        }
    };
}

impl<E: StdError + Send + Sync + 'static> Link for Foreign<E> {
    fn error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &self.0
    }

    value!(0);
}

impl<M: Display + Send + Sync + 'static> Link for Message<M> {
    fn error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        self
    }

    value!(0);
}

impl<C: Display + Send + Sync + 'static> Link for Contextual<C> {
    fn error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        self
    }

    value!(context);

    fn cause(&self) -> Option<&Error> {
        Some(&self.cause)
    }

    fn cause_mut(&mut self) -> Option<&mut Error> {
        Some(&mut self.cause)
    }
}

impl Link for Boxed {
    fn error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.0
    }

    value!(0);
}

impl<M: Display> Display for Message<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<M: Display> Debug for Message<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0, f)
    }
}

impl<M: Display> StdError for Message<M> {}

impl<C: Display> Display for Contextual<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.context.fmt(f)
    }
}

impl<C: Display> Debug for Contextual<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", self.context, self.cause)
    }
}

impl<C: Display> StdError for Contextual<C> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.cause)
    }
}
