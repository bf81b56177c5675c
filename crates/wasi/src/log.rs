//! The log: each call of a guest with its arguments and results, decoded.
//!
//! ```text
//! --> path_open(fd=3, dirflags=symlink_follow, path="notes.txt", oflags=, …)
//! <-- path_open: opened_fd=4
//! --> fd_read(fd=4, iovs=[4096])
//! <-- fd_read: nread=12
//! --> fd_close(fd=9)
//! <-- fd_close: badf
//! ```
//!
//! The first line is written before the call is carried out, so that the last one tells what a
//! program waits for, or ended with.
//!
//! **Invariants**
//! - What is shown of a guest's text is escaped and bounded: it can't move a terminal's cursor, and
//!   a call logs at most a few kilobytes.
//! - The log changes nothing: what it can't read it leaves out.

use std::fmt;
use std::io::Write;
use std::ops::{BitOr, BitOrAssign};
use std::str::FromStr;

use crate::call::Snapshot;
use crate::errno::Errno;
use crate::guest::Guest;
use crate::limits::WasiLimits;
use crate::poll;
use crate::signature::{CLOCKS, FDFLAGS, FILETYPES, Kind, Signature};

/// Which functions are logged.
///
/// ```
/// use brolga_wasi::LogScopes;
///
/// let scopes: LogScopes = "clock,poll".parse().unwrap();
/// assert_eq!(scopes, LogScopes::CLOCK | LogScopes::POLL);
/// assert_eq!("all".parse(), Ok(LogScopes::ALL));
/// let error = "clocks".parse::<LogScopes>().unwrap_err();
/// assert!(error.to_string().starts_with("there is no scope `clocks`"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct LogScopes(u8);

macro_rules! scopes {
    ($($name:ident = $bit:literal $text:literal, $doc:literal;)*) => {
        impl LogScopes {
            $(#[doc = $doc] pub const $name: LogScopes = LogScopes(1 << $bit);)*

            /// All of them.
            pub const ALL: LogScopes = LogScopes($(1 << $bit |)* 0);

            /// The names, in the order of the specification's documents.
            pub const NAMES: &'static [&'static str] = &[$($text),*];

            fn named(name: &str) -> Option<LogScopes> {
                match name {
                    $($text => Some(LogScopes::$name),)*
                    "all" => Some(LogScopes::ALL),
                    _ => None,
                }
            }
        }

        impl fmt::Debug for LogScopes {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let names = [$((LogScopes::$name, $text)),*];
                f.debug_set()
                    .entries(names.iter().filter(|(it, _)| self.contains(*it)).map(|(_, it)| it))
                    .finish()
            }
        }
    };
}

scopes! {
    CLOCK = 0 "clock", "What time it is.";
    FILESYSTEM = 1 "filesystem", "Files and directories, the standard streams among them.";
    MEMORY = 2 "memory", "A memory that grows.";
    PROC = 3 "proc", "Arguments, environment, exit, signals, giving way.";
    POLL = 4 "poll", "Waiting.";
    RANDOM = 5 "random", "Random bytes.";
    SOCK = 6 "sock", "Sockets.";
}

impl LogScopes {
    /// None of them.
    pub const NONE: LogScopes = LogScopes(0);

    /// Whether all of `other` are among these.
    pub fn contains(self, other: LogScopes) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for LogScopes {
    type Output = LogScopes;
    fn bitor(self, other: LogScopes) -> LogScopes {
        LogScopes(self.0 | other.0)
    }
}

impl BitOrAssign for LogScopes {
    fn bitor_assign(&mut self, other: LogScopes) {
        self.0 |= other.0;
    }
}

/// There is no scope of this name.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("there is no scope `{0}`: expected {names} or all", names = LogScopes::NAMES.join(", "))]
pub struct UnknownScope(String);

impl FromStr for LogScopes {
    type Err = UnknownScope;

    /// Names with commas between; `all` for all.
    fn from_str(names: &str) -> Result<LogScopes, UnknownScope> {
        let mut scopes = LogScopes::NONE;
        for name in names.split(',') {
            let name = name.trim();
            scopes |= LogScopes::named(name).ok_or_else(|| UnknownScope(name.to_owned()))?;
        }
        Ok(scopes)
    }
}

/// What is logged, and where to.
pub(crate) struct Log {
    scopes: LogScopes,
    writer: Box<dyn Write + Send>,
}

/// A call on its way: what the log needs to show it.
#[derive(Clone, Copy)]
pub(crate) struct Logged<'a> {
    pub(crate) snapshot: Snapshot,
    pub(crate) signature: &'a Signature,
    /// The arguments as they are passed.
    pub(crate) args: &'a [u64],
}

impl Log {
    pub(crate) fn new(scopes: LogScopes, writer: Box<dyn Write + Send>) -> Self {
        Self { scopes, writer }
    }

    pub(crate) fn has(&self, scope: LogScopes) -> bool {
        self.scopes.contains(scope)
    }

    /// Notes that a call begins.
    pub(crate) fn begin(&mut self, call: &Logged<'_>, guest: &Guest<'_>) {
        let arguments = decode(call, guest, false).join(", ");
        self.line(&format!("--> {}({arguments})", call.name()));
    }

    /// Notes how it ended.
    pub(crate) fn end(&mut self, call: &Logged<'_>, guest: &Guest<'_>, outcome: Result<(), Errno>) {
        let results = match outcome {
            Ok(()) => decode(call, guest, true).join(", "),
            Err(errno) => errno.name(),
        };
        let results = if results.is_empty() { "done" } else { &results };
        self.line(&format!("<-- {}: {results}", call.name()));
    }

    /// Writes a line. A log that can't be written is lost: the guest must not notice.
    pub(crate) fn line(&mut self, line: &str) {
        let _ = writeln!(self.writer, "{line}").and_then(|()| self.writer.flush());
    }
}

impl Logged<'_> {
    fn name(&self) -> String {
        match self.snapshot {
            Snapshot::Draft => format!("wasi_unstable.{}", self.signature.name),
            Snapshot::Preview1 => self.signature.name.to_owned(),
        }
    }
}

/// Bytes of a text that are shown.
const TEXT_BYTES_MAX: u32 = 256;
/// Entries of a list that are shown.
const LIST_MAX: u32 = 16;

/// The arguments, or the results, as `name=value`.
fn decode(call: &Logged<'_>, guest: &Guest<'_>, results: bool) -> Vec<String> {
    let mut shown = Vec::new();
    let mut place = 0;
    for (name, kind) in call.signature.params {
        let arg = |after: usize| call.args.get(place + after).copied().unwrap_or(0);
        if kind.is_result() == results
            && let Some(value) = kind.show(&arg, guest, call.snapshot)
        {
            shown.push(format!("{name}={value}"));
        }
        place += kind.width();
    }
    shown
}

/// The low 32 bits, which is all there is of an address.
fn low(value: u64) -> u32 {
    (value & u64::from(u32::MAX)) as u32
}

impl Kind {
    /// How many arguments it takes.
    fn width(self) -> usize {
        match self {
            Kind::Bytes | Kind::Text | Kind::Buffers | Kind::ResultText | Kind::ResultTextUsed => 2,
            _ => 1,
        }
    }

    fn is_result(self) -> bool {
        matches!(
            self,
            Kind::ResultU16
                | Kind::ResultU32
                | Kind::ResultU64
                | Kind::ResultFilestat
                | Kind::ResultFdstat
                | Kind::ResultPrestat
                | Kind::ResultText
                | Kind::ResultTextUsed
        )
    }

    /// `arg`: this argument, and those after it.
    fn show(
        self,
        arg: &impl Fn(usize) -> u64,
        guest: &Guest<'_>,
        snapshot: Snapshot,
    ) -> Option<String> {
        let address = low(arg(0));
        let u32_at = |address| Some(u32::from_le_bytes(guest.array(address).ok()?));
        let u64_at = |address| Some(u64::from_le_bytes(guest.array(address).ok()?));
        Some(match self {
            Kind::Number => arg(0).to_string(),
            Kind::Signed => arg(0).cast_signed().to_string(),
            Kind::Address => format!("{address:#x}"),
            Kind::Bytes => format!("{address:#x}+{}", arg(1)),
            Kind::Text | Kind::ResultText => text(guest, address, low(arg(1))),
            Kind::ResultTextUsed => text(guest, address, u32_at(low(arg(2)))?),
            Kind::Buffers => buffers(guest, address, low(arg(1))),
            Kind::One(names) => one(names, arg(0)),
            Kind::Flags(names) => flags(names, arg(0)),
            Kind::Subscriptions => poll::describe(guest, address, low(arg(2)), LIST_MAX, snapshot),
            Kind::ResultU16 => u16::from_le_bytes(guest.array(address).ok()?).to_string(),
            Kind::ResultU32 => u32_at(address)?.to_string(),
            Kind::ResultU64 => u64_at(address)?.to_string(),
            Kind::ResultFilestat => {
                let [filetype] = guest.array(address.checked_add(16)?).ok()?;
                let size = match snapshot {
                    Snapshot::Draft => 24,
                    Snapshot::Preview1 => 32,
                };
                let size = u64_at(address.checked_add(size)?)?;
                format!("{{filetype={}, size={size}}}", one(FILETYPES, filetype.into()))
            }
            Kind::ResultFdstat => {
                let [filetype, _, low, high] = guest.array(address).ok()?;
                let held = u64::from(u16::from_le_bytes([low, high]));
                let filetype = one(FILETYPES, filetype.into());
                format!("{{filetype={filetype}, flags={}}}", flags(FDFLAGS, held))
            }
            Kind::ResultPrestat => {
                format!("{{pr_name_len={}}}", u32_at(address.checked_add(4)?)?)
            }
        })
    }
}

fn text(guest: &Guest<'_>, address: u32, length: u32) -> String {
    match guest.slice(address, length.min(TEXT_BYTES_MAX)) {
        Ok(bytes) => {
            let more = if length > TEXT_BYTES_MAX { "…" } else { "" };
            format!("{:?}{more}", String::from_utf8_lossy(bytes))
        }
        Err(_) => format!("{address:#x}+{length}"),
    }
}

/// The lengths of the buffers.
fn buffers(guest: &Guest<'_>, address: u32, count: u32) -> String {
    let listed = guest.buffers(address, count.min(LIST_MAX), &WasiLimits::default());
    let Ok(listed) = listed else { return format!("{address:#x}*{count}") };
    let lengths: Vec<_> = listed.iter().map(|buffer| buffer.bytes.to_string()).collect();
    let more = if count > LIST_MAX { ", …" } else { "" };
    format!("[{}{more}]", lengths.join(", "))
}

fn one(names: &[&str], value: u64) -> String {
    let name = usize::try_from(value).ok().and_then(|index| names.get(index));
    name.map_or_else(|| value.to_string(), |name| (*name).to_owned())
}

/// Flags that are shown by name; more of them are a number.
const FLAGS_MAX: u32 = 8;

fn flags(names: &[&str], value: u64) -> String {
    if value >> names.len() != 0 || value.count_ones() > FLAGS_MAX {
        return format!("{value:#x}");
    }
    let is_set = |(index, _): &(usize, &&str)| value >> index & 1 != 0;
    let set: Vec<_> = names.iter().enumerate().filter(is_set).map(|(_, name)| *name).collect();
    set.join("|")
}

/// The name of a clock.
pub(crate) fn clock(number: u32) -> String {
    one(CLOCKS, number.into())
}
