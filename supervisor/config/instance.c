/*
 * instance.c - names of templates and instances (see instance.h)
 */
#include "config/instance.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "events/board.h"

bool instance_split(const char *name, struct instance_name *ret_parts)
{
    const char *at = strchr(name, '@');

    if (!at)
        return false;
    *ret_parts = (struct instance_name){
        .prefix = name, .instance = at + 1, .prefix_len = (size_t)(at - name)};
    return true;
}

bool instance_is_template(const char *name)
{
    struct instance_name parts;

    return instance_split(name, &parts) && parts.instance[0] == '\0';
}

unsigned instance_number(const char *name)
{
    struct instance_name parts;
    long long number;

    if (!instance_split(name, &parts) || parts.instance[0] < '1' || parts.instance[0] > '9' ||
        str_to_int(parts.instance, 1, INSTANCE_COUNT_MAX, &number) < 0)
        return 0;
    return (unsigned)number;
}

int instance_numbered(const char *template, unsigned number, char *ret_name, size_t size)
{
    return str_format(ret_name, size, "%s%u", template, number);
}

int instance_template(const char *name, char *ret_template, size_t size)
{
    struct instance_name parts;

    if (!instance_split(name, &parts) || parts.instance[0] == '\0')
        return -EINVAL;
    return str_format(ret_template, size, "%.*s@", (int)parts.prefix_len, name);
}

/* ---- characters ---- */

static bool is_name_char(char c)
{
    return isalnum((unsigned char)c) || (c && strchr("_-.@:", c));
}

/* The value of "\x2d"; -1 when it is not whole, or stands for what no name may hold. */
static int escaped(const char *text, size_t len)
{
    char digits[3] = "";
    int value;

    if (len < 4 || text[1] != 'x' || !isxdigit((unsigned char)text[2]) ||
        !isxdigit((unsigned char)text[3]))
        return -1;
    memcpy(digits, text + 2, 2);
    value = (int)strtol(digits, NULL, 16);
    return value > 0 ? value : -1;
}

static int not_a_name(const char *name, size_t len, struct coop_err *err)
{
    coop_fail(err, COOP_E_SYNTAX, "'%.*s' is not a name", (int)len, name);
    return coop_hint(err, memchr(name, '\\', len)
                              ? "escapes stand behind the '@', as \\x2d: systemd-escape(1)"
                              : "letters, digits and _ - . @ : may stand in a name");
}

static int check_chars(const char *name, size_t len, struct coop_err *err)
{
    bool in_instance = false;

    for (size_t i = 0; i < len; i++) {
        if (name[i] == '\\' && in_instance && escaped(name + i, len - i) > 0) {
            i += 3;
            continue;
        }
        if (!is_name_char(name[i]) || (i == 0 && name[i] == '.'))
            return not_a_name(name, len, err);
        in_instance = in_instance || name[i] == '@';
    }
    return 0;
}

int instance_check_name(const char *what, const char *name, size_t len, bool may_be_template,
                        struct coop_err *err)
{
    if (len == 0)
        return coop_fail(err, COOP_E_SYNTAX, "[%s] needs a name: [%s NAME]", what, what);
    if (len > SVC_NAME_MAX)
        return coop_fail(err, COOP_E_LIMIT, "name of %zu bytes; at most %d are allowed", len,
                         SVC_NAME_MAX);
    if (check_chars(name, len, err) < 0)
        return -1;
    if (name[0] == '@') {
        coop_fail(err, COOP_E_SYNTAX, "'%.*s' has nothing before its '@'", (int)len, name);
        return coop_hint(err,
                         "[%s NAME@] is a template, [%s NAME@INSTANCE] one of its instances",
                         what, what);
    }
    if (name[len - 1] != '@')
        return 0;
    if (may_be_template && memchr(name, '@', len) == name + len - 1)
        return 0;
    coop_fail(err, COOP_E_SYNTAX, "'%.*s' ends in '@'", (int)len, name);
    return coop_hint(err, may_be_template ? "a template has one '@', at its end"
                                          : "only services are made of templates");
}

void instance_unescape(const char *text, size_t len, char *ret_text)
{
    for (size_t i = 0; i < len; i++) {
        int value = text[i] == '\\' ? escaped(text + i, len - i) : -1;
        char c = text[i];

        if (value > 0) {
            c = (char)(unsigned char)value;
            i += 3;
        } else if (c == '-') {
            c = '/';
        }
        *ret_text++ = c;
    }
    *ret_text = '\0';
}
