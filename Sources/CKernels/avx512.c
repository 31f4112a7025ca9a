// AVX-512 with VNNI.
#include "kernels.h"
#if defined(__x86_64__)
#include <immintrin.h>
#define HK_SUFFIX avx512
#define HK_TEXT2(x) #x
#define HK_TEXT(x) HK_TEXT2(x)
#pragma clang fp contract(off)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,fma,f16c"))), apply_to = function)
#include "avx512.inc"
#include "pairs.inc"
#include "kernels.inc"
#pragma clang attribute pop
#endif
