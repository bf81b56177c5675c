//! The limits that the implementation sets to what a module may hold.
//!
//! Source: <https://webassembly.github.io/spec/js-api/#limits>, which engines agree upon, and
//! which wasmparser enforces. Where wasmparser has no limit the row's text is ours.
//!
//! **Invariants**
//! - The table below is the only list.
//! - The text of a row that wasmparser enforces is wasmparser's, word for word: it is how its
//!   errors are recognised. A test provokes each one.

use crate::ModuleError;

/// One limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Limit {
    /// What it is called in errors and documentation.
    pub name: &'static str,
    /// The largest number that is accepted.
    pub max: u64,
    /// What is counted.
    pub doc: &'static str,
    /// What the error says.
    pub text: &'static str,
}

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $constant:ident $name:literal $max:literal $text:literal;)*) => {
        $(
            $(#[doc = $doc])+
            pub const $constant: Limit =
                Limit { name: $name, max: $max, doc: concat!($($doc),+), text: $text };
        )*

        /// Every limit, in the order of the table.
        pub const ALL: &[Limit] = &[$($constant),*];
    };
}

// constant, name, largest number accepted, what the error says
limits! {
    /// Bytes of a module.
    MODULE_BYTES "module_bytes" 1_073_741_824 "module size is out of bounds";
    /// Types of a module.
    TYPES "types" 1_000_000 "types count exceeds limit of 1000000";
    /// Imports of a module.
    IMPORTS "imports" 1_000_000 "imports count exceeds limit of 1000000";
    /// Functions of a module, imported ones included.
    FUNCTIONS "functions" 1_000_000 "functions count exceeds limit of 1000000";
    /// Tables of a module, imported ones included.
    TABLES "tables" 100_000 "tables count exceeds limit of 100000";
    /// Memories of a module, imported ones included.
    MEMORIES "memories" 100 "memories count exceeds limit of 100";
    /// Globals of a module, imported ones included.
    GLOBALS "globals" 1_000_000 "globals count exceeds limit of 1000000";
    /// Exports of a module.
    EXPORTS "exports" 1_000_000 "exports count exceeds limit of 1000000";
    /// Element segments of a module.
    ELEMENT_SEGMENTS "element_segments" 100_000 "element segments count exceeds limit of 100000";
    /// Elements of one element segment.
    ELEMENTS "elements" 10_000_000 "number of elements is out of bounds";
    /// Data segments of a module.
    DATA_SEGMENTS "data_segments" 100_000 "data segments count exceeds limit of 100000";
    /// Data segments that a data count section announces.
    DATA_COUNT "data_count" 100_000 "data count section specifies too many data segments";
    /// Custom sections of a module.
    CUSTOM_SECTIONS "custom_sections" 100_000 "custom sections count exceeds limit of 100000";
    /// Bytes of a name of an import, an export or a custom section.
    STRING_BYTES "string_bytes" 100_000 "string size out of bounds";
    /// Parameters of a function type.
    PARAMS "params" 1_000 "function params size is out of bounds";
    /// Results of a function type.
    RESULTS "results" 1_000 "function returns size is out of bounds";
    /// Parts of all imported and exported types together.
    TYPE_SIZE "type_size" 999_999 "effective type size exceeds the limit of 1000000";
    /// Bytes of a function body.
    BODY_BYTES "body_bytes" 7_654_321 "function body size count exceeds limit of 7654321";
    /// Locals of a function, parameters included.
    LOCALS "locals" 50_000 "too many locals: locals exceed maximum";
    /// Targets of a `br_table`, the default one left out.
    BR_TABLE_TARGETS "br_table_targets" 7_654_321 "br_table size is out of bounds";
}

impl Limit {
    /// An error if `found` is over the limit; `offset` is where the number or the thing stands.
    pub fn check(&self, found: u64, offset: u64) -> Result<(), ModuleError> {
        if found <= self.max { Ok(()) } else { Err(self.error(Some(found), offset)) }
    }

    /// The limit that wasmparser speaks of.
    pub(crate) fn from_message(message: &str) -> Option<&'static Limit> {
        ALL.iter().find(|limit| limit.text == message)
    }

    pub(crate) fn error(&self, found: Option<u64>, offset: u64) -> ModuleError {
        ModuleError::Limit { name: self.name, max: self.max, found, offset }
    }
}
