(module
  (func (param i32 i64) (result f32)
    (f32.add (f32.convert_i32_u (local.get 0)) (f32.convert_i64_s (local.get 1))))
  (func (param f64) (result f64) (f64.promote_f32 (f32.demote_f64 (local.get 0))))
  (func (param f64) (result f32)
    (f32.reinterpret_i32 (i32.wrap_i64 (i64.reinterpret_f64 (local.get 0))))))

;; function u0:0(i64, i64, i32, i64) -> f32 tail {
;; block0(v0: i64, v1: i64, v2: i32, v3: i64):
;;     v4 = fcvt_from_uint.f32 v2
;;     v5 = fcvt_from_sint.f32 v3
;;     v6 = fadd v4, v5
;;     return v6
;; }
;;
;; function u0:1(i64, i64, f64) -> f64 tail {
;; block0(v0: i64, v1: i64, v2: f64):
;;     v3 = fdemote.f32 v2
;;     v4 = fpromote.f64 v3
;;     return v4
;; }
;;
;; function u0:2(i64, i64, f64) -> f32 tail {
;; block0(v0: i64, v1: i64, v2: f64):
;;     v3 = bitcast.i64 v2
;;     v4 = ireduce.i32 v3
;;     v5 = bitcast.f32 v4
;;     return v5
;; }
;;
