(module
  (type $unary (func (param i32) (result i32)))
  (import "host" "f" (func $imported (type $unary)))
  (table (export "table") 10 funcref)
  (func $direct (type $unary) (return_call $direct (local.get 0)))
  (func (type $unary) (return_call $imported (local.get 0)))
  (func (type $unary) (return_call_indirect (type $unary) (i32.const 1) (local.get 0))))

;; function u0:0(i64, i64, i32) -> i32 tail {
;;     sig0 = (i64, i64, i32) -> i32 tail
;;     fn0 = colocated u0:0 sig0
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;; @003a                               return_call fn0(v0, v0, v2)
;; }
;;
;; function u0:1(i64, i64, i32) -> i32 tail {
;;     region0 = 0 "context"
;;     sig0 = (i64, i64, i32) -> i32 tail
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;;                                     v3 = load.i64 notrap aligned readonly can_move region0 v0+48
;;                                     v4 = load.i64 notrap aligned readonly can_move region0 v0+56
;; @0041                               return_call_indirect sig0, v3(v4, v0, v2)
;; }
;;
;; function u0:2(i64, i64, i32) -> i32 tail {
;;     region0 = 0 "context"
;;     region1 = 1 "views"
;;     region2 = 3 "entries"
;;     sig0 = (i64, i32) tail
;;     sig1 = (i64, i64, i32) -> i32 tail
;;     fn0 = colocated u3:0 sig0
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;;                                     v3 = iconst.i32 1
;;                                     v4 = uextend.i64 v2
;; @004a                               v5 = load.i64 notrap aligned readonly can_move region0 v0+40
;; @004a                               v6 = load.i64 notrap aligned region1 v5+8
;; @004a                               v7 = icmp uge v4, v6
;; @004a                               trapnz v7, user4
;; @004a                               v8 = load.i64 notrap aligned region1 v5
;; @004a                               v9 = iconst.i64 5
;; @004a                               v10 = ishl v4, v9  ; v9 = 5
;; @004a                               v11 = iadd v8, v10
;; @004a                               v12 = iconst.i64 0
;; @004a                               v13 = select_spectre_guard v7, v12, v11  ; v12 = 0
;; @004a                               v14 = load.i32 notrap aligned region2 v13+24
;; @004a                               v15 = load.i32 notrap aligned readonly can_move region0 v0+80
;; @004a                               v16 = icmp eq v14, v15
;; @004a                               brif v16, block2, block1
;;
;;                                 block1 cold:
;; @004a                               v17 = iconst.i32 -1
;; @004a                               v18 = icmp.i32 eq v14, v17  ; v17 = -1
;; @004a                               v19 = iconst.i32 5
;; @004a                               v20 = iconst.i32 6
;; @004a                               v21 = select v18, v19, v20  ; v19 = 5, v20 = 6
;; @004a                               call fn0(v0, v21)
;; @004a                               trap user1
;;
;;                                 block2:
;; @004a                               v22 = load.i64 notrap aligned region2 v13
;; @004a                               v23 = load.i64 notrap aligned region2 v13+8
;; @004a                               return_call_indirect sig1, v22(v23, v0, v3)  ; v3 = 1
;; }
;;
