//! Numbers: constants, arithmetic, bit operators and comparisons of `i32`, `i64`, `f32`, `f64`.
//!
//! Most operators are one Cranelift instruction of the same meaning, so a row of the dispatch table
//! names the [`Opcode`] and the methods here do the rest. What differs is integer division, which
//! traps. This file never touches memory, tables or the context.
//!
//! **Invariants**
//! - Shifts and rotations take their distance modulo the width in WebAssembly and in Cranelift
//!   alike: no mask is emitted.
//! - A comparison leaves its `i8` on the stack; see `stack`.
//! - With `memory.signals` off, no division reaches an instruction with operands that fault.

use brolga_abi::TrapCode;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::immediates::{Ieee32, Ieee64};
use cranelift_codegen::ir::{InstBuilder, Opcode, Type, Value, types};

use super::FuncTranslator;

impl FuncTranslator<'_, '_> {
    /// `i32.const`
    pub(super) fn translate_i32_const(&mut self, value: i32) {
        // Cranelift wants the bits above the type's width to be zero.
        let value = self.builder.ins().iconst(types::I32, i64::from(value.cast_unsigned()));
        self.push(value);
    }

    /// `i64.const`
    pub(super) fn translate_i64_const(&mut self, value: i64) {
        let value = self.builder.ins().iconst(types::I64, value);
        self.push(value);
    }

    /// `f32.const`, by its bits: a NaN keeps its payload.
    pub(super) fn translate_f32_const(&mut self, bits: u32) {
        let value = self.builder.ins().f32const(Ieee32::with_bits(bits));
        self.push(value);
    }

    /// `f64.const`, by its bits: a NaN keeps its payload.
    pub(super) fn translate_f64_const(&mut self, bits: u64) {
        let value = self.builder.ins().f64const(Ieee64::with_bits(bits));
        self.push(value);
    }

    /// An operator whose operand and result are of one type, and which is one instruction.
    pub(super) fn translate_unary(&mut self, opcode: Opcode) {
        let x = self.pop();
        let ty = self.value_type(x);
        let result = self.emit_unary(opcode, ty, x);
        self.push(result);
    }

    /// An operator of two operands which is one instruction.
    pub(super) fn translate_binary(&mut self, opcode: Opcode) {
        let (x, y) = self.pop2();
        let ty = self.value_type(x);
        let result = self.emit_binary(opcode, ty, x, y);
        self.push(result);
    }

    /// `eqz`
    pub(super) fn translate_eqz(&mut self) {
        // What a comparison gave is not extended first.
        let x = self.pop_condition();
        let is_zero = self.builder.ins().icmp_imm_u(IntCC::Equal, x, 0);
        self.push_condition(is_zero);
    }

    /// A comparison of integers.
    pub(super) fn translate_icmp(&mut self, condition: IntCC) {
        let (x, y) = self.pop2();
        let holds = self.builder.ins().icmp(condition, x, y);
        self.push_condition(holds);
    }

    /// A comparison of floats.
    pub(super) fn translate_fcmp(&mut self, condition: FloatCC) {
        let (x, y) = self.pop2();
        let holds = self.builder.ins().fcmp(condition, x, y);
        self.push_condition(holds);
    }

    /// `div_u`, `rem_u` and `rem_s`: they trap on a divisor of zero and on nothing else. Cranelift
    /// defines the remainder of the smallest integer by −1 as 0, as WebAssembly does.
    pub(super) fn translate_division(&mut self, opcode: Opcode) {
        let (x, y) = self.pop2();
        self.emit_zero_divisor_check(y);
        let ty = self.value_type(x);
        self.mark_source();
        let result = self.emit_binary(opcode, ty, x, y);
        self.push(result);
    }

    /// `div_s`: traps on a divisor of zero, and where the quotient is one more than the largest
    /// integer.
    pub(super) fn translate_signed_division(&mut self) {
        let (x, y) = self.pop2();
        self.emit_zero_divisor_check(y);
        self.emit_quotient_overflow_check(x, y);
        self.mark_source();
        let result = self.builder.ins().sdiv(x, y);
        self.push(result);
    }

    /// Where instructions may not trap by themselves, compares the divisor with zero.
    fn emit_zero_divisor_check(&mut self, divisor: Value) {
        let known_not_zero = self.known_constant(divisor).is_some_and(|constant| constant != 0);
        if !self.env.hardware_traps() && !known_not_zero {
            self.trapz(divisor, TrapCode::IntegerDivisionByZero);
        }
    }

    /// Where instructions may not trap by themselves, looks for the smallest integer divided by −1.
    fn emit_quotient_overflow_check(&mut self, dividend: Value, divisor: Value) {
        let ty = self.value_type(divisor);
        let minus_one = u64::MAX >> (64 - ty.bits());
        let known_other =
            self.known_constant(divisor).is_some_and(|constant| constant != minus_one);
        if self.env.hardware_traps() || known_other {
            return;
        }
        let smallest = 1 << (ty.bits() - 1);
        let is_smallest = self.emit_equals(dividend, smallest);
        let by_minus_one = self.emit_equals(divisor, minus_one);
        let overflows = self.builder.ins().band(is_smallest, by_minus_one);
        self.trapnz(overflows, TrapCode::IntegerOverflow);
    }

    fn emit_equals(&mut self, x: Value, bits: u64) -> Value {
        self.builder.ins().icmp_imm_u(IntCC::Equal, x, bits.cast_signed())
    }

    /// Emits `opcode`, an instruction of one operand. `ty` is its controlling type: that of the
    /// result for conversions, otherwise that of the operand.
    pub(super) fn emit_unary(&mut self, opcode: Opcode, ty: Type, x: Value) -> Value {
        let (inst, dfg) = self.builder.ins().Unary(opcode, ty, x);
        dfg.first_result(inst)
    }

    /// Emits `opcode`, an instruction of two operands, the first of type `ty`.
    pub(super) fn emit_binary(&mut self, opcode: Opcode, ty: Type, x: Value, y: Value) -> Value {
        let (inst, dfg) = self.builder.ins().Binary(opcode, ty, x, y);
        dfg.first_result(inst)
    }
}
