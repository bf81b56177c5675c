//! The house rules that a program can check.
//!
//! - Crates import each other only as the design draws it.
//! - `unsafe` stands only in its rooms; every other crate forbids it.
//! - Every source file opens with a module doc.
//! - Every path that a document names exists, and so does every type it puts in backquotes.
//! - No stub is left in the tree.
//! - Every public function of the embedder's crate is called in one of its tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Which crates of the house a crate may import.
const EDGES: &[(&str, &[&str])] = &[
    ("module", &[]),
    ("abi", &["module"]),
    ("compile", &["abi", "module"]),
    ("os", &[]),
    ("runtime", &["abi", "module", "os"]),
    ("brolga", &["abi", "module", "compile", "runtime"]),
    ("wasi", &["brolga"]),
    ("wast", &["brolga"]),
    ("cli", &["brolga", "wasi", "wast"]),
];

/// Where `unsafe` may stand: a file, or a folder with everything in it. `docs/unsafe.md` says what
/// each may do.
const ROOMS: &[&str] = &[
    "crates/os/",
    "crates/runtime/",
    "crates/compile/src/link.rs",
    "crates/brolga/src/store_cell.rs",
    "crates/brolga/src/host_call.rs",
    "crates/brolga/src/host_call/unchecked.rs",
    "crates/brolga/src/engine/enter.rs",
    "crates/brolga/src/engine/compile.rs",
    "crates/brolga/src/serialize.rs",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests is a folder of the project").into()
}

/// All files below `folder` with this ending, in a fixed order.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("readable folder") {
            let path = entry.expect("readable entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                if name != "target" && !name.starts_with('.') && name != "corpus" {
                    folders.push(path);
                }
            } else if name.ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).expect("a file of the project").to_string_lossy().into_owned()
}

fn sources() -> Vec<(String, String)> {
    let root = root();
    let found: Vec<_> = ["crates", "tests", "benches", "fuzz"]
        .iter()
        .flat_map(|folder| files(&root.join(folder), ".rs"))
        .map(|path| (relative(&path), fs::read_to_string(&path).expect("UTF-8 source")))
        .collect();
    assert!(found.len() > 50, "the walk found only {} sources", found.len());
    found
}

#[test]
fn crates_import_each_other_as_drawn() {
    for (name, allowed) in EDGES {
        let path = root().join("crates").join(name).join("Cargo.toml");
        let manifest = fs::read_to_string(&path).expect("every crate has a manifest");
        let normal = manifest.split("[dev-dependencies]").next().unwrap_or_default();
        for (other, _) in EDGES {
            let package =
                if *other == "brolga" { "brolga".into() } else { format!("brolga-{other}") };
            let imports = normal.lines().any(|line| {
                line.strip_prefix(&package).is_some_and(|rest| {
                    rest.starts_with('.') || rest.starts_with(' ') || rest.starts_with('=')
                })
            });
            assert!(
                !imports || allowed.contains(other),
                "crates/{name} imports {package}, which the design does not draw"
            );
        }
    }
}

#[test]
fn unsafe_stays_in_its_rooms() {
    for (path, source) in sources() {
        if ROOMS.iter().any(|room| path.starts_with(room)) || path.starts_with("tests/tidy.rs") {
            continue;
        }
        let test = ["/tests/", "/examples/"].iter().any(|folder| path.contains(folder))
            || path.starts_with("tests/abort/")
            || path.starts_with("tests/size/");
        for (number, line) in source.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let found = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"]
                .iter()
                .any(|form| code.contains(form));
            assert!(!found || test, "{path}:{}: unsafe outside its rooms", number + 1);
        }
    }
}

#[test]
fn crates_without_a_room_forbid_unsafe() {
    for name in ["module", "abi", "wasi", "wast"] {
        let path = root().join("crates").join(name).join("src/lib.rs");
        let source = fs::read_to_string(path).expect("every crate has a root");
        assert!(source.contains("#![forbid(unsafe_code)]"), "crates/{name} must forbid unsafe");
    }
    let cli = fs::read_to_string(root().join("crates/cli/src/main.rs")).expect("the program");
    assert!(cli.contains("#![forbid(unsafe_code)]"), "crates/cli must forbid unsafe");
}

#[test]
fn every_source_opens_with_a_module_doc() {
    for (path, source) in sources() {
        let first = source.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        assert!(
            first.starts_with("//!") || first.starts_with("#!["),
            "{path} opens with {first:?}, not with a module doc"
        );
    }
}

#[test]
fn no_stub_is_left() {
    // Spelled apart, so that this file does not find itself.
    let marks = [["to", "do!("], ["unimpl", "emented!("], ["FIX", "ME"], ["#[ign", "ore"]];
    for (path, source) in sources() {
        for mark in marks.map(|parts| parts.concat()) {
            assert!(!source.contains(&mark), "{path} holds {mark:?}");
        }
    }
}

/// The documents that speak of the tree as it is. The changelog speaks of the past.
const DOCUMENTS: &[&str] =
    &["README.md", "ARCHITECTURE.md", "docs/rationale.md", "docs/unsafe.md", "docs/miri.md"];

/// What stands between backquotes on one line, fenced blocks left out.
fn quoted(document: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (number, line) in document.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if !fenced {
            let words = line.split('`').skip(1).step_by(2);
            found.extend(words.map(|word| (number + 1, word.to_string())));
        }
    }
    found
}

#[test]
fn paths_named_in_documents_exist() {
    let root = root();
    let mut checked = 0;
    for name in DOCUMENTS {
        let document = fs::read_to_string(root.join(name)).expect("the document exists");
        let links = document.lines().enumerate().flat_map(|(number, line)| {
            line.split("](").skip(1).filter_map(move |rest| {
                let target = rest.split([')', '#']).next().unwrap_or_default();
                let local = !target.is_empty() && !target.contains("://");
                local.then(|| (number + 1, target.to_string()))
            })
        });
        let paths = quoted(&document).into_iter().filter(|(_, word)| {
            let starts = ["crates/", "tests/", "benches/", "fuzz/", "docs/", ".ci/"];
            starts.iter().any(|start| word.starts_with(start))
                && !word.contains(['<', '*', '{', ' '])
        });
        for (number, path) in links.chain(paths) {
            checked += 1;
            assert!(root.join(&path).exists(), "{name}:{number}: {path} does not exist");
        }
    }
    assert!(checked > 20, "only {checked} paths found: the search is broken");
}

#[test]
fn types_named_in_documents_exist() {
    let mut defined = BTreeSet::new();
    for (_, source) in sources() {
        for line in source.lines() {
            let words: Vec<&str> = line
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .filter(|w| !w.is_empty())
                .collect();
            for pair in words.windows(2) {
                if ["struct", "enum", "trait", "type", "union", "use"].contains(&pair[0]) {
                    defined.insert(pair[1].to_string());
                }
            }
            // Re-exports and macro tables define names without a keyword before them.
            defined
                .extend(words.iter().filter(|_| line.contains("pub use")).map(|w| w.to_string()));
        }
    }
    // Names of the specification, of Cranelift and of the standard library.
    let foreign = include_str!("tidy-foreign-names.txt");
    let foreign: BTreeSet<&str> = foreign.lines().filter(|line| !line.starts_with('#')).collect();
    for name in DOCUMENTS {
        let document = fs::read_to_string(root().join(name)).expect("the document exists");
        for (number, word) in quoted(&document) {
            let head = word.split([':', '<', '(', '.']).next().unwrap_or_default();
            let is_type = head.chars().next().is_some_and(|c| c.is_ascii_uppercase())
                && head.chars().any(|c| c.is_ascii_lowercase())
                && head.chars().all(|c| c.is_ascii_alphanumeric());
            assert!(
                !is_type || defined.contains(head) || foreign.contains(head),
                "{name}:{number}: `{word}` names no type of the project"
            );
        }
    }
}

/// Public functions of `crates/brolga` that no test of its own need call.
const NOT_CALLED: &[(&str, &str)] = &[
    ("make", "hidden, behind the macros, which are called"),
    ("readable", "of listings, by the program's tests"),
    ("settings", "of listings, by the program's tests"),
];

/// It does not show that a function is tested well; what fails here is not tested at all.
#[test]
fn public_functions_are_called_in_tests() {
    let crate_files = |folder: &str| files(&root().join("crates/brolga").join(folder), ".rs");
    let read = |path: &PathBuf| fs::read_to_string(path).expect("UTF-8 source");
    let tests: String =
        crate_files("tests").iter().chain(&crate_files("examples")).map(read).collect();
    let is_word = |char: char| char.is_alphanumeric() || char == '_';
    let called = |name: &str| {
        tests.match_indices(name).any(|(at, _)| {
            tests[..at].ends_with(['.', ':']) && !tests[at + name.len()..].starts_with(is_word)
        })
    };
    let mut names = BTreeSet::new();
    let sources: Vec<String> = crate_files("src").iter().map(read).collect();
    for line in sources.iter().flat_map(|source| source.lines()) {
        let line = line.trim_start();
        let Some(item) = line.strip_prefix("pub ") else { continue };
        let item = ["const ", "unsafe "]
            .iter()
            .fold(item, |item, word| item.strip_prefix(word).unwrap_or(item));
        let Some(name) = item.strip_prefix("fn ") else { continue };
        names.insert(name.split(|char| !is_word(char)).next().unwrap_or_default());
    }
    assert!(names.len() > 250, "the walk found only {} functions", names.len());
    let found: Vec<&str> = names.into_iter().filter(|name| !called(name)).collect();
    let excepted: Vec<&str> = NOT_CALLED.iter().map(|(name, _)| *name).collect();
    let unexpected: Vec<_> = found.iter().filter(|name| !excepted.contains(name)).collect();
    assert!(unexpected.is_empty(), "public functions that no test calls: {unexpected:?}");
    for (name, reason) in NOT_CALLED {
        assert!(found.contains(name), "`{name}` is called after all, or gone: {reason}");
    }
}
