;; A global of the module's own stands in its context; one that nothing changes is read-only.
(module
  (global $counter (mut i32) (i32.const 0))
  (global $constant i64 (i64.const 7))
  (global $vector (mut v128) (v128.const i64x2 0 0))
  (func (global.set $counter (i32.add (global.get $counter) (i32.const 1))))
  (func (result i64) (global.get $constant))
  (func (global.set $vector (i32x4.neg (global.get $vector)))))

;; function u0:0(i64, i64) tail {
;;     region0 = 5 "own global"
;;
;; block0(v0: i64, v1: i64):
;;     v2 = load.i32 notrap aligned region0 v0+32
;;     v3 = iconst.i32 1
;;     v4 = iadd v2, v3  ; v3 = 1
;;     store notrap aligned region0 v4, v0+32
;;     return
;; }
;;
;; function u0:1(i64, i64) -> i64 tail {
;; block0(v0: i64, v1: i64):
;;     v2 = iconst.i64 7
;;     return v2  ; v2 = 7
;; }
;;
;; function u0:2(i64, i64) tail {
;;     region0 = 7 "own global"
;;
;; block0(v0: i64, v1: i64):
;;     v2 = load.i8x16 notrap aligned little region0 v0+64
;;     v3 = bitcast.i32x4 little v2
;;     v4 = ineg v3
;;     v5 = bitcast.i8x16 little v4
;;     store notrap aligned little region0 v5, v0+64
;;     return
;; }
;;
