//! Faults: those that are ours are resumed, all others reach whoever was there before us.
//!
//! Actions are process-wide, so each test runs in a child of its own.
//!
//! On aarch64 no instruction raises an arithmetic fault, and every address is known.
//!
//! Not under Miri, which has neither signals nor processes to start.
#![cfg(not(miri))]

mod child;

use std::arch::asm;
use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::{mem, process, ptr, thread};

use brolga_os::{
    Disposition, Fault, FaultSignal, MemoryImage, Reservation, SIGNAL_STACK_BYTES_MIN,
    StackMapping, ensure_signal_stack, install, is_installed_and_current, page_size,
};
use child::in_child;

/// What the landing finds as a result, and no register holds by chance.
const LANDED: usize = 0xfa11;

/// Where a fault of [`attempt`] goes on: program counter, stack and frame pointer.
static LANDING: [AtomicUsize; 3] = [const { AtomicUsize::new(0) }; 3];
/// What the handler saw: pc, sp, address or one, signal.
static SEEN: [AtomicUsize; 4] = [const { AtomicUsize::new(0) }; 4];

/// Resumes every fault at the landing.
fn resume(fault: &mut Fault<'_>) -> Disposition {
    let seen = [fault.pc(), fault.sp(), fault.address().unwrap_or(1), fault.signal() as usize];
    SEEN.iter().zip(seen).for_each(|(slot, value)| slot.store(value, SeqCst));
    let [pc, sp, fp] = [0, 1, 2].map(|index: usize| LANDING[index].load(SeqCst));
    // SAFETY: `attempt` wrote down a landing in its own frame, which expects to be entered so.
    unsafe { fault.resume_at(pc, sp, fp, LANDED) };
    Disposition::Resumed
}

fn decline(_: &mut Fault<'_>) -> Disposition {
    Disposition::NotOurs
}

fn never(_: &mut Fault<'_>) -> Disposition {
    process::abort()
}

/// Runs an instruction that may use `{operand}` and fault; yields what is in `rax` afterwards.
#[cfg(target_arch = "x86_64")]
macro_rules! attempt {
    ($instruction:literal, $operand:expr) => {{
        let result: usize;
        // SAFETY: the landing keeps the stack, and every register that may change is declared.
        unsafe {
            asm!(
                "lea rax, [rip + 2f]",
                "mov [{landing}], rax",
                "mov [{landing} + 8], rsp",
                "mov [{landing} + 16], rbp",
                "xor eax, eax",
                $instruction,
                "2:",
                operand = in(reg) $operand,
                landing = in(reg) LANDING.as_ptr(),
                out("rax") result,
                out("rcx") _,
                out("rdx") _,
            );
        }
        result
    }};
}

/// Runs an instruction that may use `{operand}` and fault; yields what is in `x0` afterwards.
#[cfg(target_arch = "aarch64")]
macro_rules! attempt {
    ($instruction:literal, $operand:expr) => {{
        let result: usize;
        // SAFETY: the landing keeps the stack, and every register that may change is declared.
        unsafe {
            asm!(
                "adr x0, 2f",
                "str x0, [{landing}]",
                "mov x0, sp",
                "str x0, [{landing}, #8]",
                "str x29, [{landing}, #16]",
                "mov x0, xzr",
                $instruction,
                "2:",
                operand = in(reg) $operand,
                landing = in(reg) LANDING.as_ptr(),
                out("x0") result,
            );
        }
        result
    }};
}

fn load(address: usize) -> usize {
    #[cfg(target_arch = "x86_64")]
    return attempt!("mov al, byte ptr [{operand}]", address);
    #[cfg(target_arch = "aarch64")]
    attempt!("ldrb w0, [{operand}]", address)
}

fn illegal() -> usize {
    #[cfg(target_arch = "x86_64")]
    return attempt!("ud2 /* {operand} */", 0_usize);
    #[cfg(target_arch = "aarch64")]
    attempt!("udf #0 /* {operand} */", 0_usize)
}

#[cfg(target_arch = "x86_64")]
fn divide_by_zero() -> usize {
    attempt!("xor edx, edx\nmov ecx, 0\ndiv ecx /* {operand} */", 0_usize)
}

/// Loads from a page of a file that ends before it.
fn load_beyond_file() -> usize {
    use rustix::mm::{MapFlags, ProtFlags};

    let file = rustix::fs::memfd_create(c"empty", rustix::fs::MemfdFlags::empty()).unwrap();
    let (len, none) = (page_size(), ptr::null_mut());
    // SAFETY: a mapping in a place that the kernel picks.
    let page = unsafe {
        rustix::mm::mmap(none, len, ProtFlags::READ, MapFlags::PRIVATE, &file, 0).unwrap()
    };
    load(page.addr())
}

/// Runs an instruction that faults; yields its result, or the landing's.
type Attempt = fn() -> usize;

/// Every way to fault, by signal.
static FAULTS: &[(c_int, FaultSignal, Attempt)] = &[
    (libc::SIGSEGV, FaultSignal::Segmentation, || load(16)),
    (libc::SIGBUS, FaultSignal::Bus, load_beyond_file),
    (libc::SIGILL, FaultSignal::Illegal, illegal),
    #[cfg(target_arch = "x86_64")]
    (libc::SIGFPE, FaultSignal::Arithmetic, divide_by_zero),
];

/// Sets an action that was there before ours.
fn set_action(signal: c_int, handler: usize, flags: c_int, masked: &[c_int]) {
    // SAFETY: all zeroes is a valid sigaction.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    (action.sa_sigaction, action.sa_flags) = (handler, flags);
    for &number in masked {
        // SAFETY: the mask is an initialised set.
        unsafe { libc::sigaddset(&mut action.sa_mask, number) };
    }
    // SAFETY: the pointer is to a live sigaction whose handler has the signature of its flags.
    assert_eq!(unsafe { libc::sigaction(signal, &action, ptr::null_mut()) }, 0);
}

extern "C" fn exit_42_plain(_: c_int) {
    // SAFETY: _exit may be called anywhere.
    unsafe { libc::_exit(42) }
}

/// Exits with 42 if it was called with the information that the kernel gave.
extern "C" fn exit_42_informed(number: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: SA_SIGINFO handlers are given valid information.
    let right = unsafe { (*info).si_signo } == number && !context.is_null();
    // SAFETY: _exit may be called anywhere.
    unsafe { libc::_exit(if right { 42 } else { 1 }) }
}

fn plain(handler: extern "C" fn(c_int)) -> usize {
    handler as *const () as usize
}

fn informed(handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void)) -> usize {
    handler as *const () as usize
}

fn raise(signal: c_int) {
    // SAFETY: sends a signal to this thread.
    assert_eq!(unsafe { libc::raise(signal) }, 0);
}

#[test]
fn faults_are_resumed_at_the_landing() {
    in_child("faults_are_resumed_at_the_landing", || {
        install(resume).unwrap();
        install(never).unwrap();
        assert!(is_installed_and_current());
        let page = Reservation::new(page_size()).unwrap();
        let address = page.as_ptr().addr() + 8;
        for _ in 0..1000 {
            assert_eq!(load(address), LANDED);
        }
        assert_eq!(SEEN[2].load(SeqCst), address);
        assert_eq!(SEEN[1].load(SeqCst), LANDING[1].load(SeqCst));
        assert!(LANDING[0].load(SeqCst) - SEEN[0].load(SeqCst) < 16);
        page.commit(0, page_size()).unwrap();
        assert_eq!(load(address), 0);
        for &(_, signal, fault) in FAULTS {
            assert_eq!(fault(), LANDED);
            assert_eq!(SEEN[3].load(SeqCst), signal as usize);
        }
        // No address is known for an instruction, or for an access that isn't canonical.
        assert_eq!(SEEN[2].load(SeqCst), 1);
        assert_eq!(load(1 << 63), LANDED);
        #[cfg(target_arch = "x86_64")]
        assert_eq!(SEEN[2].load(SeqCst), 1);
        0
    })
    .exited(0);
}

#[test]
fn errno_and_mask_survive() {
    fn disturb(fault: &mut Fault<'_>) -> Disposition {
        // SAFETY: writes this thread's errno.
        unsafe { *libc::__errno_location() = 99 };
        resume(fault)
    }
    in_child("errno_and_mask_survive", || {
        install(disturb).unwrap();
        // SAFETY: writes this thread's errno.
        unsafe { *libc::__errno_location() = 7 };
        assert_eq!(load(0), LANDED);
        // SAFETY: reads this thread's errno.
        assert_eq!(unsafe { *libc::__errno_location() }, 7);
        assert!(!is_blocked(libc::SIGSEGV));
        0
    })
    .exited(0);
}

/// Whether this thread blocks a signal.
fn is_blocked(signal: c_int) -> bool {
    // SAFETY: all zeroes is a valid signal set.
    let mut mask: libc::sigset_t = unsafe { mem::zeroed() };
    // SAFETY: asks for the mask of this thread, changing nothing.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), &mut mask) };
    // SAFETY: the mask is an initialised set.
    unsafe { libc::sigismember(&mask, signal) == 1 }
}

/// A test for each way to fault: it reaches a handler with `SA_SIGINFO`.
macro_rules! foreign_faults_reach_an_informed_handler {
    ($($(#[$when:meta])? $name:ident: $index:literal,)*) => {$(
        $(#[$when])?
        #[test]
        fn $name() {
            in_child(stringify!($name), || {
                let (number, _, fault) = FAULTS[$index];
                set_action(number, informed(exit_42_informed), libc::SA_SIGINFO, &[]);
                install(decline).unwrap();
                fault() as i32
            })
            .exited(42);
        }
    )*};
}

foreign_faults_reach_an_informed_handler! {
    a_foreign_segmentation_fault_reaches_an_informed_handler: 0,
    a_foreign_bus_error_reaches_an_informed_handler: 1,
    a_foreign_illegal_instruction_reaches_an_informed_handler: 2,
    #[cfg(target_arch = "x86_64")]
    a_foreign_division_by_zero_reaches_an_informed_handler: 3,
}

#[test]
fn foreign_faults_reach_a_plain_handler() {
    in_child("foreign_faults_reach_a_plain_handler", || {
        set_action(libc::SIGSEGV, plain(exit_42_plain), 0, &[]);
        install(decline).unwrap();
        load(0) as i32
    })
    .exited(42);
}

#[test]
fn foreign_faults_kill_by_default() {
    in_child("foreign_faults_kill_by_default", || {
        set_action(libc::SIGSEGV, libc::SIG_DFL, 0, &[]);
        install(decline).unwrap();
        load(0) as i32
    })
    .killed_by(libc::SIGSEGV);
}

#[test]
fn ignored_faults_kill() {
    in_child("ignored_faults_kill", || {
        set_action(libc::SIGILL, libc::SIG_IGN, 0, &[]);
        install(decline).unwrap();
        illegal() as i32
    })
    .killed_by(libc::SIGILL);
}

#[test]
fn ignored_signals_that_were_sent_are_ignored() {
    in_child("ignored_signals_that_were_sent_are_ignored", || {
        set_action(libc::SIGSEGV, libc::SIG_IGN, 0, &[]);
        install(resume).unwrap();
        raise(libc::SIGSEGV);
        assert!(is_installed_and_current());
        assert_eq!(load(0), LANDED);
        0
    })
    .exited(0);
}

#[test]
fn signals_that_were_sent_kill_by_default_and_are_never_offered() {
    in_child("signals_that_were_sent_kill_by_default_and_are_never_offered", || {
        set_action(libc::SIGILL, libc::SIG_DFL, 0, &[]);
        install(never).unwrap();
        raise(libc::SIGILL);
        0
    })
    .killed_by(libc::SIGILL);
}

#[test]
fn the_mask_of_the_previous_action_is_in_place() {
    extern "C" fn report(_: c_int) {
        let blocked =
            [libc::SIGSEGV, libc::SIGUSR1, libc::SIGUSR2].map(|signal| is_blocked(signal) as i32);
        // SAFETY: _exit may be called anywhere.
        unsafe { libc::_exit(blocked[0] | blocked[1] << 1 | blocked[2] << 2) }
    }
    in_child("the_mask_of_the_previous_action_is_in_place", || {
        set_action(libc::SIGSEGV, plain(report), 0, &[libc::SIGUSR1]);
        install(decline).unwrap();
        load(0) as i32
    })
    .exited(0b011);
}

#[test]
fn a_previous_action_may_be_good_for_one_time() {
    extern "C" fn count(_: c_int) {
        SEEN[0].fetch_add(1, SeqCst);
    }
    in_child("a_previous_action_may_be_good_for_one_time", || {
        set_action(libc::SIGSEGV, plain(count), libc::SA_RESETHAND, &[]);
        install(decline).unwrap();
        raise(libc::SIGSEGV);
        assert_eq!(SEEN[0].load(SeqCst), 1);
        assert!(!is_blocked(libc::SIGSEGV));
        raise(libc::SIGSEGV);
        0
    })
    .killed_by(libc::SIGSEGV);
}

#[test]
fn a_previous_handler_may_repair_and_return() {
    static PAGE: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn repair(_: c_int) {
        let page = ptr::with_exposed_provenance_mut(PAGE.load(SeqCst));
        // SAFETY: the page is one that the test reserved.
        unsafe { libc::mprotect(page, page_size(), libc::PROT_READ) };
    }
    in_child("a_previous_handler_may_repair_and_return", || {
        set_action(libc::SIGSEGV, plain(repair), 0, &[]);
        install(decline).unwrap();
        let page = Reservation::new(page_size()).unwrap();
        PAGE.store(page.as_ptr().expose_provenance(), SeqCst);
        assert_eq!(load(page.as_ptr().addr()), 0);
        0
    })
    .exited(0);
}

#[test]
fn rust_still_reports_overflows_of_its_own_stacks() {
    #[expect(unconditional_recursion, reason = "the overflow is the point")]
    fn descend(frame: [usize; 64]) -> usize {
        std::hint::black_box(descend(std::hint::black_box(frame))) + frame[0]
    }
    let ended = in_child("rust_still_reports_overflows_of_its_own_stacks", || {
        install(decline).unwrap();
        ensure_signal_stack().unwrap();
        descend([0; 64]) as i32
    });
    ended.killed_by(libc::SIGABRT);
    assert!(ended.stderr.contains("has overflowed its stack"), "{}", ended.stderr);
}

#[test]
fn a_handler_installed_after_ours_is_noticed() {
    in_child("a_handler_installed_after_ours_is_noticed", || {
        assert!(!is_installed_and_current());
        install(decline).unwrap();
        assert!(is_installed_and_current());
        set_action(libc::SIGBUS, plain(exit_42_plain), 0, &[]);
        assert!(!is_installed_and_current());
        install(decline).unwrap();
        assert!(!is_installed_and_current());
        0
    })
    .exited(0);
}

#[test]
fn a_fault_in_the_handler_is_offered_to_the_previous_one() {
    fn stumble(_: &mut Fault<'_>) -> Disposition {
        if SEEN[0].fetch_add(1, SeqCst) == 0 {
            load(8);
        }
        Disposition::NotOurs
    }
    in_child("a_fault_in_the_handler_is_offered_to_the_previous_one", || {
        set_action(libc::SIGSEGV, plain(exit_42_plain), 0, &[]);
        install(stumble).unwrap();
        load(0) as i32
    })
    .exited(42);
}

#[test]
fn a_panic_in_the_handler_aborts() {
    in_child("a_panic_in_the_handler_aborts", || {
        install(|_| panic!("a bug in the handler")).unwrap();
        load(0) as i32
    })
    .killed_by(libc::SIGABRT);
}

/// Overflows a stack of our own from the calling thread, and comes back.
fn overflow_a_stack() {
    let stack = StackMapping::new(page_size()).unwrap();
    #[cfg(target_arch = "x86_64")]
    assert_eq!(attempt!("mov rsp, {operand}\npush rax", stack.bottom()), LANDED);
    #[cfg(target_arch = "aarch64")]
    assert_eq!(attempt!("mov sp, {operand}\nstr x0, [sp, #-16]!", stack.bottom()), LANDED);
    let pushed_bytes = if cfg!(target_arch = "x86_64") { 8 } else { 16 };
    let seen = [1, 2].map(|index: usize| SEEN[index].load(SeqCst));
    assert_eq!(seen, [stack.bottom().addr(), stack.bottom().addr() - pushed_bytes]);
    assert!(stack.guard().contains(&seen[1]));
}

/// The calling thread's signal stack: address and size, if it has one.
fn signal_stack() -> Option<(usize, usize)> {
    // SAFETY: all zeroes is a valid stack_t.
    let mut now: libc::stack_t = unsafe { mem::zeroed() };
    // SAFETY: asks for the signal stack, changing nothing.
    unsafe { libc::sigaltstack(ptr::null(), &mut now) };
    (now.ss_flags & libc::SS_DISABLE == 0).then(|| (now.ss_sp.addr(), now.ss_size))
}

/// Gives the calling thread a signal stack, or with zero bytes takes it away.
fn set_signal_stack(bytes: usize) -> Option<StackMapping> {
    let stack = (bytes != 0).then(|| StackMapping::new(bytes).unwrap());
    let new = libc::stack_t {
        ss_sp: stack.as_ref().map_or(ptr::null_mut(), |stack| stack.bottom().cast()),
        ss_flags: if stack.is_some() { 0 } else { libc::SS_DISABLE },
        ss_size: bytes,
    };
    // SAFETY: the stack outlives the thread's use of it, as every test keeps it.
    assert_eq!(unsafe { libc::sigaltstack(&new, ptr::null_mut()) }, 0);
    stack
}

#[test]
fn overflows_are_handled_whatever_signal_stack_there_was() {
    in_child("overflows_are_handled_whatever_signal_stack_there_was", || {
        install(resume).unwrap();
        for bytes in [0, 8 << 10, SIGNAL_STACK_BYTES_MIN / 2] {
            thread::spawn(move || {
                let _theirs = set_signal_stack(bytes);
                ensure_signal_stack().unwrap();
                let ours = signal_stack().unwrap();
                assert!(ours.1 >= SIGNAL_STACK_BYTES_MIN);
                ensure_signal_stack().unwrap();
                assert_eq!(signal_stack(), Some(ours));
                (0..100).for_each(|_| overflow_a_stack());
            })
            .join()
            .unwrap();
        }
        0
    })
    .exited(0);
}

#[test]
fn a_signal_stack_that_is_large_enough_is_kept() {
    thread::spawn(|| {
        let theirs = set_signal_stack(1 << 20).unwrap();
        ensure_signal_stack().unwrap();
        assert_eq!(signal_stack(), Some((theirs.bottom().addr(), 1 << 20)));
        set_signal_stack(0);
    })
    .join()
    .unwrap();
}

#[test]
fn the_signal_stack_is_given_back_when_its_thread_ends() {
    let (address, size) = thread::spawn(|| {
        set_signal_stack(0);
        ensure_signal_stack().unwrap();
        signal_stack().unwrap()
    })
    .join()
    .unwrap();
    let whole = format!("{address:x}-{:x} rw-p", address + size);
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    assert!(!maps.contains(&whole), "{whole} is still in\n{maps}");
}

#[test]
fn threads_that_rust_did_not_start_get_a_signal_stack() {
    extern "C" fn run(_: *mut c_void) -> *mut c_void {
        assert_eq!(signal_stack(), None);
        ensure_signal_stack().unwrap();
        overflow_a_stack();
        ptr::null_mut()
    }
    in_child("threads_that_rust_did_not_start_get_a_signal_stack", || {
        install(resume).unwrap();
        let mut id = 0;
        // SAFETY: starts a thread that takes no argument.
        let started = unsafe { libc::pthread_create(&mut id, ptr::null(), run, ptr::null_mut()) };
        assert_eq!(started, 0);
        // SAFETY: joins the thread just started, once.
        assert_eq!(unsafe { libc::pthread_join(id, ptr::null_mut()) }, 0);
        0
    })
    .exited(0);
}

#[test]
fn an_image_that_is_mapped_never_faults_for_want_of_its_file() {
    in_child("an_image_that_is_mapped_never_faults_for_want_of_its_file", || {
        install(never).unwrap();
        let image = MemoryImage::new(&[5]).unwrap();
        let reservation = Reservation::new(page_size()).unwrap();
        reservation.map_image(0, &image).unwrap();
        assert!(rustix::fs::ftruncate(&image, 0).is_err());
        assert_eq!(load(reservation.as_ptr().addr()), 5);
        0
    })
    .exited(0);
}
