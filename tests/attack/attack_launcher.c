/*
 * attack_launcher.c - attacks on coop-run itself, and on what it leaves behind
 *
 *     attack_launcher CASE
 *
 * Each case runs as root and as an ordinary user, in an arena of its own; afterwards no process of
 * the arena may live and nothing outside may have changed.
 */
#include "attack/arena_cases.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define TURN_ROUNDS 100
#define KILL_ROUNDS 100 /* per caller: the corpus asks for 200 random points */

/* ---- what stays behind ---- */

static bool survivors(const struct arena *arena)
{
    const struct visit visit = {.attack = "survivors"};

    CHECK(arena_run(arena, &visit) == 0);
    CHECK(arena_empties(arena, 5));
    return true;
}

static pid_t start_stayer(const struct arena *arena, const char *attack)
{
    struct visit visit = {.attack = attack};

    return arena_start_stayer(arena, &visit);
}

/* The payload ignores everything and has cleared its parent-death signal. */
static bool kill_launcher(const struct arena *arena)
{
    pid_t pid = start_stayer(arena, "stay");

    CHECK(arena_processes(arena) > 0);
    kill(pid, SIGKILL);
    CHECK(arena_wait(pid, 10) == 128 + SIGKILL);
    CHECK(arena_empties(arena, 5));
    return true;
}

/* At any moment of the setup: from before exec to well after the payload runs. */
static bool kill_anywhere(const struct arena *arena)
{
    const struct visit visit = {.attack = "survivors"};
    unsigned seed = (unsigned)getpid();

    for (int round = 0; round < KILL_ROUNDS; round++) {
        pid_t pid = arena_start(arena, &visit);
        struct timespec moment = {.tv_nsec = (long)(rand_r(&seed) % 8000) * 1000};

        (void)ppoll(NULL, 0, &moment, NULL);
        kill(pid, SIGKILL);
        (void)arena_wait(pid, 10);
    }
    CHECK(arena_empties(arena, 10));
    return true;
}

/* ---- two at once ---- */

static bool two_sandboxes(const struct arena *arena)
{
    static const char *const strict[] = {"--profile=strict", NULL};

    for (int i = 0; i < 2; i++) {
        const struct visit second = {.attack = i ? "find-signs" : "find-traces",
                                     .options = i ? strict : NULL};
        pid_t first = start_stayer(arena, "leave-traces"); /* what leaves most */

        CHECK(arena_run(arena, &second) == 0);
        kill(first, SIGKILL);
        CHECK(arena_wait(first, 10) == 128 + SIGKILL);
    }
    return true;
}

/* The network that both share, held by a small process: it hands over what it was asked for, and
 * nothing of who asked before. */
static bool shared_network(const struct arena *arena)
{
    char socket[ARENA_PATH + 16], use[ARENA_PATH + 48];
    const char *const held[] = {arena->coop_run, "--hold-network", socket, NULL};
    const char *const options[] = {use, NULL};
    const struct visit holder = {.instead = held};
    struct visit visit = {.attack = "harmless", .options = options};
    pid_t first, pid;
    int code;

    snprintf(socket, sizeof socket, "%s/network", arena->work);
    snprintf(use, sizeof use, "--empty-network-path=%s", socket);
    pid = arena_start(arena, &holder);
    for (int i = 0; i < 1000 && access(socket, F_OK) < 0; i++)
        (void)poll(NULL, 0, 10); /* nothing else announces it */
    code = arena_run(arena, &visit);
    if (code == 125) {
        printf("no network can be shared here\n");
    } else {
        CHECK(code == 0);
        visit.attack = "leave-traces";
        first = arena_start_stayer(arena, &visit);
        visit.attack = "find-traces";
        CHECK(arena_run(arena, &visit) == 0);
        kill(first, SIGKILL);
        CHECK(arena_wait(first, 10) == 128 + SIGKILL);
        visit.attack = "leave-residue";
        CHECK(arena_run(arena, &visit) == 0);
        visit.attack = "find-residue";
        CHECK(arena_run(arena, &visit) == 0);
    }
    kill(pid, SIGKILL);
    CHECK(arena_wait(pid, 10) == 128 + SIGKILL);
    return true;
}

/* ---- bombs ---- */

/* Only an ordinary user: the kernel does not count root's processes. */
static bool fork_bomb(const struct arena *arena)
{
    static const char *const limit[] = {"--limit-nproc=100", NULL};
    const struct visit visit = {.attack = "fork-bomb", .options = limit};

    if (!arena->uid)
        return true;
    CHECK(arena_run(arena, &visit) == 0);
    CHECK(arena_empties(arena, 5));
    return true;
}

/* ---- arguments and places ---- */

static bool option_injection(const struct arena *arena)
{
    static const char *const odd[] = {
        "/usr/bin/printf", "[%s]", "--bind", "-x", "a\nb", "%s%n", "", "--ro-bind", "--", NULL};
    static const char *const named[] = {"--bind", "/", "/", NULL};
    struct visit visit = {.command = odd};
    char text[256];
    int ends[2];

    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    visit.out = ends[1];
    CHECK(arena_run(arena, &visit) == 0);
    CHECK(arena_read_line(ends[0], text, sizeof text));
    CHECK(strcmp(text, "[--bind][-x][a\nb][%s%n][][--ro-bind][--]") == 0);
    visit.command = named; /* a program of that name does not exist */
    CHECK(arena_run(arena, &visit) == 127);
    close(ends[0]);
    close(ends[1]);
    return true;
}

static bool missing_cwd(const struct arena *arena)
{
    static const char *const options[] = {"--chdir", "/nonexistent/place", NULL};
    const struct visit visit = {.attack = "harmless", .options = options};

    CHECK(arena_run(arena, &visit) == 125);
    return true;
}

/* A writable folder of the payload's holds a link to a folder outside; a later launch is told to
 * put things "below" it. */
static bool planted_link(const struct arena *arena)
{
    char bait[256], victim[256], target[512], inner[512];
    const char *options[16] = {"--ro-bind", "/usr",      "/usr", "--symlink", "usr/lib64",
                               "/lib64",    "--bind",    bait,   "/w",        "--dir",
                               target,      "--symlink", "x",    inner,       NULL};
    static const char *const command[] = {"/usr/bin/true", NULL};
    const struct visit visit = {.options = options, .command = command};
    struct stat st;

    snprintf(bait, sizeof bait, "%s/bait", arena->work);
    snprintf(victim, sizeof victim, "%s/outside", arena->dir);
    CHECK(mkdir(bait, 0777) == 0 && mkdir(victim, 0777) == 0);
    CHECK(chown(bait, arena->uid, arena->uid) == 0 &&
          chown(victim, arena->uid, arena->uid) == 0);
    snprintf(target, sizeof target, "%s/link", bait);
    CHECK(symlink(victim, target) == 0);
    snprintf(target, sizeof target, "/w/link/made");
    snprintf(inner, sizeof inner, "/w/link/made-link");
    (void)arena_run(arena, &visit); /* refused or harmless: what counts is the outside */
    snprintf(target, sizeof target, "%s/made", victim);
    CHECK(lstat(target, &st) < 0);
    snprintf(target, sizeof target, "%s/made-link", victim);
    CHECK(lstat(target, &st) < 0);
    return true;
}

/* ---- paths that turn ---- */

static void make_turning_root(const struct arena *arena, char *ret_root, size_t size)
{
    static const char *const folders[] = {"", "/p1", "/p2", "/dev", "/sys"};
    char path[512];

    snprintf(ret_root, size, "%s/root", arena->work);
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        snprintf(path, sizeof path, "%s%s", ret_root, folders[i]);
        if (mkdir(path, 0755) < 0)
            abort();
    }
    snprintf(path, sizeof path, "%s/proc", ret_root);
    if (symlink("p1", path) < 0)
        abort();
    snprintf(path, sizeof path, "%s/turn", ret_root);
    if (symlink("p2", path) < 0)
        abort();
    snprintf(path, sizeof path, "%s/attacker", ret_root);
    if (link(arena->attacker, path) < 0)
        abort();
}

/* Whoever owns the folder that is bound as root turns its /proc between two places while /proc is
 * mounted and covered: no cover may end up in the other place. */
static bool turning_root(const struct arena *arena)
{
    char root[256], pid_ns[64] = "host_pid=", mount_ns[64] = "host_mnt=";
    const char *const options[] = {"--ro-bind", root, "/", NULL};
    const char *const command[] = {"/attacker", "write-turned-files", pid_ns, mount_ns, NULL};
    const struct visit visit = {.options = options, .command = command};
    int open_doors = 0, tried = 0;
    pid_t turner;

    CHECK(readlink("/proc/self/ns/pid", pid_ns + 9, sizeof pid_ns - 10) > 0);
    CHECK(readlink("/proc/self/ns/mnt", mount_ns + 9, sizeof mount_ns - 10) > 0);
    make_turning_root(arena, root, sizeof root);
    turner = arena_start_turning(root, "proc", NULL);
    for (int round = 0; round < TURN_ROUNDS; round++) {
        int code = arena_run(arena, &visit);

        open_doors += code == 1;
        tried += code == 0;
    }
    kill(turner, SIGKILL);
    CHECK(arena_wait(turner, 10) == 128 + SIGKILL);
    CHECK(open_doors == 0);
    CHECK(tried > 0);
    return true;
}

/* The folder that we start in changes names with a link to the home, which is not to be seen: what
 * is shown must be the folder that we are in, not what has its name a moment later. */
static bool turning_cwd(const struct arena *arena)
{
    static const char *const command[] = {"/usr/bin/test", "-e", "secret", NULL};
    struct visit visit = {.command = command};
    char here[256], link[256];
    int seen = 0, started = 0;
    pid_t turner;

    snprintf(here, sizeof here, "%s/here", arena->dir);
    snprintf(link, sizeof link, "%s/turn", arena->dir);
    CHECK(mkdir(here, 0755) == 0 && symlink("home", link) == 0);
    visit.cwd = open(here, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(visit.cwd > 0);
    turner = arena_start_turning(arena->dir, "here", NULL);
    for (int round = 0; round < TURN_ROUNDS; round++) {
        int code = arena_run(arena, &visit);

        seen += code == 0;
        started += code == 1;
    }
    kill(turner, SIGKILL);
    CHECK(arena_wait(turner, 10) == 128 + SIGKILL);
    close(visit.cwd);
    CHECK(seen == 0);
    CHECK(started > 0);
    return true;
}

/* HOME leads over a link to where the home really is, and there coop-run is started: the kernel
 * calls the place by another name than passwd does, and yet it is a home. */
static bool home_by_link(const struct arena *arena)
{
    static const char *const command[] = {"/usr/bin/test", "-e", "secret", NULL};
    struct visit visit = {.command = command};
    char real[256];

    snprintf(real, sizeof real, "%s/real-home", arena->dir);
    CHECK(rename(arena->home, real) == 0 && symlink("real-home", arena->home) == 0);
    visit.cwd = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(visit.cwd > 0);
    CHECK(arena_run(arena, &visit) == 1);
    close(visit.cwd);
    return true;
}

/* ---- descriptors handed in ---- */

/* The caller's own file as stdin, opened for reading: the program has the caller's uid and could
 * open it anew for writing. */
static bool reopen_stdin(const struct arena *arena)
{
    struct visit visit = {.attack = "reopen-stdin"};
    char path[256], text[64] = "";
    int fd;

    snprintf(path, sizeof path, "%s/precious", arena->dir);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    CHECK(fd >= 0 && write(fd, "precious\n", 9) == 9);
    CHECK(fchown(fd, arena->uid, (gid_t)-1) == 0);
    for (int mode = 0; mode < MODES; mode++) {
        visit.mode = (enum mode)mode;
        visit.in = open(path, O_RDONLY | O_CLOEXEC);
        CHECK(visit.in > 0);
        CHECK(arena_run(arena, &visit) == 0);
        close(visit.in);
    }
    CHECK(pread(fd, text, sizeof text - 1, 0) == 9 && strcmp(text, "precious\n") == 0);
    close(fd);
    return true;
}

/* ---- terminal ---- */

static int open_terminal(int *ret_inner)
{
    char name[64];
    int outer = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

    if (outer < 0 || grantpt(outer) < 0 || unlockpt(outer) < 0 ||
        ptsname_r(outer, name, sizeof name) != 0)
        return -1;
    *ret_inner = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    return outer;
}

/* With a real controlling terminal on 0-2: what is typed into it would wait in its input queue. */
static bool terminal(const struct arena *arena)
{
    struct visit visit = {.attack = "terminal-injection"};
    int inner = -1, outer = open_terminal(&inner), waiting = -1;

    CHECK(outer >= 0 && inner >= 0);
    CHECK(fchown(inner, arena->uid, (gid_t)-1) == 0);
    visit.tty = inner;
    CHECK(arena_run(arena, &visit) == 0);
    CHECK(ioctl(inner, FIONREAD, &waiting) == 0);
    CHECK(waiting == 0);
    close(outer);
    close(inner);
    return true;
}

/* ---- the table ---- */

static const struct arena_case cases[] = {
    {"survivors", survivors},
    {"kill-launcher", kill_launcher},
    {"kill-anywhere", kill_anywhere},
    {"fork-bomb", fork_bomb},
    {"option-injection", option_injection},
    {"missing-cwd", missing_cwd},
    {"planted-link", planted_link},
    {"turning-root", turning_root},
    {"turning-cwd", turning_cwd},
    {"home-by-link", home_by_link},
    {"reopen-stdin", reopen_stdin},
    {"terminal", terminal},
    {"two-sandboxes", two_sandboxes},
    {"shared-network", shared_network},
    {NULL, NULL},
};

int main(int argc, char **argv)
{
    return arena_cases(argc, argv, cases);
}
