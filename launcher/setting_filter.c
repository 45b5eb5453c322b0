/*
 * setting_filter.c - the system-call keys: how they are read and shown
 */
#include "launcher/setting_kinds.h"

#include "base/scope.h"
#include "base/str.h"
#include "launcher/filter/list.h"
#include "launcher/filter/profile.h"
#include "launcher/filter/restrict.h"
#include "launcher/filter/word.h"
#include "launcher/launch.h"
#include "text/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- lists of calls, line by line ---- */

static int keep_line(void *field, const char *text, struct coop_err *err)
{
    if (((struct strlist *)field)->count == FILTER_MAX_LINES)
        return coop_fail(err, COOP_E_LIMIT, "more than %d lines", FILTER_MAX_LINES);
    return strlist_add(field, text) < 0 ? coop_fail_sys(err, ENOMEM, "keep the list") : 0;
}

static int parse_filter(const struct setting *row, const char *text, void *field,
                        struct coop_err *err)
{
    (void)row;
    if (strcmp(text, "none") == 0) {
        strlist_done(field);
        return 0;
    }
    return filter_line_check(text, err) < 0 ? -1 : keep_line(field, text, err);
}

static int parse_log(const struct setting *row, const char *text, void *field,
                     struct coop_err *err)
{
    (void)row;
    return filter_log_check(text, err) < 0 ? -1 : keep_line(field, text, err);
}

static int parse_families(const struct setting *row, const char *text, void *field,
                          struct coop_err *err)
{
    (void)row;
    return filter_families_check(text, err) < 0 ? -1 : keep_line(field, text, err);
}

static void render_lines(const struct setting *row, const void *field, struct buf *out)
{
    setting_lines.render(row, field, out);
}

static void clear_lines(void *field)
{
    strlist_done(field);
}

static int copy_lines(void *to, const void *from)
{
    return strlist_copy(to, from);
}

const struct setting_type kind_filter = {
    .metavar = "CALL...",
    .size = sizeof(struct strlist),
    .list = true,
    .parse = parse_filter,
    .render = render_lines,
    .clear = clear_lines,
    .copy = copy_lines,
    .samples =
        "default none @system-service ~@mount ~ioctl(1=TIOCSTI):EPERM socket(0!=AF_UNIX)",
};

const struct setting_type kind_filter_log = {
    .metavar = "CALL...",
    .size = sizeof(struct strlist),
    .list = true,
    .parse = parse_log,
    .render = render_lines,
    .clear = clear_lines,
    .copy = copy_lines,
    .samples = "@mount ~@default ptrace",
};

const struct setting_type kind_families = {
    .metavar = "AF...",
    .size = sizeof(struct strlist),
    .list = true,
    .parse = parse_families,
    .render = render_lines,
    .clear = clear_lines,
    .copy = copy_lines,
    .samples = "AF_UNIX ~AF_PACKET none",
};

/* ---- one answer ---- */

static int parse_answer(const struct setting *row, const char *text, void *field,
                        struct coop_err *err)
{
    uint32_t answer = 0;

    (void)row;
    if (filter_answer_parse(text, &answer) < 0 || answer == FILTER_ALLOW) {
        (void)coop_fail(err, COOP_E_SYNTAX, "'%s' refuses nothing", text);
        return coop_hint(err, "an errno like EPERM or its number, kill, trap, or log");
    }
    *(struct launch_answer *)field = (struct launch_answer){true, answer};
    return 0;
}

static void render_answer(const struct setting *row, const void *field, struct buf *out)
{
    const struct launch_answer *answer = field;

    (void)row;
    if (answer->set)
        filter_answer_render(answer->answer, out);
}

const struct setting_type kind_answer = {
    .metavar = "ERRNO|kill|trap|log",
    .size = sizeof(struct launch_answer),
    .parse = parse_answer,
    .render = render_answer,
    .samples = "EPERM ENOSYS 13 kill trap log",
};

/* ---- ABIs ---- */

static int add_abi(const char *word, uint32_t *bits, struct coop_err *err)
{
    bool known;
    int abi = filter_abi_find(word, &known);

    if (!known) {
        (void)coop_fail(err, COOP_E_UNKNOWN, "'%s' is no architecture", word);
        return coop_hint(err, "native, x86, x86-64, x32, arm, arm64, ...");
    }
    /* One that this machine cannot run is judged like every other that is not named. */
    *bits |= abi < 0 ? 1u << FILTER_NATIVE : 1u << abi | 1u << FILTER_NATIVE;
    return 0;
}

static int parse_abis(const struct setting *row, const char *text, void *field,
                      struct coop_err *err)
{
    uint32_t *bits = field, added = 0;

    (void)row;
    for (size_t len; *text; text += len + (text[len] != '\0')) {
        char word[32];

        len = strcspn(text, " \t");
        if (len == 0)
            continue;
        (void)str_format(word, sizeof word, "%.*s", (int)len, text);
        if (add_abi(word, &added, err) < 0)
            return -1;
    }
    *bits |= added;
    return 0;
}

static void render_abis(const struct setting *row, const void *field, struct buf *out)
{
    const uint32_t *bits = field;

    (void)row;
    if (*bits)
        buf_add_text(out, "native");
    for (int abi = FILTER_NATIVE + 1; abi < FILTER_ABIS; abi++)
        if (*bits & 1u << abi)
            buf_addf(out, " %s", filter_abis[abi].name);
}

const struct setting_type kind_abis = {
    .metavar = "ABI...",
    .size = sizeof(uint32_t),
    .list = true,
    .parse = parse_abis,
    .render = render_abis,
    .samples = "native x86 x86-64 arm64",
};

/* ---- a container's profile ---- */

static void clear_profile(void *field)
{
    struct launch_text *file = field;

    free(file->path);
    free(file->text);
    *file = (struct launch_text){0};
}

static int copy_profile(void *to, const void *from)
{
    const struct launch_text *old = from;
    struct launch_text copy = {0};

    if (!old->path)
        return 0;
    copy = (struct launch_text){strdup(old->path), strdup(old->text)};
    if (!copy.path || !copy.text) {
        clear_profile(&copy);
        return -ENOMEM;
    }
    *(struct launch_text *)to = copy;
    return 0;
}

/* One byte more than there may be tells a file that is too long. */
static int read_file(const char *path, struct buf *out, struct coop_err *err)
{
    SCOPED_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    ssize_t n = 1;

    if (fd < 0 || fstat(fd, &st) < 0)
        return coop_fail_sys(err, errno, "open '%s'", path);
    if (!S_ISREG(st.st_mode))
        return coop_fail(err, COOP_E_RANGE, "'%s': expected a plain file", path);
    if (st.st_size > (off_t)JSON_BYTES_MAX)
        return coop_fail(err, COOP_E_LIMIT, "'%s': more than %zu bytes", path, JSON_BYTES_MAX);
    if (buf_reserve(out, JSON_BYTES_MAX + 1) < 0)
        return coop_fail_sys(err, ENOMEM, "reading '%s'", path);
    while (n > 0 && out->len <= JSON_BYTES_MAX) {
        n = read(fd, out->data + out->len, JSON_BYTES_MAX + 1 - out->len);
        if (n < 0)
            return coop_fail_sys(err, errno, "reading '%s'", path);
        out->len += (size_t)n;
    }
    return 0;
}

/* All that can be wrong in it is wrong whatever the program's capabilities are. */
static int check_profile(const char *path, const struct buf *text, struct coop_err *err)
{
    const struct filter_profile_host host = {.caps = 0};
    struct sock_filter *code = NULL;
    uint32_t flags;
    size_t count;

    if (filter_profile_compile(text->data, text->len, &host, &code, &count, &flags, err) < 0)
        return coop_while(err, "'%s'", path);
    free(code);
    return 0;
}

static int parse_profile(const struct setting *row, const char *text, void *field,
                         struct coop_err *err)
{
    struct buf bytes = BUF_INIT(JSON_BYTES_MAX + 2);
    struct launch_text file = {0};
    int r = read_file(text, &bytes, err);

    (void)row;
    if (r >= 0)
        r = check_profile(text, &bytes, err);
    if (r >= 0) {
        file = (struct launch_text){strdup(text), strndup(bytes.data, bytes.len)};
        if (!file.path || !file.text)
            r = coop_fail_sys(err, ENOMEM, "keep '%s'", text);
    }
    buf_done(&bytes);
    clear_profile(r < 0 ? &file : field);
    if (r >= 0)
        *(struct launch_text *)field = file;
    return r;
}

static void render_profile(const struct setting *row, const void *field, struct buf *out)
{
    const struct launch_text *file = field;

    (void)row;
    if (file->path)
        buf_add_text(out, file->path);
}

const struct setting_type kind_profile = {
    .metavar = "FILE",
    .size = sizeof(struct launch_text),
    .parse = parse_profile,
    .render = render_profile,
    .clear = clear_profile,
    .copy = copy_profile,
};
