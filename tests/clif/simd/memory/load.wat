(module
  (memory 1)
  (func (param i32) (result v128) (v128.load offset=16 (local.get 0)))
  (func (param i32) (result v128) (v128.load8x8_s (local.get 0)))
  (func (param i32) (result v128) (v128.load32x2_u offset=1 (local.get 0)))
  (func (param i32) (result v128) (v128.load16_splat (local.get 0)))
  (func (param i32) (result v128) (v128.load32_zero (local.get 0)))
  (func (param i32 v128) (result v128) (v128.load64_lane 1 (local.get 0) (local.get 1))))

;; function u0:0(i64, i64, i32) -> i8x16 tail {
;;     region0 = 0 "context"
;;     region1 = 2 "heap"
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;; @002b                               v3 = load.i64 notrap aligned readonly can_move region0 v0+32
;; @002b                               v4 = uextend.i64 v2
;; @002b                               v5 = iadd v3, v4
;; @002b                               v6 = load.i8x16 user2 little region1 v5+16
;;                                     return v6
;; }
;;
;; function u0:1(i64, i64, i32) -> i8x16 tail {
;;     region0 = 0 "context"
;;     region1 = 2 "heap"
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;; @0034                               v3 = load.i64 notrap aligned readonly can_move region0 v0+32
;; @0034                               v4 = uextend.i64 v2
;; @0034                               v5 = iadd v3, v4
;; @0034                               v6 = sload8x8 user2 little region1 v5
;;                                     v7 = bitcast.i8x16 little v6
;;                                     return v7
;; }
;;
;; function u0:2(i64, i64, i32) -> i8x16 tail {
;;     region0 = 0 "context"
;;     region1 = 2 "heap"
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;; @003d                               v3 = load.i64 notrap aligned readonly can_move region0 v0+32
;; @003d                               v4 = uextend.i64 v2
;; @003d                               v5 = iadd v3, v4
;; @003d                               v6 = uload32x2 user2 little region1 v5+1
;;                                     v7 = bitcast.i8x16 little v6
;;                                     return v7
;; }
;;
;; function u0:3(i64, i64, i32) -> i8x16 tail {
;;     region0 = 0 "context"
;;     region1 = 2 "heap"
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;; @0046                               v3 = load.i64 notrap aligned readonly can_move region0 v0+32
;; @0046                               v4 = uextend.i64 v2
;; @0046                               v5 = iadd v3, v4
;; @0046                               v6 = load.i16 user2 little region1 v5
;; @0046                               v7 = splat.i16x8 v6
;;                                     v8 = bitcast.i8x16 little v7
;;                                     return v8
;; }
;;
;; function u0:4(i64, i64, i32) -> i8x16 tail {
;;     region0 = 0 "context"
;;     region1 = 2 "heap"
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;; @004f                               v3 = load.i64 notrap aligned readonly can_move region0 v0+32
;; @004f                               v4 = uextend.i64 v2
;; @004f                               v5 = iadd v3, v4
;; @004f                               v6 = load.i32 user2 little region1 v5
;; @004f                               v7 = scalar_to_vector.i32x4 v6
;;                                     v8 = bitcast.i8x16 little v7
;;                                     return v8
;; }
;;
;; function u0:5(i64, i64, i32, i8x16) -> i8x16 tail {
;;     region0 = 0 "context"
;;     region1 = 2 "heap"
;;
;;                                 block0(v0: i64, v1: i64, v2: i32, v3: i8x16):
;;                                     v4 = bitcast.i64x2 little v3
;; @005a                               v5 = load.i64 notrap aligned readonly can_move region0 v0+32
;; @005a                               v6 = uextend.i64 v2
;; @005a                               v7 = iadd v5, v6
;; @005a                               v8 = load.i64 user2 little region1 v7
;; @005a                               v9 = insertlane v4, v8, 1
;;                                     v10 = bitcast.i8x16 little v9
;;                                     return v10
;; }
;;
