/*
 * Any lines of SystemCallFilter=: what is taken compiles, the kernel would take the result, and the
 * result answers as the table that it was made from, also just beside every value of a test.
 */
#include <string.h>

#include "base/scope.h"
#include "fuzz.h"
#include "launcher/filter/bytes.h"
#include "launcher/filter/list.h"

static struct filter_policy policy;

static bool holds(const struct filter_test *test, uint64_t argument)
{
    uint64_t seen = (test->narrow ? (uint32_t)argument : argument) & test->mask;

    switch ((enum filter_op)test->op) {
    case FILTER_EQ: return seen == test->value;
    case FILTER_NE: return seen != test->value;
    case FILTER_LT: return seen < test->value;
    case FILTER_LE: return seen <= test->value;
    case FILTER_GT: return seen > test->value;
    case FILTER_GE: return seen >= test->value;
    case FILTER_ANY: return seen != 0;
    }
    return false;
}

static uint32_t look_up(enum filter_abi abi, uint32_t number, const uint64_t *arguments)
{
    for (uint32_t i = policy.clauses_of[abi][number]; i; i = policy.clauses[i - 1].next) {
        const struct filter_clause *clause = &policy.clauses[i - 1];
        uint32_t met = 0;

        while (met < clause->count &&
               holds(&policy.tests[clause->tests + met],
                     arguments[policy.tests[clause->tests + met].argument]))
            met++;
        if (met == clause->count)
            return clause->answer;
    }
    return policy.answers[abi][number];
}

static void compare(const struct sock_filter *code, size_t count, enum filter_abi abi,
                    uint32_t number, const uint64_t *arguments)
{
    struct seccomp_data data = {.nr = (int)(number | filter_abis[abi].bit),
                                .arch = filter_abis[abi].audit_arch};

    memcpy(data.args, arguments, sizeof data.args);
    FUZZ_CHECK(filter_bytes_run(code, count, &data, NULL) == look_up(abi, number, arguments));
}

/* Around each value that a test names, where comparisons go wrong. */
static void compare_near(const struct sock_filter *code, size_t count, enum filter_abi abi,
                         uint32_t number)
{
    static const uint64_t shifts[] = {0, 1, UINT64_MAX, UINT64_C(1) << 32, UINT64_C(1) << 63};

    for (size_t t = 0; t < policy.test_count && t < 16; t++)
        for (size_t s = 0; s < COOP_COUNT(shifts); s++) {
            uint64_t arguments[6];

            for (size_t a = 0; a < 6; a++)
                arguments[a] = policy.tests[(t + a) % policy.test_count].value;
            arguments[policy.tests[t].argument] = policy.tests[t].value + shifts[s];
            compare(code, count, abi, number, arguments);
        }
}

static void check_compiled(void)
{
    static const uint64_t zeroes[6];
    struct sock_filter *code = NULL;
    struct coop_err err = {0};
    size_t count = 0;

    if (filter_policy_emit(&policy, &code, &count, &err) < 0) {
        FUZZ_CHECK(err.code == COOP_E_LIMIT);
        return;
    }
    FUZZ_CHECK(filter_bytes_check(code, count, &err) == 0);
    for (int abi = 0; abi < FILTER_ABIS; abi++)
        for (uint32_t number = 0; number < FILTER_NUMBERS; number++) {
            if (!policy.clauses_of[abi][number] && number % 61)
                continue; /* of those without tests some will do */
            compare(code, count, (enum filter_abi)abi, number, zeroes);
            if (policy.clauses_of[abi][number])
                compare_near(code, count, (enum filter_abi)abi, number);
        }
    free(code);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[4096], *rest = text;
    struct strlist lines = {0};
    struct coop_err err = {0};

    if (size >= sizeof text)
        size = sizeof text - 1;
    memcpy(text, data, size);
    text[size] = '\0';
    for (char *line; (line = strsep(&rest, "\n")) != NULL && lines.count < 8;)
        if (filter_line_check(line, &err) == 0)
            FUZZ_CHECK(strlist_add(&lines, line) == 0);
        else
            FUZZ_CHECK(err.text[0] != '\0');
    if (lines.count == 0)
        return 0;
    filter_policy_init(&policy, FILTER_ALLOW, FILTER_ABSENT);
    if (filter_lines_apply(&lines, NULL, &policy, &err) == 0) {
        filter_close_doors(&policy);
        check_compiled();
    } else {
        FUZZ_CHECK(err.code == COOP_E_LIMIT);
    }
    filter_policy_done(&policy);
    strlist_done(&lines);
    return 0;
}
