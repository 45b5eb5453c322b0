/*
 * runq.c - a processor's own queue: the only lock-free queue in the house
 *
 * A ring with two counters that only grow.  The owner alone moves 'tail'; 'head' is moved by
 * compare-and-swap, by the owner when it pops one and by thieves when they take many.  A thief
 * copies first and moves 'head' after: when the swap fails the copies are worth nothing and it
 * tries again.  That works because slots between head and tail are never rewritten: the owner
 * writes at tail, and tail - head <= 256.
 *
 *      head                         tail
 *        |  oldest ......... newest   |
 *        +----------------------------+
 *        ^ owner pops, thieves take   ^ owner pushes
 *
 * Not a Chase-Lev deque: the owner takes the oldest, for fairness, so both ends of that would
 * be the wrong ones. The ring is bounded; the 257th coroutine moves half of the ring to the
 * global queue, in order.
 *
 * ONE PROCESSOR has no thieves: popping is a load and a store then.  The first thief can appear
 * only when there is a second processor, and coop_set_procs() makes that on the first one's
 * worker: no pop of it is under way meanwhile.
 *
 * Source   Go's runq (bounded ring, steal half, runnext); no code taken.
 */
#include "rt/runq.h"

#include "rt/globalq.h"

/* The ring is full: its older half and 'g' go to the global queue. */
void coop__runq_shed_half(struct proc *p, struct coro *g, unsigned head)
{
    struct coro *moved[RING / 2 + 1];
    unsigned n = RING / 2;

    for (unsigned i = 0; i < n; i++)
        moved[i] = atomic_load_explicit(&p->ring[(head + i) % RING], memory_order_relaxed);
    if (!atomic_compare_exchange_strong(&p->head, &head, head + n)) {
        coop__runq_put(p, g, false); /* a thief was faster: there is room now */
        return;
    }
    moved[n++] = g;
    coop__lock(&coop__rt.lock);
    for (unsigned i = 0; i < n; i++)
        coop__globalq_put(moved[i]);
    coop__unlock(&coop__rt.lock);
}

struct coro *coop__runq_steal(struct proc *p, struct proc *victim, bool slot)
{
    unsigned head = atomic_load_explicit(&victim->head, memory_order_acquire);

    for (;;) {
        unsigned n = atomic_load_explicit(&victim->tail, memory_order_acquire) - head;
        unsigned tail = atomic_load_explicit(&p->tail, memory_order_relaxed);
        struct coro *g;

        n -= n / 2;
        if (n == 0) {
            g = slot ? atomic_load(&victim->next) : NULL;
            return g && atomic_compare_exchange_strong(&victim->next, &g, NULL) ? g : NULL;
        }
        if (n > RING / 2) { /* head and tail were read at different times */
            head = atomic_load_explicit(&victim->head, memory_order_acquire);
            continue;
        }
        for (unsigned i = 0; i < n; i++) {
            g = atomic_load_explicit(&victim->ring[(head + i) % RING], memory_order_relaxed);
            atomic_store_explicit(&p->ring[(tail + i) % RING], g, memory_order_relaxed);
        }
        RT_DELAY();
        if (!atomic_compare_exchange_strong(&victim->head, &head, head + n))
            continue;
        /* The oldest runs now; the others keep their order. */
        g = atomic_load_explicit(&p->ring[tail % RING], memory_order_relaxed);
        for (unsigned i = 1; i < n; i++)
            atomic_store_explicit(
                &p->ring[(tail + i - 1) % RING],
                atomic_load_explicit(&p->ring[(tail + i) % RING], memory_order_relaxed),
                memory_order_relaxed);
        atomic_store_explicit(&p->tail, tail + n - 1, memory_order_release);
        return g;
    }
}

bool coop__runq_has_room(struct proc *p)
{
    return atomic_load(&p->tail) - atomic_load(&p->head) + 1 < RING;
}

struct coro *coop__runq_get_nth(struct proc *p, uint64_t k)
{
    struct coro *slot = atomic_exchange(&p->next, NULL);
    unsigned head, n, at;
    struct coro *g;

    if (slot)
        coop__runq_put(p, slot, false);
    head = atomic_load(&p->head);
    n = atomic_load(&p->tail) - head;
    if (n == 0)
        return NULL;
    at = head + (unsigned)(k % n);
    g = atomic_load(&p->ring[at % RING]);
    atomic_store(&p->ring[at % RING], atomic_load(&p->ring[head % RING]));
    atomic_store(&p->head, head + 1);
    return g;
}
