//! Looking at what becomes of a module: intermediate code, machine code, layout.
//!
//! For people and their tools; nothing that runs goes through here. The texts are meant to be read
//! and change from version to version.

use core::fmt::{self, Write as _};
use std::sync::Arc;

use brolga_abi::{CodeImage, ContextLayout};
use brolga_module::{DefinedFuncIndex, FuncIndex, GlobalIndex, MemoryIndex, ParsedModule};
use brolga_module::{TableIndex, TypeIndex};

use crate::engine::of_one_kind;
use crate::{CompileError, CompileObserver, Engine, Error, FrameSymbol, Result, format_err};

pub use brolga_abi::CodeRange;
pub use brolga_compile::{FunctionListing, SourceRange};

/// What an engine is like, by groups of names and values: what it compiles for, how, what modules
/// may use, and how much a store of it may hold.
///
/// ```
/// # use brolga::*;
/// let settings = inspect::settings(&Engine::default());
/// let (group, target) = &settings[0];
/// assert_eq!((*group, &*target[0].0), ("target", "triple"));
/// ```
pub fn settings(engine: &Engine) -> Vec<(&'static str, Vec<(String, String)>)> {
    let (target, config) = (engine.target(), engine.config());
    let row = |name: &str, value: &dyn fmt::Display| (name.to_owned(), value.to_string());
    let code = config.options.settings();
    let features = brolga_module::Feature::ALL.iter();
    let limits = brolga_runtime::Limits::default().settings();
    vec![
        (
            "target",
            vec![
                row("triple", target.triple()),
                row("cpu_features", &target.cpu_features().join(" ")),
            ],
        ),
        ("code", code.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ("features", features.map(|it| row(it.name(), &config.features.contains(*it))).collect()),
        (
            "engine",
            vec![
                row("compile_threads", &config.compile_threads),
                row("max_wasm_stack", &config.max_wasm_stack),
                row(
                    "backtrace_max_frames",
                    &config.backtrace_max_frames.map_or(0, core::num::NonZero::get),
                ),
                row("backtrace_details", &config.backtrace_details),
            ],
        ),
        ("limits", limits.iter().map(|(name, limit)| row(name, limit)).collect()),
    ]
}

/// A name as its author wrote it, to be shown to people: Rust's and C++'s names demangled (with the
/// feature `demangle`), no control characters, of bounded length. Backtraces show names so.
///
/// ```
/// assert_eq!(brolga::inspect::readable("evil\u{1b}[2J"), "evil\\u{1b}[2J");
/// ```
pub fn readable(name: &str) -> String {
    crate::debug::Readable(name).to_string()
}

/// A module, decoded to be looked at. Compiles only what it is asked for.
///
/// ```
/// # use brolga::*;
/// # fn main() -> Result<()> {
/// let module = r#"(module (func $answer (export "run") (result i32) i32.const 42))"#;
/// let inspection = inspect::Inspection::new(&Engine::default(), module)?;
/// let answer = inspection.find("answer").context("no such function")?;
/// assert_eq!(inspection.name(answer), Some("answer"));
/// assert!(inspection.ir(answer)?.contains("iconst.i32 42"));
/// assert!(inspection.machine_code(answer)?.contains("ret"));
/// assert!(inspection.layout()?.starts_with("instance context: "));
/// # Ok(())
/// # }
/// ```
pub struct Inspection {
    engine: Engine,
    module: ParsedModule,
}

impl fmt::Debug for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inspection").field("module", &self.module).finish_non_exhaustive()
    }
}

/// An error on its way through the compiler.
struct OfOneKind(Error);

impl From<CompileError> for OfOneKind {
    fn from(error: CompileError) -> OfOneKind {
        OfOneKind(of_one_kind(error))
    }
}

impl Inspection {
    /// Decodes a module, given as binary or (with the feature `wat`) as text.
    ///
    /// # Errors
    /// If the bytes are no module that the engine's configuration accepts.
    pub fn new(engine: &Engine, bytes: impl AsRef<[u8]>) -> Result<Inspection> {
        let bytes = crate::source::binary(bytes.as_ref(), None)?;
        let bytes: Arc<[u8]> = Arc::from(&*bytes);
        Ok(Inspection { engine: engine.clone(), module: engine.decode(bytes)? })
    }

    /// The module in the binary format.
    pub fn binary(&self) -> &[u8] {
        &self.module.bytes
    }

    /// What the module calls itself in its name section.
    pub fn module_name(&self) -> Option<&str> {
        self.module.names.module()
    }

    /// Checks the bodies of the module's functions, everything else having been checked when it
    /// was decoded.
    ///
    /// # Errors
    /// If one is not valid.
    pub fn validate(&self) -> Result<()> {
        Ok(self.module.validate_bodies()?)
    }

    /// The functions that the module defines: by index, imported functions counted.
    pub fn functions(&self) -> core::ops::Range<u32> {
        let first = self.module.imported_functions;
        let count = u32::try_from(self.module.bodies.len()).unwrap_or(u32::MAX);
        first..first.saturating_add(count)
    }

    /// What a function, defined or imported, is called.
    pub fn name(&self, func: u32) -> Option<&str> {
        let func = FuncIndex(func);
        (func.as_usize() < self.module.functions.len()).then(|| self.module.func_name(func))?
    }

    /// The function, defined or imported, that is called `name`: by an export, by the name section,
    /// or by its index in digits.
    pub fn find(&self, name: &str) -> Option<u32> {
        if let Some(brolga_module::ExportItem::Func(func)) = self.module.export(name) {
            return Some(func.0);
        }
        if let Some(func) = (0..self.functions().end).find(|func| self.name(*func) == Some(name)) {
            return Some(func);
        }
        name.parse().ok().filter(|func| *func < self.functions().end)
    }

    /// The intermediate code (Cranelift's) of a function, before it is optimised.
    ///
    /// # Errors
    /// If the module defines no such function, or it can't be compiled.
    pub fn ir(&self, func: u32) -> Result<String> {
        let (target, options) = (self.engine.target(), &self.engine.config().options);
        let func = self.defined(func)?;
        brolga_compile::function_ir(&self.module, target, options, func).map_err(of_one_kind)
    }

    /// The machine code of a function, an instruction a line.
    ///
    /// # Errors
    /// If the module defines no such function, or it can't be compiled.
    pub fn machine_code(&self, func: u32) -> Result<String> {
        let (target, options) = (self.engine.target(), &self.engine.config().options);
        let func = self.defined(func)?;
        brolga_compile::function_asm(&self.module, target, options, func).map_err(of_one_kind)
    }

    /// Hands the intermediate code and the machine code of each of `functions` to `each`, with the
    /// operators that they came from. Of many functions this is faster than one by one.
    ///
    /// ```
    /// # use brolga::*;
    /// # fn main() -> Result<()> {
    /// let module = r#"(module (func $answer (result i32) i32.const 42))"#;
    /// let inspection = inspect::Inspection::new(&Engine::default(), module)?;
    /// inspection.list(inspection.functions(), |func, listing| {
    ///     assert_eq!(func, 0);
    ///     assert!(listing.ir.contains("iconst.i32 42"));
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the module does not define one of them, or it can't be compiled; and those of `each`.
    pub fn list(
        &self,
        functions: impl IntoIterator<Item = u32>,
        mut each: impl FnMut(u32, FunctionListing) -> Result<()>,
    ) -> Result<()> {
        let (target, options) = (self.engine.target(), &self.engine.config().options);
        let functions: Vec<_> =
            functions.into_iter().map(|func| self.defined(func)).collect::<Result<_>>()?;
        let each = |func, listing| each(self.module.func_index(func).0, listing).map_err(OfOneKind);
        brolga_compile::list_functions(&self.module, target, options, functions, each)
            .map_err(|OfOneKind(error)| error)
    }

    /// Where a function's body is, in bytes from the module's start; `None` if the module does not
    /// define it.
    pub fn body(&self, func: u32) -> Option<core::ops::Range<usize>> {
        let func = self.module.defined_func(FuncIndex(func))?;
        self.module.bodies.get(func.as_usize()).cloned()
    }

    /// Where in the source the operators at these offsets from the module's start came from, as
    /// [`FrameInfo::symbols`](crate::FrameInfo::symbols).
    pub fn symbols(&self, wasm_offsets: &[usize]) -> Vec<Vec<FrameSymbol>> {
        crate::debug::symbols_of(&self.module, wasm_offsets)
    }

    /// The whole module, compiled.
    ///
    /// # Errors
    /// If it can't be compiled.
    pub fn image(&self) -> Result<CodeImage> {
        self.image_observed(&())
    }

    /// As [`image`](Self::image), and tells `observer` how far the compilation has come; it may
    /// also end it.
    ///
    /// # Errors
    /// As [`image`](Self::image), and if the observer ends the compilation.
    pub fn image_observed(&self, observer: &dyn CompileObserver) -> Result<CodeImage> {
        self.engine.image(&self.module, observer)
    }

    /// An image of this module as bytes: what [`Engine::precompile_module`] gives.
    pub fn serialize(&self, image: &CodeImage) -> Vec<u8> {
        brolga_abi::ImageFile::write(image, &self.engine.config().options, &self.module)
    }

    /// Where things stand in an instance's context, and in the module's image.
    ///
    /// # Errors
    /// If the module can't be compiled.
    pub fn layout(&self) -> Result<String> {
        let image = self.image()?;
        let mut text = String::new();
        self.write_context(&mut text)?;
        self.write_image(&mut text, &image)?;
        Ok(text)
    }

    fn defined(&self, func: u32) -> Result<DefinedFuncIndex> {
        let defined = self.module.defined_func(FuncIndex(func));
        defined.filter(|func| func.as_usize() < self.module.bodies.len()).ok_or_else(|| {
            let functions = self.functions();
            let (start, end) = (functions.start, functions.end);
            format_err!("the module defines no function {func}; it has those from {start} up to, not including, {end}")
        })
    }

    fn write_context(&self, text: &mut String) -> Result<()> {
        let module = &self.module;
        let layout = ContextLayout::new(module);
        writeln!(text, "instance context: {} bytes", layout.size_bytes())?;
        let mut rows: Vec<(u32, String)> = Vec::new();
        for index in 0..module.memories.len() {
            rows.push((layout.memory(MemoryIndex::from_usize(index)), format!("memory {index}")));
        }
        for index in 0..module.tables.len() {
            rows.push((layout.table(TableIndex::from_usize(index)), format!("table {index}")));
        }
        for index in 0..module.globals.len() {
            rows.push(match layout.global(GlobalIndex::from_usize(index)) {
                Ok(offset) => (offset, format!("global {index}")),
                Err(offset) => (offset, format!("global {index}, imported")),
            });
        }
        for index in 0..module.types.len() {
            rows.push((layout.type_id(TypeIndex::from_usize(index)), format!("type id {index}")));
        }
        for index in 0..module.functions.len() {
            let func = FuncIndex::from_usize(index);
            let name = self.module.func_name(func).unwrap_or("");
            if module.defined_func(func).is_none() {
                rows.push((layout.imported_function(func), format!("import {index} {name}")));
            } else if let Some(offset) = layout.func_ref(func) {
                rows.push((offset, format!("reference to function {index} {name}")));
            }
        }
        rows.sort_by_key(|(offset, _)| *offset);
        for (offset, what) in rows {
            writeln!(text, "{offset:>10}  {}", what.trim_end())?;
        }
        Ok(())
    }

    fn write_image(&self, text: &mut String, image: &CodeImage) -> Result<()> {
        let (bytes, data) = (image.code.len(), image.code.len() - image.text_bytes as usize);
        writeln!(text, "image for {}: {bytes} bytes, {data} of them data", image.target)?;
        for (position, range) in image.functions.iter().enumerate() {
            let func = self.module.func_index(DefinedFuncIndex::from_usize(position));
            let name = self.module.func_name(func).unwrap_or("");
            let row = format!("{:>10}  {:>8}  function {} {name}", range.start, range.len, func.0);
            writeln!(text, "{}", row.trim_end())?;
        }
        for (what, entries) in [("entry", &image.host_entries), ("exit", &image.host_exits)] {
            for entry in entries {
                let (start, bytes) = (entry.range.start, entry.range.len);
                writeln!(text, "{start:>10}  {bytes:>8}  host {what} of type {}", entry.ty.0)?;
            }
        }
        for (builtin, range) in &image.builtin_thunks {
            writeln!(text, "{:>10}  {:>8}  builtin {builtin:?}", range.start, range.len)?;
        }
        for table in &image.static_tables {
            let (start, count) = (table.start, table.functions.len());
            writeln!(text, "{start:>10}  static table {}, {count} elements", table.table.0)?;
        }
        let (traps, calls) = (image.trap_sites.len(), image.call_sites.len());
        writeln!(text, "{traps} trap sites, {calls} call sites")?;
        Ok(())
    }
}
