/*
 * refuses - runs a command under a filter that answers ENOSYS to the calls named before "--"
 *
 *     refuses clone3 openat2 -- coop-run true
 *     refuses container -- coop-run true
 *     refuses mounts -- coop-run true
 *     refuses mdwe -- coop-run true
 *
 * What an outer container or an old kernel looks like from inside.  "container" is the filter of an
 * unprivileged one: no clone3, and EPERM for namespaces and mounts; "mounts" is one that lets
 * namespaces be made, and nothing be mounted in them.  "mdwe" is a kernel without PR_SET_MDWE.
 */
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAMESPACES                                                                             \
    (CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | \
     CLONE_NEWCGROUP)

static int refuse(scmp_filter_ctx filter, const char *call, int error)
{
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO((unsigned)error),
                            seccomp_syscall_resolve_name(call), 0);
}

static int refuse_mounts(scmp_filter_ctx filter)
{
    static const char *const calls[] = {"mount",     "umount2",       "move_mount", "fsopen",
                                        "open_tree", "mount_setattr", "pivot_root"};
    int r = 0;

    for (size_t i = 0; i < sizeof calls / sizeof *calls && r >= 0; i++)
        r = refuse(filter, calls[i], EPERM);
    return r;
}

static int be_container(scmp_filter_ctx filter)
{
    static const char *const calls[] = {"unshare", "setns"};
    int r = refuse(filter, "clone3", ENOSYS);

    for (size_t i = 0; i < sizeof calls / sizeof *calls && r >= 0; i++)
        r = refuse(filter, calls[i], EPERM);
    if (r >= 0)
        r = refuse_mounts(filter);
    for (unsigned bit = 1; bit && r >= 0; bit <<= 1)
        if (NAMESPACES & bit)
            r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                                 SCMP_A0(SCMP_CMP_MASKED_EQ, bit, bit));
    return r;
}

static int add(scmp_filter_ctx filter, const char *word)
{
    if (strcmp(word, "container") == 0)
        return be_container(filter);
    if (strcmp(word, "mounts") == 0)
        return refuse_mounts(filter);
    if (strcmp(word, "mdwe") == 0)
        return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(prctl), 1,
                                SCMP_A0(SCMP_CMP_EQ, 65, 0));
    return refuse(filter, word, ENOSYS);
}

int main(int argc, char **argv)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int i = 1;

    for (; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (add(filter, argv[i]) < 0)
            return 99;
    if (i + 1 >= argc || seccomp_load(filter) < 0)
        return 99;
    execvp(argv[i + 1], argv + i + 1);
    perror(argv[i + 1]);
    return 98;
}
