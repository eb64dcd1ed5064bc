/* A training run in a vergenced of our own: started beside this program, asked for its status through its control socket,
 * shown on stderr (one line rewritten on a terminal, else a line every few seconds), stopped gracefully on Ctrl-C. Should this
 * program die, the kernel tells the daemon, which ends gracefully too. */
#include "cli/cli.h"

#include "common/clock.h"
#include "common/text.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { POLL_MS = 100, LOG_LINES = 8 };
#define LINE_SECONDS 5.0 /* between two lines where stderr is no terminal */

/* How often the user asked to stop; a signal handler can reach nothing else. */
static volatile sig_atomic_t interrupts;

static void on_interrupt(int signal_number) {
    (void)signal_number;
    interrupts = interrupts + 1;
}

/* ---- the progress line ---- */

static double number_at(const json_t *object, const char *name) {
    const json_t *value = json_object_get(object, name);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static void print_progress(const char *label, const json_t *status, bool terminal) {
    const json_t *train = json_object_get(status, "train");
    const double steps = number_at(train, "env_steps"), total = number_at(status, "steps_total");
    const double share = steps > 0 && total > 0 ? fmin(steps / total, 1) : 0;
    char done[32], all[32], rate[32], eta[32], bar[128] = "";
    const int width = 24, full = (int)(share * width);
    for (int i = 0; i < width; i++) strcat(bar, i < full ? "█" : "░");
    vg_count_text(done, steps > 0 ? steps : 0);
    vg_count_text(all, total);
    vg_count_text(rate, number_at(status, "steps_per_second"));
    vg_duration_text(eta, number_at(status, "eta_seconds"));
    fprintf(stderr, "%s%s %3.0f%% %s %s/%s steps", terminal ? "\r\033[K" : "", label, share * 100, bar, done, all);
    if (steps > 0)
        fprintf(stderr, "  %s/s  reward %.3f  MPJPE %.0f mm  ETA %s", rate, number_at(train, "team_reward"),
                number_at(train, "mpjpe_mm"), eta);
    fputs(terminal ? "" : "\n", stderr);
    fflush(stderr);
}

/* ---- the child ---- */

static vg_status start_child(const char *folder, bool resume, pid_t *child, vg_error *err) {
    char program[VG_PATH_MAX], config[VG_PATH_MAX + 32], log_path[VG_PATH_MAX + 32];
    vg_find_program(program, "vergenced");
    snprintf(config, sizeof config, "%s/config.yaml", folder);
    snprintf(log_path, sizeof log_path, "%s/vergenced.log", folder);
    const int log = open(log_path, O_WRONLY | O_CREAT | O_CLOEXEC | (resume ? O_APPEND : O_TRUNC), 0666);
    if (log < 0) return vg_fail(err, VG_IO, "%s: cannot be written: %s", log_path, strerror(errno));
    char *arguments[] = {program, "--config", config, "--foreground", "--die-with-parent", resume ? "--resume" : NULL,
                         NULL};
    *child = fork();
    if (*child == 0) {
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
        setpgid(0, 0); /* Ctrl-C reaches this program alone, which passes it on */
        execvp(program, arguments);
        dprintf(STDERR_FILENO, "cannot run %s: %s\n", program, strerror(errno));
        _exit(VG_EXIT_FAILED);
    }
    close(log);
    if (*child < 0) return vg_fail(err, VG_FAILED, "cannot start a process: %s", strerror(errno));
    return VG_OK;
}

/* The last lines of the child's log on stderr. */
static void print_log_end(const char *folder) {
    char path[VG_PATH_MAX + 32], *text;
    size_t size;
    snprintf(path, sizeof path, "%s/vergenced.log", folder);
    if (vg_file_load(&text, &size, path, NULL) != VG_OK) return;
    size_t at = size;
    for (int lines = 0; at > 0; at--)
        if (text[at - 1] == '\n' && at != size && ++lines == LOG_LINES) break;
    if (at < size) fprintf(stderr, "last lines of %s:\n%.*s", path, (int)(size - at), text + at);
    free(text);
}

/* The sentence of the last error that the child logged ("TIME error SENTENCE"); empty where there is none. */
static void last_error(const char *folder, char *out, size_t room) {
    char path[VG_PATH_MAX + 32], *text;
    size_t size;
    out[0] = '\0';
    snprintf(path, sizeof path, "%s/vergenced.log", folder);
    if (vg_file_load(&text, &size, path, NULL) != VG_OK) return;
    vg_lines lines = vg_lines_of(text, size);
    vg_span line;
    while (vg_lines_next(&lines, &line)) {
        vg_span rest = line;
        vg_span_word(&rest);
        if (vg_span_is(vg_span_word(&rest), "error")) vg_span_copy(out, room, vg_span_trim(rest));
    }
    free(text);
}

static vg_status read_summary(const char *folder, json_t **summary, vg_error *err) {
    char path[VG_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/status.json", folder);
    json_error_t why;
    *summary = json_load_file(path, 0, &why);
    if (*summary) return VG_OK;
    return vg_fail(err, VG_CORRUPT, "%s: not readable: %s", path, why.text);
}

/* What the child's end means. */
static vg_status judge(int wait_status, const char *folder, vg_error *err) {
    static const vg_status of_exit[] = {
        [VG_EXIT_FAILED] = VG_FAILED,   [VG_EXIT_USAGE] = VG_INVALID,       [VG_EXIT_UNREACHABLE] = VG_UNREACHABLE,
        [VG_EXIT_REFUSED] = VG_REFUSED, [VG_EXIT_NOT_FOUND] = VG_NOT_FOUND, [VG_EXIT_PROBLEMS] = VG_FAILED,
        [VG_EXIT_TIMEOUT] = VG_TIMEOUT};
    if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0) return VG_OK;
    if (WIFSIGNALED(wait_status)) {
        print_log_end(folder);
        return vg_fail(err, VG_FAILED, "vergenced was killed by signal %d (%s); its last checkpoint can be resumed",
                       WTERMSIG(wait_status), strsignal(WTERMSIG(wait_status)));
    }
    const int code = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : VG_EXIT_FAILED;
    const vg_status status = code >= VG_EXIT_FAILED && code <= VG_EXIT_TIMEOUT ? of_exit[code] : VG_FAILED;
    char sentence[sizeof err->message];
    last_error(folder, sentence, sizeof sentence);
    if (sentence[0]) return vg_fail(err, status, "%s", sentence);
    print_log_end(folder);
    return vg_fail(err, status, "the training session failed");
}

/* Follows the child until it ends; returns what waitpid says of it. */
static int watch(pid_t child, const char *endpoint, const vg_follow_options *options) {
    const bool terminal = isatty(STDERR_FILENO) && !options->quiet;
    const double began = (double)vg_clock_now_ns() * 1e-9;
    double last_line = -1e9;
    int passed_on = 0, wait_status = 0;
    bool timed_out = false;
    for (;;) {
        const pid_t ended = waitpid(child, &wait_status, WNOHANG);
        if (ended == child || (ended < 0 && errno != EINTR)) break;
        if (interrupts > passed_on) {
            passed_on = (int)interrupts;
            kill(child, passed_on >= 3 ? SIGKILL : SIGTERM);
            if (passed_on == 1)
                fprintf(stderr, "%sstopping: the iteration is finished and a checkpoint written\n",
                        terminal ? "\n" : "");
        }
        const double now = (double)vg_clock_now_ns() * 1e-9;
        if (options->limit_seconds > 0 && now - began > options->limit_seconds && !timed_out) {
            timed_out = true;
            kill(child, SIGTERM);
            fprintf(stderr, "%sstopping after %.0f s, as planned\n", terminal ? "\n" : "", options->limit_seconds);
        }
        json_t *status = NULL;
        if (!options->quiet && (terminal || now - last_line >= LINE_SECONDS) &&
            vg_control_request(endpoint, "{\"request\":\"status\"}", 0.5, &status, NULL) == VG_OK) {
            print_progress(options->label, status, terminal);
            last_line = now;
        }
        json_decref(status);
        vg_clock_sleep_until_ns(vg_clock_now_ns() + POLL_MS * 1000000LL);
    }
    return wait_status;
}

vg_status vg_follow_training(const vg_session_config *config, const vg_follow_options *options, json_t **summary,
                             vg_error *err) {
    const char *folder = config->session.folder;
    char path[VG_PATH_MAX + 32];
    VG_TRY(vg_make_folders(folder, err));
    snprintf(path, sizeof path, "%s/config.yaml", folder);
    VG_TRY(vg_session_config_save(config, path, err));
    vg_session_state state;
    VG_TRY(vg_session_state_find(&state, config->session.name, config->control.endpoint, err));
    struct sigaction action = {.sa_handler = on_interrupt}, old_int, old_term;
    interrupts = 0;
    sigaction(SIGINT, &action, &old_int);
    sigaction(SIGTERM, &action, &old_term);
    pid_t child = -1;
    vg_status status = start_child(folder, options->resume, &child, err);
    if (status == VG_OK) status = judge(watch(child, state.endpoint, options), folder, err);
    sigaction(SIGINT, &old_int, NULL);
    sigaction(SIGTERM, &old_term, NULL);
    if (status != VG_OK) return status;
    json_t *last;
    VG_TRY(read_summary(folder, &last, err));
    if (!options->quiet) {
        print_progress(options->label, last, isatty(STDERR_FILENO));
        if (isatty(STDERR_FILENO)) fputc('\n', stderr);
    }
    if (summary)
        *summary = last;
    else
        json_decref(last);
    return VG_OK;
}
