//! Values as both sides of a comparison understand them.
//!
//! **Invariants**
//! - A float is its bits, so that equal means equal, NaNs included.
//! - Of a function reference only is kept whether it is null: no two engines name functions alike.

use arbitrary::Unstructured;
use brolga_module::ValType;

/// A value without a store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Value {
    /// An i32, its bits.
    I32(u32),
    /// An i64, its bits.
    I64(u64),
    /// An f32, its bits.
    F32(u32),
    /// An f64, its bits.
    F64(u64),
    /// A v128, its bits.
    V128(u128),
    /// A reference to a function.
    Func {
        /// Whether it is null.
        null: bool,
    },
    /// A reference to a host object, which is a number; `None` is null.
    Extern(Option<u32>),
}

/// What arithmetic finds interesting.
const CORNERS: [u64; 12] = [
    0,
    1,
    2,
    0x7f,
    0xff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_ffff_ffff,
    0x3ff0_0000_0000_0000,
];

const FLOATS: [f64; 10] =
    [0.0, -0.0, 1.0, -1.5, f64::MAX, f64::MIN_POSITIVE, f64::INFINITY, 2147483648.0, 1e19, 0.1];

/// A value of type `ty`; references to functions are null.
pub fn arbitrary_value(u: &mut Unstructured<'_>, ty: ValType) -> arbitrary::Result<Value> {
    let corner = u.ratio(1u8, 2u8)?;
    Ok(match ty {
        ValType::I32 => {
            Value::I32(if corner { *u.choose(&CORNERS)? as u32 } else { u.arbitrary()? })
        }
        ValType::I64 => Value::I64(if corner { *u.choose(&CORNERS)? } else { u.arbitrary()? }),
        ValType::F32 if corner => Value::F32((*u.choose(&FLOATS)? as f32).to_bits()),
        ValType::F64 if corner => Value::F64(u.choose(&FLOATS)?.to_bits()),
        ValType::F32 => Value::F32(without_payload_32(u.arbitrary()?)),
        ValType::F64 => Value::F64(without_payload_64(u.arbitrary()?)),
        ValType::V128 if corner => {
            let lane: u64 = *u.choose(&CORNERS)?;
            Value::V128(u128::from(lane) << 64 | u128::from(u.choose(&FLOATS)?.to_bits()))
        }
        ValType::V128 => Value::V128(u.arbitrary()?),
        ValType::Ref(ty) if ty.is_func() => Value::Func { null: true },
        ValType::Ref(_) => Value::Extern(u.arbitrary()?),
    })
}

/// A value that follows from `seed` alone; references to functions are null. What host functions
/// return.
pub fn derived_value(seed: u64, ty: ValType) -> Value {
    match ty {
        ValType::I32 => Value::I32((seed % 1000) as u32),
        ValType::I64 => Value::I64(seed),
        ValType::F32 => Value::F32((seed as f32).to_bits()),
        ValType::F64 => Value::F64((seed as f64).to_bits()),
        ValType::V128 => Value::V128(u128::from(seed) << 64 | u128::from(!seed)),
        ValType::Ref(ty) if ty.is_func() => Value::Func { null: true },
        ValType::Ref(_) => Value::Extern((!seed.is_multiple_of(4)).then_some((seed % 1000) as u32)),
    }
}

fn without_payload_32(bits: u32) -> u32 {
    if f32::from_bits(bits).is_nan() { 0x7fc0_0000 } else { bits }
}

fn without_payload_64(bits: u64) -> u64 {
    if f64::from_bits(bits).is_nan() { 0x7ff8_0000_0000_0000 } else { bits }
}
