#ifndef TESTS_UNIT_RT_REGISTERS_H
#define TESTS_UNIT_RT_REGISTERS_H

/*
 * registers.h - does a call keep the registers that the ABI says it must?
 *
 * Fills all of them with 'seed' and its successors, calls fn() and counts those that have changed.
 */
long registers_lost(int (*fn)(void), unsigned long seed);

#endif
