/*
 * trace_json.c - a trace as chrome://tracing and Perfetto read it
 *
 * One track per processor: a slice for each time a coroutine ran there, with what it left for.
 * One track per thread: brackets and looks into the poller.  Points: births, wake-ups (with an
 * arrow to the run that they led to), steals, timers, trims.
 *
 * A slice is opened by a note that a coroutine runs and closed by the next note of the same
 * thread that says otherwise.  Notes may be missing (a ring keeps the youngest): slices of one
 * track are cut so that they never overlap.
 *
 * Format   The Trace Event Format, as a JSON object; times in microseconds with three digits.
 */
#include "rt/trace.h"

#include "rt/dump.h"
#include "rt/dump_symbol.h"
#include "rt/stack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PROCESSORS = 1, THREADS = 2 }; /* the two "processes" of the picture */
enum { RINGS_MOST = 256 };

/* What the picture knows of one coroutine. */
struct who {
    uint64_t id;
    char label[32];
    uint64_t woken; /* number of the arrow that waits for its run; 0: none */
};

struct slice {
    bool open;
    uint64_t id;
    int proc;
    coop_nsec since;
};

struct picture {
    struct report out;
    coop_nsec start, end;
    struct slice running[RINGS_MOST], bracket[RINGS_MOST];
    coop_nsec taken[PROCS_MAX], thread_taken[RINGS_MOST]; /* the track is drawn up to here */
    struct who *who; /* by id: open addressing, a power of two */
    size_t who_size;
    uint64_t arrows;
    bool some; /* a comma is due */
};

/* ---- who is who ---- */

/* NULL: the notes do not speak of it, and it is not to be added. */
static struct who *who_is(struct picture *p, uint64_t id, bool add)
{
    size_t at = (size_t)(id * UINT64_C(0x9E3779B97F4A7C15)) & (p->who_size - 1);

    while (p->who[at].id && p->who[at].id != id)
        at = (at + 1) & (p->who_size - 1);
    if (!p->who[at].id && !add)
        return NULL;
    p->who[at].id = id;
    return &p->who[at];
}

static void name_it(struct who *who, const char *name, const void *fn)
{
    struct symbol symbol;

    if (who->label[0])
        return;
    if (name[0])
        memcpy(who->label, name, strnlen(name, sizeof who->label - 1));
    else if (coop__symbol(&symbol, fn) && symbol.name[0])
        memcpy(who->label, symbol.name, strnlen(symbol.name, sizeof who->label - 1));
    for (char *c = who->label; *c; c++)
        if (*c < ' ' || *c > '~' || *c == '"' || *c == '\\')
            *c = '?';
}

static int name_living(struct coro *at, void *arg)
{
    struct picture *p = arg;
    struct who *who;
    struct coro g;
    char name[24];

    if (!coop__look_at(at, &g) || !g.id || !(who = who_is(p, g.id, false)))
        return 0;
    coop__peek_string(name, sizeof name, g.name);
    name_it(who, name, coop__function_of(&g));
    return 0;
}

static int meet_all(struct picture *p, const struct trace_event *events, size_t count)
{
    size_t size = 64;

    while (size < 4 * count)
        size *= 2;
    p->who = calloc(size, sizeof *p->who);
    if (!p->who)
        return -ENOMEM;
    p->who_size = size;
    for (size_t i = 0; i < count; i++) {
        if (events[i].id)
            who_is(p, events[i].id, true);
        if (events[i].kind == TRACE_BIRTH || events[i].kind == TRACE_END)
            name_it(who_is(p, events[i].id, true), events[i].name,
                    (const void *)(uintptr_t)events[i].arg);
    }
    coop__stacks_each(name_living, p);
    return 0;
}

/* ---- writing one thing ---- */

static void say_us(struct picture *p, const char *key, coop_nsec time)
{
    uint64_t ns = time > 0 ? (uint64_t)time : 0, rest = ns % 1000;

    coop__say(&p->out, ",\"%s\":%lu.%lu%lu%lu", key, ns / 1000, rest / 100, rest / 10 % 10,
              rest % 10);
}

static void say_label(struct picture *p, uint64_t id)
{
    const struct who *who = id ? who_is(p, id, false) : NULL;

    if (who && who->label[0])
        coop__say(&p->out, "%s", who->label);
    else
        coop__say(&p->out, "coroutine %lu", id);
}

/* Everything begins like this; the caller goes on inside the object and closes it. */
static void begin(struct picture *p, const char *phase, int group, int track, coop_nsec when)
{
    coop__say(&p->out, "%s\n{\"ph\":\"%s\",\"pid\":%d,\"tid\":%d", p->some ? "," : "", phase,
              group, track);
    p->some = true;
    if (when >= 0)
        say_us(p, "ts", when - p->start);
}

static void say_name(struct picture *p, const char *key, int group, int track, const char *name,
                     int number)
{
    begin(p, "M", group, track, -1);
    coop__say(&p->out, ",\"name\":\"%s\",\"args\":{\"name\":\"%s", key, name);
    if (number >= 0)
        coop__say(&p->out, " %d", number);
    coop__say(&p->out, "\"}}");
}

/* Cut so that it begins where its track is free. False: nothing is left of it. */
static bool fit(coop_nsec *taken, coop_nsec *since, coop_nsec until)
{
    if (*since < *taken)
        *since = *taken;
    if (*since > until)
        return false;
    *taken = until;
    return true;
}

static void draw_run(struct picture *p, struct slice *s, coop_nsec until, const char *left_for,
                     uint64_t object)
{
    coop_nsec since = s->since;

    if (!s->open)
        return;
    s->open = false;
    if (!fit(&p->taken[s->proc], &since, until))
        return;
    begin(p, "X", PROCESSORS, s->proc, since);
    say_us(p, "dur", until - since);
    coop__say(&p->out, ",\"cat\":\"run\",\"name\":\"");
    say_label(p, s->id);
    coop__say(&p->out, "\",\"args\":{\"coroutine\":%lu,\"left_for\":\"%s\"", s->id, left_for);
    if (object)
        coop__say(&p->out, ",\"object\":\"0x%lx\"", object);
    coop__say(&p->out, "}}");
}

static void draw_on_thread(struct picture *p, int ring, const char *what, coop_nsec since,
                           coop_nsec until, const char *key, uint64_t value)
{
    if (!fit(&p->thread_taken[ring], &since, until))
        return;
    begin(p, "X", THREADS, ring, since);
    say_us(p, "dur", until - since);
    coop__say(&p->out, ",\"cat\":\"thread\",\"name\":\"%s\",\"args\":{\"%s\":%lu}}", what, key,
              value);
}

static void draw_point(struct picture *p, const struct trace_event *e, const char *what,
                       const char *key, uint64_t value)
{
    begin(p, "i", e->proc < 0 ? THREADS : PROCESSORS, e->proc < 0 ? e->ring : e->proc, e->time);
    coop__say(&p->out, ",\"s\":\"t\",\"cat\":\"point\",\"name\":\"%s", what);
    if (e->id) {
        coop__say(&p->out, " ");
        say_label(p, e->id);
    }
    coop__say(&p->out, "\",\"args\":{\"coroutine\":%lu,\"%s\":%lu}}", e->id, key, value);
}

/* From a wake-up to the run. */
static void draw_arrow(struct picture *p, const char *phase, const struct trace_event *e,
                       uint64_t arrow)
{
    begin(p, phase, e->proc < 0 ? THREADS : PROCESSORS, e->proc < 0 ? e->ring : e->proc,
          e->time);
    coop__say(&p->out, ",\"id\":%lu,\"cat\":\"wake\",\"name\":\"wake\"%s}", arrow,
              *phase == 'f' ? ",\"bp\":\"e\"" : "");
}

/* ---- the story ---- */

static void goes_on(struct picture *p, const struct trace_event *e)
{
    struct who *who = who_is(p, e->id, true);

    draw_run(p, &p->running[e->ring], e->time, "", 0);
    if (e->proc >= 0 && e->proc < PROCS_MAX)
        p->running[e->ring] = (struct slice){true, e->id, e->proc, e->time};
    if (who->woken)
        draw_arrow(p, "f", e, who->woken);
    who->woken = 0;
}

static void woken(struct picture *p, const struct trace_event *e)
{
    struct who *who = who_is(p, e->id, true);

    draw_point(p, e, "ready", "by", e->arg);
    who->woken = ++p->arrows;
    draw_arrow(p, "s", e, who->woken);
}

static void tell(struct picture *p, const struct trace_event *e)
{
    struct slice *running = &p->running[e->ring], *bracket = &p->bracket[e->ring];

    switch (e->kind) {
    case TRACE_BIRTH: draw_point(p, e, "go", "by", e->more); break;
    case TRACE_RUN: goes_on(p, e); break;
    case TRACE_PARK:
        draw_run(p, running, e->time, e->arg < WAIT_REASONS ? coop__wait_words[e->arg] : "",
                 e->more);
        break;
    case TRACE_YIELD: draw_run(p, running, e->time, "yield", 0); break;
    case TRACE_END: draw_run(p, running, e->time, "end", 0); break;
    case TRACE_BRACKET:
        draw_run(p, running, e->time, "bracket", 0);
        *bracket = (struct slice){true, e->id, 0, e->time};
        break;
    case TRACE_RETURN:
        if (bracket->open)
            draw_on_thread(p, e->ring, "bracket", bracket->since, e->time, "coroutine", e->id);
        bracket->open = false;
        break;
    case TRACE_READY: woken(p, e); break;
    case TRACE_STEAL: draw_point(p, e, "steal", "from", e->arg); break;
    case TRACE_TIMER: draw_point(p, e, "timer", "late_ns", e->arg); break;
    case TRACE_POLL:
        draw_on_thread(p, e->ring, "poll", (coop_nsec)e->more, e->time, "events", e->arg);
        break;
    case TRACE_TRIM: draw_point(p, e, "trim", "bytes", e->arg); break;
    case TRACE_NOTHING: break;
    }
}

static void name_tracks(struct picture *p, const struct trace_event *events, size_t count)
{
    bool proc[PROCS_MAX] = {0}, ring[RINGS_MOST] = {0};

    say_name(p, "process_name", PROCESSORS, 0, "processors", -1);
    say_name(p, "process_name", THREADS, 0, "threads", -1);
    for (size_t i = 0; i < count; i++) {
        if (events[i].proc >= 0 && events[i].proc < PROCS_MAX && !proc[events[i].proc]) {
            proc[events[i].proc] = true;
            say_name(p, "thread_name", PROCESSORS, events[i].proc, "processor", events[i].proc);
        }
        if (!ring[events[i].ring]) {
            ring[events[i].ring] = true;
            say_name(p, "thread_name", THREADS, events[i].ring,
                     events[i].ring ? "worker" : "other threads",
                     events[i].ring ? events[i].ring - 1 : -1);
        }
    }
}

int coop__trace_write(int fd, const struct trace_event *events, size_t count, uint64_t dropped)
{
    struct picture *p = calloc(1, sizeof *p);
    int r;

    if (!p)
        return -ENOMEM;
    r = meet_all(p, events, count);
    if (r == 0) {
        p->out.fd = fd;
        p->start = count ? events[0].time : 0;
        p->end = count ? events[count - 1].time : 0;
        coop__say(&p->out,
                  "{\"displayTimeUnit\":\"ns\",\"otherData\":{\"dropped\":%lu},"
                  "\"traceEvents\":[",
                  dropped);
        name_tracks(p, events, count);
        for (size_t i = 0; i < count; i++)
            tell(p, &events[i]);
        for (int i = 0; i < RINGS_MOST; i++)
            draw_run(p, &p->running[i], p->end, "", 0);
        coop__say(&p->out, "\n]}\n");
        r = coop__say_end(&p->out);
    }
    free(p->who);
    free(p);
    return r;
}
