//! Code that is written, sealed and run.

use std::mem;

use brolga_os::{OsErrorKind, WritableCode, check_executable_memory, page_size};

/// A function that returns 42.
#[cfg(target_arch = "x86_64")]
const ANSWER: [u8; 6] = [0xb8, 42, 0, 0, 0, 0xc3]; // mov eax, 42; ret
/// A function that returns 42.
#[cfg(target_arch = "aarch64")]
const ANSWER: [u8; 8] = [0x40, 0x05, 0x80, 0x52, 0xc0, 0x03, 0x5f, 0xd6]; // mov w0, 42; ret

fn pages_with_answer(count: usize, at: usize) -> WritableCode {
    let mut code = WritableCode::new(count * page_size()).unwrap();
    code.as_mut_slice()[at..at + ANSWER.len()].copy_from_slice(&ANSWER);
    code
}

#[test]
#[cfg_attr(miri, ignore = "runs machine code")]
fn sealed_code_runs() {
    let page = page_size();
    let sealed = pages_with_answer(3, page).seal(page..2 * page).unwrap();
    assert_eq!(sealed.executable(), page..2 * page);
    assert_eq!(&sealed.as_slice()[page..page + ANSWER.len()], ANSWER);
    // SAFETY: the bytes at that address are a function of this type.
    let answer: extern "C" fn() -> u32 = unsafe { mem::transmute(sealed.as_ptr().add(page)) };
    assert_eq!(answer(), 42);
}

#[test]
#[cfg_attr(miri, ignore = "reads what the kernel maps")]
fn the_executable_range_is_the_only_one() {
    let page = page_size();
    let sealed = pages_with_answer(3, page).seal(page..2 * page).unwrap();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let start = sealed.as_ptr().addr() + page;
    // Read-only neighbours may look alike to the kernel and be shown as one with these.
    for part in [format!("-{start:x} r--p"), format!("{start:x}-{:x} r-xp", start + page)] {
        assert!(maps.contains(&part), "no {part} in\n{maps}");
    }
    let after = maps.lines().find(|line| line.starts_with(&format!("{:x}-", start + page)));
    assert!(after.is_some_and(|line| line.contains(" r--p ")), "{after:?}");
    assert!(!maps.contains("rwx"));
}

#[test]
fn sizes_are_rounded_up_and_nothing_is_fine() {
    assert_eq!(WritableCode::new(1).unwrap().len(), page_size());
    let mut nothing = WritableCode::new(0).unwrap();
    assert!(nothing.as_mut_slice().is_empty());
    assert!(nothing.seal(0..0).unwrap().as_slice().is_empty());
    let data = WritableCode::new(1).unwrap().seal(0..0).unwrap();
    assert_eq!(data.as_slice()[0], 0);
    assert_eq!(WritableCode::new(usize::MAX).unwrap_err().kind(), OsErrorKind::OutOfMemory);
}

#[test]
fn executable_ranges_that_do_not_fit_are_errors() {
    let page = page_size();
    let kind = |range| WritableCode::new(page).unwrap().seal(range).unwrap_err().kind();
    assert!(matches!(kind(0..2 * page), OsErrorKind::OutOfRange { .. }));
    assert!(matches!(kind(page..0), OsErrorKind::OutOfRange { .. }));
    assert_eq!(kind(0..6), OsErrorKind::Misaligned { value: 6 });
}

#[test]
fn this_process_may_create_code() {
    check_executable_memory().unwrap();
}

#[test]
#[cfg_attr(miri, ignore = "runs machine code")]
fn addresses_used_again_run_the_new_code() {
    for round in 0..1000_u32 {
        let mut code = WritableCode::new(page_size()).unwrap();
        let answer = code.as_mut_slice();
        answer[..ANSWER.len()].copy_from_slice(&ANSWER);
        #[cfg(target_arch = "x86_64")]
        answer[1..5].copy_from_slice(&round.to_le_bytes());
        #[cfg(target_arch = "aarch64")]
        answer[..4].copy_from_slice(&(0x5280_0000 | (round << 5)).to_le_bytes());
        let sealed = code.seal(0..page_size()).unwrap();
        // SAFETY: the bytes at that address are a function of this type.
        let function: extern "C" fn() -> u32 = unsafe { mem::transmute(sealed.as_ptr()) };
        assert_eq!(function(), round);
    }
}
