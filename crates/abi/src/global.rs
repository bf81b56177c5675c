//! The cell of a global variable.

/// A global variable's value, as wide as the widest type.
///
/// An `i32`, `f32` or extern index is in the first 4 bytes, an `i64`, `f64` or funcref pointer in
/// the first 8, a `v128` in all 16 (as code stores it with a 16-byte little-endian access). A cell
/// never moves while its owner lives: the instance, for its own globals, else the store.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(16))]
pub struct GlobalCell {
    /// The value's bytes.
    pub bytes: [u8; 16],
}
