/* vergenced: runs one session from a configuration file, in the foreground or as a daemon.
 * As a daemon: the configuration is checked first, where the user sees it; then a child detaches, and its parent stays
 * until the child says through a pipe that the session runs (exit 0) or why it does not (that sentence, and its exit
 * code). */
#include "daemon/blas.h"
#include "daemon/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
    "usage: vergenced --config FILE [--foreground] [--resume] [--name NAME]\n"
    "                 [--log-level error|warn|info|debug] [--die-with-parent]\n"
    "Runs the session that FILE describes (docs/config.md). SIGTERM and SIGINT end it gracefully:\n"
    "the iteration is finished, a checkpoint written, exit 0.\n"
    "  --foreground        stay attached and log to stderr\n"
    "  --resume            go on from the checkpoint in the session's folder\n"
    "  --name NAME         instead of session.name\n"
    "  --die-with-parent   end gracefully when the process that started this one ends\n";

/* The one global of the process: a signal handler can reach nothing else. */
static atomic_bool stop_requested;

static void on_signal(int signal_number) {
    (void)signal_number;
    atomic_store(&stop_requested, true);
}

typedef struct options {
    const char *config, *name;
    bool foreground, resume, die_with_parent;
    vg_log_level level;
} options;

/* 0 to go on, else the exit code plus one. */
static int parse(int argc, char **argv, options *o) {
    static const struct option known[] = {{"config", required_argument, NULL, 'c'},
                                          {"foreground", no_argument, NULL, 'f'},
                                          {"resume", no_argument, NULL, 'r'},
                                          {"name", required_argument, NULL, 'n'},
                                          {"log-level", required_argument, NULL, 'l'},
                                          {"die-with-parent", no_argument, NULL, 'd'},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'v'},
                                          {0}};
    *o = (options){.level = VG_LOG_INFO};
    int c;
    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        vg_error err = {0};
        switch (c) {
        case 'c':
            o->config = optarg;
            break;
        case 'f':
            o->foreground = true;
            break;
        case 'r':
            o->resume = true;
            break;
        case 'n':
            o->name = optarg;
            break;
        case 'd':
            o->die_with_parent = true;
            break;
        case 'l':
            if (vg_log_level_parse(optarg, &o->level, &err) != VG_OK) {
                fprintf(stderr, "vergenced: --log-level: %s\n", err.message);
                return VG_EXIT_USAGE + 1;
            }
            break;
        case 'h':
            fputs(usage, stdout);
            return VG_EXIT_OK + 1;
        case 'v':
            printf("vergenced %s\n", VG_VERSION);
            return VG_EXIT_OK + 1;
        default:
            fputs(usage, stderr);
            return VG_EXIT_USAGE + 1;
        }
    }
    if (o->config && optind == argc) return 0;
    fputs(o->config ? "vergenced: takes no arguments besides its options\n" : "vergenced: --config FILE is missing\n",
          stderr);
    fputs(usage, stderr);
    return VG_EXIT_USAGE + 1;
}

/* What the child writes into the pipe when it is ready, or has failed. */
typedef struct report {
    int code;
    char message[640];
} report;

static void tell(int pipe_end, int code, const char *message) {
    if (pipe_end < 0) return;
    report r = {.code = code};
    snprintf(r.message, sizeof r.message, "%s", message);
    const ssize_t written = write(pipe_end, &r, sizeof r);
    (void)written; /* a parent that went away needs no answer */
}

typedef struct readiness {
    int pipe_end;
    bool told;
} readiness;

static void on_ready(void *context) {
    readiness *r = context;
    if (r->told) return;
    r->told = true;
    tell(r->pipe_end, VG_EXIT_OK, "");
    if (r->pipe_end >= 0) close(r->pipe_end);
    r->pipe_end = -1;
}

static int run(const vg_session_config *config, const options *o, int pipe_end, FILE *log_stream) {
    const struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    const vg_log log = {.stream = log_stream, .level = o->level};
    readiness ready = {.pipe_end = pipe_end};
    const vg_session_options session = {
        .resume = o->resume, .stop = &stop_requested, .log = &log, .ready = on_ready, .context = &ready};
    vg_error err = {0};
    vg_session_state state;
    vg_status status = vg_session_state_find(&state, config->session.name, config->control.endpoint, &err);
    if (status == VG_OK) status = vg_session_state_take(&state, &err);
    if (status == VG_OK) status = vg_session_run(config, &state, &session, &err);
    vg_session_state_release(&state);
    if (status == VG_OK) return VG_EXIT_OK;
    VG_ERRORF(&log, "%s", err.message);
    if (!ready.told) tell(ready.pipe_end, vg_exit_code(status), err.message);
    return vg_exit_code(status);
}

/* In the child: away from the terminal, standard streams on the log file. */
static FILE *detach(const vg_session_state *state) {
    setsid();
    umask(022);
    const int null = open("/dev/null", O_RDWR);
    const int log = open(state->log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (null < 0 || log < 0) return NULL;
    dup2(null, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    if (null > 2) close(null);
    if (log > 2) close(log);
    return stderr;
}

static int run_detached(const vg_session_config *config, const options *o) {
    vg_error err = {0};
    vg_session_state state;
    vg_status status = vg_session_state_find(&state, config->session.name, config->control.endpoint, &err);
    if (status == VG_OK) status = vg_make_folders(state.folder, &err);
    int ends[2] = {-1, -1};
    if (status == VG_OK && pipe2(ends, O_CLOEXEC) != 0)
        status = vg_fail(&err, VG_FAILED, "cannot make a pipe: %s", strerror(errno));
    pid_t child = -1;
    if (status == VG_OK && (child = fork()) < 0)
        status = vg_fail(&err, VG_FAILED, "cannot start a process: %s", strerror(errno));
    if (status != VG_OK) {
        fprintf(stderr, "vergenced: %s\n", err.message);
        return vg_exit_code(status);
    }
    if (child == 0) {
        close(ends[0]);
        FILE *log = detach(&state);
        return log ? run(config, o, ends[1], log) : VG_EXIT_FAILED;
    }
    close(ends[1]);
    report r = {.code = VG_EXIT_FAILED};
    const ssize_t got = read(ends[0], &r, sizeof r);
    close(ends[0]);
    if (got != (ssize_t)sizeof r) {
        fprintf(stderr, "vergenced: the session ended before it was ready; see %s\n", state.log);
        return VG_EXIT_FAILED;
    }
    if (r.code != VG_EXIT_OK) fprintf(stderr, "vergenced: %s\n", r.message);
    return r.code;
}

int main(int argc, char **argv) {
    vg_blas_begin(argv);
    options o;
    const int end = parse(argc, argv, &o);
    if (end) return end - 1;
    if (o.die_with_parent) prctl(PR_SET_PDEATHSIG, SIGTERM);
    vg_error err = {0};
    vg_session_config config;
    vg_status status = vg_session_config_load(&config, o.config, &err);
    if (status == VG_OK && o.name) {
        status = vg_session_config_set(&config, "session.name", o.name, &err);
        if (status == VG_OK) status = vg_session_config_check(&config, &err);
    }
    if (status != VG_OK) {
        fprintf(stderr, "vergenced: %s\n", err.message);
        return vg_exit_code(status);
    }
    return o.foreground ? run(&config, &o, -1, stderr) : run_detached(&config, &o);
}
