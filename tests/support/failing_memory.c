/*
 * failing_memory.c - the n-th allocation, mapping or thread fails (see failing_memory.h)
 *
 * The linker's --wrap names (__wrap_x is called for x, __real_x is x) are reserved identifiers by
 * its own design.
 */
#include "support/failing_memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "base/sys.h"

static _Atomic unsigned left[FAILING_KINDS]; /* until one fails; 0: not armed */
static _Atomic bool has_failed;
static _Atomic long allocations, mappings;
static _Thread_local unsigned spared;
static const struct sys_ops *below;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void __real_free(void *old);
void *__real_mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset);
int __real_munmap(void *at, size_t size);
int __real_mprotect(void *at, size_t size, int prot);
int __real_madvise(void *at, size_t size, int advice);
int __real_pthread_create(pthread_t *ret_thread, const pthread_attr_t *attr,
                          void *(*fn)(void *), void *arg);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t len);
void __wrap_free(void *old);
void *__wrap_mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset);
int __wrap_munmap(void *at, size_t size);
int __wrap_mprotect(void *at, size_t size, int prot);
int __wrap_madvise(void *at, size_t size, int advice);
int __wrap_pthread_create(pthread_t *ret_thread, const pthread_attr_t *attr,
                          void *(*fn)(void *), void *arg);

static bool must_fail(enum failing_kind kind)
{
    unsigned now = left[kind];

    if (spared)
        return false;
    while (now && !atomic_compare_exchange_weak(&left[kind], &now, now - 1))
        continue;
    if (now != 1)
        return false;
    has_failed = true;
    return true;
}

static void *counted(void *memory)
{
    if (memory)
        atomic_fetch_add(&allocations, 1);
    return memory;
}

/* ---- allocations ---- */

void *__wrap_malloc(size_t size)
{
    return must_fail(FAILS_ALLOCATION) ? NULL : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return must_fail(FAILS_ALLOCATION) ? NULL : counted(__real_calloc(count, size));
}

void *__wrap_realloc(void *old, size_t size)
{
    if (must_fail(FAILS_ALLOCATION))
        return NULL;
    return old ? __real_realloc(old, size) : counted(__real_realloc(NULL, size));
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return must_fail(FAILS_ALLOCATION) ? NULL : counted(__real_aligned_alloc(alignment, size));
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

void __wrap_free(void *old)
{
    if (old)
        atomic_fetch_sub(&allocations, 1);
    __real_free(old);
}

/* ---- mappings ---- */

void *__wrap_mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset)
{
    void *memory = MAP_FAILED;

    if (must_fail(FAILS_MAPPING))
        errno = ENOMEM;
    else
        memory = __real_mmap(at, size, prot, flags, fd, offset);
    if (memory != MAP_FAILED)
        atomic_fetch_add(&mappings, 1);
    return memory;
}

int __wrap_munmap(void *at, size_t size)
{
    atomic_fetch_sub(&mappings, 1);
    return __real_munmap(at, size);
}

int __wrap_mprotect(void *at, size_t size, int prot)
{
    if (!must_fail(FAILS_MAPPING))
        return __real_mprotect(at, size, prot);
    errno = ENOMEM;
    return -1;
}

int __wrap_madvise(void *at, size_t size, int advice)
{
    if (!must_fail(FAILS_MAPPING))
        return __real_madvise(at, size, advice);
    errno = ENOMEM;
    return -1;
}

/* ---- threads ---- */

int __wrap_pthread_create(pthread_t *ret_thread, const pthread_attr_t *attr,
                          void *(*fn)(void *), void *arg)
{
    return must_fail(FAILS_THREAD) ? EAGAIN : __real_pthread_create(ret_thread, attr, fn, arg);
}

/* ---- the kernel in force, spared ---- */

#define X(type, name, params, args)                                                            \
    static type spared_##name params                                                           \
    {                                                                                          \
        type result;                                                                           \
                                                                                               \
        spared++;                                                                              \
        result = below->name args;                                                             \
        spared--;                                                                              \
        return result;                                                                         \
    }
SYS_CALLS(X)
#undef X

static const struct sys_ops spared_kernel = {
#define X(type, name, params, args) .name = spared_##name,
    SYS_CALLS(X)
#undef X
};

/* ---- the public calls ---- */

void failing_memory_arm_kind(enum failing_kind kind, unsigned nth)
{
    has_failed = false;
    left[kind] = nth;
}

void failing_memory_arm(unsigned nth)
{
    failing_memory_arm_kind(FAILS_ALLOCATION, nth);
}

bool failing_memory_disarm(void)
{
    for (int kind = 0; kind < FAILING_KINDS; kind++)
        left[kind] = 0;
    return has_failed;
}

void failing_memory_spare_begin(void)
{
    spared++;
}

void failing_memory_spare_end(void)
{
    spared--;
}

void failing_memory_spare_kernel(void)
{
    below = sys_current;
    sys_install(&spared_kernel);
}

long failing_memory_allocations(void)
{
    return allocations;
}

long failing_memory_mappings(void)
{
    return mappings;
}
