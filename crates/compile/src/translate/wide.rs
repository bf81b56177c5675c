//! Wide arithmetic: 128-bit integers as pairs of `i64`, low half first.
//!
//! The halves are put together to an `i128` and taken apart again; both cost nothing in machine
//! code. This file never touches memory, tables or the context.
//!
//! **Invariants**
//! - No `i128` leaves an operator: what is on the stack are halves.

use cranelift_codegen::ir::{InstBuilder, Opcode, Value, types};

use super::FuncTranslator;

impl FuncTranslator<'_, '_> {
    /// `i64.add128` and `i64.sub128`
    pub(super) fn translate_wide_binary(&mut self, opcode: Opcode) {
        let (y_low, y_high) = self.pop2();
        let (x_low, x_high) = self.pop2();
        let x = self.builder.ins().iconcat(x_low, x_high);
        let y = self.builder.ins().iconcat(y_low, y_high);
        let result = self.emit_binary(opcode, types::I128, x, y);
        self.push_halves(result);
    }

    /// `i64.mul_wide_s` and `i64.mul_wide_u`; `extend` says which.
    pub(super) fn translate_wide_multiply(&mut self, extend: Opcode) {
        let (x, y) = self.pop2();
        let x = self.emit_unary(extend, types::I128, x);
        let y = self.emit_unary(extend, types::I128, y);
        // Backends know a product of extended halves as their one-instruction wide multiplication.
        let result = self.builder.ins().imul(x, y);
        self.push_halves(result);
    }

    fn push_halves(&mut self, wide: Value) {
        let (low, high) = self.builder.ins().isplit(wide);
        self.push(low);
        self.push(high);
    }
}
