//! What the machine that this runs on is, and whether an image may run on it.
//!
//! **Invariants**
//! - A CPU feature that is not in the table counts as missing.

use std::str::FromStr;

use target_lexicon::Triple;

/// Why code can't run on this machine.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// It was made for another processor or operating system.
    #[error("the code was compiled for {found}, expected code for this machine, {expected}")]
    Target {
        /// This machine's triple.
        expected: String,
        /// The code's triple.
        found: String,
    },
    /// It uses instructions that this processor does not have.
    #[error("the code was compiled for processors with `{feature}`, which this one lacks")]
    CpuFeature {
        /// The feature, by Cranelift's name.
        feature: String,
    },
}

impl HostError {
    /// An error if code for `triple` and processors with `cpu_features` can't run on this machine.
    #[cfg(feature = "compiler")]
    pub(crate) fn check<'a>(
        triple: &Triple,
        cpu_features: impl Iterator<Item = &'a str>,
    ) -> Result<(), HostError> {
        if !is_of_host(triple) {
            return Err(HostError::target(triple.to_string()));
        }
        HostError::check_features(cpu_features)
    }

    /// [`HostError::check`], of a triple as text: one that is none is another machine's.
    pub(crate) fn check_text<'a>(
        triple: &str,
        cpu_features: impl Iterator<Item = &'a str>,
    ) -> Result<(), HostError> {
        if !Triple::from_str(triple).is_ok_and(|triple| is_of_host(&triple)) {
            return Err(HostError::target(triple.escape_debug().to_string()));
        }
        HostError::check_features(cpu_features)
    }

    fn target(found: String) -> HostError {
        HostError::Target { expected: Triple::host().to_string(), found }
    }

    fn check_features<'a>(
        mut cpu_features: impl Iterator<Item = &'a str>,
    ) -> Result<(), HostError> {
        match cpu_features.find(|feature| !host_has(feature)) {
            None => Ok(()),
            Some(missing) => {
                Err(HostError::CpuFeature { feature: missing.escape_debug().to_string() })
            }
        }
    }
}

/// Whether code for `triple` is code for this machine. What else a triple says (vendor, C library)
/// is nothing to code that calls no library.
fn is_of_host(triple: &Triple) -> bool {
    let host = Triple::host();
    triple.architecture == host.architecture && triple.operating_system == host.operating_system
}

macro_rules! cpu_features {
    ($detect:path; $($cranelift:literal $rust:tt;)*) => {
        /// Whether this processor has a feature, by Cranelift's name.
        fn host_has(feature: &str) -> bool {
            use $detect as detected;
            match feature {
                $($cranelift => detected!($rust),)*
                _ => false,
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
cpu_features! { std::is_x86_feature_detected;
    "has_avx" "avx";
    "has_avx2" "avx2";
    "has_avx512bitalg" "avx512bitalg";
    "has_avx512dq" "avx512dq";
    "has_avx512f" "avx512f";
    "has_avx512vbmi" "avx512vbmi";
    "has_avx512vl" "avx512vl";
    "has_avx512vnni" "avx512vnni";
    "has_avx_vnni" "avxvnni";
    "has_bmi1" "bmi1";
    "has_bmi2" "bmi2";
    "has_cmpxchg16b" "cmpxchg16b";
    "has_fma" "fma";
    "has_lzcnt" "lzcnt";
    "has_popcnt" "popcnt";
    "has_sse3" "sse3";
    "has_sse41" "sse4.1";
    "has_sse42" "sse4.2";
    "has_ssse3" "ssse3";
}

#[cfg(target_arch = "aarch64")]
cpu_features! { std::arch::is_aarch64_feature_detected;
    "has_dotprod" "dotprod";
    "has_fp16" "fp16";
    "has_i8mm" "i8mm";
    "has_lse" "lse";
    "has_pauth" "paca";
}

/// Nothing is known of other processors.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn host_has(_feature: &str) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_architecture_or_system_is_refused() {
        let host = Triple::host().to_string();
        assert_eq!(HostError::check_text(&host, [].into_iter()), Ok(()));
        for found in ["s390x-unknown-linux-gnu", "x86_64-unknown-none-elf", "x", "", "\n-\n"] {
            let error = HostError::check_text(found, [].into_iter()).unwrap_err();
            assert!(matches!(error, HostError::Target { .. }), "{error}");
            assert!(error.to_string().contains(&host), "{error}");
        }
    }

    #[test]
    fn a_feature_that_nobody_has_is_refused() {
        let host = Triple::host().to_string();
        for feature in ["has_legs", "", "sse3"] {
            let error = HostError::check_text(&host, [feature].into_iter()).unwrap_err();
            assert_eq!(error, HostError::CpuFeature { feature: feature.into() });
        }
    }

    #[cfg(feature = "compiler")]
    #[test]
    fn this_machine_has_what_the_compiler_finds_on_it() {
        let host = brolga_compile::Target::host().unwrap();
        let features = host.cpu_features().iter().map(|it| &**it);
        assert_eq!(HostError::check(host.triple(), features), Ok(()));
    }
}
