//! What code is made for: a triple and the features of its CPU.
//!
//! **Invariants**
//! - Every target is 64-bit: the contract with the runtime has one layout.
//! - Every target has the instructions that keep rounding and vectors from becoming library calls:
//!   an image has no way out but its thunks.
//! - No target signs return addresses: the walk over frames reads them as they are.

use brolga_abi::{CompileOptions, OptLevel};
use cranelift_codegen::isa::{self, OwnedTargetIsa, TargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use target_lexicon::{Aarch64Architecture, Architecture, CallingConvention, PointerWidth, Triple};

use crate::CompileError;

/// What code is made for.
///
/// ```
/// use brolga_compile::Target;
/// let host = Target::host().unwrap();
/// assert_eq!(host.triple(), &target_lexicon::Triple::host());
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    triple: Triple,
    cpu_features: Vec<String>,
}

impl Target {
    /// This machine, with every feature of its CPU that the code generator can use.
    ///
    /// # Errors
    /// If code cannot be made for this machine.
    pub fn host() -> Result<Self, CompileError> {
        let mut target = Self::without_features(Triple::host())?;
        let mut builder = target.builder()?;
        cranelift_native::infer_native_flags(&mut builder).map_err(|it| target.error(it))?;
        // Only features are taken over: what else is usual on the host, such as signed return
        // addresses on Apple's machines, is not needed.
        target.cpu_features = enabled_features(&*target.finish_builder(&builder)?);
        target.checked()
    }

    /// Machines of `triple`, with the features that every one of them is taken to have: x86-64-v2,
    /// the vector extension of RISC-V, and otherwise what the architecture began with.
    ///
    /// # Errors
    /// If code cannot be made for `triple`, or not by this build.
    pub fn new(triple: Triple) -> Result<Self, CompileError> {
        let mut target = Self::without_features(triple)?;
        let baseline = target.architecture().baseline();
        target.cpu_features = baseline.iter().map(|&it| it.to_owned()).collect();
        target.checked()
    }

    /// The same machines, if they also have `feature`, by Cranelift's name (`has_avx2`).
    ///
    /// # Errors
    /// If there is no such feature on the target.
    pub fn with_cpu_feature(mut self, feature: &str) -> Result<Self, CompileError> {
        if !feature.starts_with(FEATURE_PREFIX) {
            return Err(self.error(format!("`{feature}` is not a feature of a CPU")));
        }
        self.cpu_features.push(feature.to_owned());
        self.checked()
    }

    /// The same machines, and those that lack `feature`, by Cranelift's name.
    ///
    /// # Errors
    /// If there is no such feature on the target, or no code without it.
    pub fn without_cpu_feature(self, feature: &str) -> Result<Self, CompileError> {
        // With it, to learn whether it is one.
        let mut target = self.with_cpu_feature(feature)?;
        target.cpu_features.retain(|it| it != feature);
        target.checked()
    }

    /// The triple.
    pub fn triple(&self) -> &Triple {
        &self.triple
    }

    /// The features of the CPU that code may use, by Cranelift's names, sorted.
    pub fn cpu_features(&self) -> &[String] {
        &self.cpu_features
    }

    /// How far a direct call reaches, and with it how much code an image may have, in bytes.
    pub(crate) fn text_bytes_max(&self) -> u64 {
        self.architecture().text_bytes_max()
    }

    /// The code generator for this target.
    pub(crate) fn isa(&self, options: &CompileOptions) -> Result<OwnedTargetIsa, CompileError> {
        let flags = shared_flags(options).map_err(|error| self.error(error.to_string()))?;
        self.builder()?.finish(flags).map_err(|error| self.error(error.to_string()))
    }

    /// The target of `triple` without any feature, if it is one that has the contract's layout.
    fn without_features(triple: Triple) -> Result<Self, CompileError> {
        let target = Self { triple, cpu_features: Vec::new() };
        if ArchitectureFamily::of(&target.triple).is_none() {
            return Err(target.error("only x86_64, aarch64, riscv64 and s390x are supported"));
        }
        if target.triple.pointer_width() != Ok(PointerWidth::U64) {
            return Err(target.error("only 64-bit targets are supported"));
        }
        match target.triple.default_calling_convention() {
            Ok(
                CallingConvention::SystemV
                | CallingConvention::WindowsFastcall
                | CallingConvention::AppleAarch64,
            ) => Ok(target),
            _ => Err(target.error("its calling convention is not known")),
        }
    }

    /// The same target, with the features that others imply, if they suffice.
    fn checked(mut self) -> Result<Self, CompileError> {
        self.cpu_features = enabled_features(&*self.finish_builder(&self.builder()?)?);
        for feature in self.architecture().required() {
            if !self.cpu_features.iter().any(|it| it == feature) {
                return Err(self.error(format!("code needs the CPU feature `{feature}`")));
            }
        }
        Ok(self)
    }

    fn builder(&self) -> Result<isa::Builder, CompileError> {
        let mut builder = isa::lookup(self.triple.clone()).map_err(|reason| match reason {
            isa::LookupError::SupportDisabled => {
                self.error("this build has no code generator for it (feature `all-arch`)")
            }
            isa::LookupError::Unsupported => self.error("there is no code generator for it"),
        })?;
        for feature in &self.cpu_features {
            builder
                .enable(feature)
                .map_err(|error| self.error(format!("CPU feature `{feature}`: {error}")))?;
        }
        Ok(builder)
    }

    fn finish_builder(&self, builder: &isa::Builder) -> Result<OwnedTargetIsa, CompileError> {
        let flags = settings::Flags::new(settings::builder());
        builder.finish(flags).map_err(|error| self.error(error.to_string()))
    }

    fn architecture(&self) -> ArchitectureFamily {
        ArchitectureFamily::of(&self.triple).expect("checked when the target was made")
    }

    fn error(&self, reason: impl Into<String>) -> CompileError {
        CompileError::Target { triple: self.triple.to_string(), reason: reason.into() }
    }
}

/// The features that `isa` was built with.
fn enabled_features(isa: &dyn TargetIsa) -> Vec<String> {
    let mut features: Vec<String> = Vec::new();
    for flag in isa.isa_flags() {
        if flag.name.starts_with(FEATURE_PREFIX) && flag.as_bool() == Some(true) {
            // In its place at once: there are few, and sorting texts takes much code.
            let place = features.partition_point(|other| **other < *flag.name);
            features.insert(place, flag.name.to_owned());
        }
    }
    features
}

/// How Cranelift names what a CPU may or may not have.
const FEATURE_PREFIX: &str = "has_";

/// The architectures that there is code for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ArchitectureFamily {
    X86_64,
    Aarch64,
    Riscv64,
    S390x,
}

impl ArchitectureFamily {
    fn of(triple: &Triple) -> Option<Self> {
        match triple.architecture {
            Architecture::X86_64 => Some(Self::X86_64),
            Architecture::Aarch64(Aarch64Architecture::Aarch64) => Some(Self::Aarch64),
            Architecture::Riscv64(_) => Some(Self::Riscv64),
            Architecture::S390x => Some(Self::S390x),
            _ => None,
        }
    }

    /// The features that [`Target::new`] takes for granted.
    fn baseline(self) -> &'static [&'static str] {
        match self {
            Self::X86_64 => {
                &["has_cmpxchg16b", "has_sse3", "has_ssse3", "has_sse41", "has_sse42", "has_popcnt"]
            }
            Self::Riscv64 => &["has_v"],
            Self::Aarch64 | Self::S390x => &[],
        }
    }

    /// The features without which rounding and vectors would be calls into a library.
    fn required(self) -> &'static [&'static str] {
        match self {
            Self::X86_64 => &["has_sse3", "has_ssse3", "has_sse41"],
            Self::Aarch64 | Self::Riscv64 | Self::S390x => &[],
        }
    }

    fn text_bytes_max(self) -> u64 {
        match self {
            Self::Aarch64 => 128 << 20,
            Self::X86_64 | Self::Riscv64 | Self::S390x => 2 << 30,
        }
    }
}

/// Cranelift's settings that are the same for all targets.
fn shared_flags(options: &CompileOptions) -> Result<settings::Flags, settings::SetError> {
    let opt_level = match options.opt_level {
        OptLevel::None => "none",
        OptLevel::Speed => "speed",
        OptLevel::SpeedAndSize => "speed_and_size",
    };
    let switch = |on: bool| if on { "true" } else { "false" };
    let mut flags = settings::builder();
    for (name, value) in [
        ("opt_level", opt_level),
        ("enable_verifier", switch(options.verify_ir)),
        ("enable_nan_canonicalization", switch(options.canonicalize_nans)),
        // What the linker asks for: calls and data inside the image are always near.
        ("is_pic", "false"),
        // Backtraces walk the frames.
        ("preserve_frame_pointers", "true"),
        // A frame larger than the guard page touches each page on its way down.
        ("enable_probestack", "true"),
        ("probestack_strategy", "inline"),
        // Results that registers cannot hold go to an area of the caller's.
        ("enable_multi_ret_implicit_sret", "true"),
        // Nobody unwinds through code: a trap drops all frames at once.
        ("unwind_info", "false"),
    ] {
        flags.set(name, value)?;
    }
    Ok(settings::Flags::new(flags))
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Target {
        /// The host, and every architecture that this build has a code generator for.
        pub(crate) fn all_of_this_build() -> Vec<Target> {
            let mut targets = vec![Target::host().unwrap()];
            if cfg!(feature = "all-arch") {
                for architecture in ["x86_64", "aarch64", "riscv64gc", "s390x"] {
                    let triple = format!("{architecture}-unknown-linux-gnu").parse().unwrap();
                    targets.push(Target::new(triple).unwrap());
                }
            }
            targets
        }
    }

    fn reason(triple: &str) -> String {
        match Target::new(triple.parse().unwrap()) {
            Err(CompileError::Target { reason, .. }) => reason,
            other => panic!("expected a refusal, found {other:?}"),
        }
    }

    #[test]
    fn the_host_is_a_target_for_every_option() {
        let host = Target::host().unwrap();
        for opt_level in [OptLevel::None, OptLevel::Speed, OptLevel::SpeedAndSize] {
            for on in [false, true] {
                let options = CompileOptions {
                    opt_level,
                    verify_ir: on,
                    canonicalize_nans: on,
                    ..CompileOptions::default()
                };
                let isa = host.isa(&options).unwrap();
                assert_eq!(isa.flags().enable_verifier(), on);
                assert!(isa.flags().preserve_frame_pointers());
                assert!(!isa.flags().is_pic());
            }
        }
        assert!(host.cpu_features().is_sorted());
    }

    #[test]
    fn targets_without_the_contracts_layout_are_refused() {
        assert!(reason("i686-unknown-linux-gnu").contains("x86_64, aarch64"));
        assert!(reason("wasm32-wasip1").contains("x86_64, aarch64"));
        assert!(reason("pulley64").contains("x86_64, aarch64"));
        assert!(reason("aarch64_be-unknown-linux-gnu").contains("x86_64, aarch64"));
        assert!(reason("x86_64-unknown-linux-gnux32").contains("64-bit"));
    }

    #[cfg(any(feature = "all-arch", target_arch = "x86_64"))]
    #[test]
    fn a_feature_of_the_cpu_is_added_and_taken_away_by_its_name() {
        let target = Target::new("x86_64-unknown-linux-gnu".parse().unwrap()).unwrap();
        assert!(!target.cpu_features().iter().any(|it| it == "has_avx2"));
        let target = target.with_cpu_feature("has_avx2").unwrap();
        assert!(target.cpu_features().iter().any(|it| it == "has_avx2"));
        assert!(target.clone().with_cpu_feature("has_legs").is_err());
        assert!(target.clone().with_cpu_feature("use_bti").is_err());
        let without = target.clone().without_cpu_feature("has_avx2").unwrap();
        assert!(!without.cpu_features().iter().any(|it| it == "has_avx2"));
        assert_eq!(without.clone().without_cpu_feature("has_avx2").unwrap(), without);
        assert!(target.clone().without_cpu_feature("has_legs").is_err());
        assert!(target.clone().without_cpu_feature("use_bti").is_err());
        let error = target.without_cpu_feature("has_ssse3").unwrap_err();
        assert!(error.to_string().contains("code needs the CPU feature `has_ssse3`"), "{error}");
    }
}
