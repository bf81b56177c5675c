//! Which wasm functions were active when something failed.

use core::fmt;
use std::sync::{Arc, OnceLock};

use brolga_module::FuncIndex;
use brolga_runtime::Backtrace;

use crate::config::BACKTRACE_FRAMES;
use crate::debug::{self, FrameSymbol, Readable};
use crate::{AsContext, Engine, Module};

/// The wasm functions that were active when a call failed, innermost first.
///
/// Every error of a call has one: `error.downcast_ref::<WasmBacktrace>()`. How many frames it
/// holds is set by [`Config::wasm_backtrace_max_frames`](crate::Config::wasm_backtrace_max_frames).
///
/// ```
/// # use brolga::*;
/// # fn main() -> Result<()> {
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"(module
///     (func $start (export "run") call $trap)
///     (func $trap unreachable))"#)?;
/// let mut store = Store::new(&engine, ());
/// let instance = Instance::new(&mut store, &module, &[])?;
/// let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
/// let error = run.call(&mut store, ()).unwrap_err();
/// let backtrace = error.downcast_ref::<WasmBacktrace>().context("no backtrace")?;
/// let names: Vec<_> = backtrace.frames().iter().map(|frame| frame.func_name()).collect();
/// assert_eq!(names, [Some("trap"), Some("start")]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct WasmBacktrace {
    engine: Engine,
    backtrace: Backtrace,
    frames_max: usize,
    /// Made when first asked for: most errors are never looked at so closely.
    frames: OnceLock<Vec<FrameInfo>>,
}

/// A function in a [`WasmBacktrace`].
#[derive(Clone)]
pub struct FrameInfo {
    module: Module,
    func: FuncIndex,
    module_offset: Option<usize>,
    /// Its position in the backtrace, and so in `sources`.
    position: usize,
    sources: Arc<Sources>,
}

/// Where the frames of a backtrace are in the source: found for all of them when one is asked.
struct Sources {
    places: Vec<(Module, Option<usize>)>,
    symbols: OnceLock<Vec<Vec<FrameSymbol>>>,
}

impl WasmBacktrace {
    /// `None` if the engine wants none.
    pub(crate) fn new(engine: &Engine, backtrace: Backtrace) -> Option<WasmBacktrace> {
        let frames_max = engine.config().backtrace_max_frames?.get();
        backtrace.frames().next()?;
        Some(WasmBacktrace::of(engine, backtrace, frames_max))
    }

    fn of(engine: &Engine, backtrace: Backtrace, frames_max: usize) -> WasmBacktrace {
        let engine = engine.clone();
        WasmBacktrace { engine, backtrace, frames_max, frames: OnceLock::new() }
    }

    /// The wasm functions of `store` that are active now: those that wait for the host function
    /// that asks. None outside host functions, and none if the engine's backtraces are
    /// [switched off](crate::Config::wasm_backtrace_max_frames).
    ///
    /// ```
    /// # use brolga::*;
    /// # fn main() -> Result<()> {
    /// let engine = Engine::default();
    /// let module = Module::new(&engine, r#"(module
    ///     (import "" "host" (func $host))
    ///     (func $outer (export "run") call $inner)
    ///     (func $inner call $host))"#)?;
    /// let mut store = Store::new(&engine, ());
    /// let host = Func::wrap(&mut store, |caller: Caller<'_, ()>| {
    ///     let backtrace = WasmBacktrace::capture(&caller);
    ///     let names: Vec<_> = backtrace.frames().iter().map(|frame| frame.func_name()).collect();
    ///     assert_eq!(names, [Some("inner"), Some("outer")]);
    /// });
    /// let instance = Instance::new(&mut store, &module, &[host.into()])?;
    /// instance.get_typed_func::<(), ()>(&mut store, "run")?.call(&mut store, ())?;
    /// assert!(WasmBacktrace::capture(&store).frames().is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn capture(store: impl AsContext) -> WasmBacktrace {
        let store = store.as_context();
        let engine = store.engine();
        match engine.config().backtrace_max_frames {
            Some(max) => WasmBacktrace::of(engine, store.cell().runtime.backtrace(), max.get()),
            None => WasmBacktrace::of(engine, Backtrace::default(), 0),
        }
    }

    /// [`WasmBacktrace::capture`], also where the engine's backtraces are switched off.
    pub fn force_capture(store: impl AsContext) -> WasmBacktrace {
        let store = store.as_context();
        let max = store.engine().config().backtrace_max_frames.unwrap_or(BACKTRACE_FRAMES);
        WasmBacktrace::of(store.engine(), store.cell().runtime.backtrace(), max.get())
    }

    /// The functions, innermost first.
    pub fn frames(&self) -> &[FrameInfo] {
        self.frames.get_or_init(|| {
            let frames = || self.backtrace.frames().take(self.frames_max);
            let place = |frame: brolga_runtime::Frame<'_>| {
                let module = Module::from_code(self.engine.clone(), frame.code.clone());
                (module, frame.wasm_offset.map(|offset| offset as usize))
            };
            let symbols = OnceLock::new();
            if !self.engine.config().backtrace_details {
                let _ = symbols.set(vec![Vec::new(); frames().count()]);
            }
            let sources = Arc::new(Sources { places: frames().map(place).collect(), symbols });
            let info = |(position, frame): (usize, brolga_runtime::Frame<'_>)| FrameInfo {
                module: sources.places[position].0.clone(),
                func: frame.func,
                module_offset: sources.places[position].1,
                position,
                sources: Arc::clone(&sources),
            };
            frames().enumerate().map(info).collect()
        })
    }

    /// The frames, a line each, and their places in the source beneath them.
    pub(crate) fn write_frames(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wasm backtrace:")?;
        for (position, frame) in self.frames().iter().enumerate() {
            write!(f, "\n  {position:>3}: {frame}")?;
        }
        let more = self.backtrace.frames().nth(self.frames_max).is_some();
        if more || self.backtrace.is_truncated() {
            f.write_str("\n    …: and more")?;
        }
        Ok(())
    }
}

impl fmt::Display for WasmBacktrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("error while executing at ")?;
        self.write_frames(f)
    }
}

impl fmt::Debug for WasmBacktrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasmBacktrace").field("frames", &self.frames()).finish()
    }
}

impl FrameInfo {
    /// The function's index among all functions of its module.
    pub fn func_index(&self) -> u32 {
        self.func.0
    }

    /// The module whose function it is.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// What to call the function: its name in the name section, or that of an export of it.
    pub fn func_name(&self) -> Option<&str> {
        self.module.code().module.func_name(self.func)
    }

    /// Where the function was, in bytes from the module's start.
    pub fn module_offset(&self) -> Option<usize> {
        self.module_offset
    }

    /// Where the function was, in bytes from the start of its body.
    pub fn func_offset(&self) -> Option<usize> {
        let parsed = &self.module.code().module;
        let body = &parsed.bodies[parsed.defined_func(self.func)?.as_usize()];
        self.module_offset?.checked_sub(body.start)
    }

    /// Where in the source it was, as far as the module says so with DWARF sections: the innermost
    /// function first if some were inlined into each other, and none if nothing is known.
    ///
    /// The sections are read when symbols are first asked for, of any frame of the backtrace, and
    /// with bounded effort. [`Config::wasm_backtrace_details`](crate::Config::wasm_backtrace_details)
    /// switches that off.
    pub fn symbols(&self) -> &[FrameSymbol] {
        let all = self.sources.symbols.get_or_init(|| debug::symbols(&self.sources.places));
        &all[self.position]
    }

    fn write_name(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.func_name() {
            Some(name) => write!(f, "{}", Readable(name)),
            None => write!(f, "<wasm function {}>", self.func),
        }
    }
}

/// Lines under a frame begin below its module.
const INDENT: &str = "                    ";

impl fmt::Display for FrameInfo {
    /// The offset, the module and the function; then, for each symbol, the place in the source.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(offset) = self.module_offset {
            write!(f, "{offset:#8x} - ")?;
        }
        write!(f, "{}!", Readable(self.module.name().unwrap_or("<unknown>")))?;
        let symbols = self.symbols();
        if symbols.is_empty() {
            return self.write_name(f);
        }
        for (position, symbol) in symbols.iter().enumerate() {
            if position > 0 {
                write!(f, "\n{:16}- ", "")?;
            }
            match symbol.name() {
                Some(name) => write!(f, "{}", Readable(name))?,
                None if position == 0 => self.write_name(f)?,
                None => f.write_str("<inlined function>")?,
            }
            let Some(file) = symbol.file() else { continue };
            write!(f, "\n{INDENT}at {}", Readable(file))?;
            for number in [symbol.line(), symbol.column()].into_iter().map_while(|it| it) {
                write!(f, ":{number}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for FrameInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameInfo")
            .field("module", &self.module)
            .field("func", &self.func)
            .field("module_offset", &self.module_offset)
            .finish_non_exhaustive()
    }
}
