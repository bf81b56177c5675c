//! What can be known of a module before any body is translated, by looking over all of them.
//!
//! A table is *static* if every instance of the module has the same one and it never changes: the
//! module defines it, does not export it, has no operator that writes it or copies it, and fills it
//! by segments with constant offsets and functions of its own. Such a table becomes read-only data
//! of the image.
//!
//! **Invariants**
//! - A fact that is claimed holds in every instance of the module, whatever the host does. Where
//!   that is in doubt, it is not claimed: a malformed body is taken to write every table.
//! - A static table has its contents whenever code of the instance can run, even if instantiation
//!   fails later: no segment before its last one can fail.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use brolga_module::wasmparser::{self, Operator, OperatorsReader};
use brolga_module::{
    ConstExpr, ConstOp, DefinedFuncIndex, ElementItems, ElementMode, ElementSegment, ExportItem,
    FuncType, GlobalIndex, ParsedModule, RefType, TableIndex,
};

use crate::workers::Workers;

/// The functions of a static table, position by position; `None` is null.
pub(crate) type StaticFunctions = Vec<Option<DefinedFuncIndex>>;

/// Tables with more elements stay dynamic: an image should not grow with what a module announces.
const STATIC_TABLE_ELEMENTS_MAX: u64 = 1_000_000;

/// What is known of a module as a whole.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct ModuleFacts {
    static_tables: Vec<(TableIndex, StaticFunctions)>,
    /// For each static table and type the only function of that type in it, with its position;
    /// `None` if there are several.
    sole_functions: Vec<HashMap<FuncType, Option<(usize, DefinedFuncIndex)>>>,
    constant_globals: Vec<Option<ConstOp>>,
}

impl ModuleFacts {
    /// What is known of `module`.
    pub(crate) fn new(module: &ParsedModule, workers: &Workers) -> Self {
        let static_tables = find_static_tables(module, workers);
        let sole_functions =
            static_tables.iter().map(|(_, it)| find_sole_functions(module, it)).collect();
        Self { static_tables, sole_functions, constant_globals: find_constant_globals(module) }
    }

    /// The tables that are part of the image, by index.
    pub(crate) fn static_tables(&self) -> &[(TableIndex, StaticFunctions)] {
        &self.static_tables
    }

    /// The functions of `table`, position by position, if it never changes.
    pub(crate) fn static_table(&self, table: TableIndex) -> Option<&[Option<DefinedFuncIndex>]> {
        let position = self.static_tables.binary_search_by_key(&table, |(index, _)| *index).ok()?;
        Some(&self.static_tables[position].1)
    }

    /// The position and the function, if exactly one element of the static table `table` has type
    /// `ty`.
    pub(crate) fn sole_function(
        &self,
        table: TableIndex,
        ty: &FuncType,
    ) -> Option<(usize, DefinedFuncIndex)> {
        let position = self.static_tables.binary_search_by_key(&table, |(index, _)| *index).ok()?;
        *self.sole_functions[position].get(ty)?
    }

    /// The one value that `global` ever has, where it is a plain constant: never imported, never
    /// mutable, never a reference.
    pub(crate) fn constant_global(&self, global: GlobalIndex) -> Option<ConstOp> {
        *self.constant_globals.get(global.as_usize())?
    }
}

fn find_sole_functions(
    module: &ParsedModule,
    functions: &[Option<DefinedFuncIndex>],
) -> HashMap<FuncType, Option<(usize, DefinedFuncIndex)>> {
    // First by the type's index: there are few types, but tables can be long.
    let mut by_index = HashMap::new();
    for (position, func) in functions.iter().enumerate() {
        let Some(func) = *func else { continue };
        let ty = module.functions[module.func_index(func).as_usize()];
        by_index.entry(ty).and_modify(|it| *it = None).or_insert(Some((position, func)));
    }
    let mut sole = HashMap::new();
    for (ty, found) in by_index {
        let ty = module.types[ty.as_usize()].clone();
        sole.entry(ty).and_modify(|it| *it = None).or_insert(found);
    }
    sole
}

fn find_constant_globals(module: &ParsedModule) -> Vec<Option<ConstOp>> {
    let constant = |position| {
        let global = GlobalIndex::from_usize(position);
        let own = module.defined_global(global)?;
        if module.globals[position].mutable {
            return None;
        }
        match *module.global_initial[own].ops {
            [
                op @ (ConstOp::I32Const(_)
                | ConstOp::I64Const(_)
                | ConstOp::F32Const(_)
                | ConstOp::F64Const(_)
                | ConstOp::V128Const(_)),
            ] => Some(op),
            _ => None,
        }
    };
    (0..module.globals.len()).map(constant).collect()
}

fn find_static_tables(
    module: &ParsedModule,
    workers: &Workers,
) -> Vec<(TableIndex, StaticFunctions)> {
    let mut tables = candidates(module);
    if tables.iter().any(Option::is_some) {
        apply_segments(module, &mut tables);
    }
    // The bodies come last: looking at them costs most.
    if tables.iter().any(Option::is_some) {
        remove_written(module, workers, &mut tables);
    }
    let indexed = tables.into_iter().enumerate();
    indexed
        .filter_map(|(position, functions)| Some((TableIndex::from_usize(position), functions?)))
        .collect()
}

/// For each table what it is first filled with, if its declaration lets it be static.
fn candidates(module: &ParsedModule) -> Vec<Option<StaticFunctions>> {
    let candidate = |position| {
        let own = module.defined_table(TableIndex::from_usize(position))?;
        let ty = &module.tables[position];
        if ty.element != RefType::FUNCREF || ty.min > STATIC_TABLE_ELEMENTS_MAX {
            return None;
        }
        let initial = match &module.table_initial[own] {
            Some(init) => constant_element(module, init)?,
            None => None,
        };
        Some(vec![initial; usize::try_from(ty.min).ok()?])
    };
    let mut tables: Vec<_> = (0..module.tables.len()).map(candidate).collect();
    for export in &module.exports {
        if let ExportItem::Table(table) = export.item {
            tables[table.as_usize()] = None;
        }
    }
    tables
}

/// Fills the candidates as instantiation would; those that may end up otherwise drop out.
fn apply_segments(module: &ParsedModule, tables: &mut [Option<StaticFunctions>]) {
    // Once a segment can fail, those behind it may never be applied, while functions that earlier
    // ones put into imported tables live on and can look at the module's own.
    let mut earlier_can_fail = false;
    for segment in &module.elements {
        let ElementMode::Active { table, offset } = &segment.mode else { continue };
        let position = table.as_usize();
        let room = module.tables[position].min;
        let range = constant_position(offset).and_then(|start| {
            let end = start.checked_add(segment.items.len() as u64)?;
            (end <= room).then_some((start, end))
        });
        let filled = match (range, &mut tables[position]) {
            (Some((start, end)), Some(functions)) if !earlier_can_fail => {
                let range = start as usize..end as usize;
                apply_segment(module, segment, &mut functions[range])
            }
            _ => None,
        };
        if filled.is_none() {
            tables[position] = None;
        }
        earlier_can_fail |= range.is_none();
    }
}

/// Writes the elements of `segment`; `None` if one of them is not known here.
fn apply_segment(
    module: &ParsedModule,
    segment: &ElementSegment,
    functions: &mut [Option<DefinedFuncIndex>],
) -> Option<()> {
    match &segment.items {
        ElementItems::Functions(items) => {
            for (function, &item) in functions.iter_mut().zip(items) {
                *function = Some(module.defined_func(item)?);
            }
        }
        ElementItems::Expressions(items) => {
            for (function, item) in functions.iter_mut().zip(items) {
                *function = constant_element(module, item)?;
            }
        }
    }
    Some(())
}

/// The element that `expression` gives, if it is null or a function of this module.
fn constant_element(
    module: &ParsedModule,
    expression: &ConstExpr,
) -> Option<Option<DefinedFuncIndex>> {
    match *expression.ops {
        [ConstOp::RefNullFunc] => Some(None),
        [ConstOp::RefFunc(func)] => Some(Some(module.defined_func(func)?)),
        _ => None,
    }
}

/// The position that `expression` gives, if it is a plain constant. Positions are unsigned.
fn constant_position(expression: &ConstExpr) -> Option<u64> {
    match *expression.ops {
        [ConstOp::I32Const(position)] => Some(u64::from(position as u32)),
        [ConstOp::I64Const(position)] => Some(position as u64),
        _ => None,
    }
}

/// Drops the tables that an operator may write.
fn remove_written(
    module: &ParsedModule,
    workers: &Workers,
    tables: &mut [Option<StaticFunctions>],
) {
    let written: Vec<AtomicBool> = tables.iter().map(|_| AtomicBool::new(false)).collect();
    workers.visit(
        module.bodies.len(),
        || (),
        |(), position| note_written(module, DefinedFuncIndex::from_usize(position), &written),
    );
    for (table, written) in tables.iter_mut().zip(written) {
        if written.into_inner() {
            *table = None;
        }
    }
}

/// Notes the tables that `func` may write; all of them if its body cannot be read.
fn note_written(module: &ParsedModule, func: DefinedFuncIndex, written: &[AtomicBool]) {
    if !may_write_a_table(module.body(func), written.len()) {
        return;
    }
    let note = |table: u32| {
        if let Some(written) = written.get(table as usize) {
            written.store(true, Ordering::Relaxed);
        }
    };
    if visit_writes(module, func, note).is_err() {
        written.iter().for_each(|it| it.store(true, Ordering::Relaxed));
    }
}

/// Whether the bytes of an operator that writes one of `tables` tables stand anywhere in `body`:
/// most bodies need no closer look.
fn may_write_a_table(body: &[u8], tables: usize) -> bool {
    // A number of more than one byte has the upper bit of its first byte set.
    body.array_windows().any(|&window| match window {
        [TABLE_SET, table] => table >= 0x80 || usize::from(table) < tables,
        [PREFIX, number] => number >= 0x80 || matches!(number, 0x0c | 0x0e | 0x0f | 0x11),
        _ => false,
    })
}

/// The operator `table.set`.
const TABLE_SET: u8 = 0x26;
/// What `table.init` (0x0c), `table.copy` (0x0e), `table.grow` (0x0f) and `table.fill` (0x11) begin
/// with.
const PREFIX: u8 = 0xfc;

/// Calls `note` with every table that an operator of `func` writes, or copies from.
fn visit_writes(
    module: &ParsedModule,
    func: DefinedFuncIndex,
    note: impl Fn(u32),
) -> Result<(), wasmparser::Error> {
    let mut reader = module.body_reader(func);
    for _ in 0..reader.read_var_u32()? {
        reader.read_var_u32()?;
        reader.read::<wasmparser::ValType>()?;
    }
    let mut operators = OperatorsReader::new(reader);
    while !operators.eof() {
        match operators.read()? {
            Operator::TableSet { table }
            | Operator::TableGrow { table }
            | Operator::TableFill { table }
            | Operator::TableInit { table, .. } => note(table),
            Operator::TableCopy { dst_table, src_table } => {
                note(dst_table);
                // What is read as a whole has to be a table at run time as well.
                note(src_table);
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use brolga_module::{Features, FuncIndex, ValType};

    use super::*;

    fn facts(wat: &str) -> ModuleFacts {
        let bytes = wat::parse_str(wat).unwrap();
        let module = ParsedModule::decode(bytes.into(), Features::default()).unwrap();
        let facts = ModuleFacts::new(&module, &Workers::Caller);
        assert_eq!(facts, ModuleFacts::new(&module, &Workers::new(2).unwrap()));
        facts
    }

    fn is_static(wat: &str) -> bool {
        facts(wat).static_table(TableIndex(0)).is_some()
    }

    #[test]
    fn a_static_table_holds_what_its_segments_say() {
        let facts = facts(
            "(module
                (import \"\" \"\" (func))
                (table 5 9 funcref)
                (func $a) (func $b)
                (elem (i32.const 1) func $a $b $a)
                (elem (i32.const 2) funcref (ref.null func)))",
        );
        let (a, b) = (Some(DefinedFuncIndex(0)), Some(DefinedFuncIndex(1)));
        assert_eq!(b.map(|it| it.0), Some(1));
        assert_eq!(facts.static_table(TableIndex(0)), Some(&[None, a, None, a, None][..]));
        assert_eq!(facts.static_tables().len(), 1);
        assert_eq!(facts.static_table(TableIndex(1)), None);
    }

    /// The facts of a table of two elements that starts out filled with `op`. No feature lets a
    /// module say so yet.
    fn facts_with_initialiser(op: ConstOp) -> ModuleFacts {
        let wat = "(module (import \"\" \"\" (func)) (func) (table 2 2 funcref))";
        let bytes = wat::parse_str(wat).unwrap();
        let mut module = ParsedModule::decode(bytes.into(), Features::default()).unwrap();
        module.table_initial[0] = Some(ConstExpr { ops: [op].into() });
        ModuleFacts::new(&module, &Workers::Caller)
    }

    #[test]
    fn a_function_alone_of_its_type_is_found() {
        let facts = facts(
            "(module
                (type $a (func (param i32))) (type $b (func)) (type $also_b (func))
                (type $c (func (result i64))) (type $d (func (result f64)))
                (table 6 funcref)
                (func $0 (type $a)) (func $1 (type $b)) (func $2 (type $also_b))
                (func $3 (type $c) i64.const 0)
                (elem (i32.const 1) func $0 $1 $2 $3 $3))",
        );
        let sole = |ty: FuncType| facts.sole_function(TableIndex(0), &ty);
        assert_eq!(sole(FuncType::new([ValType::I32], [])), Some((1, DefinedFuncIndex(0))));
        assert_eq!(sole(FuncType::new([], [])), None);
        assert_eq!(sole(FuncType::new([], [ValType::I64])), None);
        assert_eq!(sole(FuncType::new([], [ValType::F64])), None);
    }

    #[test]
    fn a_table_starts_with_its_initialiser() {
        let imported = facts_with_initialiser(ConstOp::RefFunc(FuncIndex(0)));
        assert_eq!(imported.static_table(TableIndex(0)), None);
        let global = facts_with_initialiser(ConstOp::GlobalGet(GlobalIndex(0)));
        assert_eq!(global.static_table(TableIndex(0)), None);
        let own = facts_with_initialiser(ConstOp::RefFunc(FuncIndex(1)));
        let function = Some(DefinedFuncIndex(0));
        assert_eq!(own.static_table(TableIndex(0)), Some(&[function, function][..]));
        let null = facts_with_initialiser(ConstOp::RefNullFunc);
        assert_eq!(null.static_table(TableIndex(0)), Some(&[None, None][..]));
    }

    #[test]
    fn a_table_that_the_host_can_reach_is_dynamic() {
        assert!(is_static("(module (table 1 funcref))"));
        assert!(!is_static("(module (table (export \"t\") 1 funcref))"));
        assert!(!is_static("(module (table (import \"\" \"\") 1 funcref))"));
        assert!(!is_static("(module (table 1 externref))"));
        assert!(!is_static("(module (table 1000001 funcref))"));
    }

    #[test]
    fn a_table_with_foreign_functions_is_dynamic() {
        let import = "(import \"\" \"f\" (func $f)) (import \"\" \"g\" (global $g funcref))";
        let offset = "(import \"\" \"i\" (global $i i32))";
        for (rest, expected) in [
            ("(table 1 funcref) (elem (i32.const 0) func $own)", true),
            ("(table 1 funcref) (elem (i32.const 0) func $f)", false),
            ("(table 1 funcref) (elem (i32.const 0) funcref (global.get $g))", false),
            ("(table 1 funcref) (elem (global.get $i) func $own)", false),
            ("(table 1 funcref) (elem (i32.const 1) func $own)", false),
            ("(table 1 funcref) (elem (i32.const -1) func $own)", false),
            ("(table i64 1 funcref) (elem (i64.const 0) func $own)", true),
            ("(table i64 1 funcref) (elem (i64.const -1) func $own)", false),
        ] {
            let wat = format!("(module {import} {offset} (func $own) {rest})");
            assert_eq!(is_static(&wat), expected, "{rest}");
        }
    }

    #[test]
    fn a_table_that_an_operator_writes_is_dynamic() {
        for (operator, expected) in [
            ("(drop (table.get 0 (i32.const 0)))", true),
            ("(drop (table.size 0))", true),
            ("(call_indirect 0 (i32.const 0))", true),
            ("(table.set 1 (i32.const 0) (ref.null func))", true),
            ("(drop (i32.const 38)) (drop (i64.const 0x260fc))", true),
            ("(table.copy 0 1 (i32.const 0) (i32.const 0) (i32.const 0))", false),
            ("(table.copy 1 0 (i32.const 0) (i32.const 0) (i32.const 0))", false),
            ("(table.set 0 (i32.const 0) (ref.null func))", false),
            ("(drop (table.grow 0 (ref.null func) (i32.const 0)))", false),
            ("(table.fill 0 (i32.const 0) (ref.null func) (i32.const 0))", false),
            ("(table.init 0 $e (i32.const 0) (i32.const 0) (i32.const 0))", false),
        ] {
            let wat = format!(
                "(module (table 1 funcref) (table 1 funcref) (elem $e func) (func {operator}))"
            );
            assert_eq!(is_static(&wat), expected, "{operator}");
        }
    }

    #[test]
    fn a_body_that_cannot_be_read_writes_every_table() {
        let mut bytes = wat::parse_str(
            "(module (table 1 funcref)
                (func (table.set 0 (i32.const 0) (ref.null func)) unreachable))",
        )
        .unwrap();
        let unreachable = bytes.len() - 2;
        assert_eq!(bytes[unreachable], 0);
        bytes[unreachable] = 0xff;
        let table_set = bytes.iter().rposition(|&byte| byte == TABLE_SET).unwrap();
        // Now it is `table.get`, so that only the broken operator speaks against the table.
        bytes[table_set] = 0x25;
        bytes[table_set - 4] = TABLE_SET;
        let module = ParsedModule::decode(bytes.into(), Features::default()).unwrap();
        let facts = ModuleFacts::new(&module, &Workers::Caller);
        assert_eq!(facts.static_table(TableIndex(0)), None);
    }

    #[test]
    fn a_segment_behind_one_that_can_fail_makes_its_table_dynamic() {
        let tables = "(table (import \"\" \"t\") 1 funcref) (table 1 funcref) (func $f)";
        let own = "(elem (table 1) (i32.const 0) func $f)";
        for (segments, expected) in [
            (format!("{own} (elem (table 0) (i32.const 7) func $f)"), true),
            (format!("(elem (table 0) (i32.const 0) func $f) {own}"), true),
            (format!("(elem (table 0) (i32.const 7) func $f) {own}"), false),
        ] {
            let facts = facts(&format!("(module {tables} {segments})"));
            assert_eq!(facts.static_table(TableIndex(1)).is_some(), expected, "{segments}");
        }
    }

    #[test]
    fn only_plain_immutable_globals_of_the_module_are_constant() {
        let facts = facts(
            "(module
                (import \"\" \"\" (global i32))
                (global i64 (i64.const -3))
                (global (mut i32) (i32.const 1))
                (global i32 (i32.add (i32.const 1) (i32.const 2)))
                (global i32 (global.get 0))
                (global funcref (ref.null func)))",
        );
        let constants: Vec<_> =
            (0..7).map(|index| facts.constant_global(GlobalIndex(index))).collect();
        let expected = [None, Some(ConstOp::I64Const(-3)), None, None, None, None, None];
        assert_eq!(constants, expected);
    }
}
