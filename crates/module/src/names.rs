//! The names that a module gives its functions and locals, read when first asked for.
//!
//! Names are for people: backtraces, profiles, listings. Nothing that runs depends on them.
//!
//! **Invariants**
//! - Reading never fails. What is malformed ends its subsection; what came before it counts.
//! - A module whose names nobody asks for pays nothing for them.
//! - The index holds at most one entry per function, however much the section holds.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use wasmparser::BinaryReader;

use crate::FuncIndex;

const MODULE_SUBSECTION: u8 = 0;
const FUNCTION_SUBSECTION: u8 = 1;
const LOCAL_SUBSECTION: u8 = 2;

/// The names of a module.
pub struct Names {
    bytes: Arc<[u8]>,
    /// Where the contents of the name section are; empty if there is none.
    section: Range<usize>,
    /// How many functions the module has: names of others are passed over.
    functions: u32,
    index: OnceLock<NameIndex>,
    /// A function's locals: the range is a name map, a count and as many pairs of index and name.
    locals: OnceLock<Vec<Entry>>,
    /// What functions without a name are called, in the order of the functions.
    substitutes: OnceLock<Vec<(FuncIndex, Box<str>)>>,
}

/// Where the names of the module and of its functions are.
#[derive(Debug, Default)]
struct NameIndex {
    module: Option<Range<usize>>,
    /// In the order of the functions.
    functions: Vec<Entry>,
    /// The contents of the subsection of local names.
    locals: Range<usize>,
}

/// What is said of a function, and where.
type Entry = (FuncIndex, Range<usize>);

impl Names {
    /// The names in the section whose contents are at `section`.
    pub(crate) fn new(bytes: Arc<[u8]>, section: Range<usize>, functions: u32) -> Self {
        Self {
            bytes,
            section,
            functions,
            index: OnceLock::new(),
            locals: OnceLock::new(),
            substitutes: OnceLock::new(),
        }
    }

    /// What the module calls itself.
    pub fn module(&self) -> Option<&str> {
        self.text(self.index().module.clone()?)
    }

    /// What the name section calls a function. [`ParsedModule::func_name`] knows more.
    ///
    /// [`ParsedModule::func_name`]: crate::ParsedModule::func_name
    pub fn func(&self, func: FuncIndex) -> Option<&str> {
        let functions = &self.index().functions;
        let position = functions.binary_search_by_key(&func, |entry| entry.0).ok()?;
        self.text(functions[position].1.clone())
    }

    /// What a function calls the local (or parameter) at position `local`.
    pub fn local(&self, func: FuncIndex, local: u32) -> Option<&str> {
        let entries = self.locals.get_or_init(|| self.read_locals());
        let position = entries.binary_search_by_key(&func, |entry| entry.0).ok()?;
        let mut reader = self.reader(entries[position].1.clone());
        let count = reader.read_var_u32().ok()?;
        for _ in 0..count {
            let index = reader.read_var_u32().ok()?;
            let name = read_name(&mut reader)?;
            if index == local {
                return self.text(name);
            }
        }
        None
    }

    /// The substitute for the name of `func`, out of the list that `list` makes the first time.
    pub(crate) fn substitute(
        &self,
        func: FuncIndex,
        list: impl FnOnce() -> Vec<(FuncIndex, Box<str>)>,
    ) -> Option<&str> {
        let substitutes = self.substitutes.get_or_init(|| {
            let mut list = list();
            list.sort_by_key(|entry| entry.0);
            list.dedup_by_key(|entry| entry.0);
            list
        });
        let position = substitutes.binary_search_by_key(&func, |entry| entry.0).ok()?;
        Some(&substitutes[position].1)
    }

    fn index(&self) -> &NameIndex {
        self.index.get_or_init(|| self.read_index())
    }

    fn read_index(&self) -> NameIndex {
        let mut index = NameIndex::default();
        let mut reader = self.reader(self.section.clone());
        while let Some((id, contents)) = read_subsection(&mut reader) {
            match id {
                MODULE_SUBSECTION if index.module.is_none() => {
                    index.module = read_name(&mut self.reader(contents));
                }
                FUNCTION_SUBSECTION if index.functions.is_empty() => {
                    index.functions = self.read_functions(contents);
                }
                LOCAL_SUBSECTION if index.locals.is_empty() => index.locals = contents,
                _ => {}
            }
        }
        index
    }

    fn read_functions(&self, contents: Range<usize>) -> Vec<Entry> {
        let mut functions = Vec::new();
        let mut reader = self.reader(contents);
        let count = reader.read_var_u32().unwrap_or(0);
        for _ in 0..count {
            let Ok(index) = reader.read_var_u32() else { break };
            let Some(name) = read_name(&mut reader) else { break };
            // A section that names a function twice must not make the index larger than that.
            if index < self.functions && functions.len() < self.functions as usize {
                functions.push((FuncIndex(index), name));
            }
        }
        sorted(functions)
    }

    fn read_locals(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        let mut reader = self.reader(self.index().locals.clone());
        let count = reader.read_var_u32().unwrap_or(0);
        for _ in 0..count {
            let Ok(index) = reader.read_var_u32() else { break };
            let start = position(&reader);
            let whole = skip_name_map(&mut reader).is_some();
            if index < self.functions && entries.len() < self.functions as usize {
                entries.push((FuncIndex(index), start..position(&reader)));
            }
            if !whole {
                break;
            }
        }
        sorted(entries)
    }

    fn reader(&self, range: Range<usize>) -> BinaryReader<'_> {
        BinaryReader::new(&self.bytes[range.clone()], range.start as u64)
    }

    fn text(&self, range: Range<usize>) -> Option<&str> {
        core::str::from_utf8(&self.bytes[range]).ok()
    }
}

impl core::fmt::Debug for Names {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Names").field("section", &self.section).finish_non_exhaustive()
    }
}

/// The entries in the order of their functions, the first of each.
fn sorted(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_unstable_by_key(|(func, range)| (*func, range.start));
    entries.dedup_by_key(|entry| entry.0);
    entries
}

/// The next subsection: its id and where its contents are.
fn read_subsection(reader: &mut BinaryReader<'_>) -> Option<(u8, Range<usize>)> {
    let id = reader.read_u8().ok()?;
    Some((id, read_name(reader)?))
}

/// Where the bytes are that the length in front of them announces.
fn read_name(reader: &mut BinaryReader<'_>) -> Option<Range<usize>> {
    let bytes = reader.read_reader().ok()?.range();
    Some(bytes.start as usize..bytes.end as usize)
}

fn skip_name_map(reader: &mut BinaryReader<'_>) -> Option<()> {
    for _ in 0..reader.read_var_u32().ok()? {
        reader.read_var_u32().ok()?;
        read_name(reader)?;
    }
    Some(())
}

fn position(reader: &BinaryReader<'_>) -> usize {
    reader.original_position() as usize
}
