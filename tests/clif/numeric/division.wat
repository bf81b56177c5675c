;; Where signals are caught, division traps by itself.
(module
  (func (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func (param i64 i64) (result i64) (i64.rem_u (local.get 0) (local.get 1))))

;; function u0:0(i64, i64, i32, i32) -> i32 tail {
;;                                 block0(v0: i64, v1: i64, v2: i32, v3: i32):
;; @0025                               v4 = sdiv v2, v3
;;                                     return v4
;; }
;;
;; function u0:1(i64, i64, i64, i64) -> i64 tail {
;;                                 block0(v0: i64, v1: i64, v2: i64, v3: i64):
;; @002d                               v4 = urem v2, v3
;;                                     return v4
;; }
;;
