/*
 * attack_sources.c - attacks on what a sandbox is made of: sources that turn, a false /dev/null,
 * file systems in memory that are filled
 *
 *     attack_sources CASE
 *
 * Each case runs as root and as an ordinary user, under 'default' and under 'strict'.  Played under
 * `refuses open_tree ...`, the same is done with mount(2).
 */
#include "attack/arena_cases.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define TURNS_WANTED  100000ul
#define ROUNDS_LEAST  20  /* launches for each way to name a source */
#define ROUNDS_MOST   500 /* where turning is slow                  */
#define SETUP_ERROR   125
#define MEMORY_NEEDED (3ul << 30) /* twice what one sandbox can fill */

static const char *const profiles[] = {"--profile=default", "--profile=strict"};

/* A file system of the caller's own making takes the place of the profile's. */
#define SYSTEM                                                                                 \
    "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib",       \
        "/lib", "--symlink", "usr/lib64", "/lib64", "--dev", "/dev", "--tmpfs", "/tmp"

/* ---- sources that turn ---- */

struct turning {
    char here[256], link[256];
    unsigned long *turns;
};

/* A folder with the file 'mine', and a link that leads home, which is not to be seen. */
static void lay_out(const struct arena *arena, struct turning *t)
{
    char path[300];
    int fd;

    snprintf(t->here, sizeof t->here, "%s/here", arena->dir);
    snprintf(t->link, sizeof t->link, "%s/turn", arena->dir);
    snprintf(path, sizeof path, "%s/mine", t->here);
    if (mkdir(t->here, 0755) < 0 || chown(t->here, arena->uid, arena->uid) < 0 ||
        symlink("home", t->link) < 0)
        abort();
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        abort();
    close(fd);
    t->turns =
        mmap(NULL, sizeof *t->turns, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (t->turns == MAP_FAILED)
        abort();
}

/* Launches until the source has turned often enough: whether each one that ran saw what it may. */
static bool launches_hold(const struct arena *arena, const struct turning *t,
                          const char *const *options, const char *script)
{
    const char *const command[] = {"/bin/sh", "-c", script, NULL};
    const struct visit visit = {.options = options, .command = command};
    unsigned long until = __atomic_load_n(t->turns, __ATOMIC_RELAXED) + TURNS_WANTED / 4;
    int ran = 0;

    for (int round = 0; round < ROUNDS_MOST; round++) {
        int code = arena_run(arena, &visit);

        CHECK(code == 0 || code == SETUP_ERROR);
        ran += code == 0;
        if (round >= ROUNDS_LEAST && ran > 0 &&
            __atomic_load_n(t->turns, __ATOMIC_RELAXED) >= until)
            break;
    }
    CHECK(ran > 0);
    return true;
}

/* A descriptor is the folder that was opened, whatever has its name by now. */
static const char only_mine[] = "[ -e /x/secret ] && exit 9; [ -e /x/mine ] || exit 7";

/* A name is one of both, the same at each look, and as read-only as was asked for. */
static const char either_whole[] =
    "n=0; [ -e /x/mine ] && n=$((n + 1)); [ -e /x/secret ] && n=$((n + 1)); [ $n = 1 ] || exit 7; "
    "a=$(stat -c %d:%i /x); ( : > /x/made ) 2> /dev/null && exit 8; [ $a = $(stat -c %d:%i /x) ]";

static bool turning_source(const struct arena *arena)
{
    struct turning t;
    char number[16];
    bool good = true;
    pid_t turner;
    int fd;

    lay_out(arena, &t);
    fd = open(t.here, O_PATH | O_DIRECTORY); /* not close-on-exec: it is handed over */
    CHECK(fd >= 0);
    snprintf(number, sizeof number, "%d", fd);
    turner = arena_start_turning(arena->dir, "here", t.turns);
    for (size_t i = 0; i < 2 && good; i++) {
        const char *const opened[] = {profiles[i], SYSTEM, "--ro-bind-fd", number, "/x", NULL};
        const char *const named[] = {profiles[i], SYSTEM, "--ro-bind", t.here, "/x", NULL};

        good = launches_hold(arena, &t, opened, only_mine) &&
               launches_hold(arena, &t, named, either_whole);
    }
    kill(turner, SIGKILL);
    CHECK(arena_wait(turner, 10) == 128 + SIGKILL);
    close(fd);
    munmap(t.turns, sizeof *t.turns);
    return good;
}

/* While the sandbox is in use its source is renamed, a link home takes its name, and what was
 * mounted inside of it loses its place: the view stays what it was. */
static bool used_source(const struct arena *arena)
{
    static const char script[] =
        "echo ready; read x; [ -e /x/secret ] && exit 9; [ -e /x/mine ] || exit 7; "
        "( : > /x/made ) 2> /dev/null && exit 8; cd /x/..; [ -e secret ] && exit 6; exit 0";
    const char *const command[] = {"/bin/sh", "-c", script, NULL};
    struct turning t;
    char away[256], inner[300], inner_away[300];

    lay_out(arena, &t);
    snprintf(away, sizeof away, "%s/away", arena->dir);
    snprintf(inner, sizeof inner, "%s/inner", t.here);
    snprintf(inner_away, sizeof inner_away, "%s/inner-away", t.here);
    for (size_t i = 0; i < 2; i++) {
        const char *const options[] = {profiles[i], SYSTEM,    "--ro-bind", t.here,
                                       "/x",        "--tmpfs", "/x/inner",  NULL};
        struct visit visit = {.options = options, .command = command};
        int in[2];
        pid_t pid;

        CHECK(mkdir(inner, 0755) == 0);
        CHECK(pipe2(in, O_CLOEXEC) == 0);
        visit.in = in[0];
        pid = arena_start_stayer(arena, &visit);
        CHECK(rename(inner, inner_away) == 0 && rmdir(inner_away) == 0);
        CHECK(rename(t.here, away) == 0 && rename(t.link, t.here) == 0);
        CHECK(write(in[1], "\n", 1) == 1);
        CHECK(arena_wait(pid, 10) == 0);
        CHECK(rename(t.here, t.link) == 0 && rename(away, t.here) == 0);
        close(in[0]);
        close(in[1]);
    }
    munmap(t.turns, sizeof *t.turns);
    return true;
}

/* ---- a false /dev/null ---- */

/* A folder like /dev, in which 'null' is something else. */
static bool furnish_dev(const char *dev, const char *null_leads_to)
{
    static const struct {
        const char *name;
        unsigned number;
    } nodes[] = {{"zero", 5}, {"full", 7}, {"random", 8}, {"urandom", 9}, {"null", 3}};
    char path[300];

    CHECK(mkdir(dev, 0755) == 0);
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        snprintf(path, sizeof path, "%s/%s", dev, nodes[i].name);
        if (nodes[i].number == 3 && null_leads_to) {
            CHECK(symlink(null_leads_to, path) == 0);
            continue;
        }
        CHECK(mknod(path, S_IFCHR | 0666, makedev(1, nodes[i].number)) == 0);
        CHECK(chmod(path, 0666) == 0);
    }
    return true;
}

/* What covers /proc/kcore and its like, and what a program gets for a descriptor that is closed, is
 * the caller's /dev/null: one that is none would show what it leads to. */
static bool refuses_to_start(const struct arena *arena)
{
    static const char *const bound[] = {"--ro-bind", "/", "/", NULL};
    static const char *const hidden[] = {"--profile=none", "--inaccessible-paths=/usr/bin/env",
                                         NULL};
    static const char *const none[] = {"--profile=none", NULL};
    static const char *const command[] = {"/bin/cat", "/proc/kallsyms", NULL};
    struct visit visit = {.command = command, .options = bound};

    CHECK(arena_run(arena, &visit) == SETUP_ERROR);
    for (size_t i = 0; i < 2; i++) {
        const char *const options[] = {profiles[i], NULL};

        visit.options = options;
        CHECK(arena_run(arena, &visit) == SETUP_ERROR);
    }
    visit.options = hidden;
    if (!arena->uid) /* others have no mount table without a user namespace */
        CHECK(arena_run(arena, &visit) == SETUP_ERROR);
    visit.options = none;
    visit.closed = true;
    CHECK(arena_run(arena, &visit) == SETUP_ERROR);
    return true;
}

static bool runs(const struct arena *arena)
{
    static const char *const command[] = {"/bin/true", NULL};
    const struct visit visit = {.command = command};

    return arena_run(arena, &visit) == 0;
}

static bool false_null(const struct arena *arena)
{
    const char *const leads_to[] = {arena->secret, "zero", "nowhere"};
    char dev[256];

    /* In a mount table of our own, which the launcher starts in. */
    CHECK(unshare(CLONE_NEWNS) == 0);
    CHECK(mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    CHECK(mount(arena->secret, "/dev/null", NULL, MS_BIND, NULL) == 0);
    CHECK(refuses_to_start(arena));
    CHECK(umount2("/dev/null", MNT_DETACH) == 0);
    CHECK(runs(arena));
    for (size_t i = 0; i < 3; i++) {
        bool refused;

        snprintf(dev, sizeof dev, "%s/dev%zu", arena->dir, i);
        CHECK(furnish_dev(dev, leads_to[i]));
        CHECK(mount(dev, "/dev", NULL, MS_BIND, NULL) == 0);
        refused = refuses_to_start(arena);
        CHECK(umount2("/dev", MNT_DETACH) == 0);
        CHECK(refused);
    }
    return runs(arena);
}

/* ---- file systems in memory ---- */

static unsigned long memory_left(void)
{
    char line[256];
    unsigned long kib = 0;
    FILE *file = fopen("/proc/meminfo", "re");

    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "MemAvailable: %lu", &kib) == 1)
            break;
    if (file)
        fclose(file);
    return kib * 1024;
}

/* Everything that can be written in it is full, of bytes, then of files: meanwhile the host has
 * memory, and another sandbox can start and write. */
static bool full_tmpfs(const struct arena *arena)
{
    static const char *const other[] = {"/bin/sh", "-c", "echo x > /tmp/x", NULL};
    const char *attacks[] = {"fill-bytes", "fill-files"};

    if (memory_left() < MEMORY_NEEDED) {
        printf("there is too little memory to fill any of it\n");
        return true;
    }
    for (size_t i = 0; i < 4; i++) {
        const char *const options[] = {profiles[i / 2], NULL};
        struct visit full = {.attack = attacks[i % 2], .options = options};
        const struct visit visit = {.options = options, .command = other};
        int in[2];
        pid_t pid;

        CHECK(pipe2(in, O_CLOEXEC) == 0);
        full.in = in[0];
        pid = arena_start_stayer(arena, &full);
        close(in[0]);
        CHECK(memory_left() > MEMORY_NEEDED / 4);
        CHECK(arena_run(arena, &visit) == 0);
        close(in[1]); /* it ends, with its answer */
        CHECK(arena_wait(pid, 20) == 0);
    }
    return true;
}

static const struct arena_case cases[] = {
    {"turning-source", turning_source},
    {"used-source", used_source},
    {"false-null", false_null},
    {"full-tmpfs", full_tmpfs},
    {NULL, NULL},
};

int main(int argc, char **argv)
{
    return arena_cases(argc, argv, cases);
}
