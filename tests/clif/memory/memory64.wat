;; A 64-bit memory is always checked, also where index and offset together pass 64 bits.
(module
  (memory i64 1)
  (func (param i64) (result i32) (i32.load (local.get 0)))
  (func (param i64) (result i32) (i32.load offset=0xffffffffffffffff (local.get 0)))
  (func (param i64) (result i64) (memory.grow (local.get 0))))

;; function u0:0(i64, i64, i64) -> i32 tail {
;;     region0 = 0 "context"
;;     region1 = 1 "views"
;;     region2 = 2 "heap"
;;
;;                                 block0(v0: i64, v1: i64, v2: i64):
;; @0027                               v3 = load.i64 notrap aligned readonly can_move region0 v0+40
;; @0027                               v4 = load.i64 notrap aligned region1 v3+8
;; @0027                               v5 = iconst.i64 -4
;; @0027                               v6 = iadd v4, v5  ; v5 = -4
;; @0027                               v7 = icmp ugt v2, v6
;; @0027                               trapnz v7, user2
;; @0027                               v8 = load.i64 notrap aligned region1 v3
;; @0027                               v9 = iadd v8, v2
;; @0027                               v10 = iconst.i64 0
;; @0027                               v11 = select_spectre_guard v7, v10, v9  ; v10 = 0
;; @0027                               v12 = load.i32 notrap little region2 v11
;;                                     return v12
;; }
;;
;; function u0:1(i64, i64, i64) -> i32 tail {
;;     region0 = 0 "context"
;;     region1 = 1 "views"
;;     region2 = 2 "heap"
;;
;;                                 block0(v0: i64, v1: i64, v2: i64):
;; @002f                               v3 = iconst.i8 1
;; @002f                               trapnz v3, user2  ; v3 = 1
;; @002f                               v4 = load.i64 notrap aligned readonly can_move region0 v0+40
;; @002f                               v5 = load.i64 notrap aligned region1 v4
;; @002f                               v6 = iadd v5, v2
;; @002f                               v7 = iconst.i64 -1
;; @002f                               v8 = iadd v6, v7  ; v7 = -1
;; @002f                               v9 = iconst.i64 0
;; @002f                               v10 = select_spectre_guard v3, v9, v8  ; v3 = 1, v9 = 0
;; @002f                               v11 = load.i32 notrap little region2 v10
;;                                     return v11
;; }
;;
;; function u0:2(i64, i64, i64) -> i64 tail {
;;     sig0 = (i64, i32, i64) -> i64 tail
;;     fn0 = colocated u3:1 sig0
;;
;;                                 block0(v0: i64, v1: i64, v2: i64):
;;                                     v3 = iconst.i32 0
;; @0040                               v4 = call fn0(v0, v3, v2)  ; v3 = 0
;;                                     return v4
;; }
;;
