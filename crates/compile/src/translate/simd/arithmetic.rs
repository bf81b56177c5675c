//! Arithmetic on lanes that is more than one instruction, shifts and comparisons.
//!
//! **Invariants**
//! - Shift distances are taken modulo the lane's width in WebAssembly and in Cranelift alike: no
//!   mask is emitted.
//! - The shapes emitted here are those that backends know as single instructions; golden files
//!   keep them.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, Opcode, Type, Value, types};

use super::super::FuncTranslator;

impl FuncTranslator<'_, '_> {
    /// `shl`, `shr_s`, `shr_u`: all lanes by one distance, an `i32`.
    pub(in super::super) fn translate_vector_shift(&mut self, opcode: Opcode, ty: Type) {
        let distance = self.pop();
        let x = self.pop_vector(ty);
        let result = self.emit_binary(opcode, ty, x, distance);
        self.push(result);
    }

    /// A comparison of integer lanes.
    pub(in super::super) fn translate_vector_icmp(&mut self, condition: IntCC, ty: Type) {
        let (x, y) = self.pop2_vectors(ty);
        let mask = self.builder.ins().icmp(condition, x, y);
        self.push(mask);
    }

    /// A comparison of float lanes.
    pub(in super::super) fn translate_vector_fcmp(&mut self, condition: FloatCC, ty: Type) {
        let (x, y) = self.pop2_vectors(ty);
        let mask = self.builder.ins().fcmp(condition, x, y);
        self.push(mask);
    }

    /// `pmin`: the second operand where it is less than the first.
    pub(in super::super) fn translate_pmin(&mut self, ty: Type) {
        let (x, y) = self.pop2_vectors(ty);
        let result = self.emit_pmin(ty, x, y);
        self.push(result);
    }

    /// `pmax`: the second operand where the first is less.
    pub(in super::super) fn translate_pmax(&mut self, ty: Type) {
        let (x, y) = self.pop2_vectors(ty);
        let result = self.emit_pmax(ty, x, y);
        self.push(result);
    }

    /// `y < x ? y : x`, the shape that x86-64 knows as `minps` and `minpd`.
    pub(super) fn emit_pmin(&mut self, ty: Type, x: Value, y: Value) -> Value {
        let mask = self.builder.ins().fcmp(FloatCC::LessThan, y, x);
        let mask = self.as_vector(mask, ty);
        self.builder.ins().bitselect(mask, y, x)
    }

    /// `x < y ? y : x`, the shape that x86-64 knows as `maxps` and `maxpd`.
    pub(super) fn emit_pmax(&mut self, ty: Type, x: Value, y: Value) -> Value {
        let mask = self.builder.ins().fcmp(FloatCC::LessThan, x, y);
        let mask = self.as_vector(mask, ty);
        self.builder.ins().bitselect(mask, y, x)
    }

    /// `extmul`: the product, at twice the width, of the lanes of type `ty` that `widen` takes.
    pub(in super::super) fn translate_extmul(&mut self, widen: Opcode, ty: Type) {
        let (x, y) = self.pop2_vectors(ty);
        let result = self.emit_extmul(widen, ty, x, y);
        self.push(result);
    }

    /// `extadd_pairwise`: sums of neighbours at twice the width.
    pub(in super::super) fn translate_extadd_pairwise(
        &mut self,
        widen_low: Opcode,
        widen_high: Opcode,
        ty: Type,
    ) {
        let x = self.pop_vector(ty);
        let low = self.emit_unary(widen_low, ty, x);
        let high = self.emit_unary(widen_high, ty, x);
        let result = self.builder.ins().iadd_pairwise(low, high);
        self.push(result);
    }

    /// `i32x4.dot_i16x8_s`: sums of neighbouring products.
    pub(in super::super) fn translate_dot(&mut self) {
        let (x, y) = self.pop2_vectors(types::I16X8);
        let result = self.emit_dot(types::I16X8, x, y);
        self.push(result);
    }

    /// Sums of neighbouring signed products at twice the width of `ty`; they may wrap.
    pub(super) fn emit_dot(&mut self, ty: Type, x: Value, y: Value) -> Value {
        let low = self.emit_extmul(Opcode::SwidenLow, ty, x, y);
        let high = self.emit_extmul(Opcode::SwidenHigh, ty, x, y);
        self.builder.ins().iadd_pairwise(low, high)
    }

    /// The product, at twice the width, of the lanes of type `ty` that `widen` takes.
    pub(super) fn emit_extmul(&mut self, widen: Opcode, ty: Type, x: Value, y: Value) -> Value {
        let x = self.emit_unary(widen, ty, x);
        let y = self.emit_unary(widen, ty, y);
        self.builder.ins().imul(x, y)
    }
}
