/* Between processes: pages, queues, permits.  Both sides are this one. */
#include "everything.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sys.h"

/* ---- a page ---- */

static void read_page(const struct coop_page *page, int number)
{
    struct coop_page seen;
    int fd = (int)FINE(sys_fcntl_int(page->fd, F_DUPFD_CLOEXEC, 0), 0, 0), value = 0;

    if (fd < 0)
        return;
    if (FINE(coop_page_attach(&seen, fd, sizeof value), 0, 0) < 0) {
        FINE(sys_close(fd), 0, 0);
        return;
    }
    HOLDS(coop_page_read(&seen, &value) == 1 && value == number);
    HOLDS(coop_page_turn(&seen) == coop_page_turn(page));
    HOLDS(FINE(coop_page_alive(&seen), 0, 0) != 0);
    coop_page_done(&seen);
}

static void publish(void)
{
    struct coop_page page;
    int number = 42;

    if (FINE(coop_page_new(&page, "failing", sizeof number), 0, 0) < 0)
        return;
    coop_page_publish(&page, &number);
    read_page(&page, number);
    coop_page_done(&page);
}

/* ---- a queue ---- */

static void take_message(int end)
{
    char text[ROOM];
    struct coop_queue_message got = {.data = text, .room = sizeof text};

    if (FINE(coop_queue_recv(end, &got, in_patience()), ETIMEDOUT, 0) < 0)
        return;
    HOLDS(got.size == 5 && got.pid == getpid() && got.fd_count == 1);
    close_it(got.fds[0]);
}

static void queue_up(void)
{
    int ends[2];

    if (FINE(coop_queue_pair(ends, 0), 0, 0) < 0)
        return;
    if (FINE(coop_queue_send(ends[0], "words", 5, &ends[0], 1, in_patience()), ETIMEDOUT, 0) ==
        0)
        take_message(ends[1]);
    close_it(ends[0]);
    close_it(ends[1]);
}

static void adopt(void)
{
    int ends[2];

    if (FINE(sys_socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0, 0) < 0)
        return;
    FINE(coop_queue_adopt(ends[0], COOP_QUEUE_MESSAGE_MAX), 0, 0);
    close_it(ends[0]);
    close_it(ends[1]);
}

/* ---- permits ---- */

static int await_permit(void *arg)
{
    struct coop_shared_sem *sem = arg;

    if (FINE(coop_shared_sem_acquire(sem, in_patience()), ETIMEDOUT, 0) >= 0)
        HOLDS(coop_shared_sem_release(sem) == 0);
    return 0;
}

/* One permit, which is there; two handles. */
static void hand_over(struct coop_shared_sem *first, struct coop_shared_sem *second)
{
    struct coop_scope scope;

    HOLDS(coop_shared_sem_acquire(first, COOP_NOW) == 0);
    coop_scope_init(&scope, "permit", 0);
    FINE(coop_go(&scope, await_permit, second), 0, 0);
    coop_sleep_until(in_a_moment());
    HOLDS(coop_shared_sem_free_permits(first) == 0);
    HOLDS(coop_shared_sem_release(first) == 0);
    HOLDS(coop_scope_wait(&scope) == 0);
    HOLDS(coop_shared_sem_free_permits(second) == 1);
}

static void permit(void)
{
    struct coop_shared_sem *first, *second;
    int fds[2], copies[2];

    if (FINE(coop_shared_sem_new(&first, 1), 0, 0) < 0)
        return;
    coop_shared_sem_fds(first, fds);
    for (int i = 0; i < 2; i++)
        copies[i] = (int)FINE(sys_fcntl_int(fds[i], F_DUPFD_CLOEXEC, 0), 0, 0);
    /* Whoever cannot find out which namespace it is in must not trust a pid. */
    if (copies[0] >= 0 && copies[1] >= 0 &&
        FINE(coop_shared_sem_attach(&second, copies[0], copies[1]), EXDEV, EINVAL) == 0) {
        hand_over(first, second);
        coop_shared_sem_close(second);
    } else {
        close_it(copies[0]);
        close_it(copies[1]);
    }
    coop_shared_sem_close(first);
}

void share(void)
{
    if (!world->shares)
        return;
    publish();
    queue_up();
    adopt();
    permit();
}
