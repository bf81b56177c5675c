;; A comparison is extended only where the number is wanted: a branch takes it as it is.
(module
  (func (param i64 i64) (result i32)
    (i64.lt_u (local.get 0) (local.get 1)))
  (func (param f64 f64) (result i32)
    (i32.eqz (f64.le (local.get 0) (local.get 1))))
  (func (param i32 i32) (result i32)
    (if (result i32) (i32.ge_s (local.get 0) (local.get 1))
      (then (i32.const 1))
      (else (i32.const 2)))))

;; function u0:0(i64, i64, i64, i64) -> i32 tail {
;; block0(v0: i64, v1: i64, v2: i64, v3: i64):
;;     v4 = icmp ult v2, v3
;;     v5 = uextend.i32 v4
;;     return v5
;; }
;;
;; function u0:1(i64, i64, f64, f64) -> i32 tail {
;; block0(v0: i64, v1: i64, v2: f64, v3: f64):
;;     v4 = fcmp le v2, v3
;;     v5 = iconst.i8 0
;;     v6 = icmp eq v4, v5  ; v5 = 0
;;     v7 = uextend.i32 v6
;;     return v7
;; }
;;
;; function u0:2(i64, i64, i32, i32) -> i32 tail {
;; block0(v0: i64, v1: i64, v2: i32, v3: i32):
;;     v4 = icmp sge v2, v3
;;     brif v4, block1, block2
;;
;; block1:
;;     v5 = iconst.i32 1
;;     jump block3(v5)  ; v5 = 1
;;
;; block2:
;;     v7 = iconst.i32 2
;;     jump block3(v7)  ; v7 = 2
;;
;; block3(v6: i32):
;;     return v6
;; }
;;
