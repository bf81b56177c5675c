//! What comes and goes leaves nothing behind. The only tests of their process, which they measure.

use brolga::*;

/// Enough for a leak of a hundred bytes a round to show.
const ROUNDS: usize = 20_000;

#[test]
fn instantiating_and_closing_leaves_nothing() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module (memory (export "m") 1) (table 10 funcref) (data (i32.const 0) "x")
            (func (export "f") (i32.store (i32.const 100) (i32.const 1))))"#,
    )?;
    let mut store = Store::new(&engine, ());
    let mut round = || -> Result<()> {
        let instance = Instance::new(&mut store, &module, &[])?;
        instance.get_typed_func::<(), ()>(&mut store, "f")?.call(&mut store, ())?;
        instance.close(&mut store)
    };
    for _ in 0..ROUNDS / 10 {
        round()?;
    }
    let before = resident_and_mappings();
    for _ in 0..ROUNDS {
        round()?;
    }
    let after = resident_and_mappings();
    if let (Some(before), Some(after)) = (before, after) {
        assert!(after.0 < before.0 + (1 << 20), "resident: {before:?} then {after:?}");
        assert_eq!(after.1, before.1, "mappings: {before:?} then {after:?}");
    }
    Ok(())
}

/// The process's resident bytes and its number of mappings, where the system tells.
fn resident_and_mappings() -> Option<(usize, usize)> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: usize = line.trim().strip_suffix(" kB")?.parse().ok()?;
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    Some((kib << 10, maps.lines().count()))
}
