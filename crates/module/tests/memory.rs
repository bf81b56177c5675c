//! A count that lies reserves no memory.
//!
//! A program of its own with one test, because it looks at the memory of the whole process.
#![cfg(target_os = "linux")]

use brolga_module::{Features, validate};

/// The most address space that the process ever had, in bytes.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmPeak:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
#[cfg_attr(miri, ignore = "asks the system about the process")]
fn counts_that_lie_reserve_nothing() {
    validate(b"\0asm\x01\0\0\0", Features::default()).unwrap();
    let before = peak_bytes();
    for section in 1..=12 {
        for count in [1_000_000u32, 999_999, 100_000, 99_999] {
            let count = [count as u8 | 0x80, (count >> 7) as u8 | 0x80, (count >> 14) as u8];
            let bytes = [b"\0asm\x01\0\0\0", &[section, 6][..], &count, &[0, 0, 0]].concat();
            validate(&bytes, Features::default()).unwrap_err();
        }
    }
    let grown = peak_bytes() - before;
    assert!(grown < 1 << 20, "{grown} bytes for modules of 16");
}
