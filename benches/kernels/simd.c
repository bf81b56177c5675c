// 128-bit vectors: a saturating blend and a float dot product.
#include <wasm_simd128.h>
static unsigned char pixels[1 << 16], other[1 << 16];
static float left[1 << 14], right[1 << 14];
unsigned run(unsigned n) {
  for (unsigned i = 0; i < sizeof pixels; i++) { pixels[i] = (unsigned char)(i * 7); other[i] = (unsigned char)(i * 13); }
  for (unsigned i = 0; i < 1 << 14; i++) { left[i] = (float)(i & 15); right[i] = (float)(i & 7); }
  v128_t sum = wasm_f32x4_const_splat(0);
  for (unsigned round = 0; round < n; round++) {
    for (unsigned i = 0; i < sizeof pixels; i += 16) {
      v128_t a = wasm_v128_load(pixels + i), b = wasm_v128_load(other + i);
      wasm_v128_store(pixels + i, wasm_u8x16_avgr(wasm_u8x16_add_sat(a, b), wasm_v128_xor(a, b)));
    }
    for (unsigned i = 0; i < 1 << 14; i += 4)
      sum = wasm_f32x4_add(sum, wasm_f32x4_mul(wasm_v128_load(left + i), wasm_v128_load(right + i)));
  }
  unsigned check = (unsigned)wasm_f32x4_extract_lane(sum, 0);
  for (unsigned i = 0; i < sizeof pixels; i += 61) check = check * 31 + pixels[i];
  return check;
}
