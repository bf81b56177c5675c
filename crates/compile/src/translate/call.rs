//! Calls: direct, imported, indirect, and the same as tail calls; drop and select, which are as
//! short. Indirect calls are checked here: this file is part of the sandbox, a change asks for a
//! second reader.
//!
//! | callee | code | context |
//! |---|---|---|
//! | own function | pc-relative | the caller's own |
//! | import | loaded from the context, where it never changes | likewise |
//! | entry of a dynamic table | loaded from the entry | likewise |
//! | entry of a static table | offset in read-only data | the caller's own |
//!
//! **Invariants**
//! - No code address is called that was not written as the code of a function whose type was
//!   compared with the one the caller states.
//! - All callees are called with (callee context, caller context, arguments…); the caller context is
//!   always the own one.

use core::mem::{offset_of, size_of};

use brolga_abi::{Builtin, FuncTableEntry, FunctionTypeId, StaticTableEntry, TrapCode};
use brolga_module::{DefinedFuncIndex, FuncIndex, TableIndex, TypeIndex};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{FuncRef, InstBuilder, MemFlagsData, SigRef, Value, types};

use super::FuncTranslator;
use super::context::Region;
use crate::func_env::POINTER;

/// A callee, checked.
#[derive(Clone, Copy)]
struct Callee {
    code: Code,
    vmctx: Value,
}

#[derive(Clone, Copy)]
enum Code {
    /// A function of the module.
    Own(FuncRef),
    /// An address.
    At(SigRef, Value),
}

impl FuncTranslator<'_, '_> {
    /// `call`
    pub(super) fn translate_call(&mut self, func: FuncIndex) {
        let callee = self.direct_callee(func);
        self.emit_call(callee, self.env.module.functions[func.as_usize()]);
    }

    /// `return_call`
    pub(super) fn translate_return_call(&mut self, func: FuncIndex) {
        let callee = self.direct_callee(func);
        self.emit_return_call(callee, self.env.module.functions[func.as_usize()]);
    }

    /// `call_indirect`
    pub(super) fn translate_call_indirect(&mut self, ty: TypeIndex, table: TableIndex) {
        let callee = self.indirect_callee(ty, table);
        self.emit_call(callee, ty);
    }

    /// `return_call_indirect`
    pub(super) fn translate_return_call_indirect(&mut self, ty: TypeIndex, table: TableIndex) {
        let callee = self.indirect_callee(ty, table);
        self.emit_return_call(callee, ty);
    }

    /// `drop`
    pub(super) fn translate_drop(&mut self) {
        self.pop_condition();
    }

    /// `select`
    pub(super) fn translate_select(&mut self) {
        let condition = self.pop_condition();
        let (mut first, mut second) = self.pop2();
        if self.value_type(first) != self.value_type(second) {
            first = self.canonical(first);
            second = self.canonical(second);
        }
        let value = self.builder.ins().select(condition, first, second);
        self.push(value);
    }

    /// Calls the thunk to `builtin` with `args`; its result, if it has one.
    pub(crate) fn call_builtin(&mut self, builtin: Builtin, args: &[Value]) -> Option<Value> {
        /// One more than the largest number of arguments in the table of builtins.
        const ARGS_MAX: usize = 6;
        self.mark_source();
        let thunk = self.builtin_thunk(builtin);
        let mut all = [self.context.vmctx; ARGS_MAX];
        all[1..=args.len()].copy_from_slice(args);
        let call = self.builder.ins().call(thunk, &all[..=args.len()]);
        self.builder.inst_results(call).first().copied()
    }

    fn direct_callee(&mut self, func: FuncIndex) -> Callee {
        match self.env.module.defined_func(func) {
            Some(own) => self.own_callee(own),
            None => {
                let ty = self.env.module.functions[func.as_usize()];
                let signature = self.signature(ty);
                let (code, vmctx) = self.imported_function(func);
                Callee { code: Code::At(signature, code), vmctx }
            }
        }
    }

    fn own_callee(&mut self, func: DefinedFuncIndex) -> Callee {
        Callee { code: Code::Own(self.own_function(func)), vmctx: self.context.vmctx }
    }

    /// Pops a position and finds the function of type `ty` there; traps if there is none.
    fn indirect_callee(&mut self, ty: TypeIndex, table: TableIndex) -> Callee {
        let position = self.pop_index();
        self.mark_source();
        match self.env.facts.static_table(table) {
            None => self.dynamic_callee(ty, table, position),
            Some(functions) => self.static_callee(ty, table, functions, position),
        }
    }

    fn dynamic_callee(&mut self, ty: TypeIndex, table: TableIndex, position: Value) -> Callee {
        let entry = self.entry_address(table, position, TrapCode::UndefinedElement);
        let flags = self.trusted(Region::Entries);
        let field = offset_of!(FuncTableEntry, type_id) as i32;
        let found = self.builder.ins().load(types::I32, flags, entry, field);
        let wanted = self.type_id(ty);
        let same = self.builder.ins().icmp(IntCC::Equal, found, wanted);
        self.check_callee_type(same, found, FunctionTypeId::NULL.0);
        let code = offset_of!(FuncTableEntry, wasm_code) as i32;
        let code = self.builder.ins().load(POINTER, flags, entry, code);
        let vmctx = offset_of!(FuncTableEntry, vmctx) as i32;
        let vmctx = self.builder.ins().load(POINTER, flags, entry, vmctx);
        Callee { code: Code::At(self.indirect_signature(ty), code), vmctx }
    }

    fn static_callee(
        &mut self,
        ty: TypeIndex,
        table: TableIndex,
        functions: &[Option<DefinedFuncIndex>],
        position: Value,
    ) -> Callee {
        let ty = self.env.layout.canonical_type(ty);
        let func_type = &self.env.module.types[ty.as_usize()];
        if let Some((at, func)) = self.env.facts.sole_function(table, func_type) {
            return self.sole_callee(table, functions.len(), position, at, func);
        }
        let table_entry = self.static_entry(table, functions.len(), position);
        self.check_static_type(table_entry, ty);
        let flags = self.static_flags();
        let field = offset_of!(StaticTableEntry, code_offset) as i32;
        let offset = self.builder.ins().sload32(flags, table_entry.address, field);
        let code = self.builder.ins().iadd(table_entry.table, offset);
        Callee { code: Code::At(self.signature(ty), code), vmctx: self.context.vmctx }
    }

    /// The callee where only `func`, at position `at`, has the right type: other positions trap.
    fn sole_callee(
        &mut self,
        table: TableIndex,
        len: usize,
        position: Value,
        at: usize,
        func: DefinedFuncIndex,
    ) -> Callee {
        let is_it = self.builder.ins().icmp_imm_s(IntCC::Equal, position, at as i64);
        let (cold, next) = (self.cold_block(), self.builder.create_block());
        self.builder.ins().brif(is_it, next, &[], cold, &[]);
        self.continue_in(cold);
        let entry = self.static_entry(table, len, position);
        let found = self.static_type(entry);
        self.raise_wrong_callee(found, u32::MAX);
        self.continue_in(next);
        self.own_callee(func)
    }

    /// The entry of a static table at `position`; traps past its end.
    fn static_entry(&mut self, table: TableIndex, len: usize, position: Value) -> StaticEntry {
        let outside =
            self.builder.ins().icmp_imm_s(IntCC::UnsignedGreaterThanOrEqual, position, len as i64);
        self.trapnz(outside, TrapCode::UndefinedElement);
        let table = self.static_table_address(table);
        let table = self.builder.ins().symbol_value(POINTER, table);
        let entry_bytes = size_of::<StaticTableEntry>();
        StaticEntry { table, address: self.element_address(table, position, entry_bytes, outside) }
    }

    fn static_type(&mut self, entry: StaticEntry) -> Value {
        let flags = self.static_flags();
        let field = offset_of!(StaticTableEntry, type_index) as i32;
        self.builder.ins().load(types::I32, flags, entry.address, field)
    }

    fn check_static_type(&mut self, entry: StaticEntry, ty: TypeIndex) {
        let found = self.static_type(entry);
        let same = self.builder.ins().icmp_imm_u(IntCC::Equal, found, i64::from(ty.0));
        self.check_callee_type(same, found, u32::MAX);
    }

    /// Flags for the entries of static tables: they never change, but are there only behind the
    /// comparison of the position.
    fn static_flags(&mut self) -> MemFlagsData {
        self.trusted(Region::Entries).with_readonly()
    }

    /// Goes on if `same`; otherwise traps because of the entry's type `found`.
    fn check_callee_type(&mut self, same: Value, found: Value, null: u32) {
        let (cold, next) = (self.cold_block(), self.builder.create_block());
        self.builder.ins().brif(same, next, &[], cold, &[]);
        self.continue_in(cold);
        self.raise_wrong_callee(found, null);
        self.continue_in(next);
    }

    /// Traps because an entry's type is `found`: for null, if it is `null`, or a mismatch.
    fn raise_wrong_callee(&mut self, found: Value, null: u32) {
        let is_null = self.builder.ins().icmp_imm_u(IntCC::Equal, found, i64::from(null));
        let [for_null, for_mismatch] = [TrapCode::IndirectCallToNull, TrapCode::BadSignature]
            .map(|trap| self.builder.ins().iconst(types::I32, i64::from(trap as u8)));
        let code = self.builder.ins().select(is_null, for_null, for_mismatch);
        self.raise_number(code);
    }

    /// Calls `callee` with the arguments on the stack and puts its results there.
    fn emit_call(&mut self, callee: Callee, ty: TypeIndex) {
        let start = self.arrange_arguments(callee, ty);
        let args = &self.stack[start..];
        let call = match callee.code {
            Code::Own(function) => self.builder.ins().call(function, args),
            Code::At(signature, code) => self.builder.ins().call_indirect(signature, code, args),
        };
        self.stack.truncate(start);
        self.stack.extend_from_slice(self.builder.inst_results(call));
    }

    /// Leaves the function by a call of `callee` with the arguments on the stack.
    fn emit_return_call(&mut self, callee: Callee, ty: TypeIndex) {
        let start = self.arrange_arguments(callee, ty);
        let args = &self.stack[start..];
        match callee.code {
            Code::Own(function) => self.builder.ins().return_call(function, args),
            Code::At(signature, code) => {
                self.builder.ins().return_call_indirect(signature, code, args)
            }
        };
        self.reachable = false;
    }

    /// Puts the contexts before the arguments on the stack; where they begin.
    fn arrange_arguments(&mut self, callee: Callee, ty: TypeIndex) -> usize {
        let count = self.env.module.types[ty.as_usize()].params().len();
        self.mark_source();
        self.canonicalise_top(count);
        let start = self.stack.len() - count;
        let contexts = [callee.vmctx, self.context.vmctx];
        self.stack.splice(start..start, contexts);
        start
    }
}

/// An entry of a static table.
#[derive(Clone, Copy)]
struct StaticEntry {
    /// The table's address.
    table: Value,
    /// The entry's.
    address: Value,
}
