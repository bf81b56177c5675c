(module
  (func $callee (param i32 v128) (result v128) (local.get 1))
  (func (param v128) (result v128)
    (call $callee (i32.const 1) (f32x4.add (local.get 0) (local.get 0)))))

;; function u0:0(i64, i64, i32, i8x16) -> i8x16 tail {
;; block0(v0: i64, v1: i64, v2: i32, v3: i8x16):
;;     return v3
;; }
;;
;; function u0:1(i64, i64, i8x16) -> i8x16 tail {
;;     sig0 = (i64, i64, i32, i8x16) -> i8x16 tail
;;     fn0 = colocated u0:0 sig0
;;
;;                                 block0(v0: i64, v1: i64, v2: i8x16):
;;                                     v3 = iconst.i32 1
;;                                     v4 = bitcast.f32x4 little v2
;;                                     v5 = bitcast.f32x4 little v2
;;                                     v6 = fadd v5, v4
;; @002e                               v7 = bitcast.i8x16 little v6
;; @002e                               v8 = call fn0(v0, v0, v3, v7)  ; v3 = 1
;;                                     return v8
;; }
;;
