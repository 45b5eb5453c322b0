/* Filters of others: profiles of container engines, and compiled ones. */
#include "one_filter.h"

#include "launcher/filter/profile.h"

#include <asm/unistd.h>
#include <errno.h>
#include <linux/sched.h>
#include <sys/socket.h>

TestSuite(filter, .init = begin, .fini = end);

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
    use(LINES("SystemCallFilter", "default", "SeccompProfile", CONTAINER));
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
