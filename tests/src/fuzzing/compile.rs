//! The target `compile`: whatever the bytes, compiling them neither panics nor depends on anything
//! but them.
//!
//! Modules come from wasm-smith: valid ones, ones with arbitrary bodies, ones changed by wasm-mutate
//! or by overwriting bytes, and now and then bytes that never were a module.
//!
//! The oracles: wasmparser's validator with the same features says what must be accepted; two
//! compilations, on one thread and on several, must give equal images; Cranelift checks our IR; the
//! image's own tables must be in order.
//!
//! **Invariants**
//! - Nothing is executed here.

use std::sync::OnceLock;

use arbitrary::Unstructured;
use brolga_abi::{CodeImage, CompileOptions, MemoryOptions, OptLevel};
use brolga_compile::{CompileError, Target, compile as compile_module};
use brolga_module::wasmparser::Validator;
use brolga_module::{Feature, Features, ModuleError, ParsedModule, limits, validate};
use wasm_mutate::WasmMutate;

use super::{Counters, modules};

/// Compiles a module made from `u` in every way and compares.
///
/// Counts `accepted` and `rejected` modules, `compiled` ones and those compiled `on several threads`.
///
/// # Panics
/// If there is a finding.
pub fn compile(u: &mut Unstructured<'_>, counters: &Counters) -> arbitrary::Result<()> {
    let features = features(u)?;
    let bytes = bytes(u, features, counters)?;
    super::keep(&bytes);
    check(&bytes, features, counters);
    Ok(())
}

/// Compiles `bytes` in every way and compares.
///
/// # Panics
/// If there is a finding.
pub fn check(bytes: &[u8], features: Features, counters: &Counters) {
    let expected =
        Validator::new_with_features(features.to_wasmparser()).validate_all(bytes).map(drop);
    let verdict = validate(bytes, features);
    match (&expected, &verdict) {
        (Ok(_), Ok(())) => counters.add("accepted"),
        (Err(_), Err(_)) => counters.add("rejected"),
        (Ok(_), Err(ModuleError::Limit { name, .. })) if is_ours(name) => {
            counters.add("own limits")
        }
        _ => panic!("wasmparser says {expected:?}, brolga-module {verdict:?}, with {features:?}"),
    }
    let Ok(module) = ParsedModule::decode(bytes.into(), features) else { return };
    for options in configurations() {
        let one = compile_module(&module, host(), &options, 1, &());
        let three = compile_module(&module, host(), &options, 3, &());
        assert_eq!(one, three, "two compilations differ");
        match (one, &verdict) {
            (Ok(image), Ok(())) => check_image(&image, &module),
            (Err(CompileError::Module(error)), Err(expected)) => {
                assert_eq!(
                    error, *expected,
                    "the bodies' validation differs from validation alone"
                );
            }
            (got, _) => panic!("{got:?} of a module for which validation says {verdict:?}"),
        }
    }
    if verdict.is_ok() {
        counters.add("compiled");
        let body_bytes: usize = module.bodies.iter().map(|body| body.len()).sum();
        // Smaller modules are compiled by the calling thread.
        if body_bytes > 2 << 10 && module.bodies.len() > 1 {
            counters.add("on several threads");
        }
    }
}

/// Whether wasmparser does not enforce the limit `name`.
fn is_ours(name: &str) -> bool {
    [limits::MODULE_BYTES, limits::CUSTOM_SECTIONS].iter().any(|limit| limit.name == name)
}

/// The tables of an image are sorted and stay inside it.
fn check_image(image: &CodeImage, module: &ParsedModule) {
    assert_eq!(image.functions.len(), module.bodies.len());
    assert!(image.text_bytes as usize <= image.code.len());
    let thunks = image.builtin_thunks.iter().map(|(_, range)| range);
    let entries = image.host_entries.iter().chain(&image.host_exits).map(|code| &code.range);
    for range in image.functions.iter().chain(entries).chain(thunks) {
        let end = range.start.checked_add(range.len).expect("a range ends");
        assert!(end <= image.text_bytes, "{range:?} ends outside the text");
    }
    assert!(image.trap_sites.is_sorted_by(|a, b| a.code_offset < b.code_offset));
    assert!(image.call_sites.is_sorted_by(|a, b| a.code_offset < b.code_offset));
    let bytes = module.bytes.len() as u32;
    for site in &image.trap_sites {
        assert!(site.code_offset < image.text_bytes && site.wasm_offset < bytes, "{site:?}");
    }
    for site in &image.call_sites {
        assert!(site.code_offset <= image.text_bytes && site.wasm_offset < bytes, "{site:?}");
    }
}

/// The two ends of what can be configured.
fn configurations() -> [CompileOptions; 2] {
    let guarded = CompileOptions { verify_ir: true, ..CompileOptions::default() };
    let memory = MemoryOptions {
        signals: false,
        reservation_bytes: 0,
        guard_bytes: 0,
        guard_before_bytes: 0,
        ..MemoryOptions::default()
    };
    let explicit = CompileOptions {
        opt_level: OptLevel::None,
        memory,
        spectre_mitigation: false,
        canonicalize_nans: true,
        ..guarded
    };
    [guarded, explicit]
}

fn host() -> &'static Target {
    static HOST: OnceLock<Target> = OnceLock::new();
    HOST.get_or_init(|| Target::host().expect("tests run where code can be made"))
}

/// Mostly everything; now and then something less, so that operators are met that are switched off.
fn features(u: &mut Unstructured<'_>) -> arbitrary::Result<Features> {
    Ok(match u.int_in_range(0..=9u8)? {
        0 => Features::WASM1,
        1 => Features::WASM2,
        2 => Features::default(),
        3 => Features::ALL.with(*u.choose(Feature::ALL)?, false),
        _ => Features::ALL,
    })
}

fn bytes(
    u: &mut Unstructured<'_>,
    features: Features,
    counters: &Counters,
) -> arbitrary::Result<Vec<u8>> {
    let kind = u.int_in_range(0..=19u8)?;
    if kind == 0 {
        counters.add("plain bytes");
        return Ok(u.bytes(u.len())?.to_vec());
    }
    // What is made with more features than are on must be refused, whatever it uses of them.
    let made_with = if u.ratio(1u8, 10u8)? { Features::ALL } else { features };
    let seed = u.arbitrary()?;
    let patches: [(u32, u8); 4] = u.arbitrary()?;
    let cut: u32 = u.arbitrary()?;
    let mut bytes = modules::to_compile(u, made_with, kind < 4)?;
    match kind {
        4..8 => {
            if let Some(mutated) = mutated(&bytes, seed) {
                counters.add("changed by wasm-mutate");
                bytes = mutated;
            }
        }
        8..11 => {
            counters.add("overwritten");
            for (position, byte) in &patches[..usize::from(kind) - 7] {
                let position = *position as usize % bytes.len();
                bytes[position] = *byte;
            }
        }
        11 => {
            counters.add("truncated");
            bytes.truncate(cut as usize % bytes.len());
        }
        _ => {}
    }
    Ok(bytes)
}

/// What wasm-mutate makes of a module; `None` if nothing.
fn mutated(bytes: &[u8], seed: u64) -> Option<Vec<u8>> {
    let mut mutate = WasmMutate::default();
    mutate.seed(seed).fuel(1_000).preserve_semantics(false);
    let mut mutations = mutate.run(bytes).ok()?;
    mutations.next()?.ok()
}
