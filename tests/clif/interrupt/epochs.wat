;;! epochs = true
;;! asm = true
;; The epoch is looked at where the function and each turn of its loop begin, and before an operator
;; of any length.
(module
  (memory 1)
  (func (param i32)
    (loop (br_if 0 (local.get 0))))
  (func (param i32)
    (memory.fill (i32.const 0) (i32.const 0) (local.get 0))))

;; function u0:0(i64, i64, i32) tail {
;;     region0 = 0 "context"
;;     region1 = 13 "interrupt"
;;     sig0 = (i64) tail
;;     fn0 = colocated u3:16 sig0
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;;                                     v14 -> v2
;;                                     v15 -> v2
;;                                     v13 -> v14
;;                                     v3 = load.i64 notrap aligned readonly can_move region0 v0
;;                                     v4 = load.i64 notrap aligned readonly can_move region0 v3+48
;;                                     v5 = load.i64 notrap aligned region1 v4
;;                                     v6 = load.i64 notrap aligned region1 v3+56
;;                                     v7 = icmp uge v5, v6
;;                                     brif v7, block1, block2
;;
;;                                 block1 cold:
;; @001d                               call fn0(v0)
;; @001d                               jump block2
;;
;;                                 block2:
;;                                     jump block3
;;
;;                                 block3:
;;                                     v8 = load.i64 notrap aligned readonly can_move region0 v0
;;                                     v9 = load.i64 notrap aligned readonly can_move region0 v8+48
;;                                     v10 = load.i64 notrap aligned region1 v9
;;                                     v11 = load.i64 notrap aligned region1 v8+56
;;                                     v12 = icmp uge v10, v11
;;                                     brif v12, block4, block5
;;
;;                                 block4 cold:
;; @001e                               call fn0(v0)
;; @001e                               jump block5
;;
;;                                 block5:
;;                                     brif.i32 v14, block3, block6
;;
;;                                 block6:
;;                                     return
;; }
;;
;;   pushq %rbp
;;   movq %rsp, %rbp
;;   subq $0x20, %rsp
;;   movq %r12, (%rsp)
;;   movq %r13, 8(%rsp)
;;   movq %r14, 0x10(%rsp)
;;   movq %r15, 0x18(%rsp)
;; block0:
;;   movq %rdx, %r14
;;   movq (%rdi), %r12
;;   movq %rdi, %r15
;;   movq 0x30(%r12), %r13
;;   movq (%r13), %r8
;;   movq 0x38(%r12), %r9
;;   cmpq %r9, %r8
;;   jnb     label2; j label1
;; block1:
;;   jmp     label3
;; block3:
;;   jmp     label4
;; block4:
;;   movq (%r13), %rax
;;   movq 0x38(%r12), %rcx
;;   cmpq %rcx, %rax
;;   jnb     label6; j label5
;; block5:
;;   movq %r14, %rdx
;;   jmp     label7
;; block7:
;;   testl %edx, %edx
;;   jnz     label8; j label9
;; block8:
;;   movq %rdx, %r14
;;   jmp     label4
;; block9:
;;   movq (%rsp), %r12
;;   movq 8(%rsp), %r13
;;   movq 0x10(%rsp), %r14
;;   movq 0x18(%rsp), %r15
;;   addq $0x20, %rsp
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; block2:
;;   movq %r15, %rdi
;;   call    User(userextname0)
;;   jmp     label3
;; block6:
;;   movq %r15, %rdi
;;   call    User(userextname0)
;;   movq %r14, %rdx
;;   jmp     label7
;;
;; function u0:1(i64, i64, i32) tail {
;;     region0 = 0 "context"
;;     region1 = 13 "interrupt"
;;     sig0 = (i64) tail
;;     sig1 = (i64, i32, i64, i32, i64) tail
;;     fn0 = colocated u3:16 sig0
;;     fn1 = colocated u3:2 sig1
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;;                                     v10 -> v2
;;                                     v3 = load.i64 notrap aligned readonly can_move region0 v0
;;                                     v4 = load.i64 notrap aligned readonly can_move region0 v3+48
;;                                     v5 = load.i64 notrap aligned region1 v4
;;                                     v6 = load.i64 notrap aligned region1 v3+56
;;                                     v7 = icmp uge v5, v6
;;                                     brif v7, block1, block2
;;
;;                                 block1 cold:
;; @0027                               call fn0(v0)
;; @0027                               jump block2
;;
;;                                 block2:
;;                                     v8 = iconst.i32 0
;;                                     v9 = iconst.i32 0
;;                                     v11 = load.i64 notrap aligned readonly can_move region0 v0
;;                                     v12 = load.i64 notrap aligned readonly can_move region0 v11+48
;;                                     v13 = load.i64 notrap aligned region1 v12
;;                                     v14 = load.i64 notrap aligned region1 v11+56
;;                                     v15 = icmp uge v13, v14
;;                                     brif v15, block3, block4
;;
;;                                 block3 cold:
;; @002e                               call fn0(v0)
;; @002e                               jump block4
;;
;;                                 block4:
;; @002e                               v16 = iconst.i32 0
;; @002e                               v17 = uextend.i64 v8  ; v8 = 0
;; @002e                               v18 = uextend.i64 v2
;; @002e                               call fn1(v0, v16, v17, v9, v18)  ; v16 = 0, v9 = 0
;;                                     return
;; }
;;
;;   pushq %rbp
;;   movq %rsp, %rbp
;;   subq $0x20, %rsp
;;   movq %rbx, (%rsp)
;;   movq %r13, 8(%rsp)
;;   movq %r14, 0x10(%rsp)
;;   movq %r15, 0x18(%rsp)
;; block0:
;;   movq %rdx, %rbx
;;   movq (%rdi), %r13
;;   movq %rdi, %r15
;;   movq 0x30(%r13), %r14
;;   movq (%r14), %rax
;;   movq 0x38(%r13), %rcx
;;   cmpq %rcx, %rax
;;   jnb     label2; j label1
;; block1:
;;   jmp     label3
;; block3:
;;   movq (%r14), %rax
;;   movq 0x38(%r13), %rcx
;;   cmpq %rcx, %rax
;;   jnb     label5; j label4
;; block4:
;;   jmp     label6
;; block6:
;;   uninit  %rcx
;;   xorl %ecx, %ecx
;;   uninit  %rdx
;;   xorq %rdx, %rdx
;;   movq %rbx, %rax
;;   movl %eax, %r8d
;;   movq %r15, %rdi
;;   movq %rcx, %rsi
;;   call    User(userextname1)
;;   movq (%rsp), %rbx
;;   movq 8(%rsp), %r13
;;   movq 0x10(%rsp), %r14
;;   movq 0x18(%rsp), %r15
;;   addq $0x20, %rsp
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; block2:
;;   movq %r15, %rdi
;;   call    User(userextname0)
;;   jmp     label3
;; block5:
;;   movq %r15, %rdi
;;   call    User(userextname0)
;;   jmp     label6
;;
