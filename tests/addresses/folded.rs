//! Loads whose value is used at once: where code folds the load into the operation that uses it,
//! it must not read more bytes than the load does.
//!
//! Each expression is computed twice on the same bytes, once in the middle of the memory and once
//! at its very end, before pages that can't be read: a wider read ends in a trap there.

use brolga::{Engine, Instance, Module, Store, Val};

use super::operators::bits;
use super::{KINDS, configurations};

/// (bytes loaded, type of the result, expression: `@` is the address of the load)
const EXPRESSIONS: &[(usize, &str, &str)] = &[
    (8, "f64", "(f64.abs (f64.load @))"),
    (8, "f64", "(f64.neg (f64.load @))"),
    (8, "f64", "(f64.sqrt (f64.load @))"),
    (8, "f64", "(f64.ceil (f64.load @))"),
    (8, "f64", "(f64.floor (f64.load @))"),
    (8, "f64", "(f64.trunc (f64.load @))"),
    (8, "f64", "(f64.nearest (f64.load @))"),
    (8, "f64", "(f64.add (f64.const 1.5) (f64.load @))"),
    (8, "f64", "(f64.sub (f64.const 1.5) (f64.load @))"),
    (8, "f64", "(f64.mul (f64.const 1.5) (f64.load @))"),
    (8, "f64", "(f64.div (f64.const 1.5) (f64.load @))"),
    (8, "f64", "(f64.min (f64.const 1.5) (f64.load @))"),
    (8, "f64", "(f64.max (f64.const 1.5) (f64.load @))"),
    (8, "f64", "(f64.copysign (f64.const 1.5) (f64.load @))"),
    (8, "f64", "(f64.copysign (f64.load @) (f64.const -1.5))"),
    (8, "f64", "(select (f64.load @) (f64.const 1) (i32.const 1))"),
    (8, "i32", "(f64.lt (f64.load @) (f64.const 1.5))"),
    (8, "i32", "(f64.eq (f64.const 1.5) (f64.load @))"),
    (8, "f32", "(f32.demote_f64 (f64.load @))"),
    (8, "i64", "(i64.trunc_sat_f64_s (f64.load @))"),
    (8, "i32", "(i32.trunc_sat_f64_u (f64.load @))"),
    (8, "i64", "(i64.reinterpret_f64 (f64.load @))"),
    (8, "f64", "(f64.reinterpret_i64 (i64.load @))"),
    (4, "f32", "(f32.abs (f32.load @))"),
    (4, "f32", "(f32.neg (f32.load @))"),
    (4, "f32", "(f32.sqrt (f32.load @))"),
    (4, "f32", "(f32.ceil (f32.load @))"),
    (4, "f32", "(f32.nearest (f32.load @))"),
    (4, "f32", "(f32.add (f32.const 1.5) (f32.load @))"),
    (4, "f32", "(f32.sub (f32.const 1.5) (f32.load @))"),
    (4, "f32", "(f32.mul (f32.const 1.5) (f32.load @))"),
    (4, "f32", "(f32.div (f32.const 1.5) (f32.load @))"),
    (4, "f32", "(f32.min (f32.const 1.5) (f32.load @))"),
    (4, "f32", "(f32.max (f32.const 1.5) (f32.load @))"),
    (4, "f32", "(f32.copysign (f32.const 1.5) (f32.load @))"),
    (4, "f32", "(f32.copysign (f32.load @) (f32.const -1.5))"),
    (4, "i32", "(f32.gt (f32.load @) (f32.const 1.5))"),
    (4, "f64", "(f64.promote_f32 (f32.load @))"),
    (4, "i32", "(i32.trunc_sat_f32_s (f32.load @))"),
    (4, "i32", "(i32.reinterpret_f32 (f32.load @))"),
    (4, "f32", "(f32.reinterpret_i32 (i32.load @))"),
    (4, "f64", "(f64.convert_i32_s (i32.load @))"),
    (4, "f32", "(f32.convert_i32_u (i32.load @))"),
    (8, "f64", "(f64.convert_i64_s (i64.load @))"),
    (8, "f32", "(f32.convert_i64_u (i64.load @))"),
    (4, "i32", "(i32.add (i32.const 3) (i32.load @))"),
    (4, "i32", "(i32.and (i32.const 0x7f007f) (i32.load @))"),
    (4, "i32", "(i32.mul (i32.load @) (i32.const 77))"),
    (4, "i32", "(i32.shl (i32.const 3) (i32.load @))"),
    (4, "i32", "(i32.clz (i32.load @))"),
    (4, "i32", "(i32.popcnt (i32.load @))"),
    (4, "i32", "(i32.lt_s (i32.load @) (i32.const 3))"),
    (4, "i64", "(i64.extend_i32_s (i32.load @))"),
    (4, "i64", "(i64.add (i64.const 3) (i64.load32_u @))"),
    (2, "i32", "(i32.xor (i32.const 3) (i32.load16_s @))"),
    (1, "i32", "(i32.or (i32.const 3) (i32.load8_u @))"),
    (8, "i64", "(i64.add (i64.const 3) (i64.load @))"),
    (8, "i64", "(i64.xor (i64.load @) (i64.const 3))"),
    (8, "i64", "(i64.ctz (i64.load @))"),
    (8, "i32", "(i32.wrap_i64 (i64.load @))"),
    (8, "i64", "(i64.extend32_s (i64.load @))"),
    (8, "i64", "(i64.div_u (i64.load @) (i64.const 77))"),
    (1, "v128", "(i8x16.splat (i32.load8_u @))"),
    (2, "v128", "(i16x8.splat (i32.load16_u @))"),
    (4, "v128", "(i32x4.splat (i32.load @))"),
    (8, "v128", "(i64x2.splat (i64.load @))"),
    (4, "v128", "(f32x4.splat (f32.load @))"),
    (8, "v128", "(f64x2.splat (f64.load @))"),
    (1, "v128", "(i8x16.replace_lane 3 (v128.const i64x2 1 2) (i32.load8_u @))"),
    (2, "v128", "(i16x8.replace_lane 3 (v128.const i64x2 1 2) (i32.load16_u @))"),
    (4, "v128", "(i32x4.replace_lane 3 (v128.const i64x2 1 2) (i32.load @))"),
    (8, "v128", "(i64x2.replace_lane 1 (v128.const i64x2 1 2) (i64.load @))"),
    (4, "v128", "(f32x4.replace_lane 0 (v128.const i64x2 1 2) (f32.load @))"),
    (4, "v128", "(f32x4.replace_lane 2 (v128.const i64x2 1 2) (f32.load @))"),
    (8, "v128", "(f64x2.replace_lane 0 (v128.const i64x2 1 2) (f64.load @))"),
    (8, "v128", "(f64x2.replace_lane 1 (v128.const i64x2 1 2) (f64.load @))"),
    (8, "v128", "(f64x2.promote_low_f32x4 (v128.load64_zero @))"),
    (8, "v128", "(f64x2.convert_low_i32x4_s (v128.load64_zero @))"),
    (8, "v128", "(f64x2.convert_low_i32x4_u (v128.load64_zero @))"),
    (8, "v128", "(i64x2.extend_low_i32x4_s (v128.load64_zero @))"),
    (8, "v128", "(i32x4.extend_low_i16x8_u (v128.load64_zero @))"),
    (8, "v128", "(i16x8.extend_low_i8x16_s (v128.load64_zero @))"),
    (8, "v128", "(v128.and (v128.const i64x2 -1 2) (v128.load64_zero @))"),
    (4, "v128", "(v128.or (v128.const i64x2 1 2) (v128.load32_zero @))"),
    (4, "v128", "(v128.xor (v128.const i64x2 1 2) (v128.load32_splat @))"),
    (8, "v128", "(f64x2.add (v128.load64_splat @) (v128.const f64x2 1 2))"),
    (4, "v128", "(f32x4.mul (v128.load32_splat @) (v128.const f32x4 1 2 3 4))"),
    (8, "v128", "(f64x2.min (v128.load64_zero @) (v128.const f64x2 1 2))"),
    (8, "v128", "(i64x2.add (v128.load64_zero @) (v128.const i64x2 1 2))"),
    (4, "v128", "(i32x4.mul (v128.load32_zero @) (v128.const i32x4 5 6 7 8))"),
    (1, "v128", "(i64x2.shl (v128.const i64x2 1 2) (i32.load8_u @))"),
    (4, "v128", "(i8x16.shr_u (v128.const i64x2 -1 2) (i32.load @))"),
    (8, "v128", "(i8x16.swizzle (v128.const i64x2 1 2) (v128.load64_zero @))"),
    (1, "v128", "(i8x16.eq (v128.const i64x2 1 2) (v128.load8_splat @))"),
];

#[test]
fn folded_loads_read_no_more() {
    let mut text = "(module (memory (export \"memory\") 1)\n".to_owned();
    for (position, (_, ty, expression)) in EXPRESSIONS.iter().enumerate() {
        let expression = expression.replace('@', "(local.get 0)");
        text += &format!("(func (export \"{position}\") (param i32) (result {ty}) {expression})\n");
    }
    text += ")";
    for (name, config) in configurations(&KINDS[0]) {
        let engine = Engine::new(&config).expect("a configuration for this machine");
        let module = Module::new(&engine, &text).expect("a valid module");
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("nothing to fail");
        let memory = instance.get_memory(&mut store, "memory").expect("exported");
        for (position, (width, _, expression)) in EXPRESSIONS.iter().enumerate() {
            let func = instance.get_func(&mut store, &position.to_string()).expect("exported");
            let end = memory.data_size(&store) - width;
            for bytes in [[0x40, 0x09, 0x21, 0xfb, 0x54, 0x44, 0x2d, 0x18], [0x81; 8], [0x3f; 8]] {
                let mut seen = [0; 2];
                for (address, seen) in [1000, end].into_iter().zip(&mut seen) {
                    memory.write(&mut store, address, &bytes[..*width]).expect("inside");
                    let mut results = [Val::I32(0)];
                    func.call(&mut store, &[Val::I32(address as i32)], &mut results)
                        .unwrap_or_else(|error| panic!("{name}: {expression}: {error:?}"));
                    *seen = bits(&results[0]);
                }
                assert_eq!(seen[0], seen[1], "{name}: {expression} of {bytes:x?}");
            }
        }
        println!("{name}: {} expressions", EXPRESSIONS.len());
    }
}
