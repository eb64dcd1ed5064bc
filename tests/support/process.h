/* For tests that run the real programs: where they are, running one to its end, starting one and waiting for it. */
#ifndef VG_TESTS_PROCESS_H
#define VG_TESTS_PROCESS_H

#include "tests/support/support.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The build's folder: BUILD/tests/MODULE/test_x is this program. */
static inline const char *vg_test_program(const char *name) {
    static char paths[4][PATH_MAX + 64];
    static unsigned next;
    char *path = paths[next++ % 4], self[PATH_MAX];
    const ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0) fail_msg("cannot find this program");
    self[n] = '\0';
    for (int up = 0; up < 3; up++) *strrchr(self, '/') = '\0';
    snprintf(path, sizeof paths[0], "%s/bin/%s", self, name);
    return path;
}

typedef struct vg_test_output {
    int code; /* exit code; 128 + signal where it was killed */
    char out[65536], err[16384];
} vg_test_output;

static inline int vg_test_wait_code(pid_t child) {
    int status;
    if (waitpid(child, &status, 0) != child) fail_msg("cannot wait for process %d", (int)child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static inline void vg_test_read_back(const char *path, char *out, size_t room) {
    FILE *file = fopen(path, "r");
    out[0] = '\0';
    if (!file) return;
    out[fread(out, 1, room - 1, file)] = '\0';
    fclose(file);
}

/* Starts a program (a name in the build's bin folder) with words split at blanks; its output goes to files in the test's
 * folder. */
static inline pid_t vg_test_start(const char *program, const char *words) {
    char copy[16384], out[4200], err[4200];
    char *argv[64] = {(char *)(uintptr_t)vg_test_program(program)};
    snprintf(copy, sizeof copy, "%s", words);
    int argc = 1;
    for (char *save = NULL, *word = strtok_r(copy, " ", &save); word && argc < 63; word = strtok_r(NULL, " ", &save))
        argv[argc++] = word;
    snprintf(out, sizeof out, "%s/stdout", vg_test_folder());
    snprintf(err, sizeof err, "%s/stderr", vg_test_folder());
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        dup2(open(out, O_WRONLY | O_CREAT | O_TRUNC, 0666), STDOUT_FILENO);
        dup2(open(err, O_WRONLY | O_CREAT | O_TRUNC, 0666), STDERR_FILENO);
        execv(argv[0], argv);
        _exit(127);
    }
    return child;
}

static inline void vg_test_run(vg_test_output *got, const char *program, const char *words) {
    char path[4200];
    got->code = vg_test_wait_code(vg_test_start(program, words));
    snprintf(path, sizeof path, "%s/stdout", vg_test_folder());
    vg_test_read_back(path, got->out, sizeof got->out);
    snprintf(path, sizeof path, "%s/stderr", vg_test_folder());
    vg_test_read_back(path, got->err, sizeof got->err);
}

static inline void vg_test_sleep_ms(long ms) {
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* Until `condition` holds; fails the test after 20 s. */
#define VG_TEST_WAIT_FOR(condition)                                                                                    \
    do {                                                                                                               \
        int waits_ = 0;                                                                                                \
        while (!(condition)) {                                                                                         \
            if (++waits_ > 2000) fail_msg("waited 20 s for: %s", #condition);                                          \
            vg_test_sleep_ms(10);                                                                                      \
        }                                                                                                              \
    } while (0)

#endif
