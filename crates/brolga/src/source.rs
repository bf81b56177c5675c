//! Modules out of bytes, text and files.

use std::borrow::Cow;
use std::path::Path;

use crate::{Context, Engine, EngineError, Module, Result};

impl Module {
    /// Compiles a module: the binary format, or with the feature `wat` also the text format.
    ///
    /// # Errors
    /// If the bytes are no valid module of the features that are switched on, or can't be
    /// compiled.
    pub fn new(engine: &Engine, bytes: impl AsRef<[u8]>) -> Result<Module> {
        Module::from_binary(engine, &binary(bytes.as_ref(), None)?)
    }

    /// Compiles the module in a file, binary or (with the feature `wat`) text.
    ///
    /// # Errors
    /// If the file can't be read, or as [`Module::new`].
    pub fn from_file(engine: &Engine, file: impl AsRef<Path>) -> Result<Module> {
        let file = file.as_ref();
        let bytes = std::fs::read(file)
            .with_context(|| format!("failed to read the module in `{}`", file.display()))?;
        Module::from_binary(engine, &binary(&bytes, Some(file))?)
    }

    /// Compiles a module in the binary format.
    ///
    /// # Errors
    /// As [`Module::new`].
    pub fn from_binary(engine: &Engine, binary: &[u8]) -> Result<Module> {
        engine.module(binary, false)
    }
}

/// The binary of a module given as binary or as text.
#[cfg(feature = "wat")]
pub(crate) fn binary<'a>(bytes: &'a [u8], file: Option<&Path>) -> Result<Cow<'a, [u8]>> {
    check_source(bytes)?;
    wat::parse_bytes(bytes).map_err(|mut error| {
        if let Some(file) = file {
            error.set_path(file);
        }
        error.into()
    })
}

/// The binary of a module given as binary: this build reads no text.
#[cfg(not(feature = "wat"))]
pub(crate) fn binary<'a>(bytes: &'a [u8], _file: Option<&Path>) -> Result<Cow<'a, [u8]>> {
    check_source(bytes)?;
    Ok(bytes.into())
}

/// An error for what is no source, though it holds one.
fn check_source(bytes: &[u8]) -> Result<(), EngineError> {
    match Engine::detect_precompiled(bytes) {
        None => Ok(()),
        Some(_) => Err(EngineError::Precompiled),
    }
}
