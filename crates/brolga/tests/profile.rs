//! What profilers are told. The only test of its process: it moves to another folder.
//!
//! Not under Miri: it compiles for profilers, which look at the system's mappings.
#![cfg(not(miri))]

use brolga::*;

const MODULE: &str = r#"(module $outer
    (import "" "f" (func $imported))
    (func $first (export "e") call $imported)
    (func $"two\nlines"))"#;

fn number<const N: usize>(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number[..N].copy_from_slice(&bytes[at..][..N]);
    u64::from_ne_bytes(number)
}

/// (name, address, code) of the records of a dump.
fn records(dump: &[u8]) -> Vec<(String, u64, &[u8])> {
    assert_eq!(number::<4>(dump, 0), 0x4a69_5444);
    assert_eq!(number::<4>(dump, 20), u64::from(std::process::id()));
    let mut rest = &dump[number::<4>(dump, 8) as usize..];
    let mut found = Vec::new();
    while !rest.is_empty() {
        assert_eq!(number::<4>(rest, 0), 0, "a record of code");
        let (record, after) = rest.split_at(number::<4>(rest, 4) as usize);
        let end = 56 + record[56..].iter().position(|&byte| byte == 0).unwrap();
        let name = String::from_utf8(record[56..end].to_vec()).unwrap();
        let (address, len) = (number::<8>(record, 32), number::<8>(record, 40) as usize);
        assert_eq!(number::<8>(record, 48), found.len() as u64);
        assert_eq!(record.len(), end + 1 + len);
        found.push((name, address, &record[end + 1..]));
        rest = after;
    }
    found
}

#[test]
fn profilers_are_told_of_every_function() -> Result<()> {
    std::env::set_current_dir("/proc/self")?;
    let error = Engine::new(Config::new().profiler(ProfilingStrategy::JitDump)).unwrap_err();
    assert_eq!(error.to_string(), "failed to open the profile");

    let folder = std::env::temp_dir().join(format!("brolga-profile-{}", std::process::id()));
    std::fs::create_dir(&folder)?;
    std::env::set_current_dir(&folder)?;
    let map_path = format!("/tmp/perf-{}.map", std::process::id());

    for strategy in [ProfilingStrategy::PerfMap, ProfilingStrategy::JitDump] {
        let engine = Engine::new(Config::new().profiler(strategy))?;
        let module = Module::new(&engine, MODULE)?;
        let text = module.image_range().start.addr();
        let expected: Vec<_> = ["wasm::outer!first", "wasm::outer!two_lines"]
            .into_iter()
            .zip(module.functions())
            .map(|(name, func)| (name, (text + func.offset) as u64, func))
            .collect();
        match strategy {
            ProfilingStrategy::PerfMap => {
                let map = std::fs::read_to_string(&map_path)?;
                for (name, address, func) in expected {
                    let line = format!("{address:x} {:x} {name}", func.len);
                    assert!(map.lines().any(|it| it == line), "{line} in {map}");
                }
                assert!(map.contains("host exit[type 0]"), "{map}");
            }
            _ => {
                let dump = std::fs::read(format!("jit-{}.dump", std::process::id()))?;
                let found = records(&dump);
                for (name, address, func) in expected {
                    let code = &module.text()[func.offset..][..func.len];
                    assert!(found.contains(&(name.to_string(), address, code)), "{name}");
                }
                let maps = std::fs::read_to_string("/proc/self/maps")?;
                assert!(maps.lines().any(|it| it.contains(" r-xp ") && it.ends_with(".dump")));
            }
        }
        // Modules that were compiled before are told of as well.
        let before = std::fs::metadata(&map_path)?.len();
        // SAFETY: the bytes are what `serialize` gave.
        unsafe { Module::deserialize(&engine, module.serialize()?)? };
        let grown = std::fs::metadata(&map_path)?.len() > before;
        assert_eq!(grown, strategy == ProfilingStrategy::PerfMap);
    }

    std::env::set_current_dir("/")?;
    std::fs::remove_dir_all(folder)?;
    std::fs::remove_file(map_path)?;
    Ok(())
}
