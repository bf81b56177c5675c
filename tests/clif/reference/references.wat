(module
  (func $f (export "f"))
  (func (result funcref) (ref.func $f))
  (func (result i32) (ref.is_null (ref.func $f)))
  (func (param externref) (result i32) (ref.is_null (local.get 0)))
  (func (result funcref) (ref.null func))
  (func (result externref) (ref.null extern)))

;; function u0:0(i64, i64) tail {
;; block0(v0: i64, v1: i64):
;;     return
;; }
;;
;; function u0:1(i64, i64) -> i64 tail {
;;     region0 = 0 "context"
;;     sig0 = (i64, i32) -> i64 tail
;;     fn0 = colocated u3:6 sig0
;;
;;                                 block0(v0: i64, v1: i64):
;;                                     v2 = load.i64 notrap aligned region0 v0+64
;;                                     v3 = iconst.i64 64
;;                                     v4 = iadd v0, v3  ; v3 = 64
;;                                     brif v2, block2, block1
;;
;;                                 block1 cold:
;;                                     v5 = iconst.i32 0
;; @0037                               v6 = call fn0(v0, v5)  ; v5 = 0
;; @0037                               jump block2
;;
;;                                 block2:
;;                                     return v4
;; }
;;
;; function u0:2(i64, i64) -> i32 tail {
;;     region0 = 0 "context"
;;     sig0 = (i64, i32) -> i64 tail
;;     fn0 = colocated u3:6 sig0
;;
;;                                 block0(v0: i64, v1: i64):
;;                                     v2 = load.i64 notrap aligned region0 v0+64
;;                                     v3 = iconst.i64 64
;;                                     v4 = iadd v0, v3  ; v3 = 64
;;                                     brif v2, block2, block1
;;
;;                                 block1 cold:
;;                                     v5 = iconst.i32 0
;; @003c                               v6 = call fn0(v0, v5)  ; v5 = 0
;; @003c                               jump block2
;;
;;                                 block2:
;;                                     v7 = iconst.i64 0
;;                                     v8 = icmp.i64 eq v4, v7  ; v7 = 0
;;                                     v9 = uextend.i32 v8
;;                                     return v9
;; }
;;
;; function u0:3(i64, i64, i32) -> i32 tail {
;; block0(v0: i64, v1: i64, v2: i32):
;;     v3 = iconst.i32 0
;;     v4 = icmp eq v2, v3  ; v3 = 0
;;     v5 = uextend.i32 v4
;;     return v5
;; }
;;
;; function u0:4(i64, i64) -> i64 tail {
;; block0(v0: i64, v1: i64):
;;     v2 = iconst.i64 0
;;     return v2  ; v2 = 0
;; }
;;
;; function u0:5(i64, i64) -> i32 tail {
;; block0(v0: i64, v1: i64):
;;     v2 = iconst.i32 0
;;     return v2  ; v2 = 0
;; }
;;
