//! The engine of a command, by its flags.

use brolga::{CompileError, Config, ConfigError, Engine};

use crate::failure::Failure;
use crate::flags::{CodeFlags, OptLevel, TargetFlags};

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

/// The configuration that `flags` describe, for the machines that `target` names.
pub(crate) fn config_for(target: &TargetFlags, flags: &CodeFlags) -> Result<Config, Failure> {
    let mut config = config(flags);
    if let Some(triple) = &target.target {
        config.target(triple).map_err(|error| of_target(&error.to_string()))?;
    }
    Ok(config)
}

/// An engine of this configuration.
pub(crate) fn engine(config: &Config) -> Result<Engine, Failure> {
    Engine::new(config).map_err(|error| match error.downcast_ref::<ConfigError>() {
        Some(ConfigError::Triple { .. }) => of_target(&error.to_string()),
        Some(error) => Failure::usage(error.to_string()),
        None if error.is::<CompileError>() => of_target(&error.to_string()),
        None => Failure::new(format!("can't run WebAssembly on this machine: {error:#}")),
    })
}

/// Code can't be made for what `--target` names.
fn of_target(error: &str) -> Failure {
    Failure::usage(error).hint("a target is named in full, such as aarch64-unknown-linux-gnu")
}
