//! A room with unsafe code: from bytes to a module, the one path by which code is compiled.
//!
//! ```text
//!  bytes ─▶ known? ─no─▶ in the folder? ─no─▶ decode ─▶ compile ─▶ load ─▶ Module
//!              └──yes──────────┴──yes──────────────────────────────────────▲
//! ```
//!
//! **Trusts** the compiler: that what it makes of a module does what the module says, on the
//! machine that it was told of.
//!
//! **Promises** that what it loads is what the compiler has just made of that very module, on a
//! machine that has what the code uses.
//!
//! **Tested by** the specification's suites, `tests/addresses.rs` and `tests/seam.rs`.

use std::sync::Arc;

use brolga_abi::CodeImage;
use brolga_compile::{CompileError, CompileObserver, Target};
use brolga_module::ParsedModule;
use brolga_runtime::{LoadedCode, TypeRegistry};

use super::engine::EngineInner;
use super::thunks::check_runs_here;
use super::{EngineError, FunctionListenerFactory};
use crate::source::binary;
use crate::{Config, Engine, Error, Module, Result};

impl Engine {
    /// The module of `bytes` (binary, or with the feature `wat` text), found again if this engine has compiled the same bytes before and
    /// not been told to [delete](Engine::delete_compiled_module) it. The engine keeps it until
    /// then. ([`Module::new`] finds modules in the same way but does not make the engine keep
    /// them.)
    ///
    /// Several threads that ask for the same bytes at once share one compilation.
    ///
    /// `listeners` will take effect with a later version; until then it must be `None`.
    ///
    /// # Errors
    /// If the bytes are no module that this configuration accepts, or can't be compiled;
    /// [`EngineError::Listeners`] if there are listeners.
    pub fn compile_module(
        &self,
        bytes: &[u8],
        listeners: Option<Arc<dyn FunctionListenerFactory>>,
    ) -> Result<Module> {
        if listeners.is_some() {
            return Err(EngineError::Listeners.into());
        }
        self.module(&binary(bytes, None)?, true)
    }

    /// What code is made for.
    pub(crate) fn target(&self) -> &Target {
        &self.inner.target
    }

    /// As [`Module::new`], and tells `observer` how far the compilation has come; it may also end
    /// it. Of a module that is found again it is told nothing.
    ///
    /// # Errors
    /// As [`Module::new`]; [`CompileError::Cancelled`](crate::CompileError::Cancelled) if the
    /// observer ends the compilation.
    pub fn compile_observed(&self, bytes: &[u8], observer: &dyn CompileObserver) -> Result<Module> {
        self.module_observed(&binary(bytes, None)?, false, observer)
    }

    /// The one path by which code is compiled.
    pub(crate) fn module(&self, bytes: &[u8], hold: bool) -> Result<Module> {
        self.module_observed(bytes, hold, &())
    }

    fn module_observed(
        &self,
        bytes: &[u8],
        hold: bool,
        observer: &dyn CompileObserver,
    ) -> Result<Module> {
        let EngineInner { config, target, .. } = &*self.inner;
        let code = self.inner.modules.find_or_compile(bytes, hold, |bytes| {
            let compile = || {
                let module = self.decode(Arc::clone(&bytes))?;
                let threads = self.threads();
                let code =
                    compile_and_load(module, config, target, threads, self.types(), observer)?;
                self.note_loaded(&code)?;
                Ok(code)
            };
            match &config.cache {
                Some(cache) => cache.find_or_compile(self, &bytes, &compile),
                None => compile(),
            }
        })?;
        Ok(Module::from_code(self.clone(), code))
    }

    pub(crate) fn decode(&self, bytes: Arc<[u8]>) -> Result<ParsedModule> {
        Ok(ParsedModule::decode(bytes, self.inner.config.features)?)
    }

    pub(crate) fn image(
        &self,
        module: &ParsedModule,
        observer: &dyn CompileObserver,
    ) -> Result<CodeImage> {
        let EngineInner { config, target, .. } = &*self.inner;
        brolga_compile::compile(module, target, &config.options, self.threads(), observer)
            .map_err(of_one_kind)
    }

    /// On how many threads functions are compiled; 0 for as many as there are processors.
    fn threads(&self) -> usize {
        let config = self.config();
        let parallel = cfg!(feature = "parallel-compilation") && config.parallel_compilation;
        if parallel { config.compile_threads } else { 1 }
    }
}

/// What is wrong with a module is a [`ModuleError`](crate::ModuleError), whether it is found out in
/// a body, by the pass that compiles it, or before.
pub(crate) fn of_one_kind(error: CompileError) -> Error {
    match error {
        CompileError::Module(error) => error.into(),
        error => error.into(),
    }
}

/// Compiles a module and makes its code live; an error if it can't run on this machine.
pub(super) fn compile_and_load(
    module: ParsedModule,
    config: &Config,
    target: &Target,
    threads: usize,
    types: &TypeRegistry,
    observer: &dyn CompileObserver,
) -> Result<Arc<LoadedCode>> {
    let image = brolga_compile::compile(&module, target, &config.options, threads, observer)
        .map_err(of_one_kind)?;
    check_runs_here(config, target)?;
    // SAFETY: the compiler has just made the image, of this module and for what this machine has;
    // the image's fingerprint is of the options that it was made with.
    Ok(unsafe { LoadedCode::load(Arc::new(module), image, types) }?)
}
