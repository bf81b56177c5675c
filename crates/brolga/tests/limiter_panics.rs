//! A limiter that panics in the middle of an instantiation: nothing of the instance is left. The
//! only test of its process, whose mappings it counts.
//!
//! Not under Miri: it runs generated code.
#![cfg(not(miri))]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use brolga::*;

/// Panics when it is asked for the last time that it should answer.
struct Countdown(u32);

impl Countdown {
    fn ask(&mut self) -> Result<bool> {
        self.0 = self.0.wrapping_sub(1);
        // Not `panic!`, whose message would be printed thousands of times.
        if self.0 == 0 { resume_unwind(Box::new("asked")) } else { Ok(true) }
    }
}

impl ResourceLimiter for Countdown {
    fn memory_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> Result<bool> {
        self.ask()
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> Result<bool> {
        self.ask()
    }
}

fn mappings() -> Option<usize> {
    Some(std::fs::read_to_string("/proc/self/maps").ok()?.lines().count())
}

#[test]
fn mappings_stay_as_many() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module (memory (export "m") 1) (memory 2) (memory i64 3)
            (table (export "t") 10 funcref)
            (func $f (export "f") (result i32) (i32.load (i32.const 0)))
            (elem (i32.const 0) $f) (data (i32.const 0) "\2a"))"#,
    )?;
    let mut store = Store::new(&engine, Countdown(0));
    store.limiter(|data| data);
    let mut round = || {
        for question in 1..=4 {
            store.data_mut().0 = question;
            let made = catch_unwind(AssertUnwindSafe(|| Instance::new(&mut store, &module, &[])));
            assert!(made.is_err(), "question {question} is asked");
        }
    };
    (0..10).for_each(|_| round());
    let before = mappings();
    // Without an end to each of them, thousands would be there.
    (0..1_000).for_each(|_| round());
    assert_eq!(mappings(), before);
    store.data_mut().0 = 0;
    let instance = Instance::new(&mut store, &module, &[])?;
    let f = instance.get_typed_func::<(), i32>(&mut store, "f")?;
    assert_eq!(f.call(&mut store, ())?, 42);
    Ok(())
}
