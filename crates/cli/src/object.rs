//! A code image as an object file, for tools that read those: `objdump -d`, debuggers, profilers.
//!
//! Everything is in one section: code refers to its read-only data by distance, which a linker
//! must not change. Such a file is for looking at; what runs are images.
//!
//! **Invariants**
//! - The same image gives the same bytes.

use brolga::inspect::Inspection;
use brolga::{CodeImage, FuncIndex};
use object::SymbolScope;
use object::write::{Object, Symbol, SymbolSection};
use object::{Architecture, BinaryFormat, Endianness, SectionKind, SymbolFlags, SymbolKind};

use crate::failure::Failure;

/// The alignment of the section: what its constants need at most.
const ALIGNMENT: u64 = 4096;

/// `image`, the code of `module`, with a symbol for each function and thunk.
pub(crate) fn object(module: &Inspection, image: &CodeImage) -> Result<Vec<u8>, Failure> {
    let (architecture, endianness) = machine(&image.target)?;
    let mut object = Object::new(BinaryFormat::Elf, architecture, endianness);
    let section = object.add_section(Vec::new(), b".text".to_vec(), SectionKind::Text);
    object.append_section_data(section, &image.code, ALIGNMENT);
    for (name, start, bytes) in symbols(module, image, str::to_owned) {
        object.add_symbol(Symbol {
            // What reads object files takes a name to end at a NUL.
            name: name.replace('\0', "?").into_bytes(),
            value: u64::from(start),
            size: u64::from(bytes),
            kind: SymbolKind::Text,
            // Names need not be unique, so nobody is to link by them.
            scope: SymbolScope::Compilation,
            weak: false,
            section: SymbolSection::Section(section),
            flags: SymbolFlags::None,
        });
    }
    object.write().map_err(|error| Failure::new(format!("can't write an object file: {error}")))
}

/// What stands where in an image: names, offsets and lengths in bytes. `shown` is how names of the
/// module's are written.
pub(crate) fn symbols<'a>(
    module: &'a Inspection,
    image: &'a CodeImage,
    shown: impl Fn(&str) -> String + 'a,
) -> impl Iterator<Item = (String, u32, u32)> + 'a {
    let functions = module.functions().zip(&image.functions);
    let functions = functions.map(move |(func, range)| (name(module, func, &shown), *range));
    let typed = [("entry", &image.host_entries), ("exit", &image.host_exits)];
    let typed = typed.into_iter().flat_map(|(what, codes)| {
        codes.iter().map(move |code| (format!("host {what} of type {}", code.ty.0), code.range))
    });
    let builtins = &image.builtin_thunks;
    let builtins = builtins.iter().map(|(builtin, range)| (format!("builtin {builtin:?}"), *range));
    let all = functions.chain(typed).chain(builtins);
    all.map(|(name, range)| (name, range.start, range.len))
}

/// A function as backtraces name it: `module!function`.
fn name(module: &Inspection, func: u32, shown: &impl Fn(&str) -> String) -> String {
    let within = shown(module.module_name().unwrap_or("<unknown>"));
    match module.name(func) {
        Some(name) => format!("{within}!{}", shown(name)),
        None => format!("{within}!<wasm function {}>", FuncIndex(func)),
    }
}

fn machine(triple: &str) -> Result<(Architecture, Endianness), Failure> {
    let architecture = triple.split('-').next().unwrap_or_default();
    match architecture {
        "x86_64" => Ok((Architecture::X86_64, Endianness::Little)),
        "aarch64" => Ok((Architecture::Aarch64, Endianness::Little)),
        name if name.starts_with("riscv64") => Ok((Architecture::Riscv64, Endianness::Little)),
        "s390x" => Ok((Architecture::S390x, Endianness::Big)),
        _ => Err(Failure::new(format!("object files for {triple} are not known"))),
    }
}
