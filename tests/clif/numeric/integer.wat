;; Operators that are one instruction; shifts and rotations without a mask.
(module
  (func (param i32 i32) (result i32)
    (i32.sub
      (i32.mul (i32.add (local.get 0) (local.get 1)) (i32.const -7))
      (i32.rotl
        (i32.shl (local.get 0) (local.get 1))
        (i32.shr_s (local.get 1) (i32.const 33)))))
  (func (param i64 i64) (result i64)
    (i64.xor
      (i64.and (i64.clz (local.get 0)) (i64.ctz (local.get 1)))
      (i64.or (i64.popcnt (local.get 0)) (i64.const 0x8000000000000000)))))

;; function u0:0(i64, i64, i32, i32) -> i32 tail {
;; block0(v0: i64, v1: i64, v2: i32, v3: i32):
;;     v4 = iadd v2, v3
;;     v5 = iconst.i32 -7
;;     v6 = imul v4, v5  ; v5 = -7
;;     v7 = ishl v2, v3
;;     v8 = iconst.i32 33
;;     v9 = sshr v3, v8  ; v8 = 33
;;     v10 = rotl v7, v9
;;     v11 = isub v6, v10
;;     return v11
;; }
;;
;; function u0:1(i64, i64, i64, i64) -> i64 tail {
;; block0(v0: i64, v1: i64, v2: i64, v3: i64):
;;     v4 = clz v2
;;     v5 = ctz v3
;;     v6 = band v4, v5
;;     v7 = popcnt v2
;;     v8 = iconst.i64 -9223372036854775808
;;     v9 = bor v7, v8  ; v8 = -9223372036854775808
;;     v10 = bxor v6, v9
;;     return v10
;; }
;;
