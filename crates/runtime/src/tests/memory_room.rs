//! Rooms of memories that go from one store to the next: nothing else may go with them.

use brolga_module::{IndexType, MemoryType};

use super::*;

const PAGE: usize = 1 << 16;

fn pages(index: IndexType, min: u64) -> MemoryType {
    MemoryType { index, min, max: None, shared: false, page_size_log2: 16 }
}

/// The only memory of an instance, exported as `memory`.
fn data(store: &mut Store, instance: InstanceId) -> &mut [u8] {
    let memory = memory(store, instance, "memory");
    store.memory_data_mut(memory).unwrap()
}

/// A module of three pages with an image of `letter`, on the second page.
fn with_image(engine: &Engine, letter: &str) -> Arc<LoadedCode> {
    engine.load(&format!(
        r#"(module (memory (export "memory") 3) (data (i32.const 65536) "{}"))"#,
        letter.repeat(PAGE)
    ))
}

#[test]
fn a_room_comes_back_zeroed_and_as_small_as_asked() {
    let engine = Engine::new();
    let config = engine.config();
    let mut store = Store::new(&config, engine.limits);
    let memory = store.new_memory(pages(IndexType::I32, 2)).unwrap();
    store.memory_grow(memory, 5).unwrap();
    store.memory_data_mut(memory).unwrap().fill(0xaa);
    let base = store.memory_base(memory).unwrap();
    drop(store);
    for size in [1, 0, 9, 2] {
        let mut store = Store::new(&config, engine.limits);
        let memory = store.new_memory(pages(IndexType::I32, size)).unwrap();
        assert_eq!(store.memory_base(memory).unwrap(), base, "the room is used again");
        let context = store.context();
        // SAFETY: `context` is that of a store at rest, lent out above.
        let is_guard = |address| unsafe { Store::is_memory_guard(context, address) };
        let end = base.addr() + size as usize * PAGE;
        assert!(is_guard(end) && is_guard(base.addr() - 1) && (size == 0 || !is_guard(end - 1)));
        store.memory_grow(memory, 10).unwrap();
        let data = store.memory_data_mut(memory).unwrap();
        assert!(are_all(data, 0), "{size} pages");
        data.fill(0xaa);
    }
}

#[test]
#[cfg_attr(miri, ignore = "eleven large images take minutes")]
fn an_image_is_shown_to_its_own_module_only_and_whole() {
    let engine = Engine::new();
    let config = engine.config();
    let (a, b) = (with_image(&engine, "a"), with_image(&engine, "b"));
    let none = engine.load(r#"(module (memory (export "memory") 1))"#);
    let mut bases = std::collections::BTreeSet::new();
    // Twice the same module, then any after any other.
    for code in [&a, &a, &a, &b, &b, &a, &none, &none, &b, &none, &a] {
        let mut store = Store::new(&config, engine.limits);
        let instance = store.instantiate(code, &[]).unwrap();
        let data = data(&mut store, instance);
        bases.insert(data.as_ptr());
        let letter = match () {
            () if Arc::ptr_eq(code, &a) => b'a',
            () if Arc::ptr_eq(code, &b) => b'b',
            () => 0,
        };
        for (at, page) in data.chunks(PAGE).enumerate() {
            assert!(are_all(page, if at == 1 { letter } else { 0 }), "page {at}");
        }
        data.fill(0xcc);
        let memory = memory(&store, instance, "memory");
        store.memory_grow(memory, 4).unwrap();
        let data = store.memory_data_mut(memory).unwrap();
        assert!(are_all(&data[data.len() - 4 * PAGE..], 0));
        data.fill(0xdd);
    }
    assert_eq!(bases.len(), 1, "one room serves all");
}

#[test]
fn no_more_rooms_are_kept_than_said() {
    let engine = Engine::new();
    let config = engine.config();
    let mut store = Store::new(&config, engine.limits);
    let code = engine.load(r#"(module (memory (export "memory") 1))"#);
    let instances: Vec<_> = (0..20).map(|_| store.instantiate(&code, &[]).unwrap()).collect();
    for &instance in &instances[..3] {
        store.close_instance(instance).unwrap();
    }
    assert_eq!(config.rooms.idle_count(), 3);
    drop(store);
    assert_eq!(config.rooms.idle_count(), 16);
    // Rooms where code checks bounds have all sizes, so they are not kept.
    let mut store = Store::new(&config, engine.limits);
    store.new_memory(pages(IndexType::I64, 1)).unwrap();
    drop(store);
    assert_eq!(config.rooms.idle_count(), 16);
}

#[test]
fn a_room_that_was_large_is_not_kept() {
    let engine = Engine::new();
    let config = engine.config();
    for (size, kept) in [(1024, 1), (1025, 0)] {
        let mut store = Store::new(&config, engine.limits);
        store.new_memory(pages(IndexType::I32, size)).unwrap();
        assert_eq!(config.rooms.idle_count(), 0);
        drop(store);
        assert_eq!(config.rooms.idle_count(), kept);
        let rest = config.rooms.take(&memory_plan(&engine), 0, None);
        assert_eq!(rest.is_some(), kept == 1);
    }
}

fn memory_plan(engine: &Engine) -> brolga_abi::MemoryPlan {
    brolga_abi::MemoryPlan::new(&pages(IndexType::I32, 0), &engine.options.memory)
}

#[test]
#[cfg_attr(miri, ignore = "large images take minutes")]
fn rooms_with_images_go_with_their_module() {
    let engine = Engine::new();
    let config = engine.config();
    let code = with_image(&engine, "a");
    let run = |code: &Arc<LoadedCode>| {
        let mut store = Store::new(&config, engine.limits);
        store.instantiate(code, &[]).unwrap();
        store
    };
    drop((run(&code), run(&code)));
    let last = run(&code);
    assert_eq!(config.rooms.idle_count(), 1);
    let other = run(&engine.load("(module (memory 1))"));
    drop((code, last));
    // The other memory has taken the room without an image.
    assert_eq!(config.rooms.idle_count(), 0);
    drop(other);
    assert_eq!(config.rooms.idle_count(), 1);
}

#[test]
fn data_is_not_there_where_an_element_segment_failed() {
    let engine = Engine::new();
    let config = engine.config();
    let filled = r#"(module
        (import "" "table" (table 2 funcref))
        (import "" "offset" (global $offset i32))
        (memory 2) (data (i32.const 0) "DATA")
        (func $f)
        (elem (i32.const 0) $f)
        (elem (offset (global.get $offset)) func $f))"#;
    let code = engine.load(&filled.replace("DATA", &"x".repeat(PAGE)));
    let exporter = engine.load(
        r#"(module (table (export "table") 2 funcref)
            (global (export "good") i32 (i32.const 1)) (global (export "bad") i32 (i32.const 2)))"#,
    );
    let run = |offset: &str| {
        let mut store = Store::new(&config, engine.limits);
        let instance = store.instantiate(&exporter, &[]).unwrap();
        let imports = ["table", offset].map(|name| export(&store, instance, name));
        let made = store.instantiate(&code, &imports).is_ok();
        let memory = store.arenas.memories.iter().next().expect("the table leads to it").1;
        (made, memory.data()[0], memory.data()[PAGE - 1])
    };
    assert_eq!(run("good"), (true, b'x', b'x'));
    assert_eq!(run("good"), (true, b'x', b'x'));
    assert_eq!(run("bad"), (false, 0, 0));
    assert_eq!(run("good"), (true, b'x', b'x'));
}

#[test]
fn idle_rooms_go_where_there_is_no_room_for_another() {
    let mut engine = Engine::new();
    let config = engine.config();
    Store::new(&config, engine.limits).new_memory(pages(IndexType::I32, 1)).unwrap();
    assert_eq!(config.rooms.idle_count(), 1);
    // More than any address space has.
    engine.limits.memory_bytes = u64::MAX;
    engine.limits.memory_bytes_total = u64::MAX;
    let mut store = Store::new(&config, engine.limits);
    assert!(store.new_memory(pages(IndexType::I64, 1 << 45)).is_err());
    assert_eq!(config.rooms.idle_count(), 0);
}
