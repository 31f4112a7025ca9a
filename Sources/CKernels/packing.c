// GGUF blocks into panels and back: byte shuffling that loses nothing. Formats: ggml/docs and gguf-py/gguf/quants.py of ggml.
#include "kernels.h"
#include <string.h>

const uint8_t hk_iq4_values[16] = {1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241};

static size_t source_block(hk_layout layout, size_t *bytes) {
    switch (layout) {
    case HK_F32: *bytes = 4; return 1;
    case HK_F16: case HK_BF16: *bytes = 2; return 1;
    case HK_Q8_0: *bytes = 34; return 32;
    case HK_Q4_0: *bytes = 18; return 32;
    case HK_Q4_1: *bytes = 20; return 32;
    case HK_Q5_0: *bytes = 22; return 32;
    case HK_Q5_1: *bytes = 24; return 32;
    case HK_Q4_K: *bytes = 144; return 256;
    case HK_Q5_K: *bytes = 176; return 256;
    case HK_Q6_K: *bytes = 210; return 256;
    case HK_IQ4_XS: *bytes = 136; return 256;
    case HK_LAYOUT_COUNT: break;
    }
    *bytes = 0;
    return 0;
}

/// Bytes of a packed block (16 rows x 32 columns) and of what stands before each 8 of them.
static size_t packed_block(hk_layout layout, size_t *super) {
    *super = 0;
    switch (layout) {
    case HK_Q8_0: return HK_BYTES_Q8_0;
    case HK_Q4_0: return HK_BYTES_Q4_0;
    case HK_Q4_1: return HK_BYTES_Q4_1;
    case HK_Q5_0: return HK_BYTES_Q5_0;
    case HK_Q5_1: return HK_BYTES_Q5_1;
    case HK_Q4_K: *super = HK_SUPER_Q4_K; return HK_BYTES_Q4_K;
    case HK_Q5_K: *super = HK_SUPER_Q5_K; return HK_BYTES_Q5_K;
    case HK_Q6_K: *super = HK_SUPER_Q6_K; return HK_BYTES_Q6_K;
    case HK_IQ4_XS: *super = HK_SUPER_IQ4_XS; return HK_BYTES_IQ4_XS;
    default: return 0;
    }
}

size_t hk_source_row_bytes(hk_layout layout, size_t columns) {
    size_t bytes, block = source_block(layout, &bytes);
    return block == 0 || columns % block ? 0 : columns / block * bytes;
}

size_t hk_panel_bytes(hk_layout layout, size_t columns) {
    size_t bytes, super, block = source_block(layout, &bytes);
    if (block == 0 || columns % block) return 0;
    if (layout == HK_BF16) return (columns + 1) / 2 * 2 * bytes * HK_PANEL_ROWS;
    if (block == 1) return columns * bytes * HK_PANEL_ROWS;
    bytes = packed_block(layout, &super);
    return columns / HK_BLOCK * bytes + columns / 256 * super;
}

/// One block of 32 columns of one row, opened: codes, and the parts of scale and minimum that belong to the block.
typedef struct {
    uint8_t code[32];
    uint8_t half[4];   // scale and minimum, of the block or of its superblock
    uint8_t scale[2];  // 8-bit parts: scale and minimum, or the scales of the two halves
} block_t;

/// The 6-bit scale and minimum of sub-block `i` of Q4_K and Q5_K.
static inline void scale_min(const uint8_t *packed, int i, uint8_t *scale, uint8_t *minimum) {
    if (i < 4) {
        *scale = packed[i] & 63;
        *minimum = packed[i + 4] & 63;
    } else {
        *scale = (uint8_t)((packed[i + 4] & 15) | ((packed[i - 4] >> 6) << 4));
        *minimum = (uint8_t)((packed[i + 4] >> 4) | ((packed[i] >> 6) << 4));
    }
}

/// Block `b` of a row. Parts that the layout doesn't have stay as they were.
static inline __attribute__((always_inline)) void open_block(
    hk_layout layout, const uint8_t *row, size_t b, block_t *out
) {
    const uint8_t *s;
    uint32_t high = 0;
    int sub = (int)(b % 8);
    switch (layout) {
    case HK_Q8_0:
        s = row + b * 34;
        memcpy(out->half, s, 2);
        for (int i = 0; i < 32; i++) out->code[i] = s[2 + i] ^ 0x80;
        return;
    case HK_Q4_0: case HK_Q4_1: case HK_Q5_0: case HK_Q5_1: {
        bool minimum = layout == HK_Q4_1 || layout == HK_Q5_1, fifth = layout == HK_Q5_0 || layout == HK_Q5_1;
        size_t head = minimum ? 4 : 2;
        s = row + b * (head + (fifth ? 4 : 0) + 16);
        memcpy(out->half, s, head);
        s += head;
        if (fifth) { memcpy(&high, s, 4); s += 4; }
        for (int i = 0; i < 16; i++) {
            out->code[i] = s[i] & 15;
            out->code[i + 16] = s[i] >> 4;
        }
        if (fifth) for (int i = 0; i < 32; i++) out->code[i] |= (uint8_t)((high >> i & 1) << 4);
        return;
    }
    case HK_Q4_K: case HK_Q5_K: {
        s = row + b / 8 * (layout == HK_Q4_K ? 144 : 176);
        memcpy(out->half, s, 4);
        scale_min(s + 4, sub, &out->scale[0], &out->scale[1]);
        const uint8_t *fifth = s + 16, *quads = (layout == HK_Q4_K ? s + 16 : s + 48) + sub / 2 * 32;
        int shift = sub % 2 * 4;
        for (int i = 0; i < 32; i++) out->code[i] = quads[i] >> shift & 15;
        if (layout == HK_Q5_K) for (int i = 0; i < 32; i++) out->code[i] |= (uint8_t)((fifth[i] >> sub & 1) << 4);
        return;
    }
    case HK_Q6_K: {
        s = row + b / 8 * 210;
        memcpy(out->half, s + 208, 2);
        memcpy(out->scale, s + 192 + 2 * sub, 2);
        // 128 columns share 64 bytes of low nibbles and 32 of high pairs: quarter q = columns 32q..
        int half = sub / 4, quarter = sub % 4, shift = quarter / 2 * 4;
        const uint8_t *low = s + half * 64 + quarter % 2 * 32, *pairs = s + 128 + half * 32;
        for (int i = 0; i < 32; i++)
            out->code[i] = (uint8_t)((low[i] >> shift & 15) | (pairs[i] >> (2 * quarter) & 3) << 4);
        return;
    }
    case HK_IQ4_XS: {
        s = row + b / 8 * 136;
        memcpy(out->half, s, 2);
        uint16_t top = (uint16_t)(s[2] | s[3] << 8);
        int low = s[4 + sub / 2] >> (4 * (sub % 2)) & 15;
        out->scale[0] = (uint8_t)((low | (top >> (2 * sub) & 3) << 4) - 32);
        for (int i = 0; i < 16; i++) {
            out->code[i] = s[8 + sub * 16 + i] & 15;
            out->code[i + 16] = s[8 + sub * 16 + i] >> 4;
        }
        return;
    }
    default: return;
    }
}

/// Where the value of a row and column lies in a float panel: bf16 in pairs of columns, which one instruction multiplies.
static size_t float_place(hk_layout layout, size_t column, size_t row) {
    return layout == HK_BF16 ? (column / 2 * HK_PANEL_ROWS + row) * 2 + column % 2 : column * HK_PANEL_ROWS + row;
}

static void pack_floats(hk_layout layout, const uint8_t *const rows[HK_PANEL_ROWS], size_t columns, uint8_t *panel) {
    // In pieces that keep their bytes together: a column of float32, two of bfloat16, one of float16.
    size_t size = layout == HK_F16 ? 2 : 4, pieces = hk_panel_bytes(layout, columns) / size / HK_PANEL_ROWS;
    size_t bytes = hk_source_row_bytes(layout, columns), whole = bytes / size;
    for (size_t r = 0; r < HK_PANEL_ROWS; r++) {
        size_t k = 0;
        if (rows[r] && size == 4) for (; k < whole; k++) memcpy(panel + (k * HK_PANEL_ROWS + r) * 4, rows[r] + k * 4, 4);
        if (rows[r] && size == 2) for (; k < whole; k++) memcpy(panel + (k * HK_PANEL_ROWS + r) * 2, rows[r] + k * 2, 2);
        for (; k < pieces; k++) memset(panel + (k * HK_PANEL_ROWS + r) * size, 0, size);
        if (rows[r] && whole < pieces)
            memcpy(panel + (whole * HK_PANEL_ROWS + r) * size, rows[r] + whole * size, bytes - whole * size);
    }
}

/// Four columns of a row are a word: where the lanes of a line lie, words of the 16 rows stand side by side.
static inline __attribute__((always_inline)) void put_codes(hk_layout layout, const uint8_t code[32], uint8_t *row) {
    uint32_t word[8], low[4], fifth = 0, pairs[2] = {0, 0};
    memcpy(word, code, 32);
    if (layout == HK_Q8_0) {
        for (int line = 0; line < 8; line++) memcpy(row + 64 * line, &word[line], 4);
        return;
    }
    for (int line = 0; line < 4; line++) {
        low[line] = (word[line] & 0x0F0F0F0F) | (word[line + 4] & 0x0F0F0F0F) << 4;
        memcpy(row + 64 * line, &low[line], 4);
    }
    if (layout == HK_Q5_0 || layout == HK_Q5_1 || layout == HK_Q5_K) {
        for (int line = 0; line < 8; line++) fifth |= (word[line] >> 4 & 0x01010101) << line;
        memcpy(row + HK_NIBBLES, &fifth, 4);
    }
    if (layout == HK_Q6_K) {
        for (int line = 0; line < 8; line++) pairs[line / 4] |= (word[line] >> 4 & 0x03030303) << (2 * (line % 4));
        memcpy(row + HK_NIBBLES, &pairs[0], 4);
        memcpy(row + HK_NIBBLES + 64, &pairs[1], 4);
    }
}

/// With `layout` known where this is inlined: what the format doesn't have is gone then.
static inline __attribute__((always_inline)) void pack_blocks(
    hk_layout layout, const uint8_t *const rows[HK_PANEL_ROWS], size_t columns, uint8_t *panel
) {
    size_t super, bytes = packed_block(layout, &super);
    bool minimum = layout == HK_Q4_1 || layout == HK_Q5_1 || layout == HK_Q4_K || layout == HK_Q5_K;
    block_t open;
    for (size_t b = 0; b < columns / HK_BLOCK; b++) {
        uint8_t *head = panel + b / 8 * (super + 8 * bytes);
        uint8_t *block = super ? head + super + b % 8 * bytes : panel + b * bytes;
        uint8_t *halves = super ? head : block, *codes = block;
        if (super) codes += layout == HK_IQ4_XS ? HK_CODES : 2 * HK_CODES;
        else codes += minimum ? 2 * HK_HALVES : HK_HALVES;
        for (int r = 0; r < HK_PANEL_ROWS; r++) {
            if (rows[r]) open_block(layout, rows[r], b, &open);
            else memset(&open, 0, sizeof open);
            if (!super || b % 8 == 0) {
                memcpy(halves + 2 * r, open.half, 2);
                if (minimum) memcpy(halves + HK_HALVES + 2 * r, open.half + 2, 2);
            }
            if (super) {
                block[r] = open.scale[0];
                if (layout != HK_IQ4_XS) block[HK_CODES + r] = open.scale[1];
            }
            put_codes(layout, open.code, codes + 4 * r);
        }
    }
}

void hk_pack_panel(hk_layout layout, const uint8_t *const rows[HK_PANEL_ROWS], size_t columns, uint8_t *panel) {
    switch (layout) {
    case HK_Q8_0: pack_blocks(HK_Q8_0, rows, columns, panel); return;
    case HK_Q4_0: pack_blocks(HK_Q4_0, rows, columns, panel); return;
    case HK_Q4_1: pack_blocks(HK_Q4_1, rows, columns, panel); return;
    case HK_Q5_0: pack_blocks(HK_Q5_0, rows, columns, panel); return;
    case HK_Q5_1: pack_blocks(HK_Q5_1, rows, columns, panel); return;
    case HK_Q4_K: pack_blocks(HK_Q4_K, rows, columns, panel); return;
    case HK_Q5_K: pack_blocks(HK_Q5_K, rows, columns, panel); return;
    case HK_Q6_K: pack_blocks(HK_Q6_K, rows, columns, panel); return;
    case HK_IQ4_XS: pack_blocks(HK_IQ4_XS, rows, columns, panel); return;
    case HK_F32: case HK_F16: case HK_BF16: pack_floats(layout, rows, columns, panel); return;
    case HK_LAYOUT_COUNT: return;
    }
}

static float half_at(const uint8_t *bytes, int i) {
    uint16_t half;
    memcpy(&half, bytes + 2 * i, 2);
    return hk_half_to_float(half);
}

void hk_unpack_row(hk_layout layout, const uint8_t *panel, size_t columns, int row, float *out) {
    if (layout <= HK_BF16) {
        for (size_t k = 0; k < columns; k++) {
            size_t at = float_place(layout, k, (size_t)row);
            if (layout == HK_F32) memcpy(&out[k], panel + 4 * at, 4);
            else if (layout == HK_F16) out[k] = half_at(panel + 2 * at, 0);
            else { uint8_t bytes[4] = {0, 0, panel[2 * at], panel[2 * at + 1]}; memcpy(&out[k], bytes, 4); }
        }
        return;
    }
    size_t super, bytes = packed_block(layout, &super);
    for (size_t b = 0; b < columns / HK_BLOCK; b++) {
        const uint8_t *head = panel + b / 8 * (super + 8 * bytes);
        const uint8_t *block = super ? head + super + b % 8 * bytes : panel + b * bytes, *codes;
        float scale[2], minimum = 0;
        int offset = 0;
        switch (layout) {
        case HK_Q4_1: case HK_Q5_1: minimum = half_at(block + HK_HALVES, row); codes = block + 2 * HK_HALVES; break;
        case HK_Q4_K: case HK_Q5_K:
            minimum = -half_at(head + HK_HALVES, row) * block[HK_CODES + row];
            codes = block + 2 * HK_CODES;
            break;
        case HK_Q6_K: offset = 32; codes = block + 2 * HK_CODES; break;
        case HK_IQ4_XS: offset = 128; codes = block + HK_CODES; break;
        default: offset = layout == HK_Q8_0 ? 128 : layout == HK_Q5_0 ? 16 : 8; codes = block + HK_HALVES; break;
        }
        scale[0] = scale[1] = half_at(super ? head : block, row);
        if (layout == HK_Q4_K || layout == HK_Q5_K) { scale[0] *= block[row]; scale[1] = scale[0]; }
        if (layout == HK_IQ4_XS) { scale[0] *= (float)(int8_t)block[row]; scale[1] = scale[0]; }
        if (layout == HK_Q6_K) { scale[0] *= (float)(int8_t)block[row]; scale[1] *= (float)(int8_t)block[HK_CODES + row]; }
        for (int k = 0; k < 32; k++) {
            int line = k / 4, lane = 4 * row + k % 4, code;
            if (layout == HK_Q8_0) code = codes[64 * line + lane];
            else {
                code = codes[64 * (line % 4) + lane] >> (line < 4 ? 0 : 4) & 15;
                if (layout == HK_Q5_0 || layout == HK_Q5_1 || layout == HK_Q5_K)
                    code |= (codes[HK_NIBBLES + lane] >> line & 1) << 4;
                if (layout == HK_Q6_K) code |= (codes[HK_NIBBLES + 64 * (line / 4) + lane] >> (2 * (line % 4)) & 3) << 4;
                if (layout == HK_IQ4_XS) code = hk_iq4_values[code];
            }
            out[b * HK_BLOCK + (size_t)k] = scale[line / 4] * (float)(code - offset) + minimum;
        }
    }
}
