//! Which wasm functions were active when something failed.

use core::fmt;
use std::sync::OnceLock;

use brolga_module::FuncIndex;
use brolga_runtime::Backtrace;

use crate::{Engine, Module};

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
pub struct WasmBacktrace {
    engine: Engine,
    backtrace: Backtrace,
    frames_max: usize,
    /// Made when first asked for: most errors are never looked at so closely.
    frames: OnceLock<Vec<FrameInfo>>,
}

/// A function in a [`WasmBacktrace`].
#[derive(Debug)]
pub struct FrameInfo {
    module: Module,
    func: FuncIndex,
    module_offset: Option<usize>,
}

impl WasmBacktrace {
    /// `None` if the engine wants none.
    pub(crate) fn new(engine: &Engine, backtrace: Backtrace) -> Option<WasmBacktrace> {
        let frames_max = engine.config().backtrace_max_frames?.get();
        backtrace.frames().next()?;
        let engine = engine.clone();
        Some(WasmBacktrace { engine, backtrace, frames_max, frames: OnceLock::new() })
    }

    /// The functions, innermost first.
    pub fn frames(&self) -> &[FrameInfo] {
        self.frames.get_or_init(|| {
            let frames = self.backtrace.frames().take(self.frames_max);
            let info = |frame: brolga_runtime::Frame<'_>| FrameInfo {
                module: Module::from_code(self.engine.clone(), frame.code.clone()),
                func: frame.func,
                module_offset: frame.wasm_offset.map(|offset| offset as usize),
            };
            frames.map(info).collect()
        })
    }

    /// The frames, a line each.
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
}

impl fmt::Display for FrameInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(offset) = self.module_offset {
            write!(f, "{offset:#8x} - ")?;
        }
        write!(f, "{}!", self.module.name().unwrap_or("<unknown>"))?;
        match self.func_name() {
            Some(name) => f.write_str(name),
            None => write!(f, "<wasm function {}>", self.func),
        }
    }
}
