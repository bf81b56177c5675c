(module
  (memory 1)
  (func (param i32 v128)
    (v128.store offset=4 (local.get 0) (i32x4.add (local.get 1) (local.get 1))))
  (func (param i32 v128) (v128.store8_lane 15 (local.get 0) (local.get 1)))
  (func (param i32 v128) (v128.store64_lane offset=8 0 (local.get 0) (local.get 1))))

;; function u0:0(i64, i64, i32, i8x16) tail {
;;     region0 = 0 "context"
;;     region1 = 2 "heap"
;;
;;                                 block0(v0: i64, v1: i64, v2: i32, v3: i8x16):
;;                                     v4 = bitcast.i32x4 little v3
;;                                     v5 = bitcast.i32x4 little v3
;;                                     v6 = iadd v5, v4
;;                                     v7 = bitcast.i8x16 little v6
;; @0029                               v8 = load.i64 notrap aligned readonly can_move region0 v0+32
;; @0029                               v9 = uextend.i64 v2
;; @0029                               v10 = iadd v8, v9
;; @0029                               store user2 little region1 v7, v10+4
;;                                     return
;; }
;;
;; function u0:1(i64, i64, i32, i8x16) tail {
;;     region0 = 0 "context"
;;     region1 = 2 "heap"
;;
;;                                 block0(v0: i64, v1: i64, v2: i32, v3: i8x16):
;;                                     v4 = extractlane v3, 15
;; @0034                               v5 = load.i64 notrap aligned readonly can_move region0 v0+32
;; @0034                               v6 = uextend.i64 v2
;; @0034                               v7 = iadd v5, v6
;; @0034                               store user2 little region1 v4, v7
;;                                     return
;; }
;;
;; function u0:2(i64, i64, i32, i8x16) tail {
;;     region0 = 0 "context"
;;     region1 = 2 "heap"
;;
;;                                 block0(v0: i64, v1: i64, v2: i32, v3: i8x16):
;;                                     v4 = bitcast.i64x2 little v3
;;                                     v5 = extractlane v4, 0
;; @0040                               v6 = load.i64 notrap aligned readonly can_move region0 v0+32
;; @0040                               v7 = uextend.i64 v2
;; @0040                               v8 = iadd v6, v7
;; @0040                               store user2 little region1 v5, v8+8
;;                                     return
;; }
;;
