(module
  (func (param i32 i64 i64) (result i64)
    (select (local.get 1) (local.get 2) (local.get 0)))
  (func (param i32 v128 v128) (result v128)
    (select
      (i32x4.add (local.get 1) (local.get 2))
      (f64x2.add (local.get 1) (local.get 2))
      (local.get 0)))
  (func (param i32 externref) (result externref)
    (select (result externref) (local.get 1) (ref.null extern) (local.get 0))))

;; function u0:0(i64, i64, i32, i64, i64) -> i64 tail {
;; block0(v0: i64, v1: i64, v2: i32, v3: i64, v4: i64):
;;     v5 = select v2, v3, v4
;;     return v5
;; }
;;
;; function u0:1(i64, i64, i32, i8x16, i8x16) -> i8x16 tail {
;; block0(v0: i64, v1: i64, v2: i32, v3: i8x16, v4: i8x16):
;;     v5 = bitcast.i32x4 little v4
;;     v6 = bitcast.i32x4 little v3
;;     v7 = iadd v6, v5
;;     v8 = bitcast.f64x2 little v4
;;     v9 = bitcast.f64x2 little v3
;;     v10 = fadd v9, v8
;;     v11 = bitcast.i8x16 little v7
;;     v12 = bitcast.i8x16 little v10
;;     v13 = select v2, v11, v12
;;     return v13
;; }
;;
;; function u0:2(i64, i64, i32, i32) -> i32 tail {
;; block0(v0: i64, v1: i64, v2: i32, v3: i32):
;;     v4 = iconst.i32 0
;;     v5 = select v2, v3, v4  ; v4 = 0
;;     return v5
;; }
;;
