//! A pool: what is counted, what stays reserved, and that nothing of one instance is ever seen by
//! another.

use brolga_module::{IndexType, MemoryType};

use super::*;
use crate::memory_room::RoomPool;

const PAGE: usize = 1 << 16;

/// A pool of few of everything.
const FEW: PoolLimits = PoolLimits {
    instances: 3,
    memories: 2,
    tables: 2,
    stacks: 2,
    memory_bytes: 16 << 20,
    table_elements: 100,
    warm_memories: 2,
    resident_bytes: 0,
};

fn pages(index: IndexType, min: u64) -> MemoryType {
    MemoryType { index, min, max: None, shared: false, page_size_log2: 16 }
}

fn refused<T>(made: Result<T, impl std::fmt::Display>) -> String {
    match made {
        Ok(_) => panic!("it is made"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn all_stores_of_an_engine_count_together() {
    let engine = Engine::new();
    let config = engine.pooling(FEW).unwrap();
    let (mut one, mut two) =
        (Store::new(&config, engine.limits), Store::new(&config, engine.limits));
    let empty = engine.load("(module)");
    let memory = engine.load("(module (memory 1))");
    let table = engine.load("(module (table 1 funcref))");
    one.instantiate(&empty, &[]).unwrap();
    let second = two.instantiate(&empty, &[]).unwrap();
    two.instantiate(&empty, &[]).unwrap();
    let error = "all 3 instances of the engine's pool are in use (setting `total_core_instances`)";
    for store in [&mut one, &mut two] {
        let made = store.instantiate(&empty, &[]);
        assert!(matches!(made, Err(InstantiateError::Pool(_))));
        assert_eq!(refused(made), error);
    }
    two.close_instance(second).unwrap();
    let instance = one.instantiate(&memory, &[]).unwrap();
    one.new_memory(pages(IndexType::I64, 1)).unwrap();
    let error = "all 2 memories of the engine's pool are in use (setting `total_memories`)";
    assert_eq!(refused(two.new_memory(pages(IndexType::I32, 0))), error);
    one.close_instance(instance).unwrap();
    two.instantiate(&memory, &[]).unwrap();
    drop(two);
    // A failure gives back what it had taken by then.
    one.instantiate(&table, &[]).unwrap();
    let three = engine.load("(module (memory 0) (table 1 funcref) (table 1 funcref))");
    for _ in 0..5 {
        assert_eq!(
            refused(one.instantiate(&three, &[])),
            "table 1: all 2 tables of the engine's pool are in use (setting `total_tables`)"
        );
    }
    drop(one);
    let mut last = Store::new(&config, engine.limits);
    last.instantiate(&three, &[]).unwrap();
    last.instantiate(&memory, &[]).unwrap();
    last.instantiate(&empty, &[]).unwrap();
    assert!(last.instantiate(&empty, &[]).is_err());
}

#[test]
fn closed_instances_make_room_when_it_is_needed() {
    let engine = Engine::new();
    let config = engine.pooling(FEW).unwrap();
    let mut store = Store::new(&config, engine.limits);
    // What it exports may have been passed on, so closing does not free it at once.
    let code = engine.load(
        r#"(module (memory 1) (table (export "t") 1 funcref) (func $f) (elem (i32.const 0) $f))"#,
    );
    for _ in 0..20 {
        let instance = store.instantiate(&code, &[]).unwrap();
        table(&store, instance, "t");
        store.close_instance(instance).unwrap();
    }
}

#[test]
fn sizes_are_limited() {
    let engine = Engine::new();
    let config = engine.pooling(PoolLimits { memory_bytes: 3 * PAGE as u64, ..FEW }).unwrap();
    let mut store = Store::new(&config, engine.limits);
    assert_eq!(
        refused(try_instantiate(&engine, &mut store, "(module (memory 4))", &[])),
        "memory 0: 262144 bytes of a memory pass the limit of 196608 of the engine's pool \
         (setting `max_memory_size`)"
    );
    let memory = store.new_memory(pages(IndexType::I32, 1)).unwrap();
    assert_eq!(store.memory_grow(memory, 2).unwrap(), 1);
    assert!(matches!(store.memory_grow(memory, 1), Err(GrowError::PoolSize(_))));
    assert_eq!(store.memory_size_pages(memory).unwrap(), 3);
    assert_eq!(
        refused(try_instantiate(&engine, &mut store, "(module (table 101 funcref))", &[])),
        "table 0: 101 elements of a table pass the limit of 100 of the engine's pool (setting \
         `table_elements`)"
    );
    let text = r#"(module (table (export "t") 99 externref))"#;
    let instance = try_instantiate(&engine, &mut store, text, &[]).unwrap();
    let table = table(&store, instance, "t");
    assert_eq!(store.table_grow(table, 1, Value::Extern(None)).unwrap(), 99);
    assert!(matches!(store.table_grow(table, 1, Value::Extern(None)), Err(GrowError::PoolSize(_))));
}

#[test]
fn rooms_are_reserved_from_the_start_and_stay() {
    let engine = Engine::new();
    let limits = PoolLimits { memories: 5, warm_memories: 1, instances: 9, ..FEW };
    let config = engine.pooling(limits).unwrap();
    assert_eq!(config.rooms.idle_count(), 5);
    let mut bases = std::collections::BTreeSet::new();
    for size in [0, 1, 200, 3] {
        let mut store = Store::new(&config, engine.limits);
        for _ in 0..5 {
            let memory = store.new_memory(pages(IndexType::I32, size)).unwrap();
            bases.insert(store.memory_base(memory).unwrap());
            store.memory_data_mut(memory).unwrap().fill(1);
        }
        assert_eq!(config.rooms.idle_count(), 0);
        drop(store);
        assert_eq!(config.rooms.idle_count(), 5);
    }
    assert_eq!(bases.len(), 5, "the same rooms");
    // Not even to make room for others.
    assert!(!config.rooms.drop_all());
    assert_eq!(config.rooms.idle_count(), 5);
}

#[test]
#[cfg_attr(miri, ignore = "address space has no end there")]
fn a_pool_larger_than_the_address_space_is_refused() {
    let engine = Engine::new();
    let error = engine.pooling(PoolLimits { memories: 1 << 20, ..FEW }).unwrap_err();
    assert!(matches!(error, GrowError::System(_)), "{error}");
}

/// What a memory must look like that nobody has written into.
struct Fresh {
    code: Arc<LoadedCode>,
    pages: usize,
    /// On the second page, if not zero.
    letter: u8,
}

fn fresh(engine: &Engine, index: &str, pages: usize, letter: u8) -> Fresh {
    let data = match letter {
        0 => String::new(),
        _ => format!(
            r#"(data ({} 65536) "{}")"#,
            if index == "i64" { "i64.const" } else { "i32.const" },
            char::from(letter).to_string().repeat(PAGE)
        ),
    };
    let text = format!(r#"(module (memory (export "memory") {index} {pages}) {data})"#);
    Fresh { code: engine.load(&text), pages, letter }
}

/// Makes an instance, looks at every byte, writes every byte, grows, and does so again.
fn use_up(config: &Arc<StoreConfig>, limits: Limits, module: &Fresh, what: &str) {
    let mut store = Store::new(config, limits);
    let instance = store.instantiate(&module.code, &[]).unwrap();
    let memory = memory(&store, instance, "memory");
    let data = store.memory_data_mut(memory).unwrap();
    assert_eq!(data.len(), module.pages * PAGE);
    let is_made = |(at, page)| are_all(page, if at == 1 { module.letter } else { 0 });
    assert!(data.chunks(PAGE).enumerate().all(is_made), "{what}: as made");
    data.fill(0xcc);
    assert_guarded(&mut store, memory, what);
    for growth in [1, 3] {
        let old = store.memory_grow(memory, growth).unwrap() as usize * PAGE;
        let data = store.memory_data_mut(memory).unwrap();
        assert!(data[..old] == vec![0xcc; old], "{what}: kept");
        assert!(data[old..] == vec![0; data.len() - old], "{what}: new bytes are zero");
        data.fill(0xcc);
        assert_guarded(&mut store, memory, what);
    }
    // By closing, or with the store.
    if module.pages.is_multiple_of(2) {
        store.close_instance(instance).unwrap();
    }
}

/// The bytes before and behind a memory can't be accessed, as far as its plan promises guards.
fn assert_guarded(store: &mut Store, memory: crate::MemoryId, what: &str) {
    let base = store.memory_base(memory).unwrap().addr();
    let end = base + store.memory_data(memory).unwrap().len();
    let options = store.options().memory;
    let context = store.context();
    // SAFETY: `context` is that of a store at rest, lent out above.
    let is_guard = |address| unsafe { Store::is_memory_guard(context, address) };
    assert!(options.guard_before_bytes == 0 || is_guard(base - 1), "{what}: before");
    assert!(options.guard_bytes == 0 || is_guard(end), "{what}: behind");
    assert!(base == end || (!is_guard(base) && !is_guard(end - 1)), "{what}: inside");
    let accessible = accessible(base, end + 1);
    assert!(accessible.is_none_or(|bytes| bytes == end - base), "{what}: the kernel agrees");
}

/// How many bytes of a range the kernel lets this process read, where it tells.
fn accessible(start: usize, end: usize) -> Option<usize> {
    if cfg!(miri) {
        return None;
    }
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let readable = maps.lines().filter_map(|line| {
        let (range, rest) = line.split_once(' ')?;
        let (from, to) = range.split_once('-')?;
        let [from, to] = [from, to].map(|hex| usize::from_str_radix(hex, 16).ok());
        let (from, to) = (from?.max(start), to?.min(end));
        Some(if rest.starts_with('r') { to.saturating_sub(from) } else { 0 })
    });
    Some(readable.sum())
}

#[test]
#[cfg_attr(miri, ignore = "3,000 instances take hours")]
fn nothing_of_one_instance_is_seen_by_another() {
    let mut configurations = Vec::new();
    let page = PAGE as u64;
    for reservation_bytes in [1 << 32, page, 0] {
        for guard_bytes in [2 << 30, page] {
            for signals in [true, false] {
                configurations.push((reservation_bytes, guard_bytes, signals));
            }
        }
    }
    for (reservation_bytes, guard_bytes, signals) in configurations {
        let mut engine = Engine::new();
        engine.options.memory.reservation_bytes = reservation_bytes;
        engine.options.memory.guard_bytes = guard_bytes;
        engine.options.memory.signals = signals;
        let modules = [
            fresh(&engine, "", 3, b'a'),
            fresh(&engine, "", 0, 0),
            fresh(&engine, "", 2, b'b'),
            fresh(&engine, "", 3, 0),
            fresh(&engine, "i64", 2, b'c'),
            fresh(&engine, "i64", 1, 0),
        ];
        for (warm_memories, resident_bytes) in [(0, 0), (2, 0), (1, 5_000), (2, 1 << 20)] {
            let limits = PoolLimits { warm_memories, resident_bytes, ..FEW };
            let config = engine.pooling(limits).unwrap();
            let what = format!(
                "reservation {reservation_bytes}, guard {guard_bytes}, signals {signals}, \
                 {warm_memories} warm, {resident_bytes} resident"
            );
            // Each after each, itself too; from the second time on some have an image.
            for first in &modules {
                for second in &modules {
                    use_up(&config, engine.limits, first, &what);
                    use_up(&config, engine.limits, second, &what);
                }
            }
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "large images take minutes")]
fn rooms_of_a_module_that_is_gone_stay_without_its_image() {
    let engine = Engine::new();
    let config = engine.pooling(FEW).unwrap();
    let with_image = fresh(&engine, "", 3, b'a');
    for _ in 0..3 {
        use_up(&config, engine.limits, &with_image, "its own");
    }
    drop(with_image);
    assert_eq!(config.rooms.idle_count(), 2);
    let plan = brolga_abi::MemoryPlan::new(&pages(IndexType::I32, 0), &engine.options.memory);
    let rooms: RoomPool = config.rooms.clone();
    let taken = [rooms.take(&plan, 3 * PAGE, None), rooms.take(&plan, 3 * PAGE, None)];
    for room in taken.iter().flatten() {
        // SAFETY: so many bytes are committed, and the room is nobody else's.
        let bytes = unsafe { std::slice::from_raw_parts(room.base(), 3 * PAGE) };
        assert!(are_all(bytes, 0));
    }
    assert!(taken.iter().all(Option::is_some));
}

#[test]
fn stores_count_their_stacks() {
    use crate::{StackError, StackOptions, StackPool};
    let engine = Engine::new();
    let pool = Pool::new(FEW);
    let stacks = StackPool::pooling(StackOptions::default(), pool).unwrap();
    let store = engine.store();
    let held: Vec<_> = (0..2).map(|_| store.new_stack(stacks.clone())).collect();
    // A stack is a store's from its first call on.
    let third = store.new_stack(stacks.clone());
    assert!(held.iter().all(|stack| stack.idle_core(|_| false).is_ok()));
    let error = third.idle_core(|_| false).unwrap_err();
    assert!(matches!(error, StackError::Pool(_)));
    assert_eq!(
        error.to_string(),
        "all 2 stacks of the engine's pool are in use (setting `total_stacks`)"
    );
    drop(held);
    assert!(third.idle_core(|_| false).is_ok());
}
