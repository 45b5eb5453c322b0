/*
 * fdstore_serve.c - the descriptor store itself, inside coop-init (libc only; see fdstore.h)
 *
 * One client at a time; the next one waits in the queue until that one has ended.  Nothing but END
 * and SIGKILL ends it: a signal to coopd's process group, or its terminal's, is coopd's business.
 */
#include "launcher/fdstore.h"
#include "launcher/init.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static struct entry {
    int fd;
    char name[FDSTORE_NAME_MAX];
} entries[FDSTORE_MAX];

static unsigned count;

static void drop(const char *name)
{
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(entries[i].name, name) != 0)
            continue;
        (void)close(entries[i].fd);
        count--;
        memmove(&entries[i], &entries[i + 1], (count - i) * sizeof *entries);
        return;
    }
}

static void put(const struct fdstore_message *message, int fd)
{
    drop(message->name);
    if (count == FDSTORE_MAX) {
        (void)close(fd);
        return;
    }
    entries[count].fd = fd;
    memcpy(entries[count].name, message->name, sizeof message->name);
    count++;
}

static int tell_all(int client)
{
    int r = 0;

    for (unsigned i = 0; i < count && r == 0; i++)
        r = fdstore_send(client, FDSTORE_HAVE, entries[i].name, entries[i].fd);
    return r == 0 ? fdstore_send(client, FDSTORE_READY, NULL, -1) : r;
}

/* Until the client is gone. 1: it wants the end. */
static int listen_to(int client)
{
    struct fdstore_message message;
    int fd, r;

    while ((r = fdstore_receive(client, &message, &fd)) <= 0) {
        if (r < 0)
            return 0;
        if (message.verb == FDSTORE_PUT && fd >= 0) {
            put(&message, fd);
            continue;
        }
        if (fd >= 0)
            (void)close(fd);
        if (message.verb == FDSTORE_DROP)
            drop(message.name);
        if (message.verb == FDSTORE_END)
            return 1;
    }
    return 0;
}

/* The directory is its owner's alone, but root's runs may be looked at by anybody's mistake. */
static int is_friend(int client)
{
    struct ucred who = {0};
    socklen_t len = sizeof who;

    return getsockopt(client, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 && who.uid == geteuid();
}

int fdstore_serve(int listener)
{
    uint64_t old_mask;
    int over = 0;

    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)prctl(PR_SET_NAME, "coop-fdstore");
    (void)setsid();
    init_block_signals(&old_mask);
    init_default_signals();
    init_let_go(&listener, 1);
    while (!over) {
        int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

        if (client < 0)
            return EXIT_FAILURE;
        if (is_friend(client) && tell_all(client) == 0)
            over = listen_to(client);
        (void)close(client);
    }
    return EXIT_SUCCESS;
}
