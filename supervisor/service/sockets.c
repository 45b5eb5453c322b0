/*
 * sockets.c - what coopd listens on for a service, and the clients that start it
 *
 * WHO HOLDS THEM.  coopd, from before any service is started until they are taken out of the
 * configuration or coopd ends: over restarts and reloads no client is refused, it waits.  The
 * descriptor store has a copy (launcher/fdstore.h), so that a killed coopd's successor takes up
 * the same sockets, with the clients that wait there.
 *
 * WHO READS.  Never coopd.  While the service is at rest a watch tells that something waits;
 * whether it still does is asked again before anything is started, because a message may be older
 * than what the service has taken since.  While the service runs there is no watch, and no
 * client wakes coopd.
 *
 * THE PAUSE.  A service that ends without taking what started it would be started again for the
 * same client, as fast as it can end.  TriggerLimitBurst= and StartLimitBurst= count; who passes
 * either waits until its window is over, told once.
 */
#include "service/svc.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "base/sys.h"
#include "coop/block.h"
#include "coop/coro.h"
#include "coop/io.h"
#include "launcher/fdstore.h"
#include "service/listen.h"
#include "text/units.h"

struct svc_socket {
    const struct socket_spec *spec; /* of svc->spec */
    struct listen_address address;
    int fd; /* -1: could not be opened yet */
    struct coop_fdwatch watch;
};

struct svc_sockets {
    unsigned count;
    struct svc_socket *items;
    bool watched, paused;
    struct coop_timer pause;
    struct start_window triggers;
};

static bool has_sockets(const struct svc *svc)
{
    return svc->sockets && svc->sockets->count > 0;
}

/* ---- watching ---- */

static void stop_watching(struct svc *svc)
{
    struct svc_sockets *all = svc->sockets;

    for (unsigned i = 0; all->watched && i < all->count; i++)
        if (all->items[i].fd >= 0) {
            coop_fdwatch_stop(&all->items[i].watch);
            coop_fd_forget(all->items[i].fd); /* clients of the service wake nobody here */
        }
    all->watched = false;
}

static void start_watching(struct svc *svc)
{
    struct svc_sockets *all = svc->sockets;

    for (unsigned i = 0; i < all->count; i++) {
        struct svc_socket *item = &all->items[i];
        int r = 0;

        item->watch = (struct coop_fdwatch){0};
        if (item->fd >= 0)
            r = coop_fdwatch_start(&item->watch, item->fd, COOP_IN, &svc->actor, MSG_SOCKET);
        if (r < 0)
            log_warn("socket", "%s: clients of %s will not start it: %s", svc->view.name,
                     item->address.text, coop_strerror(r));
    }
    all->watched = true;
}

static bool waits_for_clients(const struct svc *svc)
{
    enum svc_place at = svc->view.place;

    return !svc->sockets->paused && !atomic_load(&svc->world->closing) &&
           ((at == AT_DOWN && !svc->view.wanted_up) || at == AT_DONE || at == AT_FAILED);
}

void svc_sockets_follow(struct svc *svc)
{
    if (!has_sockets(svc) || waits_for_clients(svc) == svc->sockets->watched)
        return;
    if (svc->sockets->watched)
        stop_watching(svc);
    else
        start_watching(svc);
}

/* ---- opening ---- */

/* What the store knows it by. */
static void store_name(const struct svc *svc, const struct listen_address *address,
                       char name[FDSTORE_NAME_MAX])
{
    str_format(name, FDSTORE_NAME_MAX, "listen/%s/%s=%s", svc->view.name,
               listen_key(address->kind), address->text);
}

/* An earlier coopd's, with the clients that wait there. */
static bool take_stored(struct svc *svc, struct svc_socket *item)
{
    char name[FDSTORE_NAME_MAX];

    if (!svc->world->store)
        return false;
    store_name(svc, &item->address, name);
    coop_mutex_lock(&svc->world->storing);
    item->fd = fdstore_take(svc->world->store, name);
    coop_mutex_unlock(&svc->world->storing);
    if (item->fd >= 0)
        log_info("socket", "%s: goes on listening on %s", svc->view.name, item->address.text);
    return item->fd >= 0;
}

static void store(struct svc *svc, const struct svc_socket *item)
{
    char name[FDSTORE_NAME_MAX];
    struct coop_err err = {0}, why = {0};
    int r;

    if (!svc->world->store)
        return;
    store_name(svc, &item->address, name);
    coop_mutex_lock(&svc->world->storing);
    coop_block_begin();
    r = fdstore_put(svc->world->store, name, item->fd, &why);
    coop_block_end();
    coop_mutex_unlock(&svc->world->storing);
    if (r == 0)
        return;
    err = why;
    coop_while(&err, "%s: %s would not outlive a killed coopd", svc->view.name,
               item->address.text);
    log_err(LOG_LEVEL_WARN, "socket", &err);
}

static void drop_stored(struct svc *svc, const struct svc_socket *item)
{
    char name[FDSTORE_NAME_MAX];

    if (!svc->world->store)
        return;
    store_name(svc, &item->address, name);
    coop_mutex_lock(&svc->world->storing);
    coop_block_begin();
    fdstore_drop(svc->world->store, name);
    coop_block_end();
    coop_mutex_unlock(&svc->world->storing);
}

static int open_one(struct svc *svc, struct svc_socket *item, struct coop_err *err)
{
    struct coop_err why = {0};
    int r;

    if (take_stored(svc, item))
        return 0;
    coop_block_begin();
    r = listen_open(item->spec, &item->address, &item->fd, &why);
    coop_block_end();
    if (r < 0) {
        *err = why;
        return -1;
    }
    store(svc, item);
    log_info("socket", "%s: listens on %s", svc->view.name, item->address.text);
    return 0;
}

/* All that are not open yet. The first failure ends it. */
static int open_all(struct svc *svc, struct coop_err *err)
{
    svc->view.listening = 0;
    for (unsigned i = 0; i < svc->sockets->count; i++) {
        if (svc->sockets->items[i].fd < 0 && open_one(svc, &svc->sockets->items[i], err) < 0)
            return -1;
        svc->view.listening++;
    }
    return 0;
}

static void close_one(struct svc *svc, struct svc_socket *item)
{
    if (item->fd < 0)
        return;
    if (item->spec->remove_on_stop)
        listen_remove(&item->address);
    drop_stored(svc, item);
    sys_close(item->fd);
    item->fd = -1;
}

static void close_all(struct svc *svc)
{
    struct svc_sockets *all = svc->sockets;

    stop_watching(svc);
    for (unsigned i = 0; i < all->count; i++)
        close_one(svc, &all->items[i]);
    free(all->items);
    all->items = NULL;
    all->count = 0;
}

/* ---- following the configuration ---- */

static struct svc_sockets *make(struct svc *svc)
{
    struct svc_sockets *all = calloc(1, sizeof *all);

    if (all)
        coop_timer_init(&all->pause, &svc->actor, MSG_SOCKET_PAUSE);
    return all;
}

/* The same address goes on as it is: what waits there is not lost. */
static int take_open(struct svc_sockets *all, const struct listen_address *address)
{
    for (unsigned i = 0; i < all->count; i++) {
        struct svc_socket *item = &all->items[i];

        if (item->address.kind == address->kind &&
            strcmp(item->address.text, address->text) == 0) {
            int fd = item->fd;

            item->fd = -1;
            return fd;
        }
    }
    return -1;
}

static unsigned fill(struct svc_sockets *all, const struct socket_list *list,
                     struct svc_socket *items)
{
    unsigned count = 0;

    for (size_t i = 0; i < list->count; i++)
        for (size_t k = 0; k < list->items[i]->listen.count; k++) {
            const struct listen_address *address = &list->items[i]->listen.items[k];

            items[count++] = (struct svc_socket){
                .spec = list->items[i], .address = *address, .fd = take_open(all, address)};
        }
    return count;
}

/* The spec is another: what is in both stays open, the others are closed, new ones opened. */
void svc_sockets_change(struct svc *svc)
{
    size_t count = socket_list_descriptors(&svc->spec->sockets);
    struct svc_socket *items;
    struct coop_err err = {0};
    unsigned filled;

    if (count == 0 && !svc->sockets)
        return;
    if (!svc->sockets && !(svc->sockets = make(svc)))
        return; /* told at the launch */
    items = calloc(count + 1, sizeof *items);
    if (!items) {
        log_error("socket", "%s: no memory for its sockets", svc->view.name);
        return;
    }
    stop_watching(svc);
    filled = fill(svc->sockets, &svc->spec->sockets, items);
    close_all(svc);
    svc->sockets->items = items;
    svc->sockets->count = filled;
    if (open_all(svc, &err) < 0) {
        coop_while(&err, "%s", svc->view.name);
        log_err(LOG_LEVEL_ERROR, "socket", &err);
    }
    svc_sockets_follow(svc);
}

void svc_on_listen(struct svc *svc)
{
    svc_sockets_change(svc);
    svc_stored_find(svc);
    svc_publish(svc);
    coop_wg_done(&svc->world->opening);
}

void svc_listen(struct svc *svc)
{
    coop_wg_add(&svc->world->opening, 1);
    coop_post(&svc->actor, &svc->listen);
}

void svc_sockets_close(struct svc *svc)
{
    if (!svc->sockets)
        return;
    close_all(svc);
    coop_timer_stop(&svc->sockets->pause);
}

void svc_sockets_free(struct svc *svc)
{
    if (!svc->sockets)
        return;
    coop_timer_done(&svc->sockets->pause);
    window_done(&svc->sockets->triggers);
    free(svc->sockets);
    svc->sockets = NULL;
}

/* ---- clients ---- */

static void pause_for(struct svc *svc, coop_nsec length, const char *key)
{
    char text[UNITS_TEXT];

    log_warn("socket", "%s: clients have started it too often (%s=): they wait for %s now",
             svc->view.name, key, units_render_duration(length, text));
    svc->sockets->paused = true;
    coop_timer_set(&svc->sockets->pause, coop_after(coop_now(), length));
    svc_sockets_follow(svc);
}

static void start_for(struct svc *svc, const struct svc_socket *item)
{
    const struct svc_spec *spec = svc->spec;
    struct start_window *triggers = &svc->sockets->triggers;
    coop_nsec now = coop_now();
    char why[SVC_DETAIL_MAX];

    if (!window_allows(triggers, now, item->spec->trigger_interval,
                       (unsigned)item->spec->trigger_burst)) {
        pause_for(svc, item->spec->trigger_interval, "TriggerLimitBurst");
        return;
    }
    if (!window_allows(&svc->window, now, spec->limit_interval, (unsigned)spec->limit_burst)) {
        pause_for(svc, spec->limit_interval, "StartLimitBurst");
        return;
    }
    window_note(triggers, now, (unsigned)item->spec->trigger_burst);
    str_format(why, sizeof why, "something has come for %s", item->address.text);
    svc->view.wanted_up = true;
    svc->view.restarts = svc->in_a_row = 0;
    svc_feed(svc, EV_WANT_UP, why);
}

void svc_on_socket(struct svc *svc)
{
    struct svc_sockets *all = svc->sockets;

    for (unsigned i = 0; i < all->count; i++)
        coop_fdwatch_take(&all->items[i].watch);
    for (unsigned i = 0; all->watched && i < all->count; i++)
        if (all->items[i].fd >= 0 && listen_has_news(all->items[i].fd)) {
            start_for(svc, &all->items[i]);
            return;
        }
}

void svc_on_socket_pause(struct svc *svc)
{
    svc->sockets->paused = false;
    svc_sockets_follow(svc);
}

/* ---- the launch ---- */

/* Shared with whoever has a copy, so it is set at each launch. */
static int set_blocking(int fd, bool non_blocking)
{
    int flags = sys_fcntl_int(fd, F_GETFL, 0);

    if (flags < 0 || !(flags & O_NONBLOCK) == !non_blocking)
        return flags < 0 ? flags : 0;
    return sys_fcntl_int(fd, F_SETFL, flags ^ O_NONBLOCK);
}

static int add(struct spawn_order *order, const struct svc_socket *item, struct buf *names,
               struct coop_err *err)
{
    int r = set_blocking(item->fd, order->spec->non_blocking);

    if (r < 0)
        return coop_fail_sys(err, r, "NonBlocking=");
    buf_addf(names, "%s%s", order->fd_count > 0 ? ":" : "", item->spec->fd_name);
    order->fds[order->fd_count++] = item->fd;
    return 0;
}

/* All of them, open; none when it has none. */
static int ready(struct svc *svc, struct coop_err *err)
{
    size_t wanted = socket_list_descriptors(&svc->spec->sockets);

    if (wanted == 0)
        return 0;
    if (!svc->sockets || svc->sockets->count != wanted)
        svc_sockets_change(svc);
    if (!svc->sockets || svc->sockets->count != wanted)
        return coop_fail(err, COOP_E_LIMIT, "no memory for the sockets");
    return open_all(svc, err);
}

int svc_sockets_give(struct svc *svc, struct spawn_order *order, struct coop_err *err)
{
    struct buf names = BUF_INIT(SIZE_MAX);
    int r = ready(svc, err);

    for (unsigned i = 0; r == 0 && svc->sockets && i < svc->sockets->count; i++)
        r = add(order, &svc->sockets->items[i], &names, err);
    if (r == 0)
        r = svc_stored_give(svc, order, &names);
    if (r == 0 && order->fd_count > 0 && !(order->fd_names = buf_take(&names)))
        r = coop_fail(err, COOP_E_LIMIT, "no memory for the sockets");
    buf_done(&names);
    return r;
}
