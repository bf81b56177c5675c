//! Conversions between the number types.
//!
//! Those that cannot fail are one instruction, named by the dispatch table. Conversions from floats
//! to integers that trap do so by themselves where signals are caught; elsewhere the range is
//! checked first. This file never touches memory, tables or the context.
//!
//! **Invariants**
//! - A NaN is told from a number out of range: their traps differ.
//! - A range check accepts exactly the floats whose integral part the integer type holds; its
//!   bounds are floats without rounding.

use brolga_abi::TrapCode;
use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Opcode, Type, Value, types};

use super::FuncTranslator;

impl FuncTranslator<'_, '_> {
    /// A conversion to `to` that cannot fail and is one instruction.
    pub(super) fn translate_convert(&mut self, opcode: Opcode, to: Type) {
        let x = self.pop();
        let result = self.emit_unary(opcode, to, x);
        self.push(result);
    }

    /// A reinterpretation of the bits as `to`.
    pub(super) fn translate_reinterpret(&mut self, to: Type) {
        let x = self.pop();
        let result = self.builder.ins().bitcast(to, MemFlagsData::new(), x);
        self.push(result);
    }

    /// `extend8_s`, `extend16_s`, `extend32_s`: the sign of the low bits that `from` has is spread
    /// over the rest of `to`.
    pub(super) fn translate_sign_extension(&mut self, from: Type, to: Type) {
        let x = self.pop();
        let low = self.builder.ins().ireduce(from, x);
        let result = self.builder.ins().sextend(to, low);
        self.push(result);
    }

    /// `trunc` to a signed integer of type `to`; traps on NaN and out of range.
    pub(super) fn translate_trunc_s(&mut self, to: Type) {
        self.translate_trunc(to, true, Opcode::FcvtToSint, Opcode::FcvtToSintSat);
    }

    /// `trunc` to an unsigned integer of type `to`; traps on NaN and out of range.
    pub(super) fn translate_trunc_u(&mut self, to: Type) {
        self.translate_trunc(to, false, Opcode::FcvtToUint, Opcode::FcvtToUintSat);
    }

    fn translate_trunc(&mut self, to: Type, signed: bool, trapping: Opcode, saturating: Opcode) {
        let x = self.pop();
        let opcode = if self.env.hardware_traps() {
            self.mark_source();
            trapping
        } else {
            self.emit_trunc_check(x, to, signed);
            saturating
        };
        let result = self.emit_unary(opcode, to, x);
        self.push(result);
    }

    /// Traps unless the integral part of the float `x` is an integer of type `to`.
    fn emit_trunc_check(&mut self, x: Value, to: Type, signed: bool) {
        let is_nan = self.builder.ins().fcmp(FloatCC::Unordered, x, x);
        self.trapnz(is_nan, TrapCode::BadConversionToInteger);

        let from = self.value_type(x);
        let bounds = TruncBounds::new(from, to, signed);
        let low = self.emit_float(from, bounds.low);
        let above = self.builder.ins().fcmp(bounds.low_condition, x, low);
        let high = self.emit_float(from, bounds.high);
        let below = self.builder.ins().fcmp(FloatCC::LessThan, x, high);
        let inside = self.builder.ins().band(above, below);
        self.trapz(inside, TrapCode::IntegerOverflow);
    }

    /// A constant of the float type `ty`, which holds `value` without rounding.
    fn emit_float(&mut self, ty: Type, value: f64) -> Value {
        if ty == types::F32 {
            self.builder.ins().f32const(value as f32)
        } else {
            self.builder.ins().f64const(value)
        }
    }
}

/// Which floats have an integral part that an integer type holds.
#[derive(PartialEq, Debug)]
struct TruncBounds {
    /// How a float in range compares with `low`.
    low_condition: FloatCC,
    low: f64,
    /// Floats in range are less.
    high: f64,
}

impl TruncBounds {
    fn new(from: Type, to: Type, signed: bool) -> Self {
        // Exact, which nobody says of `powi`.
        let power = |exponent: u32| (1_u128 << exponent) as f64;
        if !signed {
            return Self { low_condition: FloatCC::GreaterThan, low: -1.0, high: power(to.bits()) };
        }
        let high = power(to.bits() - 1);
        // Between the smallest integer and the one below it, only a 64-bit float has values, and
        // only next to 32-bit integers. All of them round up, so they belong to the range.
        if from == types::F64 && to == types::I32 {
            Self { low_condition: FloatCC::GreaterThan, low: -high - 1.0, high }
        } else {
            Self { low_condition: FloatCC::GreaterThanOrEqual, low: -high, high }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the check lets `x` pass.
    fn accepts(bounds: &TruncBounds, x: f64) -> bool {
        let above = match bounds.low_condition {
            FloatCC::GreaterThan => x > bounds.low,
            FloatCC::GreaterThanOrEqual => x >= bounds.low,
            other => panic!("no lower bound is compared by {other}"),
        };
        above && x < bounds.high
    }

    /// The floats around both ends of the range, each with whether its integral part fits.
    fn check(from: Type, to: Type, signed: bool) {
        let bounds = TruncBounds::new(from, to, signed);
        let (smallest, largest): (i128, i128) = if signed {
            (-(1 << (to.bits() - 1)), (1 << (to.bits() - 1)) - 1)
        } else {
            (0, (1 << to.bits()) - 1)
        };
        let neighbours = |x: f64| -> [f64; 3] {
            if from == types::F32 {
                let x = x as f32;
                [x.next_down().into(), x.into(), x.next_up().into()]
            } else {
                [x.next_down(), x, x.next_up()]
            }
        };
        for end in [smallest - 1, smallest, 0, largest, largest + 1] {
            for x in neighbours(end as f64) {
                let fits = (smallest..=largest).contains(&(x.trunc() as i128));
                assert_eq!(accepts(&bounds, x), fits, "{x} from {from} to {to}, signed {signed}");
            }
        }
    }

    #[test]
    fn bounds_accept_exactly_what_fits() {
        for from in [types::F32, types::F64] {
            for to in [types::I32, types::I64] {
                check(from, to, true);
                check(from, to, false);
            }
        }
    }

    #[test]
    fn bounds_are_not_rounded() {
        for to in [types::I32, types::I64] {
            for signed in [true, false] {
                let bounds = TruncBounds::new(types::F32, to, signed);
                assert_eq!(f64::from(bounds.low as f32), bounds.low);
                assert_eq!(f64::from(bounds.high as f32), bounds.high);
            }
        }
    }
}
