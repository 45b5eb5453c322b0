/*
 * emit.c - from a table of answers to classic BPF (see policy.h)
 *
 * Jumps of a conditional reach 255 instructions.  What is jumped over is written first, and when it
 * turns out longer, an unconditional jump is put between: all jumps are relative, so what has been
 * written can be moved.
 */
#include "launcher/filter/policy.h"

#include "base/scope.h"

#include <errno.h>
#include <linux/bpf_common.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENTS_MAX (2 * FILTER_NUMBERS + 4)
#define CLAUSE_CODE  (6 * FILTER_CLAUSE_TESTS)

/* Numbers from 'start' to the next segment's: one answer, or one call with clauses. */
struct segment {
    uint32_t start, answer, clauses;
};

struct emitter {
    const struct filter_policy *policy;
    struct segment segments[SEGMENTS_MAX];
    size_t segment_count;
    struct sock_filter code[BPF_MAXINSNS];
    size_t count;
    bool full;
};

/* ---- instructions ---- */

static void put(struct emitter *e, unsigned code, uint32_t k, unsigned if_true,
                unsigned if_false)
{
    if (e->count == BPF_MAXINSNS)
        e->full = true;
    else
        e->code[e->count++] =
            (struct sock_filter){(uint16_t)code, (uint8_t)if_true, (uint8_t)if_false, k};
}

static void put_load(struct emitter *e, size_t offset)
{
    put(e, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void put_return(struct emitter *e, uint32_t answer)
{
    put(e, BPF_RET | BPF_K, answer, 0, 0);
}

/* Makes the conditional at 'at' go to the end of the code when it is 'taken', else on. */
static void jump_to_end(struct emitter *e, size_t at, bool taken)
{
    size_t distance = e->count - at - 1;

    if (e->full)
        return;
    if (distance <= UINT8_MAX) {
        *(taken ? &e->code[at].jt : &e->code[at].jf) = (uint8_t)distance;
        return;
    }
    put_return(e, 0); /* room for one more */
    if (e->full)
        return;
    memmove(&e->code[at + 2], &e->code[at + 1], distance * sizeof *e->code);
    e->code[at + 1] = (struct sock_filter){BPF_JMP | BPF_JA, 0, 0, (uint32_t)distance};
    *(taken ? &e->code[at].jf : &e->code[at].jt) = 1;
}

/* ---- one clause ---- */

#define NO_OFFSET SIZE_MAX

/* What the accumulator holds, and which jumps lead out of the clause. */
struct clause_state {
    size_t loaded;
    size_t exits[CLAUSE_CODE];
    bool on_true[CLAUSE_CODE];
    size_t exit_count;
};

static size_t half_of(unsigned argument, bool upper)
{
    bool second = upper == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

    return offsetof(struct seccomp_data, args) + 8ul * argument + (second ? 4 : 0);
}

static void load_half(struct emitter *e, struct clause_state *state,
                      const struct filter_test *test, bool upper)
{
    size_t offset = half_of(test->argument, upper);
    uint32_t mask = (uint32_t)(upper ? test->mask >> 32 : test->mask);

    if (state->loaded != offset)
        put_load(e, offset);
    state->loaded = offset;
    if (mask == UINT32_MAX)
        return;
    put(e, BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
    state->loaded = NO_OFFSET;
}

/* Leaves the clause when the comparison comes out as 'when'. */
static void leave(struct emitter *e, struct clause_state *state, unsigned jump, uint32_t value,
                  bool when)
{
    state->exits[state->exit_count] = e->count;
    state->on_true[state->exit_count++] = when;
    put(e, BPF_JMP | jump | BPF_K, value, 0, 0);
}

/* How a 32-bit comparison is said with the three that there are, and which outcome fails. */
static const struct {
    unsigned jump;
    bool fails_on;
} comparisons[] = {
    [FILTER_EQ] = {BPF_JEQ, false}, [FILTER_NE] = {BPF_JEQ, true},
    [FILTER_LT] = {BPF_JGE, true},  [FILTER_LE] = {BPF_JGT, true},
    [FILTER_GT] = {BPF_JGT, false}, [FILTER_GE] = {BPF_JGE, false},
};

static void put_narrow(struct emitter *e, struct clause_state *state,
                       const struct filter_test *test)
{
    struct filter_test whole = *test;

    if (test->op == FILTER_ANY) {
        whole.mask = UINT64_MAX;
        load_half(e, state, &whole, false);
        leave(e, state, BPF_JSET, (uint32_t)test->mask, false);
        return;
    }
    load_half(e, state, test, false);
    leave(e, state, comparisons[test->op].jump, (uint32_t)test->value,
          comparisons[test->op].fails_on);
}

/* 64 bits: the upper halves decide, and when they are equal the lower ones do. */
static void put_wide(struct emitter *e, struct clause_state *state,
                     const struct filter_test *test)
{
    uint32_t upper = (uint32_t)(test->value >> 32);
    struct filter_test whole = *test;
    size_t holds = 0;

    switch (test->op) {
    case FILTER_ANY:
        whole.mask = UINT64_MAX;
        load_half(e, state, &whole, true);
        holds = e->count;
        put(e, BPF_JMP | BPF_JSET | BPF_K, (uint32_t)(test->mask >> 32), 0, 0);
        break;
    case FILTER_EQ:
        load_half(e, state, test, true);
        leave(e, state, BPF_JEQ, upper, false);
        break;
    case FILTER_NE:
        load_half(e, state, test, true);
        holds = e->count;
        put(e, BPF_JMP | BPF_JEQ | BPF_K, upper, 0, 0);
        break;
    default:
        load_half(e, state, test, true);
        holds = e->count;
        if (test->op == FILTER_GT || test->op == FILTER_GE) {
            put(e, BPF_JMP | BPF_JGT | BPF_K, upper, 0, 0);
            leave(e, state, BPF_JEQ, upper, false);
        } else {
            put(e, BPF_JMP | BPF_JGE | BPF_K, upper, 0, 0);
            leave(e, state, BPF_JGT, upper, true);
        }
        break;
    }
    put_narrow(e, state, test);
    if (test->op == FILTER_EQ)
        return;
    /* Which way round the upper half alone makes the test hold. */
    jump_to_end(e, holds,
                test->op == FILTER_ANY || test->op == FILTER_GT || test->op == FILTER_GE);
    state->loaded = NO_OFFSET;
}

static void put_clause(struct emitter *e, const struct filter_clause *clause)
{
    struct clause_state state = {.loaded = NO_OFFSET};
    const struct filter_test *tests = e->policy->tests + clause->tests;

    for (uint32_t i = 0; i < clause->count && !e->full; i++)
        if (tests[i].narrow)
            put_narrow(e, &state, &tests[i]);
        else
            put_wide(e, &state, &tests[i]);
    put_return(e, clause->answer);
    for (size_t i = state.exit_count; i-- > 0;) {
        size_t before = e->count;

        jump_to_end(e, state.exits[i], state.on_true[i]);
        if (e->count != before)
            e->full = true; /* a clause is never that long: FILTER_CLAUSE_TESTS */
    }
}

/* ---- the tree ---- */

static void put_leaf(struct emitter *e, const struct segment *segment)
{
    const struct filter_policy *policy = e->policy;

    for (uint32_t i = segment->clauses; i > 0 && !e->full; i = policy->clauses[i - 1].next)
        put_clause(e, &policy->clauses[i - 1]);
    put_return(e, segment->answer);
}

static void put_tree(struct emitter *e, size_t from, size_t to)
{
    size_t middle = from + (to - from) / 2, at = e->count;

    if (e->full)
        return;
    if (to - from == 1) {
        put_leaf(e, &e->segments[from]);
        return;
    }
    put(e, BPF_JMP | BPF_JGE | BPF_K, e->segments[middle].start, 0, 0);
    put_tree(e, from, middle);
    jump_to_end(e, at, true);
    put_tree(e, middle, to);
}

static void add_segment(struct emitter *e, uint32_t start, uint32_t answer, uint32_t clauses)
{
    struct segment *last = e->segment_count ? &e->segments[e->segment_count - 1] : NULL;

    if (!last || last->answer != answer || last->clauses || clauses)
        e->segments[e->segment_count++] = (struct segment){start, answer, clauses};
}

static void add_numbers(struct emitter *e, enum filter_abi abi)
{
    const struct filter_policy *policy = e->policy;
    uint32_t bit = filter_abis[abi].bit;

    for (uint32_t number = 0; number < FILTER_NUMBERS; number++)
        add_segment(e, number | bit, policy->answers[abi][number],
                    policy->clauses_of[abi][number]);
    add_segment(e, FILTER_NUMBERS | bit, policy->beyond, 0);
}

/* All ABIs of one architecture: they share it, and differ in a bit of the number. */
static void put_architecture(struct emitter *e, enum filter_abi first)
{
    size_t at = e->count;

    put(e, BPF_JMP | BPF_JEQ | BPF_K, filter_abis[first].audit_arch, 0, 0);
    put_load(e, offsetof(struct seccomp_data, nr));
    e->segment_count = 0;
    add_numbers(e, first);
#if defined(__x86_64__)
    if (first == FILTER_NATIVE && e->policy->abis & 1u << FILTER_X32)
        add_numbers(e, FILTER_X32);
    else if (first == FILTER_NATIVE)
        add_segment(e, FILTER_X32_BIT, e->policy->foreign, 0);
#endif
    put_tree(e, 0, e->segment_count);
    jump_to_end(e, at, false);
}

int filter_policy_emit(const struct filter_policy *policy, struct sock_filter **ret_code,
                       size_t *ret_count, struct coop_err *err)
{
    SCOPED_FREE struct emitter *e = malloc(sizeof *e);
    struct sock_filter *code;

    if (!e)
        return coop_fail_sys(err, ENOMEM, "compiling the filter");
    e->policy = policy;
    e->count = 0;
    e->full = false;
    put_load(e, offsetof(struct seccomp_data, arch));
    put_architecture(e, FILTER_NATIVE);
    for (int abi = FILTER_NATIVE + 1; abi < FILTER_ABIS; abi++)
        if (policy->abis & 1u << abi &&
            filter_abis[abi].audit_arch != filter_abis[FILTER_NATIVE].audit_arch)
            put_architecture(e, (enum filter_abi)abi);
    put_return(e, policy->foreign);
    if (e->full)
        return coop_fail(err, COOP_E_LIMIT, "the filter has more than %d instructions",
                         BPF_MAXINSNS);
    code = malloc(e->count * sizeof *code);
    if (!code)
        return coop_fail_sys(err, ENOMEM, "compiling the filter");
    memcpy(code, e->code, e->count * sizeof *code);
    *ret_code = code;
    *ret_count = e->count;
    return 0;
}
