/* The command line: what the subcommands share. Each subcommand is one file with one function,
 * int vg_cmd_NAME(int argc, char **argv), where argv[0] is the subcommand's name; it returns an exit code (vg_exit).
 * Data goes to stdout, progress and errors to stderr. */
#ifndef VG_CLI_CLI_H
#define VG_CLI_CLI_H

#include "common/status.h"
#include "daemon/daemon.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- subcommands --------------------------------------------------------------------------------------------------- */

int vg_cmd_bench(int argc, char **argv);
int vg_cmd_calibrate(int argc, char **argv);
int vg_cmd_config(int argc, char **argv);
int vg_cmd_demo(int argc, char **argv);
int vg_cmd_detect(int argc, char **argv);
int vg_cmd_doctor(int argc, char **argv);
int vg_cmd_eval(int argc, char **argv);
int vg_cmd_listen(int argc, char **argv);
int vg_cmd_sim(int argc, char **argv);
int vg_cmd_start(int argc, char **argv);
int vg_cmd_status(int argc, char **argv);
int vg_cmd_stop(int argc, char **argv);
int vg_cmd_sync(int argc, char **argv);
int vg_cmd_take(int argc, char **argv);
int vg_cmd_train(int argc, char **argv);
int vg_cmd_triangulate(int argc, char **argv);
int vg_cmd_unrealcv(int argc, char **argv);

/* ---- options ------------------------------------------------------------------------------------------------------- */

typedef enum vg_option_type {
    VG_OPTION_FLAG,   /* bool: takes no value */
    VG_OPTION_TEXT,   /* const char * */
    VG_OPTION_INT,    /* int32_t */
    VG_OPTION_INT64,  /* int64_t; also written as 1e6 */
    VG_OPTION_UINT64, /* uint64_t */
    VG_OPTION_REAL,   /* double */
    VG_OPTION_LIST    /* vg_texts: may be given several times */
} vg_option_type;

enum { VG_TEXTS_MAX = 64 };

typedef struct vg_texts {
    const char *text[VG_TEXTS_MAX];
    size_t count;
} vg_texts;

typedef struct vg_option {
    const char *name; /* without the dashes */
    vg_option_type type;
    void *out;         /* keeps its value where the option is not given */
    double low, high;  /* bounds of numbers, inclusive */
    const char *value; /* what the usage calls the value, "N" */
    const char *about; /* one line */
} vg_option;

/* A subcommand's words: how it is called, and its options, closed by one without a name. */
typedef struct vg_usage {
    const char *synopsis; /* "vergence eval --policy NAME|PATH [OPTIONS]" */
    const char *about;    /* a sentence or two */
    const vg_option *options;
    size_t words; /* most positional words it takes */
} vg_usage;

/* Reads argv[1..] by the table. Words that are no options land in `words` (NULL where there are none to take). Errors name
 * the flag and, for an unknown one, the nearest. Sets *help and prints the usage where --help was given. */
vg_status vg_options_read(const vg_usage *usage, int argc, char **argv, vg_texts *words, bool *help, vg_error *err);

/* The same, for the beginning of a subcommand: true to go on, else *code is what to exit with. */
bool vg_options_begin(const vg_usage *usage, int argc, char **argv, vg_texts *words, int *code);

/* ---- what commands share ------------------------------------------------------------------------------------------- */

/* Prints "vergence: sentence" on stderr and returns the exit code of the status. */
int vg_report_error(vg_status status, const vg_error *err);

/* Sets configuration keys as --set gives them, "SECTION.KEY=VALUE" each. */
vg_status vg_set_pairs(vg_session_config *config, const vg_texts *pairs, vg_error *err);

/* Quarter turns clockwise of a camera by NAME=N, N from -3 to 3; 0 where it is not named. `option` for messages. */
vg_status vg_turn_of(int32_t *quarter, const char *option, const vg_texts *turns, const char *camera, vg_error *err);
/* VG_INVALID where a turn is of none of `names` [count]. */
vg_status vg_turns_check(const char *option, const vg_texts *turns, const char *const *names, size_t count,
                         vg_error *err);

/* A number for JSON: null where it is not finite. */
json_t *vg_json_number(double value);
/* Prints one JSON object on stdout and releases it. */
void vg_json_print(json_t *object);

/* The path of a program of ours: beside this one, else its bare name for the PATH. */
void vg_find_program(char out[VG_PATH_MAX], const char *name);

/* The machine, in words. */
typedef struct vg_machine {
    char cpu[128];
    int cores;
    double memory_gb;
    bool avx2, fma, avx512;
} vg_machine;
void vg_machine_read(vg_machine *out);

/* "1.2M", "34.5k", "567"; "2:05", "1:02:03". Return `out`. */
const char *vg_count_text(char out[32], double count);
const char *vg_duration_text(char out[32], double seconds);

/* A training run in a vergenced of our own, followed to its end. */
typedef struct vg_follow_options {
    bool resume;
    bool quiet;           /* no progress */
    double limit_seconds; /* stop gracefully after so long; 0: no limit */
    const char *label;    /* before the progress bar */
} vg_follow_options;

/* Writes FOLDER/config.yaml, starts vergenced on it, shows its progress on stderr, passes SIGINT and SIGTERM on. `summary`
 * (may be NULL) receives the last status as JSON, which the caller releases. */
vg_status vg_follow_training(const vg_session_config *config, const vg_follow_options *options, json_t **summary,
                             vg_error *err);

/* The JSON object of an evaluation, as the contract has it. */
json_t *vg_eval_json(const vg_eval_result *result);

#endif
