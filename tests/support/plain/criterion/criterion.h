#ifndef TESTS_SUPPORT_PLAIN_CRITERION_H
#define TESTS_SUPPORT_PLAIN_CRITERION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/*
 * criterion.h - the part of Criterion that our unit tests use, for where Criterion is not
 *
 * For builds with COOP_PLAIN_UNITS: another processor (there is no Criterion to link), the
 * thread sanitizer (it does not start under it) and valgrind (it starts every test by exec).
 * The same sources, the same meaning: each test runs in a process of its own, made by fork, and
 * is red when that does not end as the test says, in time.  An assertion ends the test, an
 * expectation lets it go on.  Running it: plain.c.
 */
struct plain_options {
    void (*init)(void);
    void (*fini)(void);
    int signal;     /* the test is to end by it */
    int exit_code;  /* ...or with this          */
    double timeout; /* seconds; 0 means 60      */
    bool reserved;
};

struct plain_test {
    const char *suite, *name; /* name NULL: options of the whole suite */
    void (*fn)(void);
    struct plain_options options;
    struct plain_test *next;
};

void plain_add(struct plain_test *test);

__attribute__((format(printf, 6, 7))) void plain_check(bool held, bool fatal, const char *file,
                                                       int line, const char *what,
                                                       const char *format, ...);

static inline bool plain_same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

#define Test(suite_, name_, ...)                                                               \
    static void plain_##suite_##_##name_(void);                                                \
    __attribute__((constructor)) static void plain_add_##suite_##_##name_(void)                \
    {                                                                                          \
        static struct plain_test test = {.suite = #suite_,                                     \
                                         .name = #name_,                                       \
                                         .fn = plain_##suite_##_##name_,                       \
                                         .options = {.reserved = false, __VA_ARGS__}};         \
        plain_add(&test);                                                                      \
    }                                                                                          \
    static void plain_##suite_##_##name_(void)

#define TestSuite(suite_, ...)                                                                 \
    __attribute__((constructor)) static void plain_suite_##suite_(void)                        \
    {                                                                                          \
        static struct plain_test suite = {.suite = #suite_,                                    \
                                          .options = {.reserved = false, __VA_ARGS__}};        \
        plain_add(&suite);                                                                     \
    }                                                                                          \
    struct plain_test

/* The message is optional, and a format. */
#define PLAIN_ASSERT(held, what, ...)                                                          \
    plain_check(held, true, __FILE__, __LINE__, what, " " __VA_ARGS__)
#define PLAIN_EXPECT(held, what, ...)                                                          \
    plain_check(held, false, __FILE__, __LINE__, what, " " __VA_ARGS__)

#define cr_assert(c, ...)           PLAIN_ASSERT((c), #c, __VA_ARGS__)
#define cr_assert_not(c, ...)       PLAIN_ASSERT(!(c), "not " #c, __VA_ARGS__)
#define cr_assert_eq(a, b, ...)     PLAIN_ASSERT((a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_assert_neq(a, b, ...)    PLAIN_ASSERT((a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_assert_lt(a, b, ...)     PLAIN_ASSERT((a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_assert_leq(a, b, ...)    PLAIN_ASSERT((a) <= (b), #a " <= " #b, __VA_ARGS__)
#define cr_assert_gt(a, b, ...)     PLAIN_ASSERT((a) > (b), #a " > " #b, __VA_ARGS__)
#define cr_assert_geq(a, b, ...)    PLAIN_ASSERT((a) >= (b), #a " >= " #b, __VA_ARGS__)
#define cr_assert_null(p, ...)      PLAIN_ASSERT((p) == NULL, #p " is NULL", __VA_ARGS__)
#define cr_assert_not_null(p, ...)  PLAIN_ASSERT((p) != NULL, #p " is not NULL", __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...) PLAIN_ASSERT(plain_same(a, b), #a " is " #b, __VA_ARGS__)
#define cr_expect(c, ...)           PLAIN_EXPECT((c), #c, __VA_ARGS__)
#define cr_expect_not(c, ...)       PLAIN_EXPECT(!(c), "not " #c, __VA_ARGS__)
#define cr_expect_eq(a, b, ...)     PLAIN_EXPECT((a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_expect_neq(a, b, ...)    PLAIN_EXPECT((a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_expect_lt(a, b, ...)     PLAIN_EXPECT((a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_expect_leq(a, b, ...)    PLAIN_EXPECT((a) <= (b), #a " <= " #b, __VA_ARGS__)
#define cr_expect_gt(a, b, ...)     PLAIN_EXPECT((a) > (b), #a " > " #b, __VA_ARGS__)
#define cr_expect_geq(a, b, ...)    PLAIN_EXPECT((a) >= (b), #a " >= " #b, __VA_ARGS__)
#define cr_expect_null(p, ...)      PLAIN_EXPECT((p) == NULL, #p " is NULL", __VA_ARGS__)
#define cr_expect_not_null(p, ...)  PLAIN_EXPECT((p) != NULL, #p " is not NULL", __VA_ARGS__)
#define cr_expect_str_eq(a, b, ...) PLAIN_EXPECT(plain_same(a, b), #a " is " #b, __VA_ARGS__)

#endif
