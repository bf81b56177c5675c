//! Makes freshly written instructions visible to every core that may fetch them.
//!
//! **Invariants**
//! - When [`publish_instructions`] returns, no core executes what the addresses held before.

/// x86_64 keeps its instruction caches coherent with stores, and changing a page's protection
/// interrupts every core that runs this process, which serialises it.
#[cfg(target_arch = "x86_64")]
pub(super) fn publish_instructions(_code: &[u8]) {}

/// aarch64 doesn't: the data cache is cleaned and the instruction cache invalidated line by line,
/// then every core that runs this process throws away what it has fetched.
#[cfg(target_arch = "aarch64")]
pub(super) fn publish_instructions(code: &[u8]) {
    use std::arch::asm;

    /// The data cache needn't be cleaned for instruction fetches.
    const CTR_IDC: u64 = 1 << 28;
    /// The instruction cache needn't be invalidated.
    const CTR_DIC: u64 = 1 << 29;

    let range = code.as_ptr_range();
    let (start, end) = (range.start.addr(), range.end.addr());
    let cache_type: u64;
    // SAFETY: Linux lets user code read the cache type register, or reads it on its behalf.
    unsafe {
        asm!("mrs {}, ctr_el0", out(reg) cache_type,
            options(nomem, nostack, preserves_flags));
    }
    let data_line = 4_usize << ((cache_type >> 16) & 0xf);
    let instruction_line = 4_usize << (cache_type & 0xf);
    if cache_type & CTR_IDC == 0 {
        for line in (start & !(data_line - 1)..end).step_by(data_line) {
            // SAFETY: cleaning a line changes no contents, and the line is readable.
            unsafe { asm!("dc cvau, {}", in(reg) line, options(nostack, preserves_flags)) };
        }
    }
    // SAFETY: a barrier has no effect but order.
    unsafe { asm!("dsb ish", options(nostack, preserves_flags)) };
    if cache_type & CTR_DIC == 0 {
        for line in (start & !(instruction_line - 1)..end).step_by(instruction_line) {
            // SAFETY: invalidating an instruction cache line makes it be fetched again.
            unsafe { asm!("ic ivau, {}", in(reg) line, options(nostack, preserves_flags)) };
        }
    }
    // SAFETY: barriers have no effect but order; the second discards what this core has fetched.
    unsafe { asm!("dsb ish", "isb", options(nostack, preserves_flags)) };
    discard_fetched_elsewhere();
}

/// Has every other core that runs this process discard the instructions it has fetched.
///
/// Where the kernel (before 4.16) or a filter refuses, what remains is that a core passes through
/// the kernel, which does the same, after the addresses were unmapped and before they are code
/// again.
#[cfg(target_arch = "aarch64")]
fn discard_fetched_elsewhere() {
    use rustix::thread::{MembarrierCommand, membarrier};

    if membarrier(MembarrierCommand::PrivateExpeditedSyncCore).is_err() {
        let _ = membarrier(MembarrierCommand::RegisterPrivateExpeditedSyncCore);
        let _ = membarrier(MembarrierCommand::PrivateExpeditedSyncCore);
    }
}
