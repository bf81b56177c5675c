//! Single lanes: into a vector, out of it, and from place to place.
//!
//! **Invariants**
//! - Lane numbers and shuffle patterns are immediates that validation has seen to be in range.

use cranelift_codegen::ir::{ConstantData, InstBuilder, Opcode, Type, Value, types};

use super::super::FuncTranslator;

impl FuncTranslator<'_, '_> {
    /// `splat`: every lane the same.
    pub(in super::super) fn translate_splat(&mut self, ty: Type) {
        let lane = self.pop();
        let lane = self.emit_lane(ty, lane);
        let result = self.builder.ins().splat(ty, lane);
        self.push(result);
    }

    /// `extract_lane` of lanes that have a value type of their own.
    pub(in super::super) fn translate_extract_lane(&mut self, ty: Type, lane: u8) {
        let x = self.pop_vector(ty);
        let result = self.builder.ins().extractlane(x, lane);
        self.push(result);
    }

    /// `extract_lane_s` and `extract_lane_u` of lanes narrower than an `i32`; `extend` says which.
    pub(in super::super) fn translate_extract_narrow_lane(
        &mut self,
        extend: Opcode,
        ty: Type,
        lane: u8,
    ) {
        let x = self.pop_vector(ty);
        let narrow = self.builder.ins().extractlane(x, lane);
        let result = self.emit_unary(extend, types::I32, narrow);
        self.push(result);
    }

    /// `replace_lane`
    pub(in super::super) fn translate_replace_lane(&mut self, ty: Type, lane: u8) {
        let value = self.pop();
        let value = self.emit_lane(ty, value);
        let x = self.pop_vector(ty);
        let result = self.builder.ins().insertlane(x, value, lane);
        self.push(result);
    }

    /// `i8x16.shuffle`
    pub(in super::super) fn translate_shuffle(&mut self, lanes: &[u8; 16]) {
        let (x, y) = self.pop2_vectors(types::I8X16);
        let mask = self.builder.func.dfg.immediates.push(ConstantData::from(&lanes[..]));
        let result = self.builder.ins().shuffle(x, y, mask);
        self.push(result);
    }

    /// `value`, which stands on the stack as an `i32` if a lane is narrower, as a lane of `ty`.
    fn emit_lane(&mut self, ty: Type, value: Value) -> Value {
        let lane = ty.lane_type();
        if lane.bits() < 32 { self.builder.ins().ireduce(lane, value) } else { value }
    }
}
