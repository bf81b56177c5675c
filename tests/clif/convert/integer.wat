(module
  (func (param i64) (result i64) (i64.extend_i32_u (i32.wrap_i64 (local.get 0))))
  (func (param i32) (result i64) (i64.extend_i32_s (i32.extend8_s (local.get 0))))
  (func (param i64) (result i64) (i64.extend32_s (i64.extend16_s (local.get 0)))))

;; function u0:0(i64, i64, i64) -> i64 tail {
;; block0(v0: i64, v1: i64, v2: i64):
;;     v3 = ireduce.i32 v2
;;     v4 = uextend.i64 v3
;;     return v4
;; }
;;
;; function u0:1(i64, i64, i32) -> i64 tail {
;; block0(v0: i64, v1: i64, v2: i32):
;;     v3 = ireduce.i8 v2
;;     v4 = sextend.i32 v3
;;     v5 = sextend.i64 v4
;;     return v5
;; }
;;
;; function u0:2(i64, i64, i64) -> i64 tail {
;; block0(v0: i64, v1: i64, v2: i64):
;;     v3 = ireduce.i16 v2
;;     v4 = sextend.i64 v3
;;     v5 = ireduce.i32 v4
;;     v6 = sextend.i64 v5
;;     return v6
;; }
;;
