(module
  (func (param i32) (result i32)
    (block $out (result i32)
      (drop (br_if $out (i32.const 1) (local.get 0)))
      (i32.const 2)))
  (func (param i32 i64) (result i64)
    (if (result i64) (local.get 0)
      (then (local.get 1))
      (else (i64.const 0))))
  (func (param i32) (result i32)
    (i32.const 1)
    (loop $again (param i32) (result i32)
      (i32.mul (local.get 0))
      (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
      (br_if $again (local.get 0)))))

;; function u0:0(i64, i64, i32) -> i32 tail {
;; block0(v0: i64, v1: i64, v2: i32):
;;     v3 = iconst.i32 1
;;     brif v2, block1(v3), block2  ; v3 = 1
;;
;; block2:
;;     v5 = iconst.i32 2
;;     jump block1(v5)  ; v5 = 2
;;
;; block1(v4: i32):
;;     return v4
;; }
;;
;; function u0:1(i64, i64, i32, i64) -> i64 tail {
;; block0(v0: i64, v1: i64, v2: i32, v3: i64):
;;     brif v2, block1, block2
;;
;; block1:
;;     jump block3(v3)
;;
;; block2:
;;     v5 = iconst.i64 0
;;     jump block3(v5)  ; v5 = 0
;;
;; block3(v4: i64):
;;     return v4
;; }
;;
;; function u0:2(i64, i64, i32) -> i32 tail {
;; block0(v0: i64, v1: i64, v2: i32):
;;     v3 = iconst.i32 1
;;     jump block1(v3, v2)  ; v3 = 1
;;
;; block1(v4: i32, v5: i32):
;;     v6 = imul v4, v5
;;     v7 = iconst.i32 1
;;     v8 = isub v5, v7  ; v7 = 1
;;     brif v8, block1(v6, v8), block2
;;
;; block2:
;;     return v6
;; }
;;
