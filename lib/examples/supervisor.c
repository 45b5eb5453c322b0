/*
 * supervisor.c - keeps one command alive, in an actor of sixty lines
 *
 * An actor at rest is a struct: no stack, no thread.  Its handler gets one message at a time -
 * "start", "the child has ended", "the pause is over" - so nothing here needs a lock.
 *
 *     supervisor TIMES COMMAND [ARGUMENT...]       starts it TIMES times, 100 ms apart
 */
#include <coop/coop.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

enum { START, CHILD_ENDED, PAUSE_OVER };

struct service {
    struct coop_actor actor;
    struct coop_msg start;
    struct coop_child child;
    struct coop_timer pause;
    char **argv;
    int starts_left;
    struct coop_chan *done;
};

static int start(struct service *svc)
{
    struct coop_spawn what = {.argv = svc->argv};

    svc->starts_left--;
    return coop_child_spawn(&svc->child, &what, &svc->actor, CHILD_ENDED);
}

static void finish(struct service *svc, int result)
{
    coop_timer_done(&svc->pause);
    coop_actor_done(&svc->actor);
    coop_send(svc->done, &result, COOP_NOW);
}

static void handle(struct coop_actor *actor, struct coop_msg *msg)
{
    struct service *svc = actor->arg;
    const struct coop_exit *end = &svc->child.exit;

    switch (msg->kind) {
    case START:
    case PAUSE_OVER:
        if (start(svc) != 0)
            finish(svc, 1);
        break;
    case CHILD_ENDED:
        printf("%s %s %d\n", svc->argv[0],
               end->code == CLD_EXITED ? "exited with" : "was killed by signal", end->status);
        if (svc->starts_left == 0)
            finish(svc, 0);
        else
            coop_timer_set(&svc->pause, coop_after(coop_now(), 100 * COOP_NSEC_PER_MSEC));
        break;
    }
}

static int supervise(void *arg)
{
    struct service *svc = arg;
    int result = 1;

    svc->done = coop_chan_new(sizeof(int), 1);
    coop_actor_init(&svc->actor, "service", handle, svc);
    coop_timer_init(&svc->pause, &svc->actor, PAUSE_OVER);
    coop_msg_init(&svc->start, START);
    coop_post(&svc->actor, &svc->start);
    coop_recv(svc->done, &result, COOP_FOREVER);
    coop_chan_unref(svc->done);
    return result;
}

int main(int argc, char **argv)
{
    struct service svc = {.argv = argv + 2,
                          .starts_left = argc > 2 ? (int)strtol(argv[1], NULL, 10) : 0};

    if (svc.starts_left < 1) {
        fputs("usage: supervisor TIMES COMMAND [ARGUMENT...]\n", stderr);
        return 2;
    }
    return coop_main(NULL, supervise, &svc) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
