/*
 * timers.c - the coroutine that waits for the first of all times (see timers.h)
 *
 *      reload, list        coroutine "timers"                 the bus
 *           |             /         |        \                   |
 *           v   mutex    v          v         v      mutex       v
 *        [ all timers ] <-- what is due?   sleep <-- poke -- coroutine "timer-bus"
 *                             |              ^
 *                             v              |  clock descriptor: a time of day, or the clock
 *                     written down, started  |  was set
 *
 * Everything but the sleep is done under the mutex, and takes microseconds for each timer.
 */
#include "timers/timers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>

#include "base/log.h"
#include "base/scope.h"
#include "base/str.h"
#include "base/sys.h"
#include "coop/chan.h"
#include "coop/coro.h"
#include "coop/io.h"
#include "coop/select.h"
#include "coop/sync.h"
#include "journal.h"
#include "timers/due.h"
#include "timers/memory.h"

struct timer {
    struct timer_spec *spec;
    struct timer_past past;
};

struct timers {
    struct timers_world world;
    char boot_id[JOURNAL_BOOT_ID];
    coop_nsec boot, startup;
    struct coop_chan *poke; /* a value: look again; closed: end */
    struct coop_wg alive;
    bool lives, listens; /* the two coroutines */

    struct coop_mutex lock; /* guards what follows */
    struct timer *list;
    size_t count;
    int64_t ahead; /* wall clock - monotonic, at the last look */
    int clock_fd;  /* -1: not needed yet */
};

/* ---- the clocks ---- */

static int64_t wall_clock(clockid_t which)
{
    struct timespec now = {0};

    sys_clock_gettime(which, &now);
    return (int64_t)now.tv_sec * COOP_NSEC_PER_SEC + now.tv_nsec;
}

static struct timer_now now_of(const struct timers *timers)
{
    return (struct timer_now){.wall = wall_clock(CLOCK_REALTIME),
                              .mono = coop_now(),
                              .boot = timers->boot,
                              .startup = timers->startup,
                              .offset = calendar_local_offset};
}

/* When PID 1 was started: the machine's, or the container's. */
static coop_nsec boot_time(void)
{
    static const coop_nsec tick = COOP_NSEC_PER_SEC / 100; /* USER_HZ */
    coop_nsec asleep = wall_clock(CLOCK_BOOTTIME) - wall_clock(CLOCK_MONOTONIC);
    uint64_t ticks;
    coop_nsec at;

    if (journal_start_ticks(1, &ticks) < 0)
        return 0;
    at = (coop_nsec)ticks * tick - asleep;
    return at > 0 ? at : 0;
}

/* ---- one timer ---- */

/* FNV-1a: the same for this name on this machine. */
static uint64_t fixed_chance(const char *name)
{
    char id[64] = "";
    SCOPED_FD fd = sys_openat(AT_FDCWD, "/etc/machine-id", O_RDONLY | O_CLOEXEC, 0);
    uint64_t hash = UINT64_C(14695981039346656037);

    if (fd >= 0)
        (void)sys_read(fd, id, sizeof id - 1);
    for (const char *at = id; *at; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(1099511628211);
    return hash;
}

static uint64_t chance_of(const struct timer_spec *spec)
{
    return spec->fixed_delay ? fixed_chance(spec->name) : sys_random();
}

static bool is_at_rest(enum svc_place place)
{
    enum svc_state state = svc_place_state(place);

    return state == ST_DOWN || state == ST_WAITING || state == ST_DONE || state == ST_FAILED;
}

/* What the board says of its service. */
static void look_at_service(const struct timers *timers, struct timer *timer)
{
    struct svc_view view;

    if (!board_find(timers->world.board, timer->spec->service, &view))
        return;
    timer->past.rested = 0;
    if (!is_at_rest(view.place))
        timer->past.started = view.since;
    else if (view.exit_kind != EXIT_NONE)
        timer->past.rested = view.since;
}

static void begin(const struct timers *timers, struct timer *timer, struct timer_spec *spec)
{
    struct timer_now now = now_of(timers);
    struct timer_past was = {0};

    *timer = (struct timer){.spec = timer_spec_ref(spec)};
    timer->past.seen = now.wall;
    timer->past.began = now.mono;
    if (spec->random_delay > 0)
        timer->past.delay = (coop_nsec)(chance_of(spec) % (uint64_t)spec->random_delay);
    if (timer_memory_read(timers->world.state_dir, spec->name, timers->boot_id, &was)) {
        timer->past.last = was.last;
        if (spec->persistent || timers->world.is_next)
            timer->past.seen = was.seen;
        if (timers->world.is_next && was.began > 0) {
            timer->past.began = was.began;
            timer->past.last_mono = was.last_mono;
            timer->past.done = was.done;
        }
    }
    look_at_service(timers, timer);
}

static void write_down(const struct timers *timers, const struct timer *timer)
{
    struct coop_err err = {0};

    if (timer_memory_write(timers->world.state_dir, timer->spec->name, timers->boot_id,
                           &timer->past, &err) < 0)
        log_err(LOG_LEVEL_WARN, "timers", &err);
}

static void come(struct timers *timers, struct timer *timer, const struct timer_now *now)
{
    const struct timer_spec *spec = timer->spec;
    int r;

    timer_comes(spec, &timer->past, now, chance_of(spec));
    write_down(timers, timer);
    log_info("timers", "%s: it is time for %s", spec->name, spec->service);
    r = timers->world.start(timers->world.arg, spec->service);
    if (r < 0)
        log_warn("timers", "%s: %s is not started: %s", spec->name, spec->service,
                 coop_strerror(-r));
}

/* ---- all of them ---- */

/* Lets those come whose time it is; when is the next one? */
static struct timer_due look(struct timers *timers)
{
    struct timer_due first = {.mono = COOP_FOREVER}, due;

    for (size_t i = 0; i < timers->count; i++) {
        struct timer *timer = &timers->list[i];
        struct timer_now now = now_of(timers);

        timer_due(timer->spec, &timer->past, &now, &due);
        if (timer_is_due(&due, &now)) {
            come(timers, timer, &now);
            timer_due(timer->spec, &timer->past, &now, &due);
        }
        if (due.wall && (first.wall == 0 || due.wall < first.wall))
            first.wall = due.wall;
        if (due.mono < first.mono)
            first.mono = due.mono;
    }
    return first;
}

/* The clock was set: by how much, by the clock that nobody sets. */
static void clock_was_set(struct timers *timers)
{
    struct timer_now now = now_of(timers);
    int64_t by = now.wall - now.mono - timers->ahead;

    timers->ahead = now.wall - now.mono;
    log_info("timers", "the clock was set by %lld s", (long long)(by / COOP_NSEC_PER_SEC));
    for (size_t i = 0; i < timers->count; i++)
        timer_clock_set(timers->list[i].spec, &timers->list[i].past, &now, by);
}

/* 0: never. */
static void set_clock(struct timers *timers, int64_t wall)
{
    struct itimerspec when = {
        .it_value = {.tv_sec = wall / COOP_NSEC_PER_SEC, .tv_nsec = wall % COOP_NSEC_PER_SEC}};
    int flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;

    if (timers->clock_fd < 0 && wall)
        timers->clock_fd = sys_timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (timers->clock_fd < 0)
        return;
    timers->ahead = wall_clock(CLOCK_REALTIME) - coop_now();
    /* It says so when the clock was set since the last time; then it is set all the same. */
    if (sys_timerfd_settime(timers->clock_fd, flags, &when, NULL) == -ECANCELED)
        clock_was_set(timers);
}

/* False: it is the end. */
static bool wait_for(struct timers *timers, const struct timer_due *first)
{
    uint64_t expirations;
    struct coop_case cases[] = {COOP_RECV(timers->poke, NULL),
                                COOP_FD(timers->clock_fd, COOP_IN)};
    int which = coop_select(cases, timers->clock_fd < 0 ? 1 : 2, first->mono);

    if (which == 1 &&
        sys_read(timers->clock_fd, &expirations, sizeof expirations) == -ECANCELED) {
        coop_mutex_lock(&timers->lock);
        clock_was_set(timers);
        coop_mutex_unlock(&timers->lock);
    }
    return which == 1 || which == -ETIMEDOUT || (which == 0 && cases[0].result == 1);
}

/* ---- the bus ---- */

static bool needs_bus(const struct timers *timers)
{
    for (size_t i = 0; i < timers->count; i++)
        if (timers->list[i].spec->after[TIMER_UNIT_ACTIVE] > 0 ||
            timers->list[i].spec->after[TIMER_UNIT_INACTIVE] > 0)
            return true;
    return false;
}

static void note_event(struct timers *timers, const struct event *event)
{
    bool before = is_at_rest(event->from), after = is_at_rest(event->to);

    for (size_t i = 0; i < timers->count; i++) {
        struct timer_past *past = &timers->list[i].past;

        if (strcmp(timers->list[i].spec->service, event->service) != 0)
            continue;
        if (before && !after)
            past->started = event->when;
        past->rested = after && !before ? event->when : after ? past->rested : 0;
    }
}

static int bus_life(void *arg)
{
    struct timers *timers = arg;
    struct bus_sub *sub = bus_subscribe(timers->world.bus);
    struct event event;
    uint64_t lost;

    if (!sub)
        log_warn("timers", "no room on the bus: timers do not hear what their services do");
    while (sub && bus_next(sub, &event, &lost, COOP_FOREVER) == 1) {
        if (event.kind != EVENT_STATE && lost == 0)
            continue;
        coop_mutex_lock(&timers->lock);
        for (size_t i = 0; i < timers->count && lost > 0; i++)
            look_at_service(timers, &timers->list[i]);
        if (event.kind == EVENT_STATE)
            note_event(timers, &event);
        coop_mutex_unlock(&timers->lock);
        (void)coop_send(timers->poke, NULL, COOP_NOW); /* full: it looks anyway */
    }
    bus_unsubscribe(sub);
    return 0;
}

/* ---- life ---- */

static int timers_life(void *arg)
{
    static const struct coop_attr attr = {.name = "timer-bus"};
    struct timers *timers = arg;
    struct coop_scope scope;
    struct timer_due first;

    coop_scope_init(&scope, "timers", COOP_FOREVER);
    do {
        coop_mutex_lock(&timers->lock);
        if (!timers->listens && needs_bus(timers))
            timers->listens = coop_go_with(&scope, &attr, bus_life, timers) == 0;
        first = look(timers);
        set_clock(timers, first.wall);
        coop_mutex_unlock(&timers->lock);
    } while (wait_for(timers, &first));
    coop_scope_end(&scope);
    coop_wg_done(&timers->alive);
    return 0;
}

static void drop(struct timer *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        timer_spec_unref(list[i].spec);
    free(list);
}

int timers_start(struct timers **ret_timers, const struct timers_world *world,
                 struct coop_err *err)
{
    struct timers *timers = calloc(1, sizeof *timers);

    if (timers)
        timers->poke = coop_chan_new(0, 1);
    if (!timers || !timers->poke) {
        free(timers);
        return coop_fail(err, COOP_E_LIMIT, "no memory for timers");
    }
    timers->world = *world;
    timers->clock_fd = -1;
    timers->boot = boot_time();
    timers->startup = coop_now();
    journal_boot_id(timers->boot_id);
    *ret_timers = timers;
    return 0;
}

static struct timer *find(struct timers *timers, const char *name)
{
    for (size_t i = 0; i < timers->count; i++)
        if (strcmp(timers->list[i].spec->name, name) == 0)
            return &timers->list[i];
    return NULL;
}

/* Those that are not there any more are forgotten, too. */
static void take_over(struct timers *timers, struct timer *fresh, size_t count)
{
    struct timer *old = timers->list;
    size_t old_count = timers->count;

    timers->list = fresh;
    timers->count = count;
    for (size_t i = 0; i < old_count; i++)
        if (!find(timers, old[i].spec->name))
            timer_memory_forget(timers->world.state_dir, old[i].spec->name);
    drop(old, old_count);
}

int timers_set(struct timers *timers, struct timer_spec *const *specs, size_t count,
               struct coop_err *err)
{
    static const struct coop_attr attr = {.name = "timers", .flags = COOP_DAEMON};
    struct timer *fresh = calloc(count + 1, sizeof *fresh);

    if (!fresh)
        return coop_fail(err, COOP_E_LIMIT, "no memory for %zu timers", count);
    coop_mutex_lock(&timers->lock);
    for (size_t i = 0; i < count; i++) {
        struct timer *was = find(timers, specs[i]->name);

        if (was && timer_spec_equal(was->spec, specs[i])) {
            fresh[i] = (struct timer){timer_spec_ref(specs[i]), was->past};
        } else {
            begin(timers, &fresh[i], specs[i]);
            write_down(timers, &fresh[i]);
        }
    }
    take_over(timers, fresh, count);
    timers->world.is_next = false; /* what a reload brings begins anew */
    coop_mutex_unlock(&timers->lock);
    if (!timers->lives && count > 0) {
        coop_wg_add(&timers->alive, 1);
        timers->lives = coop_go_with(NULL, &attr, timers_life, timers) == 0;
        if (!timers->lives) {
            coop_wg_done(&timers->alive);
            return coop_fail(err, COOP_E_LIMIT, "no memory for the coroutine of timers");
        }
    }
    (void)coop_send(timers->poke, NULL, COOP_NOW); /* full: it looks anyway */
    return 0;
}

struct timer_view *timers_list(struct timers *timers, size_t *ret_count)
{
    struct timer_view *views;

    coop_mutex_lock(&timers->lock);
    views = calloc(timers->count + 1, sizeof *views);
    *ret_count = views ? timers->count : 0;
    for (size_t i = 0; i < *ret_count; i++) {
        const struct timer *timer = &timers->list[i];
        struct timer_now now = now_of(timers);
        struct timer_due due;

        timer_due(timer->spec, &timer->past, &now, &due);
        str_copy(views[i].name, sizeof views[i].name, timer->spec->name);
        str_copy(views[i].service, sizeof views[i].service, timer->spec->service);
        views[i].next = timer_due_wall(&due, &now);
        views[i].last = timer->past.last;
    }
    coop_mutex_unlock(&timers->lock);
    return views;
}

void timers_stop(struct timers *timers)
{
    coop_close(timers->poke);
    coop_wg_wait(&timers->alive);
    for (size_t i = 0; i < timers->count; i++)
        if (!timers->list[i].spec->persistent)
            timer_memory_forget(timers->world.state_dir, timers->list[i].spec->name);
}

void timers_free(struct timers *timers)
{
    if (!timers)
        return;
    drop(timers->list, timers->count);
    if (timers->clock_fd >= 0)
        coop_fd_close(timers->clock_fd);
    coop_chan_unref(timers->poke);
    free(timers);
}
