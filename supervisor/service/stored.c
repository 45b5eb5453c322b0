/*
 * stored.c - descriptors that a service gives coopd to keep (FDSTORE=1), and gets back at its next
 * start, behind its sockets
 *
 * They are given up when the service comes to rest (FileDescriptorStorePreserve=).  The descriptor
 * store has copies, so that they outlive a killed coopd; what such a one had been sent and had not
 * read yet is still in the notify socket, and lost with it.
 */
#include "service/svc.h"

#include <linux/kcmp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/scope.h"
#include "base/str.h"
#include "base/sys.h"
#include "coop/block.h"
#include "launcher/fdstore.h"

struct stored {
    int fd;
    bool polled;                  /* given up when its other end is gone */
    char known[FDSTORE_NAME_MAX]; /* what the descriptor store knows it by */
    const char *name;             /* the end of that */
};

struct svc_stored {
    unsigned count, next; /* 'next': the number of the next one */
    struct stored *items;
};

/* ---- the descriptor store ---- */

static void keep_copy(struct svc *svc, const struct stored *item)
{
    struct svc_world *world = svc->world;
    struct coop_err why = {0};
    int r;

    if (!world->store)
        return;
    coop_mutex_lock(&world->storing);
    coop_block_begin();
    r = fdstore_put(world->store, item->known, item->fd, &why);
    coop_block_end();
    coop_mutex_unlock(&world->storing);
    if (r == 0)
        return;
    coop_while(&why, "%s: what it has stored would not outlive a killed coopd", svc->view.name);
    log_err(LOG_LEVEL_WARN, "service", &why);
}

static void drop_copy(struct svc *svc, const struct stored *item)
{
    struct svc_world *world = svc->world;

    if (!world->store)
        return;
    coop_mutex_lock(&world->storing);
    coop_block_begin();
    fdstore_drop(world->store, item->known);
    coop_block_end();
    coop_mutex_unlock(&world->storing);
}

/* ---- the list ---- */

static struct stored *grow(struct svc *svc)
{
    struct stored *grown;

    if (!svc->stored && !(svc->stored = calloc(1, sizeof *svc->stored)))
        return NULL;
    grown = realloc(svc->stored->items, (svc->stored->count + 1) * sizeof *grown);
    if (!grown)
        return NULL;
    svc->stored->items = grown;
    for (unsigned i = 0; i <= svc->stored->count; i++) /* they have moved */
        grown[i].name = i < svc->stored->count ? strrchr(grown[i].known, '/') + 1 : NULL;
    return &grown[svc->stored->count];
}

/* "stored/web/7/1/name": a number of its own, and whether it is looked at. */
static int enter(struct svc *svc, int fd, bool polled, const char *name)
{
    struct stored *item = grow(svc);

    if (!item)
        return -1;
    *item = (struct stored){.fd = fd, .polled = polled};
    if (str_format(item->known, sizeof item->known, "stored/%s/%u/%d/%s", svc->view.name,
                   svc->stored->next, polled, name) < 0)
        return -1;
    item->name = strrchr(item->known, '/') + 1;
    svc->stored->next++;
    svc->view.stored = ++svc->stored->count;
    return 0;
}

static void take_out(struct svc *svc, unsigned at)
{
    struct svc_stored *all = svc->stored;

    drop_copy(svc, &all->items[at]);
    sys_close(all->items[at].fd);
    all->count--;
    for (unsigned i = at; i < all->count; i++) {
        all->items[i] = all->items[i + 1];
        all->items[i].name = strrchr(all->items[i].known, '/') + 1;
    }
    svc->view.stored = all->count;
}

void svc_stored_close(struct svc *svc)
{
    while (svc->stored && svc->stored->count > 0)
        take_out(svc, svc->stored->count - 1);
}

void svc_stored_free(struct svc *svc)
{
    if (svc->stored)
        free(svc->stored->items);
    free(svc->stored);
    svc->stored = NULL;
}

/* ---- what the service says ---- */

static bool is_there(const struct svc *svc, int fd)
{
    for (unsigned i = 0; svc->stored && i < svc->stored->count; i++)
        if (syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, fd, svc->stored->items[i].fd) == 0)
            return true;
    return false;
}

/* Why it is not kept, or NULL.  Through a directory a program would leave its root. */
static const char *refusal(const struct svc *svc, int fd)
{
    unsigned count = svc->stored ? svc->stored->count : 0;
    struct stat st;

    if (count >= (unsigned)svc->spec->store_max)
        return "FileDescriptorStoreMax= is reached";
    if (sys_fstat(fd, &st) < 0 || S_ISDIR(st.st_mode))
        return "it is a directory";
    return NULL;
}

/* Once in a life: who talks without end does not fill the log. */
static void tell_refusal(struct svc *svc, const char *why)
{
    if (!svc->refusal_told)
        log_warn("notify", "%s: a descriptor is not stored: %s", svc->view.name, why);
    svc->refusal_told = true;
}

static void store_one(struct svc *svc, int *fd, const struct notify_message *message)
{
    const char *name = message->fd_name[0] ? message->fd_name : "stored";
    const char *why = is_there(svc, *fd) ? NULL : refusal(svc, *fd);

    if (why)
        tell_refusal(svc, why);
    if (why || is_there(svc, *fd))
        return;
    if (enter(svc, *fd, !message->fd_unpolled, name) < 0) {
        tell_refusal(svc, "no memory");
        return;
    }
    *fd = -1; /* ours now */
    keep_copy(svc, &svc->stored->items[svc->stored->count - 1]);
}

void svc_stored_hear(struct svc *svc, struct notify_message *message)
{
    unsigned before = svc->view.stored;

    for (unsigned i = 0; message->fd_store && i < message->fd_count; i++)
        store_one(svc, &message->fds[i], message);
    for (unsigned i = svc->stored && message->fd_remove ? svc->stored->count : 0; i > 0; i--)
        if (strcmp(svc->stored->items[i - 1].name, message->fd_name) == 0)
            take_out(svc, i - 1);
    if (svc->view.stored != before)
        svc_publish(svc);
}

/* ---- life ---- */

static bool gives_up(const struct svc *svc, enum svc_place to)
{
    bool rests = to == AT_DONE || to == AT_FAILED || (to == AT_DOWN && !svc->view.wanted_up);

    switch ((enum directory_preserve)svc->spec->store_preserve) {
    case PRESERVE_YES: return false;
    case PRESERVE_RESTART: return rests;
    case PRESERVE_NO: return rests || to == AT_DOWN || to == AT_BACKOFF;
    }
    return rests;
}

void svc_stored_follow(struct svc *svc, enum svc_place to)
{
    if (svc->stored && svc->stored->count > 0 && gives_up(svc, to))
        svc_stored_close(svc);
}

/* "stored/web/7/1/name" again. */
static void take_found(struct svc *svc, const char *known)
{
    const char *at = known + strlen("stored/") + strlen(svc->view.name) + 1;
    unsigned number = (unsigned)strtoul(at, NULL, 10);
    const char *name = strrchr(known, '/') + 1;
    bool polled = name[-2] == '1';
    struct stored *item = grow(svc);

    if (!item) {
        fdstore_drop(svc->world->store, known);
        return;
    }
    *item = (struct stored){.fd = fdstore_take(svc->world->store, known), .polled = polled};
    str_copy(item->known, sizeof item->known, known);
    item->name = strrchr(item->known, '/') + 1;
    svc->view.stored = ++svc->stored->count;
    svc->stored->next = number >= svc->stored->next ? number + 1 : svc->stored->next;
}

void svc_stored_find(struct svc *svc)
{
    char prefix[FDSTORE_NAME_MAX];
    const char *known;

    if (!svc->world->store || svc->spec->store_max == 0)
        return;
    str_format(prefix, sizeof prefix, "stored/%s/", svc->view.name);
    coop_mutex_lock(&svc->world->storing);
    while ((known = fdstore_found(svc->world->store, prefix)) != NULL) {
        SCOPED_FREE char *copy = strdup(known);

        if (!copy)
            break;
        take_found(svc, copy);
    }
    coop_mutex_unlock(&svc->world->storing);
}

/* FDPOLL: nobody is there any more, or it is broken. */
static bool is_dead(const struct stored *item)
{
    const struct timespec at_once = {0};
    struct pollfd look = {.fd = item->fd, .events = 0};

    return item->polled && sys_ppoll(&look, 1, &at_once, NULL) > 0 &&
           (look.revents & (POLLHUP | POLLERR));
}

int svc_stored_give(struct svc *svc, struct spawn_order *order, struct buf *names)
{
    for (unsigned i = svc->stored ? svc->stored->count : 0; i > 0; i--)
        if (is_dead(&svc->stored->items[i - 1]))
            take_out(svc, i - 1);
    for (unsigned i = 0; svc->stored && i < svc->stored->count; i++) {
        if (order->fd_count == LAUNCH_MAX_FDS)
            break; /* there are more sockets than when it was stored */
        buf_addf(names, "%s%s", order->fd_count > 0 ? ":" : "", svc->stored->items[i].name);
        order->fds[order->fd_count++] = svc->stored->items[i].fd;
    }
    return names->error;
}
