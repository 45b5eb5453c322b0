/*
 * words.c - split like a shell, and quote for one (see words.h)
 */
#include "text/words.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define WORD_BYTES_MAX ((size_t)1024 * 1024)

/* ---- types and tables ---- */

static const struct escape {
    char letter, means;
} escapes[] = {
    {'n', '\n'}, {'t', '\t'}, {'r', '\r'}, {'a', '\a'}, {'b', '\b'},
    {'f', '\f'}, {'v', '\v'}, {'e', 27},   {'s', ' '},
};

/* Where a reader is: in the text, in which quote ('\0': none), and whether a word has begun. */
struct splitter {
    const char *text, *at;
    char quote;
    bool begun;
    struct buf word;
};

/* ---- helpers ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 16;
}

static int column(const struct splitter *s)
{
    return (int)(s->at - s->text) + 1;
}

/* 'count' digits of 'base' behind '*at'; the byte they stand for, or -1. */
static int read_code(const char *at, int count, int base)
{
    int code = 0;

    for (int i = 0; i < count; i++) {
        int digit = digit_value(at[i]);

        if (digit >= base)
            return -1;
        code = code * base + digit;
    }
    return code > 0 && code <= 255 ? code : -1;
}

static int add_code(struct splitter *s, const char *digits, int count, int base,
                    struct coop_err *err)
{
    int code = read_code(digits, count, base);

    if (code < 0)
        return coop_fail(err, COOP_E_SYNTAX, "escape at column %d is not a byte", column(s));
    s->at = digits + count;
    return buf_add_char(&s->word, (char)code);
}

/* s->at stands on a backslash. */
static int read_escape(struct splitter *s, struct coop_err *err)
{
    char c = s->at[1];

    if (!c)
        return coop_fail(err, COOP_E_SYNTAX, "backslash at the end, column %d", column(s));
    if (c == 'x')
        return add_code(s, s->at + 2, 2, 16, err);
    if (c >= '0' && c <= '7')
        return add_code(s, s->at + 1, 3, 8, err);
    for (size_t i = 0; i < sizeof escapes / sizeof escapes[0]; i++) {
        if (c == escapes[i].letter) {
            c = escapes[i].means;
            break;
        }
    }
    s->at += 2;
    return buf_add_char(&s->word, c);
}

static int end_word(struct splitter *s, struct strlist *words, struct coop_err *err)
{
    if (!s->begun)
        return 0;
    if (words->count >= WORDS_MAX)
        return coop_fail(err, COOP_E_LIMIT, "more than %d words", WORDS_MAX);
    if (s->word.error)
        return coop_fail_sys(err, s->word.error, "word before column %d", column(s));
    if (strlist_add(words, buf_text(&s->word)) < 0)
        return coop_fail_sys(err, ENOMEM, "split into words");
    buf_clear(&s->word);
    s->begun = false;
    return 0;
}

static int step(struct splitter *s, struct strlist *words, struct coop_err *err)
{
    char c = *s->at;

    if (!s->quote && is_blank(c)) {
        s->at++;
        return end_word(s, words, err);
    }
    s->begun = true;
    if (s->quote ? c == s->quote : c == '"' || c == '\'') {
        if (s->quote)
            s->quote = '\0';
        else
            s->quote = c;
        s->at++;
        return 0;
    }
    if (c == '\\' && s->quote != '\'')
        return read_escape(s, err);
    s->at++;
    return buf_add_char(&s->word, c);
}

static int split(struct splitter *s, struct strlist *words, struct coop_err *err)
{
    int quote_at = 0;

    while (*s->at) {
        char before = s->quote;
        int where = column(s);

        if (step(s, words, err) < 0)
            return s->word.error ? end_word(s, words, err) : -1;
        if (!before && s->quote)
            quote_at = where;
    }
    if (s->quote)
        return coop_fail(err, COOP_E_SYNTAX, "quote at column %d is not closed", quote_at);
    return end_word(s, words, err);
}

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (unsigned char)c >= 0x80 || (c && strchr("%+,-./:=@_^~", c));
}

static int quote_char(struct buf *out, char c)
{
    if (c == '"' || c == '\\')
        return buf_addf(out, "\\%c", c);
    for (size_t i = 0; i < sizeof escapes / sizeof escapes[0]; i++)
        if (c == escapes[i].means && c != ' ')
            return buf_addf(out, "\\%c", escapes[i].letter);
    if ((unsigned char)c < 0x20 || c == 0x7f)
        return buf_addf(out, "\\x%02x", (unsigned)c);
    return buf_add_char(out, c);
}

/* ---- the public calls ---- */

int words_split(const char *text, struct strlist *words, struct coop_err *err)
{
    struct splitter s = {.text = text, .at = text, .word = BUF_INIT(WORD_BYTES_MAX)};
    size_t before = words->count;
    int r = split(&s, words, err);

    buf_done(&s.word);
    while (r < 0 && words->count > before)
        strlist_remove(words, words->count - 1);
    return r;
}

int words_quote(struct buf *out, const char *word)
{
    const char *at = word;

    while (is_plain(*at))
        at++;
    if (!*at && at > word)
        return buf_add_text(out, word);
    buf_add_char(out, '"');
    for (at = word; *at; at++)
        quote_char(out, *at);
    return buf_add_char(out, '"');
}

int words_join(struct buf *out, const struct strlist *words)
{
    for (size_t i = 0; i < words->count; i++) {
        if (i)
            buf_add_char(out, ' ');
        words_quote(out, words->items[i]);
    }
    return out->error;
}
