//! A file on which the sandbox stands; changes need a second reader.
//!
//! A compiled module made live: its image in executable memory, its types registered, its program
//! counters known to the trap machinery.
//!
//! ```text
//!  CodeImage ─check─▶ WritableCode ─seal─▶ SealedCode ─register─▶ LoadedCode
//! ```
//!
//! It never trusts an image's offsets; it does trust its machine code, which is why loading is
//! unsafe: an image comes from the compiler or from an authenticated store only.
//!
//! **Invariants**
//! - The code registry knows the code exactly as long as it is mapped.
//! - Addresses given out lie in the mapped text and are valid as long as the `LoadedCode` lives;
//!   whoever runs or stores them holds an `Arc` of it.

use std::fmt;
use std::ptr;
use std::sync::{Arc, OnceLock};

use brolga_abi::{CodeImage, CodeRange, ContextLayout, FuncRef, FunctionTypeId};
use brolga_module::{DefinedFuncIndex, FuncIndex, ParsedModule, TableIndex, TypeIndex};
use brolga_os::{OsError, SealedCode, WritableCode};

use crate::image_check::{ImageFlaw, check_image};
use crate::initial_memory::InitialMemories;
use crate::initial_table::{InitialTable, InitialTables};
use crate::registry::{self, Registered};
use crate::type_registry::{Registration, TypeError, TypeRegistry};

/// A module's code, ready to run in any store of the engine whose type registry it was loaded
/// with.
pub struct LoadedCode {
    /// The module.
    pub module: Arc<ParsedModule>,
    /// The image the code was copied from, but for the bytes themselves: those are in
    /// [`LoadedCode::bytes`] only.
    pub image: Arc<CodeImage>,
    /// Where everything of an instance stands.
    pub layout: ContextLayout,
    /// Before `code`: nobody may find code that is no longer mapped.
    _registered: Registered,
    code: SealedCode,
    /// How many of its bytes are the image's.
    image_bytes: usize,
    types: Registration,
    /// By type, equal ones alike: the entry for host calls, if there is one.
    host_entries: Box<[Option<CodeRange>]>,
    /// See [`LoadedCode::func_refs`].
    func_refs: OnceLock<FuncRefs>,
    initial_tables: OnceLock<InitialTables>,
    /// What the memories of instances start with.
    pub(crate) initial_memories: InitialMemories,
}

/// Why an image could not be loaded.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LoadError {
    /// The image contradicts itself or the module.
    #[error("the code image is not one of this module: {0}")]
    Corrupt(#[from] ImageFlaw),
    /// The image is for another kind of processor.
    #[error("the code image is for {image}, this is {}", std::env::consts::ARCH)]
    WrongTarget {
        /// The triple the image was made for.
        image: String,
    },
    /// The module's types could not be registered.
    #[error(transparent)]
    Types(#[from] TypeError),
    /// The system refused.
    #[error(transparent)]
    Os(#[from] OsError),
}

impl LoadedCode {
    /// Checks the tables of `image` against `module`, maps it executable, registers the module's
    /// types and makes the code known to the process's trap handling.
    ///
    /// # Errors
    /// [`LoadError`]; nothing is mapped or registered then.
    ///
    /// # Safety
    /// The machine code, which nothing can check, is going to be run with all that this process may
    /// do. So `image` must be what `brolga-compile` made of `module`, with options that have the
    /// image's fingerprint and for processor features that this machine has; or that, written
    /// down and read back, of which nobody has changed a byte.
    pub unsafe fn load(
        module: Arc<ParsedModule>,
        mut image: CodeImage,
        types: &TypeRegistry,
    ) -> Result<Arc<Self>, LoadError> {
        if image.target.split('-').next() != Some(std::env::consts::ARCH) {
            return Err(LoadError::WrongTarget { image: image.target });
        }
        let layout = ContextLayout::new(&module);
        check_image(&module, &image, &layout)?;
        let types = types.register(&module.types)?;
        let code = map(&image)?;
        // Once is enough: what is mapped can be read.
        let image_bytes = std::mem::take(&mut image.code).len();
        let image = Arc::new(image);
        let host_entries = (0..module.types.len())
            .map(|ty| image.host_entry(layout.canonical_type(TypeIndex::from_usize(ty))))
            .collect();
        let start = code.as_ptr().addr();
        let text = start..start + image.text_bytes as usize;
        Ok(Arc::new_cyclic(|this| Self {
            _registered: registry::register(text, Arc::clone(&image), this.clone()),
            module,
            image,
            layout,
            code,
            image_bytes,
            types,
            host_entries,
            func_refs: OnceLock::new(),
            initial_tables: OnceLock::new(),
            initial_memories: InitialMemories::default(),
        }))
    }

    /// The code of the process whose text holds the address `pc`.
    pub fn find(pc: usize) -> Option<Arc<Self>> {
        registry::read().find(pc)?.code()
    }

    /// The id of the module's type `ty`.
    ///
    /// # Panics
    /// If the module has no such type.
    pub fn type_id(&self, ty: TypeIndex) -> FunctionTypeId {
        self.type_ids()[ty.as_usize()]
    }

    /// The ids of all the module's types.
    pub fn type_ids(&self) -> &[FunctionTypeId] {
        self.types.ids()
    }

    /// The registry that the ids are of.
    pub fn type_registry(&self) -> &TypeRegistry {
        self.types.registry()
    }

    /// What instances fill the slots of their functions' references with, by position in the
    /// context, but for the context itself. `wasm_code` is null where that takes more: where the
    /// image has no entry for hosts.
    pub(crate) fn func_refs(&self) -> &[FuncRef] {
        &self.func_refs.get_or_init(|| FuncRefs(self.make_func_refs())).0
    }

    /// What a table of the module's starts with; none if its segments are to be written.
    pub(crate) fn initial_table(&self, table: TableIndex) -> Option<&InitialTable> {
        self.initial_tables.get_or_init(|| InitialTables::new(self)).get(table)
    }

    fn make_func_refs(&self) -> Box<[FuncRef]> {
        let first = self.module.imported_functions as usize;
        (first..self.module.functions.len())
            .map(FuncIndex::from_usize)
            .filter(|&func| self.layout.func_ref(func).is_some())
            .map(|func| {
                let ty = self.module.functions[func.as_usize()];
                let wasm_code =
                    self.function_code(DefinedFuncIndex::from_usize(func.as_usize() - first));
                let (host_entry, wasm_code) = match self.host_entry(ty) {
                    Some(host_entry) => (host_entry, wasm_code),
                    None => (ptr::null(), ptr::null()),
                };
                let (type_id, func_index) = (self.type_id(ty), func.0);
                FuncRef { wasm_code, host_entry, vmctx: ptr::null_mut(), type_id, func_index }
            })
            .collect()
    }

    /// The entry of a defined function, for callers in wasm.
    ///
    /// # Panics
    /// If the module defines no such function.
    pub fn function_code(&self, func: DefinedFuncIndex) -> *const u8 {
        self.address(self.image.functions[func.as_usize()])
    }

    /// The entry for host calls of functions of type `ty`, any of those equal to it; `None` if no
    /// function that escapes has it.
    pub fn host_entry(&self, ty: TypeIndex) -> Option<*const u8> {
        Some(self.address(self.host_entries[ty.as_usize()]?))
    }

    /// The thunk to host functions of type `ty`, any of those equal to it; `None` if the module
    /// can't call such a function.
    pub fn host_exit(&self, ty: TypeIndex) -> Option<*const u8> {
        let range = self.image.host_exit(self.layout.canonical_type(ty))?;
        Some(self.address(range))
    }

    /// The bytes of the image, text and data.
    pub fn bytes(&self) -> &[u8] {
        &self.code.as_slice()[..self.image_bytes]
    }

    /// The image that was loaded, bytes and all: a copy.
    pub fn to_image(&self) -> CodeImage {
        CodeImage { code: self.bytes().to_vec(), ..CodeImage::clone(&self.image) }
    }

    /// Where the image stands in memory.
    pub fn base(&self) -> *const u8 {
        self.code.as_ptr()
    }

    /// How many bytes of memory the code takes.
    pub fn mapped_bytes(&self) -> usize {
        self.code.len()
    }

    /// The function whose code holds `code_offset`, an offset in the image; `None` for thunks.
    pub fn function_at(&self, code_offset: u32) -> Option<FuncIndex> {
        let defined = self.image.function_at(code_offset)?;
        Some(self.module.func_index(defined))
    }

    fn address(&self, range: CodeRange) -> *const u8 {
        // The range is in the text, as `check_image` has seen.
        self.code.as_ptr().wrapping_add(range.start as usize)
    }
}

/// References without a context.
struct FuncRefs(Box<[FuncRef]>);

// SAFETY: addresses in the code that the owner keeps, which any thread may read and run.
unsafe impl Send for FuncRefs {}
// SAFETY: as above.
unsafe impl Sync for FuncRefs {}

impl fmt::Debug for LoadedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadedCode")
            .field("base", &self.base())
            .field("text_bytes", &self.image.text_bytes)
            .field("functions", &self.image.functions.len())
            .finish_non_exhaustive()
    }
}

/// Copies the image into memory of its own, its text executable and the rest read-only.
fn map(image: &CodeImage) -> Result<SealedCode, OsError> {
    let mut code = WritableCode::new(image.code.len())?;
    code.as_mut_slice()[..image.code.len()].copy_from_slice(&image.code);
    code.seal(0..image.text_bytes as usize)
}
