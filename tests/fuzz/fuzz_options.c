/*
 * Any words behind coop-run, one a line: mount words, their options, keys of paths and ids.  What
 * is taken compiles or is refused with a text; what compiles is a plan that the child's half takes,
 * and its copies with one byte turned are refused or taken, never misread.
 */
#include <string.h>

#include "base/scope.h"
#include "fuzz.h"
#include "launcher/plan.h"
#include "launcher/run_options.h"

#define WORDS 64

/* Whoever reads a descriptor would wait for it, or read what the last input has left of it. */
static bool is_left_out(const char *word)
{
    static const char *const left_out[] = {"--help", "--version", "--block-fd",
                                           "--seccomp-profile", "--network-namespace-path"};

    for (size_t i = 0; i < COOP_COUNT(left_out); i++)
        if (strncmp(word, left_out[i], strlen(left_out[i])) == 0)
            return true;
    return false;
}

/* The size that a block says it has is its own first check: only what lies behind is turned. */
static void turn_bytes(const unsigned char *block, size_t size, size_t seed)
{
    unsigned char *copy = aligned_alloc(64, (size + 63) / 64 * 64);

    FUZZ_CHECK(copy);
    for (size_t i = 0; i < 64; i++) {
        memcpy(copy, block, size);
        copy[(seed * 2654435761u + i * 40503u) % size] ^= (unsigned char)(1u << i % 8);
        (void)plan_verify(copy, size);
    }
    free(copy);
}

static void check_plan(const struct launch_spec *spec, size_t seed)
{
    static const struct launch_host hosts[] = {{.privileged = true},
                                               {.uid = 1000, .gid = 1000}};
    struct launch_plan *plan;

    for (size_t i = 0; i < COOP_COUNT(hosts); i++) {
        struct coop_err err = {0};
        const void *bytes;
        size_t size;

        if (launch_compile(spec, &hosts[i], &plan, &err) < 0) {
            FUZZ_CHECK(err.text[0] != '\0');
            continue;
        }
        bytes = launch_plan_bytes(plan, &size);
        FUZZ_CHECK(plan_verify(bytes, size) == 0);
        turn_bytes(bytes, size, seed);
        launch_plan_free(plan);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[4096], *rest = text, *argv[WORDS + 3] = {(char[]){"coop-run"}};
    char *environment[] = {(char[]){"PATH=/bin"}, NULL};
    struct run_options options;
    struct coop_err err = {0};
    int argc = 1;

    if (size >= sizeof text)
        size = sizeof text - 1;
    memcpy(text, data, size);
    text[size] = '\0';
    for (char *word; argc <= WORDS && (word = strsep(&rest, "\n")) != NULL;)
        if (*word && !is_left_out(word))
            argv[argc++] = word;
    argv[argc++] = (char[]){"true"};
    if (run_options_parse(&options, argc, argv, environment, &err) < 0)
        FUZZ_CHECK(err.text[0] != '\0');
    else
        check_plan(&options.spec, size);
    run_options_done(&options);
    return 0;
}
