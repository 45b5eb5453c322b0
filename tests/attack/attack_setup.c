/*
 * attack_setup.c - killed while it sets up, coop-run leaves nothing behind
 *
 *     attack_setup COOP-RUN [ROUNDS [SEED [CGROUP|- [joined|shared]]]]
 *
 * We trace coop-run and all that it starts, so that every system call stops twice, at its entry and
 * its return.  A round lets a number of these stops pass and then kills: the launcher, or whoever
 * stands at that stop (a child that sets up, a process that guards).  All others are let go.  The
 * way from the first stop to the program's exec is cut into as many pieces as there are rounds, and
 * the seed chooses a stop in each.  We are the subreaper, so "nothing is left" is an answer of the
 * kernel (ECHILD), not a look at the right moment.
 *
 * The sandbox has all that needs cleaning up: bounds with a cgroup where one is to be had, output
 * through pipes, overlays on disk, locks, a receipt, a bound of what is written; with "joined" a
 * go-between bears it among namespaces of others, with "shared" in a network that a holder hands
 * over.  Looked at afterwards: processes, the host's mounts, cgroups, files.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUND_SECONDS 30    /* then somebody is left */
#define HOST_SECONDS  "170" /* should we be killed */
#define BEYOND        40    /* stops after exec that are still looked at */
#define SOMEBODY      61700

static const char *coop_run, *cgroup; /* where the launcher starts, alone: NULL: as we are */
static const char *kind = "";         /* joined, shared                                    */
static char dir[64], lower[96], upper[96], work[96], receipt[96];

static void must(long result, const char *what)
{
    if (result >= 0)
        return;
    printf("%s: %s\n", what, strerrorname_np(errno));
    exit(2);
}

/* ---- what lies around ---- */

static size_t seen;
static unsigned long sum;

/* Names, in any order: what is in the files is the program's business. */
static int count_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    unsigned long hash = 5381;

    (void)st;
    (void)type;
    (void)ftw;
    for (; *path; path++)
        hash = hash * 33 + (unsigned char)*path;
    seen++;
    sum += hash;
    return 0;
}

/* Others on this machine have groups, too: only that of one launcher is looked for. */
static char group[32];

static int count_group(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    const char *name = path + ftw->base;

    return type == FTW_D && strcmp(name, group) == 0 ? count_one(path, st, type, ftw) : 0;
}

static size_t read_file(const char *path, char *ret_text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t used = 0;
    ssize_t got;

    while (fd >= 0 && used < size - 1 && (got = read(fd, ret_text + used, size - 1 - used)) > 0)
        used += (size_t)got;
    if (fd >= 0)
        close(fd);
    ret_text[used] = '\0';
    return used;
}

struct world {
    size_t files;
    unsigned long names;
    char mounts[65536];
};

static void look(struct world *world)
{
    seen = sum = 0;
    (void)nftw(dir, count_one, 16, FTW_PHYS);
    world->files = seen;
    world->names = sum;
    (void)read_file("/proc/self/mountinfo", world->mounts, sizeof world->mounts);
}

static bool same(const struct world *before, pid_t launcher)
{
    static struct world after;
    bool good = true;

    snprintf(group, sizeof group, "coop-%d", (int)launcher);
    seen = 0;
    (void)nftw("/sys/fs/cgroup", count_group, 16, FTW_PHYS);
    if (seen > 0)
        good = printf("the cgroup %s is left\n", group) < 0;

    look(&after);
    if (after.files != before->files || after.names != before->names)
        good = printf("files: %zu, now %zu, or others\n", before->files, after.files) < 0;
    if (strcmp(after.mounts, before->mounts) != 0)
        good = printf("mounts have changed\n") < 0;
    return good;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void make_folder(char *ret_path, size_t size, const char *name, uid_t uid)
{
    snprintf(ret_path, size, "%s/%s", dir, name);
    must(mkdir(ret_path, 0755), ret_path);
    must(chown(ret_path, uid, uid), ret_path);
}

static void furnish(uid_t uid)
{
    strcpy(dir, "/tmp/coop-setup-XXXXXX");
    must(mkdtemp(dir) ? 0 : -1, "mkdtemp");
    must(chown(dir, uid, uid), dir);
    make_folder(lower, sizeof lower, "lower", uid);
    make_folder(upper, sizeof upper, "upper", uid);
    make_folder(work, sizeof work, "work", uid);
    snprintf(receipt, sizeof receipt, "%s/receipt", dir);
}

/* ---- coop-run, traced ---- */

static void become(uid_t uid)
{
    if (uid && (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 ||
                setresuid(uid, uid, uid) < 0))
        _exit(98);
}

static void enter_group(void)
{
    char path[256];
    int fd;

    if (!cgroup)
        return;
    snprintf(path, sizeof path, "%s/cgroup.procs", cgroup);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "0", 1) != 1)
        _exit(95);
    close(fd);
}

static size_t add(const char **argv, size_t count, const char *const *words)
{
    while (*words)
        argv[count++] = *words++;
    return count;
}

/* The small kernels of our virtual machines have none. */
static bool has_overlays(void)
{
    char text[4096];

    (void)read_file("/proc/filesystems", text, sizeof text);
    return strstr(text, "\toverlay\n");
}

/* ---- who has namespaces, or holds some ---- */

static pid_t host;
static char joins[3][64], network[128], use_network[160];

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        _exit(94);
    close(fd);
}

_Noreturn static void be_host(uid_t uid, int ready)
{
    char line[32];

    become(uid);
    prctl(PR_SET_DUMPABLE, 1);
    if (unshare(CLONE_NEWIPC | CLONE_NEWUTS | (uid ? CLONE_NEWUSER : 0)) < 0)
        _exit(93);
    if (uid) {
        snprintf(line, sizeof line, "%u %u 1", uid, uid);
        write_file("/proc/self/setgroups", "deny");
        write_file("/proc/self/gid_map", line);
        write_file("/proc/self/uid_map", line);
    }
    close(ready); /* the last copy: what we make is there */
    alarm((unsigned)atoi(HOST_SECONDS));
    for (;;)
        pause();
}

_Noreturn static void be_holder(uid_t uid)
{
    become(uid);
    execl("/usr/bin/timeout", "timeout", HOST_SECONDS, coop_run, "--hold-network", network,
          (char *)NULL);
    _exit(91);
}

static void start_host(uid_t uid)
{
    static const char *const names[] = {"ipc", "uts", "user"};
    int ready[2];
    pid_t parent;
    char byte;

    must(pipe2(ready, O_CLOEXEC), "pipe");
    snprintf(network, sizeof network, "%s/network", dir);
    snprintf(use_network, sizeof use_network, "--empty-network-path=%s", network);
    if (strcmp(kind, "") == 0)
        return;
    /* No child of ours, who wait until none is left. */
    must(prctl(PR_SET_CHILD_SUBREAPER, 0), "prctl");
    parent = fork();
    must(parent, "fork");
    if (parent == 0) {
        host = fork();
        if (host == 0 && strcmp(kind, "shared") == 0)
            be_holder(uid);
        if (host == 0)
            be_host(uid, ready[1]);
        _exit(write(ready[1], &host, sizeof host) == sizeof host ? 0 : 90);
    }
    (void)waitpid(parent, NULL, 0);
    must(prctl(PR_SET_CHILD_SUBREAPER, 1), "prctl");
    if (read(ready[0], &host, sizeof host) != sizeof host || host <= 1)
        must(-1, "a host");
    close(ready[1]);
    for (int i = 0; strcmp(kind, "shared") == 0 && i < 1000 && access(network, F_OK) < 0; i++)
        (void)poll(NULL, 0, 10); /* nothing else announces it */
    if (strcmp(kind, "joined") == 0 && read(ready[0], &byte, 1) != 0)
        must(-1, "a host");
    close(ready[0]);
    for (int i = 0; i < 3; i++)
        snprintf(joins[i], sizeof joins[i], "--%s-namespace-path=/proc/%d/ns/%s", names[i],
                 (int)host, names[i]);
}

static void end_host(void)
{
    if (host > 1)
        kill(host, SIGTERM);
    host = 0;
}

static pid_t start(uid_t uid)
{
    const char *const first[] = {coop_run,    "--quiet", "--ro-bind", "/",         "/",
                                 "--proc",    "/proc",   "--dev",     "/dev",      "--tmpfs",
                                 "/tmp",      "--dir",   "/tmp/kept", "--symlink", "kept",
                                 "/tmp/link", NULL};
    const char *const layers[] = {"--overlay-src",
                                  lower,
                                  "--tmp-overlay",
                                  "/tmp/fresh",
                                  "--overlay-src",
                                  lower,
                                  "--overlay",
                                  upper,
                                  work,
                                  "/tmp/kept",
                                  NULL};
    const char *const last[] = {"--lock-file",
                                "/tmp/kept",
                                "--memory-max=64M",
                                "--tasks-max=64",
                                "--cpu-time=100s",
                                "--wall-time=100s",
                                "--output-max=1M",
                                "--disk-max=64M",
                                "--stop-grace=1s",
                                "--prefer=limits",
                                "--receipt",
                                receipt,
                                "--",
                                "true",
                                NULL};
    const char *argv[64];
    size_t count = 0;
    int program = open(coop_run, O_PATH | O_CLOEXEC);
    pid_t pid = fork();

    count = add(argv, count, first);
    if (has_overlays())
        count = add(argv, count, layers);
    for (int i = 0; strcmp(kind, "joined") == 0 && i < (uid ? 3 : 2); i++)
        argv[count++] = joins[i];
    if (strcmp(kind, "joined") == 0 && uid)
        argv[count++] = "--private-users=no"; /* there is the joined one */
    if (strcmp(kind, "shared") == 0)
        argv[count++] = use_network;
    argv[add(argv, count, last)] = NULL;
    must(program, coop_run);
    must(pid, "fork");
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (int fd = 0; fd < 3; fd++)
            dup2(null, fd);
        enter_group();
        become(uid);
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 || chdir("/") < 0)
            _exit(97);
        raise(SIGSTOP);
        fexecve(program, (char *const *)(void *)argv, environ);
        _exit(96);
    }
    close(program);
    return pid;
}

static void late(int signo)
{
    static const char text[] = "somebody is left\n";

    (void)signo;
    (void)!write(STDOUT_FILENO, text, sizeof text - 1);
    _exit(1);
}

struct round {
    unsigned kill_at;  /* at this stop; 0: never                        */
    bool launcher;     /* it, or whoever has stopped there              */
    unsigned stops;    /* there were so many                            */
    unsigned to_exec;  /* so many until the program ran                 */
    unsigned programs; /* exec's so far: coop-run is the first          */
    pid_t pid;         /* the launcher's                                */
    int code;          /* and its end                                   */
};

/* What the stopped one goes on with: a signal that it was to get, if it is no stop of ours. */
static int pending(int status)
{
    int signo = WSTOPSIG(status);

    if (signo == (SIGTRAP | 0x80) || signo == SIGTRAP || status >> 16)
        return 0;
    return signo == SIGSTOP ? 0 : signo;
}

static void note_stop(struct round *round, int status)
{
    round->stops++;
    if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8) && ++round->programs == 2)
        round->to_exec = round->stops;
}

/* Until nobody is left. */
static void play(struct round *round, uid_t uid)
{
    const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                         PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
    pid_t launcher = start(uid), pid;
    bool done = false;
    int status;

    must(waitpid(launcher, &status, 0), "waitpid");
    must(ptrace(PTRACE_SETOPTIONS, launcher, NULL, options), "ptrace");
    must(ptrace(PTRACE_SYSCALL, launcher, NULL, NULL), "ptrace");
    round->pid = launcher;
    alarm(ROUND_SECONDS);
    while ((pid = waitpid(-1, &status, __WALL)) > 0) {
        if (!WIFSTOPPED(status)) {
            if (pid == launcher)
                round->code = status;
            continue;
        }
        note_stop(round, status);
        if (!done && round->stops == round->kill_at) {
            done = true;
            kill(round->launcher ? launcher : pid, SIGKILL);
        }
        (void)ptrace(done ? PTRACE_DETACH : PTRACE_SYSCALL, pid, NULL, (long)pending(status));
    }
    alarm(0);
}

/* ---- the rounds ---- */

static bool hold(uid_t uid, int rounds, unsigned seed)
{
    static struct world before;
    struct round whole = {0};
    bool good = true;
    unsigned most;
    char line[96];

    furnish(uid);
    start_host(uid);
    play(&whole, uid);
    if (whole.code != 0 || whole.to_exec == 0) {
        end_host();
        (void)read_file(receipt, before.mounts, sizeof before.mounts);
        printf("as %s: it does not run even when nobody is killed: %s\n", uid ? "user" : "root",
               before.mounts);
        return false;
    }
    most = whole.to_exec + BEYOND;
    look(&before); /* with a receipt, and what the kernel keeps in an overlay's work folder */
    for (int i = 0; i < rounds && good; i++) {
        struct round round = {.kill_at =
                                  1 + (unsigned)i * most / (unsigned)rounds +
                                  (unsigned)rand_r(&seed) % (most / (unsigned)rounds + 1),
                              .launcher = rand_r(&seed) % 3 != 0};

        play(&round, uid);
        good = same(&before, round.pid);
        if (!good)
            printf("as %s, round %d: %s killed at stop %u of %u\n", uid ? "user" : "root", i,
                   round.launcher ? "launcher" : "who stood there", round.kill_at,
                   whole.to_exec);
    }
    end_host();
    (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    snprintf(line, sizeof line, "%d rounds over %u stops%s: %s", rounds, whole.to_exec,
             has_overlays() ? "" : " without overlays", good ? "nothing left" : "FAILED");
    printf("as %s: %s\n", uid ? "user" : "root", line);
    return good;
}

int main(int argc, char **argv)
{
    const struct sigaction bell = {.sa_handler = late};
    int rounds = argc > 2 ? atoi(argv[2]) : 200;
    unsigned seed = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 1;
    bool root, user;

    if (argc < 2 || geteuid() != 0) {
        printf(
            "SKIP: attack_setup COOP-RUN [ROUNDS [SEED [CGROUP|- [joined|shared]]]], as root\n");
        return 77;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    coop_run = argv[1];
    cgroup = argc > 4 && strcmp(argv[4], "-") != 0 ? argv[4] : NULL;
    kind = argc > 5 ? argv[5] : "";
    sigaction(SIGALRM, &bell, NULL);
    must(prctl(PR_SET_CHILD_SUBREAPER, 1), "prctl");
    /* Nor do mounts that others make meanwhile count. */
    must(unshare(CLONE_NEWNS), "unshare");
    must(mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL), "mount");
    root = hold(0, rounds, seed);
    user = hold(SOMEBODY, rounds, seed);
    return root && user ? 0 : 1;
}
