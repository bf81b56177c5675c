//! Bodies of functions that are deep, wide or long.

use brolga::{Func, FuncType as HostType, Instance, Module as Compiled, OptLevel, Store, Val};
use wasm_encoder::{
    BlockType, CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    ImportSection, InstructionSink, Module, TypeSection, ValType,
};

use super::Expect::{Limit, Malformed, Overflows, Returns};
use super::{LEVELS, cases, engine, on_small_stack, run};

#[test]
fn nesting() {
    run(
        &LEVELS,
        cases! {
            "a million blocks" || nested(1_000_000, block) => Returns(7);
            // The code generator's work grows with the square of the depth of loops and ifs.
            "10,000 loops" || nested(10_000, endless_loop) => Returns(7);
            "10,000 ifs" || nested(10_000, condition) => Returns(7);
            "a million blocks, dead" || dead(1_000_000) => Returns(7);
            "a million blocks, not closed" || unclosed(1_000_000) => Malformed;
            "an expression 10,000 deep" || deep_expression(10_000) => Returns(10_001);
            "100,000 values waiting" || waiting_values(100_000) => Returns(100_000);
            "10,000 branches out of 10,000 blocks" || branches(10_000) => Returns(7);
        },
    );
}

#[test]
fn long_bodies() {
    run(
        &[OptLevel::Speed],
        cases! {
            "br_table with 7 million targets" || br_table(7_000_000) => Returns(7);
            "a body of 7,654,322 bytes" || straight(7_654_322) => Limit("body_bytes");
        },
    );
    run(
        &LEVELS,
        cases! {
            "br_table with 100,000 targets" || br_table(100_000) => Returns(7);
            "br_table to each of 5,000 blocks" || br_table_spread(5_000) => Returns(7);
            "300 br_tables with 1,000 targets" || br_tables(300, 1_000) => Returns(7);
            "2 MB of straight code" || straight(2 << 20) => Returns(7);
            "20,000 calls" || calls(20_000) => Returns(7);
        },
    );
}

#[test]
fn locals() {
    run(
        &LEVELS,
        cases! {
            "50,000 locals" || with_locals(50_000, ValType::I64) => Returns(7);
            "50,000 vectors" || with_locals(50_000, ValType::V128) => Returns(7);
            "50,001 locals" || with_locals(50_001, ValType::I64) => Limit("locals");
            "2^32 - 1 locals" || with_locals(u32::MAX, ValType::I64) => Limit("locals");
            "10,000 live locals in recursion" || recursion(10_000, ValType::I64) => Overflows;
            "5,000 live vectors in recursion" || recursion(5_000, ValType::V128) => Overflows;
            "plain recursion" || recursion(0, ValType::I32) => Overflows;
            "1,001 params" || params(1_001, 0) => Limit("params");
            "1,001 results" || params(0, 1_001) => Limit("results");
        },
    );
}

/// A module whose export `f` of type `() -> i32` is made by `body`; its second function, of type
/// `() -> ()`, does nothing.
fn function(locals: &[(u32, ValType)], body: impl FnOnce(&mut InstructionSink<'_>)) -> Vec<u8> {
    let mut module = Module::new();
    let mut types = TypeSection::new();
    types.ty().function([], [ValType::I32]);
    types.ty().function([], []);
    module.section(&types);
    let mut functions = FunctionSection::new();
    functions.function(0).function(1);
    module.section(&functions);
    let mut exports = ExportSection::new();
    exports.export("f", ExportKind::Func, 0);
    module.section(&exports);
    let mut code = CodeSection::new();
    let mut function = Function::new(locals.iter().copied());
    body(&mut function.instructions());
    code.function(&function);
    code.function(&empty());
    module.section(&code);
    module.finish()
}

fn block(code: &mut InstructionSink<'_>) {
    code.block(BlockType::Empty);
}

fn endless_loop(code: &mut InstructionSink<'_>) {
    code.loop_(BlockType::Empty);
}

fn condition(code: &mut InstructionSink<'_>) {
    code.local_get(0).if_(BlockType::Empty);
}

fn nested(depth: usize, open: fn(&mut InstructionSink<'_>)) -> Vec<u8> {
    function(&[(1, ValType::I32)], |code| {
        (0..depth).for_each(|_| open(code));
        (0..depth).for_each(|_| {
            code.end();
        });
        code.i32_const(7).end();
    })
}

fn dead(depth: usize) -> Vec<u8> {
    function(&[], |code| {
        code.i32_const(7).return_();
        (0..depth).for_each(|_| {
            code.block(BlockType::Empty);
        });
        (0..depth).for_each(|_| {
            code.end();
        });
        code.unreachable().end();
    })
}

fn unclosed(depth: usize) -> Vec<u8> {
    function(&[], |code| (0..depth).for_each(|_| block(code)))
}

/// 1 + (1 + (… + 1)): all ones are on the stack before the first addition.
fn deep_expression(depth: usize) -> Vec<u8> {
    function(&[(1, ValType::I32)], |code| {
        code.i32_const(1).local_set(0);
        for _ in 0..=depth {
            code.local_get(0).call(1);
        }
        for _ in 0..depth {
            code.i32_add();
        }
        code.end();
    })
}

fn waiting_values(count: i32) -> Vec<u8> {
    function(&[], |code| {
        code.i32_const(count);
        (0..count).for_each(|value| {
            code.i32_const(value);
        });
        (0..count).for_each(|_| {
            code.drop();
        });
        code.end();
    })
}

/// From the innermost of nested blocks to each of them, were the condition true.
fn branches(depth: u32) -> Vec<u8> {
    function(&[(1, ValType::I32)], |code| {
        (0..depth).for_each(|_| block(code));
        for target in 0..depth {
            code.local_get(0).br_if(target);
        }
        (0..depth).for_each(|_| {
            code.end();
        });
        code.i32_const(7).end();
    })
}

/// All targets are the one block around.
fn br_table(targets: usize) -> Vec<u8> {
    function(&[], |code| {
        code.block(BlockType::Empty).i32_const(77).i32_const(6_999_999);
        code.br_table(vec![0; targets], 0).end();
        code.i32_const(7).end();
    })
}

fn br_table_spread(depth: u32) -> Vec<u8> {
    function(&[(1, ValType::I32)], |code| {
        (0..depth).for_each(|_| block(code));
        code.local_get(0).br_table((0..depth).collect::<Vec<_>>(), 0);
        for _ in 0..depth {
            code.end();
            code.local_get(0).i32_const(1).i32_add().local_set(0);
        }
        code.local_get(0).i32_const(depth as i32).i32_eq();
        code.if_(BlockType::Result(ValType::I32)).i32_const(7).else_().local_get(0).end().end();
    })
}

fn br_tables(count: u32, targets: u32) -> Vec<u8> {
    function(&[(1, ValType::I32)], |code| {
        for _ in 0..count {
            code.block(BlockType::Empty).block(BlockType::Empty).local_get(0);
            code.br_table((0..targets).map(|target| target % 2).collect::<Vec<_>>(), 0);
            code.end().end();
        }
        code.i32_const(7).end();
    })
}

/// A body of `bytes` bytes.
fn straight(bytes: usize) -> Vec<u8> {
    function(&[(1, ValType::I32)], |code| {
        // Locals 3, `i32.const 7` 2, `end` 1, and 7 a round.
        let rounds = (bytes - 6) / 7;
        for _ in 0..rounds {
            code.local_get(0).i32_const(3).i32_xor().local_set(0);
        }
        (0..(bytes - 6) % 7).for_each(|_| {
            code.nop();
        });
        code.i32_const(7).end();
    })
}

fn calls(count: usize) -> Vec<u8> {
    function(&[], |code| {
        (0..count).for_each(|_| {
            code.call(1);
        });
        code.i32_const(7).end();
    })
}

fn with_locals(count: u32, ty: ValType) -> Vec<u8> {
    function(&[(count, ty)], |code| {
        code.local_get(0).local_set(count - 1).i32_const(7).end();
    })
}

/// Calls itself for ever, with `live` locals that differ and are needed afterwards.
fn recursion(live: u32, ty: ValType) -> Vec<u8> {
    function(&[(live.max(1), ty)], |code| {
        for local in 0..live {
            match ty {
                ValType::V128 => code.v128_const(local.into()),
                _ => code.i64_const(local.into()),
            };
            code.local_set(local);
        }
        code.call(0);
        for local in 0..live {
            code.local_get(local);
            match ty {
                ValType::V128 => code.v128_any_true(),
                _ => code.i32_wrap_i64(),
            };
            code.i32_add();
        }
        code.end();
    })
}

/// An import and an export of so many i32 params and results; the export calls the import with its
/// params.
fn params(params: usize, results: usize) -> Vec<u8> {
    let mut module = Module::new();
    let mut types = TypeSection::new();
    types.ty().function(vec![ValType::I32; params], vec![ValType::I32; results]);
    module.section(&types);
    let mut imports = ImportSection::new();
    imports.import("", "", EntityType::Function(0));
    module.section(&imports);
    let mut functions = FunctionSection::new();
    functions.function(0);
    module.section(&functions);
    let mut exports = ExportSection::new();
    exports.export("f", ExportKind::Func, 1);
    module.section(&exports);
    let mut code = CodeSection::new();
    let mut function = Function::new([]);
    let mut body = function.instructions();
    (0..params as u32).for_each(|param| {
        body.local_get(param);
    });
    body.call(0).end();
    code.function(&function);
    module.section(&code);
    module.finish()
}

#[test]
fn a_thousand_params_and_results() {
    on_small_stack(|| {
        let bytes = params(1_000, 1_000);
        for engine in LEVELS.map(engine) {
            let module = Compiled::new(&engine, &bytes).expect("valid");
            let mut store = Store::new(&engine, ());
            let types = || vec![brolga::ValType::I32; 1_000];
            let ty = HostType::new(&engine, types(), types());
            let host = Func::new(&mut store, ty, |_, args, results| {
                for (result, arg) in results.iter_mut().zip(args.iter().rev()) {
                    *result = Val::I32(arg.unwrap_i32() * 2);
                }
                Ok(())
            });
            let instance =
                Instance::new(&mut store, &module, &[host.into()]).expect("nothing fails");
            let func = instance.get_func(&mut store, "f").expect("exported");
            let args: Vec<Val> = (0..1_000).map(Val::I32).collect();
            let mut results = vec![Val::I32(-1); 1_000];
            func.call(&mut store, &args, &mut results).expect("returns");
            for (position, result) in results.iter().enumerate() {
                assert_eq!(result.unwrap_i32(), 2 * (999 - position as i32));
            }
        }
    });
}

fn empty() -> Function {
    let mut function = Function::new([]);
    function.instructions().end();
    function
}
