/* What tests share: cmocka with its includes in the right order, checks of statuses, temporary folders, and the seed of
 * property tests (VG_TEST_SEED, printed so that a failure can be repeated). */
#ifndef VG_TESTS_SUPPORT_H
#define VG_TESTS_SUPPORT_H

#include "common/random.h"
#include "common/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Fails the test, printing the error's sentence, unless `call` (which writes to the vg_error named `err`) is VG_OK. */
#define assert_ok(call)                                                                                                \
    do {                                                                                                               \
        const vg_status status_ = (call);                                                                              \
        if (status_ != VG_OK) fail_msg("%s: %s: %s", #call, vg_status_text(status_), err.message);                     \
    } while (0)

/* Fails unless `call` answers `expected` and the sentence contains `part`. */
#define assert_error(call, expected, part) vg_test_assert_error((call), (expected), &err, (part), #call)
void vg_test_assert_error(vg_status got, vg_status expected, const vg_error *err, const char *part, const char *text);

/* |a - b| <= tolerance, with both printed on failure; NaN fails. */
#define assert_close(a, b, tolerance) vg_test_assert_close((double)(a), (double)(b), (double)(tolerance), #a, __LINE__)
void vg_test_assert_close(double a, double b, double tolerance, const char *text, int line);

/* The seed of this run's property tests: VG_TEST_SEED, else a fixed one; printed once. */
uint64_t vg_test_seed(void);
vg_rng vg_test_rng(uint32_t stream);

/* A fresh folder under TMPDIR; the path is valid until the process ends; removed at exit. */
const char *vg_test_folder(void);

/* ../shared/data/NAME of the source tree, or NULL (after printing why the test skips) where it is absent. */
const char *vg_test_shared(const char *name);

#endif
