;;! fuel = true
;; Lengths are counted before anything is done: constant ones with the run, others by themselves. A
;; length of 64 bits is cut, so that the count does not run over.
(module
  (memory 1)
  (memory $wide i64 1)
  (table 4 funcref)
  (func (memory.copy (i32.const 0) (i32.const 8) (i32.const 16)))
  (func (param i32) (memory.fill (i32.const 0) (i32.const 0) (local.get 0)))
  (func (param i64) (memory.fill $wide (i64.const 0) (i32.const 0) (local.get 0)))
  (func (param i32) (result i32) (table.grow (ref.null func) (local.get 0))))

;; function u0:0(i64, i64) tail {
;;     region0 = 0 "context"
;;     region1 = 13 "interrupt"
;;     region2 = 1 "views"
;;     region3 = 2 "heap"
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
;; @0033                               call fn0(v0)
;; @0033                               jump block2
;;
;;                                 block2:
;;                                     v9 = iconst.i32 0
;;                                     v10 = iconst.i32 8
;;                                     v11 = iconst.i32 16
;; @003a                               v12 = uextend.i64 v9  ; v9 = 0
;; @003a                               v13 = load.i64 notrap aligned readonly can_move region0 v0+40
;; @003a                               v14 = load.i64 notrap aligned region2 v13+8
;; @003a                               v15 = iconst.i64 -16
;; @003a                               v16 = iadd v14, v15  ; v15 = -16
;; @003a                               v17 = icmp ugt v12, v16
;; @003a                               trapnz v17, user2
;; @003a                               v18 = load.i64 notrap aligned readonly can_move region0 v0+32
;; @003a                               v19 = iadd v18, v12
;; @003a                               v20 = iconst.i64 0
;; @003a                               v21 = select_spectre_guard v17, v20, v19  ; v20 = 0
;; @003a                               v22 = uextend.i64 v10  ; v10 = 8
;; @003a                               v23 = load.i64 notrap aligned region2 v13+8
;; @003a                               v24 = iconst.i64 -16
;; @003a                               v25 = iadd v23, v24  ; v24 = -16
;; @003a                               v26 = icmp ugt v22, v25
;; @003a                               trapnz v26, user2
;; @003a                               v27 = iadd v18, v22
;; @003a                               v28 = iconst.i64 0
;; @003a                               v29 = select_spectre_guard v26, v28, v27  ; v28 = 0
;; @003a                               v30 = load.i8x16 notrap little region3 v29
;; @003a                               store notrap little region3 v30, v21
;;                                     v31 = load.i64 notrap aligned readonly can_move region0 v0
;;                                     v32 = load.i64 notrap aligned region1 v31+40
;;                                     v33 = iconst.i64 20
;;                                     v34 = iadd v32, v33  ; v33 = 20
;;                                     store notrap aligned region1 v34, v31+40
;;                                     return
;; }
;;
;; function u0:1(i64, i64, i32) tail {
;;     region0 = 0 "context"
;;     region1 = 13 "interrupt"
;;     sig0 = (i64) tail
;;     sig1 = (i64, i32, i64, i32, i64) tail
;;     fn0 = colocated u3:15 sig0
;;     fn1 = colocated u3:2 sig1
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;;                                     v12 -> v2
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
;; @0040                               call fn0(v0)
;; @0040                               jump block2
;;
;;                                 block2:
;;                                     v10 = iconst.i32 0
;;                                     v11 = iconst.i32 0
;;                                     v13 = load.i64 notrap aligned readonly can_move region0 v0
;;                                     v14 = load.i64 notrap aligned region1 v13+40
;;                                     v15 = iconst.i64 4
;;                                     v16 = iadd v14, v15  ; v15 = 4
;;                                     store notrap aligned region1 v16, v13+40
;;                                     v17 = uextend.i64 v2
;;                                     v18 = load.i64 notrap aligned region1 v13+40
;;                                     v19 = iadd v18, v17
;;                                     store notrap aligned region1 v19, v13+40
;;                                     v20 = load.i64 notrap aligned region1 v13+40
;;                                     v21 = iconst.i64 0
;;                                     v22 = icmp sge v20, v21  ; v21 = 0
;;                                     brif v22, block3, block4
;;
;;                                 block3 cold:
;; @0047                               call fn0(v0)
;; @0047                               jump block4
;;
;;                                 block4:
;; @0047                               v23 = iconst.i32 0
;; @0047                               v24 = uextend.i64 v10  ; v10 = 0
;; @0047                               v25 = uextend.i64 v2
;; @0047                               call fn1(v0, v23, v24, v11, v25)  ; v23 = 0, v11 = 0
;;                                     return
;; }
;;
;; function u0:2(i64, i64, i64) tail {
;;     region0 = 0 "context"
;;     region1 = 13 "interrupt"
;;     sig0 = (i64) tail
;;     sig1 = (i64, i32, i64, i32, i64) tail
;;     fn0 = colocated u3:15 sig0
;;     fn1 = colocated u3:2 sig1
;;
;;                                 block0(v0: i64, v1: i64, v2: i64):
;;                                     v12 -> v2
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
;; @004c                               call fn0(v0)
;; @004c                               jump block2
;;
;;                                 block2:
;;                                     v10 = iconst.i64 0
;;                                     v11 = iconst.i32 0
;;                                     v13 = load.i64 notrap aligned readonly can_move region0 v0
;;                                     v14 = load.i64 notrap aligned region1 v13+40
;;                                     v15 = iconst.i64 4
;;                                     v16 = iadd v14, v15  ; v15 = 4
;;                                     store notrap aligned region1 v16, v13+40
;;                                     v17 = iconst.i64 0x4000_0000_0000_0000
;;                                     v18 = icmp.i64 ugt v2, v17  ; v17 = 0x4000_0000_0000_0000
;;                                     v19 = select v18, v17, v2  ; v17 = 0x4000_0000_0000_0000
;;                                     v20 = load.i64 notrap aligned region1 v13+40
;;                                     v21 = iadd v20, v19
;;                                     store notrap aligned region1 v21, v13+40
;;                                     v22 = load.i64 notrap aligned region1 v13+40
;;                                     v23 = iconst.i64 0
;;                                     v24 = icmp sge v22, v23  ; v23 = 0
;;                                     brif v24, block3, block4
;;
;;                                 block3 cold:
;; @0053                               call fn0(v0)
;; @0053                               jump block4
;;
;;                                 block4:
;; @0053                               v25 = iconst.i32 1
;; @0053                               call fn1(v0, v25, v10, v11, v2)  ; v25 = 1, v10 = 0, v11 = 0
;;                                     return
;; }
;;
;; function u0:3(i64, i64, i32) -> i32 tail {
;;     region0 = 0 "context"
;;     region1 = 13 "interrupt"
;;     sig0 = (i64) tail
;;     sig1 = (i64, i32, i64, i64) -> i64 tail
;;     fn0 = colocated u3:15 sig0
;;     fn1 = colocated u3:8 sig1
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;;                                     v11 -> v2
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
;; @0058                               call fn0(v0)
;; @0058                               jump block2
;;
;;                                 block2:
;;                                     v10 = iconst.i64 0
;;                                     v12 = load.i64 notrap aligned readonly can_move region0 v0
;;                                     v13 = load.i64 notrap aligned region1 v12+40
;;                                     v14 = iconst.i64 3
;;                                     v15 = iadd v13, v14  ; v14 = 3
;;                                     store notrap aligned region1 v15, v12+40
;;                                     v16 = uextend.i64 v2
;;                                     v17 = load.i64 notrap aligned region1 v12+40
;;                                     v18 = iadd v17, v16
;;                                     store notrap aligned region1 v18, v12+40
;;                                     v19 = load.i64 notrap aligned region1 v12+40
;;                                     v20 = iconst.i64 0
;;                                     v21 = icmp sge v19, v20  ; v20 = 0
;;                                     brif v21, block3, block4
;;
;;                                 block3 cold:
;; @005d                               call fn0(v0)
;; @005d                               jump block4
;;
;;                                 block4:
;; @005d                               v22 = uextend.i64 v2
;; @005d                               v23 = iconst.i32 0
;; @005d                               v24 = call fn1(v0, v23, v10, v22)  ; v23 = 0, v10 = 0
;; @005d                               v25 = ireduce.i32 v24
;;                                     return v25
;; }
;;
