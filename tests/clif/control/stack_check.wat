;;! signals = false
;; Without signals a function compares the stack pointer with the limit before anything else.
(module
  (func (result i32) (i32.const 1)))

;; function u0:0(i64, i64) -> i32 tail {
;;     region0 = 0 "context"
;;     region1 = 1 "views"
;;     sig0 = (i64, i32) tail
;;     fn0 = colocated u3:0 sig0
;;
;;                                 block0(v0: i64, v1: i64):
;;                                     v2 = load.i64 notrap aligned readonly can_move region0 v0
;;                                     v3 = load.i64 notrap aligned region1 v2
;;                                     v4 = get_stack_pointer.i64
;;                                     v5 = icmp ult v4, v3
;; @0017                               brif v5, block1, block2
;;
;;                                 block1 cold:
;; @0017                               v6 = iconst.i32 10
;; @0017                               call fn0(v0, v6)  ; v6 = 10
;; @0017                               trap user1
;;
;;                                 block2:
;;                                     v7 = iconst.i32 1
;;                                     return v7  ; v7 = 1
;; }
;;
