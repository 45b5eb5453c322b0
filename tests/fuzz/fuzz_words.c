/* Any text split into words and quoted again is the same words. */
#include <string.h>

#include "base/buf.h"
#include "base/strlist.h"
#include "fuzz.h"
#include "text/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct strlist words = {0}, back = {0};
    struct buf text = BUF_INIT((size_t)1 << 20), joined = BUF_INIT((size_t)1 << 22);
    struct coop_err err = {0};

    buf_add(&text, data, size);
    if (words_split(buf_text(&text), &words, &err) == 0) {
        FUZZ_CHECK(words_join(&joined, &words) == 0);
        FUZZ_CHECK(words_split(buf_text(&joined), &back, &err) == 0);
        FUZZ_CHECK(strlist_equal(&words, &back));
    } else {
        FUZZ_CHECK(words.count == 0 && *err.text);
    }
    strlist_done(&words);
    strlist_done(&back);
    buf_done(&text);
    buf_done(&joined);
    return 0;
}
