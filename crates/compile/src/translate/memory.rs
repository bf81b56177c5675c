//! Scalar and whole-vector loads and stores, `memory.size` and `memory.grow`.

use brolga_abi::Builtin;
use brolga_module::wasmparser::MemArg;
use brolga_module::{IndexType, MemoryIndex};
use cranelift_codegen::ir::{InstBuilder, Opcode, Type, Value, types};

use super::FuncTranslator;

impl FuncTranslator<'_, '_> {
    /// A load by `opcode` to a value of type `ty`.
    pub(super) fn translate_load(
        &mut self,
        opcode: Opcode,
        ty: Type,
        memarg: &MemArg,
        width_bytes: u8,
    ) {
        let at = self.address(memarg, width_bytes);
        let flags = self.builder.func.dfg.mem_flags.insert_unchecked(at.flags);
        let ins = self.builder.ins();
        let (load, dfg) = ins.Load(opcode, ty, flags, at.offset.into(), at.base);
        let value = dfg.first_result(load);
        self.push(value);
    }

    /// A store by `opcode`.
    pub(super) fn translate_store(&mut self, opcode: Opcode, memarg: &MemArg, width_bytes: u8) {
        let value = self.pop();
        let value = self.canonical(value);
        let ty = self.value_type(value);
        let at = self.address(memarg, width_bytes);
        self.probe_store(at, width_bytes);
        let flags = self.builder.func.dfg.mem_flags.insert_unchecked(at.flags);
        let ins = self.builder.ins();
        ins.Store(opcode, ty, flags, at.offset.into(), value, at.base);
    }

    /// `memory.size`: in pages.
    pub(super) fn translate_memory_size(&mut self, memory: MemoryIndex) {
        let ty = &self.env.module.memories[memory.as_usize()];
        let (index, shift) = (ty.index, i64::from(ty.page_size_log2));
        let mut size = self.memory_size_bytes(memory);
        if shift != 0 {
            size = self.builder.ins().ushr_imm_u(size, shift);
        }
        self.push_index(size, index);
    }

    /// `memory.grow`: the old size in pages, or all ones.
    pub(super) fn translate_memory_grow(&mut self, memory: MemoryIndex) {
        let index = self.env.module.memories[memory.as_usize()].index;
        let delta = self.pop_index();
        let memory = self.index_argument(memory.0);
        let old = self.call_builtin(Builtin::memory_grow, &[memory, delta]);
        self.push_index(old.expect("the builtin has a result"), index);
    }

    /// Pops an address, position or length of either index type, with 64 bits.
    pub(super) fn pop_index(&mut self) -> Value {
        let value = self.pop();
        self.extend_index(value)
    }

    /// An address, position or length of either index type, with 64 bits.
    pub(super) fn extend_index(&mut self, value: Value) -> Value {
        if self.value_type(value) == types::I32 {
            self.builder.ins().uextend(types::I64, value)
        } else {
            value
        }
    }

    /// Pushes a size of 64 bits as index type `index` has it.
    pub(super) fn push_index(&mut self, size: Value, index: IndexType) {
        let value = match index {
            IndexType::I32 => self.builder.ins().ireduce(types::I32, size),
            IndexType::I64 => size,
        };
        self.push(value);
    }

    /// The number of a memory, table, segment or function as a builtin's argument.
    pub(super) fn index_argument(&mut self, index: u32) -> Value {
        self.builder.ins().iconst(types::I32, i64::from(index))
    }
}
