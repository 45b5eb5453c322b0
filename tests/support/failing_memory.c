/*
 * failing_memory.c - the n-th allocation fails (see failing_memory.h)
 *
 * The linker's --wrap names (__wrap_x is called for x, __real_x is x) are reserved identifiers by
 * its own design.
 */
#include "support/failing_memory.h"

#include <stddef.h>
#include <string.h>

static unsigned left; /* allocations until one fails; 0: not armed */
static bool has_failed;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t len);

static bool must_fail(void)
{
    if (left == 0 || --left > 0)
        return false;
    has_failed = true;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return must_fail() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return must_fail() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return must_fail() ? NULL : __real_realloc(old, size);
}

char *__wrap_strndup(const char *text, size_t len)
{
    size_t size = strnlen(text, len);
    char *copy = __wrap_malloc(size + 1);

    if (copy) {
        memcpy(copy, text, size);
        copy[size] = '\0';
    }
    return copy;
}

char *__wrap_strdup(const char *text)
{
    return __wrap_strndup(text, strlen(text));
}

void failing_memory_arm(unsigned nth)
{
    left = nth;
    has_failed = false;
}

bool failing_memory_disarm(void)
{
    left = 0;
    return has_failed;
}
