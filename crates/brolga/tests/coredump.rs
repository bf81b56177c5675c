//! Core dumps: readers of the format understand them, and they hold what the store held.
//!
//! Not under Miri: it runs generated code.
#![cfg(not(miri))]

use brolga::*;
use wasmparser::{
    BinaryReader, CoreDumpInstancesSection, CoreDumpModulesSection, CoreDumpSection,
    CoreDumpStackSection, DataKind, Operator, Parser, Payload,
};

/// See `data/debug.c`.
const MODULE: &[u8] = include_bytes!("data/dwarf4.wasm");

fn engine() -> Result<Engine> {
    Engine::new(Config::new().coredump_on_trap(true))
}

/// A dump as a reader finds it.
#[derive(Default)]
struct Read {
    name: String,
    modules: Vec<String>,
    /// Module, memories, globals.
    instances: Vec<(u32, Vec<u32>, Vec<u32>)>,
    /// Instance, function, offset in its body.
    frames: Vec<(u32, u32, u32)>,
    memories: Vec<Vec<u8>>,
    globals: Vec<i64>,
}

fn constant(expr: &wasmparser::ConstExpr<'_>) -> i64 {
    match expr.get_operators_reader().read().unwrap() {
        Operator::I32Const { value } => value.into(),
        Operator::I64Const { value } => value,
        Operator::F64Const { value } => value.bits() as i64,
        Operator::RefNull { .. } => 0,
        other => panic!("unexpected {other:?}"),
    }
}

fn read(dump: &[u8]) -> Read {
    wasmparser::Validator::new().validate_all(dump).expect("a dump is a valid module");
    let mut read = Read::default();
    for payload in Parser::new(0).parse_all(dump) {
        match payload.unwrap() {
            Payload::MemorySection(memories) => {
                let bytes = |ty: wasmparser::MemoryType| {
                    vec![0; (ty.initial << ty.page_size_log2.unwrap_or(16)) as usize]
                };
                read.memories = memories.into_iter().map(|ty| bytes(ty.unwrap())).collect();
            }
            Payload::GlobalSection(globals) => {
                let globals =
                    globals.into_iter().map(|global| constant(&global.unwrap().init_expr));
                read.globals = globals.collect();
            }
            Payload::DataSection(data) => data.into_iter().for_each(|data| {
                let data = data.unwrap();
                let DataKind::Active { memory_index, offset_expr } = data.kind else { panic!() };
                let at = constant(&offset_expr) as usize;
                let memory = &mut read.memories[memory_index as usize];
                memory[at..at + data.data.len()].copy_from_slice(data.data);
            }),
            Payload::CustomSection(section) => {
                let reader = BinaryReader::new(section.data(), section.data_offset());
                match section.name() {
                    "core" => read.name = CoreDumpSection::new(reader).unwrap().name.to_owned(),
                    "coremodules" => {
                        let modules = CoreDumpModulesSection::new(reader).unwrap().modules;
                        read.modules = modules.into_iter().map(str::to_owned).collect();
                    }
                    "coreinstances" => {
                        let section = CoreDumpInstancesSection::new(reader).unwrap();
                        let row = |it: wasmparser::CoreDumpInstance| {
                            (it.module_index, it.memories, it.globals)
                        };
                        read.instances = section.instances.into_iter().map(row).collect();
                    }
                    "corestack" => {
                        let section = CoreDumpStackSection::new(reader).unwrap();
                        assert_eq!(section.name, "main");
                        let frames = section.frames.iter();
                        read.frames =
                            frames.map(|it| (it.instanceidx, it.funcidx, it.codeoffset)).collect();
                    }
                    other => panic!("unexpected section {other}"),
                }
            }
            _ => {}
        }
    }
    read
}

fn address(store: &mut Store<()>, instance: Instance, name: &str) -> usize {
    let global = instance.get_global(&mut *store, name).unwrap();
    global.get(store).unwrap_i32() as usize
}

#[test]
fn a_dump_holds_memory_globals_and_frames() -> Result<()> {
    let engine = engine()?;
    let module = Module::new(&engine, MODULE)?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let func = instance.get_typed_func::<(i32, i32), i32>(&mut store, "trap_inlined")?;
    let error = func.call(&mut store, (234, 0)).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::IntegerDivisionByZero));
    assert!(error.is::<WasmBacktrace>());
    let dump = error.downcast_ref::<WasmCoreDump>().context("no dump")?;
    assert_eq!(dump.instances(), [instance]);
    assert!(Module::same(&dump.modules()[0], &module));
    let memory = instance.get_memory(&mut store, "memory").unwrap();
    assert_eq!(dump.memories(), [memory]);
    let mark = instance.get_global(&mut store, "mark").context("a global")?;
    assert!(dump.globals().contains(&mark));
    assert!(dump.to_string().contains("!divide"), "{dump}");

    let read = read(&dump.serialize(&mut store, "the program"));
    assert_eq!(read.name, "the program");
    assert_eq!(read.modules, [module.name().unwrap_or("<anonymous-module-0>")]);
    assert_eq!(read.memories, [memory.data(&store)]);
    let mark = address(&mut store, instance, "mark");
    assert_eq!(&read.memories[0][mark..mark + 14], b"core dump mark");
    // Written by the call that trapped.
    let cell = address(&mut store, instance, "cells") + 4;
    assert_eq!(read.memories[0][cell..cell + 4], 1234_i32.to_le_bytes());
    let frame = &dump.frames()[0];
    let offset = frame.func_offset().unwrap() as u32;
    assert_eq!(read.frames, [(0, frame.func_index(), offset)]);
    assert_eq!(read.instances.len(), 1);
    assert_eq!(read.instances[0].1, [0]);
    assert!(read.globals.contains(&(mark as i64)));
    Ok(())
}

#[test]
fn shared_things_are_dumped_once() -> Result<()> {
    let engine = engine()?;
    let exporter = Module::new(
        &engine,
        r#"(module $exporter (memory (export "m") i64 1) (data (i64.const 70) "abc")
            (global (export "g") (mut f64) (f64.const -2)) (global funcref (ref.null func)))"#,
    )?;
    let importer = Module::new(
        &engine,
        r#"(module $importer (import "" "m" (memory i64 1)) (import "" "g" (global (mut f64)))
            (memory 0) (func (export "stop") unreachable))"#,
    )?;
    let mut store = Store::new(&engine, ());
    let first = Instance::new(&mut store, &exporter, &[])?;
    let memory = first.get_export(&mut store, "m").unwrap();
    let global = first.get_export(&mut store, "g").unwrap();
    let imports = [memory, global];
    let second = Instance::new(&mut store, &importer, &imports)?;
    let third = Instance::new(&mut store, &importer, &imports)?;
    let stop = second.get_typed_func::<(), ()>(&mut store, "stop")?;
    let error = stop.call(&mut store, ()).unwrap_err();
    let dump = error.downcast_ref::<WasmCoreDump>().context("no dump")?;
    assert_eq!(dump.instances(), [first, second, third]);
    let dumped = read(&dump.serialize(&mut store, ""));
    assert_eq!(dumped.modules, ["exporter", "importer"]);
    assert_eq!(dumped.memories.len(), 3);
    assert_eq!(&dumped.memories[0][70..73], b"abc");
    assert_eq!(dumped.globals, [(-2.0_f64).to_bits() as i64, 0]);
    let expected = [(0, vec![0], vec![0, 1]), (1, vec![0, 1], vec![0]), (1, vec![0, 2], vec![0])];
    assert_eq!(dumped.instances, expected);

    // What has been closed since is empty, and a store's own: another store has nothing of it.
    second.close(&mut store)?;
    let later = read(&dump.serialize(&mut store, ""));
    assert_eq!(later.instances, expected);
    assert_eq!(later.memories[0], dumped.memories[0]);
    Ok(())
}

#[test]
fn a_start_function_that_traps_leaves_a_dump() -> Result<()> {
    let engine = engine()?;
    let module = Module::new(
        &engine,
        r#"(module (memory 1) (func $start (i32.store8 (i32.const 5) (i32.const 7)) unreachable)
            (start $start))"#,
    )?;
    let mut store = Store::new(&engine, ());
    let error = Instance::new(&mut store, &module, &[]).unwrap_err();
    let dump = error.downcast_ref::<WasmCoreDump>().context("no dump")?;
    assert_eq!(dump.instances().len(), 1);
    // The instance is gone, and its memory with it; the frames are not.
    let read = read(&dump.serialize(&mut store, ""));
    assert_eq!(read.frames.len(), 1);
    assert_eq!(read.memories, [[0; 0]]);
    Ok(())
}

#[test]
fn host_errors_have_one_dump_however_deep() -> Result<()> {
    let engine = engine()?;
    let module = Module::new(
        &engine,
        r#"(module (import "" "host" (func $host)) (func (export "run") call $host))"#,
    )?;
    let mut store = Store::new(&engine, ());
    let fail = Func::wrap(&mut store, || -> Result<()> { bail!("the host's own") });
    let inner = Instance::new(&mut store, &module, &[fail.into()])?;
    let run = inner.get_typed_func::<(), ()>(&mut store, "run")?;
    let again = Func::wrap(&mut store, move |mut caller: Caller<'_, ()>| run.call(&mut caller, ()));
    let outer = Instance::new(&mut store, &module, &[again.into()])?;
    let run = outer.get_typed_func::<(), ()>(&mut store, "run")?;
    let error = run.call(&mut store, ()).unwrap_err();
    assert_eq!(error.root_cause().to_string(), "the host's own");
    let dumps = error.chain().filter(|link| link.to_string().starts_with("wasm core dump"));
    assert_eq!(dumps.count(), 1);
    Ok(())
}

#[test]
fn instances_that_come_and_go_are_not_kept() -> Result<()> {
    let engine = engine()?;
    let module = Module::new(&engine, r#"(module (func (export "stop") unreachable))"#)?;
    let mut store = Store::new(&engine, ());
    for _ in 0..1000 {
        Instance::new(&mut store, &module, &[])?.close(&mut store)?;
    }
    let last = Instance::new(&mut store, &module, &[])?;
    let stop = last.get_typed_func::<(), ()>(&mut store, "stop")?;
    let error = stop.call(&mut store, ()).unwrap_err();
    assert_eq!(error.downcast_ref::<WasmCoreDump>().unwrap().instances(), [last]);
    Ok(())
}

#[test]
#[should_panic(expected = "another store")]
fn a_dump_of_another_store_is_refused() {
    let engine = engine().unwrap();
    let text = r#"(module (memory 1) (func (export "stop") unreachable))"#;
    let module = Module::new(&engine, text).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let stop = instance.get_typed_func::<(), ()>(&mut store, "stop").unwrap();
    let error = stop.call(&mut store, ()).unwrap_err();
    let dump = error.downcast_ref::<WasmCoreDump>().unwrap();
    dump.serialize(Store::new(&engine, ()), "");
}

#[test]
fn without_being_asked_there_is_none() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(&engine, r#"(module (func (export "stop") unreachable))"#)?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let stop = instance.get_typed_func::<(), ()>(&mut store, "stop")?;
    assert!(!stop.call(&mut store, ()).unwrap_err().is::<WasmCoreDump>());
    Ok(())
}
