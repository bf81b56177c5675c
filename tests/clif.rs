//! Golden IR: what every operator family becomes, and the shapes that speed stands on.
//!
//! A golden is a file `clif/<family>/NAME.wat`: a module, then the Cranelift IR of each of its
//! functions as `;;` lines beneath, as `brolga inspect --clif` prints it. A change of code
//! generation shows as a diff of these files; with `BLESS=1` in the environment they are rewritten.
//!
//! The target is always x86-64 Linux with the baseline's features, whatever the host. Lines that
//! start with `;;!` set options, one `key = value` each:
//!
//! | key | value | default |
//! |---|---|---|
//! | `signals` | whether faults are caught by signal handlers | `true` |
//! | `spectre` | whether checks hold under speculation | `true` |
//! | `canonicalize_nans` | whether arithmetic makes canonical NaNs only | `false` |
//! | `opt` | `none`, `speed` or `size` | `speed` |
//! | `reservation_bytes` | address space for each memory | 4 GiB |
//! | `guard_bytes` | inaccessible bytes behind it | 2 GiB |
//! | `fuel` | whether code counts what it executes | `false` |
//! | `epochs` | whether code looks at the engine's epoch | `false` |
//! | `asm` | whether machine code is shown, too | `false` |
//!
//! **Invariants**
//! - Every function of a golden's module is shown, and each IR has passed Cranelift's verifier.
//! - A folder without goldens, an unknown option and a module that does not compile are failures.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use brolga_abi::{CompileOptions, OptLevel};
use brolga_compile::{Target, function_asm, function_ir};
use brolga_module::{DefinedFuncIndex, Features, ParsedModule};

const TARGET: &str = "x86_64-unknown-linux-gnu";

#[test]
fn goldens_are_what_is_generated() {
    let bless = std::env::var_os("BLESS").is_some_and(|value| value == "1");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("clif");
    let mut goldens = Vec::new();
    collect(&folder, &mut goldens);

    let mut failures = Vec::new();
    for path in &goldens {
        if let Err(failure) = check(path, bless) {
            failures.push(format!("{}: {failure}", path.display()));
        }
    }
    // Written past the test harness, which keeps what `println!` says of a test that passes.
    writeln!(io::stdout(), "{} goldens, {} of them differ", goldens.len(), failures.len())
        .expect("a standard output");
    assert!(
        failures.is_empty(),
        "\n{}\nBLESS=1 rewrites goldens, if that is what they should be",
        failures.join("\n")
    );
}

/// The goldens in `folder` and below, sorted.
fn collect(folder: &Path, goldens: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    entries.sort();
    let before = goldens.len();
    for path in entries {
        if path.is_dir() {
            collect(&path, goldens);
        } else if path.extension().is_some_and(|extension| extension == "wat") {
            goldens.push(path);
        }
    }
    assert!(goldens.len() > before, "{} holds no goldens", folder.display());
}

/// Compares the golden at `path` with what is generated now, or rewrites it.
fn check(path: &Path, bless: bool) -> Result<(), String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let (module, expected) = split(&text);
    let found = generate(module)?;
    if found == expected {
        return Ok(());
    }
    if bless {
        let blessed = format!("{}\n\n{found}", module.trim_end());
        return fs::write(path, blessed).map_err(|error| error.to_string());
    }
    Err(format!("the IR differs (- expected, + found)\n{}", diff(expected, &found)))
}

/// The module's text, and the comment lines beneath it.
fn split(text: &str) -> (&str, &str) {
    let mut start = text.len();
    for line in text.split_inclusive('\n').rev() {
        if !line.starts_with(";;") || line.starts_with(";;!") {
            break;
        }
        start -= line.len();
    }
    text.split_at(start)
}

/// The comment lines that belong beneath `module`.
fn generate(module: &str) -> Result<String, String> {
    let settings = Settings::read(module)?;
    let bytes = wat::parse_str(module).map_err(|error| error.to_string())?;
    let parsed = ParsedModule::decode(bytes.into(), Features::default());
    let parsed = parsed.map_err(|error| error.to_string())?;
    let triple = TARGET.parse().expect("a triple that exists");
    let target = Target::new(triple).map_err(|error| error.to_string())?;

    let mut text = String::new();
    for index in 0..parsed.bodies.len() {
        let func = DefinedFuncIndex::from_usize(index);
        let options = &settings.options;
        let ir = function_ir(&parsed, &target, options, func).map_err(|error| error.to_string())?;
        comment(&mut text, &ir);
        if settings.asm {
            let asm = function_asm(&parsed, &target, options, func);
            comment(&mut text, &asm.map_err(|error| error.to_string())?);
        }
    }
    Ok(text)
}

/// Appends `text` as comment lines.
fn comment(to: &mut String, text: &str) {
    for line in text.trim_end().lines() {
        let line = format!(";; {line}");
        to.push_str(line.trim_end());
        to.push('\n');
    }
    // Between functions, and nothing after the last one's end that an editor would strip.
    to.push_str(";;\n");
}

/// What the `;;!` lines of a golden ask for.
struct Settings {
    options: CompileOptions,
    asm: bool,
}

impl Settings {
    fn read(module: &str) -> Result<Self, String> {
        let options = CompileOptions { verify_ir: true, ..CompileOptions::default() };
        let mut settings = Self { options, asm: false };
        for line in module.lines().filter_map(|line| line.strip_prefix(";;!")) {
            let (key, value) = line.split_once('=').ok_or_else(|| format!("no option: {line}"))?;
            settings.set(key.trim(), value.trim().trim_matches('"'))?;
        }
        Ok(settings)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let boolean = || value.parse::<bool>().map_err(|error| format!("{key}: {error}"));
        let number = || value.parse::<u64>().map_err(|error| format!("{key}: {error}"));
        match key {
            "signals" => self.options.memory.signals = boolean()?,
            "spectre" => self.options.spectre_mitigation = boolean()?,
            "canonicalize_nans" => self.options.canonicalize_nans = boolean()?,
            "reservation_bytes" => self.options.memory.reservation_bytes = number()?,
            "guard_bytes" => self.options.memory.guard_bytes = number()?,
            "fuel" => self.options.consume_fuel = boolean()?,
            "epochs" => self.options.epoch_interruption = boolean()?,
            "asm" => self.asm = boolean()?,
            "opt" => {
                self.options.opt_level = match value {
                    "none" => OptLevel::None,
                    "speed" => OptLevel::Speed,
                    "size" => OptLevel::SpeedAndSize,
                    other => return Err(format!("opt: no level {other}")),
                }
            }
            other => return Err(format!("no option {other}")),
        }
        Ok(())
    }
}

/// The lines of two texts, those they share once: the longest common subsequence, by the table.
fn diff(expected: &str, found: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), found.lines().collect());
    // common[i][j] is how many lines old[i..] and new[j..] share.
    let mut common = vec![vec![0_u32; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut text = String::new();
    while i < old.len() || j < new.len() {
        let (mark, line) = if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
            (' ', old[i - 1])
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            i += 1;
            ('-', old[i - 1])
        } else {
            j += 1;
            ('+', new[j - 1])
        };
        writeln!(text, "{mark} {line}").expect("writing to a string");
    }
    text
}

#[test]
fn a_diff_shows_what_went_and_what_came() {
    assert_eq!(diff("a\nb\nc\n", "a\nx\nc\nd\n"), "  a\n- b\n+ x\n  c\n+ d\n");
}

#[test]
fn the_module_is_told_from_what_is_beneath() {
    let text = ";;! opt = \"none\"\n;; about\n(module)\n\n;; function\n;;\n";
    assert_eq!(split(text), (";;! opt = \"none\"\n;; about\n(module)\n\n", ";; function\n;;\n"));
}

#[test]
fn unknown_options_are_refused() {
    assert!(Settings::read(";;! speed = \"high\"\n(module)").is_err());
    let settings = Settings::read(";;! signals = false\n;;! opt = \"none\"\n(module)").unwrap();
    assert!(!settings.options.memory.signals);
    assert_eq!(settings.options.opt_level, OptLevel::None);
}
