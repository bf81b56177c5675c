//! Runs a test's body in a process of its own, for what can't be undone: signal actions, limits
//! and deaths.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, exit};

const VARIABLE: &str = "BROLGA_OS_CHILD";
/// Written by a child that reached its body: a misspelt test name must not pass for success.
const REACHED: &str = "the child runs its body";

/// How a child ended, and what it wrote to its standard error.
pub struct Ended {
    pub status: ExitStatus,
    pub stderr: String,
}

/// Runs `body` in a child that runs the test `name` alone. In the child this never returns: it
/// exits with the code that `body` returns.
pub fn in_child(name: &str, body: impl FnOnce() -> i32) -> Ended {
    if std::env::var(VARIABLE).as_deref() == Ok(name) {
        eprintln!("{REACHED}");
        exit(body());
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(VARIABLE, name)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(stderr.contains(REACHED), "no test is called {name}: {stderr}");
    Ended { status: output.status, stderr }
}

impl Ended {
    #[track_caller]
    pub fn exited(&self, code: i32) {
        assert_eq!(self.status.code(), Some(code), "{}: {}", self.status, self.stderr);
    }

    #[allow(dead_code, reason = "not every test kills its child")]
    #[track_caller]
    pub fn killed_by(&self, signal: i32) {
        assert_eq!(self.status.signal(), Some(signal), "{}: {}", self.status, self.stderr);
    }
}

/// The mappings of this process: start, end and permissions.
#[allow(dead_code, reason = "not every test counts mappings")]
pub fn mappings() -> Vec<(usize, usize, String)> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let hex = |text| usize::from_str_radix(text, 16).unwrap();
    maps.lines()
        .map(|line| {
            let (range, rest) = line.split_once(' ').unwrap();
            let (start, end) = range.split_once('-').unwrap();
            (hex(start), hex(end), rest[..4].to_owned())
        })
        .collect()
}
