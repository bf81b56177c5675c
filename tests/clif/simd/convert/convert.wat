(module
  (func (param v128 v128) (result v128)
    (i8x16.narrow_i16x8_u (i16x8.extend_low_i8x16_s (local.get 0)) (local.get 1)))
  (func (param v128) (result v128)
    (f32x4.demote_f64x2_zero (f64x2.convert_low_i32x4_u (local.get 0))))
  (func (param v128) (result v128)
    (i32x4.trunc_sat_f64x2_s_zero (f64x2.promote_low_f32x4 (local.get 0))))
  (func (param v128) (result v128)
    (i32x4.trunc_sat_f32x4_u (f32x4.convert_i32x4_s (local.get 0))))
  (func (param v128) (result v128) (i32x4.trunc_sat_f64x2_u_zero (local.get 0))))

;; function u0:0(i64, i64, i8x16, i8x16) -> i8x16 tail {
;; block0(v0: i64, v1: i64, v2: i8x16, v3: i8x16):
;;     v4 = swiden_low v2
;;     v5 = bitcast.i16x8 little v3
;;     v6 = unarrow v4, v5
;;     return v6
;; }
;;
;; function u0:1(i64, i64, i8x16) -> i8x16 tail {
;; block0(v0: i64, v1: i64, v2: i8x16):
;;     v3 = bitcast.i32x4 little v2
;;     v4 = uwiden_low v3
;;     v5 = fcvt_from_uint.f64x2 v4
;;     v6 = fvdemote v5
;;     v7 = bitcast.i8x16 little v6
;;     return v7
;; }
;;
;; function u0:2(i64, i64, i8x16) -> i8x16 tail {
;;     const0 = 0x00000000000000000000000000000000
;;
;; block0(v0: i64, v1: i64, v2: i8x16):
;;     v3 = bitcast.f32x4 little v2
;;     v4 = fvpromote_low v3
;;     v5 = fcvt_to_sint_sat.i64x2 v4
;;     v6 = vconst.i64x2 const0
;;     v7 = snarrow v5, v6  ; v6 = const0
;;     v8 = bitcast.i8x16 little v7
;;     return v8
;; }
;;
;; function u0:3(i64, i64, i8x16) -> i8x16 tail {
;; block0(v0: i64, v1: i64, v2: i8x16):
;;     v3 = bitcast.i32x4 little v2
;;     v4 = fcvt_from_sint.f32x4 v3
;;     v5 = fcvt_to_uint_sat.i32x4 v4
;;     v6 = bitcast.i8x16 little v5
;;     return v6
;; }
;;
;; function u0:4(i64, i64, i8x16) -> i8x16 tail {
;;     const0 = 0x00000000000000000000000000000000
;;
;; block0(v0: i64, v1: i64, v2: i8x16):
;;     v3 = bitcast.f64x2 little v2
;;     v4 = fcvt_to_uint_sat.i64x2 v3
;;     v5 = vconst.i64x2 const0
;;     v6 = uunarrow v4, v5  ; v5 = const0
;;     v7 = bitcast.i8x16 little v6
;;     return v7
;; }
;;
