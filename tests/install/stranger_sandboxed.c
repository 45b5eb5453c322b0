/*
 * stranger_sandboxed.c - a program that knows nothing of this tree, and runs another in a sandbox
 *
 * Built with what pkg-config says of libcoop-sandbox.  It has calls of its own that are named as
 * some inside the library: they must not meet.
 */
#include <coop/sandbox.h>

#include <stdio.h>
#include <string.h>

int json_parse(void);
int launch_compile(void);
int buf_add(void);

int json_parse(void)
{
    return 1;
}

int launch_compile(void)
{
    return 2;
}

int buf_add(void)
{
    return 3;
}

int main(void)
{
    const char *const argv[] = {"sh", "-c", "test ! -e /etc/shadow && exit 7", NULL};
    struct coop_sandbox_program program = {.argv = argv, .stdio = COOP_SANDBOX_INHERIT};
    struct coop_sandbox_receipt receipt = {0};
    struct coop_sandbox_run *run = NULL;
    struct coop_sandbox *box = NULL;
    struct coop_err err = {0};

    if (coop_sandbox_new(&box, NULL, &err) < 0 ||
        coop_sandbox_set(box, "PrivateNetwork", "yes", &err) < 0 ||
        coop_sandbox_start(box, &program, &run, &err) < 0 ||
        coop_sandbox_wait(run, COOP_FOREVER, &receipt, &err) < 0)
        puts(err.text);
    else
        puts("a stranger can be in a sandbox");
    coop_sandbox_end(run);
    coop_sandbox_free(box);
    return receipt.exit_code == 7 && json_parse() + launch_compile() + buf_add() == 6 ? 0 : 1;
}
