//! The table of operators: each, with the method that translates it.
//!
//! One line a row, no logic. The operator has been validated and can be reached, but for the three
//! that open or close a block, which come here in any case.
//!
//! **Invariants**
//! - What has no row is refused with its name and place: there is no silent default.

use brolga_module::wasmparser::Operator;
use brolga_module::{
    DataIndex, ElemIndex, FuncIndex, GlobalIndex, MemoryIndex, TableIndex, TypeIndex,
};
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{Opcode, types::*};

use super::FuncTranslator;
use crate::error::CompileError;

impl FuncTranslator<'_, '_> {
    /// Translates one operator.
    pub(super) fn translate_operator(&mut self, op: &Operator<'_>) -> Result<(), CompileError> {
        use Operator as Op;
        match *op {
            // Control
            Op::Nop => {}
            Op::Unreachable => self.translate_unreachable(),
            Op::Block { blockty } => self.translate_block(blockty),
            Op::Loop { blockty } => self.translate_loop(blockty),
            Op::If { blockty } => self.translate_if(blockty),
            Op::Else => self.translate_else(),
            Op::End => self.translate_end(),
            Op::Br { relative_depth } => self.translate_br(relative_depth),
            Op::BrIf { relative_depth } => self.translate_br_if(relative_depth),
            Op::BrTable { ref targets } => self.translate_br_table(targets)?,
            Op::Return => self.translate_return(),

            // Calls
            Op::Call { function_index } => self.translate_call(FuncIndex(function_index)),
            Op::ReturnCall { function_index } => {
                self.translate_return_call(FuncIndex(function_index))
            }
            Op::CallIndirect { type_index, table_index } => {
                self.translate_call_indirect(TypeIndex(type_index), TableIndex(table_index))
            }
            Op::ReturnCallIndirect { type_index, table_index } => {
                self.translate_return_call_indirect(TypeIndex(type_index), TableIndex(table_index))
            }

            // Parametric
            Op::Drop => self.translate_drop(),
            Op::Select | Op::TypedSelect { .. } => self.translate_select(),

            // Locals and globals
            Op::LocalGet { local_index } => self.translate_local_get(local_index),
            Op::LocalSet { local_index } => self.translate_local_set(local_index),
            Op::LocalTee { local_index } => self.translate_local_tee(local_index),
            Op::GlobalGet { global_index } => self.translate_global_get(GlobalIndex(global_index)),
            Op::GlobalSet { global_index } => self.translate_global_set(GlobalIndex(global_index)),

            // References
            Op::RefNull { hty } => self.translate_ref_null(hty),
            Op::RefIsNull => self.translate_ref_is_null(),
            Op::RefFunc { function_index } => self.translate_ref_func(FuncIndex(function_index)),

            // Tables
            Op::TableGet { table } => self.translate_table_get(TableIndex(table)),
            Op::TableSet { table } => self.translate_table_set(TableIndex(table)),
            Op::TableSize { table } => self.translate_table_size(TableIndex(table)),
            Op::TableGrow { table } => self.translate_table_grow(TableIndex(table)),
            Op::TableFill { table } => self.translate_table_fill(TableIndex(table)),
            Op::TableCopy { dst_table, src_table } => {
                self.translate_table_copy(TableIndex(dst_table), TableIndex(src_table))
            }
            Op::TableInit { elem_index, table } => {
                self.translate_table_init(ElemIndex(elem_index), TableIndex(table))
            }
            Op::ElemDrop { elem_index } => self.translate_elem_drop(ElemIndex(elem_index)),

            // Memories as a whole
            Op::MemorySize { mem } => self.translate_memory_size(MemoryIndex(mem)),
            Op::MemoryGrow { mem } => self.translate_memory_grow(MemoryIndex(mem)),
            Op::MemoryFill { mem } => self.translate_memory_fill(MemoryIndex(mem)),
            Op::MemoryCopy { dst_mem, src_mem } => {
                self.translate_memory_copy(MemoryIndex(dst_mem), MemoryIndex(src_mem))
            }
            Op::MemoryInit { data_index, mem } => {
                self.translate_memory_init(DataIndex(data_index), MemoryIndex(mem))
            }
            Op::DataDrop { data_index } => self.translate_data_drop(DataIndex(data_index)),

            // Loads and stores
            Op::I32Load { ref memarg } => self.translate_load(Opcode::Load, I32, memarg, 4),
            Op::I64Load { ref memarg } => self.translate_load(Opcode::Load, I64, memarg, 8),
            Op::F32Load { ref memarg } => self.translate_load(Opcode::Load, F32, memarg, 4),
            Op::F64Load { ref memarg } => self.translate_load(Opcode::Load, F64, memarg, 8),
            Op::V128Load { ref memarg } => self.translate_load(Opcode::Load, I8X16, memarg, 16),
            Op::I32Load8S { ref memarg } => self.translate_load(Opcode::Sload8, I32, memarg, 1),
            Op::I32Load8U { ref memarg } => self.translate_load(Opcode::Uload8, I32, memarg, 1),
            Op::I32Load16S { ref memarg } => self.translate_load(Opcode::Sload16, I32, memarg, 2),
            Op::I32Load16U { ref memarg } => self.translate_load(Opcode::Uload16, I32, memarg, 2),
            Op::I64Load8S { ref memarg } => self.translate_load(Opcode::Sload8, I64, memarg, 1),
            Op::I64Load8U { ref memarg } => self.translate_load(Opcode::Uload8, I64, memarg, 1),
            Op::I64Load16S { ref memarg } => self.translate_load(Opcode::Sload16, I64, memarg, 2),
            Op::I64Load16U { ref memarg } => self.translate_load(Opcode::Uload16, I64, memarg, 2),
            Op::I64Load32S { ref memarg } => self.translate_load(Opcode::Sload32, I64, memarg, 4),
            Op::I64Load32U { ref memarg } => self.translate_load(Opcode::Uload32, I64, memarg, 4),
            Op::I32Store { ref memarg } | Op::F32Store { ref memarg } => {
                self.translate_store(Opcode::Store, memarg, 4)
            }
            Op::I64Store { ref memarg } | Op::F64Store { ref memarg } => {
                self.translate_store(Opcode::Store, memarg, 8)
            }
            Op::V128Store { ref memarg } => self.translate_store(Opcode::Store, memarg, 16),
            Op::I32Store8 { ref memarg } | Op::I64Store8 { ref memarg } => {
                self.translate_store(Opcode::Istore8, memarg, 1)
            }
            Op::I32Store16 { ref memarg } | Op::I64Store16 { ref memarg } => {
                self.translate_store(Opcode::Istore16, memarg, 2)
            }
            Op::I64Store32 { ref memarg } => self.translate_store(Opcode::Istore32, memarg, 4),

            // Constants
            Op::I32Const { value } => self.translate_i32_const(value),
            Op::I64Const { value } => self.translate_i64_const(value),
            Op::F32Const { value } => self.translate_f32_const(value.bits()),
            Op::F64Const { value } => self.translate_f64_const(value.bits()),

            // Integers
            Op::I32Clz | Op::I64Clz => self.translate_unary(Opcode::Clz),
            Op::I32Ctz | Op::I64Ctz => self.translate_unary(Opcode::Ctz),
            Op::I32Popcnt | Op::I64Popcnt => self.translate_unary(Opcode::Popcnt),
            Op::I32Add | Op::I64Add => self.translate_binary(Opcode::Iadd),
            Op::I32Sub | Op::I64Sub => self.translate_binary(Opcode::Isub),
            Op::I32Mul | Op::I64Mul => self.translate_binary(Opcode::Imul),
            Op::I32And | Op::I64And => self.translate_binary(Opcode::Band),
            Op::I32Or | Op::I64Or => self.translate_binary(Opcode::Bor),
            Op::I32Xor | Op::I64Xor => self.translate_binary(Opcode::Bxor),
            Op::I32Shl | Op::I64Shl => self.translate_binary(Opcode::Ishl),
            Op::I32ShrS | Op::I64ShrS => self.translate_binary(Opcode::Sshr),
            Op::I32ShrU | Op::I64ShrU => self.translate_binary(Opcode::Ushr),
            Op::I32Rotl | Op::I64Rotl => self.translate_binary(Opcode::Rotl),
            Op::I32Rotr | Op::I64Rotr => self.translate_binary(Opcode::Rotr),
            Op::I32DivS | Op::I64DivS => self.translate_signed_division(),
            Op::I32DivU | Op::I64DivU => self.translate_division(Opcode::Udiv),
            Op::I32RemS | Op::I64RemS => self.translate_division(Opcode::Srem),
            Op::I32RemU | Op::I64RemU => self.translate_division(Opcode::Urem),
            Op::I32Eqz | Op::I64Eqz => self.translate_eqz(),
            Op::I32Eq | Op::I64Eq => self.translate_icmp(IntCC::Equal),
            Op::I32Ne | Op::I64Ne => self.translate_icmp(IntCC::NotEqual),
            Op::I32LtS | Op::I64LtS => self.translate_icmp(IntCC::SignedLessThan),
            Op::I32LtU | Op::I64LtU => self.translate_icmp(IntCC::UnsignedLessThan),
            Op::I32GtS | Op::I64GtS => self.translate_icmp(IntCC::SignedGreaterThan),
            Op::I32GtU | Op::I64GtU => self.translate_icmp(IntCC::UnsignedGreaterThan),
            Op::I32LeS | Op::I64LeS => self.translate_icmp(IntCC::SignedLessThanOrEqual),
            Op::I32LeU | Op::I64LeU => self.translate_icmp(IntCC::UnsignedLessThanOrEqual),
            Op::I32GeS | Op::I64GeS => self.translate_icmp(IntCC::SignedGreaterThanOrEqual),
            Op::I32GeU | Op::I64GeU => self.translate_icmp(IntCC::UnsignedGreaterThanOrEqual),

            // Floats
            Op::F32Abs | Op::F64Abs => self.translate_unary(Opcode::Fabs),
            Op::F32Neg | Op::F64Neg => self.translate_unary(Opcode::Fneg),
            Op::F32Ceil | Op::F64Ceil => self.translate_unary(Opcode::Ceil),
            Op::F32Floor | Op::F64Floor => self.translate_unary(Opcode::Floor),
            Op::F32Trunc | Op::F64Trunc => self.translate_unary(Opcode::Trunc),
            Op::F32Nearest | Op::F64Nearest => self.translate_unary(Opcode::Nearest),
            Op::F32Sqrt | Op::F64Sqrt => self.translate_unary(Opcode::Sqrt),
            Op::F32Add | Op::F64Add => self.translate_binary(Opcode::Fadd),
            Op::F32Sub | Op::F64Sub => self.translate_binary(Opcode::Fsub),
            Op::F32Mul | Op::F64Mul => self.translate_binary(Opcode::Fmul),
            Op::F32Div | Op::F64Div => self.translate_binary(Opcode::Fdiv),
            Op::F32Min | Op::F64Min => self.translate_binary(Opcode::Fmin),
            Op::F32Max | Op::F64Max => self.translate_binary(Opcode::Fmax),
            Op::F32Copysign | Op::F64Copysign => self.translate_binary(Opcode::Fcopysign),
            Op::F32Eq | Op::F64Eq => self.translate_fcmp(FloatCC::Equal),
            Op::F32Ne | Op::F64Ne => self.translate_fcmp(FloatCC::NotEqual),
            Op::F32Lt | Op::F64Lt => self.translate_fcmp(FloatCC::LessThan),
            Op::F32Gt | Op::F64Gt => self.translate_fcmp(FloatCC::GreaterThan),
            Op::F32Le | Op::F64Le => self.translate_fcmp(FloatCC::LessThanOrEqual),
            Op::F32Ge | Op::F64Ge => self.translate_fcmp(FloatCC::GreaterThanOrEqual),

            // Conversions
            Op::I32WrapI64 => self.translate_convert(Opcode::Ireduce, I32),
            Op::I64ExtendI32S => self.translate_convert(Opcode::Sextend, I64),
            Op::I64ExtendI32U => self.translate_convert(Opcode::Uextend, I64),
            Op::F32ConvertI32S | Op::F32ConvertI64S => {
                self.translate_convert(Opcode::FcvtFromSint, F32)
            }
            Op::F32ConvertI32U | Op::F32ConvertI64U => {
                self.translate_convert(Opcode::FcvtFromUint, F32)
            }
            Op::F64ConvertI32S | Op::F64ConvertI64S => {
                self.translate_convert(Opcode::FcvtFromSint, F64)
            }
            Op::F64ConvertI32U | Op::F64ConvertI64U => {
                self.translate_convert(Opcode::FcvtFromUint, F64)
            }
            Op::F32DemoteF64 => self.translate_convert(Opcode::Fdemote, F32),
            Op::F64PromoteF32 => self.translate_convert(Opcode::Fpromote, F64),
            Op::I32TruncF32S | Op::I32TruncF64S => self.translate_trunc_s(I32),
            Op::I32TruncF32U | Op::I32TruncF64U => self.translate_trunc_u(I32),
            Op::I64TruncF32S | Op::I64TruncF64S => self.translate_trunc_s(I64),
            Op::I64TruncF32U | Op::I64TruncF64U => self.translate_trunc_u(I64),
            Op::I32TruncSatF32S | Op::I32TruncSatF64S => {
                self.translate_convert(Opcode::FcvtToSintSat, I32)
            }
            Op::I32TruncSatF32U | Op::I32TruncSatF64U => {
                self.translate_convert(Opcode::FcvtToUintSat, I32)
            }
            Op::I64TruncSatF32S | Op::I64TruncSatF64S => {
                self.translate_convert(Opcode::FcvtToSintSat, I64)
            }
            Op::I64TruncSatF32U | Op::I64TruncSatF64U => {
                self.translate_convert(Opcode::FcvtToUintSat, I64)
            }
            Op::I32ReinterpretF32 => self.translate_reinterpret(I32),
            Op::I64ReinterpretF64 => self.translate_reinterpret(I64),
            Op::F32ReinterpretI32 => self.translate_reinterpret(F32),
            Op::F64ReinterpretI64 => self.translate_reinterpret(F64),
            Op::I32Extend8S => self.translate_sign_extension(I8, I32),
            Op::I32Extend16S => self.translate_sign_extension(I16, I32),
            Op::I64Extend8S => self.translate_sign_extension(I8, I64),
            Op::I64Extend16S => self.translate_sign_extension(I16, I64),
            Op::I64Extend32S => self.translate_sign_extension(I32, I64),

            // Wide arithmetic
            Op::I64Add128 => self.translate_wide_binary(Opcode::Iadd),
            Op::I64Sub128 => self.translate_wide_binary(Opcode::Isub),
            Op::I64MulWideS => self.translate_wide_multiply(Opcode::Sextend),
            Op::I64MulWideU => self.translate_wide_multiply(Opcode::Uextend),

            // Vectors in memory
            Op::V128Load8x8S { ref memarg } => {
                self.translate_load(Opcode::Sload8x8, I16X8, memarg, 8)
            }
            Op::V128Load8x8U { ref memarg } => {
                self.translate_load(Opcode::Uload8x8, I16X8, memarg, 8)
            }
            Op::V128Load16x4S { ref memarg } => {
                self.translate_load(Opcode::Sload16x4, I32X4, memarg, 8)
            }
            Op::V128Load16x4U { ref memarg } => {
                self.translate_load(Opcode::Uload16x4, I32X4, memarg, 8)
            }
            Op::V128Load32x2S { ref memarg } => {
                self.translate_load(Opcode::Sload32x2, I64X2, memarg, 8)
            }
            Op::V128Load32x2U { ref memarg } => {
                self.translate_load(Opcode::Uload32x2, I64X2, memarg, 8)
            }
            Op::V128Load8Splat { ref memarg } => self.translate_load_splat(I8X16, memarg),
            Op::V128Load16Splat { ref memarg } => self.translate_load_splat(I16X8, memarg),
            Op::V128Load32Splat { ref memarg } => self.translate_load_splat(I32X4, memarg),
            Op::V128Load64Splat { ref memarg } => self.translate_load_splat(I64X2, memarg),
            Op::V128Load32Zero { ref memarg } => self.translate_load_zero(I32X4, memarg),
            Op::V128Load64Zero { ref memarg } => self.translate_load_zero(I64X2, memarg),
            Op::V128Load8Lane { ref memarg, lane } => self.translate_load_lane(I8X16, memarg, lane),
            Op::V128Load16Lane { ref memarg, lane } => {
                self.translate_load_lane(I16X8, memarg, lane)
            }
            Op::V128Load32Lane { ref memarg, lane } => {
                self.translate_load_lane(I32X4, memarg, lane)
            }
            Op::V128Load64Lane { ref memarg, lane } => {
                self.translate_load_lane(I64X2, memarg, lane)
            }
            Op::V128Store8Lane { ref memarg, lane } => {
                self.translate_store_lane(I8X16, memarg, lane)
            }
            Op::V128Store16Lane { ref memarg, lane } => {
                self.translate_store_lane(I16X8, memarg, lane)
            }
            Op::V128Store32Lane { ref memarg, lane } => {
                self.translate_store_lane(I32X4, memarg, lane)
            }
            Op::V128Store64Lane { ref memarg, lane } => {
                self.translate_store_lane(I64X2, memarg, lane)
            }

            // Vectors as a whole
            Op::V128Const { ref value } => self.translate_v128_const(value.bytes()),
            Op::V128Not => self.translate_not(),
            Op::V128And => self.translate_bitwise(Opcode::Band),
            Op::V128Or => self.translate_bitwise(Opcode::Bor),
            Op::V128Xor => self.translate_bitwise(Opcode::Bxor),
            Op::V128AndNot => self.translate_and_not(),
            Op::V128Bitselect => self.translate_bitselect(),
            Op::V128AnyTrue => self.translate_vector_test(Opcode::VanyTrue, I8X16),
            Op::I8x16AllTrue => self.translate_vector_test(Opcode::VallTrue, I8X16),
            Op::I16x8AllTrue => self.translate_vector_test(Opcode::VallTrue, I16X8),
            Op::I32x4AllTrue => self.translate_vector_test(Opcode::VallTrue, I32X4),
            Op::I64x2AllTrue => self.translate_vector_test(Opcode::VallTrue, I64X2),
            Op::I8x16Bitmask => self.translate_bitmask(I8X16),
            Op::I16x8Bitmask => self.translate_bitmask(I16X8),
            Op::I32x4Bitmask => self.translate_bitmask(I32X4),
            Op::I64x2Bitmask => self.translate_bitmask(I64X2),

            // Lanes
            Op::I8x16Splat => self.translate_splat(I8X16),
            Op::I16x8Splat => self.translate_splat(I16X8),
            Op::I32x4Splat => self.translate_splat(I32X4),
            Op::I64x2Splat => self.translate_splat(I64X2),
            Op::F32x4Splat => self.translate_splat(F32X4),
            Op::F64x2Splat => self.translate_splat(F64X2),
            Op::I8x16ExtractLaneS { lane } => {
                self.translate_extract_narrow_lane(Opcode::Sextend, I8X16, lane)
            }
            Op::I8x16ExtractLaneU { lane } => {
                self.translate_extract_narrow_lane(Opcode::Uextend, I8X16, lane)
            }
            Op::I16x8ExtractLaneS { lane } => {
                self.translate_extract_narrow_lane(Opcode::Sextend, I16X8, lane)
            }
            Op::I16x8ExtractLaneU { lane } => {
                self.translate_extract_narrow_lane(Opcode::Uextend, I16X8, lane)
            }
            Op::I32x4ExtractLane { lane } => self.translate_extract_lane(I32X4, lane),
            Op::I64x2ExtractLane { lane } => self.translate_extract_lane(I64X2, lane),
            Op::F32x4ExtractLane { lane } => self.translate_extract_lane(F32X4, lane),
            Op::F64x2ExtractLane { lane } => self.translate_extract_lane(F64X2, lane),
            Op::I8x16ReplaceLane { lane } => self.translate_replace_lane(I8X16, lane),
            Op::I16x8ReplaceLane { lane } => self.translate_replace_lane(I16X8, lane),
            Op::I32x4ReplaceLane { lane } => self.translate_replace_lane(I32X4, lane),
            Op::I64x2ReplaceLane { lane } => self.translate_replace_lane(I64X2, lane),
            Op::F32x4ReplaceLane { lane } => self.translate_replace_lane(F32X4, lane),
            Op::F64x2ReplaceLane { lane } => self.translate_replace_lane(F64X2, lane),
            Op::I8x16Shuffle { ref lanes } => self.translate_shuffle(lanes),
            Op::I8x16Swizzle => self.translate_vector_binary(Opcode::Swizzle, I8X16),

            // Integer lanes
            Op::I8x16Abs => self.translate_vector_unary(Opcode::Iabs, I8X16),
            Op::I16x8Abs => self.translate_vector_unary(Opcode::Iabs, I16X8),
            Op::I32x4Abs => self.translate_vector_unary(Opcode::Iabs, I32X4),
            Op::I64x2Abs => self.translate_vector_unary(Opcode::Iabs, I64X2),
            Op::I8x16Neg => self.translate_vector_unary(Opcode::Ineg, I8X16),
            Op::I16x8Neg => self.translate_vector_unary(Opcode::Ineg, I16X8),
            Op::I32x4Neg => self.translate_vector_unary(Opcode::Ineg, I32X4),
            Op::I64x2Neg => self.translate_vector_unary(Opcode::Ineg, I64X2),
            Op::I8x16Popcnt => self.translate_vector_unary(Opcode::Popcnt, I8X16),
            Op::I8x16Add => self.translate_vector_binary(Opcode::Iadd, I8X16),
            Op::I16x8Add => self.translate_vector_binary(Opcode::Iadd, I16X8),
            Op::I32x4Add => self.translate_vector_binary(Opcode::Iadd, I32X4),
            Op::I64x2Add => self.translate_vector_binary(Opcode::Iadd, I64X2),
            Op::I8x16Sub => self.translate_vector_binary(Opcode::Isub, I8X16),
            Op::I16x8Sub => self.translate_vector_binary(Opcode::Isub, I16X8),
            Op::I32x4Sub => self.translate_vector_binary(Opcode::Isub, I32X4),
            Op::I64x2Sub => self.translate_vector_binary(Opcode::Isub, I64X2),
            Op::I16x8Mul => self.translate_vector_binary(Opcode::Imul, I16X8),
            Op::I32x4Mul => self.translate_vector_binary(Opcode::Imul, I32X4),
            Op::I64x2Mul => self.translate_vector_binary(Opcode::Imul, I64X2),
            Op::I8x16AddSatS => self.translate_vector_binary(Opcode::SaddSat, I8X16),
            Op::I16x8AddSatS => self.translate_vector_binary(Opcode::SaddSat, I16X8),
            Op::I8x16AddSatU => self.translate_vector_binary(Opcode::UaddSat, I8X16),
            Op::I16x8AddSatU => self.translate_vector_binary(Opcode::UaddSat, I16X8),
            Op::I8x16SubSatS => self.translate_vector_binary(Opcode::SsubSat, I8X16),
            Op::I16x8SubSatS => self.translate_vector_binary(Opcode::SsubSat, I16X8),
            Op::I8x16SubSatU => self.translate_vector_binary(Opcode::UsubSat, I8X16),
            Op::I16x8SubSatU => self.translate_vector_binary(Opcode::UsubSat, I16X8),
            Op::I8x16MinS => self.translate_vector_binary(Opcode::Smin, I8X16),
            Op::I16x8MinS => self.translate_vector_binary(Opcode::Smin, I16X8),
            Op::I32x4MinS => self.translate_vector_binary(Opcode::Smin, I32X4),
            Op::I8x16MinU => self.translate_vector_binary(Opcode::Umin, I8X16),
            Op::I16x8MinU => self.translate_vector_binary(Opcode::Umin, I16X8),
            Op::I32x4MinU => self.translate_vector_binary(Opcode::Umin, I32X4),
            Op::I8x16MaxS => self.translate_vector_binary(Opcode::Smax, I8X16),
            Op::I16x8MaxS => self.translate_vector_binary(Opcode::Smax, I16X8),
            Op::I32x4MaxS => self.translate_vector_binary(Opcode::Smax, I32X4),
            Op::I8x16MaxU => self.translate_vector_binary(Opcode::Umax, I8X16),
            Op::I16x8MaxU => self.translate_vector_binary(Opcode::Umax, I16X8),
            Op::I32x4MaxU => self.translate_vector_binary(Opcode::Umax, I32X4),
            Op::I8x16AvgrU => self.translate_vector_binary(Opcode::AvgRound, I8X16),
            Op::I16x8AvgrU => self.translate_vector_binary(Opcode::AvgRound, I16X8),
            Op::I16x8Q15MulrSatS => self.translate_vector_binary(Opcode::SqmulRoundSat, I16X8),
            Op::I8x16Shl => self.translate_vector_shift(Opcode::Ishl, I8X16),
            Op::I16x8Shl => self.translate_vector_shift(Opcode::Ishl, I16X8),
            Op::I32x4Shl => self.translate_vector_shift(Opcode::Ishl, I32X4),
            Op::I64x2Shl => self.translate_vector_shift(Opcode::Ishl, I64X2),
            Op::I8x16ShrS => self.translate_vector_shift(Opcode::Sshr, I8X16),
            Op::I16x8ShrS => self.translate_vector_shift(Opcode::Sshr, I16X8),
            Op::I32x4ShrS => self.translate_vector_shift(Opcode::Sshr, I32X4),
            Op::I64x2ShrS => self.translate_vector_shift(Opcode::Sshr, I64X2),
            Op::I8x16ShrU => self.translate_vector_shift(Opcode::Ushr, I8X16),
            Op::I16x8ShrU => self.translate_vector_shift(Opcode::Ushr, I16X8),
            Op::I32x4ShrU => self.translate_vector_shift(Opcode::Ushr, I32X4),
            Op::I64x2ShrU => self.translate_vector_shift(Opcode::Ushr, I64X2),
            Op::I16x8ExtMulLowI8x16S => self.translate_extmul(Opcode::SwidenLow, I8X16),
            Op::I16x8ExtMulLowI8x16U => self.translate_extmul(Opcode::UwidenLow, I8X16),
            Op::I16x8ExtMulHighI8x16S => self.translate_extmul(Opcode::SwidenHigh, I8X16),
            Op::I16x8ExtMulHighI8x16U => self.translate_extmul(Opcode::UwidenHigh, I8X16),
            Op::I32x4ExtMulLowI16x8S => self.translate_extmul(Opcode::SwidenLow, I16X8),
            Op::I32x4ExtMulLowI16x8U => self.translate_extmul(Opcode::UwidenLow, I16X8),
            Op::I32x4ExtMulHighI16x8S => self.translate_extmul(Opcode::SwidenHigh, I16X8),
            Op::I32x4ExtMulHighI16x8U => self.translate_extmul(Opcode::UwidenHigh, I16X8),
            Op::I64x2ExtMulLowI32x4S => self.translate_extmul(Opcode::SwidenLow, I32X4),
            Op::I64x2ExtMulLowI32x4U => self.translate_extmul(Opcode::UwidenLow, I32X4),
            Op::I64x2ExtMulHighI32x4S => self.translate_extmul(Opcode::SwidenHigh, I32X4),
            Op::I64x2ExtMulHighI32x4U => self.translate_extmul(Opcode::UwidenHigh, I32X4),
            Op::I16x8ExtAddPairwiseI8x16S => {
                self.translate_extadd_pairwise(Opcode::SwidenLow, Opcode::SwidenHigh, I8X16)
            }
            Op::I16x8ExtAddPairwiseI8x16U => {
                self.translate_extadd_pairwise(Opcode::UwidenLow, Opcode::UwidenHigh, I8X16)
            }
            Op::I32x4ExtAddPairwiseI16x8S => {
                self.translate_extadd_pairwise(Opcode::SwidenLow, Opcode::SwidenHigh, I16X8)
            }
            Op::I32x4ExtAddPairwiseI16x8U => {
                self.translate_extadd_pairwise(Opcode::UwidenLow, Opcode::UwidenHigh, I16X8)
            }
            Op::I32x4DotI16x8S => self.translate_dot(),
            Op::I8x16Eq => self.translate_vector_icmp(IntCC::Equal, I8X16),
            Op::I16x8Eq => self.translate_vector_icmp(IntCC::Equal, I16X8),
            Op::I32x4Eq => self.translate_vector_icmp(IntCC::Equal, I32X4),
            Op::I64x2Eq => self.translate_vector_icmp(IntCC::Equal, I64X2),
            Op::I8x16Ne => self.translate_vector_icmp(IntCC::NotEqual, I8X16),
            Op::I16x8Ne => self.translate_vector_icmp(IntCC::NotEqual, I16X8),
            Op::I32x4Ne => self.translate_vector_icmp(IntCC::NotEqual, I32X4),
            Op::I64x2Ne => self.translate_vector_icmp(IntCC::NotEqual, I64X2),
            Op::I8x16LtS => self.translate_vector_icmp(IntCC::SignedLessThan, I8X16),
            Op::I16x8LtS => self.translate_vector_icmp(IntCC::SignedLessThan, I16X8),
            Op::I32x4LtS => self.translate_vector_icmp(IntCC::SignedLessThan, I32X4),
            Op::I64x2LtS => self.translate_vector_icmp(IntCC::SignedLessThan, I64X2),
            Op::I8x16LtU => self.translate_vector_icmp(IntCC::UnsignedLessThan, I8X16),
            Op::I16x8LtU => self.translate_vector_icmp(IntCC::UnsignedLessThan, I16X8),
            Op::I32x4LtU => self.translate_vector_icmp(IntCC::UnsignedLessThan, I32X4),
            Op::I8x16GtS => self.translate_vector_icmp(IntCC::SignedGreaterThan, I8X16),
            Op::I16x8GtS => self.translate_vector_icmp(IntCC::SignedGreaterThan, I16X8),
            Op::I32x4GtS => self.translate_vector_icmp(IntCC::SignedGreaterThan, I32X4),
            Op::I64x2GtS => self.translate_vector_icmp(IntCC::SignedGreaterThan, I64X2),
            Op::I8x16GtU => self.translate_vector_icmp(IntCC::UnsignedGreaterThan, I8X16),
            Op::I16x8GtU => self.translate_vector_icmp(IntCC::UnsignedGreaterThan, I16X8),
            Op::I32x4GtU => self.translate_vector_icmp(IntCC::UnsignedGreaterThan, I32X4),
            Op::I8x16LeS => self.translate_vector_icmp(IntCC::SignedLessThanOrEqual, I8X16),
            Op::I16x8LeS => self.translate_vector_icmp(IntCC::SignedLessThanOrEqual, I16X8),
            Op::I32x4LeS => self.translate_vector_icmp(IntCC::SignedLessThanOrEqual, I32X4),
            Op::I64x2LeS => self.translate_vector_icmp(IntCC::SignedLessThanOrEqual, I64X2),
            Op::I8x16LeU => self.translate_vector_icmp(IntCC::UnsignedLessThanOrEqual, I8X16),
            Op::I16x8LeU => self.translate_vector_icmp(IntCC::UnsignedLessThanOrEqual, I16X8),
            Op::I32x4LeU => self.translate_vector_icmp(IntCC::UnsignedLessThanOrEqual, I32X4),
            Op::I8x16GeS => self.translate_vector_icmp(IntCC::SignedGreaterThanOrEqual, I8X16),
            Op::I16x8GeS => self.translate_vector_icmp(IntCC::SignedGreaterThanOrEqual, I16X8),
            Op::I32x4GeS => self.translate_vector_icmp(IntCC::SignedGreaterThanOrEqual, I32X4),
            Op::I64x2GeS => self.translate_vector_icmp(IntCC::SignedGreaterThanOrEqual, I64X2),
            Op::I8x16GeU => self.translate_vector_icmp(IntCC::UnsignedGreaterThanOrEqual, I8X16),
            Op::I16x8GeU => self.translate_vector_icmp(IntCC::UnsignedGreaterThanOrEqual, I16X8),
            Op::I32x4GeU => self.translate_vector_icmp(IntCC::UnsignedGreaterThanOrEqual, I32X4),

            // Float lanes
            Op::F32x4Abs => self.translate_vector_unary(Opcode::Fabs, F32X4),
            Op::F64x2Abs => self.translate_vector_unary(Opcode::Fabs, F64X2),
            Op::F32x4Neg => self.translate_vector_unary(Opcode::Fneg, F32X4),
            Op::F64x2Neg => self.translate_vector_unary(Opcode::Fneg, F64X2),
            Op::F32x4Ceil => self.translate_vector_unary(Opcode::Ceil, F32X4),
            Op::F64x2Ceil => self.translate_vector_unary(Opcode::Ceil, F64X2),
            Op::F32x4Floor => self.translate_vector_unary(Opcode::Floor, F32X4),
            Op::F64x2Floor => self.translate_vector_unary(Opcode::Floor, F64X2),
            Op::F32x4Trunc => self.translate_vector_unary(Opcode::Trunc, F32X4),
            Op::F64x2Trunc => self.translate_vector_unary(Opcode::Trunc, F64X2),
            Op::F32x4Nearest => self.translate_vector_unary(Opcode::Nearest, F32X4),
            Op::F64x2Nearest => self.translate_vector_unary(Opcode::Nearest, F64X2),
            Op::F32x4Sqrt => self.translate_vector_unary(Opcode::Sqrt, F32X4),
            Op::F64x2Sqrt => self.translate_vector_unary(Opcode::Sqrt, F64X2),
            Op::F32x4Add => self.translate_vector_binary(Opcode::Fadd, F32X4),
            Op::F64x2Add => self.translate_vector_binary(Opcode::Fadd, F64X2),
            Op::F32x4Sub => self.translate_vector_binary(Opcode::Fsub, F32X4),
            Op::F64x2Sub => self.translate_vector_binary(Opcode::Fsub, F64X2),
            Op::F32x4Mul => self.translate_vector_binary(Opcode::Fmul, F32X4),
            Op::F64x2Mul => self.translate_vector_binary(Opcode::Fmul, F64X2),
            Op::F32x4Div => self.translate_vector_binary(Opcode::Fdiv, F32X4),
            Op::F64x2Div => self.translate_vector_binary(Opcode::Fdiv, F64X2),
            Op::F32x4Min => self.translate_vector_binary(Opcode::Fmin, F32X4),
            Op::F64x2Min => self.translate_vector_binary(Opcode::Fmin, F64X2),
            Op::F32x4Max => self.translate_vector_binary(Opcode::Fmax, F32X4),
            Op::F64x2Max => self.translate_vector_binary(Opcode::Fmax, F64X2),
            Op::F32x4PMin => self.translate_pmin(F32X4),
            Op::F64x2PMin => self.translate_pmin(F64X2),
            Op::F32x4PMax => self.translate_pmax(F32X4),
            Op::F64x2PMax => self.translate_pmax(F64X2),
            Op::F32x4Eq => self.translate_vector_fcmp(FloatCC::Equal, F32X4),
            Op::F64x2Eq => self.translate_vector_fcmp(FloatCC::Equal, F64X2),
            Op::F32x4Ne => self.translate_vector_fcmp(FloatCC::NotEqual, F32X4),
            Op::F64x2Ne => self.translate_vector_fcmp(FloatCC::NotEqual, F64X2),
            Op::F32x4Lt => self.translate_vector_fcmp(FloatCC::LessThan, F32X4),
            Op::F64x2Lt => self.translate_vector_fcmp(FloatCC::LessThan, F64X2),
            Op::F32x4Gt => self.translate_vector_fcmp(FloatCC::GreaterThan, F32X4),
            Op::F64x2Gt => self.translate_vector_fcmp(FloatCC::GreaterThan, F64X2),
            Op::F32x4Le => self.translate_vector_fcmp(FloatCC::LessThanOrEqual, F32X4),
            Op::F64x2Le => self.translate_vector_fcmp(FloatCC::LessThanOrEqual, F64X2),
            Op::F32x4Ge => self.translate_vector_fcmp(FloatCC::GreaterThanOrEqual, F32X4),
            Op::F64x2Ge => self.translate_vector_fcmp(FloatCC::GreaterThanOrEqual, F64X2),

            // Conversions of lanes
            Op::I8x16NarrowI16x8S => self.translate_vector_binary(Opcode::Snarrow, I16X8),
            Op::I8x16NarrowI16x8U => self.translate_vector_binary(Opcode::Unarrow, I16X8),
            Op::I16x8NarrowI32x4S => self.translate_vector_binary(Opcode::Snarrow, I32X4),
            Op::I16x8NarrowI32x4U => self.translate_vector_binary(Opcode::Unarrow, I32X4),
            Op::I16x8ExtendLowI8x16S => self.translate_vector_unary(Opcode::SwidenLow, I8X16),
            Op::I16x8ExtendLowI8x16U => self.translate_vector_unary(Opcode::UwidenLow, I8X16),
            Op::I16x8ExtendHighI8x16S => self.translate_vector_unary(Opcode::SwidenHigh, I8X16),
            Op::I16x8ExtendHighI8x16U => self.translate_vector_unary(Opcode::UwidenHigh, I8X16),
            Op::I32x4ExtendLowI16x8S => self.translate_vector_unary(Opcode::SwidenLow, I16X8),
            Op::I32x4ExtendLowI16x8U => self.translate_vector_unary(Opcode::UwidenLow, I16X8),
            Op::I32x4ExtendHighI16x8S => self.translate_vector_unary(Opcode::SwidenHigh, I16X8),
            Op::I32x4ExtendHighI16x8U => self.translate_vector_unary(Opcode::UwidenHigh, I16X8),
            Op::I64x2ExtendLowI32x4S => self.translate_vector_unary(Opcode::SwidenLow, I32X4),
            Op::I64x2ExtendLowI32x4U => self.translate_vector_unary(Opcode::UwidenLow, I32X4),
            Op::I64x2ExtendHighI32x4S => self.translate_vector_unary(Opcode::SwidenHigh, I32X4),
            Op::I64x2ExtendHighI32x4U => self.translate_vector_unary(Opcode::UwidenHigh, I32X4),
            Op::F32x4ConvertI32x4S => {
                self.translate_vector_convert(Opcode::FcvtFromSint, I32X4, F32X4)
            }
            Op::F64x2ConvertLowI32x4S => {
                self.translate_convert_low(Opcode::SwidenLow, Opcode::FcvtFromSint)
            }
            Op::I32x4TruncSatF32x4S => {
                self.translate_vector_convert(Opcode::FcvtToSintSat, F32X4, I32X4)
            }
            Op::I32x4TruncSatF64x2SZero => {
                self.translate_trunc_zero(Opcode::FcvtToSintSat, Opcode::Snarrow)
            }
            Op::F32x4ConvertI32x4U => {
                self.translate_vector_convert(Opcode::FcvtFromUint, I32X4, F32X4)
            }
            Op::F64x2ConvertLowI32x4U => {
                self.translate_convert_low(Opcode::UwidenLow, Opcode::FcvtFromUint)
            }
            Op::I32x4TruncSatF32x4U => {
                self.translate_vector_convert(Opcode::FcvtToUintSat, F32X4, I32X4)
            }
            Op::I32x4TruncSatF64x2UZero => {
                self.translate_trunc_zero(Opcode::FcvtToUintSat, Opcode::Uunarrow)
            }
            Op::F32x4DemoteF64x2Zero => self.translate_vector_unary(Opcode::Fvdemote, F64X2),
            Op::F64x2PromoteLowF32x4 => self.translate_vector_unary(Opcode::FvpromoteLow, F32X4),

            // Relaxed SIMD
            Op::I8x16RelaxedSwizzle => self.translate_relaxed_swizzle(),
            Op::I32x4RelaxedTruncF32x4S => self.translate_relaxed_trunc_s(),
            Op::I32x4RelaxedTruncF32x4U => {
                self.translate_vector_convert(Opcode::FcvtToUintSat, F32X4, I32X4)
            }
            Op::I32x4RelaxedTruncF64x2SZero => self.translate_relaxed_trunc_zero_s(),
            Op::I32x4RelaxedTruncF64x2UZero => {
                self.translate_trunc_zero(Opcode::FcvtToUintSat, Opcode::Uunarrow)
            }
            Op::F32x4RelaxedMadd => self.translate_relaxed_madd(F32X4),
            Op::F32x4RelaxedNmadd => self.translate_relaxed_nmadd(F32X4),
            Op::F64x2RelaxedMadd => self.translate_relaxed_madd(F64X2),
            Op::F64x2RelaxedNmadd => self.translate_relaxed_nmadd(F64X2),
            Op::I8x16RelaxedLaneselect => self.translate_relaxed_laneselect(I8X16),
            Op::I16x8RelaxedLaneselect => self.translate_relaxed_laneselect(I16X8),
            Op::I32x4RelaxedLaneselect => self.translate_relaxed_laneselect(I32X4),
            Op::I64x2RelaxedLaneselect => self.translate_relaxed_laneselect(I64X2),
            Op::F32x4RelaxedMin => self.translate_relaxed_min(F32X4),
            Op::F32x4RelaxedMax => self.translate_relaxed_max(F32X4),
            Op::F64x2RelaxedMin => self.translate_relaxed_min(F64X2),
            Op::F64x2RelaxedMax => self.translate_relaxed_max(F64X2),
            Op::I16x8RelaxedQ15mulrS => self.translate_relaxed_q15mulr(),
            Op::I16x8RelaxedDotI8x16I7x16S => self.translate_relaxed_dot(),
            Op::I32x4RelaxedDotI8x16I7x16AddS => self.translate_relaxed_dot_add(),

            // Room for what comes later: typed references, exceptions, GC, threads.
            _ => return Err(self.unsupported()),
        }
        Ok(())
    }

    /// The error for the operator under translation, which has no row.
    #[cold]
    fn unsupported(&self) -> CompileError {
        let offset = self.wasm_offset as usize;
        let what = format!("the operator {}", opcode(&self.env.module.bytes[offset..]));
        CompileError::unsupported(self.function, offset, what)
    }
}

/// The number of the operator that `bytes` begin with, as the specification writes it. Names of
/// all operators would be a burden to every program for an error that validation forestalls: what
/// has no row here has no feature that it could be switched on by.
fn opcode(bytes: &[u8]) -> String {
    // Behind these stands a number of any length, least significant bits first.
    let prefixed = matches!(bytes.first(), Some(0xfb..=0xfe));
    let len = bytes.iter().skip(1).take_while(|byte| **byte >= 0x80).count() + 2;
    let bytes = bytes.iter().take(if prefixed { len } else { 1 });
    bytes.map(|byte| format!("0x{byte:02x}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::opcode;

    #[test]
    fn operators_are_numbered_as_in_the_specification() {
        assert_eq!(opcode(&[0xd4, 0x00]), "0xd4");
        assert_eq!(opcode(&[0xfb, 0x1c, 0x0b]), "0xfb 0x1c");
        assert_eq!(opcode(&[0xfd, 0x80, 0x02, 0x0b]), "0xfd 0x80 0x02");
        assert_eq!(opcode(&[0xfe]), "0xfe");
        assert_eq!(opcode(&[]), "");
    }
}
