/*
 * host.c - what this machine grants this caller
 *
 * Nothing but trying tells: sysctls, security modules, the filter of an outer container and nesting
 * limits all say no in their own ways.  So a child is cloned into each namespace and ends at once;
 * in a mount namespace it mounts something first, because who cannot furnish one has none.
 */
#include "launcher/launch.h"

#include "base/scope.h"
#include "launcher/kernel.h"
#include "launcher/landlock.h"
#include "launcher/raw.h"
#include "launcher/tree_old.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/capability.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static bool has_sys_admin(void)
{
    cap_t caps = cap_get_proc();
    cap_flag_value_t value = CAP_CLEAR;

    if (caps) {
        cap_get_flag(caps, CAP_SYS_ADMIN, CAP_EFFECTIVE, &value);
        cap_free(caps);
    }
    return value == CAP_SET;
}

/* "6.1.0-rc3" is 0x0601. */
static uint32_t kernel_version(void)
{
    struct utsname name;
    char *rest;
    unsigned long major, minor;

    if (uname(&name) < 0)
        return 0;
    major = strtoul(name.release, &rest, 10);
    minor = *rest == '.' ? strtoul(rest + 1, NULL, 10) : 0;
    return (uint32_t)(major & 0xff) << 8 | (uint32_t)(minor & 0xff);
}

void launch_host_assume(struct launch_host *ret_host)
{
    *ret_host = (struct launch_host){
        .uid = geteuid(),
        .gid = getegid(),
        .kernel = kernel_version(),
        .privileged = has_sys_admin(),
    };
}

/* Of mount(2); <sys/mount.h> cannot be included here (kernel.h). */
#define BIND_FLAG  (1ul << 12)
#define REC_FLAG   (1ul << 14)
#define SLAVE_FLAG (1ul << 19)

/* In the child: what every view of its own begins with. */
static long try_mounts(void)
{
    long r = raw5(SYS_mount, 0, "/", 0, SLAVE_FLAG | REC_FLAG, 0);

    if (r >= 0 && old_calls_needed())
        r = raw5(SYS_mount, "/", "/", 0, BIND_FLAG | REC_FLAG, 0);
    if (r >= 0)
        r = raw2(SYS_pivot_root, "", "");
    return r == -ENOENT ? 0 : r; /* allowed, but there is no such directory */
}

/* 0 when a child can be born with these flags, else -errno. */
static int try_clone(unsigned long flags)
{
    long pid = raw5(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
    int status = 0;
    long r;

    if (pid == 0)
        for (;;)
            raw1(SYS_exit_group, flags & CLONE_NEWNS && try_mounts() < 0);
    if (pid < 0)
        return (int)pid;
    do
        r = raw4(SYS_wait4, pid, &status, __WALL, 0);
    while (r == -EINTR);
    return status == 0 ? 0 : -EPERM;
}

int launch_host_probe(struct launch_host *ret_host, struct coop_err *err)
{
    static const struct {
        enum launch_guard guard;
        unsigned long flag;
    } rows[] = {
        {LAUNCH_GUARD_PIDS, CLONE_NEWPID},    {LAUNCH_GUARD_MOUNTS, CLONE_NEWNS},
        {LAUNCH_GUARD_NETWORK, CLONE_NEWNET}, {LAUNCH_GUARD_IPC, CLONE_NEWIPC},
        {LAUNCH_GUARD_UTS, CLONE_NEWUTS},     {LAUNCH_GUARD_CGROUP, CLONE_NEWCGROUP},
    };
    struct launch_host host;
    unsigned long base;

    launch_host_assume(&host);
    if (try_clone(0) < 0)
        return coop_fail(err, COOP_E_SYS, "this process cannot make a child");
    if (try_clone(CLONE_NEWUSER) < 0)
        host.refused |= LAUNCH_BIT(LAUNCH_GUARD_USERS);
    base = host.privileged ? 0 : CLONE_NEWUSER;
    for (size_t i = 0; i < COOP_COUNT(rows); i++)
        if (try_clone(base | rows[i].flag) < 0)
            host.refused |= LAUNCH_BIT(rows[i].guard);
    host.refused |= land_refused(land_abi());
    *ret_host = host;
    return 0;
}
