/*
 * The depth that is counted before parsing must never be below the depth of what the parser
 * accepts: that would let a deep text reach its recursion.
 */
#include <string.h>

#include "base/buf.h"
#include "fuzz.h"
#include "text/json.h"

static size_t real_depth(const json_t *value)
{
    size_t deepest = 0, depth, i;
    const char *key;
    json_t *child;

    if (json_is_object(value)) {
        json_object_foreach((json_t *)(uintptr_t)value, key, child)
        {
            depth = real_depth(child);
            deepest = depth > deepest ? depth : deepest;
        }
        return deepest + 1;
    }
    if (!json_is_array(value))
        return 0;
    json_array_foreach(value, i, child)
    {
        depth = real_depth(child);
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest + 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    size_t counted = json_depth(text, size, 1000);
    ssize_t frame = json_frame_find(text, size, JSON_BYTES_MAX);
    struct buf out = BUF_INIT(JSON_SEND_MAX);
    struct coop_err err = {0};
    json_t *value = NULL;

    FUZZ_CHECK(frame < 0 || ((size_t)frame < size && text[frame] == '\0'));
    FUZZ_CHECK(json_depth(text, size, 3) <= 4);
    if (json_parse(text, size, &value, &err) == 0) {
        FUZZ_CHECK(counted <= JSON_DEPTH_MAX && real_depth(value) == counted);
        FUZZ_CHECK(json_frame(&out, value) == 0);
        FUZZ_CHECK(memchr(out.data, '\0', out.len) == out.data + out.len - 1);
        json_decref(value);
    } else {
        FUZZ_CHECK(value == NULL && *err.text);
    }
    buf_done(&out);
    return 0;
}
