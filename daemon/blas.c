/* OpenBLAS's choice of kernels and threads. */
#include "daemon/blas.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern void openblas_set_num_threads(int threads); /* of OpenBLAS */

void vg_blas_begin(char **argv) {
    openblas_set_num_threads(1);
#if defined(__x86_64__)
    const char *chosen = openblas_get_corename();
    const int narrow = strcmp(chosen, "Zen") == 0 || strcmp(chosen, "Haswell") == 0;
    const int wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                     __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (!narrow || !wide || getenv("OPENBLAS_CORETYPE")) return;
    if (setenv("OPENBLAS_CORETYPE", "SKYLAKEX", 1) == 0)
        execv("/proc/self/exe", argv); /* goes on below where it fails */
#else
    (void)argv;
#endif
}
