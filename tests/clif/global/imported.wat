(module
  (import "host" "mutable" (global $mutable (mut i32)))
  (import "host" "constant" (global $constant i32))
  (import "host" "function" (global $function funcref))
  (func (result i32) (i32.add (global.get $mutable) (global.get $constant)))
  (func (global.set $mutable (i32.const 1)))
  (func (result funcref) (global.get $function)))

;; function u0:0(i64, i64) -> i32 tail {
;;     region0 = 4 "globals"
;;     region1 = 0 "context"
;;
;; block0(v0: i64, v1: i64):
;;     v2 = load.i64 notrap aligned readonly can_move region1 v0+32
;;     v3 = load.i32 notrap aligned region0 v2
;;     v4 = load.i64 notrap aligned readonly can_move region1 v0+40
;;     v5 = load.i32 notrap aligned readonly can_move region0 v4
;;     v6 = iadd v3, v5
;;     return v6
;; }
;;
;; function u0:1(i64, i64) tail {
;;     region0 = 4 "globals"
;;     region1 = 0 "context"
;;
;; block0(v0: i64, v1: i64):
;;     v2 = iconst.i32 1
;;     v3 = load.i64 notrap aligned readonly can_move region1 v0+32
;;     store notrap aligned region0 v2, v3  ; v2 = 1
;;     return
;; }
;;
;; function u0:2(i64, i64) -> i64 tail {
;;     region0 = 4 "globals"
;;     region1 = 0 "context"
;;
;; block0(v0: i64, v1: i64):
;;     v2 = load.i64 notrap aligned readonly can_move region1 v0+48
;;     v3 = load.i64 notrap aligned readonly can_move region0 v2
;;     return v3
;; }
;;
