;;! canonicalize_nans = true
;;! asm = true
;; Canonical NaNs are a pass of Cranelift: the IR translated is the same, the machine code is not.
(module
  (func (param f64 f64) (result f64) (f64.add (local.get 0) (local.get 1))))

;; function u0:0(i64, i64, f64, f64) -> f64 tail {
;; block0(v0: i64, v1: i64, v2: f64, v3: f64):
;;     v4 = fadd v2, v3
;;     return v4
;; }
;;
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   addsd %xmm1, %xmm0
;;   movdqa %xmm0, %xmm1
;;   uninit  %xmm0
;;   xorpd %xmm0, %xmm0
;;   movsd %xmm1, %xmm0
;;   movdqa %xmm0, %xmm1
;;   cmpunordpd %xmm0, %xmm1
;;   movupd (%rip), %xmm2
;;   movdqa %xmm0, %xmm3
;;   movdqa %xmm1, %xmm0
;;   movdqa %xmm3, %xmm1
;;   pblendvb %xmm0, %xmm2, %xmm1
;;   movdqa %xmm1, %xmm0
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;;
