/*
 * reexec_ask.c - can that program take over?
 *
 * It is run once, as it would be run in earnest, but with --state-format: then it reads its flags
 * and the configuration, and says what it could be handed.  So a file that cannot be executed, one
 * that is no coopd, one that does not know our flags or our format, and a configuration that is
 * broken are all found out while nothing has happened yet.
 */
#include "daemon_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/scope.h"
#include "base/str.h"
#include "base/sys.h"
#include "coop/child.h"
#include "coop/coro.h"
#include "coop/io.h"
#include "handover.h"

#define PATIENCE (10 * COOP_NSEC_PER_SEC)
enum { ANSWER_MAX = 64 * 1024 };

/* ---- running it ---- */

static const char **question(const struct daemon *daemon, const char *path)
{
    char *const *given = daemon->options->argv;
    const char **argv;
    size_t count = 0;

    while (given[count])
        count++;
    argv = calloc(count + 2, sizeof *argv);
    for (size_t i = 0; argv && i < count; i++)
        argv[i] = given[i];
    if (argv) {
        argv[0] = path;
        argv[count] = "--state-format";
    }
    return argv;
}

/* What it prints, until it prints no more. 0 or -errno. */
static int listen_to(int fd, struct buf *answer, coop_nsec deadline)
{
    ssize_t n = 1;

    while (n > 0) {
        if (buf_reserve(answer, 4096) < 0)
            return -EMSGSIZE;
        n = coop_read(fd, answer->data + answer->len, 4096, deadline);
        answer->len += n > 0 ? (size_t)n : 0;
    }
    if (answer->data)
        answer->data[answer->len] = '\0';
    return (int)n;
}

static int start(struct coop_child *child, const char *path, const char **argv, int *ret_fd)
{
    SCOPED_SYS_FD nothing = sys_openat(AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC, 0);
    int ends[2], r = nothing < 0 ? nothing : sys_pipe2(ends, O_CLOEXEC);

    if (r < 0)
        return r;
    r = sys_fcntl_int(ends[0], F_SETFL, O_NONBLOCK);
    if (r >= 0) {
        const int fds[] = {nothing, ends[1], ends[1]};
        const struct coop_spawn what = {.path = path,
                                        .argv = (char *const *)(uintptr_t)argv,
                                        .fds = fds,
                                        .fd_count = COOP_COUNT(fds)};

        r = coop_child_spawn(child, &what, NULL, 0);
    }
    sys_close(ends[1]);
    if (r < 0)
        sys_close(ends[0]);
    else
        *ret_fd = ends[0];
    return r < 0 ? r : 0;
}

/* 0 and its end, or -errno. */
static int run(const char *path, const char **argv, struct buf *answer,
               struct coop_exit *ret_end)
{
    coop_nsec deadline = coop_after(coop_now(), PATIENCE);
    struct coop_child child = {0};
    int fd = -1, r = start(&child, path, argv, &fd);

    if (r < 0)
        return r;
    r = listen_to(fd, answer, deadline);
    coop_fd_close(fd);
    if (r == 0)
        r = coop_child_wait(&child, deadline);
    if (r == 0) {
        *ret_end = child.exit;
        return 0;
    }
    coop_child_kill(&child, SIGKILL);
    coop_child_forget(&child);
    return r;
}

/* ---- judging ---- */

static int judge(const char *path, const struct buf *answer, const struct coop_exit *end,
                 struct coop_err *err)
{
    const char *text = buf_text(answer), *at = strstr(text, "coop-handover ");
    char first[160];
    long long format = 0;

    str_copy(first, sizeof first, text);
    first[strcspn(first, "\n")] = '\0';
    if (end->code != CLD_EXITED || end->status != 0 || !at) {
        coop_fail(err, COOP_E_CHILD, "'%s' cannot take over: %s", path,
                  first[0] ? first : "it does not answer to --state-format");
        return coop_hint(err, "see what '%s --state-format' says with coopd's other flags",
                         path);
    }
    at += strlen("coop-handover ");
    str_copy(first, sizeof first, at);
    first[strcspn(first, "\n")] = '\0';
    if (str_to_int(first, 0, INT_MAX, &format) == 0 && format == HANDOVER_FORMAT)
        return 0;
    coop_fail(err, COOP_E_RANGE,
              "'%s' cannot take over: it takes format %.20s, this one hands over "
              "format %d",
              path, first, HANDOVER_FORMAT);
    return coop_hint(err, "kill coopd, and start that one: it adopts the services");
}

int daemon_ask_next(const struct daemon *daemon, const char *path, struct coop_err *err)
{
    SCOPED_FREE const char **argv = question(daemon, path);
    struct buf answer = BUF_INIT(ANSWER_MAX);
    struct coop_exit end = {0};
    int r = argv ? run(path, argv, &answer, &end) : -ENOMEM;

    if (r < 0)
        r = coop_fail_sys(err, r, "'%s' cannot take over", path);
    else
        r = judge(path, &answer, &end, err);
    buf_done(&answer);
    return r;
}
