//! What of the configuration changes generated code.
//!
//! **Invariants**
//! - Two compilations with equal options, target and bytes give equal images; so whatever changes
//!   code is a field here, and every field is part of the [`fingerprint`](CompileOptions::fingerprint).

use core::hash::{Hash, Hasher};

/// How hard to optimise.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum OptLevel {
    /// Compile as fast as possible.
    None,
    /// Make code fast.
    #[default]
    Speed,
    /// Make code fast and small.
    SpeedAndSize,
}

/// What decides how memories are mapped and checked; see [`MemoryPlan`](crate::MemoryPlan).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MemoryOptions {
    /// Whether faults are caught by signal handlers.
    pub signals: bool,
    /// Address space reserved for each memory, in bytes; at least 4 GiB lets 32-bit memories do
    /// without checks.
    pub reservation_bytes: u64,
    /// Inaccessible bytes after the reservation.
    pub guard_bytes: u64,
    /// Inaccessible bytes before the base, should an address ever come out negative.
    pub guard_before_bytes: u64,
    /// Whether a memory that outgrows its reservation is moved to a larger one.
    pub may_move: bool,
    /// Whether first contents are mapped from an image where that pays.
    pub init_cow: bool,
}

impl Default for MemoryOptions {
    fn default() -> Self {
        Self {
            signals: true,
            reservation_bytes: 4 << 30,
            guard_bytes: 2 << 30,
            guard_before_bytes: 2 << 30,
            may_move: true,
            init_cow: true,
        }
    }
}

/// What of the configuration changes generated code, the target aside.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CompileOptions {
    /// How hard to optimise.
    pub opt_level: OptLevel,
    /// How memories are mapped and checked, and whether traps may be hardware faults:
    /// with `memory.signals` off, code finds every trap out for itself and raises it by a call.
    pub memory: MemoryOptions,
    /// Whether bounds checks also hold under speculation.
    pub spectre_mitigation: bool,
    /// Whether every NaN that arithmetic makes is the canonical one.
    pub canonicalize_nans: bool,
    /// Whether Cranelift checks the IR it is given: for tests.
    pub verify_ir: bool,
    /// Whether code counts what it executes and stops when its fuel is used up.
    pub consume_fuel: bool,
    /// Whether code looks at the engine's epoch and stops at its store's deadline.
    pub epoch_interruption: bool,
}

impl Default for CompileOptions {
    fn default() -> Self {
        Self {
            opt_level: OptLevel::Speed,
            memory: MemoryOptions::default(),
            spectre_mitigation: true,
            canonicalize_nans: false,
            verify_ir: false,
            consume_fuel: false,
            epoch_interruption: false,
        }
    }
}

impl CompileOptions {
    /// A number that differs, as far as 64 bits can, for options that give different code. Stable
    /// for a version of Brolga.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = Fnv::default();
        self.hash(&mut hasher);
        hasher.finish()
    }

    /// Every option by name and value, for people: equal options, and only they, have equal lists.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        // Taken apart, so that an option without a row does not compile.
        let CompileOptions {
            opt_level,
            memory,
            spectre_mitigation,
            canonicalize_nans,
            verify_ir,
            consume_fuel,
            epoch_interruption,
        } = self;
        let MemoryOptions {
            signals,
            reservation_bytes,
            guard_bytes,
            guard_before_bytes,
            may_move,
            init_cow,
        } = memory;
        vec![
            ("opt_level", format!("{opt_level:?}")),
            ("signals", signals.to_string()),
            ("memory_reservation_bytes", reservation_bytes.to_string()),
            ("memory_guard_bytes", guard_bytes.to_string()),
            ("memory_guard_before_bytes", guard_before_bytes.to_string()),
            ("memory_may_move", may_move.to_string()),
            ("memory_init_cow", init_cow.to_string()),
            ("spectre_mitigation", spectre_mitigation.to_string()),
            ("canonicalize_nans", canonicalize_nans.to_string()),
            ("verify_ir", verify_ir.to_string()),
            ("consume_fuel", consume_fuel.to_string()),
            ("epoch_interruption", epoch_interruption.to_string()),
        ]
    }
}

/// FNV-1a: the standard library's hasher does not promise the same result tomorrow.
pub(crate) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
