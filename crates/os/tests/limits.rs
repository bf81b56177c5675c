//! What happens when the system says no, and that nothing is left behind when it says yes.
//!
//! Not under Miri, which starts no processes.
#![cfg(not(miri))]

mod child;

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::thread;

use brolga_os::{
    MemoryImage, OsErrorKind, Reservation, StackMapping, WritableCode, check_executable_memory,
    ensure_signal_stack, page_size,
};
use child::{in_child, mappings};

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// One of everything, made, used and dropped.
fn round() {
    let page = page_size();
    let image = MemoryImage::new(&[1, 2, 3]).unwrap();
    let reservation = Reservation::new(16 * page).unwrap();
    reservation.commit(0, 4 * page).unwrap();
    reservation.map_image(2 * page, &image).unwrap();
    reservation.decommit(page, 2 * page).unwrap();
    WritableCode::new(3 * page).unwrap().seal(page..2 * page).unwrap();
    StackMapping::new(1 << 20).unwrap().reset().unwrap();
}

#[test]
fn a_thousand_rounds_leave_nothing_behind() {
    in_child("a_thousand_rounds_leave_nothing_behind", || {
        round();
        let before = (mappings().len(), open_descriptors());
        (0..1000).for_each(|_| round());
        assert_eq!((mappings().len(), open_descriptors()), before);
        0
    })
    .exited(0);
}

#[test]
fn a_thousand_threads_give_their_signal_stacks_back() {
    in_child("a_thousand_threads_give_their_signal_stacks_back", || {
        let run = || thread::spawn(|| ensure_signal_stack().unwrap()).join().unwrap();
        (0..10).for_each(|_| run());
        let before = mappings().len();
        (0..1000).for_each(|_| run());
        // The C library keeps a few stacks of threads that have ended.
        assert!(mappings().len() <= before + 2, "{} mappings, then {}", before, mappings().len());
        0
    })
    .exited(0);
}

#[test]
fn executable_memory_denied_is_a_kind_of_its_own() {
    in_child("executable_memory_denied_is_a_kind_of_its_own", || {
        let flags = libc::c_ulong::from(libc::PR_MDWE_REFUSE_EXEC_GAIN);
        // SAFETY: forbids this process to make memory executable from here on.
        if unsafe { libc::prctl(libc::PR_SET_MDWE, flags, 0, 0, 0) } != 0 {
            eprintln!("not tried: this kernel (before 6.3) can't forbid it");
            return 0;
        }
        let before = mappings().len();
        let error = check_executable_memory().unwrap_err();
        assert_eq!(error.kind(), OsErrorKind::ExecutableMemoryDenied, "{error}");
        assert!(error.to_string().contains("MemoryDenyWriteExecute"), "{error}");
        assert_eq!(mappings().len(), before);
        0
    })
    .exited(0);
}

#[test]
fn without_descriptors_images_are_errors() {
    in_child("without_descriptors_images_are_errors", || {
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: takes the limit of descriptors away from this process.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &none) }, 0);
        let error = MemoryImage::new(&[1]).unwrap_err();
        assert_eq!(error.kind(), OsErrorKind::OutOfDescriptors, "{error}");
        0
    })
    .exited(0);
}

#[test]
fn a_full_mapping_table_is_an_error_and_drops_still_work() {
    in_child("a_full_mapping_table_is_an_error_and_drops_still_work", || {
        let page = page_size();
        let before = mappings().len();
        // Three neighbours that the kernel merges into one mapping.
        let mut neighbours: Vec<_> = (0..3).map(|_| Reservation::new(16 * page).unwrap()).collect();
        neighbours.sort_by_key(|reservation| reservation.as_ptr().addr());
        let ranges: Vec<_> = neighbours.iter().map(|one| one.as_ptr().addr()).collect();
        assert_eq!(ranges[1] - ranges[0], 16 * page, "not merged: the test tests nothing");
        assert_eq!(ranges[2] - ranges[1], 16 * page, "not merged: the test tests nothing");
        let kept = Reservation::new(16 * page).unwrap();
        kept.commit(0, 16 * page).unwrap();
        // SAFETY: the page was just committed.
        let byte = unsafe { &*kept.as_ptr().add(8 * page).cast::<AtomicU8>() };
        byte.store(5, Relaxed);
        // Every other page committed: each costs an entry.
        let large = Reservation::new(200_000 * page).unwrap();
        let error = (0..200_000)
            .step_by(2)
            .find_map(|index| large.commit(index * page, page).err())
            .expect("the kernel has no limit on mappings");
        assert_eq!(error.kind(), OsErrorKind::OutOfMemory, "{error}");
        // Take the last few entries too.
        let mut last = Vec::new();
        let error = loop {
            match StackMapping::new(page) {
                Ok(stack) => last.push(stack),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), OsErrorKind::OutOfMemory, "{error}");
        // What is refused changes nothing.
        let error = kept.decommit(8 * page, page).unwrap_err();
        assert_eq!(error.kind(), OsErrorKind::OutOfMemory, "{error}");
        assert_eq!(byte.load(Relaxed), 5);
        let middle = neighbours.remove(1);
        drop(middle);
        let held = |address: usize| mappings().iter().any(|one| (one.0..one.1).contains(&address));
        assert!(held(ranges[1]), "the table wasn't full: the test tests nothing");
        drop(last);
        drop(large);
        drop(neighbours);
        kept.decommit(8 * page, page).unwrap();
        drop(kept);
        assert!(!ranges.iter().any(|&start| held(start)));
        // The heap may have grown by a mapping of its own.
        assert!(mappings().len() <= before + 1, "{before}, then {}", mappings().len());
        0
    })
    .exited(0);
}
