/*
 * run_untrusted.c - a judge in fifty lines: programs that nobody trusts, each in a box
 *
 *     cc run_untrusted.c $(pkg-config --cflags --libs libcoop-sandbox)
 *
 * Four threads run one program each at the same time: one that answers, one that never ends, one
 * that wants the network and one that is not there.  Each gets the same box: no network, a second
 * of time, 64 KiB of output.
 */
#include <coop/sandbox.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

struct entry {
    const char *const *argv;
    struct coop_sandbox *box;
    char verdict[512];
    bool failed; /* ours is the fault, not the program's */
};

static void *judge(void *arg)
{
    struct entry *entry = arg;
    struct coop_sandbox_program program = {.argv = entry->argv, .stdio = {-1, 1, -1}};
    struct coop_sandbox_receipt receipt;
    struct coop_sandbox_run *run = NULL;
    struct coop_err err = {0};

    if (coop_sandbox_start(entry->box, &program, &run, &err) < 0 ||
        coop_sandbox_wait(run, COOP_FOREVER, &receipt, &err) < 0) {
        snprintf(entry->verdict, sizeof entry->verdict, "not run (%s)", err.text);
        entry->failed = err.code != COOP_E_CHILD || err.sys != ENOENT;
    } else {
        snprintf(entry->verdict, sizeof entry->verdict, "%s, code %d%s", receipt.result,
                 receipt.exit_code, receipt.killed ? ", killed" : "");
    }
    coop_sandbox_end(run);
    return NULL;
}

int main(void)
{
    static const char *const answers[] = {"true", NULL};
    static const char *const hangs[] = {"sleep", "1000", NULL};
    static const char *const calls[] = {"bash", "-c", "exec 3<>/dev/tcp/192.0.2.1/80", NULL};
    static const char *const is_not[] = {"/no/such/program", NULL};
    const char *const *const programs[] = {answers, hangs, calls, is_not};
    struct coop_sandbox *box = NULL;
    struct entry entries[4];
    pthread_t threads[4];
    struct coop_err err = {0};
    int code = 0;

    if (coop_sandbox_new(&box, "default", &err) < 0 ||
        coop_sandbox_set(box, "WallTime", "1s", &err) < 0 ||
        coop_sandbox_set(box, "OutputMax", "64K", &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    for (int i = 0; i < 4; i++) {
        entries[i] = (struct entry){.argv = programs[i], .box = box};
        if (pthread_create(&threads[i], NULL, judge, &entries[i]) != 0)
            return 1;
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        printf("%s: %s\n", programs[i][0], entries[i].verdict);
        if (entries[i].failed)
            code = 1;
    }
    coop_sandbox_free(box);
    return code;
}
