(module
  (func (param f32 f32) (result f32)
    (f32.copysign
      (f32.min (f32.sqrt (local.get 0)) (f32.nearest (local.get 1)))
      (f32.neg (f32.const nan:0x200001))))
  (func (param f64 f64) (result f64)
    (f64.div
      (f64.max (f64.ceil (local.get 0)) (f64.floor (local.get 1)))
      (f64.sub (f64.trunc (local.get 0)) (f64.abs (f64.const -0x1p-1022))))))

;; function u0:0(i64, i64, f32, f32) -> f32 tail {
;; block0(v0: i64, v1: i64, v2: f32, v3: f32):
;;     v4 = sqrt v2
;;     v5 = nearest v3
;;     v6 = fmin v4, v5
;;     v7 = f32const +sNaN:0x200001
;;     v8 = fneg v7  ; v7 = +sNaN:0x200001
;;     v9 = fcopysign v6, v8
;;     return v9
;; }
;;
;; function u0:1(i64, i64, f64, f64) -> f64 tail {
;; block0(v0: i64, v1: i64, v2: f64, v3: f64):
;;     v4 = ceil v2
;;     v5 = floor v3
;;     v6 = fmax v4, v5
;;     v7 = trunc v2
;;     v8 = f64const -0x1.0000000000000p-1022
;;     v9 = fabs v8  ; v8 = -0x1.0000000000000p-1022
;;     v10 = fsub v7, v9
;;     v11 = fdiv v6, v10
;;     return v11
;; }
;;
