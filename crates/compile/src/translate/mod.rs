//! One function body to Cranelift IR, in one pass: read an operator, validate it, translate it.
//!
//! ```text
//!  bytes ─ OperatorsReader ─▶ Operator ─ FuncValidator ─▶ dispatch ─▶ family files ─▶ IR
//! ```
//!
//! [`FuncTranslator`] is the state of that pass, kept small; each family of operators is an `impl`
//! block in a file of its own, and `dispatch` is the one table that names them all. Code that
//! can't be reached is validated but not translated.
//!
//! **Invariants**
//! - An operator is translated only after it has been validated.
//! - The native stack is not used in proportion to the body: control nests in a vector.
//! - Only `address` forms addresses of linear memory; only `context` reads and writes the
//!   [`VmContext`](brolga_abi::VmContext).

mod address;
mod budget;
mod bulk;
mod call;
mod context;
mod control;
mod convert;
mod dispatch;
mod global;
mod interrupt;
mod local;
mod memory;
mod numeric;
mod reference;
mod simd;
mod stack;
mod symbols;
mod table;
mod trap;
mod validate;
mod wide;

#[cfg(test)]
mod tests;

use brolga_abi::{Builtin, TrapCode};
use brolga_module::wasmparser::{
    BinaryReader, Error, FuncValidator, FuncValidatorAllocations, Operator, OperatorsReader,
    OperatorsReaderAllocations, ValType, ValidatorResources,
};
use brolga_module::{DefinedFuncIndex, FuncIndex, TableIndex, TypeIndex};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{BlockArg, Function, InstBuilder, SourceLoc, UserFuncName, Value};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

pub(crate) use trap::clif_trap_code;

use crate::error::CompileError;
use crate::func_env::{ModuleEnv, POINTER, Symbol, clif_type_of_operand, wasm_signature};

/// What one worker thread keeps from function to function, so as not to allocate anew. After a
/// panic it is to be thrown away.
#[derive(Default)]
pub(crate) struct FuncWorker {
    builder: FunctionBuilderContext,
    validator: FuncValidatorAllocations,
    reader: OperatorsReaderAllocations,
    state: State,
}

impl FuncWorker {
    /// One that notes the operator with every instruction, for people to read.
    pub(crate) fn marking_every_operator() -> Self {
        let state = State { marks_every_operator: true, ..State::default() };
        Self { state, ..Self::default() }
    }
}

/// The part of a [`FuncTranslator`] that outlives it.
#[derive(Default)]
struct State {
    marks_every_operator: bool,
    stack: Vec<Value>,
    control: Vec<control::Frame>,
    args: Vec<BlockArg>,
    locals: local::Locals,
    symbols: symbols::Symbols,
}

/// What a translated function needs of the rest of the image. Each list is in the order of first
/// use, without repetitions. Direct callees are found in the relocations.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct TranslatedFunction {
    /// The builtins it calls.
    pub builtins: Vec<Builtin>,
    /// The types, canonical, with which it calls functions it does not know.
    pub indirect_types: Vec<TypeIndex>,
    /// The static tables it reads.
    pub static_tables: Vec<TableIndex>,
}

/// Validates `func` and writes its IR to `into`, whatever that held before.
///
/// # Errors
/// If the body is malformed or invalid, uses what is not supported, or is too large.
pub(crate) fn translate_function(
    env: &ModuleEnv<'_>,
    func: DefinedFuncIndex,
    worker: &mut FuncWorker,
    into: &mut Function,
) -> Result<TranslatedFunction, CompileError> {
    let FuncWorker { builder, validator, reader, state } = worker;
    let function = env.module.func_index(func);
    into.clear();
    into.name = UserFuncName::User(Symbol::Function(func).to_name());
    into.signature = wasm_signature(env.module.func_type(function));
    let mut body = Body {
        validator: env.module.body_validator(func).into_validator(core::mem::take(validator)),
        allocations: core::mem::take(reader),
    };
    let new_builder = FunctionBuilder::new(into, builder);
    let mut translator = FuncTranslator::new(env, function, new_builder, core::mem::take(state));
    let result = translator.translate_body(env.module.body_reader(func), &mut body);
    let (unfinished, old_state, used) = translator.finish();
    *state = old_state;
    *validator = body.validator.into_allocations();
    *reader = body.allocations;
    match result {
        Ok(()) => {
            unfinished.finalize(env.isa.frontend_config());
            Ok(used)
        }
        Err(stop) => {
            *builder = FunctionBuilderContext::new();
            Err(match stop {
                Stop::Refused(error) => CompileError::invalid(env.module, func, &error),
                Stop::Failed(error) => error,
            })
        }
    }
}

/// What reads and validates a body.
struct Body {
    validator: FuncValidator<ValidatorResources>,
    allocations: OperatorsReaderAllocations,
}

/// Why a pass over a body ended early.
enum Stop {
    /// The reader or the validator refused the body.
    Refused(Error),
    /// The translation gave up.
    Failed(CompileError),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Refused(error)
    }
}

impl From<CompileError> for Stop {
    fn from(error: CompileError) -> Self {
        Stop::Failed(error)
    }
}

/// The state of the pass over one function.
pub(crate) struct FuncTranslator<'a, 'f> {
    /// What all functions of the module share.
    pub(crate) env: &'a ModuleEnv<'a>,
    /// Writes the IR.
    pub(crate) builder: FunctionBuilder<'f>,
    /// The function under translation.
    function: FuncIndex,
    /// The operands; see `stack`.
    stack: Vec<Value>,
    /// The blocks, loops and ifs that are open; see `control`.
    control: Vec<control::Frame>,
    /// Room for the arguments of a branch.
    args: Vec<BlockArg>,
    /// The locals; see `local`.
    locals: local::Locals,
    /// What has been declared of the outside so far; see `symbols`.
    symbols: symbols::Symbols,
    /// The instance's context; see `context`.
    context: context::Context,
    /// Where the operator under translation stands, in bytes from the module's start.
    wasm_offset: u32,
    /// What has been executed and not yet been counted; see `interrupt`.
    pending_fuel: i64,
    /// Whether every instruction is to tell its operator; see `mark_source`.
    marks_every_operator: bool,
    /// Whether the operator under translation can be reached.
    reachable: bool,
    /// How many constructs are open that begin in code that can't be reached.
    skipped: u32,
}

impl<'a, 'f> FuncTranslator<'a, 'f> {
    /// Begins `function`: its entry block, with the contexts and parameters.
    fn new(
        env: &'a ModuleEnv<'a>,
        function: FuncIndex,
        mut builder: FunctionBuilder<'f>,
        state: State,
    ) -> Self {
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        builder.switch_to_block(entry);
        builder.seal_block(entry);
        let vmctx = builder.block_params(entry)[0];
        let State { marks_every_operator, stack, control, args, locals, symbols } = state;
        Self {
            env,
            builder,
            function,
            stack,
            control,
            args,
            locals,
            symbols,
            context: context::Context::new(vmctx),
            wasm_offset: 0,
            pending_fuel: 0,
            marks_every_operator,
            reachable: true,
            skipped: 0,
        }
    }

    /// Ends the pass, also one that failed: what is left to finish, what can be used again, and
    /// what the function needs.
    fn finish(mut self) -> (FunctionBuilder<'f>, State, TranslatedFunction) {
        let used = self.symbols.finish();
        self.stack.clear();
        self.control.clear();
        self.locals.clear();
        let state = State {
            marks_every_operator: self.marks_every_operator,
            stack: self.stack,
            control: self.control,
            args: self.args,
            locals: self.locals,
            symbols: self.symbols,
        };
        (self.builder, state, used)
    }

    fn translate_body(
        &mut self,
        mut reader: BinaryReader<'_>,
        body: &mut Body,
    ) -> Result<(), Stop> {
        self.enter(reader.original_position());
        self.read_locals(&mut reader, &mut body.validator)?;
        let allocations = core::mem::take(&mut body.allocations);
        let mut operators = OperatorsReader::new_with_allocs(reader, allocations);
        self.translate_operators(&mut operators, &mut body.validator)?;
        operators.finish()?;
        body.allocations = operators.into_allocations();
        Ok(())
    }

    /// What a function does before its first operator.
    fn enter(&mut self, position: u64) {
        self.at(position);
        let ty = self.env.module.functions[self.function.as_usize()];
        let params = self.env.module.types[ty.as_usize()].params().len();
        let entry = self.builder.current_block().expect("the entry block was just made");
        for local in 0..params {
            let value = self.builder.block_params(entry)[local + 2];
            self.define_parameter(local as u32, value);
        }
        if !self.env.hardware_traps() {
            let limit = self.stack_limit();
            let pointer = self.builder.ins().get_stack_pointer(POINTER);
            let past = self.builder.ins().icmp(IntCC::UnsignedLessThan, pointer, limit);
            self.trapnz(past, TrapCode::StackOverflow);
        }
        self.check_at_entry();
        self.open_body(ty);
    }

    fn read_locals(
        &mut self,
        reader: &mut BinaryReader<'_>,
        validator: &mut FuncValidator<ValidatorResources>,
    ) -> Result<(), Stop> {
        for _ in 0..reader.read_var_u32()? {
            let position = reader.original_position();
            let count = reader.read_var_u32()?;
            let ty: ValType = reader.read()?;
            validator.define_locals(position, count, ty)?;
            self.locals.declare(validator.len_locals(), clif_type_of_operand(ty));
        }
        Ok(())
    }

    fn translate_operators(
        &mut self,
        operators: &mut OperatorsReader<'_>,
        validator: &mut FuncValidator<ValidatorResources>,
    ) -> Result<(), Stop> {
        let mut count = 0_u32;
        while !operators.eof() {
            let position = operators.original_position();
            let op = operators.read()?;
            validate::visit(&mut validator.simd_visitor(position), &op)?;
            self.at(position);
            if self.env.options.consume_fuel {
                self.charge(&op);
            }
            if self.reachable || is_construct(&op) {
                self.translate_operator(&op)?;
            }
            count += 1;
            if count.is_multiple_of(budget::OPERATORS_BETWEEN_CHECKS) {
                self.check_budget()?;
            }
        }
        Ok(())
    }

    /// Comes to the operator at `position`.
    fn at(&mut self, position: u64) {
        // Limits on a module's size keep offsets below 4 GiB.
        self.wasm_offset = position as u32;
        let known = self.marks_every_operator.then(|| SourceLoc::new(self.wasm_offset));
        self.builder.set_srcloc(known.unwrap_or_default());
    }

    /// Notes the operator under translation with the instructions that follow, up to the next
    /// operator. For instructions that can trap or call: others do without, which is cheaper.
    pub(crate) fn mark_source(&mut self) {
        self.builder.set_srcloc(SourceLoc::new(self.wasm_offset));
    }
}

/// Whether `op` opens, divides or closes a construct, which unreachable code must not lose count
/// of. Those that have no row in the table of operators are refused there.
fn is_construct(op: &Operator<'_>) -> bool {
    use Operator as Op;
    matches!(
        op,
        Op::Block { .. }
            | Op::Loop { .. }
            | Op::If { .. }
            | Op::Else
            | Op::End
            | Op::TryTable { .. }
            | Op::Try { .. }
            | Op::Catch { .. }
            | Op::CatchAll
            | Op::Delegate { .. }
    )
}
