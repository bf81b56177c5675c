//! Memory edge cases of every load and store. This test stands for a part of the sandbox: a change
//! asks for a second reader.
//!
//! An access happens if and only if index + offset + width ≤ size; otherwise it traps and memory is
//! as before. Sums are taken in 128 bits here, so they can't wrap. Indexes come to the operator in
//! every way in which code could get them wrong: constants, parameters, shifted, added, cut from 64
//! bits with rubbish above, loaded, returned by a call, spilled, the −1 of a failed growth.
//!
//! Each combination of index type, page size and configuration is a module that holds every
//! operator with every offset; its memory starts with nothing or a page, and is grown by the host
//! or by the module.

use brolga::{Config, Engine, Func, Instance, Memory, Module, OptLevel, Store, Trap, Val};
use operators::{OPERATORS, Operator, bits, missing};

#[path = "addresses/folded.rs"]
mod folded;
#[path = "addresses/growth.rs"]
mod growth;
#[path = "addresses/operators.rs"]
mod operators;

#[test]
fn the_table_of_operators_is_complete() {
    assert_eq!(missing(), Vec::<&str>::new());
}

/// A kind of memory.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    /// The index type, in the text format.
    index: &'static str,
    /// What follows the limits in the text format.
    page: &'static str,
    page_bytes: u64,
    /// The size it starts with, in pages.
    min: u64,
    /// By how much it is grown then, in pages.
    growth: u64,
    /// By whom: the host or the module.
    grown_by_host: bool,
    offsets: &'static [u64],
}

const OFFSETS_32: &[u64] = &[0, 1, (1 << 31) - 1, 1 << 31, (1 << 32) - 1];
const OFFSETS_64: &[u64] =
    &[0, 1, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, 1 << 63, u64::MAX];

const SMALL_32: Kind = Kind {
    name: "32-bit",
    index: "i32",
    page: "",
    page_bytes: 1 << 16,
    min: 0,
    growth: 1,
    grown_by_host: true,
    offsets: OFFSETS_32,
};

const SMALL_64: Kind = Kind { name: "64-bit", index: "i64", offsets: OFFSETS_64, ..SMALL_32 };

/// A minimum lets code leave out some of a check, so there are memories with and without.
const KINDS: [Kind; 6] = [
    SMALL_32,
    SMALL_64,
    Kind {
        name: "32-bit, small pages",
        page: "(pagesize 1)",
        page_bytes: 1,
        growth: 37,
        grown_by_host: false,
        ..SMALL_32
    },
    Kind {
        name: "64-bit, small pages",
        page: "(pagesize 1)",
        page_bytes: 1,
        growth: 37,
        ..SMALL_64
    },
    Kind { name: "32-bit, at least a page", min: 1, grown_by_host: false, ..SMALL_32 },
    Kind { name: "64-bit, at least a page", min: 1, grown_by_host: false, ..SMALL_64 },
];

/// How the index comes to the operator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    Const(u64),
    Param,
    /// Shifted left by so much, what is shifted out being rubbish.
    Shl(u32),
    /// A constant added, mostly with wrapping.
    Add,
    /// Shifted and added.
    Scaled,
    /// Cut to 32 bits, the rest being rubbish.
    Wrap,
    /// Loaded from another memory.
    Loaded,
    /// The result of a call.
    Called,
    /// Kept during a call.
    Spilled,
    /// The −1 of a `memory.grow` that fails.
    MemoryGrowFailed,
    /// The −1 of a `table.grow` that fails.
    TableGrowFailed,
}

const FORMS: [Form; 12] = [
    Form::Param,
    Form::Shl(1),
    Form::Shl(2),
    Form::Shl(3),
    Form::Add,
    Form::Scaled,
    Form::Wrap,
    Form::Loaded,
    Form::Called,
    Form::Spilled,
    Form::MemoryGrowFailed,
    Form::TableGrowFailed,
];

/// What [`Form::Add`] adds.
const ADDED: u64 = 0x1234;

impl Form {
    /// The index as an expression; `$p` is of the index type, `$q` an i64.
    fn text(self, index: &str) -> String {
        match self {
            Form::Const(value) if index == "i32" => format!("(i32.const {})", value as i32),
            Form::Const(value) => format!("(i64.const {})", value as i64),
            Form::Param => "(local.get $p)".into(),
            Form::Shl(by) => format!("({index}.shl (local.get $p) ({index}.const {by}))"),
            Form::Add => format!("({index}.add (local.get $p) ({index}.const {ADDED}))"),
            Form::Scaled => format!(
                "({index}.add ({index}.const {ADDED}) ({index}.shl (local.get $p) ({index}.const 2)))"
            ),
            Form::Wrap if index == "i32" => "(i32.wrap_i64 (local.get $q))".into(),
            Form::Wrap => "(i64.extend_i32_u (i32.wrap_i64 (local.get $q)))".into(),
            Form::Loaded => format!("({index}.load $scratch (i32.const 8))"),
            Form::Called => "(call $same (local.get $p))".into(),
            Form::Spilled => {
                format!("({index}.add (local.get $p) ({index}.const {ADDED})) (call $nothing)")
            }
            Form::MemoryGrowFailed => format!("(memory.grow $full ({index}.const 1))"),
            Form::TableGrowFailed => {
                format!("(table.grow $full (ref.null func) ({index}.const 1))")
            }
        }
    }

    /// What `$p` and `$q` have to be for the index to be `value`; `None` if it can't be.
    fn params(self, value: u64, index_bits: u32) -> Option<(u64, u64)> {
        const RUBBISH: u64 = 0xdead_beef << 32;
        let all = u64::MAX >> (64 - index_bits);
        Some(match self {
            Form::Const(_) => (0, 0),
            Form::Param | Form::Called | Form::Loaded => (value, 0),
            Form::Shl(by) => {
                let rubbish = all << (index_bits - by) & all;
                value.is_multiple_of(1 << by).then_some((value >> by | rubbish, 0))?
            }
            Form::Add | Form::Spilled => (value.wrapping_sub(ADDED) & all, 0),
            Form::Scaled => {
                let shifted = value.wrapping_sub(ADDED) & all;
                shifted.is_multiple_of(4).then_some((shifted >> 2 | 0b01 << (index_bits - 2), 0))?
            }
            Form::Wrap => (value >> 32 == 0).then_some((0, value | RUBBISH))?,
            Form::MemoryGrowFailed | Form::TableGrowFailed => (value == all).then_some((0, 0))?,
        })
    }
}

/// Sizes that the memory has in turn, in bytes.
fn sizes(kind: &Kind) -> [u64; 2] {
    [kind.min, kind.min + kind.growth].map(|pages| pages * kind.page_bytes)
}

/// Indexes that matter for this operator and offset, whatever the size.
fn indexes(kind: &Kind, operator: &Operator, offset: u64) -> Vec<u64> {
    let all = if kind.index == "i32" { u64::from(u32::MAX) } else { u64::MAX };
    let mut found =
        vec![0, 1, 1 << 31, (1 << 31) - 1, all, all - 15, 0u64.wrapping_sub(offset) & all];
    if all > 1 << 32 {
        found.extend([1 << 32, (1 << 32) + 1, 1 << 63]);
    }
    for size in sizes(kind) {
        let end = i128::from(size) - i128::from(offset) - operator.width as i128;
        for index in end - 1..=end + 1 {
            found.extend(u64::try_from(index).ok().filter(|index| *index <= all));
        }
        found.push(size);
    }
    found.sort();
    found.dedup();
    found
}

/// One function of a module, and what it is called with.
struct Case {
    operator: &'static Operator,
    offset: u64,
    form: Form,
    /// The indexes.
    indexes: Vec<u64>,
}

fn cases(kind: &Kind) -> Vec<Case> {
    let mut cases = Vec::new();
    for operator in OPERATORS {
        for &offset in kind.offsets {
            let indexes = indexes(kind, operator, offset);
            for &index in &indexes {
                let form = Form::Const(index);
                cases.push(Case { operator, offset, form, indexes: vec![index] });
            }
            for form in FORMS {
                cases.push(Case { operator, offset, form, indexes: indexes.clone() });
            }
        }
    }
    cases
}

/// A module with a function for each case, named by its position.
fn module_text(kind: &Kind, cases: &[Case]) -> String {
    let Kind { index, page, min, .. } = kind;
    let growth = format!("(drop (memory.grow $memory ({index}.const {})))", kind.growth);
    let mut text = format!(
        "(module
            (memory $memory (export \"memory\") {index} {min} 1000 {page})
            (memory $scratch (export \"scratch\") 1)
            (memory $full {index} 1 1)
            (table $full {index} 1 1 funcref)
            (func $same (param {index}) (result {index}) (local.get 0))
            (func $nothing)
            (func $grow (export \"grow\") {growth})
        "
    );
    for (position, case) in cases.iter().enumerate() {
        let result = if case.operator.is_store() { "" } else { case.operator.ty };
        let result = if result.is_empty() { String::new() } else { format!("(result {result})") };
        text += &format!(
            "(func (export \"{position}\") (param $p {index}) (param $q i64) {result} {} {} {})\n",
            case.form.text(index),
            case.operator.operand(),
            case.operator.text("$memory", case.offset),
        );
    }
    text + ")"
}

/// The configurations: both ways to check, with and without signals, both ends of optimisation.
/// Without those that differ in guards where the kind of memory can't have any.
fn configurations(kind: &Kind) -> Vec<(String, Config)> {
    let can_be_guarded = kind.index == "i32" && kind.page_bytes == 1 << 16;
    let mut found = Vec::new();
    for (opt_name, opt_level) in [("speed", OptLevel::Speed), ("none", OptLevel::None)] {
        for (name, reservation, guard, signals, spectre) in [
            ("guarded", 4 << 30, 2 << 30, true, true),
            ("small guard", 4 << 30, 1 << 16, true, true),
            ("explicit", 1 << 20, 0, true, true),
            ("explicit, no signals, no spectre mitigation", 0, 0, false, false),
        ] {
            if guard > 0 && !can_be_guarded {
                continue;
            }
            let mut config = Config::new();
            config
                .cranelift_opt_level(opt_level)
                .memory_reservation(reservation)
                .memory_guard_size(guard)
                .signals_based_traps(signals)
                .spectre_mitigation(spectre)
                .wasm_backtrace(false);
            for feature in brolga_module::Feature::ALL {
                config.wasm_feature(*feature, true);
            }
            found.push((format!("{name}, {opt_name}"), config));
        }
    }
    found
}

/// A memory and what it must hold.
struct Bench {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
    scratch: Memory,
    index: &'static str,
    model: Vec<u8>,
    accesses: u64,
    traps: u64,
}

impl Bench {
    fn new(engine: &Engine, module: &Module, kind: &Kind) -> Self {
        let mut store = Store::new(engine, ());
        let instance = Instance::new(&mut store, module, &[]).expect("nothing to fail");
        let memory = instance.get_memory(&mut store, "memory").expect("exported");
        let scratch = instance.get_memory(&mut store, "scratch").expect("exported");
        Self {
            store,
            instance,
            memory,
            scratch,
            index: kind.index,
            model: Vec::new(),
            accesses: 0,
            traps: 0,
        }
    }

    fn func(&mut self, name: &str) -> Func {
        self.instance.get_func(&mut self.store, name).expect("exported")
    }

    /// Takes over the memory's size and fills it with a pattern; what is new was zero.
    fn refill(&mut self, size: u64) {
        let data = self.memory.data_mut(&mut self.store);
        assert_eq!(data.len() as u64, size, "the memory has not the size expected");
        let old = self.model.len();
        assert!(data[old..].iter().all(|byte| *byte == 0), "new memory is not zero");
        for (position, byte) in data.iter_mut().enumerate() {
            *byte = (position.wrapping_mul(31) >> 3) as u8 ^ 0xa5;
        }
        self.model = data.to_vec();
    }

    /// Calls the function of `case` for every index.
    fn run(&mut self, case: &Case, name: &str, context: &str) {
        let func = self.func(name);
        let index_bits = if self.index == "i32" { 32 } else { 64 };
        for &index in &case.indexes {
            let Some((p, q)) = case.form.params(index, index_bits) else { continue };
            if case.form == Form::Loaded {
                let bytes = index.to_le_bytes();
                self.scratch.write(&mut self.store, 8, &bytes).expect("inside");
            }
            let size = self.model.len();
            let context = || {
                let Case { operator, offset, form, .. } = case;
                let name = operator.name;
                format!("{context}: {name} offset={offset} at {index} ({form:?}), size {size}")
            };
            let p = if index_bits == 32 { Val::I32(p as i32) } else { Val::I64(p as i64) };
            let args = [p, Val::I64(q as i64)];
            let mut results = [Val::I32(0)];
            let results = &mut results[usize::from(case.operator.is_store())..];
            let outcome = func.call(&mut self.store, &args, results);
            let reach = u128::from(index) + u128::from(case.offset) + case.operator.width as u128;
            if reach > size as u128 {
                let error = outcome.expect_err(&context());
                assert_eq!(error.downcast_ref(), Some(&Trap::MemoryOutOfBounds), "{}", context());
                self.traps += 1;
            } else {
                outcome.unwrap_or_else(|error| panic!("{}: {error:?}", context()));
                let from = (index + case.offset) as usize;
                let range = from..from + case.operator.width;
                if case.operator.is_store() {
                    self.model[range].copy_from_slice(&case.operator.stored());
                } else {
                    let expected = case.operator.loaded(&self.model[range]);
                    assert_eq!(bits(&results[0]), expected, "{}", context());
                }
                self.accesses += 1;
            }
            if case.operator.is_store() {
                assert!(self.memory.data(&self.store) == self.model, "{}: memory", context());
            }
        }
    }
}

fn every_operator(kind: &Kind) {
    let cases = cases(kind);
    let text = module_text(kind, &cases);
    let bytes = wat::parse_str(&text).expect("made right");
    for (name, config) in configurations(kind) {
        let context = format!("{} memory, {name}", kind.name);
        let engine = Engine::new(&config).expect("a configuration for this machine");
        let module = Module::new(&engine, &bytes).expect("a valid module");
        let mut bench = Bench::new(&engine, &module, kind);
        for (step, size) in sizes(kind).into_iter().enumerate() {
            if step > 0 && kind.grown_by_host {
                bench.memory.grow(&mut bench.store, kind.growth).expect("below the maximum");
            } else if step > 0 {
                bench.func("grow").call(&mut bench.store, &[], &mut []).expect("grows");
            }
            bench.refill(size);
            for (position, case) in cases.iter().enumerate() {
                bench.run(case, &position.to_string(), &context);
            }
            assert!(bench.memory.data(&bench.store) == bench.model, "{context}: memory changed");
        }
        let Bench { accesses, traps, .. } = bench;
        println!("{context}: {} functions, {accesses} accesses, {traps} traps", cases.len());
        assert!(accesses > 1_000 && traps > 10_000, "{context}: too little was tried");
    }
}

#[test]
fn memories_of_32_bits() {
    every_operator(&KINDS[0]);
}

#[test]
fn memories_of_64_bits() {
    every_operator(&KINDS[1]);
}

#[test]
fn memories_of_32_bits_with_small_pages() {
    every_operator(&KINDS[2]);
}

#[test]
fn memories_of_64_bits_with_small_pages() {
    every_operator(&KINDS[3]);
}

#[test]
fn memories_of_32_bits_and_at_least_a_page() {
    every_operator(&KINDS[4]);
}

#[test]
fn memories_of_64_bits_and_at_least_a_page() {
    every_operator(&KINDS[5]);
}
