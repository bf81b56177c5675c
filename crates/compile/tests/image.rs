//! What `compile` promises of an image, seen from outside: nothing is run here.
//!
//! Not under Miri: it compiles throughout, which takes minutes there.
#![cfg(not(miri))]

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use brolga_abi::{
    Builtin, CodeImage, CodeRange, CompileOptions, MemoryOptions, OptLevel, TrapCode,
};
use brolga_compile::{
    CompileError, CompileObserver, Target, compile, function_asm, function_ir, host_thunk_image,
};
use brolga_module::{
    DefinedFuncIndex, Features, FuncIndex, FuncType, ModuleError, ParsedModule, Place, TableIndex,
    TypeIndex, ValType,
};

fn parse(wat: &str) -> ParsedModule {
    // Not the whole error: it repeats the text.
    decode(wat::parse_str(wat).unwrap_or_else(|error| panic!("{error:.1000}")))
}

fn decode(bytes: Vec<u8>) -> ParsedModule {
    ParsedModule::decode(bytes.into(), Features::default()).unwrap()
}

/// Checked by Cranelift's verifier.
fn options() -> CompileOptions {
    CompileOptions { verify_ir: true, ..CompileOptions::default() }
}

fn without_signals() -> CompileOptions {
    let memory = MemoryOptions { signals: false, ..MemoryOptions::default() };
    CompileOptions { memory, ..options() }
}

fn image(wat: &str) -> CodeImage {
    compile(&parse(wat), &Target::host().unwrap(), &options(), 1, &()).unwrap()
}

/// A module with `count` functions of very different sizes that call each other, hosts and tables.
fn varied_module(count: usize) -> String {
    let mut wat = String::from(
        "(module
            (type $t (func (param i32) (result i32)))
            (import \"host\" \"f\" (func $host (param i32 f64) (result i32)))
            (memory 1) (table 40 funcref) (table (export \"dynamic\") 4 funcref)
            (global $g (mut i32) (i32.const 0))",
    );
    for index in 0..count {
        wat.push_str(&format!("(func $f{index} (type $t) (local i64 f64)"));
        for step in 0..(index * index * 7) % 60 {
            wat.push_str(&format!(
                "(i32.store offset={step} (local.get 0) (call_indirect (type $t)
                    (i32.load (local.get 0)) (i32.const {step})))
                 (global.set $g (call $host (local.get 0) (f64.const {step})))
                 (local.set 0 (i32.div_s (local.get 0) (call $f{} (global.get $g))))",
                (index + step) % count,
            ));
        }
        wat.push_str("(memory.grow (local.get 0)))");
    }
    let elements: String = (0..count.min(40)).map(|index| format!(" $f{index}")).collect();
    wat.push_str(&format!("(elem (table 0) (i32.const 0) func{elements}))"));
    wat
}

fn end(range: CodeRange) -> u32 {
    range.start + range.len
}

/// All code of `image`, in the order of the image.
fn ranges(image: &CodeImage) -> Vec<CodeRange> {
    let entries = image.host_entries.iter().chain(&image.host_exits).map(|code| code.range);
    let builtins = image.builtin_thunks.iter().map(|(_, range)| *range);
    image.functions.iter().copied().chain(entries).chain(builtins).collect()
}

#[test]
fn threads_and_runs_do_not_change_the_image() {
    let module = parse(&varied_module(50));
    let target = Target::host().unwrap();
    for options in [options(), without_signals()] {
        let compile = |threads| compile(&module, &target, &options, threads, &()).unwrap();
        let image = compile(1);
        for threads in [0, 1, 2, 4, 16, 2] {
            assert!(compile(threads) == image, "{threads} threads");
        }
    }
}

#[test]
fn all_code_lies_apart_inside_the_text() {
    let image = image(&varied_module(40));
    let ranges = ranges(&image);
    assert_eq!(image.functions.len(), 40);
    for pair in ranges.windows(2) {
        assert!(end(pair[0]) <= pair[1].start, "{pair:?}");
    }
    assert!(ranges.iter().all(|range| range.len > 0));
    assert!(end(*ranges.last().unwrap()) <= image.text_bytes);
    assert!((image.text_bytes as usize).is_multiple_of(CodeImage::PAGE));
    for (position, range) in image.functions.iter().enumerate() {
        let func = Some(DefinedFuncIndex::from_usize(position));
        assert_eq!(image.function_at(range.start), func);
        assert_eq!(image.function_at(end(*range) - 1), func);
    }
}

#[test]
fn sites_are_sorted_and_inside_their_function() {
    let module = parse(&varied_module(40));
    let target = Target::host().unwrap();
    for options in [options(), without_signals()] {
        let image = compile(&module, &target, &options, 1, &()).unwrap();
        assert!(image.trap_sites.is_sorted_by(|a, b| a.code_offset < b.code_offset));
        assert!(image.call_sites.is_sorted_by(|a, b| a.code_offset < b.code_offset));
        assert!(!image.trap_sites.is_empty());
        assert!(!image.call_sites.is_empty());
        for site in &image.trap_sites {
            let func = image.function_at(site.code_offset).expect("a site in a function");
            assert!(module.bodies[func.as_usize()].contains(&(site.wasm_offset as usize)));
        }
        for site in &image.call_sites {
            let func = image.function_at(site.code_offset - 1).expect("a site in a function");
            assert!(module.bodies[func.as_usize()].contains(&(site.wasm_offset as usize)));
        }
    }
}

#[test]
fn a_site_names_its_operator() {
    let module = parse(
        "(module (import \"\" \"\" (func)) (memory 1)
            (func (param i32) (result i32) nop nop (call 0) (i32.load (local.get 0))))",
    );
    let image = compile(&module, &Target::host().unwrap(), &options(), 1, &()).unwrap();
    let operator = |offset: u32| module.bytes[offset as usize];
    assert_eq!(image.call_sites.len(), 1);
    assert_eq!(operator(image.call_sites[0].wasm_offset), 0x10);
    let [site] = image.trap_sites[..] else { panic!("{:?}", image.trap_sites) };
    assert_eq!(operator(site.wasm_offset), 0x28);
    assert_eq!(site.trap, TrapCode::MemoryOutOfBounds);
    assert_eq!(image.trap_site(site.code_offset), Some(&site));
}

#[test]
fn only_what_is_needed_has_a_thunk() {
    let empty = image("(module (func) (func (param i32)))");
    assert_eq!((empty.host_entries.len(), empty.host_exits.len()), (0, 0));
    assert_eq!(empty.builtin_thunks, []);

    let image = image(
        "(module
            (type $a (func)) (type $b (func (param i32))) (type $c (func (result i64)))
            (type $b2 (func (param i32))) (type $d (func (param f32)))
            (import \"\" \"\" (func (type $c)))
            (table (export \"t\") 1 funcref)
            (func $start (type $a) (call_indirect (type $b2) (i32.const 1) (i32.const 0)))
            (func (export \"e\") (type $b2))
            (func (type $d) (data.drop 0))
            (start $start)
            (data \"\"))",
    );
    let types =
        |codes: &[brolga_abi::TypedCode]| codes.iter().map(|it| it.ty.0).collect::<Vec<_>>();
    assert_eq!(types(&image.host_entries), [0, 1]);
    assert_eq!(types(&image.host_exits), [1, 2]);
    assert!(image.host_entry(TypeIndex(1)).is_some());
    assert!(image.host_exit(TypeIndex(0)).is_none());
    let builtins: Vec<_> = image.builtin_thunks.iter().map(|(builtin, _)| *builtin).collect();
    assert!(builtins.contains(&Builtin::data_drop));
    assert!(builtins.is_sorted());
    assert!(!builtins.contains(&Builtin::memory_grow));
}

#[test]
fn a_static_table_is_part_of_the_image() {
    let image = image(
        "(module (table 3 funcref) (func $a) (func $b (param i32)) (elem (i32.const 1) $b $a))",
    );
    let table = image.static_table(TableIndex(0)).unwrap();
    let (a, b) = (Some(DefinedFuncIndex(0)), Some(DefinedFuncIndex(1)));
    assert_eq!(table.functions, [None, b, a]);
    assert_eq!(table.start, image.text_bytes);
    assert_eq!(image.code.len(), table.start as usize + 3 * 8);
    let word = |at: usize| u32::from_ne_bytes(image.code[at..at + 4].try_into().unwrap());
    for (position, function) in table.functions.iter().enumerate() {
        let at = table.start as usize + position * 8;
        let ty = function.map_or(u32::MAX, |it| it.0);
        assert_eq!(word(at + 4), ty);
        if let Some(function) = function {
            let code = table.start.wrapping_add(word(at));
            assert_eq!(code, image.functions[function.as_usize()].start);
        }
    }
}

#[test]
fn the_first_invalid_function_is_reported_whoever_finds_it() {
    // The later a function, the larger it is, and the larger ones are compiled first.
    let mut wat = String::from("(module (import \"\" \"\" (func))");
    for index in 0..60 {
        let body = if index >= 20 && index % 5 == 0 { "i32.const 0" } else { "" };
        wat.push_str(&format!("(func {} {body})", "nop ".repeat(index * 40)));
    }
    wat.push(')');
    let module = parse(&wat);
    let target = Target::host().unwrap();
    for threads in [1, 2, 4, 16, 16, 16] {
        let error = compile(&module, &target, &options(), threads, &()).unwrap_err();
        let CompileError::Module(ModuleError::Invalid { place, offset, .. }) = error else {
            panic!("{error:?}");
        };
        assert_eq!(place, Place::Function(FuncIndex(21)));
        assert!(module.bodies[20].contains(&(offset as usize)));
    }
}

#[test]
fn a_malformed_body_is_an_error_with_its_place() {
    let mut bytes = wat::parse_str("(module (func) (func unreachable))").unwrap();
    let unreachable = bytes.len() - 2;
    bytes[unreachable] = 0xff;
    let error = compile(&decode(bytes), &Target::host().unwrap(), &options(), 1, &()).unwrap_err();
    let CompileError::Module(error) = error else { panic!("{error:?}") };
    assert_eq!(error.offset(), unreachable as u64);
    assert!(error.to_string().contains("function 1"), "{error}");
}

/// Cancels after some functions; counts what it is told.
struct Cancelling {
    after: usize,
    done: AtomicUsize,
    started: Mutex<Vec<(usize, usize)>>,
    bytes: AtomicUsize,
}

impl Cancelling {
    fn after(after: usize) -> Self {
        let (done, bytes) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { after, done, bytes, started: Mutex::new(Vec::new()) }
    }
}

impl CompileObserver for Cancelling {
    fn started(&self, functions: usize, bytes: usize) {
        self.started.lock().unwrap().push((functions, bytes));
    }

    fn function_done(&self, _func: DefinedFuncIndex, body_bytes: usize) {
        self.done.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(body_bytes, Ordering::Relaxed);
    }

    fn cancelled(&self) -> bool {
        self.done.load(Ordering::Relaxed) >= self.after
    }
}

#[test]
fn an_observer_sees_progress_and_can_cancel() {
    let module = parse(&varied_module(30));
    let bytes: usize = module.bodies.iter().map(|body| body.len()).sum();
    let target = Target::host().unwrap();
    for threads in [1, 2, 4] {
        let all = Cancelling::after(usize::MAX);
        compile(&module, &target, &options(), threads, &all).unwrap();
        assert_eq!(*all.started.lock().unwrap(), [(30, bytes)]);
        assert_eq!(all.done.into_inner(), 30);
        assert_eq!(all.bytes.into_inner(), bytes);
        for after in [0, 1, 10] {
            let some = Cancelling::after(after);
            let error = compile(&module, &target, &options(), threads, &some).unwrap_err();
            assert_eq!(error, CompileError::Cancelled);
            let done = some.done.into_inner();
            assert!((after..after + threads).contains(&done), "{done} functions after {after}");
        }
    }
}

#[test]
fn a_host_thunk_image_has_one_exit() {
    let target = Target::host().unwrap();
    let all = [ValType::I32, ValType::V128, ValType::F32, ValType::FUNCREF, ValType::EXTERNREF];
    for ty in [
        FuncType::default(),
        FuncType::new(all, all),
        FuncType::new([ValType::I64; 1000], [ValType::V128; 1000]),
    ] {
        let image = host_thunk_image(&ty, &target, &options()).unwrap();
        let range = image.host_exit(TypeIndex(0)).unwrap();
        assert_eq!(ranges(&image), [range]);
        assert!(range.len > 0);
        assert_eq!(image, host_thunk_image(&ty, &target, &options()).unwrap());
    }
}

#[test]
fn the_image_says_what_it_was_made_for() {
    let module = parse("(module)");
    let target = Target::host().unwrap();
    let image = compile(&module, &target, &options(), 1, &()).unwrap();
    assert_eq!(image.target, target.triple().to_string());
    assert_eq!(image.cpu_features, target.cpu_features());
    assert_eq!(image.options_fingerprint, options().fingerprint());
    assert_eq!(image.code, []);
}

#[test]
fn a_function_can_be_read_as_ir_and_as_machine_code() {
    let module =
        parse("(module (func (param i32) (result i32) (i32.mul (local.get 0) (i32.const 5))))");
    let target = Target::host().unwrap();
    let ir = function_ir(&module, &target, &options(), DefinedFuncIndex(0)).unwrap();
    assert!(ir.contains("imul"), "{ir}");
    let asm = function_asm(&module, &target, &options(), DefinedFuncIndex(0)).unwrap();
    assert!(asm.lines().any(|line| line.contains("ret")), "{asm}");
}

/// The host, and every architecture that this build has a code generator for.
fn targets() -> Vec<Target> {
    let mut targets = vec![Target::host().unwrap()];
    if cfg!(feature = "all-arch") {
        for architecture in ["x86_64", "aarch64", "riscv64gc", "s390x"] {
            let triple = format!("{architecture}-unknown-linux-gnu").parse().unwrap();
            targets.push(Target::new(triple).unwrap());
        }
    }
    targets
}

#[test]
fn every_target_gives_an_image_of_its_own() {
    let module = parse(&varied_module(20));
    for target in targets() {
        let image = compile(&module, &target, &options(), 1, &()).unwrap();
        assert_eq!(image.target, target.triple().to_string());
        assert_eq!(image.functions.len(), 20);
        assert!(image == compile(&module, &target, &options(), 2, &()).unwrap());
    }
}

#[test]
fn every_option_gives_an_image() {
    let module = parse(&varied_module(20));
    let target = Target::host().unwrap();
    for opt_level in [OptLevel::None, OptLevel::Speed, OptLevel::SpeedAndSize] {
        for base in [options(), without_signals()] {
            for on in [false, true] {
                let options = CompileOptions {
                    opt_level,
                    spectre_mitigation: on,
                    canonicalize_nans: on,
                    ..base
                };
                compile(&module, &target, &options, 2, &()).unwrap();
            }
        }
    }
}

#[test]
fn many_params_and_results_have_room() {
    let (params, results) =
        ("i32 i64 f32 f64 v128 ".repeat(200), "v128 f64 f32 i64 i32 ".repeat(200));
    let wat = format!(
        "(module
            (type $t (func (param {params}) (result {results})))
            (import \"\" \"\" (func $imported (type $t)))
            (table (export \"t\") 1 funcref)
            (func $self (export \"f\") (type $t)
                {all} (call $imported)
                {drops}
                {all} (call_indirect (type $t) (i32.const 0))
                {drops}
                {all} (return_call $self)))",
        all = (0..1000).map(|index| format!("(local.get {index})")).collect::<String>(),
        drops = "(drop)".repeat(1000),
    );
    let module = parse(&wat);
    for target in targets() {
        for options in [options(), without_signals()] {
            let image = compile(&module, &target, &options, 1, &()).unwrap();
            assert_eq!(image.host_entries.len(), 1);
            assert_eq!(image.host_exits.len(), 1);
        }
    }
}

/// Compiles on a thread with so little stack that recursion in proportion to the input shows.
fn compile_with_little_stack(wat: String) -> Result<CodeImage, CompileError> {
    let module = parse(&wat);
    let work =
        move || compile(&module, &Target::host().unwrap(), &CompileOptions::default(), 1, &());
    std::thread::Builder::new().stack_size(256 << 10).spawn(work).unwrap().join().unwrap()
}

#[test]
fn deep_nesting_does_not_use_up_the_stack() {
    const DEPTH: usize = 10_000;
    let nested = |open: &str, close: &str| {
        format!("(module (func (param i32) {} {}))", open.repeat(DEPTH), close.repeat(DEPTH))
    };
    compile_with_little_stack(nested("block ", "end ")).unwrap();
    compile_with_little_stack(nested("loop ", "end ")).unwrap();
    compile_with_little_stack(nested("local.get 0 if ", "end ")).unwrap();
    compile_with_little_stack(nested("block local.get 0 br_if 0 ", "end ")).unwrap();
}

#[test]
fn deep_expressions_do_not_use_up_the_stack() {
    const DEPTH: usize = 20_000;
    for operator in ["i32.add ", "i32.sub ", "i32.and ", "i32.div_u ", "i32.eqz i32.add "] {
        let wat = format!(
            "(module (func (param i32) (result i32) {} {}))",
            "local.get 0 ".repeat(DEPTH + 1),
            operator.repeat(DEPTH),
        );
        compile_with_little_stack(wat).unwrap();
        let chain = format!("local.get 0 {operator}").repeat(DEPTH);
        let wat = format!("(module (func (param i32) (result i32) local.get 0 {chain}))");
        compile_with_little_stack(wat).unwrap();
    }
}
