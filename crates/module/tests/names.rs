//! Names: where they come from, and that no name section can do harm.

mod support;

use brolga_module::FuncIndex;
use support::{decode, module, rich};
use wasm_encoder::{
    CodeSection, CustomSection, Function, FunctionSection, Module, NameMap, NameSection,
    TypeSection,
};

/// A module of `functions` empty functions with a name section of these contents.
fn with_name_section(functions: u32, contents: &[u8]) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let mut declared = FunctionSection::new();
    let mut code = CodeSection::new();
    for _ in 0..functions {
        declared.function(0);
        let mut body = Function::new([]);
        body.instructions().end();
        code.function(&body);
    }
    let mut module = Module::new();
    module.section(&types).section(&declared).section(&code);
    module.section(&CustomSection { name: "name".into(), data: contents.into() });
    module.finish()
}

/// A subsection, its length in front.
fn subsection(id: u8, contents: &[u8]) -> Vec<u8> {
    [&[id, u8::try_from(contents.len()).unwrap()], contents].concat()
}

#[test]
fn module_functions_and_locals() {
    let module = decode(rich()).unwrap();
    assert_eq!(module.names.module(), Some("rich"));
    assert_eq!(module.names.func(FuncIndex(0)), Some("callback"));
    assert_eq!(module.names.func(FuncIndex(5)), Some("drop2"));
    assert_eq!(module.names.func(FuncIndex(6)), None);
    assert_eq!(module.names.local(FuncIndex(1), 1), Some("twice"));
    assert_eq!(module.names.local(FuncIndex(1), 0), None);
    assert_eq!(module.names.local(FuncIndex(2), 0), None);
}

#[test]
fn without_a_name_exports_and_imports_serve() {
    let module = module(
        r#"(module
          (import "env" "log" (func))
          (import "env" "both" (func))
          (import "env" "memory" (memory 1))
          (func (export "first") (export "second"))
          (func)
          (export "shown" (func 1)))"#,
    );
    assert_eq!(module.func_name(FuncIndex(0)), Some("env::log"));
    assert_eq!(module.func_name(FuncIndex(1)), Some("shown"));
    assert_eq!(module.func_name(FuncIndex(2)), Some("first"));
    assert_eq!(module.func_name(FuncIndex(3)), None);
    assert_eq!(module.func_name(FuncIndex(u32::MAX)), None);
}

#[test]
fn the_name_section_goes_before_exports() {
    let module = module(r#"(module (func $inside (export "outside")))"#);
    assert_eq!(module.func_name(FuncIndex(0)), Some("inside"));
}

#[test]
fn what_stands_before_the_fault_counts() {
    let names = subsection(1, &[3, 0, 1, b'a', 1, 1, b'b', 2, 200]);
    let module = decode(with_name_section(3, &names)).unwrap();
    assert_eq!(module.names.func(FuncIndex(0)), Some("a"));
    assert_eq!(module.names.func(FuncIndex(1)), Some("b"));
    assert_eq!(module.names.func(FuncIndex(2)), None);
}

#[test]
fn locals_before_the_fault_count() {
    // Function 0 has two names, then function 1's map is cut off after its first.
    let names = subsection(2, &[2, 0, 2, 0, 1, b'a', 1, 1, b'b', 1, 9, 0, 1, b'c', 1, 99]);
    let module = decode(with_name_section(2, &names)).unwrap();
    assert_eq!(module.names.local(FuncIndex(0), 1), Some("b"));
    assert_eq!(module.names.local(FuncIndex(1), 0), Some("c"));
    assert_eq!(module.names.local(FuncIndex(1), 1), None);
}

#[test]
fn order_and_duplicates_do_not_matter() {
    let names = subsection(1, &[3, 1, 1, b'b', 0, 1, b'a', 1, 1, b'c']);
    let again = subsection(1, &[1, 0, 1, b'z']);
    let unknown = subsection(99, &[1, 2, 3]);
    let module = decode(with_name_section(4, &[unknown, names, again].concat())).unwrap();
    assert_eq!(module.names.func(FuncIndex(0)), Some("a"));
    assert_eq!(module.names.func(FuncIndex(1)), Some("b"));
}

#[test]
fn a_name_that_is_no_text_is_none() {
    let names = [subsection(0, &[1, 0xff]), subsection(1, &[2, 0, 1, 0xff, 1, 1, b'b'])].concat();
    let module = decode(with_name_section(2, &names)).unwrap();
    assert_eq!(module.names.module(), None);
    assert_eq!(module.names.func(FuncIndex(0)), None);
    assert_eq!(module.names.func(FuncIndex(1)), Some("b"));
}

#[test]
fn counts_that_lie_and_functions_that_are_not_there() {
    let huge = [0xff, 0xff, 0xff, 0xff, 0x0f];
    for id in 0..=3 {
        let names = subsection(id, &[&huge[..], &[0, 1, b'a']].concat());
        let module = decode(with_name_section(1, &names)).unwrap();
        let expected = (id == 1).then_some("a");
        assert_eq!(module.names.func(FuncIndex(0)), expected);
        assert_eq!(module.names.local(FuncIndex(0), 0), None);
    }
    let names = subsection(1, &[2, 7, 1, b'x', 0, 1, b'a']);
    let module = decode(with_name_section(1, &names)).unwrap();
    assert_eq!(module.names.func(FuncIndex(0)), Some("a"));
    assert_eq!(module.names.func(FuncIndex(7)), None);
}

#[test]
fn every_byte_string_is_a_harmless_name_section() {
    let mut good = NameSection::new();
    good.module("m");
    let mut functions = NameMap::new();
    functions.append(0, "f");
    functions.append(1, "g");
    good.functions(&functions);
    let mut locals = wasm_encoder::IndirectNameMap::new();
    locals.append(0, &functions);
    good.locals(&locals);
    let mut bytes = Vec::new();
    wasm_encoder::Section::append_to(&good, &mut bytes);
    // Without id, length and the section's own name.
    let contents = &bytes[7..];
    for position in 0..contents.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut contents = contents.to_vec();
            contents[position] = value;
            let module = decode(with_name_section(2, &contents)).unwrap();
            module.names.module();
            for func in 0..3 {
                module.names.func(FuncIndex(func));
                module.names.local(FuncIndex(func), 1);
            }
        }
    }
}
