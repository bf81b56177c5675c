//! The 128-bit vector as a value of the host.

use core::fmt;

/// A value of type `v128`.
///
/// ```
/// use brolga::V128;
/// assert_eq!(V128::from(5).as_u128(), 5);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct V128(u128);

impl V128 {
    /// The bits; lane 0 is the lowest.
    #[inline]
    pub fn as_u128(&self) -> u128 {
        self.0
    }

    /// The two halves as they stand in argument slots, lower half first.
    #[inline]
    pub(crate) fn to_slots(self) -> [u64; 2] {
        [self.0 as u64, (self.0 >> 64) as u64]
    }

    /// The vector whose halves are `low` and `high`.
    #[inline]
    pub(crate) fn from_slots(low: u64, high: u64) -> V128 {
        V128(u128::from(low) | u128::from(high) << 64)
    }
}

impl From<u128> for V128 {
    fn from(bits: u128) -> V128 {
        V128(bits)
    }
}

impl From<V128> for u128 {
    fn from(vector: V128) -> u128 {
        vector.0
    }
}

impl fmt::Debug for V128 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "V128({:#034x})", self.0)
    }
}
