/*
 * programs.c - the words that start programs: ctl, run, coopd, sh, background, supervisor,
 * start
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/scope.h"
#include "proc.h"
#include "wire.h"
#include "words.h"
#include "world.h"

enum { CALL_SECONDS = 60, HURRY_SECONDS = 6, ENV_MAX = 40, ARGV_MAX = 80 };

/* ---- helpers, also of words.c ---- */

coop_nsec words_deadline(const struct scn *s, const char *word, coop_nsec fallback)
{
    coop_nsec delay = fallback;

    if (word) {
        char *unit;
        long number = strtol(word, &unit, 10);

        if (unit == word)
            return -1;
        delay = number * (strcmp(unit, "ms") == 0    ? COOP_NSEC_PER_MSEC
                          : strcmp(unit, "min") == 0 ? 60 * COOP_NSEC_PER_SEC
                                                     : COOP_NSEC_PER_SEC);
    }
    return coop_after(scn_now(), delay * s->slow);
}

coop_nsec words_call_deadline(const struct scn *s)
{
    return words_deadline(s, NULL,
                          (s->hurry ? HURRY_SECONDS : CALL_SECONDS) * COOP_NSEC_PER_SEC);
}

char *words_path(const struct scn *s, const char *path)
{
    return path[0] == '/' ? keep_printf("%s", path) : keep_printf("%s/%s", s->world->dir, path);
}

int words_give_to_user(const struct scn *s, const char *path)
{
    return s->as_user ? chown(path, s->world->user_uid, s->world->user_gid) : 0;
}

/* ---- starting programs ---- */

/* A small environment of our own, then the sanitizers' words, then `env` of the script. */
static char **environment(const struct scn *s)
{
    static const char *const pass_on[] = {"ASAN_OPTIONS",  "TSAN_OPTIONS", "UBSAN_OPTIONS",
                                          "LSAN_OPTIONS",  "GCOV_PREFIX",  "COOP_SKIP_STEP",
                                          "COOP_SKIP_EDGE"};
    const struct proc *sup = s->first;
    char **env = keep(ENV_MAX * sizeof *env);
    int n = 0;

    env[n++] = keep_printf(
        "PATH=%s:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", s->world->bin);
    env[n++] = keep_printf("HOME=%s%s", s->world->dir, s->as_user ? "/home" : "");
    env[n++] = keep_printf("DIR=%s", s->world->dir);
    env[n++] = keep_printf("CHILD=%s", scn_get(s, "CHILD"));
    env[n++] = keep_printf("LANG=C.UTF-8");
    env[n++] = keep_printf("TZ=UTC");
    if (sup)
        env[n++] = keep_printf("COOP_SOCKET=%s", sup->socket);
    for (size_t i = 0; i < COOP_COUNT(pass_on); i++)
        if (getenv(pass_on[i]))
            env[n++] = keep_printf("%s=%s", pass_on[i], getenv(pass_on[i]));
    for (const struct variable *v = s->vars; v && n < ENV_MAX - 1; v = v->next)
        if (strncmp(v->name, "env.", 4) == 0)
            env[n++] = keep_printf("%s=%s", v->name + 4, v->value);
    return env;
}

struct proc *words_prepare(const struct scn *s, const char *name, const char *program)
{
    struct proc *p = keep(sizeof *p);

    p->name = name;
    p->as_user = s->as_user;
    p->env = environment(s);
    p->argv = keep(ARGV_MAX * sizeof *p->argv);
    p->argv[0] = strchr(program, '/') ? keep_printf("%s", program)
                                      : keep_printf("%s/%s", s->world->bin, program);
    p->out.fd = p->err.fd = -1;
    return p;
}

static void append(struct proc *p, int argc, char **argv)
{
    int n = 0;

    while (p->argv[n])
        n++;
    for (int i = 0; i < argc && n < ARGV_MAX - 1; i++)
        p->argv[n++] = argv[i];
}

void words_forget(struct scn *s, struct proc *p)
{
    struct proc **at = &s->procs;

    while (*at && *at != p)
        at = &(*at)->next;
    if (*at)
        *at = p->next;
    text_free(&p->out.got);
    text_free(&p->err.got);
    fd_closep(&p->out.fd);
    fd_closep(&p->err.fd);
}

int words_call(struct scn *s, const char *program, int argc, char **argv)
{
    struct proc *p = words_prepare(s, program, program);

    append(p, argc, argv);
    if (proc_start(s, p) != SCN_OK)
        return SCN_FAILED;
    s->last = p;
    return proc_wait(s, p, words_call_deadline(s));
}

static int call_and_remember(struct scn *s, const char *program, int argc, char **argv)
{
    if (s->last)
        words_forget(s, s->last);
    s->last = NULL;
    return words_call(s, program, argc, argv);
}

int word_ctl(struct scn *s, struct args *a)
{
    return call_and_remember(s, "coopctl", a->argc, a->argv);
}

int word_run(struct scn *s, struct args *a)
{
    return call_and_remember(s, "coop-run", a->argc, a->argv);
}

int word_coopd(struct scn *s, struct args *a)
{
    return call_and_remember(s, "coopd", a->argc, a->argv);
}

int word_sh(struct scn *s, struct args *a)
{
    char *words[] = {keep_printf("-c"), a->argv[0], NULL};

    return call_and_remember(s, "/bin/sh", 2, words);
}

/* background NAME ctl|run|coopd ARGS... */
int word_background(struct scn *s, struct args *a)
{
    const char *program = strcmp(a->argv[1], "ctl") == 0   ? "coopctl"
                          : strcmp(a->argv[1], "run") == 0 ? "coop-run"
                                                           : a->argv[1];
    struct proc *p = words_prepare(s, a->argv[0], program);

    append(p, a->argc - 2, a->argv + 2);
    return proc_start(s, p);
}

/* ---- supervisors ---- */

static int wait_until_reached(struct scn *s, struct proc *p)
{
    coop_nsec deadline = words_call_deadline(s);

    while (!wire_reaches(p->socket)) {
        if (p->ended)
            return scn_fail(s, "%s ended with %d before it listened on %s", p->name,
                            proc_exit_code(p), p->socket);
        if (scn_now() >= deadline)
            return scn_fail(s, "%s does not listen on %s", p->name, p->socket);
        /* it logs when it listens; the bound is for one that logs nothing */
        scn_pump(s, scn_now() + 20 * COOP_NSEC_PER_MSEC);
    }
    return SCN_OK;
}

int word_start(struct scn *s, struct args *a)
{
    struct proc *p = proc_named(s, a->argv[0]);

    if (!p)
        return scn_fail(s, "no supervisor '%s'", a->argv[0]);
    if (p->pid != 0 && !p->ended)
        return scn_fail(s, "%s runs already", p->name);
    words_forget(s, p);
    p->out.cursor = p->err.cursor = 0;
    if (proc_start(s, p) != SCN_OK)
        return SCN_FAILED;
    return wait_until_reached(s, p);
}

/* supervisor NAME [-start] [-config PATH] [-args ...] */
int word_supervisor(struct scn *s, struct args *a)
{
    const bool start = args_flag(a, "-start");
    const char *config = args_option(a, "-config");
    const char *name = a->argv[0];
    char *home = words_path(s, name);
    struct proc *p = words_prepare(s, name, "coopd");
    char *words[] = {keep_printf("--config"),    words_path(s, config ? config : "etc"),
                     keep_printf("--socket"),    keep_printf("%s/control.sock", home),
                     keep_printf("--state-dir"), keep_printf("%s/state", home),
                     keep_printf("--log-dir"),   keep_printf("%s/log", home)};
    bool extra = a->argc > 1 && strcmp(a->argv[1], "-args") == 0;

    if ((mkdir(home, 0755) < 0 && errno != EEXIST) || words_give_to_user(s, home) < 0)
        return scn_fail(s, "folder '%s': %s", home, coop_strerror(errno));
    append(p, COOP_COUNT(words), words);
    if (extra)
        append(p, a->argc - 2, a->argv + 2);
    p->supervisor = true;
    s->first = s->first ? s->first : p;
    p->socket = words[3];
    p->next = s->procs;
    s->procs = p;
    scn_set(s, name, home);
    a->argc = 1;
    return start ? word_start(s, a) : SCN_OK;
}
