//! Conversions between lane types.
//!
//! Widening and narrowing of integers are single instructions, named by the dispatch table.
//!
//! **Invariants**
//! - Operators on two lanes leave the upper half of their result zero where the specification
//!   says `_zero`.

use cranelift_codegen::ir::{Opcode, Type, types};

use super::super::FuncTranslator;

impl FuncTranslator<'_, '_> {
    /// A conversion from lanes of `from` to lanes of `to` of the same width.
    pub(in super::super) fn translate_vector_convert(
        &mut self,
        opcode: Opcode,
        from: Type,
        to: Type,
    ) {
        let x = self.pop_vector(from);
        let result = self.emit_unary(opcode, to, x);
        self.push(result);
    }

    /// `f64x2.convert_low_i32x4`: the two lower integers as floats of twice the width.
    pub(in super::super) fn translate_convert_low(&mut self, widen: Opcode, opcode: Opcode) {
        let x = self.pop_vector(types::I32X4);
        let wide = self.emit_unary(widen, types::I32X4, x);
        let result = self.emit_unary(opcode, types::F64X2, wide);
        self.push(result);
    }

    /// `i32x4.trunc_sat_f64x2_zero` and its relaxed kin: both floats to 64-bit integers by
    /// `opcode`, then with `narrow`, which saturates, to the lower lanes. x86-64 knows the pair of
    /// them with a constant zero as one operation and has no other lowering for the first.
    pub(in super::super) fn translate_trunc_zero(&mut self, opcode: Opcode, narrow: Opcode) {
        let x = self.pop_vector(types::F64X2);
        let wide = self.emit_unary(opcode, types::I64X2, x);
        let zero = self.emit_vector(types::I64X2, &[0; 16]);
        let result = self.emit_binary(narrow, types::I64X2, wide, zero);
        self.push(result);
    }
}
