//! What the tests share: text to bytes to modules, and one module that has a bit of everything.
#![allow(dead_code, reason = "each test program uses a part of it")]

use brolga_module::{Features, ModuleError, ParsedModule};

/// The bytes of a module in text format; nothing is validated.
pub fn assemble(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// The module that the bytes are, bodies validated too.
pub fn decode(bytes: Vec<u8>) -> Result<ParsedModule, ModuleError> {
    let module = ParsedModule::decode(bytes.into(), Features::default())?;
    module.validate_bodies()?;
    Ok(module)
}

/// The module of a text.
pub fn module(text: &str) -> ParsedModule {
    decode(assemble(text)).unwrap()
}

/// A module with every kind of section, segment, type and constant operator.
pub fn rich() -> Vec<u8> {
    assemble(
        r#"(module $rich
          (type $unary (func (param i32) (result i32)))
          (type $many (func (param i64 f32 f64 v128 funcref externref) (result i32 i64)))
          (import "env" "callback" (func $callback (type $unary)))
          (import "env" "base" (global $base i32))
          (import "env" "memory" (memory $imported 1 2))
          (import "env" "table" (table $shared 1 10 funcref))
          (table $dispatch 4 funcref)
          (table $wide i64 2 8 externref)
          (memory $main 1 16)
          (memory $far i64 1 2)
          (memory $bytes 100 200 (pagesize 1))
          (global $counter (mut i64) (i64.const -7))
          (global $sum i32 (i32.add (global.get $base) (i32.mul (i32.const 3) (i32.const 4))))
          (global $pi f64 (f64.const 3.25))
          (global $e f32 (f32.const 2.5))
          (global $lanes v128 (v128.const i32x4 1 2 3 4))
          (global $entry funcref (ref.func $plain))
          (global $nothing externref (ref.null extern))
          (export "plain" (func $plain))
          (export "dispatch" (table $dispatch))
          (export "main" (memory $main))
          (export "counter" (global $counter))
          (start $begin)
          (elem (table $dispatch) (i32.const 0) func $plain $switch)
          (elem (table $wide) (i64.const 0) externref (ref.null extern))
          (elem $kept func $callback)
          (elem $expressions funcref (ref.func $switch) (ref.null func))
          (elem declare func $hidden)
          (data (memory $main) (i32.const 8) "active")
          (data (memory $far) (i64.const 0) "far")
          (data $later "passive")
          (func $plain (type $unary) (local $twice i32)
            (local.set $twice (i32.add (local.get 0) (local.get 0)))
            (i32.add (local.get $twice) (call $callback (local.get 0))))
          (func $switch (type $many)
            (block $a (block $b
              (br_table $a $b $a (i32.wrap_i64 (local.get 0)))))
            (memory.init $later (i32.const 0) (i32.const 0) (i32.const 7))
            (data.drop $later)
            (i32.load offset=4 (i32.const 0))
            (i64.load $far (i64.const 0)))
          (func $hidden (result i32)
            (drop (ref.func $hidden))
            (drop (f32x4.relaxed_madd (global.get $lanes) (global.get $lanes) (global.get $lanes)))
            (return_call_indirect $dispatch (type $unary) (i32.const 1) (i32.const 0)))
          (func $begin
            (global.set $counter (i64.const 1))
            (if (i32.eqz (memory.size $bytes)) (then (unreachable)) (else (nop)))
            (drop (call $drop2 (i64.const 1))))
          (func $drop2 (param i64) (result i64) (i64.mul_wide_u (local.get 0) (i64.const 2)) drop)
          (@custom "annotation" "contents")
        )"#,
    )
}
