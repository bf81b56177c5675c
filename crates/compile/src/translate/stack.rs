//! The value stack of the function under translation.
//!
//! A wasm value is a Cranelift value; `push` and `pop` emit nothing. Vectors may lie on the stack
//! in any vector type, so that a chain of `f32x4` operators needs no bitcast between them. The
//! result of a comparison lies there as the `i8` that Cranelift's comparisons give: a branch or
//! `select` takes it as it is, and only what wants the number pays for the extension.
//!
//! **Invariants**
//! - An `i8` on the stack is a wasm `i32` of value 0 or 1, and nothing else is an `i8`.
//! - Validation has passed for every operator before it is translated, so a pop always finds a
//!   value of the expected wasm type.
//! - Where a value crosses a block, a local, a call, a return or a store it is
//!   [`canonical`](FuncTranslator::canonical): of type [`clif_type`](crate::func_env::clif_type).

use cranelift_codegen::ir::{
    Endianness, InstBuilder, InstructionData, MemFlagsData, Opcode, Type, Value, types,
};

use super::FuncTranslator;

impl FuncTranslator<'_, '_> {
    /// Pushes a value.
    pub(crate) fn push(&mut self, value: Value) {
        self.stack.push(value);
    }

    /// Pushes the result of a comparison, an `i8` of value 0 or 1, as a wasm `i32`.
    pub(crate) fn push_condition(&mut self, condition: Value) {
        debug_assert_eq!(self.value_type(condition), types::I8);
        self.stack.push(condition);
    }

    /// Pops a value.
    pub(crate) fn pop(&mut self) -> Value {
        let value = self.pop_condition();
        self.extend_condition(value)
    }

    /// Pops an `i32` of which only matters whether it is zero: an `i8` or an `i32`.
    pub(crate) fn pop_condition(&mut self) -> Value {
        self.stack.pop().expect("validation has counted the operands")
    }

    fn extend_condition(&mut self, value: Value) -> Value {
        if self.value_type(value) == types::I8 {
            self.builder.ins().uextend(types::I32, value)
        } else {
            value
        }
    }

    /// Pops two values; the second is the one that was on top.
    pub(crate) fn pop2(&mut self) -> (Value, Value) {
        let second = self.pop();
        let first = self.pop();
        (first, second)
    }

    /// Pops three values; the third is the one that was on top.
    pub(crate) fn pop3(&mut self) -> (Value, Value, Value) {
        let third = self.pop();
        let (first, second) = self.pop2();
        (first, second, third)
    }

    /// Pops a vector, as type `ty`.
    pub(crate) fn pop_vector(&mut self, ty: Type) -> Value {
        let value = self.pop();
        self.as_vector(value, ty)
    }

    /// Pops two vectors, as type `ty`; the second is the one that was on top.
    pub(crate) fn pop2_vectors(&mut self, ty: Type) -> (Value, Value) {
        let second = self.pop_vector(ty);
        let first = self.pop_vector(ty);
        (first, second)
    }

    /// The vector `value`, as type `ty`.
    pub(crate) fn as_vector(&mut self, value: Value, ty: Type) -> Value {
        if self.value_type(value) == ty {
            return value;
        }
        // Lane 0 is the one at the lowest address, on every target.
        let flags = MemFlagsData::new().with_endianness(Endianness::Little);
        self.builder.ins().bitcast(ty, flags, value)
    }

    /// `value` in the type in which it may cross a block, a local, a call or a store.
    pub(crate) fn canonical(&mut self, value: Value) -> Value {
        if self.value_type(value).is_vector() {
            self.as_vector(value, types::I8X16)
        } else {
            self.extend_condition(value)
        }
    }

    /// Makes the topmost `count` values canonical, where they lie.
    pub(crate) fn canonicalise_top(&mut self, count: usize) {
        for position in self.stack.len() - count..self.stack.len() {
            let value = self.stack[position];
            self.stack[position] = self.canonical(value);
        }
    }

    /// The bits of an integer that is a constant; `None` for anything else.
    pub(crate) fn known_constant(&self, value: Value) -> Option<u64> {
        let dfg = &self.builder.func.dfg;
        let inst = dfg.value_def(value).inst()?;
        let InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } = dfg.insts[inst] else {
            return None;
        };
        let bits = imm.bits() as u64;
        Some(match dfg.value_type(value) {
            types::I64 => bits,
            _ => bits & u64::from(u32::MAX),
        })
    }

    /// The type of a value.
    pub(crate) fn value_type(&self, value: Value) -> Type {
        self.builder.func.dfg.value_type(value)
    }
}
