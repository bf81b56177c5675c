//! Why bytes are no module that Brolga runs.
//!
//! **Invariants**
//! - A message is lower case, says where, and holds wasmparser's own words unchanged: test
//!   scripts compare them with the specification's.

use wasmparser::Error;

use crate::limits::Limit;
use crate::{Feature, FuncIndex};

/// Why bytes are no module that Brolga runs.
///
/// ```
/// use brolga_module::{Features, ModuleError, ParsedModule};
///
/// let error = ParsedModule::decode((*b"\0asm\x01\0\0\0\x01").into(), Features::default());
/// let error = error.unwrap_err();
/// assert!(matches!(error, ModuleError::Malformed { .. }));
/// assert_eq!(error.offset(), 9);
/// assert_eq!(error.to_string(), "malformed module: unexpected end-of-file (at offset 0x9)");
/// ```
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModuleError {
    /// The bytes do not follow the binary format.
    #[error("malformed module: {place}{message} (at offset {offset:#x})")]
    Malformed {
        /// Which part of the module.
        place: Place,
        /// Where in the bytes.
        offset: u64,
        /// What was expected and what was found.
        message: Box<str>,
    },
    /// The module can be read, but breaks a rule of validation.
    #[error("invalid module: {place}{message} (at offset {offset:#x})")]
    Invalid {
        /// Which part of the module.
        place: Place,
        /// Where in the bytes.
        offset: u64,
        /// What was expected and what was found.
        message: Box<str>,
    },
    /// The module uses what is switched off or not supported.
    #[error(
        "unsupported module: {place}{message}, {} (at offset {offset:#x})",
        Advice(*feature)
    )]
    Unsupported {
        /// Which part of the module.
        place: Place,
        /// Where in the bytes.
        offset: u64,
        /// What was found.
        message: Box<str>,
        /// What to switch on; `None` if Brolga does not support it at all.
        feature: Option<Feature>,
    },
    /// The module is larger than the implementation allows.
    #[error(
        "over a limit: {}, limit `{name}` is {max}{} (at offset {offset:#x})",
        text(name),
        Found(*found)
    )]
    Limit {
        /// The limit, as the table in [`limits`](crate::limits) calls it.
        name: &'static str,
        /// The largest number that is accepted.
        max: u64,
        /// The number that was found, where it is known.
        found: Option<u64>,
        /// Where in the bytes.
        offset: u64,
    },
    /// The bytes are a component, not a core module.
    #[error(
        "expected a core module, found a component: unknown binary version: {version:#x}, \
         take the core module out of it first (at offset 0x4)"
    )]
    Component {
        /// The version and layer fields, as one number.
        version: u32,
    },
}

impl ModuleError {
    /// Where in the bytes the error was noticed.
    pub fn offset(&self) -> u64 {
        match self {
            ModuleError::Malformed { offset, .. }
            | ModuleError::Invalid { offset, .. }
            | ModuleError::Unsupported { offset, .. }
            | ModuleError::Limit { offset, .. } => *offset,
            ModuleError::Component { .. } => 4,
        }
    }

    /// The error for what wasmparser's reader refused.
    ///
    /// `found` is the number that is over a limit, should that be the reason.
    #[cold]
    pub(crate) fn malformed(place: Place, error: &Error, found: Option<u64>) -> Self {
        Self::special(place, error, found).unwrap_or_else(|| ModuleError::Malformed {
            place,
            offset: error.offset(),
            message: error.message().into(),
        })
    }

    /// The error for what wasmparser's validator refused.
    #[cold]
    pub(crate) fn invalid(place: Place, error: &Error, found: Option<u64>) -> Self {
        Self::special(place, error, found).unwrap_or_else(|| ModuleError::Invalid {
            place,
            offset: error.offset(),
            message: error.message().into(),
        })
    }

    /// The error for what is valid and has no representation here.
    #[cold]
    pub(crate) fn unsupported(place: Place, offset: u64, message: &str) -> Self {
        ModuleError::Unsupported { place, offset, message: message.into(), feature: None }
    }

    fn special(place: Place, error: &Error, found: Option<u64>) -> Option<Self> {
        if let Some(limit) = Limit::from_message(error.message()) {
            return Some(limit.error(found, error.offset()));
        }
        error.missing_wasm_feature().map(|flags| ModuleError::Unsupported {
            place,
            offset: error.offset(),
            message: error.message().into(),
            feature: Feature::from_wasmparser(flags),
        })
    }
}

/// A part of a module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Place {
    /// Between sections.
    Module,
    /// A section, by its name in the specification.
    Section(&'static str),
    /// The body of a function.
    Function(FuncIndex),
}

impl core::fmt::Display for Place {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Place::Module => Ok(()),
            Place::Section(name) => write!(f, "{name} section: "),
            Place::Function(index) => write!(f, "function {index}: "),
        }
    }
}

/// What to do about a missing feature.
struct Advice(Option<Feature>);

impl core::fmt::Display for Advice {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0 {
            Some(feature) => write!(f, "the feature `{}` is switched off", feature.name()),
            None => f.write_str("which is not supported yet"),
        }
    }
}

/// How much was found, if that is known.
struct Found(Option<u64>);

impl core::fmt::Display for Found {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.map_or(Ok(()), |found| write!(f, ", found {found}"))
    }
}

/// What the error about the limit called `name` says.
fn text(name: &str) -> &'static str {
    let limit = crate::limits::ALL.iter().find(|limit| limit.name == name);
    limit.map_or("out of bounds", |limit| limit.text)
}
