//! Operators on many bytes of a memory: fill, copy, init, and dropping of data segments.
//!
//! Builtins do the work; fills and copies of a small constant length are a few loads and stores.
//!
//! **Invariants**
//! - Nothing is written unless all of it is inside: both ranges are checked whole before the first
//!   store, under guarded plans too.
//! - A copy loads everything before it stores anything, so ranges may overlap.

use brolga_abi::Builtin;
use brolga_module::{DataIndex, MemoryIndex};
use cranelift_codegen::ir::{InstBuilder, Type, Value, types};

use super::FuncTranslator;
use super::address::Address;

/// The largest constant length that is done without a builtin, in bytes: four vectors.
const INLINE_MAX: u64 = 64;

impl FuncTranslator<'_, '_> {
    /// `memory.fill`
    pub(super) fn translate_memory_fill(&mut self, memory: MemoryIndex) {
        let (address, value, len) = self.pop3();
        self.charge_length(len);
        if let Some(len) = self.inline_length(len) {
            return self.fill_inline(memory, address, value, len);
        }
        let memory = self.index_argument(memory.0);
        let address = self.extend_index(address);
        let len = self.extend_index(len);
        self.call_builtin(Builtin::memory_fill, &[memory, address, value, len]);
    }

    /// `memory.copy`
    pub(super) fn translate_memory_copy(&mut self, to: MemoryIndex, from: MemoryIndex) {
        let (to_address, from_address, len) = self.pop3();
        self.charge_length(len);
        if let Some(len) = self.inline_length(len) {
            return self.copy_inline((to, to_address), (from, from_address), len);
        }
        let args = [
            self.index_argument(to.0),
            self.index_argument(from.0),
            self.extend_index(to_address),
            self.extend_index(from_address),
            self.extend_index(len),
        ];
        self.call_builtin(Builtin::memory_copy, &args);
    }

    /// `memory.init`
    pub(super) fn translate_memory_init(&mut self, data: DataIndex, memory: MemoryIndex) {
        let (address, offset, len) = self.pop3();
        self.charge_length(len);
        let args = [
            self.index_argument(memory.0),
            self.index_argument(data.0),
            self.extend_index(address),
            offset,
            len,
        ];
        self.call_builtin(Builtin::memory_init, &args);
    }

    /// `data.drop`
    pub(super) fn translate_data_drop(&mut self, data: DataIndex) {
        let data = self.index_argument(data.0);
        self.call_builtin(Builtin::data_drop, &[data]);
    }

    fn inline_length(&self, len: Value) -> Option<u64> {
        self.known_constant(len).filter(|&len| len <= INLINE_MAX)
    }

    fn fill_inline(&mut self, memory: MemoryIndex, address: Value, value: Value, len: u64) {
        let at = self.whole_range_address(memory, address, len);
        let byte = self.builder.ins().ireduce(types::I8, value);
        let mut repeated: Option<(Type, Value)> = None;
        for (ty, offset) in Pieces::new(len) {
            let piece = match repeated {
                Some((known, piece)) if known == ty => piece,
                _ => self.repeat_byte(byte, ty),
            };
            repeated = Some((ty, piece));
            self.store_piece(at, offset, piece);
        }
    }

    /// `byte` in every byte of a value of type `ty`.
    fn repeat_byte(&mut self, byte: Value, ty: Type) -> Value {
        if ty == types::I8 {
            return byte;
        }
        if ty.is_vector() {
            return self.builder.ins().splat(ty, byte);
        }
        let ones = 0x0101_0101_0101_0101_u64 >> (64 - ty.bits());
        let wide = self.builder.ins().uextend(ty, byte);
        self.builder.ins().imul_imm_u(wide, ones.cast_signed())
    }

    fn copy_inline(
        &mut self,
        (to, to_address): (MemoryIndex, Value),
        (from, from_address): (MemoryIndex, Value),
        len: u64,
    ) {
        let to = self.whole_range_address(to, to_address, len);
        let from = self.whole_range_address(from, from_address, len);
        let mut loaded = [None; PIECES_MAX];
        for (place, (ty, offset)) in loaded.iter_mut().zip(Pieces::new(len)) {
            let offset_bytes = from.offset + offset;
            let piece = self.builder.ins().load(ty, from.flags, from.base, offset_bytes);
            *place = Some((offset, piece));
        }
        for (offset, piece) in loaded.into_iter().flatten() {
            self.store_piece(to, offset, piece);
        }
    }

    fn store_piece(&mut self, at: Address, offset: i32, piece: Value) {
        let offset = at.offset + offset;
        self.builder.ins().store(at.flags, piece, at.base, offset);
    }
}

/// How many pieces [`INLINE_MAX`] bytes have at the most.
const PIECES_MAX: usize = 4;

/// The pieces of a short range: types and offsets. All are of the largest type that fits; the last
/// may overlap the one before it.
struct Pieces {
    ty: Type,
    next: u64,
    len: u64,
}

impl Pieces {
    fn new(len: u64) -> Self {
        let ty = match len {
            0..2 => types::I8,
            2..4 => types::I16,
            4..8 => types::I32,
            8..16 => types::I64,
            _ => types::I8X16,
        };
        Self { ty, next: 0, len }
    }
}

impl Iterator for Pieces {
    type Item = (Type, i32);

    fn next(&mut self) -> Option<Self::Item> {
        let width = u64::from(self.ty.bytes());
        if self.next >= self.len {
            return None;
        }
        let start = self.next.min(self.len - width);
        self.next = start + width;
        let start = i32::try_from(start).expect("ranges done inline are short");
        Some((self.ty, start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_every_byte_and_nothing_else() {
        for len in 0..=INLINE_MAX {
            let mut covered = vec![false; len as usize];
            let mut count = 0;
            for (ty, start) in Pieces::new(len) {
                let start = start as usize;
                covered[start..start + ty.bytes() as usize].fill(true);
                count += 1;
            }
            assert!(covered.iter().all(|&byte| byte), "{len}");
            assert!(count <= PIECES_MAX, "{len}");
        }
    }
}
