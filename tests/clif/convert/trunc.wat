;; Where signals are caught, truncation traps by itself.
(module
  (func (param f64) (result i32) (i32.trunc_f64_s (local.get 0)))
  (func (param f32) (result i64) (i64.trunc_f32_u (local.get 0)))
  (func (param f64) (result i64) (i64.trunc_sat_f64_s (local.get 0))))

;; function u0:0(i64, i64, f64) -> i32 tail {
;;                                 block0(v0: i64, v1: i64, v2: f64):
;; @0027                               v3 = fcvt_to_sint.i32 v2
;;                                     return v3
;; }
;;
;; function u0:1(i64, i64, f32) -> i64 tail {
;;                                 block0(v0: i64, v1: i64, v2: f32):
;; @002d                               v3 = fcvt_to_uint.i64 v2
;;                                     return v3
;; }
;;
;; function u0:2(i64, i64, f64) -> i64 tail {
;; block0(v0: i64, v1: i64, v2: f64):
;;     v3 = fcvt_to_sint_sat.i64 v2
;;     return v3
;; }
;;
