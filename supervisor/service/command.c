/*
 * command.c - words and environment of one command (see command.h)
 */
#include "service/command.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/scope.h"
#include "base/str.h"
#include "base/sys.h"
#include "config/identity.h"
#include "service/spawn.h"

enum { ENV_FILE_MAX = 1024 * 1024, WORD_MAX = 128 * 1024 };

static int out_of_memory(struct coop_err *err)
{
    return coop_fail(err, COOP_E_LIMIT, "no memory for the command");
}

/* ---- the environment ---- */

static int put(struct strlist *env, const char *name, const char *value, struct coop_err *err)
{
    SCOPED_FREE char *pair = NULL;

    if (asprintf(&pair, "%s=%s", name, value) < 0) {
        pair = NULL;
        return out_of_memory(err);
    }
    return strlist_env_put(env, pair) < 0 ? out_of_memory(err) : 0;
}

/* "NAME=value" or a comment; quotes round the value or parts of it go away. */
static int env_line(char *line, struct strlist *env)
{
    SCOPED_FREE char *clean = NULL;
    char *to, quote = '\0';
    const char *from;

    while (isspace((unsigned char)*line))
        line++;
    if (*line == '\0' || *line == '#' || *line == ';' || !strchr(line, '='))
        return 0;
    clean = malloc(strlen(line) + 1);
    if (!clean)
        return -ENOMEM;
    to = clean;
    for (from = line; *from; from++) {
        if (!quote && (*from == '"' || *from == '\'')) {
            quote = *from;
        } else if (quote && *from == quote) {
            quote = '\0';
        } else {
            if (*from == '\\' && quote != '\'' && from[1])
                from++;
            *to++ = *from;
        }
    }
    while (to > clean && !quote && from[-1] != '"' && from[-1] != '\'' &&
           isspace((unsigned char)to[-1]))
        to--;
    *to = '\0';
    return strlist_env_put(env, clean);
}

/* Cuts 'text' into logical lines: a backslash before a newline joins the next one. */
static int env_text(char *text, struct strlist *env, struct coop_err *err)
{
    char *line = text, *to = text;

    for (char *from = text;; from++) {
        if (from[0] == '\\' && from[1] == '\n') {
            from++;
            continue;
        }
        if (*from == '\n' || *from == '\0') {
            bool last = *from == '\0';

            *to = '\0';
            if (env_line(line, env) < 0)
                return out_of_memory(err);
            if (last)
                return 0;
            line = to = from + 1;
            continue;
        }
        *to++ = *from;
    }
}

int command_read_env_file(const char *path, struct strlist *env, struct coop_err *err)
{
    bool optional = path[0] == '-';
    const char *name = path + optional;
    SCOPED_FREE char *text = NULL;
    SCOPED_SYS_FD fd = sys_openat(AT_FDCWD, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
    size_t len = 0;

    if (fd == -ENOENT && optional)
        return 0;
    if (fd < 0)
        return coop_fail_sys(err, fd, "EnvironmentFile '%s'", name);
    text = malloc(ENV_FILE_MAX + 1);
    if (!text)
        return out_of_memory(err);
    for (;;) {
        ssize_t n = sys_read(fd, text + len, ENV_FILE_MAX - len);

        if (n < 0)
            return coop_fail_sys(err, (int)n, "EnvironmentFile '%s'", name);
        if (n == 0)
            break;
        len += (size_t)n;
        if (len == ENV_FILE_MAX)
            return coop_fail(err, COOP_E_LIMIT, "EnvironmentFile '%s': more than %d bytes",
                             name, ENV_FILE_MAX);
    }
    text[len] = '\0';
    return env_text(text, env, err);
}

static int put_user(struct strlist *env, const char *user, struct coop_err *err)
{
    struct identity who;
    int failed;

    if (identity_find(user, NULL, &who, err) < 0)
        return -1;
    failed = put(env, "HOME", who.home, err) < 0 || put(env, "USER", who.user, err) < 0 ||
             put(env, "LOGNAME", who.user, err) < 0 || put(env, "SHELL", who.shell, err) < 0;
    identity_done(&who);
    return failed ? -1 : 0;
}

/* What an ordinary user's coopd passes on of its own environment, and root's does not.  Secrets
 * that PassEnvironment= names are passed on all the same: somebody has written it down. */
static int inherit(const struct launch_spec *launch, struct strlist *env, struct coop_err *err)
{
    static const char *const ours[] = {"NOTIFY_SOCKET=", "LISTEN_", "COOP_", "WATCHDOG_"};

    for (char **pair = environ; pair && *pair; pair++) {
        bool skip = launch->scrub_environment && launch_scrubs(*pair, strcspn(*pair, "="));

        for (size_t i = 0; i < COOP_COUNT(ours); i++)
            skip = skip || str_starts_with(*pair, ours[i]);
        if (!skip && strlist_env_put(env, *pair) < 0)
            return out_of_memory(err);
    }
    return 0;
}

static int base_env(const struct svc_spec *spec, struct strlist *env, struct coop_err *err)
{
    const char *lang = getenv("LANG");

    if (put(env, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", err) <
        0)
        return -1;
    if (lang && put(env, "LANG", lang, err) < 0)
        return -1;
    if (geteuid() != 0 && inherit(&spec->launch, env, err) < 0)
        return -1;
    return spec->user ? put_user(env, spec->user, err) : 0;
}

/* sd_listen_fds(3): the child itself writes its PID. */
static int put_sockets(const struct spawn_order *order, struct strlist *env,
                       struct coop_err *err)
{
    char count[16];

    if (order->fd_count == 0)
        return 0;
    str_format(count, sizeof count, "%u", order->fd_count);
    if (put(env, "LISTEN_FDS", count, err) < 0 ||
        put(env, "LISTEN_FDNAMES", order->fd_names, err) < 0)
        return -1;
    return strlist_env_put(env, LAUNCH_LISTEN_PID) < 0 ? out_of_memory(err) : 0;
}

static int whole_env(const struct spawn_order *order, struct strlist *env, struct coop_err *err)
{
    const struct svc_spec *spec = order->spec;

    if (base_env(spec, env, err) < 0)
        return -1;
    for (size_t i = 0; i < spec->pass_env.count; i++) {
        const char *value = getenv(spec->pass_env.items[i]);

        if (value && put(env, spec->pass_env.items[i], value, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < spec->env.count; i++)
        if (strlist_env_put(env, spec->env.items[i]) < 0)
            return out_of_memory(err);
    for (size_t i = 0; i < spec->env_files.count; i++)
        if (command_read_env_file(spec->env_files.items[i], env, err) < 0)
            return -1;
    if (directories_any(&spec->directories)) {
        struct directory_bases bases;

        directories_bases(&bases);
        if (directories_env(&spec->directories, &bases, env) < 0)
            return out_of_memory(err);
    }
    for (const char *const *pair = order->env; pair && *pair; pair++)
        if (strlist_env_put(env, *pair) < 0)
            return out_of_memory(err);
    if (put_sockets(order, env, err) < 0)
        return -1;
    return order->notify ? put(env, "NOTIFY_SOCKET", order->notify, err) : 0;
}

/* ---- $NAME ---- */

static size_t name_length(const char *text)
{
    size_t len = 0;

    if (isdigit((unsigned char)text[0]))
        return 0;
    while (isalnum((unsigned char)text[len]) || text[len] == '_')
        len++;
    return len;
}

/* NULL when it is not set. */
static const char *value_of(const struct strlist *env, const char *name, size_t len)
{
    char text[256];

    if (len >= sizeof text)
        return NULL;
    memcpy(text, name, len);
    text[len] = '\0';
    return strlist_env_get(env, text);
}

/* "$NAME" alone: its value's words become words of the command; none at all when it is empty.
 */
static int add_split(const char *value, struct strlist *to)
{
    while (*value) {
        size_t len;

        value += strspn(value, " \t\n");
        len = strcspn(value, " \t\n");
        if (len > 0 && strlist_add_n(to, value, len) < 0)
            return -ENOMEM;
        value += len;
    }
    return 0;
}

static int add_inside(const char *word, const struct strlist *env, bool strict,
                      struct strlist *to)
{
    struct buf out = BUF_INIT(WORD_MAX);
    char *made;

    while (*word) {
        size_t len = word[0] == '$' && word[1] == '{' ? name_length(word + 2) : 0;
        bool braced = len > 0 && word[2 + len] == '}';
        const char *value = braced ? value_of(env, word + 2, len) : NULL;

        if (strict && word[0] == '$' && word[1] == '$') {
            buf_add_char(&out, '$');
            word += 2;
        } else if (braced && (value || strict)) {
            buf_add_text(&out, value ? value : "");
            word += len + 3;
        } else {
            buf_add_char(&out, *word++);
        }
    }
    made = out.error ? NULL : strdup(buf_text(&out));
    buf_done(&out);
    return made ? strlist_take(to, made) : -ENOMEM;
}

static int add_word(const char *word, const struct strlist *env, bool strict,
                    struct strlist *to)
{
    size_t len = word[0] == '$' ? name_length(word + 1) : 0;
    const char *value;

    if (len == 0 || word[1 + len] != '\0')
        return add_inside(word, env, strict, to);
    value = value_of(env, word + 1, len);
    if (value || strict)
        return add_split(value ? value : "", to);
    return strlist_add(to, word);
}

int command_expand(const struct strlist *words, const struct strlist *env, bool strict,
                   struct strlist *ret_words, struct coop_err *err)
{
    for (size_t i = 0; i < words->count; i++) {
        /* the program itself is never a variable */
        int r = i == 0 ? strlist_add(ret_words, words->items[0])
                       : add_word(words->items[i], env, strict, ret_words);

        if (r < 0)
            return out_of_memory(err);
    }
    return 0;
}

/* ---- the public call ---- */

static int fill(const struct spawn_order *order, struct launch_spec *launch,
                struct coop_err *err)
{
    const struct svc_spec *spec = order->spec;
    const struct exec_spec *exec = &spec->execs[order->kind].items[order->command];

    if (whole_env(order, &launch->env, err) < 0)
        return -1;
    if (exec->as_coopd) {
        launch->uid = launch->gid = LAUNCH_NO_ID;
        launch->set_groups = false;
        strlist_done(&launch->groups);
    }
    if (exec->argv0 && !(launch->argv0 = strdup(exec->argv0)))
        return out_of_memory(err);
    if (exec->literal)
        return strlist_copy(&launch->argv, &exec->argv) < 0 ? out_of_memory(err) : 0;
    return command_expand(&exec->argv, &launch->env, spec->is_unit, &launch->argv, err);
}

int command_prepare(const struct spawn_order *order, struct launch_spec *ret_launch,
                    struct coop_err *err)
{
    struct launch_spec launch;

    if (launch_spec_copy(&launch, &order->spec->launch, err) < 0)
        return -1;
    if (fill(order, &launch, err) < 0) {
        launch_spec_done(&launch);
        return -1;
    }
    *ret_launch = launch;
    return 0;
}
