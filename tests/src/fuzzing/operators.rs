//! The target `operators`: small expressions, so that each operator is met often, in every
//! position: beside constants, loads, the same operand twice, other operators.
//!
//! A module has some functions, each an expression whose root is an operator chosen evenly from
//! all. They are called a few times, on two sides as in [`differential`](super::differential). NaNs
//! count as equal; expressions are such that nothing looks at a NaN's bits.
//!
//! **Invariants**
//! - Relaxed operators are only compared among our own configurations.

use std::fmt::Write;
use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};
use brolga_module::{Features, ParsedModule, ValType};

use super::Counters;
use super::catalogue::{Kind, Operator, operators};
use super::side::{Outcome, Side};
use super::side_brolga::{BrolgaSide, CONFIGURATIONS};
use super::side_wasmi::WasmiSide;
use super::values::{Value, arbitrary_value};

/// How many functions a module has.
const FUNCTIONS: usize = 24;
/// How often each is called.
const CALLS: usize = 4;
/// How deep operators are nested.
const DEPTH: usize = 2;

static ALL: LazyLock<Vec<Operator>> = LazyLock::new(operators);

/// The parameters of every function: two of each type.
const PARAMS: [ValType; 10] = [
    ValType::I32,
    ValType::I32,
    ValType::I64,
    ValType::I64,
    ValType::F32,
    ValType::F32,
    ValType::F64,
    ValType::F64,
    ValType::V128,
    ValType::V128,
];

/// Runs expressions made from `u` on two sides and compares.
///
/// Counts `compared calls` and how they ended.
///
/// # Panics
/// If the sides differ.
pub fn run_operators(u: &mut Unstructured<'_>, counters: &Counters) -> Result<()> {
    let beside_wasmi = u.ratio(3u8, 4u8)?;
    let first = u.int_in_range(0..=CONFIGURATIONS.len() - 1)?;
    let other = u.int_in_range(1..=CONFIGURATIONS.len() - 1)?;
    let mut roots = Vec::new();
    let mut text = "(module (memory 1) (data (i32.const 0) \"".to_owned();
    for byte in u.bytes(64)? {
        write!(text, "\\{byte:02x}").expect("a string grows");
    }
    text += "\")\n";
    let mut expressions = Expressions { u: &mut *u, relaxed: !beside_wasmi };
    for index in 0..FUNCTIONS {
        let root = expressions.operator(|_| true)?;
        let results: Vec<String> = root.results.iter().map(|kind| name(kind.ty())).collect();
        let expression = expressions.application(root, DEPTH)?;
        text += &format!(
            "(func (export \"{index}\") (param {}) (result {}) {expression})\n",
            PARAMS.map(name).join(" "),
            results.join(" "),
        );
        roots.push(root);
    }
    let bytes = wat::parse_str(text + ")").expect("made right");
    super::keep(&bytes);
    let parsed = ParsedModule::decode(bytes.into(), Features::ALL).expect("made right");
    if beside_wasmi {
        counters.add("beside wasmi");
        let (mut wasmi, _) = WasmiSide::new(&parsed).expect("wasmi knows all these operators");
        let (mut ours, _) = BrolgaSide::new(&parsed, first, false);
        compare(u, &roots, &mut wasmi, &mut ours, counters)
    } else {
        counters.add("beside ourselves");
        let second = (first + other) % CONFIGURATIONS.len();
        let (mut one, _) = BrolgaSide::new(&parsed, first, false);
        let (mut two, _) = BrolgaSide::new(&parsed, second, true);
        compare(u, &roots, &mut one, &mut two, counters)
    }
}

fn compare(
    u: &mut Unstructured<'_>,
    roots: &[&Operator],
    left: &mut dyn Side,
    right: &mut dyn Side,
    counters: &Counters,
) -> Result<()> {
    counters.add("reached the oracle");
    for (index, root) in roots.iter().enumerate() {
        for _ in 0..CALLS {
            let args = PARAMS.iter().map(|ty| arbitrary_value(u, *ty));
            let args: Vec<Value> = args.collect::<Result<_>>()?;
            let export = index.to_string();
            let one = left.call(&export, &args, root.results.len());
            let two = right.call(&export, &args, root.results.len());
            counters.add("compared calls");
            let agree = match (&one, &two) {
                (Outcome::Returned(one), Outcome::Returned(two)) => {
                    counters.add("returned calls");
                    let kinds = root.results.iter();
                    kinds.zip(one.iter().zip(two)).all(|(kind, (one, two))| {
                        without_nans(*kind, *one) == without_nans(*kind, *two)
                    })
                }
                (Outcome::Stopped(one), Outcome::Stopped(two)) => {
                    counters.add(one.counter());
                    one == two
                }
                _ => false,
            };
            let (left, right, name) = (left.name(), right.name(), &root.name);
            assert!(
                agree,
                "function {index} ({name}) with {args:x?}: {left} says {one:x?}, {right} {two:x?}"
            );
        }
    }
    Ok(())
}

/// The value with every NaN the same one.
fn without_nans(kind: Kind, value: Value) -> Value {
    let f32 = |bits: u32| if f32::from_bits(bits).is_nan() { 0x7fc0_0000 } else { bits };
    let f64 = |bits: u64| if f64::from_bits(bits).is_nan() { 0x7ff8 << 48 } else { bits };
    match (kind, value) {
        (Kind::F32, Value::F32(bits)) => Value::F32(f32(bits)),
        (Kind::F64, Value::F64(bits)) => Value::F64(f64(bits)),
        (Kind::F32x4, Value::V128(bits)) => Value::V128((0..4).fold(0, |sum, lane| {
            sum | u128::from(f32((bits >> (32 * lane)) as u32)) << (32 * lane)
        })),
        (Kind::F64x2, Value::V128(bits)) => Value::V128((0..2).fold(0, |sum, lane| {
            sum | u128::from(f64((bits >> (64 * lane)) as u64)) << (64 * lane)
        })),
        _ => value,
    }
}

/// Makes expressions as text.
struct Expressions<'a, 'b> {
    u: &'a mut Unstructured<'b>,
    relaxed: bool,
}

impl Expressions<'_, '_> {
    /// Some operator that fits.
    fn operator(&mut self, fits: impl Fn(&Operator) -> bool) -> Result<&'static Operator> {
        let relaxed = self.relaxed;
        let choice: Vec<&'static Operator> =
            ALL.iter().filter(|it| (relaxed || !it.relaxed) && fits(it)).collect();
        self.u.choose(&choice).copied()
    }

    /// `operator` with operands.
    fn application(&mut self, operator: &Operator, depth: usize) -> Result<String> {
        let mut text = format!("({}", operator.name);
        if let Some((lanes, times)) = operator.lanes {
            for _ in 0..times {
                write!(text, " {}", self.u.int_in_range(0..=lanes - 1)?).expect("a string grows");
            }
        }
        let depth = if operator.looks_at_bits() { 0 } else { depth };
        for kind in &operator.operands {
            text += " ";
            text += &self.operand(*kind, depth)?;
        }
        Ok(text + ")")
    }

    fn operand(&mut self, kind: Kind, depth: usize) -> Result<String> {
        let ty = name(kind.ty());
        let choice = self.u.int_in_range(0..=9u8)?;
        if depth > 0 && choice < 4 {
            // Known bits are floats too.
            let is_vector = matches!(kind, Kind::F32x4 | Kind::F64x2);
            let operator = self
                .operator(|it| it.results == [kind] || is_vector && it.results == [Kind::Bits])?;
            return self.application(operator, depth - 1);
        }
        Ok(match choice {
            4 | 5 => constant(arbitrary_value(self.u, kind.ty())?),
            6 => format!("({ty}.load offset={} (i32.const 0))", self.u.int_in_range(0..=48u8)?),
            _ => {
                let places = PARAMS.iter().enumerate().filter(|(_, param)| **param == kind.ty());
                let places: Vec<usize> = places.map(|(place, _)| place).collect();
                format!("(local.get {})", self.u.choose(&places)?)
            }
        })
    }
}

fn constant(value: Value) -> String {
    match value {
        Value::I32(bits) => format!("(i32.const {})", bits as i32),
        Value::I64(bits) => format!("(i64.const {})", bits as i64),
        // As what code generators make of a constant, not as a conversion that they could see.
        Value::F32(bits) => format!("(f32.const {})", float(f32::from_bits(bits).into())),
        Value::F64(bits) => format!("(f64.const {})", float(f64::from_bits(bits))),
        Value::V128(bits) => {
            format!("(v128.const i64x2 {} {})", bits as i64, (bits >> 64) as i64)
        }
        Value::Func { .. } | Value::Extern(_) => unreachable!("no operator here takes references"),
    }
}

fn float(value: f64) -> String {
    if value.is_nan() { "nan".into() } else { format!("{value:?}") }
}

fn name(ty: ValType) -> String {
    format!("{ty:?}").to_lowercase()
}
