//! Section proc: ending the program.
//!
//! Both functions unwind the guest by an error of the host's, so they end it from any depth and
//! leave the store usable.

use std::fmt;

use brolga::Error;

use crate::errno::Errno;

/// The program ended itself by `proc_exit`, with this code; or by `proc_raise`, with 128 and the
/// signal's number.
///
/// It is the root cause of the error that the call into the guest returns:
///
/// ```
/// # fn code(error: &brolga::Error) -> i32 {
/// match error.downcast_ref::<brolga_wasi::Exit>() {
///     Some(exit) => exit.0,
///     None => 134,
/// }
/// # }
/// # assert_eq!(code(&brolga::Error::new(brolga_wasi::Exit(3))), 3);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exit(pub i32);

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the program exited with code {}", self.0)
    }
}

impl std::error::Error for Exit {}

/// `proc_exit`.
pub(crate) fn exit(code: u32) -> Error {
    Error::new(Exit(code.cast_signed()))
}

/// `proc_raise`: what a process without handlers does. Signals that are ignored by default do
/// nothing, and one that continues a process finds it going; signals that stop a process can't be
/// sent, since nobody could send another; the others end it.
pub(crate) fn raise(signal: u32) -> Result<Result<(), Errno>, Error> {
    match signal {
        // Pipe, child, continue, urgent data, window size; and no signal at all.
        0 | 13 | 16 | 17 | 22 | 27 => Ok(Ok(())),
        // Stop, and the terminal's three.
        18..=21 => Ok(Err(Errno::Notsup)),
        1..=30 => Err(Error::new(Exit(128 + signal.cast_signed()))),
        _ => Ok(Err(Errno::Inval)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_carries_its_code() {
        assert_eq!(exit(0).downcast_ref(), Some(&Exit(0)));
        assert_eq!(exit(u32::MAX).downcast_ref(), Some(&Exit(-1)));
        assert_eq!(exit(3).to_string(), "the program exited with code 3");
    }

    #[test]
    fn raise_does_what_the_signal_does_by_default() {
        assert_eq!(raise(0).unwrap(), Ok(()));
        assert_eq!(raise(16).unwrap(), Ok(()));
        assert_eq!(raise(17).unwrap(), Ok(()));
        assert_eq!(raise(13).unwrap(), Ok(()));
        assert_eq!(raise(18).unwrap(), Err(Errno::Notsup));
        assert_eq!(raise(31).unwrap(), Err(Errno::Inval));
        assert_eq!(raise(6).unwrap_err().downcast_ref(), Some(&Exit(134)));
    }
}
