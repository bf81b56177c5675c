//! Values on their way between the host, argument slots, global cells and constant expressions.
//!
//! **Invariants**
//! - [`Bits`] of a funcref are the exposed address of a `FuncRef` of the same store that code may
//!   call (its `wasm_code` is set), or zero.
//! - A handle becomes bits only in its own store.

use brolga_abi::{FuncRef, GlobalCell};
use brolga_module::{HeapType, RefType, ValType};

use crate::{FuncError, Store, Value};

/// A value that has not the type that its place has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("expected a value of type {}, found {found}", crate::describe::val_type(*expected))]
pub struct ValueError {
    /// The type of the place.
    pub expected: ValType,
    /// What was given.
    pub found: &'static str,
}

impl Value {
    /// The value's kind in one word.
    pub fn kind(self) -> &'static str {
        match self {
            Value::I32(_) => "i32",
            Value::I64(_) => "i64",
            Value::F32(_) => "f32",
            Value::F64(_) => "f64",
            Value::V128(_) => "v128",
            Value::Func(None) => "null function",
            Value::Func(Some(_)) => "function",
            Value::Extern(None) => "null externref",
            Value::Extern(Some(_)) => "externref",
        }
    }

    /// The null of a reference type.
    pub fn null(ty: RefType) -> Value {
        if ty.is_func() { Value::Func(None) } else { Value::Extern(None) }
    }

    /// An error if the value is not of type `ty`.
    pub fn check(self, ty: ValType) -> Result<(), ValueError> {
        let fits = match (ty, self) {
            (ValType::I32, Value::I32(_))
            | (ValType::I64, Value::I64(_))
            | (ValType::F32, Value::F32(_))
            | (ValType::F64, Value::F64(_))
            | (ValType::V128, Value::V128(_)) => true,
            (ValType::Ref(ty), Value::Func(None)) => ty.is_func() && ty.nullable,
            (ValType::Ref(ty), Value::Func(Some(_))) => ty.heap == HeapType::Func,
            (ValType::Ref(ty), Value::Extern(None)) => !ty.is_func() && ty.nullable,
            (ValType::Ref(ty), Value::Extern(Some(_))) => ty.heap == HeapType::Extern,
            _ => false,
        };
        if fits { Ok(()) } else { Err(ValueError { expected: ty, found: self.kind() }) }
    }
}

/// A value as bits: numbers and extern indices in the low ones, funcrefs as addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bits(pub(crate) u128);

impl Bits {
    /// A reference to a function.
    pub(crate) fn func(func_ref: *const FuncRef) -> Self {
        Self(func_ref.expose_provenance() as u128)
    }

    /// The reference to a function.
    pub(crate) fn as_func(self) -> *const FuncRef {
        std::ptr::with_exposed_provenance(self.0 as usize)
    }

    /// The value, which is a number of type `ty`.
    ///
    /// # Panics
    /// If `ty` is a type of references.
    pub(crate) fn number(self, ty: ValType) -> Value {
        match ty {
            ValType::I32 => Value::I32(self.0 as u32),
            ValType::I64 => Value::I64(self.0 as u64),
            ValType::F32 => Value::F32(self.0 as u32),
            ValType::F64 => Value::F64(self.0 as u64),
            ValType::V128 => Value::V128(self.0),
            ValType::Ref(_) => unreachable!("a reference is no number"),
        }
    }

    /// The cell of a global of type `ty` that holds the value.
    pub(crate) fn to_cell(self, ty: ValType) -> GlobalCell {
        let mut bytes = [0; 16];
        match width(ty) {
            4 => bytes[..4].copy_from_slice(&(self.0 as u32).to_ne_bytes()),
            8 => bytes[..8].copy_from_slice(&(self.0 as u64).to_ne_bytes()),
            _ => bytes = self.0.to_le_bytes(),
        }
        GlobalCell { bytes }
    }

    /// The value in the cell of a global of type `ty`.
    pub(crate) fn from_cell(ty: ValType, cell: GlobalCell) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = cell.bytes;
        Self(match width(ty) {
            4 => u128::from(u32::from_ne_bytes([a, b, c, d])),
            8 => u128::from(u64::from_ne_bytes([a, b, c, d, e, f, g, h])),
            _ => u128::from_le_bytes(cell.bytes),
        })
    }
}

/// How many bytes of a cell a value takes.
fn width(ty: ValType) -> usize {
    match ty {
        ValType::I32 | ValType::F32 => 4,
        ValType::I64 | ValType::F64 => 8,
        ValType::V128 => 16,
        ValType::Ref(ty) if ty.is_func() => 8,
        ValType::Ref(_) => 4,
    }
}

impl Store {
    /// Writes an argument into the slots of a call: one, or two for a `v128`. A function becomes
    /// callable for code by that.
    ///
    /// # Panics
    /// If there are too few slots.
    pub fn write_slots(&mut self, value: Value, slots: &mut [u64]) -> Result<(), FuncError> {
        let bits = self.bits_of(value)?.0;
        slots[0] = bits as u64;
        if matches!(value, Value::V128(_)) {
            slots[1] = (bits >> 64) as u64;
        }
        Ok(())
    }

    /// The value of type `ty` in the slots of a call. A reference to a host object is rooted in the
    /// scope that is current.
    ///
    /// # Safety
    /// A reference in the slots must be null or come from code or the host functions of this store.
    ///
    /// # Panics
    /// If there are too few slots.
    pub unsafe fn read_slots(&mut self, ty: ValType, slots: &[u64]) -> Value {
        let high = if ty == ValType::V128 { slots[1] } else { 0 };
        // SAFETY: passed on to the caller.
        unsafe { self.value_of(ty, Bits(u128::from(high) << 64 | u128::from(slots[0]))) }
    }

    /// A value as code has it.
    pub(crate) fn bits_of(&mut self, value: Value) -> Result<Bits, FuncError> {
        Ok(match value {
            Value::I32(bits) | Value::F32(bits) => Bits(bits.into()),
            Value::I64(bits) | Value::F64(bits) => Bits(bits.into()),
            Value::V128(bits) => Bits(bits),
            Value::Func(None) | Value::Extern(None) => Bits(0),
            Value::Func(Some(func)) => Bits::func(self.func_ref_for_wasm(func)?.as_ptr()),
            Value::Extern(Some(object)) => Bits(self.externref_number(object)?.into()),
        })
    }

    /// A value as the host has it. A reference to a host object is rooted in the scope that is
    /// current.
    ///
    /// # Safety
    /// A funcref must be null or of this store.
    pub(crate) unsafe fn value_of(&mut self, ty: ValType, bits: Bits) -> Value {
        match ty {
            ValType::Ref(ty) if ty.is_func() => {
                // SAFETY: passed on to the caller.
                Value::Func(unsafe { self.func_from_ref(bits.as_func()) })
            }
            ValType::Ref(_) => Value::Extern(self.root_externref_number(bits.0 as u32)),
            ty => bits.number(ty),
        }
    }
}
