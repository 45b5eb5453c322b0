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
    launch_spec_done(&spec->launch);
    free(spec->name);
    free(spec->file);
    free(spec);
}

static bool rows_equal(const struct setting_table *table, const void *a, const void *b)
{
    settings_for_each (row, table)
        if (setting_differs(row, a, b))
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

bool svc_spec_equal(const struct svc_spec *a, const struct svc_spec *b)
{
    return str_equal(a->name, b->name) && a->is_unit == b->is_unit &&
           rows_equal(&service_settings, a, b) &&
           rows_equal(&launch_settings, &a->launch, &b->launch) &&
           a->launch.uid == b->launch.uid && a->launch.gid == b->launch.gid &&
           strlist_equal(&a->launch.groups, &b->launch.groups) &&
           a->launch.prefer == b->launch.prefer && a->launch.root == b->launch.root &&
           mounts_equal(&a->launch.mounts, &b->launch.mounts);
}

bool svc_spec_starts_by_itself(const struct svc_spec *spec)
{
    if (spec->auto_start != AUTO_UNSET)
        return spec->auto_start == AUTO_YES;
    return !spec->is_unit || spec->wanted_by.names.count > 0 ||
           spec->required_by.names.count > 0;
}
