//! The file format: what is written is read again, and whatever else is read is a typed error.

use std::sync::LazyLock;

use brolga_abi::{
    Builtin, CodeImage, CodeRange, CompileOptions, ImageFile, ImageFileError, OptLevel, SourceSite,
    StaticTable, TrapCode, TrapSite, TypedCode,
};
use brolga_module::{DefinedFuncIndex, Features, ParsedModule, TableIndex, TypeIndex};

fn module() -> ParsedModule {
    let bytes = wat::parse_str(r#"(module (func (export "f") (result i32) i32.const 7))"#).unwrap();
    ParsedModule::decode(bytes.into(), Features::default()).unwrap()
}

/// An image with a row or two in every table, and little code so that every byte can be tried.
fn image() -> CodeImage {
    let range = |start, len| CodeRange { start, len };
    CodeImage {
        target: "x86_64-unknown-linux-gnu".into(),
        cpu_features: vec!["has_sse3".into(), "has_ssse3".into()],
        options_fingerprint: CompileOptions::default().fingerprint(),
        code: (0..40).collect(),
        text_bytes: 32,
        functions: vec![range(0, 8), range(8, 8)],
        host_entries: vec![TypedCode { ty: TypeIndex(0), range: range(16, 4) }],
        host_exits: vec![TypedCode { ty: TypeIndex(1), range: range(20, 4) }],
        builtin_thunks: vec![
            (Builtin::raise_trap, range(24, 4)),
            (Builtin::elem_drop, range(28, 4)),
        ],
        trap_sites: vec![TrapSite {
            code_offset: 3,
            wasm_offset: 50,
            trap: TrapCode::IntegerOverflow,
        }],
        call_sites: vec![SourceSite { code_offset: 5, wasm_offset: 60 }],
        static_tables: vec![StaticTable {
            table: TableIndex(2),
            start: 32,
            functions: vec![None, Some(DefinedFuncIndex(1))],
        }],
    }
}

fn file() -> Vec<u8> {
    static FILE: LazyLock<Vec<u8>> =
        LazyLock::new(|| ImageFile::write(&image(), &CompileOptions::default(), &module()));
    FILE.clone()
}

fn read(file: &[u8]) -> Result<(CodeImage, &[u8]), ImageFileError> {
    ImageFile::open(file)?.read()
}

/// Everywhere, but for Miri, which takes a thousand times as long: some places only.
const STEP: usize = if cfg!(miri) { 71 } else { 1 };

/// Where the checksum is, and the length before it.
const LENGTH: std::ops::Range<usize> = 8..16;
const CHECKSUM: std::ops::Range<usize> = 16..32;

/// Makes a changed file one whose length and checksum are right.
fn reseal(file: &mut [u8]) {
    let length = file.len() as u64;
    file[LENGTH].copy_from_slice(&length.to_le_bytes());
    let checksum = checksum(file);
    file[CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
}

/// The checksum, from its definition: a word counts as often as there are words from it to the end.
fn checksum(file: &[u8]) -> u128 {
    let mut words: Vec<u128> = Vec::new();
    for part in [&file[..CHECKSUM.start], &file[CHECKSUM.end..]] {
        for place in 0..part.len() / 4 + 1 {
            let byte = |at: usize| part.get(4 * place + at).copied().unwrap_or(0);
            words.push(u32::from_le_bytes([byte(0), byte(1), byte(2), byte(3)]).into());
        }
    }
    let sums: u128 = words.iter().rev().zip(1..).map(|(word, count)| word * count).sum();
    (sums & u128::from(u64::MAX)) << 64 | words.iter().sum::<u128>()
}

fn find(file: &[u8], needle: &[u8]) -> usize {
    file.windows(needle.len()).position(|window| window == needle).expect("it is in the file")
}

#[test]
fn what_was_written_is_read_again() {
    let (file, module, options) = (file(), module(), CompileOptions::default());
    let opened = ImageFile::open(&file).unwrap();
    assert_eq!(opened.target, "x86_64-unknown-linux-gnu");
    assert_eq!(opened.cpu_features, ["has_sse3", "has_ssse3"]);
    assert_eq!(opened.options_fingerprint, options.fingerprint());
    assert_eq!(opened.features, Features::default());
    let settings = options.settings();
    let settings: Vec<(&str, &str)> =
        settings.iter().map(|(name, value)| (*name, &**value)).collect();
    assert_eq!(opened.settings, settings);
    let (read, bytes) = opened.read().unwrap();
    assert_eq!(read, image());
    assert_eq!(bytes, &*module.bytes);
    assert_eq!(file, ImageFile::write(&read, &options, &module), "equal in, equal out");
}

#[test]
fn settings_tell_options_apart() {
    let default = CompileOptions::default();
    let changes: [fn(&mut CompileOptions); 12] = [
        |it| it.opt_level = OptLevel::None,
        |it| it.memory.signals = false,
        |it| it.memory.reservation_bytes += 1,
        |it| it.memory.guard_bytes += 1,
        |it| it.memory.guard_before_bytes += 1,
        |it| it.memory.may_move = false,
        |it| it.memory.init_cow = false,
        |it| it.spectre_mitigation = false,
        |it| it.canonicalize_nans = true,
        |it| it.verify_ir = true,
        |it| it.consume_fuel = true,
        |it| it.epoch_interruption = true,
    ];
    assert_eq!(changes.len(), default.settings().len(), "a change for every setting");
    for change in changes {
        let mut options = default;
        change(&mut options);
        let differences = default.settings().into_iter().zip(options.settings());
        assert_eq!(differences.filter(|(ours, theirs)| ours != theirs).count(), 1);
        assert_ne!(options.fingerprint(), default.fingerprint());
    }
}

#[test]
fn every_bit_flip_is_refused() {
    let good = file();
    for position in (0..good.len()).step_by(STEP) {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[position] ^= 1 << bit;
            let error = read(&bad).unwrap_err();
            let fits = match position {
                0..8 => matches!(error, ImageFileError::NotAnImage),
                8..16 => matches!(error, ImageFileError::Length { .. }),
                _ => matches!(error, ImageFileError::Checksum { .. }),
            };
            assert!(fits, "bit {bit} of byte {position}: {error}");
        }
    }
}

/// Two words that change so that their sum stays are told by their places.
#[test]
fn words_that_make_up_for_each_other_are_refused() {
    let good = file();
    let word = |file: &[u8], at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    let places = || (CHECKSUM.end..good.len() - 4).step_by(4 * STEP);
    let mut changed = 0;
    for (one, other) in places().flat_map(|one| places().map(move |other| (one, other))) {
        let mut bad = good.clone();
        let (more, less) = (word(&good, one), word(&good, other));
        if one != other && more < u32::MAX && less > 0 {
            bad[one..one + 4].copy_from_slice(&(more + 1).to_le_bytes());
            bad[other..other + 4].copy_from_slice(&(less - 1).to_le_bytes());
            let error = read(&bad).unwrap_err();
            assert!(matches!(error, ImageFileError::Checksum { .. }), "{one}, {other}: {error}");
            changed += 1;
        }
    }
    assert!(changed > 1000 / (STEP * STEP), "{changed}");
}

/// Ends at every place in a word, so that each way the last one is filled up is checked.
#[test]
fn the_checksum_is_what_it_is_said_to_be() {
    for more in 0..4 {
        let mut longer = [file(), vec![0xa5; more]].concat();
        reseal(&mut longer);
        let error = read(&longer).err();
        let fits = match &error {
            None => more == 0,
            Some(error) => matches!(error, ImageFileError::Value { part: "end", .. }),
        };
        assert!(fits, "{more} bytes more: {error:?}");
        let expected = checksum(&longer);
        longer[CHECKSUM.start] ^= 1;
        let error = read(&longer).unwrap_err();
        assert_eq!(error, ImageFileError::Checksum { expected: expected ^ 1, found: expected });
    }
}

#[test]
fn every_truncation_and_extension_is_refused() {
    let good = file();
    for length in (0..good.len()).step_by(STEP) {
        let error = read(&good[..length]).unwrap_err();
        let fits = match length {
            0..8 => matches!(error, ImageFileError::NotAnImage),
            _ => matches!(error, ImageFileError::Length { found, .. } if found == length as u64),
        };
        assert!(fits, "{length} bytes: {error}");
    }
    let longer = [&*good, &[0]].concat();
    let error = read(&longer).unwrap_err();
    assert!(error.to_string().ends_with("it was added to"), "{error}");
    let error = read(&good[..good.len() - 1]).unwrap_err();
    assert!(error.to_string().ends_with("it was cut off"), "{error}");
}

/// The checksum does not save the reader from a liar: here every change has the right checksum.
#[test]
#[cfg_attr(miri, ignore = "reads a file thousands of times, which takes minutes")]
fn a_file_that_lies_is_read_or_refused() {
    let good = file();
    let head = find(&good, b"0.1.0");
    let (mut refused, mut total) = (0, 0);
    for position in (head - 8..good.len()).step_by(STEP) {
        for value in [0, 1, 0x7f, 0x80, 0xff, good[position].wrapping_add(1)] {
            let mut bad = good.clone();
            bad[position] = value;
            reseal(&mut bad);
            total += 1;
            match read(&bad) {
                Ok(_) => {}
                Err(
                    ImageFileError::Version { .. }
                    | ImageFileError::Overrun { .. }
                    | ImageFileError::Value { .. },
                ) => refused += 1,
                Err(other) => panic!("byte {position} = {value:#x}: {other}"),
            }
        }
    }
    assert!(refused > total / 5, "{refused} of {total} refused");
    for length in (CHECKSUM.end..good.len()).step_by(STEP) {
        let mut bad = good[..length].to_vec();
        reseal(&mut bad);
        let error = read(&bad).unwrap_err();
        assert!(matches!(error, ImageFileError::Overrun { .. }), "{length} bytes: {error}");
    }
    let mut bad = [&*good, b"more"].concat();
    reseal(&mut bad);
    let error = read(&bad).unwrap_err();
    assert!(matches!(error, ImageFileError::Value { part: "end", found: 4, .. }), "{error}");
}

/// A count of what would be terabytes is refused before anything is allocated for it.
#[test]
#[cfg_attr(miri, ignore = "reads a file thousands of times, which takes minutes")]
fn a_count_is_compared_with_what_is_left() {
    let good = file();
    let functions = find(&good, &[2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0, 0]);
    for count in [u64::MAX, 1 << 63, 1 << 32, good.len() as u64] {
        let mut bad = good.clone();
        bad[functions..functions + 8].copy_from_slice(&count.to_le_bytes());
        reseal(&mut bad);
        let error = read(&bad).unwrap_err();
        let (offset, left) = (functions + 8, good.len() - functions - 8);
        let wanted = count.saturating_mul(8);
        let part = "functions";
        assert_eq!(error, ImageFileError::Overrun { part, offset, wanted, left });
    }
    let code = find(&good, &[40, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3]);
    let mut bad = good.clone();
    bad[code..code + 8].copy_from_slice(&(1u64 << 63).to_le_bytes());
    reseal(&mut bad);
    let error = read(&bad).unwrap_err();
    assert!(matches!(error, ImageFileError::Overrun { part: "code", .. }), "{error}");
}

#[test]
fn another_version_is_named() {
    let mut other = file();
    let version = find(&other, b"0.1.0, format");
    other[version..version + 5].copy_from_slice(b"0.9.\n");
    reseal(&mut other);
    let error = read(&other).unwrap_err();
    let ImageFileError::Version { expected, found } = &error else { panic!("{error}") };
    assert_eq!(*expected, ImageFile::version());
    assert!(found.starts_with(r"0.9.\n, format"), "{found}");
    assert!(error.to_string().contains("made by version 0.9"), "{error}");
}

#[test]
fn numbers_without_a_meaning_are_named() {
    let good = file();
    let trap = find(&good, &[3, 0, 0, 0, 50, 0, 0, 0, 7, 0, 0, 0]) + 8;
    let builtin = find(&good, &[24, 0, 0, 0, 4, 0, 0, 0]) - 4;
    let features = find(&good, &Features::default().bits().to_le_bytes());
    let text = find(&good, b"x86_64");
    for (position, part) in [
        (trap, "trap site"),
        (builtin, "builtin thunk"),
        (features + 7, "wasm features"),
        (text, "target"),
    ] {
        let mut bad = good.clone();
        bad[position] = 0xff;
        reseal(&mut bad);
        let error = read(&bad).unwrap_err();
        assert!(
            matches!(error, ImageFileError::Value { part: found, .. } if found == part),
            "{error}"
        );
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn other_files_are_not_begun_as_one() {
    assert!(ImageFile::is_begun_by(&file()));
    assert!(ImageFile::is_begun_by(&file()[..ImageFile::MAGIC_BYTES]));
    for other in [&b""[..], b"\0asm\x01\0\0\0", b"(module)", b"\x7fELF", &file()[..7], &[0; 64]] {
        assert!(!ImageFile::is_begun_by(other));
        assert_eq!(read(other).unwrap_err(), ImageFileError::NotAnImage);
    }
}
