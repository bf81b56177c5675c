//! Bad input, through the whole engine: what is too much, what lies, what is cut short.
//!
//! Nothing here may panic, exhaust the native stack (each case runs on a thread with 256 KiB, and
//! compiles on it) or take long. Each case says what must come of it: that it works, or which error.

use std::time::Instant;

use brolga::{
    Config, Engine, Error, Func, FuncType, Instance, Module, OptLevel, Store, Trap, Val, ValType,
};
use brolga_module::wasmparser::Validator;
use brolga_module::{Features, ModuleError};

#[path = "hostile/bodies.rs"]
mod bodies;
#[path = "hostile/sections.rs"]
mod sections;

/// What must come of a case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Expect {
    /// The export `f`, called without arguments, returns this.
    Returns(i32),
    /// The export `f`, called without arguments, runs out of stack.
    Overflows,
    /// An instance can be made.
    Instantiates,
    /// A limit of the implementation, by name.
    Limit(&'static str),
    /// Not the binary format.
    Malformed,
    /// The binary format, but not valid.
    Invalid,
    /// It compiles, but can't be instantiated: the error says this.
    Refused(&'static str),
}

/// A module and what must come of it.
struct Case {
    name: &'static str,
    bytes: fn() -> Vec<u8>,
    expect: Expect,
}

/// (name, how the module is made, what must come of it)
macro_rules! cases {
    ($($name:literal $bytes:expr => $expect:expr;)*) => {
        &[$($crate::Case { name: $name, bytes: $bytes, expect: $expect },)*]
    };
}
use cases;

/// How much stack a case has.
const STACK_BYTES: usize = 256 << 10;

/// Runs `test` where there is little stack.
fn on_small_stack<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(test);
    thread.expect("a thread can be had").join().expect("no panic")
}

const LEVELS: [OptLevel; 2] = [OptLevel::Speed, OptLevel::None];

/// An engine whose modules are compiled by the calling thread.
fn engine(level: OptLevel) -> Engine {
    let mut config = Config::new();
    config.cranelift_opt_level(level).compile_threads(1).parallel_compilation(false);
    Engine::new(&config).expect("a configuration for this machine")
}

/// Runs cases at these levels of optimisation.
fn run(levels: &'static [OptLevel], cases: &'static [Case]) {
    for case in cases {
        on_small_stack(move || {
            let bytes = (case.bytes)();
            for level in levels {
                let start = Instant::now();
                let outcome = outcome(&engine(*level), &bytes);
                let (name, size) = (case.name, bytes.len());
                println!("{name}, {level:?}: {size} bytes, {outcome}, {:.1?}", start.elapsed());
                outcome.assert(case);
            }
        });
    }
}

/// What is wrong with the module, whichever stage noticed it.
fn module_error(error: &Error) -> Option<&ModuleError> {
    error.downcast_ref()
}

/// What came of a case.
enum Outcome {
    Value(i32),
    Instance,
    Error(Error),
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Outcome::Value(value) => write!(f, "returns {value}"),
            Outcome::Instance => f.write_str("an instance"),
            Outcome::Error(error) => {
                write!(f, "error: {}", format!("{error:#}").lines().next().unwrap_or_default())
            }
        }
    }
}

impl Outcome {
    fn assert(&self, case: &Case) {
        let name = case.name;
        match (case.expect, self) {
            (Expect::Returns(expected), Outcome::Value(value)) => {
                assert_eq!(*value, expected, "{name}")
            }
            (Expect::Instantiates, Outcome::Instance) => {}
            (Expect::Overflows, Outcome::Error(error)) => {
                assert_eq!(error.downcast_ref(), Some(&Trap::StackOverflow), "{name}");
            }
            (Expect::Refused(why), Outcome::Error(error)) => {
                let text = format!("{error:#}");
                assert!(module_error(error).is_none(), "{name}: {text}");
                assert!(text.contains(why), "{name}: `{why}` is not in `{text}`");
            }
            (expect, Outcome::Error(error)) => {
                let as_expected = match (expect, module_error(error)) {
                    (Expect::Limit(limit), Some(ModuleError::Limit { name, .. })) => *name == limit,
                    (Expect::Malformed, Some(ModuleError::Malformed { .. })) => true,
                    (Expect::Invalid, Some(ModuleError::Invalid { .. })) => true,
                    _ => false,
                };
                assert!(as_expected, "{name}: expected {expect:?}, got {error:?}");
            }
            (expect, outcome) => panic!("{name}: expected {expect:?}, got {outcome}"),
        }
    }
}

fn outcome(engine: &Engine, bytes: &[u8]) -> Outcome {
    let run = || -> Result<Outcome, Error> {
        let module = Module::from_binary(engine, bytes)?;
        let mut store = Store::new(engine, ());
        let imports: Vec<_> = module.imports().map(|import| import.ty()).collect();
        let imports = imports.into_iter().map(|ty| {
            let ty = ty.unwrap_func().clone();
            Func::new(&mut store, ty, |_, _, _| Ok(())).into()
        });
        let imports: Vec<_> = imports.collect();
        let instance = Instance::new(&mut store, &module, &imports)?;
        let Some(func) = instance.get_func(&mut store, "f") else { return Ok(Outcome::Instance) };
        let mut results = [Val::I32(0)];
        func.call(&mut store, &[], &mut results)?;
        Ok(Outcome::Value(results[0].unwrap_i32()))
    };
    run().unwrap_or_else(Outcome::Error)
}

/// A module that has a bit of everything.
const PLENTY: &str = r#"(module $plenty
    (type $binary (func (param i32 i32) (result i32)))
    (import "host" "f" (func $host (param i32) (result i64)))
    (memory $memory (export "memory") 1 3)
    (memory $other i64 1)
    (table $dynamic (export "table") 4 funcref)
    (table $static 2 2 funcref)
    (global $counter (export "counter") (mut i64) (i64.const 7))
    (global $place i32 (i32.add (i32.const 3) (i32.const 4)))
    (elem (table $static) (i32.const 0) func $add $sub)
    (elem (table $dynamic) (i32.const 1) funcref (ref.func $add) (ref.null func))
    (elem $passive funcref (ref.func $sub))
    (data (i32.const 16) "some bytes")
    (data $later "later")
    (func $add (type $binary) (i32.add (local.get 0) (local.get 1)))
    (func $sub (export "sub") (type $binary) (i32.sub (local.get 0) (local.get 1)))
    (func (export "vectors") (param v128 f32) (result v128 f64) (local v128)
        (local.set 2 (f32x4.mul (local.get 0) (f32x4.splat (local.get 1))))
        (i8x16.shuffle 0 17 2 19 4 21 6 23 8 25 10 27 12 29 14 31 (local.get 0) (local.get 2))
        (f64.promote_f32 (local.get 1)))
    (func (export "control") (param i32) (result i32) (local i32)
        (block $out (block $two (block $one
            (br_table $one $two $out (local.get 0)))
            (return (i32.const 11)))
            (local.set 1 (i32.const 12)))
        (loop $again
            (local.set 1 (i32.add (local.get 1) (i32.const 3)))
            (br_if $again (i32.lt_s (local.get 1) (i32.const 100))))
        (if (result i32) (local.get 0) (then (local.get 1)) (else (i32.const -1))))
    (func (export "calls") (param i32) (result i32)
        (drop (call $host (local.get 0)))
        (global.set $counter (i64.add (global.get $counter) (i64.const 1)))
        (call_indirect $static (type $binary) (i32.const 5) (i32.const 6) (local.get 0))
        (return_call_indirect $dynamic (type $binary) (global.get $place) (i32.const 1)))
    (func (export "bulk") (param i32)
        (memory.init $later (local.get 0) (i32.const 0) (i32.const 5))
        (data.drop $later)
        (memory.copy $memory $memory (i32.const 1) (local.get 0) (i32.const 9))
        (memory.fill $other (i64.const 0) (i32.const 1) (i64.const 20))
        (table.init $dynamic $passive (i32.const 0) (i32.const 0) (i32.const 1))
        (table.set $dynamic (i32.const 2) (table.get $dynamic (i32.const 1)))
        (drop (table.grow $dynamic (ref.null func) (i32.const 2)))
        (i64.store $other offset=3 (i64.const 1) (i64.div_s (i64.const 1) (i64.const 3)))
        (drop (memory.grow (local.get 0))))
)"#;

/// Compiles what may be broken; if it is accepted, makes an instance. Whether it was accepted.
fn try_module(engine: &Engine, bytes: &[u8], what: &str) -> bool {
    let features = Features::default().to_wasmparser();
    let expected = Validator::new_with_features(features).validate_all(bytes).map(drop);
    match (Module::from_binary(engine, bytes), expected) {
        (Ok(module), Ok(_)) => {
            let mut store = Store::new(engine, ());
            let host = FuncType::new(engine, [ValType::I32], [ValType::I64]);
            let host = Func::new(&mut store, host, |_, _, results| {
                results[0] = Val::I64(1);
                Ok(())
            });
            // A flipped bit may leave nothing to import, or something else: an error, no more.
            let _ = Instance::new(&mut store, &module, &[host.into()]);
            engine.delete_compiled_module(&module);
            true
        }
        (Err(error), Err(_)) => {
            assert!(module_error(&error).is_some(), "{what}: no error of the module: {error:?}");
            false
        }
        (ours, theirs) => panic!("{what}: {:?}, wasmparser says {theirs:?}", ours.map(|_| ())),
    }
}

#[test]
fn truncated_modules() {
    on_small_stack(|| {
        let bytes = wat::parse_str(PLENTY).expect("well formed");
        let engine = &engine(OptLevel::None);
        assert!(try_module(engine, &bytes, "all of it"));
        let lengths = 0..bytes.len();
        let accepted = lengths
            .filter(|end| try_module(engine, &bytes[..*end], &format!("cut at {end}")))
            .count();
        println!("{} truncated modules, {accepted} of them valid", bytes.len());
        assert!(accepted < 20, "what is cut off was not needed {accepted} times");
    });
}

#[test]
fn flipped_bits() {
    on_small_stack(|| {
        let bytes = wat::parse_str(PLENTY).expect("well formed");
        let engines = LEVELS.map(engine);
        let (mut accepted, mut tried) = (0, 0);
        for position in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[position] ^= 1 << bit;
                let engine = &engines[(position + bit) % 2];
                let what = format!("bit {bit} of byte {position}");
                tried += 1;
                accepted += usize::from(try_module(engine, &changed, &what));
            }
        }
        println!("{tried} modules with a flipped bit, {accepted} of them valid");
        assert!(accepted > 100 && accepted < tried / 2, "{accepted} of {tried} were accepted");
    });
}
