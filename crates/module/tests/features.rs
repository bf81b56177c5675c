//! Sets of features, and what each feature lets in.

mod support;

use std::collections::HashSet;

use brolga_module::wasmparser::{Validator, WasmFeatures};
use brolga_module::{Feature, Features, ModuleError, validate};
use support::{assemble, rich};

/// A module that needs one feature, for each feature.
const NEEDING: &[(Feature, &str)] = &[
    (Feature::MutableGlobal, r#"(global (export "g") (mut i32) (i32.const 0))"#),
    (Feature::SaturatingFloatToInt, "(func (drop (i32.trunc_sat_f32_s (f32.const 0))))"),
    (Feature::SignExtension, "(func (drop (i32.extend8_s (i32.const 0))))"),
    (Feature::MultiValue, "(func (result i32 i32) (i32.const 0) (i32.const 0))"),
    (
        Feature::BulkMemory,
        "(memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0)))",
    ),
    (Feature::ReferenceTypes, "(func (param externref))"),
    (Feature::Simd, "(func (param v128))"),
    (
        Feature::RelaxedSimd,
        "(func (param v128) (drop (i8x16.relaxed_swizzle (local.get 0) (local.get 0))))",
    ),
    (Feature::TailCall, "(func (return_call 0))"),
    (Feature::Floats, "(func (param f32))"),
    (Feature::MultiMemory, "(memory 1) (memory 1)"),
    (Feature::Memory64, "(memory i64 1)"),
    (Feature::ExtendedConst, "(global i32 (i32.add (i32.const 1) (i32.const 1)))"),
    (Feature::CustomPageSizes, "(memory 1 (pagesize 1))"),
    (
        Feature::WideArithmetic,
        "(func (param i64 i64) (i64.mul_wide_u (local.get 0) (local.get 1)) (drop) (drop))",
    ),
];

/// Modules of proposals that are not in the table.
const NOT_SUPPORTED: &[&str] = &[
    "(tag)",
    "(type (struct))",
    "(type (array i8))",
    "(rec (type (func)) (type (func)))",
    "(func (param (ref func)))",
    "(func (param anyref))",
    "(func (param exnref))",
    "(type $f (func)) (func (param (ref null $f)))",
    "(type $f (func)) (type (cont $f))",
    "(memory 1 1 shared)",
    "(global (shared i32) (i32.const 0))",
    "(memory 1) (func (drop (i32.atomic.load (i32.const 0))))",
    "(func (try_table))",
    "(table 1 funcref (ref.func 0)) (func)",
    "(global i32 (i32.const 0)) (global i32 (global.get 0))",
];

#[test]
fn each_feature_lets_its_own_in() {
    assert_eq!(NEEDING.len(), Feature::ALL.len());
    for (feature, text) in NEEDING {
        let bytes = assemble(&format!("(module {text})"));
        assert_eq!(validate(&bytes, Features::ALL), Ok(()), "{feature:?}");
        let without = Features::ALL.with(*feature, false);
        assert!(validate(&bytes, without).is_err(), "{feature:?} is needed");
        let alone = [Feature::MultiValue, Feature::Floats, Feature::Simd]
            .into_iter()
            .fold(Features::WASM1, |features, feature| features.with(feature, true))
            .with(*feature, true);
        assert_eq!(validate(&bytes, alone), Ok(()), "{feature:?} is enough");
    }
}

#[test]
fn what_is_not_in_the_table_is_refused() {
    for text in NOT_SUPPORTED {
        let bytes = assemble(&format!("(module {text})"));
        assert!(validate(&bytes, Features::ALL).is_err(), "{text}");
    }
}

#[test]
fn a_missing_feature_is_named() {
    let bytes = assemble("(module (func (param v128)))");
    let error = validate(&bytes, Features::WASM1).unwrap_err();
    let ModuleError::Unsupported { feature, .. } = error else { panic!("{error}") };
    assert_eq!(feature, Some(Feature::Simd));
}

#[test]
fn sets_of_the_specification() {
    assert_eq!(Features::WASM1.to_wasmparser(), WasmFeatures::WASM1);
    assert_eq!(Features::WASM2.to_wasmparser(), WasmFeatures::WASM2);
    assert_eq!(Features::default(), Features::ALL, "all that is supported is on");
    assert_eq!(
        Features::default().to_wasmparser(),
        WasmFeatures::WASM2
            | WasmFeatures::MULTI_MEMORY
            | WasmFeatures::MEMORY64
            | WasmFeatures::TAIL_CALL
            | WasmFeatures::EXTENDED_CONST
            | WasmFeatures::RELAXED_SIMD
            | WasmFeatures::WIDE_ARITHMETIC
            | WasmFeatures::CUSTOM_PAGE_SIZES
    );
    assert!(validate(&rich(), Features::default()).is_ok());
    assert!(validate(&rich(), Features::WASM2).is_err());
}

#[test]
fn version_1_is_wasmparsers_version_1() {
    for (_, text) in NEEDING {
        let bytes = assemble(&format!("(module {text})"));
        let theirs = Validator::new_with_features(WasmFeatures::WASM1).validate_all(&bytes);
        assert_eq!(validate(&bytes, Features::WASM1).is_ok(), theirs.is_ok(), "{text}");
    }
}

#[test]
fn sets_stay_closed() {
    for on in [true, false] {
        for feature in Feature::ALL {
            for start in [Features::WASM1, Features::WASM2, Features::ALL] {
                let set = start.with(*feature, on);
                assert_eq!(set.contains(*feature), on);
                for member in set.iter() {
                    assert!(member.implies().iter().all(|implied| set.contains(*implied)));
                }
            }
        }
    }
}

#[test]
fn names_and_bits() {
    let names: HashSet<_> = Feature::ALL.iter().map(|feature| feature.name()).collect();
    assert_eq!(names.len(), Feature::ALL.len());
    for feature in Feature::ALL {
        assert_eq!(Feature::from_name(feature.name()), Some(*feature));
        assert!(feature.doc().ends_with('.'), "{}", feature.doc());
        assert!(feature.is_default());
        let without = Features::ALL.with(*feature, false);
        assert_ne!(without.bits(), Features::ALL.bits());
    }
    assert_eq!(Feature::from_name("gc"), None);
    assert_eq!(Features::WASM1.bits(), 1 | 1 << 9);
    assert_eq!(format!("{:?}", Features::WASM1), r#"{"mutable_global", "floats"}"#);
}
