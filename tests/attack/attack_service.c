/*
 * attack_service.c - attacks of coopd's services, which its spawner clones
 *
 *     attack_service CASE
 *
 * As root and as an ordinary user, in an arena: coopd is started from the same dirty state as
 * coop-run is elsewhere, and each attack is a oneshot service that must end well.
 */
#include "attack/arena_caller.h"
#include "attack/arena_cases.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET "coop-residue"

struct daemon {
    char dir[ARENA_PATH], socket[ARENA_PATH + 16], config[ARENA_PATH + 16];
    char coopd[ARENA_PATH + 16], coopctl[ARENA_PATH + 16];
    FILE *ini;
    pid_t pid;
};

/* ---- coopd in an arena ---- */

static bool lay_out(const struct arena *arena, struct daemon *daemon)
{
    char path[ARENA_PATH + 16];

    snprintf(daemon->dir, sizeof daemon->dir, "%.100s/coopd", arena->dir);
    snprintf(daemon->socket, sizeof daemon->socket, "%s/control.sock", daemon->dir);
    CHECK(mkdir(daemon->dir, 0755) == 0);
    CHECK(chown(daemon->dir, arena->uid, arena->uid) == 0);
    snprintf(path, sizeof path, "%s/coop-init", daemon->dir);
    copy_program(COOP_INIT_PATH, path, 0755);
    snprintf(daemon->coopd, sizeof daemon->coopd, "%s/coopd", daemon->dir);
    copy_program(COOPD_PATH, daemon->coopd, 0755);
    snprintf(daemon->coopctl, sizeof daemon->coopctl, "%s/coopctl", daemon->dir);
    copy_program(COOPCTL_PATH, daemon->coopctl, 0755);
    snprintf(daemon->config, sizeof daemon->config, "%s/all.ini", daemon->dir);
    daemon->ini = fopen(daemon->config, "we");
    CHECK(daemon->ini);
    return true;
}

/* 'more' are further lines of the section. */
static void add_service(const struct arena *arena, struct daemon *daemon, const char *name,
                        const char *profile, const char *attack, const char *more)
{
    bool sees_host = strcmp(profile, "service") == 0;

    fprintf(
        daemon->ini,
        "[Service %s]\nType = oneshot\nAutoStart = no\nSandbox = %s\nSuccessExitStatus = 77\n%s"
        "ExecStart = %s %s",
        name, profile, more, arena->attacker, attack);
    for (char *const *f = arena_facts(arena, sees_host); *f; f++)
        fprintf(daemon->ini, " %s", *f);
    fprintf(daemon->ini, " coopd_dir=%s\n", daemon->dir);
    fprintf(daemon->ini, "BindReadOnlyPaths = %s\n", arena->work);
    if (strcmp(profile, "strict") == 0)
        fprintf(daemon->ini, "ExecPaths = %s\n", arena->work);
    fputc('\n', daemon->ini);
}

static int ctl(const struct arena *arena, const struct daemon *daemon, const char *verb,
               const char *name)
{
    const char *const words[] = {daemon->coopctl, "--socket", daemon->socket, "--timeout",
                                 "30s",           verb,       name,           NULL};
    const struct visit visit = {.instead = words};

    return arena_run(arena, &visit);
}

/* Started when its socket answers. */
static bool start(const struct arena *arena, struct daemon *daemon)
{
    char state[ARENA_PATH + 16], log[ARENA_PATH + 16];
    const char *const words[] = {
        daemon->coopd, "--config", daemon->config, "--socket", daemon->socket,
        "--state-dir", state,      "--log-dir",    log,        NULL};
    const struct visit visit = {.instead = words};

    fclose(daemon->ini);
    snprintf(state, sizeof state, "%s/state", daemon->dir);
    snprintf(log, sizeof log, "%s/log", daemon->dir);
    daemon->pid = arena_start(arena, &visit);
    for (int i = 0; i < 1000 && access(daemon->socket, F_OK) < 0; i++)
        (void)poll(NULL, 0, 10); /* nothing else announces it */
    return access(daemon->socket, F_OK) == 0;
}

static bool stop(struct daemon *daemon)
{
    kill(daemon->pid, SIGTERM);
    return arena_wait(daemon->pid, 20) == 0;
}

/* ---- attacks as services ---- */

/* What a launch through the spawner could make differ; the rest is the same recipe. */
static const struct {
    const char *name;
    bool host_too; /* holds under 'service', too, which shows the host's files and network */
} attacks[] = {
    {"leaked-fds", true},         {"kill-host", true},         {"trace-init", true},
    {"kill-init", true},          {"inherited-signals", true}, {"inherited-timers", false},
    {"new-namespaces", true},     {"join-namespaces", true},   {"cwd-tricks", false},
    {"foreign-proc", false},      {"self-exe", false},         {"read-shadow", false},
    {"read-home", false},         {"mount-calls", false},      {"write-kernel-files", false},
    {"read-kernel-files", false}, {"change-ids", false},       {"write-maps", false},
    {"gain-caps", false},         {"inherited-umask", false},  {"inherited-environment", false},
    {"inherited-groups", false},  {"reach-network", false},    {"reach-ipc", false},
    {"reach-keyring", false},     {"reach-daemons", false},    {"terminal-injection", false},
    {"reach-coopd", false},
};

static void show_log(const struct daemon *daemon, const char *name)
{
    char path[ARENA_PATH + 64], text[2048];
    int fd;
    ssize_t got;

    snprintf(path, sizeof path, "%s/log/%s.log", daemon->dir, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    got = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    text[got > 0 ? got : 0] = '\0';
    printf("%s GOT THROUGH, or could not run:\n%s\n", name, text);
    if (fd >= 0)
        close(fd);
}

static bool holds(const struct arena *arena, const struct daemon *daemon, const char *name)
{
    bool good = ctl(arena, daemon, "start", name) == 0;

    if (!good)
        show_log(daemon, name);
    return good;
}

static bool play(const struct arena *arena, const char *profile)
{
    bool all = strcmp(profile, "service") != 0, good = true;
    struct daemon daemon;

    CHECK(lay_out(arena, &daemon));
    fprintf(daemon.ini, "[Service neighbour]\nExecStart = sleep infinity\nSandbox = none\n\n");
    for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++)
        if (all || attacks[i].host_too)
            add_service(arena, &daemon, attacks[i].name, profile, attacks[i].name, "");
    CHECK(start(arena, &daemon));
    for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++)
        if (all || attacks[i].host_too)
            good &= holds(arena, &daemon, attacks[i].name);
    good &= ctl(arena, &daemon, "status", "neighbour") == 0;
    return stop(&daemon) && good;
}

static bool default_service(const struct arena *arena)
{
    return play(arena, "default");
}

static bool strict_service(const struct arena *arena)
{
    return play(arena, "strict");
}

static bool service_service(const struct arena *arena)
{
    return play(arena, "service");
}

/* ---- what is left of who ran before ---- */

/* The child of coopd that has this name; 0: none. */
static pid_t find_child(pid_t parent, const char *wanted)
{
    char path[300], name[32];
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    pid_t found = 0;
    FILE *file;
    int above;

    while (proc && !found && (entry = readdir(proc))) {
        snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
        file = entry->d_name[0] >= '1' && entry->d_name[0] <= '9' ? fopen(path, "re") : NULL;
        if (!file)
            continue;
        if (fscanf(file, "%*d (%31[^)]) %*c %d", name, &above) == 2 && above == parent &&
            strcmp(name, wanted) == 0)
            found = (pid_t)strtol(entry->d_name, NULL, 10);
        fclose(file);
    }
    if (proc)
        closedir(proc);
    return found;
}

static bool region_has(int memory, unsigned long from, unsigned long to, const char *secret)
{
    static char bytes[1 << 20];

    for (; from < to; from += sizeof bytes - 64) {
        size_t want = to - from < sizeof bytes ? to - from : sizeof bytes;
        ssize_t got = pread(memory, bytes, want, (off_t)from);

        if (got > 0 && memmem(bytes, (size_t)got, secret, strlen(secret)))
            return true;
    }
    return false;
}

/* Whether any of its writable memory has the words. */
static bool remembers(pid_t pid, const char *secret)
{
    char path[64], line[512], rights[8];
    unsigned long from, to;
    bool found = false;
    FILE *maps;
    int memory;

    snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
    memory = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    maps = fopen(path, "re");
    if (memory < 0 || !maps)
        abort();
    while (!found && fgets(line, sizeof line, maps))
        if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) == 3 && rights[1] == 'w')
            found = region_has(memory, from, to, secret);
    fclose(maps);
    close(memory);
    return found;
}

#define RANDOM_TEXT 80

/* "random HEX PAGE" of a life's log. */
static bool read_randomness(const struct daemon *daemon, const char *name,
                            char ret_text[RANDOM_TEXT])
{
    char path[ARENA_PATH + 64];
    FILE *file;
    bool good;

    snprintf(path, sizeof path, "%s/log/%s.log", daemon->dir, name);
    file = fopen(path, "re");
    good = file && fscanf(file, "random %79[^\n]", ret_text) == 1;
    if (file)
        fclose(file);
    return good;
}

static bool leaves_nothing(const struct arena *arena, const char *profile)
{
    static const char told[] = "Environment = RESIDUE=" SECRET "\nLimitNOFILE = 77\n"
                               "LimitCPU = 777\nUMask = 0123\nNice = 7\n"
                               "WorkingDirectory = /usr/share\n";
    char first[RANDOM_TEXT] = "", second[RANDOM_TEXT] = "", attack[64];
    struct daemon daemon;
    pid_t spawner;

    CHECK(lay_out(arena, &daemon));
    snprintf(attack, sizeof attack, "leave-residue %s", SECRET);
    add_service(arena, &daemon, "before", profile, attack, told);
    add_service(arena, &daemon, "after", profile, "find-residue", "");
    add_service(arena, &daemon, "later", profile, "find-residue", "");
    CHECK(start(arena, &daemon));
    CHECK(holds(arena, &daemon, "before"));
    spawner = find_child(daemon.pid, "coop-spawner");
    CHECK(spawner > 0);
    CHECK(remembers(daemon.pid,
                    SECRET)); /* it has read it: that is how we know that we can see */
    CHECK(!remembers(spawner, SECRET));
    CHECK(holds(arena, &daemon, "after") && holds(arena, &daemon, "later"));
    CHECK(read_randomness(&daemon, "after", first));
    CHECK(read_randomness(&daemon, "later", second));
    CHECK(strcmp(first, second) != 0 && strncmp(first, second, 32) != 0);
    CHECK(strcmp(first + 33, second + 33) != 0);
    return stop(&daemon);
}

static bool residue(const struct arena *arena)
{
    return leaves_nothing(arena, "default");
}

static bool strict_residue(const struct arena *arena)
{
    return leaves_nothing(arena, "strict");
}

static const struct arena_case cases[] = {
    {"default", default_service},       {"strict", strict_service},
    {"service", service_service},       {"residue", residue},
    {"strict-residue", strict_residue}, {NULL, NULL},
};

int main(int argc, char **argv)
{
    return arena_cases(argc, argv, cases);
}
