//! What profilers of the system are told of code: where each function is and what it is called.
//!
//! | format | file | read by |
//! |---|---|---|
//! | perf map | `/tmp/perf-PID.map`, a line a function | `perf report` at once |
//! | jitdump | `jit-PID.dump` in the working directory, the code too | `perf inject --jit` |
//!
//! A process has one file of each: profilers find it by the process's number. It is opened when
//! first wanted and stays open.
//!
//! **Invariants**
//! - What writes a format is named by that format alone: a program that asks for none is without it.
//! - A function's record is written before anybody can call it, in one piece.
//! - Names are the guest's: nothing in one can be taken for the end of its record.

use core::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError};

use brolga_abi::CodeRange;
use brolga_module::DefinedFuncIndex;
use brolga_os::{ProfileMark, monotonic_nanoseconds, thread_id};

use crate::LoadedCode;

/// What is told, and how.
#[derive(Clone, Copy)]
pub struct ProfileFormat {
    name: &'static str,
    open: fn() -> io::Result<()>,
    note: fn(&LoadedCode) -> io::Result<()>,
}

static PERF_MAP: Mutex<Option<File>> = Mutex::new(None);
static JIT_DUMP: Mutex<Option<JitDump>> = Mutex::new(None);

struct JitDump {
    file: File,
    /// How many functions are in it.
    count: u64,
    _mark: ProfileMark,
}

impl ProfileFormat {
    /// Addresses and names.
    pub const PERF_MAP: ProfileFormat =
        ProfileFormat { name: "PerfMap", open: || perf_map().map(drop), note: note_in_perf_map };

    /// The code as well, with times.
    pub const JIT_DUMP: ProfileFormat =
        ProfileFormat { name: "JitDump", open: || jit_dump().map(drop), note: note_in_jit_dump };

    /// Opens the process's file of this format, if it is not open yet.
    ///
    /// # Errors
    /// If the file can't be made, or exists and is none to write to.
    pub fn open(self) -> io::Result<()> {
        (self.open)()
    }

    /// Tells of all that is in `code`.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn note(self, code: &LoadedCode) -> io::Result<()> {
        (self.note)(code)
    }
}

impl fmt::Debug for ProfileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

fn note_in_perf_map(code: &LoadedCode) -> io::Result<()> {
    let mut lines = Vec::new();
    for (name, range) in functions(code) {
        let start = code.base().addr() + range.start as usize;
        writeln!(lines, "{start:x} {:x} {name}", range.len)?;
    }
    let mut file = perf_map()?;
    file.as_mut().map_or(Ok(()), |file| file.write_all(&lines))
}

fn note_in_jit_dump(code: &LoadedCode) -> io::Result<()> {
    let functions = functions(code);
    let mut dump = jit_dump()?;
    dump.as_mut().map_or(Ok(()), |dump| dump.write(code, &functions))
}

/// The functions and thunks of an image with their names, which are a line each.
fn functions(code: &LoadedCode) -> Vec<(String, CodeRange)> {
    let (module, image) = (&code.module, &code.image);
    let in_module = module.names.module().map(|name| format!("{name}!")).unwrap_or_default();
    let own = image.functions.iter().enumerate().map(|(position, range)| {
        let index = module.func_index(DefinedFuncIndex::from_usize(position));
        let name = match module.func_name(index) {
            Some(name) => format!("wasm::{in_module}{name}"),
            None => format!("wasm::{in_module}function[{index}]"),
        };
        (name, *range)
    });
    let typed = |what: &'static str, list: &[brolga_abi::TypedCode]| {
        list.iter()
            .map(|it| (format!("wasm::{in_module}{what}[type {}]", it.ty), it.range))
            .collect::<Vec<_>>()
    };
    let thunks = image
        .builtin_thunks
        .iter()
        .map(|(builtin, range)| (format!("wasm::{in_module}builtin[{builtin:?}]"), *range));
    let all = own
        .chain(typed("host entry", &image.host_entries))
        .chain(typed("host exit", &image.host_exits))
        .chain(thunks);
    let clean = |name: String| name.replace(|it: char| it.is_control(), "_");
    all.map(|(name, range)| (clean(name), range)).collect()
}

fn lock<T>(mutex: &'static Mutex<T>) -> MutexGuard<'static, T> {
    // A record is written in one call: nothing is left half-done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn perf_map() -> io::Result<MutexGuard<'static, Option<File>>> {
    let mut open = lock(&PERF_MAP);
    if open.is_none() {
        let path = PathBuf::from(format!("/tmp/perf-{}.map", process::id()));
        let new = OpenOptions::new().append(true).create_new(true).open(&path);
        *open = Some(match new {
            // Somebody else in the process tells of their code too.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // Anybody may have put a link there, to a file of ours that must not be written.
                if !fs::symlink_metadata(&path)?.is_file() {
                    return Err(io::Error::other(format!("{} is no file", path.display())));
                }
                OpenOptions::new().append(true).open(&path)?
            }
            new => new?,
        });
    }
    Ok(open)
}

fn jit_dump() -> io::Result<MutexGuard<'static, Option<JitDump>>> {
    let mut open = lock(&JIT_DUMP);
    if open.is_none() {
        let path = PathBuf::from(format!("jit-{}.dump", process::id()));
        // One that is there already is of a process that had the same number.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        file.write_all(&JitDump::header())?;
        let mark = ProfileMark::new(&file).map_err(io::Error::other)?;
        *open = Some(JitDump { file, count: 0, _mark: mark });
    }
    Ok(open)
}

impl JitDump {
    const MAGIC: u32 = 0x4a69_5444;
    const VERSION: u32 = 1;
    const HEADER_BYTES: u32 = 40;
    /// The machine's number in ELF files.
    const MACHINE: u32 = if cfg!(target_arch = "x86_64") { 62 } else { 183 };
    /// The record of code that was loaded.
    const CODE_LOAD: u32 = 0;
    /// What stands in such a record before the name.
    const CODE_LOAD_BYTES: usize = 56;

    fn header() -> Vec<u8> {
        let mut bytes = Vec::new();
        let words = [
            Self::MAGIC,
            Self::VERSION,
            Self::HEADER_BYTES,
            Self::MACHINE,
            0, // padding
            process::id(),
        ];
        words.iter().for_each(|word| bytes.extend(word.to_ne_bytes()));
        // The time, and no flags.
        [monotonic_nanoseconds(), 0].iter().for_each(|it| bytes.extend(it.to_ne_bytes()));
        bytes
    }

    fn write(&mut self, code: &LoadedCode, functions: &[(String, CodeRange)]) -> io::Result<()> {
        let mut records = Vec::new();
        for (name, range) in functions {
            let bytes = &code.bytes()[range.start as usize..][..range.len as usize];
            let record_bytes = Self::CODE_LOAD_BYTES + name.len() + 1 + bytes.len();
            let record_bytes = u32::try_from(record_bytes).map_err(io::Error::other)?;
            for word in [Self::CODE_LOAD, record_bytes] {
                records.extend(word.to_ne_bytes());
            }
            records.extend(monotonic_nanoseconds().to_ne_bytes());
            for word in [process::id(), thread_id()] {
                records.extend(word.to_ne_bytes());
            }
            let start = (code.base().addr() + range.start as usize) as u64;
            for number in [start, start, u64::from(range.len), self.count] {
                records.extend(number.to_ne_bytes());
            }
            records.extend(name.as_bytes());
            records.push(0);
            records.extend(bytes);
            self.count += 1;
        }
        self.file.write_all(&records)
    }
}
