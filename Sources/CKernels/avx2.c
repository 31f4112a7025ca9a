// AVX2, FMA and F16C: a vector is two registers; the 8-bit dot product is made of 16-bit multiply-adds.
#include "kernels.h"
#if defined(__x86_64__)
#include <immintrin.h>
#define HK_SUFFIX avx2
// Activation rows of a tile: more rows would not fit 16 registers.
#define HK_TILE_ROWS 2
#define HK_TEXT2(x) #x
#define HK_TEXT(x) HK_TEXT2(x)
#pragma clang fp contract(off)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#include "vectors.inc"

typedef union { vb b; vi i; vf f; __m256i half[2]; __m256 real[2]; } hk_pair_of;

#define HK_BIG_OFFSET 128
/// Codes up to 255: products of even and odd bytes are kept apart, since pairs of them don't fit 16 bits.
HK_INLINE vi hk_dot(vi sum, vb codes, int32_t word) {
    __m256i x = _mm256_set1_epi32(word), even = _mm256_srai_epi16(_mm256_slli_epi16(x, 8), 8), odd = _mm256_srai_epi16(x, 8);
    hk_pair_of s = {.i = sum}, w = {.b = codes};
    for (int h = 0; h < 2; h++) {
        __m256i a = _mm256_madd_epi16(_mm256_and_si256(w.half[h], _mm256_set1_epi16(255)), even);
        __m256i b = _mm256_madd_epi16(_mm256_srli_epi16(w.half[h], 8), odd);
        s.half[h] = _mm256_add_epi32(s.half[h], _mm256_add_epi32(a, b));
    }
    return s.i;
}
/// Codes below 128: a pair of products is at most 2 x 127 x 127 and fits.
HK_INLINE vi hk_dot_small(vi sum, vb codes, int32_t word) {
    hk_pair_of s = {.i = sum}, w = {.b = codes};
    for (int h = 0; h < 2; h++) {
        __m256i pairs = _mm256_maddubs_epi16(w.half[h], _mm256_set1_epi32(word));
        s.half[h] = _mm256_add_epi32(s.half[h], _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
    }
    return s.i;
}
/// Signed bytes against codes of 0...127.
HK_INLINE vi hk_dot_weights(vi sum, vb bytes, int32_t word) {
    hk_pair_of s = {.i = sum}, v = {.b = bytes};
    for (int h = 0; h < 2; h++) {
        __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi32(word), v.half[h]);
        s.half[h] = _mm256_add_epi32(s.half[h], _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
    }
    return s.i;
}
HK_INLINE vf hk_fma(vf a, vf b, vf c) {
    hk_pair_of x = {.f = a}, y = {.f = b}, z = {.f = c};
    for (int h = 0; h < 2; h++) z.real[h] = _mm256_fmadd_ps(x.real[h], y.real[h], z.real[h]);
    return z.f;
}
HK_INLINE vf hk_halves(const uint16_t *p) {
    hk_pair_of v;
    for (int h = 0; h < 2; h++) v.real[h] = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(p + 8 * h)));
    return v.f;
}
HK_INLINE vb hk_iq4(vb nibbles) {
    hk_pair_of v = {.b = nibbles};
    __m256i table = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)hk_iq4_values));
    for (int h = 0; h < 2; h++) v.half[h] = _mm256_shuffle_epi8(table, v.half[h]);
    return v.b;
}
#define HK_FLOAT_PANELS 2
#include "pairs.inc"
#include "kernels.inc"
#pragma clang attribute pop
#endif
