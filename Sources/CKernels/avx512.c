// AVX-512 with VNNI: a vector is one register, a dot product of 64 bytes one instruction.
#include "kernels.h"
#if defined(__x86_64__)
#include <immintrin.h>
#define HK_SUFFIX avx512
// Activation rows of a tile: 12 sums and 12 dot products in 32 registers.
#define HK_TILE_ROWS 6
#define HK_TEXT2(x) #x
#define HK_TEXT(x) HK_TEXT2(x)
#pragma clang fp contract(off)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,fma,f16c"))), apply_to = function)
#include "vectors.inc"

#define HK_BIG_OFFSET 128
HK_INLINE vi hk_dot(vi sum, vb codes, int32_t word) {
    return (vi)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)codes, _mm512_set1_epi32(word));
}
#define hk_dot_small hk_dot
HK_INLINE vf hk_fma(vf a, vf b, vf c) { return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c); }
HK_INLINE vf hk_halves(const uint16_t *p) { return (vf)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p)); }
HK_INLINE uint16_t hk_narrow(float x) { return (uint16_t)_cvtss_sh(x, _MM_FROUND_TO_NEAREST_INT); }
HK_INLINE vb hk_iq4(vb nibbles) {
    return (vb)_mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(const void *)hk_iq4_values)),
                                   (__m512i)nibbles);
}
#include "kernels.inc"
#pragma clang attribute pop
#endif
