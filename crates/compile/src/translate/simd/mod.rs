//! Vectors of 128 bits: constants, the operators on all bits at once, and what the families share.
//!
//! | file | operators |
//! |---|---|
//! | `lanes` | splat, extract, replace, shuffle |
//! | `arithmetic` | arithmetic on lanes, shifts, comparisons |
//! | `convert` | widening, narrowing, conversions between integers and floats |
//! | `memory` | loads and stores |
//! | `relaxed` | relaxed SIMD |
//!
//! Nothing here forms an address; that is `translate/address.rs`.
//!
//! **Invariants**
//! - A vector stays on the stack in the type that its operator gave. Whoever pops it says which
//!   type it wants; a cast is emitted only where the two differ. Casts keep WebAssembly's lane
//!   order, which is little endian on every target.
//! - A comparison of vectors gives a mask: lanes of all ones or all zeros, in an integer type.

mod arithmetic;
mod convert;
mod lanes;
mod memory;
mod relaxed;

use cranelift_codegen::ir::{ConstantData, InstBuilder, Opcode, Type, Value, types};

use super::FuncTranslator;

impl FuncTranslator<'_, '_> {
    /// `v128.const`
    pub(super) fn translate_v128_const(&mut self, bytes: &[u8; 16]) {
        let value = self.emit_vector(types::I8X16, bytes);
        self.push(value);
    }

    /// An operator of one vector which is one instruction on vectors of type `ty`.
    pub(super) fn translate_vector_unary(&mut self, opcode: Opcode, ty: Type) {
        let x = self.pop_vector(ty);
        let result = self.emit_unary(opcode, ty, x);
        self.push(result);
    }

    /// An operator of two vectors which is one instruction on vectors of type `ty`.
    pub(super) fn translate_vector_binary(&mut self, opcode: Opcode, ty: Type) {
        let (x, y) = self.pop2_vectors(ty);
        let result = self.emit_binary(opcode, ty, x, y);
        self.push(result);
    }

    /// `v128.not`
    pub(super) fn translate_not(&mut self) {
        let x = self.pop();
        let ty = self.bitwise_type(x);
        let x = self.as_vector(x, ty);
        let result = self.builder.ins().bnot(x);
        self.push(result);
    }

    /// `v128.and`, `v128.or` and `v128.xor`
    pub(super) fn translate_bitwise(&mut self, opcode: Opcode) {
        let (ty, x, y) = self.pop2_bitwise();
        let result = self.emit_binary(opcode, ty, x, y);
        self.push(result);
    }

    /// `v128.andnot`: the first operand without the bits of the second.
    pub(super) fn translate_and_not(&mut self) {
        let (_, x, y) = self.pop2_bitwise();
        let result = self.builder.ins().band_not(x, y);
        self.push(result);
    }

    /// `v128.bitselect`: the first operand where the third has ones, the second elsewhere.
    pub(super) fn translate_bitselect(&mut self) {
        // In the type of the mask: where that comes from a comparison and no cast stands between,
        // x86-64 selects with one instruction instead of three.
        let mask = self.pop();
        let ty = self.bitwise_type(mask);
        let mask = self.as_vector(mask, ty);
        let (x, y) = self.pop2_vectors(ty);
        let result = self.builder.ins().bitselect(mask, x, y);
        self.push(result);
    }

    /// Two vectors in the first one's type, if that is one for operators on bits.
    fn pop2_bitwise(&mut self) -> (Type, Value, Value) {
        let (x, y) = self.pop2();
        let ty = self.bitwise_type(x);
        (ty, self.as_vector(x, ty), self.as_vector(y, ty))
    }

    /// The type in which an operator on bits takes `x`: as it is, but for floats.
    fn bitwise_type(&self, x: Value) -> Type {
        let ty = self.value_type(x);
        if ty.lane_type().is_int() { ty } else { types::I8X16 }
    }

    /// `any_true` and `all_true`
    pub(super) fn translate_vector_test(&mut self, opcode: Opcode, ty: Type) {
        let x = self.pop_vector(ty);
        let holds = self.emit_unary(opcode, ty, x);
        self.push_condition(holds);
    }

    /// `bitmask`: the highest bit of every lane.
    pub(super) fn translate_bitmask(&mut self, ty: Type) {
        let x = self.pop_vector(ty);
        let result = self.builder.ins().vhigh_bits(types::I32, x);
        self.push(result);
    }

    /// A constant vector.
    fn emit_vector(&mut self, ty: Type, bytes: &[u8; 16]) -> Value {
        let constant = self.builder.func.dfg.constants.insert(ConstantData::from(&bytes[..]));
        self.builder.ins().vconst(ty, constant)
    }
}
