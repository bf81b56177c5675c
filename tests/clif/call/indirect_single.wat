;; The only function of the right type in a static table: a compare and a direct call.
(module
  (type $binary (func (param i32 i32) (result i32)))
  (table funcref (elem $none $add $none))
  (func $add (type $binary) (i32.add (local.get 0) (local.get 1)))
  (func $none)
  (func (param i32) (result i32)
    (call_indirect (type $binary) (i32.const 1) (i32.const 2) (local.get 0))))

;; function u0:0(i64, i64, i32, i32) -> i32 tail {
;; block0(v0: i64, v1: i64, v2: i32, v3: i32):
;;     v4 = iadd v2, v3
;;     return v4
;; }
;;
;; function u0:1(i64, i64) tail {
;; block0(v0: i64, v1: i64):
;;     return
;; }
;;
;; function u0:2(i64, i64, i32) -> i32 tail {
;;     region0 = 3 "entries"
;;     gv0 = symbol colocated userextname0
;;     sig0 = (i64, i32) tail
;;     sig1 = (i64, i64, i32, i32) -> i32 tail
;;     fn0 = colocated u3:0 sig0
;;     fn1 = colocated u0:0 sig1
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;;                                     v3 = iconst.i32 1
;;                                     v4 = iconst.i32 2
;;                                     v5 = uextend.i64 v2
;; @0049                               v6 = iconst.i64 1
;; @0049                               v7 = icmp eq v5, v6  ; v6 = 1
;; @0049                               brif v7, block2, block1
;;
;;                                 block1 cold:
;; @0049                               v8 = iconst.i64 3
;; @0049                               v9 = icmp.i64 uge v5, v8  ; v8 = 3
;; @0049                               trapnz v9, user4
;; @0049                               v10 = symbol_value.i64 gv0
;; @0049                               v11 = iconst.i64 3
;; @0049                               v12 = ishl.i64 v5, v11  ; v11 = 3
;; @0049                               v13 = iadd v10, v12
;; @0049                               v14 = iconst.i64 0
;; @0049                               v15 = select_spectre_guard v9, v14, v13  ; v14 = 0
;; @0049                               v16 = load.i32 notrap aligned readonly region0 v15+4
;; @0049                               v17 = iconst.i32 -1
;; @0049                               v18 = icmp eq v16, v17  ; v17 = -1
;; @0049                               v19 = iconst.i32 5
;; @0049                               v20 = iconst.i32 6
;; @0049                               v21 = select v18, v19, v20  ; v19 = 5, v20 = 6
;; @0049                               call fn0(v0, v21)
;; @0049                               trap user1
;;
;;                                 block2:
;; @0049                               v22 = call fn1(v0, v0, v3, v4)  ; v3 = 1, v4 = 2
;;                                     return v22
;; }
;;
