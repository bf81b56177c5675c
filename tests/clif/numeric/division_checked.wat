;;! signals = false
;; Without signals the divisor is looked at first, unless it is a constant that cannot trap.
(module
  (func (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func (param i64 i64) (result i64) (i64.rem_s (local.get 0) (local.get 1)))
  (func (param i64) (result i64) (i64.div_u (local.get 0) (i64.const 10)))
  (func (param i32) (result i32) (i32.div_s (local.get 0) (i32.const 10)))
  (func (param i32) (result i32) (i32.div_s (local.get 0) (i32.const -1))))

;; function u0:0(i64, i64, i32, i32) -> i32 tail {
;;     region0 = 0 "context"
;;     region1 = 1 "views"
;;     sig0 = (i64, i32) tail
;;     fn0 = colocated u3:0 sig0
;;
;;                                 block0(v0: i64, v1: i64, v2: i32, v3: i32):
;;                                     v4 = load.i64 notrap aligned readonly can_move region0 v0
;;                                     v5 = load.i64 notrap aligned region1 v4
;;                                     v6 = get_stack_pointer.i64
;;                                     v7 = icmp ult v6, v5
;; @002d                               brif v7, block1, block2
;;
;;                                 block1 cold:
;; @002d                               v8 = iconst.i32 10
;; @002d                               call fn0(v0, v8)  ; v8 = 10
;; @002d                               trap user1
;;
;;                                 block2:
;; @0032                               brif.i32 v3, block4, block3
;;
;;                                 block3 cold:
;; @0032                               v9 = iconst.i32 8
;; @0032                               call fn0(v0, v9)  ; v9 = 8
;; @0032                               trap user1
;;
;;                                 block4:
;; @0032                               v10 = iconst.i32 -2147483648
;; @0032                               v11 = icmp.i32 eq v2, v10  ; v10 = -2147483648
;; @0032                               v12 = iconst.i32 -1
;; @0032                               v13 = icmp.i32 eq v3, v12  ; v12 = -1
;; @0032                               v14 = band v11, v13
;; @0032                               brif v14, block5, block6
;;
;;                                 block5 cold:
;; @0032                               v15 = iconst.i32 7
;; @0032                               call fn0(v0, v15)  ; v15 = 7
;; @0032                               trap user1
;;
;;                                 block6:
;; @0032                               v16 = sdiv.i32 v2, v3
;;                                     return v16
;; }
;;
;; function u0:1(i64, i64, i64, i64) -> i64 tail {
;;     region0 = 0 "context"
;;     region1 = 1 "views"
;;     sig0 = (i64, i32) tail
;;     fn0 = colocated u3:0 sig0
;;
;;                                 block0(v0: i64, v1: i64, v2: i64, v3: i64):
;;                                     v4 = load.i64 notrap aligned readonly can_move region0 v0
;;                                     v5 = load.i64 notrap aligned region1 v4
;;                                     v6 = get_stack_pointer.i64
;;                                     v7 = icmp ult v6, v5
;; @0035                               brif v7, block1, block2
;;
;;                                 block1 cold:
;; @0035                               v8 = iconst.i32 10
;; @0035                               call fn0(v0, v8)  ; v8 = 10
;; @0035                               trap user1
;;
;;                                 block2:
;; @003a                               brif.i64 v3, block4, block3
;;
;;                                 block3 cold:
;; @003a                               v9 = iconst.i32 8
;; @003a                               call fn0(v0, v9)  ; v9 = 8
;; @003a                               trap user1
;;
;;                                 block4:
;; @003a                               v10 = srem.i64 v2, v3
;;                                     return v10
;; }
;;
;; function u0:2(i64, i64, i64) -> i64 tail {
;;     region0 = 0 "context"
;;     region1 = 1 "views"
;;     sig0 = (i64, i32) tail
;;     fn0 = colocated u3:0 sig0
;;
;;                                 block0(v0: i64, v1: i64, v2: i64):
;;                                     v3 = load.i64 notrap aligned readonly can_move region0 v0
;;                                     v4 = load.i64 notrap aligned region1 v3
;;                                     v5 = get_stack_pointer.i64
;;                                     v6 = icmp ult v5, v4
;; @003d                               brif v6, block1, block2
;;
;;                                 block1 cold:
;; @003d                               v7 = iconst.i32 10
;; @003d                               call fn0(v0, v7)  ; v7 = 10
;; @003d                               trap user1
;;
;;                                 block2:
;;                                     v8 = iconst.i64 10
;; @0042                               v9 = udiv.i64 v2, v8  ; v8 = 10
;;                                     return v9
;; }
;;
;; function u0:3(i64, i64, i32) -> i32 tail {
;;     region0 = 0 "context"
;;     region1 = 1 "views"
;;     sig0 = (i64, i32) tail
;;     fn0 = colocated u3:0 sig0
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;;                                     v3 = load.i64 notrap aligned readonly can_move region0 v0
;;                                     v4 = load.i64 notrap aligned region1 v3
;;                                     v5 = get_stack_pointer.i64
;;                                     v6 = icmp ult v5, v4
;; @0045                               brif v6, block1, block2
;;
;;                                 block1 cold:
;; @0045                               v7 = iconst.i32 10
;; @0045                               call fn0(v0, v7)  ; v7 = 10
;; @0045                               trap user1
;;
;;                                 block2:
;;                                     v8 = iconst.i32 10
;; @004a                               v9 = sdiv.i32 v2, v8  ; v8 = 10
;;                                     return v9
;; }
;;
;; function u0:4(i64, i64, i32) -> i32 tail {
;;     region0 = 0 "context"
;;     region1 = 1 "views"
;;     sig0 = (i64, i32) tail
;;     fn0 = colocated u3:0 sig0
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;;                                     v3 = load.i64 notrap aligned readonly can_move region0 v0
;;                                     v4 = load.i64 notrap aligned region1 v3
;;                                     v5 = get_stack_pointer.i64
;;                                     v6 = icmp ult v5, v4
;; @004d                               brif v6, block1, block2
;;
;;                                 block1 cold:
;; @004d                               v7 = iconst.i32 10
;; @004d                               call fn0(v0, v7)  ; v7 = 10
;; @004d                               trap user1
;;
;;                                 block2:
;;                                     v8 = iconst.i32 -1
;;                                     v9 = iconst.i32 -2147483648
;;                                     v10 = icmp.i32 eq v2, v9  ; v9 = -2147483648
;;                                     v11 = iconst.i32 -1
;;                                     v12 = icmp eq v8, v11  ; v8 = -1, v11 = -1
;;                                     v13 = band v10, v12
;; @0052                               brif v13, block3, block4
;;
;;                                 block3 cold:
;; @0052                               v14 = iconst.i32 7
;; @0052                               call fn0(v0, v14)  ; v14 = 7
;; @0052                               trap user1
;;
;;                                 block4:
;; @0052                               v15 = sdiv.i32 v2, v8  ; v8 = -1
;;                                     return v15
;; }
;;
