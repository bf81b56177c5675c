//! Values of a script: arguments to pass, results to expect.

use brolga::{AsContextMut, ExternRef, Result, Val};
use wast::WastArg;
use wast::WastRet;
use wast::core::{AbstractHeapType, HeapType, NanPattern, V128Const, V128Pattern};
use wast::core::{WastArgCore, WastRetCore};
use wast::token::{F32, F64};

/// The value of an argument.
pub(crate) fn argument(store: &mut impl AsContextMut, arg: &WastArg<'_>) -> Result<Val> {
    let WastArg::Core(arg) = arg else {
        brolga::bail!("arguments of components are not supported");
    };
    Ok(match arg {
        WastArgCore::I32(value) => Val::I32(*value),
        WastArgCore::I64(value) => Val::I64(*value),
        WastArgCore::F32(value) => Val::F32(value.bits),
        WastArgCore::F64(value) => Val::F64(value.bits),
        WastArgCore::V128(value) => Val::V128(vector(value).into()),
        WastArgCore::RefNull(HeapType::Abstract { ty: AbstractHeapType::Extern, .. }) => {
            Val::ExternRef(None)
        }
        WastArgCore::RefNull(HeapType::Abstract { ty: AbstractHeapType::Func, .. }) => {
            Val::FuncRef(None)
        }
        WastArgCore::RefExtern(number) => {
            Val::ExternRef(Some(ExternRef::new(store.as_context_mut(), *number)?))
        }
        other => brolga::bail!("cannot make the argument {other:?}"),
    })
}

fn vector(value: &V128Const) -> u128 {
    u128::from_le_bytes(value.to_le_bytes())
}

/// Checks `found` against `expected`; the error says what differs.
pub(crate) fn check(
    store: &mut impl AsContextMut,
    found: &Val,
    expected: &WastRet<'_>,
) -> Result<(), String> {
    let WastRet::Core(expected) = expected else {
        return Err("results of components are not supported".to_string());
    };
    check_core(store, found, expected)
}

fn check_core(
    store: &mut impl AsContextMut,
    found: &Val,
    expected: &WastRetCore<'_>,
) -> Result<(), String> {
    let matches = match (found, expected) {
        (_, WastRetCore::Either(alternatives)) => {
            alternatives.iter().any(|expected| check_core(store, found, expected).is_ok())
        }
        (Val::I32(found), WastRetCore::I32(expected)) => found == expected,
        (Val::I64(found), WastRetCore::I64(expected)) => found == expected,
        (Val::F32(found), WastRetCore::F32(expected)) => f32_matches(*found, expected),
        (Val::F64(found), WastRetCore::F64(expected)) => f64_matches(*found, expected),
        (Val::V128(found), WastRetCore::V128(expected)) => {
            vector_matches(found.as_u128(), expected)
        }
        (Val::FuncRef(None) | Val::ExternRef(None), WastRetCore::RefNull(None)) => true,
        (
            Val::FuncRef(None),
            WastRetCore::RefNull(Some(HeapType::Abstract { ty: AbstractHeapType::Func, .. })),
        ) => true,
        (
            Val::ExternRef(None),
            WastRetCore::RefNull(Some(HeapType::Abstract { ty: AbstractHeapType::Extern, .. })),
        ) => true,
        (Val::FuncRef(Some(_)), WastRetCore::RefFunc(None)) => true,
        (Val::ExternRef(Some(_)), WastRetCore::RefExtern(None)) => true,
        (Val::ExternRef(Some(found)), WastRetCore::RefExtern(Some(expected))) => {
            let store = store.as_context_mut();
            let number =
                found.data(&store).ok().flatten().and_then(|data| data.downcast_ref::<u32>());
            number == Some(expected)
        }
        _ => false,
    };
    if matches {
        Ok(())
    } else {
        Err(format!("expected {}, found {}", Expected(expected), Found(found)))
    }
}

/// The quiet bit and the rest of a NaN's payload decide which pattern it fits.
fn f32_matches(found: u32, expected: &NanPattern<F32>) -> bool {
    match expected {
        NanPattern::CanonicalNan => found & 0x7fff_ffff == 0x7fc0_0000,
        NanPattern::ArithmeticNan => found & 0x7fc0_0000 == 0x7fc0_0000,
        NanPattern::Value(expected) => found == expected.bits,
    }
}

fn f64_matches(found: u64, expected: &NanPattern<F64>) -> bool {
    match expected {
        NanPattern::CanonicalNan => found & 0x7fff_ffff_ffff_ffff == 0x7ff8_0000_0000_0000,
        NanPattern::ArithmeticNan => found & 0x7ff8_0000_0000_0000 == 0x7ff8_0000_0000_0000,
        NanPattern::Value(expected) => found == expected.bits,
    }
}

fn vector_matches(found: u128, expected: &V128Pattern) -> bool {
    let bytes = found.to_le_bytes();
    match expected {
        V128Pattern::I8x16(lanes) => bytes.map(|byte| byte as i8) == *lanes,
        V128Pattern::I16x8(lanes) => lanes_of(&bytes).map(i16::from_le_bytes).eq(*lanes),
        V128Pattern::I32x4(lanes) => lanes_of(&bytes).map(i32::from_le_bytes).eq(*lanes),
        V128Pattern::I64x2(lanes) => lanes_of(&bytes).map(i64::from_le_bytes).eq(*lanes),
        V128Pattern::F32x4(lanes) => lanes_of(&bytes)
            .map(u32::from_le_bytes)
            .zip(lanes)
            .all(|(found, expected)| f32_matches(found, expected)),
        V128Pattern::F64x2(lanes) => lanes_of(&bytes)
            .map(u64::from_le_bytes)
            .zip(lanes)
            .all(|(found, expected)| f64_matches(found, expected)),
    }
}

fn lanes_of<const WIDTH: usize>(bytes: &[u8; 16]) -> impl Iterator<Item = [u8; WIDTH]> {
    bytes.as_chunks::<WIDTH>().0.iter().copied()
}

/// A value as a failure shows it: floats with their bits, because NaNs differ only there.
struct Found<'a>(&'a Val);

impl std::fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Val::I32(value) => write!(f, "i32 {value} ({value:#x})"),
            Val::I64(value) => write!(f, "i64 {value} ({value:#x})"),
            Val::F32(bits) => write!(f, "f32 {} ({bits:#010x})", f32::from_bits(*bits)),
            Val::F64(bits) => write!(f, "f64 {} ({bits:#018x})", f64::from_bits(*bits)),
            Val::V128(value) => write!(f, "v128 {:#034x}", value.as_u128()),
            Val::FuncRef(func) => write!(f, "funcref {}", presence(func.is_some())),
            Val::ExternRef(object) => write!(f, "externref {}", presence(object.is_some())),
            #[allow(unreachable_patterns, reason = "Val may grow")]
            other => write!(f, "{other:?}"),
        }
    }
}

struct Expected<'a, 'b>(&'a WastRetCore<'b>);

impl std::fmt::Display for Expected<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            WastRetCore::I32(value) => write!(f, "i32 {value} ({value:#x})"),
            WastRetCore::I64(value) => write!(f, "i64 {value} ({value:#x})"),
            WastRetCore::F32(NanPattern::Value(value)) => {
                write!(f, "f32 {} ({:#010x})", f32::from_bits(value.bits), value.bits)
            }
            WastRetCore::F64(NanPattern::Value(value)) => {
                write!(f, "f64 {} ({:#018x})", f64::from_bits(value.bits), value.bits)
            }
            other => write!(f, "{other:?}"),
        }
    }
}

fn presence(is_some: bool) -> &'static str {
    if is_some { "(not null)" } else { "null" }
}
