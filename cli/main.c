/* vergence: the dispatcher of subcommands. */
#include "cli/cli.h"

#include "daemon/blas.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static int cmd_completion(int argc, char **argv);
static int cmd_help(int argc, char **argv);
static int cmd_version(int argc, char **argv);

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *about;
} commands[] = {
    {"demo", vg_cmd_demo, "the quickstart: train a team, compare it with baselines, write a report"},
    {"train", vg_cmd_train, "train a camera team"},
    {"triangulate", vg_cmd_triangulate, "keypoints of calibrated cameras to people in 3D: TRC, C3D, BVH, CSV"},
    {"detect", vg_cmd_detect, "pictures and video to keypoints, one folder a camera"},
    {"sync", vg_cmd_sync, "how far cameras are off in time, from keypoints"},
    {"eval", vg_cmd_eval, "measure a policy or a baseline"},
    {"sim", vg_cmd_sim, "serve the embedded simulator to others over ZeroMQ"},
    {"calibrate", vg_cmd_calibrate, "calibrate cameras; show, check and convert calibration files"},
    {"unrealcv", vg_cmd_unrealcv, "serve the embedded simulator to UnrealCV scripts, in the place of a game"},
    {"start", vg_cmd_start, "start a session as a daemon"},
    {"status", vg_cmd_status, "what the sessions are doing"},
    {"stop", vg_cmd_stop, "stop a session gracefully"},
    {"listen", vg_cmd_listen, "print a session's skeleton stream"},
    {"take", vg_cmd_take, "recordings of live sessions: show, export as motion files"},
    {"config", vg_cmd_config, "check a configuration, or show the one in use"},
    {"doctor", vg_cmd_doctor, "check that this machine has what is needed"},
    {"bench", vg_cmd_bench, "measure, each figure beside what it is held against"},
    {"completion", cmd_completion, "completion for bash"},
    {"version", cmd_version, "print the version"},
    {"help", cmd_help, "this list; `vergence COMMAND --help` tells more"},
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void print_commands(FILE *out) {
    fputs("usage: vergence COMMAND [OPTIONS]\n\ncommands:\n", out);
    for (size_t i = 0; i < COMMANDS; i++) fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].about);
    fputs(
        "\nexit codes: 0 ok, 1 failed, 2 usage, 3 daemon unreachable, 4 refused, 5 not found, 6 check found problems,\n"
        "7 timed out. Data goes to stdout, progress to stderr.\n",
        out);
}

static int cmd_help(int argc, char **argv) {
    (void)argc, (void)argv;
    print_commands(stdout);
    return VG_EXIT_OK;
}

static int cmd_version(int argc, char **argv) {
    bool json = false;
    const vg_option options[] = {{"json", VG_OPTION_FLAG, &json, 0, 0, "", "print JSON"}, {0}};
    const vg_usage usage = {"vergence version [--json]", "Prints the version.", options, 0};
    int code;
    if (!vg_options_begin(&usage, argc, argv, NULL, &code)) return code;
    if (json)
        vg_json_print(json_pack("{s:s}", "version", VG_VERSION));
    else
        printf("vergence %s\n", VG_VERSION);
    return VG_EXIT_OK;
}

/* A script that asks `vergence COMMAND --help` for the options, so it needs no list of its own. */
static int cmd_completion(int argc, char **argv) {
    const vg_option options[] = {{0}};
    const vg_usage usage = {"vergence completion [bash]", "Prints a completion script: source <(vergence completion).",
                            options, 1};
    vg_texts words;
    int code;
    if (!vg_options_begin(&usage, argc, argv, &words, &code)) return code;
    if (words.count && strcmp(words.text[0], "bash") != 0) {
        fprintf(stderr, "vergence: completion for `%.40s` is unknown; use bash\n", words.text[0]);
        return VG_EXIT_USAGE;
    }
    fputs("_vergence() {\n    local current=${COMP_WORDS[COMP_CWORD]}\n    if [ \"$COMP_CWORD\" = 1 ]; then\n"
          "        COMPREPLY=($(compgen -W \"",
          stdout);
    for (size_t i = 0; i < COMMANDS; i++) printf("%s%s", i ? " " : "", commands[i].name);
    fputs("\" -- \"$current\"))\n    elif [[ $current == -* ]]; then\n"
          "        COMPREPLY=($(compgen -W \"$(\"${COMP_WORDS[0]}\" \"${COMP_WORDS[1]}\" --help 2>/dev/null |\n"
          "            sed -n 's/^  \\(--[a-z-]*\\).*/\\1/p')\" -- \"$current\"))\n    else\n"
          "        COMPREPLY=($(compgen -f -- \"$current\"))\n    fi\n}\ncomplete -o filenames -F _vergence vergence\n",
          stdout);
    return VG_EXIT_OK;
}

int main(int argc, char **argv) {
    vg_blas_begin(argv);
    signal(SIGPIPE, SIG_DFL);
    if (argc < 2) {
        print_commands(stderr);
        return VG_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) return cmd_help(argc, argv);
    if (strcmp(argv[1], "--version") == 0) return cmd_version(1, argv);
    const char *names[COMMANDS];
    for (size_t i = 0; i < COMMANDS; i++) {
        names[i] = commands[i].name;
        if (strcmp(argv[1], commands[i].name) == 0) return commands[i].run(argc - 1, argv + 1);
    }
    const char *near = vg_nearest(argv[1], names, COMMANDS);
    if (near)
        fprintf(stderr, "vergence: command `%.80s` is unknown; did you mean `%s`?\n", argv[1], near);
    else
        fprintf(stderr, "vergence: command `%.80s` is unknown; `vergence help` lists the commands\n", argv[1]);
    return VG_EXIT_USAGE;
}
