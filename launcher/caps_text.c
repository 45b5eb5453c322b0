/*
 * caps_text.c - sets of capabilities as text (see caps_text.h)
 */
#include "launcher/caps_text.h"

#include "base/str.h"

#include <ctype.h>
#include <string.h>
#include <sys/capability.h>

#define NAME_MAX_LENGTH 40

static int parse_one(const char *word, size_t len, uint64_t *set, struct coop_err *err)
{
    char name[NAME_MAX_LENGTH];
    cap_value_t cap;

    if (len >= sizeof name)
        return coop_fail(err, COOP_E_UNKNOWN, "'%.*s...' is no capability", NAME_MAX_LENGTH,
                         word);
    for (size_t i = 0; i < len; i++)
        name[i] = (char)tolower((unsigned char)word[i]);
    name[len] = '\0';
    if (strcmp(name, "all") == 0) {
        *set = UINT64_MAX;
        return 0;
    }
    if (strcmp(name, "none") == 0)
        return 0;
    /* libcap takes "1e3" for the number 1. */
    if ((isdigit((unsigned char)name[0]) && name[strspn(name, "0123456789")]) ||
        cap_from_name(name, &cap) < 0 || cap < 0 || cap > 63) {
        coop_fail(err, COOP_E_UNKNOWN, "'%s' is no capability", name);
        return coop_hint(
            err, "names look like CAP_NET_BIND_SERVICE; 'all' and 'none' stand for sets");
    }
    *set |= UINT64_C(1) << cap;
    return 0;
}

int caps_parse(const char *text, uint64_t *ret_set, struct coop_err *err)
{
    uint64_t set = 0;

    while (*text) {
        size_t len = strcspn(text, " \t,");

        if (len > 0 && parse_one(text, len, &set, err) < 0)
            return -1;
        text += len + (text[len] != '\0');
    }
    *ret_set = set;
    return 0;
}

uint64_t caps_known(void)
{
    int bits = cap_max_bits(); /* one more than the last capability */

    return bits > 0 && bits < 64 ? (UINT64_C(1) << bits) - 1 : 0;
}

int caps_render(struct buf *out, uint64_t set)
{
    const char *between = "";

    if (set == 0)
        return buf_add_text(out, "none");
    if (set == UINT64_MAX)
        return buf_add_text(out, "all");
    for (int cap = 0; cap < 64; cap++) {
        char *name;

        if (!(set >> cap & 1) || cap > CAP_LAST_CAP)
            continue;
        name = cap_to_name(cap);
        buf_addf(out, "%s%s", between, name ? name : "?");
        cap_free(name);
        between = " ";
    }
    return out->error;
}

uint64_t caps_effective(void)
{
    cap_t own = cap_get_proc();
    uint64_t set = 0;

    for (int cap = 0; own && cap < 64; cap++) {
        cap_flag_value_t value = CAP_CLEAR;

        if (cap_get_flag(own, cap, CAP_EFFECTIVE, &value) == 0 && value == CAP_SET)
            set |= UINT64_C(1) << cap;
    }
    if (own)
        cap_free(own);
    return set;
}
