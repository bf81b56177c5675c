//! Tests of translation as a whole: control in all its forms, code that can't be reached, and
//! bodies that are large in one direction. What single operators become is in the goldens.

use std::time::{Duration, Instant};

use brolga_abi::{Builtin, CompileOptions, ContextLayout, MemoryOptions, OptLevel};
use brolga_module::{DefinedFuncIndex, Features, ParsedModule, TypeIndex};
use cranelift_codegen::ir::Function;
use cranelift_codegen::verify_function;

use super::{FuncWorker, TranslatedFunction, translate_function};
use crate::analysis::ModuleFacts;
use crate::error::CompileError;
use crate::func_env::ModuleEnv;
use crate::target::Target;
use crate::workers::Workers;

/// The options under which everything must translate.
fn all_options() -> Vec<CompileOptions> {
    let usual = CompileOptions { opt_level: OptLevel::None, ..CompileOptions::default() };
    let memory = MemoryOptions { signals: false, ..usual.memory };
    let moving = MemoryOptions { reservation_bytes: 1 << 20, guard_bytes: 1 << 16, ..usual.memory };
    vec![
        usual,
        CompileOptions { memory, ..usual },
        CompileOptions { memory: moving, ..usual },
        CompileOptions { memory, spectre_mitigation: false, ..usual },
        CompileOptions { consume_fuel: true, epoch_interruption: true, ..usual },
        CompileOptions { memory, consume_fuel: true, epoch_interruption: true, ..usual },
    ]
}

fn decode(bytes: Vec<u8>) -> ParsedModule {
    ParsedModule::decode(bytes.into(), Features::default()).expect("a well-formed module")
}

fn parse(wat: &str) -> ParsedModule {
    decode(wat::parse_str(wat).unwrap_or_else(|error| panic!("{error}\n{wat}")))
}

/// Translates all functions of `module` and gives each to `then`.
fn translate_each(
    module: &ParsedModule,
    options: &CompileOptions,
    then: impl FnMut(&Function, TranslatedFunction),
) -> Result<(), CompileError> {
    translate_each_for(&Target::host()?, module, options, then)
}

/// [`translate_each`] for another processor than this one.
fn translate_each_for(
    target: &Target,
    module: &ParsedModule,
    options: &CompileOptions,
    mut then: impl FnMut(&Function, TranslatedFunction),
) -> Result<(), CompileError> {
    let isa = target.isa(options)?;
    let layout = ContextLayout::new(module);
    let facts = ModuleFacts::new(module, &Workers::Caller);
    let env = ModuleEnv { module, layout: &layout, options, facts: &facts, isa: &*isa };
    let mut worker = FuncWorker::default();
    let mut into = Function::new();
    for position in 0..module.bodies.len() {
        let func = DefinedFuncIndex::from_usize(position);
        let translated = translate_function(&env, func, &mut worker, &mut into)?;
        if let Err(errors) = verify_function(&into, &*isa) {
            panic!("{errors}\n{}", into.display());
        }
        then(&into, translated);
    }
    Ok(())
}

/// The IR of the only function of `wat`, translated as usual.
fn ir(wat: &str) -> String {
    let mut text = String::new();
    let options = CompileOptions::default();
    translate_each(&parse(wat), &options, |func, _| text += &func.display().to_string()).unwrap();
    text
}

/// How often `what` stands in `text`.
fn count(text: &str, what: &str) -> usize {
    text.matches(what).count()
}

/// Function bodies by family, in a module that has something of everything.
const BODIES: &[&str] = &[
    // Blocks
    "nop",
    "block end",
    "block br 0 end",
    "block block br 1 end end",
    "block (result i32) i32.const 1 end drop",
    "block (result i32) i32.const 1 br 0 end drop",
    "i32.const 1 i64.const 2 block (param i32 i64) (result i64 i32) drop drop i64.const 3 i32.const 4 end drop drop",
    "i32.const 1 block (param i32) (result i32 i32) i32.const 2 local.get 0 br_if 0 end drop drop",
    "block (result i32) i32.const 1 local.get 0 br_if 0 end drop",
    "block (result v128) v128.const i32x4 1 2 3 4 v128.const i32x4 1 2 3 4 f32x4.add local.get 0 br_if 0 end drop",
    // Conditions that stay as they are
    "block local.get 0 i32.eqz br_if 0 end",
    "local.get 0 i32.const 3 i32.lt_u local.set 0",
    "block (result i32) local.get 0 i32.eqz local.get 0 br_if 0 end drop",
    "local.get 0 i32.eqz drop",
    "local.get 0 i32.eqz global.set $g",
    "local.get 0 i32.eqz local.get 0 local.get 0 i32.eqz select local.set 0",
    "local.get 0 i32.eqz call $takes",
    "i32.const 8 local.get 0 i32.eqz i32.store",
    // Loops
    "loop end",
    "loop br 0 end",
    "loop local.get 0 br_if 0 end",
    "i32.const 3 loop (param i32) (result i32) i32.const 1 i32.sub local.tee 0 local.get 0 br_if 0 end drop",
    "loop loop loop local.get 0 br_if 1 local.get 0 br_if 2 local.get 0 br_table 0 1 2 3 end end end",
    // Ifs
    "local.get 0 if end",
    "local.get 0 if else end",
    "local.get 0 if nop else nop end",
    "local.get 0 if br 0 end",
    "local.get 0 if local.get 0 br_if 0 unreachable end",
    "local.get 0 if unreachable end",
    "local.get 0 if (result i32) i32.const 1 else i32.const 2 end drop",
    "local.get 0 if (result i32) i32.const 1 br 0 else i32.const 2 br 0 end drop",
    "local.get 0 if (result i32) unreachable else i32.const 2 end drop",
    "local.get 0 if (result i32) i32.const 1 else unreachable end drop",
    "local.get 0 if (result i32) unreachable else unreachable end drop",
    "i32.const 7 local.get 0 if (param i32) (result i32) end drop",
    "i32.const 7 local.get 0 if (param i32) (result i32) drop i32.const 8 end drop",
    "i32.const 7 local.get 0 if (param i32) (result i32) unreachable end drop",
    "i32.const 7 local.get 0 if (param i32) (result i32) br 0 end drop",
    "i32.const 7 local.get 0 if (param i32) (result i32) i32.eqz else i32.const 1 i32.add end drop",
    "i32.const 7 local.get 0 if (param i32) drop br 0 else drop end",
    "local.get 0 if local.get 0 if br 1 end end",
    "local.get 0 if local.get 0 if else br 1 end else br 0 end",
    // Returns
    "return",
    "br 0",
    "local.get 0 br_if 0",
    "local.get 0 if return end",
    "block return end",
    // Tables of branches
    "local.get 0 br_table 0",
    "block block local.get 0 br_table 0 1 2 0 1 end end",
    "block (result i32) i32.const 1 local.get 0 br_table 0 0 end drop",
    "block (result v128) v128.const i32x4 1 2 3 4 i32x4.abs block (param v128) (result v128) local.get 0 br_table 0 1 0 1 end end drop",
    "loop (result i32) i32.const 1 block (param i32) local.get 0 br_table 0 0 end br 0 end drop",
    // Code that can't be reached
    "unreachable",
    "unreachable i32.add drop",
    "unreachable select drop",
    "unreachable block br 0 end",
    "unreachable if else end",
    "unreachable if (result i32) i32.const 1 else i32.const 2 end drop",
    "unreachable loop br 0 end",
    "unreachable block block local.get 0 br_table 0 1 end end",
    "unreachable call_indirect (param i64) (result f32) drop",
    "block unreachable end nop",
    "block br 0 block br 0 end unreachable end nop",
    "loop unreachable end",
    "block loop br 1 end end",
    "block loop br 0 end end local.get 0 drop",
    "return block i32.const 0 if loop end else end end unreachable",
    "br 0 local.get 0 local.set 0",
    "block (result i32) unreachable end drop",
    "block (result i32) i32.const 1 br 0 i64.const 2 drop end drop",
    "i32.const 1 br 0",
    "i32.const 0 br_table 0 i32.const 1 drop",
    // Parametric
    "i64.const 1 i64.const 2 local.get 0 select drop",
    "ref.null extern ref.null extern local.get 0 select (result externref) drop",
    "v128.const i32x4 1 2 3 4 i32x4.abs v128.const i32x4 1 2 3 4 local.get 0 select drop",
    // Locals: 0 is the parameter, 1 to 6 are i32 i64 f32 f64 v128 funcref, read before written
    "local.get 1 drop local.get 2 drop local.get 3 drop local.get 4 drop local.get 5 drop local.get 6 drop",
    "loop local.get 1 local.set 0 local.get 0 local.set 1 local.get 0 br_if 0 end",
    "local.get 5 i8x16.popcnt i32x4.neg local.tee 5 i64x2.neg local.set 5",
    // Globals
    "global.get $g global.set $g global.get $gv global.set $gv global.get $gi drop global.get $gc drop",
    "global.get $gf global.set $gf global.get $ge global.set $ge",
    "f32.const 1 f32x4.splat global.set $gv",
    // References
    "ref.null func ref.is_null drop ref.null extern ref.is_null drop",
    "ref.func $f drop ref.func $host drop",
    // Calls
    "call $f call $host call $results drop drop drop",
    "local.get 0 call $takes return_call $f",
    "return_call $host",
    "local.get 0 local.get 0 call_indirect $static (param i32)",
    "local.get 0 call_indirect $static (result i32 i64 v128) drop drop drop",
    "local.get 0 call_indirect $static (param)",
    "local.get 0 call_indirect $dynamic (result i32 i64 v128) drop drop drop",
    "local.get 0 call_indirect $fixed (param)",
    "i64.const 0 call_indirect $t64 (param)",
    "local.get 0 return_call_indirect $static",
    "local.get 0 return_call_indirect $dynamic",
    "local.get 0 i32.eqz local.get 0 return_call_indirect $static (param i32)",
    // Tables
    "local.get 0 table.get $static drop local.get 0 table.get $dynamic drop local.get 0 table.get $extern drop",
    "local.get 0 ref.null extern table.set $extern local.get 0 ref.func $f table.set $dynamic",
    "table.size $static drop table.size $dynamic drop table.size $t64 drop table.size $fixed drop",
    "ref.null func local.get 0 table.grow $dynamic drop ref.null extern local.get 0 table.grow $extern drop",
    "ref.null func i64.const 1 table.grow $t64 drop",
    "local.get 0 ref.null func local.get 0 table.fill $dynamic local.get 0 ref.null extern local.get 0 table.fill $extern",
    "local.get 0 local.get 0 local.get 0 table.copy $dynamic $static",
    "i64.const 0 local.get 0 local.get 0 table.copy $t64 $dynamic",
    "local.get 0 local.get 0 local.get 0 table.init $dynamic $e elem.drop $e",
    // Memories
    "memory.size drop local.get 0 memory.grow drop",
    "memory.size $m64 drop i64.const 1 memory.grow $m64 drop memory.size $small drop",
    "local.get 0 i32.load offset=4294967295 drop local.get 0 v128.load offset=2147483648 drop",
    "i64.const -1 i64.load $m64 offset=0xffffffffffffffff drop",
    "i64.const -1 i64.load8_u $m64 offset=0xfffffffffffffffe drop",
    "local.get 0 f32.const 1 f32.store $small offset=7",
    "i32.const 16 i32.load drop i32.const -1 i32.load drop i32.const -1 i32.load8_u offset=65536 drop",
    "local.get 0 local.get 0 local.get 0 memory.fill local.get 0 local.get 0 local.get 0 memory.copy",
    "local.get 0 i32.const 300 i32.const 0 memory.fill local.get 0 i32.const 0 i32.const 1 memory.fill",
    "local.get 0 local.get 0 i32.const 13 memory.fill local.get 0 local.get 0 i32.const 63 memory.fill",
    "local.get 0 local.get 0 i32.const 64 memory.copy local.get 0 local.get 0 i32.const 3 memory.copy",
    "i64.const 0 local.get 0 i32.const 9 memory.copy $m64 0",
    "local.get 0 local.get 0 local.get 0 memory.init $d data.drop $d",
    "i64.const 0 local.get 0 local.get 0 memory.init $m64 $d",
];

/// A module with `body` as a function.
fn module_with(body: &str) -> String {
    format!(
        "(module
            (type $nothing (func)) (type $other (func))
            (import \"\" \"host\" (func $host))
            (import \"\" \"g\" (global $gi i64))
            (global $g (mut i32) (i32.const 1)) (global $gc f64 (f64.const 1))
            (global $gv (mut v128) (v128.const i64x2 0 0))
            (global $gf (mut funcref) (ref.null func)) (global $ge (mut externref) (ref.null extern))
            (memory 1) (memory $m64 i64 1) (memory $small 9 9 (pagesize 1))
            (table $static 9 funcref) (table $dynamic (export \"t\") 9 funcref)
            (table $extern 9 externref) (table $t64 i64 9 funcref)
            (table $fixed (export \"u\") 9 9 funcref)
            (elem (table $static) (i32.const 1) func $f $takes $f)
            (elem $e func $f) (data $d \"brolga\")
            (export \"f\" (func $f)) (elem declare func $host)
            (func $f)
            (func $takes (param i32))
            (func $results (result i32 i64 v128) i32.const 1 i64.const 2 v128.const i64x2 3 4)
            (func (param i32) (local i32 i64 f32 f64 v128 funcref) {body}))"
    )
}

#[test]
#[cfg_attr(miri, ignore = "runs Cranelift, which takes minutes")]
fn every_shape_of_code_gives_ir_that_verifies() {
    let mut failures = String::new();
    for body in BODIES {
        let module = parse(&module_with(body));
        for options in all_options() {
            if let Err(error) = translate_each(&module, &options, |_, _| ()) {
                failures += &format!("{body}: {error}\n");
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
#[cfg_attr(miri, ignore = "runs Cranelift, which takes minutes")]
fn every_shape_of_code_compiles() {
    let functions: String = BODIES
        .iter()
        .map(|body| format!("(func (param i32) (local i32 i64 f32 f64 v128 funcref) {body})"))
        .collect();
    let module = module_with("");
    let module = parse(&format!("{}{functions})", module.strip_suffix(')').unwrap()));
    for options in all_options() {
        for opt_level in [OptLevel::None, OptLevel::Speed] {
            let options = CompileOptions { opt_level, verify_ir: true, ..options };
            crate::compile(&module, &Target::host().unwrap(), &options, 1, &()).unwrap();
        }
    }
}

#[test]
fn a_block_that_nothing_branches_to_is_none() {
    let text = ir(
        "(module (func (result i32) block block (result i32) i32.const 1 end return end i32.const 2))",
    );
    assert_eq!(count(&text, "\nblock"), 1, "{text}");
}

#[test]
fn an_if_without_else_is_three_blocks() {
    let text = ir("(module (func (param i32) local.get 0 if nop end))");
    assert_eq!(count(&text, "\nblock"), 3, "{text}");
}

#[test]
fn code_that_cannot_be_reached_gives_no_ir() {
    let text = ir("(module (memory 1) (func
        return block loop i32.const 0 i32.load drop br 0 end end i32.const 0 if end))");
    assert_eq!(count(&text, "\nblock"), 1, "{text}");
    assert_eq!(count(&text, "load"), 0, "{text}");
}

#[test]
fn code_that_cannot_be_reached_is_validated() {
    let module = parse("(module (func unreachable i32.const 0 drop))");
    let mut bytes = module.bytes.to_vec();
    // The last operators are `drop` and `end`: two pops where one value is.
    let drop = bytes.len() - 2;
    assert_eq!(bytes[drop], 0x1a);
    bytes[drop - 2..=drop].copy_from_slice(&[0x41, 0x00, 0x45]);
    let module = decode(bytes);
    let result = translate_each(&module, &CompileOptions::default(), |_, _| ());
    assert!(matches!(result, Err(CompileError::Module(_))), "{result:?}");
}

#[test]
fn a_worker_goes_on_after_an_invalid_body() {
    let broken = "(module (func (param i32) local.get 0 if local.get 0 br_if 0 drop end))";
    let broken = decode(wat::parse_str(broken).unwrap());
    let right = parse("(module (func (param i32) (result i32) local.get 0))");
    let options = CompileOptions::default();
    let isa = Target::host().unwrap().isa(&options).unwrap();
    let mut worker = FuncWorker::default();
    let mut into = Function::new();
    for (module, expected) in [(&broken, false), (&right, true), (&broken, false), (&right, true)] {
        let layout = ContextLayout::new(module);
        let facts = ModuleFacts::new(module, &Workers::Caller);
        let env =
            ModuleEnv { module, layout: &layout, options: &options, facts: &facts, isa: &*isa };
        let result = translate_function(&env, DefinedFuncIndex(0), &mut worker, &mut into);
        assert_eq!(result.is_ok(), expected);
    }
}

#[test]
fn a_function_tells_what_it_needs() {
    let module = parse(
        "(module
            (type (func (param i32))) (type (func)) (type (func))
            (table 3 funcref) (table $dynamic (export \"t\") 3 funcref)
            (elem (i32.const 0) func 0 0)
            (func
                i32.const 0 call_indirect (type 2)
                i32.const 0 call_indirect $dynamic (type 2)
                i32.const 0 call_indirect $dynamic (type 1)
                unreachable))",
    );
    let mut needs = Vec::new();
    translate_each(&module, &CompileOptions::default(), |_, translated| needs.push(translated))
        .unwrap();
    assert_eq!(needs[0].builtins, [Builtin::raise_trap]);
    assert_eq!(needs[0].indirect_types, [TypeIndex(1)]);
    assert_eq!(needs[0].static_tables.len(), 1);
}

/// A module of one function with `locals` (counts and types, encoded) and `code`, its `end` left
/// out.
fn one_function(locals: &[u8], code: &[u8]) -> ParsedModule {
    let mut body = locals.to_vec();
    body.extend_from_slice(code);
    body.push(0x0b);
    let mut bytes = b"\0asm\x01\0\0\0\x01\x05\x01\x60\x01\x7f\0\x03\x02\x01\0\x0a".to_vec();
    let mut section = vec![1];
    leb(&mut section, body.len() as u32);
    section.extend(body);
    leb(&mut bytes, section.len() as u32);
    bytes.extend(section);
    decode(bytes)
}

fn leb(bytes: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Runs `test` on a thread with a stack of `bytes` bytes.
fn on_stack(bytes: usize, test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(bytes).spawn(test).unwrap();
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

#[test]
#[cfg_attr(miri, ignore = "runs Cranelift, which takes minutes")]
fn a_million_nested_blocks_need_no_stack() {
    on_stack(512 << 10, || {
        let depth = 1_000_000;
        let mut code = Vec::new();
        for construct in [0x02, 0x03] {
            code.extend([construct, 0x40].repeat(depth));
            code.extend([0x0b].repeat(depth));
        }
        let module = one_function(&[0], &code);
        translate_each(&module, &CompileOptions::default(), |_, _| ()).unwrap();
    });
}

#[test]
#[cfg_attr(miri, ignore = "runs Cranelift, which takes minutes")]
fn a_million_nested_ifs_in_unreachable_code_need_no_stack() {
    on_stack(512 << 10, || {
        let depth = 1_000_000;
        let mut code = vec![0x00];
        code.extend([0x41, 0x00, 0x04, 0x40].repeat(depth));
        code.extend([0x05, 0x0b].repeat(depth));
        let module = one_function(&[0], &code);
        translate_each(&module, &CompileOptions::default(), |_, _| ()).unwrap();
    });
}

#[test]
#[cfg_attr(miri, ignore = "runs Cranelift, which takes minutes")]
fn a_table_of_a_hundred_thousand_branches_translates() {
    for distinct in [1_u32, 100, 3000] {
        let targets = 100_000;
        let mut code = [0x02, 0x40].repeat(distinct as usize);
        code.extend([0x20, 0x00, 0x0e]);
        leb(&mut code, targets);
        for target in 0..=targets {
            leb(&mut code, target % distinct);
        }
        // Each end changes a local, so that it differs by the way taken.
        code.extend([0x0b, 0x20, 0x00, 0x41, 0x01, 0x6a, 0x21, 0x00].repeat(distinct as usize));
        let module = one_function(&[0], &code);
        let started = Instant::now();
        translate_each(&module, &CompileOptions::default(), |_, _| ()).unwrap();
        assert!(started.elapsed() < Duration::from_secs(20), "{distinct}");
    }
}

#[test]
fn fifty_thousand_locals_that_are_not_used_give_no_ir() {
    let mut locals = vec![1];
    leb(&mut locals, 49_999);
    locals.push(0x7f);
    // local.get 49000, drop
    let mut code = vec![0x20];
    leb(&mut code, 49_000);
    code.push(0x1a);
    let module = one_function(&locals, &code);
    translate_each(&module, &CompileOptions::default(), |func, _| {
        assert!(func.dfg.num_values() < 10, "{}", func.display());
    })
    .unwrap();
}

#[test]
#[cfg_attr(miri, ignore = "runs Cranelift, which takes minutes")]
fn fifty_thousand_locals_in_use_take_linear_time() {
    let time = |count: u32| {
        let mut locals = vec![1];
        leb(&mut locals, count);
        locals.push(0x7f);
        let mut code = Vec::new();
        for local in 1..count {
            // local.set local (local.get local-1), within blocks that join
            code.extend([0x20, 0x00, 0x04, 0x40, 0x20]);
            leb(&mut code, local - 1);
            code.push(0x21);
            leb(&mut code, local);
            code.push(0x0b);
        }
        let module = one_function(&locals, &code);
        let started = Instant::now();
        let result = translate_each(&module, &CompileOptions::default(), |_, _| ());
        (started.elapsed(), result)
    };
    let (small, result) = time(2_000);
    assert_eq!(result, Ok(()));
    // Locals times blocks: what the frontend's tables would take is refused before it is taken.
    let (large, result) = time(49_999);
    assert!(matches!(result, Err(CompileError::FunctionTooLarge { .. })), "{result:?}");
    assert!(large < small * 200 + Duration::from_secs(5), "{small:?} {large:?}");
}

#[test]
#[cfg_attr(miri, ignore = "runs Cranelift, which takes minutes")]
fn what_a_few_bytes_ask_for_is_bounded() {
    // A type with a thousand parameters and results, and blocks of it, one in the other.
    let many = "i32 ".repeat(1000);
    let wat = format!("(module (type (func (param {many}) (result {many}))) (func (type 0)))");
    let module = parse(&wat);
    let mut bytes = module.bytes.to_vec();
    let body = module.bodies[0].clone();
    // The function has no code of its own: only its size, count of locals and `end` are there.
    assert_eq!(bytes.len(), body.end);
    bytes.truncate(body.start - 1);
    bytes.truncate(bytes.len() - 2);
    let mut code = vec![0];
    for local in 0..1000 {
        code.push(0x20);
        leb(&mut code, local);
    }
    let depth = 100_000;
    for _ in 0..depth {
        // if (type 0), on a condition
        code.extend([0x41, 0x01, 0x04, 0x00]);
    }
    code.extend([0x0b].repeat(depth + 1));
    let mut section = vec![1];
    leb(&mut section, code.len() as u32);
    section.extend(code);
    leb(&mut bytes, section.len() as u32);
    bytes.extend(section);
    let module = decode(bytes);
    let result = translate_each(&module, &CompileOptions::default(), |_, _| ());
    assert!(matches!(result, Err(CompileError::FunctionTooLarge { .. })), "{result:?}");
}

/// Processors that may write a part of what is stored before they fault are made to fault first,
/// where nothing but the fault keeps stores inside.
#[cfg(feature = "all-arch")]
#[test]
#[cfg_attr(miri, ignore = "runs Cranelift, which takes minutes")]
fn stores_that_may_tear_begin_with_a_load() {
    use cranelift_codegen::ir::InstructionData;

    let module = parse(
        r#"(module (memory 1)
            (func (param i32) (i32.store8 (local.get 0) (i32.const 1)))
            (func (param i32) (i32.store16 (local.get 0) (i32.const 1)))
            (func (param i32) (i64.store (local.get 0) (i64.const 1)))
            (func (param i32) (f32.store (local.get 0) (f32.const 1)))
            (func (param i32) (v128.store (local.get 0) (v128.const i64x2 1 2)))
            (func (param i32) (v128.store32_lane 1 (local.get 0) (v128.const i64x2 1 2)))
            (func (i64.store (i32.const 8) (i64.const 1))))"#,
    );
    let signals = CompileOptions::default();
    let checked = MemoryOptions { signals: false, ..signals.memory };
    let checked = CompileOptions { memory: checked, ..signals };
    for (triple, options, expected) in [
        ("aarch64-unknown-linux-gnu", signals, [0, 1, 1, 1, 1, 1, 0]),
        ("riscv64gc-unknown-linux-gnu", signals, [0, 1, 1, 1, 1, 1, 0]),
        ("aarch64-unknown-linux-gnu", checked, [0; 7]),
        ("x86_64-unknown-linux-gnu", signals, [0; 7]),
        ("s390x-unknown-linux-gnu", signals, [0; 7]),
    ] {
        let target = Target::new(triple.parse().expect("a triple")).expect("a supported target");
        let mut found = Vec::new();
        let count = |func: &Function, _| {
            let can_trap = |inst| match func.dfg.insts[inst] {
                InstructionData::Load { flags, .. } => !func.dfg.mem_flags[flags].notrap(),
                _ => false,
            };
            let insts = func.layout.blocks().flat_map(|block| func.layout.block_insts(block));
            found.push(insts.filter(|&inst| can_trap(inst)).count());
        };
        translate_each_for(&target, &module, &options, count).expect("valid functions");
        assert_eq!(found, expected, "{triple}");
    }
}
