/*
 * gen_calls.c - build-time program: writes the table of system calls as C (see calls.h)
 *
 * libseccomp has the numbers, but looks each one up by walking its table: a thousand of them would
 * take longer than a launch.
 */
#include "launcher/filter/calls.h"

#include "base/scope.h"

#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLS_MAX 2048

static const uint32_t tokens[FILTER_ABIS] = {
#if FILTER_ON_X86
    [FILTER_NATIVE] = SCMP_ARCH_X86_64,
    [FILTER_X86] = SCMP_ARCH_X86,
    [FILTER_X32] = SCMP_ARCH_X32,
#else
    [FILTER_NATIVE] = SCMP_ARCH_AARCH64,
    [FILTER_ARM] = SCMP_ARCH_ARM,
#endif
};

/* clang-format off */
/* Newer than libseccomp 2.5: since 424 a call has the same number on all machines. */
static const struct {
    unsigned number;
    const char *name;
} newer[] = {
    {451, "cachestat"},       {452, "fchmodat2"},         {453, "map_shadow_stack"},
    {454, "futex_wake"},      {455, "futex_wait"},        {456, "futex_requeue"},
    {457, "statmount"},       {458, "listmount"},         {459, "lsm_get_self_attr"},
    {460, "lsm_set_self_attr"}, {461, "lsm_list_modules"}, {462, "mseal"},
    {463, "setxattrat"},      {464, "getxattrat"},        {465, "listxattrat"},
    {466, "removexattrat"},   {467, "open_tree_attr"},    {468, "file_getattr"},
    {469, "file_setattr"},
};

static const struct { const char *name, *words; } sets[] = {
#define SET(name, help, words) {name, words},
#include "launcher/filter/sets.def"
#undef SET
};

static const struct { const char *name; unsigned mask; } ints[] = {
#define INTS(name, mask) {#name, mask},
#include "launcher/filter/int_arguments.def"
#undef INTS
};
/* clang-format on */

static struct filter_call calls[CALLS_MAX];
static size_t count;

static struct filter_call *call_of(const char *name, size_t length)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(calls[i].name) == length && strncmp(calls[i].name, name, length) == 0)
            return &calls[i];
    if (count == CALLS_MAX) {
        fprintf(stderr, "gen_calls: more than %d names\n", CALLS_MAX);
        exit(EXIT_FAILURE);
    }
    calls[count] = (struct filter_call){.name = strndup(name, length)};
    for (size_t abi = 0; abi < FILTER_ABIS; abi++)
        calls[count].number[abi] = -1;
    return &calls[count++];
}

static void number_calls(void)
{
    for (size_t abi = 0; abi < FILTER_ABIS; abi++)
        for (unsigned number = 0; number < FILTER_NUMBERS; number++) {
            unsigned bit = 0;
            char *name;

#if FILTER_ON_X86
            bit = abi == FILTER_X32 ? FILTER_X32_BIT : 0;
#endif
            name = seccomp_syscall_resolve_num_arch(tokens[abi], (int)(number | bit));
            if (name)
                call_of(name, strlen(name))->number[abi] = (int16_t)number;
            free(name);
        }
    for (size_t i = 0; i < COOP_COUNT(newer); i++)
        for (size_t abi = 0; abi < FILTER_ABIS; abi++)
            call_of(newer[i].name, strlen(newer[i].name))->number[abi] =
                (int16_t)newer[i].number;
    /* Breakpoints of the kernel's own, put into a program by who traces it: no filter is asked. On
     * other machines they are names only. */
    (void)call_of("uretprobe", 9);
    (void)call_of("uprobe", 6);
#if FILTER_ON_X86
    call_of("uretprobe", 9)->number[FILTER_NATIVE] = 335;
    call_of("uprobe", 6)->number[FILTER_NATIVE] = 336;
#endif
}

/* Names that only other machines have: no mistake in a list, and without effect here. */
static void name_foreign_calls(void)
{
    static const uint32_t others[] = {SCMP_ARCH_X86,   SCMP_ARCH_ARM,    SCMP_ARCH_AARCH64,
                                      SCMP_ARCH_MIPS,  SCMP_ARCH_MIPS64, SCMP_ARCH_PARISC,
                                      SCMP_ARCH_PPC,   SCMP_ARCH_PPC64,  SCMP_ARCH_S390,
                                      SCMP_ARCH_S390X, SCMP_ARCH_RISCV64};
    static const int bases[] = {0, 4000, 5000, 0xf0000};

    for (size_t i = 0; i < COOP_COUNT(others); i++)
        for (size_t b = 0; b < COOP_COUNT(bases); b++)
            for (int number = 0; number < 700; number++) {
                char *name = seccomp_syscall_resolve_num_arch(others[i], bases[b] + number);

                if (name)
                    call_of(name, strlen(name));
                free(name);
            }
}

static size_t set_of(const char *name, size_t length)
{
    for (size_t i = 0; i < COOP_COUNT(sets); i++)
        if (strlen(sets[i].name) == length && strncmp(sets[i].name, name, length) == 0)
            return i;
    fprintf(stderr, "gen_calls: there is no set '%.*s'\n", (int)length, name);
    exit(EXIT_FAILURE);
}

static void fill_set(size_t set, uint32_t bit)
{
    size_t length;

    for (const char *word = sets[set].words; *word; word += length + (word[length] == ' ')) {
        length = strcspn(word, " ");
        if (word[0] == '@')
            fill_set(set_of(word, length), bit);
        else
            call_of(word, length)->sets |= bit;
    }
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct filter_call *)a)->name, ((const struct filter_call *)b)->name);
}

int main(void)
{
    _Static_assert(COOP_COUNT(sets) <= 32, "a set is a bit of filter_call.sets");

    number_calls();
    name_foreign_calls();
    for (size_t i = 0; i < COOP_COUNT(sets); i++)
        fill_set(i, UINT32_C(1) << i);
    for (size_t i = 0; i < COOP_COUNT(ints); i++)
        call_of(ints[i].name, strlen(ints[i].name))->ints = (uint8_t)ints[i].mask;
    qsort(calls, count, sizeof *calls, compare);
    printf("/* written by gen_calls */\nconst struct filter_call filter_calls[] = {\n");
    for (size_t i = 0; i < count; i++) {
        printf("    {\"%s\", {", calls[i].name);
        for (size_t abi = 0; abi < FILTER_ABIS; abi++)
            printf("%s%d", abi ? ", " : "", calls[i].number[abi]);
        printf("}, 0x%08x, 0x%02x},\n", calls[i].sets, calls[i].ints);
    }
    printf("};\n");
    return EXIT_SUCCESS;
}
