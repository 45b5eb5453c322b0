/*
 * observe.c - what can be expected, or saved
 *
 *     expect [not] OBSERVATION [OP] VALUE [-within T]        OP: == != < <= > >= ~
 *     save VAR = OBSERVATION
 *
 * An observation turns into a text: `exit`, `file PATH`, `s1 state web`.  What may still change
 * is looked at again after every event until the deadline (10 s unless told): one rule for all,
 * so no script has to sleep.
 */
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/scope.h"
#include "look.h"
#include "proc.h"
#include "words.h"
#include "world.h"

enum { EXPECT_SECONDS = 10, HURRY_SECONDS = 3, LOOK_AGAIN_MSEC = 50 };

struct observation {
    const char *word;
    int words;         /* it takes after its own */
    const char *usual; /* operator when none is written */
    bool of_proc;      /* its first word is a process's name */
    bool settled;      /* cannot change any more: looked at once */
    int (*look)(struct scn *s, struct proc *p, char **argv, struct text *ret_value);
};

/* ---- the last command ---- */

static int need_last(struct scn *s)
{
    return s->last ? SCN_OK : scn_fail(s, "no command has been given yet");
}

static int see_exit(struct scn *s, struct proc *p, char **argv, struct text *ret)
{
    (void)p, (void)argv;
    if (need_last(s) != SCN_OK)
        return SCN_FAILED;
    text_set(ret, "%d", proc_exit_code(s->last));
    return SCN_OK;
}

static int see_took(struct scn *s, struct proc *p, char **argv, struct text *ret)
{
    (void)p, (void)argv;
    if (need_last(s) != SCN_OK)
        return SCN_FAILED;
    text_set(ret, "%d", (int)(s->last->took / COOP_NSEC_PER_MSEC / s->slow));
    return SCN_OK;
}

static int see_out(struct scn *s, struct proc *p, char **argv, struct text *ret)
{
    const struct proc *from = p ? p : s->last;

    (void)argv;
    if (!from)
        return need_last(s);
    ret->len = 0;
    text_add(ret, text_str(&from->out.got), from->out.got.len);
    return SCN_OK;
}

static int see_err(struct scn *s, struct proc *p, char **argv, struct text *ret)
{
    const struct proc *from = p ? p : s->last;

    (void)argv;
    if (!from)
        return need_last(s);
    ret->len = 0;
    text_add(ret, text_str(&from->err.got), from->err.got.len);
    return SCN_OK;
}

/* A value inside JSON; "a.b.length" is how many an array or object has. */
static void render_path(json_t *top, const char *path, struct text *ret)
{
    const char *end = strstr(path, "length");
    json_t *at = end && end[strlen("length")] == '\0'
                     ? look_path(top, keep_printf("%.*s", (int)(end - path), path))
                     : NULL;

    if (!json_is_array(at) && !json_is_object(at)) {
        look_render(look_path(top, path), ret);
        return;
    }
    text_set(ret, "%zu", json_is_array(at) ? json_array_size(at) : json_object_size(at));
}

static int see_json(struct scn *s, struct proc *p, char **argv, struct text *ret)
{
    json_error_t bad;
    json_t *top;

    (void)p;
    if (need_last(s) != SCN_OK)
        return SCN_FAILED;
    top = json_loads(text_str(&s->last->out.got), JSON_DECODE_ANY, &bad);
    if (!top)
        return scn_fail(s, "the output is not JSON: %s: %.300s", bad.text,
                        text_str(&s->last->out.got));
    render_path(top, argv[0], ret);
    json_decref(top);
    return SCN_OK;
}

/* ---- the world ---- */

static int see_value(struct scn *s, struct proc *p, char **argv, struct text *ret)
{
    (void)s, (void)p;
    text_set(ret, "%s", argv[0]);
    return SCN_OK;
}

static int see_file(struct scn *s, struct proc *p, char **argv, struct text *ret)
{
    const char *path =
        argv[0][0] == '/' ? argv[0] : keep_printf("%s/%s", s->world->dir, argv[0]);
    SCOPED_FD fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    char piece[65536];
    ssize_t n;

    (void)p;
    ret->len = 0;
    if (fd < 0) {
        text_set(ret, faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0
                          ? "absent"
                          : "no readable file"); /* a socket, for one */
        return SCN_OK;
    }
    text_add(ret, "", 0);
    while ((n = read(fd, piece, sizeof piece)) > 0)
        text_add(ret, piece, (size_t)n);
    return SCN_OK;
}

static int see_lines(struct scn *s, struct proc *p, char **argv, struct text *ret)
{
    int n = 0;

    if (see_file(s, p, argv, ret) != SCN_OK)
        return SCN_FAILED;
    for (size_t i = 0; i < ret->len; i++)
        n += ret->data[i] == '\n';
    text_set(ret, "%d", n);
    return SCN_OK;
}

/* Everything below the runner that the script did not start itself: "none", or names. */
static int see_leftovers(struct scn *s, struct proc *p, char **argv, struct text *ret)
{
    (void)p, (void)argv;
    if (look_leftovers(s, ret) == 0)
        text_set(ret, "none");
    return SCN_OK;
}

static int see_processes(struct scn *s, struct proc *p, char **argv, struct text *ret)
{
    int n = look_leftovers(s, ret);

    (void)p, (void)argv;
    text_set(ret, "%d", n);
    return SCN_OK;
}

static int see_process(struct scn *s, struct proc *p, char **argv, struct text *ret)
{
    (void)s, (void)p;
    text_set(ret, "%s", look_alive((pid_t)strtol(argv[0], NULL, 10)) ? "alive" : "gone");
    return SCN_OK;
}

/* ---- one supervisor or background program ---- */

static int see_status(struct scn *s, struct proc *p, const char *path, struct text *ret)
{
    json_t *top = p->supervisor ? look_ask(s, p, "status") : NULL;

    if (!top)
        return p->supervisor ? SCN_FAILED : scn_fail(s, "'%s' is no supervisor", p->name);
    render_path(top, path, ret);
    json_decref(top);
    return SCN_OK;
}

static int see_state(struct scn *s, struct proc *p, char **argv, struct text *ret)
{
    return see_status(s, p, keep_printf("%s.state", argv[0]), ret);
}

static int see_pid(struct scn *s, struct proc *p, char **argv, struct text *ret)
{
    return see_status(s, p, keep_printf("%s.pid", argv[0]), ret);
}

static int see_field(struct scn *s, struct proc *p, char **argv, struct text *ret)
{
    return see_status(s, p, keep_printf("%s.%s", argv[0], argv[1]), ret);
}

/* how many services are in a state */
static int see_count(struct scn *s, struct proc *p, char **argv, struct text *ret)
{
    json_t *top = p->supervisor ? look_ask(s, p, "status") : NULL;
    json_t *one;
    size_t i;
    int n = 0;

    if (!top)
        return SCN_FAILED;
    json_array_foreach(top, i, one)
    {
        const char *state = json_string_value(json_object_get(one, "state"));

        n += state && strcmp(state, argv[0]) == 0;
    }
    json_decref(top);
    text_set(ret, "%d", n);
    return SCN_OK;
}

static int see_log(struct scn *s, struct proc *p, char **argv, struct text *ret)
{
    (void)s, (void)argv;
    ret->len = 0;
    text_add(ret, text_str(&p->err.got) + p->err.cursor, p->err.got.len - p->err.cursor);
    return SCN_OK;
}

static int see_daemon(struct scn *s, struct proc *p, char **argv, struct text *ret)
{
    const struct {
        const char *word;
        int (*look)(pid_t);
    } counts[] = {{"zombies", look_zombies},
                  {"fds", look_fds},
                  {"children", look_children},
                  {"threads", look_threads}};

    for (size_t i = 0; i < COOP_COUNT(counts); i++)
        if (strcmp(counts[i].word, argv[-1]) == 0)
            text_set(ret, "%d", counts[i].look(p->pid));
    if (strcmp(argv[-1], "process") == 0)
        text_set(ret, "%d", (int)p->pid);
    if (strcmp(argv[-1], "runs") == 0)
        text_set(ret, "%s", p->pid != 0 && !p->ended ? "yes" : "no");
    (void)s;
    return SCN_OK;
}

/* clang-format off */
static const struct observation observations[] = {
    {"exit",      0, "==", false, true,  see_exit},
    {"took",      0, "<",  false, true,  see_took},
    {"out",       0, "~",  false, true,  see_out},
    {"err",       0, "~",  false, true,  see_err},
    {"json",      1, "==", false, true,  see_json},
    {"value",     1, "==", false, true,  see_value},
    {"file",      1, "~",  false, false, see_file},
    {"lines",     1, "==", false, false, see_lines},
    {"processes", 0, "==", false, false, see_processes},
    {"leftovers", 0, "==", false, false, see_leftovers},
    {"process",   1, "==", false, false, see_process},
    {"state",     1, "==", true,  false, see_state},
    {"pid",       1, "==", true,  false, see_pid},
    {"field",     2, "==", true,  false, see_field},
    {"count",     1, "==", true,  false, see_count},
    {"log",       0, "~",  true,  false, see_log},
    {"out",       0, "~",  true,  false, see_out},
    {"err",       0, "~",  true,  false, see_err},
    {"zombies",   0, "==", true,  false, see_daemon},
    {"fds",       0, "==", true,  false, see_daemon},
    {"children",  0, "==", true,  false, see_daemon},
    {"threads",   0, "==", true,  false, see_daemon},
    {"process",   0, "==", true,  false, see_daemon},
    {"runs",      0, "==", true,  false, see_daemon},
};
/* clang-format on */

/* What the words mean: the row, the process, and where its own arguments begin. */
static const struct observation *find(const struct scn *s, struct args *a,
                                      struct proc **ret_proc)
{
    *ret_proc = a->argc > 1 ? proc_named(s, a->argv[0]) : NULL;
    if (*ret_proc) {
        a->argv++;
        a->argc--;
    }
    for (size_t i = 0; i < COOP_COUNT(observations); i++) {
        const struct observation *o = &observations[i];

        if (a->argc > o->words && o->of_proc == (*ret_proc != NULL) &&
            strcmp(o->word, a->argv[0]) == 0) {
            a->argv++;
            a->argc--;
            return o;
        }
    }
    return NULL;
}

int observe(struct scn *s, struct args *a, struct text *ret_value)
{
    struct proc *p;
    const struct observation *o = find(s, a, &p);

    if (!o)
        return scn_fail(s, "nothing to observe in '%s'", a->argc > 0 ? a->argv[0] : "");
    return o->look(s, p, a->argv, ret_value);
}

/* ---- comparing ---- */

static int match(struct scn *s, const char *text, const char *pattern, regoff_t *ret_end)
{
    regmatch_t where;
    regex_t re;
    int r = regcomp(&re, pattern, REG_EXTENDED | REG_NEWLINE);

    if (r != 0)
        return scn_fail(s, "not a regular expression: '%s'", pattern);
    r = regexec(&re, text, 1, &where, 0);
    if (r == 0)
        *ret_end = where.rm_eo;
    regfree(&re);
    return r == 0;
}

/* 1 it holds, 0 it does not, SCN_FAILED nonsense */
static int holds(struct scn *s, const char *seen, const char *op, const char *wanted,
                 regoff_t *ret_end)
{
    long a = strtol(seen, NULL, 10), b = strtol(wanted, NULL, 10);

    if (strcmp(op, "~") == 0)
        return match(s, seen, wanted, ret_end);
    if (strcmp(op, "==") == 0)
        return strcmp(seen, wanted) == 0;
    if (strcmp(op, "!=") == 0)
        return strcmp(seen, wanted) != 0;
    return strcmp(op, "<") == 0    ? a < b
           : strcmp(op, "<=") == 0 ? a <= b
           : strcmp(op, ">") == 0  ? a > b
                                   : a >= b;
}

static const char *take_operator(struct args *a, const char *usual)
{
    static const char *const all[] = {"==", "!=", "<", "<=", ">", ">=", "~"};

    for (size_t i = 0; a->argc > 0 && i < COOP_COUNT(all); i++) {
        if (strcmp(all[i], a->argv[0]) == 0) {
            a->argv++;
            a->argc--;
            return all[i];
        }
    }
    return usual;
}

static const char *baseline_of(const struct proc *p, const char *wanted, const char *word)
{
    if (!p || strcmp(wanted, "baseline") != 0)
        return wanted;
    return keep_printf("%d", strcmp(word, "fds") == 0 ? p->baseline_fds : p->baseline_children);
}

int word_expect(struct scn *s, struct args *a)
{
    const char *within = args_option(a, "-within");
    coop_nsec deadline = words_deadline(
        s, within, (s->hurry ? HURRY_SECONDS : EXPECT_SECONDS) * COOP_NSEC_PER_SEC);
    const bool negate = strcmp(a->argv[0], "not") == 0;
    struct text seen = {0};
    struct proc *p;

    a->argv += negate;
    a->argc -= negate;
    const struct observation *o = find(s, a, &p);

    if (!o)
        return scn_fail(s, "nothing to observe in '%s'", a->argc > 0 ? a->argv[0] : "");
    char **own = a->argv;

    a->argv += o->words;
    a->argc -= o->words;
    const char *op = take_operator(a, o->usual);

    if (a->argc != 1 || deadline < 0)
        return scn_fail(s, "one value is expected after '%s %s'", o->word, op);
    const char *wanted = baseline_of(p, a->argv[0], o->word);
    regoff_t end = 0;
    int is = 0, result = SCN_OK;

    for (bool more = true; more;) {
        coop_nsec now = scn_now();

        more = !o->settled && now < deadline;
        result = o->look(s, p, own, &seen);
        is = result == SCN_OK ? holds(s, text_str(&seen), op, wanted, &end) : 0;
        if (is < 0 || (is ^ (int)negate) == 1)
            break;
        if (more)
            scn_pump(s, now + LOOK_AGAIN_MSEC * COOP_NSEC_PER_MSEC < deadline
                            ? now + LOOK_AGAIN_MSEC * COOP_NSEC_PER_MSEC
                            : deadline);
    }
    if (is == 1 && !negate && o->look == see_log)
        p->err.cursor += (size_t)end; /* the next `expect log` reads on from here */
    if (result == SCN_OK && is >= 0 && (is ^ (int)negate) == 0)
        result = scn_fail(s, "%s%s %s '%s' is not met\n  seen: %.1500s", negate ? "not " : "",
                          o->word, op, wanted, text_str(&seen));
    text_free(&seen);
    return is < 0 ? SCN_FAILED : result;
}
