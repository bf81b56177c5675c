//! The engine: compiles modules and keeps what their stores share.

use core::fmt;
use std::sync::{Arc, Weak};

use brolga_runtime::{LoadedCode, Pool, StackOptions, StackPool, StoreConfig, TypeRegistry};

use super::ModuleEngine;
use super::cache::ModuleCache;
use super::thunks::Thunks;
use crate::{AsContextMut, Config, Context, Extern, InstanceAllocationStrategy, Module, Result};

/// Compiles modules and keeps what their stores share: types, stacks, code.
///
/// A clone is the same engine. Any number of threads may use one at once; most programs have one.
///
/// What was compiled once is found again by its bytes:
///
/// ```
/// # use brolga::*;
/// # fn main() -> Result<()> {
/// let engine = Engine::default();
/// let bytes = wat::parse_str(r#"(module (func (export "answer") (result i32) i32.const 42))"#)?;
/// let module = engine.compile_module(&bytes, None)?;
/// let again = engine.compile_module(&bytes, None)?;
/// assert!(Module::same(&module, &again));
/// assert_eq!(engine.compiled_module_count(), 1);
///
/// // The engine forgets it; `module` goes on working, and its code is freed with its last user.
/// engine.delete_compiled_module(&module);
/// assert_eq!(engine.compiled_module_count(), 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Engine {
    pub(super) inner: Arc<EngineInner>,
}

pub(super) struct EngineInner {
    pub(super) config: Config,
    #[cfg(feature = "compiler")]
    pub(super) target: brolga_compile::Target,
    types: TypeRegistry,
    #[cfg(not(feature = "compiler"))]
    thunks: Arc<Thunks>,
    stacks: StackPool,
    pub(super) modules: ModuleCache,
    stores: Arc<StoreConfig>,
}

/// What only the engine refuses.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Listeners were given.
    #[error("function listeners are not supported by this version, pass None")]
    Listeners,
    /// Something of another engine was given.
    #[error("this {what} belongs to another engine")]
    OtherEngine {
        /// What was given.
        what: &'static str,
    },
    /// The engine was built without the compiler.
    #[error("this build has no compiler (feature `compiler`)")]
    NoCompiler,
    /// What was given to be compiled has been compiled already.
    #[error("the bytes are a compiled module, to be loaded by `Module::deserialize`")]
    Precompiled,
}

/// How much of a call's stack host functions have, even where wasm has used up all of its own.
const HOST_STACK_BYTES: usize = 1 << 20;

impl Engine {
    /// An engine of this configuration.
    ///
    /// # Errors
    /// If a setting is out of range, code can't be made for the target, the system does not let
    /// signal handlers be installed, a [profile](Config::profiler) can't be written, or there is
    /// not the address space for a pool.
    pub fn new(config: &Config) -> Result<Engine> {
        let config = config.checked()?;
        if let Some(profile) = config.profile {
            profile.open().context("failed to open the profile")?;
        }
        let signals = config.options.memory.signals;
        let pool = match &config.allocation {
            InstanceAllocationStrategy::OnDemand => Pool::default(),
            InstanceAllocationStrategy::Pooling(pooling) => Pool::new(pooling.limits()),
        };
        let stacks = StackOptions {
            wasm_bytes: config.max_wasm_stack,
            host_bytes: HOST_STACK_BYTES,
            signals,
        };
        let stacks = StackPool::pooling(stacks, pool.clone())?;
        let types = TypeRegistry::new();
        #[cfg(feature = "compiler")]
        let target = super::thunks::target(&config)?;
        #[cfg(feature = "compiler")]
        let thunks = Thunks::new(types.clone(), target.clone(), config.clone());
        #[cfg(not(feature = "compiler"))]
        let thunks = Thunks::default();
        let thunks = Arc::new(thunks);
        let stores = StoreConfig::pooling(types.clone(), config.options, thunks.clone(), pool)?;
        Ok(Engine {
            inner: Arc::new(EngineInner {
                config,
                #[cfg(feature = "compiler")]
                target,
                types,
                #[cfg(not(feature = "compiler"))]
                thunks,
                stacks,
                modules: ModuleCache::default(),
                stores,
            }),
        })
    }

    /// How many compiled modules this engine knows: those it keeps, and those of
    /// [`Module::new`] that are in use.
    pub fn compiled_module_count(&self) -> usize {
        self.inner.modules.len()
    }

    /// Makes the engine forget a module: it no longer keeps it, and no longer finds it by its
    /// bytes. Whoever uses the module goes on using it, from whatever thread and in the middle of
    /// calls; its code is freed with its last user.
    pub fn delete_compiled_module(&self, module: &Module) {
        self.inner.modules.forget(module.code());
    }

    /// Makes an instance of `module` in `store`, called `name`, without running its start
    /// function: [`Instance::new`](crate::Instance::new) does both.
    ///
    /// `imports` are what the module asks for, in the order of its imports.
    ///
    /// # Errors
    /// If something belongs to another engine or store, the imports don't match, a segment does
    /// not fit, or a limit of the store is against it.
    pub fn new_module_engine(
        &self,
        store: impl AsContextMut,
        name: &str,
        module: &Module,
        imports: &[Extern],
    ) -> Result<ModuleEngine> {
        self.check_same(module.engine(), "module")?;
        ModuleEngine::new(store, name, module, imports)
    }

    /// Whether the two are the same engine.
    pub fn same(a: &Engine, b: &Engine) -> bool {
        Arc::ptr_eq(&a.inner, &b.inner)
    }

    /// Does for the calling thread what its first call into wasm would do otherwise: gives it a
    /// stack for signal handlers. Worth calling where that first call is to be as quick as the
    /// others.
    ///
    /// Rust's runtime takes that stack away again at the end of a thread it has made: a stack
    /// overflow of wasm that the destructor of a thread-local calls ends the process.
    pub fn tls_eager_initialize() {
        // An error is told by that call too, to somebody who can deal with it.
        let _ = brolga_runtime::prepare_thread();
    }

    /// A reference that does not keep the engine.
    pub fn weak(&self) -> EngineWeak {
        EngineWeak { inner: Arc::downgrade(&self.inner) }
    }

    /// What the engine was configured with.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    pub(crate) fn stacks(&self) -> &StackPool {
        &self.inner.stacks
    }

    /// What its stores share.
    pub(crate) fn stores(&self) -> &Arc<StoreConfig> {
        &self.inner.stores
    }

    /// The types of all its modules.
    pub(crate) fn types(&self) -> &TypeRegistry {
        &self.inner.types
    }

    /// To be told of all code that was loaded: it goes into the profile, and is remembered for what
    /// no module at hand has.
    ///
    /// # Errors
    /// If the profile can't be written.
    pub(crate) fn note_loaded(&self, code: &Arc<LoadedCode>) -> Result<()> {
        if let Some(profile) = self.inner.config.profile {
            profile.note(code).context("failed to write the profile")?;
        }
        #[cfg(not(feature = "compiler"))]
        self.inner.thunks.note(code);
        Ok(())
    }

    /// An error if `other` is another engine.
    pub(crate) fn check_same(&self, other: &Engine, what: &'static str) -> Result<()> {
        match Engine::same(self, other) {
            true => Ok(()),
            false => Err(EngineError::OtherEngine { what }.into()),
        }
    }
}

impl Default for Engine {
    /// An engine of the default configuration.
    ///
    /// # Panics
    /// If this machine is not one that code can be made for, or the system does not let signal
    /// handlers be installed: [`Engine::new`] says so by an error.
    fn default() -> Engine {
        match Engine::new(&Config::default()) {
            Ok(engine) => engine,
            Err(error) => panic!("no engine on this machine: {error:#}"),
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("compiled_modules", &self.compiled_module_count())
            .finish_non_exhaustive()
    }
}

/// An [`Engine`] that may be gone.
#[derive(Clone)]
pub struct EngineWeak {
    inner: Weak<EngineInner>,
}

impl EngineWeak {
    /// The engine, if anybody still has it.
    pub fn upgrade(&self) -> Option<Engine> {
        Some(Engine { inner: self.inner.upgrade()? })
    }
}

impl fmt::Debug for EngineWeak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineWeak").finish_non_exhaustive()
    }
}
