(module
  (import "host" "memory" (memory $imported 1))
  (memory $own 1)
  (func (result i32) (memory.size $own))
  (func (result i32) (memory.size $imported))
  (func (param i32) (result i32) (memory.grow $own (local.get 0)))
  (func (param i32) (result i32) (i32.load $imported (local.get 0))))

;; function u0:0(i64, i64) -> i32 tail {
;;     region0 = 0 "context"
;;     region1 = 1 "views"
;;
;; block0(v0: i64, v1: i64):
;;     v2 = load.i64 notrap aligned readonly can_move region0 v0+56
;;     v3 = load.i64 notrap aligned region1 v2+8
;;     v4 = iconst.i64 16
;;     v5 = ushr v3, v4  ; v4 = 16
;;     v6 = ireduce.i32 v5
;;     return v6
;; }
;;
;; function u0:1(i64, i64) -> i32 tail {
;;     region0 = 0 "context"
;;     region1 = 1 "views"
;;
;; block0(v0: i64, v1: i64):
;;     v2 = load.i64 notrap aligned readonly can_move region0 v0+40
;;     v3 = load.i64 notrap aligned region1 v2+8
;;     v4 = iconst.i64 16
;;     v5 = ushr v3, v4  ; v4 = 16
;;     v6 = ireduce.i32 v5
;;     return v6
;; }
;;
;; function u0:2(i64, i64, i32) -> i32 tail {
;;     sig0 = (i64, i32, i64) -> i64 tail
;;     fn0 = colocated u3:1 sig0
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;;                                     v3 = uextend.i64 v2
;;                                     v4 = iconst.i32 1
;; @0043                               v5 = call fn0(v0, v4, v3)  ; v4 = 1
;; @0043                               v6 = ireduce.i32 v5
;;                                     return v6
;; }
;;
;; function u0:3(i64, i64, i32) -> i32 tail {
;;     region0 = 0 "context"
;;     region1 = 2 "heap"
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;; @004a                               v3 = load.i64 notrap aligned readonly can_move region0 v0+32
;; @004a                               v4 = uextend.i64 v2
;; @004a                               v5 = iadd v3, v4
;; @004a                               v6 = load.i32 user2 little region1 v5
;;                                     return v6
;; }
;;
