//! Calls into code and out of it: results, stacks, nesting, errors and panics at every depth.
//!
//! Not under Miri: it runs machine code.
#![cfg(not(miri))]
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

mod machine;

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};

use brolga_abi::TrapCode;
use brolga_runtime::{Failure, RegisterArgs, StackOptions, StackPool, TrapRecord, Unwind};

use machine::{CALL_HOST_AT, Function, Store, frames, index, shared};

fn ints(values: &[u64]) -> RegisterArgs<'static> {
    let mut args = RegisterArgs::new();
    for (slot, &value) in args.ints.iter_mut().zip(values) {
        *slot = MaybeUninit::new(value);
    }
    args
}

#[test]
fn results_come_back_in_slots() {
    let store = Store::new(shared());
    assert_eq!(store.call(Function::Add, &[40, 2]).unwrap()[0], 42);
    let args = [1, 2, 3, 4];
    assert_eq!(store.call(Function::Four, &args).unwrap()[0], 4321);
    let float = [10, 0, 0, 0, 1.5_f64.to_bits(), 0.25_f32.to_bits().into()];
    let result = store.call(Function::Float, &float).unwrap()[1];
    assert_eq!(f64::from_bits(result), 11.75);
}

#[test]
fn results_come_back_in_registers() {
    let store = Store::new(shared());
    let result = store.call_fast(Function::Add, ints(&[40, 2])).unwrap();
    assert_eq!(result.int as u32, 42);
    let four = ints(&[1, 2, 3, 4]);
    let result = store.call_fast(Function::Four, four).unwrap();
    assert_eq!(result.int, 4321);
    let mut args = ints(&[10]);
    args.floats[0] = MaybeUninit::new(1.5);
    args.floats[1] = MaybeUninit::new(f64::from_bits(0.25_f32.to_bits().into()));
    let result = store.call_fast(Function::Float, args).unwrap();
    assert_eq!(result.float, 11.75);
}

#[test]
fn code_runs_on_an_aligned_stack_of_its_own() {
    let store = Store::new(shared());
    let here = &raw const store as u64;
    let there = store.call(Function::Stack, &[0]).unwrap()[0];
    assert!(here.abs_diff(there) > 1 << 20 || here < there);
    assert_eq!(store.call(Function::Stack, &[1]).unwrap()[0], 0);
    let fast = store.call_fast(Function::Stack, ints(&[1])).unwrap();
    assert_eq!(fast.int, 0);
}

#[test]
fn a_nested_call_stays_on_the_stack_and_is_aligned() {
    let inner = Store::new(shared());
    let stacks = Cell::new((0, 0));
    let outer = Store::with_host(shared(), |outer, _, _| {
        let same = outer.call(Function::Stack, &[0]).unwrap()[0];
        let other = inner.call(Function::Stack, &[0]).unwrap()[0];
        stacks.set((same, other));
        assert_eq!(inner.call(Function::Stack, &[1]).unwrap()[0], 0);
        let fast = inner.call_fast(Function::Stack, ints(&[1])).unwrap();
        assert_eq!(fast.int, 0);
        Ok(0)
    });
    let first = outer.call(Function::Stack, &[0]).unwrap()[0];
    outer.call(Function::CallHost, &[]).unwrap();
    let (same, other) = stacks.get();
    for nested in [same, other] {
        assert!(
            nested < first && first - nested < 64 << 10,
            "{nested:x} is not just below {first:x}"
        );
    }
    // Outside, the other store goes to its own stack again.
    let alone = inner.call(Function::Stack, &[0]).unwrap()[0];
    assert!(alone.abs_diff(first) > 1 << 20);
}

#[test]
fn a_host_function_gets_arguments_and_returns() {
    let store = Store::new(shared());
    assert_eq!(store.call(Function::CallHost, &[6, 7]).unwrap()[0], 42);
    let fast = store.call_fast(Function::CallHost, ints(&[6, 7])).unwrap();
    assert_eq!(fast.int as u32, 42);
}

#[test]
fn the_host_calls_a_host_function_as_wasm_does() {
    let store = Store::with_host(shared(), |_, a, b| match (a, b) {
        (0, _) => Err(Unwind::Error("zero".into())),
        (1, _) => panic!("one"),
        _ => Ok(a + b),
    });
    assert_eq!(store.call_host_directly(&[2, 3]).unwrap()[0], 5);
    let error = store.call_host_directly(&[0, 0]).unwrap_err();
    assert_eq!(error.to_string(), "zero");
    assert_eq!(frames(&error), []);
    let panic = catch_unwind(AssertUnwindSafe(|| store.call_host_directly(&[1, 0])));
    let payload = panic.unwrap_err();
    assert_eq!(*payload.downcast_ref::<&str>().unwrap(), "one");
    assert_eq!(store.call_host_directly(&[2, 3]).unwrap()[0], 5);
}

#[test]
fn a_host_error_comes_back_as_it_is_with_the_frames_that_called() {
    let store = Store::with_host(shared(), |_, _, _| Err(Unwind::Error("enough".into())));
    let error = store.call(Function::CallHost, &[]).unwrap_err();
    assert!(matches!(error.failure, Failure::Host(_)));
    assert_eq!(error.trap_code(), None);
    assert_eq!(error.to_string(), "enough");
    let expected = [(index(Function::CallHost), Some(CALL_HOST_AT))];
    assert_eq!(frames(&error), expected);
}

#[test]
fn what_a_host_function_owns_is_dropped_before_the_door_opens() {
    let owned = std::rc::Rc::new(());
    let store = Store::with_host(shared(), |_, how, _| {
        let _mine = owned.clone();
        match how {
            0 => Ok(0),
            1 => Err(TrapCode::Interrupt.into()),
            _ => std::panic::resume_unwind(Box::new("quiet")),
        }
    });
    for round in 0..3_000 {
        let call = || store.call(Function::CallHost, &[round % 3]);
        let ended = catch_unwind(AssertUnwindSafe(call));
        assert_eq!(ended.is_err(), round % 3 == 2);
        assert_eq!(std::rc::Rc::strong_count(&owned), 1);
    }
}

/// Levels of calls that go back and forth between two stores; at the innermost something happens.
struct Ladder<'a> {
    stores: [Box<Store<'a>>; 2],
}

impl<'a> Ladder<'a> {
    /// Each level calls the next one through wasm and the host; `end` decides at the bottom, and
    /// `each` sees what came back at every level above it, innermost first.
    fn new(
        end: &'a (dyn Fn() -> Result<u32, Unwind> + 'a),
        each: &'a (dyn Fn(u32, Result<u32, Box<TrapRecord>>) -> Result<u32, Unwind> + 'a),
        links: &'a [Cell<*const Store<'a>>; 2],
    ) -> Self {
        // Unoptimised host frames are large: a thousand levels of them need more than the default.
        let options = StackOptions { wasm_bytes: 8 << 20, ..StackOptions::default() };
        let pool = StackPool::new(options).unwrap();
        let store = |other: &'a Cell<*const Store<'a>>| {
            Store::with_pool(shared(), &pool, move |this, level, _| {
                let before = (this.context.exit_pc, this.context.exit_fp);
                let limit = this.context.stack_limit;
                if level == 0 {
                    return end();
                }
                // SAFETY: the ladder owns both stores and outlives its calls.
                let other = unsafe { &*other.get() };
                let result = other.call(Function::CallHost, &[u64::from(level) - 1]);
                assert_eq!((this.context.exit_pc, this.context.exit_fp), before);
                assert_eq!(this.context.stack_limit, limit);
                each(level, result.map(|slots| slots[0] as u32))
            })
        };
        let stores = [store(&links[1]), store(&links[0])];
        links[0].set(&*stores[0]);
        links[1].set(&*stores[1]);
        Self { stores }
    }

    fn climb(&self, levels: u64) -> Result<u32, Box<TrapRecord>> {
        let slots = self.stores[0].call(Function::CallHost, &[levels])?;
        Ok(slots[0] as u32)
    }
}

fn links<'a>() -> [Cell<*const Store<'a>>; 2] {
    [const { Cell::new(std::ptr::null()) }; 2]
}

#[test]
fn calls_nest_1000_deep_through_two_stores() {
    let links = links();
    let ladder = Ladder::new(&|| Ok(7), &|_, result| Ok(result.unwrap() + 1), &links);
    for levels in [0, 1, 2, 10, 1_000] {
        assert_eq!(ladder.climb(levels).unwrap(), 7 + levels as u32);
    }
}

#[test]
fn nesting_without_end_is_a_stack_overflow() {
    let links = links();
    let depth = Cell::new(0);
    let each = |_, result: Result<u32, Box<TrapRecord>>| {
        depth.set(depth.get() + 1);
        let record = result.unwrap_err();
        assert_eq!(record.trap_code(), Some(TrapCode::StackOverflow));
        Err(Unwind::Trap(TrapCode::StackOverflow))
    };
    let ladder = Ladder::new(&|| unreachable!(), &each, &links);
    for _ in 0..3 {
        depth.set(0);
        let record = ladder.climb(u32::MAX.into()).unwrap_err();
        assert_eq!(record.trap_code(), Some(TrapCode::StackOverflow));
        assert!(depth.get() > 1_000, "{} levels", depth.get());
    }
    assert!(ladder.stores[0].context.activation.is_null());
}

#[test]
fn a_trap_ends_the_innermost_call_only() {
    for stop in [1, 2, 500, 1_000] {
        let ended = Cell::new(0);
        let links = links();
        let end = || Err(Unwind::Trap(TrapCode::OutOfFuel));
        let each = |level, result: Result<u32, Box<TrapRecord>>| match result {
            Err(record) => {
                assert_eq!(record.trap_code(), Some(TrapCode::OutOfFuel));
                ended.set(ended.get() + 1);
                match level == stop {
                    true => Ok(1),
                    false => Err(Unwind::Trap(TrapCode::OutOfFuel)),
                }
            }
            Ok(result) => Ok(result + 1),
        };
        let ladder = Ladder::new(&end, &each, &links);
        let result = ladder.climb(1_000).unwrap();
        assert_eq!(ended.get(), stop);
        assert_eq!(result, 1_000 - stop + 1);
    }
}

#[test]
fn a_panic_goes_on_in_the_host_that_called() {
    let dropped = Cell::new(0);
    struct Count<'a>(&'a Cell<u32>);
    impl Drop for Count<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    for levels in [0, 1, 10, 300] {
        dropped.set(0);
        let links = links();
        let end = || std::panic::resume_unwind(Box::new(String::from("payload")));
        let each = |_, _| unreachable!("the panic passes by");
        let ladder = Ladder::new(&end, &each, &links);
        let climb = || {
            let _count = Count(&dropped);
            ladder.climb(levels)
        };
        let payload = catch_unwind(AssertUnwindSafe(climb)).unwrap_err();
        assert_eq!(payload.downcast_ref::<String>().unwrap(), "payload");
        assert_eq!(dropped.get(), 1);
        let store = &ladder.stores[0];
        assert!(store.context.activation.is_null());
        assert_eq!(store.call(Function::Add, &[1, 2]).unwrap()[0], 3);
    }
}

#[test]
fn a_panic_caught_in_between_ends_there() {
    let inner = Store::with_host(shared(), |_, _, _| std::panic::resume_unwind(Box::new("inner")));
    let outer = Store::with_host(shared(), |_, _, _| {
        let call = || inner.call(Function::CallHost, &[]);
        let payload = catch_unwind(AssertUnwindSafe(call)).unwrap_err();
        assert_eq!(*payload.downcast_ref::<&str>().unwrap(), "inner");
        Ok(5)
    });
    assert_eq!(outer.call(Function::CallHost, &[]).unwrap()[0], 5);
}

#[test]
fn a_backtrace_spans_the_calls_of_its_store() {
    let outer = Store::with_host(shared(), |this, again, _| {
        match this.call(Function::Deep, &[u64::from(again)]) {
            Ok(_) => unreachable!(),
            Err(record) => {
                assert_eq!(record.trap_code(), Some(TrapCode::NullReference));
                let found = frames(&record);
                assert_eq!(found.len(), 4);
                assert_eq!(found[0], (index(Function::Deep), Some(machine::BOTTOM_AT)));
                assert_eq!(found[2], (index(Function::Deep), Some(machine::DEEP_AT)));
                assert_eq!(found[3], (index(Function::CallHost), Some(CALL_HOST_AT)));
            }
        }
        Ok(1)
    });
    assert_eq!(outer.call(Function::CallHost, &[2]).unwrap()[0], 1);
}

#[test]
fn a_store_goes_from_thread_to_thread_between_calls() {
    struct Sent<'a>(Box<Store<'a>>);
    // SAFETY: the host closure owns nothing.
    unsafe impl Send for Sent<'_> {}
    let mut store = Sent(Store::new(shared()));
    for round in 0..50 {
        store = std::thread::spawn(move || {
            let sent = store;
            let store = &sent.0;
            assert_eq!(store.call(Function::CallHost, &[round, 3]).unwrap()[0], round * 3);
            let error = store.call(Function::Wreck, &[]).unwrap_err();
            assert_eq!(error.trap_code(), Some(TrapCode::IntegerOverflow));
            sent
        })
        .join()
        .unwrap();
    }
}

#[test]
fn a_call_from_a_foreign_stack_takes_another_one() {
    // What a coroutine or a grown stack looks like: host code that has switched away from the
    // stack that its store's call runs on, and calls again.
    unsafe extern "C" fn on_other_stack(data: *mut u8) {
        // SAFETY: `data` is the closure below.
        unsafe { (*data.cast::<&mut dyn FnMut()>())() }
    }
    let nested = Cell::new(0);
    let store = Store::with_host(shared(), |this, _, _| {
        let mut body = || {
            nested.set(this.call(Function::Stack, &[0]).unwrap()[0]);
            let error = this.call(Function::Wreck, &[]).unwrap_err();
            assert_eq!(error.trap_code(), Some(TrapCode::IntegerOverflow));
        };
        let mut body: &mut dyn FnMut() = &mut body;
        let other = brolga_os::StackMapping::new(1 << 20).unwrap();
        #[cfg(target_arch = "x86_64")]
        // SAFETY: runs a C function on a fresh stack and comes back.
        unsafe {
            std::arch::asm!(
                "mov r12, rsp",
                "mov rsp, rcx",
                "call rax",
                "mov rsp, r12",
                in("rcx") other.top(),
                in("rax") on_other_stack as unsafe extern "C" fn(*mut u8),
                in("rdi") &raw mut body,
                out("r12") _,
                clobber_abi("C"),
            );
        }
        #[cfg(target_arch = "aarch64")]
        // SAFETY: as above.
        unsafe {
            std::arch::asm!(
                "mov x20, sp",
                "mov sp, x1",
                "blr x2",
                "mov sp, x20",
                in("x1") other.top(),
                in("x2") on_other_stack as unsafe extern "C" fn(*mut u8),
                in("x0") &raw mut body,
                out("x20") _,
                clobber_abi("C"),
            );
        }
        Ok(9)
    });
    let own = store.call(Function::Stack, &[0]).unwrap()[0];
    assert_eq!(store.call(Function::CallHost, &[]).unwrap()[0], 9);
    assert!(nested.get().abs_diff(own) > 1 << 20);
    assert_eq!(store.call(Function::Stack, &[0]).unwrap()[0], own);
}

#[test]
fn signal_free_stores_call_without_a_handler_of_ours() {
    let options = StackOptions { signals: false, ..StackOptions::default() };
    let pool = StackPool::new(options).unwrap();
    let store = Store::with_pool(shared(), &pool, |_, a, b| Ok(a - b));
    assert_eq!(store.call(Function::CallHost, &[5, 3]).unwrap()[0], 2);
    let error = store.call(Function::Unreachable, &[]).unwrap_err();
    assert_eq!(error.trap_code(), Some(TrapCode::UnreachableCodeReached));
}

#[test]
fn many_threads_call_at_once() {
    std::thread::scope(|scope| {
        for thread in 0..16 {
            scope.spawn(move || {
                let store = Store::new(shared());
                for round in 0..20_000 {
                    let sum = store.call(Function::Add, &[thread, round]).unwrap()[0];
                    assert_eq!(sum, thread + round);
                }
            });
        }
    });
}
