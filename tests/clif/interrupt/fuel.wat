;;! fuel = true
;; A run is counted before control leaves it: at the `if`, the branch, the call and the end.
(module
  (func $callee)
  (func (param i32) (result i32)
    (loop
      (if (i32.eqz (local.get 0))
        (then (call $callee))
        (else (nop) (drop (i32.const 1))))
      (br_if 0 (local.get 0)))
    (i32.const 2))
  (func (unreachable)))

;; function u0:0(i64, i64) tail {
;;     region0 = 0 "context"
;;     region1 = 13 "interrupt"
;;     sig0 = (i64) tail
;;     fn0 = colocated u3:15 sig0
;;
;;                                 block0(v0: i64, v1: i64):
;;                                     v2 = load.i64 notrap aligned readonly can_move region0 v0
;;                                     v3 = load.i64 notrap aligned region1 v2+40
;;                                     v4 = iconst.i64 1
;;                                     v5 = iadd v3, v4  ; v4 = 1
;;                                     store notrap aligned region1 v5, v2+40
;;                                     v6 = load.i64 notrap aligned region1 v2+40
;;                                     v7 = iconst.i64 0
;;                                     v8 = icmp sge v6, v7  ; v7 = 0
;;                                     brif v8, block1, block2
;;
;;                                 block1 cold:
;; @001d                               call fn0(v0)
;; @001d                               jump block2
;;
;;                                 block2:
;;                                     return
;; }
;;
;; function u0:1(i64, i64, i32) -> i32 tail {
;;     region0 = 0 "context"
;;     region1 = 13 "interrupt"
;;     sig0 = (i64) tail
;;     sig1 = (i64, i64) tail
;;     fn0 = colocated u3:15 sig0
;;     fn1 = colocated u0:0 sig1
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;;                                     v15 -> v2
;;                                     v36 -> v2
;;                                     v14 -> v15
;;                                     v31 -> v15
;;                                     v3 = load.i64 notrap aligned readonly can_move region0 v0
;;                                     v4 = load.i64 notrap aligned region1 v3+40
;;                                     v5 = iconst.i64 1
;;                                     v6 = iadd v4, v5  ; v5 = 1
;;                                     store notrap aligned region1 v6, v3+40
;;                                     v7 = load.i64 notrap aligned region1 v3+40
;;                                     v8 = iconst.i64 0
;;                                     v9 = icmp sge v7, v8  ; v8 = 0
;;                                     brif v9, block1, block2
;;
;;                                 block1 cold:
;; @0020                               call fn0(v0)
;; @0020                               jump block2
;;
;;                                 block2:
;;                                     jump block3
;;
;;                                 block3:
;;                                     v10 = load.i64 notrap aligned readonly can_move region0 v0
;;                                     v11 = load.i64 notrap aligned region1 v10+40
;;                                     v12 = iconst.i64 0
;;                                     v13 = icmp sge v11, v12  ; v12 = 0
;;                                     brif v13, block4, block5
;;
;;                                 block4 cold:
;; @0021                               call fn0(v0)
;; @0021                               jump block5
;;
;;                                 block5:
;;                                     v16 = iconst.i32 0
;;                                     v17 = icmp.i32 eq v15, v16  ; v16 = 0
;;                                     v18 = load.i64 notrap aligned readonly can_move region0 v0
;;                                     v19 = load.i64 notrap aligned region1 v18+40
;;                                     v20 = iconst.i64 3
;;                                     v21 = iadd v19, v20  ; v20 = 3
;;                                     store notrap aligned region1 v21, v18+40
;;                                     brif v17, block6, block7
;;
;;                                 block6:
;;                                     v22 = load.i64 notrap aligned readonly can_move region0 v0
;;                                     v23 = load.i64 notrap aligned region1 v22+40
;;                                     v24 = iconst.i64 1
;;                                     v25 = iadd v23, v24  ; v24 = 1
;;                                     store notrap aligned region1 v25, v22+40
;; @0028                               call fn1(v0, v0)
;;                                     jump block8
;;
;;                                 block7:
;;                                     v26 = iconst.i32 1
;;                                     v27 = load.i64 notrap aligned readonly can_move region0 v0
;;                                     v28 = load.i64 notrap aligned region1 v27+40
;;                                     v29 = iconst.i64 1
;;                                     v30 = iadd v28, v29  ; v29 = 1
;;                                     store notrap aligned region1 v30, v27+40
;;                                     jump block8
;;
;;                                 block8:
;;                                     v32 = load.i64 notrap aligned readonly can_move region0 v0
;;                                     v33 = load.i64 notrap aligned region1 v32+40
;;                                     v34 = iconst.i64 2
;;                                     v35 = iadd v33, v34  ; v34 = 2
;;                                     store notrap aligned region1 v35, v32+40
;;                                     brif.i32 v15, block3, block9
;;
;;                                 block9:
;;                                     v37 = iconst.i32 2
;;                                     v38 = load.i64 notrap aligned readonly can_move region0 v0
;;                                     v39 = load.i64 notrap aligned region1 v38+40
;;                                     v40 = iconst.i64 1
;;                                     v41 = iadd v39, v40  ; v40 = 1
;;                                     store notrap aligned region1 v41, v38+40
;;                                     return v37  ; v37 = 2
;; }
;;
;; function u0:2(i64, i64) tail {
;;     region0 = 0 "context"
;;     region1 = 13 "interrupt"
;;     sig0 = (i64) tail
;;     sig1 = (i64, i32) tail
;;     fn0 = colocated u3:15 sig0
;;     fn1 = colocated u3:0 sig1
;;
;;                                 block0(v0: i64, v1: i64):
;;                                     v2 = load.i64 notrap aligned readonly can_move region0 v0
;;                                     v3 = load.i64 notrap aligned region1 v2+40
;;                                     v4 = iconst.i64 1
;;                                     v5 = iadd v3, v4  ; v4 = 1
;;                                     store notrap aligned region1 v5, v2+40
;;                                     v6 = load.i64 notrap aligned region1 v2+40
;;                                     v7 = iconst.i64 0
;;                                     v8 = icmp sge v6, v7  ; v7 = 0
;;                                     brif v8, block1, block2
;;
;;                                 block1 cold:
;; @0039                               call fn0(v0)
;; @0039                               jump block2
;;
;;                                 block2:
;;                                     v9 = iconst.i32 1
;; @003a                               call fn1(v0, v9)  ; v9 = 1
;; @003a                               trap user1
;; }
;;
