/*
 * close_unheard - who registers a descriptor while it is closed is told that it is closed
 *
 * No storm: the seam to the kernel holds still what a race would have to hit.  A close is about to
 * reach the kernel; a reader who has found nothing registers the descriptor just then, and would
 * wait for an edge of what nobody has open any more.
 */
#include "stress/stress.h"

#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#define HOLD_MSEC 100 /* a reader who waits for the close to be over does not read again */

static struct sys_ops ops;
static int ends[2];
static _Atomic(bool) closes;
static _Atomic(int) reads;

static int hold_close(int fd)
{
    if (fd == ends[0]) {
        atomic_store(&closes, true);
        for (int i = 0; i < HOLD_MSEC && atomic_load(&reads) < 2; i++)
            (void)poll(NULL, 0, 1);
    }
    return sys_kernel.close(fd);
}

static ssize_t count_read(int fd, void *ret_buf, size_t size)
{
    ssize_t r = sys_kernel.read(fd, ret_buf, size);

    if (fd == ends[0])
        atomic_fetch_add(&reads, 1);
    return r;
}

static int reader(__attribute__((unused)) void *arg)
{
    char byte;

    while (!atomic_load(&closes))
        coop_yield();
    HOLDS(coop_read(ends[0], &byte, 1, in_seconds(PATIENCE)) == -EBADF);
    return 0;
}

static int root(__attribute__((unused)) void *arg)
{
    struct coop_scope scope;

    HOLDS(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    coop_scope_init(&scope, "reader", 0);
    HOLDS(coop_go(&scope, reader, NULL) == 0);
    HOLDS(coop_fd_close(ends[0]) == 0);
    HOLDS(coop_scope_wait(&scope) == 0);
    HOLDS(atomic_load(&reads) > 0);
    HOLDS(coop_fd_close(ends[1]) == 0);
    return 0;
}

int main(void)
{
    struct coop_options o = {.name = "close-unheard", .procs = 2};

    ops = sys_kernel;
    ops.close = hold_close;
    ops.read = count_read;
    sys_install(&ops);
    HOLDS(coop_main(&o, root, NULL) == 0);
    return 0;
}
