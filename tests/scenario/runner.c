/*
 * runner.c - plays one scenario against the real programs
 *
 *     scenario -bin DIR FILE.scn       exit 0 met, 1 not met (and why), 77 skipped (and why)
 *
 * After the script's last line every supervisor that still runs is asked to stop and must do so
 * with code 0, leave no process behind, and have reported no sanitizer error: what is true at
 * the end of every scenario need not be written into any.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "look.h"
#include "proc.h"
#include "script.h"
#include "words.h"
#include "world.h"

enum { LAST_STOP_SECONDS = 60 };

/* ---- what the parts share ---- */

COOP_FMT(2, 0)
static void say_why(struct scn *s, const char *fmt, va_list ap)
{
    char why[sizeof s->why]; /* the arguments may lie in s->why */

    vsnprintf(why, sizeof why, fmt, ap);
    memcpy(s->why, why, sizeof why);
}

int scn_fail(struct scn *s, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say_why(s, fmt, ap);
    va_end(ap);
    return SCN_FAILED;
}

int scn_skip(struct scn *s, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say_why(s, fmt, ap);
    va_end(ap);
    return SCN_SKIPPED;
}

void scn_set(struct scn *s, const char *name, const char *value)
{
    struct variable *v = s->vars;

    while (v && strcmp(v->name, name) != 0)
        v = v->next;
    if (!v) {
        v = keep(sizeof *v);
        v->name = keep_printf("%s", name);
        v->next = s->vars;
        s->vars = v;
    }
    v->value = keep_printf("%s", value);
}

const char *scn_get(const struct scn *s, const char *name)
{
    for (const struct variable *v = s->vars; v; v = v->next)
        if (strcmp(v->name, name) == 0)
            return v->value;
    return NULL;
}

static void args_remove(struct args *a, int at, int count)
{
    for (int i = at; i + count <= a->argc; i++)
        a->argv[i] = a->argv[i + count]; /* with the NULL at the end */
    a->argc -= count;
}

char *args_option(struct args *a, const char *name)
{
    for (int i = 0; i + 1 < a->argc; i++) {
        if (strcmp(a->argv[i], name) == 0) {
            char *value = a->argv[i + 1];

            args_remove(a, i, 2);
            return value;
        }
    }
    return NULL;
}

bool args_flag(struct args *a, const char *name)
{
    for (int i = 0; i < a->argc; i++) {
        if (strcmp(a->argv[i], name) == 0) {
            args_remove(a, i, 1);
            return true;
        }
    }
    return false;
}

/* ---- the end of every scenario ---- */

static int stop_one(struct scn *s, struct proc *p)
{
    kill(p->pid, p->supervisor ? SIGTERM : SIGKILL);
    if (proc_wait(s, p, words_deadline(s, NULL, LAST_STOP_SECONDS * COOP_NSEC_PER_SEC)) !=
        SCN_OK)
        return SCN_FAILED;
    if (p->supervisor && proc_exit_code(p) != 0)
        return scn_fail(s, "after the script: %s ended with %d", p->name, proc_exit_code(p));
    return SCN_OK;
}

static int check_log(struct scn *s, const struct proc *p)
{
    static const char *const bad[] = {"Sanitizer", "runtime error:"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (strstr(text_str(&p->err.got), bad[i]))
            return scn_fail(s, "%s reported an error of its own ('%s')", p->name, bad[i]);
    return SCN_OK;
}

static int check_leftovers(struct scn *s)
{
    coop_nsec deadline = words_deadline(s, "5s", 0);
    struct text names = {0};
    int result = SCN_OK;

    while (look_leftovers(s, &names) > 0 && scn_pump(s, deadline)) {
    }
    if (look_leftovers(s, &names) > 0)
        result = scn_fail(s, "after the script: left over:%s", text_str(&names));
    text_free(&names);
    return result;
}

static int finish(struct scn *s)
{
    bool killed = false;

    s->at = NULL;
    for (struct proc *p = s->procs; p; p = p->next) {
        if (p->pid != 0 && !p->ended && stop_one(s, p) != SCN_OK)
            return SCN_FAILED;
        if (p->supervisor && p->ended && !p->expected_end && proc_exit_code(p) != 0)
            return scn_fail(s, "%s ended by itself with %d", p->name, proc_exit_code(p));
        if (check_log(s, p) != SCN_OK)
            return SCN_FAILED;
        killed = killed || (p->supervisor && proc_exit_code(p) == 128 + SIGKILL);
    }
    /* a killed coopd may leave its services: the script says what is to become of them */
    return killed ? SCN_OK : check_leftovers(s);
}

/* ---- main ---- */

/* The folder of the script, for what lies beside it. */
static const char *here(const char *path)
{
    char *whole = realpath(path, NULL), *slash = whole ? strrchr(whole, '/') : NULL;
    const char *folder = ".";

    if (slash) {
        *slash = '\0';
        folder = keep_printf("%s", whole);
    }
    free(whole);
    return folder;
}

static int play(struct scn *s, struct world *w)
{
    struct coop_err err = {0};
    int result;

    scn_set(s, "DIR", w->dir);
    scn_set(s, "BIN", w->bin);
    scn_set(s, "CHILD", keep_printf("%s/tests/bin/scn-child", w->bin));
    if (scn_pump_open(&err) < 0)
        return scn_fail(s, "%s", err.text);
    result = scn_play(s, s->script->list);
    return result == SCN_OK ? finish(s) : result;
}

static int tell(struct scn *s, int result)
{
    if (result == SCN_OK)
        printf("ok       %s\n", s->sentence);
    else if (result == SCN_SKIPPED)
        printf("SKIP: %s\n", s->why); /* ./dev test collects this line */
    else
        report_failure(s, stdout);
    fflush(stdout);
    return result == SCN_FAILED ? EXIT_FAILURE : result;
}

/* Whatever the caller has: a script finds the soft limit of descriptors that a login has. */
static void limit_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_max < 1024)
        return;
    limit.rlim_cur = 1024;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
    const char *slow = getenv("COOP_SCN_SLOW");
    struct coop_err err = {0};
    struct script script = {0};
    struct world world;
    struct scn s = {.script = &script,
                    .world = &world,
                    .slow = slow ? atoi(slow) : 1,
                    .hurry = getenv("COOP_SCN_HURRY")};
    int code;

    if (argc != 4 || strcmp(argv[1], "-bin") != 0 || s.slow < 1) {
        fputs("usage: scenario -bin DIR FILE.scn\n", stderr);
        return 2;
    }
    s.path = argv[3];
    scn_set(&s, "HERE", here(s.path));
    limit_descriptors();
    if (script_load(&script, s.path, &err) < 0 || world_open(&world, argv[2], &err) < 0) {
        fprintf(stderr, "scenario: %s\n", err.text);
        return EXIT_FAILURE;
    }
    code = tell(&s, play(&s, &world));
    world_close(&world);
    if (s.last)
        words_forget(&s, s.last); /* `raw` is on no list */
    while (s.procs)
        words_forget(&s, s.procs);
    keep_all_free();
    return code;
}
