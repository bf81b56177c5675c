//! The configuration of an engine: one setting a method, checked when the engine is made.
//!
//! **Invariants**
//! - What changes generated code is part of [`CompileOptions`] or the target, and so of the key
//!   under which the engine finds compiled modules again.
//! - What only some programs ask for (a profile, a cache, another target) is brought in by the
//!   setting that asks for it: the linker leaves it out of the others.

use core::num::NonZeroUsize;

use brolga_abi::CompileOptions;
use brolga_module::Features;
use brolga_runtime::ProfileFormat;
use target_lexicon::{ParseError, Triple};

#[cfg(feature = "compiler")]
use crate::Cache;
use crate::cranelift_flags::CraneliftFlags;
#[cfg(feature = "compiler")]
use crate::disk_cache::CacheOfEngine;
use crate::proposals::Absent;
use crate::{Error, InstanceAllocationStrategy, Result};

/// What makes code of wasm: see [`Config::strategy`].
///
/// ```
/// use brolga::{Config, Engine, Strategy};
///
/// let engine = Engine::new(Config::new().strategy(Strategy::Cranelift))?;
/// # Ok::<(), brolga::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub enum Strategy {
    /// The best for most programs: Cranelift.
    #[default]
    Auto,
    /// Cranelift, which optimises.
    Cranelift,
}

/// How hard to optimise.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum OptLevel {
    /// Compile as fast as possible.
    None,
    /// Make code fast.
    Speed,
    /// Make code fast and small.
    SpeedAndSize,
}

/// Whether backtraces say where in the source their frames are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum WasmBacktraceDetails {
    /// They do, of modules that have DWARF sections.
    Enable,
    /// They do not.
    Disable,
    /// They do if the environment variable `BROLGA_BACKTRACE_DETAILS` is set, and not to `0`.
    Environment,
}

/// What profilers of the system are told of code; see [`Config::profiler`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ProfilingStrategy {
    /// Nothing.
    None,
    /// Where each function is and what it is called, in `/tmp/perf-PID.map`: `perf record`, then
    /// `perf report`.
    PerfMap,
    /// The code as well, in `jit-PID.dump` in the working directory: `perf record -k mono`, then
    /// `perf inject --jit`, then `perf report` and `perf annotate`.
    JitDump,
}

/// A configuration that no engine can have.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The text is no target triple.
    #[error("`{triple}` is no target triple: {reason}")]
    Triple {
        /// The text.
        triple: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A proposal that this version does not have was switched on.
    #[error("{proposal} are not supported by this version: `{setting}(true)`")]
    Proposal {
        /// What they are called.
        proposal: &'static str,
        /// The setting.
        setting: &'static str,
    },
    /// A setting of the code generator that is part of how code and host work together, or that
    /// there is not.
    #[error("the Cranelift setting `{name}` can't be set to `{value}`")]
    CraneliftFlag {
        /// The setting.
        name: String,
        /// What it was set to.
        value: String,
    },
    /// The stack is too small for anything to run, or larger than the address space.
    #[error("`max_wasm_stack` is {bytes} bytes, expected {min} to {max}")]
    Stack {
        /// The setting.
        bytes: usize,
        /// The least it may be.
        min: usize,
        /// The most it may be.
        max: usize,
    },
    /// More address space than there is.
    #[error("`{setting}` is {bytes} bytes, expected at most {max}")]
    AddressSpace {
        /// The setting.
        setting: &'static str,
        /// Its value.
        bytes: u64,
        /// The most it may be.
        max: u64,
    },
}

/// What an [`Engine`](crate::Engine) is to be like.
///
/// ```
/// use brolga::{Config, Engine, OptLevel};
///
/// let mut config = Config::new();
/// config.cranelift_opt_level(OptLevel::None).wasm_simd(false);
/// let engine = Engine::new(&config)?;
/// # Ok::<(), brolga::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) options: CompileOptions,
    pub(crate) features: Features,
    pub(crate) absent: Absent,
    /// What [`Config::target`] has made of its text.
    pub(crate) target: Option<Result<Triple, ConfigError>>,
    pub(crate) cranelift_flags: CraneliftFlags,
    pub(crate) max_wasm_stack: usize,
    pub(crate) allocation: InstanceAllocationStrategy,
    pub(crate) parallel_compilation: bool,
    pub(crate) compile_threads: usize,
    pub(crate) backtrace_max_frames: Option<NonZeroUsize>,
    pub(crate) backtrace_details: bool,
    pub(crate) profile: Option<ProfileFormat>,
    #[cfg(feature = "compiler")]
    pub(crate) cache: Option<CacheOfEngine>,
    #[cfg(feature = "coredump")]
    pub(crate) coredump_on_trap: bool,
}

/// How many frames a backtrace holds unless told otherwise.
pub(crate) const BACKTRACE_FRAMES: NonZeroUsize = NonZeroUsize::new(20).unwrap();

/// Less could not hold the frames of a single function with some locals.
const STACK_BYTES_MIN: usize = 16 << 10;
/// Anything above is a mistake in a unit.
const STACK_BYTES_MAX: usize = 1 << 40;
/// A quarter of what 48-bit addresses reach.
const ADDRESS_SPACE_MAX: u64 = 1 << 46;

impl Default for Config {
    fn default() -> Config {
        Config {
            options: CompileOptions::default(),
            features: Features::default(),
            absent: Absent::default(),
            target: None,
            cranelift_flags: CraneliftFlags::default(),
            max_wasm_stack: 1 << 20,
            allocation: InstanceAllocationStrategy::OnDemand,
            parallel_compilation: true,
            compile_threads: 0,
            backtrace_max_frames: Some(BACKTRACE_FRAMES),
            backtrace_details: true,
            profile: None,
            #[cfg(feature = "compiler")]
            cache: None,
            #[cfg(feature = "coredump")]
            coredump_on_trap: false,
        }
    }
}

impl Config {
    /// The default configuration.
    pub fn new() -> Config {
        Config::default()
    }

    /// What makes code of wasm. Default: [`Strategy::Auto`].
    pub fn strategy(&mut self, strategy: Strategy) -> &mut Self {
        match strategy {
            // There is one compiler.
            Strategy::Auto | Strategy::Cranelift => self,
        }
    }

    /// How hard to optimise. Default: [`OptLevel::Speed`].
    pub fn cranelift_opt_level(&mut self, level: OptLevel) -> &mut Self {
        self.options.opt_level = match level {
            OptLevel::None => brolga_abi::OptLevel::None,
            OptLevel::Speed => brolga_abi::OptLevel::Speed,
            OptLevel::SpeedAndSize => brolga_abi::OptLevel::SpeedAndSize,
        };
        self
    }

    /// Whether every NaN that arithmetic makes is the canonical one, so that results are the same
    /// on every machine. Default: no.
    pub fn cranelift_nan_canonicalization(&mut self, enable: bool) -> &mut Self {
        self.options.canonicalize_nans = enable;
        self
    }

    /// Whether the code generator checks its own intermediate code: for tests of Brolga.
    /// Default: no.
    pub fn cranelift_debug_verifier(&mut self, enable: bool) -> &mut Self {
        self.options.verify_ir = enable;
        self
    }

    /// [`Config::cranelift_flag_set`] to `true`.
    pub fn cranelift_flag_enable(&mut self, flag: &str) -> &mut Self {
        self.cranelift_flag_set(flag, "true")
    }

    /// Sets one of Cranelift's settings by its name: `opt_level`, `enable_verifier`,
    /// `enable_nan_canonicalization`, and features of the CPU (`has_avx2`): `true` for one that code
    /// may use although the [target](Config::target) does not say so, `false` for one that it may
    /// not. Any other is an error when the engine is made, and so is a feature that this machine
    /// lacks or that code can't do without: code and host rely on them.
    ///
    /// ```
    /// # use brolga::*;
    /// # fn main() -> Result<()> {
    /// Engine::new(Config::new().cranelift_flag_set("opt_level", "none"))?;
    /// let error = Engine::new(Config::new().cranelift_flag_enable("unwind_info")).unwrap_err();
    /// assert!(error.is::<ConfigError>());
    /// # Ok(())
    /// # }
    /// ```
    pub fn cranelift_flag_set(&mut self, name: &str, value: &str) -> &mut Self {
        self.cranelift_flags.set(name, value);
        self
    }

    /// Whether bounds checks also hold while the processor speculates. Default: yes.
    pub fn spectre_mitigation(&mut self, enable: bool) -> &mut Self {
        self.options.spectre_mitigation = enable;
        self
    }

    /// Whether wasm counts what it executes and traps when its fuel is used up; see
    /// [`Store::set_fuel`](crate::Store::set_fuel). Default: no.
    pub fn consume_fuel(&mut self, enable: bool) -> &mut Self {
        self.options.consume_fuel = enable;
        self
    }

    /// Whether wasm looks at the engine's epoch and stops at its store's deadline; see
    /// [`Engine::increment_epoch`](crate::Engine::increment_epoch). Default: no.
    pub fn epoch_interruption(&mut self, enable: bool) -> &mut Self {
        self.options.epoch_interruption = enable;
        self
    }

    /// Whether functions are compiled on several threads. Default: yes, where the feature
    /// `parallel-compilation` is on.
    pub fn parallel_compilation(&mut self, parallel: bool) -> &mut Self {
        self.parallel_compilation = parallel;
        self
    }

    /// On how many threads functions are compiled; 0 means as many as there are processors. What
    /// comes out does not depend on it. Default: 0.
    pub fn compile_threads(&mut self, threads: usize) -> &mut Self {
        self.compile_threads = threads;
        self
    }

    /// Whether faults of the processor are turned into traps by signal handlers. Without, code
    /// checks everything itself and the process's signal handlers stay as they are. Default: yes.
    pub fn signals_based_traps(&mut self, enable: bool) -> &mut Self {
        self.options.memory.signals = enable;
        self
    }

    /// Address space to reserve for each memory, in bytes. At least 4 GiB lets 32-bit memories do
    /// without bounds checks. Default: 4 GiB.
    pub fn memory_reservation(&mut self, bytes: u64) -> &mut Self {
        self.options.memory.reservation_bytes = bytes;
        self
    }

    /// Inaccessible bytes behind each memory's reservation, by which checks of offsets smaller
    /// than that are saved. Default: 2 GiB.
    pub fn memory_guard_size(&mut self, bytes: u64) -> &mut Self {
        self.options.memory.guard_bytes = bytes;
        self
    }

    /// Whether a memory that outgrows its [reservation](Config::memory_reservation) is moved to a
    /// larger one. Otherwise it does not grow. Memories of 32 bits with a reservation of 4 GiB
    /// never outgrow it. Default: yes.
    pub fn memory_may_move(&mut self, enable: bool) -> &mut Self {
        self.options.memory.may_move = enable;
        self
    }

    /// Whether the first contents of memories are mapped copy-on-write from an image, from a
    /// module's second instance on and where that pays; else they are copied. Default: yes.
    pub fn memory_init_cow(&mut self, enable: bool) -> &mut Self {
        self.options.memory.init_cow = enable;
        self
    }

    /// Whether there are inaccessible bytes before each memory too, should an address ever come
    /// out negative. Default: yes.
    pub fn guard_before_linear_memory(&mut self, enable: bool) -> &mut Self {
        let default = brolga_abi::MemoryOptions::default().guard_before_bytes;
        self.options.memory.guard_before_bytes = if enable { default } else { 0 };
        self
    }

    /// The stack that wasm has, in bytes. What does not fit traps, whatever thread it runs on.
    /// Default: 1 MiB.
    pub fn max_wasm_stack(&mut self, bytes: usize) -> &mut Self {
        self.max_wasm_stack = bytes;
        self
    }

    /// Where memories, tables and stacks come from.
    /// Default: [`InstanceAllocationStrategy::OnDemand`].
    pub fn allocation_strategy(
        &mut self,
        strategy: impl Into<InstanceAllocationStrategy>,
    ) -> &mut Self {
        self.allocation = strategy.into();
        self
    }

    /// How many frames the backtrace of an error holds; `None` for no backtraces. Default: 20.
    pub fn wasm_backtrace_max_frames(&mut self, limit: Option<NonZeroUsize>) -> &mut Self {
        self.backtrace_max_frames = limit;
        self
    }

    /// Whether errors have backtraces. Default: yes.
    pub fn wasm_backtrace(&mut self, enable: bool) -> &mut Self {
        match (enable, self.backtrace_max_frames) {
            (false, _) => self.wasm_backtrace_max_frames(None),
            (true, None) => self.wasm_backtrace_max_frames(Some(BACKTRACE_FRAMES)),
            (true, Some(_)) => self,
        }
    }

    /// Whether backtraces say where in the source their frames are. DWARF sections are read only
    /// when a backtrace is shown or [`FrameInfo::symbols`](crate::FrameInfo::symbols) asked for,
    /// and with bounded effort. Default: [`WasmBacktraceDetails::Enable`].
    pub fn wasm_backtrace_details(&mut self, details: WasmBacktraceDetails) -> &mut Self {
        self.backtrace_details = match details {
            WasmBacktraceDetails::Enable => true,
            WasmBacktraceDetails::Disable => false,
            WasmBacktraceDetails::Environment => {
                std::env::var_os("BROLGA_BACKTRACE_DETAILS").is_some_and(|value| value != "0")
            }
        };
        self
    }

    /// Where compiled modules are kept beyond this process; see [`Cache`]. Default: nowhere.
    #[cfg(feature = "compiler")]
    pub fn cache(&mut self, cache: Option<Cache>) -> &mut Self {
        self.cache = cache.map(CacheOfEngine::new);
        self
    }

    /// What profilers of the system are told whenever code is loaded. If the file can't be
    /// written, making the engine or the module fails. Default: [`ProfilingStrategy::None`].
    pub fn profiler(&mut self, profile: ProfilingStrategy) -> &mut Self {
        self.profile = match profile {
            ProfilingStrategy::None => None,
            ProfilingStrategy::PerfMap => Some(ProfileFormat::PERF_MAP),
            ProfilingStrategy::JitDump => Some(ProfileFormat::JIT_DUMP),
        };
        self
    }

    /// Whether an error of a call has a [`WasmCoreDump`](crate::WasmCoreDump) around it.
    /// Default: no.
    #[cfg(feature = "coredump")]
    pub fn coredump_on_trap(&mut self, enable: bool) -> &mut Self {
        self.coredump_on_trap = enable;
        self
    }

    /// Compiles for machines of the triple `target` instead of this one. Such code can be looked
    /// at and stored, not run.
    ///
    /// # Errors
    /// [`ConfigError::Triple`] if `target` is empty or has no architecture; whether code can be
    /// made for it is said by [`Engine::new`](crate::Engine::new).
    pub fn target(&mut self, target: &str) -> Result<&mut Self> {
        let refused = |reason: String| ConfigError::Triple { triple: target.to_owned(), reason };
        if target.split('-').next().is_none_or(str::is_empty) {
            return Err(refused("it does not begin with an architecture".to_owned()).into());
        }
        let triple = target.parse().map_err(|reason: ParseError| refused(reason.to_string()));
        self.target = Some(triple);
        Ok(self)
    }

    /// What an engine makes of the settings: rounded to what mappings can have.
    pub(crate) fn checked(&self) -> Result<Config, Error> {
        let stack = STACK_BYTES_MIN..=STACK_BYTES_MAX;
        if !stack.contains(&self.max_wasm_stack) {
            let (bytes, min, max) = (self.max_wasm_stack, STACK_BYTES_MIN, STACK_BYTES_MAX);
            return Err(ConfigError::Stack { bytes, min, max }.into());
        }
        let mut config = self.clone();
        self.absent.check()?;
        self.cranelift_flags.apply(&mut config.options)?;
        let memory = &mut config.options.memory;
        for (setting, bytes) in [
            ("memory_reservation", &mut memory.reservation_bytes),
            ("memory_guard_size", &mut memory.guard_bytes),
        ] {
            if *bytes > ADDRESS_SPACE_MAX {
                let (bytes, max) = (*bytes, ADDRESS_SPACE_MAX);
                return Err(ConfigError::AddressSpace { setting, bytes, max }.into());
            }
            *bytes = bytes.next_multiple_of(brolga_abi::CodeImage::PAGE as u64);
        }
        Ok(config)
    }
}
