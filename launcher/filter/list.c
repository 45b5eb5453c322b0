/*
 * list.c - SystemCallFilter= and SystemCallLog= (see list.h)
 */
#include "launcher/filter/list.h"

#include "base/scope.h"
#include "base/str.h"
#include "launcher/filter/word.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\n"

/* ---- walking over a line ---- */

typedef int word_fn(void *arg, bool inverted, const struct filter_word *word,
                    struct coop_err *err);

static int walk_line(const char *line, word_fn *visit, void *arg, struct coop_err *err)
{
    bool inverted;
    size_t length;

    line += strspn(line, BLANKS);
    inverted = *line == '~';
    for (line += inverted; *line; line += length) {
        struct filter_word word;

        line += strspn(line, BLANKS);
        length = strcspn(line, BLANKS);
        if (length == 0)
            break;
        if (filter_word_parse(line, length, &word, err) < 0 ||
            visit(arg, inverted, &word, err) < 0)
            return -1;
    }
    return 0;
}

static bool is_inverted(const char *line)
{
    return line[strspn(line, BLANKS)] == '~';
}

/* ---- calls that a filter cannot judge ---- */

/* Makes further calls, through memory that it shares with the kernel. */
static bool is_ring(const struct filter_call *call)
{
    return str_starts_with(call->name, "io_uring_");
}

/* Absent is better than refused: libc then calls what can be judged. */
static bool has_fallback(const struct filter_call *call)
{
    return is_ring(call) || strcmp(call->name, "clone3") == 0;
}

/* A call that does the work of others where a filter cannot look: in memory, or by a number of its
 * own.  It is open only when all of those are, on every ABI and without a test. */
static const struct {
    const char *name, *behind; /* behind: names with a blank between */
} doors[] = {
    /* clang-format off */
    {"clone3", "clone"},
    {"socketcall", "accept accept4 bind connect getpeername getsockname getsockopt listen "
                   "recvfrom recvmmsg recvmsg sendmmsg sendmsg sendto setsockopt shutdown socket "
                   "socketpair"},
    {"ipc", "msgctl msgget msgrcv msgsnd semctl semget semop semtimedop shmat shmctl shmdt shmget"},
    /* clang-format on */
};

static bool is_open(const struct filter_policy *policy, const char *names)
{
    char name[sizeof((struct filter_word *)NULL)->name];

    for (size_t length; *names; names += length + (names[length] != '\0')) {
        length = strcspn(names, " ");
        str_format(name, sizeof name, "%.*s", (int)length, names);
        if (!filter_policy_passes(policy, filter_call_find(name)))
            return false;
    }
    return true;
}

void filter_close_doors(struct filter_policy *policy)
{
    for (size_t i = 0; i < COOP_COUNT(doors); i++) {
        const struct filter_call *call = filter_call_find(doors[i].name);

        if (filter_policy_may_pass(policy, call) && !is_open(policy, doors[i].behind))
            filter_policy_answer_call(policy, call, FILTER_ABSENT);
    }
}

/* ---- applying ---- */

struct list {
    struct filter_policy *policy;
    uint32_t refusal;
};

static uint32_t refusal_of(const struct list *list, const struct filter_call *call)
{
    return has_fallback(call) ? FILTER_ABSENT : list->refusal;
}

static int apply_call(const struct list *list, bool inverted, const struct filter_word *word,
                      const struct filter_call *call, struct coop_err *err)
{
    uint32_t answer = inverted ? refusal_of(list, call) : FILTER_ALLOW;

    if (word->has_answer)
        answer = word->answer;
    if (word->count > 0)
        return filter_policy_clause_call(list->policy, call, word->tests, word->count, answer,
                                         err);
    filter_policy_answer_call(list->policy, call, answer);
    return 0;
}

static int apply_set(const struct list *list, bool inverted, const struct filter_word *word,
                     struct coop_err *err)
{
    int set = filter_set_find(word->name);
    uint32_t bits = set < 0 ? UINT32_MAX : UINT32_C(1) << set; /* @known: whatever has a name */

    for (size_t i = 0; i < filter_call_count; i++) {
        const struct filter_call *call = &filter_calls[i];

        if (set >= 0 && !(call->sets & bits))
            continue;
        if (!inverted && is_ring(call))
            continue;
        if (!inverted && !word->has_answer && !word->count &&
            filter_policy_may_pass(list->policy, call) &&
            !filter_policy_passes(list->policy, call))
            continue; /* a set never takes away a test that an earlier word made */
        if (apply_call(list, inverted, word, call, err) < 0)
            return -1;
    }
    return 0;
}

static int take_default_away(struct coop_err *err)
{
    (void)coop_fail(err, COOP_E_RANGE, "'default' can be started from, not taken away");
    return coop_hint(err, "name what is to be refused");
}

static int apply_word(void *arg, bool inverted, const struct filter_word *word,
                      struct coop_err *err)
{
    struct list *list = arg;

    if (strcmp(word->name, "default") == 0 && inverted)
        return take_default_away(err);
    if (strcmp(word->name, "default") == 0) {
        struct list ours = {list->policy, FILTER_ERRNO(EPERM)};

        for (const char *const *line = filter_default_lines; *line; line++)
            if (walk_line(*line, apply_word, &ours, err) < 0)
                return -1;
        return 0;
    }
    return word->name[0] == '@'
               ? apply_set(list, inverted, word, err)
               : apply_call(list, inverted, word, filter_call_find(word->name), err);
}

static int note_default(void *arg, bool inverted, const struct filter_word *word,
                        struct coop_err *err)
{
    bool *found = arg;

    (void)err;
    *found = *found || (!inverted && strcmp(word->name, "default") == 0);
    return 0;
}

static bool has_default(const char *line)
{
    bool found = false;

    (void)walk_line(line, note_default, &found, NULL);
    return found;
}

/* Where the first line starts from. */
static void start(struct list *list, const char *first)
{
    struct filter_word everything = {.name = "@default"};

    if (is_inverted(first)) {
        filter_policy_init(list->policy, FILTER_ALLOW, FILTER_ABSENT);
    } else {
        filter_policy_init(list->policy, list->refusal, FILTER_ABSENT);
        if (!has_default(first))
            (void)apply_set(list, false, &everything, NULL); /* no tests: cannot fail */
    }
    for (size_t i = 0; i < filter_call_count; i++)
        if (is_ring(&filter_calls[i]) ||
            (!is_inverted(first) && has_fallback(&filter_calls[i])))
            filter_policy_answer_call(list->policy, &filter_calls[i], FILTER_ABSENT);
}

/* ---- the public calls ---- */

static int check_word(void *arg, bool inverted, const struct filter_word *word,
                      struct coop_err *err)
{
    const bool *names_only = arg;
    const struct filter_call *call = filter_call_find(word->name);

    if (inverted && strcmp(word->name, "default") == 0)
        return take_default_away(err);
    if (*names_only && (word->count || word->has_answer || strcmp(word->name, "default") == 0))
        return coop_fail(err, COOP_E_SYNTAX, "'%.200s': only names of calls and sets",
                         word->name);
    for (size_t i = 0; i < word->count; i++)
        if (filter_test_check(&word->tests[i], call ? call->ints : 0, err) < 0)
            return coop_while(err, "'%s'", word->name);
    return 0;
}

int filter_line_check(const char *line, struct coop_err *err)
{
    bool names_only = false;

    return walk_line(line, check_word, &names_only, err);
}

int filter_log_check(const char *line, struct coop_err *err)
{
    bool names_only = true;

    return walk_line(line, check_word, &names_only, err);
}

int filter_lines_apply(const struct strlist *lines, const uint32_t *refusal,
                       struct filter_policy *policy, struct coop_err *err)
{
    struct list list = {.policy = policy};

    if (lines->count == 0)
        return 0;
    list.refusal = refusal                        ? *refusal
                   : has_default(lines->items[0]) ? FILTER_ERRNO(EPERM)
                                                  : FILTER_KILL;
    start(&list, lines->items[0]);
    for (size_t i = 0; i < lines->count; i++)
        if (walk_line(lines->items[i], apply_word, &list, err) < 0)
            return -1;
    return 0;
}

static const char no_nesting[] =
    "~clone(0&CLONE_NEWNS|CLONE_NEWCGROUP|CLONE_NEWUTS|CLONE_NEWIPC|CLONE_NEWUSER|CLONE_NEWPID|"
    "CLONE_NEWNET) "
    "unshare(0&CLONE_NEWNS|CLONE_NEWCGROUP|CLONE_NEWUTS|CLONE_NEWIPC|CLONE_NEWUSER|CLONE_NEWPID|"
    "CLONE_NEWNET|CLONE_NEWTIME) setns clone3";

int filter_refuse(struct filter_policy *policy, const char *line, struct coop_err *err)
{
    struct list list = {policy, FILTER_ERRNO(EPERM)};

    return walk_line(line, apply_word, &list, err);
}

int filter_refuse_nesting(struct filter_policy *policy, struct coop_err *err)
{
    return filter_refuse(policy, no_nesting, err);
}

/* ---- the log ---- */

struct log {
    bool named[FILTER_ABIS][FILTER_NUMBERS];
    bool started;
};

static int mark(void *arg, bool inverted, const struct filter_word *word, struct coop_err *err)
{
    struct log *log = arg;
    int set = word->name[0] == '@' ? filter_set_find(word->name) : -1;
    bool all = strcmp(word->name, "@known") == 0;

    (void)err;
    if (!log->started && inverted)
        memset(log->named, true, sizeof log->named);
    log->started = true;
    for (size_t i = 0; i < filter_call_count; i++) {
        const struct filter_call *call = &filter_calls[i];
        bool meant = all || (set >= 0 ? (call->sets >> set & 1) != 0
                                      : strcmp(call->name, word->name) == 0);

        for (size_t abi = 0; meant && abi < FILTER_ABIS; abi++)
            if (call->number[abi] >= 0)
                log->named[abi][call->number[abi]] = !inverted;
    }
    return 0;
}

static void log_names(struct filter_policy *policy, const struct log *log)
{
    for (size_t abi = 0; abi < FILTER_ABIS; abi++)
        for (size_t number = 0; number < FILTER_NUMBERS; number++) {
            if (!log->named[abi][number])
                continue;
            if (policy->answers[abi][number] == FILTER_ALLOW)
                policy->answers[abi][number] = FILTER_LOG;
            for (uint32_t c = policy->clauses_of[abi][number]; c;
                 c = policy->clauses[c - 1].next)
                if (policy->clauses[c - 1].answer == FILTER_ALLOW)
                    policy->clauses[c - 1].answer = FILTER_LOG;
        }
}

int filter_log_apply(const struct strlist *lines, struct filter_policy *policy,
                     struct coop_err *err)
{
    SCOPED_FREE struct log *log = calloc(1, sizeof *log);

    if (!log)
        return coop_fail_sys(err, ENOMEM, "compiling the filter");
    for (size_t i = 0; i < lines->count; i++)
        if (walk_line(lines->items[i], mark, log, err) < 0)
            return -1;
    log_names(policy, log);
    return 0;
}
