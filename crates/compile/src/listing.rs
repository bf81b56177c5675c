//! Functions for people to look at: intermediate code and machine code, with the wasm operator
//! that each piece came from.
//!
//! **Invariants**
//! - The machine code is that of an image, but for the places that the linker fills in: to mark
//!   every operator changes no instruction.

use brolga_abi::{CompileOptions, ContextLayout};
use brolga_module::{DefinedFuncIndex, ParsedModule};
use cranelift_codegen::Context;
use cranelift_control::ControlPlane;

use crate::CompileError;
use crate::analysis::ModuleFacts;
use crate::emit::codegen_error;
use crate::func_env::ModuleEnv;
use crate::pipeline::{contain, function_error};
use crate::target::Target;
use crate::translate::{FuncWorker, translate_function};
use crate::workers::Workers;

/// A function as [`list_functions`] shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct FunctionListing {
    /// The intermediate code (Cranelift's) before it is optimised. A line that came from an
    /// operator begins with `@` and the operator's offset from the module's start, in hexadecimal.
    pub ir: String,
    /// The machine code as the code generator writes it, an instruction a line.
    pub assembly: String,
    /// The machine code. Where it refers to other functions, the linker has yet to fill it in.
    pub code: Vec<u8>,
    /// Which operators the machine code came from: sorted, without overlaps.
    pub sources: Vec<SourceRange>,
}

/// A piece of a function's code that came from one operator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SourceRange {
    /// Where it begins, in bytes from the function's start.
    pub start: u32,
    /// Where it ends, in bytes from the function's start.
    pub end: u32,
    /// The operator, in bytes from the module's start.
    pub wasm_offset: u32,
}

/// Compiles `functions` of `module` one by one, and hands each to `each`.
///
/// # Errors
/// As [`compile`](crate::compile), and those of `each`.
pub fn list_functions<E: From<CompileError>>(
    module: &ParsedModule,
    target: &Target,
    options: &CompileOptions,
    functions: impl IntoIterator<Item = DefinedFuncIndex>,
    mut each: impl FnMut(DefinedFuncIndex, FunctionListing) -> Result<(), E>,
) -> Result<(), E> {
    let isa = target.isa(options)?;
    let layout = ContextLayout::new(module);
    let facts = ModuleFacts::new(module, &Workers::Caller);
    let env = ModuleEnv { module, layout: &layout, options, facts: &facts, isa: &*isa };
    let mut worker = FuncWorker::marking_every_operator();
    for func in functions {
        let index = module.func_index(func);
        let listing = contain(&format!("function {index}"), || {
            let mut context = Context::new();
            translate_function(&env, func, &mut worker, &mut context.func)?;
            list(&mut context, &env).map_err(|error| function_error(index, codegen_error(error)))
        });
        if matches!(listing, Err(CompileError::Internal { .. })) {
            // A panic may have left anything in there.
            worker = FuncWorker::marking_every_operator();
        }
        each(func, listing?)?;
    }
    Ok(())
}

fn list(
    context: &mut Context,
    env: &ModuleEnv<'_>,
) -> Result<FunctionListing, cranelift_codegen::CodegenError> {
    let ir = context.func.display().to_string();
    context.set_disasm(true);
    let code =
        context.compile(env.isa, &mut ControlPlane::default()).map_err(|error| error.inner)?;
    let sources = code.buffer.get_srclocs_sorted().iter().filter(|range| !range.loc.is_default());
    let sources = sources.map(|range| SourceRange {
        start: range.start,
        end: range.end,
        wasm_offset: range.loc.bits(),
    });
    Ok(FunctionListing {
        ir,
        assembly: code.vcode.clone().unwrap_or_default(),
        code: code.code_buffer().to_vec(),
        sources: sources.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"(module (memory 1)
        (func $sum (param i32 i32) (result i32) (local i32)
            (loop $again
                (local.set 2 (i32.add (local.get 2) (i32.load (local.get 0))))
                (local.set 0 (i32.add (local.get 0) (i32.const 4)))
                (br_if $again (i32.lt_u (local.get 0) (local.get 1))))
            (call $half (local.get 2)))
        (func $half (param i32) (result i32) (i32.div_u (local.get 0) (i32.const 2))))"#;

    #[test]
    fn a_listing_is_of_the_code_that_runs() {
        let bytes = wat::parse_str(TEXT).unwrap();
        let module = ParsedModule::decode(bytes.into(), Default::default()).unwrap();
        for target in Target::all_of_this_build() {
            let options = CompileOptions::default();
            let image = crate::compile(&module, &target, &options, 1, &()).unwrap();
            let functions = (0..2).map(DefinedFuncIndex::from_usize);
            let mut count = 0;
            list_functions(&module, &target, &options, functions, |func, listing| {
                let range = image.functions[func.as_usize()];
                let linked = &image.code[range.start as usize..][..range.len as usize];
                assert_eq!(listing.code.len(), linked.len());
                let same = listing.code.iter().zip(linked).filter(|(a, b)| a == b).count();
                // The distance of a call has up to eight bytes, with the instructions it is part of.
                assert!(same + 8 >= linked.len(), "{same} of {}", linked.len());
                let body = &module.bodies[func.as_usize()];
                for pair in listing.sources.windows(2) {
                    assert!(pair[0].end <= pair[1].start);
                }
                for source in &listing.sources {
                    assert!(source.start < source.end && source.end as usize <= linked.len());
                    assert!(body.contains(&(source.wasm_offset as usize)));
                }
                assert!(listing.ir.contains("\n@00"), "{}", listing.ir);
                assert!(listing.assembly.contains("block0:"), "{}", listing.assembly);
                count += 1;
                Ok::<_, CompileError>(())
            })
            .unwrap();
            assert_eq!(count, 2);
        }
    }
}
