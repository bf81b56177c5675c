//! Memories: sizes, growth, limits, the hook.

use std::sync::{Arc, Mutex};

use brolga_module::{IndexType, MemoryType};

use super::*;
use crate::{BoxError, GrowError, Growth, GrowthHook, HandleError};

const PAGE: u64 = 1 << 16;

fn ty(index: IndexType, min: u64, max: Option<u64>, page_size_log2: u8) -> MemoryType {
    MemoryType { index, min, max, shared: false, page_size_log2 }
}

fn pages(min: u64, max: Option<u64>) -> MemoryType {
    ty(IndexType::I32, min, max, 16)
}

#[test]
fn growth_keeps_bytes_and_brings_zeroes() {
    let mut store = Engine::new().store();
    let memory = store.new_memory(pages(0, Some(3))).unwrap();
    let base = store.memory_data(memory).unwrap().as_ptr();
    assert_eq!(store.memory_grow(memory, 2).unwrap(), 0);
    store.memory_data_mut(memory).unwrap().fill(9);
    assert_eq!(store.memory_grow(memory, 1).unwrap(), 2);
    let data = store.memory_data(memory).unwrap();
    assert_eq!(data.as_ptr(), base, "a pinned memory does not move");
    let (old, new) = data.split_at(2 * PAGE as usize);
    assert!(are_all(old, 9) && are_all(new, 0));
    assert_eq!(store.memory_grow(memory, 0).unwrap(), 3);
    let error = store.memory_grow(memory, 1).unwrap_err();
    assert_eq!(error.to_string(), "4 pages are more than the type's maximum of 3");
    assert!(store.memory_grow(memory, u64::MAX).is_err());
    assert_eq!(store.memory_size_pages(memory).unwrap(), 3);
    assert_eq!(store.memory_type(memory).unwrap(), pages(3, Some(3)));
}

#[test]
fn memories_that_may_move_are_copied() {
    let mut engine = Engine::new();
    engine.options.memory.reservation_bytes = PAGE;
    engine.options.memory.guard_bytes = 100;
    let mut store = engine.store();
    for index in [IndexType::I32, IndexType::I64] {
        let memory = store.new_memory(ty(index, 1, None, 16)).unwrap();
        store.memory_data_mut(memory).unwrap().fill(7);
        let view = store.memory_view(memory).unwrap();
        let mut bases = Vec::new();
        for size in 2..40 {
            store.memory_grow(memory, 1).unwrap();
            let data = store.memory_data(memory).unwrap();
            assert_eq!(data.len() as u64, size * PAGE);
            bases.push(data.as_ptr());
        }
        let data = store.memory_data(memory).unwrap();
        let (old, new) = data.split_at(PAGE as usize);
        assert!(are_all(old, 7) && are_all(new, 0));
        bases.dedup();
        assert!(bases.len() <= 7, "room is doubled: {} moves", bases.len());
        assert_eq!(store.memory_view(memory).unwrap(), view, "the view stays where it is");
    }
}

#[test]
fn pages_may_be_single_bytes() {
    let mut store = Engine::new().store();
    let memory = store.new_memory(ty(IndexType::I32, 5, Some(10_000), 0)).unwrap();
    assert_eq!(store.memory_data(memory).unwrap().len(), 5);
    assert_eq!(store.memory_grow(memory, 9_995).unwrap(), 5);
    assert_eq!(store.memory_data(memory).unwrap().len(), 10_000);
    assert!(store.memory_grow(memory, 1).is_err());
    let largest = store.new_memory(ty(IndexType::I32, 0, None, 0)).unwrap();
    let error = store.memory_grow(largest, 1 << 32).unwrap_err();
    assert_eq!(
        error.to_string(),
        "4294967296 pages are more than the type's maximum of 4294967295"
    );
}

#[test]
fn sizes_that_nothing_can_hold_are_errors() {
    let mut engine = Engine::new();
    engine.limits.memory_bytes = u64::MAX;
    engine.limits.memory_bytes_total = u64::MAX;
    let mut store = engine.store();
    for pages in [1 << 31, 1 << 47, 1 << 48] {
        assert!(store.new_memory(ty(IndexType::I64, pages, None, 16)).is_err());
    }
    for bytes in [1 << 62, u64::MAX] {
        assert!(store.new_memory(ty(IndexType::I64, bytes, None, 0)).is_err());
    }
    let memory = store.new_memory(ty(IndexType::I64, 1, None, 16)).unwrap();
    for delta in [1 << 31, 1 << 47, (1 << 48) - 1, u64::MAX] {
        assert!(store.memory_grow(memory, delta).is_err());
    }
    // What failed was not charged.
    assert_eq!(store.memory_grow(memory, 1).unwrap(), 1);
    assert!(matches!(
        store.new_memory(MemoryType { shared: true, ..pages(1, Some(1)) }),
        Err(GrowError::Shared)
    ));
}

#[test]
fn odd_options_are_rounded_to_pages() {
    for (reservation, guard) in [(0, 0), (1, 1), (PAGE + 1, 4097), (5 << 30, 0)] {
        let mut engine = Engine::new();
        engine.options.memory.reservation_bytes = reservation;
        engine.options.memory.guard_bytes = guard;
        engine.options.memory.guard_before_bytes = guard;
        let mut store = engine.store();
        let memory = store.new_memory(pages(1, Some(3))).unwrap();
        store.memory_grow(memory, 2).unwrap();
        store.memory_data_mut(memory).unwrap().fill(1);
        assert_eq!(store.memory_data(memory).unwrap().len() as u64, 3 * PAGE);
    }
}

#[test]
fn guards_are_what_is_mapped_but_not_committed() {
    let mut store = Engine::new().store();
    let memory = store.new_memory(pages(1, None)).unwrap();
    let base = store.memory_data(memory).unwrap().as_ptr().addr();
    let context = store.context();
    let is_guard = |address| {
        // SAFETY: `context` is that of a store at rest, lent out above.
        unsafe { Store::is_memory_guard(context, address) }
    };
    assert!(!is_guard(base) && !is_guard(base + PAGE as usize - 1));
    assert!(is_guard(base + PAGE as usize) && is_guard(base - 1));
    assert!(is_guard(base - (2 << 30)) && !is_guard(base - (2 << 30) - 1));
    assert!(is_guard(base + (6 << 30) - 1) && !is_guard(base + (6 << 30)));
}

#[test]
fn the_store_s_total_is_limited_and_given_back() {
    let mut engine = Engine::new();
    engine.limits.memory_bytes_total = 4 * PAGE;
    let mut store = engine.store();
    let code = engine.load(r#"(module (memory (export "memory") 2))"#);
    let first = store.instantiate(&code, &[]).unwrap();
    let second = store.instantiate(&code, &[]).unwrap();
    let memory = memory(&store, second, "memory");
    let error = store.memory_grow(memory, 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "327680 bytes of all memories pass the store's limit of 262144 (setting \
         `memory_bytes_total`)"
    );
    store.close_instance(first).unwrap();
    assert_eq!(store.memory_grow(memory, 2).unwrap(), 2);
    assert!(store.memory_grow(memory, 1).is_err());
}

type Asked = Arc<Mutex<Vec<String>>>;

/// Notes what it is asked; allows memories up to two pages, and from eight on; fails at five.
struct Hook(Asked);

impl GrowthHook for Hook {
    fn memory_growing(&mut self, _: *mut (), growth: Growth) -> Result<bool, BoxError> {
        let Growth { current, desired, max } = growth;
        let ask = format!("{} to {} of {max:?}", current / PAGE, desired / PAGE);
        self.0.lock().unwrap().push(ask);
        if desired == 5 * PAGE {
            Err("five".into())
        } else {
            Ok(!(3..8).contains(&(desired / PAGE)))
        }
    }

    fn table_growing(&mut self, embedder: *mut (), growth: Growth) -> Result<bool, BoxError> {
        let ask = format!("table {} {}", growth.desired, embedder.addr());
        self.0.lock().unwrap().push(ask);
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _: *mut (), why: &GrowError) -> Result<(), BoxError> {
        self.0.lock().unwrap().push(why.to_string());
        Ok(())
    }
}

#[test]
fn the_hook_is_asked_and_told() {
    let asked = Asked::default();
    let mut store = Engine::new().store();
    store.set_growth_hook(Some(Box::new(Hook(asked.clone()))));
    store.set_embedder(std::ptr::without_provenance_mut(64));
    let memory = store.new_memory(pages(1, Some(9))).unwrap();
    store.memory_grow(memory, 1).unwrap();
    assert!(matches!(store.memory_grow(memory, 1), Err(GrowError::Refused { .. })));
    let error = store.memory_grow(memory, 3).unwrap_err();
    assert!(matches!(&error, GrowError::Hook(error) if error.to_string() == "five"));
    // More than the type allows, and more than there is a number of bytes for.
    assert!(matches!(store.memory_grow(memory, 8), Err(GrowError::Maximum { .. })));
    assert!(matches!(store.memory_grow(memory, u64::MAX), Err(GrowError::Maximum { .. })));
    let table = brolga_module::TableType {
        index: IndexType::I32,
        element: brolga_module::RefType::EXTERNREF,
        min: 6,
        max: None,
    };
    store.new_table(table, Value::Extern(None)).unwrap();
    // Far more than a store holds.
    let huge = MemoryType { index: IndexType::I64, ..pages(1 << 46, None) };
    assert!(matches!(store.new_memory(huge), Err(GrowError::Limit(_))));
    // As many pages as an index allows: one byte more than there are addresses.
    let huger = MemoryType { index: IndexType::I64, ..pages(1 << 48, None) };
    assert!(matches!(store.new_memory(huger), Err(GrowError::AddressSpace { .. })));
    let max = Some(9 * PAGE);
    assert_eq!(
        *asked.lock().unwrap(),
        [
            format!("0 to 1 of {max:?}"),
            format!("1 to 2 of {max:?}"),
            format!("2 to 3 of {max:?}"),
            format!("2 to 5 of {max:?}"),
            format!("2 to 10 of {max:?}"),
            "10 pages are more than the type's maximum of 9".into(),
            format!("2 to {} of {max:?}", u64::MAX / PAGE),
            format!("{} pages are more than the type's maximum of 9", u128::from(u64::MAX) + 2),
            "table 6 64".into(),
            format!("0 to {} of None", 1_u64 << 46),
            format!(
                "{} bytes of a memory pass the store's limit of 4294967296 (setting \
                 `memory_bytes`)",
                1_u64 << 62
            ),
            format!("0 to {} of None", u64::MAX / PAGE),
            format!("no address space for {} bytes", u64::MAX / PAGE * PAGE),
        ]
    );
    assert_eq!(store.memory_size_pages(memory).unwrap(), 2);
}

#[test]
fn handles_are_good_in_their_store_only() {
    let engine = Engine::new();
    let mut one = engine.store();
    let mut two = engine.store();
    let memory = one.new_memory(pages(1, None)).unwrap();
    two.new_memory(pages(1, None)).unwrap();
    let other = HandleError::OtherStore { kind: "memory" };
    assert_eq!(two.memory_data(memory), Err(other));
    assert_eq!(two.memory_data_mut(memory), Err(other));
    assert_eq!(two.memory_type(memory), Err(other));
    assert!(matches!(two.memory_grow(memory, 0), Err(GrowError::Handle(error)) if error == other));
}
