/*
 * memory.c - what a timer remembers (see memory.h)
 */
#include "timers/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/scope.h"
#include "base/str.h"
#include "base/sys.h"

enum { LINE_MAX_BYTES = 256, PATH_BYTES = 512 };

static int path_of(char path[PATH_BYTES], const char *state_dir, const char *name,
                   const char *ending)
{
    return str_format(path, PATH_BYTES, "%s/timers/%s%s", state_dir, name, ending);
}

int timer_memory_read(const char *state_dir, const char *name, const char *boot_id,
                      struct timer_past *past)
{
    char path[PATH_BYTES], text[LINE_MAX_BYTES + 1], boot[64];
    struct timer_past was = *past;
    SCOPED_FD fd = -1;
    ssize_t n;

    if (path_of(path, state_dir, name, "") < 0)
        return 0;
    fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);
    n = fd < 0 ? fd : sys_read(fd, text, LINE_MAX_BYTES);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    if (sscanf(text, "T1 %63s %" SCNd64 " %" SCNd64 " %u %" SCNd64 " %" SCNd64 "\n", boot,
               &was.began, &was.last_mono, &was.done, &was.seen, &was.last) != 6 ||
        was.seen < 0 || was.last < 0 || was.began < 0 || was.last_mono < 0)
        return 0;
    past->seen = was.seen;
    past->last = was.last;
    if (strcmp(boot, boot_id) == 0) {
        past->began = was.began;
        past->last_mono = was.last_mono;
        past->done = was.done;
    }
    return 1;
}

static int write_to(const char *path, const char *text, size_t len)
{
    SCOPED_FD fd = sys_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t n = fd < 0 ? fd : sys_write(fd, text, len);

    if (n < 0)
        return (int)n;
    return (size_t)n == len ? 0 : -ENOSPC;
}

int timer_memory_write(const char *state_dir, const char *name, const char *boot_id,
                       const struct timer_past *past, struct coop_err *err)
{
    char path[PATH_BYTES], fresh[PATH_BYTES], dir[PATH_BYTES], text[LINE_MAX_BYTES];
    int r;

    if (path_of(path, state_dir, name, "") < 0 || path_of(fresh, state_dir, name, ".new") < 0 ||
        path_of(dir, state_dir, "", "") < 0)
        return coop_fail(err, COOP_E_LIMIT, "timer '%s': the path is too long", name);
    snprintf(text, sizeof text, "T1 %s %" PRId64 " %" PRId64 " %u %" PRId64 " %" PRId64 "\n",
             boot_id, past->began, past->last_mono, past->done, past->seen, past->last);
    r = write_to(fresh, text, strlen(text));
    if (r == -ENOENT && (r = sys_mkdirat(AT_FDCWD, dir, 0700)) == 0)
        r = write_to(fresh, text, strlen(text));
    if (r == 0)
        r = sys_renameat(AT_FDCWD, fresh, AT_FDCWD, path);
    return r < 0 ? coop_fail_sys(err, r, "timer '%s': '%s'", name, path) : 0;
}

void timer_memory_forget(const char *state_dir, const char *name)
{
    char path[PATH_BYTES];

    if (path_of(path, state_dir, name, "") == 0)
        sys_unlinkat(AT_FDCWD, path, 0);
}
