/*
 * setting_power.c - securebits: how they are read and shown
 */
#include "launcher/setting_kinds.h"

#include "base/scope.h"
#include "launcher/launch.h"
#include "text/words.h"

#include <linux/securebits.h>
#include <string.h>

static void list_done(struct strlist *list)
{
    strlist_done(list);
}

static const struct {
    const char *name;
    int bit;
} securebits[] = {
    {"keep-caps", SECBIT_KEEP_CAPS},
    {"keep-caps-locked", SECBIT_KEEP_CAPS_LOCKED},
    {"no-setuid-fixup", SECBIT_NO_SETUID_FIXUP},
    {"no-setuid-fixup-locked", SECBIT_NO_SETUID_FIXUP_LOCKED},
    {"noroot", SECBIT_NOROOT},
    {"noroot-locked", SECBIT_NOROOT_LOCKED},
    {"no-cap-ambient-raise", SECBIT_NO_CAP_AMBIENT_RAISE},
    {"no-cap-ambient-raise-locked", SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED},
};

static int parse_securebits(const struct setting *row, const char *text, void *field,
                            struct coop_err *err)
{
    SCOPED(struct strlist, list_done) words = {0};
    struct launch_number *number = field;
    int bits = 0;

    (void)row;
    if (words_split(text, &words, err) < 0)
        return -1;
    for (size_t i = 0; i < words.count; i++) {
        int bit = 0;

        for (size_t known = 0; known < COOP_COUNT(securebits); known++)
            if (strcmp(words.items[i], securebits[known].name) == 0)
                bit = securebits[known].bit;
        if (!bit)
            return coop_fail(err, COOP_E_UNKNOWN, "'%s' is no secure bit", words.items[i]);
        bits |= bit;
    }
    *number = (struct launch_number){true, number->value | bits};
    return 0;
}

static void render_securebits(const struct setting *row, const void *field, struct buf *out)
{
    const struct launch_number *number = field;
    const char *gap = "";

    (void)row;
    for (size_t i = 0; i < COOP_COUNT(securebits); i++) {
        if (!number->set || !(number->value & securebits[i].bit))
            continue;
        buf_addf(out, "%s%s", gap, securebits[i].name);
        gap = " ";
    }
}

const struct setting_type kind_securebits = {
    .metavar = "BIT...",
    .size = sizeof(struct launch_number),
    .parse = parse_securebits,
    .render = render_securebits,
    .samples = "noroot noroot-locked",
};
