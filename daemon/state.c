/* The state folder: STATE/sessions/NAME holds `lock` (held with flock while a daemon runs the session, so it frees
 * itself however that daemon ends), `pid`, `endpoint` (where the control socket listens), `control` (the socket) and
 * `log`. */
#include "daemon/internal.h"

#include "common/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int vg_exit_code(vg_status status) {
    switch (status) {
    case VG_OK:
        return VG_EXIT_OK;
    case VG_INVALID:
    case VG_UNSUPPORTED:
        return VG_EXIT_USAGE;
    case VG_UNREACHABLE:
        return VG_EXIT_UNREACHABLE;
    case VG_REFUSED:
        return VG_EXIT_REFUSED;
    case VG_NOT_FOUND:
        return VG_EXIT_NOT_FOUND;
    case VG_TIMEOUT:
        return VG_EXIT_TIMEOUT;
    default:
        return VG_EXIT_FAILED;
    }
}

vg_status vg_state_root(char out[VG_PATH_MAX], vg_error *err) {
    const char *state = getenv("VERGENCE_STATE"), *home = getenv("HOME");
    int n;
    if (state && state[0])
        n = snprintf(out, VG_PATH_MAX, "%s", state);
    else if (home && home[0])
        n = snprintf(out, VG_PATH_MAX, "%s/.local/state/vergence", home);
    else
        return vg_fail(err, VG_INVALID, "no state folder: set VERGENCE_STATE (HOME is not set either)");
    if (n >= VG_PATH_MAX - 128)
        return vg_fail(err, VG_INVALID, "VERGENCE_STATE is %d bytes long; at most %d fit", n, VG_PATH_MAX - 129);
    return VG_OK;
}

vg_status vg_make_folders(const char *path, vg_error *err) {
    char part[VG_PATH_MAX * 2];
    const size_t n = strlen(path);
    if (n >= sizeof part) return vg_fail(err, VG_INVALID, "%.100s...: the path is too long", path);
    for (size_t i = 1; i <= n; i++) {
        if (i < n && path[i] != '/') continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return vg_fail(err, VG_IO, "%s: cannot be made: %s", part, strerror(errno));
    }
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) return vg_fail(err, VG_IO, "%s: is not a folder", path);
    return VG_OK;
}

/* The first line of a small file; empty where there is none. */
static void read_line(const char *path, char *out, size_t room) {
    out[0] = '\0';
    FILE *file = fopen(path, "r");
    if (!file) return;
    if (!fgets(out, (int)room, file)) out[0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    fclose(file);
}

static vg_status write_line(const char *path, const char *text, vg_error *err) {
    vg_file file;
    VG_TRY(vg_file_create(&file, path, err));
    fprintf(file.stream, "%s\n", text);
    return vg_file_commit(&file, err);
}

vg_status vg_session_state_find(vg_session_state *out, const char *name, const char *control, vg_error *err) {
    *out = (vg_session_state){.lock = -1};
    char root[VG_PATH_MAX];
    VG_TRY(vg_state_root(root, err));
    snprintf(out->folder, sizeof out->folder, "%.380s/sessions/%.63s", root, name);
    snprintf(out->log, sizeof out->log, "%s/log", out->folder);
    snprintf(out->pid_file, sizeof out->pid_file, "%s/pid", out->folder);
    if (control && control[0]) {
        snprintf(out->endpoint, sizeof out->endpoint, "%s", control);
        return VG_OK;
    }
    char file[VG_PATH_MAX + 32];
    snprintf(file, sizeof file, "%s/endpoint", out->folder);
    if (!control) read_line(file, out->endpoint, sizeof out->endpoint);
    if (!out->endpoint[0]) snprintf(out->endpoint, sizeof out->endpoint, "ipc://%.480s/control", out->folder);
    return VG_OK;
}

static vg_status take_lock(const char *folder, int *out, vg_error *err) {
    char path[VG_PATH_MAX + 32], pid[32];
    snprintf(path, sizeof path, "%s/lock", folder);
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) return vg_fail(err, VG_IO, "%s: cannot be opened: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        *out = fd;
        return VG_OK;
    }
    const int why = errno;
    close(fd);
    if (why != EWOULDBLOCK) return vg_fail(err, VG_IO, "%s: cannot be locked: %s", path, strerror(why));
    snprintf(path, sizeof path, "%s/pid", folder);
    read_line(path, pid, sizeof pid);
    return vg_fail(err, VG_REFUSED, "%s: another vergenced (process %s) runs this session; stop it or use another name",
                   folder, pid[0] ? pid : "unknown");
}

vg_status vg_folder_take(vg_session_state *state, vg_error *err) {
    char text[32];
    VG_TRY(take_lock(state->folder, &state->lock, err));
    snprintf(text, sizeof text, "%ld", (long)getpid());
    const vg_status status = write_line(state->pid_file, text, err);
    if (status != VG_OK) vg_session_state_release(state);
    return status;
}

vg_status vg_session_state_take(vg_session_state *state, vg_error *err) {
    if (strncmp(state->endpoint, "ipc://", 6) == 0) {
        const size_t most = sizeof((struct sockaddr_un *)0)->sun_path - 1;
        if (strlen(state->endpoint + 6) > most)
            return vg_fail(
                err, VG_INVALID,
                "%s: the path of the control socket has %zu bytes and the system allows %zu; set VERGENCE_STATE to a "
                "shorter path or control.endpoint to tcp://127.0.0.1:PORT",
                state->endpoint + 6, strlen(state->endpoint + 6), most);
    }
    VG_TRY(vg_make_folders(state->folder, err));
    VG_TRY(vg_folder_take(state, err));
    char file[VG_PATH_MAX + 32];
    snprintf(file, sizeof file, "%s/endpoint", state->folder);
    const vg_status status = write_line(file, state->endpoint, err);
    if (status != VG_OK) vg_session_state_release(state);
    return status;
}

void vg_session_state_release(vg_session_state *state) {
    if (state->lock < 0) return;
    unlink(state->pid_file);
    close(state->lock); /* frees the lock */
    state->lock = -1;
}

bool vg_session_state_running(vg_session_state *state, int *pid) {
    char path[VG_PATH_MAX + 32], text[32];
    *pid = 0;
    snprintf(path, sizeof path, "%s/lock", state->folder);
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return false;
    const bool held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(fd);
    if (!held) return false;
    read_line(state->pid_file, text, sizeof text);
    *pid = (int)strtol(text, NULL, 10);
    return true;
}

vg_status vg_session_state_each(void (*visit)(void *context, const char *name), void *context, vg_error *err) {
    char root[VG_PATH_MAX], path[VG_PATH_MAX + 16];
    VG_TRY(vg_state_root(root, err));
    snprintf(path, sizeof path, "%s/sessions", root);
    struct dirent **entries;
    const int count = scandir(path, &entries, NULL, alphasort);
    if (count < 0) return VG_OK; /* no session was ever started */
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.' && strlen(entries[i]->d_name) <= VG_SESSION_NAME_MAX)
            visit(context, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return VG_OK;
}
