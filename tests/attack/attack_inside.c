/*
 * attack_inside.c - one attack from inside, in every kind of sandbox and by every kind of caller
 *
 *     attack_inside ATTACK [OPTION-OF-COOP-RUN...]
 *
 * Four rounds: no option at all and `--ro-bind / /`, each as root and as an ordinary user.  An
 * attack that does not apply in a round (77) is said; it must apply in at least one.  The last
 * attack of each round is "harmless": it shows that what should work does, so that a sandbox in
 * which nothing runs at all does not pass for a safe one.
 */
#include "attack/arena_cases.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAX_OPTIONS = 16 };

/* 'strict' lets nothing below /tmp be executed but what the profile itself shows there; with a
 * file system of the caller's own making the attacker has to be named. */
static void choose_options(const struct arena *arena, enum mode mode, char *const *given,
                           const char **ret_options)
{
    size_t count = 0;
    bool strict = false;

    for (; *given && count + 3 < MAX_OPTIONS; given++) {
        strict |= strcmp(*given, "--profile=strict") == 0;
        ret_options[count++] = *given;
    }
    if (strict && mode == BOUND) {
        ret_options[count++] = "--exec-paths";
        ret_options[count++] = arena->work;
    }
    ret_options[count] = NULL;
}

int main(int argc, char **argv)
{
    int refused = 0, through = 0;

    if (argc < 2) {
        fprintf(stderr, "usage: attack_inside ATTACK [OPTION...]\n");
        return 2;
    }
    if (geteuid() != 0) {
        printf("SKIP: needs root, to be an ordinary user that nobody else is\n");
        return 77;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int user = 0; user < 2; user++) {
        struct arena arena;

        arena_open(&arena, user ? arena_user() : 0);
        for (int mode = 0; mode < MODES; mode++) {
            const char *options[MAX_OPTIONS];
            struct visit visit = {
                .mode = (enum mode)mode, .attack = argv[1], .options = options};
            int result;

            choose_options(&arena, visit.mode, argv + 2, options);
            result = arena_play(&arena, &visit);
            refused += result > 0;
            through += result < 0;
            visit.attack = "harmless";
            through += arena_play(&arena, &visit) <= 0;
        }
        arena_close(&arena);
    }
    if (!refused)
        printf("it was never tried\n");
    return through || !refused;
}
