//! Tables: get, set, size, grow, fill, copy, init, and dropping of element segments. The addresses
//! of entries are formed here: this file is part of the sandbox, a change asks for a second reader.
//!
//! **Invariants**
//! - An entry's address is formed only behind a comparison of the position with the present length
//!   (or the length that the table's type fixes), and is null under speculation past it.
//! - The four fields of a function entry are written together, by a builtin.

use core::mem::{offset_of, size_of};

use brolga_abi::{Builtin, ExternTableEntry, FuncTableEntry, TableSlot, TrapCode};
use brolga_module::{ElemIndex, TableIndex};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};

use super::FuncTranslator;
use super::context::Region;
use crate::func_env::POINTER;

impl FuncTranslator<'_, '_> {
    /// `table.get`
    pub(super) fn translate_table_get(&mut self, table: TableIndex) {
        let position = self.pop_index();
        let value = if self.env.facts.static_table(table).is_some() {
            let table = self.index_argument(table.0);
            self.call_builtin(Builtin::table_get_func, &[table, position])
                .expect("the builtin has a result")
        } else {
            let entry = self.entry_address(table, position, TrapCode::TableOutOfBounds);
            let flags = self.trusted(Region::Entries);
            if self.holds_functions(table) {
                let field = offset_of!(FuncTableEntry, func_ref) as i32;
                self.builder.ins().load(POINTER, flags, entry, field)
            } else {
                self.builder.ins().load(types::I32, flags, entry, 0)
            }
        };
        self.push(value);
    }

    /// `table.set`
    pub(super) fn translate_table_set(&mut self, table: TableIndex) {
        let value = self.pop();
        let position = self.pop_index();
        if self.holds_functions(table) {
            let table = self.index_argument(table.0);
            let one = self.builder.ins().iconst(types::I64, 1);
            self.call_builtin(Builtin::table_fill_func, &[table, position, value, one]);
        } else {
            let entry = self.entry_address(table, position, TrapCode::TableOutOfBounds);
            let flags = self.trusted(Region::Entries);
            self.builder.ins().store(flags, value, entry, 0);
        }
    }

    /// `table.size`
    pub(super) fn translate_table_size(&mut self, table: TableIndex) {
        let index = self.env.module.tables[table.as_usize()].index;
        let len = match self.constant_table_len(table) {
            Some(len) => self.builder.ins().iconst(types::I64, len.cast_signed()),
            None => self.table_len(table),
        };
        self.push_index(len, index);
    }

    /// `table.grow`: the old length, or all ones.
    pub(super) fn translate_table_grow(&mut self, table: TableIndex) {
        let index = self.env.module.tables[table.as_usize()].index;
        let delta = self.pop_length();
        let init = self.pop();
        let builtin = if self.holds_functions(table) {
            Builtin::table_grow_func
        } else {
            Builtin::table_grow_extern
        };
        let table = self.index_argument(table.0);
        let old = self.call_builtin(builtin, &[table, init, delta]);
        self.push_index(old.expect("the builtin has a result"), index);
    }

    /// `table.fill`
    pub(super) fn translate_table_fill(&mut self, table: TableIndex) {
        let len = self.pop_length();
        let value = self.pop();
        let position = self.pop_index();
        let builtin = if self.holds_functions(table) {
            Builtin::table_fill_func
        } else {
            Builtin::table_fill_extern
        };
        let table = self.index_argument(table.0);
        self.call_builtin(builtin, &[table, position, value, len]);
    }

    /// `table.copy`
    pub(super) fn translate_table_copy(&mut self, to: TableIndex, from: TableIndex) {
        let len = self.pop_length();
        let from_position = self.pop_index();
        let to_position = self.pop_index();
        let to = self.index_argument(to.0);
        let from = self.index_argument(from.0);
        let args = [to, from, to_position, from_position, len];
        self.call_builtin(Builtin::table_copy, &args);
    }

    /// `table.init`
    pub(super) fn translate_table_init(&mut self, elem: ElemIndex, table: TableIndex) {
        let (position, offset, len) = self.pop3();
        self.charge_length(len);
        let args = [
            self.index_argument(table.0),
            self.index_argument(elem.0),
            self.extend_index(position),
            offset,
            len,
        ];
        self.call_builtin(Builtin::table_init, &args);
    }

    /// `elem.drop`
    pub(super) fn translate_elem_drop(&mut self, elem: ElemIndex) {
        let elem = self.index_argument(elem.0);
        self.call_builtin(Builtin::elem_drop, &[elem]);
    }

    /// The address of the entry at `position`, of 64 bits, in a dynamic table; traps with `trap`
    /// past its end.
    pub(super) fn entry_address(
        &mut self,
        table: TableIndex,
        position: Value,
        trap: TrapCode,
    ) -> Value {
        let outside = match self.constant_table_len(table) {
            Some(len) => {
                let len = len.cast_signed();
                self.builder.ins().icmp_imm_s(IntCC::UnsignedGreaterThanOrEqual, position, len)
            }
            None => {
                let len = self.table_len(table);
                self.builder.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, position, len)
            }
        };
        self.trapnz(outside, trap);
        let base = if self.constant_table_len(table).is_some() {
            self.pinned_table_base(table)
        } else {
            self.moving_table_base(table)
        };
        let entry_bytes = if self.holds_functions(table) {
            size_of::<FuncTableEntry>()
        } else {
            size_of::<ExternTableEntry>()
        };
        self.element_address(base, position, entry_bytes, outside)
    }

    /// `base + position * entry_bytes`, or null under speculation if `outside`.
    pub(super) fn element_address(
        &mut self,
        base: Value,
        position: Value,
        entry_bytes: usize,
        outside: Value,
    ) -> Value {
        let offset = if entry_bytes.is_power_of_two() {
            let shift = i64::from(entry_bytes.trailing_zeros());
            self.builder.ins().ishl_imm_u(position, shift)
        } else {
            self.builder.ins().imul_imm_u(position, entry_bytes as i64)
        };
        let address = self.builder.ins().iadd(base, offset);
        if !self.env.options.spectre_mitigation {
            return address;
        }
        let null = self.builder.ins().iconst(POINTER, 0);
        self.builder.ins().select_spectre_guard(outside, null, address)
    }

    /// The length of a table, where it is always the same.
    fn constant_table_len(&self, table: TableIndex) -> Option<u64> {
        let ty = &self.env.module.tables[table.as_usize()];
        let is_constant = TableSlot::is_pinned(ty) || self.env.facts.static_table(table).is_some();
        is_constant.then_some(ty.min)
    }

    /// Whether the entries of `table` are those of functions.
    fn holds_functions(&self, table: TableIndex) -> bool {
        self.env.module.tables[table.as_usize()].element.is_func()
    }
}
