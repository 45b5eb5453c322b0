/*
 * test_switch.c - the jump between stacks alone: what it keeps, what it hands over
 *
 * Linked with nothing of the runtime but switch_*.S: no C function stands between the registers
 * that are looked at and the switch.  tests/mutation/switch.cmake leaves out one instruction at a
 * time, and each time this must fail.
 */
#include "rt/switch.h"
#include "unit/rt/registers.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define CHECK(what)                                                                            \
    do {                                                                                       \
        if (!(what)) {                                                                         \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what);                 \
            exit(1);                                                                           \
        }                                                                                      \
    } while (0)

enum { ROUNDS = 3, STACK = 256 * 1024 };

struct registers_jump_args registers_jump_args;
static struct coro here, first, second;
static char stacks[2][STACK] __attribute__((aligned(16)));
static char workers[8];   /* as far as a switch knows a worker is an address */
static int births, turns; /* turns: of those that have been born */
static unsigned long seed;

static struct worker *next_worker(void)
{
    static unsigned n;

    return (struct worker *)(void *)&workers[n++ % sizeof workers];
}

/* From 'from', with all registers set, to 'to'; back here they are what they were. */
static void jump(struct coro *from, struct coro *to)
{
    struct worker *w = next_worker();
    long lost;

    registers_jump_args.save_sp = &from->sp;
    registers_jump_args.to = to->sp;
    registers_jump_args.w = w;
    registers_jump_args.fn = (void *)(uintptr_t)coop__switch;
#if defined(__x86_64__)
    if (to->fresh) {
        registers_jump_args.to = to;
        registers_jump_args.fn = (void *)(uintptr_t)coop__switch_to_new;
    }
#endif
    to->fresh = false;
    lost = registers_lost(registers_jump, seed += 1UL << 32);
    if (lost)
        fprintf(stderr, "%ld registers lost\n", lost);
    CHECK(lost == 0);
}

/* That a frame of C can stand on the new stack, and a walk through the frames ends with it. */
static void check_frame(const uintptr_t *frame, const void *returns_to)
{
    CHECK((uintptr_t)frame % 16 == 0);
    CHECK(frame[0] == 0);
#if defined(__x86_64__)
    CHECK(*(const uint16_t *)returns_to == 0x0b0f); /* ud2 */
#else
    CHECK(*(const uint32_t *)returns_to == 0xd4200000); /* brk #0 */
#endif
}

static const void *volatile frame_of_birth;

void coop__born(struct worker *w, struct coro *g)
{
    frame_of_birth = __builtin_frame_address(0);
    check_frame((const uintptr_t *)frame_of_birth, __builtin_return_address(0));
    CHECK(g == (births++ ? &second : &first));
    CHECK(w == registers_jump_args.w);
    for (int i = 0; i < ROUNDS; i++) {
        turns++;
        jump(g, &here);
        CHECK(registers_jump_args.result == registers_jump_args.w);
    }
    registers_jump_args.w = next_worker();
    coop__switch_to(registers_jump_args.w, g, g == &first ? &second : &here, SWITCH_DYING);
    abort();
}

static void plant(struct coro *g, char *stack)
{
    coop__plant(g, stack + STACK);
    g->fresh = true;
}

int main(void)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){0});
    plant(&first, stacks[0]);
    plant(&second, stacks[1]);
    for (int i = 1; i <= 2 * ROUNDS + 1; i++) {
        jump(&here, i <= ROUNDS + 1 ? &first : &second);
        CHECK(registers_jump_args.result == registers_jump_args.w);
        CHECK(turns == (i <= 2 * ROUNDS ? i : 2 * ROUNDS));
        CHECK(births == (i <= ROUNDS ? 1 : 2)); /* the first jumped to the second at its end */
    }
    return 0;
}
