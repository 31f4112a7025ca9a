// What the instruction-set files share: byte counts of the packed layouts and the function lists.
#ifndef HYBRIE_KERNELS_H
#define HYBRIE_KERNELS_H

#include "CKernels.h"

// Bytes of the parts of a packed block of 16 rows x 32 columns.
#define HK_NIBBLES 256  // 16 x 32 low 4 bits: line j holds columns 4j..4j+3 below, 16+4j.. above
#define HK_BIT_PLANE 64 // one further bit of each weight: bit j of a byte belongs to line j
#define HK_TWO_PLANES 128
#define HK_HALVES 32    // 16 half-precision numbers
#define HK_CODES 16     // 16 8-bit numbers

// Per 32 columns.
#define HK_BYTES_Q8_0 (HK_HALVES + 512)
#define HK_BYTES_Q4_0 (HK_HALVES + HK_NIBBLES)
#define HK_BYTES_Q4_1 (2 * HK_HALVES + HK_NIBBLES)
#define HK_BYTES_Q5_0 (HK_HALVES + HK_NIBBLES + HK_BIT_PLANE)
#define HK_BYTES_Q5_1 (2 * HK_HALVES + HK_NIBBLES + HK_BIT_PLANE)
// Per 32 columns inside a superblock of 256, and what stands before its 8 blocks.
#define HK_BYTES_Q4_K (2 * HK_CODES + HK_NIBBLES)
#define HK_BYTES_Q5_K (2 * HK_CODES + HK_NIBBLES + HK_BIT_PLANE)
#define HK_BYTES_Q6_K (2 * HK_CODES + HK_NIBBLES + HK_TWO_PLANES)
#define HK_BYTES_IQ4_XS (HK_CODES + HK_NIBBLES)
#define HK_SUPER_Q4_K (2 * HK_HALVES)
#define HK_SUPER_Q5_K (2 * HK_HALVES)
#define HK_SUPER_Q6_K HK_HALVES
#define HK_SUPER_IQ4_XS HK_HALVES

/// How a layout's codes become values: less an offset; plus a minimum; or less an offset with a scale per 16 columns.
#define HK_KIND_OFFSET 0
#define HK_KIND_MINIMUM 1
#define HK_KIND_HALVES 2

#if defined(__x86_64__)
extern const hk_kernels hk_kernels_avx512bf16, hk_kernels_avx512, hk_kernels_avx2;
#elif defined(__aarch64__)
extern const hk_kernels hk_kernels_neon;
#endif
extern const hk_kernels hk_kernels_portable;

/// The 16 values of the IQ4 formats (ggml's kvalues_iq4nl), with 128 added so that they are unsigned.
extern const uint8_t hk_iq4_values[16];

static inline float hk_half_to_float(uint16_t half) {
    // The exponent is moved by a multiplication, which also turns subnormal halves into normal floats.
    union { uint32_t u; float f; } bits = {.u = (uint32_t)(half & 0x7FFF) << 13}, power = {.u = (127u + 112u) << 23};
    bits.f *= power.f;
    if ((half & 0x7C00) == 0x7C00) bits.u |= 0x7F800000u;
    bits.u |= (uint32_t)(half & 0x8000) << 16;
    return bits.f;
}

/// Rounds what is no NaN to nearest, ties to even.
static inline uint16_t hk_finite_to_bfloat(float value) {
    union { float f; uint32_t u; } bits = {.f = value};
    return (uint16_t)((bits.u + 0x7FFFu + (bits.u >> 16 & 1u)) >> 16);
}

/// The same; not a number stays one.
static inline uint16_t hk_float_to_bfloat(float value) {
    union { float f; uint32_t u; } bits = {.f = value};
    return (bits.u & 0x7FFFFFFFu) > 0x7F800000u ? (uint16_t)(bits.u >> 16 | 0x40u) : hk_finite_to_bfloat(value);
}

#endif
