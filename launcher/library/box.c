/*
 * box.c - what is wanted, key by key
 *
 * A setting is judged here, at once, by its row, and judged again by coop-run, which gets it as the
 * flag that the same row makes: there is one table.
 */
#include "launcher/library/library.h"

#include "base/scope.h"
#include "base/str.h"

#include <errno.h>
#include <stdlib.h>

static int add_word(struct coop_sandbox *box, const char *name, const char *value)
{
    struct buf word = BUF_INIT((size_t)LAUNCH_MAX_BLOB);

    buf_addf(&word, "--%s=", name);
    buf_add_text(&word, value); /* may be longer than a line of format may get */
    if (word.error) {
        buf_done(&word);
        return -1;
    }
    return strlist_take(&box->words, buf_take(&word));
}

/* Where a row leaves its flag to coop-run, that has the key's name in small letters. */
static const char *flag_of(const struct setting *row, char ret_flag[SETTING_FLAG_MAX])
{
    if (setting_flag_name(row, ret_flag)[0])
        return ret_flag;
    str_format(ret_flag, SETTING_FLAG_MAX, "%s", row->key);
    for (char *c = ret_flag; *c; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
    return ret_flag;
}

int coop_sandbox_new(struct coop_sandbox **ret_box, const char *profile, struct coop_err *err)
{
    struct coop_sandbox *box = calloc(1, sizeof *box);

    if (!box)
        return coop_fail_sys(err, ENOMEM, "a sandbox");
    if (!profile)
        profile = "default";
    launch_spec_init(&box->spec);
    if (launch_spec_profile(&box->spec, profile, err) < 0) {
        coop_sandbox_free(box);
        return -1;
    }
    if (add_word(box, "profile", profile) < 0) {
        coop_sandbox_free(box);
        return coop_fail_sys(err, ENOMEM, "a sandbox");
    }
    *ret_box = box;
    return 0;
}

/* As on the command line: only a list can be emptied. */
static bool lacks_value(const char *key, const char *value)
{
    const struct setting *row = setting_find(&launch_settings, NULL, key);

    return row && !row->type->list && !*value;
}

int coop_sandbox_set(struct coop_sandbox *box, const char *key, const char *value,
                     struct coop_err *err)
{
    const struct setting *row = setting_find(&launch_settings, NULL, key);
    char flag[SETTING_FLAG_MAX];

    if (lacks_value(key, value))
        return coop_fail(err, COOP_E_SYNTAX, "%s=: a value is missing", key);
    if (launch_spec_set(&box->spec, key, value, err) < 0)
        return -1;
    if (add_word(box, flag_of(row, flag), value) < 0)
        return coop_fail_sys(err, ENOMEM, "%s", key);
    return 0;
}

void coop_sandbox_free(struct coop_sandbox *box)
{
    if (!box)
        return;
    launch_spec_done(&box->spec);
    strlist_done(&box->words);
    free(box);
}
