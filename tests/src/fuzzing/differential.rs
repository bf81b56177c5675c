//! The target `differential`: a module does here what it does in wasmi, and in one configuration
//! what it does in another.
//!
//! Modules come from wasm-smith, count down so that they end, and have small maxima so that growth
//! succeeds alike. After instantiation and after each call are compared: results, the kind of trap,
//! globals, memories byte by byte, tables, and what host functions were asked.
//!
//! NaNs: two configurations of ours are both told to make them canonical. Beside wasmi the module
//! does so by code of its own, but for conversions between float types, which give here and there
//! what the processor gives. So floats are compared as bits.
//!
//! **Invariants**
//! - Where one side runs out of stack or memory nothing is compared from there on, and that is
//!   counted.

use arbitrary::Unstructured;
use brolga_module::{ExportItem, ExternType, Feature, Features, ParsedModule, ValType};

use super::Counters;
use super::modules::{FUEL, FUEL_OF_A_CALL, FUNCTION, to_run};
use super::side::{Item, Outcome, Side};
use super::side_brolga::{BrolgaSide, CONFIGURATIONS};
use super::side_wasmi::WasmiSide;
use super::values::{Value, arbitrary_value};

/// Runs a module made from `u` on two sides and compares.
///
/// Counts `instantiated` modules, `compared calls` and how they ended; `reached the oracle` are
/// inputs of which an outcome was compared.
///
/// # Panics
/// If the sides differ.
pub fn differential(u: &mut Unstructured<'_>, counters: &Counters) -> arbitrary::Result<()> {
    let beside_wasmi = u.ratio(2u8, 3u8)?;
    let first = u.int_in_range(0..=CONFIGURATIONS.len() - 1)?;
    let other = u.int_in_range(1..=CONFIGURATIONS.len() - 1)?;
    let calls: u64 = u.arbitrary()?;
    // Relaxed operators may differ between engines, so only our own are compared.
    let features = Features::ALL.with(Feature::RelaxedSimd, !beside_wasmi);
    let features = match u.int_in_range(0..=3u8)? {
        0 => Features::WASM2,
        1 => features.with(Feature::Memory64, false).with(Feature::CustomPageSizes, false),
        _ => features,
    };
    let bytes = to_run(u, features, beside_wasmi)?;
    super::keep(&bytes);
    let parsed = ParsedModule::decode(bytes.into(), features).expect("wasm-smith's is valid");
    if beside_wasmi {
        let Some((mut wasmi, expected)) = WasmiSide::new(&parsed) else {
            counters.add("refused by wasmi");
            return Ok(());
        };
        counters.add("beside wasmi");
        let (mut ours, outcome) = BrolgaSide::new(&parsed, first, false);
        compare(&parsed, (&mut wasmi, expected), (&mut ours, outcome), calls, counters);
    } else {
        counters.add("beside ourselves");
        let second = (first + other) % CONFIGURATIONS.len();
        let (mut one, expected) = BrolgaSide::new(&parsed, first, true);
        let (mut two, outcome) = BrolgaSide::new(&parsed, second, true);
        compare(&parsed, (&mut one, expected), (&mut two, outcome), calls, counters);
    }
    Ok(())
}

/// A side and how its instantiation ended.
type Started<'a> = (&'a mut dyn Side, Outcome);

/// Calls every function of the module on both sides, with arguments that follow from `seed`.
fn compare(
    parsed: &ParsedModule,
    (left, expected): Started<'_>,
    (right, outcome): Started<'_>,
    seed: u64,
    counters: &Counters,
) {
    let mut pair = Pair { parsed, left, right, counters, instantiated: false };
    if !pair.agree("instantiation", &expected, &outcome) {
        return;
    }
    counters.add("reached the oracle");
    pair.instantiated = matches!(expected, Outcome::Returned(_));
    pair.compare_state("instantiation");
    if !pair.instantiated {
        counters.add("stopped at instantiation");
        return;
    }
    counters.add("instantiated");
    let bytes = super::input_bytes(seed, 0);
    let mut u = Unstructured::new(&bytes);
    for index in 0..parsed.functions.len().min(CALLS_MAX) {
        if !pair.call(&mut u, index) {
            return;
        }
    }
}

/// How many functions of a module are called.
const CALLS_MAX: usize = 16;

struct Pair<'a> {
    parsed: &'a ParsedModule,
    left: &'a mut dyn Side,
    right: &'a mut dyn Side,
    counters: &'a Counters,
    instantiated: bool,
}

impl Pair<'_> {
    /// Calls function `index` on both sides; false if the comparison can't go on.
    fn call(&mut self, u: &mut Unstructured<'_>, index: usize) -> bool {
        let ty = &self.parsed.types[self.parsed.functions[index].as_usize()];
        // Arguments are made from what never runs out: a call with zeros beats none.
        let args: Vec<Value> = ty
            .params()
            .iter()
            .map(|ty| arbitrary_value(u, *ty).unwrap_or_else(|_| zero(*ty)))
            .collect();
        for side in [&mut *self.left, &mut *self.right] {
            side.set_global(Item::Export(FUEL), Value::I32(FUEL_OF_A_CALL));
        }
        let name = format!("{FUNCTION}{index}");
        let what = format!("`{name}` called with {args:?}");
        let left = self.left.call(&name, &args, ty.results().len());
        let right = self.right.call(&name, &args, ty.results().len());
        if !self.agree(&what, &left, &right) {
            return false;
        }
        self.counters.add("compared calls");
        match left {
            Outcome::Stopped(stop) => {
                self.counters.add("stopped calls");
                self.counters.add(stop.counter());
            }
            _ => self.counters.add("returned calls"),
        }
        self.compare_state(&what);
        true
    }

    /// Whether both outcomes can be compared; if so, they are equal.
    fn agree(&self, what: &str, left: &Outcome, right: &Outcome) -> bool {
        if let (Outcome::Exhausted(_), _) | (_, Outcome::Exhausted(_)) = (left, right) {
            self.counters.add("exhausted");
            return false;
        }
        let failed = |outcome: &Outcome| matches!(outcome, Outcome::Failed(_));
        assert!(
            left == right && !failed(left),
            "{what}: {} says {left:?}, {} says {right:?}",
            self.left.name(),
            self.right.name(),
        );
        true
    }

    /// Whatever of the two instances can be seen is equal.
    fn compare_state(&mut self, what: &str) {
        let parsed = self.parsed;
        let imports = parsed.imports.iter().enumerate();
        let imports = imports.map(|(position, import)| (Item::Import(position), import.ty.clone()));
        let exports = parsed.exports.iter().filter(|_| self.instantiated);
        let exports = exports.map(|export| match export.item {
            // Its type is no help, and which function it is can't be compared.
            ExportItem::Func(_) => (Item::Export(&export.name), None),
            item => (Item::Export(&export.name), Some(parsed.item_type(item))),
        });
        let exports: Vec<_> = exports.collect();
        let items = imports.map(|(item, ty)| (item, Some(ty))).chain(exports);
        for (item, ty) in items {
            let equal = match ty {
                Some(ExternType::Memory(_)) => self.left.memory(item) == self.right.memory(item),
                Some(ExternType::Table(_)) => self.left.table(item) == self.right.table(item),
                Some(ExternType::Global(_)) => self.left.global(item) == self.right.global(item),
                _ => true,
            };
            if !equal {
                let difference = self.difference(item, &ty);
                let (left, right) = (self.left.name(), self.right.name());
                panic!("after {what}: {item:?} differs between {left} and {right}: {difference}");
            }
        }
        assert_eq!(self.left.trace(), self.right.trace(), "after {what}: calls of the host differ");
    }

    /// Where and how an item differs.
    fn difference(&mut self, item: Item<'_>, ty: &Option<ExternType>) -> String {
        match ty {
            Some(ExternType::Memory(_)) => {
                let (left, right) = (self.left.memory(item), self.right.memory(item));
                let at = left.iter().zip(right).position(|(left, right)| left != right);
                let bytes = |memory: &[u8]| memory.get(at?).copied();
                format!(
                    "sizes {} and {}, first different byte {at:?}: {:?} and {:?}",
                    left.len(),
                    right.len(),
                    bytes(left),
                    bytes(right),
                )
            }
            Some(ExternType::Table(_)) => {
                format!("{:?} and {:?}", self.left.table(item), self.right.table(item))
            }
            _ => format!("{:?} and {:?}", self.left.global(item), self.right.global(item)),
        }
    }
}

fn zero(ty: ValType) -> Value {
    arbitrary_value(&mut Unstructured::new(&[]), ty).expect("made of nothing")
}
