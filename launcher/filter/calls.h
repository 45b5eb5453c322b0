#ifndef LAUNCHER_FILTER_CALLS_H
#define LAUNCHER_FILTER_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * calls.h - the names of system calls, their numbers and the sets they are in; private to launcher/
 *
 * The table is made while we build (gen_calls.c): names and numbers are libseccomp's, and our own
 * for calls that are newer than it; sets are systemd's (sets.def); which arguments the kernel reads
 * as 32 bits is in int_arguments.def.  So a launch links no libseccomp and looks at one sorted
 * table.
 *
 * Threads   Everything is constant.
 * Source    systemd's syscall_filter_sets, libseccomp's arch tables.
 */

/* The machine that this is compiled for; gen_calls can be told to write another one's table. */
#if defined(__x86_64__) && !defined(FILTER_FOR_AARCH64)
#define FILTER_ON_X86 1
#else
#define FILTER_ON_X86 0
#endif

/* The ABIs through which a program can call this kernel; the first is the machine's own. */
#if FILTER_ON_X86
enum filter_abi { FILTER_NATIVE, FILTER_X86, FILTER_X32, FILTER_ABIS };
#define FILTER_X32_BIT UINT32_C(0x40000000)
#else
enum filter_abi { FILTER_NATIVE, FILTER_ARM, FILTER_ABIS };
#endif
#define FILTER_ALL_ABIS ((1u << FILTER_ABIS) - 1)

#define FILTER_NUMBERS 1024 /* no ABI of ours has a call beyond, x32's bit not counted */

struct filter_abi_row {
    const char *name;    /* systemd's word: "x86-64", "x86", "x32", "arm64", "arm" */
    uint32_t audit_arch; /* AUDIT_ARCH_*: what a filter sees                        */
    uint32_t bit;        /* set in all its call numbers                             */
    bool narrow;         /* all arguments are 32 bits                               */
};
extern const struct filter_abi_row filter_abis[FILTER_ABIS];

/* By systemd's word, "native" included; -1 for one that this machine has not. 'ret_known' tells a
 * word for another machine from no word at all. */
int filter_abi_find(const char *name, bool *ret_known);

struct filter_call {
    const char *name;
    int16_t number[FILTER_ABIS]; /* without the ABI's bit; -1: not there */
    uint32_t sets;               /* bit per row of sets.def              */
    uint8_t ints;                /* bit per argument of 32 bits          */
};

extern const struct filter_call filter_calls[]; /* sorted by name */
extern const size_t filter_call_count;

/* NULL when no machine has a call of this name. */
const struct filter_call *filter_call_find(const char *name);
/* The call of a number, or NULL. */
const struct filter_call *filter_call_at(enum filter_abi abi, uint32_t number);
/* The call or set with the most similar name that is worth suggesting, or NULL. */
const char *filter_call_nearest(const char *name);

struct filter_set {
    const char *name, *help;
};
extern const struct filter_set filter_sets[]; /* row n is bit n of filter_call.sets */
extern const size_t filter_set_count;
/* Index of "@mount", or -1. "@known" is no row: every call with a name is in it. */
int filter_set_find(const char *name);

#endif
