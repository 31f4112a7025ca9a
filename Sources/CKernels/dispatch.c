// Chooses the instruction set once, by what the processor and the system offer.
#if defined(__linux__)
#define _GNU_SOURCE
#include <malloc.h>
#include <sched.h>
#endif
#include "kernels.h"
#include <string.h>
#include <unistd.h>

static bool runs_here(const hk_kernels *kernels) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (kernels == &hk_kernels_avx512bf16 && !__builtin_cpu_supports("avx512bf16")) return false;
    if (kernels == &hk_kernels_avx512bf16 || kernels == &hk_kernels_avx512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")
            && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni");
    if (kernels == &hk_kernels_avx2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
#endif
    return true;
}

const hk_kernels *hk_select(const char *name) {
    // Best first.
    static const hk_kernels *const all[] = {
#if defined(__x86_64__)
        &hk_kernels_avx512bf16, &hk_kernels_avx512, &hk_kernels_avx2,
#elif defined(__aarch64__)
        &hk_kernels_neon,
#endif
        &hk_kernels_portable,
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if ((name == NULL || strcmp(name, all[i]->name) == 0) && runs_here(all[i])) return all[i];
    return NULL;
}

uint64_t hk_read(const uint8_t *data, size_t bytes) {
    // Two streams that are fetched ahead, which memory delivers faster than one.
    uint64_t sums[8] = {0};
    size_t half = bytes / 128 * 64;
    for (size_t i = 0; i < 2 * half; i += 64) {
        const uint8_t *line = data + (i / 64 % 2 * half + i / 128 * 64);
        __builtin_prefetch(line + 1024);
        for (size_t lane = 0; lane < 8; lane++) {
            uint64_t word;
            memcpy(&word, line + 8 * lane, 8);
            sums[lane] += word;
        }
    }
    uint64_t sum = 0;
    for (size_t lane = 0; lane < 8; lane++) sum += sums[lane];
    return sum;
}

int hk_usable_cores(void) {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
    return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

void hk_return_memory(void) {
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
}
