/*
 * hider - moves what it has written behind each look at a folder
 *
 *     hider FOLDER        until it is killed
 *
 * Two directories with many names, and one large file in the one that is not being walked: the
 * kernel tells who watches a directory when it is opened and closed.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES 3000
#define LARGE (4 << 20)

static const char *const where[] = {"a/large", "b/large"};

static int make(const char *dir)
{
    char name[32];

    if (mkdir(dir, 0755) < 0)
        return -1;
    for (int i = 0; i < NAMES; i++) {
        int fd;

        (void)snprintf(name, sizeof name, "%s/%d", dir, i);
        fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        if (fd < 0)
            return -1;
        close(fd);
    }
    return 0;
}

/* What happens to the two: which of them in *ret_dir, true when it is opened, false when closed. */
static int next_event(int events, const int *watches, int *ret_dir)
{
    static _Alignas(struct inotify_event) char news[4096];
    static ssize_t at, got;
    const struct inotify_event *event;

    do {
        if (at >= got) {
            got = (int)read(events, news, sizeof news);
            at = 0;
            if (got <= 0)
                return -1;
        }
        event = (const void *)(news + at);
        at += (ssize_t)(sizeof *event + event->len);
    } while (!(event->mask & IN_ISDIR) || event->len > 0);
    *ret_dir = event->wd == watches[1];
    return event->mask & IN_OPEN ? 1 : 0;
}

int main(int argc, char **argv)
{
    int watches[2], at = 0, fd, dir, opened, events = inotify_init1(IN_CLOEXEC);

    if (argc < 2 || chdir(argv[1]) < 0 || make("a") < 0 || make("b") < 0)
        return 1;
    for (int i = 0; i < 2; i++)
        watches[i] = inotify_add_watch(events, i ? "b" : "a", IN_OPEN | IN_CLOSE_NOWRITE);
    for (int closed = 0; closed != 3;) { /* until a look has seen both, or one of the last */
        opened = next_event(events, watches, &dir);
        closed = opened ? closed : closed | 1 << dir;
    }
    at = dir;
    fd = open(where[at], O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (posix_fallocate(fd, 0, LARGE) != 0)
        return 1;
    close(fd);
    while ((opened = next_event(events, watches, &dir)) >= 0) {
        int to = opened ? !dir : dir;

        if (to != at && rename(where[at], where[to]) == 0)
            at = to;
    }
    return 1;
}
