/*
 * fdstore.c - the caller's side of a descriptor store (see fdstore.h)
 */
#include "launcher/fdstore.h"

#include "base/scope.h"
#include "base/str.h"
#include "launcher/spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct entry {
    char *name;
    int fd;
    bool found; /* an earlier one's, not taken: the descriptor is ours */
};

struct fdstore {
    int dir, socket; /* socket -1: there is none yet */
    pid_t pid;       /* of the process when we have started it, else 0 */
    char *helper;
    struct entry *entries;
    unsigned count;
};

/* ---- our own list ---- */

static struct entry *find(const struct fdstore *store, const char *name)
{
    for (unsigned i = 0; i < store->count; i++)
        if (strcmp(store->entries[i].name, name) == 0)
            return &store->entries[i];
    return NULL;
}

static int add(struct fdstore *store, const char *name, int fd, bool found)
{
    struct entry *grown = realloc(store->entries, (store->count + 1) * sizeof *grown);
    char *copy = strdup(name);

    if (grown)
        store->entries = grown;
    if (!grown || !copy) {
        free(copy);
        return -ENOMEM;
    }
    grown[store->count++] = (struct entry){.name = copy, .fd = fd, .found = found};
    return 0;
}

static void forget(struct fdstore *store, struct entry *entry)
{
    free(entry->name);
    if (entry->found)
        (void)close(entry->fd);
    *entry = store->entries[--store->count];
}

/* ---- the process ---- */

static struct sockaddr_un address(const struct fdstore *store)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    /* by descriptor: the directory's own path may be longer than an address */
    (void)str_format(at.sun_path, sizeof at.sun_path, "/proc/self/fd/%d/descriptors",
                     store->dir);
    return at;
}

/* What the process has, into our list. */
static int take_list(struct fdstore *store)
{
    const struct timeval patience = {.tv_sec = FDSTORE_PATIENCE};
    struct fdstore_message message;
    int fd, r;

    (void)setsockopt(store->socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    while ((r = fdstore_receive(store->socket, &message, &fd)) == 0) {
        if (message.verb == FDSTORE_READY)
            return 0;
        if (fd < 0 || find(store, message.name) || add(store, message.name, fd, true) < 0)
            fd_closep(&fd);
    }
    return r > 0 ? -ECONNRESET : r;
}

/* 0; -ENOENT and -ECONNREFUSED: there is none. */
static int reach(struct fdstore *store)
{
    struct sockaddr_un at = address(store);
    int r;

    store->socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (store->socket < 0)
        return -errno;
    r = connect(store->socket, (const struct sockaddr *)&at, sizeof at) < 0 ? -errno
                                                                            : take_list(store);
    if (r < 0) {
        (void)close(store->socket);
        store->socket = -1;
    }
    return r;
}

static int make_listener(const struct fdstore *store, int *ret_listener)
{
    struct sockaddr_un at = address(store);
    SCOPED_FD fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    (void)unlinkat(store->dir, "descriptors", 0);
    if (fchmod(fd, 0600) < 0 || bind(fd, (const struct sockaddr *)&at, sizeof at) < 0 ||
        listen(fd, 8) < 0)
        return -errno;
    *ret_listener = fd_take(&fd);
    return 0;
}

static int start(struct fdstore *store, struct coop_err *err)
{
    SCOPED_FD listener = -1;
    int r = make_listener(store, &listener);

    if (r < 0)
        return coop_fail_sys(err, -r, "descriptor store");
    if (launch_helper_start(store->helper, "--fdstore", listener, &store->pid, err) < 0)
        return coop_while(err, "descriptor store");
    fd_closep(&listener);
    listener = -1;
    r = reach(store);
    return r < 0 ? coop_fail_sys(err, -r, "descriptor store") : 0;
}

/* A new one, with all that the old one had. */
static int start_again(struct fdstore *store, struct coop_err *err)
{
    if (store->socket >= 0)
        (void)close(store->socket);
    store->socket = -1;
    if (store->pid > 0)
        (void)waitpid(store->pid, NULL, WNOHANG);
    if (start(store, err) < 0)
        return -1;
    for (unsigned i = 0; i < store->count; i++) {
        const struct entry *entry = &store->entries[i];
        int r = fdstore_send(store->socket, FDSTORE_PUT, entry->name, entry->fd);

        if (r < 0)
            return coop_fail_sys(err, -r, "descriptor store");
    }
    return 0;
}

/* ---- the public calls ---- */

int fdstore_open(const char *dir, const char *helper, struct fdstore **ret_store,
                 struct coop_err *err)
{
    struct fdstore *store = calloc(1, sizeof *store);
    int r = 0;

    if (!store || !(store->helper = strdup(helper))) {
        free(store);
        return coop_fail(err, COOP_E_LIMIT, "descriptor store: no memory");
    }
    store->socket = -1;
    store->dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (store->dir < 0)
        r = -errno;
    if (r == 0)
        r = reach(store);
    if (r < 0 && r != -ENOENT && r != -ECONNREFUSED) {
        fdstore_close(store, false);
        return coop_fail_sys(err, -r, "descriptor store in '%s'", dir);
    }
    *ret_store = store;
    return 0;
}

int fdstore_take(struct fdstore *store, const char *name)
{
    struct entry *entry = find(store, name);

    if (!entry || !entry->found)
        return -1;
    entry->found = false;
    return entry->fd;
}

const char *fdstore_found(const struct fdstore *store, const char *prefix)
{
    for (unsigned i = 0; i < store->count; i++)
        if (store->entries[i].found && str_starts_with(store->entries[i].name, prefix))
            return store->entries[i].name;
    return NULL;
}

int fdstore_put(struct fdstore *store, const char *name, int fd, struct coop_err *err)
{
    struct entry *old = find(store, name);
    int r = -EPIPE;

    if (strlen(name) >= FDSTORE_NAME_MAX)
        return coop_fail_sys(err, ENAMETOOLONG, "descriptor store");
    if (old)
        forget(store, old);
    if (store->count == FDSTORE_MAX)
        return coop_fail(err, COOP_E_LIMIT, "descriptor store: %d are there", FDSTORE_MAX);
    if (add(store, name, fd, false) < 0)
        return coop_fail(err, COOP_E_LIMIT, "descriptor store: no memory");
    if (store->socket >= 0)
        r = fdstore_send(store->socket, FDSTORE_PUT, name, fd);
    return r < 0 ? start_again(store, err) : 0;
}

void fdstore_drop(struct fdstore *store, const char *name)
{
    struct entry *entry = find(store, name);

    if (!entry)
        return;
    forget(store, entry);
    if (store->socket >= 0 && fdstore_send(store->socket, FDSTORE_DROP, name, -1) < 0)
        (void)start_again(store, NULL);
}

unsigned fdstore_drop_found(struct fdstore *store)
{
    unsigned dropped = 0;
    const char *name;

    while ((name = fdstore_found(store, "")) != NULL) {
        SCOPED_FREE char *copy = strdup(name);

        if (!copy)
            break;
        fdstore_drop(store, copy);
        dropped++;
    }
    return dropped;
}

void fdstore_close(struct fdstore *store, bool end)
{
    struct fdstore_message message;
    int fd;

    if (!store)
        return;
    while (store->count > 0)
        forget(store, store->entries);
    if (store->socket >= 0 && end && fdstore_send(store->socket, FDSTORE_END, NULL, -1) == 0) {
        while (fdstore_receive(store->socket, &message, &fd) == 0)
            fd_closep(&fd); /* till its end */
        (void)unlinkat(store->dir, "descriptors", 0);
        if (store->pid > 0)
            (void)waitpid(store->pid, NULL, 0);
    }
    if (store->socket >= 0)
        (void)close(store->socket);
    if (store->dir >= 0)
        (void)close(store->dir);
    free(store->entries);
    free(store->helper);
    free(store);
}
