;; Locals start out zero, whatever their type.
(module
  (func (param i32) (result v128) (local i64 f32 v128 funcref externref)
    (local.set 0 (local.tee 0 (i32.const 1)))
    (local.set 3 (i32x4.splat (local.get 0)))
    (local.get 3))
  (func (result funcref) (local funcref) (local.get 0))
  (func (result f64) (local f64) (local.get 0)))

;; function u0:0(i64, i64, i32) -> i8x16 tail {
;; block0(v0: i64, v1: i64, v2: i32):
;;     v3 = iconst.i32 1
;;     v4 = splat.i32x4 v3  ; v3 = 1
;;     v5 = bitcast.i8x16 little v4
;;     return v5
;; }
;;
;; function u0:1(i64, i64) -> i64 tail {
;; block0(v0: i64, v1: i64):
;;     v3 = iconst.i64 0
;;     v2 -> v3
;;     return v3  ; v3 = 0
;; }
;;
;; function u0:2(i64, i64) -> f64 tail {
;; block0(v0: i64, v1: i64):
;;     v3 = f64const 0.0
;;     v2 -> v3
;;     return v3  ; v3 = 0.0
;; }
;;
