//! Relaxed SIMD: operators whose results the specification leaves open between a few.
//!
//! Of the results allowed, each target gets the one it computes fastest:
//!
//! | operator | x86-64 | elsewhere |
//! |---|---|---|
//! | `i8x16.relaxed_swizzle` | `pshufb`: indices from 16 to 127 wrap | zero for every index past 15 |
//! | `i32x4.relaxed_trunc_*_s` | `cvttps2dq`, `cvttpd2dq`: NaN and out of range give the smallest integer | as `trunc_sat` |
//! | `i32x4.relaxed_trunc_*_u` | as `trunc_sat` | as `trunc_sat` |
//! | `relaxed_madd`, `relaxed_nmadd` | rounded once if the target has FMA, otherwise twice | rounded once |
//! | `relaxed_laneselect` | by the highest bit of each lane (`i16x8`: by each bit) | by each bit (s390x from z17: as x86-64) |
//! | `relaxed_min`, `relaxed_max` | `minps`, `maxps`: as `pmin`, `pmax` | as `min`, `max` |
//! | `i16x8.relaxed_q15mulr_s` | `pmulhrsw`: −1 times −1 wraps | saturates |
//! | `relaxed_dot_i8x16_i7x16` | `pmaddubsw`: second operand unsigned, sums saturate | both signed, sums wrap (`_add`: exact) |
//!
//! So results depend on the target, and for FMA on the features compiled for, never on the run.
//!
//! **Invariants**
//! - No operator becomes a call: where a target lacks an instruction, another allowed result is
//!   taken.

use cranelift_codegen::ir::{InstBuilder, Opcode, Type, Value, types};
use target_lexicon::Architecture;

use super::super::FuncTranslator;

impl FuncTranslator<'_, '_> {
    /// `i8x16.relaxed_swizzle`
    pub(in super::super) fn translate_relaxed_swizzle(&mut self) {
        let opcode = if self.env.isa.has_x86_pshufb_lowering() {
            Opcode::X86Pshufb
        } else {
            Opcode::Swizzle
        };
        self.translate_vector_binary(opcode, types::I8X16);
    }

    /// `i32x4.relaxed_trunc_f32x4_s`
    pub(in super::super) fn translate_relaxed_trunc_s(&mut self) {
        let opcode = self.relaxed_trunc_s();
        self.translate_vector_convert(opcode, types::F32X4, types::I32X4);
    }

    /// `i32x4.relaxed_trunc_f64x2_s_zero`
    pub(in super::super) fn translate_relaxed_trunc_zero_s(&mut self) {
        let opcode = self.relaxed_trunc_s();
        self.translate_trunc_zero(opcode, Opcode::Snarrow);
    }

    fn relaxed_trunc_s(&self) -> Opcode {
        if self.is_x86() { Opcode::X86Cvtt2dq } else { Opcode::FcvtToSintSat }
    }

    /// `relaxed_madd`: x × y + z
    pub(in super::super) fn translate_relaxed_madd(&mut self, ty: Type) {
        let z = self.pop_vector(ty);
        let (x, y) = self.pop2_vectors(ty);
        let result = self.emit_madd(x, y, z);
        self.push(result);
    }

    /// `relaxed_nmadd`: −(x × y) + z
    pub(in super::super) fn translate_relaxed_nmadd(&mut self, ty: Type) {
        let z = self.pop_vector(ty);
        let (x, y) = self.pop2_vectors(ty);
        let x = self.builder.ins().fneg(x);
        let result = self.emit_madd(x, y, z);
        self.push(result);
    }

    fn emit_madd(&mut self, x: Value, y: Value, z: Value) -> Value {
        // Without the instruction Cranelift would call a function outside the image.
        if self.env.isa.has_native_fma() {
            self.builder.ins().fma(x, y, z)
        } else {
            let product = self.builder.ins().fmul(x, y);
            self.builder.ins().fadd(product, z)
        }
    }

    /// `relaxed_laneselect`
    pub(in super::super) fn translate_relaxed_laneselect(&mut self, ty: Type) {
        let mask = self.pop_vector(ty);
        let (x, y) = self.pop2_vectors(ty);
        let result = if self.env.isa.has_blendv_lowering(ty) {
            self.builder.ins().blendv(mask, x, y)
        } else {
            self.builder.ins().bitselect(mask, x, y)
        };
        self.push(result);
    }

    /// `relaxed_min`
    pub(in super::super) fn translate_relaxed_min(&mut self, ty: Type) {
        if self.is_x86() {
            self.translate_pmin(ty);
        } else {
            self.translate_vector_binary(Opcode::Fmin, ty);
        }
    }

    /// `relaxed_max`
    pub(in super::super) fn translate_relaxed_max(&mut self, ty: Type) {
        if self.is_x86() {
            self.translate_pmax(ty);
        } else {
            self.translate_vector_binary(Opcode::Fmax, ty);
        }
    }

    /// `i16x8.relaxed_q15mulr_s`
    pub(in super::super) fn translate_relaxed_q15mulr(&mut self) {
        let opcode = if self.env.isa.has_x86_pmulhrsw_lowering() {
            Opcode::X86Pmulhrsw
        } else {
            Opcode::SqmulRoundSat
        };
        self.translate_vector_binary(opcode, types::I16X8);
    }

    /// `i16x8.relaxed_dot_i8x16_i7x16_s`
    pub(in super::super) fn translate_relaxed_dot(&mut self) {
        let (x, y) = self.pop2_vectors(types::I8X16);
        let result = if self.env.isa.has_x86_pmaddubsw_lowering() {
            self.builder.ins().x86_pmaddubsw(x, y)
        } else {
            self.emit_dot(types::I8X16, x, y)
        };
        self.push(result);
    }

    /// `i32x4.relaxed_dot_i8x16_i7x16_add_s`
    pub(in super::super) fn translate_relaxed_dot_add(&mut self) {
        let addend = self.pop_vector(types::I32X4);
        let (x, y) = self.pop2_vectors(types::I8X16);
        let dot = if self.env.isa.has_x86_pmaddubsw_lowering() {
            let pairs = self.builder.ins().x86_pmaddubsw(x, y);
            self.emit_extadd_pairwise_s(pairs)
        } else {
            // The sums of two would not fit 16 bits, so products are widened before they are added.
            let low = self.emit_extmul(Opcode::SwidenLow, types::I8X16, x, y);
            let high = self.emit_extmul(Opcode::SwidenHigh, types::I8X16, x, y);
            let low = self.emit_extadd_pairwise_s(low);
            let high = self.emit_extadd_pairwise_s(high);
            self.builder.ins().iadd_pairwise(low, high)
        };
        let result = self.builder.ins().iadd(dot, addend);
        self.push(result);
    }

    /// Sums of neighbours among signed 16-bit lanes, 32 bits wide.
    fn emit_extadd_pairwise_s(&mut self, x: Value) -> Value {
        let low = self.builder.ins().swiden_low(x);
        let high = self.builder.ins().swiden_high(x);
        self.builder.ins().iadd_pairwise(low, high)
    }

    fn is_x86(&self) -> bool {
        self.env.isa.triple().architecture == Architecture::X86_64
    }
}
