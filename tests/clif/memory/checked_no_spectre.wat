;;! signals = false
;;! spectre = false
(module
  (memory 1)
  (func (param i32) (result i32) (i32.load (local.get 0))))

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
;; @001d                               brif v6, block1, block2
;;
;;                                 block1 cold:
;; @001d                               v7 = iconst.i32 10
;; @001d                               call fn0(v0, v7)  ; v7 = 10
;; @001d                               trap user1
;;
;;                                 block2:
;; @0020                               v8 = uextend.i64 v2
;; @0020                               v9 = load.i64 notrap aligned readonly can_move region0 v0+40
;; @0020                               v10 = load.i64 notrap aligned region1 v9+8
;; @0020                               v11 = iconst.i64 -4
;; @0020                               v12 = iadd v10, v11  ; v11 = -4
;; @0020                               v13 = icmp ugt v8, v12
;; @0020                               brif v13, block3, block4
;;
;;                                 block3 cold:
;; @0020                               v14 = iconst.i32 2
;; @0020                               call fn0(v0, v14)  ; v14 = 2
;; @0020                               trap user1
;;
;;                                 block4:
;; @0020                               v15 = load.i64 notrap aligned readonly can_move region0 v0+32
;; @0020                               v16 = iadd v15, v8
;; @0020                               v17 = load.i32 notrap little region2 v16
;;                                     return v17
;; }
;;
