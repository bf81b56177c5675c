//! Arguments and results of `brolga run --invoke`, by their types.

use std::fmt;

use brolga::{V128, Val, ValType};

use crate::failure::Failure;

/// The value of type `ty` that `text` says.
pub(super) fn argument(text: &str, ty: &ValType) -> Result<Val, Failure> {
    let value = match ty {
        ValType::I32 => integer(text, 32).map(|value| Val::I32(value as i32)),
        ValType::I64 => integer(text, 64).map(|value| Val::I64(value as i64)),
        ValType::F32 => text.parse().ok().map(|value: f32| Val::F32(value.to_bits())),
        ValType::F64 => text.parse().ok().map(|value: f64| Val::F64(value.to_bits())),
        ValType::V128 => hexadecimal(text).map(|value| Val::V128(V128::from(value))),
        ValType::Ref(_) if text == "null" => Val::default_for_ty(ty),
        _ => None,
    };
    value.ok_or_else(|| {
        let failure = Failure::usage(format!("`{text}` is no {ty}"));
        match ty {
            ValType::V128 => failure.hint("write a v128 as a number of 128 bits: 0x0123…"),
            ValType::Ref(_) => failure.hint("the only reference that can be given is `null`"),
            _ => failure,
        }
    })
}

/// A number of `bits` bits, signed or not, in decimal or hexadecimal. Its bits, extended.
fn integer(text: &str, bits: u32) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    // A second sign is none that a number has.
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let digits = digits.replace('_', "");
    let magnitude = match digits.strip_prefix("0x") {
        Some(hex) if !hex.starts_with(['+', '-']) => i128::from_str_radix(hex, 16).ok()?,
        Some(_) => return None,
        None => digits.parse::<i128>().ok()?,
    };
    let value = if negative { -magnitude } else { magnitude };
    let range = -(1_i128 << (bits - 1))..(1_i128 << bits);
    range.contains(&value).then_some(value)
}

fn hexadecimal(text: &str) -> Option<u128> {
    let digits = text.strip_prefix("0x")?.replace('_', "");
    if digits.starts_with(['+', '-']) {
        return None;
    }
    u128::from_str_radix(&digits, 16).ok()
}

/// A value with its type, as `argument` reads it: `i32:-1`, `f64:0.5`, `funcref:null`.
pub(super) struct Typed<'a>(pub(super) &'a Val);

impl fmt::Display for Typed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Val::I32(value) => write!(f, "i32:{value}"),
            Val::I64(value) => write!(f, "i64:{value}"),
            Val::F32(bits) => {
                write_float(f, "f32", f32::from_bits(*bits), (*bits & 0x7f_ffff).into(), 1 << 22)
            }
            Val::F64(bits) => {
                let payload = bits & 0xf_ffff_ffff_ffff;
                write_float(f, "f64", f64::from_bits(*bits), payload, 1 << 51)
            }
            Val::V128(value) => write!(f, "v128:{:#034x}", value.as_u128()),
            Val::FuncRef(None) => f.write_str("funcref:null"),
            Val::FuncRef(Some(_)) => f.write_str("funcref:function"),
            Val::ExternRef(None) => f.write_str("externref:null"),
            Val::ExternRef(Some(_)) => f.write_str("externref:object"),
            _ => f.write_str("value of another type"),
        }
    }
}

/// A float in decimal. NaNs are told apart by sign and payload, as in the text format.
fn write_float<F: fmt::Display + Copy + Into<f64>>(
    f: &mut fmt::Formatter<'_>,
    ty: &str,
    value: F,
    payload: u64,
    canonical: u64,
) -> fmt::Result {
    let wide: f64 = value.into();
    if !wide.is_nan() {
        return write!(f, "{ty}:{value}");
    }
    let sign = if wide.is_sign_negative() { "-" } else { "" };
    if payload == canonical {
        write!(f, "{ty}:{sign}nan")
    } else {
        write!(f, "{ty}:{sign}nan:{payload:#x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(text: &str, ty: ValType) -> String {
        argument(text, &ty).map_or_else(|_| "refused".into(), |value| Typed(&value).to_string())
    }

    #[test]
    fn integers_are_signed_or_not() {
        assert_eq!(round("-1", ValType::I32), "i32:-1");
        assert_eq!(round("4294967295", ValType::I32), "i32:-1");
        assert_eq!(round("0x8000_0000", ValType::I32), "i32:-2147483648");
        assert_eq!(round("4294967296", ValType::I32), "refused");
        assert_eq!(round("-2147483649", ValType::I32), "refused");
        assert_eq!(round("0xffffffffffffffff", ValType::I64), "i64:-1");
        for text in ["", "-", "+-1", "0x", "0x-1", "1.5", "ten", "--1"] {
            assert_eq!(round(text, ValType::I32), "refused", "{text}");
        }
    }

    #[test]
    fn floats_keep_their_bits() {
        assert_eq!(round("0.1", ValType::F64), "f64:0.1");
        assert_eq!(round("-inf", ValType::F32), "f32:-inf");
        assert_eq!(round("-0", ValType::F32), "f32:-0");
        assert_eq!(round("nan", ValType::F32), "f32:nan");
        assert_eq!(Typed(&Val::F32(0xffc0_0000)).to_string(), "f32:-nan");
        assert_eq!(Typed(&Val::F64(0x7ff0_0000_0000_0001)).to_string(), "f64:nan:0x1");
        assert_eq!(round("abc", ValType::F64), "refused");
    }

    #[test]
    fn vectors_are_hexadecimal_and_references_null() {
        assert_eq!(round("0x1", ValType::V128), "v128:0x00000000000000000000000000000001");
        assert_eq!(round("1", ValType::V128), "refused");
        assert_eq!(round("null", ValType::FUNCREF), "funcref:null");
        assert_eq!(round("null", ValType::EXTERNREF), "externref:null");
        assert_eq!(round("3", ValType::EXTERNREF), "refused");
    }
}
