;;! asm = true
;; The x86-64 baseline has no FMA, so `relaxed_madd` rounds twice.
(module
  (func (param v128 v128) (result v128) (i8x16.relaxed_swizzle (local.get 0) (local.get 1)))
  (func (param v128) (result v128) (i32x4.relaxed_trunc_f32x4_s (local.get 0)))
  (func (param v128) (result v128) (i32x4.relaxed_trunc_f64x2_s_zero (local.get 0)))
  (func (param v128 v128 v128) (result v128)
    (f32x4.relaxed_madd (local.get 0) (local.get 1) (local.get 2)))
  (func (param v128 v128 v128) (result v128)
    (f64x2.relaxed_nmadd (local.get 0) (local.get 1) (local.get 2)))
  (func (param v128 v128 v128) (result v128)
    (i32x4.relaxed_laneselect (local.get 0) (local.get 1) (local.get 2)))
  (func (param v128 v128 v128) (result v128)
    (i16x8.relaxed_laneselect (local.get 0) (local.get 1) (local.get 2)))
  (func (param v128 v128) (result v128) (f32x4.relaxed_min (local.get 0) (local.get 1)))
  (func (param v128 v128) (result v128) (f64x2.relaxed_max (local.get 0) (local.get 1)))
  (func (param v128 v128) (result v128) (i16x8.relaxed_q15mulr_s (local.get 0) (local.get 1)))
  (func (param v128 v128) (result v128)
    (i16x8.relaxed_dot_i8x16_i7x16_s (local.get 0) (local.get 1)))
  (func (param v128 v128 v128) (result v128)
    (i32x4.relaxed_dot_i8x16_i7x16_add_s (local.get 0) (local.get 1) (local.get 2))))

;; function u0:0(i64, i64, i8x16, i8x16) -> i8x16 tail {
;; block0(v0: i64, v1: i64, v2: i8x16, v3: i8x16):
;;     v4 = x86_pshufb v2, v3
;;     return v4
;; }
;;
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   pshufb %xmm1, %xmm0
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;;
;; function u0:1(i64, i64, i8x16) -> i8x16 tail {
;; block0(v0: i64, v1: i64, v2: i8x16):
;;     v3 = bitcast.f32x4 little v2
;;     v4 = x86_cvtt2dq.i32x4 v3
;;     v5 = bitcast.i8x16 little v4
;;     return v5
;; }
;;
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   cvttps2dq %xmm0, %xmm0
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;;
;; function u0:2(i64, i64, i8x16) -> i8x16 tail {
;;     const0 = 0x00000000000000000000000000000000
;;
;; block0(v0: i64, v1: i64, v2: i8x16):
;;     v3 = bitcast.f64x2 little v2
;;     v4 = x86_cvtt2dq.i64x2 v3
;;     v5 = vconst.i64x2 const0
;;     v6 = snarrow v4, v5  ; v5 = const0
;;     v7 = bitcast.i8x16 little v6
;;     return v7
;; }
;;
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   cvttpd2dq %xmm0, %xmm0
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;;
;; function u0:3(i64, i64, i8x16, i8x16, i8x16) -> i8x16 tail {
;; block0(v0: i64, v1: i64, v2: i8x16, v3: i8x16, v4: i8x16):
;;     v5 = bitcast.f32x4 little v4
;;     v6 = bitcast.f32x4 little v3
;;     v7 = bitcast.f32x4 little v2
;;     v8 = fmul v7, v6
;;     v9 = fadd v8, v5
;;     v10 = bitcast.i8x16 little v9
;;     return v10
;; }
;;
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   mulps %xmm1, %xmm0
;;   addps %xmm2, %xmm0
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;;
;; function u0:4(i64, i64, i8x16, i8x16, i8x16) -> i8x16 tail {
;; block0(v0: i64, v1: i64, v2: i8x16, v3: i8x16, v4: i8x16):
;;     v5 = bitcast.f64x2 little v4
;;     v6 = bitcast.f64x2 little v3
;;     v7 = bitcast.f64x2 little v2
;;     v8 = fneg v7
;;     v9 = fmul v8, v6
;;     v10 = fadd v9, v5
;;     v11 = bitcast.i8x16 little v10
;;     return v11
;; }
;;
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   uninit  %xmm3
;;   pcmpeqd %xmm3, %xmm3
;;   psllq $0x3f, %xmm3
;;   xorpd %xmm3, %xmm0
;;   mulpd %xmm1, %xmm0
;;   addpd %xmm2, %xmm0
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;;
;; function u0:5(i64, i64, i8x16, i8x16, i8x16) -> i8x16 tail {
;; block0(v0: i64, v1: i64, v2: i8x16, v3: i8x16, v4: i8x16):
;;     v5 = bitcast.i32x4 little v4
;;     v6 = bitcast.i32x4 little v3
;;     v7 = bitcast.i32x4 little v2
;;     v8 = blendv v5, v7, v6
;;     v9 = bitcast.i8x16 little v8
;;     return v9
;; }
;;
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movdqa %xmm0, %xmm6
;;   movdqa %xmm2, %xmm0
;;   movdqa %xmm1, %xmm4
;;   blendvps %xmm0, %xmm6, %xmm4
;;   movdqa %xmm4, %xmm0
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;;
;; function u0:6(i64, i64, i8x16, i8x16, i8x16) -> i8x16 tail {
;; block0(v0: i64, v1: i64, v2: i8x16, v3: i8x16, v4: i8x16):
;;     v5 = bitcast.i16x8 little v4
;;     v6 = bitcast.i16x8 little v3
;;     v7 = bitcast.i16x8 little v2
;;     v8 = bitselect v5, v7, v6
;;     v9 = bitcast.i8x16 little v8
;;     return v9
;; }
;;
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   pand %xmm2, %xmm0
;;   movdqa %xmm0, %xmm7
;;   pandn %xmm1, %xmm2
;;   movdqa %xmm7, %xmm1
;;   movdqa %xmm2, %xmm0
;;   por %xmm1, %xmm0
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;;
;; function u0:7(i64, i64, i8x16, i8x16) -> i8x16 tail {
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
;; function u0:8(i64, i64, i8x16, i8x16) -> i8x16 tail {
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
;; function u0:9(i64, i64, i8x16, i8x16) -> i8x16 tail {
;; block0(v0: i64, v1: i64, v2: i8x16, v3: i8x16):
;;     v4 = bitcast.i16x8 little v3
;;     v5 = bitcast.i16x8 little v2
;;     v6 = x86_pmulhrsw v5, v4
;;     v7 = bitcast.i8x16 little v6
;;     return v7
;; }
;;
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   pmulhrsw %xmm1, %xmm0
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;;
;; function u0:10(i64, i64, i8x16, i8x16) -> i8x16 tail {
;; block0(v0: i64, v1: i64, v2: i8x16, v3: i8x16):
;;     v4 = x86_pmaddubsw v2, v3
;;     v5 = bitcast.i8x16 little v4
;;     return v5
;; }
;;
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movdqa %xmm0, %xmm4
;;   movdqa %xmm1, %xmm0
;;   pmaddubsw %xmm4, %xmm0
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;;
;; function u0:11(i64, i64, i8x16, i8x16, i8x16) -> i8x16 tail {
;; block0(v0: i64, v1: i64, v2: i8x16, v3: i8x16, v4: i8x16):
;;     v5 = bitcast.i32x4 little v4
;;     v6 = x86_pmaddubsw v2, v3
;;     v7 = swiden_low v6
;;     v8 = swiden_high v6
;;     v9 = iadd_pairwise v7, v8
;;     v10 = iadd v9, v5
;;     v11 = bitcast.i8x16 little v10
;;     return v11
;; }
;;
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   pmaddubsw %xmm0, %xmm1
;;   pmaddwd (%rip), %xmm1
;;   movdqa %xmm1, %xmm0
;;   paddd %xmm2, %xmm0
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;;
