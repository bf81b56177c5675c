(module
  (memory 1)
  (data $bytes "brolga")
  (func (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
  (func (param i32 i32 i32) (memory.fill (local.get 0) (local.get 1) (local.get 2)))
  (func (param i32) (memory.copy (local.get 0) (i32.const 64) (i32.const 16)))
  (func (param i32) (memory.fill (local.get 0) (i32.const 0) (i32.const 16)))
  (func (param i32 i32 i32) (memory.init $bytes (local.get 0) (local.get 1) (local.get 2)))
  (func (data.drop $bytes)))

;; function u0:0(i64, i64, i32, i32, i32) tail {
;;     sig0 = (i64, i32, i32, i64, i64, i64) tail
;;     fn0 = colocated u3:3 sig0
;;
;;                                 block0(v0: i64, v1: i64, v2: i32, v3: i32, v4: i32):
;;                                     v5 = iconst.i32 0
;;                                     v6 = iconst.i32 0
;;                                     v7 = uextend.i64 v2
;;                                     v8 = uextend.i64 v3
;;                                     v9 = uextend.i64 v4
;; @0034                               call fn0(v0, v5, v6, v7, v8, v9)  ; v5 = 0, v6 = 0
;;                                     return
;; }
;;
;; function u0:1(i64, i64, i32, i32, i32) tail {
;;     sig0 = (i64, i32, i64, i32, i64) tail
;;     fn0 = colocated u3:2 sig0
;;
;;                                 block0(v0: i64, v1: i64, v2: i32, v3: i32, v4: i32):
;;                                     v5 = iconst.i32 0
;;                                     v6 = uextend.i64 v2
;;                                     v7 = uextend.i64 v4
;; @0041                               call fn0(v0, v5, v6, v3, v7)  ; v5 = 0
;;                                     return
;; }
;;
;; function u0:2(i64, i64, i32) tail {
;;     region0 = 0 "context"
;;     region1 = 1 "views"
;;     region2 = 2 "heap"
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;;                                     v3 = iconst.i32 64
;;                                     v4 = iconst.i32 16
;; @004e                               v5 = uextend.i64 v2
;; @004e                               v6 = load.i64 notrap aligned readonly can_move region0 v0+40
;; @004e                               v7 = load.i64 notrap aligned region1 v6+8
;; @004e                               v8 = iconst.i64 -16
;; @004e                               v9 = iadd v7, v8  ; v8 = -16
;; @004e                               v10 = icmp ugt v5, v9
;; @004e                               trapnz v10, user2
;; @004e                               v11 = load.i64 notrap aligned readonly can_move region0 v0+32
;; @004e                               v12 = iadd v11, v5
;; @004e                               v13 = iconst.i64 0
;; @004e                               v14 = select_spectre_guard v10, v13, v12  ; v13 = 0
;; @004e                               v15 = uextend.i64 v3  ; v3 = 64
;; @004e                               v16 = load.i64 notrap aligned region1 v6+8
;; @004e                               v17 = iconst.i64 -16
;; @004e                               v18 = iadd v16, v17  ; v17 = -16
;; @004e                               v19 = icmp ugt v15, v18
;; @004e                               trapnz v19, user2
;; @004e                               v20 = iadd v11, v15
;; @004e                               v21 = iconst.i64 0
;; @004e                               v22 = select_spectre_guard v19, v21, v20  ; v21 = 0
;; @004e                               v23 = load.i8x16 notrap little region2 v22
;; @004e                               store notrap little region2 v23, v14
;;                                     return
;; }
;;
;; function u0:3(i64, i64, i32) tail {
;;     region0 = 0 "context"
;;     region1 = 1 "views"
;;     region2 = 2 "heap"
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;;                                     v3 = iconst.i32 0
;;                                     v4 = iconst.i32 16
;; @005b                               v5 = uextend.i64 v2
;; @005b                               v6 = load.i64 notrap aligned readonly can_move region0 v0+40
;; @005b                               v7 = load.i64 notrap aligned region1 v6+8
;; @005b                               v8 = iconst.i64 -16
;; @005b                               v9 = iadd v7, v8  ; v8 = -16
;; @005b                               v10 = icmp ugt v5, v9
;; @005b                               trapnz v10, user2
;; @005b                               v11 = load.i64 notrap aligned readonly can_move region0 v0+32
;; @005b                               v12 = iadd v11, v5
;; @005b                               v13 = iconst.i64 0
;; @005b                               v14 = select_spectre_guard v10, v13, v12  ; v13 = 0
;; @005b                               v15 = ireduce.i8 v3  ; v3 = 0
;; @005b                               v16 = splat.i8x16 v15
;; @005b                               store notrap little region2 v16, v14
;;                                     return
;; }
;;
;; function u0:4(i64, i64, i32, i32, i32) tail {
;;     sig0 = (i64, i32, i32, i64, i32, i32) tail
;;     fn0 = colocated u3:4 sig0
;;
;;                                 block0(v0: i64, v1: i64, v2: i32, v3: i32, v4: i32):
;;                                     v5 = iconst.i32 0
;;                                     v6 = iconst.i32 0
;;                                     v7 = uextend.i64 v2
;; @0067                               call fn0(v0, v5, v6, v7, v3, v4)  ; v5 = 0, v6 = 0
;;                                     return
;; }
;;
;; function u0:5(i64, i64) tail {
;;     sig0 = (i64, i32) tail
;;     fn0 = colocated u3:5 sig0
;;
;;                                 block0(v0: i64, v1: i64):
;;                                     v2 = iconst.i32 0
;; @006e                               call fn0(v0, v2)  ; v2 = 0
;;                                     return
;; }
;;
