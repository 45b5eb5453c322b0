/* What must not be done with what processes share (queue.h, page.h, shared_sem.h). */
#include "misuse.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>

/* ---- queue.h ---- */

static int wrong_messages(void)
{
    static char text[COOP_QUEUE_MESSAGE_MAX + 1];
    struct coop_queue_message msg = {.data = text, .room = sizeof text};
    int ends[2], fds[COOP_QUEUE_FDS_MAX + 1];

    for (int i = 0; i <= COOP_QUEUE_FDS_MAX; i++)
        fds[i] = 0;
    CHECK(coop_queue_pair(ends, 0) == 0);
    CHECK(coop_queue_send(ends[0], text, 0, NULL, 0, COOP_NOW) == -EINVAL);
    CHECK(coop_queue_send(ends[0], text, sizeof text, NULL, 0, COOP_NOW) == -EMSGSIZE);
    CHECK(coop_queue_send(ends[0], text, 1, fds, COOP_QUEUE_FDS_MAX + 1, COOP_NOW) == -EINVAL);
    CHECK(coop_queue_send(ends[0], text, 1, fds, -1, COOP_NOW) == -EINVAL);
    CHECK(coop_queue_send(ends[0], text, 1, (int[]){-1}, 1, COOP_NOW) == -EBADF);
    CHECK(coop_queue_recv(ends[1], &msg, COOP_NOW) == -EAGAIN); /* nothing of it was sent */
    CHECK(coop_queue_send(ends[0], text, 2, NULL, 0, COOP_NOW) == 0);
    msg.room = 1;
    CHECK(coop_queue_recv(ends[1], &msg, COOP_NOW) == -EMSGSIZE);
    close(ends[1]);
    CHECK(coop_queue_send(ends[0], text, 1, NULL, 0, COOP_NOW) == -EPIPE);
    msg.room = sizeof text;
    CHECK(coop_queue_recv(ends[0], &msg, COOP_FOREVER) == 0);
    return 0;
}

static int wrong_ends(void)
{
    struct coop_queue_message msg = {0};
    int pair[2];

    CHECK(coop_queue_adopt(-1, 0) == -EBADF);
    CHECK(coop_queue_send(-1, "x", 1, NULL, 0, COOP_NOW) == -EBADF);
    CHECK(coop_queue_recv(-1, &msg, COOP_NOW) == -EBADF);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    CHECK(coop_queue_adopt(pair[0], 0) == -EPROTOTYPE);
    return 0;
}

/* ---- page.h ---- */

static int wrong_pages(void)
{
    struct coop_page page, reader;
    int value = 1;

    CHECK(coop_page_new(&page, "none", 0) == -EINVAL);
    coop_page_done(&page);
    CHECK(coop_page_new(&page, "large", COOP_PAGE_MAX + 1) == -EINVAL);
    coop_page_done(&page);
    CHECK(coop_page_attach(&reader, -1, sizeof value) < 0);
    coop_page_done(&reader);
    CHECK(coop_page_attach(&reader, memfd_create("open", MFD_CLOEXEC), sizeof value) ==
          -EINVAL);
    CHECK(coop_page_new(&page, "ints", sizeof value) == 0);
    CHECK(coop_page_attach(&reader, dup(page.fd), sizeof value + 1) == -EINVAL);
    CHECK(coop_page_read(&page, &value) == 0); /* nothing published */
    coop_page_done(&page);
    return 0;
}

/* ---- shared_sem.h ---- */

static int wrong_permits(void)
{
    struct coop_shared_sem *sem = NULL;

    coop_shared_sem_close(NULL);
    CHECK(coop_shared_sem_new(&sem, 0) == -EINVAL);
    CHECK(coop_shared_sem_new(&sem, COOP_SHARED_SEM_MAX + 1) == -EINVAL);
    CHECK(coop_shared_sem_attach(&sem, -1, -1) < 0);
    CHECK(coop_shared_sem_attach(&sem, memfd_create("other", MFD_CLOEXEC), 0) == -EINVAL);
    CHECK(coop_shared_sem_new(&sem, 1) == 0);
    CHECK(coop_shared_sem_release(sem) == -EPERM);
    CHECK(coop_shared_sem_acquire(sem, COOP_NOW) == 0);
    CHECK(coop_shared_sem_acquire(sem, COOP_NOW) == -EAGAIN);
    CHECK(coop_shared_sem_release(sem) == 0 && coop_shared_sem_release(sem) == -EPERM);
    coop_shared_sem_close(sem);
    return 0;
}

static const struct misuse rows[] = {
    RETURNS("messages beyond the limits", wrong_messages),
    RETURNS("ends that are none", wrong_ends),
    RETURNS("pages beyond the limits, foreign memory", wrong_pages),
    RETURNS("permits beyond the limits, released twice", wrong_permits),
};

MISUSE_MAIN(rows)
