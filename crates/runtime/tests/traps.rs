//! Traps and faults: what becomes a trap, with which frames; what is left to others; that nothing
//! is lost on the way, however often and on whichever thread.
//!
//! Faults that must end the process are provoked in child processes: this program runs itself with
//! the test's name and `BROLGA_FAULT` set.
//!
//! Not under Miri: it runs machine code.
#![cfg(not(miri))]
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

mod machine;

use std::mem::MaybeUninit;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use brolga_abi::TrapCode;
use brolga_runtime::{Failure, LoadedCode, RegisterArgs, TrapRecord};

use machine::{Function, Store, frames, index, load, shared};

fn trap(record: &TrapRecord) -> TrapCode {
    record.trap_code().expect("a trap")
}

fn address(record: &TrapRecord) -> Option<usize> {
    match record.failure {
        Failure::Trap { address, .. } => address,
        _ => None,
    }
}

#[test]
fn an_illegal_instruction_at_a_trap_site_is_that_trap() {
    let store = Store::new(shared());
    let record = store.call(Function::Wreck, &[]).unwrap_err();
    assert_eq!(trap(&record), TrapCode::IntegerOverflow);
    assert_eq!(record.to_string(), "integer overflow");
    let expected = [(index(Function::Wreck), Some(machine::WRECK_AT))];
    assert_eq!(frames(&record), expected);
}

#[test]
fn registers_of_the_host_survive_a_trap() {
    let store = Store::new(shared());
    // Enough live values that some are in registers which the code overwrites.
    let mut live: [u64; 12] = std::array::from_fn(|position| position as u64 * 3);
    for _ in 0..1_000 {
        assert!(store.call(Function::Wreck, &[]).is_err());
        let fast = store.call_fast(Function::Wreck, RegisterArgs::new());
        assert!(fast.is_err());
        for value in &mut live {
            *value = value.wrapping_mul(5).wrapping_add(1);
        }
    }
    let mut expected: [u64; 12] = std::array::from_fn(|position| position as u64 * 3);
    for value in &mut expected {
        for _ in 0..1_000 {
            *value = value.wrapping_mul(5).wrapping_add(1);
        }
    }
    assert_eq!(live, expected);
}

#[test]
fn a_division_by_zero_is_a_trap() {
    let store = Store::new(shared());
    assert_eq!(store.call(Function::Div, &[84, 2]).unwrap()[0], 42);
    let record = store.call(Function::Div, &[1, 0]).unwrap_err();
    assert_eq!(trap(&record), TrapCode::IntegerDivisionByZero);
    let expected = [(index(Function::Div), Some(machine::DIV_AT))];
    assert_eq!(frames(&record), expected);
}

#[test]
fn an_access_to_a_guard_is_out_of_bounds() {
    let guard = brolga_os::Reservation::new(1 << 16).unwrap();
    let start = guard.as_ptr().expose_provenance();
    let mut store = Store::new(shared());
    store.guard = start..start + (1 << 16);
    for at in [start, start + 4104, start + (1 << 16) - 8] {
        let record = store.call(Function::Load, &[at as u64, 0]).unwrap_err();
        assert_eq!(trap(&record), TrapCode::MemoryOutOfBounds);
        assert_eq!(address(&record), Some(at));
        let expected = [(index(Function::Load), Some(machine::LOAD_AT))];
        assert_eq!(frames(&record), expected);
    }
    let value = 99_u64;
    let there = (&raw const value).expose_provenance() as u64;
    assert_eq!(store.call(Function::Load, &[there]).unwrap()[0], 99);
}

#[test]
fn a_trap_raised_by_a_call_has_its_frame_even_as_the_last_instruction() {
    let store = Store::new(shared());
    let record = store.call(Function::Unreachable, &[]).unwrap_err();
    assert_eq!(trap(&record), TrapCode::UnreachableCodeReached);
    assert_eq!(address(&record), None);
    let expected = [(index(Function::Unreachable), Some(machine::UNREACHABLE_AT))];
    assert_eq!(frames(&record), expected);
}

#[test]
fn a_backtrace_has_every_frame_up_to_its_limit() {
    let store = Store::new(shared());
    for depth in [0, 1, 5, 126, 127, 128, 1_000] {
        let by_slots = store.call(Function::Deep, &[depth]).unwrap_err();
        let mut args = RegisterArgs::new();
        args.ints[0] = MaybeUninit::new(depth);
        let by_registers = store.call_fast(Function::Deep, args).unwrap_err();
        for (record, entries) in [(by_slots, 1), (by_registers, 0)] {
            assert_eq!(trap(&record), TrapCode::NullReference);
            let found = frames(&record);
            let deep = index(Function::Deep);
            assert_eq!(found[0], (deep, Some(machine::BOTTOM_AT)));
            let rest = found[1..].iter();
            assert!(rest.clone().all(|&frame| frame == (deep, Some(machine::DEEP_AT))));
            // The host's entry takes a place among those noted, though it is not shown.
            let noted = depth as usize + 1 + entries;
            assert_eq!(record.backtrace.is_truncated(), noted > 128);
            assert_eq!(found.len(), (depth as usize + 1).min(128));
        }
    }
}

#[test]
fn endless_recursion_is_a_stack_overflow() {
    let store = Store::new(shared());
    for _ in 0..100 {
        let record = store.call(Function::Recurse, &[]).unwrap_err();
        assert_eq!(trap(&record), TrapCode::StackOverflow);
        assert!(record.backtrace.is_truncated());
        let found = frames(&record);
        let expected = (index(Function::Recurse), Some(machine::RECURSE_AT));
        assert!(found[1..].iter().all(|&frame| frame == expected));
        assert_eq!(found[0].0, index(Function::Recurse));
    }
    assert_eq!(store.call(Function::Add, &[1, 2]).unwrap()[0], 3);
}

#[test]
fn a_thread_with_16_kib_of_stack_overflows_and_traps_like_any_other() {
    let code = shared();
    let thread = std::thread::Builder::new().stack_size(16 << 10);
    let store = std::sync::Mutex::new(Moved(Store::new(code)));
    let run = move || {
        let store = store.into_inner().unwrap();
        let store = &store.0;
        let overflow = store.call(Function::Recurse, &[]).unwrap_err().trap_code();
        let wreck = store.call(Function::Wreck, &[]).unwrap_err().trap_code();
        let sum = store.call(Function::Add, &[1, 2]).unwrap()[0];
        (overflow, wreck, sum)
    };
    let seen = thread.spawn(run).unwrap().join().unwrap();
    let expected = (Some(TrapCode::StackOverflow), Some(TrapCode::IntegerOverflow), 3);
    assert_eq!(seen, expected);
}

/// A store of which one thread lets go before another takes it.
struct Moved(Box<Store<'static>>);

// SAFETY: the host closures of these stores own nothing.
unsafe impl Send for Moved {}

#[test]
fn recursion_through_the_host_is_a_stack_overflow_with_the_reserve_intact() {
    // Uses most of the reserve in each host function: the thunk must have seen to it.
    fn deep_host(store: &Store<'_>, again: bool) -> Option<TrapCode> {
        let room = [1_u8; 512 << 10];
        std::hint::black_box(&room);
        let again: u64 = again.into();
        store.call(Function::CallHost, &[again]).unwrap_err().trap_code()
    }
    let deepest = AtomicUsize::new(0);
    let store = Store::with_host(shared(), |this, _, _| {
        deepest.fetch_add(1, Ordering::Relaxed);
        match deep_host(this, true) {
            Some(code) => Err(code.into()),
            None => Ok(0),
        }
    });
    for _ in 0..100 {
        let record = store.call(Function::CallHost, &[1]).unwrap_err();
        assert_eq!(trap(&record), TrapCode::StackOverflow);
    }
    assert!(deepest.load(Ordering::Relaxed) >= 200);
}

fn resident_bytes() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * brolga_os::page_size()
}

fn mappings() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().count()
}

#[test]
fn a_hundred_thousand_traps_leave_nothing_behind() {
    let status = child("child_with_many_traps", "many");
    assert!(status.success(), "{status}");
}

#[test]
fn child_with_many_traps() {
    if !is_child("many") {
        return;
    }
    let store = Store::new(shared());
    let round = |rounds: usize| {
        for _ in 0..rounds {
            let record = store.call(Function::Wreck, &[]).unwrap_err();
            assert_eq!(trap(&record), TrapCode::IntegerOverflow);
            let record = store.call(Function::Unreachable, &[]).unwrap_err();
            assert_eq!(trap(&record), TrapCode::UnreachableCodeReached);
            let record = store.call(Function::Deep, &[20]).unwrap_err();
            assert_eq!(trap(&record), TrapCode::NullReference);
        }
    };
    round(1_000);
    let before = (resident_bytes(), mappings());
    round(33_000);
    let grown = resident_bytes().saturating_sub(before.0);
    assert!(grown < 256 << 10, "grown by {grown} bytes");
    assert_eq!(mappings(), before.1);
}

#[test]
fn stores_give_their_stacks_back() {
    let status = child("child_with_many_stores", "stores");
    assert!(status.success(), "{status}");
}

#[test]
fn child_with_many_stores() {
    if !is_child("stores") {
        return;
    }
    let round = |rounds: usize| {
        for _ in 0..rounds {
            let store = Store::new(shared());
            let record = store.call(Function::Recurse, &[]).unwrap_err();
            assert_eq!(trap(&record), TrapCode::StackOverflow);
        }
    };
    round(10);
    let before = (resident_bytes(), mappings());
    round(300);
    let grown = resident_bytes().saturating_sub(before.0);
    assert!(grown < 256 << 10, "grown by {grown} bytes");
    assert_eq!(mappings(), before.1);
}

/// Threads load and unload code all the time, so that the registry changes under the handlers of
/// the threads that trap all the time.
#[test]
fn traps_find_their_code_while_other_code_comes_and_goes() {
    let stop = AtomicBool::new(false);
    let loaded = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut held: Vec<Arc<LoadedCode>> = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let code = load();
                    {
                        let store = Store::new(&code);
                        let record = store.call(Function::Wreck, &[]).unwrap_err();
                        assert_eq!(trap(&record), TrapCode::IntegerOverflow);
                        let frame = record.backtrace.frames().next().unwrap();
                        assert!(Arc::ptr_eq(frame.code, &code));
                    }
                    held.push(code);
                    if held.len() > 5 {
                        held.remove(0);
                    }
                    loaded.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let trapping: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let store = Store::new(shared());
                    for _ in 0..10_000 {
                        let record = store.call(Function::Deep, &[3]).unwrap_err();
                        assert_eq!(trap(&record), TrapCode::NullReference);
                        assert_eq!(frames(&record).len(), 4);
                        let raised = store.call(Function::Unreachable, &[]).unwrap_err();
                        assert_eq!(frames(&raised).len(), 1);
                    }
                })
            })
            .collect();
        for thread in trapping {
            thread.join().unwrap();
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(loaded.load(Ordering::Relaxed) > 3);
}

#[test]
fn code_is_found_as_long_as_it_is_loaded() {
    let code = load();
    let base = code.base().addr();
    let last = base + code.image.text_bytes as usize - 1;
    for pc in [base, base + 1, last] {
        assert!(Arc::ptr_eq(&LoadedCode::find(pc).unwrap(), &code));
    }
    let not_this = |pc| LoadedCode::find(pc).is_none_or(|found| !Arc::ptr_eq(&found, &code));
    assert!(not_this(base - 1));
    assert!(not_this(last + 1));
    assert!(LoadedCode::find(0).is_none());
    assert!(LoadedCode::find(usize::MAX).is_none());
    let weak = Arc::downgrade(&code);
    drop(code);
    assert_eq!(weak.strong_count(), 0);
}

#[test]
fn an_error_keeps_the_code_of_its_frames() {
    let code = load();
    let weak = Arc::downgrade(&code);
    let store = Store::new(&code);
    let record = store.call(Function::Deep, &[2]).unwrap_err();
    drop((store, code));
    assert_eq!(frames(&record).len(), 3);
    drop(record);
    assert!(weak.upgrade().is_none());
}

// Faults that are not ours.

/// Runs one test of this program in a process of its own, on its main thread.
fn child(test: &str, fault: &str) -> ExitStatus {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program)
        .args([test, "--exact", "--test-threads=1", "--nocapture"])
        .env("BROLGA_FAULT", fault)
        .output()
        .unwrap();
    if !output.status.success() {
        eprintln!("{}", String::from_utf8_lossy(&output.stderr));
    }
    output.status
}

fn is_child(fault: &str) -> bool {
    std::env::var("BROLGA_FAULT").is_ok_and(|asked| asked == fault)
}

#[test]
fn faults_that_are_not_traps_end_the_process() {
    for fault in FAULTS {
        let status = child("child_with_a_fault", fault.name);
        assert_eq!((status.signal(), status.code()), (fault.signal, fault.code), "{}", fault.name);
    }
}

struct Foreign {
    name: &'static str,
    run: fn(),
    signal: Option<i32>,
    code: Option<i32>,
}

const FAULTS: &[Foreign] = &[
    Foreign {
        name: "host function reads an unmapped page",
        run: || fault_in_host(|| touch(1 << 12)),
        signal: Some(libc::SIGSEGV),
        code: None,
    },
    Foreign {
        name: "host function runs into the guard of the stack",
        run: || fault_in_host(|| touch_below_stack(4 << 20)),
        signal: Some(libc::SIGSEGV),
        code: None,
    },
    Foreign {
        name: "host function executes an illegal instruction",
        run: || fault_in_host(execute_nothing),
        signal: Some(libc::SIGILL),
        code: None,
    },
    Foreign {
        name: "code reads outside every guard at a trap site",
        run: || drop(Store::new(shared()).call(Function::Load, &[1 << 12])),
        signal: Some(libc::SIGSEGV),
        code: None,
    },
    Foreign {
        name: "code reads a guard where there is no trap site",
        run: || {
            let mut store = Store::new(shared());
            store.guard = 0..1 << 16;
            drop(store.call(Function::Wild, &[1 << 12]));
        },
        signal: Some(libc::SIGSEGV),
        code: None,
    },
    Foreign {
        name: "a signal that only looks like a fault",
        run: || {
            exit_on_segmentation_fault();
            let store = Store::with_host(shared(), |_, _, _| {
                // SAFETY: sends a signal to this thread.
                unsafe { libc::raise(libc::SIGSEGV) };
                Ok(0)
            });
            drop(store.call(Function::CallHost, &[]));
        },
        signal: None,
        code: Some(42),
    },
    Foreign {
        name: "somebody handles faults of the host",
        run: || {
            exit_on_segmentation_fault();
            let store = Store::new(shared());
            let record = store.call(Function::Wreck, &[]).unwrap_err();
            assert_eq!(trap(&record), TrapCode::IntegerOverflow);
            let record = store.call(Function::Recurse, &[]).unwrap_err();
            assert_eq!(trap(&record), TrapCode::StackOverflow);
            fault_in_host(|| touch(1 << 12));
        },
        signal: None,
        code: Some(42),
    },
];

#[test]
fn child_with_a_fault() {
    if let Some(fault) = FAULTS.iter().find(|fault| is_child(fault.name)) {
        (fault.run)();
    }
}

fn fault_in_host(fault: fn()) {
    let store = Store::with_host(shared(), move |_, _, _| {
        fault();
        Ok(0)
    });
    drop(store.call(Function::CallHost, &[]));
}

fn touch(address: usize) {
    let there = std::ptr::with_exposed_provenance::<u8>(address);
    // SAFETY: no address that Rust knows anything about; the process ends here.
    std::hint::black_box(unsafe { there.read_volatile() });
}

fn execute_nothing() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: ends the process.
    unsafe {
        std::arch::asm!("ud2")
    };
    #[cfg(target_arch = "aarch64")]
    // SAFETY: ends the process.
    unsafe {
        std::arch::asm!("udf #0")
    };
}

/// Touches every page on the way down, as a runaway host function would.
fn touch_below_stack(bytes: usize) {
    let here = brolga_os::current_stack_pointer();
    for below in (8192..bytes).step_by(4096) {
        touch(here - below);
    }
}

/// As an embedder's crash reporter that was there before us.
fn exit_on_segmentation_fault() {
    extern "C" fn exit(_: i32) {
        // SAFETY: ends the process from a signal handler.
        unsafe { libc::_exit(42) };
    }
    // SAFETY: installs a handler that may run anywhere.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = exit as *const () as usize;
        action.sa_flags = libc::SA_ONSTACK;
        assert_eq!(libc::sigaction(libc::SIGSEGV, &action, std::ptr::null_mut()), 0);
    }
}
