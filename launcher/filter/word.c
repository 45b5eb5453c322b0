/*
 * word.c - one word of SystemCallFilter=, read (see word.h)
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* strerrorname_np */
#endif
#include "launcher/filter/word.h"

#include "base/scope.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define ERRNO_MAX 4095

/* ---- answers ---- */

static const struct {
    const char *word;
    uint32_t answer;
} answers[] = {
    {"allow", FILTER_ALLOW},
    {"log", FILTER_LOG},
    {"kill", FILTER_KILL},
    {"trap", FILTER_TRAP},
};

int filter_answer_parse(const char *text, uint32_t *ret_answer)
{
    long long number;

    for (size_t i = 0; i < COOP_COUNT(answers); i++)
        if (strcmp(answers[i].word, text) == 0)
            return *ret_answer = answers[i].answer, 0;
    if (str_to_int(text, 0, ERRNO_MAX, &number) == 0)
        return *ret_answer = FILTER_ERRNO(number), 0;
    for (int code = 1; code <= 255; code++) {
        const char *name = strerrorname_np(code);

        if (name && strcmp(name, text) == 0)
            return *ret_answer = FILTER_ERRNO(code), 0;
    }
    return -1;
}

void filter_answer_render(uint32_t answer, struct buf *out)
{
    bool is_errno = (answer & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO;
    unsigned code = answer & SECCOMP_RET_DATA;
    const char *name = is_errno ? strerrorname_np((int)code) : NULL;

    for (size_t i = 0; i < COOP_COUNT(answers); i++)
        if (answers[i].answer == answer)
            name = answers[i].word;
    if (name && strcmp(name, "0") != 0)
        buf_add_text(out, name);
    else if (is_errno)
        buf_addf(out, "%u", code);
    else
        buf_addf(out, "answer %#x", answer);
}

/* ---- values ---- */

static const struct {
    const char *name;
    uint64_t value;
} constants[] = {
#define CONSTANT(name) {#name, (uint64_t)(name)},
#include "launcher/filter/constants.def"
#undef CONSTANT
};

static int unknown_constant(const char *name, struct coop_err *err)
{
    const char *names[COOP_COUNT(constants) + 1] = {NULL};
    const char *nearest;

    for (size_t i = 0; i < COOP_COUNT(constants); i++)
        names[i] = constants[i].name;
    nearest = str_nearest(name, names);
    coop_fail(err, COOP_E_UNKNOWN,
              "'%.200s' is neither a number nor a constant that is known here", name);
    return nearest ? coop_hint(err, "did you mean '%s'?", nearest)
                   : coop_hint(err, "give it as a number");
}

static int parse_one_value(const char *text, uint64_t *ret_value, struct coop_err *err)
{
    bool negative = text[0] == '-';
    char *end;

    for (size_t i = 0; i < COOP_COUNT(constants); i++)
        if (strcmp(constants[i].name, text) == 0)
            return *ret_value = constants[i].value, 0;
    if (text[negative] < '0' || text[negative] > '9')
        return unknown_constant(text, err);
    errno = 0;
    *ret_value = strtoull(text + negative, &end, 0);
    if (errno || *end)
        return coop_fail(err, COOP_E_SYNTAX, "'%.200s' is not a number of 64 bits", text);
    if (negative)
        *ret_value = 0 - *ret_value;
    return 0;
}

int filter_value_parse(const char *text, uint64_t *ret_value, struct coop_err *err)
{
    uint64_t all = 0;

    for (size_t length;; text += length + 1) {
        char one[64];
        uint64_t value = 0;

        length = strcspn(text, "|");
        if (length == 0 || length >= sizeof one)
            return coop_fail(err, COOP_E_SYNTAX, "expected a number or a constant's name");
        str_format(one, sizeof one, "%.*s", (int)length, text);
        if (parse_one_value(one, &value, err) < 0)
            return -1;
        all |= value;
        if (!text[length])
            break;
    }
    *ret_value = all;
    return 0;
}

/* ---- tests ---- */

static const struct {
    const char *text;
    enum filter_op op;
} operators[] = {
    {"!=", FILTER_NE}, {"<=", FILTER_LE}, {">=", FILTER_GE}, {"==", FILTER_EQ},
    {"=", FILTER_EQ},  {"<", FILTER_LT},  {">", FILTER_GT},
};

/* Takes an operator off '*text'; false when there is none. */
static bool take_operator(char **text, uint8_t *ret_op)
{
    for (size_t i = 0; i < COOP_COUNT(operators); i++)
        if (str_starts_with(*text, operators[i].text)) {
            *text += strlen(operators[i].text);
            *ret_op = (uint8_t)operators[i].op;
            return true;
        }
    return false;
}

/* "&MASK", "&MASK=VALUE": '*text' is behind the '&' and ends behind the operator. */
static int take_mask(char **text, struct filter_test *test, struct coop_err *err)
{
    size_t length = strcspn(*text, "=!<>");
    char *mask = *text, after = mask[length];
    int r;

    mask[length] = '\0';
    r = filter_value_parse(mask, &test->mask, err);
    mask[length] = after;
    *text = mask + length;
    if (r < 0 || take_operator(text, &test->op))
        return r;
    if (after)
        return coop_fail(err, COOP_E_SYNTAX, "after a mask comes '=', '!=' or nothing");
    test->op = FILTER_ANY;
    return test->mask ? 0 : coop_fail(err, COOP_E_RANGE, "a mask without bits is never met");
}

static int bad_test(const char *text, struct coop_err *err)
{
    coop_fail(err, COOP_E_SYNTAX, "'%.200s' is no argument test", text);
    return coop_hint(err, "arguments count from 0 to 5: 1=TIOCSTI, 0!=AF_UNIX, 2&0x8, 1&7=2");
}

static int parse_test(char *text, struct filter_test *ret_test, struct coop_err *err)
{
    struct filter_test test = {.mask = UINT64_MAX};
    char *rest = text + 1;

    if (text[0] < '0' || text[0] > '5')
        return bad_test(text, err);
    test.argument = (uint8_t)(text[0] - '0');
    if (str_starts_with(rest, "/32")) {
        test.narrow = true;
        rest += 3;
    }
    if (*rest == '&') {
        rest++;
        if (take_mask(&rest, &test, err) < 0)
            return -1;
    } else if (!take_operator(&rest, &test.op)) {
        return bad_test(text, err);
    }
    if (test.op == FILTER_ANY)
        test.value = test.mask; /* so that its width is looked at */
    else if (filter_value_parse(rest, &test.value, err) < 0)
        return -1;
    *ret_test = test;
    return 0;
}

/* ---- the word ---- */

static int parse_tests(char *text, struct filter_word *word, struct coop_err *err)
{
    for (char *rest = text, *one; (one = strsep(&rest, ",")) != NULL;) {
        if (word->count == FILTER_CLAUSE_TESTS)
            return coop_fail(err, COOP_E_LIMIT, "more than %d tests", FILTER_CLAUSE_TESTS);
        if (parse_test(one, &word->tests[word->count++], err) < 0)
            return -1;
    }
    return 0;
}

static int parse_answer(const char *text, struct filter_word *word, struct coop_err *err)
{
    if (filter_answer_parse(text, &word->answer) < 0) {
        coop_fail(err, COOP_E_UNKNOWN, "'%.200s' is no answer to a system call", text);
        return coop_hint(err,
                         "answers are: kill, trap, log, allow, an errno like EPERM, or its "
                         "number");
    }
    word->has_answer = true;
    return 0;
}

static int check_name(const char *name, struct coop_err *err)
{
    const char *nearest;

    if (strcmp(name, "default") == 0 || strcmp(name, "@known") == 0 ||
        (name[0] == '@' ? filter_set_find(name) >= 0 : filter_call_find(name) != NULL))
        return 0;
    nearest = filter_call_nearest(name);
    coop_fail(err, COOP_E_UNKNOWN, "there is no %s '%.200s'",
              name[0] == '@' ? "set of system calls" : "system call", name);
    return nearest ? coop_hint(err, "did you mean '%s'?", nearest)
                   : coop_hint(err, "sets begin with '@'; `systemd-analyze syscall-filter` and "
                                    "the manual list them");
}

/* 'text' is a copy that may be cut to pieces. */
static int parse_pieces(char *text, struct filter_word *word, struct coop_err *err)
{
    char *tests = strchr(text, '('), *end = tests ? strchr(tests, ')') : NULL;
    char *answer = strchr(end ? end : text, ':');

    if (tests && (!end || (end[1] && end[1] != ':')))
        return coop_fail(err, COOP_E_SYNTAX,
                         "tests stand between '(' and ')', an answer behind");
    if (answer)
        *answer++ = '\0';
    if (tests) {
        *tests++ = '\0';
        *end = '\0';
    }
    if (str_copy(word->name, sizeof word->name, text) < 0)
        return coop_fail(err, COOP_E_UNKNOWN, "a name of more than %zu bytes",
                         sizeof word->name - 1);
    if (check_name(word->name, err) < 0 || (tests && parse_tests(tests, word, err) < 0) ||
        (answer && parse_answer(answer, word, err) < 0))
        return -1;
    if (strcmp(word->name, "default") == 0 && (word->count || word->has_answer))
        return coop_fail(err, COOP_E_SYNTAX, "'default' takes neither tests nor an answer");
    return 0;
}

int filter_word_parse(const char *text, size_t length, struct filter_word *ret_word,
                      struct coop_err *err)
{
    char copy[FILTER_WORD_MAX + 1];

    if (length > FILTER_WORD_MAX)
        return coop_fail(err, COOP_E_LIMIT, "a word of more than %d bytes", FILTER_WORD_MAX);
    memcpy(copy, text, length);
    copy[length] = '\0';
    memset(ret_word, 0, sizeof *ret_word);
    if (parse_pieces(copy, ret_word, err) < 0)
        return coop_while(err, "'%.*s'", (int)(length < 80 ? length : 80), text);
    return 0;
}
