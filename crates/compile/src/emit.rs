//! IR to machine code, one function at a time.
//!
//! **Invariants**
//! - A compiled function depends on its IR and the target alone.
//! - Everything it refers to is a [`Symbol`] of the same image: a reference to a library function
//!   or to anything else outside is an error here.

use brolga_abi::{SourceSite, TrapCode, TrapSite};
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::ir::{self, ExternalName, Function};
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::{
    CodegenError, CompiledCode, Context, Final, FinalizedRelocTarget, MachSrcLoc,
};
use cranelift_control::ControlPlane;

use crate::func_env::Symbol;

/// A function as machine code, not linked yet. Offsets are in bytes from its start.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct CompiledFunction {
    /// The code, with holes where it refers to other functions.
    pub(crate) bytes: Vec<u8>,
    /// What its start must be a multiple of.
    pub(crate) alignment: u32,
    /// The holes.
    pub(crate) relocations: Vec<Relocation>,
    /// Where it may trap, sorted by offset.
    pub(crate) trap_sites: Vec<TrapSite>,
    /// Its calls, by return address, sorted.
    pub(crate) call_sites: Vec<SourceSite>,
    /// How much stack it takes below its frame pointer, in bytes.
    pub(crate) frame_bytes: u32,
}

/// A place in code that the linker fills in.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Relocation {
    /// Where.
    pub(crate) offset: u32,
    /// How.
    pub(crate) kind: Reloc,
    /// What it refers to.
    pub(crate) target: RelocationTarget,
    /// What to add to that place, in bytes.
    pub(crate) addend: i64,
}

/// What code refers to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RelocationTarget {
    /// Another piece of the image.
    Symbol(Symbol),
    /// A place in the function itself, in bytes from its start.
    Own(u32),
}

/// Why a function did not become machine code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum EmitError {
    /// A limit of the code generator.
    TooLarge(String),
    /// A bug.
    Internal(String),
}

/// Compiles the function in `context`; a place without a position of its own gets
/// `default_wasm_offset`.
pub(crate) fn emit(
    context: &mut Context,
    isa: &dyn TargetIsa,
    default_wasm_offset: u32,
) -> Result<CompiledFunction, EmitError> {
    context
        .compile(isa, &mut ControlPlane::default())
        .map_err(|error| codegen_error(error.inner))?;
    let code = context.take_compiled_code().expect("the compilation has just succeeded");
    let positions = Positions { sorted: code.buffer.get_srclocs_sorted(), default_wasm_offset };
    Ok(CompiledFunction {
        bytes: code.code_buffer().to_vec(),
        alignment: alignment(&code, isa),
        relocations: relocations(&code, &context.func)?,
        trap_sites: trap_sites(&code, &positions)?,
        call_sites: call_sites(&code, &positions),
        frame_bytes: code.buffer.frame_layout().map_or(0, |frame| frame.frame_to_fp_offset),
    })
}

/// Compiles the function in `context` and returns its instructions as text.
pub(crate) fn assembly(context: &mut Context, isa: &dyn TargetIsa) -> Result<String, EmitError> {
    context.set_disasm(true);
    let code = context
        .compile(isa, &mut ControlPlane::default())
        .map_err(|error| codegen_error(error.inner))?;
    Ok(code.vcode.clone().unwrap_or_default())
}

pub(crate) fn codegen_error(error: CodegenError) -> EmitError {
    match error {
        CodegenError::ImplLimitExceeded => {
            EmitError::TooLarge("a limit of the code generator is exceeded".to_owned())
        }
        CodegenError::CodeTooLarge => {
            EmitError::TooLarge("its code would be larger than the target allows".to_owned())
        }
        CodegenError::Verifier(errors) => EmitError::Internal(format!("invalid IR: {errors}")),
        error => EmitError::Internal(error.to_string()),
    }
}

fn alignment(code: &CompiledCode, isa: &dyn TargetIsa) -> u32 {
    let function = isa.function_alignment();
    let symbol = u32::try_from(isa.symbol_alignment()).expect("a small number of bytes");
    code.buffer.alignment.max(function.preferred).max(function.minimum).max(symbol)
}

fn relocations(code: &CompiledCode, func: &Function) -> Result<Vec<Relocation>, EmitError> {
    let names = func.params.user_named_funcs();
    let relocation = |found: &cranelift_codegen::FinalizedMachReloc| {
        let symbol = match &found.target {
            FinalizedRelocTarget::Func(offset) => Some(RelocationTarget::Own(*offset)),
            FinalizedRelocTarget::ExternalName(ExternalName::User(name)) => {
                names.get(*name).and_then(Symbol::from_name).map(RelocationTarget::Symbol)
            }
            FinalizedRelocTarget::ExternalName(_) => None,
        };
        let target = symbol.ok_or_else(|| {
            let name = found.target.display(Some(&func.params));
            EmitError::Internal(format!("code refers to {name}, which is outside the image"))
        })?;
        Ok(Relocation { offset: found.offset, kind: found.kind, target, addend: found.addend })
    };
    code.buffer.relocs().iter().map(relocation).collect()
}

fn trap_sites(code: &CompiledCode, positions: &Positions<'_>) -> Result<Vec<TrapSite>, EmitError> {
    let site = |trap: &cranelift_codegen::MachTrap| {
        let code = trap_code(trap.code)
            .ok_or_else(|| EmitError::Internal(format!("code has the trap {}", trap.code)))?;
        let wasm_offset = positions.at(trap.offset);
        Ok(TrapSite { code_offset: trap.offset, wasm_offset, trap: code })
    };
    let sites = code.buffer.traps().iter().map(site).collect::<Result<Vec<_>, _>>()?;
    Ok(in_order(sites, |site| site.code_offset))
}

/// The trap that Cranelift calls `code`: one of ours, or one that an instruction brings along.
fn trap_code(code: ir::TrapCode) -> Option<TrapCode> {
    match code {
        ir::TrapCode::STACK_OVERFLOW => Some(TrapCode::StackOverflow),
        ir::TrapCode::HEAP_OUT_OF_BOUNDS => Some(TrapCode::MemoryOutOfBounds),
        ir::TrapCode::INTEGER_OVERFLOW => Some(TrapCode::IntegerOverflow),
        ir::TrapCode::INTEGER_DIVISION_BY_ZERO => Some(TrapCode::IntegerDivisionByZero),
        ir::TrapCode::BAD_CONVERSION_TO_INTEGER => Some(TrapCode::BadConversionToInteger),
        code => TrapCode::from_number(code.as_raw().get()),
    }
}

fn call_sites(code: &CompiledCode, positions: &Positions<'_>) -> Vec<SourceSite> {
    let site = |return_address: u32| SourceSite {
        code_offset: return_address,
        // What stands at the return address may belong to the next operator.
        wasm_offset: positions.at(return_address.saturating_sub(1)),
    };
    let sites = code.buffer.call_sites().map(|call| site(call.ret_addr)).collect();
    in_order(sites, |site| site.code_offset)
}

/// The first of `sites` at each offset, in the order of their offsets. Most often they are so
/// already.
fn in_order<T: Copy>(sites: Vec<T>, code_offset: impl Fn(&T) -> u32) -> Vec<T> {
    if sites.is_sorted_by(|a, b| code_offset(a) < code_offset(b)) {
        return sites;
    }
    // There are fewer sites than bytes of code, and of those fewer than 2³².
    let keys = sites.iter().zip(0_u32..);
    let keys = keys.map(|(site, place)| u64::from(code_offset(site)) << 32 | u64::from(place));
    let mut keys: Vec<u64> = keys.collect();
    keys.sort_unstable();
    keys.dedup_by_key(|key| *key >> 32);
    keys.into_iter().map(|key| sites[key as u32 as usize]).collect()
}

/// Which wasm operator code belongs to.
struct Positions<'a> {
    sorted: &'a [MachSrcLoc<Final>],
    default_wasm_offset: u32,
}

impl Positions<'_> {
    /// The wasm offset of the instruction that covers `code_offset`.
    fn at(&self, code_offset: u32) -> u32 {
        let after = self.sorted.partition_point(|range| range.start <= code_offset);
        match after.checked_sub(1).map(|position| &self.sorted[position]) {
            Some(range) if code_offset < range.end && !range.loc.is_default() => range.loc.bits(),
            _ => self.default_wasm_offset,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::in_order;

    #[test]
    fn of_sites_at_one_offset_the_first_stays() {
        let ordered = |sites: &[(u32, char)]| in_order(sites.to_vec(), |site| site.0);
        let sorted = [(0, 'a'), (7, 'b'), (u32::MAX, 'c')];
        assert_eq!(ordered(&sorted), sorted);
        let sites = [(7, 'b'), (u32::MAX, 'c'), (0, 'a'), (7, 'd'), (u32::MAX, 'e'), (0, 'f')];
        assert_eq!(ordered(&sites), sorted);
        assert_eq!(ordered(&[(3, 'a'), (3, 'b'), (3, 'c')]), [(3, 'a')]);
        assert_eq!(ordered(&[]), []);
    }
}
