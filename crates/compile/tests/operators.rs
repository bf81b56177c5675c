//! Every operator of every enabled proposal becomes code.
//!
//! The list of operators is wasmparser's own, so none can be forgotten: each becomes a function of
//! a module, its operand and result types found by asking the validator. The module is compiled
//! with each combination of options, the verifier of Cranelift on; an operator without a row in the
//! dispatch table, IR that does not verify, a missing lowering and a call out of the image are all
//! errors that name the function.
//!
//! **Invariants**
//! - A proposal that wasmparser comes to know has to be put into one of the two lists below.
//!
//! Not under Miri: it compiles throughout, which takes minutes there.
#![cfg(not(miri))]

use std::io::{self, Write as _};

use brolga_abi::{MemoryOptions, OptLevel};
use brolga_compile::{CompileOptions, Target, compile};
use brolga_module::{Features, ParsedModule, wasmparser};

/// The proposals whose operators must all be translated.
const ENABLED: &[&str] = &[
    "mvp",
    "sign_extension",
    "saturating_float_to_int",
    "bulk_memory",
    "reference_types",
    "tail_call",
    "simd",
    "relaxed_simd",
    "wide_arithmetic",
];

/// The proposals that validation refuses.
const REFUSED: &[&str] = &[
    "gc",
    "custom_descriptors",
    "memory_control",
    "threads",
    "acquire_release_atomics",
    "shared_everything_threads",
    "exceptions",
    "legacy_exceptions",
    "function_references",
    "stack_switching",
];

/// An operator as wasmparser lists it.
struct Operator {
    proposal: &'static str,
    name: &'static str,
    visit: &'static str,
    immediates: &'static [&'static str],
}

macro_rules! list_operators {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
        const OPERATORS: &[Operator] = &[$(Operator {
            proposal: stringify!($proposal),
            name: stringify!($op),
            visit: stringify!($visit),
            immediates: &[$($(stringify!($arg)),*)?],
        },)*];
    };
}

wasmparser::for_each_operator!(list_operators);

/// What the operators may name. `$m` is followed by the index type: 32-bit and 64-bit variants.
const PRELUDE: &str = "
    (type $nothing (func))
    (memory $m32 1) (memory $m64 i64 1)
    (table $t32 4 funcref) (table $t64 i64 4 funcref)
    (global $g (mut i32) (i32.const 0))
    (data $d \"brolga\")
    (elem $e func $f)
    (func $f (type $nothing))
";

impl Operator {
    /// The operator as text, once for each index type that it can be used with.
    fn texts(&self) -> Vec<String> {
        let text = self.control_text().unwrap_or_else(|| self.plain_text());
        let narrow = text.replace("$m?", "$m32").replace("$t?", "$t32");
        let wide = text.replace("$m?", "$m64").replace("$t?", "$t64");
        if narrow == wide { vec![narrow] } else { vec![narrow, wide] }
    }

    /// Operators whose text is not their name with immediates.
    fn control_text(&self) -> Option<String> {
        let text = match self.name {
            "Block" | "End" => "block end",
            "Loop" => "loop end",
            "If" => "if end",
            "Else" => "if else end",
            "Br" => "block br 0 end",
            "BrIf" => "block (param i32) br_if 0 end",
            "BrTable" => "block (param i32) br_table 0 0 end",
            "Call" => "call $f",
            "CallIndirect" => "call_indirect $t? (type $nothing)",
            "ReturnCall" => "return_call $f",
            "ReturnCallIndirect" => "return_call_indirect $t? (type $nothing)",
            "TypedSelect" => "select (result v128)",
            "MemoryInit" => "memory.init $m? $d",
            "TableInit" => "table.init $t? $e",
            "V128Const" => "v128.const i32x4 1 2 3 4",
            _ => return None,
        };
        Some(text.to_owned())
    }

    fn plain_text(&self) -> String {
        let name = self.visit.trim_start_matches("visit_");
        // The first part of a name is what the operator belongs to, if anything.
        let mut text = name.replacen('_', ".", 1);
        for immediate in self.immediates {
            text.push(' ');
            text.push_str(match *immediate {
                "memarg" => "$m? offset=4",
                "mem" | "dst_mem" | "src_mem" => "$m?",
                "table" | "dst_table" | "src_table" => "$t?",
                "lane" => "1",
                "lanes" => "0 17 2 19 4 21 6 23 8 25 10 27 12 29 14 31",
                "value" => "1",
                "local_index" => "$local",
                "global_index" => "$g",
                "function_index" => "$f",
                "data_index" => "$d",
                "elem_index" => "$e",
                "hty" => "func",
                other => panic!("{}: an immediate called {other}", self.name),
            });
        }
        text
    }
}

const TYPES: [&str; 7] = ["i32", "i64", "f32", "f64", "v128", "funcref", "externref"];

/// The first list of at most `longest` types that `accepts` likes, shorter ones first.
fn search(longest: usize, accepts: impl Fn(&[&str]) -> bool) -> Option<Vec<&'static str>> {
    for length in 0..=longest {
        for number in 0..TYPES.len().pow(length as u32) {
            let digit = |place: usize| number / TYPES.len().pow(place as u32) % TYPES.len();
            let types: Vec<&str> = (0..length).rev().map(|place| TYPES[digit(place)]).collect();
            if accepts(&types) {
                return Some(types);
            }
        }
    }
    None
}

fn function(params: &[&str], results: &[&str], body: &str) -> String {
    let operands: String = (0..params.len()).map(|index| format!("local.get {index} ")).collect();
    let (params, results) = (params.join(" "), results.join(" "));
    format!("(func (param {params}) (result {results}) (local $local i32) {operands}{body})\n")
}

fn decode(functions: &str) -> Option<ParsedModule> {
    let bytes = wat::parse_str(format!("(module {PRELUDE} {functions})")).ok()?;
    ParsedModule::decode(bytes.into(), Features::ALL).ok()
}

fn is_valid(functions: &str) -> bool {
    decode(functions).is_some_and(|module| module.validate_bodies().is_ok())
}

/// A function around the operator `text`, with the operands it takes and the results it gives.
fn wrap(text: &str) -> Option<String> {
    // What is left on the stack does not count before `unreachable`.
    let probe = format!("{text} unreachable");
    let params = search(4, |params| is_valid(&function(params, &[], &probe)))?;
    let results = search(2, |results| is_valid(&function(&params, results, text)))?;
    Some(function(&params, &results, text))
}

/// Every enabled operator in a function of its own, and what each of them holds.
fn all_operators() -> (ParsedModule, Vec<String>) {
    let mut functions = String::new();
    let mut texts = Vec::new();
    for operator in OPERATORS.iter().filter(|operator| ENABLED.contains(&operator.proposal)) {
        // It can be encoded, but no version of the specification lets it validate.
        if operator.name == "TypedSelectMulti" {
            continue;
        }
        for text in operator.texts() {
            let wrapped = wrap(&text);
            let wrapped = wrapped.unwrap_or_else(|| panic!("{}: {text}?", operator.name));
            functions.push_str(&wrapped);
            texts.push(wrapped);
        }
    }
    (decode(&functions).expect("each function is valid by itself"), texts)
}

/// Compiles every operator with every combination of options that code depends on.
fn compile_all(target: &Target) {
    let (module, texts) = all_operators();
    for signals in [true, false] {
        for opt_level in [OptLevel::None, OptLevel::Speed] {
            let options = CompileOptions {
                opt_level,
                memory: MemoryOptions { signals, ..MemoryOptions::default() },
                canonicalize_nans: !signals,
                verify_ir: true,
                ..CompileOptions::default()
            };
            let image = compile(&module, target, &options, 0, &());
            if let Err(error) = image {
                // The error names the function by its index, which counts `$f` before them.
                let message = error.to_string();
                let number = message.split("function ").nth(1).and_then(|rest| {
                    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<usize>().ok()
                });
                let text = number.and_then(|number| texts.get(number.checked_sub(1)?));
                panic!("signals {signals}, {opt_level:?}: {message}: {text:?}");
            }
        }
    }
    // Written past the test harness, which keeps what `println!` says of a test that passes.
    let triple = target.triple();
    writeln!(io::stdout(), "{triple}: {} operators, {} functions", enabled(), texts.len())
        .expect("a standard output");
}

fn enabled() -> usize {
    OPERATORS.iter().filter(|operator| ENABLED.contains(&operator.proposal)).count()
}

#[test]
fn every_operator_becomes_code() {
    compile_all(&Target::host().expect("the host is supported"));
}

/// Without the host's features beyond the baseline, which shape code as much.
#[test]
fn every_operator_becomes_code_for_the_baseline() {
    compile_all(&Target::new(target_lexicon::Triple::host()).expect("the host is supported"));
}

#[cfg(feature = "all-arch")]
#[test]
fn every_operator_becomes_code_for_every_target() {
    for triple in [
        "x86_64-unknown-linux-gnu",
        "aarch64-unknown-linux-gnu",
        "riscv64gc-unknown-linux-gnu",
        "s390x-unknown-linux-gnu",
    ] {
        let triple = triple.parse().expect("a triple that exists");
        compile_all(&Target::new(triple).expect("a supported target"));
    }
}

#[test]
fn every_proposal_is_decided() {
    for operator in OPERATORS {
        let decided = ENABLED.contains(&operator.proposal) != REFUSED.contains(&operator.proposal);
        assert!(decided, "{} of {} is in neither list", operator.name, operator.proposal);
    }
    // WebAssembly 2.0 has 437 operators; relaxed SIMD adds 20, wide arithmetic 4, tail calls 2 and
    // wasmparser counts the select of several results.
    assert_eq!(enabled(), 172 + 5 + 8 + 7 + 10 + 2 + 236 + 20 + 4);
}
