;; A comparison gives a mask of integer lanes.
(module
  (func (param v128 v128) (result v128)
    (v128.and
      (i8x16.lt_u (local.get 0) (local.get 1))
      (f64x2.ge (local.get 0) (local.get 1))))
  (func (param v128 v128) (result v128) (i64x2.le_s (local.get 0) (local.get 1))))

;; function u0:0(i64, i64, i8x16, i8x16) -> i8x16 tail {
;; block0(v0: i64, v1: i64, v2: i8x16, v3: i8x16):
;;     v4 = icmp ult v2, v3
;;     v5 = bitcast.f64x2 little v3
;;     v6 = bitcast.f64x2 little v2
;;     v7 = fcmp ge v6, v5
;;     v8 = bitcast.i8x16 little v7
;;     v9 = band v4, v8
;;     return v9
;; }
;;
;; function u0:1(i64, i64, i8x16, i8x16) -> i8x16 tail {
;; block0(v0: i64, v1: i64, v2: i8x16, v3: i8x16):
;;     v4 = bitcast.i64x2 little v3
;;     v5 = bitcast.i64x2 little v2
;;     v6 = icmp sle v5, v4
;;     v7 = bitcast.i8x16 little v6
;;     return v7
;; }
;;
