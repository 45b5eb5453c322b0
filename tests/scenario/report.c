/* report.c - how a failure is told: the script with the unmet line marked, then what was seen
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "look.h"
#include "proc.h"
#include "script.h"

enum { TAIL = 6000 };

static void print_script(const struct scn *s, FILE *out)
{
    const char *at = s->script->text;

    for (int line = 1; *at; line++) {
        const char *end = strchrnul(at, '\n');
        bool here = s->at && s->at->line == line;

        fprintf(out, "%s%4d  %.*s\n", here ? "=>" : "  ", line, (int)(end - at), at);
        if (here)
            fprintf(out, "      ^^^ %s\n", s->why);
        at = *end ? end + 1 : end;
    }
}

static void print_tail(const char *title, const struct text *t, FILE *out)
{
    size_t skip = t->len > TAIL ? t->len - TAIL : 0;

    if (t->len > 0)
        fprintf(out, "---- %s%s\n%s\n", title, skip ? " (its end)" : "", t->data + skip);
}

static void print_status(struct scn *s, struct proc *sup, FILE *out)
{
    char why[sizeof s->why];
    json_t *top;
    char *text;

    memcpy(why, s->why, sizeof why); /* asking may fail, too */
    top = look_ask(s, sup, "status");
    if (!top) {
        fprintf(out, "---- no status of %s: %s\n", sup->name, s->why);
    } else {
        text = json_dumps(top, JSON_COMPACT);
        fprintf(out, "---- status of %s\n%.6000s\n", sup->name, text);
        free(text);
        json_decref(top);
    }
    memcpy(s->why, why, sizeof why);
}

void report_failure(struct scn *s, FILE *out)
{
    struct text left = {0};

    fprintf(out, "FAILED  %s\n        %s\n\n", s->path, s->sentence ? s->sentence : "");
    print_script(s, out);
    fprintf(out, "\n");
    if (s->last) {
        fprintf(out, "---- last command: %s", s->last->argv[0]);
        for (char **word = s->last->argv + 1; *word; word++)
            fprintf(out, " %s", *word);
        fprintf(out, "%s", s->last->ended ? "" : "   (has not ended)");
        fprintf(out, "\n     exit %d\n", s->last->ended ? proc_exit_code(s->last) : -1);
        print_tail("its output", &s->last->out.got, out);
        print_tail("its errors", &s->last->err.got, out);
    }
    for (struct proc *p = s->procs; p; p = p->next) {
        if (p == s->last || p->pid == 0)
            continue;
        fprintf(out, "---- %s: %s\n", p->name, p->ended ? "ended" : "runs");
        if (p->ended)
            fprintf(out, "     exit %d\n", proc_exit_code(p));
        print_tail("its output", &p->out.got, out);
        print_tail("its log", &p->err.got, out);
        if (p->supervisor && !p->ended)
            print_status(s, p, out);
    }
    if (look_leftovers(s, &left) > 0)
        print_tail("processes", &left, out);
    text_free(&left);
}
