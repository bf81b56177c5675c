//! What errors say of the source: names, files and lines; and that nothing a module says of its
//! source does any harm.
//!
//! Not under Miri: it runs generated code.
#![cfg(not(miri))]

use std::time::{Duration, Instant};

use brolga::*;

/// `debug.c`, with each version of DWARF.
const MODULES: [(&str, &[u8]); 2] = [
    ("DWARF 4", include_bytes!("data/dwarf4.wasm")),
    ("DWARF 5", include_bytes!("data/dwarf5.wasm")),
];
const MODULE: &[u8] = MODULES[0].1;

/// The error of a call with two arguments, or one and nothing.
fn error(engine: &Engine, module: &[u8], name: &str, params: &[i32]) -> Result<Error> {
    let module = Module::new(engine, module)?;
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let func = instance.get_func(&mut store, name).context("no such function")?;
    let params: Vec<_> = params.iter().map(|&param| Val::I32(param)).collect();
    let results = &mut vec![Val::I32(0); func.ty(&store).results().len()];
    Ok(func.call(&mut store, &params, results).unwrap_err())
}

/// For each frame its symbols: name, file, line.
fn symbols(error: &Error) -> Vec<Vec<(String, String, u32)>> {
    let backtrace = error.downcast_ref::<WasmBacktrace>().expect("calls have backtraces");
    let symbol = |symbol: &FrameSymbol| {
        let text = |text: Option<&str>| text.unwrap_or("?").to_owned();
        (text(symbol.name()), text(symbol.file()), symbol.line().unwrap_or(0))
    };
    backtrace.frames().iter().map(|frame| frame.symbols().iter().map(symbol).collect()).collect()
}

fn at(name: &str, line: u32) -> (String, String, u32) {
    (name.to_owned(), "/src/debug.c".to_owned(), line)
}

#[test]
fn frames_have_source_lines() -> Result<()> {
    for (what, module) in MODULES {
        let error = error(&Engine::default(), module, "trap_plain", &[7])?;
        assert_eq!(error.downcast_ref(), Some(&Trap::UnreachableCodeReached));
        assert_eq!(symbols(&error), [[at("plain", 17)], [at("trap_plain", 22)]], "{what}");
    }
    Ok(())
}

#[test]
fn inlined_functions_are_symbols_of_one_frame() -> Result<()> {
    for (what, module) in MODULES {
        let error = error(&Engine::default(), module, "trap_inlined", &[2, 0])?;
        assert_eq!(error.downcast_ref(), Some(&Trap::IntegerDivisionByZero));
        let expected = [at("divide", 8), at("divide_cell", 12), at("trap_inlined", 27)];
        assert_eq!(symbols(&error), [expected], "{what}");
        let backtrace = error.downcast_ref::<WasmBacktrace>().unwrap();
        let frame = &backtrace.frames()[0];
        assert_eq!(frame.symbols()[0].column(), Some(14));
        assert_eq!(frame.func_name(), Some("trap_inlined"));
        assert!(frame.func_offset() < frame.module_offset());
    }
    Ok(())
}

#[test]
fn compiled_modules_keep_their_source_lines() -> Result<()> {
    let engine = Engine::default();
    let bytes = Module::new(&engine, MODULE)?.serialize()?;
    let other = Engine::default();
    // SAFETY: the bytes are what `serialize` gave.
    let module = unsafe { Module::deserialize(&other, &bytes)? };
    let mut store = Store::new(&other, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let func = instance.get_typed_func::<i32, i32>(&mut store, "trap_plain")?;
    let error = func.call(&mut store, 7).unwrap_err();
    assert_eq!(symbols(&error), [[at("plain", 17)], [at("trap_plain", 22)]]);
    Ok(())
}

#[test]
fn errors_show_where_they_happened() -> Result<()> {
    let error = error(&Engine::default(), MODULE, "trap_inlined", &[2, 0])?;
    let frame = &error.downcast_ref::<WasmBacktrace>().unwrap().frames()[0];
    let offset = format!("{:#8x}", frame.module_offset().unwrap());
    let module = frame.module().name().unwrap_or("<unknown>");
    let expected = format!(
        "wasm backtrace:
    0: {offset} - {module}!divide
                    at /src/debug.c:8:14
                - divide_cell
                    at /src/debug.c:12:12
                - trap_inlined
                    at /src/debug.c:27:12"
    );
    assert_eq!(error.to_string(), format!("wasm trap: integer divide by zero\n{expected}"));
    let backtrace = error.downcast_ref::<WasmBacktrace>().unwrap();
    assert_eq!(backtrace.to_string(), format!("error while executing at {expected}"));
    Ok(())
}

#[test]
fn details_can_be_switched_off() -> Result<()> {
    let mut config = Config::new();
    config.wasm_backtrace_details(WasmBacktraceDetails::Disable);
    let error = error(&Engine::new(&config)?, MODULE, "trap_plain", &[7])?;
    assert_eq!(symbols(&error), [[], []]);
    assert!(error.to_string().contains("!plain\n"), "{error}");

    let mut config = Config::new();
    config.wasm_backtrace(false);
    let error = self::error(&Engine::new(&config)?, MODULE, "trap_plain", &[7])?;
    assert!(error.downcast_ref::<WasmBacktrace>().is_none());
    Ok(())
}

#[test]
fn names_are_shown_demangled() -> Result<()> {
    let text = r#"(module $_ZN3app4main17h0123456789abcdefE
        (func $_ZN4core9panicking5panic17h0123456789abcdefE unreachable)
        (func $_ZN5space3runEib (call $_ZN4core9panicking5panic17h0123456789abcdefE))
        (func $_RNvC7mycrate3top (export "top") (call $_ZN5space3runEib))
        (func (export "\1b[2Jbell\07") unreachable))"#;
    let error = error(&Engine::default(), text.as_bytes(), "top", &[])?;
    let shown = error.to_string();
    let lines: Vec<_> = shown.lines().skip(2).map(|it| it.split(" - ").nth(1).unwrap()).collect();
    let expected = ["core::panicking::panic", "space::run(int, bool)", "mycrate::top"];
    assert_eq!(lines, expected.map(|name| format!("app::main!{name}")));
    let frames = error.downcast_ref::<WasmBacktrace>().unwrap().frames();
    assert_eq!(frames[1].func_name(), Some("_ZN5space3runEib"), "for machines as it is");

    let error = self::error(&Engine::default(), text.as_bytes(), "\u{1b}[2Jbell\u{7}", &[])?;
    assert!(error.to_string().ends_with("!\\u{1b}[2Jbell\\u{7}"), "{error}");
    Ok(())
}

/// The ranges of the contents of the debug sections, by name.
fn debug_sections(module: &[u8]) -> Vec<(String, std::ops::Range<usize>)> {
    let sections = wasmparser::Parser::new(0).parse_all(module).filter_map(|payload| {
        let wasmparser::Payload::CustomSection(section) = payload.unwrap() else { return None };
        let end = section.range().end as usize;
        let range = end - section.data().len()..end;
        section.name().starts_with(".debug_").then(|| (section.name().to_owned(), range))
    });
    sections.collect()
}

/// Whatever its debug sections say, the module does what it does, and its errors can be shown.
fn check_harmless(engine: &Engine, bytes: &[u8]) -> Result<()> {
    let module = Module::new(engine, bytes)?;
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let plain = instance.get_typed_func::<i32, i32>(&mut store, "trap_plain")?;
    assert_eq!(plain.call(&mut store, 5)?, 16);
    let inlined = instance.get_typed_func::<(i32, i32), i32>(&mut store, "trap_inlined")?;
    assert_eq!(inlined.call(&mut store, (2, 3))?, 22);
    let error = inlined.call(&mut store, (2, 0)).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::IntegerDivisionByZero));
    assert!(error.to_string().starts_with("wasm trap: integer divide by zero\nwasm backtrace:"));
    let error = plain.call(&mut store, 7).unwrap_err();
    let frames = error.downcast_ref::<WasmBacktrace>().unwrap().frames();
    let names: Vec<_> = frames.iter().map(FrameInfo::func_name).collect();
    assert_eq!(names, [Some("plain"), Some("trap_plain")]);
    assert_eq!(symbols(&error).len(), 2);
    engine.delete_compiled_module(&module);
    Ok(())
}

fn fast_engine() -> Result<Engine> {
    Engine::new(Config::new().cranelift_opt_level(OptLevel::None).parallel_compilation(false))
}

/// Every byte of the entries; beside the reader are tests with every bit of every section.
#[test]
fn flipped_bytes_are_harmless() -> Result<()> {
    let engine = fast_engine()?;
    let sections = debug_sections(MODULE);
    let (_, info) =
        sections.iter().find(|(name, _)| name == ".debug_info").context("no entries")?;
    assert!(info.len() > 300);
    for at in info.clone() {
        let mut module = MODULE.to_vec();
        module[at] ^= 0xff;
        check_harmless(&engine, &module)?;
    }
    Ok(())
}

/// The module with other contents for some of its debug sections, and none for the rest.
fn with_sections(module: &[u8], contents: &[(&str, &[u8])]) -> Vec<u8> {
    let leb = |mut number: usize, out: &mut Vec<u8>| {
        while number >= 0x80 {
            out.push(number as u8 | 0x80);
            number >>= 7;
        }
        out.push(number as u8);
    };
    // The debug sections stand one behind the other after everything that runs.
    let mut result = module.to_vec();
    let sections = debug_sections(module);
    let names = wasmparser::Parser::new(0).parse_all(module).find_map(|it| match it.unwrap() {
        wasmparser::Payload::CustomSection(section) if section.name() == "name" => {
            Some(section.data().to_vec())
        }
        _ => None,
    });
    let first = &sections[0];
    // In front of the contents: an id, a size of one or two bytes, a length and the name.
    let header = |size: usize| if size < 0x80 { 2 } else { 3 };
    let start = first.1.start - 1 - first.0.len();
    let size = first.1.end - start;
    result.truncate(start - header(size));
    let names = names.expect("the module has names");
    for (name, contents) in contents.iter().copied().chain([("name", &names[..])]) {
        let mut body = vec![name.len() as u8];
        body.extend_from_slice(name.as_bytes());
        body.extend_from_slice(contents);
        result.push(0);
        leb(body.len(), &mut result);
        result.extend_from_slice(&body);
    }
    result
}

#[test]
fn cut_sections_are_harmless() -> Result<()> {
    let engine = fast_engine()?;
    for (_, module) in MODULES {
        let sections = debug_sections(module);
        let whole: Vec<_> =
            sections.iter().map(|(name, range)| (&**name, &module[range.clone()])).collect();
        check_harmless(&engine, &with_sections(module, &whole))?;
        for position in 0..whole.len() {
            for part in 0..16 {
                let mut cut = whole.clone();
                cut[position].1 = &cut[position].1[..cut[position].1.len() * part / 16];
                check_harmless(&engine, &with_sections(module, &cut))?;
            }
        }
    }
    Ok(())
}

#[test]
fn sections_at_random_are_harmless() -> Result<()> {
    let engine = fast_engine()?;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    for (_, module) in MODULES {
        let names: Vec<_> = debug_sections(module).into_iter().map(|(name, _)| name).collect();
        for round in 0..64 {
            let noise: Vec<Vec<u8>> =
                names.iter().map(|_| (0..16 << (round % 8)).map(|_| random()).collect()).collect();
            let noise: Vec<_> =
                names.iter().zip(&noise).map(|(name, noise)| (&**name, &noise[..])).collect();
            check_harmless(&engine, &with_sections(module, &noise))?;
        }
    }
    Ok(())
}

const COMPILE_UNIT: u8 = 0x11;
const SUBPROGRAM: u8 = 0x2e;
const INLINED: u8 = 0x1d;
const LOW_PC_ADDR: [u8; 2] = [0x11, 0x01];
const HIGH_PC_DATA4: [u8; 2] = [0x12, 0x06];
const ORIGIN_REF4: [u8; 2] = [0x31, 0x13];
const FLAG_PRESENT: [u8; 2] = [0x3f, 0x19];
/// From address 1 on: all of the code.
const EVERYTHING: [u8; 8] = [1, 0, 0, 0, 0, 0, 1, 0];
const UNIT_HEADER_BYTES: usize = 11;

/// An abbreviation whose entries have children.
fn abbreviation(code: u8, tag: u8, attributes: &[[u8; 2]]) -> Vec<u8> {
    let mut bytes = vec![code, tag, 1];
    bytes.extend(attributes.iter().flatten());
    bytes.extend([0, 0]);
    bytes
}

fn unit(entries: &[u8]) -> Vec<u8> {
    let mut bytes = (entries.len() as u32 + 7).to_le_bytes().to_vec();
    bytes.extend([4, 0, 0, 0, 0, 0, 4]);
    bytes.extend_from_slice(entries);
    bytes
}

/// The module's errors are shown in good time, though its sections describe endless work.
fn check_ends(abbreviations: &[Vec<u8>], info: &[u8]) -> Result<Error> {
    let mut abbreviations = abbreviations.concat();
    abbreviations.push(0);
    let sections = [(".debug_abbrev", &abbreviations[..]), (".debug_info", info)];
    let module = with_sections(MODULE, &sections);
    let started = Instant::now();
    let error = error(&Engine::default(), &module, "trap_plain", &[7])?;
    assert!(started.elapsed() < Duration::from_secs(10), "compiling does not read it");
    let started = Instant::now();
    assert!(error.to_string().contains("trap_plain"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(60), "took {:?}", started.elapsed());
    Ok(error)
}

#[test]
fn deep_and_cyclic_entries_end() -> Result<()> {
    let abbreviations = [
        abbreviation(1, COMPILE_UNIT, &[LOW_PC_ADDR, HIGH_PC_DATA4]),
        abbreviation(2, SUBPROGRAM, &[LOW_PC_ADDR, HIGH_PC_DATA4, ORIGIN_REF4]),
        abbreviation(3, INLINED, &[LOW_PC_ADDR, HIGH_PC_DATA4, ORIGIN_REF4]),
    ];
    let mut entries = vec![1];
    entries.extend(EVERYTHING);
    entries.push(2);
    entries.extend(EVERYTHING);
    // The function's origin is the function, and those of the others are two each other's.
    let function = UNIT_HEADER_BYTES + entries.len() - 9;
    entries.extend((function as u32).to_le_bytes());
    for level in 0..300_000_u32 {
        let here = (UNIT_HEADER_BYTES + entries.len()) as u32;
        let entry_bytes = 13;
        let origin = if level.is_multiple_of(2) { here + entry_bytes } else { here - entry_bytes };
        entries.push(3);
        entries.extend(EVERYTHING);
        entries.extend(origin.to_le_bytes());
    }
    let error = check_ends(&abbreviations, &unit(&entries))?;
    // Understood as far as it makes sense: the code is in all of them.
    assert!(symbols(&error).iter().all(|frame| frame.len() > 1 && frame.len() <= 256));
    Ok(())
}

#[test]
fn wide_entries_end() -> Result<()> {
    // A million entries of a byte each, with fifty thousand attributes that take no bytes.
    let abbreviations = [
        abbreviation(1, COMPILE_UNIT, &[LOW_PC_ADDR, HIGH_PC_DATA4]),
        abbreviation(2, SUBPROGRAM, &[FLAG_PRESENT; 50_000]),
    ];
    let mut entries = vec![1];
    entries.extend(EVERYTHING);
    entries.resize(1_000_000, 2);
    check_ends(&abbreviations, &unit(&entries))?;
    Ok(())
}

#[test]
fn many_units_end() -> Result<()> {
    // Each unit reads all abbreviations again.
    let mut abbreviations = vec![abbreviation(1, COMPILE_UNIT, &[LOW_PC_ADDR, HIGH_PC_DATA4])];
    abbreviations.extend((2..100).map(|code| abbreviation(code, SUBPROGRAM, &[FLAG_PRESENT; 500])));
    let mut entries = vec![1];
    entries.extend(EVERYTHING);
    check_ends(&abbreviations, &unit(&entries).repeat(100_000))?;
    Ok(())
}
