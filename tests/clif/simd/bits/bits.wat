(module
  (func (param v128 v128 v128) (result v128)
    (v128.bitselect
      (v128.andnot (local.get 0) (local.get 1))
      (v128.xor (v128.not (local.get 0)) (v128.const i32x4 1 2 3 4))
      (local.get 2)))
  (func (param v128) (result i32)
    (i32.add
      (i32.add (v128.any_true (local.get 0)) (i16x8.all_true (local.get 0)))
      (i64x2.bitmask (local.get 0)))))

;; function u0:0(i64, i64, i8x16, i8x16, i8x16) -> i8x16 tail {
;;     const0 = 0x00000004000000030000000200000001
;;
;; block0(v0: i64, v1: i64, v2: i8x16, v3: i8x16, v4: i8x16):
;;     v5 = bnot v3
;;     v6 = band v2, v5
;;     v7 = bnot v2
;;     v8 = vconst.i8x16 const0
;;     v9 = bxor v7, v8  ; v8 = const0
;;     v10 = bitselect v4, v6, v9
;;     return v10
;; }
;;
;; function u0:1(i64, i64, i8x16) -> i32 tail {
;; block0(v0: i64, v1: i64, v2: i8x16):
;;     v3 = vany_true v2
;;     v4 = bitcast.i16x8 little v2
;;     v5 = vall_true v4
;;     v6 = uextend.i32 v5
;;     v7 = uextend.i32 v3
;;     v8 = iadd v7, v6
;;     v9 = bitcast.i64x2 little v2
;;     v10 = vhigh_bits.i32 v9
;;     v11 = iadd v8, v10
;;     return v11
;; }
;;
