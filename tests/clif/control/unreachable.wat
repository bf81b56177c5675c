;; `unreachable` is a cold call, and what follows it is not translated.
(module
  (func (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then unreachable))
    (return (local.get 0))
    (i32.add)))

;; function u0:0(i64, i64, i32) -> i32 tail {
;;     sig0 = (i64, i32) tail
;;     fn0 = colocated u3:0 sig0
;;
;;                                 block0(v0: i64, v1: i64, v2: i32):
;;                                     v3 = iconst.i32 0
;;                                     v4 = icmp eq v2, v3  ; v3 = 0
;;                                     brif v4, block1, block2
;;
;;                                 block1:
;;                                     v5 = iconst.i32 1
;; @001e                               call fn0(v0, v5)  ; v5 = 1
;; @001e                               trap user1
;;
;;                                 block2:
;;                                     return v2
;; }
;;
