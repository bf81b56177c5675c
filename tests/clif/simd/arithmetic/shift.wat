;; The distance is taken modulo the lane's width by Cranelift's instruction.
(module
  (func (param v128 i32) (result v128) (i8x16.shr_s (local.get 0) (local.get 1)))
  (func (param v128) (result v128) (i64x2.shl (local.get 0) (i32.const 65)))
  (func (param v128 i32) (result v128) (i32x4.shr_u (local.get 0) (local.get 1))))

;; function u0:0(i64, i64, i8x16, i32) -> i8x16 tail {
;; block0(v0: i64, v1: i64, v2: i8x16, v3: i32):
;;     v4 = sshr v2, v3
;;     return v4
;; }
;;
;; function u0:1(i64, i64, i8x16) -> i8x16 tail {
;; block0(v0: i64, v1: i64, v2: i8x16):
;;     v3 = iconst.i32 65
;;     v4 = bitcast.i64x2 little v2
;;     v5 = ishl v4, v3  ; v3 = 65
;;     v6 = bitcast.i8x16 little v5
;;     return v6
;; }
;;
;; function u0:2(i64, i64, i8x16, i32) -> i8x16 tail {
;; block0(v0: i64, v1: i64, v2: i8x16, v3: i32):
;;     v4 = bitcast.i32x4 little v2
;;     v5 = ushr v4, v3
;;     v6 = bitcast.i8x16 little v5
;;     return v6
;; }
;;
