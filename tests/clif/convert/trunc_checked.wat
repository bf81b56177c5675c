;;! signals = false
;; Without signals NaN and the range are looked at first; the conversion that follows cannot trap.
(module
  (func (param f64) (result i32) (i32.trunc_f64_s (local.get 0)))
  (func (param f32) (result i32) (i32.trunc_f32_s (local.get 0)))
  (func (param f32) (result i64) (i64.trunc_f32_u (local.get 0))))

;; function u0:0(i64, i64, f64) -> i32 tail {
;;     region0 = 0 "context"
;;     region1 = 1 "views"
;;     sig0 = (i64, i32) tail
;;     fn0 = colocated u3:0 sig0
;;
;;                                 block0(v0: i64, v1: i64, v2: f64):
;;                                     v3 = load.i64 notrap aligned readonly can_move region0 v0
;;                                     v4 = load.i64 notrap aligned region1 v3
;;                                     v5 = get_stack_pointer.i64
;;                                     v6 = icmp ult v5, v4
;; @0024                               brif v6, block1, block2
;;
;;                                 block1 cold:
;; @0024                               v7 = iconst.i32 10
;; @0024                               call fn0(v0, v7)  ; v7 = 10
;; @0024                               trap user1
;;
;;                                 block2:
;;                                     v8 = fcmp.f64 uno v2, v2
;; @0027                               brif v8, block3, block4
;;
;;                                 block3 cold:
;; @0027                               v9 = iconst.i32 9
;; @0027                               call fn0(v0, v9)  ; v9 = 9
;; @0027                               trap user1
;;
;;                                 block4:
;; @0027                               v10 = f64const -0x1.0000000200000p31
;; @0027                               v11 = fcmp.f64 gt v2, v10  ; v10 = -0x1.0000000200000p31
;; @0027                               v12 = f64const 0x1.0000000000000p31
;; @0027                               v13 = fcmp.f64 lt v2, v12  ; v12 = 0x1.0000000000000p31
;; @0027                               v14 = band v11, v13
;; @0027                               brif v14, block6, block5
;;
;;                                 block5 cold:
;; @0027                               v15 = iconst.i32 7
;; @0027                               call fn0(v0, v15)  ; v15 = 7
;; @0027                               trap user1
;;
;;                                 block6:
;; @0027                               v16 = fcvt_to_sint_sat.i32 v2
;;                                     return v16
;; }
;;
;; function u0:1(i64, i64, f32) -> i32 tail {
;;     region0 = 0 "context"
;;     region1 = 1 "views"
;;     sig0 = (i64, i32) tail
;;     fn0 = colocated u3:0 sig0
;;
;;                                 block0(v0: i64, v1: i64, v2: f32):
;;                                     v3 = load.i64 notrap aligned readonly can_move region0 v0
;;                                     v4 = load.i64 notrap aligned region1 v3
;;                                     v5 = get_stack_pointer.i64
;;                                     v6 = icmp ult v5, v4
;; @002a                               brif v6, block1, block2
;;
;;                                 block1 cold:
;; @002a                               v7 = iconst.i32 10
;; @002a                               call fn0(v0, v7)  ; v7 = 10
;; @002a                               trap user1
;;
;;                                 block2:
;;                                     v8 = fcmp.f32 uno v2, v2
;; @002d                               brif v8, block3, block4
;;
;;                                 block3 cold:
;; @002d                               v9 = iconst.i32 9
;; @002d                               call fn0(v0, v9)  ; v9 = 9
;; @002d                               trap user1
;;
;;                                 block4:
;; @002d                               v10 = f32const -0x1.000000p31
;; @002d                               v11 = fcmp.f32 ge v2, v10  ; v10 = -0x1.000000p31
;; @002d                               v12 = f32const 0x1.000000p31
;; @002d                               v13 = fcmp.f32 lt v2, v12  ; v12 = 0x1.000000p31
;; @002d                               v14 = band v11, v13
;; @002d                               brif v14, block6, block5
;;
;;                                 block5 cold:
;; @002d                               v15 = iconst.i32 7
;; @002d                               call fn0(v0, v15)  ; v15 = 7
;; @002d                               trap user1
;;
;;                                 block6:
;; @002d                               v16 = fcvt_to_sint_sat.i32 v2
;;                                     return v16
;; }
;;
;; function u0:2(i64, i64, f32) -> i64 tail {
;;     region0 = 0 "context"
;;     region1 = 1 "views"
;;     sig0 = (i64, i32) tail
;;     fn0 = colocated u3:0 sig0
;;
;;                                 block0(v0: i64, v1: i64, v2: f32):
;;                                     v3 = load.i64 notrap aligned readonly can_move region0 v0
;;                                     v4 = load.i64 notrap aligned region1 v3
;;                                     v5 = get_stack_pointer.i64
;;                                     v6 = icmp ult v5, v4
;; @0030                               brif v6, block1, block2
;;
;;                                 block1 cold:
;; @0030                               v7 = iconst.i32 10
;; @0030                               call fn0(v0, v7)  ; v7 = 10
;; @0030                               trap user1
;;
;;                                 block2:
;;                                     v8 = fcmp.f32 uno v2, v2
;; @0033                               brif v8, block3, block4
;;
;;                                 block3 cold:
;; @0033                               v9 = iconst.i32 9
;; @0033                               call fn0(v0, v9)  ; v9 = 9
;; @0033                               trap user1
;;
;;                                 block4:
;; @0033                               v10 = f32const -0x1.000000p0
;; @0033                               v11 = fcmp.f32 gt v2, v10  ; v10 = -0x1.000000p0
;; @0033                               v12 = f32const 0x1.000000p64
;; @0033                               v13 = fcmp.f32 lt v2, v12  ; v12 = 0x1.000000p64
;; @0033                               v14 = band v11, v13
;; @0033                               brif v14, block6, block5
;;
;;                                 block5 cold:
;; @0033                               v15 = iconst.i32 7
;; @0033                               call fn0(v0, v15)  ; v15 = 7
;; @0033                               trap user1
;;
;;                                 block6:
;; @0033                               v16 = fcvt_to_uint_sat.i64 v2
;;                                     return v16
;; }
;;
