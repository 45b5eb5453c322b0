/*
 * tell.c - what a compiled filter does, in words (see tell.h)
 */
#include "launcher/filter/tell.h"

#include "base/buf.h"
#include "launcher/filter/bytes.h"
#include "launcher/filter/calls.h"
#include "launcher/filter/word.h"

#include <stdbool.h>
#include <string.h>

#define ANSWERS_MAX 24
#define COLUMNS     96

/* ---- asking ---- */

struct asked {
    uint32_t answer; /* with all arguments 0      */
    bool judges;     /* arguments were looked at  */
};

static struct asked ask(const struct sock_filter *code, size_t count, enum filter_abi abi,
                        uint32_t number)
{
    const struct seccomp_data data = {.nr = (int)(number | filter_abis[abi].bit),
                                      .arch = filter_abis[abi].audit_arch};
    struct asked asked = {0};

    asked.answer = filter_bytes_run(code, count, &data, &asked.judges);
    return asked;
}

static void print_answer(uint32_t answer, FILE *out)
{
    struct buf text = BUF_INIT((size_t)64);

    filter_answer_render(answer, &text);
    fputs(buf_text(&text), out);
    buf_done(&text);
}

/* ---- a paragraph of names ---- */

struct paragraph {
    const char *indent;
    FILE *out;
    size_t column; /* 0: nothing yet */
};

static void add_name(struct paragraph *p, const char *name)
{
    if (p->column == 0 || p->column + 1 + strlen(name) > COLUMNS)
        p->column = (size_t)fprintf(p->out, "%s%s      ", p->column ? "\n" : "", p->indent);
    p->column += (size_t)fprintf(p->out, " %s", name);
}

static void end_paragraph(struct paragraph *p)
{
    if (p->column)
        fputc('\n', p->out);
}

/* ---- one ABI ---- */

struct answers {
    uint32_t seen[ANSWERS_MAX];
    unsigned calls[ANSWERS_MAX];
    size_t count, usual; /* 'usual' is the index of the most frequent one */
    bool judges;
};

static void note(struct answers *answers, const struct asked *asked)
{
    size_t i = 0;

    if (asked->judges) {
        answers->judges = true;
        return;
    }
    while (i < answers->count && answers->seen[i] != asked->answer)
        i++;
    if (i == ANSWERS_MAX)
        return;
    if (i == answers->count)
        answers->seen[answers->count++] = asked->answer;
    if (++answers->calls[i] > answers->calls[answers->usual])
        answers->usual = i;
}

static bool ask_call(const struct sock_filter *code, size_t count, enum filter_abi abi,
                     const struct filter_call *call, struct asked *ret_asked)
{
    if (call->number[abi] < 0)
        return false;
    *ret_asked = ask(code, count, abi, (uint32_t)call->number[abi]);
    return true;
}

static void tell_names(const struct sock_filter *code, size_t count, enum filter_abi abi,
                       const struct asked *wanted, const char *indent, FILE *out)
{
    struct paragraph p = {indent, out, 0};
    struct asked asked;

    for (size_t i = 0; i < filter_call_count; i++)
        if (ask_call(code, count, abi, &filter_calls[i], &asked) &&
            asked.judges == wanted->judges && (asked.judges || asked.answer == wanted->answer))
            add_name(&p, filter_calls[i].name);
    end_paragraph(&p);
}

static void tell_answers(const struct sock_filter *code, size_t count, enum filter_abi abi,
                         const struct answers *answers, const char *indent, FILE *out)
{
    for (size_t i = 0; i < answers->count; i++) {
        if (i == answers->usual)
            continue;
        fprintf(out, "%s  ", indent);
        print_answer(answers->seen[i], out);
        fputs(":\n", out);
        tell_names(code, count, abi, &(struct asked){answers->seen[i], false}, indent, out);
    }
    if (answers->judges) {
        fprintf(out, "%s  judged by arguments:\n", indent);
        tell_names(code, count, abi, &(struct asked){0, true}, indent, out);
    }
    fprintf(out, "%s  the other %u: ", indent, answers->calls[answers->usual]);
    print_answer(answers->seen[answers->usual], out);
    fputc('\n', out);
}

static void tell_abi(const struct sock_filter *code, size_t count, enum filter_abi abi,
                     const char *indent, FILE *out)
{
    struct answers answers = {.count = 0};
    uint32_t beyond = ask(code, count, abi, FILTER_NUMBERS - 1).answer;
    bool one_for_all;

    for (size_t i = 0; i < filter_call_count; i++) {
        struct asked asked;

        if (ask_call(code, count, abi, &filter_calls[i], &asked))
            note(&answers, &asked);
    }
    one_for_all = !answers.judges && answers.count == 1 && answers.seen[0] == beyond;
    fprintf(out, "%s%s: %s ", indent, filter_abis[abi].name,
            one_for_all ? "all calls" : "numbers without a name");
    print_answer(beyond, out);
    fputc('\n', out);
    if (!one_for_all && answers.count > 0)
        tell_answers(code, count, abi, &answers, indent, out);
}

/* ---- the public calls ---- */

void filter_tell(const struct sock_filter *code, size_t count, const char *indent, FILE *out)
{
    for (int abi = 0; abi < FILTER_ABIS; abi++)
        tell_abi(code, count, (enum filter_abi)abi, indent, out);
}

void filter_tell_numbers(const struct sock_filter *code, size_t count, FILE *out)
{
    for (int abi = 0; abi < FILTER_ABIS; abi++) {
        uint32_t beyond = ask(code, count, (enum filter_abi)abi, FILTER_NUMBERS - 1).answer;

        fprintf(out, "%s: numbers that are not listed ", filter_abis[abi].name);
        print_answer(beyond, out);
        fputc('\n', out);
        for (uint32_t number = 0; number < FILTER_NUMBERS; number++) {
            const struct filter_call *call = filter_call_at((enum filter_abi)abi, number);
            struct asked asked = ask(code, count, (enum filter_abi)abi, number);

            if (!call && !asked.judges && asked.answer == beyond)
                continue;
            fprintf(out, "%s %u %s ", filter_abis[abi].name, number, call ? call->name : "-");
            print_answer(asked.answer, out);
            fputs(asked.judges ? " by arguments\n" : "\n", out);
        }
    }
}
