//! Lanes in memory; whole vectors and widening loads are in `translate/memory.rs`. This file is part
//! of the sandbox: a change asks for a second reader.
//!
//! Addresses come from `translate/address.rs` alone; this file says how many bytes are accessed.
//!
//! **Invariants**
//! - The width passed to `address` is the width of the access that follows, never less.
//! - A lane is loaded and stored at its own width.

use brolga_module::wasmparser::MemArg;
use cranelift_codegen::ir::{InstBuilder, Type, Value, types};

use super::super::FuncTranslator;

impl FuncTranslator<'_, '_> {
    /// `v128.load*_splat`: one lane of `ty`, to all lanes.
    pub(in super::super) fn translate_load_splat(&mut self, ty: Type, memarg: &MemArg) {
        let lane = self.emit_lane_load(ty, memarg);
        let result = self.builder.ins().splat(ty, lane);
        self.push(result);
    }

    /// `v128.load*_zero`: one lane of `ty` to lane 0, zero to the others.
    pub(in super::super) fn translate_load_zero(&mut self, ty: Type, memarg: &MemArg) {
        let lane = self.emit_lane_load(ty, memarg);
        let result = self.builder.ins().scalar_to_vector(ty, lane);
        self.push(result);
    }

    /// `v128.load*_lane`: one lane of `ty`, into a vector.
    pub(in super::super) fn translate_load_lane(&mut self, ty: Type, memarg: &MemArg, lane: u8) {
        let x = self.pop_vector(ty);
        let value = self.emit_lane_load(ty, memarg);
        let result = self.builder.ins().insertlane(x, value, lane);
        self.push(result);
    }

    /// `v128.store*_lane`: one lane of `ty`, out of a vector.
    pub(in super::super) fn translate_store_lane(&mut self, ty: Type, memarg: &MemArg, lane: u8) {
        let x = self.pop_vector(ty);
        let value = self.builder.ins().extractlane(x, lane);
        let at = self.address(memarg, lane_bytes(ty));
        self.probe_store(at, lane_bytes(ty));
        self.builder.ins().store(at.flags, value, at.base, at.offset);
    }

    /// Loads one lane of vectors of type `ty`.
    fn emit_lane_load(&mut self, ty: Type, memarg: &MemArg) -> Value {
        let at = self.address(memarg, lane_bytes(ty));
        self.builder.ins().load(ty.lane_type(), at.flags, at.base, at.offset)
    }
}

/// How many bytes a lane of `ty` takes.
fn lane_bytes(ty: Type) -> u8 {
    match ty {
        types::I8X16 => 1,
        types::I16X8 => 2,
        types::I32X4 => 4,
        types::I64X2 => 8,
        other => unreachable!("no operator loads or stores single lanes of {other}"),
    }
}
