//! Runs the cases in `tests/cli/*.toml`: a command, and what it must print, leave and return.
//!
//! A file of cases reads so:
//!
//! ```toml
//! [files]                     # what every case of the file starts with
//! "add.wat" = "(module …)"
//!
//! [[case]]
//! name = "adds"
//! command = ["run", "--invoke", "add", "add.wat", "2", "3"]
//! stdin = ""                  # default: nothing
//! env = { KEY = "VALUE" }     # default: nothing besides what the host has; `{here}` is the
//!                             # case's directory
//! stdout = "i32:5\n"          # default: nothing
//! stderr = ""                 # default: nothing
//! code = 0                    # default: 0
//! leaves = { "out.txt" = "…" }  # `{pid}` in a name is the process's id; `folder/*`
//!                                 # is any file in it
//! interrupt = "ready"         # default: no Ctrl-C; with: one when standard output says that
//! ```
//!
//! Each case runs in a directory of its own. In expected text `*` stands for any text, and in
//! commands `{repository}` for the repository's folder.
//!
//! **Invariants**
//! - What a case does not expect must not come: output without an expectation is a failure.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use libtest_mimic::{Arguments, Failed, Trial};
use toml::{Table, Value};

type Files = BTreeMap<String, String>;

#[derive(Clone, Debug, Default)]
struct Case {
    name: String,
    command: Vec<String>,
    stdin: String,
    env: Files,
    stdout: String,
    stderr: String,
    code: i64,
    leaves: Files,
    interrupt: Option<String>,
    files: Files,
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let mut paths: Vec<PathBuf> = std::fs::read_dir(repository.join("tests/cli"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    paths.sort();
    let mut trials = Vec::new();
    for path in paths {
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        for case in cases(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())) {
            let repository = repository.clone();
            let title = format!("{stem}: {}", case.name);
            trials.push(Trial::test(title, move || run(&case, &repository)));
        }
    }
    assert!(!trials.is_empty(), "there are no cases");
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The cases of a file. Keys that mean nothing are refused: they would expect nothing.
fn cases(text: &str) -> Result<Vec<Case>, String> {
    let mut table: Table = text.parse().map_err(|error| format!("{error}"))?;
    let files = table.remove("files").map(strings).transpose()?.unwrap_or_default();
    let Some(Value::Array(list)) = table.remove("case") else {
        return Err("no [[case]]".into());
    };
    if let Some(key) = table.keys().next() {
        return Err(format!("`{key}` is neither `files` nor `case`"));
    }
    list.into_iter().map(|value| case(value, &files)).collect()
}

fn case(value: Value, files: &Files) -> Result<Case, String> {
    let mut case = Case { files: files.clone(), ..Case::default() };
    let Value::Table(table) = value else {
        return Err("a case is a table".into());
    };
    for (key, value) in table {
        match key.as_str() {
            "name" => case.name = string(value)?,
            "stdin" => case.stdin = string(value)?,
            "stdout" => case.stdout = string(value)?,
            "stderr" => case.stderr = string(value)?,
            "interrupt" => case.interrupt = Some(string(value)?),
            "env" => case.env = strings(value)?,
            "leaves" => case.leaves = strings(value)?,
            "files" => case.files.extend(strings(value)?),
            "code" => case.code = value.as_integer().ok_or("`code` is a number")?,
            "command" => {
                let list = value.as_array().ok_or("`command` is a list")?;
                case.command = list.iter().cloned().map(string).collect::<Result<_, _>>()?;
            }
            _ => return Err(format!("a case has no `{key}`")),
        }
    }
    Ok(case)
}

fn string(value: Value) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| format!("a {} is no text", value.type_str()))
}

fn strings(value: Value) -> Result<Files, String> {
    let Value::Table(table) = value else {
        return Err(format!("a {} is no table", value.type_str()));
    };
    table.into_iter().map(|(key, value)| Ok((key, string(value)?))).collect()
}

fn run(case: &Case, repository: &Path) -> Result<(), Failed> {
    let folder = Folder::new(&case.files)?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_brolga"));
    for argument in &case.command {
        command.arg(argument.replace("{repository}", &repository.to_string_lossy()));
    }
    let here = folder.0.to_string_lossy();
    let env = case.env.iter().map(|(key, value)| (key, value.replace("{here}", &here)));
    command.current_dir(&folder.0).envs(env);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let pid = child.id().to_string();
    let mut stdin = child.stdin.take().expect("it was piped");
    // A program that does not read its input closes it; that is no failure of the case.
    let _ = stdin.write_all(case.stdin.as_bytes());
    let mut early = String::new();
    if let Some(ready) = &case.interrupt {
        early = wait_for(ready, child.stdout.as_mut().expect("it was piped"))?;
        let kill = Command::new("kill").args(["-INT", &pid]).status()?;
        assert!(kill.success(), "the program is not there to be interrupted");
    }
    // Until here, so that who waits for input goes on waiting until it is interrupted.
    drop(stdin);
    let output = child.wait_with_output()?;

    let mut wrong = String::new();
    let stdout = early + &String::from_utf8_lossy(&output.stdout);
    compare(&mut wrong, "stdout", &case.stdout, &stdout);
    compare(&mut wrong, "stderr", &case.stderr, &String::from_utf8_lossy(&output.stderr));
    if output.status.code().map(i64::from) != Some(case.code) {
        wrong.push_str(&format!("code: expected {}, found {}\n", case.code, output.status));
    }
    for (name, contents) in &case.leaves {
        let path = place(&folder.0, &name.replace("{pid}", &pid));
        let found = std::fs::read(&path);
        // What lies elsewhere does not go with the folder.
        let _ = std::fs::remove_file(&path);
        match found {
            Ok(found) => compare(&mut wrong, name, contents, &String::from_utf8_lossy(&found)),
            Err(error) => wrong.push_str(&format!("{name}: {error}\n")),
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.into()) }
}

/// Where the file `name` is; for `folder/*` some file in the folder.
fn place(here: &Path, name: &str) -> PathBuf {
    let Some(folder) = name.strip_suffix("/*") else {
        return here.join(name);
    };
    let mut files = std::fs::read_dir(here.join(folder)).into_iter().flatten();
    files.find_map(|file| Some(file.ok()?.path())).unwrap_or_else(|| here.join(name))
}

/// Reads `output` until it has said `text`, or is at its end. What was read.
fn wait_for(text: &str, output: &mut impl Read) -> std::io::Result<String> {
    let mut found = Vec::new();
    let mut byte = [0];
    while !found.ends_with(text.as_bytes()) && output.read(&mut byte)? > 0 {
        found.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&found).into_owned())
}

fn compare(wrong: &mut String, what: &str, expected: &str, found: &str) {
    if !matches(expected, found) {
        wrong.push_str(&format!("{what}: expected\n{expected}\n{what}: found\n{found}\n"));
    }
}

/// Whether `text` is what `pattern` says, where `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    let Some((middle, last)) = rest.rsplit_once('*') else {
        return text.ends_with(rest);
    };
    for part in middle.split('*') {
        match text.find(part) {
            Some(place) => text = &text[place + part.len()..],
            None => return false,
        }
    }
    text.ends_with(last)
}

/// A directory of one case's own, gone when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(files: &Files) -> std::io::Result<Self> {
        use std::sync::atomic::{AtomicU32, Ordering};
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("brolga-cli-{}-{count}", std::process::id()));
        std::fs::create_dir(&path)?;
        let folder = Self(path);
        for (name, contents) in files {
            let path = folder.0.join(name);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(path, contents)?;
        }
        Ok(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What a case left locked stays; the system's own cleaning takes it.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
