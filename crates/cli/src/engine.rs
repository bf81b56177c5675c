//! The engine of a command, by its flags.

use brolga::{Config, ConfigError, Engine};

use crate::failure::Failure;
use crate::flags::{CodeFlags, OptLevel};

/// The configuration that `flags` describe.
pub(crate) fn config(flags: &CodeFlags) -> Config {
    let mut config = Config::new();
    config.compile_threads(flags.threads.unwrap_or(0));
    config.cranelift_opt_level(match flags.opt_level {
        OptLevel::None => brolga::OptLevel::None,
        OptLevel::Speed => brolga::OptLevel::Speed,
        OptLevel::SpeedAndSize => brolga::OptLevel::SpeedAndSize,
    });
    config
}

/// An engine of this configuration.
pub(crate) fn engine(config: &Config) -> Result<Engine, Failure> {
    Engine::new(config).map_err(|error| match error.downcast_ref::<ConfigError>() {
        Some(error) => Failure::usage(error.to_string()),
        None => Failure::new(format!("can't run WebAssembly on this machine: {error:#}")),
    })
}
