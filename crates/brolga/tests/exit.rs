//! A host function that ends the process: what lives in thread-locals is dropped then, on the stack
//! of the call that is under way.
//!
//! Not under Miri: it runs generated code.
#![cfg(not(miri))]

use std::cell::RefCell;
use std::hint::black_box;
use std::process::{Command, exit};
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;

use brolga::{Engine, Func, Instance, Module, Store, TypedFunc};

/// Set for the process that is to end.
const CHILD: &str = "BROLGA_TEST_EXITS";
const CODE: i32 = 7;

type Held = (Store<()>, TypedFunc<(), ()>);

thread_local! {
    /// Dropped after `HELD`, as destructors run from the one that was registered last.
    static WATCH: Watch = const { Watch };
    static HELD: RefCell<Option<Held>> = const { RefCell::new(None) };
}

/// 0 in the beginning, 1 when the store is gone, 2 when another thread has called meanwhile.
static PHASE: AtomicU32 = AtomicU32::new(0);

struct Watch;

impl Drop for Watch {
    /// Has the other thread make its calls, and looks whether that has changed anything here, on
    /// the stack of a store that is gone.
    fn drop(&mut self) {
        let mut frame = [0x5a5a_5a5a_u64; 512];
        let frame = black_box(&mut frame);
        PHASE.store(1, SeqCst);
        while PHASE.load(SeqCst) < 2 {
            thread::yield_now();
        }
        if black_box(&mut *frame).iter().any(|&word| word != 0x5a5a_5a5a) {
            std::process::abort();
        }
    }
}

fn call_from_another_thread(engine: Engine) {
    while PHASE.load(SeqCst) < 1 {
        thread::yield_now();
    }
    let text = r#"(module (func $deep (export "deep") (param i32)
        (if (local.get 0) (then (call $deep (i32.sub (local.get 0) (i32.const 1)))))))"#;
    let module = Module::new(&engine, text).expect("valid");
    for _ in 0..20 {
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("no imports");
        let deep = instance.get_typed_func::<i32, ()>(&mut store, "deep").expect("exported");
        deep.call(&mut store, 2_000).expect("no trap");
    }
    PHASE.store(2, SeqCst);
}

fn exit_inside_a_call() {
    let engine = Engine::default();
    let other = engine.clone();
    thread::spawn(move || call_from_another_thread(other));
    WATCH.with(|_| ());
    let text = r#"(module (import "" "exit" (func $exit)) (func (export "call") (call $exit)))"#;
    let module = Module::new(&engine, text).expect("valid");
    HELD.with_borrow_mut(|held| {
        let mut store = Store::new(&engine, ());
        let end = Func::wrap(&mut store, || -> () { exit(CODE) });
        let instance = Instance::new(&mut store, &module, &[end.into()]).expect("all imports");
        let call = instance.get_typed_func(&mut store, "call").expect("exported");
        let (store, call) = held.insert((store, call));
        call.call(store, ()).expect("never comes back");
    });
}

#[test]
fn the_stack_of_a_call_that_exits_is_nobody_elses() {
    if std::env::var_os(CHILD).is_some() {
        return exit_inside_a_call();
    }
    let program = std::env::current_exe().expect("there is one");
    let name = "the_stack_of_a_call_that_exits_is_nobody_elses";
    let status = Command::new(program)
        .args(["--exact", name, "--test-threads=1"])
        .env(CHILD, "1")
        .status()
        .expect("starts");
    assert_eq!(status.code(), Some(CODE), "{status}");
}
