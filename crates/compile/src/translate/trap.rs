//! How code traps. This file is part of the sandbox: a change asks for a second reader.
//!
//! With signals, a conditional trap is one instruction of Cranelift that ends in an illegal
//! machine instruction; the signal handler finds the trap by its address. Without them it is a
//! branch to a cold block, one for each place, that calls the thunk to `raise_trap`; the return
//! address of that call tells the wasm offset.
//!
//! **Invariants**
//! - After [`trap`](FuncTranslator::trap) the rest of the block is unreachable.
//! - Code that a failed check guards is never reached: `raise_trap` does not return, and what
//!   stands behind it is an illegal instruction.

use brolga_abi::{Builtin, TrapCode};
use cranelift_codegen::ir::{self, InstBuilder, Value, types};

use super::FuncTranslator;

/// Cranelift's number for `trap`: the same one.
pub(crate) fn clif_trap_code(trap: TrapCode) -> ir::TrapCode {
    ir::TrapCode::unwrap_user(trap as u8)
}

impl FuncTranslator<'_, '_> {
    /// Traps. What follows in the wasm code is unreachable.
    pub(crate) fn trap(&mut self, trap: TrapCode) {
        self.raise(trap);
        self.reachable = false;
    }

    /// Traps if `condition` is zero.
    pub(crate) fn trapz(&mut self, condition: Value, trap: TrapCode) {
        self.mark_source();
        if self.env.hardware_traps() {
            self.builder.ins().trapz(condition, clif_trap_code(trap));
            return;
        }
        let (cold, next) = (self.cold_block(), self.builder.create_block());
        self.builder.ins().brif(condition, next, &[], cold, &[]);
        self.raise_in(cold, trap);
        self.continue_in(next);
    }

    /// Traps if `condition` is not zero.
    pub(crate) fn trapnz(&mut self, condition: Value, trap: TrapCode) {
        self.mark_source();
        if self.env.hardware_traps() {
            self.builder.ins().trapnz(condition, clif_trap_code(trap));
            return;
        }
        let (cold, next) = (self.cold_block(), self.builder.create_block());
        self.builder.ins().brif(condition, cold, &[], next, &[]);
        self.raise_in(cold, trap);
        self.continue_in(next);
    }

    /// `unreachable`: a cold call in both modes, since a signal costs fifty times as much.
    pub(super) fn translate_unreachable(&mut self) {
        self.trap(TrapCode::UnreachableCodeReached);
    }

    /// Emits the call that raises `trap`, and what ends the block behind it.
    fn raise(&mut self, trap: TrapCode) {
        let code = self.builder.ins().iconst(types::I32, i64::from(trap as u8));
        self.raise_number(code);
    }

    /// Emits the call that raises the trap of number `code`, and what ends the block behind it.
    pub(super) fn raise_number(&mut self, code: Value) {
        self.call_builtin(Builtin::raise_trap, &[code]);
        let never = clif_trap_code(TrapCode::UnreachableCodeReached);
        self.builder.ins().trap(never);
    }

    /// Fills the sealed block `cold` with raising `trap`.
    pub(super) fn raise_in(&mut self, cold: ir::Block, trap: TrapCode) {
        self.continue_in(cold);
        self.raise(trap);
    }

    /// A new block that is laid out behind the function's ordinary code.
    pub(super) fn cold_block(&mut self) -> ir::Block {
        let block = self.builder.create_block();
        self.builder.set_cold_block(block);
        block
    }

    /// Goes on in `block`, to which all branches have been emitted.
    pub(super) fn continue_in(&mut self, block: ir::Block) {
        self.builder.seal_block(block);
        self.builder.switch_to_block(block);
    }
}
