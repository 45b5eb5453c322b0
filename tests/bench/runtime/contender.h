#ifndef TESTS_BENCH_RUNTIME_CONTENDER_H
#define TESTS_BENCH_RUNTIME_CONTENDER_H

/*
 * contender.h - what ours must do in `./dev bench runtime`, beside the Go program of the same shape
 *
 *     bench_runtime_coop WORK PROCS COUNT    does COUNT of WORK on PROCS processors and prints
 *                                            lines of "key number"
 *     bench_runtime_coop version             prints its name and version
 *
 * Both programs have the same works under the same names, file by file (go/), and do the same:
 * the same coroutines, channels, rounds and bytes.
 */

/* 'count' operations; the caller looks at the clock, and runs some for warming up. */
typedef void work_ops(long count);
/* Measures by itself, and says what. 0, or -errno. */
typedef int work_whole(long count);

/* Prints one result. */
void say(const char *key, double value);

/* Ends the program with one line if 'r' is a failure: what is not done cannot be measured. */
void must(int r, const char *what);

/* switch.c */
work_ops work_yield, work_spawn_exit, work_hop, work_mutex;
/* channels.c */
work_ops work_mpmc, work_select2_ready, work_select10_ready, work_select10_idle,
    work_select10_block;
/* many.c */
work_whole work_skynet, work_parked, work_sleep;
/* outside.c */
work_whole work_echo, work_blocking;

#endif
