// No instruction set in particular: runs anywhere, and shows what the others must compute.
#include "kernels.h"
#define HK_SUFFIX portable
// Activation rows of a tile: few, to stay small.
#define HK_TILE_ROWS 2
#define HK_TEXT2(x) #x
#define HK_TEXT(x) HK_TEXT2(x)
#pragma clang fp contract(off)
#include "vectors.inc"

#define HK_BIG_OFFSET 128
HK_INLINE vi hk_dot(vi sum, vb codes, int32_t word) {
    int8_t x[4];
    memcpy(x, &word, 4);
    for (int lane = 0; lane < 16; lane++)
        for (int i = 0; i < 4; i++) sum[lane] += (int32_t)codes[4 * lane + i] * x[i];
    return sum;
}
#define hk_dot_small hk_dot
/// Signed bytes against codes of 0...127.
HK_INLINE vi hk_dot_weights(vi sum, vb bytes, int32_t word) {
    uint8_t w[4];
    memcpy(w, &word, 4);
    for (int lane = 0; lane < 16; lane++)
        for (int i = 0; i < 4; i++) sum[lane] += (int8_t)bytes[4 * lane + i] * (int32_t)w[i];
    return sum;
}
HK_INLINE vf hk_fma(vf a, vf b, vf c) { return a * b + c; }
HK_INLINE vf hk_halves(const uint16_t *p) {
    vf v;
    for (int lane = 0; lane < 16; lane++) v[lane] = hk_half_to_float(p[lane]);
    return v;
}
HK_INLINE vb hk_iq4(vb nibbles) {
    for (int i = 0; i < 64; i++) nibbles[i] = hk_iq4_values[nibbles[i]];
    return nibbles;
}
#define HK_FLOAT_PANELS 2
#include "pairs.inc"
#include "kernels.inc"
