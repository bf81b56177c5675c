//! Each kind of error: its message, and where it says the fault is.

mod support;

use brolga_module::{Features, FuncIndex, ModuleError, ParsedModule, Place, validate};
use support::assemble;

const HEADER: &[u8] = b"\0asm\x01\0\0\0";

fn error(bytes: &[u8]) -> ModuleError {
    validate(bytes, Features::default()).unwrap_err()
}

/// The error for a module with one section after the header.
fn section_error(section: &[u8]) -> ModuleError {
    error(&[HEADER, section].concat())
}

fn text_error(text: &str) -> ModuleError {
    error(&assemble(text))
}

fn body_error(operators: &[u8]) -> ModuleError {
    let size = u8::try_from(operators.len() + 1).unwrap();
    let types_and_functions = [1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0];
    section_error(&[&types_and_functions, &[10, size + 2, 1, size, 0][..], operators].concat())
}

#[test]
fn headers() {
    let cases: [(&[u8], &str); 5] = [
        (b"", "malformed module: unexpected end-of-file (at offset 0x0)"),
        (b"\0as", "malformed module: unexpected end-of-file (at offset 0x0)"),
        (b"\0asn\x01\0\0\0", "malformed module: magic header not detected: bad magic number - "),
        (b"\0asm\x01\0", "malformed module: unexpected end-of-file (at offset 0x4)"),
        (
            b"\0asm\x02\0\0\0",
            "malformed module: unknown binary version:        0x2 (at offset 0x4)",
        ),
    ];
    for (bytes, message) in cases {
        let error = error(bytes);
        assert!(error.to_string().starts_with(message), "{error}");
        assert!(matches!(error, ModuleError::Malformed { place: Place::Module, .. }));
    }
}

#[test]
fn components() {
    let error = error(b"\0asm\x0d\0\x01\0");
    assert_eq!(error, ModuleError::Component { version: 0x1000d });
    assert_eq!(error.offset(), 4);
    assert_eq!(
        error.to_string(),
        "expected a core module, found a component: unknown binary version: 0x1000d, \
         take the core module out of it first (at offset 0x4)"
    );
}

#[test]
fn malformed_sections() {
    let cases: [(&[u8], &str); 10] = [
        (&[14, 0], "malformed section id: 14 (at offset 0xa)"),
        (&[1, 5, 1], "unexpected end-of-file (at offset 0xa)"),
        (&[1, 2, 1, 0x60], "type section: unexpected end-of-file (at offset 0xc)"),
        (
            &[1, 2, 0, 0],
            "type section: section size mismatch: unexpected data at the end of the section (at offset 0xb)",
        ),
        (&[3, 1, 0, 1, 1, 0], "section out of order (at offset 0xd)"),
        (
            &[1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0],
            "function section has non-zero count but code section is absent (at offset 0x12)",
        ),
        (
            &[10, 1, 1],
            "function section is absent but code section has non-zero count (at offset 0xa)",
        ),
        (&[12, 1, 2], "data count is non-zero but data section is absent (at offset 0xb)"),
        (&[0, 2, 1, 0xff], "malformed UTF-8 encoding (at offset 0xb)"),
        (&[5, 3, 1, 0x20, 0], "memory section: invalid memory limits flags (at offset 0xb)"),
    ];
    for (section, message) in cases {
        let error = section_error(section);
        assert_eq!(error.to_string(), format!("malformed module: {message}"), "{section:?}");
        assert!(matches!(error, ModuleError::Malformed { .. }));
    }
}

#[test]
fn invalid_sections() {
    let cases = [
        (
            r#"(module (memory 2 1))"#,
            "memory section: size minimum must not be greater than maximum (at offset 0xb)",
        ),
        (
            r#"(module (memory 65537))"#,
            "memory section: memory size must be at most 0x10000 65536-byte pages (at offset 0xb)",
        ),
        (
            r#"(module (func (export "f")) (memory (export "f") 1))"#,
            "export section: duplicate export name `f` already defined (at offset 0x1e)",
        ),
        (
            r#"(module (global i32 (i64.const 0)))"#,
            "global section: type mismatch: expected i32, found i64 (at offset 0xf)",
        ),
        (
            r#"(module (func $f (param i32)) (start $f))"#,
            "start section: invalid start function type (at offset 0x15)",
        ),
        (
            r#"(module (data (i32.const 0) ""))"#,
            "data section: unknown memory 0: memory index out of bounds (at offset 0xb)",
        ),
        (
            r#"(module (elem (i32.const 0)))"#,
            "element section: unknown table 0: table index out of bounds (at offset 0xb)",
        ),
        (
            r#"(module (import "a" "b" (func (type 3))))"#,
            "import section: unknown type 3: type index out of bounds (at offset 0xb)",
        ),
        (
            r#"(module (table 2 1 funcref))"#,
            "table section: size minimum must not be greater than maximum (at offset 0xb)",
        ),
    ];
    for (text, message) in cases {
        let error = text_error(text);
        assert_eq!(error.to_string(), format!("invalid module: {message}"));
        assert!(matches!(error, ModuleError::Invalid { place: Place::Section(_), .. }));
        assert!(message.contains(&format!("(at offset {:#x})", error.offset())));
    }
}

#[test]
fn bodies_say_which_function() {
    let error = text_error("(module (func) (func (result i32) (i64.const 1)))");
    assert_eq!(
        error.to_string(),
        "invalid module: function 1: type mismatch: expected i32, found i64 (at offset 0x21)"
    );
    let ModuleError::Invalid { place, .. } = error else { panic!() };
    assert_eq!(place, Place::Function(FuncIndex(1)));
}

#[test]
fn bodies_are_not_looked_at_by_decoding() {
    let bytes = assemble("(module (func (result i32)))");
    let module = ParsedModule::decode(bytes.into(), Features::default()).unwrap();
    assert!(module.validate_bodies().is_err());
}

#[test]
fn bodies_that_cannot_be_read_are_malformed() {
    let cases: [(&[u8], &str); 4] = [
        (&[0xff, 0x0b], "illegal opcode: 0xff (at offset 0x17)"),
        (
            &[0x41, 0x0b],
            "control frames remain at end of function body or expression (at offset 0x19)",
        ),
        (&[0x01], "control frames remain at end of function body or expression (at offset 0x18)"),
        (
            &[0x0b, 0x01],
            "operators remaining after end of function body or expression (at offset 0x18)",
        ),
    ];
    for (operators, message) in cases {
        let error = body_error(operators);
        assert_eq!(error.to_string(), format!("malformed module: function 0: {message}"));
    }
    let invalid = body_error(&[0x1a, 0x0b]);
    assert!(matches!(invalid, ModuleError::Invalid { .. }), "{invalid}");
}

#[test]
fn features_that_are_off_and_features_there_are_none_of() {
    let simd = assemble("(module (func (drop (v128.const i64x2 0 0))))");
    let error = validate(&simd, Features::WASM1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "unsupported module: function 0: SIMD support is not enabled, \
         the feature `simd` is switched off (at offset 0x17)"
    );
    assert_eq!(error.offset(), 0x17);
    assert_eq!(
        text_error("(module (tag))").to_string(),
        "unsupported module: tag section: exceptions proposal not enabled, \
         which is not supported yet (at offset 0x10)"
    );
}

#[test]
fn limits() {
    let error = section_error(&[1, 5, 0xff, 0xff, 0xff, 0xff, 0x0f]);
    assert_eq!(
        error,
        ModuleError::Limit { name: "types", max: 1_000_000, found: Some(0xffff_ffff), offset: 10 }
    );
    assert_eq!(error.offset(), 10);
    assert_eq!(
        error.to_string(),
        "over a limit: types count exceeds limit of 1000000, \
         limit `types` is 1000000, found 4294967295 (at offset 0xa)"
    );
}

#[test]
fn errors_are_small_enough_to_return() {
    assert!(size_of::<ModuleError>() <= 56, "{}", size_of::<ModuleError>());
}
