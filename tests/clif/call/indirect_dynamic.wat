;; A table that others may write: bounds, type id, then code and context from the entry itself.
(module
  (type $binary (func (param i32 i32) (result i32)))
  (table (export "table") 10 funcref)
  (func (param i32) (result i32)
    (call_indirect (type $binary) (i32.const 1) (i32.const 2) (local.get 0))))

;; function u0:0(i64, i64, i32) -> i32 tail {
;;     region0 = 0 "context"
;;     region1 = 1 "views"
;;     region2 = 3 "entries"
;;     sig0 = (i64, i32) tail
;;     sig1 = (i64, i64, i32, i32) -> i32 tail
;;     fn0 = colocated u3:0 sig0
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;;                                     v3 = iconst.i32 1
;;                                     v4 = iconst.i32 2
;;                                     v5 = uextend.i64 v2
;; @0036                               v6 = load.i64 notrap aligned readonly can_move region0 v0+40
;; @0036                               v7 = load.i64 notrap aligned region1 v6+8
;; @0036                               v8 = icmp uge v5, v7
;; @0036                               trapnz v8, user4
;; @0036                               v9 = load.i64 notrap aligned region1 v6
;; @0036                               v10 = iconst.i64 5
;; @0036                               v11 = ishl v5, v10  ; v10 = 5
;; @0036                               v12 = iadd v9, v11
;; @0036                               v13 = iconst.i64 0
;; @0036                               v14 = select_spectre_guard v8, v13, v12  ; v13 = 0
;; @0036                               v15 = load.i32 notrap aligned region2 v14+24
;; @0036                               v16 = load.i32 notrap aligned readonly can_move region0 v0+48
;; @0036                               v17 = icmp eq v15, v16
;; @0036                               brif v17, block2, block1
;;
;;                                 block1 cold:
;; @0036                               v18 = iconst.i32 -1
;; @0036                               v19 = icmp.i32 eq v15, v18  ; v18 = -1
;; @0036                               v20 = iconst.i32 5
;; @0036                               v21 = iconst.i32 6
;; @0036                               v22 = select v19, v20, v21  ; v20 = 5, v21 = 6
;; @0036                               call fn0(v0, v22)
;; @0036                               trap user1
;;
;;                                 block2:
;; @0036                               v23 = load.i64 notrap aligned region2 v14
;; @0036                               v24 = load.i64 notrap aligned region2 v14+8
;; @0036                               v25 = call_indirect sig1, v23(v24, v0, v3, v4)  ; v3 = 1, v4 = 2
;;                                     return v25
;; }
;;
