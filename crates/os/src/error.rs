//! The one error of this crate: what was asked of the operating system and why it said no.
//!
//! **Invariants**
//! - An `OsError` is made without allocating, so it can report that memory is gone.
//! - Every operation is a line of one table; its text completes the sentence "cannot …".

use std::fmt;

/// Something asked of the operating system was refused, or was out of range before it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", Sentence(self))]
pub struct OsError {
    operation: Operation,
    requested_bytes: usize,
    kind: OsErrorKind,
    errno: Option<i32>,
}

/// What kind of refusal an [`OsError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OsErrorKind {
    /// No memory, address space or mapping table entry was left.
    OutOfMemory,
    /// This process may not make memory executable.
    ExecutableMemoryDenied,
    /// The process or the system has no file descriptor left.
    OutOfDescriptors,
    /// The range isn't inside the mapping; nothing was asked of the system.
    OutOfRange {
        /// Where the range starts.
        offset: usize,
        /// How large the mapping is.
        mapped_bytes: usize,
    },
    /// An offset or size isn't a multiple of the page size; nothing was asked of the system.
    Misaligned {
        /// The offset or size that isn't a multiple.
        value: usize,
    },
    /// The calling thread is being torn down and can't keep what was asked for.
    ThreadExiting,
    /// Any other refusal: see [`OsError::errno`].
    Other,
}

/// Declares [`Operation`] with the text that completes "cannot …".
macro_rules! operations {
    ($($name:ident => $text:literal,)*) => {
        /// What was being done when an [`OsError`] arose.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Operation {
            $(#[doc = concat!("To ", $text, ".")] $name,)*
        }

        impl fmt::Display for Operation {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$name => $text,)* })
            }
        }
    };
}

operations! {
    Reserve           => "reserve address space",
    Commit            => "commit pages",
    Decommit          => "decommit pages",
    Reset             => "reset pages",
    MapImage          => "map a memory image",
    CreateImage       => "create a memory image",
    AllocateCode      => "allocate memory for code",
    SealCode          => "make code executable",
    AllocateStack     => "allocate a stack",
    ResetStack        => "reset a stack",
    ThreadStackBounds => "find the bounds of the thread's stack",
    InstallHandler    => "install the fault handler",
    SignalStack       => "set the thread's signal stack",
    MarkProfile       => "show a profile to the system",
}

impl OsError {
    pub(crate) fn refused(operation: Operation, requested_bytes: usize, errno: i32) -> Self {
        let kind = match (operation, errno) {
            (Operation::SealCode, libc::EACCES | libc::EPERM) => {
                OsErrorKind::ExecutableMemoryDenied
            }
            (_, libc::ENOMEM) => OsErrorKind::OutOfMemory,
            (_, libc::EMFILE | libc::ENFILE) => OsErrorKind::OutOfDescriptors,
            _ => OsErrorKind::Other,
        };
        Self { operation, requested_bytes, kind, errno: Some(errno) }
    }

    pub(crate) fn unasked(operation: Operation, requested_bytes: usize, kind: OsErrorKind) -> Self {
        Self { operation, requested_bytes, kind, errno: None }
    }

    /// What was being done.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// How many bytes it was asked for; zero where size has no meaning.
    pub fn requested_bytes(&self) -> usize {
        self.requested_bytes
    }

    /// Why it failed.
    pub fn kind(&self) -> OsErrorKind {
        self.kind
    }

    /// The system's error number, if the system was asked at all.
    pub fn errno(&self) -> Option<i32> {
        self.errno
    }
}

impl OsErrorKind {
    /// What the reader of the message may try.
    fn hint(self, operation: Operation) -> Option<&'static str> {
        match self {
            Self::OutOfMemory => Some(
                "check the limits vm.max_map_count, vm.overcommit_memory, RLIMIT_AS and the \
                 memory cgroup",
            ),
            Self::ExecutableMemoryDenied => Some(
                "this process may not create code at run time: check SELinux execmem, seccomp \
                 filters and systemd's MemoryDenyWriteExecute",
            ),
            Self::OutOfDescriptors => Some("raise RLIMIT_NOFILE"),
            Self::Other if matches!(operation, Operation::Reset | Operation::ResetStack) => {
                Some("locked pages (mlock, mlockall) can't be dropped")
            }
            _ => None,
        }
    }
}

/// The message of an error, written without allocating beyond what the system's text needs.
struct Sentence<'a>(&'a OsError);

impl fmt::Display for Sentence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OsError { operation, requested_bytes, kind, errno } = *self.0;
        write!(f, "cannot {operation}")?;
        if requested_bytes != 0 {
            write!(f, " ({requested_bytes} bytes)")?;
        }
        match kind {
            OsErrorKind::OutOfRange { offset, mapped_bytes } => write!(
                f,
                ": the range at offset {offset} is outside the mapping of {mapped_bytes} bytes"
            )?,
            OsErrorKind::Misaligned { value } => {
                write!(f, ": {value} is not a multiple of the page size")?;
            }
            OsErrorKind::ThreadExiting => write!(f, ": the thread is exiting")?,
            _ => {}
        }
        if let Some(errno) = errno {
            write!(f, ": {}", lower_first(std::io::Error::from_raw_os_error(errno).to_string()))?;
        }
        match kind.hint(operation) {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// The system begins its messages with a capital; inside a sentence they have none.
fn lower_first(mut text: String) -> String {
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Operation, OsError, OsErrorKind};

    fn refused(operation: Operation, bytes: usize, errno: i32) -> String {
        OsError::refused(operation, bytes, errno).to_string()
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has other words for the system's errors")]
    fn messages_say_what_how_much_why_and_what_to_try() {
        assert_eq!(
            refused(Operation::Reserve, 4096, libc::ENOMEM),
            "cannot reserve address space (4096 bytes): cannot allocate memory (os error 12); \
             check the limits vm.max_map_count, vm.overcommit_memory, RLIMIT_AS and the memory \
             cgroup"
        );
        assert_eq!(
            refused(Operation::InstallHandler, 0, libc::EINVAL),
            "cannot install the fault handler: invalid argument (os error 22)"
        );
        let range = OsErrorKind::OutOfRange { offset: 8192, mapped_bytes: 4096 };
        assert_eq!(
            OsError::unasked(Operation::Commit, 4096, range).to_string(),
            "cannot commit pages (4096 bytes): the range at offset 8192 is outside the mapping \
             of 4096 bytes"
        );
    }

    #[test]
    fn only_sealing_reports_executable_memory_denied() {
        let kind = |operation| OsError::refused(operation, 1, libc::EACCES).kind();
        assert_eq!(kind(Operation::SealCode), OsErrorKind::ExecutableMemoryDenied);
        assert_eq!(kind(Operation::Commit), OsErrorKind::Other);
    }
}
