/*
 * instances.c - templates, and the services that are made of them (see instances.h)
 *
 * The order of making is the order of the reasons: a number, a default, a section of its own, then
 * what all of these name, and what those name again.  What somebody asked for comes last: what is
 * there for another reason as well stays when it is stopped.
 */
#include "config/instances.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/scope.h"
#include "base/str.h"
#include "config/build.h"
#include "config/instance.h"
#include "config/load.h"
#include "graph/graph.h"

struct templates {
    atomic_uint refs;
    struct raw_config raw;
};

/* ---- what is what ---- */

static bool is_set(const struct raw_section *section)
{
    const struct raw_key *key = raw_find_key(section, "Instances");

    return section->kind == RAW_SERVICE && key && key->value[0];
}

/* [Service NAME@], or [Service NAME] with Instances=. */
static bool is_template(const struct raw_section *section)
{
    return section->kind == RAW_SERVICE && (instance_is_template(section->name) ||
                                            (!strchr(section->name, '@') && is_set(section)));
}

/* The template of "worker@3", or NULL. */
static const struct raw_section *template_of(const struct raw_config *raw, const char *name)
{
    char wanted[SVC_NAME_MAX + 2];
    const struct raw_section *found;

    if (instance_template(name, wanted, sizeof wanted) < 0)
        return NULL;
    found = raw_find(raw, RAW_SERVICE, wanted);
    if (found)
        return found;
    wanted[strlen(wanted) - 1] = '\0';
    found = raw_find(raw, RAW_SERVICE, wanted);
    return found && is_template(found) ? found : NULL;
}

/* A unit file of an instance stands in place of the template: systemd's rule. */
static bool is_over(const struct raw_config *raw, const struct raw_section *section)
{
    return section->kind == RAW_SERVICE && !section->is_unit && template_of(raw, section->name);
}

bool instances_is_service(const struct raw_config *raw, const struct raw_section *section)
{
    return section->kind == RAW_SERVICE && !is_template(section) && !is_over(raw, section);
}

/* "worker" of [Service worker@] and of [Service worker]. */
static void prefix_of(const struct raw_section *template, char prefix[SVC_NAME_MAX + 1])
{
    str_copy(prefix, SVC_NAME_MAX + 1, template->name);
    prefix[strcspn(prefix, "@")] = '\0';
}

/* ---- taking ---- */

struct teller {
    raw_complain *complain;
    void *arg;
    int errors;
};

static void tell_at(struct teller *teller, const char *file, unsigned line,
                    struct coop_err *err)
{
    coop_while(err, "%s:%u", file, line);
    teller->complain(teller->arg, err);
    teller->errors++;
}

/* [Service worker] and [Service worker@]: one of them with Instances= means both. */
static void check_names(struct teller *teller, const struct raw_config *raw,
                        const struct raw_section *template)
{
    char prefix[SVC_NAME_MAX + 1];
    const struct raw_section *other;
    struct coop_err err = {0};

    prefix_of(template, prefix);
    other = raw_find(raw, RAW_SERVICE, prefix);
    if (!is_set(template) || !other || other == template)
        return;
    coop_fail(&err, COOP_E_SYNTAX, "'%s' is the set of [Service %s], and a service at %s:%u",
              prefix, template->name, other->file, other->line);
    coop_hint(&err, "give one of them another name");
    tell_at(teller, template->file, template->line, &err);
}

static void check_default(struct teller *teller, const struct raw_section *template)
{
    const struct raw_key *key = raw_find_key(template, "DefaultInstance");
    char name[2 * SVC_NAME_MAX];
    struct coop_err err = {0};

    if (!key || !key->value[0])
        return;
    if (is_set(template)) {
        coop_fail(&err, COOP_E_RANGE, "DefaultInstance= of a set: its instances are numbers");
        coop_hint(&err, "take it out, or Instances=");
    } else if (str_format(name, sizeof name, "%s%s", template->name, key->value) < 0 ||
               instance_check_name("Service", name, strlen(name), false, &err) < 0) {
        coop_while(&err, "DefaultInstance=%s", key->value);
    } else {
        return;
    }
    tell_at(teller, key->file, key->line, &err);
}

/* What an instance of a set may not be or say. */
static void check_over(struct teller *teller, const struct raw_config *raw,
                       const struct raw_section *over)
{
    const struct raw_section *template = template_of(raw, over->name);
    const struct raw_key *key = raw_find_key(over, "Instances");
    struct coop_err err = {0};

    if (key) {
        coop_fail(&err, COOP_E_RANGE,
                  "Instances= belongs into [Service %s], not into one of its "
                  "instances",
                  template->name);
        tell_at(teller, key->file, key->line, &err);
    } else if (is_set(template) && instance_number(over->name) == 0) {
        coop_fail(&err, COOP_E_RANGE, "'%s': [Service %s] has Instances=, so they are numbers",
                  over->name, template->name);
        coop_hint(&err, "[Service %.*s@1] is the first one", (int)strcspn(over->name, "@"),
                  over->name);
        tell_at(teller, over->file, over->line, &err);
    }
}

static void check_unit_of_set(struct teller *teller, const struct raw_config *raw,
                              const struct raw_section *section)
{
    const struct raw_section *template = template_of(raw, section->name);
    struct coop_err err = {0};

    if (!template || !is_set(template))
        return;
    coop_fail(&err, COOP_E_RANGE, "'%s' is one of the Instances= of [Service %s]",
              section->name, template->name);
    coop_hint(&err, "say what it has of its own in [Service %s] of an .ini file",
              section->name);
    tell_at(teller, section->file, section->line, &err);
}

static int check_templates(const struct raw_config *raw, raw_complain *complain, void *arg)
{
    struct teller teller = {.complain = complain, .arg = arg};

    for (size_t i = 0; i < raw->count; i++) {
        const struct raw_section *section = &raw->sections[i];

        if (is_template(section)) {
            check_names(&teller, raw, section);
            check_default(&teller, section);
            teller.errors += build_check_template(raw, section, complain, arg);
        } else if (is_over(raw, section)) {
            check_over(&teller, raw, section);
        } else if (section->kind == RAW_SERVICE) {
            check_unit_of_set(&teller, raw, section);
        }
    }
    return teller.errors;
}

/* What is kept: all that is no service of its own. */
static bool *mark_kept(const struct raw_config *raw, bool *ret_any)
{
    bool *keep = calloc(raw->count + 1, sizeof *keep);

    *ret_any = false;
    for (size_t i = 0; keep && i < raw->count; i++) {
        const struct raw_section *section = &raw->sections[i];

        keep[i] = section->kind == RAW_SANDBOX || section->kind == RAW_GROUP ||
                  is_template(section) || is_over(raw, section);
        *ret_any = *ret_any || is_template(section);
    }
    return keep;
}

static int no_memory(raw_complain *complain, void *arg)
{
    struct coop_err err = {0};

    coop_fail(&err, COOP_E_LIMIT, "no memory for the configuration");
    complain(arg, &err);
    return -1;
}

int templates_take(struct templates **ret_templates, struct raw_config *raw,
                   raw_complain *complain, void *arg)
{
    struct templates *made;
    SCOPED_FREE bool *keep = NULL;
    bool any;

    *ret_templates = NULL;
    if (check_templates(raw, complain, arg) > 0)
        return -1;
    keep = mark_kept(raw, &any);
    if (!keep)
        return no_memory(complain, arg);
    if (!any)
        return 0;
    made = calloc(1, sizeof *made);
    if (!made)
        return no_memory(complain, arg);
    raw_filter(raw, keep);
    atomic_init(&made->refs, 1);
    made->raw = *raw;
    *raw = (struct raw_config){0};
    *ret_templates = made;
    return 0;
}

const struct raw_config *templates_raw(const struct templates *templates)
{
    return &templates->raw;
}

struct templates *templates_ref(struct templates *templates)
{
    if (templates)
        atomic_fetch_add_explicit(&templates->refs, 1, memory_order_relaxed);
    return templates;
}

void templates_unref(struct templates *templates)
{
    if (!templates || atomic_fetch_sub_explicit(&templates->refs, 1, memory_order_acq_rel) > 1)
        return;
    raw_done(&templates->raw);
    free(templates);
}

/* ---- making ---- */

struct maker {
    struct config *to;
    const struct config *old; /* of the same templates, or NULL */
    const struct raw_config *raw;
    struct map names, old_names; /* name -> spec */
    struct teller teller;
    size_t room;
    bool full; /* and it was told */
};

static bool add_spec(struct maker *m, struct svc_spec *spec)
{
    struct config *to = m->to;

    if (to->count == m->room) {
        size_t room = m->room * 2 + 16;
        struct svc_spec **grown = reallocarray(to->specs, room, sizeof(struct svc_spec *));

        if (!grown)
            return false;
        to->specs = grown;
        m->room = room;
    }
    if (map_put(&m->names, spec->name, spec) < 0)
        return false;
    to->specs[to->count++] = spec;
    return true;
}

static struct svc_spec *shared(const struct maker *m, const char *name, enum svc_origin origin)
{
    struct svc_spec *spec = map_get(&m->old_names, name);

    return spec && spec->origin == origin ? svc_spec_ref(spec) : NULL;
}

static struct svc_spec *build_instance(struct maker *m, const struct raw_section *template,
                                       const char *name, enum svc_origin origin)
{
    const struct raw_section *over = raw_find(m->raw, RAW_SERVICE, name);
    const struct build_from from = {.all = m->raw,
                                    .section = template,
                                    .over = over && is_over(m->raw, over) ? over : NULL,
                                    .name = name,
                                    .origin = origin};
    struct svc_spec *spec = build_service(&from, m->teller.complain, m->teller.arg);
    char prefix[SVC_NAME_MAX + 1];

    if (!spec) {
        m->teller.errors++;
        return NULL;
    }
    prefix_of(template, prefix);
    if (origin == ORIGIN_NUMBERED)
        spec->set = strdup(prefix);
    return spec;
}

static void refuse_more(struct maker *m, const struct raw_section *template, const char *name)
{
    struct coop_err err = {0};

    if (m->full)
        return;
    m->full = true;
    coop_fail(&err, COOP_E_LIMIT, "instance '%s': one coopd runs at most %d services", name,
              BOARD_MAX);
    tell_at(&m->teller, template->file, template->line, &err);
}

/* The instance of that name, NULL when it cannot be made (and why was told). */
static struct svc_spec *make(struct maker *m, const struct raw_section *template,
                             const char *name, enum svc_origin origin)
{
    struct svc_spec *spec = map_get(&m->names, name);

    if (spec)
        return spec;
    if (m->to->count >= BOARD_MAX) {
        refuse_more(m, template, name);
        return NULL;
    }
    spec = shared(m, name, origin);
    if (!spec)
        spec = build_instance(m, template, name, origin);
    if (!spec)
        return NULL;
    if (add_spec(m, spec) && (spec->set || origin != ORIGIN_NUMBERED))
        return spec;
    svc_spec_unref(spec);
    m->teller.errors++;
    no_memory(m->teller.complain, m->teller.arg);
    return NULL;
}

static int numbered_name(const struct raw_section *template, unsigned number,
                         char name[SVC_NAME_MAX + 1])
{
    char prefix[SVC_NAME_MAX + 1];

    prefix_of(template, prefix);
    return str_format(name, SVC_NAME_MAX + 1, "%s@%u", prefix, number);
}

/* How many of a set: what somebody asked for, unless the files have changed since. */
static unsigned count_of(const struct svc_spec *first, const struct wishes *wishes)
{
    const struct wish *wish = wishes ? wishes_find(wishes, first->set) : NULL;

    return wish && wish->count && wish->instead == (unsigned)first->instances
               ? wish->count
               : (unsigned)first->instances;
}

static void name_too_long(struct maker *m, const struct raw_section *template)
{
    struct coop_err err = {0};

    coop_fail(&err, COOP_E_LIMIT, "'%s' and a number make more than %d bytes", template->name,
              SVC_NAME_MAX);
    tell_at(&m->teller, template->file, template->line, &err);
}

static void make_set(struct maker *m, const struct raw_section *template,
                     const struct wishes *wishes)
{
    unsigned count = 1;

    for (unsigned number = 1; number <= count && !m->full; number++) {
        char name[SVC_NAME_MAX + 1];
        struct svc_spec *spec;

        if (numbered_name(template, number, name) < 0) {
            name_too_long(m, template);
            return;
        }
        spec = make(m, template, name, ORIGIN_NUMBERED);
        if (!spec)
            return; /* the others would fail in the same way */
        if (number == 1)
            count = count_of(spec, wishes);
    }
}

static void make_default(struct maker *m, const struct raw_section *template)
{
    const struct raw_key *key = raw_find_key(template, "DefaultInstance");
    char name[SVC_NAME_MAX + 1];

    if (key && key->value[0] &&
        str_format(name, sizeof name, "%s%s", template->name, key->value) >= 0)
        make(m, template, name, ORIGIN_DEFAULT);
}

static void make_written(struct maker *m, const struct wishes *wishes)
{
    for (size_t i = 0; i < m->raw->count; i++) {
        const struct raw_section *section = &m->raw->sections[i];

        if (is_template(section) && is_set(section))
            make_set(m, section, wishes);
        else if (is_template(section))
            make_default(m, section);
    }
    for (size_t i = 0; i < m->raw->count; i++) {
        const struct raw_section *section = &m->raw->sections[i];
        const struct raw_section *template =
            is_over(m->raw, section) ? template_of(m->raw, section->name) : NULL;

        if (template && !is_set(template))
            make(m, template, section->name, ORIGIN_WRITTEN);
    }
}

/* A set has its numbers and no others. */
static const struct raw_section *free_template(const struct maker *m, const char *name)
{
    const struct raw_section *template = template_of(m->raw, name);

    return template && !is_set(template) ? template : NULL;
}

static void on_name(void *arg, const char *written)
{
    struct maker *m = arg;
    const struct raw_section *template;
    char name[SVC_NAME_MAX + 1];
    size_t len;

    if (!graph_name(written, &len) || len >= sizeof name)
        return;
    memcpy(name, written, len);
    name[len] = '\0';
    template = free_template(m, name);
    if (template && instance_check_name("Service", name, len, false, NULL) == 0)
        make(m, template, name, ORIGIN_NAMED);
}

/* What is named by those from '*at' on, and by these again. */
static void make_named(struct maker *m, size_t *at)
{
    for (; *at < m->to->count && !m->full; (*at)++)
        graph_named(m->to->specs[*at], on_name, m);
}

static void make_asked(struct maker *m, const struct wishes *wishes)
{
    for (size_t i = 0; wishes && i < wishes->count; i++) {
        const struct wish *wish = &wishes->at[i];
        const struct raw_section *template =
            wish->count == 0 ? free_template(m, wish->name) : NULL;

        if (template)
            make(m, template, wish->name, ORIGIN_ASKED);
    }
}

static int index_all(struct maker *m)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < m->to->count; i++)
        r = map_put(&m->names, m->to->specs[i]->name, m->to->specs[i]);
    for (size_t i = m->old ? m->old->own : 0; r == 0 && m->old && i < m->old->count; i++)
        r = map_put(&m->old_names, m->old->specs[i]->name, m->old->specs[i]);
    return r;
}

int instances_make(struct config *config, const struct config *old, const struct wishes *wishes,
                   raw_complain *complain, void *arg)
{
    struct maker m = {.to = config, .teller = {complain, arg, 0}, .room = config->count};
    size_t at = 0;

    if (!config->templates)
        return 0;
    m.raw = &config->templates->raw;
    m.old = old && old->templates == config->templates ? old : NULL;
    if (index_all(&m) < 0) {
        no_memory(complain, arg);
        m.teller.errors++;
    } else {
        make_written(&m, wishes);
        make_named(&m, &at);
        make_asked(&m, wishes);
        make_named(&m, &at);
    }
    map_done(&m.names);
    map_done(&m.old_names);
    return m.teller.errors > 0 ? -1 : 0;
}

/* ---- asking ---- */

int instances_may_be(const struct config *config, const char *name, struct coop_err *err)
{
    const struct raw_config *raw = config->templates ? &config->templates->raw : NULL;
    const struct raw_section *template = raw ? template_of(raw, name) : NULL;

    if (raw && instance_is_template(name) && raw_find(raw, RAW_SERVICE, name)) {
        coop_fail(err, COOP_E_RANGE, "'%s' is a template, and there is no instance of it",
                  name);
        return coop_hint(err, "coopctl start %sNAME makes one", name);
    }
    if (!template)
        return coop_fail(err, COOP_E_UNKNOWN, "no service '%s'", name);
    if (is_set(template)) {
        int len = (int)strcspn(name, "@");

        coop_fail(err, COOP_E_RANGE, "'%s' is not one of the set '%.*s' (%s:%u)", name, len,
                  name, template->file, template->line);
        return coop_hint(err, "coopctl scale %.*s=N changes how many there are", len, name);
    }
    return instance_check_name("Service", name, strlen(name), false, err);
}

unsigned instances_written(const struct config *config, const char *set)
{
    for (size_t i = config->own; i < config->count; i++)
        if (str_equal(config->specs[i]->set, set))
            return (unsigned)config->specs[i]->instances;
    return 0;
}
