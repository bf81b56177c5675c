(module
  (table $funcs (export "funcs") 4 funcref)
  (table $externs 4 externref)
  (func (param i32) (result funcref) (table.get $funcs (local.get 0)))
  (func (param i32 funcref) (table.set $funcs (local.get 0) (local.get 1)))
  (func (param i32) (result externref) (table.get $externs (local.get 0)))
  (func (param i32 externref) (table.set $externs (local.get 0) (local.get 1)))
  (func (result i32) (table.size $funcs))
  (func (param i32) (result i32) (table.grow $funcs (ref.null func) (local.get 0)))
  (func (param externref i32) (result i32) (table.grow $externs (local.get 0) (local.get 1))))

;; function u0:0(i64, i64, i32) -> i64 tail {
;;     region0 = 0 "context"
;;     region1 = 1 "views"
;;     region2 = 3 "entries"
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;;                                     v3 = uextend.i64 v2
;;                                     v4 = load.i64 notrap aligned readonly can_move region0 v0+40
;;                                     v5 = load.i64 notrap aligned region1 v4+8
;;                                     v6 = icmp uge v3, v5
;; @0053                               trapnz v6, user3
;; @0053                               v7 = load.i64 notrap aligned region1 v4
;; @0053                               v8 = iconst.i64 5
;; @0053                               v9 = ishl v3, v8  ; v8 = 5
;; @0053                               v10 = iadd v7, v9
;; @0053                               v11 = iconst.i64 0
;; @0053                               v12 = select_spectre_guard v6, v11, v10  ; v11 = 0
;; @0053                               v13 = load.i64 notrap aligned region2 v12+16
;;                                     return v13
;; }
;;
;; function u0:1(i64, i64, i32, i64) tail {
;;     sig0 = (i64, i32, i64, i64, i64) tail
;;     fn0 = colocated u3:10 sig0
;;
;;                                 block0(v0: i64, v1: i64, v2: i32, v3: i64):
;;                                     v4 = uextend.i64 v2
;;                                     v5 = iconst.i32 0
;;                                     v6 = iconst.i64 1
;; @005c                               call fn0(v0, v5, v4, v3, v6)  ; v5 = 0, v6 = 1
;;                                     return
;; }
;;
;; function u0:2(i64, i64, i32) -> i32 tail {
;;     region0 = 0 "context"
;;     region1 = 1 "views"
;;     region2 = 3 "entries"
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;;                                     v3 = uextend.i64 v2
;;                                     v4 = load.i64 notrap aligned readonly can_move region0 v0+56
;;                                     v5 = load.i64 notrap aligned region1 v4+8
;;                                     v6 = icmp uge v3, v5
;; @0063                               trapnz v6, user3
;; @0063                               v7 = load.i64 notrap aligned region1 v4
;; @0063                               v8 = iconst.i64 2
;; @0063                               v9 = ishl v3, v8  ; v8 = 2
;; @0063                               v10 = iadd v7, v9
;; @0063                               v11 = iconst.i64 0
;; @0063                               v12 = select_spectre_guard v6, v11, v10  ; v11 = 0
;; @0063                               v13 = load.i32 notrap aligned region2 v12
;;                                     return v13
;; }
;;
;; function u0:3(i64, i64, i32, i32) tail {
;;     region0 = 0 "context"
;;     region1 = 1 "views"
;;     region2 = 3 "entries"
;;
;;                                 block0(v0: i64, v1: i64, v2: i32, v3: i32):
;;                                     v4 = uextend.i64 v2
;;                                     v5 = load.i64 notrap aligned readonly can_move region0 v0+56
;;                                     v6 = load.i64 notrap aligned region1 v5+8
;;                                     v7 = icmp uge v4, v6
;; @006c                               trapnz v7, user3
;; @006c                               v8 = load.i64 notrap aligned region1 v5
;; @006c                               v9 = iconst.i64 2
;; @006c                               v10 = ishl v4, v9  ; v9 = 2
;; @006c                               v11 = iadd v8, v10
;; @006c                               v12 = iconst.i64 0
;; @006c                               v13 = select_spectre_guard v7, v12, v11  ; v12 = 0
;; @006c                               store notrap aligned region2 v3, v13
;;                                     return
;; }
;;
;; function u0:4(i64, i64) -> i32 tail {
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
;; function u0:5(i64, i64, i32) -> i32 tail {
;;     sig0 = (i64, i32, i64, i64) -> i64 tail
;;     fn0 = colocated u3:8 sig0
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;;                                     v3 = iconst.i64 0
;;                                     v4 = uextend.i64 v2
;;                                     v5 = iconst.i32 0
;; @007b                               v6 = call fn0(v0, v5, v3, v4)  ; v5 = 0, v3 = 0
;; @007b                               v7 = ireduce.i32 v6
;;                                     return v7
;; }
;;
;; function u0:6(i64, i64, i32, i32) -> i32 tail {
;;     sig0 = (i64, i32, i32, i64) -> i64 tail
;;     fn0 = colocated u3:9 sig0
;;
;;                                 block0(v0: i64, v1: i64, v2: i32, v3: i32):
;;                                     v4 = uextend.i64 v3
;;                                     v5 = iconst.i32 1
;; @0085                               v6 = call fn0(v0, v5, v2, v4)  ; v5 = 1
;; @0085                               v7 = ireduce.i32 v6
;;                                     return v7
;; }
;;
