/*
 * What the filters of the profiles and keys answer, number by number, in the interpreter.
 *
 * tests/golden/filter-*.txt have the answer to every number of every ABI;
 *
 *     COOP_GOLDEN_UPDATE=1 build/dev/tests/bin/test_launcher_filter
 *
 * writes them anew.
 */
#include "one_filter.h"

#include "launcher/filter/tell.h"

#include <asm/unistd.h>
#include <errno.h>
#include <linux/sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/socket.h>

TestSuite(filter, .init = begin, .fini = end);

static const char *const closed[] = {"SystemCallFilter",
                                     "default",
                                     "SystemCallArchitectures",
                                     "native",
                                     "RestrictNamespaces",
                                     "yes",
                                     NULL};
static const char *const nesting[] = {"SystemCallFilter", "default", "SystemCallArchitectures",
                                      "native", NULL};
static const char *const no_nesting[] = {"RestrictNamespaces", "yes", NULL};
static const char *const system_service[] = {"SystemCallFilter", "@system-service",
                                             "SystemCallErrorNumber", "EPERM", NULL};

static uint32_t native(uint32_t nr, unsigned which, uint64_t argument)
{
    if (programs.count == 0)
        use(closed);
    return ask(NATIVE, nr, which, argument);
}

/* ---- golden ---- */

static void matches_golden(const char *name)
{
    char path[256], *now = NULL, *golden = NULL;
    size_t now_size = 0, size = 0;
    FILE *file = open_memstream(&now, &now_size);

    cr_assert_eq(programs.count, 1u);
    filter_tell_numbers(programs.items[0].code, programs.items[0].count, file);
    fclose(file);
    snprintf(path, sizeof path, TEST_GOLDEN "/filter-%s.txt", name);
    if (getenv("COOP_GOLDEN_UPDATE")) {
        file = fopen(path, "we");
        fputs(now, file);
        fclose(file);
    }
    file = fopen(path, "re");
    cr_assert_not_null(file, "%s", path);
    cr_assert(getdelim(&golden, &size, '\0', file) > 0);
    fclose(file);
    cr_assert(strcmp(now, golden) == 0, "%s has changed: COOP_GOLDEN_UPDATE=1 if that is meant",
              path);
    free(now);
    free(golden);
}

Test(filter, answer_for_every_number_is_the_golden_one)
{
#if defined(__x86_64__)
    use(closed);
    matches_golden("default");
    use(no_nesting);
    matches_golden("no-nesting");
    use(system_service);
    matches_golden("system-service");
#else
    cr_skip_test("the golden tables are for x86-64");
#endif
}

Test(filter, built_in_bytes_are_what_the_compiler_writes)
{
    static const char *const *const both[] = {closed, nesting};

    for (size_t i = 0; i < 2; i++) {
        struct filter_program built;

        use(both[i]);
        built = programs.items[0];
        programs.count = 0;
        set("SystemCallErrorNumber", "EPERM"); /* says what is the case, and is compiled anew */
        compile();
        cr_assert_eq(built.count, programs.items[0].count);
        cr_assert_arr_eq(built.code, programs.items[0].code, built.count * sizeof *built.code);
        free(built.code);
    }
}

Test(filter, numbers_nobody_knows_are_absent)
{
    for (uint32_t nr = 512; nr < 1024; nr++)
        cr_assert_eq(native(nr, 0, 0), REFUSED(ENOSYS), "%u", nr);
}

Test(filter, no_call_of_another_abi_is_allowed)
{
    for (uint32_t nr = 0; nr < 1024; nr++) {
        uint32_t x32 = native(nr | X32_BIT, 0, 0), foreign = ask(FOREIGN, nr, 0, 0);

        cr_assert_eq(foreign & SECCOMP_RET_ACTION_FULL, SECCOMP_RET_ERRNO, "foreign %u", nr);
        cr_assert_eq(x32 & SECCOMP_RET_ACTION_FULL, SECCOMP_RET_ERRNO, "x32 %u", nr);
    }
}

Test(filter, terminal_injection_is_refused_whatever_the_upper_half_says)
{
    static const uint32_t refused[] = {TIOCSTI, TIOCLINUX, TIOCSETD};

    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(native(__NR_ioctl, 1, refused[i]), REFUSED(EPERM));
        cr_assert_eq(native(__NR_ioctl, 1, refused[i] | UINT64_C(0xdeadbeef00000000)),
                     REFUSED(EPERM));
    }
    cr_assert_eq(native(__NR_ioctl, 1, TIOCGWINSZ), ALLOWED);
    cr_assert_eq(native(__NR_ioctl, 1, TCGETS), ALLOWED);
}

Test(filter, namespaces_are_refused_by_each_flag)
{
    static const uint64_t kinds[] = {CLONE_NEWNS,  CLONE_NEWUTS, CLONE_NEWIPC,   CLONE_NEWUSER,
                                     CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWCGROUP};

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        cr_assert_eq(native(__NR_clone, 0, kinds[i] | 17), REFUSED(EPERM));
        cr_assert_eq(native(__NR_unshare, 0, kinds[i]), REFUSED(EPERM));
    }
    cr_assert_eq(native(__NR_unshare, 0, CLONE_NEWTIME), REFUSED(EPERM));
    cr_assert_eq(native(__NR_clone, 0, 0x3d0f00), ALLOWED, "a thread");
    cr_assert_eq(native(__NR_clone, 0, 0x01200011), ALLOWED, "a fork");
    cr_assert_eq(native(__NR_unshare, 0, CLONE_FS), ALLOWED);
    cr_assert_eq(native(__NR_clone3, 0, 0), REFUSED(ENOSYS), "its flags cannot be seen");
    cr_assert_eq(native(__NR_setns, 0, 0), REFUSED(EPERM));
    use(nesting);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        cr_assert_eq(ask(NATIVE, __NR_clone, 0, kinds[i]), ALLOWED);
}

Test(filter, only_harmless_families_of_sockets)
{
    static const int allowed[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
    static const int refused[] = {AF_VSOCK, AF_ALG, AF_PACKET, AF_BLUETOOTH,
                                  AF_XDP,   AF_CAN, 9999};

    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++)
        cr_assert_eq(native(__NR_socket, 0, (uint64_t)allowed[i]), ALLOWED);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        cr_assert_eq(native(__NR_socket, 0, (uint64_t)refused[i]), REFUSED(EAFNOSUPPORT));
}

Test(filter, personality_may_only_be_asked_or_left)
{
    cr_assert_eq(native(__NR_personality, 0, 0), ALLOWED);
    cr_assert_eq(native(__NR_personality, 0, 0xffffffff), ALLOWED);
    cr_assert_eq(native(__NR_personality, 0, ADDR_NO_RANDOMIZE), REFUSED(EPERM));
    cr_assert_eq(native(__NR_personality, 0, READ_IMPLIES_EXEC), REFUSED(EPERM));
}

Test(filter, calls_with_power_over_the_kernel_are_refused)
{
    static const uint32_t refused[] = {
        __NR_mount,
        __NR_umount2,
        __NR_pivot_root,
        __NR_chroot,
        __NR_ptrace,
        __NR_bpf,
        __NR_keyctl,
        __NR_add_key,
        __NR_request_key,
        __NR_init_module,
        __NR_kexec_load,
        __NR_reboot,
        __NR_swapon,
        __NR_syslog,
        __NR_acct,
        __NR_settimeofday,
        __NR_fsopen,
        __NR_move_mount,
        __NR_open_tree,
        __NR_mount_setattr,
        __NR_userfaultfd,
        __NR_pidfd_getfd,
        __NR_perf_event_open,
        __NR_process_vm_writev,
        __NR_open_by_handle_at,
        __NR_fanotify_init,
        __NR_move_pages,
        __NR_mbind,
        __NR_quotactl,
        __NR_process_madvise,
    };

    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        cr_assert_eq(native(refused[i], 0, 0), REFUSED(EPERM), "call %u", refused[i]);
    cr_assert_eq(native(__NR_io_uring_setup, 0, 0), REFUSED(ENOSYS));
}

Test(filter, namespaces_alone_can_be_refused)
{
    use(no_nesting);
    cr_assert_eq(ask(NATIVE, __NR_unshare, 0, CLONE_NEWNET), REFUSED(EPERM));
    cr_assert_eq(ask(NATIVE, __NR_clone, 0, CLONE_NEWUSER), REFUSED(EPERM));
    cr_assert_eq(ask(NATIVE, __NR_clone, 0, 0x01200011), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_clone3, 0, 0), REFUSED(ENOSYS));
    cr_assert_eq(ask(NATIVE, __NR_setns, 0, 0), REFUSED(EPERM));
    cr_assert_eq(ask(NATIVE, __NR_mount, 0, 0), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_ioctl, 1, TIOCSTI), ALLOWED);
    cr_assert_eq(ask(NATIVE, 1000, 0, 0), REFUSED(ENOSYS), "it might make a namespace");
#if defined(__x86_64__)
    cr_assert_eq(ask(FOREIGN, 310, 0, CLONE_NEWNET), REFUSED(EPERM), "unshare by int 0x80");
    cr_assert_eq(ask(FOREIGN, 310, 0, 0), ALLOWED);
    cr_assert_eq(ask(FOREIGN, 102, 0, 1), ALLOWED, "nobody judges what socketcall does");
    cr_assert_eq(ask(NATIVE, 56 | X32_BIT, 0, CLONE_NEWUSER), REFUSED(EPERM));
#endif
}
