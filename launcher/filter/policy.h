#ifndef LAUNCHER_FILTER_POLICY_H
#define LAUNCHER_FILTER_POLICY_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coop/err.h"
#include "launcher/filter/calls.h"

/*
 * policy.h - which answer each system call gets, and its compiler; private to launcher/
 *
 * A policy is a table: for each ABI and call number an answer, and before it clauses that look at
 * arguments.  Whatever a user can write (words, a JSON profile, Restrict* keys) ends up in one.  Of
 * the clauses of one call the latest is asked first: what stands later wins.
 *
 *     filter_policy_init(&policy, FILTER_ALLOW, FILTER_ABSENT);
 *     filter_policy_answer(&policy, FILTER_NATIVE, __NR_mount, FILTER_ERRNO(EPERM));
 *     r = filter_policy_emit(&policy, &code, &count, err);     malloc'ed classic BPF
 *
 * WHY NOT LIBSECCOMP'S COMPILER.  Its numbers and names are used (calls.h); its code is not, for
 * what it cannot say:
 *   - a rule without tests swallows the call's rules with tests, and one rule may look at an
 *     argument once: "ioctl, but neither TIOCSTI nor TIOCLINUX" is not to be had;
 *   - it compares 64 bits unless told the mask, and the kernel reads 32;
 *   - calls newer than itself cannot be named on i386 and x32, so that they could only be refused;
 *   - a number without a name has the answer of a refused call, which makes libc fail instead of
 *     taking another way.
 * Its tree mode takes 1.5 to 3 ms for the three ABIs of a PC, which is more than a launch, so that
 * every launch with a list of its own would need a cache in a file; this one takes 40 to 130 us for
 * all three, table included, and writes a quarter of the instructions (one leaf for a run of equal
 * answers), which the kernel also reads in faster.  So bytes are kept in two places only: those of
 * the default filter in the program (gen_default.c), and a service's in its plan.
 * A unit test compiles the table with libseccomp as well and compares the answer to every number.
 *
 * Errors    -1 with 'err': out of memory, or more than the kernel takes (BPF_MAXINSNS).
 * Limits    FILTER_MAX_CLAUSES in all, FILTER_CLAUSE_TESTS in one clause.
 * Memory    A policy is 25 KB: keep it off a coroutine's stack.
 */

#define FILTER_MAX_CLAUSES  4096
#define FILTER_CLAUSE_TESTS 48 /* as many as there are address families */

#define FILTER_ALLOW       SECCOMP_RET_ALLOW
#define FILTER_LOG         SECCOMP_RET_LOG
#define FILTER_TRAP        SECCOMP_RET_TRAP
#define FILTER_KILL        SECCOMP_RET_KILL_PROCESS
#define FILTER_ERRNO(code) (SECCOMP_RET_ERRNO | ((uint32_t)(code)&SECCOMP_RET_DATA))
#define FILTER_ABSENT      FILTER_ERRNO(38) /* ENOSYS: libc takes another way */

/* Does the call go through (with or without a line in the log)? */
static inline bool filter_passes(uint32_t answer)
{
    return answer == FILTER_ALLOW || answer == FILTER_LOG;
}

enum filter_op {
    FILTER_EQ, /* (argument & mask) == value; the same for the others */
    FILTER_NE,
    FILTER_LT,
    FILTER_LE,
    FILTER_GT,
    FILTER_GE,
    FILTER_ANY, /* (argument & mask) != 0; no value */
};

struct filter_test {
    uint8_t argument; /* 0 to 5 */
    uint8_t op;       /* enum filter_op */
    bool narrow;      /* looks at the lower 32 bits only, as the kernel does */
    uint64_t mask, value;
};

struct filter_clause {
    uint32_t next; /* index + 1 of the one to ask after this; 0: none */
    uint32_t tests, count;
    uint32_t answer; /* when all tests hold */
};

struct filter_policy {
    unsigned abis;    /* bit per ABI that is judged by the table   */
    uint32_t foreign; /* the answer to all calls of other ABIs     */
    uint32_t beyond;  /* the answer to numbers that have no name   */
    uint32_t answers[FILTER_ABIS][FILTER_NUMBERS];
    uint32_t clauses_of[FILTER_ABIS][FILTER_NUMBERS]; /* index + 1 of the latest; 0: none */
    struct filter_clause *clauses;
    struct filter_test *tests;
    size_t clause_count, test_count;
};

/* 'named' is the answer to every call with a name. */
void filter_policy_init(struct filter_policy *policy, uint32_t named, uint32_t beyond);
void filter_policy_done(struct filter_policy *policy);

/* The answer whatever the arguments are; earlier clauses of this call are forgotten. */
void filter_policy_answer(struct filter_policy *policy, enum filter_abi abi, uint32_t number,
                          uint32_t answer);

/* The answer when all tests hold; 'ints' are the arguments of 32 bits (filter_call.ints). */
int filter_policy_clause(struct filter_policy *policy, enum filter_abi abi, uint32_t number,
                         unsigned ints, const struct filter_test *tests, size_t count,
                         uint32_t answer, struct coop_err *err);

/* Whether each test can hold on an argument of its width. */
int filter_test_check(const struct filter_test *test, unsigned ints, struct coop_err *err);

/* The two for a call by name, on every ABI of the policy that has it. */
void filter_policy_answer_call(struct filter_policy *policy, const struct filter_call *call,
                               uint32_t answer);
int filter_policy_clause_call(struct filter_policy *policy, const struct filter_call *call,
                              const struct filter_test *tests, size_t count, uint32_t answer,
                              struct coop_err *err);

/* Does the call pass on each ABI that has it, whatever its arguments? With some, on one of them? */
bool filter_policy_passes(const struct filter_policy *policy, const struct filter_call *call);
bool filter_policy_may_pass(const struct filter_policy *policy, const struct filter_call *call);

/* A malloc'ed program. */
int filter_policy_emit(const struct filter_policy *policy, struct sock_filter **ret_code,
                       size_t *ret_count, struct coop_err *err);

#endif
