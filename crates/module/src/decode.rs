//! Decoding: bytes to [`ParsedModule`], section by section.
//!
//! ```text
//!              ┌ read:     can every item be read? (the count in front of them may lie)
//!  a section ──┼ validate: wasmparser
//!              └ take:     items into ParsedModule
//! ```
//!
//! Reading comes first because wasmparser reserves memory for as many items as the section
//! announces; it also tells what is malformed from what is invalid.
//!
//! **Invariants**
//! - Nothing is reserved for a count before that many items were read.
//! - Bodies are only recorded.

mod contents;
mod declare;

use std::ops::Range;
use std::sync::Arc;

use wasmparser::{
    BinaryReader, Encoding, Error, FromReader, Parser, Payload, SectionLimited, Validator,
};

use crate::limits::{self, Limit};
use crate::{CustomSection, Features, FuncIndex, ModuleError, Names, ParsedModule, Place};

type Result<T, E = ModuleError> = core::result::Result<T, E>;

impl ParsedModule {
    /// Decodes a module and validates all of it but the function bodies.
    ///
    /// ```
    /// use brolga_module::{ExportItem, Features, FuncIndex, ParsedModule, ValType};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let bytes = wat::parse_str(
    ///     r#"(module
    ///         (func $twice (export "twice") (param i32) (result i32)
    ///             (i32.mul (local.get 0) (i32.const 2))))"#,
    /// )?;
    /// let module = ParsedModule::decode(bytes.into(), Features::default())?;
    /// module.validate_bodies()?;
    ///
    /// let twice = FuncIndex(0);
    /// assert_eq!(module.export("twice"), Some(ExportItem::Func(twice)));
    /// assert_eq!(module.func_type(twice).params(), [ValType::I32]);
    /// assert_eq!(module.func_name(twice), Some("twice"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn decode(bytes: Arc<[u8]>, features: Features) -> Result<ParsedModule> {
        limits::MODULE_BYTES.check(bytes.len() as u64, 0)?;
        let mut decoder = Decoder::new(bytes.clone(), features);
        let mut parser = Parser::new(0);
        parser.set_features(features.to_wasmparser());
        for payload in parser.parse_all(&bytes) {
            let payload =
                payload.map_err(|error| ModuleError::malformed(Place::Module, &error, None))?;
            decoder.decode_payload(payload)?;
        }
        Ok(decoder.module)
    }
}

/// Whether `bytes` are a valid module, bodies included.
///
/// The answer is that of wasmparser's validator with [`Features::to_wasmparser`], but for our own
/// [`limits`].
pub fn validate(bytes: &[u8], features: Features) -> Result<()> {
    ParsedModule::decode(bytes.into(), features)?.validate_bodies()
}

struct Decoder {
    module: ParsedModule,
    validator: Validator,
    /// Where the contents of the first name section are.
    names: Range<usize>,
}

impl Decoder {
    fn new(bytes: Arc<[u8]>, features: Features) -> Self {
        Self {
            module: ParsedModule::empty(bytes, features),
            validator: Validator::new_with_features(features.to_wasmparser()),
            names: 0..0,
        }
    }

    fn decode_payload(&mut self, payload: Payload<'_>) -> Result<()> {
        match payload {
            Payload::Version { num, encoding: Encoding::Component, .. } => {
                Err(ModuleError::Component { version: 1 << 16 | u32::from(num) })
            }
            Payload::Version { num, encoding, range } => {
                validated("", self.validator.version(num, encoding, &range))
            }
            Payload::TypeSection(section) => self.decode_types(section),
            Payload::ImportSection(section) => self.decode_imports(section),
            Payload::FunctionSection(section) => self.decode_functions(section),
            Payload::TableSection(section) => self.decode_tables(section),
            Payload::MemorySection(section) => self.decode_memories(section),
            Payload::TagSection(section) => {
                validated("tag", self.validator.tag_section(&section))?;
                Err(unsupported("tag", section.range().start))
            }
            Payload::GlobalSection(section) => self.decode_globals(section),
            Payload::ExportSection(section) => self.decode_exports(section),
            Payload::StartSection { func, range } => self.decode_start(func, range),
            Payload::ElementSection(section) => self.decode_elements(section),
            Payload::DataCountSection { count, range } => {
                limits::DATA_COUNT.check(count.into(), range.start)?;
                validated("data count", self.validator.data_count_section(count, &range))
            }
            Payload::CodeSectionStart { unchecked_range, .. } => {
                validated("code", self.validator.code_section_start(&unchecked_range))
            }
            Payload::CodeSectionEntry(body) => self.decode_body(&body),
            Payload::DataSection(section) => self.decode_data(section),
            Payload::CustomSection(section) => self.decode_custom(&section),
            Payload::UnknownSection { id, range, .. } => self
                .validator
                .unknown_section(id, &range)
                .map_err(|error| ModuleError::malformed(Place::Module, &error, None)),
            Payload::End(offset) => self.decode_end(offset),
            _ => Err(ModuleError::unsupported(Place::Module, 0, "unknown part of a module")),
        }
    }

    fn decode_custom(&mut self, section: &wasmparser::CustomSectionReader<'_>) -> Result<()> {
        let range = section.data_range();
        let found = self.module.custom_sections.len() as u64 + 1;
        limits::CUSTOM_SECTIONS.check(found, section.range().start)?;
        let range = range.start as usize..range.end as usize;
        if section.name() == "name" && self.names.is_empty() {
            self.names = range.clone();
        }
        self.module.custom_sections.push(CustomSection { name: section.name().into(), range });
        Ok(())
    }

    fn decode_end(&mut self, offset: u64) -> Result<()> {
        validated("", self.validator.end(offset))?;
        let functions = self.module.functions.len();
        self.module.escapes.resize(functions, false);
        let bytes = self.module.bytes.clone();
        self.module.names = Names::new(bytes, self.names.clone(), functions as u32);
        Ok(())
    }

    /// Reads all items of a section, shows each one to `check`, and keeps none.
    fn read<'a, T: FromReader<'a>>(
        &self,
        section: &SectionLimited<'a, T>,
        name: &'static str,
        limit: &Limit,
        before: usize,
        mut check: impl FnMut(u64, &T) -> Result<()>,
    ) -> Result<()> {
        limit.check(before as u64 + u64::from(section.count()), section.range().start)?;
        let mut items = section.clone().into_iter();
        loop {
            let offset = items.original_position();
            match items.next() {
                None => return Ok(()),
                Some(Ok(item)) => check(offset, &item)?,
                Some(Err(error)) => {
                    let found = found_in_item(&self.module.bytes, offset, &error);
                    return Err(ModuleError::malformed(Place::Section(name), &error, found));
                }
            }
        }
    }

    fn note_escape(&mut self, func: FuncIndex) {
        // Imports and the function section come before everything that names a function.
        self.module.escapes.resize(self.module.functions.len(), false);
        self.module.escapes[func.as_usize()] = true;
    }
}

/// What the validator made of a section.
fn validated<T>(section: &'static str, result: Result<T, Error>) -> Result<T> {
    result.map_err(|error| ModuleError::invalid(place(section), &error, None))
}

/// What is read a second time, after validation.
fn taken<T>(section: &'static str, result: Result<T, Error>) -> Result<T> {
    result.map_err(|error| ModuleError::malformed(place(section), &error, None))
}

fn unsupported(section: &'static str, offset: u64) -> ModuleError {
    ModuleError::unsupported(place(section), offset, "a kind of item that has no meaning here")
}

fn place(section: &'static str) -> Place {
    if section.is_empty() { Place::Module } else { Place::Section(section) }
}

/// The number that is over a limit, in an item that starts at `start` and could not be read.
fn found_in_item(bytes: &[u8], start: u64, error: &Error) -> Option<u64> {
    let limit = Limit::from_message(error.message())?;
    let reader = |offset: u64| {
        let rest = bytes.get(usize::try_from(offset).ok()?..)?;
        Some(BinaryReader::new(rest, offset))
    };
    if *limit != limits::STRING_BYTES {
        return reader(error.offset())?.read_var_u32().ok().map(u64::from);
    }
    // Items begin with their names; the error stands at the last byte of a name's length.
    let mut names = reader(start)?;
    while names.original_position() <= error.offset() {
        let length = names.read_var_u32().ok()?;
        if names.original_position() == error.offset() + 1 {
            return Some(length.into());
        }
        names.read_bytes(length as usize).ok()?;
    }
    None
}
