//! From bytes to a module: the one path by which code is compiled.
//!
//! ```text
//!  bytes ─▶ cache: known? ─no─▶ decode ─▶ compile ─▶ load ─▶ Module
//!              └───────────yes──────────────────────────────▲
//! ```

use std::sync::Arc;

use brolga_abi::CodeImage;
use brolga_module::ParsedModule;

use super::engine::EngineInner;
use super::thunks::check_runs_here;
use super::{EngineError, FunctionListenerFactory};
use crate::source::binary;
use crate::{Engine, Module, Result};

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
    pub(crate) fn target(&self) -> &brolga_compile::Target {
        &self.inner.target
    }

    /// The one path by which code is compiled.
    pub(crate) fn module(&self, bytes: &[u8], hold: bool) -> Result<Module> {
        let EngineInner { config, target, .. } = &*self.inner;
        let code = self.inner.modules.find_or_compile(bytes, hold, |bytes| {
            let parsed = self.decode(bytes)?;
            let image = self.image(&parsed)?;
            check_runs_here(config, target)?;
            self.load(parsed, image)
        })?;
        Ok(Module::from_code(self.clone(), code))
    }

    pub(crate) fn decode(&self, bytes: Arc<[u8]>) -> Result<ParsedModule> {
        Ok(ParsedModule::decode(bytes, self.inner.config.features)?)
    }

    pub(crate) fn image(&self, module: &ParsedModule) -> Result<CodeImage> {
        let EngineInner { config, target, .. } = &*self.inner;
        let parallel = cfg!(feature = "parallel-compilation") && config.parallel_compilation;
        let threads = if parallel { config.compile_threads } else { 1 };
        Ok(brolga_compile::compile(module, target, &config.options, threads, &())?)
    }
}
