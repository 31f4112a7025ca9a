// Compares an instruction set with the portable kernels on the same random inputs: every layout, few and many rows, gates,
// norms, and attention. For machines that only an emulator can show; natively the Swift tests go further.
// usage: compare NAME
#include "CKernels.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state = 42;
static uint32_t next_random(void) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33);
}
static float next_float(void) { return (float)(next_random() % 20001) / 10000.0f - 1.0f; }
static void *memory(size_t bytes) { return calloc(bytes + 64, 1); }

static int failures = 0;

/// Float sums may be taken in another order of fused operations: a few units in the last place of the largest value.
static void compare(const char *what, int number, const float *a, const float *b, size_t count) {
    float largest = 0, apart = 0;
    for (size_t i = 0; i < count; i++) {
        if (fabsf(a[i]) > largest) largest = fabsf(a[i]);
        if (!(fabsf(a[i] - b[i]) <= apart)) apart = fabsf(a[i] - b[i]);
    }
    bool near = largest > 0 && apart <= 2e-5f * largest;
    if (!near) failures++;
    if (!near) printf("%s %d: %g apart, largest %g\n", what, number, (double)apart, (double)largest);
}

/// Bytes with moderate exponents wherever a half-precision scale may stand.
static void fill(uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) bytes[i] = (uint8_t)(next_random() & 0x3B);
}

static void product(const hk_kernels *kernels, hk_linear_job job, const float *x, const int32_t *index) {
    hk_activation_job rows = {hk_kind_of(job.layout, kernels->int16_floats), x, index, job.columns, job.count};
    uint8_t *packed = memory(job.count * hk_activation_bytes(rows.kind, job.columns));
    kernels->pack(&rows, 0, (job.count + kernels->tile_rows - 1) / kernels->tile_rows, packed);
    job.activations = packed;
    kernels->linear(&job, 0, (job.rows + 15) / 16);
    free(packed);
}

static void products(const hk_kernels *kernels, const hk_kernels *oracle) {
    enum { ROWS = 72, COLUMNS = 512, MOST = 300 };
    static float x[MOST * COLUMNS], out[2][MOST * ROWS], bias[ROWS];
    static int32_t index[MOST];
    for (size_t i = 0; i < MOST * COLUMNS; i++) x[i] = next_float();
    for (size_t i = 0; i < ROWS; i++) bias[i] = next_float();
    for (size_t i = 0; i < MOST; i++) index[i] = (int32_t)(next_random() % MOST);
    for (int layout = 0; layout < HK_LAYOUT_COUNT; layout++) {
        size_t bytes = hk_panel_bytes((hk_layout)layout, COLUMNS) * ((ROWS + 15) / 16);
        uint8_t *panels = memory(bytes), *gate = memory(bytes);
        fill(panels, bytes);
        fill(gate, bytes);
        const size_t counts[] = {1, 2, 3, 4, 5, 6, 7, 13, 300};
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            hk_linear_job job = {.layout = (hk_layout)layout, .columns = COLUMNS, .rows = ROWS, .panels = panels, .count = counts[i]};
            job.bias = bias;
            for (int side = 0; side < 2; side++) {
                job.out = out[side];
                product(side ? oracle : kernels, job, x, index);
            }
            compare("product of layout", layout, out[0], out[1], counts[i] * ROWS);
            job.bias = NULL;
            job.gate = gate;
            for (int side = 0; side < 2; side++) {
                job.out = out[side];
                product(side ? oracle : kernels, job, x, NULL);
            }
            compare("gated product of layout", layout, out[0], out[1], counts[i] * ROWS);
        }
        free(panels);
        free(gate);
    }
}

static void attention(const hk_kernels *kernels, const hk_kernels *oracle, hk_cache_format format) {
    enum { DIM = 64, HEADS = 4, KV = 2, TOKENS = 1100, PAGES = (TOKENS + 15) / 16, QUERIES = HK_ROW_GROUP + 2 };
    static float q[2][TOKENS * HEADS * DIM], k[TOKENS * KV * DIM], v[TOKENS * KV * DIM], angle[2][TOKENS * DIM / 2];
    static float norm[DIM], out[2][QUERIES * DIM], scratch[HK_ROW_GROUP * HK_KEY_CHUNK + HK_MAX_QUERY_ROWS * DIM];
    static int32_t page[TOKENS], slot[TOKENS], pages[PAGES];
    for (size_t i = 0; i < TOKENS * HEADS * DIM; i++) q[0][i] = next_float();
    memcpy(q[1], q[0], sizeof q[0]);
    for (size_t i = 0; i < TOKENS * KV * DIM; i++) { k[i] = next_float(); v[i] = next_float(); }
    for (size_t i = 0; i < TOKENS * DIM / 2; i++) { angle[0][i] = cosf((float)i); angle[1][i] = sinf((float)i); }
    for (size_t i = 0; i < DIM; i++) norm[i] = 1 + next_float() / 4;
    for (int i = 0; i < PAGES; i++) pages[i] = PAGES - 1 - i;
    for (int i = 0; i < TOKENS; i++) { page[i] = pages[i / 16]; slot[i] = i % 16; }
    for (int side = 0; side < 2; side++) {
        const hk_kernels *with = side ? oracle : kernels;
        hk_cache_layer cache = {format, KV, DIM, PAGES, NULL};
        cache.base = memory(PAGES * KV * (hk_key_page_bytes(format, DIM) + hk_value_page_bytes(format, DIM)));
        float *turned = memory(sizeof k);
        memcpy(turned, k, sizeof k);
        hk_store_job store = {
            .heads = HEADS, .q_norm = norm, .k_norm = norm, .epsilon = 1e-6f,
            .cosine = angle[0], .sine = angle[1], .q = q[side], .k = turned, .v = v, .cache = cache,
            .page = page, .slot = slot};
        with->store(&store, 0, TOKENS);
        hk_attention_job job = {
            .kv_head = 1, .query_rows = QUERIES, .cache = cache, .pages = pages,
            .scale = 0.125f, .scratch = scratch};
        for (int r = 0; r < QUERIES; r++) {
            job.q[r] = q[side] + ((TOKENS - 1 - r / 2) * HEADS + 2 + r % 2) * DIM;
            job.out[r] = out[side] + r * DIM;
            job.keys_seen[r] = TOKENS - 600 * (r % 2);
        }
        with->attention(&job, 0);
        free(cache.base);
        free(turned);
    }
    compare("rotated queries", 0, q[0], q[1], TOKENS * HEADS * DIM);
    // Keys, values and weights were rounded: a last place there may differ.
    float bound = 4e-3f;
    for (size_t i = 0; i < QUERIES * DIM; i++) if (fabsf(out[0][i] - out[1][i]) < bound) out[0][i] = out[1][i];
    compare("attention over cache", format, out[0], out[1], QUERIES * DIM);
}

int main(int argc, char **argv) {
    const hk_kernels *kernels = argc > 1 ? hk_select(argv[1]) : NULL, *oracle = hk_select("portable");
    if (kernels == NULL) {
        fprintf(stderr, "usage: compare NAME, where NAME is an instruction set that runs here\n");
        return 2;
    }
    products(kernels, oracle);
    attention(kernels, oracle, HK_CACHE_BF16);
    attention(kernels, oracle, HK_CACHE_F32);
    attention(kernels, oracle, HK_CACHE_INT8);
    printf("%s against %s: %s\n", kernels->name, oracle->name, failures ? "they differ" : "they agree");
    return failures ? 1 : 0;
}
