// AVX-512 with VNNI and BF16 (Zen 4, Cooper Lake and later): pairs of bf16 are one instruction too.
#include "kernels.h"
#if defined(__x86_64__)
#include <immintrin.h>
#define HK_SUFFIX avx512bf16
#define HK_TEXT2(x) #x
#define HK_TEXT(x) HK_TEXT2(x)
#pragma clang fp contract(off)
#define HK_TARGET "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512bf16,fma,f16c"
#pragma clang attribute push(__attribute__((target(HK_TARGET))), apply_to = function)
#include "avx512.inc"
HK_INLINE vf hk_fma_pairs(vf w, vi x, vf sum) { return (vf)_mm512_dpbf16_ps((__m512)sum, (__m512bh)w, (__m512bh)x); }
#define HK_PAIR_WORDS 1
HK_INLINE void hk_put_pair(uint32_t *words, size_t i, uint16_t element) { memcpy((uint16_t *)(void *)words + i, &element, 2); }
HK_INLINE vf hk_fma_pair(vf w, const uint32_t *x, vf sum) { return hk_fma_pairs(w, hk_i((int32_t)*x), sum); }
#include "kernels.inc"
#pragma clang attribute pop
#endif
