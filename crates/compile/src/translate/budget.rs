//! What a function may grow to while it is translated.
//!
//! A few bytes of wasm can ask for much IR: a two-byte branch may carry a thousand values, and the
//! tables in which cranelift-frontend follows locals grow with locals times blocks. Beyond what any
//! compiler's output needs, the answer is an error, not the end of memory.
//!
//! **Invariants**
//! - Between two checks, what is allocated is bounded by a small multiple of the body's bytes and
//!   the limits below.

use super::FuncTranslator;
use crate::error::CompileError;

/// How many operators may pass between two checks. Each adds a thousand values at most, the limit
/// on a type's parameters and results.
pub(super) const OPERATORS_BETWEEN_CHECKS: u32 = 1024;

/// The most values, and entries of the value stack. Machine code of that size is refused by the
/// register allocator in any case.
const VALUES_MAX: usize = 1 << 24;

/// The most entries of all lists of values: arguments of calls and branches.
const LISTED_VALUES_MAX: usize = 1 << 27;

/// The most locals used times blocks: entries of the frontend's tables, 4 bytes each.
const LOCALS_TIMES_BLOCKS_MAX: usize = 1 << 28;

impl FuncTranslator<'_, '_> {
    /// Fails if the function has grown too large.
    pub(super) fn check_budget(&self) -> Result<(), CompileError> {
        let dfg = &self.builder.func.dfg;
        let locals_times_blocks = self.locals.used().saturating_mul(dfg.num_blocks());
        for (what, count, max) in [
            ("values", dfg.num_values(), VALUES_MAX),
            ("operands", self.stack.len(), VALUES_MAX),
            ("arguments", dfg.value_lists.capacity(), LISTED_VALUES_MAX),
            ("locals times blocks", locals_times_blocks, LOCALS_TIMES_BLOCKS_MAX),
        ] {
            if count > max {
                return Err(self.too_large(count, what, max));
            }
        }
        Ok(())
    }

    /// Fails if a `br_table` with `targets` targets of `arity` values each is too large.
    pub(super) fn check_branch_budget(&self, targets: u32, arity: u32) -> Result<(), CompileError> {
        let count = (targets as usize).saturating_mul(arity as usize);
        if count > VALUES_MAX {
            return Err(self.too_large(count, "arguments of one br_table", VALUES_MAX));
        }
        Ok(())
    }

    #[cold]
    fn too_large(&self, count: usize, what: &str, max: usize) -> CompileError {
        CompileError::FunctionTooLarge {
            function: self.function,
            what: format!("it needs {count} {what}, more than {max}"),
        }
    }
}
