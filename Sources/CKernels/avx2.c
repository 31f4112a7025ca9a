// AVX2, FMA and F16C: a vector is two registers; the 8-bit dot product is made of 16-bit multiply-adds.
#include "kernels.h"
#if defined(__x86_64__)
#include <immintrin.h>
#define HK_SUFFIX avx2
// Activation rows of a tile: 8 sums of half a vector each in 16 registers.
#define HK_TILE_ROWS 4
#define HK_LIVE_SUMS 4
#define HK_INT16_FLOATS 1
#define HK_STREAMS 2
#define HK_TEXT2(x) #x
#define HK_TEXT(x) HK_TEXT2(x)
#pragma clang fp contract(off)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#include "vectors.inc"

typedef union { vb b; vi i; vf f; __m256i half[2]; __m256 real[2]; } hk_pair_of;

// Codes up to 255 lose 128 on the way, which is their offset; the sign moves to the other side, since one must have none.
#define HK_BIG_OFFSET 0
HK_INLINE vi hk_dot(vi sum, vb codes, int32_t word) {
    hk_pair_of s = {.i = sum}, w = {.b = codes ^ (uint8_t)0x80};
    for (int h = 0; h < 2; h++) {
        __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(w.half[h]), _mm256_sign_epi8(_mm256_set1_epi32(word), w.half[h]));
        s.half[h] = _mm256_add_epi32(s.half[h], _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
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
#define HK_OWN_START
/// Minus the sums of the first and the second pair of each four, which sums of 16 bits keep apart.
HK_INLINE int32_t hk_negative_sums(vi first, vi last, int32_t sums[3]) {
    hk_pair_of v[2] = {{.i = first}, {.i = last}};
    __m128i whole = _mm_setzero_si128();
    for (int half = 0; half < 2; half++) {
        __m256i words = _mm256_packs_epi32(v[half].half[0], v[half].half[1]);
        __m128i four = _mm_add_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
        four = _mm_madd_epi16(_mm_add_epi16(four, _mm_shuffle_epi32(four, 0x4E)), _mm_set1_epi16(-1));
        four = _mm_packs_epi32(four, four);
        whole = _mm_add_epi16(whole, four);
        sums[1 + half] = _mm_cvtsi128_si32(four);
    }
    sums[0] = _mm_cvtsi128_si32(whole);
    return (int16_t)sums[0] + (sums[0] >> 16);
}
/// Lanes add up to the sum times the offset, whatever its parts.
HK_INLINE vi hk_start_of(int32_t negative, const int offset) {
    __m256i both = _mm256_madd_epi16(_mm256_set1_epi32(negative), _mm256_set1_epi16((int16_t)offset));
    return ((hk_pair_of){.half = {both, both}}).i;
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
#define HK_OWN_MULTIPLY
static int32_t HK_NAME(multiply)(const uint8_t *codes, int32_t word, size_t rounds) {
    __m256i total = _mm256_setzero_si256(), x = _mm256_set1_epi32(word);
    for (size_t round = 0; round < rounds; round++) {
        // The compiler would find that every round multiplies the same.
        __asm__ volatile("" : "+r"(codes));
        __m256i pairs[4];
        for (int i = 0; i < 2 * HK_PEAK_LINES; i++) {
            __m256i w = _mm256_loadu_si256((const __m256i *)(const void *)(codes + 32 * i));
            __m256i p = _mm256_maddubs_epi16(w, x);
            pairs[i % 4] = i < 4 ? p : _mm256_add_epi16(pairs[i % 4], p);
        }
        for (int i = 0; i < 4; i++) total = _mm256_add_epi32(total, _mm256_madd_epi16(pairs[i], _mm256_set1_epi16(1)));
    }
    return _mm256_extract_epi32(total, 0);
}
#define HK_FLOAT_PANELS 2
#include "pairs.inc"

// How avx2_blocks.inc sums.
#define HK_BLOCKS "avx2_blocks.inc"
#define HK_PASS_PANELS 1
#define HK_PASS_IN_PLACE 1

/// A factor beside itself in 16 bits each, as `madd` takes it.
HK_INLINE vi hk_kept_part(vi part) { return (part & 0xFFFF) | part << 16; }

/// Lines of products that fit a sum of 16 bits. It may run over as long as it comes back: what counts is its end, when the
/// offset is off. So up to 16 products with -16...15, or 8 with -32...31, or 16 with 0...15, each times -127...127.
HK_INLINE int hk_fitting(const int kind, const int largest) {
    if (kind == HK_KIND_MINIMUM) return largest < 16 ? 8 : 4;
    return largest < 32 ? 8 : largest < 64 ? 4 : 1;
}

/// Keeps sums in the order that is written: the compiler would finish one row after the other, and registers run out.
HK_INLINE void hk_keep(__m256i *sum) { __asm__ volatile("" : "+x"(*sum)); }

/// Codes of 16 bits: pairs of products.
HK_INLINE vi hk_dot_pairs(vi sum, vb codes, int32_t word) {
    hk_pair_of s = {.i = sum}, w = {.b = codes};
    for (int h = 0; h < 2; h++) {
        s.half[h] = _mm256_add_epi32(s.half[h], _mm256_madd_epi16(w.half[h], _mm256_set1_epi32(word)));
        hk_keep(&s.half[h]);
    }
    return s.i;
}

#include "kernels.inc"
#pragma clang attribute pop
#endif
