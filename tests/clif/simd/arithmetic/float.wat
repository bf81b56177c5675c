;;! asm = true
;; `pmin` and `pmax` are single instructions of x86-64; `min` and `max` are not.
(module
  (func (param v128 v128) (result v128)
    (f32x4.add (f32x4.sqrt (local.get 0)) (f32x4.nearest (local.get 1))))
  (func (param v128 v128) (result v128) (f32x4.pmin (local.get 0) (local.get 1)))
  (func (param v128 v128) (result v128) (f64x2.pmax (local.get 0) (local.get 1)))
  (func (param v128 v128) (result v128) (f64x2.min (local.get 0) (local.get 1))))

;; function u0:0(i64, i64, i8x16, i8x16) -> i8x16 tail {
;; block0(v0: i64, v1: i64, v2: i8x16, v3: i8x16):
;;     v4 = bitcast.f32x4 little v2
;;     v5 = sqrt v4
;;     v6 = bitcast.f32x4 little v3
;;     v7 = nearest v6
;;     v8 = fadd v5, v7
;;     v9 = bitcast.i8x16 little v8
;;     return v9
;; }
;;
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   sqrtps %xmm0, %xmm0
;;   roundps $0x0, %xmm1, %xmm5
;;   addps %xmm5, %xmm0
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;;
;; function u0:1(i64, i64, i8x16, i8x16) -> i8x16 tail {
;; block0(v0: i64, v1: i64, v2: i8x16, v3: i8x16):
;;     v4 = bitcast.f32x4 little v3
;;     v5 = bitcast.f32x4 little v2
;;     v6 = fcmp lt v4, v5
;;     v7 = bitcast.f32x4 little v6
;;     v8 = bitselect v7, v4, v5
;;     v9 = bitcast.i8x16 little v8
;;     return v9
;; }
;;
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movdqa %xmm0, %xmm4
;;   movdqa %xmm1, %xmm0
;;   minps %xmm4, %xmm0
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;;
;; function u0:2(i64, i64, i8x16, i8x16) -> i8x16 tail {
;; block0(v0: i64, v1: i64, v2: i8x16, v3: i8x16):
;;     v4 = bitcast.f64x2 little v3
;;     v5 = bitcast.f64x2 little v2
;;     v6 = fcmp lt v5, v4
;;     v7 = bitcast.f64x2 little v6
;;     v8 = bitselect v7, v4, v5
;;     v9 = bitcast.i8x16 little v8
;;     return v9
;; }
;;
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movdqa %xmm0, %xmm4
;;   movdqa %xmm1, %xmm0
;;   maxpd %xmm4, %xmm0
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;;
;; function u0:3(i64, i64, i8x16, i8x16) -> i8x16 tail {
;; block0(v0: i64, v1: i64, v2: i8x16, v3: i8x16):
;;     v4 = bitcast.f64x2 little v3
;;     v5 = bitcast.f64x2 little v2
;;     v6 = fmin v5, v4
;;     v7 = bitcast.i8x16 little v6
;;     return v7
;; }
;;
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movdqa %xmm0, %xmm2
;;   minpd %xmm1, %xmm0
;;   minpd %xmm2, %xmm1
;;   movdqa %xmm0, %xmm2
;;   orpd %xmm1, %xmm2
;;   cmpunordpd %xmm1, %xmm0
;;   orpd %xmm0, %xmm2
;;   psrlq $0xd, %xmm0
;;   andnpd %xmm2, %xmm0
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;;
