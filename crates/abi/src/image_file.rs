//! The file that a compiled module is kept in. A file on which the sandbox stands: what is read
//! here becomes code, so changes need a second reader.
//!
//! ```text
//!  prologue │ magic (8) │ length of the file (8) │ checksum of all else (16) │
//!  head     │ version │ target │ CPU features │ options │ wasm features │
//!  tables   │ text_bytes │ functions │ entries │ exits │ builtins │ sites │ static tables │
//!  bytes    │ code │ the wasm module │
//! ```
//! Numbers are little endian. A list begins with how many rows it has, a text with how many bytes,
//! as 64 bits. The wasm module is there in full: names, data segments and custom sections are
//! read from it, and so an image and its module can't be confused.
//!
//! It never decides whether an image may run here: whoever loads it compares the head with the
//! engine and the machine. Nor does it know who wrote a file: the checksum finds damage, not
//! malice.
//!
//! **Invariants**
//! - Every length and count is compared with the bytes that are left before anything is allocated
//!   for it; what is allocated is a small multiple of the file.
//! - The prologue and the version after it stand at the same place in all versions, so that a file
//!   of another version is called that and not damaged.
//! - Equal images, options and modules give equal files.

mod bytes;
mod contract;

use core::fmt::Write;

use brolga_module::{DefinedFuncIndex, Features, ParsedModule, TableIndex, TypeIndex};

use crate::{
    Builtin, CodeImage, CodeRange, CompileOptions, SourceSite, StaticTable, TrapCode, TrapSite,
    TypedCode,
};
use bytes::{Reader, Writer};

/// Raised whenever the layout of the file, or the meaning of anything in it, changes.
const FORMAT: u32 = 2;

/// No wasm module and no text begins so; a transfer as text would change the line's end.
const MAGIC: [u8; 8] = *b"\0brolga\n";
const LENGTH_AT: usize = MAGIC.len();
const CHECKSUM_AT: usize = LENGTH_AT + 8;
const PROLOGUE_BYTES: usize = CHECKSUM_AT + 16;

/// Stands for null among the functions of a static table.
const NULL_FUNCTION: u32 = u32::MAX;

/// Why bytes are no compiled module that can be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageFileError {
    /// They are something else.
    #[error("these bytes are no compiled module: they do not begin as one")]
    NotAnImage,
    /// Some are missing, or there are some more.
    #[error("the compiled module is {} bytes long, expected {expected}: it was {}",
        .found, if .found < .expected { "cut off" } else { "added to" })]
    Length {
        /// How long the file says it is; at least as long as what says so.
        expected: u64,
        /// How many bytes there are.
        found: u64,
    },
    /// Some have changed.
    #[error(
        "the compiled module is damaged: its checksum is {found:#034x}, expected {expected:#034x}"
    )]
    Checksum {
        /// What the file says.
        expected: u128,
        /// What its bytes give.
        found: u128,
    },
    /// It was written by another version, which may mean other things by it.
    #[error("the compiled module was made by version {found}, expected {expected}")]
    Version {
        /// The version of this build.
        expected: String,
        /// The version of the file.
        found: String,
    },
    /// Something is longer than the rest of the file.
    #[error(
        "{part} at offset {offset:#x} of the compiled module: {wanted} bytes announced, {left} left"
    )]
    Overrun {
        /// What is being read.
        part: &'static str,
        /// Where, in bytes from the file's start.
        offset: usize,
        /// How many bytes it is said to have, as far as that can be counted.
        wanted: u64,
        /// How many bytes there are.
        left: usize,
    },
    /// A number that means nothing.
    #[error(
        "{part} at offset {offset:#x} of the compiled module: expected {expected}, found {found}"
    )]
    Value {
        /// What is being read.
        part: &'static str,
        /// Where, in bytes from the file's start.
        offset: usize,
        /// What may stand there.
        expected: &'static str,
        /// What does.
        found: u64,
    },
}

/// A file whose length, checksum and version are right and whose head has been read.
#[derive(Clone, Debug)]
pub struct ImageFile<'a> {
    /// The triple of the target.
    pub target: &'a str,
    /// The CPU features that the code uses, by Cranelift's names, sorted.
    pub cpu_features: Vec<&'a str>,
    /// The [`CompileOptions::fingerprint`] of the options.
    pub options_fingerprint: u64,
    /// The [`CompileOptions::settings`] of the options.
    pub settings: Vec<(&'a str, &'a str)>,
    /// The features with which the module was validated.
    pub features: Features,
    rest: Reader<'a>,
}

impl<'a> ImageFile<'a> {
    /// How many bytes [`ImageFile::is_begun_by`] looks at.
    pub const MAGIC_BYTES: usize = MAGIC.len();

    /// Whether a file that begins with `bytes` is meant to be a compiled module, of whatever
    /// version and in whatever state.
    pub fn is_begun_by(bytes: &[u8]) -> bool {
        bytes.starts_with(&MAGIC)
    }

    /// The version of the files that this build writes and reads.
    pub fn version() -> String {
        let package = env!("CARGO_PKG_VERSION");
        format!("{package}, format {FORMAT}, contract {:016x}", contract::fingerprint())
    }

    /// The file for `image`, which was compiled from `module` with `options`.
    pub fn write(image: &CodeImage, options: &CompileOptions, module: &ParsedModule) -> Vec<u8> {
        // Room for the two long parts, so that they are not copied again and again.
        let mut file = Writer::with_capacity(image.code.len() + module.bytes.len() + (4 << 10));
        file.bytes(&MAGIC);
        file.bytes(&[0; PROLOGUE_BYTES - MAGIC.len()]);
        write_head(&mut file, image, options, module.features);
        write_tables(&mut file, image);
        file.text(&image.code);
        file.text(&module.bytes);
        let mut file = file.finish();
        let length = file.len() as u64;
        file[LENGTH_AT..CHECKSUM_AT].copy_from_slice(&length.to_le_bytes());
        let checksum = checksum(&file);
        file[CHECKSUM_AT..PROLOGUE_BYTES].copy_from_slice(&checksum.to_le_bytes());
        file
    }

    /// Checks a file as a whole and reads its head.
    ///
    /// # Errors
    /// [`ImageFileError`]: it is no compiled module, damaged, or of another version.
    pub fn open(file: &'a [u8]) -> Result<Self, ImageFileError> {
        check_prologue(file)?;
        let mut reader = Reader::new(file, PROLOGUE_BYTES);
        let (found, expected) = (reader.str("version")?, Self::version());
        if found != expected {
            let found = printable(found);
            return Err(ImageFileError::Version { expected, found });
        }
        let target = reader.str("target")?;
        let cpu_features = reader.rows("CPU features", 8, |row| row.str("CPU feature"))?;
        let options_fingerprint = reader.u64("options")?;
        let settings =
            reader.rows("settings", 16, |row| Ok((row.str("setting")?, row.str("setting")?)))?;
        let expected = "a set of known features";
        let features = reader.known("wasm features", expected, Reader::u64, Features::from_bits)?;
        Ok(ImageFile {
            target,
            cpu_features,
            options_fingerprint,
            settings,
            features,
            rest: reader,
        })
    }

    /// The image, and the bytes of the module it was compiled from.
    ///
    /// Whether the image's tables agree with its code and with the module is not looked at here:
    /// the loader does.
    ///
    /// # Errors
    /// [`ImageFileError::Overrun`] or [`ImageFileError::Value`].
    pub fn read(self) -> Result<(CodeImage, &'a [u8]), ImageFileError> {
        let mut rest = self.rest;
        let mut image = read_tables(&mut rest)?;
        image.target = self.target.into();
        image.cpu_features = self.cpu_features.iter().map(|&name| name.into()).collect();
        image.options_fingerprint = self.options_fingerprint;
        image.code = rest.text("code")?.to_vec();
        let module = rest.text("wasm module")?;
        rest.end()?;
        Ok((image, module))
    }
}

fn check_prologue(file: &[u8]) -> Result<(), ImageFileError> {
    if !ImageFile::is_begun_by(file) {
        return Err(ImageFileError::NotAnImage);
    }
    let found = file.len() as u64;
    if file.len() < PROLOGUE_BYTES {
        return Err(ImageFileError::Length { expected: PROLOGUE_BYTES as u64, found });
    }
    let mut reader = Reader::new(file, LENGTH_AT);
    let expected = reader.u64("length")?;
    if found != expected {
        return Err(ImageFileError::Length { expected, found });
    }
    let (sum, sums) = (reader.u64("checksum")?, reader.u64("checksum")?);
    let (expected, found) = (joined(sum, sums), checksum(file));
    if found != expected {
        return Err(ImageFileError::Checksum { expected, found });
    }
    Ok(())
}

/// The checksum of all bytes but its own: the sum of their 32-bit words, and above it the sum of
/// what that sum was after each word (Fletcher's checksum, with sums wide enough not to be reduced).
///
/// What changes one word changes the sum; what changes two and not the sum, changes the second one,
/// in which words count by their place. So all damage to one or two words is found for certain, in
/// files of less than 2³² words.
fn checksum(file: &[u8]) -> u128 {
    let (mut sum, mut sums) = (0_u64, 0_u64);
    let mut add = |word: [u8; 4]| {
        sum = sum.wrapping_add(u32::from_le_bytes(word).into());
        sums = sums.wrapping_add(sum);
    };
    for part in [&file[..CHECKSUM_AT], &file[PROLOGUE_BYTES..]] {
        let (words, rest) = part.as_chunks();
        words.iter().for_each(|word| add(*word));
        let mut last = [0; 4];
        last[..rest.len()].copy_from_slice(rest);
        add(last);
    }
    joined(sum, sums)
}

fn joined(sum: u64, sums: u64) -> u128 {
    u128::from(sums) << 64 | u128::from(sum)
}

/// The beginning of a text out of a file, fit for a message.
fn printable(text: &str) -> String {
    const CHARS_MAX: usize = 80;
    let mut shown = String::new();
    for char in text.chars().take(CHARS_MAX) {
        // Writing to a string does not fail.
        let _ = write!(shown, "{}", char.escape_debug());
    }
    shown
}

fn write_head(file: &mut Writer, image: &CodeImage, options: &CompileOptions, features: Features) {
    file.text(ImageFile::version().as_bytes());
    file.text(image.target.as_bytes());
    file.rows(&image.cpu_features, |file, name| file.text(name.as_bytes()));
    file.u64(image.options_fingerprint);
    file.rows(&options.settings(), |file, (name, value)| {
        file.text(name.as_bytes());
        file.text(value.as_bytes());
    });
    file.u64(features.bits());
}

fn write_tables(file: &mut Writer, image: &CodeImage) {
    file.u32(image.text_bytes);
    file.rows(&image.functions, |file, range| write_range(file, *range));
    for typed in [&image.host_entries, &image.host_exits] {
        file.rows(typed, |file, code| {
            file.u32(code.ty.0);
            write_range(file, code.range);
        });
    }
    file.rows(&image.builtin_thunks, |file, (builtin, range)| {
        file.u32(*builtin as u32);
        write_range(file, *range);
    });
    file.rows(&image.trap_sites, |file, site| {
        file.u32(site.code_offset);
        file.u32(site.wasm_offset);
        file.u32(site.trap as u32);
    });
    file.rows(&image.call_sites, |file, site| {
        file.u32(site.code_offset);
        file.u32(site.wasm_offset);
    });
    file.rows(&image.static_tables, |file, table| {
        file.u32(table.table.0);
        file.u32(table.start);
        let functions = &table.functions;
        file.rows(functions, |file, func| file.u32(func.map_or(NULL_FUNCTION, |func| func.0)));
    });
}

fn write_range(file: &mut Writer, range: CodeRange) {
    file.u32(range.start);
    file.u32(range.len);
}

/// The tables, in an image that has nothing else yet.
fn read_tables(file: &mut Reader<'_>) -> Result<CodeImage, ImageFileError> {
    Ok(CodeImage {
        target: String::new(),
        cpu_features: Vec::new(),
        options_fingerprint: 0,
        code: Vec::new(),
        text_bytes: file.u32("text")?,
        functions: file.rows("functions", 8, |row| read_range(row, "function"))?,
        host_entries: file.rows("host entries", 12, |row| read_typed(row, "host entry"))?,
        host_exits: file.rows("host exits", 12, |row| read_typed(row, "host exit"))?,
        builtin_thunks: file.rows("builtin thunks", 12, read_builtin_thunk)?,
        trap_sites: file.rows("trap sites", 12, read_trap_site)?,
        call_sites: file.rows("call sites", 8, |row| {
            let code_offset = row.u32("call site")?;
            Ok(SourceSite { code_offset, wasm_offset: row.u32("call site")? })
        })?,
        static_tables: file.rows("static tables", 16, read_static_table)?,
    })
}

fn read_range(row: &mut Reader<'_>, part: &'static str) -> Result<CodeRange, ImageFileError> {
    Ok(CodeRange { start: row.u32(part)?, len: row.u32(part)? })
}

fn read_typed(row: &mut Reader<'_>, part: &'static str) -> Result<TypedCode, ImageFileError> {
    Ok(TypedCode { ty: TypeIndex(row.u32(part)?), range: read_range(row, part)? })
}

fn read_builtin_thunk(row: &mut Reader<'_>) -> Result<(Builtin, CodeRange), ImageFileError> {
    let part = "builtin thunk";
    let builtin = row.known(part, "the number of a builtin", Reader::u32, |number| {
        Builtin::ALL.get(number as usize).copied()
    })?;
    Ok((builtin, read_range(row, part)?))
}

fn read_trap_site(row: &mut Reader<'_>) -> Result<TrapSite, ImageFileError> {
    let part = "trap site";
    let (code_offset, wasm_offset) = (row.u32(part)?, row.u32(part)?);
    let trap = row.known(part, "the number of a trap", Reader::u32, |number| {
        TrapCode::from_number(number.try_into().ok()?)
    })?;
    Ok(TrapSite { code_offset, wasm_offset, trap })
}

fn read_static_table(row: &mut Reader<'_>) -> Result<StaticTable, ImageFileError> {
    let part = "static table";
    let (table, start) = (TableIndex(row.u32(part)?), row.u32(part)?);
    let functions = row.rows(part, 4, |row| {
        Ok(match row.u32(part)? {
            NULL_FUNCTION => None,
            func => Some(DefinedFuncIndex(func)),
        })
    })?;
    Ok(StaticTable { table, start, functions })
}
