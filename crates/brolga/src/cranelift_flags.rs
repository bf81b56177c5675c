//! The settings of the code generator that embedders may set by its own names.
//!
//! Most of its settings are part of the contract between code and host and are not to be changed.
//! What is left: the rows below, which are options of ours under another name, and what a CPU has.
//!
//! **Invariants**
//! - A setting that is not let through is an error when the engine is made, never ignored.

use brolga_abi::{CompileOptions, OptLevel};

use crate::ConfigError;

/// What the code generator calls features of a CPU.
const CPU_FEATURE: &str = "has_";

/// The settings as they were made.
#[derive(Clone, Default, Debug)]
pub(crate) struct CraneliftFlags {
    set: Vec<(String, String)>,
}

impl CraneliftFlags {
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.set.push((name.to_owned(), value.to_owned()));
    }

    /// Puts the settings that are options into `options`.
    ///
    /// # Errors
    /// If one is not to be changed, or not to that.
    pub(crate) fn apply(&self, options: &mut CompileOptions) -> Result<(), ConfigError> {
        for (name, value) in &self.set {
            let switch = match &**value {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            };
            match (&**name, &**value, switch) {
                ("opt_level", "none", _) => options.opt_level = OptLevel::None,
                ("opt_level", "speed", _) => options.opt_level = OptLevel::Speed,
                ("opt_level", "speed_and_size", _) => options.opt_level = OptLevel::SpeedAndSize,
                ("enable_verifier", _, Some(on)) => options.verify_ir = on,
                ("enable_nan_canonicalization", _, Some(on)) => options.canonicalize_nans = on,
                (name, _, Some(_)) if name.starts_with(CPU_FEATURE) => {}
                _ => {
                    let (name, value) = (name.clone(), value.clone());
                    return Err(ConfigError::CraneliftFlag { name, value });
                }
            }
        }
        Ok(())
    }

    /// The features of the CPU that code may or may not use, whatever the target has, in the order
    /// in which they were set.
    #[cfg(feature = "compiler")]
    pub(crate) fn cpu_features(&self) -> impl Iterator<Item = (&str, bool)> {
        let features = self.set.iter().filter(|(name, _)| name.starts_with(CPU_FEATURE));
        features.map(|(name, value)| (&**name, value == "true"))
    }
}
