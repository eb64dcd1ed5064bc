/* For tests of what allocates nothing: include it in one file of a test program. */
#ifndef VG_TESTS_ALLOCATIONS_H
#define VG_TESTS_ALLOCATIONS_H

#include <stddef.h>

/* Every allocation of the process is counted here, where no sanitizer does the allocating itself. */
static _Thread_local long allocations;
#ifndef VG_SANITIZED
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *malloc(size_t size) {
    allocations++;
    return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
    allocations++;
    return __libc_calloc(count, size);
}
void *realloc(void *old, size_t size) {
    allocations++;
    return __libc_realloc(old, size);
}
#endif

#endif
