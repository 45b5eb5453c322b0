/*
 * What the filters of the profiles and keys answer, number by number, in the interpreter.
 *
 * tests/golden/filter-*.txt have the answer to every number of every ABI;
 *
 *     COOP_GOLDEN_UPDATE=1 build/dev/tests/bin/test_launcher_filter
 *
 * writes them anew.
 */
#include "launcher/filter/bytes.h"
#include "launcher/filter/calls.h"
#include "launcher/filter/compile.h"
#include "launcher/filter/profile.h"
#include "launcher/filter/tell.h"

#include <asm/unistd.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/socket.h>

#define X32_BIT 0x40000000u
#if defined(__x86_64__)
#define NATIVE  AUDIT_ARCH_X86_64
#define FOREIGN AUDIT_ARCH_I386
#else
#define NATIVE  AUDIT_ARCH_AARCH64
#define FOREIGN AUDIT_ARCH_ARM
#endif

#define ALLOWED       SECCOMP_RET_ALLOW
#define KILLED        SECCOMP_RET_KILL_PROCESS
#define REFUSED(code) (SECCOMP_RET_ERRNO | (uint32_t)(code))

/* ---- one spec's filter ---- */

static struct launch_spec spec;
static struct filter_programs programs;
static const struct launch_host host;
static struct coop_err err;

static void begin(void)
{
    launch_spec_init(&spec);
}

static void end(void)
{
    filter_programs_done(&programs);
    launch_spec_done(&spec);
}

TestSuite(filter, .init = begin, .fini = end);

static void set(const char *key, const char *value)
{
    cr_assert_eq(launch_spec_set(&spec, key, value, &err), 0, "%s", err.text);
}

static void compile(void)
{
    filter_programs_done(&programs);
    cr_assert_eq(filter_compile(&spec, &host, false, &programs, &err), 0, "%s", err.text);
}

/* Key and value by turns, NULL at the end. */
static void use(const char *const *words)
{
    end();
    begin();
    for (; *words; words += 2)
        set(words[0], words[1]);
    compile();
}

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

/* The strictest answer of all programs is the kernel's. */
static uint32_t ask(uint32_t arch, uint32_t nr, unsigned which, uint64_t argument)
{
    struct seccomp_data data = {.nr = (int)nr, .arch = arch};
    uint32_t strictest = ALLOWED;

    data.args[which] = argument;
    for (size_t i = 0; i < programs.count; i++) {
        uint32_t answer =
            filter_bytes_run(programs.items[i].code, programs.items[i].count, &data, NULL);

        if ((int32_t)(answer & SECCOMP_RET_ACTION_FULL) <
            (int32_t)(strictest & SECCOMP_RET_ACTION_FULL))
            strictest = answer;
    }
    return strictest;
}

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

/* ---- lists, as systemd has them ---- */

#define LINES(...)                                                                             \
    (const char *const[])                                                                      \
    {                                                                                          \
        __VA_ARGS__, NULL                                                                      \
    }
#define LINE "SystemCallFilter"

Test(filter, first_line_says_whether_a_list_allows_or_refuses)
{
    use(LINES(LINE, "read write"));
    cr_assert_eq(ask(NATIVE, __NR_read, 0, 0), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_execve, 0, 0), ALLOWED, "@default is always there");
    cr_assert_eq(ask(NATIVE, __NR_mount, 0, 0), KILLED, "as systemd does it");
    use(LINES(LINE, "~@mount"));
    cr_assert_eq(ask(NATIVE, __NR_read, 0, 0), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_mount, 0, 0), KILLED);
    cr_assert_eq(ask(NATIVE, 600, 0, 0), REFUSED(ENOSYS), "a call of the future");
}

Test(filter, later_lines_add_and_take_away)
{
    use(LINES(LINE, "@file-system", LINE, "~@basic-io mkdir", LINE, "write",
              "SystemCallErrorNumber", "EACCES"));
    cr_assert_eq(ask(NATIVE, __NR_openat, 0, 0), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_mkdir, 0, 0), REFUSED(EACCES));
    cr_assert_eq(ask(NATIVE, __NR_read, 0, 0), REFUSED(EACCES));
    cr_assert_eq(ask(NATIVE, __NR_write, 0, 0), ALLOWED);
    use(LINES(LINE, "~@mount", LINE, "none", LINE, "~@clock"));
    cr_assert_eq(ask(NATIVE, __NR_mount, 0, 0), ALLOWED, "'none' starts afresh");
    cr_assert_eq(ask(NATIVE, __NR_settimeofday, 0, 0), KILLED);
}

Test(filter, each_call_may_have_its_own_answer)
{
    use(LINES(LINE, "~@mount:EACCES chroot:kill acct:trap sync:4000 syslog:log",
              "SystemCallErrorNumber", "EPERM"));
    cr_assert_eq(ask(NATIVE, __NR_mount, 0, 0), REFUSED(EACCES));
    cr_assert_eq(ask(NATIVE, __NR_chroot, 0, 0), KILLED);
    cr_assert_eq(ask(NATIVE, __NR_acct, 0, 0), SECCOMP_RET_TRAP);
    cr_assert_eq(ask(NATIVE, __NR_sync, 0, 0), REFUSED(4000));
    cr_assert_eq(ask(NATIVE, __NR_syslog, 0, 0), SECCOMP_RET_LOG);
}

Test(filter, arguments_are_judged_by_the_bits_that_the_kernel_reads)
{
    use(LINES(LINE,
              "~ioctl(1=TIOCSTI):EPERM kill(0<0):EACCES lseek(1>0x100000000):EFBIG "
              "socket(0!=AF_UNIX,0!=AF_INET):EAFNOSUPPORT clone(0&CLONE_NEWUSER):ENOSPC"));
    cr_assert_eq(ask(NATIVE, __NR_ioctl, 1, TIOCSTI | 0xdead00000000), REFUSED(EPERM));
    cr_assert_eq(ask(NATIVE, __NR_ioctl, 1, TCGETS), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_lseek, 1, 0x100000000), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_lseek, 1, 0x100000001), REFUSED(EFBIG));
    cr_assert_eq(ask(NATIVE, __NR_lseek, 1, 0x200000000), REFUSED(EFBIG));
    cr_assert_eq(ask(NATIVE, __NR_lseek, 1, 0xffffffff), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_socket, 0, AF_UNIX), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_socket, 0, AF_INET), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_socket, 0, AF_INET6), REFUSED(EAFNOSUPPORT));
    cr_assert_eq(ask(NATIVE, __NR_clone, 0, CLONE_NEWUSER | 17), REFUSED(ENOSPC));
    cr_assert_eq(ask(NATIVE, __NR_clone3, 0, 0), REFUSED(ENOSYS), "or it would pass by clone");
#if defined(__x86_64__)
    cr_assert_eq(ask(FOREIGN, 102, 0, 1), REFUSED(ENOSYS), "socketcall would pass by socket");
    cr_assert_eq(ask(FOREIGN, 54, 1, TIOCSTI), REFUSED(EPERM), "ioctl by int 0x80");
    cr_assert_eq(ask(NATIVE, 514 | X32_BIT, 1, TIOCSTI), REFUSED(EPERM), "ioctl by x32");
#endif
}

Test(filter, multiplexers_are_open_only_when_all_behind_them_is)
{
#if defined(__x86_64__)
    use(LINES(LINE, "~@mount"));
    cr_assert_eq(ask(FOREIGN, 102, 0, 1), ALLOWED);
    cr_assert_eq(ask(FOREIGN, 117, 0, 1), ALLOWED);
    use(LINES(LINE, "~semop"));
    cr_assert_eq(ask(FOREIGN, 117, 0, 1), REFUSED(ENOSYS), "ipc would pass by semop");
    cr_assert_eq(ask(FOREIGN, 102, 0, 1), ALLOWED);
    use(LINES(LINE, "~socketcall connect:EPERM"));
    cr_assert_eq(ask(FOREIGN, 102, 0, 1), KILLED, "refused is refused");
#else
    cr_skip_test("no multiplexers on this machine");
#endif
}

Test(filter, rings_pass_only_by_name)
{
    use(LINES(LINE, "@system-service @io-event @aio"));
    cr_assert_eq(ask(NATIVE, __NR_io_uring_setup, 0, 0), REFUSED(ENOSYS));
    use(LINES(LINE, "~@mount"));
    cr_assert_eq(ask(NATIVE, __NR_io_uring_setup, 0, 0), REFUSED(ENOSYS));
    use(LINES(LINE, "@system-service io_uring_setup"));
    cr_assert_eq(ask(NATIVE, __NR_io_uring_setup, 0, 0), ALLOWED);
}

Test(filter, a_set_takes_no_test_away_and_a_name_does)
{
    use(LINES(LINE, "default", LINE, "@system-service"));
    cr_assert_eq(ask(NATIVE, __NR_ioctl, 1, TIOCSTI), REFUSED(EPERM));
    cr_assert_eq(ask(NATIVE, __NR_keyctl, 0, 0), ALLOWED);
    use(LINES(LINE, "default", LINE, "ioctl"));
    cr_assert_eq(ask(NATIVE, __NR_ioctl, 1, TIOCSTI), ALLOWED);
}

Test(filter, other_architectures_are_absent_unless_named)
{
#if defined(__x86_64__)
    use(LINES("SystemCallArchitectures", "native"));
    cr_assert_eq(ask(NATIVE, __NR_mount, 0, 0), ALLOWED);
    cr_assert_eq(ask(FOREIGN, 20, 0, 0), REFUSED(ENOSYS));
    cr_assert_eq(ask(NATIVE, 39 | X32_BIT, 0, 0), REFUSED(ENOSYS));
    use(LINES("SystemCallArchitectures", "x86", LINE, "~@mount"));
    cr_assert_eq(ask(FOREIGN, 20, 0, 0), ALLOWED);
    cr_assert_eq(ask(FOREIGN, 21, 0, 0), KILLED, "the same rules");
    cr_assert_eq(ask(NATIVE, 39 | X32_BIT, 0, 0), REFUSED(ENOSYS));
#else
    cr_skip_test("one ABI");
#endif
}

Test(filter, what_is_logged_is_allowed_all_the_same)
{
    use(LINES(LINE, "@system-service", "SystemCallLog", "@network-io", "SystemCallLog",
              "~socket"));
    cr_assert_eq(ask(NATIVE, __NR_socket, 0, 0), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_connect, 0, 0), SECCOMP_RET_LOG);
    cr_assert_eq(ask(NATIVE, __NR_mount, 0, 0), KILLED);
    use(LINES("SystemCallLog", "~@default"));
    cr_assert_eq(ask(NATIVE, __NR_read, 0, 0), SECCOMP_RET_LOG);
    cr_assert_eq(ask(NATIVE, __NR_execve, 0, 0), ALLOWED);
}

Test(filter, a_list_can_be_learned)
{
    use(LINES(LINE, "@basic-io", "SystemCallErrorNumber", "log"));
    cr_assert_eq(ask(NATIVE, __NR_read, 0, 0), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_mount, 0, 0), SECCOMP_RET_LOG);
}

/* ---- systemd's Restrict* keys ---- */

Test(filter, families_are_allowed_or_refused)
{
    use(LINES("RestrictAddressFamilies", "AF_UNIX AF_INET", "RestrictAddressFamilies",
              "AF_INET6", "RestrictAddressFamilies", "~AF_INET"));
    cr_assert_eq(ask(NATIVE, __NR_socket, 0, AF_UNIX), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_socket, 0, AF_INET6), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_socket, 0, AF_INET), REFUSED(EAFNOSUPPORT));
    cr_assert_eq(ask(NATIVE, __NR_socket, 0, AF_ALG), REFUSED(EAFNOSUPPORT));
    cr_assert_eq(ask(NATIVE, __NR_io_uring_setup, 0, 0), REFUSED(ENOSYS), "it makes sockets");
    cr_assert_eq(ask(NATIVE, __NR_mount, 0, 0), ALLOWED);
    use(LINES("RestrictAddressFamilies", "~AF_ALG AF_VSOCK"));
    cr_assert_eq(ask(NATIVE, __NR_socket, 0, AF_ALG), REFUSED(EAFNOSUPPORT));
    cr_assert_eq(ask(NATIVE, __NR_socket, 0, AF_VSOCK), REFUSED(EAFNOSUPPORT));
    cr_assert_eq(ask(NATIVE, __NR_socket, 0, AF_INET), ALLOWED);
    use(LINES(LINE, "default", "RestrictAddressFamilies", "none"));
    cr_assert_eq(ask(NATIVE, __NR_socket, 0, AF_UNIX), REFUSED(EAFNOSUPPORT));
    use(LINES(LINE, "default", "RestrictAddressFamilies", "AF_ALG AF_UNIX"));
    cr_assert_eq(ask(NATIVE, __NR_socket, 0, AF_ALG), REFUSED(EAFNOSUPPORT), "not by default");
    cr_assert_eq(ask(NATIVE, __NR_socket, 0, AF_UNIX), ALLOWED);
#if defined(__x86_64__)
    use(LINES("RestrictAddressFamilies", "AF_UNIX"));
    cr_assert_eq(ask(FOREIGN, 359, 0, AF_INET), REFUSED(EAFNOSUPPORT));
    cr_assert_eq(ask(FOREIGN, 102, 0, 1), REFUSED(ENOSYS), "socketcall");
#endif
}

Test(filter, no_file_is_made_to_run_as_another)
{
    use(LINES("RestrictSUIDSGID", "yes"));
    cr_assert_eq(ask(NATIVE, __NR_fchmod, 1, 04755), REFUSED(EPERM));
    cr_assert_eq(ask(NATIVE, __NR_fchmodat, 2, 02755), REFUSED(EPERM));
    cr_assert_eq(ask(NATIVE, __NR_fchmod, 1, 01777), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_mknodat, 2, 0104755), REFUSED(EPERM));
    cr_assert_eq(ask(NATIVE, __NR_openat2, 0, 0), REFUSED(ENOSYS), "its mode is in memory");
    cr_assert_eq(ask(NATIVE, __NR_openat, 3, 04755), ALLOWED, "without O_CREAT it is no mode");
}

Test(filter, memory_is_not_made_executable_by_another_abi)
{
#if defined(__x86_64__)
    use(LINES("MemoryDenyWriteExecute", "yes"));
    cr_assert_eq(ask(NATIVE, __NR_mmap, 2, 6), REFUSED(EPERM), "PROT_WRITE | PROT_EXEC");
    cr_assert_eq(ask(NATIVE, __NR_mmap, 2, 4), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_mmap | X32_BIT, 2, 6), REFUSED(EPERM));
    cr_assert_eq(ask(FOREIGN, 90, 2, 0), REFUSED(ENOSYS), "its arguments are in memory");
    cr_assert_eq(ask(FOREIGN, 192, 2, 6), REFUSED(ENOSYS), "mmap2");
#else
    cr_skip_test("one ABI");
#endif
}

Test(filter, no_realtime_and_no_other_personality)
{
    use(LINES("RestrictRealtime", "yes", "LockPersonality", "yes"));
    cr_assert_eq(ask(NATIVE, __NR_sched_setscheduler, 1, 1), REFUSED(EPERM), "SCHED_FIFO");
    cr_assert_eq(ask(NATIVE, __NR_sched_setscheduler, 1, 6), REFUSED(EPERM), "SCHED_DEADLINE");
    cr_assert_eq(ask(NATIVE, __NR_sched_setscheduler, 1, 3), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_sched_setattr, 0, 0), REFUSED(EPERM), "in memory");
    cr_assert_eq(ask(NATIVE, __NR_personality, 0, 0xffffffff), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_personality, 0, ADDR_NO_RANDOMIZE), REFUSED(EPERM));
}

Test(filter, clock_modules_and_log_of_the_kernel)
{
    use(LINES("ProtectClock", "yes", "ProtectKernelModules", "yes", "ProtectKernelLogs", "yes"));
    cr_assert_eq(ask(NATIVE, __NR_clock_settime, 0, 0), REFUSED(EPERM));
    cr_assert_eq(ask(NATIVE, __NR_clock_gettime, 0, 0), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_finit_module, 0, 0), REFUSED(EPERM));
    cr_assert_eq(ask(NATIVE, __NR_syslog, 0, 0), REFUSED(EPERM));
    cr_assert_eq(ask(NATIVE, __NR_read, 0, 0), ALLOWED);
}

/* ---- what is not taken ---- */

static void refuse(const char *key, const char *value, const char *text)
{
    cr_assert_eq(launch_spec_set(&spec, key, value, &err), -1, "%s=%s", key, value);
    cr_assert(strstr(err.text, text), "%s=%s: '%s' has no '%s'", key, value, err.text, text);
}

Test(filter, odd_words_are_errors_that_name_them)
{
    refuse(LINE, "ioct", "no system call 'ioct'");
    refuse(LINE, "@monut", "no set of system calls '@monut'");
    refuse(LINE, "read:EWHAT", "no answer");
    refuse(LINE, "read:4096", "no answer");
    refuse(LINE, "ioctl(6=1)", "no argument test");
    refuse(LINE, "ioctl(1=TIOCST)", "neither a number nor a constant");
    refuse(LINE, "ioctl(1=0x1ffffffff)", "has 32 bits");
    refuse(LINE, "ioctl(1=1", "tests stand between");
    refuse(LINE, "ioctl(1&0)", "never met");
    refuse(LINE, "~default", "not taken away");
    refuse(LINE, "default:EPERM", "neither tests nor an answer");
    refuse("SystemCallLog", "read(0=1)", "only names");
    refuse("SystemCallErrorNumber", "allow", "refuses nothing");
    refuse("SystemCallArchitectures", "pdp11", "no architecture");
    refuse("RestrictAddressFamilies", "AF_UNXI", "'AF_UNXI' is no address family");
    refuse("RestrictAddressFamilies", "TIOCSTI", "no address family");
    cr_assert_eq(spec.filter.count, 0u);
}

Test(filter, more_instructions_than_the_kernel_takes_are_an_error)
{
    char line[64];

    for (int i = 0; i < 200; i++) {
        snprintf(line, sizeof line, "~@known(0=%d):EPERM", i);
        set(LINE, line);
    }
    cr_assert_eq(filter_compile(&spec, &host, false, &programs, &err), -1);
    cr_assert_eq(err.code, COOP_E_LIMIT);
}

Test(filter, one_that_refuses_execve_starts_nothing)
{
    set(LINE, "~execve:EPERM");
    cr_assert_eq(filter_compile(&spec, &host, false, &programs, &err), -1);
    cr_assert(strstr(err.text, "execve"));
}

/* ---- profiles of container engines ---- */

#define CONTAINER TEST_SOURCE "/tests/unit/launcher/container.json"

Test(filter, a_containers_profile_is_read_unchanged)
{
    use(LINES("SeccompProfile", CONTAINER, "CapabilityBoundingSet", "~CAP_SYS_ADMIN"));
    cr_assert_eq(ask(NATIVE, __NR_read, 0, 0), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_mount, 0, 0), REFUSED(EPERM));
    cr_assert_eq(ask(NATIVE, __NR_clone3, 0, 0), REFUSED(ENOSYS));
    cr_assert_eq(ask(NATIVE, __NR_clone, 0, CLONE_NEWUSER | 17), REFUSED(EPERM));
    cr_assert_eq(ask(NATIVE, __NR_clone, 0, 17), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_socket, 0, AF_INET), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_socket, 0, AF_VSOCK), REFUSED(EPERM));
    cr_assert_eq(ask(NATIVE, __NR_personality, 0, 0), ALLOWED, "one rule of several is enough");
    cr_assert_eq(ask(NATIVE, __NR_personality, 0, 0xffffffff), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_personality, 0, 8), REFUSED(EPERM));
    cr_assert_eq(ask(NATIVE, __NR_ptrace, 0, 0), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_chroot, 0, 0), KILLED);
    cr_assert_eq(ask(NATIVE, 600, 0, 0), REFUSED(ENOSYS));
#if defined(__x86_64__)
    cr_assert_eq(ask(NATIVE, __NR_modify_ldt, 0, 0), ALLOWED);
    cr_assert_eq(ask(FOREIGN, 20, 0, 0), ALLOWED, "x86 is in its archMap");
    cr_assert_eq(ask(FOREIGN, 102, 0, 1), REFUSED(ENOSYS), "socket is judged");
    cr_assert_eq(ask(NATIVE, 39 | X32_BIT, 0, 0), REFUSED(ENOSYS), "x32 is not");
#endif
}

Test(filter, a_containers_profile_looks_at_capabilities_and_kernel)
{
    static const struct launch_host old = {.kernel = 0x0407};

    use(LINES("SeccompProfile", CONTAINER));
    cr_assert_eq(ask(NATIVE, __NR_mount, 0, 0), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_clone3, 0, 0), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_clone, 0, CLONE_NEWUSER), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_reboot, 0, 0), ALLOWED);
    set("CapabilityBoundingSet", "~CAP_SYS_BOOT");
    compile();
    cr_assert_eq(ask(NATIVE, __NR_reboot, 0, 0), REFUSED(EPERM),
                 "all of the caps are asked for");
    filter_programs_done(&programs);
    cr_assert_eq(filter_compile(&spec, &old, false, &programs, &err), 0, "%s", err.text);
    cr_assert_eq(ask(NATIVE, __NR_ptrace, 0, 0), REFUSED(EPERM), "4.7 is before 4.8");
}

Test(filter, a_profile_only_takes_away)
{
    use(LINES(LINE, "default", "SeccompProfile", CONTAINER));
    cr_assert_eq(programs.count, 2u);
    cr_assert_eq(ask(NATIVE, __NR_read, 0, 0), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_mount, 0, 0), REFUSED(EPERM),
                 "the default filter still counts");
    cr_assert_eq(ask(NATIVE, __NR_getpriority, 0, 0), REFUSED(EPERM),
                 "and so does the profile");
}

#define ALLOW_READ "\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\""

Test(filter, a_profile_with_something_unknown_is_an_error_that_names_it)
{
    static const struct {
        const char *text, *names;
    } cases[] = {
        {"", "JSON"},
        {"[]", "not an object"},
        {"{}", "defaultAction"},
        {"{\"defaultAction\":7}", "defaultAction"},
        {"{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}", "SCMP_ACT_NOTIFY"},
        {"{\"defaultAction\":\"SCMP_ACT_TRACE\"}", "SCMP_ACT_TRACE"},
        {"{\"defaultAction\":\"SCMP_ACT_KILL\",\"sycalls\":[]}", "sycalls"},
        {"{\"defaultAction\":\"SCMP_ACT_KILL\",\"syscalls\":{}}", "syscalls"},
        {"{\"defaultAction\":\"SCMP_ACT_KILL\",\"syscalls\":[7]}", "rule 1"},
        {"{\"defaultAction\":\"SCMP_ACT_KILL\",\"syscalls\":[{" ALLOW_READ ",\"when\":1}]}",
         "when"},
        {"{\"defaultAction\":\"SCMP_ACT_KILL\",\"syscalls\":[{" ALLOW_READ
         ",\"includes\":{\"uids\":[0]}}]}",
         "uids"},
        {"{\"defaultAction\":\"SCMP_ACT_KILL\",\"syscalls\":[{" ALLOW_READ
         ",\"includes\":{\"minKernel\":\"new\"}}]}",
         "minKernel"},
        {"{\"defaultAction\":\"SCMP_ACT_KILL\",\"syscalls\":[{" ALLOW_READ
         ",\"args\":[{\"index\":6,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}]}]}",
         "index"},
        {"{\"defaultAction\":\"SCMP_ACT_KILL\",\"syscalls\":[{" ALLOW_READ
         ",\"args\":[{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_IN\"}]}]}",
         "op"},
        {"{\"defaultAction\":\"SCMP_ACT_KILL\",\"syscalls\":[{" ALLOW_READ
         ",\"args\":[{\"index\":0,\"value\":\"1\",\"op\":\"SCMP_CMP_EQ\"}]}]}",
         "value"},
        {"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":5000}", "defaultErrnoRet"},
        {"{\"defaultAction\":\"SCMP_ACT_KILL\",\"flags\":[\"SECCOMP_FILTER_FLAG_NEW\"]}",
         "FLAG_NEW"},
    };
    const struct filter_profile_host any = {.caps = 0};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sock_filter *code;
        size_t count;
        uint32_t flags;

        cr_assert_eq(filter_profile_compile(cases[i].text, strlen(cases[i].text), &any, &code,
                                            &count, &flags, &err),
                     -1, "%s", cases[i].text);
        cr_assert(strstr(err.text, cases[i].names), "%s: %s", cases[i].text, err.text);
    }
    refuse("SeccompProfile", "/nonexistent.json", "/nonexistent.json");
    refuse("SeccompProfile", "/dev/zero", "plain file");
    refuse("SeccompProfile", TEST_SOURCE "/README.md", "JSON");
}

/* ---- filters that others have compiled ---- */

static const struct sock_filter allow_all[] = {{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
/* Refuses seccomp(2) and nothing else. */
static const struct sock_filter closing[] = {
    {BPF_LD | BPF_W | BPF_ABS, 0, 0, 0},
    {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, __NR_seccomp},
    {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EPERM},
    {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
};

Test(filter, one_that_refuses_the_loading_of_others_is_loaded_last)
{
    cr_assert_eq(launch_spec_filter(&spec, closing, sizeof closing, &err), 0, "%s", err.text);
    cr_assert_eq(launch_spec_filter(&spec, allow_all, sizeof allow_all, &err), 0);
    set("SystemCallFilter", "default");
    compile();
    cr_assert_eq(programs.count, 3u);
    cr_assert_eq(programs.items[2].count, 4u);
    set("SystemCallFilter", "~seccomp");
    cr_assert_eq(filter_compile(&spec, &host, false, &programs, &err), -1);
    cr_assert(strstr(err.text, "seccomp"), "%s", err.text);
}

Test(filter, bytes_that_the_kernel_would_not_take_are_errors)
{
    static const struct {
        struct sock_filter code[2];
        const char *text;
    } cases[] = {
        {{{BPF_LD | BPF_W | BPF_ABS, 0, 0, 0}, {BPF_LD | BPF_W | BPF_ABS, 0, 0, 0}}, "last"},
        {{{BPF_LD | BPF_B | BPF_ABS, 0, 0, 0}, {BPF_RET | BPF_K, 0, 0, 0}}, "none of"},
        {{{BPF_LD | BPF_W | BPF_ABS, 0, 0, 64}, {BPF_RET | BPF_K, 0, 0, 0}}, "none of"},
        {{{BPF_LD | BPF_W | BPF_ABS, 0, 0, 2}, {BPF_RET | BPF_K, 0, 0, 0}}, "none of"},
        {{{BPF_JMP | BPF_JA, 0, 0, 1}, {BPF_RET | BPF_K, 0, 0, 0}}, "jumps out"},
        {{{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0}, {BPF_RET | BPF_K, 0, 0, 0}}, "jumps out"},
        {{{BPF_ALU | BPF_DIV | BPF_K, 0, 0, 0}, {BPF_RET | BPF_K, 0, 0, 0}}, "none of"},
        {{{BPF_ST, 0, 0, 16}, {BPF_RET | BPF_K, 0, 0, 0}}, "none of"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_assert_eq(launch_spec_filter(&spec, cases[i].code, sizeof cases[i].code, &err), -1,
                     "%zu", i);
        cr_assert(strstr(err.text, cases[i].text), "%zu: %s", i, err.text);
    }
    cr_assert_eq(launch_spec_filter(&spec, closing, 9, &err), -1);
    cr_assert_eq(launch_spec_filter(&spec, closing, 0, &err), -1);
    for (int i = 0; i < LAUNCH_MAX_FILTERS; i++)
        cr_assert_eq(launch_spec_filter(&spec, allow_all, sizeof allow_all, &err), 0);
    cr_assert_eq(launch_spec_filter(&spec, allow_all, sizeof allow_all, &err), -1);
}

Test(filter, a_copy_has_its_own_of_everything)
{
    struct launch_spec copy;

    set("SystemCallFilter", "~@mount");
    set("SystemCallLog", "chroot");
    set("SystemCallErrorNumber", "EPERM");
    set("RestrictAddressFamilies", "AF_UNIX");
    set("SeccompProfile", CONTAINER);
    cr_assert_eq(launch_spec_filter(&spec, closing, sizeof closing, &err), 0, "%s", err.text);
    cr_assert_eq(launch_spec_copy(&copy, &spec, &err), 0, "%s", err.text);
    launch_spec_done(&spec);
    spec = copy;
    compile();
    cr_assert_eq(programs.count, 3u);
    cr_assert_eq(ask(NATIVE, __NR_mount, 0, 0), REFUSED(EPERM));
    cr_assert_eq(ask(NATIVE, __NR_socket, 0, AF_INET), REFUSED(EAFNOSUPPORT));
    cr_assert_eq(ask(NATIVE, __NR_seccomp, 0, 0), REFUSED(EPERM));
    cr_assert_eq(ask(NATIVE, __NR_chroot, 0, 0), KILLED, "by the profile");
}
