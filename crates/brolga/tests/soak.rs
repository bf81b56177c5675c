//! What comes and goes leaves nothing behind. The only test of its process, which it measures.
//!
//! `BROLGA_SOAK_ROUNDS=1000000 cargo test -p brolga --test soak -- --nocapture` is the long form.
//!
//! Not under Miri: it runs generated code.
#![cfg(not(miri))]

use brolga::*;

/// Enough for a leak of a hundred bytes a round to show.
const ROUNDS: usize = 20_000;
/// What may be left in bytes, whatever the number of rounds: allocators are not exact.
const SLACK: usize = 1 << 20;

const MODULE: &str = r#"(module
    (import "host" "seen" (func $seen (param i32)))
    (memory (export "m") 1)
    (table (export "t") 10 funcref)
    (table 2 externref)
    (global $g (mut i32) (i32.const 1))
    (data (i32.const 0) "x")
    (elem (i32.const 0) func $start)
    (func $start (global.set $g (i32.const 2)))
    (start $start)
    (func (export "f")
        (i32.store (i32.const 100) (i32.const 1))
        (call $seen (global.get $g))))"#;

/// What the process has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Held {
    resident_bytes: usize,
    mappings: usize,
    files: usize,
    threads: usize,
}

impl Held {
    /// `None` where the system does not tell.
    fn now() -> Option<Held> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<usize>().ok()
        };
        Some(Held {
            resident_bytes: field("VmRSS:")? << 10,
            mappings: std::fs::read_to_string("/proc/self/maps").ok()?.lines().count(),
            files: std::fs::read_dir("/proc/self/fd").ok()?.count(),
            threads: field("Threads:")?,
        })
    }
}

#[test]
fn instantiating_and_closing_leaves_nothing() -> Result<()> {
    let rounds = match std::env::var("BROLGA_SOAK_ROUNDS") {
        Ok(rounds) => rounds.parse()?,
        Err(_) => ROUNDS,
    };
    let engine = Engine::default();
    let module = Module::new(&engine, MODULE)?;
    let mut linker = Linker::new(&engine);
    linker.func_wrap("host", "seen", |mut caller: Caller<'_, u64>, number: i32| {
        *caller.data_mut() += number as u64;
    })?;
    let ready = linker.instantiate_pre(&module)?;
    let mut store = Store::new(&engine, 0);
    let mut round = || -> Result<()> {
        let instance = ready.instantiate(&mut store)?;
        instance.get_typed_func::<(), ()>(&mut store, "f")?.call(&mut store, ())?;
        instance.close(&mut store)
    };
    for _ in 0..ROUNDS / 10 {
        round()?;
    }
    let before = Held::now();
    let begun = std::time::Instant::now();
    for _ in 0..rounds {
        round()?;
    }
    let after = Held::now();
    println!("{rounds} rounds in {:?}: {before:?} then {after:?}", begun.elapsed());
    assert_eq!(*store.data(), 2 * (rounds + ROUNDS / 10) as u64);
    if let (Some(before), Some(after)) = (before, after) {
        assert!(after.resident_bytes < before.resident_bytes + SLACK, "{before:?} then {after:?}");
        let rest = |held| Held { resident_bytes: 0, ..held };
        assert_eq!(rest(after), rest(before));
    }
    Ok(())
}
