/* Any text as a container profile: an error with a text, or what the kernel would take. */
#include "base/scope.h"
#include "fuzz.h"
#include "launcher/filter/bytes.h"
#include "launcher/filter/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct filter_profile_host hosts[] = {{0, 0x0407}, {UINT64_MAX, 0}};

    for (size_t i = 0; i < COOP_COUNT(hosts); i++) {
        struct sock_filter *code = NULL;
        struct coop_err err = {0};
        uint32_t flags = 0;
        size_t count = 0;

        if (filter_profile_compile((const char *)data, size, &hosts[i], &code, &count, &flags,
                                   &err) < 0) {
            FUZZ_CHECK(err.text[0] != '\0');
            continue;
        }
        FUZZ_CHECK(filter_bytes_check(code, count, &err) == 0);
        free(code);
    }
    return 0;
}
