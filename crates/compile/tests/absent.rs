//! Every operator there is, in a body of its own: the pass that compiles it lets pass what
//! wasmparser's own visitor lets pass, and refuses the rest for the same reason, in the same words
//! and at the same place. What of proposals that are not supported is refused is counted.
//!
//! Not under Miri: it compiles throughout, which takes minutes there.
#![cfg(not(miri))]

use std::collections::BTreeMap;

use brolga_compile::{CompileError, CompileOptions, ParsedModule, Target, compile};
use brolga_module::{Features, ModuleError};

/// Where the operator under test goes, with zeros for what it carries behind it: those that it
/// does not take are `unreachable`.
const ROOM: &[u8] = &[0x01; 24];

/// A module with one of everything that an operator can name, as its number 0.
fn module() -> Vec<u8> {
    let nops = "nop ".repeat(ROOM.len());
    let text = format!(
        r#"(module
            (memory 1)
            (table 1 funcref)
            (global (mut i32) (i32.const 0))
            (data "passive")
            (elem func 0)
            (func unreachable {nops} unreachable))"#
    );
    wat::parse_str(text).unwrap()
}

/// All opcodes, with some that are none among them.
fn opcodes() -> impl Iterator<Item = Vec<u8>> {
    let single = (0_u8..=0xfa).chain([0xff]).map(|byte| vec![byte]);
    let prefixed = (0xfb..=0xfe).flat_map(|prefix| {
        // Two bytes of a number in LEB128 reach further than any list of operators does.
        (0_u16..0x200).map(move |number| vec![prefix, number as u8 | 0x80, (number >> 7) as u8])
    });
    single.chain(prefixed)
}

/// What is wrong with the module's only body, as the compiler and as wasmparser have it.
fn verdicts(bytes: Vec<u8>) -> (Option<ModuleError>, Option<ModuleError>) {
    let module = ParsedModule::decode(bytes.into(), Features::ALL).unwrap();
    let options = CompileOptions::default();
    let compiled = match compile(&module, &Target::host().unwrap(), &options, 1, &()) {
        Ok(_) => None,
        Err(CompileError::Module(error)) => Some(error),
        Err(error) => panic!("{error}"),
    };
    (compiled, module.validate_bodies().err())
}

#[test]
fn every_operator_is_judged_as_by_wasmparser() {
    let module = module();
    let at = module.windows(ROOM.len()).position(|it| it == ROOM).unwrap();
    let (mut accepted, mut unsupported) = (0, BTreeMap::new());
    for opcode in opcodes() {
        let mut bytes = module.clone();
        bytes[at..][..ROOM.len()].fill(0);
        bytes[at..][..opcode.len()].copy_from_slice(&opcode);
        let (found, expected) = verdicts(bytes);
        assert_eq!(found, expected, "{opcode:02x?}");
        match found {
            None => accepted += 1,
            Some(ModuleError::Unsupported { message, feature, .. }) => {
                assert_eq!(feature, None, "all features are on");
                *unsupported.entry(message.into_string()).or_insert(0) += 1;
            }
            Some(_) => {}
        }
    }
    assert!(accepted > 400, "{accepted}");
    for proposal in [
        "acquire-release atomics",
        "custom descriptors operations",
        "exceptions",
        "function references",
        "gc",
        "legacy exceptions",
        "memory control",
        "shared-everything-threads",
        "stack switching",
        "threads",
    ] {
        let message = format!("{proposal} support is not enabled");
        assert!(unsupported.contains_key(&message), "{message}: {unsupported:#?}");
    }
}
