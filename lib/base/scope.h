#ifndef COOP_BASE_SCOPE_H
#define COOP_BASE_SCOPE_H

#include <stdlib.h>
#include <unistd.h>

/*
 * scope.h - resources that close themselves, and visible moves of ownership
 *
 *     SCOPED_FD fd = open(...);          closed at the end of the block
 *     SCOPED_FREE char *text = strdup(); freed at the end of the block
 *     *ret_fd = fd_take(&fd);            success: the fd leaves the scope, nothing is closed
 *
 * Sound only because a coroutine that waits is never destroyed: it is woken with -ECANCELED and
 * returns through its scopes.  After systemd's fd-util.h and bubblewrap's steal_pointer().
 */

static inline void fd_closep(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline void freep(void *slot)
{
    free(*(void **)slot);
}

#define SCOPED(type, destructor) __attribute__((cleanup(destructor))) type
#define SCOPED_FD                __attribute__((cleanup(fd_closep))) int
#define SCOPED_FREE              __attribute__((cleanup(freep)))

/* Moves a descriptor out of its scope: the scope no longer closes it. */
static inline int fd_take(int *fd)
{
    int moved = *fd;

    *fd = -1;
    return moved;
}

/* Moves a pointer out of its scope: the scope no longer frees it. */
static inline void *ptr_take(void *slot)
{
    void **from = slot;
    void *moved = *from;

    *from = NULL;
    return moved;
}

#define COOP_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
