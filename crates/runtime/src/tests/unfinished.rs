//! Instances whose making ends in a panic of the embedder's: nothing is left of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use super::*;
use crate::limits::Charge;
use crate::{BoxError, Growth, GrowthHook};

/// Panics when it is asked the given number of times, and counts down to that.
struct Panicking(Arc<Mutex<u32>>);

impl Panicking {
    fn ask(&self) -> Result<bool, BoxError> {
        let mut left = self.0.lock().unwrap();
        *left = left.wrapping_sub(1);
        let now = *left == 0;
        drop(left);
        // No message of the default hook's: it happens thousands of times.
        if now { std::panic::resume_unwind(Box::new("asked")) } else { Ok(true) }
    }
}

impl GrowthHook for Panicking {
    fn memory_growing(&mut self, _: *mut (), _: Growth) -> Result<bool, BoxError> {
        self.ask()
    }

    fn table_growing(&mut self, _: *mut (), _: Growth) -> Result<bool, BoxError> {
        self.ask()
    }
}

/// What a store holds: instances, memories, tables, bytes, elements.
fn held(store: &Store) -> [u64; 5] {
    let arenas = &store.arenas;
    let counts = [arenas.instances.len(), arenas.memories.len(), arenas.tables.len()];
    let [instances, memories, tables] = counts.map(|count| count as u64);
    let used = |charge| store.budget.used(charge);
    [instances, memories, tables, used(Charge::Memory), used(Charge::Table)]
}

#[test]
fn a_panic_at_any_question_leaves_nothing() {
    let engine = Engine::new();
    let config = engine.config();
    let mut store = Store::new(&config, engine.limits);
    let exporter = engine.load(
        r#"(module (memory (export "memory") 1) (table (export "table") 2 funcref)
            (global (export "offset") i32 (i32.const 1)))"#,
    );
    let exporter = store.instantiate(&exporter, &[]).unwrap();
    let imports = ["memory", "table", "offset"].map(|name| export(&store, exporter, name));
    let code = engine.load(
        r#"(module
            (import "" "memory" (memory 1)) (import "" "table" (table 2 funcref))
            (import "" "offset" (global i32))
            (memory 1) (memory 2) (table 3 funcref) (table 4 8 externref) (table 5 funcref)
            (func $f) (elem (i32.const 0) $f) (elem (table 1) (i32.const 0) func $f)
            (data (memory 1) (i32.const 0) "data"))"#,
    );
    let left = Arc::new(Mutex::new(0));
    store.set_growth_hook(Some(Box::new(Panicking(Arc::clone(&left)))));
    let before = held(&store);
    for question in 1..=5 {
        for _ in 0..if cfg!(miri) { 2 } else { 200 } {
            *left.lock().unwrap() = question;
            let made = catch_unwind(AssertUnwindSafe(|| store.instantiate(&code, &imports)));
            assert!(made.is_err(), "question {question} is asked");
            assert_eq!(held(&store), before, "question {question}");
            assert!(!store.has_closed_pending());
        }
    }
    assert!(config.rooms.idle_count() <= 2, "the same rooms, again and again");
    *left.lock().unwrap() = 6;
    let instance = store.instantiate(&code, &imports).unwrap();
    store.close_instance(instance).unwrap();
    // Its function is in the imported table.
    assert_eq!(held(&store)[0], before[0] + 1);
}

#[test]
fn a_panic_leaves_no_memory_or_table_of_the_host_s() {
    let engine = Engine::new();
    let mut store = engine.store();
    let left = Arc::new(Mutex::new(0));
    store.set_growth_hook(Some(Box::new(Panicking(Arc::clone(&left)))));
    let before = held(&store);
    let (memory, table) = (decode("(module (memory 1))"), decode("(module (table 1 funcref))"));
    for _ in 0..if cfg!(miri) { 2 } else { 20 } {
        *left.lock().unwrap() = 1;
        let made = catch_unwind(AssertUnwindSafe(|| store.new_memory(memory.memories[0])));
        assert!(made.is_err());
        *left.lock().unwrap() = 1;
        let null = Value::Func(None);
        let made = catch_unwind(AssertUnwindSafe(|| store.new_table(table.tables[0], null)));
        assert!(made.is_err());
        assert_eq!(held(&store), before);
    }
}
