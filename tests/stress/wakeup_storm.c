/*
 * wakeup_storm.c - ten million times somebody waits and is woken, and nobody is forgotten
 *
 * Few pairs on processors whose number changes, so that workers fall asleep and are called all the
 * time: words to and fro by semaphores and channels, with computing and brackets of random length
 * between, and foreign threads that take part.  Each wait is for one certain wake-up.  Where many
 * take part one that is lost is soon found by who looks for work on behalf of another; so there
 * are mixes of a single pair, too, in which nobody else does.
 *
 * Counted are runs of coroutines, as the runtime counts them: one for each wake-up.
 */
#include "stress/stress.h"

#include <errno.h>
#include <pthread.h>

enum { PAIRS_MOST = 5, LOOK_EVERY = 256 };

static struct mix {
    int inside, foreign; /* pairs of coroutines, and of one with a thread */
    int weight;          /* share of all turns                            */
} mixes[] = {{0, 1, 1}, {1, 0, 99}, {3, 2, 100}};

static _Atomic(bool) over;
static uint64_t turns;

struct pair {
    struct coop_sem there, back;
    struct coop_chan *ch;
    unsigned chance;
    bool spins; /* who asks does not sleep: it comes just when the workers fall asleep */
    bool last;  /* what is there now is no question */
};

static void linger(unsigned *chance, bool till_asleep)
{
    for (unsigned n = draw(chance, till_asleep ? 20000 : 1000); n; n--)
        __asm__ volatile("");
    if (draw(chance, 64) == 0) {
        coop_block_begin();
        coop_block_end();
    }
}

static void govern(unsigned *chance)
{
    struct coop_stats s;

    coop_stats_get(&s);
    if (s.switches >= turns)
        over = true;
    HOLDS(coop_set_procs(1 + (int)draw(chance, 4)) > 0);
}

static int answer(void *arg)
{
    struct pair *p = arg;
    unsigned chance = p->chance + 1;
    int word = 0;

    while (coop_sem_acquire(&p->there, 1, COOP_FOREVER) == 0 && !p->last) {
        linger(&chance, false);
        if (word % LOOK_EVERY == 0)
            govern(&chance);
        coop_sem_release(&p->back, 1);
        HOLDS(coop_recv(p->ch, &word, in_seconds(PATIENCE)) == 1);
    }
    return 0;
}

static int await_back(struct pair *p)
{
    coop_nsec deadline = in_seconds(PATIENCE);
    int r;

    if (!p->spins)
        return coop_sem_acquire(&p->back, 1, deadline);
    do
        r = coop_sem_acquire(&p->back, 1, COOP_NOW);
    while (r == -EAGAIN && coop_now() < deadline);
    return r;
}

static int ask(void *arg)
{
    struct pair *p = arg;
    unsigned chance = p->chance;

    for (int word = 0; !over; word++) {
        linger(&chance, p->spins);
        coop_sem_release(&p->there, 1);
        HOLDS(await_back(p) == 0);
        linger(&chance, p->spins);
        HOLDS(coop_send(p->ch, &word, in_seconds(PATIENCE)) == 0);
    }
    p->last = true;
    coop_sem_release(&p->there, 1);
    return 0;
}

static void *ask_from_outside(void *arg)
{
    ask(arg);
    return NULL;
}

static int storm(void *arg)
{
    static struct pair pair[PAIRS_MOST];
    const struct mix *mix = arg;
    pthread_t thread[PAIRS_MOST];
    struct coop_scope s;

    coop_scope_init(&s, "pairs", 0);
    for (int i = 0; i < mix->inside + mix->foreign; i++) {
        pair[i] = (struct pair){.chance = (unsigned)i * 100, .spins = mix->inside == 0};
        coop_sem_init(&pair[i].there, 0);
        coop_sem_init(&pair[i].back, 0);
        HOLDS((pair[i].ch = coop_chan_new(sizeof(int), i % 2 ? 4 : 0)));
        HOLDS(coop_go(&s, answer, &pair[i]) == 0);
        if (i < mix->inside)
            HOLDS(coop_go(&s, ask, &pair[i]) == 0);
        else
            HOLDS(pthread_create(&thread[i], NULL, ask_from_outside, &pair[i]) == 0);
    }
    HOLDS(coop_scope_wait(&s) == 0);
    coop_block_begin();
    for (int i = mix->inside; i < mix->inside + mix->foreign; i++)
        pthread_join(thread[i], NULL);
    coop_block_end();
    for (int i = 0; i < mix->inside + mix->foreign; i++)
        coop_chan_unref(pair[i].ch);
    return 0;
}

int main(int argc, char **argv)
{
    struct coop_options o = {.name = "wakeup-storm", .procs = 2, .foreign_wakes = true};
    uint64_t times = (uint64_t)times_more(argc, argv);

    for (size_t i = 0; i < sizeof mixes / sizeof mixes[0]; i++) {
        turns = UINT64_C(1000) * times * (uint64_t)mixes[i].weight;
        over = false;
        HOLDS(coop_main(&o, storm, &mixes[i]) == 0);
    }
    return 0;
}
