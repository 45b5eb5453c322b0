/* Any text as a duration, size, time or signal: what parses is rendered to what parses the same. */
#include <string.h>

#include "fuzz.h"
#include "text/signames.h"
#include "text/units.h"

static void check_amounts(const char *text)
{
    char shown[UNITS_TEXT];
    int64_t value = -7, back = -7;

    if (units_parse_duration(text, &value) == 0) {
        FUZZ_CHECK(value >= 0);
        FUZZ_CHECK(units_parse_duration(units_render_duration(value, shown), &back) == 0);
        FUZZ_CHECK(value == back);
        FUZZ_CHECK(strlen(units_render_age(value, shown)) > 0);
    } else {
        FUZZ_CHECK(value == -7);
    }
    value = -7;
    if (units_parse_size(text, &value) == 0) {
        FUZZ_CHECK(value >= 0);
        FUZZ_CHECK(units_parse_size(units_render_size(value, shown), &back) == 0);
        FUZZ_CHECK(value == back);
    } else {
        FUZZ_CHECK(value == -7);
    }
}

static void check_time(const char *text)
{
    char shown[UNITS_TEXT];
    coop_nsec when = -7, back;

    if (units_parse_time(text, &when) < 0)
        return;
    FUZZ_CHECK(when >= 0);
    FUZZ_CHECK(units_parse_time(units_render_time(when, shown), &back) == 0);
    FUZZ_CHECK(back == when - when % COOP_NSEC_PER_MSEC);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[256], name[SIGNAME_TEXT];
    int signo;

    if (size >= sizeof text)
        size = sizeof text - 1;
    memcpy(text, data, size);
    text[size] = '\0';
    check_amounts(text);
    check_time(text);
    signo = signame_parse(text);
    if (signo > 0)
        FUZZ_CHECK(signame_parse(signame_render(signo, name)) == signo);
    return 0;
}
