// Kernels of the CPU device: one function list per instruction set, chosen once at start.
//
// Weights lie in "panels" of 16 output rows, so that a lane of a vector is a row and nothing is summed across lanes.
// Quantised layouts interleave 4 consecutive columns per row (a 64-byte line = 16 rows x 4 columns), the operand order
// of the 8-bit dot product instructions. No function here allocates, and a result never depends on how the work was
// cut into ranges, on the number of activation rows, or on its neighbours.
#ifndef HYBRIE_CKERNELS_H
#define HYBRIE_CKERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Output rows of one panel.
#define HK_PANEL_ROWS 16
/// Columns that share one activation scale.
#define HK_BLOCK 32
/// Tokens of one page of the key-value cache.
#define HK_PAGE_TOKENS 16
/// Query rows whose sums registers hold.
#define HK_ROW_GROUP 8
/// Query rows that one attention call may take: some groups, which meet the same keys in the cache.
#define HK_MAX_QUERY_ROWS 64
/// Keys whose scores one attention pass holds.
#define HK_KEY_CHUNK 512

/// How a panel's bytes are laid out. Block formats are named as in GGUF; each is packed without loss.
typedef enum {
    HK_F32 = 0, HK_F16, HK_BF16,
    HK_Q8_0, HK_Q4_0, HK_Q4_1, HK_Q5_0, HK_Q5_1,
    HK_Q4_K, HK_Q5_K, HK_Q6_K, HK_IQ4_XS,
    HK_LAYOUT_COUNT
} hk_layout;

/// Bytes of one panel of 16 rows by `columns`; 0 if the layout doesn't permit that many columns.
size_t hk_panel_bytes(hk_layout layout, size_t columns);

/// Bytes of one source row of `columns` values in the GGUF format of that name; 0 if not permitted.
size_t hk_source_row_bytes(hk_layout layout, size_t columns);

/// Packs 16 rows (each in the GGUF format that `layout` is named after; NULL stands for a row of zeros) into one panel.
void hk_pack_panel(hk_layout layout, const uint8_t *const rows[HK_PANEL_ROWS], size_t columns, uint8_t *panel);

/// Writes the f32 values of one row (0..15) of a packed panel.
void hk_unpack_row(hk_layout layout, const uint8_t *panel, size_t columns, int row, float *out);

/// What a product reads its activations as. They are packed in tiles of `hk_kernels.tile_rows` rows, the last one narrower,
/// so that a product walks through one stretch of memory. With r rows in a tile:
typedef enum {
    /// Per 32 columns: codes int8 [r][32]; then, [r] each: scale f32; scale * sum f32; -sum int32; -sum of the first 16
    /// codes; -sum of the last 16 (an instruction set may keep sums of halves of each four apart, 16 bits each).
    HK_ACTIVATIONS_INT8,
    /// Per column: f32 [r].
    HK_ACTIVATIONS_F32,
    /// Per two columns: bf16 [r][2].
    HK_ACTIVATIONS_BF16,
    /// Per 32 columns, the last ones filled up with zeros: codes int16 [16][r][2], two columns side by side; scale f32 [r].
    HK_ACTIVATIONS_INT16,
} hk_activation_kind;

/// Bytes of one row's packed block of 32 columns.
#define HK_ACTIVATION_BLOCK 52
/// The same with 16 bits a column.
#define HK_INT16_BLOCK 68

/// Bytes of one packed row.
static inline size_t hk_activation_bytes(hk_activation_kind kind, size_t columns) {
    return kind == HK_ACTIVATIONS_INT8 ? columns / HK_BLOCK * HK_ACTIVATION_BLOCK
        : kind == HK_ACTIVATIONS_INT16 ? (columns + HK_BLOCK - 1) / HK_BLOCK * HK_INT16_BLOCK
        : kind == HK_ACTIVATIONS_F32 ? columns * 4 : (columns + 1) / 2 * 4;
}

/// Rows that are to be packed.
typedef struct {
    hk_activation_kind kind;
    const float *x;        ///< [*][columns]
    const int32_t *index;  ///< row of x for each packed row, or NULL for 0, 1, 2 ...
    size_t columns, count; ///< width, packed rows
} hk_activation_job;

/// One product `out = x . W^T` with what is fused behind it.
typedef struct {
    hk_layout layout;
    size_t columns;             ///< input width
    size_t rows;                ///< output width
    const uint8_t *panels;      ///< ceil(rows / 16) panels
    const uint8_t *gate;        ///< panels of a gate, or NULL: out = silu(x . G^T) * (x . W^T)
    const uint8_t *activations; ///< packed rows of the layout's kind
    size_t count;               ///< how many rows
    const float *bias;          ///< [rows] or NULL
    const float *residual;      ///< [count][rows], added, or NULL; may be `out`
    float *out;                 ///< [count][rows]
} hk_linear_job;

/// How keys and values are kept.
typedef enum {
    HK_CACHE_BF16, ///< head_dim a multiple of 16, at most HK_MAX_HEAD_DIM
    HK_CACHE_F32,  ///< likewise
    HK_CACHE_INT8, ///< keys with a scale per 32 columns, values with one; head_dim a multiple of 32
    HK_CACHE_INT16, ///< likewise; where `int16_floats` says so
} hk_cache_format;
/// Width of the largest head.
#define HK_MAX_HEAD_DIM 512

/// Bytes of one page of one head's keys.
static inline size_t hk_key_page_bytes(hk_cache_format format, size_t head_dim) {
    return (format == HK_CACHE_INT8 ? 18 : format == HK_CACHE_INT16 ? 34 : format == HK_CACHE_F32 ? 64 : 32) * head_dim;
}
/// Bytes of one page of one head's values.
static inline size_t hk_value_page_bytes(hk_cache_format format, size_t head_dim) {
    if (format == HK_CACHE_INT8 || format == HK_CACHE_INT16) return (format == HK_CACHE_INT8 ? 16 : 32) * head_dim + 64;
    return hk_key_page_bytes(format, head_dim);
}

/// The keys and values of one layer: keys [kv_heads][pages], then values [kv_heads][pages], a page of one head each. What a
/// head has of a sequence is mostly one stretch, which memory delivers best.
typedef struct {
    hk_cache_format format;
    size_t kv_heads, head_dim, pages;
    uint8_t *base;
} hk_cache_layer;

/// Where page `page` of a head's keys begins.
static inline uint8_t *hk_key_page(hk_cache_layer cache, size_t head, size_t page) {
    return cache.base + (head * cache.pages + page) * hk_key_page_bytes(cache.format, cache.head_dim);
}
/// Where page `page` of a head's values begins.
static inline uint8_t *hk_value_page(hk_cache_layer cache, size_t head, size_t page) {
    return cache.base + cache.kv_heads * cache.pages * hk_key_page_bytes(cache.format, cache.head_dim)
        + (head * cache.pages + page) * hk_value_page_bytes(cache.format, cache.head_dim);
}

/// Where a token's keys and values go, and how its queries are turned.
typedef struct {
    size_t heads;
    const float *q_norm, *k_norm;   ///< [head_dim] or NULL: RMS norm of each head before rotation
    float epsilon;
    bool interleaved;               ///< rotate (0,1),(2,3).. instead of (0,d/2),(1,d/2+1)..
    const float *cosine, *sine;     ///< [tokens][head_dim / 2]
    float *q;                       ///< [tokens][heads * head_dim], rotated in place
    float *k;                       ///< [tokens][kv_heads * head_dim], scratch
    const float *v;                 ///< [tokens][kv_heads * head_dim]
    hk_cache_layer cache;
    const int32_t *page;            ///< [tokens]: page of the token
    const int32_t *slot;            ///< [tokens]: place in that page
} hk_store_job;

/// Attention of a few query rows that read the same keys: tokens of one sequence, heads of one group.
typedef struct {
    size_t kv_head;
    int query_rows;                       ///< 1...HK_MAX_QUERY_ROWS
    const float *q[HK_MAX_QUERY_ROWS];    ///< [head_dim] each
    float *out[HK_MAX_QUERY_ROWS];        ///< [head_dim] each
    int32_t keys_seen[HK_MAX_QUERY_ROWS]; ///< keys 0..<n that the row may see, at least 1
    hk_cache_layer cache;
    const int32_t *pages;                 ///< page table of the sequence
    float scale;
    float *scratch;                       ///< floats: HK_ROW_GROUP * HK_KEY_CHUNK + HK_MAX_QUERY_ROWS * head_dim
    size_t segments;                      ///< 0: all keys, into `out`; else how many segments the keys make
    float *partials;                      ///< [segments][query_rows][HK_PARTIAL + head_dim]: what each segment gives
} hk_attention_job;

/// Keys of a segment. A row's sums are made segment by segment and then put together, whoever computes which: the result
/// depends on no thread and on no other row.
#define HK_SEGMENT_KEYS 2048
/// Floats of a partial result before its sums: the largest score, the sum of weights; the rest keeps the sums aligned.
#define HK_PARTIAL 16

/// Lines of 64 codes that one round of `multiply` takes.
#define HK_PEAK_LINES 12

/// The functions of one instruction set.
typedef struct {
    const char *name;
    /// Rows of a tile of packed activations.
    size_t tile_rows;
    /// Whether F16 and BF16 are multiplied as 16-bit integers, and a cache can be kept so.
    bool int16_floats;
    /// Packs tiles begin..<end into a packing that begins at `to`.
    void (*pack)(const hk_activation_job *job, size_t begin, size_t end, uint8_t *to);
    /// Computes panels begin..<end of a product.
    void (*linear)(const hk_linear_job *job, size_t begin, size_t end);
    /// Rows begin..<end of out = x / sqrt(mean(x^2) + epsilon) * weight.
    void (*rms_norm)(const float *x, const float *weight, float epsilon, size_t columns, size_t begin, size_t end,
                     float *out);
    /// Normalises, rotates and stores tokens begin..<end.
    void (*store)(const hk_store_job *job, size_t begin, size_t end);
    /// Attention of one job, or one segment of it into `partials`.
    void (*attention)(const hk_attention_job *job, size_t segment);
    /// Puts the segments of a job together, into `out`.
    void (*join)(const hk_attention_job *job);
    /// Multiplies HK_PEAK_LINES lines of codes below 16 by a word, `rounds` times with nothing to wait for, in sums of 32 bits (or
    /// of 16 for as long as they fit, where that is faster); for measuring what the units can do.
    int32_t (*multiply)(const uint8_t *codes, int32_t word, size_t rounds);
} hk_kernels;

/// What products with weights of `layout` read.
static inline hk_activation_kind hk_kind_of(hk_layout layout, bool int16_floats) {
    if (layout > HK_BF16) return HK_ACTIVATIONS_INT8;
    if (int16_floats && layout != HK_F32) return HK_ACTIVATIONS_INT16;
    return layout == HK_BF16 ? HK_ACTIVATIONS_BF16 : HK_ACTIVATIONS_F32;
}

/// The best instruction set of this machine, or the one named ("portable", "avx2", "avx512", "neon") if it can run here, else NULL.
const hk_kernels *hk_select(const char *name);

/// Cores on which the system lets this process run.
int hk_usable_cores(void);

/// Gives memory that was freed back to the system, where the allocator would keep it.
void hk_return_memory(void);

/// Tells the processor that this thread is waiting in a loop.
static inline void hk_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/// Asks for 4 KiB from `address` on, for the second-level cache. Harmless whatever lies there.
static inline void hk_fetch_ahead(uintptr_t address) {
    for (uintptr_t at = address; at < address + 4096; at += 64) __builtin_prefetch((const void *)at, 0, 2);
}

/// Reads `bytes` once; for measuring what the memory delivers.
uint64_t hk_read(const uint8_t *data, size_t bytes);

#endif
