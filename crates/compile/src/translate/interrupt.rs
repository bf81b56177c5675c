//! How running code is stopped from outside: fuel, which counts what is executed, and epochs, which
//! any thread counts up. Both are off unless the options ask for them, and then nothing is emitted.
//!
//! ```text
//!  fuel    [store.fuel_consumed] += operators of the run       at the end of every straight run
//!          [store.fuel_consumed] >= 0      ─▶ out_of_fuel      at entries, loops, long operators
//!  epochs  [[store.epoch]] >= [store.epoch_deadline] ─▶ new_epoch                  at the same
//! ```
//!
//! Both builtins come back if the store's embedder lets code go on. What is counted is in memory,
//! never only in a register: so it is true at every call, trap and epoch, at any optimisation.
//!
//! It never decides what happens when fuel or time is up: the runtime does.
//!
//! **Invariants**
//! - What a way through a function costs depends on its operators alone, not on the options or the
//!   target. A function costs 1; `nop`, `drop` and what only gives structure cost nothing, every
//!   other operator 1; operators with a length cost that in addition, a unit a byte or element.
//! - Between two checks code executes at most the straight part of one body: each loop is checked at
//!   its header, each function at its entry.
//! - A run is counted before control leaves it. One that ends in a trap is not counted, but for
//!   `unreachable`'s.
//! - The count can't pass the largest number: a length adds 2⁶² at most, and a check follows it.

use brolga_abi::Builtin;
use brolga_module::wasmparser::Operator;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};

use super::FuncTranslator;

/// What entering a function costs.
const ENTRY: i64 = 1;

/// The largest constant length that counts like so many plain operators, without a check of its own.
const SHORT_LENGTH_MAX: u64 = 128;

/// The most that a length costs.
const LENGTH_COST_MAX: i64 = 1 << 62;

/// What an operator costs, its length aside.
fn cost(op: &Operator<'_>) -> i64 {
    use Operator as Op;
    match op {
        Op::Nop | Op::Drop => 0,
        Op::Block { .. } | Op::Loop { .. } | Op::Else | Op::End | Op::Return | Op::Unreachable => 0,
        _ => 1,
    }
}

/// Whether control may leave the straight run of operators at `op`.
fn ends_run(op: &Operator<'_>) -> bool {
    use Operator as Op;
    let is_branch = matches!(
        op,
        Op::Br { .. }
            | Op::BrIf { .. }
            | Op::BrTable { .. }
            | Op::BrOnNull { .. }
            | Op::BrOnNonNull { .. }
            | Op::BrOnCast { .. }
            | Op::BrOnCastFail { .. }
    );
    let is_call = matches!(
        op,
        Op::Call { .. }
            | Op::CallIndirect { .. }
            | Op::CallRef { .. }
            | Op::ReturnCall { .. }
            | Op::ReturnCallIndirect { .. }
            | Op::ReturnCallRef { .. }
    );
    let is_structure = matches!(op, Op::Loop { .. } | Op::If { .. } | Op::Else | Op::End);
    let is_exit = matches!(op, Op::Return | Op::Unreachable | Op::Throw { .. } | Op::ThrowRef);
    is_branch || is_call || is_structure || is_exit
}

impl FuncTranslator<'_, '_> {
    /// Counts and checks where a function begins.
    pub(super) fn check_at_entry(&mut self) {
        self.pending_fuel = if self.env.options.consume_fuel { ENTRY } else { 0 };
        self.check_interruption();
    }

    /// Counts `op`, which comes next.
    pub(super) fn charge(&mut self, op: &Operator<'_>) {
        if !self.reachable {
            // What came last was a trap, of which nothing is left to count.
            self.pending_fuel = 0;
            return;
        }
        self.pending_fuel += cost(op);
        if ends_run(op) {
            self.settle_fuel();
        }
    }

    /// Counts the length of the operator under translation, and checks unless it is short.
    pub(super) fn charge_length(&mut self, len: Value) {
        let (fuel, epochs) = (self.env.options.consume_fuel, self.env.options.epoch_interruption);
        if !fuel && !epochs {
            return;
        }
        let short = self.known_constant(len).filter(|&len| len <= SHORT_LENGTH_MAX);
        if fuel {
            match short {
                Some(len) => self.pending_fuel += len.cast_signed(),
                None => self.charge_long(len),
            }
        }
        if short.is_none() {
            self.check_interruption();
        }
    }

    /// Pops a length of either index type and counts it; gives it with 64 bits.
    pub(super) fn pop_length(&mut self) -> Value {
        let len = self.pop();
        self.charge_length(len);
        self.extend_index(len)
    }

    /// Stops, or lets the store say how to go on, if fuel or time is up.
    pub(super) fn check_interruption(&mut self) {
        if self.env.options.consume_fuel {
            self.settle_fuel();
            let consumed = self.fuel_consumed();
            let empty = self.builder.ins().icmp_imm_s(IntCC::SignedGreaterThanOrEqual, consumed, 0);
            self.call_if(empty, Builtin::out_of_fuel);
        }
        if self.env.options.epoch_interruption {
            let epoch = self.current_epoch();
            let deadline = self.epoch_deadline();
            let late = self.builder.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, epoch, deadline);
            self.call_if(late, Builtin::new_epoch);
        }
    }

    fn charge_long(&mut self, len: Value) {
        self.settle_fuel();
        let is_wide = self.value_type(len) == types::I64;
        let mut cost = self.extend_index(len);
        if is_wide {
            let max = self.builder.ins().iconst(types::I64, LENGTH_COST_MAX);
            let more = self.builder.ins().icmp(IntCC::UnsignedGreaterThan, cost, max);
            cost = self.builder.ins().select(more, max, cost);
        }
        let consumed = self.fuel_consumed();
        let consumed = self.builder.ins().iadd(consumed, cost);
        self.set_fuel_consumed(consumed);
    }

    /// Counts what has been executed since it was last done.
    fn settle_fuel(&mut self) {
        let pending = core::mem::take(&mut self.pending_fuel);
        if pending != 0 {
            let consumed = self.fuel_consumed();
            let consumed = self.builder.ins().iadd_imm_s(consumed, pending);
            self.set_fuel_consumed(consumed);
        }
    }

    /// Calls `builtin`, which may come back, if `condition` is not zero.
    fn call_if(&mut self, condition: Value, builtin: Builtin) {
        let (cold, next) = (self.cold_block(), self.builder.create_block());
        self.builder.ins().brif(condition, cold, &[], next, &[]);
        self.continue_in(cold);
        self.call_builtin(builtin, &[]);
        self.builder.ins().jump(next, &[]);
        self.continue_in(next);
    }
}
