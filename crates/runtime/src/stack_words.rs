//! A file on which the sandbox stands; changes need a second reader.
//!
//! What calls that are under way have on their stack and in registers, word by word: whoever wants
//! to know which references they hold takes every word for one that could be.
//!
//! ```text
//!  top ── wasm ── host function ── wasm ── host function ── here
//!  │◀──────────────── every aligned 32 bits ───────────────▶│  and the registers kept for callers
//! ```
//! A reference is in a register that is kept for the caller, or in its frame: compiled code keeps it
//! across a call as it is, whole and aligned, and host code keeps the registers it takes in frames
//! below. No list of places is needed that a compiler could get wrong.
//!
//! **Trusts** that host code between two calls of one stack keeps registers in its frames there,
//! as the C ABI has it.
//! **Promises** every such word, or to say that it does not know them all.
//! **Tested by** `tests/externrefs/` of `brolga`.
//!
//! **Invariants**
//! - It reads what it finds and passes nothing on but numbers.

use std::ptr;

use brolga_abi::StoreContext;
use brolga_os::current_stack_pointer;

use crate::activation::Activation;
use crate::arch::kept_registers;

/// Shows `look` every word that calls of the store may hold. Says whether those are all: not, if
/// they are on several stacks, or the caller is on another.
pub(crate) fn for_each_word(context: &StoreContext, mut look: impl FnMut(u32)) -> bool {
    let youngest: *const Activation = context.activation.cast();
    // SAFETY: null, or the store's youngest activation, which is live while it is named there.
    let Some(youngest) = (unsafe { youngest.as_ref() }) else { return true };
    let registers = kept_registers();
    let sp = current_stack_pointer();
    // SAFETY: the stack of a live activation.
    let core = unsafe { &*youngest.core };
    let mut older = youngest;
    // SAFETY: the older activations of a live one are live.
    while let Some((next, _)) = unsafe { older.older_of_store() } {
        if !ptr::eq(next.core, core) {
            return false;
        }
        older = next;
    }
    if !core.contains(sp) {
        return false;
    }
    for register in registers {
        look(register as u32);
        look((register >> 32) as u32);
    }
    for address in (sp.next_multiple_of(size_of::<u32>())..core.top).step_by(size_of::<u32>()) {
        let word = ptr::with_exposed_provenance::<u32>(address);
        // SAFETY: between the stack pointer and the top of the stack that this runs on, aligned.
        // Volatile: other functions' frames, of which the compiler knows nothing here.
        look(unsafe { word.read_volatile() });
    }
    true
}
