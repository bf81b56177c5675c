//! Globals: `global.get`, `global.set`.
//!
//! An own global's cell is part of the context: one load or store. An imported one is found through
//! a pointer that never changes. One whose value is known beforehand is that constant.

use brolga_module::{ConstOp, GlobalIndex};
use cranelift_codegen::ir::{Endianness, InstBuilder, MemFlagsData, Type};

use super::FuncTranslator;
use crate::func_env::clif_type;

impl FuncTranslator<'_, '_> {
    pub(super) fn translate_global_get(&mut self, global: GlobalIndex) {
        match self.env.facts.constant_global(global) {
            Some(ConstOp::I32Const(value)) => self.translate_i32_const(value),
            Some(ConstOp::I64Const(value)) => self.translate_i64_const(value),
            Some(ConstOp::F32Const(bits)) => self.translate_f32_const(bits),
            Some(ConstOp::F64Const(bits)) => self.translate_f64_const(bits),
            Some(ConstOp::V128Const(bits)) => self.translate_v128_const(&bits.to_le_bytes()),
            _ => self.emit_global_load(global),
        }
    }

    fn emit_global_load(&mut self, global: GlobalIndex) {
        let ty = clif_type(self.env.module.globals[global.as_usize()].content);
        let place = self.global_place(global);
        let flags = cell_flags(place.flags, ty);
        let value = self.builder.ins().load(ty, flags, place.base, place.offset);
        self.push(value);
    }

    pub(super) fn translate_global_set(&mut self, global: GlobalIndex) {
        let value = self.pop_condition();
        let value = self.canonical(value);
        let place = self.global_place(global);
        let flags = cell_flags(place.flags, self.value_type(value));
        self.builder.ins().store(flags, value, place.base, place.offset);
    }
}

/// The flags for a cell: vectors lie there with lane 0 first, on every target.
fn cell_flags(flags: MemFlagsData, ty: Type) -> MemFlagsData {
    if ty.is_vector() { flags.with_endianness(Endianness::Little) } else { flags }
}
