/*
 * restrict.c - systemd's Restrict* keys that are filters (see restrict.h)
 */
#include "launcher/filter/restrict.h"

#include "base/buf.h"
#include "base/scope.h"
#include "base/str.h"
#include "launcher/filter/word.h"
#include "launcher/protect.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define FAMILIES 64 /* the kernel has 46 */
#define BLANKS   " \t"
#define NO_RINGS " io_uring_setup io_uring_enter io_uring_register"

/* ---- yes or no ---- */

static const struct {
    size_t wanted; /* offset of a bool */
    const char *line;
} keys[] = {
    {offsetof(struct launch_spec, restrict_realtime),
     "~sched_setscheduler(1!=0,1!=3,1!=5) sched_setattr"}, /* SCHED_OTHER, _BATCH, _IDLE */
    {offsetof(struct launch_spec, restrict_suid_sgid),
     /* 020000100 is O_CREAT and what O_TMPFILE has more than O_DIRECTORY: else there is no mode */
     "~chmod(1&06000) fchmod(1&06000) fchmodat(2&06000) fchmodat2(2&06000) mknod(1&06000) "
     "mknodat(2&06000) creat(1&06000) open(1&020000100,2&06000) openat(2&020000100,3&06000) "
     "openat2:ENOSYS" NO_RINGS},
    {offsetof(struct launch_spec, lock_personality), "~personality(0!=0,0!=0xffffffff)"},
};

static bool is_wanted(const struct launch_spec *spec, size_t field)
{
    return *(const bool *)((const char *)spec + field);
}

/* ---- families ---- */

struct families {
    uint64_t named; /* a bit each */
    bool allows;    /* those only, or all but those */
};

/* Applies one value: the first says whether a list allows or refuses; later ones add, and with the
 * other sign take away. */
static int add_families(struct families *set, bool first, const char *text,
                        struct coop_err *err)
{
    bool inverted = text[0] == '~';

    if (first)
        *set = (struct families){.allows = !inverted};
    if (strcmp(text, "none") == 0) {
        *set = (struct families){.allows = true};
        return 0;
    }
    for (size_t length; *(text += strspn(text, "~" BLANKS)); text += length) {
        char name[32];
        uint64_t value = FAMILIES;

        length = strcspn(text, BLANKS);
        if (str_format(name, sizeof name, "%.*s", (int)length, text) < 0 ||
            !str_starts_with(name, "AF_") || filter_value_parse(name, &value, NULL) < 0 ||
            value >= FAMILIES)
            return coop_fail(err, COOP_E_UNKNOWN, "'%s' is no address family", name),
                   coop_hint(err, "AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, ..., or 'none'");
        if (inverted == set->allows)
            set->named &= ~(UINT64_C(1) << value);
        else
            set->named |= UINT64_C(1) << value;
    }
    return 0;
}

int filter_families_check(const char *text, struct coop_err *err)
{
    struct families set;

    return add_families(&set, true, text, err);
}

static void render_families(const struct families *set, struct buf *out)
{
    const char *between = "(";

    buf_add_text(out, "~");
    for (unsigned family = 0; family < FAMILIES; family++) {
        if (!(set->named >> family & 1))
            continue;
        if (set->allows)
            buf_addf(out, "%s%s0!=%u", between[0] == '(' ? "socket" : "", between, family);
        else
            buf_addf(out, "socket(0=%u):EAFNOSUPPORT ", family);
        between = ",";
    }
    if (set->allows)
        buf_add_text(out, set->named ? "):EAFNOSUPPORT" : "socket:EAFNOSUPPORT");
    buf_add_text(out, NO_RINGS);
}

/* ---- the public calls ---- */

bool filter_restricts(const struct launch_spec *spec)
{
    for (size_t i = 0; i < COOP_COUNT(keys); i++)
        if (is_wanted(spec, keys[i].wanted))
            return true;
    protections_for_each (row, spec)
        return true;
    return spec->address_families.count > 0;
}

int filter_restrict_lines(const struct launch_spec *spec, struct strlist *lines)
{
    struct buf text = BUF_INIT((size_t)8192);
    struct families set = {.allows = false};
    int r = 0;

    for (size_t i = 0; i < COOP_COUNT(keys) && r >= 0; i++)
        if (is_wanted(spec, keys[i].wanted))
            r = strlist_add(lines, keys[i].line);
    protections_for_each (row, spec)
        if (r >= 0)
            r = strlist_add(lines, row->calls);
    for (size_t i = 0; i < spec->address_families.count; i++)
        (void)add_families(&set, i == 0, spec->address_families.items[i], NULL); /* checked */
    if (spec->address_families.count == 0 || r < 0)
        return r;
    render_families(&set, &text);
    r = text.error ? -ENOMEM : strlist_add(lines, buf_text(&text));
    buf_done(&text);
    return r;
}
