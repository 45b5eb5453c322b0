/*
 * stranger.c - a program that knows nothing of this tree
 *
 * `./dev test --full` installs coop into an empty prefix and builds this file with what
 * pkg-config says there, nothing else.
 */
#include <coop/err.h>
#include <coop/time.h>

#include <stdio.h>

int main(void)
{
    struct coop_err err = {0};

    coop_fail(&err, COOP_E_RANGE, "a stranger can link");
    puts(err.text);
    return err.code == COOP_E_RANGE ? 0 : 1;
}
