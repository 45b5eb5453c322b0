/*
 * specifier.c - %n and its kin (see specifier.h)
 */
#include "config/specifier.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "config/identity.h"
#include "config/instance.h"
#include "events/board.h"

enum { EXPANDED_MAX = 256 * 1024 };

static int add_user(struct buf *out, char which, const struct specifiers *about,
                    struct coop_err *err)
{
    struct identity who;

    if (identity_find(about->user, NULL, &who, err) < 0)
        return -1;
    switch (which) {
    case 'u': buf_add_text(out, who.user); break;
    case 'U': buf_addf(out, "%u", who.uid); break;
    case 'g': buf_add_text(out, who.group); break;
    case 'G': buf_addf(out, "%u", who.gid); break;
    default: buf_add_text(out, who.home); break;
    }
    identity_done(&who);
    return 0;
}

/* Of the name "web-db@x": the text between two places of it, unescaped where 'plain'. */
static int add_part(struct buf *out, const char *from, size_t len, bool plain)
{
    char text[SVC_NAME_MAX + 1];

    if (len > SVC_NAME_MAX)
        return buf_add(out, from, len);
    if (plain)
        instance_unescape(from, len, text);
    else
        memcpy(text, from, len), text[len] = '\0';
    return buf_add_text(out, text);
}

static int add_name_part(struct buf *out, char which, const char *name)
{
    struct instance_name parts = {.prefix = name, .instance = "", .prefix_len = strlen(name)};
    const char *last;

    (void)instance_split(name, &parts);
    switch (which) {
    case 'p':
    case 'P': return add_part(out, name, parts.prefix_len, which == 'P');
    case 'i':
    case 'I': return add_part(out, parts.instance, strlen(parts.instance), which == 'I');
    case 'f':
        if (!parts.instance[0])
            parts.instance = name;
        buf_add_char(out, '/');
        return add_part(out, parts.instance, strlen(parts.instance), true);
    default: /* j, J */
        last = memrchr(name, '-', parts.prefix_len);
        last = last ? last + 1 : name;
        return add_part(out, last, parts.prefix_len - (size_t)(last - name), which == 'J');
    }
}

static const char *runtime_dir(void)
{
    const char *dir = getuid() == 0 ? NULL : secure_getenv("XDG_RUNTIME_DIR");

    return dir ? dir : "/run";
}

static int add_one(struct buf *out, char which, const struct specifiers *about,
                   struct coop_err *err)
{
    char host[256] = "";

    switch (which) {
    case '%': return buf_add_char(out, '%');
    case 'n': return buf_addf(out, "%s.service", about->service);
    case 'N': return buf_add_text(out, about->service);
    case 'p':
    case 'P':
    case 'i':
    case 'I':
    case 'j':
    case 'J':
    case 'f': return add_name_part(out, which, about->service);
    case 't': return buf_add_text(out, runtime_dir());
    case 'H': gethostname(host, sizeof host - 1); return buf_add_text(out, host);
    case 'u':
    case 'U':
    case 'g':
    case 'G':
    case 'h': return add_user(out, which, about, err);
    default: break;
    }
    if (which)
        coop_fail(err, COOP_E_UNKNOWN, "'%%%c' is not a specifier that coop knows", which);
    else
        coop_fail(err, COOP_E_SYNTAX, "the value ends in a bare '%%'");
    return coop_hint(err, "write %%%% for a percent sign");
}

char *specifiers_expand(const struct specifiers *about, const char *text, struct coop_err *err)
{
    struct buf out = BUF_INIT(EXPANDED_MAX);
    char *result;

    for (; *text; text++) {
        if (*text != '%') {
            buf_add_char(&out, *text);
            continue;
        }
        text++;
        if (add_one(&out, *text, about, err) < 0 && !out.error) {
            buf_done(&out);
            return NULL;
        }
    }
    if (!out.error && out.len == 0)
        buf_add_text(&out, "");
    result = out.error ? NULL : buf_take(&out);
    if (!result)
        coop_fail(err, COOP_E_LIMIT, "the value is too long once expanded");
    buf_done(&out);
    return result;
}
