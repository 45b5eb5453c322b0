/*
 * spec.c - life and comparison of specs
 *
 * Two specs are equal when every row renders equally, and so do the launcher's rows, the ids
 * and the mounts that rows cannot show: what a reload must notice is what a row can say.
 */
#include "config/spec.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "config/service_settings.h"

struct svc_spec *svc_spec_new(void)
{
    struct svc_spec *spec = calloc(1, sizeof *spec);

    if (!spec)
        return NULL;
    atomic_init(&spec->refs, 1);
    launch_spec_init(&spec->launch);
    return spec;
}

struct svc_spec *svc_spec_ref(struct svc_spec *spec)
{
    atomic_fetch_add_explicit(&spec->refs, 1, memory_order_relaxed);
    return spec;
}

void svc_spec_unref(struct svc_spec *spec)
{
    if (!spec || atomic_fetch_sub_explicit(&spec->refs, 1, memory_order_acq_rel) > 1)
        return;
    settings_done(&service_settings, spec);
    socket_list_done(&spec->sockets);
    launch_spec_done(&spec->launch);
    free(spec->name);
    free(spec->set);
    free(spec->file);
    free(spec->over_file);
    free(spec);
}

bool svc_spec_notifies(const struct svc_spec *spec)
{
    return spec->type == TYPE_NOTIFY || spec->type == TYPE_NOTIFY_RELOAD;
}

bool svc_spec_starts_at_once(const struct svc_spec *spec)
{
    return spec->type == TYPE_SIMPLE || spec->type == TYPE_IDLE;
}

const char *svc_spec_file(const struct svc_spec *spec, bool over)
{
    return over ? spec->over_file : spec->file;
}

const char *exec_key(enum exec_kind kind)
{
    static const char *const keys[EXEC_KINDS] = {
        [EXEC_START] = "ExecStart",        [EXEC_CONDITION] = "ExecCondition",
        [EXEC_START_PRE] = "ExecStartPre", [EXEC_START_POST] = "ExecStartPost",
        [EXEC_RELOAD] = "ExecReload",      [EXEC_STOP] = "ExecStop",
        [EXEC_STOP_POST] = "ExecStopPost",
    };

    return keys[kind];
}

/* Rows whose new value is good at once. [Unit] and [Install] rows are, all of them. */
static bool is_live(const struct setting *row)
{
    static const char *const live[] = {"Restart",
                                       "RestartSec",
                                       "RestartSteps",
                                       "RestartMaxDelaySec",
                                       "RestartFirst",
                                       "RestartJitter",
                                       "SuccessExitStatus",
                                       "RestartPreventExitStatus",
                                       "RestartForceExitStatus",
                                       "Essential",
                                       "ExecReload",
                                       "ExecStop",
                                       "ExecStopPost",
                                       "TimeoutStopSec",
                                       "KillSignal",
                                       "SendSIGKILL",
                                       "WatchdogSignal",
                                       "ReloadSignal",
                                       "TimeoutStartSec",
                                       "NotifyAccess",
                                       "FileDescriptorStoreMax",
                                       "FileDescriptorStorePreserve",
                                       "Instances",
                                       NULL};

    if (strcmp(row->section, "Service") != 0)
        return true;
    for (int i = 0; live[i]; i++)
        if (strcmp(row->key, live[i]) == 0)
            return true;
    return false;
}

static bool rows_equal(const struct setting_table *table, const void *a, const void *b,
                       bool live_too)
{
    settings_for_each (row, table)
        if ((live_too || !is_live(row)) && setting_differs(row, a, b))
            return false;
    return true;
}

static bool mounts_equal(const struct launch_mounts *a, const struct launch_mounts *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct launch_mount *x = &a->items[i], *y = &b->items[i];

        if (x->kind != y->kind || x->flags != y->flags || x->perms != y->perms ||
            x->size != y->size || !str_equal(x->src, y->src) || !str_equal(x->dst, y->dst))
            return false;
    }
    return true;
}

/* What was read when a file's name was given belongs to the row, but not to its text. */
static bool texts_equal(const struct launch_spec *a, const struct launch_spec *b)
{
    return str_equal(a->filter_profile.text, b->filter_profile.text);
}

static bool launches_equal(const struct launch_spec *a, const struct launch_spec *b)
{
    return rows_equal(&launch_settings, a, b, true) && a->uid == b->uid && a->gid == b->gid &&
           strlist_equal(&a->groups, &b->groups) && a->prefer == b->prefer &&
           a->root == b->root && mounts_equal(&a->mounts, &b->mounts) && texts_equal(a, b);
}

static bool sockets_equal(const struct socket_list *a, const struct socket_list *b)
{
    struct buf x = BUF_INIT(SIZE_MAX), y = BUF_INIT(SIZE_MAX);
    bool equal;

    if (a->count == 0 && b->count == 0)
        return true;
    socket_list_render(a, &x);
    socket_list_render(b, &y);
    equal = !x.error && !y.error && strcmp(buf_text(&x), buf_text(&y)) == 0;
    buf_done(&x);
    buf_done(&y);
    return equal;
}

bool svc_spec_equal(const struct svc_spec *a, const struct svc_spec *b)
{
    return str_equal(a->name, b->name) && a->is_unit == b->is_unit &&
           rows_equal(&service_settings, a, b, true) &&
           sockets_equal(&a->sockets, &b->sockets) && launches_equal(&a->launch, &b->launch);
}

bool svc_spec_needs_restart(const struct svc_spec *from, const struct svc_spec *to)
{
    return from->is_unit != to->is_unit || !rows_equal(&service_settings, from, to, false) ||
           !sockets_equal(&from->sockets, &to->sockets) ||
           !launches_equal(&from->launch, &to->launch);
}

/* FNV-1a: short texts, no secrets, nobody who wants a collision. */
static uint64_t mix(uint64_t sum, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;

    for (size_t i = 0; i < size; i++)
        sum = (sum ^ at[i]) * UINT64_C(0x100000001b3);
    return sum;
}

static uint64_t mix_number(uint64_t sum, uint64_t number)
{
    for (unsigned shift = 0; shift < 64; shift += 8)
        sum = (sum ^ (number >> shift & 0xff)) * UINT64_C(0x100000001b3);
    return sum;
}

static uint64_t mix_text(uint64_t sum, const char *text)
{
    return text ? mix(sum, text, strlen(text) + 1) : mix(sum, "\377", 1);
}

static uint64_t mix_rows(uint64_t sum, const struct setting_table *table, const void *spec,
                         bool live_too)
{
    struct buf text = BUF_INIT((size_t)1 << 20);

    settings_for_each (row, table) {
        if (!live_too && is_live(row))
            continue;
        buf_clear(&text);
        setting_render(row, spec, &text);
        sum = mix_text(sum, row->key);
        sum = mix(sum, text.data, text.len);
    }
    buf_done(&text);
    return sum;
}

static uint64_t mix_mounts(uint64_t sum, const struct launch_mounts *mounts)
{
    for (size_t i = 0; i < mounts->count; i++) {
        const struct launch_mount *m = &mounts->items[i];

        sum = mix_number(mix_number(sum, (uint64_t)m->kind), m->flags);
        sum = mix_number(mix_number(sum, m->perms), m->size);
        sum = mix_text(mix_text(sum, m->src), m->dst);
    }
    return sum;
}

static uint64_t mix_sockets(uint64_t sum, const struct socket_list *sockets)
{
    struct buf text = BUF_INIT(SIZE_MAX);

    if (sockets->count > 0)
        socket_list_render(sockets, &text);
    sum = mix(sum, text.data, text.len);
    buf_done(&text);
    return sum;
}

uint64_t svc_spec_digest(struct svc_spec *spec)
{
    const struct launch_spec *launch = &spec->launch;
    uint64_t sum = atomic_load_explicit(&spec->digest, memory_order_relaxed);

    if (sum != 0)
        return sum;
    sum = mix_number(UINT64_C(0xcbf29ce484222325), spec->is_unit);
    sum = mix_number(mix_number(sum, launch->uid), launch->gid);
    sum = mix_number(mix_number(sum, launch->prefer), (uint64_t)launch->root);
    sum = mix_rows(sum, &service_settings, spec, false);
    sum = mix_rows(sum, &launch_settings, launch, true);
    for (size_t i = 0; i < launch->groups.count; i++)
        sum = mix_text(sum, launch->groups.items[i]);
    sum = mix_mounts(sum, &launch->mounts);
    sum = mix_sockets(sum, &spec->sockets);
    sum = mix_text(sum, launch->filter_profile.text);
    sum = sum ? sum : 1;
    atomic_store_explicit(&spec->digest, sum, memory_order_relaxed);
    return sum;
}

bool svc_spec_starts_by_itself(const struct svc_spec *spec)
{
    if (spec->origin == ORIGIN_NAMED || spec->origin == ORIGIN_ASKED)
        return false;
    if (spec->auto_start != AUTO_UNSET)
        return spec->auto_start == AUTO_YES;
    return (!spec->is_unit && spec->sockets.count == 0 && !spec->has_timer) ||
           spec->wanted_by.names.count > 0 || spec->required_by.names.count > 0;
}

static bool passes_us(const struct output_spec *where)
{
    return where->kind == OUTPUT_LOG || where->kind == OUTPUT_NULL ||
           where->kind == OUTPUT_SAME;
}

bool svc_spec_prints_through_us(const struct svc_spec *spec)
{
    return passes_us(&spec->out) && passes_us(&spec->err);
}
