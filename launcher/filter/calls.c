/*
 * calls.c - looking up names of system calls and sets (see calls.h)
 */
#include "launcher/filter/calls.h"

#include "base/scope.h"
#include "base/str.h"

#include <linux/audit.h>
#include <stdlib.h>
#include <string.h>

#include "filter_calls.inc" /* from gen_calls, in the build tree */

const size_t filter_call_count = COOP_COUNT(filter_calls);

#define SET(name, help, words) {name, help},
const struct filter_set filter_sets[] = {
#include "launcher/filter/sets.def"
};
#undef SET
const size_t filter_set_count = COOP_COUNT(filter_sets);

const struct filter_abi_row filter_abis[FILTER_ABIS] = {
#if defined(__x86_64__)
    [FILTER_NATIVE] = {"x86-64", AUDIT_ARCH_X86_64, 0, false},
    [FILTER_X86] = {"x86", AUDIT_ARCH_I386, 0, true},
    [FILTER_X32] = {"x32", AUDIT_ARCH_X86_64, FILTER_X32_BIT, false},
#else
    [FILTER_NATIVE] = {"arm64", AUDIT_ARCH_AARCH64, 0, false},
    [FILTER_ARM] = {"arm", AUDIT_ARCH_ARM, 0, true},
#endif
};

int filter_abi_find(const char *name, bool *ret_known)
{
    static const char *const elsewhere[] = {
        "x86",      "x86-64",  "x32",         "arm",        "arm64",         "mips",
        "mips64",   "mips-le", "mips64-le",   "mips64-n32", "mips64-le-n32", "parisc",
        "parisc64", "ppc",     "ppc64",       "ppc64-le",   "riscv32",       "riscv64",
        "s390",     "s390x",   "loongarch64", "alpha",      "arc",           "ia64",
        "m68k",     "sparc",   "sparc64"};

    *ret_known = true;
    if (strcmp(name, "native") == 0)
        return FILTER_NATIVE;
    for (int i = 0; i < FILTER_ABIS; i++)
        if (strcmp(filter_abis[i].name, name) == 0)
            return i;
    for (size_t i = 0; i < COOP_COUNT(elsewhere); i++)
        if (strcmp(elsewhere[i], name) == 0)
            return -1;
    *ret_known = false;
    return -1;
}

static int compare(const void *name, const void *call)
{
    return strcmp(name, ((const struct filter_call *)call)->name);
}

const struct filter_call *filter_call_find(const char *name)
{
    return bsearch(name, filter_calls, filter_call_count, sizeof *filter_calls, compare);
}

const struct filter_call *filter_call_at(enum filter_abi abi, uint32_t number)
{
    for (size_t i = 0; i < filter_call_count; i++)
        if (filter_calls[i].number[abi] >= 0 && (uint32_t)filter_calls[i].number[abi] == number)
            return &filter_calls[i];
    return NULL;
}

const char *filter_call_nearest(const char *name)
{
    const char *nearest = NULL;
    size_t best = SIZE_MAX;

    for (size_t i = 0; i < filter_call_count + filter_set_count; i++) {
        const char *word = i < filter_call_count ? filter_calls[i].name
                                                 : filter_sets[i - filter_call_count].name;
        size_t distance = str_distance(word, name);

        if (distance < best && str_is_near(word, name)) {
            best = distance;
            nearest = word;
        }
    }
    return nearest;
}

int filter_set_find(const char *name)
{
    for (size_t i = 0; i < filter_set_count; i++)
        if (strcmp(filter_sets[i].name, name) == 0)
            return (int)i;
    return -1;
}
