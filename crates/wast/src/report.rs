//! What came of a script.

use std::fmt;

/// The outcome of one script.
#[derive(Debug, Default)]
pub struct Report {
    /// Assertions that held; directives that assert nothing are not counted.
    pub assertions: usize,
    /// All directives that were carried out, the assertions included.
    pub directives: usize,
    /// What did not go as the script says, in order.
    pub failures: Vec<Failure>,
    /// What was not tried, in order.
    pub skipped: Vec<Skipped>,
}

impl Report {
    /// Whether everything was tried and went as the script says.
    pub fn is_success(&self) -> bool {
        self.failures.is_empty() && self.skipped.is_empty()
    }
}

/// A directive that did not go as the script says. Displays as `file:line:column: message`.
#[derive(Debug)]
pub struct Failure {
    /// The script's name, as given.
    pub file: String,
    /// The directive's line, counted from 1.
    pub line: usize,
    /// The directive's column, counted from 1.
    pub column: usize,
    /// What was expected and what was found.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)
    }
}

/// A directive that was not tried. Displays as `file:line: reason`.
#[derive(Debug)]
pub struct Skipped {
    /// The script's name, as given.
    pub file: String,
    /// The directive's line, counted from 1.
    pub line: usize,
    /// Why.
    pub reason: &'static str,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: skipped: {}", self.file, self.line, self.reason)
    }
}
