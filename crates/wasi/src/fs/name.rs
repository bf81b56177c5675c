//! SANDBOX: a single name, which is all that a file system ever sees of a path. A change here needs
//! a second reader.
//!
//! **Invariants**
//! - A [`Name`] is not empty, not `.` or `..`, and holds neither a slash nor a NUL.

use std::fmt;
use std::path::Path;

/// The name of one entry of a directory: never a path, never `.` or `..`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Name<'a>(&'a str);

impl<'a> Name<'a> {
    /// The name, if it is one.
    ///
    /// ```
    /// use brolga_wasi::Name;
    ///
    /// assert!(Name::new("notes.txt").is_some());
    /// for no_name in ["", ".", "..", "a/b", "a/", "/", "a\0b"] {
    ///     assert!(Name::new(no_name).is_none());
    /// }
    /// ```
    pub fn new(name: &'a str) -> Option<Name<'a>> {
        let is_single = !matches!(name, "" | "." | "..") && !name.contains(['/', '\0']);
        is_single.then_some(Name(name))
    }

    /// Its text.
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

impl AsRef<Path> for Name<'_> {
    fn as_ref(&self) -> &Path {
        self.0.as_ref()
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
