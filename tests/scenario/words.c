/*
 * words.c - the words a scenario is made of
 *
 * The table at the end is the language's list of words; README.md tells them with examples.
 * A word gets its arguments with variables replaced and does one thing.
 */
#include "words.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/scope.h"
#include "look.h"
#include "proc.h"
#include "script.h"
#include "wire.h"
#include "world.h"

/* ---- helpers ---- */

static int signal_number(const char *word)
{
    for (int i = 1; i < NSIG; i++)
        if (sigabbrev_np(i) && strcmp(sigabbrev_np(i), word) == 0)
            return i;
    return -1;
}

/* ---- files ---- */

static int write_file(struct scn *s, const char *path, const char *text)
{
    SCOPED_FD fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) ||
        words_give_to_user(s, path) < 0)
        return scn_fail(s, "write '%s': %s", path, coop_strerror(errno));
    return SCN_OK;
}

/* The folders above a file. */
static int make_folders(struct scn *s, const char *path)
{
    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        const char *folder = keep_printf("%.*s", (int)(slash - path), path);

        if (mkdir(folder, 0755) < 0 && errno != EEXIST)
            return scn_fail(s, "folder '%s': %s", folder, coop_strerror(errno));
    }
    return SCN_OK;
}

static int write_block(struct scn *s, const struct args *a, const char *path, const char *head)
{
    char *text = script_expand(s, a->block ? a->block : "", true);

    if (!text || make_folders(s, path) != SCN_OK)
        return SCN_FAILED;
    return write_file(s, path, keep_printf("%s%s", head, text));
}

static int word_file(struct scn *s, struct args *a)
{
    return write_block(s, a, words_path(s, a->argv[0]), "");
}

/* service NAME { keys }: etc/NAME.ini with one section */
static int word_service(struct scn *s, struct args *a)
{
    return write_block(s, a, keep_printf("%s/etc/%s.ini", s->world->dir, a->argv[0]),
                       keep_printf("[Service %s]\n", a->argv[0]));
}

static int word_remove(struct scn *s, struct args *a)
{
    char *path = words_path(s, a->argv[0]);

    return remove(path) < 0 ? scn_fail(s, "remove '%s': %s", path, coop_strerror(errno))
                            : SCN_OK;
}

/* ---- signals ---- */

static int send_signal(struct scn *s, const char *signal_word, pid_t pid)
{
    int signo = signal_number(signal_word);

    if (signo < 0 || pid <= 0)
        return scn_fail(s, "no signal '%s', or no process %d", signal_word, (int)pid);
    if (kill(pid, signo) < 0)
        return scn_fail(s, "signal %s to %d: %s", signal_word, (int)pid, coop_strerror(errno));
    return SCN_OK;
}

/* signal NAME SIGNAL: to a supervisor or a background program */
static int word_signal(struct scn *s, struct args *a)
{
    struct proc *p = proc_named(s, a->argv[0]);

    if (!p || p->ended)
        return scn_fail(s, "'%s' does not run", a->argv[0]);
    p->expected_end = p->expected_end || strcmp(a->argv[1], "KILL") == 0;
    return send_signal(s, a->argv[1], p->pid);
}

/* kill SIGNAL PID|SERVICE|all: to main processes, as an outsider would do it */
static int word_kill(struct scn *s, struct args *a)
{
    const char *whom = a->argv[1];
    struct proc *sup = s->first;
    int result = SCN_OK;
    json_t *top, *one;
    size_t i;

    if (strspn(whom, "0123456789") == strlen(whom))
        return send_signal(s, a->argv[0], (pid_t)strtol(whom, NULL, 10));
    top = sup ? look_ask(s, sup, "status") : NULL;
    if (!top)
        return SCN_FAILED;
    json_array_foreach(top, i, one)
    {
        const char *name = json_string_value(json_object_get(one, "name"));
        pid_t pid = (pid_t)json_integer_value(json_object_get(one, "pid"));

        if (result == SCN_OK && name && (strcmp(whom, "all") == 0 || strcmp(whom, name) == 0))
            result = send_signal(s, a->argv[0], pid);
    }
    json_decref(top);
    return result;
}

/* wait NAME exit CODE [-within T] */
static int word_wait(struct scn *s, struct args *a)
{
    coop_nsec deadline = words_deadline(s, args_option(a, "-within"), 60 * COOP_NSEC_PER_SEC);
    struct proc *p = proc_named(s, a->argv[0]);

    if (!p || a->argc != 3 || strcmp(a->argv[1], "exit") != 0)
        return scn_fail(s, "wait NAME exit CODE: no such name, or no code");
    p->expected_end = true;
    if (proc_wait(s, p, deadline) != SCN_OK)
        return SCN_FAILED;
    if (proc_exit_code(p) != atoi(a->argv[2]))
        return scn_fail(s, "%s ended with %d, not %s", p->name, proc_exit_code(p), a->argv[2]);
    return SCN_OK;
}

/* ---- the wire ---- */

/* raw NAME [-fill N] [-depth N] [-no-end] [-hangup] [TEXT]: bytes to the control socket */
static int word_raw(struct scn *s, struct args *a)
{
    struct wire_message m = {.hang_up = args_flag(a, "-hangup"),
                             .no_end = args_flag(a, "-no-end")};
    const char *fill = args_option(a, "-fill");
    const char *depth = args_option(a, "-depth");
    struct proc *sup = s->first;

    if (!sup)
        return scn_fail(s, "no supervisor");
    m.fill = fill ? strtoul(fill, NULL, 10) : 0;
    m.depth = depth ? strtoul(depth, NULL, 10) : 0;
    m.text = a->argc > 0 ? a->argv[0] : "";
    if (s->last)
        words_forget(s, s->last);
    s->last = words_prepare(s, "raw", "raw");
    return wire_talk(s, sup->socket, &m, &s->last->out.got, words_call_deadline(s));
}

/* hold N TEXT: N clients that begin a call and never end it; $HELD says how many came in */
static int word_hold(struct scn *s, struct args *a)
{
    struct proc *sup = s->first;
    unsigned count;

    if (!sup)
        return scn_fail(s, "no supervisor");
    wire_hold(s, sup->socket, (unsigned)strtoul(a->argv[0], NULL, 10), a->argv[1], &count);
    scn_set(s, "HELD", keep_printf("%u", count));
    return SCN_OK;
}

static int word_release(struct scn *s, struct args *a)
{
    (void)s, (void)a;
    wire_release();
    return SCN_OK;
}

/* fifo LINE: one line into control.fifo beside the socket */
static int word_fifo(struct scn *s, struct args *a)
{
    struct proc *sup = s->first;
    const char *path = keep_printf("%s/control.fifo", sup ? scn_get(s, sup->name) : "");
    SCOPED_FD fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    char *line = keep_printf("%s\n", a->argv[0]);

    if (fd < 0 || write(fd, line, strlen(line)) != (ssize_t)strlen(line))
        return scn_fail(s, "write to '%s': %s", path, coop_strerror(errno));
    return SCN_OK;
}

/* ---- the script itself ---- */

static int word_scenario(struct scn *s, struct args *a)
{
    s->sentence = a->argv[0];
    return SCN_OK;
}

/* require root|world|user|PROGRAM: or the scenario is skipped, with the reason */
static int word_require(struct scn *s, struct args *a)
{
    const char *what = a->argv[0];

    if (strcmp(what, "root") == 0)
        return geteuid() == 0 ? SCN_OK : scn_skip(s, "needs root");
    if (strcmp(what, "world") == 0)
        return s->world->is_private ? SCN_OK : scn_skip(s, "needs root and namespaces");
    if (access(keep_printf("%s/%s", s->world->bin, what), X_OK) == 0 ||
        access(keep_printf("/usr/bin/%s", what), X_OK) == 0 ||
        access(keep_printf("/usr/sbin/%s", what), X_OK) == 0)
        return SCN_OK;
    return scn_skip(s, "needs the program '%s'", what);
}

static int word_env(struct scn *s, struct args *a)
{
    scn_set(s, keep_printf("env.%s", a->argv[0]), a->argv[1]);
    return SCN_OK;
}

/* baseline NAME: remember how many fds and children it has */
static int word_baseline(struct scn *s, struct args *a)
{
    struct proc *p = proc_named(s, a->argv[0]);

    if (!p || p->ended)
        return scn_fail(s, "'%s' does not run", a->argv[0]);
    p->baseline_fds = look_fds(p->pid);
    p->baseline_children = look_children(p->pid);
    return SCN_OK;
}

/* save VAR = OBSERVATION */
static int word_save(struct scn *s, struct args *a)
{
    struct args rest = {.argc = a->argc - 2, .argv = a->argv + 2, .stmt = a->stmt};
    struct text value = {0};
    int result = observe(s, &rest, &value);

    if (result == SCN_OK)
        scn_set(s, a->argv[0], text_str(&value));
    text_free(&value);
    return result;
}

static int word_foreach(struct scn *s, struct args *a)
{
    char *last = strstr(a->argv[1], "..");
    int result = SCN_OK;

    if (!last)
        return scn_fail(s, "foreach VAR FIRST..LAST");
    for (long i = strtol(a->argv[1], NULL, 10), end = strtol(last + 2, NULL, 10);
         i <= end && result == SCN_OK; i++) {
        scn_set(s, a->argv[0], keep_printf("%ld", i));
        result = scn_play(s, a->stmt->body);
    }
    return result;
}

static int word_repeat(struct scn *s, struct args *a)
{
    int result = SCN_OK;

    for (long i = strtol(a->argv[0], NULL, 10); i > 0 && result == SCN_OK; i--)
        result = scn_play(s, a->stmt->body);
    return result;
}

static int play_word(struct scn *s, const char *name, struct args *a);

/* as user WORD...: the rest of the statement is done by the ordinary user */
static int word_as(struct scn *s, struct args *a)
{
    int result;

    if (strcmp(a->argv[0], "user") != 0)
        return scn_fail(s, "as user, nobody else");
    if (!s->world->is_private)
        return scn_skip(s, "needs root and namespaces");
    s->as_user = true;
    struct args rest = {
        .argc = a->argc - 2, .argv = a->argv + 2, .block = a->block, .stmt = a->stmt};
    result = play_word(s, a->argv[1], &rest);
    s->as_user = false;
    return result;
}

/* clang-format off */
static const struct word {
    const char *name;
    int least; /* arguments */
    int (*play)(struct scn *s, struct args *a);
} words[] = {
    /* the script */
    {"scenario",   1, word_scenario},   {"require",    1, word_require},
    {"as",         2, word_as},         {"env",        2, word_env},
    {"save",       3, word_save},       {"baseline",   1, word_baseline},
    {"foreach",    2, word_foreach},    {"repeat",     1, word_repeat},
    {"expect",     1, word_expect},
    /* files */
    {"service",    1, word_service},    {"file",       1, word_file},
    {"remove",     1, word_remove},
    /* programs */
    {"supervisor", 1, word_supervisor}, {"start",      1, word_start},
    {"ctl",        0, word_ctl},        {"run",        0, word_run},
    {"coopd",      0, word_coopd},      {"sh",         1, word_sh},
    {"background", 2, word_background}, {"wait",       3, word_wait},
    {"signal",     2, word_signal},     {"kill",       2, word_kill},
    {"raw",        0, word_raw},        {"fifo",       1, word_fifo},
    {"hold",       2, word_hold},       {"release",    0, word_release},
};
/* clang-format on */

static int play_word(struct scn *s, const char *name, struct args *a)
{
    for (size_t i = 0; i < COOP_COUNT(words); i++)
        if (strcmp(words[i].name, name) == 0)
            return a->argc < words[i].least
                       ? scn_fail(s, "'%s' needs %d words more", name, words[i].least - a->argc)
                       : words[i].play(s, a);
    return scn_fail(s, "no word '%s'", name);
}

int scn_play(struct scn *s, const struct stmt *list)
{
    for (const struct stmt *st = list; st; st = st->next) {
        struct args a = {.argc = st->count - 1, .block = st->block, .stmt = st};
        int result;

        s->at = st;
        a.argv = keep((size_t)(st->count + 1) * sizeof *a.argv);
        for (int i = 1; i < st->count; i++) {
            const struct token *t = &st->tokens[i];

            a.argv[i - 1] = t->as_is ? t->text : script_expand(s, t->text, false);
            if (!a.argv[i - 1])
                return SCN_FAILED;
        }
        result = play_word(s, st->tokens[0].text, &a);
        if (result != SCN_OK)
            return result;
    }
    return SCN_OK;
}
