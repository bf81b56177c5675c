//! What is learned of an instruction on the way through the debugging information: the functions
//! it is in, and its place in a file.
//!
//! **Invariants**
//! - A probe has at most [`SCOPES_MAX`] scopes, each within the one before.

use gimli::{AttributeValue, DwAt, DwTag, Range, Result, Unit};

use super::FrameSymbol;
use super::meter::Metered;

pub(super) type Dwarf<'a> = gimli::Dwarf<Metered<'a>>;
type Value<'a> = AttributeValue<Metered<'a>>;

/// How many functions may be inlined into each other.
const SCOPES_MAX: usize = 256;

/// An instruction that is looked for, and what is known of it.
pub(super) struct Probe<'a> {
    pub(super) address: u64,
    /// The functions it is in, each inlined into the one before.
    pub(super) scopes: Vec<Scope<'a>>,
    pub(super) place: Place,
    pub(super) symbols: Vec<FrameSymbol>,
}

/// A place in a source file, whose path stands in the unit's line program.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    pub(super) file: Option<u64>,
    pub(super) line: Option<u32>,
    pub(super) column: Option<u32>,
}

/// A function, or one inlined into another.
#[derive(Clone)]
pub(super) struct Scope<'a> {
    pub(super) depth: isize,
    pub(super) name: Option<Value<'a>>,
    pub(super) linkage_name: Option<Value<'a>>,
    /// The entry that says more.
    pub(super) origin: Option<Value<'a>>,
    pub(super) low: Option<u64>,
    pub(super) high: Option<u64>,
    pub(super) size: Option<u64>,
    pub(super) ranges: Option<Value<'a>>,
    /// If it is inlined: where it is called.
    pub(super) call: Place,
}

impl<'a> Probe<'a> {
    pub(super) fn new(offset: usize, code: usize) -> Probe<'a> {
        let address = offset.saturating_sub(code) as u64;
        Probe { address, scopes: Vec::new(), place: Place::default(), symbols: Vec::new() }
    }

    pub(super) fn is_in(&self, range: Range) -> bool {
        // Functions that the linker has dropped stay behind, at address 0: no code is there.
        range.begin != 0 && range.begin <= self.address && self.address < range.end
    }

    pub(super) fn enter(&mut self, tag: DwTag, scope: &Scope<'a>) {
        if tag == gimli::DW_TAG_subprogram {
            self.scopes.clear();
        } else {
            while self.scopes.last().is_some_and(|outer| outer.depth >= scope.depth) {
                self.scopes.pop();
            }
            if self.scopes.is_empty() || self.scopes.len() == SCOPES_MAX {
                return;
            }
        }
        self.scopes.push(scope.clone());
    }
}

impl<'a> Scope<'a> {
    pub(super) fn new(depth: isize) -> Scope<'a> {
        Scope {
            depth,
            name: None,
            linkage_name: None,
            origin: None,
            low: None,
            high: None,
            size: None,
            ranges: None,
            call: Place::default(),
        }
    }

    pub(super) fn read(
        &mut self,
        dwarf: &Dwarf<'a>,
        unit: &Unit<Metered<'a>>,
        name: DwAt,
        value: Value<'a>,
    ) -> Result<()> {
        let number = || value.udata_value().and_then(|value| u32::try_from(value).ok());
        match name {
            gimli::DW_AT_name => self.name = Some(value),
            gimli::DW_AT_linkage_name | gimli::DW_AT_MIPS_linkage_name => {
                self.linkage_name = Some(value);
            }
            gimli::DW_AT_abstract_origin | gimli::DW_AT_specification => self.origin = Some(value),
            gimli::DW_AT_low_pc => self.low = dwarf.attr_address(unit, value)?,
            gimli::DW_AT_high_pc => match value {
                AttributeValue::Udata(size) => self.size = Some(size),
                value => self.high = dwarf.attr_address(unit, value)?,
            },
            gimli::DW_AT_ranges => self.ranges = Some(value),
            gimli::DW_AT_call_file => {
                self.call.file = match value {
                    AttributeValue::FileIndex(file) => Some(file),
                    value => value.udata_value(),
                }
            }
            gimli::DW_AT_call_line => self.call.line = number(),
            gimli::DW_AT_call_column => self.call.column = number().filter(|column| *column != 0),
            _ => {}
        }
        Ok(())
    }
}
