//! A file on which the sandbox stands; changes need a second reader.
//!
//! Turns hardware faults into a question, "is this program counter yours?", and passes on to the
//! action installed before us whatever the answer is no to.
//!
//! ```text
//!  fault ─▶ on_signal ─┬─ FaultHandler: Resumed ─▶ rt_sigreturn to the edited registers
//!                      └─ NotOurs, or sent by a process ─▶ chain.rs: the previous action
//! ```
//!
//! It never allocates, locks, or touches a thread-local of ours while a signal is handled.
//!
//! **Invariants**
//! - A signal that was sent (`kill`, `raise`, timers), or that reports broken hardware, is no fault
//!   of the interrupted instruction: the [`FaultHandler`] never sees it.
//! - The previous action is recorded before ours can run.
//! - `errno` and the signal mask of the interrupted code are as they were when it goes on.
//!
//! Why these flags: `SA_ONSTACK`, because a stack overflow leaves no room on the stack it happened
//! on; `SA_SIGINFO` for the registers; `SA_NODEFER`, so that a fault inside the handler itself is
//! offered to the embedder's crash reporter by way of the chain, instead of being a kill without a
//! word. The mask that the previous action asked for is put in place before it is called.

mod chain;
mod context;

use std::ffi::{c_int, c_void};
use std::marker::PhantomData;
use std::mem;
use std::ptr;
use std::sync::{Mutex, OnceLock, PoisonError};

use self::context::{Register, Registers};
use crate::error::{Operation, OsError};

/// Decides about a fault. It runs as a signal handler, on the signal stack: it must not allocate,
/// lock, or call anything that might; a panic in it aborts the process.
pub type FaultHandler = fn(&mut Fault<'_>) -> Disposition;

/// What a [`FaultHandler`] decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// [`Fault::resume_at`] was called: go on there.
    Resumed,
    /// The fault belongs to somebody else.
    NotOurs,
}

/// The signals that faults arrive as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum FaultSignal {
    /// `SIGSEGV`: an access to a page that doesn't allow it.
    Segmentation,
    /// `SIGBUS`: an access that the memory behind the page couldn't serve.
    Bus,
    /// `SIGILL`: an instruction that doesn't exist, such as `ud2`.
    Illegal,
    /// `SIGFPE`: a division by zero or one that overflows.
    Arithmetic,
}

/// A fault, and the registers it happened with.
#[derive(Debug)]
pub struct Fault<'a> {
    signal: FaultSignal,
    address: Option<usize>,
    registers: Registers,
    /// The registers live as long as the signal handler runs.
    handler: PhantomData<&'a mut ()>,
}

impl Fault<'_> {
    /// Which signal it arrived as.
    pub fn signal(&self) -> FaultSignal {
        self.signal
    }

    /// The address of the instruction that faulted.
    pub fn pc(&self) -> usize {
        self.registers.get(Register::ProgramCounter)
    }

    /// The stack pointer.
    pub fn sp(&self) -> usize {
        self.registers.get(Register::StackPointer)
    }

    /// The frame pointer.
    pub fn fp(&self) -> usize {
        self.registers.get(Register::FramePointer)
    }

    /// The address of the access, for `SIGSEGV` and `SIGBUS`. The hardware names none for an
    /// address that isn't canonical.
    pub fn address(&self) -> Option<usize> {
        self.address
    }

    /// Has the interrupted thread go on at `pc` with these stack and frame pointers and `result`
    /// in the register of a function's first result. All other registers keep the values they
    /// had at the fault.
    ///
    /// # Safety
    /// Code at `pc` must expect to be entered so: `sp` is that of a frame that is still live on the
    /// interrupted thread, no value is expected in a register that the interrupted
    /// code may have changed, and the frames below are abandoned without their destructors.
    pub unsafe fn resume_at(&mut self, pc: usize, sp: usize, fp: usize, result: usize) {
        self.registers.set(Register::ProgramCounter, pc);
        self.registers.set(Register::StackPointer, sp);
        self.registers.set(Register::FramePointer, fp);
        self.registers.set(Register::Result, result);
        self.registers.forget_branch();
    }
}

/// Installs `handler` for all of [`FaultSignal`], process-wide.
///
/// The first handler given stays for the life of the process: calling again does nothing, even if
/// somebody has put their own action in front since (see [`is_installed_and_current`]). After an
/// error the actions are as they were, and the call may be repeated.
pub fn install(handler: FaultHandler) -> Result<(), OsError> {
    static INSTALLED: Mutex<bool> = Mutex::new(false);

    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if *installed {
        return Ok(());
    }
    HANDLER.get_or_init(|| handler);
    for (index, &signal) in FaultSignal::ALL.iter().enumerate() {
        if let Err(error) = install_one(signal) {
            FaultSignal::ALL[..index].iter().for_each(|&signal| chain::reinstate(signal));
            return Err(error);
        }
    }
    *installed = true;
    Ok(())
}

/// Whether our action is in place for every signal. If not, somebody replaced it after
/// [`install`], and faults reach us only if they pass them on.
pub fn is_installed_and_current() -> bool {
    FaultSignal::ALL.iter().all(|&signal| action(signal, None).is_ok_and(|now| is_ours(&now)))
}

static HANDLER: OnceLock<FaultHandler> = OnceLock::new();

/// Records the present action, then puts ours in its place.
fn install_one(signal: FaultSignal) -> Result<(), OsError> {
    let before = action(signal, None)?;
    if is_ours(&before) {
        return Ok(());
    }
    chain::record(signal, before);
    // SAFETY: all zeroes is a valid sigaction: the default action, an empty mask, no flags.
    let mut ours: libc::sigaction = unsafe { mem::zeroed() };
    ours.sa_sigaction = on_signal as *const () as usize;
    ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
    let replaced = action(signal, Some(&ours))?;
    // Another thread may have installed its own between the two calls: that one comes next then.
    if replaced.sa_sigaction != before.sa_sigaction {
        chain::record(signal, replaced);
    }
    Ok(())
}

fn is_ours(action: &libc::sigaction) -> bool {
    action.sa_sigaction == on_signal as *const () as usize
}

/// Sets the action of a signal, if one is given, and returns the one before.
fn action(signal: FaultSignal, new: Option<&libc::sigaction>) -> Result<libc::sigaction, OsError> {
    // SAFETY: all zeroes is a valid sigaction.
    let mut before: libc::sigaction = unsafe { mem::zeroed() };
    if cfg!(miri) {
        // It sends no signals: the default action is all there ever is.
        return Ok(before);
    }
    let new = new.map_or(ptr::null(), ptr::from_ref);
    // SAFETY: both pointers are null or to live sigactions. An action given here is `on_signal`,
    // a signal handler by its signature, or one that the kernel gave us.
    let result = unsafe { libc::sigaction(signal.number(), new, &mut before) };
    if result == 0 {
        return Ok(before);
    }
    let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL);
    Err(OsError::refused(Operation::InstallHandler, 0, errno))
}

/// The signal handler. It is `extern "C"`, so that a panic in the [`FaultHandler`] aborts.
extern "C" fn on_signal(number: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the C library's errno of this thread, which exists as long as the thread.
    let errno = unsafe { *libc::__errno_location() };
    // SAFETY: the kernel passes pointers that live until this handler returns.
    if !unsafe { offer(number, info, context) } {
        // SAFETY: as above; the arguments are those of this very signal.
        unsafe { chain::pass_on(number, info, context) };
    }
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}

/// Offers a signal to the [`FaultHandler`]; says whether it was ours.
///
/// # Safety
/// The arguments are those that the kernel called the signal handler with.
unsafe fn offer(number: c_int, info: *mut libc::siginfo_t, context: *mut c_void) -> bool {
    let Some((signal, handler)) = FaultSignal::from_number(number).zip(HANDLER.get()) else {
        return false;
    };
    // SAFETY: the kernel filled in `info`.
    let code = unsafe { (*info).si_code };
    if !is_fault(number, code) {
        return false;
    }
    let names_address =
        matches!(signal, FaultSignal::Segmentation | FaultSignal::Bus) && code != libc::SI_KERNEL;
    // SAFETY: for a fault of these signals the kernel fills in the address.
    let address = names_address.then(|| unsafe { (*info).si_addr() }.addr());
    // SAFETY: the kernel passes the interrupted registers, which nobody else looks at until this
    // handler returns.
    let registers = unsafe { Registers::new(context.cast()) };
    let mut fault = Fault { signal, address, registers, handler: PhantomData };
    handler(&mut fault) == Disposition::Resumed
}

/// Whether a signal was raised by the instruction it interrupted.
fn is_fault(number: c_int, code: c_int) -> bool {
    let broken_memory =
        number == libc::SIGBUS && matches!(code, libc::BUS_MCEERR_AR | libc::BUS_MCEERR_AO);
    code > 0 && !broken_memory
}

impl FaultSignal {
    /// In the order of their declaration.
    const ALL: [Self; 4] = [Self::Segmentation, Self::Bus, Self::Illegal, Self::Arithmetic];

    fn number(self) -> c_int {
        match self {
            Self::Segmentation => libc::SIGSEGV,
            Self::Bus => libc::SIGBUS,
            Self::Illegal => libc::SIGILL,
            Self::Arithmetic => libc::SIGFPE,
        }
    }

    fn from_number(number: c_int) -> Option<Self> {
        Self::ALL.into_iter().find(|signal| signal.number() == number)
    }
}
