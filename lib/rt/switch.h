#ifndef COOP_RT_SWITCH_H
#define COOP_RT_SWITCH_H

#include "rt/sched.h"

/*
 * switch.h - jumping between stacks, and telling the tools about it
 *
 * The address sanitizer must know which stack it is on, the thread sanitizer sees each
 * coroutine as a fiber, and valgrind wants stacks registered.  Without the hooks all three
 * report nonsense. Under a sanitizer a stack is larger: reports are printed on it.
 */

#if defined(__SANITIZE_ADDRESS__)
#define RT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RT_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define RT_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RT_TSAN 1
#endif
#endif
#ifndef RT_ASAN
#define RT_ASAN 0
#endif
#ifndef RT_TSAN
#define RT_TSAN 0
#endif

#if RT_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if RT_TSAN
void *__tsan_get_current_fiber(void);
void *__tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void *fiber);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);
void __tsan_set_fiber_name(void *fiber, const char *name);
#endif

struct worker *coop__switch(void **save_sp, void *to_sp, struct worker *w);
struct worker *coop__switch_to_new(void **save_sp, struct coro *to, struct worker *w);
void coop__first_step(void);
void coop__switch_in(void);

/* Called by coop__first_step: the life of a coroutine (sched.c). */
_Noreturn void coop__born(struct worker *w, struct coro *g);

enum { SWITCH_LIVING, SWITCH_DYING };

/* Dying: nothing is saved, for nobody comes back. */
static inline __attribute__((always_inline)) struct worker *
coop__switch_to(struct worker *w, struct coro *from, struct coro *to, int how)
{
#if defined(__x86_64__)
    if (unlikely(to->fresh)) {
        to->fresh = false;
        if (how == SWITCH_LIVING)
            return coop__switch_to_new(&from->sp, to, w);
        __asm__ volatile("jmp coop__switch_in_new" : : "S"(to), "a"(w) : "memory");
        __builtin_unreachable();
    }
    if (how == SWITCH_DYING) {
        __asm__ volatile("movq %0, %%rsp\n\tjmp coop__switch_in"
                         :
                         : "r"(to->sp), "a"(w)
                         : "memory");
        __builtin_unreachable();
    }
#else
    (void)how;
#endif
    return coop__switch(&from->sp, to->sp, w);
}

/* From 'from' (the caller's) to 'to'.  Returns, when somebody jumps back, the worker it is on
 * now. */
static inline __attribute__((always_inline)) struct worker *
coop__jump(struct worker *w, struct coro *from, struct coro *to, int how)
{
#if RT_ASAN
    __sanitizer_start_switch_fiber(how == SWITCH_DYING ? NULL : &from->fake_stack,
                                   to->stack_low, to->stack_size);
#endif
#if RT_TSAN
    __tsan_switch_to_fiber(to->tsan_fiber, 0);
#endif
    w = coop__switch_to(w, from, to, how);
#if RT_ASAN
    __sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
#endif
    return w;
}

/* The first words on a new stack, from 'top' (aligned to 16) down, so that the first jump ends in
 * coop__first_step(). */
static inline void coop__plant(struct coro *g, void *top)
{
#if defined(__x86_64__)
    /* At the call in coop__first_step the stack is aligned to 16: two words of padding. */
    uintptr_t *sp = top;

    *--sp = 0;
    *--sp = 0;
    *--sp = (uintptr_t)coop__first_step;
    *--sp = 0; /* rbp */
    *--sp = 0; /* rbx */
    *--sp = 0;
    *--sp = 0;
    *--sp = 0;
    *--sp = 0;
#elif defined(__aarch64__)
    uintptr_t *sp = (uintptr_t *)top - 20;

    for (int i = 0; i < 20; i++)
        sp[i] = 0;
    sp[0] = (uintptr_t)g;                 /* x19 */
    sp[11] = (uintptr_t)coop__first_step; /* x30 */
#else
#error "coop: no switch for this processor"
#endif
    g->sp = sp;
}

#endif
