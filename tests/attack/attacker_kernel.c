/*
 * attacker_kernel.c - attacks on system-call filter, namespaces, network and IPC (cases C, E, F)
 */
#include "attack/attacker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef AF_VSOCK
#define AF_VSOCK 40
#endif

/* ---- new namespaces ---- */

static void new_namespaces(void)
{
    static const struct {
        unsigned long flag;
        const char *name;
    } kinds[] = {{CLONE_NEWUSER, "user"},     {CLONE_NEWNS, "mount"}, {CLONE_NEWPID, "pid"},
                 {CLONE_NEWNET, "net"},       {CLONE_NEWIPC, "ipc"},  {CLONE_NEWUTS, "uts"},
                 {CLONE_NEWCGROUP, "cgroup"}, {0x80, "time"}};
    char what[64];

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        snprintf(what, sizeof what, "unshare(%s)", kinds[i].name);
        shut(syscall(SYS_unshare, kinds[i].flag), what, EPERM, ENOSYS, ENOSPC, 0);
        snprintf(what, sizeof what, "unshare(user|%s)", kinds[i].name);
        shut(syscall(SYS_unshare, kinds[i].flag | CLONE_NEWUSER), what, EPERM, ENOSYS, ENOSPC,
             0);
    }
}

static void clone_user(void)
{
    struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);

    if (pid == 0)
        _exit(0);
    shut(pid, "clone(CLONE_NEWUSER)", EPERM, ENOSYS, ENOSPC, 0);
    pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0)
        _exit(0);
    shut(pid, "clone3(CLONE_NEWUSER)", EPERM, ENOSYS, ENOSPC, 0);
    args.flags = CLONE_NEWUSER | CLONE_NEWNS;
    pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0)
        _exit(0);
    shut(pid, "clone3(CLONE_NEWUSER|CLONE_NEWNS)", EPERM, ENOSYS, ENOSPC, 0);
}

static void join_namespaces(void)
{
    static const char *const kinds[] = {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup"};
    char path[64];

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (int pid = 1; pid <= 2; pid++) {
            int fd;

            snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, kinds[i]);
            fd = open(path, O_RDONLY | O_CLOEXEC);
            shut(syscall(SYS_setns, fd, 0), path, EPERM, ENOSYS, EBADF, EINVAL, 0);
        }
}

/* ---- second doors to the kernel ---- */

/* With arguments that do nothing even where the call is allowed. */
static void forbidden_calls(void)
{
    static const struct {
        long nr;
        const char *name;
    } calls[] = {
#define X(name) {SYS_##name, #name}
        X(bpf),
        X(perf_event_open),
        X(userfaultfd),
        X(keyctl),
        X(add_key),
        X(request_key),
        X(kexec_load),
        X(kexec_file_load),
        X(init_module),
        X(finit_module),
        X(delete_module),
        X(swapon),
        X(swapoff),
        X(quotactl),
        X(syslog),
        X(fanotify_init),
        X(process_madvise),
        X(move_pages),
        X(migrate_pages),
        X(reboot),
        X(clock_settime),
        X(adjtimex),
        X(iopl),
        X(ioperm),
        X(open_by_handle_at),
        X(io_uring_setup),
        X(io_uring_enter),
        X(io_uring_register),
        X(clone3),
        X(mount_setattr),
        X(lookup_dcookie),
        X(nfsservctl),
        X(quotactl_fd),
        X(mbind),
        X(pidfd_getfd),
        X(vmsplice),
        X(settimeofday),
        X(vhangup),
#undef X
    };

    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        filtered(syscall(calls[i].nr, 0, 0, 0, 0, 0, 0), calls[i].name);
    filtered(syscall(SYS_acct, 1UL), "acct"); /* with 0 it would end the accounting */
}

static void future_calls(void)
{
    static const long numbers[] = {600, 777, 1023};

    for (size_t i = 0; i < 3; i++)
        shut(syscall(numbers[i], 0, 0, 0, 0, 0, 0), "a system call of the future", ENOSYS, 0);
}

static void io_uring(void)
{
    char params[256] = {0};

    filtered(syscall(SYS_io_uring_setup, 1, params), "io_uring_setup");
}

static void looser_filter(void)
{
    struct sock_filter allow = {.code = BPF_RET | BPF_K, .k = SECCOMP_RET_ALLOW};
    struct sock_fprog program = {.len = 1, .filter = &allow};

    shut(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                 &program),
         "a notify listener", EPERM, ENOSYS, EBUSY, EACCES, 0);
    (void)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
    filtered(syscall(SYS_bpf, 0, 0, 0), "bpf after a looser filter");
    filtered(syscall(SYS_io_uring_setup, 0, 0), "io_uring_setup after a looser filter");
    shut(syscall(SYS_unshare, CLONE_NEWUSER), "unshare after a looser filter", EPERM, ENOSPC,
         ENOSYS, 0);
}

/* ---- terminal ---- */

/* From a session of its own: the terminal belongs to another one, and stealing takes power. */
static void steal_terminal(void)
{
    static const unsigned long requests[] = {0x540e, 0x540eUL | 0xdeadbeef00000000UL};
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        (void)setsid();
        for (size_t i = 0; i < 2; i++)
            for (int fd = 0; fd < 3; fd++)
                if (syscall(SYS_ioctl, fd, requests[i], 1UL) == 0)
                    _exit(1);
        _exit(open("/dev/tty", O_RDWR | O_CLOEXEC) >= 0 ? 2 : 0);
    }
    waitpid(pid, &status, 0);
    door(status != 0, "TIOCSCTTY: the terminal is ours (%d)", status);
}

/* The upper half of the request is garbage: the kernel ignores it, so a filter must, too. */
static void terminal_injection(void)
{
    static const struct {
        unsigned long request;
        const char *name;
    } kinds[] = {{0x5412, "TIOCSTI"}, {0x541c, "TIOCLINUX"}, {0x5423, "TIOCSETD"}};
    char byte = 'x';

    steal_terminal();
    for (size_t i = 0; i < 3; i++)
        for (int fd = 0; fd < 3; fd++) {
            filtered(syscall(SYS_ioctl, fd, kinds[i].request, &byte), kinds[i].name);
            filtered(syscall(SYS_ioctl, fd, kinds[i].request | 0xdeadbeef00000000UL, &byte),
                     kinds[i].name);
        }
}

/* ---- network and IPC ---- */

static void reach_network(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    const char *text = fact("socket");
    int fd;

    to.sin_port = htons((uint16_t)fact_number("port"));
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        shut(connect(fd, (struct sockaddr *)&to, sizeof to), "connect to the host's loopback",
             0);
    if (text) {
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        memcpy(name.sun_path + 1, text, strlen(text));
        shut(connect(fd, (struct sockaddr *)&name,
                     (socklen_t)(sizeof(sa_family_t) + 1 + strlen(text))),
             "connect to the host's abstract socket", 0);
    }
    shut(socket(AF_PACKET, SOCK_RAW, 0), "AF_PACKET", 0);
    shut(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), "raw IPv4", 0);
    shut(socket(AF_ALG, SOCK_SEQPACKET, 0), "AF_ALG", EPERM, EAFNOSUPPORT, ENOSYS, 0);
    shut(socket(AF_BLUETOOTH, SOCK_RAW, 1), "AF_BLUETOOTH", 0);
    shut(socket(AF_VSOCK, SOCK_STREAM, 0), "AF_VSOCK", EPERM, EAFNOSUPPORT, ENOSYS, 0);
}

static void reach_ipc(void)
{
    long id = fact_number("shm");

    if (id < 0)
        cannot("the host has no shared memory for us");
    shut((long)shmat((int)id, NULL, SHM_RDONLY) == -1 ? -1 : 0, "the host's shared memory", 0);
    shut(shmget((key_t)fact_number("shmkey"), 0, 0), "the host's shared memory by key", 0);
    if (!fact("sees_home"))
        refuse_open("/dev/shm/coop-attack", O_RDONLY);
}

/* A name of its own, or one in the file system. */
static void refuse_daemon(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strncpy(name.sun_path, path, sizeof name.sun_path - 1);
    shut(connect(fd, (struct sockaddr *)&name, sizeof name), path, 0);
    close(fd);
}

static void reach_daemons(void)
{
    static const char *const others[] = {"/run/dbus/system_bus_socket",
                                         "/var/run/docker.sock",
                                         "/run/containerd/containerd.sock",
                                         "/run/systemd/private",
                                         "/run/user/0/bus",
                                         "/tmp/.X11-unix/X0"};

    if (fact("sees_home"))
        cannot("the whole host is bound: its sockets can be called (launcher/README.md)");
    refuse_daemon(fact("agent"));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        refuse_daemon(others[i]);
}

static void reach_keyring(void)
{
    filtered(syscall(SYS_keyctl, 0 /* GET_KEYRING_ID */, -3, 0), "the session keyring");
    filtered(syscall(SYS_keyctl, 1 /* JOIN_SESSION_KEYRING */, NULL), "a new session keyring");
    filtered(syscall(SYS_add_key, "user", "coop", "x", 1, -3), "add_key");
    filtered(syscall(SYS_request_key, "user", "coop", NULL, -3), "request_key");
}

const struct attack attacks_on_kernel[] = {
    {"new-namespaces", new_namespaces},
    {"clone-user", clone_user},
    {"join-namespaces", join_namespaces},
    {"forbidden-calls", forbidden_calls},
    {"future-calls", future_calls},
    {"io-uring", io_uring},
    {"looser-filter", looser_filter},
    {"terminal-injection", terminal_injection},
    {"reach-network", reach_network},
    {"reach-ipc", reach_ipc},
    {"reach-keyring", reach_keyring},
    {"reach-daemons", reach_daemons},
    {NULL, NULL},
};
