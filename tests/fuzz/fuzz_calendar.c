/*
 * fuzz_calendar.c - a calendar expression of any bytes: refused in words, or its next moment lies
 * ahead
 */
#include "fuzz.h"

#include "config/calendar.h"

#include <string.h>

/* Half an hour back and forth every twenty days. */
static int64_t offset(void *arg, int64_t at)
{
    (void)arg;
    return at / 1728000 % 2 ? 1800 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct calendar calendar;
    struct coop_err err = {0};
    int64_t at = 1900000000;
    char text[400];

    if (size >= sizeof text)
        size = sizeof text - 1;
    memcpy(text, data, size);
    text[size] = '\0';
    if (calendar_parse(&calendar, text, &err) < 0) {
        FUZZ_CHECK(err.text[0] && err.code != COOP_OK);
        return 0;
    }
    for (int i = 0; i < 5 && at >= 0; i++) {
        int64_t next = calendar_next(&calendar, at, offset, NULL);

        FUZZ_CHECK(next < 0 || next > at);
        at = next;
    }
    return 0;
}
