//! Each limit, at its largest number and one over.

use std::borrow::Cow;

use brolga_module::{Features, Limit, ModuleError, limits, validate};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, CustomSection, DataCountSection, DataSection,
    ElementSection, Elements, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, GlobalType, ImportSection, MemorySection, MemoryType, Module, RefType,
    TableSection, TableType, TypeSection, ValType,
};

const MEMORY: MemoryType =
    MemoryType { minimum: 0, maximum: None, memory64: false, shared: false, page_size_log2: None };
const TABLE: TableType = TableType {
    element_type: RefType::FUNCREF,
    table64: false,
    minimum: 0,
    maximum: None,
    shared: false,
};
const GLOBAL: GlobalType = GlobalType { val_type: ValType::I32, mutable: false, shared: false };

/// Asserts that `make(max)` is accepted and that `make(max + 1)` is over the limit.
fn off_by_one(limit: Limit, make: impl Fn(usize) -> Vec<u8>) {
    assert_eq!(validate(&make(limit.max as usize), Features::default()), Ok(()), "{limit:?}");
    refused(limit, make);
}

/// Asserts that `make(max + 1)` is over the limit.
fn refused(limit: Limit, make: impl Fn(usize) -> Vec<u8>) {
    let bytes = make(limit.max as usize + 1);
    let error = validate(&bytes, Features::default()).unwrap_err();
    let expected = |offset| ModuleError::Limit {
        name: limit.name,
        max: limit.max,
        found: Some(limit.max + 1),
        offset,
    };
    assert_eq!(error, expected(error.offset()), "{error}");
    assert!((8..bytes.len() as u64).contains(&error.offset()), "{error}");
    assert!(error.to_string().contains(limit.text), "{error}");
}

/// A section with one function type, `(func)`.
fn types() -> TypeSection {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    types
}

/// A module with one function.
fn one_function(body: &Function) -> Vec<u8> {
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut code = CodeSection::new();
    code.function(body);
    let mut module = Module::new();
    module.section(&types()).section(&functions).section(&code);
    module.finish()
}

fn imports(count: usize, ty: impl Fn(usize) -> EntityType) -> Module {
    let mut imports = ImportSection::new();
    for position in 0..count {
        imports.import("", "", ty(position));
    }
    let mut module = Module::new();
    module.section(&types()).section(&imports);
    module
}

#[test]
fn module_bytes() {
    // Without a gigabyte of bytes: the check is a comparison of two numbers.
    assert_eq!(limits::MODULE_BYTES.check(1 << 30, 0), Ok(()));
    let error = limits::MODULE_BYTES.check((1 << 30) + 1, 0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "over a limit: module size is out of bounds, limit `module_bytes` is 1073741824, \
         found 1073741825 (at offset 0x0)"
    );
}

#[test]
#[cfg_attr(miri, ignore = "a module of that size takes hours")]
fn types_of_a_module() {
    off_by_one(limits::TYPES, |count| {
        let mut types = TypeSection::new();
        for _ in 0..count {
            types.ty().function([], []);
        }
        let mut module = Module::new();
        module.section(&types);
        module.finish()
    });
}

#[test]
#[cfg_attr(miri, ignore = "a module of that size takes hours")]
fn imports_of_a_module() {
    // The sizes of the types reach their own limit first, and a module starts out
    // with one: the largest number is two less.
    refused(limits::IMPORTS, |count| imports(count, |_| EntityType::Global(GLOBAL)).finish());
    let most = imports(999_998, |_| EntityType::Global(GLOBAL)).finish();
    assert_eq!(validate(&most, Features::default()), Ok(()));
}

#[test]
#[cfg_attr(miri, ignore = "a module of that size takes hours")]
fn functions_of_a_module() {
    off_by_one(limits::FUNCTIONS, |count| {
        let mut functions = FunctionSection::new();
        let mut code = CodeSection::new();
        for _ in 3..count {
            functions.function(0);
            code.raw(&[0, 0x0b]);
        }
        let mut module = imports(3, |_| EntityType::Function(0));
        module.section(&functions).section(&code);
        module.finish()
    });
}

#[test]
#[cfg_attr(miri, ignore = "a module of that size takes hours")]
fn tables_of_a_module() {
    off_by_one(limits::TABLES, |count| {
        let mut tables = TableSection::new();
        for _ in 3..count {
            tables.table(TABLE);
        }
        let mut module = imports(3, |_| EntityType::Table(TABLE));
        module.section(&tables);
        module.finish()
    });
    off_by_one(limits::TABLES, |count| imports(count, |_| EntityType::Table(TABLE)).finish());
}

#[test]
fn memories_of_a_module() {
    off_by_one(limits::MEMORIES, |count| {
        let mut memories = MemorySection::new();
        for _ in 3..count {
            memories.memory(MEMORY);
        }
        let mut module = imports(3, |_| EntityType::Memory(MEMORY));
        module.section(&memories);
        module.finish()
    });
    off_by_one(limits::MEMORIES, |count| imports(count, |_| EntityType::Memory(MEMORY)).finish());
}

#[test]
#[cfg_attr(miri, ignore = "a module of that size takes hours")]
fn globals_of_a_module() {
    off_by_one(limits::GLOBALS, |count| {
        let mut globals = GlobalSection::new();
        for _ in 3..count {
            globals.global(GLOBAL, &ConstExpr::i32_const(0));
        }
        let mut module = imports(3, |_| EntityType::Global(GLOBAL));
        module.section(&globals);
        module.finish()
    });
}

#[test]
#[cfg_attr(miri, ignore = "a module of that size takes hours")]
fn exports_of_a_module() {
    let make = |count: usize| {
        let mut memories = MemorySection::new();
        memories.memory(MEMORY);
        let mut exports = ExportSection::new();
        for position in 0..count {
            exports.export(&format!("{position:x}"), ExportKind::Memory, 0);
        }
        let mut module = Module::new();
        module.section(&memories).section(&exports);
        module.finish()
    };
    refused(limits::EXPORTS, make);
    assert_eq!(validate(&make(999_998), Features::default()), Ok(()));
}

#[test]
#[cfg_attr(miri, ignore = "a module of that size takes hours")]
fn element_segments_of_a_module() {
    off_by_one(limits::ELEMENT_SEGMENTS, |count| {
        let mut elements = ElementSection::new();
        for _ in 0..count {
            elements.passive(Elements::Functions(Cow::Borrowed(&[])));
        }
        let mut module = Module::new();
        module.section(&elements);
        module.finish()
    });
}

#[test]
#[cfg_attr(miri, ignore = "a module of that size takes hours")]
fn elements_of_a_segment() {
    off_by_one(limits::ELEMENTS, |count| {
        let mut functions = FunctionSection::new();
        functions.function(0);
        let mut elements = ElementSection::new();
        elements.passive(Elements::Functions(vec![0; count].into()));
        let mut code = CodeSection::new();
        code.raw(&[0, 0x0b]);
        let mut module = Module::new();
        module.section(&types()).section(&functions).section(&elements).section(&code);
        module.finish()
    });
}

/// A module with as many empty data segments.
fn data_segments(count: usize, announced: bool) -> Vec<u8> {
    let mut data = DataSection::new();
    for _ in 0..count {
        data.passive([]);
    }
    let mut module = Module::new();
    if announced {
        module.section(&DataCountSection { count: count as u32 });
    }
    module.section(&data);
    module.finish()
}

#[test]
#[cfg_attr(miri, ignore = "a module of that size takes hours")]
fn data_segments_of_a_module() {
    off_by_one(limits::DATA_SEGMENTS, |count| data_segments(count, false));
    off_by_one(limits::DATA_COUNT, |count| data_segments(count, true));
}

#[test]
#[cfg_attr(miri, ignore = "a module of that size takes hours")]
fn custom_sections_of_a_module() {
    off_by_one(limits::CUSTOM_SECTIONS, |count| {
        let mut module = Module::new();
        for _ in 0..count {
            module.section(&CustomSection { name: "".into(), data: Cow::Borrowed(&[]) });
        }
        module.finish()
    });
}

#[test]
#[cfg_attr(miri, ignore = "a module of that size takes hours")]
fn bytes_of_names() {
    off_by_one(limits::STRING_BYTES, |bytes| {
        let mut imports = ImportSection::new();
        imports.import(&"x".repeat(bytes), "name", EntityType::Memory(MEMORY));
        let mut module = Module::new();
        module.section(&imports);
        module.finish()
    });
    off_by_one(limits::STRING_BYTES, |bytes| {
        let mut imports = ImportSection::new();
        imports.import(
            "module",
            &"é".repeat(bytes).as_str()[..bytes & !1],
            EntityType::Memory(MEMORY),
        );
        imports.import("module", &"x".repeat(bytes), EntityType::Memory(MEMORY));
        let mut module = Module::new();
        module.section(&imports);
        module.finish()
    });
    off_by_one(limits::STRING_BYTES, |bytes| {
        let mut memories = MemorySection::new();
        memories.memory(MEMORY);
        let mut exports = ExportSection::new();
        exports.export(&"x".repeat(bytes), ExportKind::Memory, 0);
        let mut module = Module::new();
        module.section(&memories).section(&exports);
        module.finish()
    });
}

#[test]
fn bytes_of_names_of_custom_sections() {
    let make = |bytes: usize| {
        let mut module = Module::new();
        module.section(&CustomSection { name: "x".repeat(bytes).into(), data: Cow::Borrowed(&[]) });
        module.finish()
    };
    assert_eq!(validate(&make(100_000), Features::default()), Ok(()));
    // The section comes unread from wasmparser, so the number stays unknown.
    let error = validate(&make(100_001), Features::default()).unwrap_err();
    let expected =
        ModuleError::Limit { name: "string_bytes", max: 100_000, found: None, offset: 14 };
    assert_eq!(error, expected);
    assert_eq!(
        error.to_string(),
        "over a limit: string size out of bounds, limit `string_bytes` is 100000 (at offset 0xe)"
    );
}

#[test]
fn params_and_results() {
    let make = |params: usize, results: usize| {
        let mut types = TypeSection::new();
        types.ty().function(vec![ValType::I64; params], vec![ValType::F32; results]);
        let mut module = Module::new();
        module.section(&types);
        module.finish()
    };
    off_by_one(limits::PARAMS, |count| make(count, 1_000));
    off_by_one(limits::RESULTS, |count| make(1_000, count));
}

#[test]
#[cfg_attr(miri, ignore = "a module of that size takes hours")]
fn size_of_all_types() {
    // One function type of 999 results, imported often enough.
    let make = |count: usize| {
        let mut types = TypeSection::new();
        types.ty().function([], vec![ValType::I32; 999]);
        let mut imports = ImportSection::new();
        for _ in 0..count {
            imports.import("", "", EntityType::Function(0));
        }
        let mut module = Module::new();
        module.section(&types).section(&imports);
        module.finish()
    };
    assert_eq!(validate(&make(998), Features::default()), Ok(()));
    let error = validate(&make(1_001), Features::default()).unwrap_err();
    let ModuleError::Limit { name, found, .. } = &error else { panic!("{error}") };
    assert_eq!((*name, *found), ("type_size", None));
    assert!(error.to_string().contains(limits::TYPE_SIZE.text));
}

#[test]
#[cfg_attr(miri, ignore = "a module of that size takes hours")]
fn bytes_of_bodies() {
    off_by_one(limits::BODY_BYTES, |bytes| {
        let mut body = Function::new([]);
        body.raw([0x01].repeat(bytes - 2));
        body.instructions().end();
        one_function(&body)
    });
}

#[test]
#[cfg_attr(miri, ignore = "a module of that size takes hours")]
fn locals_of_functions() {
    off_by_one(limits::LOCALS, |count| {
        let mut types = TypeSection::new();
        types.ty().function([ValType::I32, ValType::I32], []);
        let mut functions = FunctionSection::new();
        functions.function(0);
        let mut body =
            Function::new([(20_000, ValType::V128), (count as u32 - 20_002, ValType::I64)]);
        body.instructions().end();
        let mut code = CodeSection::new();
        code.function(&body);
        let mut module = Module::new();
        module.section(&types).section(&functions).section(&code);
        module.finish()
    });
}

#[test]
#[cfg_attr(miri, ignore = "a module of that size takes hours")]
fn targets_of_br_table() {
    // As many as are allowed do not fit into a body that is allowed; the count is read first.
    refused(limits::BR_TABLE_TARGETS, |count| {
        let mut body = Function::new([]);
        body.instructions().block(BlockType::Empty).i32_const(0);
        body.raw([0x0e]);
        let mut leb = count as u32;
        while leb >= 0x80 {
            body.raw([leb as u8 | 0x80]);
            leb >>= 7;
        }
        body.raw([leb as u8]);
        body.instructions().end().end();
        one_function(&body)
    });
    let mut body = Function::new([]);
    body.instructions().i32_const(0).br_table(vec![0u32; 7_000_000], 0).end();
    assert_eq!(validate(&one_function(&body), Features::default()), Ok(()));
}

#[test]
fn the_table_of_limits() {
    assert_eq!(limits::ALL.len(), 20);
    for limit in limits::ALL {
        assert!(!limit.doc.is_empty() && !limit.text.is_empty());
        assert!(limits::ALL.iter().filter(|other| other.name == limit.name).count() == 1);
    }
}
