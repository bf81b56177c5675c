;;! signals = false
(module
  (memory 1)
  (func (param i32) (result i32) (i32.load (local.get 0)))
  (func (param i32) (result i64) (i64.load offset=0xffffffff (local.get 0)))
  (func (param i32 i32) (i32.store8 offset=1 (local.get 0) (local.get 1))))

;; function u0:0(i64, i64, i32) -> i32 tail {
;;     region0 = 0 "context"
;;     region1 = 1 "views"
;;     region2 = 2 "heap"
;;     sig0 = (i64, i32) tail
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
;; @002c                               v8 = uextend.i64 v2
;; @002c                               v9 = load.i64 notrap aligned readonly can_move region0 v0+40
;; @002c                               v10 = load.i64 notrap aligned region1 v9+8
;; @002c                               v11 = iconst.i64 -4
;; @002c                               v12 = iadd v10, v11  ; v11 = -4
;; @002c                               v13 = icmp ugt v8, v12
;; @002c                               brif v13, block3, block4
;;
;;                                 block3 cold:
;; @002c                               v14 = iconst.i32 2
;; @002c                               call fn0(v0, v14)  ; v14 = 2
;; @002c                               trap user1
;;
;;                                 block4:
;; @002c                               v15 = load.i64 notrap aligned readonly can_move region0 v0+32
;; @002c                               v16 = iadd v15, v8
;; @002c                               v17 = iconst.i64 0
;; @002c                               v18 = select_spectre_guard v13, v17, v16  ; v17 = 0
;; @002c                               v19 = load.i32 notrap little region2 v18
;;                                     return v19
;; }
;;
;; function u0:1(i64, i64, i32) -> i64 tail {
;;     region0 = 0 "context"
;;     region1 = 1 "views"
;;     region2 = 2 "heap"
;;     sig0 = (i64, i32) tail
;;     fn0 = colocated u3:0 sig0
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;;                                     v3 = load.i64 notrap aligned readonly can_move region0 v0
;;                                     v4 = load.i64 notrap aligned region1 v3
;;                                     v5 = get_stack_pointer.i64
;;                                     v6 = icmp ult v5, v4
;; @0031                               brif v6, block1, block2
;;
;;                                 block1 cold:
;; @0031                               v7 = iconst.i32 10
;; @0031                               call fn0(v0, v7)  ; v7 = 10
;; @0031                               trap user1
;;
;;                                 block2:
;; @0034                               v8 = uextend.i64 v2
;; @0034                               v9 = load.i64 notrap aligned readonly can_move region0 v0+40
;; @0034                               v10 = load.i64 notrap aligned region1 v9+8
;; @0034                               v11 = iconst.i64 0x0001_0000_0007
;; @0034                               v12 = iadd v8, v11  ; v11 = 0x0001_0000_0007
;; @0034                               v13 = icmp ugt v12, v10
;; @0034                               brif v13, block3, block4
;;
;;                                 block3 cold:
;; @0034                               v14 = iconst.i32 2
;; @0034                               call fn0(v0, v14)  ; v14 = 2
;; @0034                               trap user1
;;
;;                                 block4:
;; @0034                               v15 = load.i64 notrap aligned readonly can_move region0 v0+32
;; @0034                               v16 = iadd v15, v8
;; @0034                               v17 = iconst.i64 0xffff_ffff
;; @0034                               v18 = iadd v16, v17  ; v17 = 0xffff_ffff
;; @0034                               v19 = iconst.i64 0
;; @0034                               v20 = select_spectre_guard v13, v19, v18  ; v19 = 0
;; @0034                               v21 = load.i64 notrap little region2 v20
;;                                     return v21
;; }
;;
;; function u0:2(i64, i64, i32, i32) tail {
;;     region0 = 0 "context"
;;     region1 = 1 "views"
;;     region2 = 2 "heap"
;;     sig0 = (i64, i32) tail
;;     fn0 = colocated u3:0 sig0
;;
;;                                 block0(v0: i64, v1: i64, v2: i32, v3: i32):
;;                                     v4 = load.i64 notrap aligned readonly can_move region0 v0
;;                                     v5 = load.i64 notrap aligned region1 v4
;;                                     v6 = get_stack_pointer.i64
;;                                     v7 = icmp ult v6, v5
;; @003d                               brif v7, block1, block2
;;
;;                                 block1 cold:
;; @003d                               v8 = iconst.i32 10
;; @003d                               call fn0(v0, v8)  ; v8 = 10
;; @003d                               trap user1
;;
;;                                 block2:
;; @0042                               v9 = uextend.i64 v2
;; @0042                               v10 = load.i64 notrap aligned readonly can_move region0 v0+40
;; @0042                               v11 = load.i64 notrap aligned region1 v10+8
;; @0042                               v12 = iconst.i64 -2
;; @0042                               v13 = iadd v11, v12  ; v12 = -2
;; @0042                               v14 = icmp ugt v9, v13
;; @0042                               brif v14, block3, block4
;;
;;                                 block3 cold:
;; @0042                               v15 = iconst.i32 2
;; @0042                               call fn0(v0, v15)  ; v15 = 2
;; @0042                               trap user1
;;
;;                                 block4:
;; @0042                               v16 = load.i64 notrap aligned readonly can_move region0 v0+32
;; @0042                               v17 = iadd v16, v9
;; @0042                               v18 = iconst.i64 1
;; @0042                               v19 = iadd v17, v18  ; v18 = 1
;; @0042                               v20 = iconst.i64 0
;; @0042                               v21 = select_spectre_guard v14, v20, v19  ; v20 = 0
;; @0042                               istore8.i32 notrap little region2 v3, v21
;;                                     return
;; }
;;
