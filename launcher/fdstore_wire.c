/*
 * fdstore_wire.c - one message of a descriptor store (see fdstore.h); both sides, libc only
 */
#include "launcher/fdstore.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "launcher/pass.h"

int fdstore_send(int socket, enum fdstore_verb verb, const char *name, int fd)
{
    struct fdstore_message message = {.magic = FDSTORE_MAGIC, .verb = verb};
    size_t length = name ? strlen(name) : 0;

    if (length >= sizeof message.name)
        return -ENAMETOOLONG;
    if (name)
        memcpy(message.name, name, length);
    return pass_send(socket, &message, sizeof message, &fd, fd >= 0, 0);
}

int fdstore_receive(int socket, struct fdstore_message *ret_message, int *ret_fd)
{
    struct passed came;
    ssize_t got = pass_receive(socket, ret_message, sizeof *ret_message, 1, &came, 0);

    *ret_fd = -1;
    if (got <= 0)
        return got < 0 ? (int)got : 1;
    if (came.count > 0)
        *ret_fd = came.fds[0];
    if (got == (ssize_t)sizeof *ret_message && ret_message->magic == FDSTORE_MAGIC &&
        memchr(ret_message->name, '\0', sizeof ret_message->name))
        return 0;
    if (*ret_fd >= 0)
        (void)close(*ret_fd);
    *ret_fd = -1;
    return -EPROTO;
}
