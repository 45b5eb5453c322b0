#ifndef TESTS_STRESS_FAILING_WORLDS_H
#define TESTS_STRESS_FAILING_WORLDS_H

#include "everything.h"

/*
 * worlds.h - the real kernel's world, and the made-up one
 *
 * The real one's files lie in 'real_place', a template until mkdtemp(3) has made it.
 */
extern const struct world real_world, fake_world;
extern char real_place[];

#endif
