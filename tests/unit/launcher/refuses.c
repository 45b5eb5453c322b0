/*
 * refuses - runs a command under a filter that answers ENOSYS to the calls named before "--"
 *
 *     refuses clone3 openat2 -- coop-run true
 *
 * What an outer container or an old kernel looks like from inside.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int i = 1;

    for (; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS),
                             seccomp_syscall_resolve_name(argv[i]), 0) < 0)
            return 99;
    if (i + 1 >= argc || seccomp_load(filter) < 0)
        return 99;
    execvp(argv[i + 1], argv + i + 1);
    perror(argv[i + 1]);
    return 98;
}
