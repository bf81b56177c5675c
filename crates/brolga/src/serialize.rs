//! A room with unsafe code: compiled modules as bytes, to be loaded without compiling.
//!
//! ```text
//!  module ─▶ parse ─▶ compile ─▶ CodeImage ─▶ bytes ─▶ damaged? other version? ─▶ other options,
//!   features, machine? ─▶ tables, module ─▶ do they agree? ─▶ Module
//! ```
//!
//! **Trusts** that bytes given to [`Module::deserialize`] are some that Brolga wrote and nobody has
//! changed on purpose: machine code can't be checked. That is the caller's promise; of files in the
//! cache's folder it is the folder's, which is private.
//!
//! **Promises** that bytes changed by accident, of another version, of another configuration or for
//! another machine are refused with an error that says which; that reading them neither panics nor
//! allocates more than a small multiple of their number.
//!
//! **Tested by** `tests/serialize.rs`, `tests/load_only.rs` and `tests/disk_cache.rs`.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use brolga_abi::{ImageFile, ImageFileError};
use brolga_module::{Features, ParsedModule};
use brolga_runtime::LoadedCode;

#[cfg(feature = "compiler")]
use crate::disk_cache::Entry;
use crate::host_cpu::HostError;
use crate::{Config, Context, Engine, Module, Result, ensure};

/// What bytes are a compiled form of; see [`Engine::detect_precompiled`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Precompiled {
    /// A module.
    Module,
}

/// Why a compiled module was not loaded.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeserializeError {
    /// The bytes are no compiled module, damaged, or of another version of Brolga.
    #[error(transparent)]
    File(#[from] ImageFileError),
    /// The code can't run on this machine.
    #[error(transparent)]
    Host(#[from] HostError),
    /// It was compiled by an engine of another configuration.
    #[error(
        "the module was compiled with `{setting}` {found}, expected {expected} as in this engine"
    )]
    Options {
        /// What differs.
        setting: String,
        /// What this engine has.
        expected: String,
        /// What the module was compiled with.
        found: String,
    },
    /// It was validated with features that are off in this engine.
    #[error("the module was compiled with the features {}, which are off in this engine", .features.join(", "))]
    Features {
        /// The features, by their names in the configuration.
        features: Vec<&'static str>,
    },
}

impl Module {
    /// The compiled module as bytes, for [`Module::deserialize`] by an engine of the same
    /// configuration and version on the same kind of machine. Equal modules give equal bytes.
    ///
    /// ```
    /// # use brolga::*;
    /// # fn main() -> Result<()> {
    /// let engine = Engine::default();
    /// let module = Module::new(&engine, "(module (func (export \"nothing\")))")?;
    /// let bytes = module.serialize()?;
    ///
    /// // SAFETY: the bytes are what `serialize` gave.
    /// let again = unsafe { Module::deserialize(&engine, &bytes)? };
    /// assert_eq!(again.exports().len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// None in this version.
    pub fn serialize(&self) -> Result<Vec<u8>> {
        let (code, options) = (self.code(), &self.engine().config().options);
        Ok(ImageFile::write(&code.to_image(), options, &code.module))
    }

    /// The module out of bytes that [`Module::serialize`] or [`Engine::precompile_module`] gave.
    /// Nothing is compiled, so that this works without the feature `compiler` too.
    ///
    /// The module is a new one each time: it is not among those that the engine finds again by
    /// their bytes.
    ///
    /// # Errors
    /// [`DeserializeError`], if the bytes are no compiled module, are damaged, or are not for this
    /// version, machine or configuration. [`LoadError`](crate::LoadError) or
    /// [`ModuleError`](crate::ModuleError), if they contradict themselves, or the system refuses.
    ///
    /// # Safety
    /// The bytes hold machine code, which is going to be run. They must be what Brolga gave,
    /// unchanged but for accidents: of somebody who can choose the bytes, nothing is checked that
    /// would keep them from doing what this process can do.
    pub unsafe fn deserialize(engine: &Engine, bytes: impl AsRef<[u8]>) -> Result<Module> {
        // SAFETY: the caller's promise.
        let code = unsafe { load(engine, bytes.as_ref(), None) }?;
        Ok(Module::from_code(engine.clone(), code))
    }

    /// The module in a file that holds what [`Module::serialize`] or
    /// [`Engine::precompile_module`] gave. The file is read once; it may change afterwards.
    ///
    /// # Errors
    /// If the file can't be read, or as [`Module::deserialize`].
    ///
    /// # Safety
    /// What [`Module::deserialize`] asks of bytes, of the file.
    pub unsafe fn deserialize_file(engine: &Engine, path: impl AsRef<Path>) -> Result<Module> {
        let path = path.as_ref();
        let failed = || format!("failed to load the compiled module in `{}`", path.display());
        let file = File::open(path).with_context(failed)?;
        // SAFETY: the caller promises of the file's bytes what is asked here.
        unsafe { Module::deserialize_open_file(engine, file) }.with_context(failed)
    }

    /// [`Module::deserialize_file`], of a file that is open already. It is read from where it
    /// stands.
    ///
    /// # Errors
    /// If the file can't be read, or as [`Module::deserialize`].
    ///
    /// # Safety
    /// What [`Module::deserialize`] asks of bytes, of the file.
    pub unsafe fn deserialize_open_file(engine: &Engine, mut file: File) -> Result<Module> {
        // A large file that is something else is not read to its end for saying so.
        let mut bytes = first_bytes(&mut file)?;
        if !ImageFile::is_begun_by(&bytes) {
            return Err(DeserializeError::from(ImageFileError::NotAnImage).into());
        }
        file.read_to_end(&mut bytes)?;
        // SAFETY: the caller promises of the file's bytes what is asked here.
        unsafe { Module::deserialize(engine, &bytes) }
    }

    /// The module in a file that holds either a compiled module or one to be compiled.
    ///
    /// # Errors
    /// As [`Module::deserialize_file`], or as [`Module::from_file`].
    ///
    /// # Safety
    /// If the file holds a compiled module, what [`Module::deserialize`] asks of bytes.
    #[cfg(feature = "compiler")]
    pub unsafe fn from_trusted_file(engine: &Engine, file: impl AsRef<Path>) -> Result<Module> {
        match Engine::detect_precompiled_file(&file)? {
            // SAFETY: the caller's promise.
            Some(Precompiled::Module) => unsafe { Module::deserialize_file(engine, file) },
            None => Module::from_file(engine, file),
        }
    }
}

impl Engine {
    /// Compiles a module (binary, or with the feature `wat` text) and gives it as bytes, for
    /// [`Module::deserialize`]: what [`Module::serialize`] gives. Nothing is loaded, so that this
    /// also works for a [target](Config::target) other than this machine.
    ///
    /// # Errors
    /// As [`Module::new`].
    #[cfg(feature = "compiler")]
    pub fn precompile_module(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        let bytes = crate::source::binary(bytes, None)?;
        let module = self.decode(bytes.as_ref().into())?;
        let image = self.image(&module, &())?;
        Ok(ImageFile::write(&image, &self.config().options, &module))
    }

    /// What can be hashed to tell whether two engines take each other's compiled modules: they do
    /// if the hashes are equal.
    ///
    /// ```
    /// # use brolga::*;
    /// # fn main() -> Result<()> {
    /// use std::hash::{BuildHasher, RandomState};
    ///
    /// let state = RandomState::new();
    /// let hash = |engine: &Engine| state.hash_one(engine.precompile_compatibility_hash());
    /// let engine = Engine::default();
    /// assert_eq!(hash(&engine), hash(&Engine::default()));
    /// assert_ne!(hash(&engine), hash(&Engine::new(Config::new().consume_fuel(true))?));
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "compiler")]
    pub fn precompile_compatibility_hash(&self) -> impl core::hash::Hash + '_ {
        let (config, target) = (self.config(), self.target());
        (
            ImageFile::version(),
            target.triple().to_string(),
            target.cpu_features(),
            config.options.fingerprint(),
            config.features,
        )
    }

    /// What bytes are a compiled form of, as far as their beginning tells; `None` for others.
    /// Whether [`Module::deserialize`] takes them is not said.
    pub fn detect_precompiled(bytes: &[u8]) -> Option<Precompiled> {
        ImageFile::is_begun_by(bytes).then_some(Precompiled::Module)
    }

    /// What a file holds a compiled form of: [`Engine::detect_precompiled`] of its first bytes.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn detect_precompiled_file(path: impl AsRef<Path>) -> Result<Option<Precompiled>> {
        let path = path.as_ref();
        let bytes = File::open(path).and_then(|mut file| first_bytes(&mut file));
        let bytes = bytes.with_context(|| format!("failed to read `{}`", path.display()))?;
        Ok(Engine::detect_precompiled(&bytes))
    }
}

/// The one way from bytes to code. If `source` is given, the module must be that.
///
/// # Errors
/// As [`Module::deserialize`].
///
/// # Safety
/// As [`Module::deserialize`].
unsafe fn load(engine: &Engine, bytes: &[u8], source: Option<&[u8]>) -> Result<Arc<LoadedCode>> {
    let file = ImageFile::open(bytes).map_err(DeserializeError::from)?;
    check(&file, engine.config())?;
    let features = file.features;
    let (image, module) = file.read().map_err(DeserializeError::from)?;
    ensure!(source.is_none_or(|source| module == source), "the compiled module is another one");
    // The bodies were validated when they were compiled; they are not looked into again.
    let module = ParsedModule::decode(module.into(), features)?;
    // SAFETY: the caller promises that Brolga wrote the bytes, of this image and this module, and
    // that nobody chose others; `check` has compared options, features and machine.
    let code = unsafe { LoadedCode::load(Arc::new(module), image, engine.types()) }?;
    engine.note_loaded(&code)?;
    Ok(code)
}

/// The code of the module `source` out of the cache, if it is there.
#[cfg(feature = "compiler")]
pub(crate) fn load_cached(
    engine: &Engine,
    entry: &Entry<'_>,
    source: &[u8],
) -> Option<Arc<LoadedCode>> {
    entry.find(|bytes| {
        // SAFETY: the file is in a folder in which only this user's programs write, as
        // `Cache::new` has seen, and they write there what `ImageFile::write` gives.
        unsafe { load(engine, bytes, Some(source)) }
    })
}

/// As many bytes as tell what a file is, or all if it is shorter.
fn first_bytes(file: &mut File) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(ImageFile::MAGIC_BYTES as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// An error unless an engine of this configuration can run what is in `file` on this machine.
fn check(file: &ImageFile<'_>, config: &Config) -> Result<(), DeserializeError> {
    HostError::check_text(file.target, file.cpu_features.iter().copied())?;
    if file.options_fingerprint != config.options.fingerprint() {
        return Err(options_error(file, config));
    }
    check_features(file.features, config.features)
}

/// Which of the options differ: the first.
fn options_error(file: &ImageFile<'_>, config: &Config) -> DeserializeError {
    for (setting, expected) in config.options.settings() {
        let found = file.settings.iter().find(|(name, _)| *name == setting);
        let found = found.map_or("missing", |(_, value)| value).escape_debug().to_string();
        if found != expected {
            return DeserializeError::Options { setting: setting.into(), expected, found };
        }
    }
    DeserializeError::Options {
        setting: "fingerprint".into(),
        expected: format!("{:#018x}", config.options.fingerprint()),
        found: format!("{:#018x}", file.options_fingerprint),
    }
}

/// The module may use any feature it was validated with, so this engine must have them all; those
/// that it has besides make no difference to code that is there already.
fn check_features(found: Features, expected: Features) -> Result<(), DeserializeError> {
    let missing = found.iter().filter(|feature| !expected.contains(*feature));
    let features: Vec<&str> = missing.map(|feature| feature.name()).collect();
    if features.is_empty() { Ok(()) } else { Err(DeserializeError::Features { features }) }
}
