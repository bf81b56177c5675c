//! A file on which the sandbox stands; changes need a second reader.
//!
//! Whether an image's tables keep to the image and to the module. The machine code itself can't be
//! checked.
//!
//! **Invariants**
//! - After [`check_image`] every range and offset in the image's tables lies in its text or data,
//!   tables are in the order that look-ups need, and indices are the module's.

use brolga_abi::{CodeImage, CodeRange, ContextLayout, StaticTable, StaticTableEntry, TypedCode};
use brolga_module::{ExternType, ParsedModule, TypeIndex};

/// What is wrong with an image.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageFlaw {
    /// The text is no whole number of pages, empty, or longer than the image.
    #[error("{text_bytes} bytes of text in an image of {image_bytes} bytes")]
    Text {
        /// The text's length.
        text_bytes: u32,
        /// The image's length.
        image_bytes: usize,
    },
    /// Not one range of code for each function.
    #[error("{found} functions where the module defines {expected}")]
    FunctionCount {
        /// How many ranges there are.
        found: usize,
        /// How many functions the module defines.
        expected: usize,
    },
    /// A row names bytes outside the text, or outside the data for a static table.
    #[error("{part} {position} is outside the image")]
    Outside {
        /// Which table.
        part: &'static str,
        /// Which row.
        position: usize,
    },
    /// A row stands before one that it must follow.
    #[error("{part} {position} is out of order")]
    Order {
        /// Which table.
        part: &'static str,
        /// Which row.
        position: usize,
    },
    /// A row names something that the module does not have.
    #[error("{part} {position} is not of this module")]
    Foreign {
        /// Which table.
        part: &'static str,
        /// Which row.
        position: usize,
    },
    /// Code that the module needs is not there.
    #[error("there is no {part} for type {}", ty.0)]
    Missing {
        /// What kind of code.
        part: &'static str,
        /// The type that needs it.
        ty: TypeIndex,
    },
}

/// Checks `image` against itself and `module`, whose layout is `layout`.
pub(crate) fn check_image(
    module: &ParsedModule,
    image: &CodeImage,
    layout: &ContextLayout,
) -> Result<(), ImageFlaw> {
    check_text(image)?;
    check_functions(module, image)?;
    check_typed(module, image, "host entry", &image.host_entries)?;
    check_typed(module, image, "host exit", &image.host_exits)?;
    check_present(module, image, layout)?;
    let builtins = &image.builtin_thunks;
    check_order("builtin thunk", builtins.iter().map(|row| (row.0 as u32, 1)))?;
    check_ranges("builtin thunk", image, builtins.iter().map(|row| row.1))?;
    let traps = image.trap_sites.iter().map(|site| site.code_offset);
    check_sites("trap site", image, traps)?;
    let calls = image.call_sites.iter().map(|site| site.code_offset);
    check_sites("call site", image, calls)?;
    let tables = &image.static_tables;
    check_order("static table", tables.iter().map(|row| (row.table.0, 1)))?;
    for (position, table) in tables.iter().enumerate() {
        check_static_table(module, image, layout, table, position)?;
    }
    Ok(())
}

fn check_text(image: &CodeImage) -> Result<(), ImageFlaw> {
    let (text_bytes, image_bytes) = (image.text_bytes, image.code.len());
    let text = text_bytes as usize;
    // Offsets are 32 bits wide, those of data included.
    let sound = text.is_multiple_of(CodeImage::PAGE)
        && text <= image_bytes
        && image_bytes <= u32::MAX as usize;
    sound.then_some(()).ok_or(ImageFlaw::Text { text_bytes, image_bytes })
}

fn check_functions(module: &ParsedModule, image: &CodeImage) -> Result<(), ImageFlaw> {
    let (found, expected) = (image.functions.len(), module.bodies.len());
    if found != expected {
        return Err(ImageFlaw::FunctionCount { found, expected });
    }
    check_ranges("function", image, image.functions.iter().copied())?;
    let functions = image.functions.iter();
    check_order("function", functions.map(|range| (range.start, range.len)))
}

fn check_typed(
    module: &ParsedModule,
    image: &CodeImage,
    part: &'static str,
    rows: &[TypedCode],
) -> Result<(), ImageFlaw> {
    let known = |row: &TypedCode| row.ty.as_usize() < module.types.len();
    if let Some(position) = rows.iter().position(|row| !known(row)) {
        return Err(ImageFlaw::Foreign { part, position });
    }
    check_order(part, rows.iter().map(|row| (row.ty.0, 1)))?;
    check_ranges(part, image, rows.iter().map(|row| row.range))
}

/// Every function that escapes can be entered by the host, every import be a host function.
fn check_present(
    module: &ParsedModule,
    image: &CodeImage,
    layout: &ContextLayout,
) -> Result<(), ImageFlaw> {
    for (position, &ty) in module.functions.iter().enumerate() {
        let defined = position >= module.imported_functions as usize;
        let canonical = layout.canonical_type(ty);
        if defined && module.escapes[position] && image.host_entry(canonical).is_none() {
            let part = "host entry";
            return Err(ImageFlaw::Missing { part, ty });
        }
    }
    for import in &module.imports {
        let ExternType::Func(ty) = import.ty else {
            continue;
        };
        if image.host_exit(layout.canonical_type(ty)).is_none() {
            let part = "host exit";
            return Err(ImageFlaw::Missing { part, ty });
        }
    }
    Ok(())
}

fn check_static_table(
    module: &ParsedModule,
    image: &CodeImage,
    layout: &ContextLayout,
    table: &StaticTable,
    position: usize,
) -> Result<(), ImageFlaw> {
    let part = "static table";
    let foreign = ImageFlaw::Foreign { part, position };
    let outside = ImageFlaw::Outside { part, position };
    let ty = module.tables.get(table.table.as_usize()).ok_or(foreign)?;
    if module.defined_table(table.table).is_none() || ty.min != table.functions.len() as u64 {
        return Err(foreign);
    }
    let entry_bytes = size_of::<StaticTableEntry>();
    let start = table.start as usize;
    let end = table.functions.len().checked_mul(entry_bytes);
    let end = end.and_then(|bytes| bytes.checked_add(start));
    let bytes = end.and_then(|end| image.code.get(start..end));
    let bytes = bytes.ok_or(outside)?;
    if table.start < image.text_bytes || !table.start.is_multiple_of(8) {
        return Err(outside);
    }
    for (entry, function) in bytes.chunks_exact(entry_bytes).zip(&table.functions) {
        let expected = match *function {
            None => None,
            Some(defined) => {
                let range = image.functions.get(defined.as_usize()).ok_or(foreign)?;
                let ty = module.functions[module.func_index(defined).as_usize()];
                Some((range.start.wrapping_sub(table.start), layout.canonical_type(ty).0))
            }
        };
        let (code_offset, type_index) = read_entry(entry);
        let sound = match expected {
            Some(expected) => (code_offset, type_index) == expected,
            None => type_index == u32::MAX,
        };
        if !sound {
            return Err(foreign);
        }
    }
    Ok(())
}

/// The two fields of a [`StaticTableEntry`] as code reads them.
fn read_entry(bytes: &[u8]) -> (u32, u32) {
    let field = |at: usize| {
        let bytes = bytes[at..at + 4].try_into();
        u32::from_ne_bytes(bytes.expect("a range of four bytes"))
    };
    (
        field(std::mem::offset_of!(StaticTableEntry, code_offset)),
        field(std::mem::offset_of!(StaticTableEntry, type_index)),
    )
}

/// Rows are in strict order and don't overlap: `rows` are where each begins and how far it reaches.
fn check_order(
    part: &'static str,
    rows: impl Iterator<Item = (u32, u32)>,
) -> Result<(), ImageFlaw> {
    let mut least = 0;
    for (position, (start, len)) in rows.enumerate() {
        if u64::from(start) < least {
            return Err(ImageFlaw::Order { part, position });
        }
        least = u64::from(start) + u64::from(len);
    }
    Ok(())
}

fn check_ranges(
    part: &'static str,
    image: &CodeImage,
    ranges: impl Iterator<Item = CodeRange>,
) -> Result<(), ImageFlaw> {
    for (position, range) in ranges.enumerate() {
        let end = u64::from(range.start) + u64::from(range.len);
        if range.len == 0 || end > u64::from(image.text_bytes) {
            return Err(ImageFlaw::Outside { part, position });
        }
    }
    Ok(())
}

/// Sites are in the text and in ascending order; several may share an instruction.
fn check_sites(
    part: &'static str,
    image: &CodeImage,
    offsets: impl Iterator<Item = u32>,
) -> Result<(), ImageFlaw> {
    let mut least = 0;
    for (position, offset) in offsets.enumerate() {
        if offset > image.text_bytes {
            return Err(ImageFlaw::Outside { part, position });
        }
        if offset < least {
            return Err(ImageFlaw::Order { part, position });
        }
        least = offset;
    }
    Ok(())
}
