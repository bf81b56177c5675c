//! What modules say about their source: where an instruction came from, and what functions are
//! called in it.
//!
//! ```text
//!  FrameInfo::symbols ─▶ symbols() ─▶ dwarf::find ─▶ gimli ─▶ meter::Metered ─▶ custom sections
//!  Display of a frame ─▶ demangle::Readable
//! ```
//!
//! Nothing in here is read before somebody asks for it, and nothing that runs depends on it.
//!
//! **Invariants**
//! - Debugging information is guests' data: whatever is in it, the worst that comes of it is that
//!   there are no symbols. Reading it takes a bounded number of steps, and never recurses by it.

mod demangle;
#[cfg(feature = "addr2line")]
mod dwarf;
#[cfg(feature = "addr2line")]
mod meter;
#[cfg(feature = "addr2line")]
mod scope;

pub(crate) use demangle::Readable;

use crate::Module;

/// Where in the source an instruction of a frame came from.
///
/// An instruction of a function that was inlined into another has one for each of the functions,
/// innermost first: see [`FrameInfo::symbols`](crate::FrameInfo::symbols).
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct FrameSymbol {
    pub(crate) name: Option<String>,
    pub(crate) file: Option<String>,
    pub(crate) line: Option<u32>,
    pub(crate) column: Option<u32>,
}

impl FrameSymbol {
    /// The function, as the linker knows it, which is often mangled.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The file.
    pub fn file(&self) -> Option<&str> {
        self.file.as_deref()
    }

    /// The line, from 1.
    pub fn line(&self) -> Option<u32> {
        self.line
    }

    /// The column, from 1.
    pub fn column(&self) -> Option<u32> {
        self.column
    }
}

/// The symbols of each of the places: an instruction by its offset from the module's start.
#[cfg(feature = "addr2line")]
pub(crate) fn symbols(places: &[(Module, Option<usize>)]) -> Vec<Vec<FrameSymbol>> {
    let mut found = vec![Vec::new(); places.len()];
    let mut done = vec![false; places.len()];
    let budget = meter::Budget::new();
    for first in 0..places.len() {
        if done[first] {
            continue;
        }
        let module = &places[first].0;
        let (mut positions, mut offsets) = (Vec::new(), Vec::new());
        for (position, (other, offset)) in places.iter().enumerate().skip(first) {
            if Module::same(module, other) {
                done[position] = true;
                positions.extend(offset.map(|_| position));
                offsets.extend(*offset);
            }
        }
        let symbols = dwarf::find(&module.code().module, &offsets, &budget);
        for (position, symbols) in positions.into_iter().zip(symbols) {
            found[position] = symbols;
        }
    }
    found
}

/// The symbols of each of the places: this build reads none.
#[cfg(not(feature = "addr2line"))]
pub(crate) fn symbols(places: &[(Module, Option<usize>)]) -> Vec<Vec<FrameSymbol>> {
    vec![Vec::new(); places.len()]
}

/// The symbols of operators of one module, by their offsets from its start.
#[cfg(all(feature = "addr2line", feature = "compiler"))]
pub(crate) fn symbols_of(
    module: &brolga_module::ParsedModule,
    offsets: &[usize],
) -> Vec<Vec<FrameSymbol>> {
    dwarf::find(module, offsets, &meter::Budget::new())
}

/// The symbols of operators of one module: this build reads none.
#[cfg(all(not(feature = "addr2line"), feature = "compiler"))]
pub(crate) fn symbols_of(
    _: &brolga_module::ParsedModule,
    offsets: &[usize],
) -> Vec<Vec<FrameSymbol>> {
    vec![Vec::new(); offsets.len()]
}
