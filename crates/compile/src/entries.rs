//! The code between wasm and the host. This file is part of the sandbox: a change asks for a second
//! reader.
//!
//! ```text
//!  host ── host entry ─▶ wasm ── host exit ───▶ host function   (slots both ways)
//!                             └─ builtin thunk ─▶ builtin        (registers)
//! ```
//! A *host entry* takes a wasm function's arguments from slots and puts its results there. A *host
//! exit* does the reverse: to wasm it looks like a function. (Host functions that take their arguments
//! in registers bring their own: the runtime's `host_stub!`.) A *builtin thunk* passes arguments on as
//! they are. All values are in the host's byte order, as the slots are numbers to it.
//!
//! **Invariants**
//! - Every way out notes the wasm frame it leaves in the store before anything that may trap or
//!   look at the stack.
//! - Host code starts only with the stack that `stack_limit` promises it; what raises the trap
//!   for want of it (`raise_trap`) is content with `RAISE_BYTES`, which are touched before.
//! - Thunks and entries refer to nothing else in the image: every one can stand alone.
//! - No result of the host is checked: a host function that fails does not return.

use std::mem::offset_of;

use brolga_abi::{Builtin, HostFunctionContext, StoreContext, TrapCode, VmContext};
use brolga_module::{FuncType, TypeIndex, ValType};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    AbiParam, Endianness, Function, InstBuilder, MemFlagsData, Signature, StackSlotData,
    StackSlotKind, Type, UserFuncName, Value, types,
};
use cranelift_codegen::isa::{CallConv, TargetIsa};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

use crate::func_env::{
    POINTER, Symbol, builtin_signature, builtin_type, clif_type, wasm_signature,
};
use crate::translate::clif_trap_code;

/// A piece of code between wasm and the host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Thunk {
    /// How the host calls functions of a type.
    HostEntry(TypeIndex),
    /// How wasm calls host functions of a type.
    HostExit(TypeIndex),
    /// How wasm calls a builtin.
    Builtin(Builtin),
}

impl Thunk {
    /// The name under which code refers to it.
    pub(crate) fn symbol(self) -> Symbol {
        match self {
            Thunk::HostEntry(ty) => Symbol::HostEntry(ty),
            Thunk::HostExit(ty) => Symbol::HostExit(ty),
            Thunk::Builtin(builtin) => Symbol::BuiltinThunk(builtin),
        }
    }

    /// Writes its IR to `into`, which is empty. `types` are the module's.
    pub(crate) fn build(
        self,
        types: &[FuncType],
        isa: &dyn TargetIsa,
        context: &mut FunctionBuilderContext,
        into: &mut Function,
    ) {
        into.name = UserFuncName::User(self.symbol().to_name());
        into.signature = match self {
            Thunk::HostEntry(_) => host_entry_signature(isa),
            Thunk::HostExit(ty) => wasm_signature(&types[ty.as_usize()]),
            Thunk::Builtin(builtin) => builtin_signature(builtin),
        };
        let mut builder = ThunkBuilder::new(isa, context, into);
        match self {
            Thunk::HostEntry(ty) => builder.host_entry(&types[ty.as_usize()]),
            Thunk::HostExit(ty) => builder.host_exit(&types[ty.as_usize()]),
            Thunk::Builtin(builtin) => builder.builtin(builtin),
        }
        builder.finish();
    }
}

impl core::fmt::Display for Thunk {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Thunk::HostEntry(ty) => write!(f, "the host entry of type {ty}"),
            Thunk::HostExit(ty) => write!(f, "the host exit of type {ty}"),
            Thunk::Builtin(builtin) => write!(f, "the thunk of builtin {}", builtin.name()),
        }
    }
}

/// (callee context, caller context, wasm code, slots)
fn host_entry_signature(isa: &dyn TargetIsa) -> Signature {
    pointers_signature(4, isa.default_call_conv())
}

/// [`HostCall`](brolga_abi::HostCall): (host function's context, caller context, slots)
fn host_call_signature(isa: &dyn TargetIsa) -> Signature {
    pointers_signature(3, isa.default_call_conv())
}

fn pointers_signature(count: usize, call_conv: CallConv) -> Signature {
    let mut signature = Signature::new(call_conv);
    signature.params.resize(count, AbiParam::new(POINTER));
    signature
}

/// The `extern "C"` function behind a builtin: (context, arguments…) -> result.
fn host_builtin_signature(builtin: Builtin, isa: &dyn TargetIsa) -> Signature {
    let mut signature = pointers_signature(1, isa.default_call_conv());
    signature.params.extend(builtin.params().into_iter().map(|ty| {
        let mut param = AbiParam::new(builtin_type(ty));
        if param.value_type == types::I32 {
            param.extension = isa.default_argument_extension();
        }
        param
    }));
    let result = builtin.result();
    signature.returns.extend(result.map(|ty| AbiParam::new(builtin_type(ty))));
    signature
}

/// Where a field of a context stands, as Cranelift wants it.
macro_rules! offset {
    ($context:ty, $field:ident) => {
        offset_of!($context, $field) as i32
    };
}

struct ThunkBuilder<'f> {
    builder: FunctionBuilder<'f>,
    isa: &'f dyn TargetIsa,
    /// The parameters of the thunk.
    params: Vec<Value>,
}

impl<'f> ThunkBuilder<'f> {
    fn new(
        isa: &'f dyn TargetIsa,
        context: &'f mut FunctionBuilderContext,
        into: &'f mut Function,
    ) -> Self {
        let mut builder = FunctionBuilder::new(into, context);
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        builder.switch_to_block(entry);
        builder.seal_block(entry);
        let params = builder.block_params(entry).to_vec();
        Self { builder, isa, params }
    }

    fn finish(self) {
        self.builder.finalize(self.isa.frontend_config());
    }

    fn host_entry(&mut self, ty: &FuncType) {
        let &[callee, caller, wasm_code, slots] = &self.params[..] else {
            unreachable!("a host entry has four parameters");
        };
        let mut arguments = vec![callee, caller];
        arguments.extend(self.load_slots(ty.params(), slots));
        let signature = self.builder.import_signature(wasm_signature(ty));
        let call = self.builder.ins().call_indirect(signature, wasm_code, &arguments);
        let results = self.builder.inst_results(call).to_vec();
        self.store_slots(ty.results(), &results, slots);
        self.builder.ins().return_(&[]);
    }

    fn host_exit(&mut self, ty: &FuncType) {
        let (callee, caller) = (self.params[0], self.params[1]);
        let arguments = self.params[2..].to_vec();
        let store = self.load_pointer(callee, offset!(HostFunctionContext, store));
        self.note_exit(store);
        self.check_stack(store, caller);
        let slots = self.slots(ty.param_slots().max(ty.result_slots()));
        self.store_slots(ty.params(), &arguments, slots);
        let code = self.load_pointer(callee, offset!(HostFunctionContext, call));
        let signature = self.builder.import_signature(host_call_signature(self.isa));
        self.builder.ins().call_indirect(signature, code, &[callee, caller, slots]);
        let results = self.load_slots(ty.results(), slots);
        self.builder.ins().return_(&results);
    }

    fn builtin(&mut self, builtin: Builtin) {
        let (vmctx, arguments) = (self.params[0], self.params[1..].to_vec());
        let store = self.load_pointer(vmctx, offset!(VmContext, store));
        self.note_exit(store);
        if builtin == Builtin::raise_trap {
            return self.raise(vmctx, arguments[0]);
        }
        self.check_stack(store, vmctx);
        let results = self.call_builtin(builtin, vmctx, &arguments);
        self.builder.ins().return_(&results);
    }

    /// Notes the wasm frame that is left, the caller's, and where it goes on.
    fn note_exit(&mut self, store: Value) {
        let own_frame = self.builder.ins().get_frame_pointer(POINTER);
        let wasm_frame = self.load_pointer(own_frame, 0);
        let return_address = self.builder.ins().get_return_address(POINTER);
        self.store_pointer(wasm_frame, store, offset!(StoreContext, exit_fp));
        self.store_pointer(return_address, store, offset!(StoreContext, exit_pc));
    }

    /// Traps if the host would not find enough stack; `caller` is the context of the wasm frame.
    fn check_stack(&mut self, store: Value, caller: Value) {
        let limit = self.load_pointer(store, offset!(StoreContext, stack_limit));
        let stack = self.builder.ins().get_stack_pointer(POINTER);
        let too_low = self.builder.ins().icmp(IntCC::UnsignedLessThan, stack, limit);
        let overflow = self.builder.create_block();
        let enough = self.builder.create_block();
        self.builder.set_cold_block(overflow);
        self.builder.ins().brif(too_low, overflow, &[], enough, &[]);
        self.builder.seal_block(overflow);
        self.builder.seal_block(enough);
        self.builder.switch_to_block(overflow);
        let code = TrapCode::StackOverflow as u8;
        let code = self.builder.ins().iconst(types::I32, i64::from(code));
        self.raise(caller, code);
        self.builder.switch_to_block(enough);
    }

    /// Raises the trap of number `code`; the exit is noted. Ends the block.
    fn raise(&mut self, vmctx: Value, code: Value) {
        self.touch_stack();
        self.call_builtin(Builtin::raise_trap, vmctx, &[code]);
        // Not reached; code of no function, so the fault would not pass for a trap.
        self.builder.ins().trap(clif_trap_code(TrapCode::UnreachableCodeReached));
    }

    /// Reads the last byte of the stack that raising a trap takes. Where that is in the guard, the
    /// fault is this code's: a stack overflow. In the host's code it would end the process.
    fn touch_stack(&mut self) {
        let stack = self.builder.ins().get_stack_pointer(POINTER);
        let end = self.builder.ins().iadd_imm_s(stack, -i64::from(StoreContext::RAISE_BYTES));
        let trap = clif_trap_code(TrapCode::StackOverflow);
        let flags = MemFlagsData::new().with_trap_code(Some(trap));
        // The value is of no use; what can trap is kept nevertheless.
        self.builder.ins().load(types::I8, flags, end, 0);
    }

    /// Calls the host's code behind `builtin`.
    fn call_builtin(&mut self, builtin: Builtin, vmctx: Value, arguments: &[Value]) -> Vec<Value> {
        let builtins = self.load_pointer(vmctx, offset!(VmContext, builtins));
        let code = self.load_pointer(builtins, builtin.table_offset() as i32);
        let signature = host_builtin_signature(builtin, self.isa);
        let signature = self.builder.import_signature(signature);
        let arguments: Vec<Value> =
            core::iter::once(vmctx).chain(arguments.iter().copied()).collect();
        let call = self.builder.ins().call_indirect(signature, code, &arguments);
        self.builder.inst_results(call).to_vec()
    }

    /// The address of `count` slots on the stack.
    fn slots(&mut self, count: usize) -> Value {
        // A pointer to nothing is still a pointer to Rust: one slot at least.
        let bytes = u32::try_from(count.max(1) * 8).expect("limits keep parameters few");
        let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 4);
        let slot = self.builder.create_sized_stack_slot(slot);
        self.builder.ins().stack_addr(POINTER, slot, 0)
    }

    /// Values of the types `types` out of `slots`, from slot 0 on.
    fn load_slots(&mut self, types: &[ValType], slots: Value) -> Vec<Value> {
        let mut offset = 0;
        let mut load = |&ty: &ValType| {
            let value = self.load_slot(clif_type(ty), slots, offset);
            offset += ty.slots() as i32 * 8;
            value
        };
        types.iter().map(&mut load).collect()
    }

    /// Puts `values` of the types `types` into `slots`, from slot 0 on.
    fn store_slots(&mut self, types: &[ValType], values: &[Value], slots: Value) {
        let mut offset = 0;
        for (ty, &value) in types.iter().zip(values) {
            self.store_slot(clif_type(*ty), value, slots, offset);
            offset += ty.slots() as i32 * 8;
        }
    }

    fn load_slot(&mut self, ty: Type, slots: Value, offset: i32) -> Value {
        let big = self.isa.endianness() == Endianness::Big;
        match ty {
            types::I8X16 if big => {
                let low = self.builder.ins().load(types::I64, SLOT, slots, offset);
                let high = self.builder.ins().load(types::I64, SLOT, slots, offset + 8);
                let both = self.builder.ins().splat(types::I64X2, low);
                let both = self.builder.ins().insertlane(both, high, 1);
                self.builder.ins().bitcast(types::I8X16, LANES, both)
            }
            types::I32 | types::F32 if big => self.builder.ins().load(ty, SLOT, slots, offset + 4),
            _ => self.builder.ins().load(ty, SLOT, slots, offset),
        }
    }

    /// Fills whole slots, so that they can be compared as numbers.
    fn store_slot(&mut self, ty: Type, value: Value, slots: Value, offset: i32) {
        let value = match ty {
            types::I8X16 if self.isa.endianness() == Endianness::Big => {
                let both = self.builder.ins().bitcast(types::I64X2, LANES, value);
                for lane in 0..2 {
                    let half = self.builder.ins().extractlane(both, lane);
                    self.builder.ins().store(SLOT, half, slots, offset + i32::from(lane) * 8);
                }
                return;
            }
            types::I32 => self.builder.ins().uextend(types::I64, value),
            types::F32 => {
                let bits = self.builder.ins().bitcast(types::I32, MemFlagsData::new(), value);
                self.builder.ins().uextend(types::I64, bits)
            }
            _ => value,
        };
        self.builder.ins().store(SLOT, value, slots, offset);
    }

    fn load_pointer(&mut self, base: Value, offset: i32) -> Value {
        self.builder.ins().load(POINTER, MemFlagsData::trusted(), base, offset)
    }

    fn store_pointer(&mut self, value: Value, base: Value, offset: i32) {
        self.builder.ins().store(MemFlagsData::trusted(), value, base, offset);
    }
}

/// Slots are aligned to 8 bytes, which is not enough for a vector.
const SLOT: MemFlagsData = MemFlagsData::new().with_notrap();

/// Lane 0 of a vector is what stands first in little-endian memory.
const LANES: MemFlagsData = MemFlagsData::new().with_endianness(Endianness::Little);

#[cfg(test)]
mod tests {
    use brolga_abi::CompileOptions;
    use cranelift_codegen::Context;

    use super::*;
    use crate::Target;
    use crate::emit::{CompiledFunction, emit};

    const TYPES: [ValType; 7] = [
        ValType::I32,
        ValType::I64,
        ValType::F32,
        ValType::F64,
        ValType::V128,
        ValType::FUNCREF,
        ValType::EXTERNREF,
    ];

    /// `count` types in turn, beginning with the one at `first`.
    fn types(count: usize, first: usize) -> Vec<ValType> {
        TYPES.iter().copied().cycle().skip(first).take(count).collect()
    }

    fn compile(target: &Target, thunk: Thunk, ty: &FuncType) -> CompiledFunction {
        let isa = target.isa(&CompileOptions { verify_ir: true, ..Default::default() }).unwrap();
        let mut context = Context::new();
        let types = core::slice::from_ref(ty);
        thunk.build(types, &*isa, &mut FunctionBuilderContext::new(), &mut context.func);
        emit(&mut context, &*isa, 0).unwrap()
    }

    fn compile_both(target: &Target, ty: &FuncType) {
        for thunk in [Thunk::HostEntry(TypeIndex(0)), Thunk::HostExit(TypeIndex(0))] {
            let code = compile(target, thunk, ty);
            assert!(!code.bytes.is_empty());
            assert_eq!(code.relocations, [], "{thunk} refers to other code");
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "runs Cranelift, which takes minutes")]
    fn there_is_code_for_every_mixture_of_types() {
        for target in Target::all_of_this_build() {
            for count in 0..=20 {
                for first in 0..TYPES.len() {
                    let results = types(20 - count, first);
                    compile_both(&target, &FuncType::new(types(count, first), results));
                }
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "runs Cranelift, which takes minutes")]
    fn there_is_code_for_one_type_many_times() {
        for target in Target::all_of_this_build() {
            for ty in TYPES {
                compile_both(&target, &FuncType::new(vec![ty; 20], vec![ty; 20]));
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "runs Cranelift, which takes minutes")]
    fn there_is_code_for_as_many_values_as_a_type_may_have() {
        for target in Target::all_of_this_build() {
            compile_both(&target, &FuncType::new(types(1000, 0), types(1000, 3)));
            let vectors = vec![ValType::V128; 1000];
            compile_both(&target, &FuncType::new(vectors.clone(), vectors));
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "runs Cranelift, which takes minutes")]
    fn there_is_code_for_every_builtin() {
        for target in Target::all_of_this_build() {
            for &builtin in Builtin::ALL {
                let code = compile(&target, Thunk::Builtin(builtin), &FuncType::default());
                assert_eq!(code.relocations, [], "{builtin:?} refers to other code");
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "runs Cranelift, which takes minutes")]
    fn a_host_exit_needs_little_stack() {
        let vectors = vec![ValType::V128; 1000];
        let ty = FuncType::new(vectors.clone(), vectors);
        for target in Target::all_of_this_build() {
            let code = compile(&target, Thunk::HostExit(TypeIndex(0)), &ty);
            assert!(code.frame_bytes >= 16_000);
            assert!(code.frame_bytes <= 256 << 10, "{} bytes: {target:?}", code.frame_bytes);
        }
    }
}
