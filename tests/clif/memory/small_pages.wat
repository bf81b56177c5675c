;; Pages of one byte end where no mapping can, so accesses are checked.
(module
  (memory 10 (pagesize 1))
  (func (param i32) (result i32) (i32.load (local.get 0)))
  (func (result i32) (memory.size)))

;; function u0:0(i64, i64, i32) -> i32 tail {
;;     region0 = 0 "context"
;;     region1 = 1 "views"
;;     region2 = 2 "heap"
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;; @0026                               v3 = uextend.i64 v2
;; @0026                               v4 = load.i64 notrap aligned readonly can_move region0 v0+40
;; @0026                               v5 = load.i64 notrap aligned region1 v4+8
;; @0026                               v6 = iconst.i64 -4
;; @0026                               v7 = iadd v5, v6  ; v6 = -4
;; @0026                               v8 = icmp ugt v3, v7
;; @0026                               trapnz v8, user2
;; @0026                               v9 = load.i64 notrap aligned readonly can_move region0 v0+32
;; @0026                               v10 = iadd v9, v3
;; @0026                               v11 = iconst.i64 0
;; @0026                               v12 = select_spectre_guard v8, v11, v10  ; v11 = 0
;; @0026                               v13 = load.i32 notrap little region2 v12
;;                                     return v13
;; }
;;
;; function u0:1(i64, i64) -> i32 tail {
;;     region0 = 0 "context"
;;     region1 = 1 "views"
;;
;; block0(v0: i64, v1: i64):
;;     v2 = load.i64 notrap aligned readonly can_move region0 v0+40
;;     v3 = load.i64 notrap aligned region1 v2+8
;;     v4 = ireduce.i32 v3
;;     return v4
;; }
;;
