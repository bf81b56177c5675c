(module
  (memory 1)
  (func (param i32) (result i64)
    (i64.add (i64.load32_s (local.get 0)) (i64.load8_u offset=1 (local.get 0))))
  (func (param i32 f64) (f64.store offset=16 (local.get 0) (local.get 1)))
  (func (param i32 i32) (i32.store16 (local.get 0) (local.get 1))))

;; function u0:0(i64, i64, i32) -> i64 tail {
;;     region0 = 0 "context"
;;     region1 = 2 "heap"
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;; @002c                               v3 = load.i64 notrap aligned readonly can_move region0 v0+32
;; @002c                               v4 = uextend.i64 v2
;; @002c                               v5 = iadd v3, v4
;; @002c                               v6 = sload32 user2 little region1 v5
;; @0031                               v7 = uextend.i64 v2
;; @0031                               v8 = iadd v3, v7
;; @0031                               v9 = uload8.i64 user2 little region1 v8+1
;;                                     v10 = iadd v6, v9
;;                                     return v10
;; }
;;
;; function u0:1(i64, i64, i32, f64) tail {
;;     region0 = 0 "context"
;;     region1 = 2 "heap"
;;
;;                                 block0(v0: i64, v1: i64, v2: i32, v3: f64):
;; @003c                               v4 = load.i64 notrap aligned readonly can_move region0 v0+32
;; @003c                               v5 = uextend.i64 v2
;; @003c                               v6 = iadd v4, v5
;; @003c                               store user2 little region1 v3, v6+16
;;                                     return
;; }
;;
;; function u0:2(i64, i64, i32, i32) tail {
;;     region0 = 0 "context"
;;     region1 = 2 "heap"
;;
;;                                 block0(v0: i64, v1: i64, v2: i32, v3: i32):
;; @0046                               v4 = load.i64 notrap aligned readonly can_move region0 v0+32
;; @0046                               v5 = uextend.i64 v2
;; @0046                               v6 = iadd v4, v5
;; @0046                               istore16 user2 little region1 v3, v6
;;                                     return
;; }
;;
