//! From an instruction to the source: functions, files and lines in DWARF sections.
//!
//! One pass over the units finds those that have the wanted instructions; in those, one pass over
//! the entries finds the functions, inlined ones too, and one over the line program the lines.
//! No tables are made: who asks has a handful of instructions, once. (The crate addr2line makes
//! tables, and follows nested entries by recursion, as deep as a guest likes.)
//!
//! ```text
//!  .debug_info ─▶ units ─▶ ranges have an address? ─▶ entries ─▶ Probe.scopes ┐
//!                                        └───────────▶ lines ──▶ Probe.place  ┴▶ FrameSymbol …
//! ```
//!
//! **Invariants**
//! - Every loop over what the sections say pays for its turns, and chains of references have a
//!   fixed length: see [`Budget`].
//! - Addresses in DWARF for WebAssembly count from the contents of the code section.

use brolga_module::ParsedModule;
use gimli::{
    AttributeValue, DebuggingInformationEntry, DwTag, LineProgramHeader, Range, Result, Unit,
    UnitHeader,
};

use super::FrameSymbol;
use super::meter::{Budget, Metered};
use super::scope::{Dwarf, Place, Probe, Scope};

/// More units than any linker has put together.
const UNITS_MAX: usize = 1 << 18;
/// How often one entry may refer to another for its name.
const ORIGINS_MAX: usize = 8;
/// Longer names and paths are no help to anybody.
const TEXT_BYTES_MAX: usize = 4096;
const CODE_SECTION: u8 = 10;
const HEADER_BYTES: usize = 8;

/// The symbols of the instructions at `offsets` from the module's start, in that order.
pub(super) fn find(
    module: &ParsedModule,
    offsets: &[usize],
    budget: &Budget,
) -> Vec<Vec<FrameSymbol>> {
    let section = |name: &str| {
        let section = module.custom_sections.iter().find(|section| &*section.name == name);
        section.map_or(&[][..], |section| &module.bytes[section.range.clone()])
    };
    let code = code_start(&module.bytes).filter(|_| !section(".debug_info").is_empty());
    let Some(code) = code else { return vec![Vec::new(); offsets.len()] };
    let load =
        |id: gimli::SectionId| Ok::<_, gimli::Error>(Metered::new(section(id.name()), budget));
    let Ok(dwarf) = Dwarf::load(load) else { return vec![Vec::new(); offsets.len()] };
    let mut probes: Vec<_> = offsets.iter().map(|offset| Probe::new(*offset, code)).collect();
    let finder = Finder { units: unit_headers(&dwarf), dwarf: &dwarf, budget };
    finder.find(&mut probes);
    probes.into_iter().map(|probe| probe.symbols).collect()
}

/// Where the contents of the code section are.
fn code_start(bytes: &[u8]) -> Option<usize> {
    let mut at = HEADER_BYTES;
    loop {
        let id = *bytes.get(at)?;
        at += 1;
        let (mut size, mut shift) = (0_usize, 0_u32);
        loop {
            let byte = *bytes.get(at)?;
            at += 1;
            size |= usize::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        if id == CODE_SECTION {
            return Some(at);
        }
        at = at.checked_add(size)?;
    }
}

fn unit_headers<'a>(dwarf: &Dwarf<'a>) -> Vec<UnitHeader<Metered<'a>>> {
    let mut units = dwarf.units();
    core::iter::from_fn(|| units.next().ok().flatten()).take(UNITS_MAX).collect()
}

struct Finder<'d, 'a> {
    dwarf: &'d Dwarf<'a>,
    /// In the order of their offsets.
    units: Vec<UnitHeader<Metered<'a>>>,
    budget: &'a Budget,
}

impl<'a> Finder<'_, 'a> {
    fn find(&self, probes: &mut [Probe<'a>]) {
        for header in &self.units {
            if self.budget.is_used_up() {
                return;
            }
            // What is wrong with one unit is no reason to look into no other.
            let Ok(unit) = self.dwarf.unit(*header) else { continue };
            let mut wanted: Vec<_> =
                probes.iter_mut().filter(|probe| probe.symbols.is_empty()).collect();
            if self.keep_inside(&unit, &mut wanted).is_err() || wanted.is_empty() {
                continue;
            }
            // What was found before something went wrong is still so.
            let _ = self.find_scopes(&unit, &mut wanted);
            let _ = self.find_places(&unit, &mut wanted);
            for probe in wanted {
                self.name(&unit, probe);
            }
        }
    }

    /// Leaves those of `wanted` that are in the unit.
    fn keep_inside(
        &self,
        unit: &Unit<Metered<'a>>,
        wanted: &mut Vec<&mut Probe<'a>>,
    ) -> Result<()> {
        let mut inside = vec![false; wanted.len()];
        let mut ranges = self.dwarf.unit_ranges(unit)?;
        while let Some(range) = ranges.next()? {
            self.budget.pay(wanted.len())?;
            for (inside, probe) in inside.iter_mut().zip(wanted.iter()) {
                *inside |= probe.is_in(range);
            }
        }
        let mut inside = inside.into_iter();
        wanted.retain(|_| inside.next() == Some(true));
        Ok(())
    }

    /// Finds the functions that the probes are in.
    fn find_scopes(&self, unit: &Unit<Metered<'a>>, wanted: &mut [&mut Probe<'a>]) -> Result<()> {
        let mut entries = unit.entries_raw(None)?;
        while !entries.is_empty() {
            let depth = entries.next_depth();
            let Some(abbreviation) = entries.read_abbreviation()? else { continue };
            // Attributes may take no bytes, and then reading them costs nothing else.
            self.budget.pay(abbreviation.attributes().len())?;
            let tag = abbreviation.tag();
            if tag != gimli::DW_TAG_subprogram && tag != gimli::DW_TAG_inlined_subroutine {
                entries.skip_attributes(abbreviation.attributes())?;
                continue;
            }
            let mut scope = Scope::new(depth);
            for spec in abbreviation.attributes() {
                let attribute = entries.read_attribute(*spec)?;
                scope.read(self.dwarf, unit, attribute.name(), attribute.value())?;
            }
            self.enter_scope(unit, tag, &scope, wanted)?;
        }
        Ok(())
    }

    fn enter_scope(
        &self,
        unit: &Unit<Metered<'a>>,
        tag: DwTag,
        scope: &Scope<'a>,
        wanted: &mut [&mut Probe<'a>],
    ) -> Result<()> {
        let mut enter = |range| {
            self.budget.pay(wanted.len())?;
            wanted.iter_mut().filter(|it| it.is_in(range)).for_each(|it| it.enter(tag, scope));
            Ok(())
        };
        if let Some(ranges) = &scope.ranges
            && let Some(mut ranges) = self.dwarf.attr_ranges(unit, *ranges)?
        {
            while let Some(range) = ranges.next()? {
                enter(range)?;
            }
            return Ok(());
        }
        let Some(begin) = scope.low else { return Ok(()) };
        let size = scope.size.map(|size| begin.saturating_add(size));
        scope.high.or(size).map_or(Ok(()), |end| enter(Range { begin, end }))
    }

    /// Finds the lines of the probes.
    fn find_places(&self, unit: &Unit<Metered<'a>>, wanted: &mut [&mut Probe<'a>]) -> Result<()> {
        let Some(program) = unit.line_program.clone() else { return Ok(()) };
        let mut rows = program.rows();
        // Where the sequence of rows began, and the row before.
        let (mut start, mut before) = (0, None);
        while let Some((_, row)) = rows.next_row()? {
            self.budget.pay(wanted.len())?;
            match before {
                None => start = row.address(),
                Some((begin, place)) if start != 0 => {
                    let range = Range { begin, end: row.address() };
                    for probe in wanted.iter_mut().filter(|probe| probe.is_in(range)) {
                        probe.place = place;
                    }
                }
                Some(_) => {}
            }
            let line = row.line().and_then(|line| u32::try_from(line.get()).ok());
            let column = match row.column() {
                gimli::ColumnType::LeftEdge => None,
                gimli::ColumnType::Column(column) => u32::try_from(column.get()).ok(),
            };
            let place = Place { file: Some(row.file_index()), line, column };
            before = (!row.end_sequence()).then_some((row.address(), place));
        }
        Ok(())
    }

    /// Makes symbols of what has been found.
    fn name(&self, unit: &Unit<Metered<'a>>, probe: &mut Probe<'a>) {
        let header = unit.line_program.as_ref().map(|program| program.header());
        let mut place = probe.place;
        for scope in probe.scopes.iter().rev() {
            let name = self.scope_name(unit, scope, ORIGINS_MAX);
            let name =
                name.and_then(|name| name.text(TEXT_BYTES_MAX)).map(|name| name.into_owned());
            probe.symbols.push(self.symbol(unit, header, name, place));
            place = scope.call;
        }
        if probe.scopes.is_empty() && place.file.is_some() {
            probe.symbols.push(self.symbol(unit, header, None, place));
        }
    }

    fn symbol(
        &self,
        unit: &Unit<Metered<'a>>,
        header: Option<&LineProgramHeader<Metered<'a>>>,
        name: Option<String>,
        place: Place,
    ) -> FrameSymbol {
        let path = |file| self.path(unit, header?, file);
        FrameSymbol {
            name,
            file: place.file.and_then(path),
            line: place.line,
            column: place.column,
        }
    }

    /// The path of a file: what it is relative to in front.
    fn path(
        &self,
        unit: &Unit<Metered<'a>>,
        header: &LineProgramHeader<Metered<'a>>,
        file: u64,
    ) -> Option<String> {
        let file = header.file(file)?;
        let text = |value| self.dwarf.attr_string(unit, value).ok()?.text(TEXT_BYTES_MAX);
        // Directory 0 is that of the compilation.
        let directory = Some(file.directory_index()).filter(|index| *index != 0);
        let directory = directory.and_then(|_| file.directory(header)).and_then(text);
        let name = text(file.path_name())?;
        let root = unit.comp_dir.and_then(|root| root.text(TEXT_BYTES_MAX));
        let mut path = String::new();
        for part in [root, directory, Some(name)].into_iter().flatten() {
            let windows = part.get(1..3).is_some_and(|it| it == ":\\" || it == ":/");
            if part.starts_with(['/', '\\']) || windows {
                path.clear();
            } else if !path.is_empty() && !path.ends_with(['/', '\\']) {
                path.push('/');
            }
            path.push_str(&part);
        }
        Some(path)
    }

    /// What a function is called, by itself or by what it refers to.
    fn scope_name(
        &self,
        unit: &Unit<Metered<'a>>,
        scope: &Scope<'a>,
        origins: usize,
    ) -> Option<Metered<'a>> {
        if let Some(name) = scope.linkage_name.as_ref().or(scope.name.as_ref()) {
            return self.dwarf.attr_string(unit, *name).ok();
        }
        let origins = origins.checked_sub(1)?;
        match scope.origin.as_ref()? {
            AttributeValue::UnitRef(offset) => {
                let entry = unit.entry(*offset).ok()?;
                self.scope_name(unit, &self.origin(unit, &entry)?, origins)
            }
            AttributeValue::DebugInfoRef(offset) => {
                let behind =
                    self.units.partition_point(|unit| unit.debug_info_offset() <= Some(*offset));
                let header = &self.units[behind.checked_sub(1)?];
                let unit = self.dwarf.unit(*header).ok()?;
                let entry = unit.entry(offset.to_unit_offset(header)?).ok()?;
                self.scope_name(&unit, &self.origin(&unit, &entry)?, origins)
            }
            _ => None,
        }
    }

    fn origin(
        &self,
        unit: &Unit<Metered<'a>>,
        entry: &DebuggingInformationEntry<Metered<'a>>,
    ) -> Option<Scope<'a>> {
        let mut scope = Scope::new(0);
        for attribute in entry.attrs() {
            self.budget.pay(1).ok()?;
            scope.read(self.dwarf, unit, attribute.name(), attribute.value()).ok()?;
        }
        Some(scope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every bit of the debug sections, flipped: symbols may be others, but nothing else happens.
    #[test]
    #[cfg_attr(miri, ignore = "thousands of readings take minutes")]
    fn flipped_bits_are_harmless() {
        for bytes in [
            &include_bytes!("../../tests/data/dwarf4.wasm")[..],
            &include_bytes!("../../tests/data/dwarf5.wasm")[..],
        ] {
            let module = decode(bytes);
            let offsets: Vec<_> = module.bodies.iter().map(|body| body.end - 1).collect();
            let whole = find(&module, &offsets, &Budget::new());
            assert!(whole.iter().all(|symbols| !symbols.is_empty()), "{whole:?}");
            let debug = module.custom_sections.iter();
            let debug = debug.filter(|section| section.name.starts_with(".debug_"));
            for at in debug.flat_map(|section| section.range.clone()) {
                for bit in 0..8 {
                    let mut bytes = bytes.to_vec();
                    bytes[at] ^= 1 << bit;
                    let found = find(&decode(&bytes), &offsets, &Budget::new());
                    assert_eq!(found.len(), offsets.len());
                }
            }
        }
    }

    fn decode(bytes: &[u8]) -> ParsedModule {
        ParsedModule::decode(bytes.into(), brolga_module::Features::default()).expect("it is valid")
    }
}
