//! Modules made up from bytes, by wasm-smith.
//!
//! **Invariants**
//! - What is made uses no feature that was not asked for.
//! - Modules to be run end: they count down a global, exported as [`FUEL`], and their memories and
//!   tables have small maxima, so that growing succeeds and fails alike everywhere.

use arbitrary::Unstructured;
use brolga_module::wasmparser::Parser;
use brolga_module::{ExportItem, Feature, Features, ParsedModule};
use wasm_encoder::{ExportKind, ExportSection, RawSection, SectionId};
use wasm_smith::{Config, InstructionKind, InstructionKinds, MemoryOffsetChoices, Module};

/// Under which name the countdown is exported.
pub const FUEL: &str = "the fuel of this module";

/// Under which name, followed by its index, a function is exported.
pub const FUNCTION: &str = "the function ";

/// How much of [`FUEL`] a call gets, in function entries, loop rounds and elements.
pub const FUEL_OF_A_CALL: u32 = 1_000;

/// What modules of `features` may look like: a different subset each time.
fn config(u: &mut Unstructured<'_>, features: Features) -> arbitrary::Result<Config> {
    let has = |feature| features.contains(feature);
    Ok(Config {
        allowed_instructions: instructions(u)?,
        max_instructions: u.int_in_range(10..=300)?,
        max_funcs: 20,
        min_funcs: 1,
        max_globals: 20,
        max_imports: u.int_in_range(0..=10)?,
        max_types: 20,
        min_types: 1,
        max_exports: 10,
        max_data_segments: 8,
        max_element_segments: 8,
        max_elements: 30,
        max_tags: 0,
        min_uleb_size: u.int_in_range(1..=5)?,
        generate_custom_sections: u.ratio(1u8, 8u8)?,
        max_memories: if has(Feature::MultiMemory) { 3 } else { 1 },
        max_tables: if has(Feature::ReferenceTypes) { 3 } else { 1 },
        bulk_memory_enabled: has(Feature::BulkMemory),
        reference_types_enabled: has(Feature::ReferenceTypes),
        simd_enabled: has(Feature::Simd),
        relaxed_simd_enabled: has(Feature::RelaxedSimd),
        multi_value_enabled: has(Feature::MultiValue),
        saturating_float_to_int_enabled: has(Feature::SaturatingFloatToInt),
        sign_extension_ops_enabled: has(Feature::SignExtension),
        tail_call_enabled: has(Feature::TailCall),
        memory64_enabled: has(Feature::Memory64),
        custom_page_sizes_enabled: has(Feature::CustomPageSizes),
        wide_arithmetic_enabled: has(Feature::WideArithmetic),
        extended_const_enabled: has(Feature::ExtendedConst),
        allow_floats: has(Feature::Floats),
        ..never()
    })
}

/// What no feature of ours allows.
fn never() -> Config {
    Config {
        threads_enabled: false,
        exceptions_enabled: false,
        gc_enabled: false,
        compact_imports_enabled: false,
        custom_descriptors_enabled: false,
        shared_everything_threads_enabled: false,
        acquire_release_atomics_enabled: false,
        multibyte_array_access_enabled: false,
        ..Config::default()
    }
}

/// Leaving out kinds of instructions makes the others meet more often.
fn instructions(u: &mut Unstructured<'_>) -> arbitrary::Result<InstructionKinds> {
    use InstructionKind::{
        Control, Memory, Numeric, Parametric, Reference, Table, Variable, VectorInt,
    };
    if u.ratio(1u8, 3u8)? {
        return Ok(InstructionKinds::all());
    }
    let mut kinds = vec![Numeric, Control, Variable, Parametric];
    for kind in [Memory, Reference, Table, VectorInt, InstructionKind::Vector] {
        if u.arbitrary()? {
            kinds.push(kind);
        }
    }
    Ok(InstructionKinds::new(&kinds))
}

/// A module to compile. With `maybe_invalid` its bodies may be any bytes.
pub fn to_compile(
    u: &mut Unstructured<'_>,
    features: Features,
    maybe_invalid: bool,
) -> arbitrary::Result<Vec<u8>> {
    let config = Config { allow_invalid_funcs: maybe_invalid, ..config(u, features)? };
    Ok(module(config, u)?.to_bytes())
}

/// A module to run. `canonical_nans` puts code in that makes every NaN the canonical one.
///
/// All its functions are exported; memories, tables and globals by half of the modules (those that
/// are not can be part of the module's image, or in the context's fixed part).
pub fn to_run(
    u: &mut Unstructured<'_>,
    features: Features,
    canonical_nans: bool,
) -> arbitrary::Result<Vec<u8>> {
    let config = Config {
        canonicalize_nans: canonical_nans,
        disallow_traps: u.ratio(1u8, 2u8)?,
        export_everything: u.ratio(1u8, 2u8)?,
        min_funcs: 2,
        max_memory32_bytes: 20 << 16,
        max_memory64_bytes: 20 << 16,
        memory_max_size_required: true,
        max_table_elements: 100,
        table_max_size_required: true,
        memory_offset_choices: MemoryOffsetChoices(80, 15, 5),
        min_uleb_size: 1,
        ..config(u, features)?
    };
    let mut module = module(config, u)?;
    let fuel = module
        .ensure_termination(FUEL_OF_A_CALL)
        .expect("every body was generated, so every loop is known");
    Ok(with_exports(&module.to_bytes(), fuel, features))
}

fn module(config: Config, u: &mut Unstructured<'_>) -> arbitrary::Result<Module> {
    // Without bytes left it would make the emptiest module there is.
    if u.len() < 200 {
        return Err(arbitrary::Error::NotEnoughData);
    }
    Module::new(config, u)
}

/// The module with all its functions and the global `fuel` exported besides.
fn with_exports(bytes: &[u8], fuel: u32, features: Features) -> Vec<u8> {
    let parsed = ParsedModule::decode(bytes.into(), features).expect("wasm-smith's is valid");
    let mut exports = ExportSection::new();
    let is_ours = |name: &str| name == FUEL || name.starts_with(FUNCTION);
    // A fuzzer finds out what names we give.
    for export in parsed.exports.iter().filter(|export| !is_ours(&export.name)) {
        let (kind, index) = match export.item {
            ExportItem::Func(index) => (ExportKind::Func, index.0),
            ExportItem::Table(index) => (ExportKind::Table, index.0),
            ExportItem::Memory(index) => (ExportKind::Memory, index.0),
            ExportItem::Global(index) => (ExportKind::Global, index.0),
        };
        exports.export(&export.name, kind, index);
    }
    exports.export(FUEL, ExportKind::Global, fuel);
    for index in 0..parsed.functions.len() {
        exports.export(&format!("{FUNCTION}{index}"), ExportKind::Func, index as u32);
    }

    let mut module = wasm_encoder::Module::new();
    let mut missing = true;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.expect("just decoded");
        let Some((id, range)) = payload.as_section() else { continue };
        if missing && AFTER_EXPORTS.iter().any(|section| *section as u8 == id) {
            module.section(&exports);
            missing = false;
        }
        if id != SectionId::Export as u8 {
            let data = &bytes[range.start as usize..range.end as usize];
            module.section(&RawSection { id, data });
        }
    }
    if missing {
        module.section(&exports);
    }
    module.finish()
}

/// The sections before one of which exports stand.
const AFTER_EXPORTS: [SectionId; 5] =
    [SectionId::Start, SectionId::Element, SectionId::DataCount, SectionId::Code, SectionId::Data];
