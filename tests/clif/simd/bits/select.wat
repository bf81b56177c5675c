;;! asm = true
;; A select by the mask of a comparison is one instruction: no cast stands between the two.
(module
  (func (param v128 v128) (result v128)
    (v128.bitselect (local.get 0) (local.get 1) (i32x4.gt_s (local.get 0) (local.get 1))))
  (func (param v128 v128) (result v128)
    (v128.bitselect (local.get 0) (local.get 1) (f32x4.lt (local.get 0) (local.get 1)))))

;; function u0:0(i64, i64, i8x16, i8x16) -> i8x16 tail {
;; block0(v0: i64, v1: i64, v2: i8x16, v3: i8x16):
;;     v4 = bitcast.i32x4 little v3
;;     v5 = bitcast.i32x4 little v2
;;     v6 = icmp sgt v5, v4
;;     v7 = bitcast.i32x4 little v3
;;     v8 = bitcast.i32x4 little v2
;;     v9 = bitselect v6, v8, v7
;;     v10 = bitcast.i8x16 little v9
;;     return v10
;; }
;;
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   pmaxsd %xmm1, %xmm0
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;;
;; function u0:1(i64, i64, i8x16, i8x16) -> i8x16 tail {
;; block0(v0: i64, v1: i64, v2: i8x16, v3: i8x16):
;;     v4 = bitcast.f32x4 little v3
;;     v5 = bitcast.f32x4 little v2
;;     v6 = fcmp lt v5, v4
;;     v7 = bitcast.i32x4 little v3
;;     v8 = bitcast.i32x4 little v2
;;     v9 = bitselect v6, v8, v7
;;     v10 = bitcast.i8x16 little v9
;;     return v10
;; }
;;
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movdqa %xmm0, %xmm4
;;   cmpltps %xmm1, %xmm4
;;   movdqa %xmm0, %xmm7
;;   movdqa %xmm4, %xmm0
;;   movdqa %xmm1, %xmm4
;;   pblendvb %xmm0, %xmm7, %xmm4
;;   movdqa %xmm4, %xmm0
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;;
