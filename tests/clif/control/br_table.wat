(module
  (func (param i32) (result i32)
    (block $default (result i32)
      (block $one (result i32)
        (block $zero (result i32)
          (br_table $zero $one $default (i32.const 7) (local.get 0)))
        (return (i32.const 0)))
      (i32.add (i32.const 1)))))

;; function u0:0(i64, i64, i32) -> i32 tail {
;; block0(v0: i64, v1: i64, v2: i32):
;;     v3 = iconst.i32 7
;;     br_table v2, block2, [block3, block4]
;;
;; block2:
;;     jump block1(v3)  ; v3 = 7
;;
;; block3:
;;     jump block5(v3)  ; v3 = 7
;;
;; block4:
;;     jump block6(v3)  ; v3 = 7
;;
;; block5(v5: i32):
;;     v7 = iconst.i32 0
;;     return v7  ; v7 = 0
;;
;; block6(v6: i32):
;;     v8 = iconst.i32 1
;;     v9 = iadd v6, v8  ; v8 = 1
;;     jump block1(v9)
;;
;; block1(v4: i32):
;;     return v4
;; }
;;
