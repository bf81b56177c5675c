//! Stacks of our own, and the thread's.

use std::thread;

use brolga_os::{
    OsErrorKind, STACK_GUARD_BYTES, StackMapping, current_stack_pointer, page_size,
    thread_stack_bounds,
};

#[test]
#[cfg_attr(miri, ignore = "reads what the kernel maps")]
fn the_guard_lies_directly_below_the_usable_part() {
    let stack = StackMapping::new(100_000).unwrap();
    let (bottom, top) = (stack.bottom().addr(), stack.top().addr());
    assert_eq!(stack.guard().end, bottom);
    assert!(stack.guard().len() >= STACK_GUARD_BYTES);
    assert_eq!(top - bottom, stack.usable_bytes());
    assert_eq!(stack.usable_bytes(), 100_000_usize.next_multiple_of(page_size()));
    assert!(top.is_multiple_of(16) && bottom.is_multiple_of(page_size()));
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    assert!(maps.contains(&format!("{bottom:x}-{top:x} rw-p")), "{maps}");
    assert!(maps.contains(&format!("-{bottom:x} ---p")), "{maps}");
}

#[test]
fn reset_and_trim_drop_what_they_say() {
    let page = page_size();
    let mut stack = StackMapping::new(4 * page).unwrap();
    let fill = |stack: &StackMapping| {
        // SAFETY: the usable part is readable and writable, and nobody runs on it.
        unsafe { stack.bottom().write_bytes(7, stack.usable_bytes()) };
    };
    let bytes_left = |stack: &StackMapping| -> Vec<u8> {
        // SAFETY: as above.
        (0..4).map(|index| unsafe { stack.bottom().add(index * page).read_volatile() }).collect()
    };
    fill(&stack);
    stack.trim(page + 1).unwrap();
    assert_eq!(bytes_left(&stack), [0, 0, 7, 7]);
    stack.trim(usize::MAX).unwrap();
    assert_eq!(bytes_left(&stack), [0, 0, 7, 7]);
    stack.reset().unwrap();
    assert_eq!(bytes_left(&stack), [0; 4]);
}

#[test]
fn the_least_and_the_most() {
    assert_eq!(StackMapping::new(0).unwrap().usable_bytes(), page_size());
    for bytes in [usize::MAX, usize::MAX - STACK_GUARD_BYTES, 1 << 62] {
        assert_eq!(StackMapping::new(bytes).unwrap_err().kind(), OsErrorKind::OutOfMemory);
    }
}

#[test]
#[cfg_attr(miri, ignore = "asks the thread library, which Miri lacks")]
fn a_thread_runs_inside_its_bounds() {
    let bytes = 256 << 10;
    let check = move || {
        let bounds = thread_stack_bounds().unwrap();
        assert!(bounds.contains(&current_stack_pointer()));
        assert!((bytes..2 * bytes).contains(&bounds.len()), "{}", bounds.len());
        assert_eq!(bounds, thread_stack_bounds().unwrap());
    };
    thread::Builder::new().stack_size(bytes).spawn(check).unwrap().join().unwrap();
}
