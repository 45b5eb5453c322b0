#ifndef TESTS_UNIT_RT_REGISTERS_H
#define TESTS_UNIT_RT_REGISTERS_H

/*
 * registers.h - does a call keep the registers that the ABI says it must?
 *
 * A compiler saves those it uses, so a C function between the one that looks and the one that is
 * looked at would hide what the latter loses.  Hence both of these are assembly.
 */

/* Fills all of them with 'seed' and its successors, calls fn() and counts those that have
 * changed. */
long registers_lost(void (*fn)(void), unsigned long seed);

/* Such an fn: result = fn(save_sp, to, w), of a switch; needs no register that it would have to
 * keep. */
void registers_jump(void);

extern struct registers_jump_args {
    void **save_sp;
    void *to;
    void *w;
    void *fn;
    void *result;
} registers_jump_args;

#endif
