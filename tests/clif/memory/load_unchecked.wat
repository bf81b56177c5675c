;;! asm = true
;; A 32-bit load from a guarded memory: no check, and the offset is part of the instruction.
(module
  (memory 1)
  (func (param i32) (result i32) (i32.load offset=8 (local.get 0))))

;; function u0:0(i64, i64, i32) -> i32 tail {
;;     region0 = 0 "context"
;;     region1 = 2 "heap"
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;; @0020                               v3 = load.i64 notrap aligned readonly can_move region0 v0+32
;; @0020                               v4 = uextend.i64 v2
;; @0020                               v5 = iadd v3, v4
;; @0020                               v6 = load.i32 user2 little region1 v5+8
;;                                     return v6
;; }
;;
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movq 0x20(%rdi), %rsi
;;   movl %edx, %edi
;;   movl 8(%rsi, %rdi), %eax
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;;
