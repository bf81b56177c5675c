//! The proposals of WebAssembly that Brolga knows, and sets of them.
//!
//! **Invariants**
//! - The table below is the only list. A proposal that is not in it is not supported, so
//!   validation refuses what belongs to it (exceptions, typed references, GC, threads, stack
//!   switching: each becomes a row when its operators exist).
//! - A set is closed: with a feature it holds what the feature implies.
//! - A feature's bit never changes its place: bits go into fingerprints. New rows go to the end.

use wasmparser::WasmFeatures;

macro_rules! features {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:literal $flag:ident $default:ident [$($implied:ident)*];)*) => {
        /// A proposal that can be on or off.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        pub enum Feature {$(
            $(#[doc = $doc])+
            $variant,
        )*}

        impl Feature {
            /// Every feature, in the order of the table.
            pub const ALL: &'static [Feature] = &[$(Feature::$variant),*];

            /// The name, as users write it in a configuration.
            pub const fn name(self) -> &'static str {
                match self {$(Feature::$variant => $name,)*}
            }

            /// What the feature is, in a sentence.
            pub fn doc(self) -> &'static str {
                match self {$(Feature::$variant => concat!($($doc),+).trim_start(),)*}
            }

            /// Whether it is on unless switched off.
            pub const fn is_default(self) -> bool {
                match self {$(Feature::$variant => default_value!($default),)*}
            }

            /// The features without which this one makes no sense.
            pub const fn implies(self) -> &'static [Feature] {
                match self {$(Feature::$variant => &[$(Feature::$implied),*],)*}
            }

            const fn wasmparser_flag(self) -> WasmFeatures {
                match self {$(Feature::$variant => WasmFeatures::$flag,)*}
            }
        }
    };
}

macro_rules! default_value {
    (on) => {
        true
    };
    (off) => {
        false
    };
}

// variant, name, wasmparser's flag, on or off by default, what it implies
features! {
    /// Mutable globals may be imported and exported.
    MutableGlobal "mutable_global" MUTABLE_GLOBAL on [];
    /// Float to integer conversions that saturate instead of trapping.
    SaturatingFloatToInt "saturating_float_to_int" SATURATING_FLOAT_TO_INT on [];
    /// Operators that sign-extend the low bits of an integer.
    SignExtension "sign_extension" SIGN_EXTENSION on [];
    /// Several results, and blocks with parameters.
    MultiValue "multi_value" MULTI_VALUE on [];
    /// Copy, fill and init of memories and tables; passive segments.
    BulkMemory "bulk_memory" BULK_MEMORY on [];
    /// References as values, several tables, operators on tables.
    ReferenceTypes "reference_types" REFERENCE_TYPES on [BulkMemory];
    /// 128-bit vectors.
    Simd "simd" SIMD on [];
    /// Vector operators whose results may differ between processors.
    RelaxedSimd "relaxed_simd" RELAXED_SIMD on [Simd];
    /// Calls that give up the caller's frame.
    TailCall "tail_call" TAIL_CALL on [];
    /// Floating point: without it, types and operators of floats are refused.
    Floats "floats" FLOATS on [];
    /// More than one memory.
    MultiMemory "multi_memory" MULTI_MEMORY on [];
    /// Memories and tables with 64-bit addresses.
    Memory64 "memory64" MEMORY64 on [];
    /// Addition, subtraction and multiplication in constant expressions.
    ExtendedConst "extended_const" EXTENDED_CONST on [];
    /// Memories whose pages are one byte.
    CustomPageSizes "custom_page_sizes" CUSTOM_PAGE_SIZES on [];
    /// 128-bit addition, subtraction and multiplication on pairs of integers.
    WideArithmetic "wide_arithmetic" WIDE_ARITHMETIC on [];
}

impl Feature {
    /// The feature that users call `name`.
    pub fn from_name(name: &str) -> Option<Feature> {
        Feature::ALL.iter().copied().find(|feature| feature.name() == name)
    }

    /// The feature behind a flag that wasmparser reports as missing.
    pub(crate) fn from_wasmparser(flags: WasmFeatures) -> Option<Feature> {
        Feature::ALL.iter().copied().find(|feature| feature.wasmparser_flag().contains(flags))
    }

    const fn bit(self) -> u64 {
        1 << self as u32
    }
}

/// A set of features.
///
/// ```
/// use brolga_module::{Feature, Features};
///
/// let features = Features::WASM1.with(Feature::RelaxedSimd, true);
/// assert!(features.contains(Feature::Simd), "implied");
/// assert!(!features.with(Feature::Simd, false).contains(Feature::RelaxedSimd));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Features(u64);

impl Features {
    /// Version 1.0 of the specification, the one of 2019.
    pub const WASM1: Features =
        Features(0).with(Feature::Floats, true).with(Feature::MutableGlobal, true);

    /// Version 2.0 of the specification, fixed-width SIMD included.
    pub const WASM2: Features = Features::WASM1
        .with(Feature::SaturatingFloatToInt, true)
        .with(Feature::SignExtension, true)
        .with(Feature::MultiValue, true)
        .with(Feature::BulkMemory, true)
        .with(Feature::ReferenceTypes, true)
        .with(Feature::Simd, true);

    /// Every feature in the table.
    pub const ALL: Features = Features((1 << Feature::ALL.len()) - 1);

    /// The set with `feature` on or off.
    ///
    /// Switching on brings what the feature implies; switching off takes away what implies it.
    #[must_use]
    pub const fn with(self, feature: Feature, on: bool) -> Features {
        let mut set = if on { self.0 | feature.bit() } else { self.0 & !feature.bit() };
        // Closed again after one round per feature at the latest. Iterators are not const.
        let mut round = 0;
        while round < Feature::ALL.len() {
            let mut row = 0;
            while row < Feature::ALL.len() {
                let implying = Feature::ALL[row];
                let mut column = 0;
                while column < implying.implies().len() {
                    let implied = implying.implies()[column];
                    if set & implying.bit() != 0 && set & implied.bit() == 0 {
                        set = if on { set | implied.bit() } else { set & !implying.bit() };
                    }
                    column += 1;
                }
                row += 1;
            }
            round += 1;
        }
        Features(set)
    }

    /// Whether `feature` is on.
    pub const fn contains(self, feature: Feature) -> bool {
        self.0 & feature.bit() != 0
    }

    /// The features that are on, in the order of the table.
    pub fn iter(self) -> impl Iterator<Item = Feature> {
        Feature::ALL.iter().copied().filter(move |feature| self.contains(*feature))
    }

    /// The set as a number, for fingerprints: equal sets, and only they, have equal numbers.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The set whose number is `bits`; `None` if it is no set's: a bit without a feature, or a
    /// feature without what it implies.
    pub fn from_bits(bits: u64) -> Option<Features> {
        let on = Feature::ALL.iter().filter(|feature| bits & feature.bit() != 0);
        let set = on.fold(Features(0), |set, feature| set.with(*feature, true));
        (set.0 == bits).then_some(set)
    }

    /// The flags that make wasmparser read and validate with exactly this set.
    pub fn to_wasmparser(self) -> WasmFeatures {
        // GC_TYPES is no proposal: it is how wasmparser represents references to anything but
        // functions, externref among them. GC itself stays off.
        self.iter().fold(WasmFeatures::GC_TYPES, |flags, feature| flags | feature.wasmparser_flag())
    }
}

impl Default for Features {
    fn default() -> Self {
        Feature::ALL
            .iter()
            .filter(|feature| feature.is_default())
            .fold(Features(0), |features, feature| features.with(*feature, true))
    }
}

impl core::fmt::Debug for Features {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_set().entries(self.iter().map(Feature::name)).finish()
    }
}
