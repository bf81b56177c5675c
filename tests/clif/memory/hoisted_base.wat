;;! asm = true
;; The base of a memory that never moves is loaded once, before the loop.
(module
  (memory 1)
  (func (param $at i32) (param $end i32) (result i32) (local $sum i32)
    (loop $next
      (local.set $sum (i32.add (local.get $sum) (i32.load (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 4)))
      (br_if $next (i32.lt_u (local.get $at) (local.get $end))))
    (local.get $sum)))

;; function u0:0(i64, i64, i32, i32) -> i32 tail {
;;     region0 = 0 "context"
;;     region1 = 2 "heap"
;;
;;                                 block0(v0: i64, v1: i64, v2: i32, v3: i32):
;;                                     v13 -> v3
;;                                     v16 = iconst.i32 0
;;                                     v15 -> v16
;;                                     jump block1(v16, v2)  ; v16 = 0
;;
;;                                 block1(v4: i32, v5: i32):
;; @0027                               v6 = load.i64 notrap aligned readonly can_move region0 v0+32
;; @0027                               v7 = uextend.i64 v5
;; @0027                               v8 = iadd v6, v7
;; @0027                               v9 = load.i32 user2 little region1 v8
;;                                     v10 = iadd v4, v9
;;                                     v11 = iconst.i32 4
;;                                     v12 = iadd v5, v11  ; v11 = 4
;;                                     v14 = icmp ult v12, v13
;;                                     brif v14, block1(v10, v12), block2
;;
;;                                 block2:
;;                                     return v10
;; }
;;
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   uninit  %rax
;;   xorl %eax, %eax
;;   movq 0x20(%rdi), %rsi
;;   jmp     label1
;; block1:
;;   movl %edx, %edi
;;   movl (%rsi, %rdi), %edi
;;   leal 4(%rdx), %edx
;;   leal (%rax, %rdi), %eax
;;   cmpl %ecx, %edx
;;   jb      label2; j label3
;; block2:
;;   jmp     label1
;; block3:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;;
