/* Any bytes as an INI file: bounded names, lines in order, the same twice, never a crash. */
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "fuzz.h"
#include "text/ini_reader.h"

struct seen {
    struct buf all;
    int line;
};

static int on_key(void *arg, const struct ini_key *at, struct coop_err *err)
{
    struct seen *seen = arg;

    (void)err;
    FUZZ_CHECK(at->line >= seen->line && at->line > 0);
    FUZZ_CHECK(strlen(at->section) >= 1 && strlen(at->section) <= INI_NAME_MAX);
    FUZZ_CHECK(!at->key == !at->value);
    if (at->key) {
        FUZZ_CHECK(strlen(at->key) >= 1 && strlen(at->key) <= INI_NAME_MAX);
        FUZZ_CHECK(strlen(at->value) <= INI_VALUE_MAX);
        FUZZ_CHECK(str_is_utf8(at->value, strlen(at->value)));
        FUZZ_CHECK(!strchr(at->value, '\n'));
    }
    seen->line = at->line;
    buf_addf(&seen->all, "%d[%s]%s=%s\n", at->line, at->section, at->key ? at->key : "",
             at->value ? at->value : "");
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen once = {.all = BUF_INIT((size_t)1 << 22)};
    struct seen again = {.all = BUF_INIT((size_t)1 << 22)};
    struct coop_err err = {0}, same = {0};
    int r = ini_read_text("f", (const char *)data, size, on_key, &once, &err);

    FUZZ_CHECK(r == 0 || (r == -1 && strncmp(err.text, "f:", 2) == 0));
    FUZZ_CHECK(r == ini_read_text("f", (const char *)data, size, on_key, &again, &same));
    FUZZ_CHECK(strcmp(err.text, same.text) == 0);
    FUZZ_CHECK(once.all.len == again.all.len);
    buf_done(&once.all);
    buf_done(&again.all);
    return 0;
}
