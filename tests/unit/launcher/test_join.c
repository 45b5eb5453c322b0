/* coop-run in namespaces that there are: by path, by bubblewrap's descriptors, with and without
 * root; and user namespaces that nothing can be made in. */
#include "unit/launcher/run_coop.h"

#include <poll.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

TestSuite(join);

/* ---- somebody who has namespaces ---- */

#define KINDS (CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP | CLONE_NEWNS)

struct host {
    pid_t pid, first; /* it, and PID 1 of the PID namespace below it */
    int end;          /* closed, both end                           */
};

static void put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        _exit(97);
    close(fd);
}

static int below_fd = -1; /* the user namespace that the next host is made in, or -1 */

_Noreturn static void be_host(uid_t uid, int flags, int ready, int life)
{
    char line[32], byte;
    pid_t first;

    if (uid && (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 ||
                setresuid(uid, uid, uid) < 0))
        _exit(98);
    if (below_fd >= 0 && setns(below_fd, CLONE_NEWUSER) < 0)
        _exit(93);
    prctl(PR_SET_DUMPABLE, 1);
    if (unshare(flags | CLONE_NEWPID) < 0)
        _exit(96);
    if (flags & CLONE_NEWUSER) {
        snprintf(line, sizeof line, "0 %u 1", below_fd >= 0 ? 0 : uid);
        put("/proc/self/setgroups", "deny");
        put("/proc/self/gid_map", line);
        put("/proc/self/uid_map", line);
    }
    if (flags & CLONE_NEWUTS && sethostname("hosted", 6) < 0)
        _exit(95);
    first = fork();
    if (first == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)!read(life, &byte, 1);
        _exit(0);
    }
    if (write(ready, &first, sizeof first) != sizeof first)
        _exit(94);
    (void)!read(life, &byte, 1);
    _exit(0);
}

static struct host open_host(uid_t uid, int flags)
{
    struct host host = {0};
    int ready[2], life[2];

    cr_assert_eq(pipe2(ready, O_CLOEXEC), 0);
    cr_assert_eq(pipe2(life, O_CLOEXEC), 0);
    host.pid = fork();
    if (host.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(life[1]);
        be_host(uid, flags, ready[1], life[0]);
    }
    close(ready[1]);
    close(life[0]);
    host.end = life[1];
    if (read(ready[0], &host.first, sizeof host.first) != sizeof host.first)
        cr_skip_test("namespaces are refused here");
    close(ready[0]);
    return host;
}

static void close_host(struct host *host)
{
    kill(host->pid, SIGKILL); /* others have inherited its pipe's end */
    close(host->end);
    waitpid(host->pid, NULL, 0);
}

/* "--ipc-namespace-path=/proc/PID/ns/ipc" */
static char *option(const char *kind, pid_t pid, const char *name)
{
    static char texts[10][80];
    static unsigned next;
    char *text = texts[next++ % 10];

    snprintf(text, sizeof texts[0], "--%s-namespace-path=/proc/%d/ns/%s", kind, (int)pid, name);
    return text;
}

static void says_same(pid_t pid, const char *name)
{
    char path[64], wanted[64] = "";

    snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, name);
    cr_assert(readlink(path, wanted, sizeof wanted - 1) > 0);
    SAYS(wanted);
}

static uid_t me(void)
{
    return geteuid() == 0 ? SOMEBODY : geteuid();
}

static void as_owner(void)
{
    if (geteuid() == 0)
        as_user();
}

#define LINKS                                                                                  \
    "readlink /proc/self/ns/ipc /proc/self/ns/uts /proc/self/ns/net /proc/self/ns/user"

/* ---- joining ---- */

Test(join, root_joins_each_kind_by_its_path)
{
    struct host host;

    if (geteuid() != 0)
        cr_skip_test("needs root");
    host = open_host(0, KINDS);
    cr_assert_eq(RUN(option("ipc", host.pid, "ipc"), option("uts", host.pid, "uts"),
                     option("cgroup", host.pid, "cgroup"), option("network", host.pid, "net"),
                     "--profile=none", "sh", "-c",
                     LINKS "; readlink /proc/self/ns/cgroup; hostname"),
                 0, "%s", output);
    says_same(host.pid, "ipc");
    says_same(host.pid, "uts");
    says_same(host.pid, "net");
    says_same(host.pid, "cgroup");
    SAYS("hosted\n");
    cr_assert_eq(RUN(option("ipc", host.pid, "ipc"), "--explain", "true"), 0);
    SAYS("in the namespace of /proc/");
    /* Behind the walls of the default profile just the same; only its PIDs hide /proc's. */
    cr_assert_eq(RUN(option("ipc", host.pid, "ipc"), "readlink", "/proc/self/ns/ipc"), 0, "%s",
                 output);
    says_same(host.pid, "ipc");
    cr_assert_eq(RUN(option("ipc", host.pid, "ipc"), "--receipt=/dev/stderr", "true"), 0);
    SAYS("\"own\": false}, \"mnt\"");
    close_host(&host);
}

Test(join, files_of_another_mount_namespace_are_seen_or_copied)
{
    struct host host;

    if (geteuid() != 0)
        cr_skip_test("needs root");
    host = open_host(0, KINDS);
    cr_assert_eq(RUN(option("mount", host.pid, "mnt"), "--profile=none", "readlink",
                     "/proc/self/ns/mnt"),
                 0, "%s", output);
    says_same(host.pid, "mnt");
    cr_assert_eq(RUN(option("mount", host.pid, "mnt"), "sh", "-c",
                     "test -e /usr/bin/env && ! test -e /root && echo own"),
                 0, "%s", output);
    SAYS("own");
    close_host(&host);
}

Test(join, an_ordinary_user_joins_what_belongs_to_its_user_namespace)
{
    struct host host = open_host(me(), CLONE_NEWUSER | KINDS);

    cr_assert_eq(BENT(as_owner, option("user", host.pid, "user"),
                      option("ipc", host.pid, "ipc"), option("uts", host.pid, "uts"),
                      option("network", host.pid, "net"), "--private-users=no", "sh", "-c",
                      LINKS "; id -u; hostname"),
                 0, "%s", output);
    says_same(host.pid, "user");
    says_same(host.pid, "ipc");
    says_same(host.pid, "net");
    SAYS("\n0\nhosted\n");
    /* Without its owner it is refused, and that is said. */
    cr_assert_eq(BENT(as_owner, option("network", host.pid, "net"),
                      option("ipc", host.pid, "ipc"), "true"),
                 125);
    SAYS("step 'join': setns '/proc/");
    SAYS("hint: it takes root, or power over the user namespace");
    cr_assert_eq(RUN("--ipc-namespace-path=/etc/passwd", "true"), 125);
    SAYS("it must be a namespace of the named kind");
    cr_assert_eq(RUN("--ipc-namespace-path=/no/such", "true"), 125);
    SAYS("step 'join': open '/no/such': No such file");
    if (geteuid() == 0) { /* and this test is another user's */
        cr_assert_eq(BENT(as_owner, option("ipc", getpid(), "ipc"), "true"), 125);
        SAYS("/ns/ipc': Permission denied");
        SAYS("which cannot be looked into: name the PID of the program itself");
    }
    cr_assert_eq(RUN(option("user", host.pid, "user"), "true"), 125);
    SAYS("choose one (--private-users=no)");
    close_host(&host);
}

Test(join, pids_are_those_of_the_joined_namespace_or_of_one_below)
{
    struct host host;
    char path[64];

    if (geteuid() != 0)
        cr_skip_test("needs root");
    host = open_host(0, 0);
    snprintf(path, sizeof path, "/proc/%d/ns/pid", (int)host.first);
    cr_assert_eq(RUN("--pid-namespace-path", path, "--private-pids=no", "--private-users=no",
                     "sh", "-c", "readlink /proc/self/ns/pid; echo pid $$; exit 7"),
                 7, "%s", output);
    says_same(host.first, "pid");
    SILENT_ON("pid 1\n");
    cr_assert_eq(RUN("--pid-namespace-path", path, "sh", "-c", "echo pid $$; exit 8"), 8, "%s",
                 output);
    SAYS("pid 2\n");
    close_host(&host);
}

Test(join, a_joined_pid_namespace_has_its_own_proc)
{
    static const char look[] = "echo $$; exec readlink /proc/self";
    struct host host = open_host(me(), CLONE_NEWUSER);
    char path[64];
    int pid, seen;

    snprintf(path, sizeof path, "/proc/%d/ns/pid", (int)host.first);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(BENT(as_owner, "--private-users=no", option("user", host.pid, "user"),
                          "--pid-namespace-path", path,
                          i ? "--private-pids=yes" : "--private-pids=no", "sh", "-c", look),
                     0, "%s", output);
        cr_assert_eq(sscanf(output, "%d %d", &pid, &seen), 2, "%s", output);
        cr_assert_eq(pid, seen, "a /proc of others: %s", output);
    }
    cr_assert_eq(BENT(as_owner, "--private-users=no", option("user", host.pid, "user"),
                      "--pid-namespace-path", path, "--private-pids=no", "--protect-home=no",
                      "--bind", "/", "/", "sh", "-c", look),
                 0, "%s", output);
    cr_assert_eq(sscanf(output, "%d %d", &pid, &seen), 2, "%s", output);
    cr_assert_eq(pid, seen, "a /proc of others: %s", output);
    close_host(&host);
}

Test(join, the_proc_of_joined_pids_takes_power_over_them)
{
    struct host host;
    char path[64];

    if (geteuid() != 0)
        cr_skip_test("needs root");
    host = open_host(0, 0);
    snprintf(path, sizeof path, "/proc/%d/ns/pid", (int)host.first);
    cr_assert_eq(RUN("--pid-namespace-path", path, "--private-pids=no", "true"), 125);
    SAYS("hint: the /proc of a joined PID namespace takes power over it");
    close_host(&host);
}

/* ---- bubblewrap's words ---- */

enum { FIRST_FD = 50, SECOND_FD = 51 };
static int first_fd = -1, second_fd = -1;

static void hand_down(void)
{
    if (first_fd >= 0)
        dup2(first_fd, FIRST_FD);
    if (second_fd >= 0)
        dup2(second_fd, SECOND_FD);
    as_owner();
}

static int open_namespace(pid_t pid, const char *name)
{
    char path[64];
    int fd;

    snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    return fd;
}

/* The child would have to be dumpable to set these itself, with the host's root and all power: who
 * is in there and may trace could enter it. */
Test(join, what_takes_a_dumpable_process_is_set_before_others_pids_are_entered)
{
    static const char sees[] = "cat /proc/self/oom_score_adj; cut -d. -f1 /proc/uptime; "
                               "readlink /proc/self/ns/time";
    struct host host = open_host(me(), CLONE_NEWUSER);
    int score, uptime, outside;
    FILE *file = fopen("/proc/uptime", "re");
    char path[64];

    cr_assert(file && fscanf(file, "%d", &outside) == 1);
    fclose(file);
    snprintf(path, sizeof path, "/proc/%d/ns/pid", (int)host.first);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(BENT(as_owner, "--private-users=no", option("user", host.pid, "user"),
                          "--pid-namespace-path", path,
                          i ? "--private-pids=yes" : "--private-pids=no",
                          "--oom-score-adjust=345", "--time-offset-boottime=1000000s",
                          "--time-offset-monotonic=5s", "sh", "-c", sees),
                     0, "%s", output);
        cr_assert_eq(sscanf(output, "%d %d", &score, &uptime), 2, "%s", output);
        cr_assert_eq(score, 345);
        cr_assert_geq(uptime, outside + 1000000);
    }
    /* Who has the power to lower it has none that counts once it is in there. */
    if (RUN("--profile=none", "--oom-score-adjust=-7", "true") == 0) {
        cr_assert_eq(RUN("--private-users=no", option("user", host.pid, "user"),
                         "--pid-namespace-path", path, "--oom-score-adjust=-7", "cat",
                         "/proc/self/oom_score_adj"),
                     0, "%s", output);
        SAYS("-7\n");
    }
    close_host(&host);
}

Test(join, user_namespaces_are_joined_by_descriptor)
{
    struct host outer = open_host(me(), CLONE_NEWUSER | CLONE_NEWIPC);

    first_fd = open_namespace(outer.pid, "user");
    cr_assert_eq(
        BENT(hand_down, "--userns", "50", "sh", "-c", LINKS "; id -u; cat /proc/self/uid_map"),
        0, "%s", output);
    says_same(outer.pid, "user");
    SAYS("\n0\n");
    cr_assert_eq(BENT(hand_down, "--userns", "50", "--unshare-user", "true"), 125);
    SAYS("choose one");
    cr_assert_eq(BENT(hand_down, "--userns", "50", "--unshare-all", "true"), 0, "%s", output);
    cr_assert_eq(BENT(hand_down, "--userns", "99", "true"), 125);
    SAYS("descriptor 99: Bad file descriptor");
    close_host(&outer);
}

Test(join, the_second_user_namespace_is_entered_when_all_is_set_up)
{
    struct host outer = open_host(me(), CLONE_NEWUSER);
    struct host second, beside = open_host(me(), CLONE_NEWUSER);

    first_fd = below_fd = open_namespace(outer.pid, "user");
    second = open_host(me(), CLONE_NEWUSER);
    second_fd = open_namespace(second.pid, "user");
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(BENT(hand_down, "--profile=none", "--userns", "50", "--private-mounts",
                          "--private-tmp", "--userns2", "51",
                          i ? "--private-pids" : "--new-session", "sh", "-c",
                          LINKS "; id -u; ls /tmp | wc -l"),
                     0, "%s", output);
        says_same(second.pid, "user");
        SAYS("\n0\n0\n");
    }
    close(second_fd);
    second_fd = open_namespace(beside.pid, "user");
    cr_assert_eq(BENT(hand_down, "--userns", "50", "--userns2", "51", "true"), 125);
    SAYS("hint: it must lie below the user namespace");
    close_host(&outer);
    close_host(&second);
    close_host(&beside);
}

Test(join, a_pid_namespace_is_joined_by_descriptor_and_nested_when_asked)
{
    struct host host = open_host(me(), CLONE_NEWUSER);

    first_fd = open_namespace(host.pid, "user");
    second_fd = open_namespace(host.first, "pid");
    cr_assert_eq(
        BENT(hand_down, "--userns", "50", "--pidns", "51", "readlink", "/proc/self/ns/pid"), 0,
        "%s", output);
    says_same(host.first, "pid");
    cr_assert_eq(BENT(hand_down, "--userns", "50", "--unshare-pid", "--pidns", "51", "sh", "-c",
                      "echo pid $$"),
                 0, "%s", output);
    cr_assert_str_eq(output, "pid 2\n");
    close_host(&host);
}

/* ---- no further user namespaces ---- */

Test(join, further_user_namespaces_are_asserted_not_to_be_had)
{
    cr_assert_eq(BENT(as_owner, "--assert-userns-disabled", "true"), 0, "%s", output);
    cr_assert_eq(BENT(as_owner, "--as-pid-1", "--assert-userns-disabled", "true"), 0, "%s",
                 output);
    cr_assert_eq(BENT(as_owner, "--restrict-namespaces=no", "--assert-userns-disabled", "true"),
                 125);
    SAYS("step 'assert-alone': unshare a further user namespace");
    SAYS("hint: --disable-userns");
    cr_assert_eq(BENT(as_owner, "--profile=none", "--unshare-user", "--disable-userns",
                      "--assert-userns-disabled", "true"),
                 0, "%s", output);
    cr_assert_eq(BENT(as_owner, "--profile=none", "--assert-userns-disabled", "true"), 125);
}

Test(join, further_namespaces_are_made_only_where_that_was_asked_for)
{
    cr_assert_neq(BENT(as_owner, "unshare", "-U", "true"), 0);
    cr_assert_eq(BENT(as_owner, "--restrict-namespaces=no", "unshare", "-U", "true"), 0, "%s",
                 output);
}

/* ---- one empty network for many ---- */

Test(join, an_empty_network_is_shared_and_leads_nowhere)
{
    static const char tries[] =
        "import socket, ctypes\n"
        "for f in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET):\n"
        "    try: socket.socket(f, socket.SOCK_DGRAM); print('made', f)\n"
        "    except OSError: pass\n"
        "a = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
        "try: a.sendto(b'x', '\\0coop-test-outside'); print('sent')\n"
        "except PermissionError: print('refused')\n"
        "except OSError as e: print(e)\n"
        "b, c = socket.socketpair(); b.send(b'pair'); print(c.recv(9).decode())\n";
    struct host host;
    char path[64];

    if (geteuid() != 0)
        cr_skip_test("needs root");
    host = open_host(0, CLONE_NEWNET);
    snprintf(path, sizeof path, "/proc/%d/ns/net", (int)host.pid);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(RUN("--empty-network-path", path, "readlink", "/proc/self/ns/net"), 0,
                     "%s", output);
        says_same(host.pid, "net");
    }
    cr_assert_eq(RUN("--empty-network-path", path, "python3", "-c", tries), 0, "%s", output);
    SILENT_ON("made");
    SILENT_ON("sent");
    SAYS("pair");
    cr_assert_eq(RUN("--empty-network-path", path, "--explain", "true"), 0);
    SAYS("empty-network: ");
    SAYS("others in it can read the names of this sandbox's unix sockets");
    SAYS("abstract sockets");
    cr_assert_eq(RUN("--empty-network-path=/proc/self/ns/net", "true"), 125);
    SAYS("step 'empty-network': ioctl an interface that is up");
    SAYS("hint: what many sandboxes share must lead nowhere");
    cr_assert_eq(RUN("--empty-network-path", path, "--private-users=no", "true"), 125);
    SAYS("needs PrivateUsers=yes");
    close_host(&host);
}

/* ---- and the process that holds it ---- */

static char runtime[] = "/tmp/coop-holder-XXXXXX", held[64];

static void open_runtime(uid_t owner)
{
    cr_assert(mkdtemp(runtime));
    cr_assert_eq(chown(runtime, owner, (gid_t)-1), 0);
    snprintf(held, sizeof held, "%s/coop/empty-network", runtime);
}

static void close_runtime(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        execlp("rm", "rm", "-rf", runtime, NULL);
        _exit(99);
    }
    waitpid(pid, NULL, 0);
}

/* Somebody who has signals blocked, which a fork and exec pass on. */
static void with_runtime(void)
{
    sigset_t blocked;

    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    setenv("XDG_RUNTIME_DIR", runtime, 1);
    as_owner();
}

/* The one who listens there is told to end, and does. */
static void end_holder(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    struct pollfd ended = {.events = POLLIN};
    struct ucred peer;
    socklen_t size = sizeof peer;
    int r;

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    cr_assert_eq(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size), 0);
    ended.fd = (int)syscall(SYS_pidfd_open, peer.pid, 0);
    close(fd);
    cr_assert_geq(ended.fd, 0);
    cr_assert_eq(kill(peer.pid, SIGTERM), 0);
    r = poll(&ended, 1, 10000);
    if (r != 1)
        (void)kill(peer.pid, SIGKILL);
    close(ended.fd);
    cr_assert_eq(r, 1, "it does not hear SIGTERM");
}

Test(join, an_ordinary_user_shares_an_empty_network_that_is_held_for_it)
{
    static const char sees[] = "readlink /proc/self/ns/net; grep -c : /proc/net/dev; "
                               "cat /proc/self/uid_map; "
                               "ip link set lo up 2> /dev/null && echo raised; true";
    char first[32], again[32];

    open_runtime(me());
    cr_assert_eq(BENT(with_runtime, "--empty-network", "sh", "-c", sees), 0, "%s", output);
    cr_assert_eq(sscanf(output, "%31s", first), 1);
    SAYS("]\n1\n");
    SILENT_ON("raised");
    cr_assert_eq(BENT(with_runtime, "--empty-network", "readlink", "/proc/self/ns/net"), 0);
    cr_assert_eq(sscanf(output, "%31s", again), 1);
    cr_assert_str_eq(first, again);
    cr_assert_eq(BENT(as_owner, "--empty-network-path", held, "readlink", "/proc/self/ns/net"),
                 0, "%s", output);
    SAYS(first);
    if (geteuid() == 0) { /* whose is somebody else's choice */
        cr_assert_eq(RUN("--empty-network-path", held, "true"), 125);
        SAYS("Operation not permitted");
    }
    end_holder(held);
    cr_assert_eq(BENT(as_owner, "--empty-network-path", held, "true"), 125);
    SAYS("step 'join': connect '");
    SAYS("hint: nobody holds that network");
    cr_assert_eq(BENT(with_runtime, "--empty-network", "readlink", "/proc/self/ns/net"), 0,
                 "a dead holder's socket stands in the way: %s", output);
    end_holder(held);
    close_runtime();
}

/* The launch that starts it may gather all orphans below it, and ends those with its command. */
Test(join, a_holder_outlives_the_launch_that_started_it)
{
    open_runtime(me());
    cr_assert_eq(
        BENT(with_runtime, "--empty-network", "--private-pids=no", "--wall-time=1min", "true"),
        0, "%s", output);
    end_holder(held);
    close_runtime();
}

/* Only what nobody else can write to is trusted with the choice. */
Test(join, a_holders_folder_is_the_users_alone)
{
    char folder[64];

    open_runtime(me());
    snprintf(folder, sizeof folder, "%s/coop", runtime);
    cr_assert_eq(mkdir(folder, 0700), 0);
    cr_assert_eq(chown(folder, me(), (gid_t)-1), 0);
    cr_assert_eq(chmod(folder, 0777), 0);
    cr_assert_eq(BENT(with_runtime, "--empty-network", "true"), 125);
    SAYS("must be a folder that nobody else may write");
    close_runtime();
}

/* The one who has the lock is stopped, or no holder at all. */
Test(join, a_holders_place_that_stays_locked_is_told, .timeout = 60)
{
    char lock[64 + 8];
    int fd;

    open_runtime(me());
    snprintf(lock, sizeof lock, "%s/net.lock", runtime);
    fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    cr_assert_geq(fd, 0);
    cr_assert_eq(fchown(fd, me(), (gid_t)-1), 0);
    cr_assert_eq(flock(fd, LOCK_EX), 0);
    snprintf(held, sizeof held, "%s/net", runtime);
    cr_assert_eq(BENT(as_owner, "--hold-network", held), 125);
    SAYS("net.lock' is locked by another process");
    SAYS("hint: fuser ");
    close(fd);
    close_runtime();
}

/* Clock ticks of CPU time. */
static unsigned long used_by(pid_t pid)
{
    char path[32], text[512] = "";
    unsigned long user, system;
    int fd;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert_gt(read(fd, text, sizeof text - 1), 0);
    close(fd);
    cr_assert_eq(sscanf(strrchr(text, ')') + 1,
                        " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system),
                 2);
    return user + system;
}

static int knock(const char *path)
{
    const struct timeval most = {.tv_sec = 1};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    cr_assert_eq(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void await_name(int news)
{
    char events[4096];

    cr_assert_gt(read(news, events, sizeof events), 0);
}

Test(join, a_network_is_held_where_one_likes_until_a_signal)
{
    int news = inotify_init1(IN_CLOEXEC), out;
    char place[64];
    pid_t holder;

    open_runtime(me());
    snprintf(place, sizeof place, "%s/net", runtime);
    cr_assert_geq(inotify_add_watch(news, runtime, IN_MOVED_TO), 0);
    holder = start((const char *const[]){"--hold-network", place, NULL}, &out, as_owner);
    await_name(news);
    cr_assert_eq(BENT(as_owner, "--hold-network", place), 125);
    SAYS("holds a network at");
    cr_assert_eq(
        BENT(as_owner, "--empty-network-path", place, "grep", "-c", ":", "/proc/net/dev"), 0,
        "%s", output);
    SAYS("1\n");
    kill(holder, SIGTERM);
    cr_assert_eq(finish(holder, out), -SIGTERM);
    cr_assert_eq(BENT(as_owner, "--hold-network", "/etc/passwd"), 125);
    cr_assert_eq(BENT(as_owner, "--hold-network", place, "true"), 125);
    SAYS("takes no command");
    close(news);
    close_runtime();
}

/* As its own user: not every root may. */
static void limit_descriptors(pid_t of, rlim_t most)
{
    struct rlimit limit;
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        as_owner();
        if (prlimit(of, RLIMIT_NOFILE, NULL, &limit) < 0)
            _exit(96);
        limit.rlim_cur = most;
        _exit(prlimit(of, RLIMIT_NOFILE, &limit, NULL) < 0 ? 95 : 0);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0, "prlimit: %x", status);
}

/* A client that it has no number for waits in its queue, and must not make it run in circles. */
Test(join, a_holder_without_descriptors_waits)
{
    int news = inotify_init1(IN_CLOEXEC), out, client;
    unsigned long before;
    char byte;
    pid_t holder;

    open_runtime(me());
    snprintf(held, sizeof held, "%s/net", runtime);
    cr_assert_geq(inotify_add_watch(news, runtime, IN_MOVED_TO), 0);
    holder = start((const char *const[]){"--hold-network", held, NULL}, &out, as_owner);
    await_name(news);
    limit_descriptors(holder, 3);
    before = used_by(holder);
    client = knock(held);
    cr_expect_lt(read(client, &byte, 1), 0);
    cr_expect_eq(errno, EAGAIN);
    cr_expect_lt(used_by(holder) - before, (unsigned long)sysconf(_SC_CLK_TCK) / 4);
    limit_descriptors(holder, 64);
    cr_expect_geq(read(client, &byte, 1), 0, "it does not come back"); /* root is not served */
    kill(holder, SIGTERM);
    cr_assert_eq(finish(holder, out), -SIGTERM);
    close(client);
    close(news);
    close_runtime();
}

/* A descriptor that the receipt is written through is not handed down with the others. */
static void with_receipt(void)
{
    int fd;

    as_owner();
    fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);
    if (fd < 0 || dup2(fd, FIRST_FD) < 0)
        _exit(97);
}

Test(join, no_program_writes_its_own_receipt)
{
    cr_assert_eq(BENT(with_receipt, "--inherit-descriptors", "--receipt=/proc/self/fd/50", "sh",
                      "-c", "test -e /proc/self/fd/50 && echo handed down; true"),
                 0, "%s", output);
    SILENT_ON("handed down");
}
