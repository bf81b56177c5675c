//! What profilers are shown.

use std::io::Write;

use brolga_os::{ProfileMark, monotonic_nanoseconds, thread_id};

#[test]
#[cfg_attr(miri, ignore = "reads what the kernel maps")]
fn a_marked_file_is_among_the_executable_mappings() {
    let path = std::env::temp_dir().join(format!("brolga-os-mark-{}", std::process::id()));
    let mut file =
        std::fs::File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    file.write_all(b"not code").unwrap();
    let is_mapped = || {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let name = path.to_str().unwrap();
        maps.lines().any(|line| line.ends_with(name) && line.contains(" r-xp "))
    };
    let mark = ProfileMark::new(&file).unwrap();
    assert!(is_mapped());
    drop(mark);
    assert!(!is_mapped());
    std::fs::remove_file(path).unwrap();
}

#[test]
#[cfg_attr(miri, ignore = "maps a file")]
fn a_file_that_may_not_be_read_is_not_marked() {
    let path = std::env::temp_dir().join(format!("brolga-os-no-mark-{}", std::process::id()));
    let file = std::fs::File::create(&path).unwrap();
    let error = ProfileMark::new(&file).unwrap_err();
    assert!(error.to_string().starts_with("cannot show a profile to the system"), "{error}");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn the_clock_goes_on_and_threads_have_numbers() {
    let before = monotonic_nanoseconds();
    let other = std::thread::spawn(thread_id).join().unwrap();
    assert_ne!(other, thread_id());
    assert!(monotonic_nanoseconds() >= before);
}
