;;! signals = false
;; An explicit check covers the width of the access: 1, 8 and 16 bytes.
(module
  (memory 1)
  (func (param i32) (result v128) (v128.load8_splat (local.get 0)))
  (func (param i32) (result v128) (v128.load16x4_u (local.get 0)))
  (func (param i32 v128) (v128.store (local.get 0) (local.get 1))))

;; function u0:0(i64, i64, i32) -> i8x16 tail {
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
;; @0024                               brif v6, block1, block2
;;
;;                                 block1 cold:
;; @0024                               v7 = iconst.i32 10
;; @0024                               call fn0(v0, v7)  ; v7 = 10
;; @0024                               trap user1
;;
;;                                 block2:
;; @0027                               v8 = uextend.i64 v2
;; @0027                               v9 = load.i64 notrap aligned readonly can_move region0 v0+40
;; @0027                               v10 = load.i64 notrap aligned region1 v9+8
;; @0027                               v11 = iconst.i64 -1
;; @0027                               v12 = iadd v10, v11  ; v11 = -1
;; @0027                               v13 = icmp ugt v8, v12
;; @0027                               brif v13, block3, block4
;;
;;                                 block3 cold:
;; @0027                               v14 = iconst.i32 2
;; @0027                               call fn0(v0, v14)  ; v14 = 2
;; @0027                               trap user1
;;
;;                                 block4:
;; @0027                               v15 = load.i64 notrap aligned readonly can_move region0 v0+32
;; @0027                               v16 = iadd v15, v8
;; @0027                               v17 = iconst.i64 0
;; @0027                               v18 = select_spectre_guard v13, v17, v16  ; v17 = 0
;; @0027                               v19 = load.i8 notrap little region2 v18
;; @0027                               v20 = splat.i8x16 v19
;;                                     return v20
;; }
;;
;; function u0:1(i64, i64, i32) -> i8x16 tail {
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
;; @002d                               brif v6, block1, block2
;;
;;                                 block1 cold:
;; @002d                               v7 = iconst.i32 10
;; @002d                               call fn0(v0, v7)  ; v7 = 10
;; @002d                               trap user1
;;
;;                                 block2:
;; @0030                               v8 = uextend.i64 v2
;; @0030                               v9 = load.i64 notrap aligned readonly can_move region0 v0+40
;; @0030                               v10 = load.i64 notrap aligned region1 v9+8
;; @0030                               v11 = iconst.i64 -8
;; @0030                               v12 = iadd v10, v11  ; v11 = -8
;; @0030                               v13 = icmp ugt v8, v12
;; @0030                               brif v13, block3, block4
;;
;;                                 block3 cold:
;; @0030                               v14 = iconst.i32 2
;; @0030                               call fn0(v0, v14)  ; v14 = 2
;; @0030                               trap user1
;;
;;                                 block4:
;; @0030                               v15 = load.i64 notrap aligned readonly can_move region0 v0+32
;; @0030                               v16 = iadd v15, v8
;; @0030                               v17 = iconst.i64 0
;; @0030                               v18 = select_spectre_guard v13, v17, v16  ; v17 = 0
;; @0030                               v19 = uload16x4 notrap little region2 v18
;;                                     v20 = bitcast.i8x16 little v19
;;                                     return v20
;; }
;;
;; function u0:2(i64, i64, i32, i8x16) tail {
;;     region0 = 0 "context"
;;     region1 = 1 "views"
;;     region2 = 2 "heap"
;;     sig0 = (i64, i32) tail
;;     fn0 = colocated u3:0 sig0
;;
;;                                 block0(v0: i64, v1: i64, v2: i32, v3: i8x16):
;;                                     v4 = load.i64 notrap aligned readonly can_move region0 v0
;;                                     v5 = load.i64 notrap aligned region1 v4
;;                                     v6 = get_stack_pointer.i64
;;                                     v7 = icmp ult v6, v5
;; @0036                               brif v7, block1, block2
;;
;;                                 block1 cold:
;; @0036                               v8 = iconst.i32 10
;; @0036                               call fn0(v0, v8)  ; v8 = 10
;; @0036                               trap user1
;;
;;                                 block2:
;; @003b                               v9 = uextend.i64 v2
;; @003b                               v10 = load.i64 notrap aligned readonly can_move region0 v0+40
;; @003b                               v11 = load.i64 notrap aligned region1 v10+8
;; @003b                               v12 = iconst.i64 -16
;; @003b                               v13 = iadd v11, v12  ; v12 = -16
;; @003b                               v14 = icmp ugt v9, v13
;; @003b                               brif v14, block3, block4
;;
;;                                 block3 cold:
;; @003b                               v15 = iconst.i32 2
;; @003b                               call fn0(v0, v15)  ; v15 = 2
;; @003b                               trap user1
;;
;;                                 block4:
;; @003b                               v16 = load.i64 notrap aligned readonly can_move region0 v0+32
;; @003b                               v17 = iadd v16, v9
;; @003b                               v18 = iconst.i64 0
;; @003b                               v19 = select_spectre_guard v14, v18, v17  ; v18 = 0
;; @003b                               store.i8x16 notrap little region2 v3, v19
;;                                     return
;; }
;;
