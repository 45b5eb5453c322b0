/* Mailboxes, timers, descriptors that post. */
#include "everything.h"

#include <fcntl.h>
#include <string.h>

#include "base/sys.h"

/* ---- one that is asked to end ---- */

static int end_at_once(void *arg)
{
    return arg != NULL;
}

void desk_open(struct desk *desk, const char *name, coop_handler *handler)
{
    coop_actor_init(&desk->actor, name, handler, NULL);
    coop_msg_init(&desk->last, DESK_LAST);
}

void desk_leave(struct desk *desk)
{
    coop_actor_done(&desk->actor);
    coop_sem_release(&desk->over, 1);
}

void desk_close(struct desk *desk)
{
    coop_post(&desk->actor, &desk->last);
    /* Without a stack an actor waits for one that becomes free: here it is. */
    while (coop_sem_acquire(&desk->over, 1, in_a_moment()) < 0) {
        struct coop_scope scope;

        coop_scope_init(&scope, "spare", 0);
        FINE(coop_go(&scope, end_at_once, NULL), 0, 0);
        coop_scope_wait(&scope);
    }
}

/* ---- messages, timers, a descriptor ---- */

enum { HELLO = DESK_LAST + 1, TICK, ONCE, NEVER, READABLE };

static struct {
    struct desk desk;
    struct coop_timer ticks, once;
    struct coop_fdwatch watch;
    struct coop_msg hello, never;
    int pipe[2], ticked, readable;
    bool recalled;
} office;

static void handle(struct coop_actor *actor, struct coop_msg *msg)
{
    char c;

    switch (msg->kind) {
    case TICK: office.ticked++; break;
    case READABLE:
        coop_fdwatch_take(&office.watch);
        while (sys_read(office.pipe[0], &c, 1) == 1)
            office.readable++;
        break;
    case DESK_LAST:
        coop_timer_done(&office.ticks);
        coop_timer_done(&office.once);
        coop_fdwatch_stop(&office.watch);
        coop_msg_unlink(actor, &office.never);
        desk_leave(&office.desk);
        break;
    default: HOLDS(msg->kind != NEVER || !office.recalled); break;
    }
}

void act(void)
{
    memset(&office, 0, sizeof office);
    desk_open(&office.desk, "office", handle);
    coop_actor_set_urgent(&office.desk.actor);
    coop_msg_init(&office.hello, HELLO);
    coop_msg_init(&office.never, NEVER);
    coop_timer_init(&office.ticks, &office.desk.actor, TICK);
    coop_timer_init(&office.once, &office.desk.actor, ONCE);
    if (FINE(sys_pipe2(office.pipe, O_CLOEXEC | O_NONBLOCK), 0, 0) < 0)
        office.pipe[0] = office.pipe[1] = -1;
    else
        FINE(coop_fdwatch_start(&office.watch, office.pipe[0], COOP_IN, &office.desk.actor,
                                READABLE),
             0, 0);
    coop_post(&office.desk.actor, &office.hello);
    coop_post(&office.desk.actor, &office.never);
    office.recalled = coop_recall(&office.never);
    coop_timer_set_periodic(&office.ticks, in_a_moment(), world->moment);
    coop_timer_set(&office.once, in_a_moment());
    coop_timer_stop(&office.once);
    if (office.pipe[1] >= 0)
        FINE(coop_write(office.pipe[1], "x", 1, in_patience()), 0, 0);
    coop_sleep_until(coop_after(coop_now(), 3 * world->moment));
    desk_close(&office.desk);
    close_it(office.pipe[0]);
    close_it(office.pipe[1]);
}
