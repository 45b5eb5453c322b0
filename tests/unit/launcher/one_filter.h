#ifndef UNIT_LAUNCHER_ONE_FILTER_H
#define UNIT_LAUNCHER_ONE_FILTER_H

#include "launcher/filter/bytes.h"
#include "launcher/filter/compile.h"

#include <criterion/criterion.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <string.h>

/*
 * one_filter.h - the filter of one spec, asked in the interpreter: for the tests of test_filter*.c
 *
 *     use(LINES("SystemCallFilter", "~mount"));
 *     cr_assert_eq(ask(NATIVE, __NR_mount, 0, 0), KILLED);
 *     refuse("SystemCallFilter", "moutn", "no system call");
 */

#define X32_BIT 0x40000000u
#if defined(__x86_64__)
#define NATIVE  AUDIT_ARCH_X86_64
#define FOREIGN AUDIT_ARCH_I386
#else
#define NATIVE  AUDIT_ARCH_AARCH64
#define FOREIGN AUDIT_ARCH_ARM
#endif

#define ALLOWED       SECCOMP_RET_ALLOW
#define KILLED        SECCOMP_RET_KILL_PROCESS
#define REFUSED(code) (SECCOMP_RET_ERRNO | (uint32_t)(code))

static struct launch_spec spec;
static struct filter_programs programs;
static const struct launch_host host;
static struct coop_err err;

static inline void begin(void)
{
    launch_spec_init(&spec);
}

static inline void end(void)
{
    filter_programs_done(&programs);
    launch_spec_done(&spec);
}

static inline void set(const char *key, const char *value)
{
    cr_assert_eq(launch_spec_set(&spec, key, value, &err), 0, "%s", err.text);
}

static inline void compile(void)
{
    filter_programs_done(&programs);
    cr_assert_eq(filter_compile(&spec, &host, false, &programs, &err), 0, "%s", err.text);
}

/* Key and value by turns, NULL at the end. */
static inline void use(const char *const *words)
{
    end();
    begin();
    for (; *words; words += 2)
        set(words[0], words[1]);
    compile();
}

/* The strictest answer of all programs is the kernel's. */
static inline uint32_t ask(uint32_t arch, uint32_t nr, unsigned which, uint64_t argument)
{
    struct seccomp_data data = {.nr = (int)nr, .arch = arch};
    uint32_t strictest = ALLOWED;

    data.args[which] = argument;
    for (size_t i = 0; i < programs.count; i++) {
        uint32_t answer =
            filter_bytes_run(programs.items[i].code, programs.items[i].count, &data, NULL);

        if ((int32_t)(answer & SECCOMP_RET_ACTION_FULL) <
            (int32_t)(strictest & SECCOMP_RET_ACTION_FULL))
            strictest = answer;
    }
    return strictest;
}

#define LINES(...)                                                                             \
    (const char *const[])                                                                      \
    {                                                                                          \
        __VA_ARGS__, NULL                                                                      \
    }
static inline void refuse(const char *key, const char *value, const char *text)
{
    cr_assert_eq(launch_spec_set(&spec, key, value, &err), -1, "%s=%s", key, value);
    cr_assert(strstr(err.text, text), "%s=%s: '%s' has no '%s'", key, value, err.text, text);
}

#endif
