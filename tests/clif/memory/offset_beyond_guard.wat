;; An offset that the guard does not cover is checked once; the largest ones do not wrap.
(module
  (memory 1)
  (func (param i32) (result i32) (i32.load offset=0x7ffffffc (local.get 0)))
  (func (param i32) (result i32) (i32.load offset=0x7ffffffd (local.get 0)))
  (func (param i32) (result i32) (i32.load offset=0xffffffff (local.get 0))))

;; function u0:0(i64, i64, i32) -> i32 tail {
;;     region0 = 0 "context"
;;     region1 = 2 "heap"
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;; @0022                               v3 = load.i64 notrap aligned readonly can_move region0 v0+32
;; @0022                               v4 = uextend.i64 v2
;; @0022                               v5 = iadd v3, v4
;; @0022                               v6 = load.i32 user2 little region1 v5+0x7fff_fffc
;;                                     return v6
;; }
;;
;; function u0:1(i64, i64, i32) -> i32 tail {
;;     region0 = 0 "context"
;;     region1 = 1 "views"
;;     region2 = 2 "heap"
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;; @002e                               v3 = uextend.i64 v2
;; @002e                               v4 = load.i64 notrap aligned readonly can_move region0 v0+40
;; @002e                               v5 = load.i64 notrap aligned region1 v4+8
;; @002e                               v6 = iconst.i64 0x8000_0001
;; @002e                               v7 = iadd v3, v6  ; v6 = 0x8000_0001
;; @002e                               v8 = icmp ugt v7, v5
;; @002e                               trapnz v8, user2
;; @002e                               v9 = load.i64 notrap aligned readonly can_move region0 v0+32
;; @002e                               v10 = iadd v9, v3
;; @002e                               v11 = iconst.i64 0x7fff_fffd
;; @002e                               v12 = iadd v10, v11  ; v11 = 0x7fff_fffd
;; @002e                               v13 = iconst.i64 0
;; @002e                               v14 = select_spectre_guard v8, v13, v12  ; v13 = 0
;; @002e                               v15 = load.i32 notrap little region2 v14
;;                                     return v15
;; }
;;
;; function u0:2(i64, i64, i32) -> i32 tail {
;;     region0 = 0 "context"
;;     region1 = 1 "views"
;;     region2 = 2 "heap"
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;; @003a                               v3 = uextend.i64 v2
;; @003a                               v4 = load.i64 notrap aligned readonly can_move region0 v0+40
;; @003a                               v5 = load.i64 notrap aligned region1 v4+8
;; @003a                               v6 = iconst.i64 0x0001_0000_0003
;; @003a                               v7 = iadd v3, v6  ; v6 = 0x0001_0000_0003
;; @003a                               v8 = icmp ugt v7, v5
;; @003a                               trapnz v8, user2
;; @003a                               v9 = load.i64 notrap aligned readonly can_move region0 v0+32
;; @003a                               v10 = iadd v9, v3
;; @003a                               v11 = iconst.i64 0xffff_ffff
;; @003a                               v12 = iadd v10, v11  ; v11 = 0xffff_ffff
;; @003a                               v13 = iconst.i64 0
;; @003a                               v14 = select_spectre_guard v8, v13, v12  ; v13 = 0
;; @003a                               v15 = load.i32 notrap little region2 v14
;;                                     return v15
;; }
;;
