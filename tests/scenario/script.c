/* script.c - text -> statements, and variables */
#include "script.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/scope.h"

enum { SCRIPT_MAX = 1 << 20, TOKENS_MAX = 64 };

struct reader {
    const char *path;
    const char *at; /* the next line */
    int line;
    int depth;
};

/* The next line without its end, or NULL at the end of the text. */
static char *next_line(struct reader *r)
{
    const char *end;
    char *line;

    if (!*r->at)
        return NULL;
    end = strchrnul(r->at, '\n');
    line = keep_printf("%.*s", (int)(end - r->at), r->at);
    r->at = *end ? end + 1 : end;
    r->line++;
    return line;
}

static bool is_closing_brace(const char *line)
{
    line += strspn(line, " \t");
    return line[0] == '}' && line[1 + strspn(line + 1, " \t")] == '\0';
}

/* What follows a backslash.  An unknown one keeps it: "\[" is for regular expressions. */
static char unescape(const char **at)
{
    char c = *(*at)++;

    if (c == 'x' && isxdigit((unsigned char)(*at)[0]) && isxdigit((unsigned char)(*at)[1])) {
        unsigned byte = 0;

        sscanf(*at, "%2x", &byte);
        *at += 2;
        return (char)byte;
    }
    if (strchr("\"\\", c))
        return c;
    if (strchr("ntr", c))
        return c == 'n' ? '\n' : c == 't' ? '\t' : '\r';
    (*at)--;
    return '\\';
}

/* Takes one token from *at. Returns false when its quote is never closed. */
static bool take_token(const char **at, struct token *ret_token)
{
    const char quote = **at == '"' || **at == '\'' ? *(*at)++ : '\0';
    char *text = keep(strlen(*at) + 1);
    size_t len = 0;

    while (**at && (quote ? **at != quote : !isspace((unsigned char)**at))) {
        char c = *(*at)++;

        /* an escaped dollar stays escaped until variables have been put in */
        if (quote == '"' && c == '\\' && **at && **at != '$')
            c = unescape(at);
        text[len++] = c;
    }
    if (quote && *(*at)++ != quote)
        return false;
    *ret_token = (struct token){.text = text, .as_is = quote == '\''};
    return true;
}

static int split(struct reader *r, const char *line, struct stmt *st, struct coop_err *err)
{
    struct token tokens[TOKENS_MAX];

    for (;;) {
        line += strspn(line, " \t");
        if (!*line || *line == '#')
            break;
        if (st->count == TOKENS_MAX)
            return coop_fail(err, COOP_E_SYNTAX, "%s:%d: more than %d words", r->path, r->line,
                             TOKENS_MAX);
        if (!take_token(&line, &tokens[st->count]))
            return coop_fail(err, COOP_E_SYNTAX, "%s:%d: quote without end", r->path, r->line);
        st->count++;
    }
    st->tokens = keep(sizeof tokens[0] * (size_t)(st->count + 1));
    memcpy(st->tokens, tokens, sizeof tokens[0] * (size_t)st->count);
    return 0;
}

static int read_block(struct reader *r, char **ret_block, struct coop_err *err)
{
    const char *start = r->at;
    int opened = r->line;

    for (;;) {
        const char *here = r->at;
        const char *line = next_line(r);

        if (!line)
            return coop_fail(err, COOP_E_SYNTAX, "%s:%d: block without '}'", r->path, opened);
        if (is_closing_brace(line)) {
            *ret_block = keep_printf("%.*s", (int)(here - start), start);
            return 0;
        }
    }
}

static bool has_body(const struct stmt *st)
{
    return strcmp(st->tokens[0].text, "foreach") == 0 ||
           strcmp(st->tokens[0].text, "repeat") == 0;
}

static int read_list(struct reader *r, struct stmt **ret_list, struct coop_err *err)
{
    struct stmt **tail = ret_list;
    int opened = r->line;

    for (;;) {
        char *line = next_line(r);
        struct stmt *st;

        if (!line && r->depth > 0)
            return coop_fail(err, COOP_E_SYNTAX, "%s:%d: body without '}'", r->path, opened);
        if (!line || (r->depth > 0 && is_closing_brace(line)))
            return 0;

        st = keep(sizeof *st);
        st->line = r->line;
        if (split(r, line, st, err) < 0)
            return -1;
        if (st->count == 0)
            continue;
        *tail = st;
        tail = &st->next;
        if (st->count < 2 || strcmp(st->tokens[st->count - 1].text, "{") != 0)
            continue;
        st->count--;
        r->depth++;
        if ((has_body(st) ? read_list(r, &st->body, err) : read_block(r, &st->block, err)) < 0)
            return -1;
        r->depth--;
    }
}

int script_load(struct script *ret_script, const char *path, struct coop_err *err)
{
    struct reader r = {.path = path};
    SCOPED_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text = keep(SCRIPT_MAX + 1);
    ssize_t len;

    if (fd < 0)
        return coop_fail_sys(err, errno, "open '%s'", path);
    len = read(fd, text, SCRIPT_MAX);
    if (len < 0)
        return coop_fail_sys(err, errno, "read '%s'", path);
    ret_script->text = text;
    r.at = text;
    return read_list(&r, &ret_script->list, err);
}

char *script_expand(struct scn *s, const char *text, bool braces_only)
{
    struct text made = {0};
    char *kept;

    while (*text) {
        size_t plain = strcspn(text, "$\\");
        bool braced = text[plain] == '$' && text[plain + 1] == '{';
        const char *name = text + plain + (braced ? 2 : 1);
        size_t len = 0;

        text_add(&made, text, plain);
        text += plain;
        if (*text == '\\' && text[1] == '$' && !braces_only) {
            text_add(&made, "$", 1);
            text += 2;
            continue;
        }
        if (*text == '$')
            len =
                strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
        if (len == 0 || (braces_only && !braced)) {
            text_add(&made, text, *text ? 1 : 0);
            text += *text ? 1 : 0;
            continue;
        }
        const char *value = scn_get(s, keep_printf("%.*s", (int)len, name));

        if (!value) {
            scn_fail(s, "no variable '%.*s'", (int)len, name);
            text_free(&made);
            return NULL;
        }
        text_add(&made, value, strlen(value));
        text = name + len + (braced ? 1 : 0);
    }
    kept = keep_printf("%s", text_str(&made));
    text_free(&made);
    return kept;
}
