//! `brolga explore` on modules that are made here. What a browser makes of a page is checked by
//! `.ci/explore`.

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// `brolga explore` of `module`, the page to standard output.
fn explore(module: &str, flags: &[&str]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_brolga"))
        .args(["explore", "-", "-o", "-"])
        .args(flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program");
    let mut stdin = child.stdin.take().expect("it was piped");
    stdin.write_all(module.as_bytes()).expect("the program reads its input");
    drop(stdin);
    child.wait_with_output().expect("the program ends")
}

fn module(functions: usize) -> String {
    let function = "(func (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))\n";
    format!("(module {})", function.repeat(functions))
}

#[test]
fn the_same_module_gives_the_same_page() {
    let module = module(40);
    let pages: Vec<_> = ["1", "2", "3"]
        .iter()
        .map(|threads| explore(&module, &["--threads", threads]).stdout)
        .collect();
    assert!(pages[0].len() > 10_000);
    assert!(pages[0] == pages[1] && pages[1] == pages[2]);
}

#[test]
fn too_many_functions_are_refused_but_some_of_them_are_shown() {
    let module = module(3001);
    let refused = explore(&module, &[]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&refused.stderr),
        "error: standard input has 3001 functions, too many for a page\n\
         hint: --function NAME shows one, and may be given several times\n"
    );
    let shown = explore(&module, &["--function", "3000", "--function", "7"]);
    assert!(shown.status.success());
    let page = String::from_utf8(shown.stdout).expect("a page is text");
    assert!(page.contains(r#"{"index":7,"#) && page.contains(r#"{"index":3000,"#));
    assert_eq!(page.matches(r#"{"index":"#).count(), 2);
}
