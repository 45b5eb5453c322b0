/*
 * The tables that filters are made from: compiled by libseccomp as well, and compared with what
 * systemd prints.
 */
#include "launcher/filter/bytes.h"
#include "launcher/filter/list.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <seccomp.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static struct filter_policy policy;
static struct coop_err err;

static void fill(const char *text)
{
    struct strlist lines = {0};

    strlist_add(&lines, text);
    filter_policy_init(&policy, FILTER_ALLOW, FILTER_ABSENT);
    cr_assert_eq(filter_lines_apply(&lines, NULL, &policy, &err), 0, "%s", err.text);
    strlist_done(&lines);
}

static uint32_t ask(const struct sock_filter *code, size_t count, enum filter_abi abi,
                    uint32_t number)
{
    const struct seccomp_data data = {.nr = (int)(number | filter_abis[abi].bit),
                                      .arch = filter_abis[abi].audit_arch};

    return filter_bytes_run(code, count, &data, NULL);
}

/* ---- beside libseccomp's tree ---- */

static uint32_t action_of(uint32_t answer)
{
    if (answer == FILTER_ALLOW)
        return SCMP_ACT_ALLOW;
    if (answer == FILTER_KILL)
        return SCMP_ACT_KILL_PROCESS;
    return SCMP_ACT_ERRNO(answer & SECCOMP_RET_DATA);
}

/* What libseccomp can name on this ABI, with the same answers; ENOSYS for the rest. */
static size_t compile_there(enum filter_abi abi, uint32_t token, struct sock_filter *code,
                            bool *ret_named)
{
    scmp_filter_ctx tree = seccomp_init(SCMP_ACT_ERRNO(38));
    int fd = memfd_create("tree", MFD_CLOEXEC);
    ssize_t size;

    if (token != seccomp_arch_native()) {
        cr_assert_eq(seccomp_arch_remove(tree, SCMP_ARCH_NATIVE), 0);
        cr_assert_eq(seccomp_arch_add(tree, token), 0);
    }
    cr_assert_eq(seccomp_attr_set(tree, SCMP_FLTATR_CTL_OPTIMIZE, 2), 0);
    for (size_t i = 0; i < filter_call_count; i++) {
        int number = filter_calls[i].number[abi];
        int theirs = seccomp_syscall_resolve_name(filter_calls[i].name);
        char *name;

        if (number < 0)
            continue;
        name = seccomp_syscall_resolve_num_arch(token, number | (int)filter_abis[abi].bit);
        if (name && strcmp(name, filter_calls[i].name) == 0 &&
            (policy.answers[abi][number] == FILTER_ABSENT ||
             seccomp_rule_add(tree, action_of(policy.answers[abi][number]), theirs, 0) == 0))
            ret_named[number] = true;
        free(name);
    }
    cr_assert_eq(seccomp_export_bpf(tree, fd), 0);
    size = pread(fd, code, BPF_MAXINSNS * sizeof *code, 0);
    cr_assert(size > 0);
    close(fd);
    seccomp_release(tree);
    return (size_t)size / sizeof *code;
}

static void compare(const char *line, enum filter_abi abi, uint32_t token)
{
    static struct sock_filter theirs[BPF_MAXINSNS];
    bool named[FILTER_NUMBERS] = {false};
    struct sock_filter *ours;
    size_t our_count, their_count;
    int compared = 0;

    fill(line);
    cr_assert_eq(filter_policy_emit(&policy, &ours, &our_count, &err), 0, "%s", err.text);
    their_count = compile_there(abi, token, theirs, named);
    for (uint32_t number = 0; number < FILTER_NUMBERS; number++) {
        if (!named[number])
            continue;
        compared++;
        cr_assert_eq(ask(ours, our_count, abi, number), ask(theirs, their_count, abi, number),
                     "%s: %s %u", line, filter_abis[abi].name, number);
    }
    cr_assert_gt(compared, 300);
    free(ours);
    filter_policy_done(&policy);
}

Test(filter_table, libseccomps_tree_gives_the_same_answers)
{
    static const char *const lines[] = {"@system-service", "~@mount:EACCES @clock:EPERM",
                                        "@basic-io @file-system:EROFS"};
    static const struct {
        enum filter_abi abi;
        uint32_t token;
    } abis[] = {
#if defined(__x86_64__)
        {FILTER_NATIVE, SCMP_ARCH_X86_64},
        {FILTER_X86, SCMP_ARCH_X86},
        {FILTER_X32, SCMP_ARCH_X32},
#else
        {FILTER_NATIVE, SCMP_ARCH_AARCH64},
#endif
    };

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        for (size_t a = 0; a < sizeof abis / sizeof *abis; a++)
            compare(lines[i], abis[a].abi, abis[a].token);
}

/* ---- the sets ---- */

static bool is_member(const char *name, int set)
{
    const struct filter_call *call = filter_call_find(name);

    return call && call->sets & UINT32_C(1) << set;
}

/* What systemd-analyze prints for one word; NULL when it is not there or does not know it. */
static FILE *systemd_says(const char *word, const char *argument)
{
    char *const argv[] = {(char *)(uintptr_t) "systemd-analyze", (char *)(uintptr_t)word,
                          (char *)(uintptr_t)argument, NULL};
    char *const env[] = {(char *)(uintptr_t) "SYSTEMD_PAGER=cat", NULL};
    int fd = memfd_create("said", MFD_CLOEXEC), status = -1;
    posix_spawn_file_actions_t actions;
    pid_t pid;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fd, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (posix_spawnp(&pid, argv[0], &actions, NULL, argv, env) == 0)
        waitpid(pid, &status, 0);
    posix_spawn_file_actions_destroy(&actions);
    lseek(fd, 0, SEEK_SET);
    if (status == 0)
        return fdopen(fd, "r");
    close(fd);
    return NULL;
}

/* Its name, a comment, members and sets of sets, the last three set in by blanks. */
static size_t compare_set(int set)
{
    FILE *said = systemd_says("syscall-filter", filter_sets[set].name);
    size_t members = 0;
    char line[256];

    cr_assert_not_null(said, "%s", filter_sets[set].name);
    while (fgets(line, sizeof line, said)) {
        char *word = line + strspn(line, " ");

        word[strcspn(word, "\n")] = '\0';
        if (line[0] != ' ' || word[0] == '#' || word[0] == '\0')
            continue;
        members++;
        if (word[0] == '@')
            cr_assert_geq(filter_set_find(word), 0, "%s", word);
        else
            cr_assert(is_member(word, set), "%s has %s", filter_sets[set].name, word);
    }
    fclose(said);
    return members;
}

Test(filter_table, sets_have_what_systemd_lists)
{
    FILE *said = systemd_says("--version", NULL);
    char line[256] = "";
    size_t members = 0;

    if (said && fgets(line, sizeof line, said) && strncmp(line, "systemd 252 ", 12) == 0)
        for (size_t set = 0; set < filter_set_count; set++)
            members += compare_set((int)set);
    if (said)
        fclose(said);
    if (members == 0)
        cr_skip_test("systemd-analyze 252 is not here");
    cr_assert_gt(members, 500u);
}

Test(filter_table, numbers_and_names_find_each_other)
{
    for (size_t i = 0; i < filter_call_count; i++) {
        const struct filter_call *call = &filter_calls[i];

        cr_assert_eq(filter_call_find(call->name), call);
        for (int abi = 0; abi < FILTER_ABIS; abi++)
            if (call->number[abi] >= 0)
                cr_assert_eq(filter_call_at((enum filter_abi)abi, (uint32_t)call->number[abi]),
                             call, "%s", call->name);
    }
}
