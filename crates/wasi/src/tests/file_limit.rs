//! The process's limit on the size of files: the guest gets an errno, the host lives. In a child
//! process, since the limit is the whole process's.

use std::fs;
use std::process::Command;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{ALL, CREATE, Kind, World};
use crate::Errno;

const CHILD: &str = "BROLGA_TEST_FILE_LIMIT";
const NAME: &str = "tests::file_limit::a_file_beyond_the_hosts_limit_is_an_errno";

#[test]
#[cfg_attr(miri, ignore = "asks the host's file system")]
fn a_file_beyond_the_hosts_limit_is_an_errno() {
    if std::env::var_os(CHILD).is_some() {
        let maximum = getrlimit(Resource::Fsize).maximum;
        setrlimit(Resource::Fsize, Rlimit { current: Some(4096), maximum }).unwrap();
        for kind in [Kind::Kernel, Kind::Walk, Kind::OverMemory] {
            write_beyond(&mut World::of(kind, &[]));
        }
        append_beyond(&mut World::new());
        print_beyond();
        return;
    }
    let program = std::env::current_exe().unwrap();
    let mut child = Command::new(program);
    let outcome = child.args(["--exact", NAME, "--nocapture"]).env(CHILD, "").output().unwrap();
    let said = String::from_utf8_lossy(&outcome.stderr);
    assert!(outcome.status.success(), "{}: {said}", outcome.status);
    // It was that test, and it was run.
    let told = String::from_utf8_lossy(&outcome.stdout);
    assert!(told.contains("1 passed"), "{told}");
}

fn write_beyond(world: &mut World) {
    let fd = world.open("new", CREATE, ALL).unwrap();
    assert_eq!(world.write(fd, &[1; 4000]), Ok(4000));
    assert_eq!(world.write(fd, &[1; 4000]), Ok(96), "as far as it goes");
    assert_eq!(world.write(fd, &[1; 4000]), Err(Errno::Fbig));
    assert_eq!(world.write(fd, b""), Ok(0));
    let (list, count) = world.buffer(10);
    let write_at =
        |world: &mut World, offset| world.call().fd_pwrite(fd, list, count, offset, super::RESULT);
    assert_eq!(write_at(world, 4095), Ok(()));
    for offset in [4096, 4097, 1 << 40] {
        assert_eq!(write_at(world, offset), Err(Errno::Fbig), "{offset}");
    }
    for size in [4097, 1 << 40] {
        assert_eq!(world.call().fd_filestat_set_size(fd, size), Err(Errno::Fbig), "{size}");
        assert_eq!(world.call().fd_allocate(fd, 0, size), Err(Errno::Fbig), "{size}");
    }
    assert_eq!(world.call().fd_filestat_set_size(fd, 4096), Ok(()));
    assert_eq!(world.stat("new", 0).unwrap().0, 4096);
}

fn append_beyond(world: &mut World) {
    let fd = world.open("file", 0, ALL).unwrap();
    world.call().fd_fdstat_set_flags(fd, 1).unwrap();
    assert_eq!(world.write(fd, &[1; 5000]), Ok(4096 - 8));
    assert_eq!(world.write(fd, b"x"), Err(Errno::Fbig));
}

/// Standard output may be a file, too.
fn print_beyond() {
    let base = super::Base::new();
    let path = base.join("output");
    for appends in [false, true] {
        fs::write(&path, [1; 4000]).unwrap();
        let mut how = fs::OpenOptions::new();
        let output = how.append(appends).write(true).open(&path).unwrap();
        let mut world = World::with(|builder| builder.stdout_fd(output));
        if !appends {
            assert_eq!(world.write(1, &[2; 4000]), Ok(4000));
        }
        assert_eq!(world.write(1, &[2; 4000]), Ok(96));
        assert_eq!(world.write(1, b"x"), Err(Errno::Fbig));
        assert_eq!(fs::metadata(&path).unwrap().len(), 4096);
    }
}
