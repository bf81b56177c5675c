//! The proposals of WebAssembly in an engine's configuration, a method each.
//!
//! **Invariants**
//! - A proposal that this version does not have can be switched off, which is nothing, and not on,
//!   which is an error when the engine is made.

use brolga_module::Feature;

use crate::{Config, ConfigError};

macro_rules! features {
    ($($method:ident $feature:ident;)*) => {
        /// The proposals of WebAssembly, each on or off. Switching one on switches on what it
        /// needs; switching one off switches off what needs it.
        impl Config {$(
            #[doc = concat!("Switches on or off: [`Feature::", stringify!($feature), "`].")]
            pub fn $method(&mut self, enable: bool) -> &mut Self {
                self.wasm_feature(Feature::$feature, enable)
            }
        )*}
    };
}

features! {
    wasm_bulk_memory BulkMemory;
    wasm_multi_value MultiValue;
    wasm_reference_types ReferenceTypes;
    wasm_simd Simd;
    wasm_relaxed_simd RelaxedSimd;
    wasm_tail_call TailCall;
    wasm_multi_memory MultiMemory;
    wasm_memory64 Memory64;
    wasm_extended_const ExtendedConst;
    wasm_custom_page_sizes CustomPageSizes;
    wasm_wide_arithmetic WideArithmetic;
}

impl Config {
    /// Switches a proposal on or off, by its row in the table of features.
    pub fn wasm_feature(&mut self, feature: Feature, enable: bool) -> &mut Self {
        self.features = self.features.with(feature, enable);
        self
    }
}

/// The proposals that were switched on and are not there.
#[derive(Clone, Default, Debug)]
pub(crate) struct Absent(Vec<(&'static str, &'static str)>);

impl Absent {
    fn set(&mut self, setting: &'static str, proposal: &'static str, enable: bool) {
        self.0.retain(|(other, _)| *other != setting);
        if enable {
            self.0.push((setting, proposal));
        }
    }

    /// # Errors
    /// If there is one.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        match self.0.first() {
            None => Ok(()),
            Some(&(setting, proposal)) => Err(ConfigError::Proposal { proposal, setting }),
        }
    }
}

macro_rules! absent {
    ($($method:ident $proposal:literal;)*) => {
        impl Config {$(
            #[doc = concat!("Not there yet: ", $proposal, ". Switched on, they are an error when the engine is made.")]
            pub fn $method(&mut self, enable: bool) -> &mut Self {
                self.absent.set(stringify!($method), $proposal, enable);
                self
            }
        )*}
    };
}

absent! {
    wasm_threads "shared memories and atomic operators";
    shared_memory "memories that threads share";
    wasm_function_references "typed function references";
    wasm_gc "structs and arrays";
    wasm_exceptions "exceptions";
    wasm_stack_switching "continuations";
    wasm_component_model "components";
}
