#ifndef UNIT_LAUNCHER_RECEIVED_H
#define UNIT_LAUNCHER_RECEIVED_H

#include "run_coop.h"

/*
 * received.h - coop-run with a receipt, for tests
 *
 *     TestSuite(disk, .init = choose_path, .fini = remove_receipt);
 *
 *     cr_assert_eq(BOUNDED("--wall-time=1s", "sleep", "2"), 137);
 *     RECEIVED("\"result\": \"wall-time\"");
 */

#define RECEIPT "/tmp/coop-test-receipt"

static char receipt[65536], path[64];

static inline void choose_path(void)
{
    snprintf(path, sizeof path, RECEIPT "-%d", (int)getpid());
}

static inline void remove_receipt(void)
{
    unlink(path);
}

static inline void read_receipt(void)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, receipt, sizeof receipt - 1);

    receipt[got > 0 ? got : 0] = '\0';
    close(fd);
}

#define RECEIVED(text)                                                                         \
    do {                                                                                       \
        read_receipt();                                                                        \
        cr_assert(strstr(receipt, text), "'%s' is not in: %s\n%s", text, receipt, output);     \
    } while (0)
#define BOUNDED(...) RUN("--receipt", path, __VA_ARGS__)

static inline long long number_of(const char *key)
{
    char quoted[64];
    const char *at;

    snprintf(quoted, sizeof quoted, "\"%s\": ", key);
    at = strstr(receipt, quoted);
    cr_assert(at, "no %s in %s", key, receipt);
    return strtoll(at + strlen(quoted), NULL, 10);
}

#endif
