;; A host function is called like any other of another instance: through its import.
(module
  (import "host" "log" (func $log (param i32 i64) (result i32)))
  (func (param i32) (result i32) (call $log (local.get 0) (i64.const 7))))

;; function u0:0(i64, i64, i32) -> i32 tail {
;;     region0 = 0 "context"
;;     sig0 = (i64, i64, i32, i64) -> i32 tail
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;;                                     v3 = iconst.i64 7
;;                                     v4 = load.i64 notrap aligned readonly can_move region0 v0+32
;;                                     v5 = load.i64 notrap aligned readonly can_move region0 v0+40
;; @0031                               v6 = call_indirect sig0, v4(v5, v0, v2, v3)  ; v3 = 7
;;                                     return v6
;; }
;;
