#ifndef COOP_RT_POOL_H
#define COOP_RT_POOL_H

#include <stdbool.h>

/*
 * pool.h - giving back what lies in pools, for the monitor (pool.c)
 */

/* Whether something was put since the last time. */
bool coop__pools_to_trim(void);
/* Drops what lies in all of them. */
void coop__pools_trim(void);

#endif
