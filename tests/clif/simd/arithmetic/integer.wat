;; A chain of operators on lanes of one type needs no casts between them.
(module
  (func (param v128 v128) (result v128)
    (i16x8.add_sat_u
      (i16x8.mul (local.get 0) (local.get 1))
      (i16x8.avgr_u (i16x8.abs (local.get 0)) (i16x8.neg (local.get 1)))))
  (func (param v128 v128) (result v128)
    (i32x4.min_s
      (i32x4.dot_i16x8_s (local.get 0) (local.get 1))
      (i32x4.extadd_pairwise_i16x8_u (local.get 0))))
  (func (param v128 v128) (result v128)
    (i64x2.add
      (i64x2.extmul_high_i32x4_s (local.get 0) (local.get 1))
      (i64x2.mul (local.get 0) (local.get 1))))
  (func (param v128 v128) (result v128)
    (i16x8.q15mulr_sat_s (i8x16.popcnt (local.get 0)) (local.get 1))))

;; function u0:0(i64, i64, i8x16, i8x16) -> i8x16 tail {
;; block0(v0: i64, v1: i64, v2: i8x16, v3: i8x16):
;;     v4 = bitcast.i16x8 little v3
;;     v5 = bitcast.i16x8 little v2
;;     v6 = imul v5, v4
;;     v7 = bitcast.i16x8 little v2
;;     v8 = iabs v7
;;     v9 = bitcast.i16x8 little v3
;;     v10 = ineg v9
;;     v11 = avg_round v8, v10
;;     v12 = uadd_sat v6, v11
;;     v13 = bitcast.i8x16 little v12
;;     return v13
;; }
;;
;; function u0:1(i64, i64, i8x16, i8x16) -> i8x16 tail {
;; block0(v0: i64, v1: i64, v2: i8x16, v3: i8x16):
;;     v4 = bitcast.i16x8 little v3
;;     v5 = bitcast.i16x8 little v2
;;     v6 = swiden_low v5
;;     v7 = swiden_low v4
;;     v8 = imul v6, v7
;;     v9 = swiden_high v5
;;     v10 = swiden_high v4
;;     v11 = imul v9, v10
;;     v12 = iadd_pairwise v8, v11
;;     v13 = bitcast.i16x8 little v2
;;     v14 = uwiden_low v13
;;     v15 = uwiden_high v13
;;     v16 = iadd_pairwise v14, v15
;;     v17 = smin v12, v16
;;     v18 = bitcast.i8x16 little v17
;;     return v18
;; }
;;
;; function u0:2(i64, i64, i8x16, i8x16) -> i8x16 tail {
;; block0(v0: i64, v1: i64, v2: i8x16, v3: i8x16):
;;     v4 = bitcast.i32x4 little v3
;;     v5 = bitcast.i32x4 little v2
;;     v6 = swiden_high v5
;;     v7 = swiden_high v4
;;     v8 = imul v6, v7
;;     v9 = bitcast.i64x2 little v3
;;     v10 = bitcast.i64x2 little v2
;;     v11 = imul v10, v9
;;     v12 = iadd v8, v11
;;     v13 = bitcast.i8x16 little v12
;;     return v13
;; }
;;
;; function u0:3(i64, i64, i8x16, i8x16) -> i8x16 tail {
;; block0(v0: i64, v1: i64, v2: i8x16, v3: i8x16):
;;     v4 = popcnt v2
;;     v5 = bitcast.i16x8 little v3
;;     v6 = bitcast.i16x8 little v4
;;     v7 = sqmul_round_sat v6, v5
;;     v8 = bitcast.i8x16 little v7
;;     return v8
;; }
;;
