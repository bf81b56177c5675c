//! How a program's code is made and how much it may use: the engine and the store's limits.

use std::path::Path;

use brolga::WasmBacktraceDetails;
use brolga::{Cache, CacheConfig, CacheError, Config, Limits, ProfilingStrategy, Store};
use brolga_wasi::WasiCtx;

use super::sampler;
use crate::engine;
use crate::failure::Failure;
use crate::flags::{BoundFlags, Profile, RunFlags, Switch};

/// The engine that `flags` need.
pub(super) fn config(flags: &RunFlags) -> Result<Config, Failure> {
    let mut config = engine::config(&flags.code);
    if let Some(folder) = &flags.cache {
        config.cache(Some(cache(folder.as_deref())?));
    }
    config.consume_fuel(flags.bounds.fuel.is_some());
    config.epoch_interruption(looks_at_epochs(flags));
    if let Some(bytes) = flags.bounds.max_stack {
        config.max_wasm_stack(usize::try_from(bytes).unwrap_or(usize::MAX));
    }
    config.coredump_on_trap(flags.finding.coredump.is_some());
    config.profiler(match &flags.finding.profile {
        Some(Profile::Perfmap) => ProfilingStrategy::PerfMap,
        Some(Profile::Jitdump) => ProfilingStrategy::JitDump,
        Some(Profile::Guest(_)) | None => ProfilingStrategy::None,
    });
    if matches!(flags.finding.profile, Some(Profile::Guest(_))) {
        config.wasm_backtrace_max_frames(Some(sampler::DEPTH_MAX));
    }
    config.wasm_backtrace_details(match flags.finding.debug_info {
        Switch::On => WasmBacktraceDetails::Enable,
        Switch::Off => WasmBacktraceDetails::Disable,
    });
    Ok(config)
}

/// The cache in `folder`, or where caches usually are.
fn cache(folder: Option<&Path>) -> Result<Cache, Failure> {
    let mut config = CacheConfig::new();
    if let Some(folder) = folder {
        config.with_directory(folder);
    }
    Cache::new(config).map_err(|error| {
        let failure = Failure::new(format!("{error:#}"));
        match error.downcast_ref() {
            Some(CacheError::NoFolder) => failure.hint("--cache=DIR names one"),
            Some(CacheError::NotPrivate { .. }) => failure.hint(
                "what is in the folder is run: only its owner may be able to write to it (chmod 700)",
            ),
            _ => failure,
        }
    })
}

/// Whether the guest must be able to be stopped, or looked at, from outside.
pub(super) fn looks_at_epochs(flags: &RunFlags) -> bool {
    flags.bounds.timeout.is_some() || matches!(flags.finding.profile, Some(Profile::Guest(_)))
}

/// How much the program may use.
pub(super) fn bound(store: &mut Store<WasiCtx>, flags: &BoundFlags) -> Result<(), Failure> {
    if let Some(bytes) = flags.max_memory {
        let limits = Limits { memory_bytes: bytes, memory_bytes_total: bytes, ..store.limits() };
        store.set_limits(limits);
    }
    if let Some(fuel) = flags.fuel {
        store.set_fuel(fuel).map_err(|error| Failure::new(format!("no fuel: {error:#}")))?;
    }
    store.set_epoch_deadline(1);
    Ok(())
}
