//! Forms every native address that points into a linear memory, and checks it. This file is part
//! of the sandbox: a change asks for a second reader.
//!
//! ```text
//!  index ─▶ constant, surely inside ──────────────▶ base + (index + offset)
//!       ├─▶ guarded: the mapping catches it ──────▶ base + uextend(index), offset in the access
//!       └─▶ index + offset + width > size? trap ──▶ base + index + offset, null under speculation
//! ```
//!
//! **Invariants**
//! - An access is made exactly if `index + offset + width <= size`, computed without wrapping;
//!   otherwise it traps, before any effect. Whoever stores calls `probe_store` first.
//! - The check and the access use the same value: an index is extended once, and that value is both
//!   compared and added to the base.
//! - A check is left out only where [`MemoryPlan`] says that the mapping catches the access, or
//!   where the access lies below the memory's declared minimum: a memory never shrinks.
//! - No other file adds an index to a memory's base.

use brolga_abi::{BoundsCheck, MemoryPlan, TrapCode};
use brolga_module::wasmparser::{MemArg, MemArgTarget};
use brolga_module::{IndexType, MemoryIndex, MemoryType};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Endianness, InstBuilder, MemFlagsData, Type, Value, types};
use target_lexicon::Architecture;

use super::FuncTranslator;
use super::context::Region;
use super::trap::clif_trap_code;
use crate::func_env::POINTER;

/// An address inside a memory, checked for an access of the width that was asked for.
#[derive(Clone, Copy)]
pub(crate) struct Address {
    /// The address, `offset` left out.
    pub base: Value,
    /// What a load or store adds to it.
    pub offset: i32,
    /// What is true of the access: little endian, its alias region, whether it can trap.
    pub flags: MemFlagsData,
}

/// An access as the module states it: `width` bytes at `index + offset`.
#[derive(Clone, Copy)]
struct Access {
    memory: MemoryIndex,
    ty: MemoryType,
    plan: MemoryPlan,
    index: Value,
    offset: u64,
    width: u64,
}

impl Access {
    /// The distance from the index to the first byte behind the access; `None` if it is beyond
    /// 64 bits, where no access can be inside.
    fn reach(&self) -> Option<u64> {
        self.offset.checked_add(self.width)
    }

    /// The size in bytes that the memory has at the least.
    fn min_bytes(&self) -> u64 {
        self.ty.min.saturating_mul(self.ty.page_bytes())
    }
}

impl FuncTranslator<'_, '_> {
    /// Pops an index and forms the address at which `width_bytes` bytes can be read or written;
    /// emits what traps if they can't.
    pub(crate) fn address(&mut self, memarg: &MemArg, width_bytes: u8) -> Address {
        let memory = memory_of(memarg);
        let index = self.pop();
        self.mark_source();
        let access = self.access(memory, index, memarg.offset, u64::from(width_bytes));
        if let Some(address) = self.constant_address(&access) {
            return address;
        }
        if access.plan.needs_no_check(access.offset, access.width) {
            self.guarded_address(&access)
        } else {
            self.checked_address(&access)
        }
    }

    /// The address of `width_bytes` bytes at `index`, all of which are there when code goes on
    /// behind it, whatever the memory's plan: for accesses of several steps that must not begin if
    /// they can't end.
    pub(super) fn whole_range_address(
        &mut self,
        memory: MemoryIndex,
        index: Value,
        width_bytes: u64,
    ) -> Address {
        self.mark_source();
        let access = self.access(memory, index, 0, width_bytes);
        self.checked_address(&access)
    }

    /// Goes before a store of `width_bytes` bytes to `at`. Where the mapping catches stores that are
    /// partly outside, some processors may have written the bytes that are inside by then: there it
    /// loads what is about to be overwritten, which traps instead and has no effect.
    pub(super) fn probe_store(&mut self, at: Address, width_bytes: u8) {
        let may_tear = matches!(
            self.env.isa.triple().architecture,
            Architecture::Aarch64(_) | Architecture::Riscv64(_)
        );
        if !may_tear || at.flags.notrap() || width_bytes == 1 {
            return;
        }
        let ty = match width_bytes {
            16 => types::I8X16,
            bytes => Type::int(u16::from(bytes) * 8).expect("the width of a scalar"),
        };
        // Nobody uses it; as it can trap, it stays.
        self.builder.ins().load(ty, at.flags, at.base, at.offset);
    }

    fn access(&self, memory: MemoryIndex, index: Value, offset: u64, width: u64) -> Access {
        Access {
            memory,
            ty: self.env.module.memories[memory.as_usize()],
            plan: self.env.memory_plan(memory),
            index,
            offset,
            width,
        }
    }

    /// The address of an access at a constant index, if it needs no check.
    fn constant_address(&mut self, access: &Access) -> Option<Address> {
        let index = self.known_constant(access.index)?;
        let start = index.checked_add(access.offset)?;
        let offset = i32::try_from(start).ok()?;
        let surely_inside = start.checked_add(access.width)? <= access.min_bytes();
        if !surely_inside && !access.plan.needs_no_check(access.offset, access.width) {
            return None;
        }
        let mut flags = self.heap_flags();
        if !surely_inside {
            flags = flags.with_trap_code(Some(clif_trap_code(TrapCode::MemoryOutOfBounds)));
        }
        let base = self.memory_base(access);
        Some(Address { base, offset, flags })
    }

    /// The address of an access that the mapping keeps inside.
    fn guarded_address(&mut self, access: &Access) -> Address {
        debug_assert_eq!(access.plan.check, BoundsCheck::Guarded);
        debug_assert_eq!(access.ty.index, IndexType::I32);
        let base = self.memory_base(access);
        let index = self.extended_index(access);
        let base = self.builder.ins().iadd(base, index);
        let trap = clif_trap_code(TrapCode::MemoryOutOfBounds);
        let flags = self.heap_flags().with_trap_code(Some(trap));
        self.with_offset(base, access.offset, flags)
    }

    /// The address of an access that code keeps inside.
    fn checked_address(&mut self, access: &Access) -> Address {
        let index = self.extended_index(access);
        let outside = self.outside(access, index);
        self.trapnz(outside, TrapCode::MemoryOutOfBounds);
        let base = self.memory_base(access);
        let base = self.builder.ins().iadd(base, index);
        let flags = self.heap_flags();
        if !self.env.options.spectre_mitigation {
            return self.with_offset(base, access.offset, flags);
        }
        // The offset goes in before the selection: null plus an offset may be a real address.
        let address = self.add_offset(base, access.offset);
        let null = self.builder.ins().iconst(POINTER, 0);
        let base = self.builder.ins().select_spectre_guard(outside, null, address);
        Address { base, offset: 0, flags }
    }

    /// Whether `index + offset + width > size`, as an `i8`; `index` has 64 bits.
    fn outside(&mut self, access: &Access, index: Value) -> Value {
        let Some(reach) = access.reach() else {
            return self.builder.ins().iconst(types::I8, 1);
        };
        let size = self.memory_size_bytes(access.memory);
        if reach <= access.min_bytes() {
            // The size is at least the reach, so the subtraction does not wrap.
            let limit = self.builder.ins().iadd_imm_s(size, reach.cast_signed().wrapping_neg());
            return self.builder.ins().icmp(IntCC::UnsignedGreaterThan, index, limit);
        }
        if access.ty.index == IndexType::I32 && reach <= 1 << 33 {
            // An index below 2^32 and a reach up to 2^33 do not wrap.
            let end = self.builder.ins().iadd_imm_s(index, reach.cast_signed());
            return self.builder.ins().icmp(IntCC::UnsignedGreaterThan, end, size);
        }
        let reach = self.builder.ins().iconst(types::I64, reach.cast_signed());
        let (end, wrapped) = self.builder.ins().uadd_overflow(index, reach);
        let beyond = self.builder.ins().icmp(IntCC::UnsignedGreaterThan, end, size);
        self.builder.ins().bor(beyond, wrapped)
    }

    /// The index with 64 bits.
    fn extended_index(&mut self, access: &Access) -> Value {
        match access.ty.index {
            IndexType::I32 => self.builder.ins().uextend(types::I64, access.index),
            IndexType::I64 => access.index,
        }
    }

    fn memory_base(&mut self, access: &Access) -> Value {
        if access.plan.pinned {
            self.pinned_memory_base(access.memory)
        } else {
            self.moving_memory_base(access.memory)
        }
    }

    /// `base + offset`, the offset left to the access where it fits.
    fn with_offset(&mut self, base: Value, offset: u64, flags: MemFlagsData) -> Address {
        if let Ok(offset) = i32::try_from(offset) {
            return Address { base, offset, flags };
        }
        let base = self.add_offset(base, offset);
        Address { base, offset: 0, flags }
    }

    fn add_offset(&mut self, base: Value, offset: u64) -> Value {
        if offset == 0 {
            return base;
        }
        self.builder.ins().iadd_imm_s(base, offset.cast_signed())
    }

    /// Flags for bytes of a memory that are there: wasm's byte order, any alignment.
    fn heap_flags(&mut self) -> MemFlagsData {
        let region = self.alias_region(Region::Heap);
        MemFlagsData::new()
            .with_notrap()
            .with_endianness(Endianness::Little)
            .with_alias_region(Some(region))
    }
}

/// The memory that `memarg` names.
fn memory_of(memarg: &MemArg) -> MemoryIndex {
    match memarg.target {
        MemArgTarget::Memory(memory) => MemoryIndex(memory),
        MemArgTarget::Array(_) => unreachable!("validation refuses accesses to GC arrays"),
    }
}
