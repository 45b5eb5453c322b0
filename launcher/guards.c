/*
 * guards.c - the names of protections, alone and in families, and the two keys that take them
 */
#include "launcher/launch.h"
#include "launcher/setting_kinds.h"

#include "base/scope.h"
#include "base/str.h"

#include <ctype.h>
#include <string.h>

enum family {
#define X(id, name) FAMILY_##id,
    LAUNCH_FAMILIES(X)
#undef X
        FAMILIES
};

static const struct {
    const char *name;
    enum family family;
} all_guards[] = {
#define X(id, name, family) [LAUNCH_GUARD_##id] = {(name), FAMILY_##family},
    LAUNCH_GUARDS(X)
#undef X
};

static const char *const families[] = {
#define X(id, name) [FAMILY_##id] = (name),
    LAUNCH_FAMILIES(X)
#undef X
};

_Static_assert(LAUNCH_GUARD_COUNT < 64, "a set of guards is one word");

/* ---- from word to set ---- */

/* A key is written PrivateUsers in a file and private-users as a flag: both are its name. */
static bool is_word_for(const char *word, const char *name)
{
    for (;; word++, name++) {
        while (*word == '-')
            word++;
        if (tolower((unsigned char)*word) != tolower((unsigned char)*name))
            return false;
        if (!*name)
            return true;
    }
}

const char *launch_guard_name(enum launch_guard guard)
{
    return (unsigned)guard < LAUNCH_GUARD_COUNT ? all_guards[guard].name : "?";
}

int launch_guard_find(const char *name)
{
    for (int i = 0; i < LAUNCH_GUARD_COUNT; i++)
        if (is_word_for(name, all_guards[i].name))
            return i;
    return -1;
}

static uint64_t members(enum family family)
{
    uint64_t set = 0;

    for (int i = 0; i < LAUNCH_GUARD_COUNT; i++)
        if (all_guards[i].family == family)
            set |= LAUNCH_BIT(i);
    return set;
}

uint64_t launch_guards_find(const char *word)
{
    int guard = launch_guard_find(word);

    if (is_word_for(word, "all"))
        return LAUNCH_ALL_GUARDS;
    for (int i = 0; i < FAMILIES; i++)
        if (is_word_for(word, families[i]))
            return members((enum family)i);
    return guard < 0 ? 0 : LAUNCH_BIT(guard);
}

const char *launch_guards_nearest(const char *word)
{
    const char *names[LAUNCH_GUARD_COUNT + FAMILIES + 2] = {0};
    size_t count = 0;

    for (int i = 0; i < LAUNCH_GUARD_COUNT; i++)
        names[count++] = all_guards[i].name;
    for (int i = 0; i < FAMILIES; i++)
        names[count++] = families[i];
    names[count++] = "all";
    return str_nearest(word, names);
}

/* ---- from set to words ---- */

static void add_word(char *text, size_t size, const char *word)
{
    size_t used = strlen(text);

    str_format(text + used, size - used, "%s%s", used ? ", " : "", word);
}

char *launch_guards_text(uint64_t guards, char *ret_text, size_t size)
{
    ret_text[0] = '\0';
    for (int i = 0; i < LAUNCH_GUARD_COUNT; i++)
        if (guards & LAUNCH_BIT(i))
            add_word(ret_text, size, all_guards[i].name);
    return ret_text;
}

/* The same, with families for those that are whole. */
static void render_set(uint64_t set, uint64_t singly, struct buf *out)
{
    uint64_t left = set & ~singly;
    char text[2048];

    if (set == LAUNCH_ALL_GUARDS && !singly) {
        buf_add_text(out, "all");
        return;
    }
    launch_guards_text(singly, text, sizeof text);
    for (int i = 0; i < FAMILIES; i++) {
        uint64_t family = members((enum family)i);

        if (family && (set & family) == family && left & family) {
            add_word(text, sizeof text, families[i]);
            left &= ~family;
        }
    }
    for (int i = 0; i < LAUNCH_GUARD_COUNT; i++)
        if (left & LAUNCH_BIT(i))
            add_word(text, sizeof text, all_guards[i].name);
    buf_add_text(out, text);
}

/* ---- the two kinds of values ---- */

/* *ret_named: those that were named one by one. */
static int parse_set(const char *text, uint64_t *ret_set, uint64_t *ret_named,
                     struct coop_err *err)
{
    uint64_t set = 0, named = 0;

    for (size_t len; *text; text += len + (text[len] != '\0')) {
        const char *near;
        uint64_t found;
        char word[64];

        len = strcspn(text, " \t,");
        if (len == 0)
            continue;
        str_format(word, sizeof word, "%.*s", (int)len, text);
        found = launch_guards_find(word);
        set |= found;
        if ((found & (found - 1)) == 0)
            named |= found; /* one, and no family */
        if (found)
            continue;
        near = launch_guards_nearest(word);
        coop_fail(err, COOP_E_UNKNOWN, "'%s' is no protection", word);
        return near ? coop_hint(err, "did you mean %s?", near)
                    : coop_hint(err, "names of keys like PrivateNetwork; namespaces, files, "
                                     "privileges, calls, landlock, limits; or all");
    }
    *ret_set = set;
    *ret_named = named;
    return 0;
}

static int parse_prefer(const struct setting *row, const char *text, void *field,
                        struct coop_err *err)
{
    uint64_t set = 0, named = 0;

    (void)row;
    if (parse_set(text, &set, &named, err) < 0)
        return -1;
    *(uint64_t *)field |= set;
    return 0;
}

static void render_prefer(const struct setting *row, const void *field, struct buf *out)
{
    (void)row;
    render_set(*(const uint64_t *)field, 0, out);
}

const struct setting_type kind_prefer = {
    .metavar = "NAME...",
    .size = sizeof(uint64_t),
    .parse = parse_prefer,
    .render = render_prefer,
    .samples = "all limits PrivateUsers,private-tmp",
};

static int parse_require(const struct setting *row, const char *text, void *field,
                         struct coop_err *err)
{
    struct launch_required *required = field;
    uint64_t set = 0, named = 0;

    (void)row;
    if (parse_set(text, &set, &named, err) < 0)
        return -1;
    required->guards |= set;
    required->named |= named;
    return 0;
}

static void render_require(const struct setting *row, const void *field, struct buf *out)
{
    const struct launch_required *required = field;

    (void)row;
    render_set(required->guards, required->named, out);
}

const struct setting_type kind_require = {
    .metavar = "NAME...",
    .size = sizeof(struct launch_required),
    .parse = parse_require,
    .render = render_require,
    .samples = "all limits PrivateUsers",
};
