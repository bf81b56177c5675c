//! What decoding makes of each kind of section.

mod support;

use brolga_module::{
    ConstExpr, ConstOp, DataIndex, DataMode, DefinedFuncIndex, ElemIndex, ElementItems,
    ElementMode, ExportItem, ExternType, FuncIndex, GlobalIndex, GlobalType, IndexType,
    MemoryIndex, MemoryType, ParsedModule, RefType, TableIndex, TableType, TypeIndex, ValType,
};
use support::{decode, module, rich};

fn rich_module() -> ParsedModule {
    decode(rich()).unwrap()
}

fn ops(expr: &ConstExpr) -> &[ConstOp] {
    &expr.ops
}

#[test]
fn the_smallest_module() {
    let module = decode(b"\0asm\x01\0\0\0".to_vec()).unwrap();
    assert!(module.functions.is_empty() && module.exports.is_empty());
    assert_eq!(module.names.module(), None);
    assert_eq!(
        format!("{module:?}"),
        "ParsedModule { bytes: 8, imports: 0, functions: 0, exports: 0, .. }"
    );
}

#[test]
fn types() {
    let module = rich_module();
    assert_eq!(module.types[0].params(), [ValType::I32]);
    assert_eq!(module.types[0].results(), [ValType::I32]);
    let many = [
        ValType::I64,
        ValType::F32,
        ValType::F64,
        ValType::V128,
        ValType::FUNCREF,
        ValType::EXTERNREF,
    ];
    assert_eq!(module.types[1].params(), many);
    assert_eq!(module.types[1].results(), [ValType::I32, ValType::I64]);
    assert_eq!((module.types[1].param_slots(), module.types[1].result_slots()), (7, 2));
}

#[test]
fn imports_come_first_in_every_index_space() {
    let module = rich_module();
    let names: Vec<_> = module.imports.iter().map(|i| (&*i.module, &*i.name)).collect();
    assert_eq!(names, [("env", "callback"), ("env", "base"), ("env", "memory"), ("env", "table")]);
    assert_eq!(module.imports[0].ty, ExternType::Func(TypeIndex(0)));
    let counts = (module.imported_functions, module.imported_tables);
    assert_eq!(counts, (1, 1));
    assert_eq!((module.imported_memories, module.imported_globals), (1, 1));
    assert_eq!(module.defined_func(FuncIndex(0)), None);
    assert_eq!(module.defined_func(FuncIndex(1)), Some(DefinedFuncIndex(0)));
    assert_eq!(module.func_index(DefinedFuncIndex(0)), FuncIndex(1));
    assert_eq!(module.defined_table(TableIndex(0)), None);
    assert_eq!(module.defined_memory(MemoryIndex(1)), Some(0));
    assert_eq!(module.defined_global(GlobalIndex(2)), Some(1));
}

#[test]
fn tables() {
    let module = rich_module();
    let shared =
        TableType { index: IndexType::I32, element: RefType::FUNCREF, min: 1, max: Some(10) };
    let wide =
        TableType { index: IndexType::I64, element: RefType::EXTERNREF, min: 2, max: Some(8) };
    assert_eq!(module.tables.len(), 3);
    assert_eq!(module.tables[0], shared);
    assert_eq!(module.tables[2], wide);
    assert_eq!(module.table_initial, [None, None]);
}

#[test]
fn memories() {
    let module = rich_module();
    let memory = |index, min, max, page_size_log2| MemoryType {
        index,
        min,
        max: Some(max),
        shared: false,
        page_size_log2,
    };
    assert_eq!(
        module.memories,
        [
            memory(IndexType::I32, 1, 2, 16),
            memory(IndexType::I32, 1, 16, 16),
            memory(IndexType::I64, 1, 2, 16),
            memory(IndexType::I32, 100, 200, 0),
        ]
    );
    assert_eq!(module.memories[3].page_bytes(), 1);
}

#[test]
fn globals() {
    let module = rich_module();
    assert_eq!(module.globals[0], GlobalType { content: ValType::I32, mutable: false });
    assert_eq!(module.globals[1], GlobalType { content: ValType::I64, mutable: true });
    let initial: Vec<_> = module.global_initial.iter().map(ops).collect();
    let lanes = 4 << 96 | 3 << 64 | 2 << 32 | 1;
    let sum = [
        ConstOp::GlobalGet(GlobalIndex(0)),
        ConstOp::I32Const(3),
        ConstOp::I32Const(4),
        ConstOp::I32Mul,
        ConstOp::I32Add,
    ];
    assert_eq!(
        initial,
        [
            &[ConstOp::I64Const(-7)][..],
            &sum,
            &[ConstOp::F64Const(3.25f64.to_bits())],
            &[ConstOp::F32Const(2.5f32.to_bits())],
            &[ConstOp::V128Const(lanes)],
            &[ConstOp::RefFunc(FuncIndex(1))],
            &[ConstOp::RefNullExtern],
        ]
    );
}

#[test]
fn every_arithmetic_operator_of_constant_expressions() {
    let module = module(
        "(module
          (global i32 (i32.sub (i32.const 1) (i32.const 2)))
          (global i64 (i64.add (i64.const 1) (i64.sub (i64.const 2)
            (i64.mul (i64.const 3) (i64.const 4)))))
          (global funcref (ref.null func)))",
    );
    assert_eq!(ops(&module.global_initial[0])[2], ConstOp::I32Sub);
    assert_eq!(
        ops(&module.global_initial[1])[4..],
        [ConstOp::I64Mul, ConstOp::I64Sub, ConstOp::I64Add]
    );
    assert_eq!(ops(&module.global_initial[2]), [ConstOp::RefNullFunc]);
}

#[test]
fn exports_and_start() {
    let module = rich_module();
    assert_eq!(module.export("plain"), Some(ExportItem::Func(FuncIndex(1))));
    assert_eq!(module.export("dispatch"), Some(ExportItem::Table(TableIndex(1))));
    assert_eq!(module.export("main"), Some(ExportItem::Memory(MemoryIndex(1))));
    assert_eq!(module.export("counter"), Some(ExportItem::Global(GlobalIndex(1))));
    assert_eq!(module.export("absent"), None);
    assert_eq!(module.start, Some(FuncIndex(4)));
    let counter = ExternType::Global(GlobalType { content: ValType::I64, mutable: true });
    assert_eq!(module.item_type(ExportItem::Global(GlobalIndex(1))), counter);
}

#[test]
fn exports_are_found_by_name_among_many() {
    // Each once, in an order of no use for searching.
    let count = if cfg!(miri) { 50 } else { 1000 };
    let names: Vec<_> = (0..count).rev().map(|index| format!("e{}", index * 7 % count)).collect();
    let exports: String = names.iter().map(|name| format!("(export {name:?} (func 0))")).collect();
    let memory = r#"(memory 1) (export "" (memory 0))"#;
    let module = module(&format!("(module (func) {exports} {memory})"));
    for name in &names {
        assert_eq!(module.export(name), Some(ExportItem::Func(FuncIndex(0))), "{name}");
    }
    assert_eq!(module.export(""), Some(ExportItem::Memory(MemoryIndex(0))));
    for absent in ["e", "e1000", "f", "\u{0}"] {
        assert_eq!(module.export(absent), None, "{absent}");
    }
    // In the module's order all the same.
    assert!(module.exports.iter().take(count).map(|export| &*export.name).eq(names));
}

#[test]
fn elements() {
    let module = rich_module();
    assert_eq!(module.elements.len(), 5);
    let active = module.element(ElemIndex(0));
    let ElementMode::Active { table, offset } = &active.mode else { panic!("{active:?}") };
    assert_eq!((*table, ops(offset)), (TableIndex(1), &[ConstOp::I32Const(0)][..]));
    let ElementItems::Functions(functions) = &active.items else { panic!("{active:?}") };
    assert_eq!(**functions, [FuncIndex(1), FuncIndex(2)]);

    let externs = module.element(ElemIndex(1));
    assert_eq!(externs.element, RefType::EXTERNREF);
    assert!(matches!(&externs.items, ElementItems::Expressions(items) if items.len() == 1));
    assert!(matches!(module.element(ElemIndex(2)).mode, ElementMode::Passive));

    let expressions = module.element(ElemIndex(3));
    let ElementItems::Expressions(items) = &expressions.items else { panic!("{expressions:?}") };
    assert_eq!(ops(&items[0]), [ConstOp::RefFunc(FuncIndex(2))]);
    assert_eq!(ops(&items[1]), [ConstOp::RefNullFunc]);
    assert_eq!((expressions.items.len(), expressions.items.is_empty()), (2, false));
    assert!(matches!(module.element(ElemIndex(4)).mode, ElementMode::Declared));
}

#[test]
fn expressions_that_only_name_functions_become_functions() {
    let module = module("(module (func) (elem funcref (ref.func 0) (ref.func 0)))");
    let ElementItems::Functions(functions) = &module.elements[0].items else { panic!() };
    assert_eq!(**functions, [FuncIndex(0), FuncIndex(0)]);
}

#[test]
fn data() {
    let module = rich_module();
    let texts: Vec<_> = (0..3).map(|index| module.data_bytes(DataIndex(index))).collect();
    assert_eq!(texts, [&b"active"[..], b"far", b"passive"]);
    let DataMode::Active { memory, offset } = &module.data[1].mode else { panic!() };
    assert_eq!((*memory, ops(offset)), (MemoryIndex(2), &[ConstOp::I64Const(0)][..]));
    assert!(matches!(module.data[2].mode, DataMode::Passive));
}

#[test]
fn bodies() {
    let module = module("(module (func (param i32) (local i64) (nop)) (func))");
    assert_eq!(module.body(DefinedFuncIndex(0)), [1, 1, 0x7e, 0x01, 0x0b]);
    assert_eq!(module.body(DefinedFuncIndex(1)), [0, 0x0b]);
    let range = module.bodies[0].clone();
    let reader = module.body_reader(DefinedFuncIndex(0));
    assert_eq!(reader.range(), range.start as u64..range.end as u64);
    assert_eq!(reader.features(), module.features.to_wasmparser());
    assert_eq!(module.body_validator(DefinedFuncIndex(1)).index, 1);
}

#[test]
fn custom_sections() {
    let module = rich_module();
    let names: Vec<_> = module.custom_sections.iter().map(|section| &*section.name).collect();
    assert_eq!(names, ["annotation", "name"]);
    assert_eq!(module.bytes[module.custom_sections[0].range.clone()], *b"contents");
}

#[test]
fn escapes() {
    let module = rich_module();
    // $callback, $plain, $switch, $hidden, $begin, $drop2
    assert_eq!(module.escapes, [true, true, true, true, true, false]);
}

#[test]
fn each_way_to_escape() {
    let escapes = |text: &str| module(&format!("(module {text})")).escapes;
    assert_eq!(escapes("(func)(func)"), [false, false]);
    assert_eq!(escapes("(func)(func (export \"f\"))"), [false, true]);
    assert_eq!(escapes("(func)(func) (start 1)"), [false, true]);
    assert_eq!(escapes("(func)(func) (global funcref (ref.func 1))"), [false, true]);
    assert_eq!(escapes("(func)(func) (elem func 1)"), [false, true]);
    assert_eq!(escapes("(func)(func) (elem declare func 1)"), [false, true]);
    assert_eq!(escapes("(func)(func) (elem funcref (ref.func 1) (ref.null func))"), [false, true]);
    assert_eq!(escapes("(import \"m\" \"f\" (func))(func)"), [false, false]);
}

#[test]
fn modules_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&rich_module());
}
