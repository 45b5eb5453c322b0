/*
 * policy.c - the table of answers (see policy.h)
 */
#include "launcher/filter/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- life ---- */

void filter_policy_init(struct filter_policy *policy, uint32_t named, uint32_t beyond)
{
    memset(policy, 0, sizeof *policy);
    policy->abis = FILTER_ALL_ABIS;
    policy->foreign = FILTER_ABSENT;
    policy->beyond = beyond;
    for (size_t abi = 0; abi < FILTER_ABIS; abi++)
        for (size_t number = 0; number < FILTER_NUMBERS; number++)
            policy->answers[abi][number] = beyond;
    for (size_t i = 0; i < filter_call_count; i++)
        filter_policy_answer_call(policy, &filter_calls[i], named);
}

void filter_policy_done(struct filter_policy *policy)
{
    free(policy->clauses);
    free(policy->tests);
    policy->clauses = NULL;
    policy->tests = NULL;
}

/* ---- filling ---- */

void filter_policy_answer(struct filter_policy *policy, enum filter_abi abi, uint32_t number,
                          uint32_t answer)
{
    policy->answers[abi][number] = answer;
    policy->clauses_of[abi][number] = 0;
}

/* Room in powers of two: doubled whenever 'count' has reached one. */
static int grow(void *slot, size_t item, size_t count, size_t more)
{
    size_t room = 16, wanted = count + more;
    void *grown, **array = slot;

    while (room < count)
        room *= 2;
    if (*array && wanted <= room)
        return 0;
    while (room < wanted)
        room *= 2;
    grown = realloc(*array, room * item);
    if (!grown)
        return -ENOMEM;
    *array = grown;
    return 0;
}

static bool is_32_bits(uint64_t value)
{
    return value <= UINT32_MAX || value >= (uint64_t)INT32_MIN;
}

/* A test as it is on this ABI.  A value with its sign spread over the upper half is the same value
 * to the kernel.  False when it cannot be: 32 bits are never that much. */
static bool fit(struct filter_test *test, bool narrow_abi, unsigned ints)
{
    bool fits = is_32_bits(test->value), asked = test->narrow || ints & 1u << test->argument;

    test->narrow = asked || (narrow_abi && fits) ||
                   (test->mask <= UINT32_MAX && test->value <= UINT32_MAX);
    if (!test->narrow)
        return true;
    test->mask = (uint32_t)test->mask;
    test->value = (uint32_t)test->value;
    return fits;
}

int filter_test_check(const struct filter_test *test, unsigned ints, struct coop_err *err)
{
    struct filter_test copy = *test;

    if (fit(&copy, false, ints))
        return 0;
    return coop_fail(err, COOP_E_RANGE, "argument %u has 32 bits: it is never %#llx",
                     test->argument, (unsigned long long)test->value);
}

int filter_policy_clause(struct filter_policy *policy, enum filter_abi abi, uint32_t number,
                         unsigned ints, const struct filter_test *tests, size_t count,
                         uint32_t answer, struct coop_err *err)
{
    struct filter_clause clause = {.next = policy->clauses_of[abi][number],
                                   .tests = (uint32_t)policy->test_count,
                                   .count = (uint32_t)count,
                                   .answer = answer};

    if (policy->clause_count == FILTER_MAX_CLAUSES || count > FILTER_CLAUSE_TESTS)
        return coop_fail(err, COOP_E_LIMIT,
                         "more than %d argument tests in a rule, or %d rules with tests",
                         FILTER_CLAUSE_TESTS, FILTER_MAX_CLAUSES);
    if (grow(&policy->clauses, sizeof clause, policy->clause_count, 1) < 0 ||
        grow(&policy->tests, sizeof *tests, policy->test_count, count) < 0)
        return coop_fail_sys(err, ENOMEM, "compiling the filter");
    for (size_t i = 0; i < count; i++) {
        struct filter_test *test = &policy->tests[policy->test_count + i];

        if (filter_test_check(&tests[i], ints, err) < 0)
            return -1;
        *test = tests[i];
        fit(test, filter_abis[abi].narrow, ints);
    }
    policy->test_count += count;
    policy->clauses[policy->clause_count++] = clause;
    policy->clauses_of[abi][number] = (uint32_t)policy->clause_count;
    return 0;
}

void filter_policy_answer_call(struct filter_policy *policy, const struct filter_call *call,
                               uint32_t answer)
{
    for (int abi = 0; abi < FILTER_ABIS; abi++)
        if (call->number[abi] >= 0)
            filter_policy_answer(policy, (enum filter_abi)abi, (uint32_t)call->number[abi],
                                 answer);
}

int filter_policy_clause_call(struct filter_policy *policy, const struct filter_call *call,
                              const struct filter_test *tests, size_t count, uint32_t answer,
                              struct coop_err *err)
{
    for (int abi = 0; abi < FILTER_ABIS; abi++)
        if (call->number[abi] >= 0 &&
            filter_policy_clause(policy, (enum filter_abi)abi, (uint32_t)call->number[abi],
                                 call->ints, tests, count, answer, err) < 0)
            return -1;
    return 0;
}

/* ---- asking ---- */

static bool always_passes(const struct filter_policy *policy, size_t abi, uint32_t number)
{
    return !policy->clauses_of[abi][number] && filter_passes(policy->answers[abi][number]);
}

static bool sometimes_passes(const struct filter_policy *policy, size_t abi, uint32_t number)
{
    if (filter_passes(policy->answers[abi][number]))
        return true;
    for (uint32_t i = policy->clauses_of[abi][number]; i; i = policy->clauses[i - 1].next)
        if (filter_passes(policy->clauses[i - 1].answer))
            return true;
    return false;
}

bool filter_policy_passes(const struct filter_policy *policy, const struct filter_call *call)
{
    for (size_t abi = 0; abi < FILTER_ABIS; abi++)
        if (call->number[abi] >= 0 && !always_passes(policy, abi, (uint32_t)call->number[abi]))
            return false;
    return true;
}

bool filter_policy_may_pass(const struct filter_policy *policy, const struct filter_call *call)
{
    for (size_t abi = 0; abi < FILTER_ABIS; abi++)
        if (call->number[abi] >= 0 &&
            sometimes_passes(policy, abi, (uint32_t)call->number[abi]))
            return true;
    return false;
}
