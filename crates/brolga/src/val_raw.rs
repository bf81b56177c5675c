//! Values without their types: what [`Func::call_unchecked`](crate::Func::call_unchecked) and
//! [`Func::new_unchecked`](crate::Func::new_unchecked) pass.
//!
//! **Invariants**
//! - A value is 16 bytes, whatever it is; what it is not using is zero.

use core::ffi::c_void;
use core::fmt;

/// A value of WebAssembly without its type. Reading it as another type than it was made of gives
/// other bits of it, and nothing worse; handing such a reference to wasm is what must not be.
///
/// ```
/// use brolga::ValRaw;
///
/// assert_eq!(ValRaw::i32(-1).get_i32(), -1);
/// assert_eq!(ValRaw::i32(-1).get_u64(), 0xffff_ffff);
/// assert!(ValRaw::null().get_funcref().is_null());
/// ```
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct ValRaw {
    bits: u128,
}

macro_rules! rows {
    ($($ty:ty, $new:ident, $get:ident, $what:literal, |$value:ident| $to:expr, |$bits:ident| $from:expr;)*) => {
        impl ValRaw {$(
            #[doc = concat!("The value that is ", $what, ".")]
            pub fn $new($value: $ty) -> ValRaw {
                ValRaw { bits: $to }
            }

            #[doc = concat!("The value as ", $what, ".")]
            pub fn $get(&self) -> $ty {
                let $bits = self.bits;
                $from
            }
        )*}
    };
}

rows! {
    i32, i32, get_i32, "an `i32`", |value| value.cast_unsigned().into(), |bits| bits as i32;
    u32, u32, get_u32, "an `i32`, unsigned", |value| value.into(), |bits| bits as u32;
    i64, i64, get_i64, "an `i64`", |value| value.cast_unsigned().into(), |bits| bits as i64;
    u64, u64, get_u64, "an `i64`, unsigned", |value| value.into(), |bits| bits as u64;
    u32, f32, get_f32, "the bits of an `f32`", |value| value.into(), |bits| bits as u32;
    u64, f64, get_f64, "the bits of an `f64`", |value| value.into(), |bits| bits as u64;
    u128, v128, get_v128, "a `v128`", |value| value, |bits| bits;
    *mut c_void, funcref, get_funcref, "a `funcref`, null if it is null",
        |value| value.expose_provenance() as u128,
        |bits| core::ptr::with_exposed_provenance_mut(bits as usize);
    u32, externref, get_externref, "an `externref`, 0 if it is null",
        |value| value.into(), |bits| bits as u32;
}

impl ValRaw {
    /// Null, of whatever kind of reference.
    pub fn null() -> ValRaw {
        ValRaw { bits: 0 }
    }

    pub(crate) fn from_slots(low: u64, high: u64) -> ValRaw {
        ValRaw { bits: u128::from(high) << 64 | u128::from(low) }
    }

    pub(crate) fn to_slots(self) -> [u64; 2] {
        [self.bits as u64, (self.bits >> 64) as u64]
    }
}

impl fmt::Debug for ValRaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ValRaw({:#034x})", self.bits)
    }
}
