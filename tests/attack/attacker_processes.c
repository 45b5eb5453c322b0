/*
 * attacker_processes.c - attacks on processes, identity and what is inherited (cases B)
 */
#include "attack/attacker.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- /proc/self/status ---- */

/* The value of one line, or "". */
static const char *status_line(const char *key, char *line, size_t size)
{
    FILE *file = fopen("/proc/self/status", "re");
    size_t length = strlen(key);

    while (file && fgets(line, (int)size, file)) {
        if (strncmp(line, key, length) != 0 || line[length] != ':')
            continue;
        fclose(file);
        line[strcspn(line, "\n")] = '\0';
        return line + length + 1 + strspn(line + length + 1, " \t");
    }
    if (file)
        fclose(file);
    line[0] = '\0';
    return line;
}

static uint64_t status_bits(const char *key)
{
    char line[256];

    return strtoull(status_line(key, line, sizeof line), NULL, 16);
}

/* ---- other processes ---- */

/* Whether the victim lives is what the runner looks at afterwards; here only the answers. */
static void kill_host(void)
{
    pid_t victim = target("victim"), launcher = target("launcher");

    shut(kill(victim, SIGKILL), "kill a host process", ESRCH, EPERM, 0);
    shut(kill(victim, 0), "probe a host process", ESRCH, EPERM, 0);
    shut(kill(launcher, 0), "signal the launcher", ESRCH, EPERM, 0);
    shut(syscall(SYS_tgkill, victim, victim, SIGKILL), "tgkill a host thread", ESRCH, EPERM, 0);
    shut(syscall(SYS_tkill, victim, SIGKILL), "tkill a host thread", ESRCH, EPERM, 0);
    shut(kill(-victim, SIGKILL), "kill a host process group", ESRCH, EPERM, 0);
    shut(syscall(SYS_pidfd_open, victim, 0), "pidfd_open of a host process", ESRCH, EPERM,
         ENOSYS, EINVAL, 0);
    (void)kill(-1, SIGTERM); /* everything we can reach: nothing outside may die of it */
    if (getppid() > 0)       /* 0: it is in another PID namespace, and it would be us */
        (void)kill(getppid(), SIGKILL);
    (void)kill(0, SIGCONT);
}

static void trace_init(void)
{
    pid_t victim = target("victim");
    const pid_t targets[] = {1, getppid() > 0 ? getppid() : 1, victim};
    char bytes[16];
    struct iovec here = {.iov_base = bytes, .iov_len = sizeof bytes};
    struct iovec there = {.iov_base = bytes, .iov_len = sizeof bytes};

    for (size_t i = 0; i < 3; i++) {
        pid_t pid = targets[i];
        int fd;

        if (pid == getpid())
            continue;
        shut(ptrace(PTRACE_ATTACH, pid, NULL, NULL), "ptrace(ATTACH)", EPERM, ESRCH, ENOSYS, 0);
        shut(ptrace(PTRACE_SEIZE, pid, NULL, NULL), "ptrace(SEIZE)", EPERM, ESRCH, ENOSYS, EIO,
             0);
        shut(process_vm_readv(pid, &here, 1, &there, 1, 0), "process_vm_readv", EPERM, ESRCH,
             ENOSYS, 0);
        shut(process_vm_writev(pid, &here, 1, &there, 1, 0), "process_vm_writev", EPERM, ESRCH,
             ENOSYS, 0);
        fd = (int)syscall(SYS_pidfd_open, pid, 0);
        if (fd >= 0)
            shut(syscall(SYS_pidfd_getfd, fd, 0, 0), "pidfd_getfd", EPERM, ENOSYS, 0);
    }
}

static void kill_init(void)
{
    if (getpid() == 1 || getppid() != 1)
        cannot("there is no reaper above");
    (void)kill(1, SIGKILL);
    (void)kill(1, SIGSTOP);
    /* EPERM: it is there, and behind a wall of its own */
    shut(kill(1, 0) == 0 || errno == EPERM ? -1 : 0, "PID 1 outlives SIGKILL from inside", 0);
    door(getppid() != 1, "PID 1 is gone");
}

/* ---- who we are ---- */

static void change_ids(void)
{
    char text[64] = "";
    gid_t group = 0;
    int fd;

    if (getuid() != 0) {
        shut(setuid(0), "setuid(0)", EPERM, EINVAL, 0);
        shut(setgid(0), "setgid(0)", EPERM, EINVAL, 0);
        shut(syscall(SYS_setresuid, -1, 0, -1), "setresuid(euid 0)", EPERM, EINVAL, 0);
        shut(syscall(SYS_setfsuid, 0) == 0 ? 0 : -1, "setfsuid(0)", 0);
    }
    shut(syscall(SYS_setresuid, 54321, 54321, 54321), "setresuid(unmapped)", EPERM, EINVAL, 0);
    shut(syscall(SYS_setresgid, 54321, 54321, 54321), "setresgid(unmapped)", EPERM, EINVAL, 0);
    shut(setgroups(1, &group), "setgroups([0])", EPERM, EINVAL, 0);
    fd = open("/proc/self/setgroups", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!read(fd, text, sizeof text - 1);
        door(strncmp(text, "deny", 4) != 0, "setgroups is '%s'", text);
    }
}

static void write_maps(void)
{
    char text[256] = "";
    unsigned inside, outside, count;
    int fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);

    if (fd < 0 || read(fd, text, sizeof text - 1) <= 0)
        cannot("no uid_map to look at");
    door(sscanf(text, "%u %u %u", &inside, &outside, &count) != 3, "uid_map is '%s'", text);
    door(count != 1, "%u user ids are mapped", count);
    fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
    shut(fd < 0 ? -1 : write(fd, "0 0 4294967295", 14), "a second uid_map", 0);
    fd = open("/proc/self/gid_map", O_WRONLY | O_CLOEXEC);
    shut(fd < 0 ? -1 : write(fd, "0 0 4294967295", 14), "a second gid_map", 0);
    fd = open("/proc/self/setgroups", O_WRONLY | O_CLOEXEC);
    shut(fd < 0 ? -1 : write(fd, "allow", 5), "setgroups allowed again", 0);
}

static void gain_caps(void)
{
    static const char *const sets[] = {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"};
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{.effective = 1u << 21, .permitted = 1u << 21},
                                             {0}};

    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        door(status_bits(sets[i]) != 0, "%s is %llx", sets[i],
             (unsigned long long)status_bits(sets[i]));
    shut(syscall(SYS_capset, &head, data), "capset(CAP_SYS_ADMIN)", EPERM, 0);
    shut(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 21, 0, 0), "raise an ambient capability",
         0);
    door(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1, "no_new_privs is not set");
    shut(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), "no_new_privs taken back", 0);
    shut(prctl(PR_SET_SECUREBITS, 0), "securebits", 0);
}

/* Runs a copy of this program with a set-uid bit, or file capabilities, and asks what it is. */
static void run_privileged_file(const char *path, const char *kind)
{
    int status;
    pid_t pid;

    if (!path)
        cannot("the runner has made no such file");
    pid = fork();
    if (pid == 0) {
        char host_pid[128], host_mnt[128];

        snprintf(host_pid, sizeof host_pid, "host_pid=%s", fact("host_pid"));
        snprintf(host_mnt, sizeof host_mnt, "host_mnt=%s", fact("host_mnt"));
        execl(path, path, "who-am-i", host_pid, host_mnt, (char *)NULL);
        _exit(errno == EACCES || errno == ENOENT || errno == EPERM ? 0 : 3);
    }
    waitpid(pid, &status, 0);
    door(!WIFEXITED(status) || WEXITSTATUS(status) != 0, "a %s program gained power (%d)", kind,
         status);
}

static void setuid_program(void)
{
    run_privileged_file(fact("suid"), "set-user-id");
}

static void fcaps_program(void)
{
    run_privileged_file(fact("fcaps"), "file-capability");
}

/* The program those two run: nothing may have been gained by exec. */
static void who_am_i(void)
{
    door(getuid() != geteuid(), "euid %u is not uid %u", geteuid(), getuid());
    door(getgid() != getegid(), "egid %u is not gid %u", getegid(), getgid());
    door(status_bits("CapEff") != 0, "CapEff is not empty");
    door(status_bits("CapPrm") != 0, "CapPrm is not empty");
}

/* ---- what came in from the caller ---- */

static void inherited_signals(void)
{
    door(status_bits("SigBlk") != 0, "signals are blocked: %llx",
         (unsigned long long)status_bits("SigBlk"));
    door(status_bits("SigIgn") != 0, "signals are ignored: %llx",
         (unsigned long long)status_bits("SigIgn"));
    door(status_bits("SigPnd") != 0 || status_bits("ShdPnd") != 0, "signals are pending");
}

static void inherited_umask(void)
{
    mode_t mask = umask(022);

    door(mask != 022 && mask != 077, "umask is %03o", mask);
}

static void inherited_environment(void)
{
    static const char *const secrets[] = {"AWS_SECRET_ACCESS_KEY",
                                          "GITHUB_TOKEN",
                                          "DB_PASSWORD",
                                          "SSH_AUTH_SOCK",
                                          "DBUS_SESSION_BUS_ADDRESS",
                                          "DISPLAY",
                                          "WAYLAND_DISPLAY",
                                          "XDG_RUNTIME_DIR",
                                          "DOCKER_HOST"};

    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
        door(getenv(secrets[i]) != NULL, "the environment carries %s", secrets[i]);
    door(getenv("PATH") == NULL, "PATH is missing");
}

/* A file that only a supplementary group of the caller may read.  An ordinary user's groups cannot
 * be taken away in its own user namespace (setgroups is denied there), so only root's are. */
static void inherited_groups(void)
{
    if (!fact("group_file"))
        cannot(
            "an ordinary user keeps its groups: the kernel lets nobody drop them unprivileged");
    refuse_open(fact("group_file"), O_RDONLY);
}

static void inherited_timers(void)
{
    door(alarm(0) != 0, "the caller's alarm ticks in here");
    door(syscall(SYS_personality, 0xffffffffUL) != 0, "the caller's personality is in here");
}

/* ---- bombs and survivors ---- */

/* Bounded: at most 'bound' children, each of which only waits to die. */
static void fork_bomb(void)
{
    long bound = fact_number("bound"), limit = fact_number("limit"), made = 0;
    int why = 0;

    if (bound <= 0 || limit <= 0)
        cannot("no bound given");
    for (; made < bound; made++) {
        pid_t pid = fork();

        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (;;)
                pause();
        }
        if (pid < 0) {
            why = errno;
            break;
        }
    }
    door(made >= bound, "%ld processes were made under a limit of %ld", made, limit);
    door(made < bound && why != EAGAIN, "fork failed with %s", strerrorname_np(why));
}

/* Leaves processes behind that do everything to stay: the runner counts them afterwards. */
static void survivors(void)
{
    for (int i = 0; i < 4; i++) {
        if (fork() != 0)
            continue;
        if (i & 1)
            setsid();
        if (fork() != 0)
            _exit(0);
        for (int sig = 1; sig < 65; sig++)
            signal(sig, SIG_IGN);
        prctl(PR_SET_PDEATHSIG, 0);
        prctl(PR_SET_NAME, "survivor");
        close(0);
        close(1);
        close(2);
        for (;;)
            pause();
    }
    door(0, "left four processes behind");
}

/* The same, and stays itself: until the runner ends the launcher. */
static void stay(void)
{
    survivors();
    prctl(PR_SET_PDEATHSIG, 0);
    for (int sig = 1; sig < 65; sig++)
        signal(sig, SIG_IGN);
    (void)!write(STDOUT_FILENO, "ready\n", 6);
    for (;;)
        pause();
}

static void change_personality(void)
{
    static const unsigned long wanted[] = {READ_IMPLIES_EXEC, ADDR_NO_RANDOMIZE, PER_LINUX32};

    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        shut(syscall(SYS_personality, wanted[i]), "personality", EPERM, ENOSYS, EINVAL, 0);
}

const struct attack attacks_on_processes[] = {
    {"kill-host", kill_host},
    {"trace-init", trace_init},
    {"kill-init", kill_init},
    {"change-ids", change_ids},
    {"write-maps", write_maps},
    {"gain-caps", gain_caps},
    {"setuid-program", setuid_program},
    {"fcaps-program", fcaps_program},
    {"who-am-i", who_am_i},
    {"inherited-signals", inherited_signals},
    {"inherited-umask", inherited_umask},
    {"inherited-environment", inherited_environment},
    {"inherited-groups", inherited_groups},
    {"inherited-timers", inherited_timers},
    {"fork-bomb", fork_bomb},
    {"survivors", survivors},
    {"stay", stay},
    {"personality", change_personality},
    {NULL, NULL},
};
