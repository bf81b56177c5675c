//! Counts, sizes and numbers outside function bodies.

use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, DataSegment, DataSegmentMode, ElementSection, Elements,
    EntityType, ExportKind, ExportSection, Function, FunctionSection, GlobalSection, GlobalType,
    ImportSection, MemorySection, MemoryType, Module, RawSection, RefType, TableSection, TableType,
    TypeSection, ValType,
};

use brolga::OptLevel;

use super::Expect::{Instantiates, Invalid, Limit, Malformed, Refused};
use super::{cases, run};

#[test]
fn counts_at_the_limit() {
    run(
        &[OptLevel::None],
        cases! {
            "a million types" || types(1_000_000) => Instantiates;
            "100,000 imports" || imports(100_000) => Instantiates;
            "300,000 exports" || exports(300_000) => Instantiates;
            "a million globals" || globals(1_000_000) => Instantiates;
            "50,000 functions" || functions(50_000) => Instantiates;
            "100,000 data segments" || data(100_000, 1) => Instantiates;
            "100,000 element segments" || elements(100_000) => Instantiates;
            "100 memories" || memories(100) => Instantiates;
            "a name of 100,000 bytes" || long_name(100_000) => Instantiates;
            "a memory of 4 GiB" || memory(65_536, false) => Instantiates;
            "1,000 tables" || tables(1_000) => Instantiates;
        },
    );
}

#[test]
fn counts_over_the_limit() {
    run(
        &[OptLevel::None],
        cases! {
            "a million types and one" || types(1_000_001) => Limit("types");
            "a million imports and one" || count_only(2, 1_000_001) => Limit("imports");
            "a million functions and one" || count_only(3, 1_000_001) => Limit("functions");
            "a million globals and one" || globals(1_000_001) => Limit("globals");
            "a million exports" || exports(1_000_000) => Limit("type_size");
            "a million exports and one" || exports(1_000_001) => Limit("exports");
            "100,001 data segments" || data(100_001, 1) => Limit("data_segments");
            "100,001 element segments" || elements(100_001) => Limit("element_segments");
            "101 memories" || memories(101) => Limit("memories");
            "100,001 tables" || tables(100_001) => Limit("tables");
            "a name of 100,001 bytes" || long_name(100_001) => Limit("string_bytes");
        },
    );
}

#[test]
fn sizes_beyond_what_can_be() {
    run(
        &[OptLevel::None],
        cases! {
            "a memory larger than 4 GiB" || memory(65_537, false) => Invalid;
            "a 64-bit memory of 2^48 pages" || memory(1 << 48, true) => Refused("memory");
            "a 64-bit memory of 2^48 pages and one" || memory((1 << 48) + 1, true) => Invalid;
            "a 64-bit memory of 2^40 pages" || memory(1 << 40, true) => Refused("memory");
            "a table of 2^32 - 1" || table(u64::from(u32::MAX), false) => Refused("table");
            "a 64-bit table of 2^61" || table(1 << 61, true) => Refused("table");
            "a 64-bit table of 2^64 - 1" || table(u64::MAX, true) => Refused("table");
            "data outside" || data(1, 65_536) => Refused("out of bounds memory access");
            "memory with max < min" || max_below_min() => Invalid;
        },
    );
}

#[test]
fn lying_sections() {
    run(
        &[OptLevel::None],
        cases! {
            "a section of 2^32 - 1 bytes" || section_size(u32::MAX) => Malformed;
            "a section one byte too long" || section_size(5) => Malformed;
            "a section one byte too short" || section_size(3) => Malformed;
            "2^32 - 1 types" || count_only(1, u32::MAX) => Limit("types");
            "2^32 - 1 imports" || count_only(2, u32::MAX) => Limit("imports");
            "2^32 - 1 functions" || count_only(3, u32::MAX) => Limit("functions");
            "2^32 - 1 tables" || count_only(4, u32::MAX) => Limit("tables");
            "2^32 - 1 memories" || count_only(5, u32::MAX) => Limit("memories");
            "2^32 - 1 globals" || count_only(6, u32::MAX) => Limit("globals");
            "2^32 - 1 exports" || count_only(7, u32::MAX) => Limit("exports");
            "2^32 - 1 element segments" || count_only(9, u32::MAX) => Limit("element_segments");
            "2^32 - 1 bodies" || count_only(10, u32::MAX) => Malformed;
            "2^32 - 1 data segments" || count_only(11, u32::MAX) => Limit("data_segments");
            "2^32 - 1 data segments announced" || count_only(12, u32::MAX) => Limit("data_count");
            "99,999 types in no bytes" || count_only(1, 99_999) => Malformed;
            "99,999 element segments in no bytes" || count_only(9, 99_999) => Malformed;
            "an overlong number" || overlong() => Malformed;
            "a section of unknown kind" || count_only(99, 0) => Malformed;
            "a section twice" || twice() => Malformed;
            "nothing" Vec::new => Malformed;
            "a body larger than its section" || body_size(200) => Malformed;
        },
    );
}

fn with_types() -> Module {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let mut module = Module::new();
    module.section(&types);
    module
}

fn types(count: u32) -> Vec<u8> {
    let mut types = TypeSection::new();
    for _ in 0..count {
        types.ty().function([], []);
    }
    let mut module = Module::new();
    module.section(&types);
    module.finish()
}

fn imports(count: u32) -> Vec<u8> {
    let mut imports = ImportSection::new();
    for _ in 0..count {
        imports.import("", "f", EntityType::Function(0));
    }
    let mut module = with_types();
    module.section(&imports);
    module.finish()
}

fn exports(count: u32) -> Vec<u8> {
    let mut module = with_types();
    let mut functions = FunctionSection::new();
    functions.function(0);
    module.section(&functions);
    let mut exports = ExportSection::new();
    for index in 0..count {
        exports.export(&format!("name {index}"), ExportKind::Func, 0);
    }
    module.section(&exports);
    let mut code = CodeSection::new();
    code.function(&empty());
    module.section(&code);
    module.finish()
}

fn functions(count: u32) -> Vec<u8> {
    let mut module = with_types();
    let mut functions = FunctionSection::new();
    let mut code = CodeSection::new();
    for _ in 0..count {
        functions.function(0);
        code.function(&empty());
    }
    module.section(&functions);
    module.section(&code);
    module.finish()
}

fn globals(count: u32) -> Vec<u8> {
    let mut globals = GlobalSection::new();
    for index in 0..count {
        let ty = GlobalType { val_type: ValType::I64, mutable: index % 2 == 0, shared: false };
        globals.global(ty, &ConstExpr::i64_const(index.into()));
    }
    let mut module = Module::new();
    module.section(&globals);
    module.finish()
}

fn memory_type(minimum: u64, memory64: bool) -> MemoryType {
    MemoryType { minimum, maximum: None, memory64, shared: false, page_size_log2: None }
}

fn memories(count: u32) -> Vec<u8> {
    let mut memories = MemorySection::new();
    for _ in 0..count {
        memories.memory(memory_type(1, false));
    }
    let mut module = Module::new();
    module.section(&memories);
    module.finish()
}

fn memory(pages: u64, memory64: bool) -> Vec<u8> {
    let mut memories = MemorySection::new();
    memories.memory(memory_type(pages, memory64));
    let mut module = Module::new();
    module.section(&memories);
    module.finish()
}

fn max_below_min() -> Vec<u8> {
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { maximum: Some(1), ..memory_type(2, false) });
    let mut module = Module::new();
    module.section(&memories);
    module.finish()
}

fn table_type(minimum: u64, table64: bool) -> TableType {
    let element_type = RefType::FUNCREF;
    TableType { element_type, minimum, maximum: None, table64, shared: false }
}

fn tables(count: u32) -> Vec<u8> {
    let mut tables = TableSection::new();
    for _ in 0..count {
        tables.table(table_type(1, false));
    }
    let mut module = Module::new();
    module.section(&tables);
    // Exported, so that it is a table of the instance.
    let mut exports = ExportSection::new();
    for index in 0..count.min(1000) {
        exports.export(&index.to_string(), ExportKind::Table, index);
    }
    module.section(&exports);
    module.finish()
}

fn table(size: u64, table64: bool) -> Vec<u8> {
    let mut tables = TableSection::new();
    tables.table(table_type(size, table64));
    let mut module = Module::new();
    module.section(&tables);
    let mut exports = ExportSection::new();
    exports.export("table", ExportKind::Table, 0);
    module.section(&exports);
    module.finish()
}

/// Segments of one byte, all at `place`.
fn data(count: u32, place: i32) -> Vec<u8> {
    let mut memories = MemorySection::new();
    memories.memory(memory_type(1, false));
    let mut data = DataSection::new();
    for index in 0..count {
        data.segment(DataSegment {
            mode: DataSegmentMode::Active { memory_index: 0, offset: &ConstExpr::i32_const(place) },
            data: [index as u8],
        });
    }
    let mut module = Module::new();
    module.section(&memories);
    module.section(&data);
    module.finish()
}

/// Segments of one null, by turns active, passive and declared.
fn elements(count: u32) -> Vec<u8> {
    let mut tables = TableSection::new();
    tables.table(table_type(10, false));
    let mut elements = ElementSection::new();
    let null = [ConstExpr::ref_null(wasm_encoder::HeapType::FUNC)];
    for index in 0..count {
        let items = || Elements::Expressions(RefType::FUNCREF, null.as_slice().into());
        match index % 3 {
            0 => elements.active(None, &ConstExpr::i32_const((index % 10) as i32), items()),
            1 => elements.passive(items()),
            _ => elements.declared(items()),
        };
    }
    let mut module = Module::new();
    module.section(&tables);
    module.section(&elements);
    module.finish()
}

fn long_name(bytes: usize) -> Vec<u8> {
    let mut globals = GlobalSection::new();
    let ty = GlobalType { val_type: ValType::I32, mutable: false, shared: false };
    globals.global(ty, &ConstExpr::i32_const(0));
    let mut exports = ExportSection::new();
    exports.export(&"n".repeat(bytes), ExportKind::Global, 0);
    let mut module = Module::new();
    module.section(&globals);
    module.section(&exports);
    module.finish()
}

/// A section that says that it has `count` items, and ends.
fn count_only(id: u8, count: u32) -> Vec<u8> {
    let mut module = Module::new();
    let data = leb(count);
    module.section(&RawSection { id, data: &data });
    module.finish()
}

fn leb(mut number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// A type section with one type, `(func)`, which says that it has `size` bytes instead of 4.
fn section_size(size: u32) -> Vec<u8> {
    let mut bytes = b"\0asm\x01\0\0\0\x01".to_vec();
    bytes.extend(leb(size));
    bytes.extend([1, 0x60, 0, 0]);
    bytes
}

fn overlong() -> Vec<u8> {
    let mut bytes = b"\0asm\x01\0\0\0\x01".to_vec();
    bytes.extend([0x80, 0x80, 0x80, 0x80, 0x80, 0x00]);
    bytes
}

fn twice() -> Vec<u8> {
    let mut module = Module::new();
    for _ in 0..2 {
        module.section(&RawSection { id: 1, data: &[0] });
    }
    module.finish()
}

/// A body that says that it has `size` bytes instead of 2.
fn body_size(size: u8) -> Vec<u8> {
    let mut module = with_types();
    let mut functions = FunctionSection::new();
    functions.function(0);
    module.section(&functions);
    let mut data = vec![1];
    data.extend(leb(size.into()));
    data.extend([0, 0x0b]);
    module.section(&RawSection { id: 10, data: &data });
    module.finish()
}

fn empty() -> Function {
    let mut function = Function::new([]);
    function.instructions().end();
    function
}
