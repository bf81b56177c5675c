;;! fuel = true
;;! epochs = true
;;! signals = false
;; Stack, fuel and epoch, in this order.
(module
  (func (loop (br 0))))

;; function u0:0(i64, i64) tail {
;;     region0 = 0 "context"
;;     region1 = 1 "views"
;;     region2 = 13 "interrupt"
;;     sig0 = (i64, i32) tail
;;     sig1 = (i64) tail
;;     sig2 = (i64) tail
;;     fn0 = colocated u3:0 sig0
;;     fn1 = colocated u3:15 sig1
;;     fn2 = colocated u3:16 sig2
;;
;;                                 block0(v0: i64, v1: i64):
;;                                     v2 = load.i64 notrap aligned readonly can_move region0 v0
;;                                     v3 = load.i64 notrap aligned region1 v2
;;                                     v4 = get_stack_pointer.i64
;;                                     v5 = icmp ult v4, v3
;; @0016                               brif v5, block1, block2
;;
;;                                 block1 cold:
;; @0016                               v6 = iconst.i32 10
;; @0016                               call fn0(v0, v6)  ; v6 = 10
;; @0016                               trap user1
;;
;;                                 block2:
;; @0016                               v7 = load.i64 notrap aligned readonly can_move region0 v0
;; @0016                               v8 = load.i64 notrap aligned region2 v7+40
;; @0016                               v9 = iconst.i64 1
;; @0016                               v10 = iadd v8, v9  ; v9 = 1
;; @0016                               store notrap aligned region2 v10, v7+40
;; @0016                               v11 = load.i64 notrap aligned region2 v7+40
;; @0016                               v12 = iconst.i64 0
;; @0016                               v13 = icmp sge v11, v12  ; v12 = 0
;; @0016                               brif v13, block3, block4
;;
;;                                 block3 cold:
;; @0016                               call fn1(v0)
;; @0016                               jump block4
;;
;;                                 block4:
;; @0016                               v14 = load.i64 notrap aligned readonly can_move region0 v0
;; @0016                               v15 = load.i64 notrap aligned readonly can_move region0 v14+48
;; @0016                               v16 = load.i64 notrap aligned region2 v15
;; @0016                               v17 = load.i64 notrap aligned region2 v14+56
;; @0016                               v18 = icmp uge v16, v17
;; @0016                               brif v18, block5, block6
;;
;;                                 block5 cold:
;; @0016                               call fn2(v0)
;; @0016                               jump block6
;;
;;                                 block6:
;;                                     jump block7
;;
;;                                 block7:
;;                                     v19 = load.i64 notrap aligned readonly can_move region0 v0
;;                                     v20 = load.i64 notrap aligned region2 v19+40
;;                                     v21 = iconst.i64 0
;;                                     v22 = icmp sge v20, v21  ; v21 = 0
;;                                     brif v22, block8, block9
;;
;;                                 block8 cold:
;; @0017                               call fn1(v0)
;; @0017                               jump block9
;;
;;                                 block9:
;; @0017                               v23 = load.i64 notrap aligned readonly can_move region0 v0
;; @0017                               v24 = load.i64 notrap aligned readonly can_move region0 v23+48
;; @0017                               v25 = load.i64 notrap aligned region2 v24
;; @0017                               v26 = load.i64 notrap aligned region2 v23+56
;; @0017                               v27 = icmp uge v25, v26
;; @0017                               brif v27, block10, block11
;;
;;                                 block10 cold:
;; @0017                               call fn2(v0)
;; @0017                               jump block11
;;
;;                                 block11:
;;                                     v28 = load.i64 notrap aligned readonly can_move region0 v0
;;                                     v29 = load.i64 notrap aligned region2 v28+40
;;                                     v30 = iconst.i64 1
;;                                     v31 = iadd v29, v30  ; v30 = 1
;;                                     store notrap aligned region2 v31, v28+40
;;                                     jump block7
;; }
;;
