;;! asm = true
(module
  (func (param i64 i64 i64 i64) (result i64 i64)
    (i64.add128 (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
  (func (param i64 i64 i64 i64) (result i64 i64)
    (i64.sub128 (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
  (func (param i64 i64) (result i64 i64) (i64.mul_wide_s (local.get 0) (local.get 1)))
  (func (param i64 i64) (result i64 i64) (i64.mul_wide_u (local.get 0) (local.get 1))))

;; function u0:0(i64, i64, i64, i64, i64, i64) -> i64, i64 tail {
;; block0(v0: i64, v1: i64, v2: i64, v3: i64, v4: i64, v5: i64):
;;     v6 = iconcat v2, v3
;;     v7 = iconcat v4, v5
;;     v8 = iadd v6, v7
;;     v9, v10 = isplit v8
;;     return v9, v10
;; }
;;
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movq %rdx, %rax
;;   addq %r8, %rax
;;   adcq %r9, %rcx
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;;
;; function u0:1(i64, i64, i64, i64, i64, i64) -> i64, i64 tail {
;; block0(v0: i64, v1: i64, v2: i64, v3: i64, v4: i64, v5: i64):
;;     v6 = iconcat v2, v3
;;     v7 = iconcat v4, v5
;;     v8 = isub v6, v7
;;     v9, v10 = isplit v8
;;     return v9, v10
;; }
;;
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movq %rdx, %rax
;;   subq %r8, %rax
;;   sbbq %r9, %rcx
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;;
;; function u0:2(i64, i64, i64, i64) -> i64, i64 tail {
;; block0(v0: i64, v1: i64, v2: i64, v3: i64):
;;     v4 = sextend.i128 v2
;;     v5 = sextend.i128 v3
;;     v6 = imul v4, v5
;;     v7, v8 = isplit v6
;;     return v7, v8
;; }
;;
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movq %rdx, %rax
;;   imulq %rcx ;; implicit: %rax, %rdx
;;   movq %rdx, %rcx
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;;
;; function u0:3(i64, i64, i64, i64) -> i64, i64 tail {
;; block0(v0: i64, v1: i64, v2: i64, v3: i64):
;;     v4 = uextend.i128 v2
;;     v5 = uextend.i128 v3
;;     v6 = imul v4, v5
;;     v7, v8 = isplit v6
;;     return v7, v8
;; }
;;
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movq %rdx, %rax
;;   mulq %rcx ;; implicit: %rax, %rdx
;;   movq %rdx, %rcx
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;;
