//! What the program does at a terminal: interactive guests, Ctrl-C, the progress bar, colours.
//!
//! **Invariants**
//! - Nothing here waits for a time: each step waits for what the program says.
#![cfg(unix)]

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use pty_process::blocking::{Command, Pty};

/// The program at a terminal of its own.
struct Terminal {
    pty: Pty,
    child: std::process::Child,
    /// Everything it has said.
    said: String,
    /// How much of that has been waited for.
    seen: usize,
}

impl Terminal {
    fn new(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let (pty, pts) = pty_process::blocking::open().expect("a pseudo-terminal");
        pty.resize(pty_process::Size::new(24, 100)).expect("its size");
        let child = Command::new(env!("CARGO_BIN_EXE_brolga"))
            .args(arguments)
            .env_remove("NO_COLOR")
            .env("TERM", "xterm")
            .envs(environment.iter().copied())
            .spawn(pts)
            .expect("the program");
        Self { pty, child, said: String::new(), seen: 0 }
    }

    /// Waits until the program has said `text`, after what it was waited for before.
    #[track_caller]
    fn wait_for(&mut self, text: &str) {
        loop {
            if let Some(place) = self.said[self.seen..].find(text) {
                self.seen += place + text.len();
                return;
            }
            assert!(self.read(), "`{text}` was not said, but: {:?}", self.said);
        }
    }

    fn read(&mut self) -> bool {
        let mut bytes = [0; 4096];
        // A terminal whose other side has been closed is an error on Linux.
        let count = self.pty.read(&mut bytes).unwrap_or(0);
        self.said.push_str(&String::from_utf8_lossy(&bytes[..count]));
        count > 0
    }

    fn type_in(&mut self, text: &str) {
        self.pty.write_all(text.as_bytes()).expect("the terminal takes input");
    }

    /// Waits for the end. All that was said, and the exit code.
    fn end(mut self) -> (String, Option<i32>) {
        while self.read() {}
        let code = self.child.wait().expect("the program has ended").code();
        (self.said, code)
    }
}

fn program(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/programs").join(name);
    path.to_str().expect("the repository's path is text").to_owned()
}

#[test]
fn a_guest_and_its_user_talk_line_by_line() {
    let mut terminal = Terminal::new(&["run", &program("desk.wasm")], &[]);
    terminal.wait_for("at a terminal\r\n> ");
    terminal.type_in("1 2 39\n");
    terminal.wait_for("= 42\r\n> ");
    // Corrected before the line was sent: the terminal's business, not the guest's.
    terminal.type_in("20\x7f\x7f-40\n");
    terminal.wait_for("= 2\r\n> ");
    terminal.type_in("two\n");
    terminal.wait_for("? only numbers\r\n> ");
    terminal.type_in("quit\n");
    let (said, code) = terminal.end();
    assert_eq!(code, Some(3), "{said}");
}

#[test]
fn the_end_of_input_comes_from_the_keyboard() {
    let mut terminal = Terminal::new(&["run", &program("desk.wasm")], &[]);
    terminal.wait_for("> ");
    terminal.type_in("\x04");
    let (said, code) = terminal.end();
    assert!(said.ends_with("bye\r\n"), "{said}");
    assert_eq!(code, Some(0));
}

#[test]
fn ctrl_c_ends_a_guest_that_waits_for_its_user() {
    let mut terminal = Terminal::new(&["run", &program("desk.wasm")], &[]);
    terminal.wait_for("> ");
    terminal.type_in("\x03");
    let (said, code) = terminal.end();
    assert!(!said.contains("bye"), "{said}");
    assert_eq!(code, Some(130));
}

#[test]
fn errors_have_colours_unless_refused() {
    let error = |environment: &[(&str, &str)]| {
        let (said, code) = Terminal::new(&["run", "no-such-file"], environment).end();
        assert_eq!(code, Some(1));
        said
    };
    assert!(error(&[]).starts_with("\x1b[1;31merror:\x1b[0m there is no file"));
    assert!(error(&[("NO_COLOR", "1")]).starts_with("error: there is no file"));
    assert!(error(&[("NO_COLOR", "")]).starts_with("\x1b[1;31merror:"));
    assert!(error(&[("TERM", "dumb")]).starts_with("error: there is no file"));
}

/// A module that takes long to compile, on whatever machine.
struct Large(PathBuf);

impl Large {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("brolga-large-{}.wat", std::process::id()));
        let mut text = "(module (memory 1)\n".to_owned();
        for number in 0..20_000 {
            text.push_str(&format!(
                "(func (param i32) (result i32) (local i32) (loop $l
                    (i32.store (local.get 0) (i32.mul (local.get 1) (i32.const {number})))
                    (local.set 1 (i32.load offset=8 (i32.add (local.get 0) (local.get 1))))
                    (br_if $l (i32.lt_u (local.get 1) (i32.const {number}))))
                    (i32.div_u (local.get 1) (local.get 0)))\n"
            ));
        }
        text.push(')');
        std::fs::write(&path, text).expect("room for a large module");
        Self(path)
    }
}

impl Drop for Large {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_long_compilation_shows_its_progress_and_ends_at_ctrl_c() {
    let large = Large::new();
    let path = large.0.to_str().expect("a temporary path is text");
    let mut terminal = Terminal::new(&["compile", "--threads", "1", path], &[]);
    terminal.wait_for("compiling ");
    terminal.wait_for(" of 20000 functions, ");
    terminal.wait_for(" left");
    terminal.type_in("\x03");
    let (said, code) = terminal.end();
    assert!(said.trim_end().ends_with("error:\x1b[0m interrupted"), "{said:?}");
    assert_eq!(code, Some(130));
}
