//! Bytes made to do harm: cut off, flipped, lying, deep.

mod support;

use std::time::{Duration, Instant};

use brolga_module::wasmparser::Validator;
use brolga_module::{Features, ModuleError, ParsedModule, validate};
use support::rich;

/// Everywhere, but for Miri, which takes a thousand times as long: some places only.
const STEP: usize = if cfg!(miri) { 97 } else { 1 };

/// Asserts that we accept the bytes exactly if wasmparser does.
fn same_verdict(bytes: &[u8], features: Features, what: &dyn Fn() -> String) {
    let ours = validate(bytes, features);
    let theirs = Validator::new_with_features(features.to_wasmparser()).validate_all(bytes);
    match (&ours, &theirs) {
        (Ok(()), Ok(_)) => {}
        (Err(ModuleError::Component { .. }), Err(_)) => {}
        (Err(ours), Err(theirs)) => {
            assert!(ours.offset() <= bytes.len() as u64, "{}: {ours}, {theirs}", what());
        }
        (ours, theirs) => panic!("{}: ours {ours:?}, theirs {:?}", what(), theirs.as_ref().err()),
    }
}

#[test]
fn cut_off_at_every_byte() {
    let bytes = rich();
    for end in (0..=bytes.len()).step_by(STEP) {
        same_verdict(&bytes[..end], Features::default(), &|| format!("first {end} bytes"));
    }
}

#[test]
fn every_bit_flipped() {
    let bytes = rich();
    for features in [Features::default(), Features::WASM2] {
        for bit in (0..bytes.len() * 8).step_by(if cfg!(miri) { 8 * STEP + 1 } else { 1 }) {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            same_verdict(&bytes, features, &|| format!("bit {bit} flipped"));
        }
    }
}

#[test]
fn every_byte_replaced() {
    let bytes = rich();
    for position in (0..bytes.len()).step_by(if cfg!(miri) { 6 * STEP } else { 1 }) {
        for value in [0x00, 0x01, 0x40, 0x7f, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            bytes[position] = value;
            same_verdict(&bytes, Features::default(), &|| format!("byte {position} = {value:#x}"));
        }
    }
}

#[test]
fn every_byte_left_out_or_doubled() {
    let bytes = rich();
    for position in (0..bytes.len()).step_by(STEP) {
        let mut without = bytes.clone();
        without.remove(position);
        same_verdict(&without, Features::default(), &|| format!("without byte {position}"));
        let mut doubled = bytes.clone();
        doubled.insert(position, bytes[position]);
        same_verdict(&doubled, Features::default(), &|| format!("byte {position} doubled"));
    }
}

#[test]
fn counts_that_lie_fail_fast() {
    const HEADER: &[u8] = b"\0asm\x01\0\0\0";
    let counts: [&[u8]; 4] = [
        &[0xff, 0xff, 0xff, 0xff, 0x0f], // 2^32 - 1
        &[0xc0, 0x84, 0x3d],             // 1,000,000
        &[0xa0, 0x8d, 0x06],             // 100,000
        &[100],
    ];
    let begin = Instant::now();
    for section in 1..=12 {
        for count in counts {
            for filler in [0x00, 0x01, 0x60, 0x70, 0x7f].into_iter().step_by(STEP) {
                let contents = [count, &[filler; 5][..]].concat();
                let size = u8::try_from(contents.len()).unwrap();
                let bytes = [HEADER, &[section, size], &contents].concat();
                same_verdict(&bytes, Features::default(), &|| format!("{bytes:?}"));
                let error = validate(&bytes, Features::default()).unwrap_err();
                assert!(error.offset() <= bytes.len() as u64, "{error}");
            }
        }
    }
    let most = Duration::from_secs(if cfg!(miri) { 500 } else { 5 });
    assert!(begin.elapsed() < most, "{:?}", begin.elapsed());
}

#[test]
fn sections_that_are_longer_than_the_module() {
    for section in 0..=13 {
        let bytes = [b"\0asm\x01\0\0\0".as_slice(), &[section, 0xff, 0xff, 0xff, 0xff, 0x0f]];
        let error = validate(&bytes.concat(), Features::default()).unwrap_err();
        assert!(error.to_string().contains("unexpected end-of-file"), "{section}: {error}");
    }
}

/// How deep blocks are. Miri's stacks don't end, and a million would take it hours.
const DEPTH: usize = if cfg!(miri) { 1_000 } else { 1_000_000 };

/// A module with one function of these operators.
fn with_body(operators: &[u8]) -> Vec<u8> {
    use wasm_encoder::{CodeSection, FunctionSection, Module, TypeSection};
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut code = CodeSection::new();
    code.raw(&[&[0], operators].concat());
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&code);
    module.finish()
}

fn on_a_small_stack<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::Builder::new().stack_size(256 << 10).spawn(run).unwrap();
    thread.join().unwrap()
}

#[test]
#[cfg_attr(miri, ignore = "a million of anything takes minutes")]
fn a_million_nested_blocks() {
    for opening in [&[0x02, 0x40][..], &[0x03, 0x40], &[0x41, 0x00, 0x04, 0x40]] {
        let mut operators = opening.repeat(DEPTH);
        let open = with_body(&operators);
        operators.extend([0x0b].repeat(DEPTH + 1));
        let closed = with_body(&operators);
        let verdicts = on_a_small_stack(move || {
            [&closed, &open].map(|bytes| validate(bytes, Features::default()))
        });
        assert_eq!(verdicts[0], Ok(()));
        assert!(matches!(verdicts[1], Err(ModuleError::Malformed { .. })), "{:?}", verdicts[1]);
    }
}

#[test]
#[cfg_attr(miri, ignore = "a million of anything takes minutes")]
fn a_million_nested_blocks_in_a_constant_expression() {
    use wasm_encoder::{ConstExpr, GlobalSection, GlobalType, Module, ValType};
    let mut globals = GlobalSection::new();
    let ty = GlobalType { val_type: ValType::I32, mutable: false, shared: false };
    let code = [[0x02, 0x40].repeat(DEPTH), [0x0b].repeat(DEPTH)].concat();
    globals.global(ty, &ConstExpr::raw(code));
    let mut module = Module::new();
    module.section(&globals);
    let bytes = module.finish();
    let verdict = on_a_small_stack(move || validate(&bytes, Features::default()));
    assert!(verdict.unwrap_err().to_string().contains("control frames remain"));
}

#[test]
fn trailing_and_repeated_modules() {
    let twice = [rich(), rich()].concat();
    same_verdict(&twice, Features::default(), &|| "twice".into());
    assert!(ParsedModule::decode(twice.into(), Features::default()).is_err());
}
