//! A file on which the sandbox stands (it reads stacks of code that went wrong); changes need a
//! second reader.
//!
//! Which wasm functions were running when a call ended: noted as program counters while the frames
//! still stand, made offsets in images right after, named only when somebody asks.
//!
//! ```text
//!  capture (in the signal handler or before leaving)  ─▶ PcBuffer ─▶ Backtrace ─▶ frames()
//!  Store::backtrace (in a host function) ───────────────────▲
//!  youngest frame ─ fp ─▶ its caller ─ fp ─▶ … ─ 0: the host   ─ saved exit ─▶ next activation
//! ```
//!
//! It never reads outside the stack that an activation runs on, whatever a frame pointer says.
//!
//! **Invariants**
//! - Wasm code keeps frame pointers: `[fp]` is the caller's, `[fp + 8]` the return address; the
//!   first frame's caller has frame pointer 0, which entering sees to.
//! - Capturing neither allocates nor locks.
//! - A [`Backtrace`] keeps the code of its frames mapped, and holds no address.

use std::fmt;
use std::sync::Arc;

use brolga_module::FuncIndex;

use crate::Store;
use crate::activation::{Activation, Exit};
use crate::arch;
use crate::code::LoadedCode;
use crate::registry;
use crate::stack::StackCore;

/// How many frames are noted at most, the innermost ones.
pub(crate) const FRAMES_MAX: usize = 128;

/// Program counters noted while the stack still stands.
pub(crate) struct PcBuffer {
    len: usize,
    /// Whether the first one is the very instruction, not a return address.
    exact: bool,
    truncated: bool,
    pcs: [usize; FRAMES_MAX],
}

impl PcBuffer {
    pub(crate) const fn new() -> Self {
        Self { len: 0, exact: false, truncated: false, pcs: [0; FRAMES_MAX] }
    }

    fn push(&mut self, pc: usize) -> bool {
        match self.pcs.get_mut(self.len) {
            Some(slot) => {
                *slot = pc;
                self.len += 1;
                true
            }
            None => {
                self.truncated = true;
                false
            }
        }
    }
}

/// Where a walk begins.
#[derive(Clone, Copy)]
pub(crate) enum Origin {
    /// At an instruction that faulted.
    Fault {
        /// The instruction.
        pc: usize,
        /// The frame pointer it found.
        fp: usize,
    },
    /// At the wasm frame that called out last; pc 0 where there is none.
    Exit(Exit),
}

/// Notes the frames of `activation` from `origin` on, then those of the store's older activations.
///
/// # Safety
/// `activation` is the youngest of its store and runs on the calling thread; the frames it and the
/// older ones stand on are live.
pub(crate) unsafe fn capture(activation: &Activation, origin: Origin) {
    // SAFETY: the stack of a live activation; nobody else uses its buffer at this point.
    let buffer = unsafe { &mut *(*activation.core).trap_pcs.get() };
    // SAFETY: the promises of this function's caller.
    unsafe { note(buffer, activation, origin) }
}

/// Notes the frames of `activation` from `origin` on, then those of the store's older activations,
/// in `buffer`.
///
/// # Safety
/// `activation` is the youngest of its store, and stands still: the frames it and the older ones
/// stand on are live, and nobody writes to them.
unsafe fn note(buffer: &mut PcBuffer, activation: &Activation, origin: Origin) {
    let (mut pc, mut fp, exact) = match origin {
        Origin::Fault { pc, fp } => (pc, fp, true),
        Origin::Exit(Exit { pc, fp }) => (pc, fp, false),
    };
    buffer.len = 0;
    buffer.truncated = false;
    buffer.exact = exact;
    let mut activation = activation;
    loop {
        // SAFETY: the activation is live, so its stack is.
        let core = unsafe { &*activation.core };
        // SAFETY: the promise of this function's caller.
        if pc != 0 && !unsafe { walk(core, buffer, pc, fp) } {
            return;
        }
        // SAFETY: an activation's predecessors outlive it.
        let Some((older, exit)) = (unsafe { activation.older_of_store() }) else {
            return;
        };
        (pc, fp) = (exit.pc, exit.fp);
        activation = older;
    }
}

/// Follows frame pointers on one stack; says whether there was room for all frames.
///
/// # Safety
/// The stack is mapped and nobody writes to it meanwhile.
unsafe fn walk(core: &StackCore, buffer: &mut PcBuffer, mut pc: usize, mut fp: usize) -> bool {
    const FRAME_BYTES: usize = 16;
    loop {
        if !buffer.push(pc) {
            return false;
        }
        let sound = core.contains(fp)
            && core.top - fp >= FRAME_BYTES
            && fp.is_multiple_of(align_of::<usize>());
        if !sound {
            return true;
        }
        let frame = std::ptr::with_exposed_provenance::<usize>(fp);
        // SAFETY: both words are on the stack, as was just checked.
        let (caller_fp, return_pc) = unsafe { (frame.read(), frame.add(1).read()) };
        // Frame pointer 0 is the host's. Callers stand higher; anything else is no chain.
        if caller_fp <= fp {
            return true;
        }
        pc = arch::plain_return_address(return_pc);
        fp = caller_fp;
    }
}

impl Store {
    /// The wasm frames of the store's code that wait for the host now; none outside calls.
    pub fn backtrace(&self) -> Backtrace {
        let context = self.context.get();
        let activation = context.activation.cast::<Activation>();
        // SAFETY: null or the store's youngest activation, which ends before its store can be used
        // otherwise again.
        let Some(activation) = (unsafe { activation.as_ref() }) else {
            return Backtrace::default();
        };
        let mut buffer = PcBuffer::new();
        let origin = Origin::Exit(Exit { pc: context.exit_pc, fp: context.exit_fp });
        // SAFETY: who holds the store here is, or was lent it by, host code that code of the store
        // called and waits for: calls and returns both need the store for themselves.
        unsafe { note(&mut buffer, activation, origin) };
        Backtrace::of(&buffer)
    }
}

/// The wasm frames of a call that ended, innermost first.
#[derive(Clone, Default)]
pub struct Backtrace {
    rows: Box<[Row]>,
    codes: Box<[Arc<LoadedCode>]>,
    truncated: bool,
}

#[derive(Clone, Copy)]
struct Row {
    code: u32,
    /// The instruction, or where the frame would have gone on.
    code_offset: u32,
    exact: bool,
}

/// A wasm frame.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The code it ran.
    pub code: &'a Arc<LoadedCode>,
    /// The function.
    pub func: FuncIndex,
    /// The operator, in bytes from the module's start, where known.
    pub wasm_offset: Option<u32>,
}

impl Backtrace {
    /// Makes what `capture` noted on `core` independent of the stack.
    ///
    /// # Safety
    /// The calling thread has just left an activation on this stack.
    pub(crate) unsafe fn take(core: &StackCore) -> Self {
        // SAFETY: no other code runs on this stack between a capture and this.
        Self::of(unsafe { &*core.trap_pcs.get() })
    }

    /// Makes what was noted independent of the stack, whose code is still mapped.
    fn of(buffer: &PcBuffer) -> Self {
        let registry = registry::read();
        let mut rows = Vec::with_capacity(buffer.len);
        let mut codes: Vec<Arc<LoadedCode>> = Vec::new();
        for (position, &pc) in buffer.pcs[..buffer.len].iter().enumerate() {
            let exact = position == 0 && buffer.exact;
            // The call may have been a function's last instruction: look at the call itself.
            let Some(entry) = registry.find(if exact { pc } else { pc.wrapping_sub(1) }) else {
                continue;
            };
            let known = codes.iter().position(|code| code.base().addr() == entry.start());
            let code = match known {
                Some(code) => code,
                None => {
                    let Some(code) = entry.code() else { continue };
                    codes.push(code);
                    codes.len() - 1
                }
            };
            rows.push(Row { code: code as u32, code_offset: entry.offset(pc), exact });
        }
        Self { rows: rows.into(), codes: codes.into(), truncated: buffer.truncated }
    }

    /// The frames, innermost first; thunks and entries are left out.
    pub fn frames(&self) -> impl Iterator<Item = Frame<'_>> {
        self.rows.iter().filter_map(|row| self.frame(*row))
    }

    /// Whether there were more frames, further out.
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }

    fn frame(&self, row: Row) -> Option<Frame<'_>> {
        let code = &self.codes[row.code as usize];
        let within = row.code_offset - u32::from(!row.exact);
        let func = code.function_at(within)?;
        let wasm_offset = if row.exact {
            let site = code.image.trap_site(row.code_offset);
            site.map(|site| site.wasm_offset)
        } else {
            code.image.call_site(row.code_offset)
        };
        Some(Frame { code, func, wasm_offset })
    }
}

impl fmt::Debug for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        for frame in self.frames() {
            list.entry(&(frame.func, frame.wasm_offset));
        }
        if self.truncated {
            list.entry(&"…");
        }
        list.finish()
    }
}
