(module
  (table $funcs (export "funcs") i64 4 funcref)
  (func (param i64) (result funcref) (table.get $funcs (local.get 0)))
  (func (result i64) (table.size $funcs))
  (func (param i64) (call_indirect $funcs (local.get 0))))

;; function u0:0(i64, i64, i64) -> i64 tail {
;;     region0 = 0 "context"
;;     region1 = 1 "views"
;;     region2 = 3 "entries"
;;
;;                                 block0(v0: i64, v1: i64, v2: i64):
;;                                     v3 = load.i64 notrap aligned readonly can_move region0 v0+40
;;                                     v4 = load.i64 notrap aligned region1 v3+8
;;                                     v5 = icmp uge v2, v4
;; @0039                               trapnz v5, user3
;; @0039                               v6 = load.i64 notrap aligned region1 v3
;; @0039                               v7 = iconst.i64 5
;; @0039                               v8 = ishl v2, v7  ; v7 = 5
;; @0039                               v9 = iadd v6, v8
;; @0039                               v10 = iconst.i64 0
;; @0039                               v11 = select_spectre_guard v5, v10, v9  ; v10 = 0
;; @0039                               v12 = load.i64 notrap aligned region2 v11+16
;;                                     return v12
;; }
;;
;; function u0:1(i64, i64) -> i64 tail {
;;     region0 = 0 "context"
;;     region1 = 1 "views"
;;
;; block0(v0: i64, v1: i64):
;;     v2 = load.i64 notrap aligned readonly can_move region0 v0+40
;;     v3 = load.i64 notrap aligned region1 v2+8
;;     return v3
;; }
;;
;; function u0:2(i64, i64, i64) tail {
;;     region0 = 0 "context"
;;     region1 = 1 "views"
;;     region2 = 3 "entries"
;;     sig0 = (i64, i32) tail
;;     sig1 = (i64, i64) tail
;;     fn0 = colocated u3:0 sig0
;;
;;                                 block0(v0: i64, v1: i64, v2: i64):
;; @0046                               v3 = load.i64 notrap aligned readonly can_move region0 v0+40
;; @0046                               v4 = load.i64 notrap aligned region1 v3+8
;; @0046                               v5 = icmp uge v2, v4
;; @0046                               trapnz v5, user4
;; @0046                               v6 = load.i64 notrap aligned region1 v3
;; @0046                               v7 = iconst.i64 5
;; @0046                               v8 = ishl v2, v7  ; v7 = 5
;; @0046                               v9 = iadd v6, v8
;; @0046                               v10 = iconst.i64 0
;; @0046                               v11 = select_spectre_guard v5, v10, v9  ; v10 = 0
;; @0046                               v12 = load.i32 notrap aligned region2 v11+24
;; @0046                               v13 = load.i32 notrap aligned readonly can_move region0 v0+60
;; @0046                               v14 = icmp eq v12, v13
;; @0046                               brif v14, block2, block1
;;
;;                                 block1 cold:
;; @0046                               v15 = iconst.i32 -1
;; @0046                               v16 = icmp.i32 eq v12, v15  ; v15 = -1
;; @0046                               v17 = iconst.i32 5
;; @0046                               v18 = iconst.i32 6
;; @0046                               v19 = select v16, v17, v18  ; v17 = 5, v18 = 6
;; @0046                               call fn0(v0, v19)
;; @0046                               trap user1
;;
;;                                 block2:
;; @0046                               v20 = load.i64 notrap aligned region2 v11
;; @0046                               v21 = load.i64 notrap aligned region2 v11+8
;; @0046                               call_indirect sig1, v20(v21, v0)
;;                                     return
;; }
;;
