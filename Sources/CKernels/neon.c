// NEON with the dot product extension (every Apple M, Graviton 2 and later): a vector is four registers.
#include "kernels.h"
#if defined(__aarch64__)
#include <arm_neon.h>
#define HK_SUFFIX neon
// Activation rows of a tile: 32 registers of a quarter vector each.
#define HK_TILE_ROWS 4
#define HK_TEXT2(x) #x
#define HK_TEXT(x) HK_TEXT2(x)
#pragma clang fp contract(off)
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#include "vectors.inc"

typedef union { vb b; vi i; vf f; uint8x16_t bytes[4]; int32x4_t words[4]; float32x4_t reals[4]; } hk_four;

// The instruction takes two signed operands: codes up to 255 lose 128 on the way, which is their offset.
#define HK_BIG_OFFSET 0
HK_INLINE vi hk_dot_small(vi sum, vb codes, int32_t word) {
    hk_four s = {.i = sum}, w = {.b = codes};
    int8x16_t x = vreinterpretq_s8_s32(vdupq_n_s32(word));
    for (int i = 0; i < 4; i++) s.words[i] = vdotq_s32(s.words[i], vreinterpretq_s8_u8(w.bytes[i]), x);
    return s.i;
}
HK_INLINE vi hk_dot(vi sum, vb codes, int32_t word) { return hk_dot_small(sum, codes ^ (uint8_t)0x80, word); }
/// Signed bytes against codes of 0...127.
HK_INLINE vi hk_dot_weights(vi sum, vb bytes, int32_t word) { return hk_dot_small(sum, bytes, word); }
HK_INLINE vf hk_fma(vf a, vf b, vf c) {
    hk_four x = {.f = a}, y = {.f = b}, z = {.f = c};
    for (int i = 0; i < 4; i++) z.reals[i] = vfmaq_f32(z.reals[i], x.reals[i], y.reals[i]);
    return z.f;
}
HK_INLINE vf hk_halves(const uint16_t *p) {
    hk_four v;
    for (int i = 0; i < 4; i++) v.reals[i] = vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p + 4 * i)));
    return v.f;
}
HK_INLINE vb hk_iq4(vb nibbles) {
    hk_four v = {.b = nibbles};
    for (int i = 0; i < 4; i++) v.bytes[i] = vqtbl1q_u8(vld1q_u8(hk_iq4_values), v.bytes[i]);
    return v.b;
}
#define HK_FLOAT_PANELS 2
#include "pairs.inc"
#include "kernels.inc"
#pragma clang attribute pop
#endif
