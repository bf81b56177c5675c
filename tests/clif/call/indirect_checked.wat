;;! signals = false
;; Without signals each of the three ways to fail is a cold call.
(module
  (type $unary (func (param i32) (result i32)))
  (table (export "table") 10 funcref)
  (func (param i32) (result i32)
    (call_indirect (type $unary) (i32.const 1) (local.get 0))))

;; function u0:0(i64, i64, i32) -> i32 tail {
;;     region0 = 0 "context"
;;     region1 = 1 "views"
;;     region2 = 3 "entries"
;;     sig0 = (i64, i32) tail
;;     sig1 = (i64, i64, i32) -> i32 tail
;;     fn0 = colocated u3:0 sig0
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;;                                     v3 = load.i64 notrap aligned readonly can_move region0 v0
;;                                     v4 = load.i64 notrap aligned region1 v3
;;                                     v5 = get_stack_pointer.i64
;;                                     v6 = icmp ult v5, v4
;; @0029                               brif v6, block1, block2
;;
;;                                 block1 cold:
;; @0029                               v7 = iconst.i32 10
;; @0029                               call fn0(v0, v7)  ; v7 = 10
;; @0029                               trap user1
;;
;;                                 block2:
;;                                     v8 = iconst.i32 1
;;                                     v9 = uextend.i64 v2
;; @002e                               v10 = load.i64 notrap aligned readonly can_move region0 v0+40
;; @002e                               v11 = load.i64 notrap aligned region1 v10+8
;; @002e                               v12 = icmp uge v9, v11
;; @002e                               brif v12, block3, block4
;;
;;                                 block3 cold:
;; @002e                               v13 = iconst.i32 4
;; @002e                               call fn0(v0, v13)  ; v13 = 4
;; @002e                               trap user1
;;
;;                                 block4:
;; @002e                               v14 = load.i64 notrap aligned readonly can_move region0 v0+40
;; @002e                               v15 = load.i64 notrap aligned region1 v14
;; @002e                               v16 = iconst.i64 5
;; @002e                               v17 = ishl.i64 v9, v16  ; v16 = 5
;; @002e                               v18 = iadd v15, v17
;; @002e                               v19 = iconst.i64 0
;; @002e                               v20 = select_spectre_guard v12, v19, v18  ; v19 = 0
;; @002e                               v21 = load.i32 notrap aligned region2 v20+24
;; @002e                               v22 = load.i32 notrap aligned readonly can_move region0 v0+48
;; @002e                               v23 = icmp eq v21, v22
;; @002e                               brif v23, block6, block5
;;
;;                                 block5 cold:
;; @002e                               v24 = iconst.i32 -1
;; @002e                               v25 = icmp.i32 eq v21, v24  ; v24 = -1
;; @002e                               v26 = iconst.i32 5
;; @002e                               v27 = iconst.i32 6
;; @002e                               v28 = select v25, v26, v27  ; v26 = 5, v27 = 6
;; @002e                               call fn0(v0, v28)
;; @002e                               trap user1
;;
;;                                 block6:
;; @002e                               v29 = load.i64 notrap aligned region2 v20
;; @002e                               v30 = load.i64 notrap aligned region2 v20+8
;; @002e                               v31 = call_indirect sig1, v29(v30, v0, v8)  ; v8 = 1
;;                                     return v31
;; }
;;
