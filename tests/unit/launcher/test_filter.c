/*
 * The default filter, run number by number in a small interpreter of classic BPF.
 *
 * tests/golden/filter.txt has the answer for each native call; COOP_GOLDEN_UPDATE=1 writes it anew.
 */
#include "launcher/filter.h"

#include <asm/unistd.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <seccomp.h>
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

static uint32_t load(const struct seccomp_data *data, uint32_t at)
{
    uint32_t word;

    cr_assert(at + 4 <= sizeof *data && at % 4 == 0, "load at %u", at);
    memcpy(&word, (const char *)data + at, sizeof word);
    return word;
}

/* Only the instructions that a seccomp filter of ours may have; anything else fails the test. */
static uint32_t run(const struct sock_filter *code, size_t count,
                    const struct seccomp_data *data)
{
    uint32_t a = 0;

    for (size_t pc = 0; pc < count; pc++) {
        const struct sock_filter *op = &code[pc];
        bool hit = false;

        switch (op->code) {
        case BPF_LD | BPF_W | BPF_ABS: a = load(data, op->k); continue;
        case BPF_ALU | BPF_AND | BPF_K: a &= op->k; continue;
        case BPF_RET | BPF_K: return op->k;
        case BPF_JMP | BPF_JA: pc += op->k; continue;
        case BPF_JMP | BPF_JEQ | BPF_K: hit = a == op->k; break;
        case BPF_JMP | BPF_JGT | BPF_K: hit = a > op->k; break;
        case BPF_JMP | BPF_JGE | BPF_K: hit = a >= op->k; break;
        case BPF_JMP | BPF_JSET | BPF_K: hit = a & op->k; break;
        default: cr_assert_fail("instruction %#x at %zu", op->code, pc);
        }
        pc += hit ? op->jt : op->jf;
    }
    cr_assert_fail("ran off the end");
    return 0;
}

static uint32_t ask(enum filter_kind kind, uint32_t arch, uint32_t nr, unsigned which,
                    uint64_t argument)
{
    struct seccomp_data data = {.nr = (int)nr, .arch = arch};
    const struct sock_filter *code;
    size_t count;

    data.args[which] = argument;
    filter_get(kind, &code, &count);
    return run(code, count, &data);
}

static uint32_t native(uint32_t nr, unsigned which, uint64_t argument)
{
    return ask(FILTER_CLOSED, NATIVE, nr, which, argument);
}

#define ALLOWED       SECCOMP_RET_ALLOW
#define REFUSED(code) (SECCOMP_RET_ERRNO | (uint32_t)(code))

Test(filter, built_in_bytes_are_what_libseccomp_compiles)
{
    for (int kind = 0; kind < FILTER_KINDS; kind++) {
        const struct sock_filter *built;
        struct sock_filter *fresh;
        size_t built_count, fresh_count;

        filter_get((enum filter_kind)kind, &built, &built_count);
        cr_assert_eq(filter_compile((enum filter_kind)kind, &fresh, &fresh_count), 0);
        cr_assert_eq(built_count, fresh_count);
        cr_assert_arr_eq(built, fresh, built_count * sizeof *built);
        free(fresh);
    }
}

static const char *answer_word(uint32_t answer, char room[32])
{
    if (answer == ALLOWED)
        return "allow";
    if (answer == REFUSED(EPERM))
        return "EPERM";
    if (answer == REFUSED(ENOSYS))
        return "ENOSYS";
    if (answer == REFUSED(EAFNOSUPPORT))
        return "EAFNOSUPPORT";
    snprintf(room, 32, "%#x", answer);
    return room;
}

/* One line per call: number, name, answer with all arguments 0. */
static char *table(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    for (uint32_t nr = 0; nr <= 600; nr++) {
        char room[32], *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)nr);
        uint32_t answer = native(nr, 0, 0);

        if (name || answer != REFUSED(ENOSYS))
            fprintf(out, "%u %s %s\n", nr, name ? name : "-", answer_word(answer, room));
        free(name);
    }
    fclose(out);
    return text;
}

Test(filter, answer_for_every_number_is_the_golden_one)
{
#if defined(__x86_64__)
    const char *path = TEST_GOLDEN "/filter-x86_64.txt";
    char *now = table(), *golden = NULL;
    size_t size = 0;
    FILE *file;

    if (getenv("COOP_GOLDEN_UPDATE")) {
        file = fopen(path, "we");
        fputs(now, file);
        fclose(file);
    }
    file = fopen(path, "re");
    cr_assert_not_null(file, "%s", path);
    cr_assert(getdelim(&golden, &size, '\0', file) > 0);
    fclose(file);
    cr_assert_str_eq(now, golden,
                     "the filter has changed: COOP_GOLDEN_UPDATE=1 if that is meant");
    free(now);
    free(golden);
#else
    cr_skip_test("the golden table is for x86-64");
#endif
}

Test(filter, numbers_nobody_knows_are_absent)
{
    for (uint32_t nr = 512; nr < 1024; nr++)
        cr_assert_eq(native(nr, 0, 0), REFUSED(ENOSYS), "%u", nr);
}

Test(filter, no_call_of_another_abi_is_allowed)
{
    for (uint32_t nr = 0; nr < 1024; nr++) {
        uint32_t foreign = ask(FILTER_CLOSED, FOREIGN, nr, 0, 0),
                 x32 = native(nr | X32_BIT, 0, 0);

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
        cr_assert_eq(ask(FILTER_NESTING, NATIVE, __NR_clone, 0, kinds[i]), ALLOWED);
    }
    cr_assert_eq(native(__NR_unshare, 0, CLONE_NEWTIME), REFUSED(EPERM));
    cr_assert_eq(native(__NR_clone, 0, 0x3d0f00), ALLOWED, "a thread");
    cr_assert_eq(native(__NR_clone, 0, 0x01200011), ALLOWED, "a fork");
    cr_assert_eq(native(__NR_unshare, 0, CLONE_FS), ALLOWED);
    cr_assert_eq(native(__NR_clone3, 0, 0), REFUSED(ENOSYS), "its flags cannot be seen");
    cr_assert_eq(native(__NR_setns, 0, 0), REFUSED(EPERM));
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
    cr_assert_eq(ask(FILTER_NO_NESTING, NATIVE, __NR_unshare, 0, CLONE_NEWNET), REFUSED(EPERM));
    cr_assert_eq(ask(FILTER_NO_NESTING, NATIVE, __NR_clone, 0, CLONE_NEWUSER), REFUSED(EPERM));
    cr_assert_eq(ask(FILTER_NO_NESTING, NATIVE, __NR_clone, 0, 0x01200011), ALLOWED);
    cr_assert_eq(ask(FILTER_NO_NESTING, NATIVE, __NR_clone3, 0, 0), REFUSED(ENOSYS));
    cr_assert_eq(ask(FILTER_NO_NESTING, NATIVE, __NR_setns, 0, 0), REFUSED(EPERM));
    cr_assert_eq(ask(FILTER_NO_NESTING, NATIVE, __NR_mount, 0, 0), ALLOWED);
    cr_assert_eq(ask(FILTER_NO_NESTING, NATIVE, __NR_ioctl, 1, TIOCSTI), ALLOWED);
    cr_assert_eq(ask(FILTER_NO_NESTING, NATIVE, 1000, 0, 0), ALLOWED);
    cr_assert_eq(ask(FILTER_NO_NESTING, FOREIGN, 310, 0, 0), REFUSED(ENOSYS));
}
