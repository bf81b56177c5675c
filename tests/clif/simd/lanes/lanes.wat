(module
  (func (param i32 f64) (result v128)
    (i8x16.replace_lane 3 (f64x2.splat (local.get 1)) (local.get 0)))
  (func (param v128) (result i32)
    (i32.add
      (i8x16.extract_lane_s 15 (local.get 0))
      (i16x8.extract_lane_u 7 (local.get 0))))
  (func (param v128 v128) (result v128)
    (i8x16.swizzle
      (i8x16.shuffle 0 17 2 19 4 21 6 23 8 25 10 27 12 29 14 31 (local.get 0) (local.get 1))
      (local.get 1))))

;; function u0:0(i64, i64, i32, f64) -> i8x16 tail {
;; block0(v0: i64, v1: i64, v2: i32, v3: f64):
;;     v4 = splat.f64x2 v3
;;     v5 = ireduce.i8 v2
;;     v6 = bitcast.i8x16 little v4
;;     v7 = insertlane v6, v5, 3
;;     return v7
;; }
;;
;; function u0:1(i64, i64, i8x16) -> i32 tail {
;; block0(v0: i64, v1: i64, v2: i8x16):
;;     v3 = extractlane v2, 15
;;     v4 = sextend.i32 v3
;;     v5 = bitcast.i16x8 little v2
;;     v6 = extractlane v5, 7
;;     v7 = uextend.i32 v6
;;     v8 = iadd v4, v7
;;     return v8
;; }
;;
;; function u0:2(i64, i64, i8x16, i8x16) -> i8x16 tail {
;; block0(v0: i64, v1: i64, v2: i8x16, v3: i8x16):
;;     v4 = shuffle v2, v3, 0x1f0e1d0c1b0a19081706150413021100
;;     v5 = swizzle v4, v3
;;     return v5
;; }
;;
