//! The macros that make errors: `format_err!`, `bail!`, `ensure!`.

/// Makes an [`Error`](crate::Error) from a format string, or from a value: an error keeps its
/// type and causes, anything else is a message.
///
/// ```
/// use brolga::{Trap, format_err};
///
/// assert_eq!(format_err!("{} is {}", "port", 80).to_string(), "port is 80");
/// assert!(format_err!(Trap::Interrupt).is::<Trap>());
/// ```
#[macro_export]
macro_rules! format_err {
    ($message:literal $(,)?) => {
        $crate::Error::msg(::std::format!($message))
    };
    ($error:expr $(,)?) => {
        match $error {
            error => {
                #[allow(unused_imports, reason = "one of the two is for errors, one for the rest")]
                use $crate::macros::{ErrorKind as _, MessageKind as _};
                (&error).brolga_error_kind().make(error)
            }
        }
    };
    ($format:expr, $($argument:tt)*) => {
        $crate::Error::msg(::std::format!($format, $($argument)*))
    };
}

/// Returns early with the error that [`format_err!`](crate::format_err) makes.
///
/// ```
/// fn port(number: u32) -> brolga::Result<u16> {
///     if number > 65_535 {
///         brolga::bail!("{number} is no port");
///     }
///     Ok(number as u16)
/// }
/// assert_eq!(port(70_000).unwrap_err().to_string(), "70000 is no port");
/// ```
#[macro_export]
macro_rules! bail {
    ($($argument:tt)*) => {
        return ::core::result::Result::Err($crate::format_err!($($argument)*))
    };
}

/// Returns early with an error unless a condition holds.
///
/// ```
/// fn half(number: u32) -> brolga::Result<u32> {
///     brolga::ensure!(number % 2 == 0, "{number} is odd");
///     Ok(number / 2)
/// }
/// assert_eq!(half(3).unwrap_err().to_string(), "3 is odd");
/// ```
#[macro_export]
macro_rules! ensure {
    ($condition:expr $(,)?) => {
        if !$condition {
            return ::core::result::Result::Err($crate::Error::msg(::core::concat!(
                "condition failed: `",
                ::core::stringify!($condition),
                "`"
            )));
        }
    };
    ($condition:expr, $($argument:tt)*) => {
        if !$condition {
            $crate::bail!($($argument)*);
        }
    };
}

/// What `format_err!` makes of a value that is an error. Method lookup prefers it to
/// [`MessageKind`], which needs one more reference.
#[doc(hidden)]
pub trait ErrorKind {
    fn brolga_error_kind(&self) -> FromError {
        FromError
    }
}

impl<E: Into<crate::Error>> ErrorKind for E {}

/// What `format_err!` makes of a value that is none.
#[doc(hidden)]
pub trait MessageKind {
    fn brolga_error_kind(&self) -> FromMessage {
        FromMessage
    }
}

impl<M> MessageKind for &M {}

#[doc(hidden)]
#[derive(Debug)]
pub struct FromError;

impl FromError {
    #[doc(hidden)]
    pub fn make<E: Into<crate::Error>>(self, error: E) -> crate::Error {
        error.into()
    }
}

#[doc(hidden)]
#[derive(Debug)]
pub struct FromMessage;

impl FromMessage {
    #[doc(hidden)]
    pub fn make<M>(self, message: M) -> crate::Error
    where
        M: core::fmt::Display + core::fmt::Debug + Send + Sync + 'static,
    {
        crate::Error::msg(message)
    }
}
