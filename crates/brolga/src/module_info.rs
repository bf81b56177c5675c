//! What can be asked of a compiled module besides its imports and exports: what it needs, and what
//! its code is.
//!
//! **Invariants**
//! - Code is only shown: as bytes, or as the addresses where it is.

use std::ops::Range;

use brolga_module::{DefinedFuncIndex, FuncIndex};

use crate::Module;

/// What instances of a module need, imports aside; see [`Module::resources_required`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResourcesRequired {
    /// How many memories.
    pub num_memories: u32,
    /// The largest initial size of one, in pages; `None` if there are none.
    pub max_initial_memory_size: Option<u64>,
    /// How many tables.
    pub num_tables: u32,
    /// The largest initial size of one, in elements; `None` if there are none.
    pub max_initial_table_size: Option<u64>,
}

/// A function that a module defines, and its code; see [`Module::functions`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ModuleFunction {
    /// Its index among all functions of the module.
    pub index: FuncIndex,
    /// What it is called: its name in the name section, or that of an export of it.
    pub name: Option<String>,
    /// Where its code begins, in bytes from the beginning of [`Module::text`].
    pub offset: usize,
    /// The length of its code in bytes.
    pub len: usize,
}

impl Module {
    /// What an instance needs.
    ///
    /// ```
    /// # use brolga::*;
    /// # fn main() -> Result<()> {
    /// let engine = Engine::default();
    /// let module = Module::new(&engine, r#"(module
    ///     (import "a" "b" (memory 10))
    ///     (memory 1)
    ///     (memory 6))"#)?;
    /// let required = module.resources_required();
    /// assert_eq!(required.num_memories, 2);
    /// assert_eq!(required.max_initial_memory_size, Some(6));
    /// assert_eq!(required.max_initial_table_size, None);
    /// # Ok(())
    /// # }
    /// ```
    pub fn resources_required(&self) -> ResourcesRequired {
        let parsed = &*self.code().module;
        let memories = &parsed.memories[parsed.imported_memories as usize..];
        let tables = &parsed.tables[parsed.imported_tables as usize..];
        ResourcesRequired {
            num_memories: count(memories.len()),
            max_initial_memory_size: memories.iter().map(|ty| ty.min).max(),
            num_tables: count(tables.len()),
            max_initial_table_size: tables.iter().map(|ty| ty.min).max(),
        }
    }

    /// The machine code, thunks included: bytes to look at, with padding behind.
    pub fn text(&self) -> &[u8] {
        let code = self.code();
        &code.bytes()[..code.image.text_bytes as usize]
    }

    /// Where the code and its read-only data are in this process. Nobody may change what is there,
    /// nor how it is mapped.
    pub fn image_range(&self) -> Range<*const u8> {
        let code = self.code();
        code.base()..code.base().wrapping_add(code.mapped_bytes())
    }

    /// The functions that the module defines, with the places of their code.
    ///
    /// ```
    /// # use brolga::*;
    /// # fn main() -> Result<()> {
    /// let engine = Engine::default();
    /// let module = Module::new(&engine, "(module (func $one) (func (export \"two\")))")?;
    /// let names: Vec<_> = module.functions().map(|func| func.name).collect();
    /// assert_eq!(names, [Some("one".to_string()), Some("two".to_string())]);
    /// for func in module.functions() {
    ///     assert!(!module.text()[func.offset..][..func.len].is_empty());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn functions(&self) -> impl ExactSizeIterator<Item = ModuleFunction> + '_ {
        let code = self.code();
        code.image.functions.iter().enumerate().map(|(position, range)| {
            let index = code.module.func_index(DefinedFuncIndex::from_usize(position));
            ModuleFunction {
                index,
                name: code.module.func_name(index).map(str::to_owned),
                offset: range.start as usize,
                len: range.len as usize,
            }
        })
    }

    /// Which places of the code belong to which operators: (offset in [`Module::text`], offset in
    /// the module's bytes), in order. There is one for each instruction that may trap and each
    /// return address of a call; `Some` always.
    pub fn address_map(&self) -> Option<impl Iterator<Item = (usize, Option<u32>)> + '_> {
        let image = &self.code().image;
        let mut places: Vec<(usize, Option<u32>)> = image
            .trap_sites
            .iter()
            .map(|site| (site.code_offset, site.wasm_offset))
            .chain(image.call_sites.iter().map(|site| (site.code_offset, site.wasm_offset)))
            .map(|(code, wasm)| (code as usize, Some(wasm)))
            .collect();
        places.sort_unstable();
        places.dedup_by_key(|place| place.0);
        Some(places.into_iter())
    }
}

/// Numbers of things in a module are below 2³².
fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
