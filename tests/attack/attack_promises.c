/*
 * attack_promises.c - what the profiles build and judge promise, attacked (launcher/README.md)
 *
 *     attack_promises CASE
 *
 * Each case runs as root and as an ordinary user, in an arena of its own.
 */
#include "attack/arena_cases.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- all that 'default' and 'strict' promise ---- */

static bool build_walls(const struct arena *arena)
{
    const char *const words[] = {"--profile=build", "--setenv", "COOP_ATTACK_WRITES",
                                 arena->work, NULL};

    return arena_play_all(arena, words, CLOSED);
}

static bool judge_walls(const struct arena *arena)
{
    static const char *const stricter[] = {"odd-sockets", "set-id-files", "real-time",
                                           "run-written", NULL};
    const char *const words[] = {"--profile=judge", "--quiet", "--exec-paths", arena->work,
                                 NULL};
    int through = 0;

    for (const char *const *attack = stricter; *attack; attack++) {
        const struct visit visit = {.attack = *attack, .options = words};

        through += arena_play(arena, &visit) <= 0;
    }
    CHECK(through == 0);
    return arena_play_all(arena, words, CLOSED);
}

/* ---- one attack, in both ---- */

static const char *const build[] = {"--profile=build", NULL};
static const char *const judge[] = {"--profile=judge", "--quiet", NULL};

static int run_attack(const struct arena *arena, const char *const *words, const char *attack)
{
    const struct visit visit = {.attack = attack, .options = words};

    return arena_run(arena, &visit);
}

static int run_script(const struct arena *arena, const char *const *words, const char *script)
{
    const char *const command[] = {"/bin/sh", "-c", script, NULL};
    const struct visit visit = {.options = words, .command = command};

    return arena_run(arena, &visit);
}

/* ---- where it writes ---- */

static bool elsewhere(const struct arena *arena)
{
    CHECK(run_attack(arena, build, "write-elsewhere") == 0);
    CHECK(run_attack(arena, judge, "write-elsewhere") != 0); /* has no directory to write */
    return true;
}

/* Started where nothing may be written, whoever owns it: a home, its parent, the system. */
static bool places(const struct arena *arena)
{
    static const char *const command[] = {"/usr/bin/test", "-w", ".", NULL};
    const char *const where[] = {
        arena->home, "/",        "/usr",       "/usr/lib",      "/etc",
        "/var",      "/dev",     "/proc",      "/root",         "/home",
        "/boot",     "/run",     "/usr/src",   "/usr/local",    "/var/lib",
        "/var/log",  "/var/tmp", "/var/cache", "/var/lib/dpkg", "/var/spool",
        "/opt",      "/media",   "/mnt",       "/srv",          NULL};
    static const char *const profiles[] = {"--profile=build", "--profile=agent", NULL};

    for (const char *const *profile = profiles; *profile; profile++)
        for (const char *const *at = where; *at; at++) {
            const char *const words[] = {*profile, NULL};
            struct visit visit = {.options = words, .command = command};
            int code;

            visit.cwd = open(*at, O_PATH | O_DIRECTORY | O_CLOEXEC);
            if (visit.cwd < 0)
                continue; /* not here */
            code = arena_run(arena, &visit);
            close(visit.cwd);
            if (code != 1)
                printf("%s can be written under %s (%d)\n", *at, *profile, code);
            CHECK(code == 1);
        }
    return true;
}

/* ---- what it finds ---- */

static bool surroundings(const struct arena *arena)
{
    CHECK(run_script(arena, build,
                     "[ \"$(env -u PWD -u OLDPWD -u SHLVL -u _ | sort | tr '\\n' ' ')\" = "
                     "'HOME=/tmp/home LANG=C.UTF-8 LC_ALL=C.UTF-8 LOGNAME=build "
                     "PATH=/usr/local/bin:/usr/bin:/bin SHELL=/bin/sh "
                     "SOURCE_DATE_EPOCH=315532800 TERM=dumb TZ=UTC USER=build ' ] && "
                     "[ -z \"$(ls -A /tmp/home)\" ] && [ \"$(umask)\" = 0022 ]") == 0);
    CHECK(run_script(arena, judge,
                     "[ \"$(env -u PWD -u OLDPWD -u SHLVL -u _ | sort | tr '\\n' ' ')\" = "
                     "'HOME=/tmp LANG=C.UTF-8 PATH=/usr/local/bin:/usr/bin:/bin TZ=UTC ' ] && "
                     "[ \"$(umask)\" = 0077 ]") == 0);
    return true;
}

/* ---- what it leaves ---- */

static bool leftovers(const struct arena *arena)
{
    const char *const *const both[] = {build, judge};
    static const char cores[] =
        "[ $(ulimit -c) = 0 ] && ! (ulimit -c 1) && ! (ulimit -Hc 1) && "
        "{ sh -c 'kill -ABRT $$'; [ -z \"$(find . -name 'core*')\" ]; }";

    for (size_t i = 0; i < 2; i++) {
        CHECK(run_script(arena, both[i], cores) == 0);
        CHECK(run_attack(arena, both[i], "leave-residue") == 0);
        CHECK(run_attack(arena, both[i], "find-residue") == 0);
        CHECK(run_attack(arena, both[i], "survivors") == 0);
        CHECK(arena_empties(arena, 5));
    }
    return true;
}

/* ---- how much it takes ---- */

static bool memory(const struct arena *arena)
{
    CHECK(run_attack(arena, judge, "hide-memory") == 0);
    return true;
}

static bool time_and_tasks(const struct arena *arena)
{
    static const char *const words[] = {"--profile=judge", "--quiet", "--wall-time=300ms",
                                        NULL};
    static const char *const scripts[] = {
        "kill -STOP $$",
        "trap '' TERM INT HUP QUIT; setsid sleep 1000 & while :; do sleep 1000; done",
        "kill -STOP -1; kill -STOP $$; sleep 1000",
    };
    int code;

    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        CHECK(run_script(arena, words, scripts[i]) == 128 + SIGKILL);
        CHECK(arena_empties(arena, 5));
    }
    /* Where no controller refuses them, root's are only seen. */
    code = run_script(arena, judge,
                      "i=0; while [ $i -lt 200 ]; do sleep 1000 & i=$((i + 1)); done; exec "
                      "sleep 1000");
    CHECK(code == 2 || (!arena->uid && code == 128 + SIGKILL));
    CHECK(arena_empties(arena, 5));
    return true;
}

/* ---- the disk ---- */

static pid_t start_busy(void)
{
    pid_t pid = fork();

    if (pid < 0)
        abort(); /* a -1 that went on to kill(2) would mean everybody */
    if (pid > 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(60);
    for (;;)
        continue;
}

/* Who has done nothing is not told to have filled the disk: not even in the moment of exec(2), in
 * which nobody else of its user may look at it, and which is long where others want to run. */
static bool nothing_written(const struct arena *arena)
{
    pid_t busy[2] = {start_busy(), start_busy()};
    int wrong = 0;

    for (int i = 0; i < 60; i++)
        wrong += run_script(arena, judge, "exit 77") != 77;
    for (size_t i = 0; i < 2; i++) {
        kill(busy[i], SIGKILL);
        waitpid(busy[i], NULL, 0);
    }
    CHECK(wrong == 0);
    return true;
}

static bool dark(const struct arena *arena)
{
    const char *const words[] = {"--profile=build", "--disk-max=4M", "--wall-time=20s", NULL};

    time_t began = time(NULL);

    CHECK(run_attack(arena, words, "go-dark") == 128 + SIGKILL);
    CHECK(time(NULL) - began < 15); /* not by the clock */
    CHECK(arena_empties(arena, 5));
    return true;
}

/* ---- at a keyboard ---- */

static int open_terminal(int *ret_inner)
{
    char name[64];
    int outer = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

    if (outer < 0 || grantpt(outer) < 0 || unlockpt(outer) < 0 ||
        ptsname_r(outer, name, sizeof name) != 0)
        return -1;
    *ret_inner = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    return outer;
}

/* How many 'x' come until it has ended. */
static long count_until_end(int outer, pid_t pid)
{
    struct pollfd wait = {.fd = outer, .events = POLLIN};
    char bytes[4096];
    long count = 0;
    siginfo_t end = {0};

    for (int i = 0; i < 2000; i++) {
        ssize_t got = poll(&wait, 1, 10) > 0 ? read(outer, bytes, sizeof bytes) : 0;

        for (ssize_t n = 0; n < got; n++)
            count += bytes[n] == 'X';
        if (got <= 0 && waitid(P_PID, (id_t)pid, &end, WEXITED | WNOHANG | WNOWAIT) == 0 &&
            end.si_pid == pid)
            break;
    }
    return count;
}

#define CEILING 4096

/* Every descriptor that leads to the terminal is written to, standard input first. */
static bool keyboard(const struct arena *arena)
{
    static const char *const words[] = {"--profile=judge", "--quiet", "--output-max=4096",
                                        "--wall-time=10s", NULL};
    static const char *const command[] = {
        "/bin/sh", "-c",
        "x=XXXXXXXXXXXXXXXX; x=$x$x$x$x; x=$x$x$x$x; i=0; while [ $i -lt 400 ]; do echo $x >&0; "
        "echo $x; echo $x >&2; echo $x >/proc/self/fd/0; i=$((i + 1)); done",
        NULL};
    struct visit visit = {.options = words, .command = command};
    int inner = -1, outer = open_terminal(&inner);
    long count;
    pid_t pid;

    CHECK(outer >= 0 && inner >= 0);
    CHECK(fchown(inner, arena->uid, (gid_t)-1) == 0);
    visit.tty = inner;
    pid = arena_start(arena, &visit);
    count = count_until_end(outer, pid);
    CHECK(arena_wait(pid, 10) == 128 + SIGKILL);
    close(outer);
    close(inner);
    CHECK(count > 0 && count <= CEILING);
    return true;
}

static const struct arena_case cases[] = {
    {"build-walls", build_walls},
    {"judge-walls", judge_walls},
    {"elsewhere", elsewhere},
    {"places", places},
    {"surroundings", surroundings},
    {"leftovers", leftovers},
    {"memory", memory},
    {"time", time_and_tasks},
    {"keyboard", keyboard},
    {"nothing-written", nothing_written},
    {"dark", dark},
    {NULL, NULL},
};

int main(int argc, char **argv)
{
    return arena_cases(argc, argv, cases);
}
