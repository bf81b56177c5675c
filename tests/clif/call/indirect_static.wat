;; A table that nobody writes is data of the image; its type ids are immediates.
(module
  (type $binary (func (param i32 i32) (result i32)))
  (table funcref (elem $add $sub $none))
  (func $add (type $binary) (i32.add (local.get 0) (local.get 1)))
  (func $sub (type $binary) (i32.sub (local.get 0) (local.get 1)))
  (func $none)
  (func (param i32) (result i32)
    (call_indirect (type $binary) (i32.const 1) (i32.const 2) (local.get 0))))

;; function u0:0(i64, i64, i32, i32) -> i32 tail {
;; block0(v0: i64, v1: i64, v2: i32, v3: i32):
;;     v4 = iadd v2, v3
;;     return v4
;; }
;;
;; function u0:1(i64, i64, i32, i32) -> i32 tail {
;; block0(v0: i64, v1: i64, v2: i32, v3: i32):
;;     v4 = isub v2, v3
;;     return v4
;; }
;;
;; function u0:2(i64, i64) tail {
;; block0(v0: i64, v1: i64):
;;     return
;; }
;;
;; function u0:3(i64, i64, i32) -> i32 tail {
;;     region0 = 3 "entries"
;;     gv0 = symbol colocated userextname0
;;     sig0 = (i64, i32) tail
;;     sig1 = (i64, i64, i32, i32) -> i32 tail
;;     fn0 = colocated u3:0 sig0
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;;                                     v3 = iconst.i32 1
;;                                     v4 = iconst.i32 2
;;                                     v5 = uextend.i64 v2
;; @0052                               v6 = iconst.i64 3
;; @0052                               v7 = icmp uge v5, v6  ; v6 = 3
;; @0052                               trapnz v7, user4
;; @0052                               v8 = symbol_value.i64 gv0
;; @0052                               v9 = iconst.i64 3
;; @0052                               v10 = ishl v5, v9  ; v9 = 3
;; @0052                               v11 = iadd v8, v10
;; @0052                               v12 = iconst.i64 0
;; @0052                               v13 = select_spectre_guard v7, v12, v11  ; v12 = 0
;; @0052                               v14 = load.i32 notrap aligned readonly region0 v13+4
;; @0052                               v15 = iconst.i32 0
;; @0052                               v16 = icmp eq v14, v15  ; v15 = 0
;; @0052                               brif v16, block2, block1
;;
;;                                 block1 cold:
;; @0052                               v17 = iconst.i32 -1
;; @0052                               v18 = icmp.i32 eq v14, v17  ; v17 = -1
;; @0052                               v19 = iconst.i32 5
;; @0052                               v20 = iconst.i32 6
;; @0052                               v21 = select v18, v19, v20  ; v19 = 5, v20 = 6
;; @0052                               call fn0(v0, v21)
;; @0052                               trap user1
;;
;;                                 block2:
;; @0052                               v22 = sload32.i64 notrap aligned readonly region0 v13
;; @0052                               v23 = iadd.i64 v8, v22
;; @0052                               v24 = call_indirect sig1, v23(v0, v0, v3, v4)  ; v3 = 1, v4 = 2
;;                                     return v24
;; }
;;
