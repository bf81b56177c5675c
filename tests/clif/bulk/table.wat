(module
  (table $a 4 funcref)
  (table $b 4 externref)
  (elem $refs funcref (ref.null func))
  (func (param i32 i32 i32) (table.copy $a $a (local.get 0) (local.get 1) (local.get 2)))
  (func (param i32 i32 i32) (table.init $a $refs (local.get 0) (local.get 1) (local.get 2)))
  (func (param i32 externref i32) (table.fill $b (local.get 0) (local.get 1) (local.get 2)))
  (func (elem.drop $refs)))

;; function u0:0(i64, i64, i32, i32, i32) tail {
;;     sig0 = (i64, i32, i32, i64, i64, i64) tail
;;     fn0 = colocated u3:12 sig0
;;
;;                                 block0(v0: i64, v1: i64, v2: i32, v3: i32, v4: i32):
;;                                     v5 = uextend.i64 v4
;;                                     v6 = uextend.i64 v3
;;                                     v7 = uextend.i64 v2
;;                                     v8 = iconst.i32 0
;;                                     v9 = iconst.i32 0
;; @003e                               call fn0(v0, v8, v9, v7, v6, v5)  ; v8 = 0, v9 = 0
;;                                     return
;; }
;;
;; function u0:1(i64, i64, i32, i32, i32) tail {
;;     sig0 = (i64, i32, i32, i64, i32, i32) tail
;;     fn0 = colocated u3:13 sig0
;;
;;                                 block0(v0: i64, v1: i64, v2: i32, v3: i32, v4: i32):
;;                                     v5 = iconst.i32 0
;;                                     v6 = iconst.i32 0
;;                                     v7 = uextend.i64 v2
;; @004b                               call fn0(v0, v5, v6, v7, v3, v4)  ; v5 = 0, v6 = 0
;;                                     return
;; }
;;
;; function u0:2(i64, i64, i32, i32, i32) tail {
;;     sig0 = (i64, i32, i64, i32, i64) tail
;;     fn0 = colocated u3:11 sig0
;;
;;                                 block0(v0: i64, v1: i64, v2: i32, v3: i32, v4: i32):
;;                                     v5 = uextend.i64 v4
;;                                     v6 = uextend.i64 v2
;;                                     v7 = iconst.i32 1
;; @0058                               call fn0(v0, v7, v6, v3, v5)  ; v7 = 1
;;                                     return
;; }
;;
;; function u0:3(i64, i64) tail {
;;     sig0 = (i64, i32) tail
;;     fn0 = colocated u3:14 sig0
;;
;;                                 block0(v0: i64, v1: i64):
;;                                     v2 = iconst.i32 0
;; @005e                               call fn0(v0, v2)  ; v2 = 0
;;                                     return
;; }
;;
